"""A person's own table on the command line: what is trained, measured and predicted, by the names in a file."""

import csv
import gzip
import io
import json
import re
import shlex

import numpy as np
import pytest
from sklearn.datasets import load_iris
from typer.testing import CliRunner

import lucidnet as ln
from lucidnet.cli.app import app
from lucidnet.cli.data import open_task
from lucidnet.cli.train import Method, Network, Way
from lucidnet.errors import LucidnetError
from lucidnet.initializers import Fitting

WIDE = {"COLUMNS": "200", "TERM": "dumb"}
COLUMNS = ["sepal length", "sepal width", "petal length", "petal width", "species"]


def run(*arguments, code=0, given=None):
    """Run in this process; return what was printed, or the text of an error of ours."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], env=WIDE, input=given)
    if isinstance(result.exception, LucidnetError):
        assert code == 2, result.exception
        return str(result.exception)
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.output


def figures(*arguments):
    """Return the figures that a command prints as JSON; its warnings go to the error output."""
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], env=WIDE)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return json.loads(result.stdout)


def write(path, names, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    return path


@pytest.fixture(scope="module")
def iris():
    """The rows of scikit-learn's irises, with the names of the species."""
    given = load_iris()
    return [[*row, given.target_names[kind]] for row, kind in zip(given.data, given.target, strict=True)]


@pytest.fixture(scope="module")
def place(tmp_path_factory, iris):
    folder = tmp_path_factory.mktemp("tables")
    write(folder / "iris.csv", COLUMNS, iris)
    words = ["--standardize", "--epochs", 30, "--quiet", "--hidden", 16, "--lr", 0.01]
    run("train", folder / "iris.csv", *words, "--save", folder / "iris.safetensors")
    return folder


# --- how long ------------------------------------------------------------------------------------------


def noise(folder):
    """Write a table of which nothing can be learned but its rows, by heart."""
    rng = np.random.default_rng(0)
    rows = [[*rng.normal(size=6).round(3), rng.choice(["a", "b"])] for _ in range(60)]
    return write(folder / "noise.csv", [*"uvwxyz", "kind"], rows)


def test_a_training_ends_by_itself_with_the_weights_of_the_lowest_validation_loss(tmp_path):
    path = noise(tmp_path)
    words = ["train", path, "--hidden", 8, "--lr", 0.1]
    found = figures(*words, "--save", tmp_path / "m.safetensors")
    losses = found["history"]["val_loss"]
    best = int(np.argmin(losses)) + 1
    assert found["epochs"] == len(losses) == best + 300 < 3000  # a tenth of 3,000 steps
    exact = figures(*words, "--epochs", best, "--save", tmp_path / "exact.safetensors")
    assert exact["epochs"] == best
    assert exact["test"] == found["test"]
    weights = (ln.load(tmp_path / f"{name}.safetensors").get_weights() for name in ("m", "exact"))
    np.testing.assert_array_equal(*weights)

    said = run(*words, "--quiet")
    assert f"validation loss was lowest in epoch {best} (" in said and "its weights are kept" in said


@pytest.mark.parametrize(
    ("validation", "cycle", "epochs"), [(0.0, None, None), (0.1, 0.01, None), (0.1, None, 7)]
)
def test_it_does_not_where_no_loss_could_end_it_or_its_length_is_given(validation, cycle, epochs):
    method = Method("adam", None, None, epochs, 64, validation, 0, Way(one_cycle=cycle))
    assert method.lasting(800).way.patience is None


def test_the_network_for_a_table_begins_without_preference(tmp_path):
    rng = np.random.default_rng(0)
    rows = [[*rng.normal(size=6).round(3), rng.choice(list("abc"))] for _ in range(200)]
    task = open_task(str(write(tmp_path / "noise.csv", [*"uvwxyz", "kind"], rows)))
    model = ln.Model(Network("128,64", "relu").layers(task), seed=0)
    assert np.abs(model.predict(task.x) - 1 / 3).max() < 0.15
    others = {name: Network("128,64", "relu", 0.0, name).layers(task)[-1] for name in (None, "he_normal")}
    assert (
        others["he_normal"].initializer
        == Fitting()
        == Network("9", "relu").layers(open_task("xor"))[-1].initializer
    )
    assert others[None].initializer != Fitting()


# --- a few rows, which do not tell how they are written ---------------------------------------------------


def test_a_row_of_texts_is_no_header_to_a_model_of_a_file_without_one(tmp_path):
    rng = np.random.default_rng(0)
    rows = [[*rng.choice(["x", "s", "y"], 3), rng.choice(["e", "p"])] for _ in range(60)]
    path = tmp_path / "mushrooms.data"
    path.write_text("".join(f"{','.join(row)}\n" for row in rows))
    model = tmp_path / "m.safetensors"
    words = ["--categories", "one-hot", "--epochs", 1, "--hidden", 2]
    run("train", path, *words, "--save", model, "--quiet")
    every = run("predict", model, path, "--out", "-").splitlines()
    for row, line in zip(rows[:5], every[1:], strict=False):
        made = run("predict", model, "-", given=",".join(row[:3]) + "\n").splitlines()
        assert made[1] == line.partition(",")[2]
        assert run("predict", model, "-", given=",".join(row) + "\n").splitlines()[1] == line
    said = run("predict", model, "-", given="cap,stalk,gill\nx,s,y\n", code=2)
    assert "lacks the columns '0', '1', '2' and has the unknown columns 'cap'" in said


