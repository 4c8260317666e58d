"""Small files with the quirks of real ones: what `look` says of each, and what a `Table` makes of it."""

import re
import shlex

import numpy as np
import pytest

from lucidnet import data
from lucidnet.data import Table
from lucidnet.errors import DataError, FileError, LucidnetError, UnknownNameError
from tables.files import FILES

pd = pytest.importorskip("pandas")

TRAINED = [name for name, told in FILES.items() if told.task]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """All files, in one folder; by name the path of each."""
    folder = tmp_path_factory.mktemp("files")
    return {name: told.make(folder) for name, told in FILES.items()}


def fitted(name, path):
    told = FILES[name]
    return Table.fit(data.frame(path), target=told.target, **told.words)


def test_there_are_enough():
    assert len(FILES) >= 31


class TestLook:
    """What a look says of each file."""

    @pytest.mark.parametrize("name", FILES)
    def test_it_decides(self, made, name):
        told, seen = FILES[name], data.look(made[name])
        if not told.task:
            assert seen.table is None
            assert seen.command == seen.python == ""
            assert "one class only" in seen.task
            return
        assert (seen.target, seen.table.task, seen.table.classes) == (told.target, told.task, told.classes)
        assert seen.task.startswith(f"{told.task} of {told.target!r}")
        assert set(told.words.get("drop", ())) <= set(seen.table.dropped)
        assert re.search(told.odd, "\n".join(seen.odd)), seen.odd
        assert "nan" not in str(seen)

    @pytest.mark.parametrize("name", TRAINED)
    def test_the_lines_of_python_do_what_they_say(self, made, name):
        seen = data.look(made[name])
        given = {}
        exec(seen.python, given)
        assert given["table"] == seen.table
        assert given["x"].shape[1] == len(seen.table.inputs)
        assert np.isfinite(given["x"]).all()
        assert len(given["x"]) == len(given["y"])

    @pytest.mark.parametrize("name", TRAINED)
    def test_the_command_has_all_words(self, made, name):
        seen = data.look(made[name])
        program, verb, path, *words = shlex.split(seen.command)
        assert (program, verb, path) == ("lucidnet", "train", str(made[name]))
        assert words[:2] == ["--target", FILES[name].target]
        assert ("--standardize" in words) == any(column.mean is not None for column in seen.table.columns)
        assert ("--missing" in words) == (seen.table.missing is not None)
        numeric = data.frame(path).cells[seen.target].numbers is not None
        assert ("--task" in words) == numeric

    def test_a_target_may_be_said(self, made):
        seen = data.look(made["text_labels"], target=0)
        assert (seen.target, seen.table.task) == ("sepal_length", "regression")
        assert seen.table.inputs[-3:] == tuple(f"species={kind}" for kind in FILES["text_labels"].classes)
        with pytest.raises(UnknownNameError, match="unknown column 'specis': did you mean 'species'"):
            data.look(made["text_labels"], target="specis")

    def test_it_is_read_at_a_prompt_in_a_notebook_and_by_programs(self, made):
        import json

        seen = data.look(made["names_with_commas_missing_ages_and_sexes"])
        assert "Sex" in repr(seen)
        assert len(repr(seen).splitlines()) <= 40
        assert "<table" in seen._repr_html_()
        plain = json.loads(json.dumps(seen.to_plain()))
        assert plain["columns"][2]["plan"] == "one-hot, 2 inputs"
        assert Table.from_plain(plain["table"]) == seen.table

    def test_wide_tables_are_short(self, tmp_path):
        header = ",".join(["label", *(f"pixel{i}" for i in range(784))])
        rows = [f"{i % 3}," + ",".join(map(str, np.arange(784) * (1 + i) % 255)) for i in range(30)]
        (tmp_path / "a.csv").write_text("\n".join([header, *rows]))
        seen = data.look(tmp_path / "a.csv")
        assert seen.target == "label"
        assert len(str(seen).splitlines()) < 40

    def test_arrays(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=np.zeros((9, 4, 4), "u1"), y=np.arange(9) % 3 + 1)
        seen = data.look(tmp_path / "a.npz")
        assert "classification: 3 classes (1, 2, 3)" in str(seen)
        assert seen.command.endswith("a.npz")
        assert seen.table is None


