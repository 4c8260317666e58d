"""What stands around the table in a file: titles above it, names in two lines, notes below it."""

import random

import numpy as np
import pytest

from lucidnet import data
from lucidnet.errors import ContentError

RNG = random.Random(0)
ROWS = [f"{i / 4},{RNG.random():.3f},{'ab'[i % 2]}" for i in range(30)]
WHOLE = np.arange(30) / 4


def written(folder, *lines):
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def odd(path):
    return "\n".join(data.look(path).odd)


@pytest.mark.parametrize("sign", [",", "."])
def test_titles_above_numbers_with_decimal_commas(tmp_path, sign):
    """With commas, the cells of each row could be separated by them as well."""
    rows = [f"p{i};{i / 4:.2f};{RNG.random():.3f};{'ab'[i % 2]}".replace(".", sign) for i in range(30)]
    path = written(tmp_path, "Rain in the hills; by hand", "place;depth;mm;kind", *rows)
    frame = data.frame(path)
    assert (list(frame.names), frame.rows) == (["place", "depth", "mm", "kind"], 30)
    np.testing.assert_array_equal(frame["depth"], WHOLE)
    assert "a line above the table left out: Rain in the hills, by hand" in odd(path)


@pytest.mark.parametrize(
    ("above", "count"),
    [
        (["Rain in the hills"], "a line"),
        (["Rain in the hills,,", ",,"], "a line"),
        (["Rain in the hills", "Printed 2021-01-01", "", '"Station: 7, Oslo"'], "3 lines"),
    ],
)
def test_titles_above_the_names_are_left_out(tmp_path, above, count):
    path = written(tmp_path, *above, "depth,mm,kind", *ROWS)
    frame = data.frame(path)
    assert (list(frame.names), frame.rows) == (["depth", "mm", "kind"], 30)
    np.testing.assert_array_equal(frame["depth"], WHOLE)
    assert frame.row(0) == len(above) + 2  # as an editor counts lines
    assert f"{count} above the table left out: Rain in the hills" in odd(path)


def test_a_title_above_rows_without_names(tmp_path):
    frame = data.frame(written(tmp_path, "|1x3 Cross validator", *ROWS))
    assert (list(frame.names), frame.rows) == (["0", "1", "2"], 30)


def test_counts_and_classes_as_scikit_learn_writes_them_are_no_names(tmp_path):
    lines = [f"{i / 4},{i / 5},{i / 6},{i / 7},{i % 3}" for i in range(30)]
    path = written(tmp_path, "30,4,setosa,versicolor,virginica", *lines)
    seen = data.look(path)
    assert (seen.table.classes, len(seen.columns), data.frame(path).rows) == (("0", "1", "2"), 5, 30)
    assert "a line above the table left out: 30, 4, setosa, versicolor, virginica" in seen.odd
    narrow = [f"{i / 4},{i / 5},{i % 2}" for i in range(30)]
    assert data.frame(written(tmp_path, "30,2,malignant,benign", *narrow)).rows == 30


def test_counts_stand_above_more_rows_than_are_looked_at(tmp_path):
    lines = [f"{i / 4},{i / 5},{i % 2}" for i in range(250)]
    frame = data.frame(written(tmp_path, "250,2,malignant,benign", *lines))
    assert (frame.rows, frame.form["titles"]) == (250, (("250", "2", "malignant", "benign"),))


@pytest.mark.parametrize("first", ["31,4,a,b,c", "30,5,a,b,c", "30,4,a,a,c", "30,4,1,2,3"])
def test_other_counts_are_a_row(tmp_path, first):
    lines = [f"{i / 4},{i / 5},{i / 6},{i / 7},{i % 3}" for i in range(30)]
    assert data.frame(written(tmp_path, first, *lines)).form["titles"] == ()


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ([",Men,,Women,", "age,h,w,h,w"], ["age", "Men h", "Men w", "Women h", "Women w"]),
        ([",X1,X2,X3,Y", "ID,LIMIT,SEX,AGE,default"], ["ID", "LIMIT", "SEX", "AGE", "default"]),
        ([",speed,height,mass,kind", "n,m/s,m,kg,1-2"], ["Unnamed: 0", "speed", "height", "mass", "kind"]),
    ],
)
def test_names_in_two_lines(tmp_path, lines, names):
    path = written(tmp_path, *lines, *(f"{i},{i / 5},{i / 6},{i / 7},{i % 2}" for i in range(30)))
    assert (list(data.frame(path).names), data.frame(path).rows) == (names, 30)
    joined = "the names of the columns stand in two lines" in odd(path)
    assert joined != ("the line below the header (n, m/s, m, kg, 1-2) has no numbers" in odd(path))