def test_decimal_commas_are_those_of_the_training(tmp_path):
    rng = np.random.default_rng(0)
    rows = [[rng.random() + 1, rng.random(), "ab"[i % 2]] for i in range(40)]
    path, model = tmp_path / "de.csv", tmp_path / "m.safetensors"
    path.write_text("u;v;y\n" + "".join(f"{u:.3f};{v:.3f};{y}\n" for u, v, y in rows).replace(".", ","))
    run("train", path, "--epochs", 1, "--hidden", 2, "--save", model, "--quiet")
    point = run("predict", model, "-", given="u,v\n1.234,2.345\n")
    assert run("predict", model, "-", given="u;v\n1,234;2,345\n") == point


# --- measured by name -----------------------------------------------------------------------------------


def literally(model, rows, chosen):
    """What scikit-learn finds in the predictions for inputs standardized here by the rows that were trained on."""
    from sklearn.metrics import accuracy_score, log_loss

    x = np.array([row[:4] for row in rows], float)
    kinds = np.array([row[4] for row in rows])
    train, _ = ln.data.sets.stratified(np.unique(kinds, return_inverse=True)[1], 0.2, 0)
    made = (x - x[train].mean(0)) / x[train].std(0)
    names = np.array(sorted(set(kinds)))
    outputs = ln.load(model).predict(made[chosen].astype(np.float32))
    accuracy = accuracy_score(kinds[chosen], names[outputs.argmax(1)])
    return {"loss": log_loss(kinds[chosen], outputs, labels=names), "accuracy": accuracy}


def test_a_file_with_two_of_three_classes_is_measured_by_their_names(place, iris, tmp_path):
    two = write(tmp_path / "two.csv", COLUMNS, [row for row in iris if row[4] != "setosa"])
    found = figures("evaluate", place / "iris.safetensors", two)
    assert found["part"] == "whole" and found["rows"] == 100
    expected = literally(place / "iris.safetensors", iris, np.arange(50, 150))
    assert found["whole"] == pytest.approx(expected, abs=1e-5)
    assert expected["accuracy"] > 0.8


def test_columns_are_found_by_name(place, iris, tmp_path):
    order = [4, 2, 0, 3, 1]
    other = write(
        tmp_path / "other.csv", [COLUMNS[i] for i in order], [[row[i] for i in order] for row in iris]
    )
    model = place / "iris.safetensors"
    whole = figures("evaluate", model, place / "iris.csv")["whole"]
    assert figures("evaluate", model, other)["whole"] == pytest.approx(whole, abs=1e-6)
    assert whole == pytest.approx(literally(model, iris, np.arange(150)), abs=1e-5)


def test_the_means_are_those_of_the_rows_for_training(place, iris):
    x = np.array([row[:4] for row in iris], float)
    y = np.repeat([0, 1, 2], 50)
    train, _ = ln.data.sets.stratified(y, 0.2, 0)
    table = ln.load(place / "iris.safetensors").table
    np.testing.assert_allclose([one.mean for one in table.columns], x[train].mean(0), rtol=1e-6)
    np.testing.assert_allclose([one.deviation for one in table.columns], x[train].std(0), rtol=1e-6)


def test_which_part_is_measured(place, iris):
    model, file = place / "iris.safetensors", place / "iris.csv"
    y = np.repeat([0, 1, 2], 50)
    train, test = ln.data.sets.stratified(y, 0.2, 0)
    for words, part, rows in (
        ([], "test", test), (["--part", "train"], "train", train), ([file], "whole", np.arange(150)),
        ([file, "--part", "test"], "test", test), (["--part", "whole"], "whole", np.arange(150)),
    ):  # fmt: skip
        found = figures("evaluate", model, *words)
        assert (found["part"], found["rows"]) == (part, len(rows))
        assert found[part] == pytest.approx(literally(model, iris, rows), abs=1e-5)
    assert "--part test measures it on the others" in run("evaluate", model, file)


def test_one_row_is_enough(place, iris, tmp_path):
    one = write(tmp_path / "one.csv", COLUMNS, iris[:1])
    assert "1 row of " in run("evaluate", place / "iris.safetensors", one)
    assert "setosa" in run("predict", place / "iris.safetensors", one)
    assert figures("evaluate", place / "iris.safetensors", one)["whole"]["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("names", "change", "said"),
    [
        (
            COLUMNS,
            lambda row: [*row[:4], row[4].replace("versicolor", "tulip")],
            ("row 52", "'tulip'", "species"),
        ),
        (
            [*COLUMNS[:3], "petal size", "species"],
            list,
            ("lacks the column 'petal width'", "unknown column 'petal size'"),
        ),
        ([*COLUMNS, "colour"], lambda row: [*row, 1], ("unknown column 'colour'",)),
        ([*COLUMNS[:3], "species"], lambda row: [*row[:3], row[4]], ("lacks the column 'petal width'",)),
        (COLUMNS, lambda row: ["", *row[1:]], ("row 2", "column sepal length", "missing")),
        (COLUMNS, lambda row: ["long", *row[1:]], ("row 2", "column sepal length", "'long'")),
    ],
)
def test_another_file_is_an_error_that_names_what_is_wrong(place, iris, tmp_path, names, change, said):
    other = write(tmp_path / "other.csv", names, [change(row) for row in iris])
    for command in ("evaluate", "predict", "check", "doctor", "explain", "lr-find"):
        text = run(command, place / "iris.safetensors", other, code=2)
        assert all(words in text for words in said), (command, text)