class TestWords:
    """What is not plain is asked for, by the words to say."""

    @pytest.mark.parametrize("name", FILES)
    def test_it_is_read_as_it_is_or_asks(self, made, name):
        told = FILES[name]
        if told.asks:
            with pytest.raises(LucidnetError, match=told.asks) as caught:
                data.read(made[name])
            said = str(caught.value)
            assert re.search(
                r"target='?|missing='drop' \(--missing drop\)|\(--drop |--categories one-hot", said
            ), said
        elif told.task:
            found = data.read(made[name], target=told.target)
            assert found.classes == told.classes
            assert found.table.task == told.task
        else:
            with pytest.warns(UserWarning, match="is '0' in all 60 rows"):
                data.read(made[name])
            with pytest.raises(DataError, match="one class only"):
                Table.fit(data.frame(made[name]))

    def test_each_word_is_named(self, made):
        frame = data.frame(made["names_with_commas_missing_ages_and_sexes"])
        for words, said in (
            ({}, r"categories='one-hot' \(--categories one-hot\).*drop='Name' \(--drop Name\)"),
            ({"categories": "one-hot"}, r"column Name has 60 different texts in 60 rows.*drop='Name'"),
        ):
            with pytest.raises(DataError, match=said):
                Table.fit(frame.without("Age"), **words)
        with pytest.raises(
            DataError,
            match=r"row 2, column Age: expected a number, got '': the cell is missing.*missing='drop' \(--missing drop\).*missing='mean' \(--missing mean\)",
        ):
            Table.fit(frame, drop="Name", categories="one-hot")


class TestFit:
    """Inputs and targets, beside what pandas reads."""

    @pytest.mark.parametrize("name", [name for name in TRAINED if FILES[name].pandas is not None])
    def test_beside_pandas(self, made, name):
        told, path = FILES[name], made[name]
        table = fitted(name, path)
        x, y = table.apply(data.frame(path))
        assert (table.task, table.classes, x.shape[1]) == (told.task, told.classes, told.inputs)
        assert (x.dtype, y.dtype) == (np.float32, np.int64 if told.classes else np.float32)
        frame = pd.read_csv(path, **told.pandas).rename(columns=str)
        frame = frame[[*(column.name for column in table.columns), table.target]]
        if table.missing == "drop":
            frame = frame.dropna()
        target = frame.pop(table.target)
        expected = []
        for column in frame:
            values = frame[column]
            if values.dtype == object or values.dtype == "string" or str(values.dtype) == "str":
                if table.columns[0].kind == "date":
                    values = (pd.to_datetime(values) - pd.Timestamp("1970-01-01")).dt.days
                else:
                    values = values.fillna(values.mode()[0])
                    expected += [values == kind for kind in sorted(values.unique())]
                    continue
            values = values.astype(float)
            known = values  # what is missing counts neither for the mean nor for the deviation
            values = values.fillna(known.mean())
            if told.words.get("standardize"):
                values = (values - known.mean()) / known.std(ddof=0)
            expected.append(values)
        np.testing.assert_allclose(x, np.stack(expected, 1).astype(float), rtol=1e-5, atol=1e-5)
        if told.classes:
            assert table.names(y).tolist() == target.astype(str).tolist()
        else:
            np.testing.assert_allclose(table.values(y), target, rtol=1e-6)

    @pytest.mark.parametrize("name", TRAINED)
    def test_without_a_target(self, made, name):
        frame = data.frame(made[name])
        table = fitted(name, made[name])
        rows = table.kept(frame)
        x, _ = table.apply(frame)
        bare = frame.without(table.target)
        again, none = table.apply(bare)
        assert none is None
        np.testing.assert_array_equal(again[rows], x)

    @pytest.mark.parametrize("name", TRAINED)
    def test_frames_of_libraries_give_the_same(self, made, name):
        pl = pytest.importorskip("polars")
        frame, table = data.frame(made[name]), fitted(name, made[name])
        x, y = table.apply(frame)
        columns = {one: frame[one] for one in frame}
        nulls = {
            one: [None if v != v else v for v in values] if not isinstance(values, list) else values
            for one, values in columns.items()
        }
        for given in (
            columns,
            pd.DataFrame(columns),
            pl.DataFrame(nulls),
            pl.DataFrame(nulls).to_arrow() if _has_arrow() else columns,
        ):
            np.testing.assert_array_equal(table.apply(given)[0], x)
            np.testing.assert_array_equal(table.apply(given)[1], y)
            assert Table.fit(given, target=table.target, **FILES[name].words) == table

    @pytest.mark.parametrize("name", TRAINED)
    def test_plain_data_and_back(self, made, name):
        import json

        table = fitted(name, made[name])
        assert Table.from_plain(json.loads(json.dumps(table.to_plain())), "m") == table
        assert hash(table) == hash(Table.from_plain(table.to_plain()))


