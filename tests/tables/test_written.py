"""Numbers as spreadsheets write them: money, per cent, thousands, in files and in frames."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lucidnet as ln


def written(folder: Path, cells: list[str], separator: str = ",", other: str = "1.5") -> Path:
    """Write a file with a column of these cells, and another."""
    path = folder / "money.csv"
    rows = [f'"{cell}"{separator}{other}' for cell in cells]
    path.write_text("\n".join([f"price{separator}y", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("cells", "separator", "other", "values"),
    [
        (["$1,234.50", "$3", "-$2.25", "($10.00)"], ",", "1.5", [1234.5, 3, -2.25, -10]),
        (["30%", "5%", "", "12.5 %"], ",", "1.5", [30, 5, np.nan, 12.5]),
        (["1,234", "850", "2,000,000"], ",", "1.5", [1234, 850, 2e6]),
        (["1.042,07 €", "773,06 €", "n/a"], ";", "1,5", [1042.07, 773.06, np.nan]),
        (["1.200", "850", "2.400"], ";", "1,5", [1200, 850, 2400]),
        (["1.200", "850", "12,5"], ";", "15", [1200, 850, 12.5]),
        (["0.5", "1.250", "3"], ";", "1,5", [0.5, 1.25, 3]),
        (["1 234,5", "12", "1\u00a0000"], ";", "1,5", [1234.5, 12, 1000]),
        (["1'234.5", "12.0"], ";", "1.5", [1234.5, 12]),
        (["1,021,759", "950", "12,000"], ";", "1,5", [1021759, 950, 12000]),  # among decimal commas
        (["1,234", "2,345"], ";", "1.5", [1234, 2345]),  # there are decimal points
        (["R$ 1.042,07", "R$ 773,06"], ";", "15", [1042.07, 773.06]),
        (["₹1,12,448", "₹950", "₹12,34,56,789.5"], ",", "1.5", [112448, 950, 123456789.5]),
        (["250 kr", "1 200 kr"], ",", "1.5", [250, 1200]),
        (["\u22125.25", "3", "\u2212$1,200"], ",", "1.5", [-5.25, 3, -1200]),
        (["5", "#N/A", "#DIV/0!", "..", "*", ":", "--", "n.a."], ",", "1.5", [5, *[np.nan] * 7]),
        (["EUR 5", "EUR 1,250"], ",", "1.5", [5, 1250]),
    ],
)
def test_numbers_of_spreadsheets_are_numbers(
    tmp_path: Path, cells: list[str], separator: str, other: str, values: list[float]
) -> None:
    frame = ln.data.frame(written(tmp_path, cells, separator, other))
    np.testing.assert_array_equal(frame["price"], values)


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (["$5", "5 €"], ","),  # two kinds of money
        (["30%", "0.3"], ","),  # which is what?
        (["1,23,4", "5"], ","),
        (["18-24", "25-34"], ","),
        (["5", "(5"], ","),
        (["1,234", "2,345"], ";"),  # a decimal comma, or thousands
        (["$5 off", "$6"], ","),
        (["2,5", "1,2,3"], ","),
    ],
)
def test_what_is_no_number_for_certain_stays_a_text(tmp_path: Path, cells: list[str], separator: str) -> None:
    frame = ln.data.frame(written(tmp_path, cells, separator, "15"))
    assert frame["price"] == cells


def test_a_look_says_what_they_are_taken_as(tmp_path: Path) -> None:
    cells = [f"${1000 + 37 * i:,}" for i in range(30)]
    path = written(tmp_path, cells)
    path.write_text(
        "\n".join(f"{line}{i % 7}" if i else line for i, line in enumerate(path.read_text().split()))
    )
    told = ln.data.look(path, target="y")
    assert told.columns[0].kind == "number"
    assert "column 'price': its numbers are written as '$1,000', which is taken as 1000" in told.odd
    told = ln.data.look(path, target="price")
    assert told.task.startswith("regression of 'price': 30 different whole numbers, 1000 to 2073")
    assert "the target: its numbers are written as '$1,000', which is taken as 1000" in told.odd


@pytest.mark.parametrize("library", ["pandas", "polars", "dict"])
def test_frames_hold_them_too(library: str) -> None:
    columns: dict[str, Any] = {"price": ["$1,200", None, "$5.50"], "y": [1.5, 2.25, 3.0]}
    frame = columns if library == "dict" else pytest.importorskip(library).DataFrame(columns)
    table = ln.data.Table.fit(frame, target="y", task="regression", missing="mean")
    x, _ = table.apply(frame)
    np.testing.assert_allclose(x, [[1200], [602.75], [5.5]])
    # Plain numbers of another file are the same ones.
    np.testing.assert_allclose(table.apply({"price": [1200.0, 3.0]})[0], [[1200], [3]])


def test_missing_texts_are_said_to_become_the_most_frequent(tmp_path: Path) -> None:
    path = tmp_path / "survey.csv"
    path.write_text(
        "mood,y\n" + "".join(f"{('good', '', 'bad', 'good')[i % 4]},{i % 2}\n" for i in range(40))
    )
    told = ln.data.look(path)
    assert any(line.endswith("those of texts with the most frequent one") for line in told.odd)
    assert told.table is not None
    assert told.table.columns[0].fill == "good"


def test_categories_and_classes_stay_the_texts_that_they_were() -> None:
    columns = {
        "rate": ["<5%", "5%", "10%", "<5%"],
        "size": ["5 $", "more", "6 $", "more"],
        "x": [1.5, 2, 3, 4],
    }
    table = ln.data.Table.fit(columns, target="size", categories="one-hot")
    x, y = table.apply(columns)
    # Here all cells could be numbers.
    some = {name: cells[1:3] for name, cells in columns.items()} | {"size": ["6 $", "5 $"]}
    again, labels = table.apply(some)
    np.testing.assert_array_equal(again, x[1:3])
    assert y is not None and labels is not None
    assert [*labels] == [y[2], y[0]]
    with pytest.raises(ln.errors.DataError, match="the category '7%' is unknown"):
        table.apply({"rate": ["7%"], "x": [1.0]})
    with pytest.raises(ln.errors.DataError, match=r"the class '7 \$' of column size is unknown"):
        table.apply(some | {"size": ["6 $", "7 $"]})


@pytest.mark.parametrize(
    ("fitted", "given", "said"),
    [
        ("{}", "{}%", "row 0, column v: '2%' is of %; the model was trained on plain numbers"),
        ("${}", "{} €", "row 0, column v: '2 €' is of €; the model was trained on numbers of \\$"),
        ("{}%", "{}", ""),
        ("{}", "${}", ""),
        ("{}%", "{}%", ""),
    ],
)
def test_per_cent_and_other_money_are_not_taken_for_the_same(fitted: str, given: str, said: str) -> None:
    frame, other = (
        {"v": [form.format(i) for i in (2, 3, 5)], "y": [1.5, 2.5, 0.5]} for form in (fitted, given)
    )
    table = ln.data.Table.from_plain(ln.data.Table.fit(frame, target="y").to_plain())
    if said:
        with pytest.raises(ln.errors.DataError, match=said):
            table.apply(other)
    else:
        np.testing.assert_array_equal(table.apply(other)[0], [[2], [3], [5]])


def test_a_table_that_does_not_say_how_its_numbers_were_marked_takes_all() -> None:
    plain = ln.data.Table.fit({"v": [2, 3, 5], "y": [1.5, 2.5, 0.5]}, target="y").to_plain()
    for column in plain["columns"]:
        del column["mark"]  # as it was written before
    x, _ = ln.data.Table.from_plain(plain).apply({"v": ["2%", "3%"]})
    np.testing.assert_array_equal(x, [[2], [3]])