def test_a_file_without_targets_cannot_be_measured(place, iris, tmp_path):
    other = write(tmp_path / "no.csv", COLUMNS[:4], [row[:4] for row in iris])
    text = run("evaluate", place / "iris.safetensors", other, code=2)
    assert "has no targets to compare with; lucidnet predict does without" in text


# --- predictions ----------------------------------------------------------------------------------------


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_rows_without_a_target(place, iris, tmp_path):
    model = place / "iris.safetensors"
    bare = write(tmp_path / "bare.csv", COLUMNS[:4], [row[:4] for row in iris])
    text = run("predict", model, bare, "--out", tmp_path / "p.csv", "--rows", 2)
    assert "150 predictions written" in text
    assert re.search(r"^0 +setosa +0\.\d{4} +0\.\d{4} +0\.\d{4} +0\.\d{4}$", text, re.M)
    rows = rows_of((tmp_path / "p.csv").read_text())
    loaded = ln.load(model)
    outputs = loaded.predict(loaded.table.apply(ln.data.frame(bare))[0])
    names = ("setosa", "versicolor", "virginica")
    assert [row["predicted"] for row in rows] == [names[k] for k in outputs.argmax(1)]
    for k, name in enumerate(names):
        written = [float(row[f"probability_{name}"]) for row in rows]
        np.testing.assert_allclose(written, outputs[:, k], rtol=1e-5)
    np.testing.assert_allclose([float(row["probability"]) for row in rows], outputs.max(1), rtol=1e-5)
    assert "target" not in rows[0]


def test_standard_input_is_answered_in_csv(place, iris, tmp_path):
    model = place / "iris.safetensors"
    bare = write(tmp_path / "bare.csv", COLUMNS[:4], [row[:4] for row in iris])
    run("predict", model, bare, "--out", tmp_path / "p.csv")
    answered = run("predict", model, "-", given=bare.read_text())
    assert answered == (tmp_path / "p.csv").read_text() == run("predict", model, bare, "--out", "-")
    assert len(rows_of(run("predict", model, "-", "--rows", 3, given=bare.read_text()))) == 3
    whole = (place / "iris.csv").read_text()
    assert rows_of(run("predict", model, "-", given=whole))[0]["target"] == "setosa"
    assert "150 rows of standard input" in run("evaluate", model, "-", given=whole)
    assert run("predict", model, "-", given=gzip.compress(bare.read_bytes())) == answered
    error = run("predict", model, "-", code=2, given="sepal length\n1\n2\n3\n")
    assert error.startswith("standard input: ") and "lacks the columns" in error


def test_empty_targets_are_to_be_predicted(place, iris, tmp_path):
    some = write(tmp_path / "some.csv", COLUMNS, [[*row[:4], ""] for row in iris[:3]])
    text = run("predict", place / "iris.safetensors", some)
    assert "target" not in text and text.count("setosa") == 4
    half = write(tmp_path / "half.csv", COLUMNS, [iris[0], [*iris[1][:4], ""]])
    assert "target" not in run("predict", place / "iris.safetensors", half)
    assert "the target is missing" in run("evaluate", place / "iris.safetensors", half, code=2)


def test_rows_that_are_left_out_keep_their_place(iris, tmp_path):
    gaps = [["", *row[1:]] if i % 10 == 0 else row for i, row in enumerate(iris)]
    file = write(tmp_path / "gaps.csv", COLUMNS, gaps)
    assert "--missing drop" in run("train", file, code=2)
    saved = tmp_path / "m.safetensors"
    text = run("train", file, "--missing", "drop", "--epochs", 2, "--save", saved)
    assert "108 training and 27 test examples" in text
    assert "135 of 150 rows of" in run("evaluate", saved, file)
    bare = write(tmp_path / "bare.csv", COLUMNS[:4], [row[:4] for row in gaps])
    for given in (file, bare):
        text = run("predict", saved, given, "--out", tmp_path / "p.csv")
        assert "15 rows with missing cells have no prediction" in text
        rows = rows_of((tmp_path / "p.csv").read_text())
        assert [i for i, row in enumerate(rows) if not row["predicted"]] == list(range(0, 150, 10))
    none = write(tmp_path / "none.csv", COLUMNS, [gaps[0], gaps[10]])
    for command in ("evaluate", "predict"):
        assert "cells are missing in all 2 rows" in run(command, saved, none, code=2)
    run("train", file, "--missing", "mean", "--epochs", 2, "--save", saved)
    there = [row[0] for row in gaps if row[0] != ""]
    kinds = np.repeat([0, 1, 2], 50)
    train, _ = ln.data.sets.stratified(kinds, 0.2, 0)
    fill = ln.load(saved).table.columns[0].fill
    assert fill == pytest.approx(np.mean([gaps[i][0] for i in train if gaps[i][0] != ""]))
    assert fill != pytest.approx(np.mean(there), abs=1e-9)
    assert "150 rows of" in run("evaluate", saved, file)


