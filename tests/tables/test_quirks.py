"""Quirks of tables that people export: repeated headers, units, dates of several kinds, letters, empty ends."""

import random

import numpy as np
import pytest

from lucidnet import data
from lucidnet.data import Table
from lucidnet.errors import DataError


def written(folder, lines):
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows(make, n=40):
    rng = random.Random(0)
    return [make(i, rng) for i in range(n)]


def odd(path):
    return "\n".join(data.look(path).odd)


def test_lines_that_repeat_the_header(tmp_path):
    made = rows(lambda i, rng: f"{i / 10},{rng.random():.2f},{i % 2}")
    path = written(tmp_path, ["v,w,y", *made[:20], "v,w,y", *made[20:], "v,w,y"])
    seen = data.look(path)
    assert (seen.target, seen.table.classes) == ("y", ("0", "1"))
    assert "2 lines repeat the header, and are left out" in seen.odd
    x, _ = Table.fit(data.frame(path), target="y").apply(data.frame(path))
    np.testing.assert_array_equal(x[:, 0], (np.arange(40) / 10).astype(x.dtype))
    assert data.frame(path).row(20) == 23  # as an editor counts lines


def test_rows_of_texts_that_are_the_same_are_rows(tmp_path):
    path = written(tmp_path, ["x,e", "x,p", "x,e", "y,p"])
    assert data.frame(path).rows == 4


@pytest.mark.parametrize(
    ("cell", "unit"),
    [("{} kg", "kg"), ("{}°C", "°C"), ("{}m²", "m²"), ("{}.5 km/h", "km/h")],
)
def test_numbers_with_a_unit(tmp_path, cell, unit):
    made = rows(lambda i, rng: f"{cell.format(i + 10)},{rng.choice('ab')}")
    path = written(tmp_path, ["size,kind", *made])
    first = cell.format(10)
    assert f"column 'size': its cells are numbers of {unit}, as {first!r}: they are inputs without" in odd(
        path
    )


@pytest.mark.parametrize("cells", [["10 kg", "10 g"], ["A1", "B2"], ["3 big ones", "4 big ones"]])
def test_no_unit(tmp_path, cells):
    made = rows(lambda i, rng: f"{rng.choice(cells)},{rng.choice('ab')}")
    assert "numbers of" not in odd(written(tmp_path, ["size,kind", *made]))


def test_dates_written_in_several_ways(tmp_path):
    ways = ("2024-03-{:02d}", "{:02d}/03/2024", "{} Mar 2024")
    made = rows(lambda i, rng: f"{ways[i % 3].format(i % 28 + 1)},{i}.5")
    said = odd(written(tmp_path, ["when,sold", *made]))
    assert "column 'when': its dates are written in several ways, as " in said
    assert "2021-12-31, --dates days" in said


def test_names_that_differ_in_capital_letters_alone(tmp_path):
    made = rows(
        lambda i, rng: f"{rng.choice(['Rome', 'rome', 'Oslo'])},{i},{rng.choice(['Dog', 'dog', 'cat'])}"
    )
    said = odd(written(tmp_path, ["city,v,kind", *made]))
    assert "column 'city': 'Rome' and 'rome' differ in capital letters alone, and are two" in said
    assert "the target: 'Dog' and 'dog' differ in capital letters alone, and are two" in said


def test_a_last_column_that_is_empty_is_not_the_target(tmp_path):
    made = rows(lambda i, rng: f"{i}.5;{rng.choice('ab')};")
    seen = data.look(written(tmp_path, ["v;kind;", *made]))
    assert (seen.target, seen.table.dropped) == ("kind", ("Unnamed: 2",))
    with pytest.raises(DataError, match=r"drop='Unnamed: 2' \(--drop 'Unnamed: 2'\)"):
        Table.fit(data.frame(tmp_path / "table.csv"), target="kind")