@pytest.mark.parametrize(
    ("below", "count"),
    [
        (["", "Source: Met Office", "Printed 2021-01-01"], "2 lines"),
        (["", "Source: Met Office, 2021"], "a line"),
        ([",,", "Source: Met Office,,", ",,", "* means rain,,"], "2 lines"),
        (["Source: Met Office"], "a line"),
    ],
)
def test_notes_below_the_table_are_left_out(tmp_path, below, count):
    path = written(tmp_path, "depth,mm,kind", *ROWS, *below)
    np.testing.assert_array_equal(data.frame(path)["depth"], WHOLE)
    assert f"{count} below the table left out: Source: Met Office" in odd(path)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (ROWS, ["1.5,0.3"], "row 32 has 2 cells, expected 3"),  # cut off
        (["x,1,a", "y,2,b"], ["Source"], "row 4 has 1 cell, expected 3"),  # or is it a row?
        (["x,1,a", "", "Source"], ["y,2,b"], "row 4 has 1 cell, expected 3"),
        (["a"], ["1,2,3", "4,5,6"], "row 2 has 1 cell, expected 3"),
    ],
)
def test_rows_that_are_too_short_are_no_notes(tmp_path, first, second, said):
    with pytest.raises(ContentError, match=said):
        data.frame(written(tmp_path, "u,v,kind", *first, *second))


def test_a_row_with_its_name_alone_among_others_is_a_row(tmp_path):
    lines = ["Oslo,1,a", "", "Rome,,", "Bern,2,b", "Wien,,"]
    frame = data.frame(written(tmp_path, "city,v,kind", *lines))
    assert frame["city"] == ["Oslo", "Rome", "Bern", "Wien"]
    assert list(map(frame.row, range(4))) == [2, 4, 5, 6]


def test_a_header_of_another_separator_is_no_title(tmp_path):
    lines = [f"{i};{i + 2},{i + 100},{i + 300};{'ab'[i % 2]}" for i in range(30)]
    frame = data.frame(written(tmp_path, "n;people;kind", *lines))
    assert list(frame.names) == ["n", "people", "kind"]


@pytest.mark.parametrize(
    "names", ["country,1990,1991,1992", "country,code,2000,2005,2010", '"country","1990","1989","1988"']
)
def test_years_are_names(tmp_path, names):
    width = names.count(",")
    lines = [",".join([f"land {i}", *(f"{i + k / 7:.2f}" for k in range(width))]) for i in range(30)]
    frame = data.frame(written(tmp_path, names, *lines))
    assert (list(frame.names), frame.rows) == (names.replace('"', "").split(","), 30)


def test_years_in_every_row_are_numbers(tmp_path):
    lines = [f"land {i},{1990 + i},{1991 + i},{1992 + i}" for i in range(30)]
    assert data.frame(written(tmp_path, *lines)).rows == 30


def test_a_line_drawn_below_the_header_is_no_row(tmp_path):
    path = written(
        tmp_path, "| v | w | kind |", "|---|:-:|---|", *(f"| {row.replace(',', ' | ')} |" for row in ROWS)
    )
    seen = data.look(path)
    assert (seen.target, seen.table.classes, data.frame(path).rows) == ("kind", ("a", "b"), 30)
    assert "lines and bars that are drawn around the rows are left out" in odd(path)


def test_quotes_behind_a_backslash_belong_to_the_text(tmp_path):
    lines = [f'{i / 4},"he said \\"no {i % 3}\\", twice",{"ab"[i % 2]}' for i in range(30)]
    frame = data.frame(written(tmp_path, "v,said,kind", *lines))
    assert frame["said"][1] == 'he said "no 1", twice'
    folders = [f'{i / 4},"C:\\data\\",{"ab"[i % 2]}' for i in range(30)]
    assert data.frame(written(tmp_path, "v,folder,kind", *folders))["folder"][0] == "C:\\data\\"