@pytest.mark.parametrize("target", [0, 2, 4])
def test_files_without_a_header_line(iris, tmp_path, target):
    """Columns are called by their numbers; what stands behind the target moves where there is none."""
    bare = [list(map(str, row[:4])) for row in iris]
    rows = [[*row[:target], kind[4], *row[target:]] for row, kind in zip(bare, iris, strict=True)]
    for name, some in (("all", rows), ("bare", bare), ("one", bare[:1])):
        (tmp_path / f"{name}.csv").write_text("".join(",".join(row) + "\n" for row in some))
    saved = tmp_path / "m.safetensors"
    words = ["--target", target, "--standardize", "--epochs", 3, "--hidden", 8, "--save", saved]
    assert "3 classes (setosa, versicolor, virginica)" in run("train", tmp_path / "all.csv", *words)
    whole = rows_of(run("predict", saved, tmp_path / "all.csv", "--out", "-"))
    alone = rows_of(run("predict", saved, tmp_path / "bare.csv", "--out", "-"))
    one = rows_of(run("predict", saved, tmp_path / "one.csv", "--out", "-"))
    assert [row["predicted"] for row in alone] == [row["predicted"] for row in whole]
    assert one[0]["probability_setosa"] == pytest.approx(alone[0]["probability_setosa"])
    assert [row["target"] for row in whole] == [row[4] for row in iris]


def test_a_model_that_was_trained_on_a_frame(iris, tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([row[:4] for row in iris], columns=COLUMNS[:4])
    model = ln.Model([ln.layers.Input(4), ln.layers.Dense(3, "softmax")])
    model.compile("categorical_crossentropy", "adam", ["accuracy"])
    model.fit(frame, pandas.Series([row[4] for row in iris]), epochs=5, verbose=0)
    model.save(tmp_path / "m.safetensors")
    order = [4, 2, 0, 3, 1]
    other = write(
        tmp_path / "other.csv", [COLUMNS[i] for i in order], [[row[i] for i in order] for row in iris]
    )
    found = figures("evaluate", tmp_path / "m.safetensors", other)["whole"]
    expected = model.evaluate(frame, [row[4] for row in iris])
    assert found == pytest.approx(dict(expected), rel=1e-5)
    text = run("predict", tmp_path / "m.safetensors", other, "--rows", 1)
    assert text.split("\n")[1].split()[2] == model.predict_classes(frame)[0]


def test_one_output_for_two_classes(tmp_path, iris):
    rows = [row for row in iris if row[4] != "setosa"]
    x, y = np.array([row[:4] for row in rows], float), np.array([row[4] for row in rows])
    model = ln.Model([ln.layers.Input(4), ln.layers.Dense(1, "sigmoid")])
    model.compile("binary_crossentropy", "adam", ["accuracy"])
    model.fit(x, y, epochs=3, verbose=0)
    model.save(tmp_path / "m.safetensors")
    file = write(tmp_path / "two.csv", COLUMNS, rows)
    run("predict", tmp_path / "m.safetensors", file, "--out", tmp_path / "p.csv")
    found = rows_of((tmp_path / "p.csv").read_text())
    outputs = model.predict(x)[:, 0]
    assert [row["predicted"] for row in found] == model.predict_classes(x).tolist()
    np.testing.assert_allclose([float(row["probability_virginica"]) for row in found], outputs, rtol=1e-5)
    assert [row["target"] for row in found] == y.tolist()
    three = write(tmp_path / "three.csv", COLUMNS, iris)
    assert "the class 'setosa'" in run("predict", tmp_path / "m.safetensors", three, code=2)


def test_a_model_of_arrays_meets_a_table(tmp_path, iris):
    """Labels that are numbers stand for themselves; names it never saw are an error."""
    x, y = np.array([row[:4] for row in iris], float), np.repeat([0, 1, 2], 50)
    model = ln.Model([ln.layers.Input(4), ln.layers.Dense(3, "softmax")])
    model.compile("categorical_crossentropy", "adam", ["accuracy"])
    model.fit(x, y, epochs=3, verbose=0)
    model.save(tmp_path / "m.safetensors")
    last = write(tmp_path / "last.csv", COLUMNS, [[*row, k] for row, k in zip(x[50:], y[50:], strict=True)])
    found = figures("evaluate", tmp_path / "m.safetensors", last)["whole"]
    assert found == pytest.approx(dict(model.evaluate(x[50:], y[50:])), rel=1e-5)
    bare = write(tmp_path / "bare.csv", COLUMNS[:4], x)
    assert figures("predict", tmp_path / "m.safetensors", bare)["rows"] == 150
    named = write(tmp_path / "named.csv", COLUMNS, iris)
    assert "the class 'setosa'" in run("evaluate", tmp_path / "m.safetensors", named, code=2)
    few = write(tmp_path / "few.csv", COLUMNS[:3], [row[:3] for row in iris])
    assert "expected 4 columns" in run("predict", tmp_path / "m.safetensors", few, code=2)


def test_labels_in_arrays_are_numbered_as_the_model_numbers_them(tmp_path, iris):
    x, y = np.array([row[:4] for row in iris]), np.repeat([1, 2, 3], 50)
    np.savez(tmp_path / "all.npz", x=x, y=y)
    np.savez(tmp_path / "two.npz", x=x[50:], y=y[50:])
    np.savez(tmp_path / "other.npz", x=x, y=y + 5)
    saved = tmp_path / "m.safetensors"
    assert "3 classes" in run("train", tmp_path / "all.npz", "--epochs", 30, "--save", saved)
    model = ln.load(saved)
    assert model.classes == ("1", "2", "3")
    expected = (model.predict(x[50:]).argmax(1) + 1 == y[50:]).mean()
    found = figures("evaluate", saved, tmp_path / "two.npz")
    assert found["whole"]["accuracy"] == pytest.approx(expected, abs=1e-6)
    assert expected > 0.5
    np.savez(tmp_path / "one.npz", x=x[50:51], y=y[50:51])
    assert "1 row of" in run("evaluate", saved, tmp_path / "one.npz")
    assert "the class '6' is unknown" in run("evaluate", saved, tmp_path / "other.npz", code=2)
    assert figures("predict", saved, tmp_path / "two.npz", "--rows", 1)["targets"] == ["2"]


def test_a_table_for_a_model_of_other_inputs(tmp_path, iris):
    file, saved = (
        write(tmp_path / "t.csv", COLUMNS[:4], [row[:4] for row in iris]),
        tmp_path / "m.safetensors",
    )
    layers = ln.layers
    model = ln.Model([layers.Input((None, 4)), layers.LSTM(2), layers.Dense(1)])
    model.compile("mse", "sgd")
    model.save(saved)
    assert "has rows of numbers, and the model takes inputs of (None, 4)" in run(
        "predict", saved, file, code=2
    )


def test_a_column_that_is_constant(tmp_path):
    """Rounding does not become a deviation that others are divided by."""
    rows = [[0.1 + 0.2, a, 2 * a] for a in np.random.default_rng(0).normal(size=50)]
    file, saved = write(tmp_path / "t.csv", ["flat", "a", "y"], rows), tmp_path / "m.safetensors"
    run("train", file, "--standardize", "--epochs", 1, "--hidden", 2, "--save", saved)
    assert ln.load(saved).table.columns[0].deviation == 1


# --- what is learned ------------------------------------------------------------------------------------


def numbers(path, y, task=None):
    x = np.random.default_rng(0).normal(size=(len(y), 2)).round(3)
    return write(path, ["a", "b", "y"], [[*row, value] for row, value in zip(x, y, strict=True)])


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (np.random.default_rng(0).permutation(347), "regression: 347 different whole numbers"),
        (np.random.default_rng(1).integers(10, 500_000, 200), "different whole numbers"),
        (np.random.default_rng(1).integers(0, 10**12, 200), "different whole numbers"),
        (np.random.default_rng(1).normal(size=50), "regression: 50 different numbers"),
        (np.arange(60) % 3 + 1, "classification: 3 classes (1, 2, 3)"),
        (np.arange(60) % 2 * 2 - 1, "classification: 2 classes (-1, 1)"),
        (np.where(np.arange(60) % 2, "yes", "no"), "classification: 2 classes (no, yes)"),
    ],
)
def test_the_title_says_what_is_learned(tmp_path, y, said):
    text = run("train", numbers(tmp_path / "t.csv", y), "--epochs", 1, "--hidden", 2)
    assert said in text.splitlines()[0]


