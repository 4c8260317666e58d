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


def test_numbers_that_begin_with_zeros(tmp_path):
    made = rows(lambda i, rng: f"{rng.choice(['00501', '90210'])},{i}.5,{rng.choice('ab')}")
    said = odd(written(tmp_path, ["zip,v,y", *made]))
    assert "column 'zip': its numbers are written as '00501', which is taken as 501" in said
    assert "column 'v'" not in said


def test_nines_in_the_place_of_what_is_missing(tmp_path):
    made = rows(
        lambda i, rng: f"{-999 if i % 9 == 0 else i},{9999 if i % 7 == 0 else i / 3},{i % 10},{'ab'[i % 2]}"
    )
    said = odd(written(tmp_path, ["age,temp,v,y", *made]))
    assert "column 'age': -999 stands in 5 rows, far from all other numbers: if it stands for what" in said
    assert "column 'temp': 9999 stands in 6 rows" in said
    assert "column 'v'" not in said


def test_nines_among_others_are_numbers(tmp_path):
    made = rows(lambda i, rng: f"{rng.choice([99, 98, 60, 999 if i > 30 else 500])},{'ab'[i % 2]}")
    assert "stands in" not in odd(written(tmp_path, ["score,y", *made]))


def test_times_and_texts_of_several_lines(tmp_path):
    made = rows(lambda i, rng: f'{i % 24:02d}:{i:02d},"one\ntwo {i % 5}",{"ab"[i % 2]}')
    path = written(tmp_path, ["start,comment,y", *made])
    assert "column 'start': its cells are times, as '00:00': as minutes, or hours, they are inputs" in odd(
        path
    )
    assert "5 texts: one two 0, one two 1," in str(data.look(path))


def test_targets_with_a_unit(tmp_path):
    made = rows(lambda i, rng: f"{i},{rng.random():.1f},{i / 7:.3f} kg")
    path = written(tmp_path, ["a,b,weight", *made])
    assert "the target: its cells are numbers of kg, as '0.000 kg'" in odd(path)


def test_a_share_of_all_rows_but_one_is_not_all(tmp_path):
    made = rows(lambda i, rng: f"{rng.random():.3f},{'rare' if i == 7 else 'ok'}", 400)
    assert "99.7% of the rows are 'ok'" in odd(written(tmp_path, ["a,y", *made]))


@pytest.mark.parametrize("names", [{"a": "a", "b": "b"}, {"a": "1", "b": "2"}])
def test_a_column_that_is_the_target_in_other_words(tmp_path, names):
    made = rows(lambda i, rng: (lambda k: f"{names[k]},{rng.choice('xy')},{k}")(rng.choice("ab")))
    said = odd(written(tmp_path, ["copy,other,y", *made]))
    assert "column 'copy': each value goes with one of 'y'" in said
    assert "column 'other'" not in said