SMALL = [f"{i + 1},{i * i / 7:.2f},{'ab'[i % 2]}" for i in range(30)]
RULED = "+----+--------+------+"
DRAWN = {
    "psql": [" id | length | kind ", "----+--------+------", *(f" {one} " for one in SMALL), "(30 rows)"],
    "mysql": [RULED, "| id | length | kind |", RULED, *(f"| {one} |" for one in SMALL), RULED],
    "org": ["| id | length | kind |", "|----+--------+------|", *(f"| {one} |" for one in SMALL)],
    "empty cells at the ends": [
        "id | length | kind ",
        "---+-----+---",
        *(f" {one} " for one in SMALL),
        " | 7.0 | ",
    ],
    "quoted": ['"id,length,kind"', *(f'"{one}"' for one in SMALL)],
    "quoted cells": ['"id,""length"",kind"', *(f'"{one[:-1]}""{one[-1]}"""' for one in SMALL)],
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_around_a_table(tmp_path, name):
    lines = [line if '"' in line else line.replace(",", " | ") for line in DRAWN[name]]
    frame = data.frame(written(tmp_path, *lines))
    assert frame.names == ("id", "length", "kind")
    np.testing.assert_array_equal(frame["length"][:30], [float(one.split(",")[1]) for one in SMALL])
    assert list(frame["kind"][:30]) == [one[-1] for one in SMALL]
    assert frame.rows == 30 + (name == "empty cells at the ends")
    assert "left out" in odd(tmp_path / "table.csv")


def test_lines_of_questions_and_of_ids_below_the_header(tmp_path):
    answers = [f"{20 + i},{i * 7},{['Tea', 'Coffee'][i % 2]}" for i in range(30)]
    ids = [f'"{{""ImportId"":""Q{i}""}}"' for i in range(3)]
    path = written(tmp_path, "Q1,Q2,Q3", '"How old?","How, in minutes?",Which?', ",".join(ids), *answers)
    assert data.look(path).table.classes == ("Coffee", "Tea")
    assert "the two lines below the header (How old?, How, in minutes?, Which?) have no numbers" in odd(path)


def test_units_below_names_above_decimal_commas(tmp_path):
    made = [f"{i},5\t{20 + i},25\t{['OK', 'no'][i % 2]}" for i in range(30)]
    frame = data.frame(written(tmp_path, "Zeit\tTemperatur\tStatus", "[s]\t[°C]\t[-]", *made))
    assert (frame.rows, frame["Zeit"][1], frame["Temperatur"][2]) == (30, 1.5, 22.25)


def test_the_widths_of_columns_of_the_geological_survey(tmp_path):
    made = [f"USGS\t01646500\t2021-01-{i + 1:02d}\t{100 + i}\tA" for i in range(30)]
    head = ["# retrieved: 2021", "agency_cd\tsite_no\tdatetime\t00060\t00060_cd", "5s\t15s\t20d\t14n\t10s"]
    frame = data.frame(written(tmp_path, *head, *made))
    assert (frame.rows, frame.names[3], frame["00060"][1]) == (30, "00060", 101)


def test_units_in_the_last_of_two_remarks(tmp_path):
    made = [f"2021 {1 + i // 28:02d} {i % 9}.5 {1013 + i / 7:.1f}" for i in range(30)]
    frame = data.frame(written(tmp_path, "#YY  MM WSPD PRES", "#yr  mo m/s hPa", *made))
    assert frame.names == ("YY", "MM", "WSPD", "PRES")


@pytest.mark.parametrize(
    "remarks", [["# Created by A, B", "# x,y"], ["# source,web", "# x,y"], ["#", "# x,y"]]
)
def test_names_in_the_last_of_several_remarks(tmp_path, remarks):
    assert data.frame(written(tmp_path, *remarks, *(f"{i},{i * i % 7}" for i in range(30)))).names == (
        "x",
        "y",
    )


@pytest.mark.parametrize("sign", ";\t")
def test_cells_that_all_are_in_quotes(tmp_path, sign):
    """A comma in a row far below was taken for the end of the line."""
    made = [sign.join(f'"{cell}"' for cell in (i, f"t{i % 3}", "ab"[i % 2])) for i in range(300)]
    path = written(tmp_path, sign.join(['"v"', '"w"', '"y"']), *made, sign.join(['"7"', '"one, two"', '"a"']))
    assert data.frame(path)["w"][-1] == "one, two" and "quotes" not in odd(path)


def test_accounts_with_lines_that_end_in_separators(tmp_path):
    made = [f'"{1 + i:02d}.01.2021";"Text {i % 3}";"-{i + 1},5{i % 9}";"{"SH"[i % 2]}";' for i in range(30)]
    head = ['"Konto:";"DE12 5001";', '"Von:";"01.01.2021";', '"Stand:";"1.234,56 EUR";', ""]
    path = written(tmp_path, *head, '"Tag";"Text";"Betrag";"Art";', *made)
    seen = data.look(path)
    assert (seen.target, seen.table.classes, data.frame(path)["Betrag"][1]) == ("Art", ("H", "S"), -2.51)


def test_titles_above_years(tmp_path):
    made = [f'"Land {i}","L{i}",{i}.5,{i * i},{i % 7},' for i in range(30)]
    head = [
        '"Data Source","Indicators",',
        "",
        '"Last Updated","2021-03-04",',
        "",
        '"Name","Code","2010","2011","2012",',
    ]
    frame = data.frame(written(tmp_path, *head, *made))
    assert (frame.rows, frame.names[:5]) == (30, ("Name", "Code", "2010", "2011", "2012"))


def test_a_last_row_of_sums_is_told(tmp_path):
    made = [f"R{i},{i}.5,{'ab'[i % 2]}" for i in range(30)]
    assert "row 32, the last, is called 'Total': if it sums up" in odd(
        written(tmp_path, "region,units,kind", *made, "Total,450,a")
    )
    some = [one.replace(f"R{i}", ["Total", "Part"][i % 2]) for i, one in enumerate(made)]
    assert "is called" not in odd(written(tmp_path, "region,units,kind", *some, "Total,450,a"))