def test_it_is_said_in_any_case(tmp_path):
    file = numbers(tmp_path / "t.csv", np.arange(347))
    said = "target y, regression: 347 different whole numbers"
    words = ["train", file, "--epochs", 1, "--hidden", 2]
    assert said in run(*words, "--quiet")
    assert figures(*words)["task"] == said
    assert "y has large numbers: --standardize" in run(*words)
    assert "large numbers" not in run(*words, "--standardize")


@pytest.mark.parametrize(
    ("rows", "words", "said"),
    [
        (2, [], "2 rows are too few to train on"),
        (4, [], "--validation 0.1: of 3 examples none would be left to train on, or to validate on"),
        (4, ["--validation", 0.9], "--validation 0.9: of 3 examples none"),
        (4, ["--validation", 0], ""),
    ],
)
def test_few_rows(tmp_path, rows, words, said):
    file = numbers(tmp_path / "t.csv", np.arange(rows) / 3)
    text = run("train", file, "--epochs", 1, *words, code=2 if said else 0)
    assert said in text


def test_it_is_said_of_arrays(tmp_path):
    x = np.random.default_rng(0).normal(size=(120, 2))
    for name, y in (
        ("a", np.arange(120) % 40 * 7),
        ("b", np.arange(120) % 3 + 1),
        ("c", np.eye(3)[np.arange(120) % 3]),
    ):
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
    words = ["--epochs", 1, "--hidden", 2, "--quiet"]
    assert "regression: 40 different whole numbers" in run("train", tmp_path / "a.npz", *words)
    assert "40 classes" in run("train", tmp_path / "a.npz", "--task", "classification", *words)
    assert "3 classes" in run("train", tmp_path / "b.npz", *words)
    assert "regression: 3 different" in run("train", tmp_path / "b.npz", "--task", "regression", *words)
    assert "3 classes" in run("train", tmp_path / "c.npz", *words)


