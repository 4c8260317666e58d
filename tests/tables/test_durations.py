"""Durations and times of day: how they are read, beside pandas, and where they are refused."""

import numpy as np
import pytest

from lucidnet import data
from lucidnet.cli.data import Asked, open_task
from lucidnet.data import Table
from lucidnet.data.durations import seconds_in
from lucidnet.errors import DataError


def written(folder, names, rows):
    path = folder / "table.csv"
    path.write_text("\n".join([names, *rows]) + "\n", encoding="utf-8")
    return path


def fitted(cells, **words):
    kinds = [["a", "b"][i % 2] for i in range(len(cells))]
    table = Table.fit({"took": cells, "y": kinds}, **words)
    return table, table.apply({"took": cells})[0][:, 0]


@pytest.mark.parametrize(
    "texts",
    [
        ["01:23:45", "100:00:01", "0:00:00.25"],
        ["0 days 01:23:45", "-1 days +23:59:50", "2 days 00:00:00.5"],  # pandas' own
        ["1 days, 2:03:04", "3 days 0:00:00"],
        ["PT1H20M", "P1DT2S", "PT0.5S", "-PT5M"],  # ISO 8601, as polars writes them
        ["1h 20m", "20 min", "1.5 hours", "2 days 3 h", "10 s", "250 ms"],
        ["5 minutes", "1 hour 5 minutes", "90 seconds"],
    ],
)
def test_durations_beside_pandas(texts):
    pd = pytest.importorskip("pandas")
    table, x = fitted(texts)
    right = [pd.Timedelta(text.replace(",", "")).total_seconds() for text in texts]
    np.testing.assert_allclose(x, right, rtol=1e-6)
    assert (table.columns[0].kind, table.columns[0].mark) == ("number", "h:m:s")


@pytest.mark.parametrize(
    ("texts", "seconds", "way"),
    [
        (["08:30", "23:05"], [30600, 83100], "h:m"),
        (["45:10", "1:02:03"], [2710, 3723], "m:s"),  # 45 hours would be no time beside 1:02:03
        (["1:23.456", "0:59.1"], [83.456, 59.1], "m:s"),
        (["08:30 PM", "12:15 am"], [73800, 900], "h:m:s"),
        (["18.00.00", "9.30.15"], [64800, 34215], "h:m:s"),
        (["3 Tage", "2 Stunden 5 Min."], [259200, 7500], "h:m:s"),
        (["1h20", "0h05"], [4800, 300], "h:m:s"),
        (["5 m", "1 h"], [300, 3600], "h:m:s"),
        (["1 hora y 5 minutos"], [3900], "h:m:s"),
        (["7 pm", "12 a.m.", "8:30 AM"], [68400, 0, 30600], "h:m:s"),
    ],
)
def test_other_ways(texts, seconds, way):
    found, told = seconds_in(texts)
    np.testing.assert_allclose([found[text] for text in texts], seconds)
    assert told == way


@pytest.mark.parametrize(
    "texts",
    [
        ["12:05", "1:02:03"],  # of hours or of minutes
        ["5 m"],  # meters
        ["3d", "2d"],  # dimensions
        ["16:99"],
        ["4:3", "16:9"],
        ["10.12.24", "11.12.24"],  # dates
        ["1.22.17", "1.23.10"],  # versions
        ["98:87", "102:99"],  # scores
        ["13 pm", "7 p"],
        ["36 months"],
        ["1h 5h"],
        ["20m 1h"],
        ["5M", "3M"],
        ["13:00 PM"],
        ["P", "PT"],
        ["H1", "1A"],
        ["NA", ""],
    ],
)
def test_what_is_no_duration(texts):
    assert seconds_in(texts) is None


