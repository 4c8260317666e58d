"""``--group``: rows that belong together are not divided; ``--weight``: how much each row counts."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score

import lucidnet as ln
from cli.test_tables_in_commands import figures, run, write
from lucidnet.cli.data import Asked, open_task
from lucidnet.cli.train import Network

SHORT = ["--epochs", 3, "--hidden", 4, "--quiet"]


def patients(folder, *, pure=True, groups=20, numbers=False, name="p.csv"):
    """Rows of patients, five each; the first input says whose they are."""
    rng = np.random.default_rng(0)
    kinds = np.arange(groups) % 4 == 0
    rows = []
    for i in rng.permutation(5 * groups):
        kind = kinds[i % groups] if pure else rng.random() < 0.5
        value = round(float(kind + rng.normal()), 3)
        y = round(value * 2 + 1, 3) if numbers else ["well", "ill"][int(kind)]
        rows.append([f"P{i % groups:02d}", i % groups, value, int(rng.integers(1, 9)), y])
    return write(folder / name, ["patient", "who", "v", "w", "y"], rows)


def parts(task):
    return set(task.x[:, 0].tolist()), set(task.x_test[:, 0].tolist())


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("pure", [True, False])
def test_groups_are_not_divided(tmp_path, pure, numbers):
    path = patients(tmp_path, pure=pure, numbers=numbers)
    task = open_task(str(path), Asked(target="y", group="patient", drop="w"))
    train, test = parts(task)
    assert not train & test and len(train) == 16 and len(test) == 4
    assert "split by patient: 16 of them for training, 4 for testing" in task.title()
    if pure and not numbers:  # each patient is ill or well: both parts have their share of both
        assert np.bincount(task.y_test).tolist() == [5, 15] and np.bincount(task.y).tolist() == [20, 60]
    without = open_task(str(path), Asked(target="y", drop="patient,w"))
    assert set.intersection(*parts(without))


def test_what_was_kept_for_testing_is_found_again(tmp_path):
    path, model = patients(tmp_path), tmp_path / "m.safetensors"
    found = figures(
        "train", path, "--target", "y", "--group", "patient", "--weight", "w", *SHORT, "--save", model
    )
    loaded = ln.load(model)
    assert (loaded.about["group"], loaded.about["weight"]) == ("patient", "w")
    assert loaded.table.inputs == ("who", "v") and set(loaded.table.dropped) == {"patient", "w"}
    again = figures("evaluate", model)
    assert again["part"] == "test" and again["test"] == pytest.approx(found["test"], abs=1e-6)
    train = figures("evaluate", model, "--part", "train")
    assert train["train"] == pytest.approx(found["training"], abs=1e-6)
    rows = figures("predict", model, "--rows", 100)["rows"]
    assert rows == again["rows"] == 20
    run("explain", model, "--rows", 1)  # its training examples, by the same split


def test_validation_divides_no_group_either(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        ln.Model, "fit", lambda self, x, y, **given: seen.update(given, x=x, y=y) or self.build(2)
    )
    path = patients(tmp_path)
    words = ["--target", "y", "--group", "patient", "--weight", "w", *SHORT]
    run("train", path, *words, "--validation", 0.2)
    held = seen["validation_data"]
    assert not set(seen["x"][:, 0]) & set(held["x"][:, 0]) and seen["validation_split"] == 0
    assert (
        len(seen["x"]) == len(seen["sample_weight"]) == 65
        and len(held["x"]) == len(held["sample_weight"]) == 15
    )
    run("train", path, *words, "--validation", 0)
    assert len(seen["x"]) == 80


def measured_by_others(model, path, rows):
    """What scikit-learn makes of the predictions for some rows, each counted as column w says."""
    frame, loaded = ln.data.frame(path), ln.load(model)
    x, y = loaded.table.apply(frame)
    outputs, w = loaded.predict(x[rows]), frame["w"][rows]
    if loaded.classes is None:
        y, guess = (loaded.table.values(one).ravel() for one in (y[rows], outputs))
        return {
            "mae": mean_absolute_error(y, guess, sample_weight=w),
            "r2": r2_score(y, guess, sample_weight=w),
        }
    return {
        "loss": log_loss(y[rows], outputs, labels=[0, 1], sample_weight=w),
        "accuracy": accuracy_score(y[rows], outputs.argmax(1), sample_weight=w),
    }


@pytest.mark.parametrize("numbers", [False, True])
def test_what_is_measured_is_weighted(tmp_path, numbers):
    path, model = patients(tmp_path, numbers=numbers, pure=False), tmp_path / "m.safetensors"
    words = ["--target", "y", "--weight", "w", "--drop", "patient", *SHORT, "--standardize", "--save", model]
    found = figures("train", path, *words)
    assert "rows count as column w says" in run("train", path, *words)
    whole = figures("evaluate", model, path)["whole"]
    right = measured_by_others(model, path, np.arange(100))
    assert {name: whole[name] for name in right} == pytest.approx(right, rel=1e-4)
    _, y = ln.load(model).table.apply(ln.data.frame(path))
    train, test = ln.data.sets.stratified(y, 0.2, 0)
    for part, rows in (("training", train), ("test", test)):
        right = measured_by_others(model, path, rows)
        assert {name: found[part][name] for name in right} == pytest.approx(right, rel=1e-4)
    assert whole != pytest.approx(figures("evaluate", model, unweighted(path, tmp_path))["whole"], rel=1e-4)
    for words in ((), ("--json",)):
        said = run("evaluate", model, unweighted(path, tmp_path), *words)
        assert "warning: there is no column w of weights: all rows count alike" in said


def unweighted(path, folder):
    rows = [line.split(",") for line in path.read_text().splitlines()]
    return write(
        folder / "u.csv", *(lambda kept: (kept[0], kept[1:]))([[*row[:3], *row[4:]] for row in rows])
    )


def test_a_weight_counts_as_that_many_rows(tmp_path):
    """A step with whole weights is that on a table in which each row stands so many times."""
    path, model = patients(tmp_path), tmp_path / "m.safetensors"
    words = ["--optimizer", "sgd", "--lr", 0.5, "--batch-size", 1000, "--validation", 0, "--dtype", "float64"]
    run("train", path, "--target", "y", "--weight", "w", "--drop", "patient", *SHORT, *words, "--save", model)
    task = open_task(str(path), Asked(target="y", drop="patient", weight="w"))
    times = np.rint(task.weights / task.weights.min()).astype(int)
    twin = ln.Model(Network("4", "relu").layers(task), seed=0, dtype="float64")
    twin.compile(task.loss, ln.optimizers.SGD(0.5))
    twin.fit(np.repeat(task.x, times, 0), np.repeat(task.y, times), epochs=3, batch_size=1000, verbose=0)
    assert len(set(times.tolist())) > 4
    np.testing.assert_allclose(ln.load(model).get_weights(), twin.get_weights(), rtol=1e-9, atol=1e-12)


def test_another_group_or_weight_is_another_training(tmp_path):
    path, folder = patients(tmp_path), tmp_path / "run"
    words = ["train", path, "--target", "y", *SHORT, "--resume", folder]
    run(*words, "--group", "patient", "--drop", "w")
    run(*words, "--group", "patient", "--drop", "w")
    for other in (["--weight", "w", "--drop", "patient"], ["--group", "patient", "--weight", "w"]):
        assert "is of another training" in run(*words, *other, code=2)


def test_errors_name_column_and_row(tmp_path):
    path = patients(tmp_path)
    base = ["train", path, "--target", "y", *SHORT]
    assert "column 'y' is the target, and named by --group" in run(*base, "--group", "y", code=2).replace(
        "\n", " "
    )
    assert "named by --group and by --weight" in run(*base, "--group", "w", "--weight", "w", code=2)
    assert "unknown column 'patients'" in run(*base, "--group", "patients", code=2)
    assert "column patient: expected a weight, got 'P" in run(*base, "--weight", "patient", code=2)
    assert "group is for a file with a table" in run("train", "digits", "--group", "a", code=2)
    rows = [[i, "one", -1 if i == 3 else 0, "ab"[i % 2]] for i in range(20)]
    write(path, ["v", "g", "w", "y"], rows)
    assert "20 rows of one group cannot be divided by groups" in run(
        *base, "--group", "g", "--drop", "w", code=2
    )
    assert "row 5, column w: -1 is no weight" in run(*base, "--weight", "w", "--drop", "g", code=2)
    write(path, ["v", "g", "w", "y"], [[i, "one", 0, "ab"[i % 2]] for i in range(20)])
    assert "the rows for training all weigh 0" in run(*base, "--weight", "w", "--drop", "g", code=2)


def test_rows_without_a_group_or_weight(tmp_path):
    rows = [
        [i / 7, "" if i == 4 else f"g{i % 6}", "" if i == 9 else 1 + i % 3, "ab"[i % 2]] for i in range(60)
    ]
    path, model = write(tmp_path / "a.csv", ["v", "g", "w", "y"], rows), tmp_path / "m.safetensors"
    words = ["train", path, "--target", "y", "--group", "g", "--weight", "w", *SHORT, "--save", model]
    assert "row 6, column g: the cell is missing" in run(*words, code=2)
    run(*words, "--missing", "drop")
    assert ln.load(model).about["rows"] == 58
    figures("evaluate", model)
    assert figures("predict", model, path)["rows"] == 60
    lacking = write(tmp_path / "b.csv", ["v", "y"], [[row[0], row[3]] for row in rows])
    assert figures("evaluate", model, lacking)["rows"] == 60
    assert "has no column 'g', by which it is split" in run(
        "evaluate", model, lacking, "--part", "test", code=2
    )
    assert figures("predict", model, lacking)["rows"] == 60
    rows = [[row[0], "", 1, row[3]] for row in rows]  # groups divide nothing where all rows are measured
    unnamed = write(tmp_path / "c.csv", ["v", "g", "w", "y"], rows)
    assert figures("evaluate", model, unnamed)["rows"] == 60


def test_a_race_divides_no_group_either(tmp_path):
    path = patients(tmp_path)
    words = ["race", path, "--target", "y", "--group", "patient", "--drop", "w", "--rules", "backprop"]
    said = run(*words, "--epochs", 1, "--seeds", 1, "--hidden", 2)
    assert "split by patient: 16 of them for training, 4 for testing" in said


def test_what_look_proposes(tmp_path):
    path = patients(tmp_path)
    path.write_text(path.read_text().replace("patient,who,v,w,y", "patient_id,who,v,sample_weight,y", 1))
    seen = ln.data.look(path)
    assert seen.command.endswith("--target y --group patient_id --weight sample_weight")
    assert {one.name: one.plan for one in seen.columns} == {
        "patient_id": "group", "who": "input", "v": "input", "sample_weight": "weight", "y": "target",
    }  # fmt: skip
    said = "\n".join(seen.odd)
    assert (
        "column 'patient_id': it names 20 things of about 5 rows each, as its name says; --group keeps"
        in said
    )
    assert "column 'sample_weight': it says how much each row counts" in said
    made = {}
    exec(seen.python, made)
    assert len(made["x"]) == len(made["weights"]) == 80
    assert not set(made["frame"]["patient_id"]) & set(made["test"]["patient_id"])


@pytest.mark.parametrize("name", ["weight", "w", "weight_kg"])
def test_a_weight_of_bodies_is_an_input(tmp_path, name):
    path = write(tmp_path / "a.csv", [name, "y"], [[60 + i % 30, "ab"[i % 2]] for i in range(60)])
    assert "--weight" not in ln.data.look(path).command


def test_a_class_of_one_group_that_is_for_testing_is_named(tmp_path):
    """Groups of two classes, so that they cannot keep their shares, and a third class of one group alone."""
    told = []
    for alone in range(5):
        rows = [[i / 7, f"g{i % 5}", "c" if i % 5 == alone else "ab"[i % 2]] for i in range(100)]
        task = open_task(str(write(tmp_path / "a.csv", ["v", "g", "y"], rows)), Asked(target="y", group="g"))
        told.append("all rows of 'c' are for testing, and cannot be learned" in task.title())
        assert told[-1] == (not (task.y == 2).any())
    assert sum(told) == 1  # one of five groups is for testing


def test_what_fills_dates_and_durations_is_the_mean_of_the_rows_for_training(tmp_path):
    rng = np.random.default_rng(0)
    days, spans = rng.integers(1, 28, 60), rng.integers(1, 59, 60)
    rows = [
        ["" if i % 9 == 0 else f"2024-01-{d:02d}", "" if i % 7 == 0 else f"0:{s:02d}:00", "ab"[i % 2]]
        for i, (d, s) in enumerate(zip(days, spans, strict=True))
    ]
    path = write(tmp_path / "a.csv", ["day", "took", "y"], rows)
    table = open_task(str(path), Asked(target="y", missing="mean", dates="days")).table
    train, _ = ln.data.sets.stratified(np.arange(60) % 2, 0.2, 0)
    first = (np.datetime64("2024-01-01") - np.datetime64("1970-01-01")).astype(int) - 1
    right = [
        (first + days)[[i for i in train if i % 9]].mean(),
        60 * spans[[i for i in train if i % 7]].mean(),
    ]
    np.testing.assert_allclose([one.fill for one in table.columns], right, rtol=1e-9)