def test_what_is_learned_can_be_said(tmp_path):
    file = numbers(tmp_path / "t.csv", np.arange(60) % 3 + 1)
    words = ["--epochs", 1, "--hidden", 2]
    assert "regression: 3 different" in run("train", file, *words, "--task", "regression")
    file = numbers(tmp_path / "t.csv", np.arange(100) % 40 * 7)
    assert "regression: 40 different" in run("train", file, *words)
    text = run("train", file, *words, "--task", "classification")
    assert "classification: 40 classes" in text and "Dense(40, Softmax()" in text


def test_more_than_a_thousand_outputs_need_a_word(tmp_path):
    file = numbers(tmp_path / "t.csv", [f"w{i % 1200}" for i in range(6000)])
    assert "1,200 classes" in (said := run("train", file, code=2)) and "--task" in said
    text = run("train", file, "--task", "classification", "--epochs", 1, "--hidden", 2, "--validation", 0)
    assert "1200 classes" in text


def test_the_error_is_told_in_the_unit_of_the_target(tmp_path):
    x = np.random.default_rng(0).normal(size=(200, 2))
    y = 200_000 + 50_000 * x[:, 0] - 20_000 * x[:, 1]
    rows = [[*row, value] for row, value in zip(x, y, strict=True)]
    file, saved = write(tmp_path / "prices.csv", ["a", "b", "price"], rows), tmp_path / "m.safetensors"
    words = ["--standardize", "--hidden", "8", "--epochs", 100, "--lr", 0.01, "--save", saved]
    text = run("train", file, *words)
    assert "mae is in units of price" in text
    run("predict", saved, file, "--out", tmp_path / "p.csv")
    found = rows_of((tmp_path / "p.csv").read_text())
    predicted, target = (np.array([float(row[name]) for row in found]) for name in ("predicted", "target"))
    np.testing.assert_allclose(target, y, rtol=1e-5)
    from sklearn.metrics import mean_absolute_error, r2_score

    whole = figures("evaluate", saved, file)["whole"]
    assert whole["mae"] == pytest.approx(mean_absolute_error(y, predicted), rel=1e-3)
    assert whole["r2"] == pytest.approx(r2_score(y, predicted), rel=1e-3)
    assert whole["r2"] > 0.95


def test_columns_to_drop_and_categories(tmp_path, iris):
    rows = [[i, f"p{i}", row[4] == "setosa", *row[:2], row[4]] for i, row in enumerate(iris)]
    file = write(tmp_path / "t.csv", ["id", "name, full", "first", "a", "b", "kind"], rows)
    saved = tmp_path / "m.safetensors"
    assert "--drop" in run("train", file, code=2)
    words = ["--epochs", 1, "--hidden", 2, "--save", saved, "--target", "first"]
    run("train", file, "--drop", 'id,"name, full"', "--categories", "one-hot", *words)
    table = ln.load(saved).table
    assert table.inputs == ("a", "b", "kind=setosa", "kind=versicolor", "kind=virginica")
    assert table.target == "first" and table.classes == ("False", "True")
    assert "150 rows of" in run("evaluate", saved, file)
    run("train", file, "--drop", "0,1", "--categories", "one-hot", "--target", 2, *words[:-2])
    assert ln.load(saved).table.inputs == table.inputs
    assert "unknown column" in run("train", file, "--target", "kindd", code=2)
    assert "there is no column 9" in run("train", file, "--target", 9, code=2)
    rows[3][5] = "tulip"
    other = write(tmp_path / "o.csv", ["id", "name, full", "first", "a", "b", "kind"], rows)
    said = run("predict", saved, other, code=2)
    assert "row 5, column kind: the category 'tulip' is unknown" in said


def test_what_has_no_effect_on_a_table_is_said(tmp_path):
    file = numbers(tmp_path / "t.csv", np.arange(60) % 3)
    text = run("train", file, "--categories", "one-hot", "--dates", "days", "--epochs", 1, "--hidden", 2)
    assert "--categories has no effect: no column holds texts" in text
    assert "--dates has no effect: no column holds dates" in text
    words = write(
        tmp_path / "w.csv", ["a", "y"], [["pq"[i % 2], "no" if i % 3 else "yes"] for i in range(40)]
    )
    text = run("train", words, "--categories", "one-hot", "--standardize", "--epochs", 1, "--hidden", 2)
    assert "--standardize has no effect: no column holds numbers" in text
    assert "--drop: expected columns with commas" in run("train", file, "--drop", ",", code=2)


def test_a_file_that_has_changed_has_no_known_test_part(iris, tmp_path):
    file, saved = write(tmp_path / "t.csv", COLUMNS, iris), tmp_path / "m.safetensors"
    run("train", file, "--epochs", 1, "--hidden", 2, "--save", saved)
    run("evaluate", saved)
    write(file, COLUMNS, iris[1:])
    for command in ("evaluate", "predict"):
        assert "has 149 rows now, and had 150" in run(command, saved, code=2)
        run(command, saved, "--part", "whole")
    file.unlink()
    assert "no such file" in run("evaluate", saved, code=2)


