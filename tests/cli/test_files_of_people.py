"""Files as people have them: each trained, measured and used for predictions by the command that `look` proposes."""

import csv
import io
import json
import shlex

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score

import lucidnet as ln
from cli.test_tables_in_commands import run
from tables.files import FILES

TRAINED = ["--epochs", 120, "--hidden", 16, "--lr", 0.02, "--quiet"]


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def without_target(path, target, folder):
    """Write the same rows in plain CSV without the target, with a header line if the file has one."""
    frame = ln.data.frame(path)
    names = [name for name in frame.names if name != target]
    lines = [[frame.cells[name].text(i) for name in names] for i in range(frame.rows)]
    with (folder / "bare.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *lines] if frame.names[0] != "0" else lines)
    return folder / "bare.csv"


@pytest.mark.parametrize("name", FILES)
def test_the_proposed_command_works(name, tmp_path):
    file = FILES[name]
    path, saved = file.make(tmp_path), tmp_path / "m.safetensors"
    looked = json.loads(run("look", path, "--target", file.target, "--json"))
    if not file.task:
        assert not looked["command"]
        assert "one class only" in run("train", path, "--target", file.target, code=2)
        return
    program, *words = shlex.split(looked["command"])
    assert program == "lucidnet"
    run(*words, *TRAINED, "--save", saved)
    table = ln.load(saved).table
    assert (table.target, table.task, table.classes) == (file.target, file.task, file.classes)
    whole = json.loads(run("evaluate", saved, path, "--json"))["whole"]
    rows = rows_of(run("predict", saved, path, "--out", "-"))
    again = rows_of(run("predict", saved, without_target(path, file.target, tmp_path), "--out", "-"))
    assert [row["predicted"] for row in again] == [row["predicted"] for row in rows]
    assert len(again) == ln.data.frame(path).rows
    if "target" in rows[0]:  # not where some are missing, and so to be predicted
        _agree(whole, rows, file)


def test_what_is_printed_is_what_can_be_typed(tmp_path):
    path = FILES["index_column_with_a_name"].make(tmp_path)
    text = run("look", path, "--target", 5)
    assert str(ln.data.look(path, target=5)) == text.rstrip("\n")
    assert f"lucidnet train '{path}' --target Species --drop Id" in text


def _agree(whole, rows, file):
    """What is measured is what scikit-learn finds in the predictions, which are better than a guess."""
    targets, predicted = ([row[name] for row in rows] for name in ("target", "predicted"))
    if file.classes:
        assert whole["accuracy"] == pytest.approx(accuracy_score(targets, predicted), abs=1e-6)
        assert whole["accuracy"] > max(np.unique(targets, return_counts=True)[1]) / len(targets)
        assert set(predicted) <= set(file.classes)
        shares = np.array([[float(row[f"probability_{one}"]) for one in file.classes] for row in rows])
        np.testing.assert_allclose(shares.sum(1), 1, atol=1e-4)
        return
    y, guess = np.array(targets, float), np.array(predicted, float)
    assert whole["r2"] == pytest.approx(r2_score(y, guess), abs=1e-3)
    assert whole["mae"] == pytest.approx(mean_absolute_error(y, guess), rel=1e-2)
    assert whole["r2"] > 0.1


def test_a_folder_of_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name, shade in (("dark", 40), ("light", 200)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(10):
            image.new("L", (3, 2), shade + i).save(tmp_path / "pictures" / name / f"{i}.png")
    folder, saved = tmp_path / "pictures", tmp_path / "m.safetensors"
    assert f"lucidnet train {folder}" in run("look", folder)
    assert "16 training and 4 test examples, 6 inputs, 2 classes" in run(
        "train", folder, *TRAINED, "--save", saved
    )
    assert "20 rows of" in run("evaluate", saved, folder)
    assert {row["predicted"] for row in rows_of(run("predict", saved, folder, "--out", "-"))} == {
        "dark",
        "light",
    }
    dark = rows_of(run("predict", saved, folder / "dark", "--out", "-"))
    assert [row["predicted"] for row in dark] == ["dark"] * 10
    assert "predicted" in run("predict", saved, folder / "dark" / "0.png")
    for command in ("train", "look"):
        assert "--target" in run(command, folder, "--target", "0", code=2)