def test_missing_cells_are_filled_and_standardized():
    cells = ["0:01:40", "", "0:05:00", "0:03:20", "NA"]
    table, x = fitted(cells, missing="mean", standardize=True)
    numbers = np.array([100, 300, 200.0])
    np.testing.assert_allclose(x[[0, 2, 3]], (numbers - 200) / numbers.std(), rtol=1e-6)
    np.testing.assert_allclose(x[[1, 4]], 0, atol=1e-6)
    assert Table.from_plain(table.to_plain()) == table


def test_minutes_are_minutes_later_too():
    table, _ = fitted(["45:10", "1:02:03", "59:00"])
    for later, seconds in (("12:05", 725), ("1:12:05", 4325), ("0:59.5", 59.5)):
        assert table.apply({"took": [later]})[0].tolist() == [[seconds]]
    assert table.apply({"took": ["12:05", "1:12:05"]})[0].tolist() == [[725], [4325]]


@pytest.mark.parametrize(
    ("known", "later", "said"),
    [
        (
            ["08:30", "09:00"],
            ["08:30:15"],
            "'08:30:15': the model was trained on hours and minutes, as 08:30",
        ),
        (["0:08:30", "0:09:00"], ["08:30"], "'08:30': the model was trained on durations; .* as 1:02:30"),
        (["0:08:30", "0:09:00"], [510], "'510': the model was trained on durations"),
        ([8.5, 9], ["0:08:30"], "'0:08:30': the model was trained on plain numbers"),
        (["$8", "$9"], ["0:08:30"], r"'0:08:30': the model was trained on \$ numbers"),
    ],
)
def test_what_does_not_go_with_the_training_is_named(known, later, said):
    table, _ = fitted(known)
    with pytest.raises(DataError, match=f"row 0, column took: {said}"):
        table.apply({"took": later})


@pytest.mark.parametrize(
    ("known", "later", "seconds"),
    [
        (["5 m", "1 h"], ["5 m"], [300]),  # alone it would be of meters
        (["2 d", "3 h"], ["2 d", "1 d"], [172800, 86400]),
        (["18.00.00", "9.30.15"], ["10.12.24"], [36744]),  # a date
        (["18.00.00", "9.30.15"], ["9.30.15"], [34215]),
        (["45:10", "1:02:03"], ["12:05", "1:12:05", "-"], [725, 4325, 3216.5]),
    ],
)
def test_cells_that_alone_would_be_something_else(known, later, seconds):
    table, _ = fitted([*known, ""], missing="mean")
    np.testing.assert_allclose(table.apply({"took": later})[0][:, 0], seconds)


@pytest.mark.parametrize(
    ("known", "later", "row", "cell"),
    [
        (["0:08:30", "0:09:00"], ["1:02:30", "soon"], 1, "soon"),
        (["0:08:30", "0:09:00"], ["1:02:30", "12:05"], 1, "12:05"),
        (["45:10", "1:02:03"], ["12:05", "1:12:05", "-"], 2, "-"),
        (["08:30", "09:00"], ["09:00", "09:00:15"], 1, "09:00:15"),
    ],
)
def test_the_cell_that_does_not_go_with_the_training_is_named(known, later, row, cell):
    table, _ = fitted(known)
    with pytest.raises(DataError, match=f"row {row}, column took: '{cell}': the model was trained on"):
        table.apply({"took": later})


def test_models_of_before_know_no_durations():
    table = fitted([8.5, 9])[0].to_plain()
    table["columns"][0].pop("mark")
    with pytest.raises(DataError, match="'0:08:30': the model was trained on plain numbers"):
        Table.from_plain(table).apply({"took": ["0:08:30"]})
    assert Table.from_plain(table).apply({"took": ["$5"]})[0].tolist() == [[5]]


def test_what_goes_with_the_training():
    table, _ = fitted(["0:08:30", "0:09:00", "0:10:00"])
    assert table.apply({"took": ["8m 30s"]})[0].tolist() == [[510]]
    assert table.apply({"took": [np.timedelta64(510, "s")]})[0].tolist() == [[510]]
    table, _ = fitted(["08:30", "09:00"])
    assert table.apply({"took": ["10:00"]})[0].tolist() == [[36000]]