def test_resume_with_a_table(place, tmp_path):
    file, folder = place / "iris.csv", tmp_path / "run"
    words = ["--hidden", 8, "--quiet", "--standardize"]
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    run("train", file, *words, "--epochs", 6, "--save", whole)
    run("train", file, *words, "--epochs", 2, "--resume", folder)
    run("train", file, *words, "--epochs", 6, "--resume", folder, "--save", parts)
    first, second = ln.load(whole), ln.load(parts)
    np.testing.assert_array_equal(first.get_weights(), second.get_weights())
    assert first.table == second.table
    text = run("train", file, "--hidden", 8, "--epochs", 8, "--resume", folder, code=2)
    assert "table" in text or "data" in text


# --- pictures, races, and the rest ----------------------------------------------------------------------


def test_pictures_show_the_names_of_the_classes(place, tmp_path):
    model = place / "iris.safetensors"
    for words in (
        ["evaluate", model, "--plot", tmp_path / "a.svg"],
        ["plot", model, tmp_path / "b.svg", "--what", "confusion"],
        ["plot", model, tmp_path / "c.svg", "--what", "mistakes", "--data", place / "iris.csv"],
    ):
        run(*words)
    assert all("versicolor" in (tmp_path / f"{name}.svg").read_text() for name in "abc")


def test_other_commands_know_the_table(place):
    model = place / "iris.safetensors"
    assert "Nothing suspicious" in run("doctor", model)
    assert "1 of 1 passed" in run("check", model)
    assert "steps from" in run("lr-find", model, "--steps", 20)
    words = ["--standardize", "--hidden", "2"]
    assert "Forward" in run("explain", place / "iris.csv", *words)
    assert "steps from" in run("lr-find", place / "iris.csv", *words, "--steps", 20)
    run("doctor", place / "iris.csv", "--standardize", "--hidden", 16)
    text = run("race", place / "iris.csv", *words, "--rules", "fa", "--seeds", 1, "--epochs", 1)
    assert "classification: 3 classes (setosa, versicolor, virginica)" in text.splitlines()[0]
    info = figures("info", model)
    assert info["classes"] == ["setosa", "versicolor", "virginica"]
    assert [column["name"] for column in info["table"]["columns"]] == COLUMNS[:4]
    assert "classes      setosa, versicolor, virginica" in run("info", model)