def _has_arrow():
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


class TestMisuse:
    """Columns are found by name; what does not fit is named."""

    @pytest.mark.parametrize("name", TRAINED)
    def test_permuted_columns_are_put_in_order(self, made, name):
        frame, table = data.frame(made[name]), fitted(name, made[name])
        names = list(frame)[::-1]
        other = data.Frame(names, [frame.cells[one] for one in names])
        np.testing.assert_array_equal(table.apply(other)[0], table.apply(frame)[0])
        np.testing.assert_array_equal(table.apply(other)[1], table.apply(frame)[1])

    @pytest.mark.parametrize("name", TRAINED)
    def test_a_missing_column_is_named(self, made, name):
        frame, table = data.frame(made[name]), fitted(name, made[name])
        column = table.columns[-1].name
        with pytest.raises(DataError, match=f"lacks the column {re.escape(repr(column))}"):
            table.apply(frame.without(column))

    @pytest.mark.parametrize("name", TRAINED)
    def test_an_unknown_column_is_named(self, made, name):
        frame, table = data.frame(made[name]), fitted(name, made[name])
        other = data.Frame(
            [*frame, "more"],
            [*frame.cells.values(), frame.cells[table.columns[0].name]],
            frame.source,
            frame.lines,
        )
        with pytest.raises(DataError, match="has the unknown column 'more'"):
            table.apply(other)

    @pytest.mark.parametrize("name", [name for name in TRAINED if FILES[name].classes])
    def test_an_unknown_class_is_named_with_its_row(self, made, name):
        frame, table = data.frame(made[name]), fitted(name, made[name])
        row = int(table.kept(frame)[2])
        cells = frame.cells[table.target]
        texts = [cells.text(i) for i in range(len(cells))]
        texts[row] = "other"
        columns = [dict(frame)[one] for one in frame if one != table.target]
        other = dict(zip([one for one in frame if one != table.target], columns, strict=True)) | {
            table.target: [None if i in cells.missing else text for i, text in enumerate(texts)]
        }
        with pytest.raises(
            DataError,
            match=rf"row {row}: the class 'other' of column {re.escape(table.target)} is unknown; known are",
        ):
            table.apply(other)

    @pytest.mark.parametrize("name", [name for name in TRAINED if "categories" in FILES[name].words])
    def test_an_unknown_category_is_named_with_its_row(self, made, name):
        frame, table = data.frame(made[name]), fitted(name, made[name])
        column = next(one for one in table.columns if one.kind == "category")
        columns = {one: list(frame[one]) for one in frame}
        columns[column.name][7] = "other"
        with pytest.raises(
            DataError, match=f"row 7, column {column.name}: the category 'other' is unknown; known are"
        ):
            table.apply(columns)

    @pytest.mark.parametrize("name", TRAINED)
    def test_another_file_is_refused(self, made, name):
        table = fitted(name, made[name])
        other = "minus_one_and_one" if name != "minus_one_and_one" else "text_labels"
        with pytest.raises(DataError, match="lacks the column.*the model knows"):
            table.apply(data.frame(made[other]))

    def test_fewer_classes_keep_their_numbers(self, made):
        frame = data.frame(made["text_labels"])
        table = Table.fit(frame)
        y = table.apply(frame)[1]
        rows = np.flatnonzero(y > 0)
        assert table.apply(frame.taken(rows))[1].tolist() == y[rows].tolist()

    def test_a_near_name_is_offered(self):
        table = Table.fit({"height": [1.0, 2.0], "kind": ["a", "b"]})
        with pytest.raises(
            DataError,
            match=r"the frame lacks the column 'height' and has the unknown column 'heigth'; is 'heigth' what was 'height'\?",
        ):
            table.apply({"heigth": [1.0], "kind": ["a"]})

    def test_a_missing_cell_where_none_was(self):
        table = Table.fit({"a": [1.0, 2.0], "kind": ["a", "b"]})
        with pytest.raises(DataError, match=r"row 1, column a: .*missing='drop'"):
            table.apply({"a": [1.0, None]})
        dropping = Table.fit({"a": [1.0, 2.0, None], "kind": ["a", "b", "a"]}, missing="drop")
        with pytest.raises(DataError, match="row 1, column a: the cell is missing .*it has no target"):
            dropping.apply({"a": [1.0, None]})