def test_they_are_predicted_in_seconds(tmp_path):
    rows = [f"{20 + i % 40},{1 + i // 60}:{i % 60:02d}:0{i % 7}" for i in range(70)]
    path = written(tmp_path, "age,finish", rows)
    seen = data.look(path)
    assert (seen.target, seen.table.task) == ("finish", "regression")
    said = (
        "the target: its cells are durations, or times of day, as '1:00:00', which is taken as 3600 seconds"
    )
    assert said in seen.odd and "if these durations are classes: --task classification" in seen.odd
    assert seen.task == "regression of 'finish': 70 different durations, 3600 to 7746 seconds"
    assert (seen.columns[-1].kind, seen.columns[-1].holds) == ("duration", "3600 to 7746 seconds")
    y = seen.table.apply(data.frame(path))[1] * seen.table.scale + seen.table.center
    np.testing.assert_allclose(y, [3600 + 60 * i + i % 7 for i in range(70)], rtol=1e-5)
    classes = Table.fit(data.frame(path), target="finish", task="classification").classes
    assert classes[:2] == ("1:00:00", "1:01:01")


@pytest.mark.parametrize("cells", [["45:10", "50:00"], ["45:10", "1:02:03"]])
def test_targets_of_hours_or_of_minutes_are_refused(cells):
    with pytest.raises(
        DataError, match="the target, column y, is '45:10', of hours or of minutes; write .*--task classi"
    ):
        Table.fit({"v": [1, 2], "y": cells})
    assert Table.fit({"v": [1, 2], "y": cells}, task="classification").classes == tuple(sorted(cells))


def test_what_look_says(tmp_path):
    rows = [
        f"{i % 24}:{i % 60:02d}:00,{1 + i // 60}h {i % 60}m,{'12:05' if i % 2 else '1:02:03'},{'ab'[i % 2]}"
        for i in range(80)
    ]
    seen = data.look(written(tmp_path, "start,took,unclear,y", rows))
    kinds = {one.name: (one.kind, one.plan) for one in seen.columns}
    assert kinds["start"] == kinds["took"] == ("duration", "input")
    assert kinds["unclear"] == ("category", "one-hot, 2 inputs")
    said = "\n".join(seen.odd)
    assert (
        "column 'took': its cells are durations, or times of day, as '1h 0m', which is taken as 3600 sec"
        in said
    )
    assert "column 'unclear': its cells are times, as '12:05', of hours or of minutes: with both" in said


def test_training_tells_what_is_read_as_durations(tmp_path):
    """They may be ratios, and nobody has to call `look`."""
    path = written(
        tmp_path,
        "score,took,age,y",
        [f"{i % 7 + 1}:{i % 5 + 10},1h {i}m,{i},{'ab'[i % 2]}" for i in range(40)],
    )
    told = open_task(str(path), Asked(target="y")).title()
    assert "column score holds durations, or times of day: '1:10', which is taken as 4200 seconds" in told
    assert "column age" not in told
    assert "durations" not in open_task(str(path), Asked(target="y", drop="score,took")).title()


def test_models_of_before_keep_their_categories():
    table = Table.fit({"v": ["a", "b"], "y": [0.5, 1]}, categories="one-hot").to_plain()
    table["columns"][0]["categories"] = ["08:30", "09:00"]
    made = Table.from_plain(table).apply({"v": ["09:00", "08:30"]})[0]
    assert made.tolist() == [[0, 1], [1, 0]]


def test_long_texts_are_read_to_their_end():
    """A pattern that tries all ways to divide such a text would not come back."""
    for text in ("1 h" + " " * 200_000 + "x", "1h," * 50_000, "1" * 200_000, "1 h and " * 30_000):
        assert seconds_in([text]) is None
        Table.fit({"v": [text, "b"], "y": [1, 2]}, categories="one-hot")