# --- options without effect -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "digits", "--target", "a"], "--target is for a file with a table: digits has its own"),
        (["train", "digits", "--standardize"], "--standardize is for a file with a table"),
        (["train", "xor", "--task", "regression"], "--task is for a file with a table"),
        (["race", "digits", "--drop", "a"], "--drop is for a file with a table"),
        (["doctor", "digits", "--missing", "drop"], "--missing is for a file with a table"),
        (["explain", "xor", "--categories", "one-hot"], "--categories is for a file with a table"),
        (["lr-find", "digits", "--dates", "days"], "--dates is for a file with a table"),
        (["look", "NPZ", "--target", "y"], "--target has no effect"),
        (["train", "NPZ", "--standardize"], "--standardize is for a file with a table"),
        (["train", "digits", "--optimizer", "lbfgs", "--batch-size", 9], "--batch-size has no effect: lbfgs"),
        (["race", "digits", "--optimizer", "lbfgs", "--batch-size", 9], "--batch-size has no effect"),
        (["race", "digits", "--rules", "lbfgs", "--batch-size", 9], "--batch-size has no effect"),
        (["doctor", "digits", "--optimizer", "lbfgs", "--batch-size", 9], "--batch-size has no effect"),
        (["lr-find", "digits", "--optimizer", "lbfgs"], "has no rate to find"),
        (["train", "digits", "--optimizer", "lbfgs", "--one-cycle", 1], "--one-cycle has no effect"),
        (["train", "digits", "--one-cycle", 0.1, "--lr", 0.1], "--lr has no effect: --one-cycle"),
        (
            ["train", "digits", "--hidden", "", "--dropout", 0.1],
            "--dropout has no effect: there is no hidden",
        ),
        (["train", "digits", "--hidden", "", "--activation", "tanh"], "--activation has no effect"),
        (["train", "digits", "--hidden", "", "--initializer", "ones"], "--initializer has no effect"),
        (["race", "digits", "--rules", "adam,sgd", "--lr", 0.1], "--lr has no effect"),
        (["race", "digits", "--rules", "adam,sgd", "--optimizer", "lion"], "--optimizer has no effect"),
        (["race", "digits", "--rules", "0.1,0.2", "--lr", 0.1], "--lr has no effect"),
        (["race", "digits", "--rules", "relu,tanh", "--activation", "elu"], "--activation has no effect"),
        (["doctor", "MODEL", "--hidden", 3], "--hidden has no effect: "),
        (["explain", "MODEL", "--lr", 3], "--lr has no effect: "),
        (["lr-find", "MODEL", "--rule", "fa"], "--rule has no effect: "),
        (["doctor", "MODEL", "--standardize"], "--standardize has no effect: "),
        (["evaluate", "REGRESSION", "--plot", "a.png"], "--plot"),
    ],
)
def test_options_without_effect_are_errors(words, said, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", x=np.zeros((20, 2)), y=np.arange(20) % 2)
    if "REGRESSION" in words:
        file = numbers(tmp_path / "t.csv", np.random.default_rng(0).normal(size=20))
        run("train", file, "--epochs", 1, "--save", "r.safetensors")
    names = {"NPZ": "a.npz", "MODEL": place / "iris.safetensors", "REGRESSION": "r.safetensors"}
    assert said in run(*(names.get(word, word) for word in words), code=2)


def test_the_same_options_where_they_have_an_effect():
    words = ["race", "digits", "--seeds", 1, "--epochs", 1, "--hidden", 4]
    run(*words, "--rules", "adam,fa", "--lr", 0.1, "--optimizer", "sgd")
    run(*words, "--rules", "adam,lbfgs", "--batch-size", 100)
    run(
        "train",
        "digits",
        "--optimizer",
        "lbfgs",
        "--epochs",
        1,
        "--hidden",
        4,
        "--task",
        "regression",
        code=2,
    )
    run("train", "digits", "--optimizer", "lbfgs", "--epochs", 1, "--hidden", 4)


def test_inputs_with_large_numbers_are_told_of(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{rng.uniform(0, 9e4):.0f},{rng.random():.2f},{'ab'[k % 2]}" for k in range(40)]
    file = tmp_path / "t.csv"
    file.write_text("\n".join(["income,share,y", *rows]))
    words = ["train", file, "--epochs", 1, "--hidden", 2]
    text = run(*words)
    assert "income has large numbers: --standardize brings them near 1" in text
    assert "1 epoch in" in text
    assert "large numbers" not in run(*words, "--standardize")


def test_a_model_comes_before_the_data(tmp_path):
    file = numbers(tmp_path / "t.csv", np.arange(40) % 2)
    text = run("evaluate", file, tmp_path / "m.safetensors", code=2)
    assert "a command takes it before the data" in text


def test_what_drops_all_inputs(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a,b,y\n" + "1,2,u\n3,4,v\n" * 9)
    assert "all columns but the target are dropped" in run("train", file, "--drop", "a,b", code=2)


def test_lines_that_are_left_out_are_said(tmp_path):
    path, model = tmp_path / "rig.csv", tmp_path / "rig.safetensors"
    rows = [f"{i / 10},{i * i % 7},{i % 2}" for i in range(40)]
    path.write_text("\n".join(["speed,torque,fault", "m/s,Nm,-", *rows, ",,"]) + "\n")
    said = run("train", path, "--epochs", 1, "--quiet", "--save", model)
    assert "the line below the header (m/s, Nm, -) has no numbers" in said
    assert "1 row is empty, and left out" in said
    assert "40 rows of" in run("evaluate", model, path)


def test_the_encoding_that_was_said_is_remembered(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{rng.random():.2f},{['Москва', 'Омск'][i % 2]},{['да', 'нет'][i // 2 % 2]}" for i in range(40)]
    text = "\n".join(["вес,город,класс", *lines])
    old, new, model = tmp_path / "old.csv", tmp_path / "new.csv", tmp_path / "m.safetensors"
    old.write_bytes(text.encode("cp1251"))
    new.write_text(text, encoding="utf-8")
    said = "cp1251 reads 'вес город класс'"
    assert said in run("look", old, code=2)
    command = figures("look", old, "--encoding", "cp1251")["command"]
    assert command.endswith("--encoding cp1251")
    run(*shlex.split(command)[1:], "--epochs", 1, "--quiet", "--save", model)
    for words in (["evaluate", model], ["evaluate", model, old], ["predict", model, new, "--rows", 1]):
        run(*words)
    assert "нет" in run("predict", model, old)
    with_utf8 = tmp_path / "u.safetensors"
    run("train", new, "--categories", "one-hot", "--epochs", 1, "--quiet", "--save", with_utf8)
    assert said in run("predict", with_utf8, old, code=2)
    assert run("predict", with_utf8, old, "--encoding", "cp1251") == run("predict", with_utf8, new)
    assert "--encoding is for a file with a table" in run(
        "predict", with_utf8, "xor", "--encoding", "utf-8", code=2
    )


def test_numbers_in_another_unit_are_told(place, iris, tmp_path):
    model, said = place / "iris.safetensors", "are they in another unit?"
    in_mm = write(tmp_path / "mm.csv", COLUMNS, [[10 * row[0], *row[1:]] for row in iris])
    for command in ("predict", "evaluate"):
        result = CliRunner().invoke(app, [command, str(model), str(in_mm)], env=WIDE)
        assert said in result.stderr and "sepal length (5.8" in result.stderr
        for path in (place / "iris.csv", write(tmp_path / "few.csv", COLUMNS, [[58.0, *iris[0][1:]]])):
            result = CliRunner().invoke(app, [command, str(model), str(path)], env=WIDE)
            assert result.exit_code == 0 and not result.stderr


def test_an_input_that_is_empty_throughout_is_told(tmp_path):
    rows = [[i % 5, i / 7, "ab"[i % 2]] for i in range(40)]
    path, model = write(tmp_path / "a.csv", ["v", "w", "y"], rows), tmp_path / "m.safetensors"
    words = ["--missing", "mean", "--epochs", 1, "--hidden", 2, "--quiet"]
    run("train", path, "--target", "y", *words, "--save", model)
    empty = write(tmp_path / "b.csv", ["v", "w", "y"], [["", *row[1:]] for row in rows])
    for command in ("predict", "evaluate"):
        assert "warning: no row has a cell in v: what fills it tells" in run(command, model, empty)
        assert "warning" not in run(command, model, path)
    assert len(run("predict", model, empty, "--out", "-").splitlines()) >= 41