class TestTargets:
    """Which targets are classes."""

    @pytest.mark.parametrize(
        ("values", "classes"),
        [
            ([0, 1], ("0", "1")),
            ([1, 2, 3], ("1", "2", "3")),
            ([-1, 1], ("-1", "1")),
            ([3, 4, 5, 8], ("3", "4", "5", "8")),
            ([0, 255] * 20, ("0", "255")),
            ([0, 255], None),
            (list(range(21)), None),
            (list(range(100)) * 10, tuple(map(str, range(100)))),
            (list(range(100)) * 9, None),
            ([0.5, 1.0], None),
            ([10**12, 10**12 + 7], None),
            ([True, False], ("False", "True")),
            (["b", "a"], ("a", "b")),
            ([1.0, 2.0], ("1", "2")),
        ],
    )
    def test_without_a_word(self, values, classes):
        table = Table.fit({"x": np.arange(len(values)), "y": values})
        assert table.classes == classes
        assert table.task == ("regression" if classes is None else "classification")
        assert table.outputs == (1 if classes is None else len(classes))

    def test_with_a_word(self):
        frame = {"x": np.arange(40), "y": np.arange(40) % 4}
        assert Table.fit(frame, task="regression").classes is None
        assert Table.fit(frame | {"y": np.arange(40) * 7 % 5 * 100}, task="classification").outputs == 5
        with pytest.raises(DataError, match="tells texts apart"):
            Table.fit(frame | {"y": list("abcd") * 10}, task="regression")

    def test_more_than_a_thousand_classes_need_a_word(self):
        names = [f"c{i}" for i in range(1001)] * 2
        frame = {"x": np.arange(2002), "y": names}
        with pytest.raises(DataError, match=r"has 1,001 classes.*task='classification'"):
            Table.fit(frame)
        assert Table.fit(frame, task="classification").outputs == 1001

    def test_names_of_rows_are_no_classes(self):
        with pytest.raises(DataError, match="30 different texts in 30 rows"):
            Table.fit({"x": np.arange(30), "y": [f"c{i}" for i in range(30)]})

    def test_arrays_and_tables_decide_alike(self, tmp_path):
        for values in ([0, 1], [1, 2, 3], [-1, 1], [3, 40, 700], [0.5, 2], list(range(30))):
            y = np.array(values * 3)
            np.savez(tmp_path / "a.npz", x=np.arange(2.0 * len(y)).reshape(-1, 2), y=y)
            rows = np.c_[np.arange(2.0 * len(y)).reshape(-1, 2), y]
            (tmp_path / "a.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
            arrays, table = data.read(tmp_path / "a.npz"), data.read(tmp_path / "a.csv")
            assert arrays.classes == table.classes
            np.testing.assert_array_equal(arrays.y, table.y, strict=True)


class TestNames:
    """Outputs of a network, as names."""

    TABLE = Table.fit({"x": [1, 2, 3], "y": ["no", "yes", "yes"]})

    @pytest.mark.parametrize(
        "given",
        [
            [[0.2, 0.8], [0.9, 0.1]],
            [[0.8], [0.1]],
            [1, 0],
            [0.7, 0.2],
            np.array([True, False]),
            np.float32([[0.4, 0.6], [1, 0]]),
        ],
    )
    def test_of_outputs(self, given):
        assert self.TABLE.names(given).tolist() == ["yes", "no"]

    @pytest.mark.parametrize("given", [[[1, 2, 3]], [2], [-1], [[np.nan, 1]], ["yes"], [[[1, 2]]]])
    def test_what_is_none(self, given):
        with pytest.raises(DataError, match="names: "):
            self.TABLE.names(given)

    def test_of_numbers(self):
        table = Table.fit({"x": [1, 2, 3], "y": [0.5, 100.25, 3.5]}, standardize=True)
        x, y = table.apply({"x": [1, 2, 3], "y": [0.5, 100.25, 3.5]})
        assert abs(y.mean()) < 1e-6
        np.testing.assert_allclose(table.values(y), [0.5, 100.25, 3.5], atol=1e-5)
        with pytest.raises(DataError, match="a number, no class"):
            table.names(y)
        with pytest.raises(DataError, match="is a class"):
            self.TABLE.values([1])


class TestHostile:
    """What a file says of a table is checked, whoever wrote it."""

    def whole(self):
        frame = {
            "a": [1.0, 2.0, None],
            "c": ["x", "y", "x"],
            "d": ["2020-01-01", "2020-01-02", None],
            "k": ["p", "q", "p"],
        }
        return Table.fit(frame, missing="mean", categories="one-hot", standardize=True, dates="days")

    def test_mutants(self):
        import copy

        rng = np.random.default_rng(0)
        junk = [
            None,
            1,
            -1,
            0,
            1.5,
            float("nan"),
            float("inf"),
            "",
            "x",
            "\ud800",
            [],
            {},
            [1],
            ["x", "x"],
            {"a": 1},
            True,
            2**70,
            "number",
            "category",
            "date",
            "drop",
            [[]],
            b"x",
        ]
        whole, refused, frame = 0, 0, {"a": [1.0], "c": ["x"], "d": ["2020-01-01"]}
        for _ in range(3000):
            plain = copy.deepcopy(self.PLAIN)
            for _ in range(rng.integers(1, 3)):
                place = (
                    plain["columns"][rng.integers(3)]
                    if rng.random() < 0.6
                    and isinstance(plain.get("columns"), list)
                    and all(isinstance(c, dict) for c in plain["columns"])
                    and len(plain["columns"]) == 3
                    else plain
                )
                key = rng.choice([*place, "more"]) if place else "more"
                if rng.random() < 0.1:
                    place.pop(key, None)
                else:
                    place[key] = junk[rng.integers(len(junk))]
            try:
                table = Table.from_plain(plain, "m.safetensors")
            except FileError as error:
                assert error.file == "m.safetensors"
                refused += 1
                continue
            whole += 1
            try:
                x, _ = table.apply(frame)
                assert x.shape == (1, len(table.inputs))
            except DataError:
                pass
            assert Table.from_plain(table.to_plain()) == table
            assert str(table)
            assert repr(table)
        assert whole > 50
        assert refused > 1000

    PLAIN = property(lambda self: self.whole().to_plain())

    @pytest.mark.parametrize("given", [None, 1, "x", [], {}, {"format": 1}, b"x"])
    def test_other_things(self, given):
        with pytest.raises(FileError, match="m: "):
            Table.from_plain(given, "m")

    def test_of_a_later_version(self):
        with pytest.raises(FileError, match="a table of format 99, which this version does not know"):
            Table.from_plain(self.whole().to_plain() | {"format": 99}, "m")
