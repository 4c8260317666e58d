"""Names in a file may be anybody's: what a terminal gets of them, and what a file."""

import csv
import io

import numpy as np
import pytest
from typer.testing import CliRunner

import lucidnet as ln
from lucidnet.cli.app import app

STEERS = "\x1b[31m[red]:red:[/b]\ttea"
"""A class whose name holds what colours a terminal, what rich makes a picture or a style of, and a tab."""


def run(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    rows = [[i / 10, (i * 7) % 10, STEERS if i % 3 else ":smile:"] for i in range(40)]
    with (folder / "file.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["\x1b]0;title\x07", "\u202eb", "y"], *rows])
    run(
        "train",
        folder / "file.csv",
        "--epochs",
        1,
        "--quiet",
        "--hidden",
        2,
        "--save",
        folder / "m.safetensors",
    )
    return folder


@pytest.mark.parametrize("words", [["look"], ["predict", "m"], ["info", "m"], ["train", "--epochs", 1]])
def test_no_name_steers_a_terminal(place, words):
    model = [place / "m.safetensors"] if "m" in words else []
    data = [] if words[0] == "info" else [place / "file.csv"]
    printed = run(words[0], *model, *data, *words[1 + len(model) :])
    assert not set(printed) & set("\x1b\x07\u202e")
    assert r"\x1b[31m[red]:red:[/b]" in printed
    assert ":smile:" in printed


def test_a_table_at_the_prompt(place):
    frame = ln.data.frame(place / "file.csv")
    for shown in (frame, ln.data.look(place / "file.csv"), ln.data.Table.fit(frame)):
        assert not set(str(shown)) & set("\x1b\x07\u202e")


def test_what_is_content_stays_as_it_is(place):
    written = run("predict", place / "m.safetensors", place / "file.csv", "--out", "-")
    rows = list(csv.reader(io.StringIO(written)))
    assert {row[0] for row in rows[1:]} == {STEERS, ":smile:"}
    run("predict", place / "m.safetensors", place / "file.csv", "--out", place / "out.csv")
    assert (place / "out.csv").read_text() == written


def test_a_column_that_is_called_0(tmp_path):
    rows = [[i, i % 2, (i * 7) % 11] for i in np.arange(40)]
    with (tmp_path / "file.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "0", "b"], *rows])
    assert "classification of '0'" in run("look", tmp_path / "file.csv", "--target", "0")


def test_a_file_that_would_be_an_option(tmp_path, monkeypatch):
    (tmp_path / "-f.csv").write_text("a,y\n" + "1,u\n2,v\n" * 10)
    monkeypatch.chdir(tmp_path)
    assert "lucidnet train ./-f.csv --target y" in run("look", "--", "-f.csv")


def test_what_is_read_is_not_written_over(place):
    model, data = place / "m.safetensors", place / "file.csv"
    before = [model.read_bytes(), data.read_bytes()]
    for out in (model, data, place / "." / "file.csv"):
        result = CliRunner().invoke(app, ["predict", str(model), str(data), "--out", str(out)])
        assert "would be lost" in str(result.exception)
    assert [model.read_bytes(), data.read_bytes()] == before
