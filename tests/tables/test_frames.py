"""Columns of every kind, from frames of libraries; what a file of text says of how it is written."""

import datetime
import decimal
import random

import numpy as np
import pytest

from lucidnet import data
from lucidnet.data import Table
from lucidnet.data.form import has_header
from lucidnet.errors import DataError, FileError, LucidnetError

pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
pytest.importorskip("narwhals")

KINDS = list("abab")
DAY = datetime.date(2020, 1, 1)


def first(column, library="pandas", **words):
    """Return the first input of a frame with a column."""
    frame = {"i": column, "kind": KINDS}
    made = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "dict": dict}[library](frame)
    return Table.fit(made, **words).apply(made)[0].T.tolist()


class TestColumns:
    """What becomes of a column."""

    @pytest.mark.parametrize(
        "column",
        [
            pd.array([1, 2, None, 4], dtype="Int64"),
            pd.array([1, 2, None, 4], dtype="Float32"),
            np.array([1, 2, None, 4], object),
            [1.0, 2.0, float("nan"), 4.0],
            np.array(["1", "2", None, "4"], object),
            [decimal.Decimal(1), decimal.Decimal(2), None, decimal.Decimal(4)],
            pd.Categorical([1, 2, None, 4]),
        ],
    )
    def test_numbers_with_one_missing(self, column):
        np.testing.assert_allclose(first(column, missing="mean"), [[1, 2, 7 / 3, 4]], rtol=1e-6)
        with pytest.raises(DataError, match="row 2, column i: .*missing='drop'"):
            first(column)

    @pytest.mark.parametrize("library", ["pandas", "polars", "dict"])
    @pytest.mark.parametrize(
        "column",
        [[True, False, False, True], ["true", "false", "False", "TRUE"], [1, 0, 0, 1], [1.0, 0.0, 0.0, 1.0]],
    )
    def test_truths(self, column, library):
        assert first(column, library) == [[1, 0, 0, 1]]

    @pytest.mark.parametrize("library", ["pandas", "polars", "dict"])
    def test_dates(self, library):
        dates = [DAY, DAY + datetime.timedelta(1), DAY, DAY + datetime.timedelta(366)]
        days = [[18262, 18263, 18262, 18628]]
        assert first(dates, library, dates="days") == days
        assert first([date.strftime("%d.%m.%Y") for date in dates], library, dates="days") == days
        assert first([f"{date} 12:00" for date in dates], library, dates="days") == [
            [d + 0.5 for d in days[0]]
        ]
        with pytest.raises(
            DataError, match=r"got the date '2020-01-01'; drop='i' \(--drop i\) .*dates='days'"
        ):
            first([str(date) for date in dates], library)
        with pytest.raises(DataError, match="day and month cannot be told apart"):
            first(["01/02/2020"] * 4, library, dates="days")

    def test_categories(self):
        for column in (["u", "v", "u", "w"], pd.Categorical(["u", "v", "u", "w"])):
            assert first(column, categories="one-hot") == [[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
        enum = pl.Series(["u", "v", "u", "w"], dtype=pl.Enum(["w", "v", "u"]))
        assert first(enum, "polars", categories="one-hot") == [[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]

    def test_names_that_are_no_texts(self):
        frame = pd.DataFrame({0: [1, 2, 3, 4], 1: KINDS})
        assert Table.fit(frame).inputs == ("0",)

    def test_targets_apart(self):
        frame = pd.DataFrame({"i": [1, 2, 3, 4]})
        table = Table.fit(frame, target=pd.Series(KINDS, name="kind"))
        assert (table.target, table.classes) == ("kind", ("a", "b"))
        assert table.apply(frame)[1] is None
        assert table.apply(frame, target=KINDS)[1].tolist() == [0, 1, 0, 1]
        assert Table.fit(frame, target=np.array([0.5, 1, 2, 3])).task == "regression"

    def test_texts_of_numbers_are_classes_in_order(self):
        assert Table.fit({"i": range(4), "digit": ["10", "9", "10", "9"]}).classes == ("9", "10")

    @pytest.mark.parametrize(
        ("frame", "said"),
        [
            (pd.DataFrame(np.zeros((4, 3)), columns=["a", "a", "b"]), "two columns named 'a'"),
            (pl.LazyFrame({"a": [1], "b": [2]}), r"lazy: give frame.collect\(\)"),
            (pd.DataFrame({"a": [1j] * 4, "b": KINDS}), "column 'a' must hold numbers, texts or dates"),
            (pl.DataFrame({"a": [[1], [2], [3], [4]], "b": KINDS}), "column 'a' must hold numbers"),
            (np.zeros((4, 2)), "expected a frame .*got ndarray"),
            (pd.Series([1, 2]), "expected a frame .*got Series"),
            ({"a": [1, 2], "b": [1]}, r"different lengths \(a 2, b 1\)"),
            ({"a": [], "b": []}, "has no rows"),
            ({}, "has no columns"),
            ({"a": [1, 2]}, "found one"),
            ({"a": [None, None], "b": [1, 2]}, r"column a is empty throughout; leave it out: drop='a' \(--drop a\)"),
        ],
    )  # fmt: skip
    def test_what_is_no_table(self, frame, said):
        with pytest.raises(DataError, match=said):
            Table.fit(frame)


class TestForm:
    """How a table is written."""

    def frame(self, folder, text, name="a.csv", **said):
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return data.frame(folder / name, **said)

    @pytest.mark.parametrize(
        ("rows", "header"),
        [
            ([["a", "b"], ["1", "2"]], True),
            ([["1", "2"], ["3", "4"]], False),
            ([["5.1", "setosa"], ["4.9", "setosa"]], False),
            ([["e", "x"], ["p", "x"], ["e", "y"]], False),
            ([["name", "kind"], ["x", "e"], ["y", "p"]], True),
            ([["", "0", "1"], ["0", "2.5", "3"], ["1", "2", "4"]], True),
            ([["id", "0", "1"], ["0", "2.5", "3"], ["1", "2", "4"]], True),
            ([["150", "4", "setosa", "virginica"], ["5", "3", "1", "0"], ["4", "3", "1", "1"]], True),
            ([["x", "2"], ["3", "4"], ["5", "6"]], False),
            ([["?", "2"], ["3", "4"], ["5", "6"]], False),
            ([["1", "2", ""], ["2", "3", ""]], False),
        ],
    )
    def test_a_header_or_none(self, rows, header):
        assert has_header(rows) == header

    @pytest.mark.parametrize(
        ("text", "separator", "decimal"),
        [
            ("a;b\n1,5;2\n2,25;3\n", ";", ","),
            ("1,5;2,5;0\n1,25;3,5;1\n", ";", ","),
            ("a;b\n1,234;2\n2,345;3\n", ";", "."),
            ("a;b\n1.5;2\n2.5;3\n", ";", "."),
            ("a\tb\n1,5\t2\n", "\t", ","),
            ("a|b\n1|2\n", "|", "."),
            ("a,b\n1,2\n", ",", "."),
            ('a,b\n"x;y",2\n"x;z",3\n', ",", "."),
            ("name;x\nDoe, Jo;1\nRoe, Al;2\n", ";", "."),
        ],
    )
    def test_signs(self, tmp_path, text, separator, decimal):
        form = self.frame(tmp_path, text).form
        assert (form["separator"], form["decimal"]) == (separator, decimal)

    def test_what_is_said_goes_before_what_is_found(self, tmp_path):
        frame = self.frame(tmp_path, "a;b\n1,234;2\n2,345;3\n", decimal=",")
        assert frame["a"].tolist() == [1.234, 2.345]
        assert self.frame(tmp_path, "1,2\n3,4\n", header=True).names == ("1", "2")
        assert self.frame(tmp_path, "a,b\n1,2\n", header=False)["0"] == ["a", "1"]
        assert self.frame(tmp_path, "ä,b\n1,2\n".encode("cp850"), encoding="cp850").names == ("ä", "b")
        for wrong in ({"separator": ";;"}, {"encoding": "none"}, {"encoding": "zip"}):
            with pytest.raises(FileError, match=next(iter(wrong))):
                self.frame(tmp_path, "1,2\n", **wrong)

    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
    )
    def test_encodings(self, tmp_path, encoding):
        frame = self.frame(tmp_path, "Größe,Art\n1,süß\n2,groß\n".encode(encoding))
        assert (frame.names, frame["Art"]) == (("Größe", "Art"), ["süß", "groß"])

    def test_a_sign_of_latin_1_far_down(self, tmp_path):
        text = "n,name\n" + "1,plain\n" * 50_000 + "2,süß\n"
        frame = self.frame(tmp_path, text.encode("latin-1"))
        assert (frame.form["encoding"], frame["name"][-1]) == ("cp1252", "süß")

    def test_a_text_far_down(self, tmp_path):
        text = "n,size\n" + "1,007\n" * 5000 + "2,large\n"
        assert self.frame(tmp_path, text)["size"][:1] + self.frame(tmp_path, text)["size"][-1:] == [
            "007",
            "large",
        ]

    def test_remarks_at_the_beginning(self, tmp_path):
        np.savetxt(tmp_path / "a.txt", [[1, 2.5], [3, 4]], header="made by hand\nleft right")
        frame = data.frame(tmp_path / "a.txt")
        assert (frame.names, frame["right"].tolist()) == (("left", "right"), [2.5, 4])
        assert self.frame(tmp_path, "#,b\n1,2\n").names == ("#", "b")

    def test_rows_of_another_length_are_named(self, tmp_path):
        with pytest.raises(DataError, match="row 4 has 3 cells, expected 2"):
            self.frame(tmp_path, "a,b\n1,2\n\n3,4,5\n")

    def test_separators_at_the_end_of_rows_shift_nothing(self, tmp_path):
        frame = self.frame(tmp_path, "a,b\n1,2,\n3,4,\n")
        assert (frame.names, frame["a"].tolist()) == (("a", "b", "Unnamed: 2"), [1, 3])
        assert self.frame(tmp_path, "a,b\nx,1,2\ny,3,4\n")["Unnamed: 0"] == ["x", "y"]

    def test_a_line_that_says_the_separator(self, tmp_path):
        frame = self.frame(tmp_path, "sep=;\na;b\n1,5;2\n")
        assert (frame.names, frame["a"].tolist()) == (("a", "b"), [1.5])

    def test_columns_cannot_be_written_into(self, tmp_path):
        with pytest.raises(ValueError, match="read-only"):
            self.frame(tmp_path, "a,b\n1,2\n")["a"][0] = 7

    def test_quotes(self, tmp_path):
        frame = self.frame(tmp_path, 'a,b\n1,"x, ""y"""\n2,"two\nlines"\n')
        assert frame["b"] == ['x, "y"', "two\nlines"]
        assert self.frame(tmp_path, "a,b\n1,'x, y'\n2,'z'\n")["b"] == ["x, y", "z"]

    def test_names_as_pandas_makes_them(self, tmp_path):
        text = "a,,a,a.1,a\n1,2,3,4,5\n"
        (tmp_path / "a.csv").write_text(text)
        assert len(set(data.frame(tmp_path / "a.csv").names)) == 5
        (tmp_path / "b.csv").write_text("a,,a,b\n1,2,3,4\n")
        assert list(data.frame(tmp_path / "b.csv")) == list(pd.read_csv(tmp_path / "b.csv").columns)


class TestAnything:
    """Whatever stands in a file, or was done to one, ends in an error of the library, or none."""

    def test_random_files(self, tmp_path):
        rng = random.Random(0)
        seeds = [
            "a,b,c\n1,2,x\n3,4,y\n5,,x\n" * 3,
            "1;2,5;3\n" * 9,
            "2020-01-02\t1\n2021-02-03\t2\n",
            "# x y\n1 2\n3 4\n",
        ]
        signs = [
            *",;\t|\n\r\"' .#-0123456789eExyäß\0\ufeff?",
            "nan",
            "inf",
            "1e999",
            "9" * 30,
            "2020-01-01",
            "true",
        ]
        counts = [0, 0]
        for number in range(400):
            text = list(rng.choice(seeds)) if number % 3 else []
            for _ in range(rng.randrange(1, 30)):
                at = rng.randrange(len(text) + 1)
                text[at : at + rng.randrange(3)] = [rng.choice(signs)]
            raw = "".join(text).encode(rng.choice(["utf-8", "utf-8", "latin-1", "utf-16"]), "replace")
            path = tmp_path / rng.choice(["a.csv", "a.txt", "a.data", "a.tsv"])
            path.write_bytes(raw)
            try:
                seen = data.look(path)
                str(seen), seen.to_plain()
                counts[seen.table is not None] += 1
                if seen.table is not None:
                    given = {}
                    exec(seen.python, given)
            except LucidnetError as error:
                assert str(error)
        assert min(counts) > 10


class TestFramesAsPeopleHaveThem:
    """Kinds of columns and of frames beside the usual ones; each is read as it is meant, or named."""

    def made(self, **columns):
        pd = pytest.importorskip("pandas")
        base = {"v": np.arange(40) / 7, "y": list("ab") * 20}
        return pd.DataFrame({**columns, **base})

    def test_periods_and_intervals(self):
        pd = pytest.importorskip("pandas")
        frame = self.made(
            month=pd.period_range("2021-01", periods=40, freq="M"), part=pd.cut(np.arange(40), 2)
        )
        table = Table.fit(frame, categories="one-hot", dates="days")
        days = [(pd.Timestamp(one.start_time) - pd.Timestamp(0)).days for one in frame["month"]]
        x = table.apply(frame)[0]
        np.testing.assert_array_equal(x[:, 0], days)
        np.testing.assert_array_equal(x[:, 1], np.arange(40) < 20)

    @pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "dict", "array"])
    def test_durations_are_seconds(self, library):
        pd = pytest.importorskip("pandas")
        spans = pd.to_timedelta([90, None, 3723.5, -5], unit="s")
        column = {"dict": [None if pd.isna(one) else one.to_pytimedelta() for one in spans]}.get(
            library, spans.to_numpy()
        )
        given = {"took": column, "y": list("abab")}
        if library in ("pandas", "polars", "pyarrow"):
            made = pytest.importorskip(library)
            given = made.table(given) if library == "pyarrow" else made.DataFrame(given)
        table = Table.fit(given, missing="mean")
        assert (table.columns[0].kind, table.columns[0].mark) == ("number", "h:m:s")
        mean = (90 + 3723.5 - 5) / 3
        np.testing.assert_allclose(table.apply(given)[0][:, 0], [90, mean, 3723.5, -5], rtol=1e-6)
        texts = {"took": ["0:01:30", "1h 2m", "-5s", ""]}  # as a file may have them
        np.testing.assert_allclose(table.apply(texts)[0][:, 0], [90, 3720, -5, mean], rtol=1e-6)

    def test_durations_among_other_things_are_named(self):
        from datetime import timedelta

        with pytest.raises(DataError, match="'took' holds durations and other things"):
            Table.fit({"took": [timedelta(1), "soon"], "y": [1, 2]})

    @pytest.mark.parametrize("unit", ["Y", "M"])
    def test_years_and_months_are_no_durations(self, unit):
        for spans in (np.array([1, 2], f"m8[{unit}]"), list(np.array([1, 2], f"m8[{unit}]"))):
            with pytest.raises(DataError, match="'took' holds durations of years or months"):
                Table.fit({"took": spans, "y": [1, 2]})
        with pytest.raises(DataError, match="'took' holds durations without a unit"):
            Table.fit({"took": np.array([1, 2], "m8"), "y": [1, 2]})

    @pytest.mark.parametrize("names", [[0, 1], [("a", "x"), ("b", "y")]])
    def test_columns_that_are_called_by_no_texts_train(self, names):
        pd = pytest.importorskip("pandas")
        frame = self.made()
        frame.columns = pd.MultiIndex.from_tuples(names) if isinstance(names[0], tuple) else names
        before, model = frame.copy(), self.model(Table.fit(frame))
        model.fit(frame, epochs=1, verbose=0)
        assert model.predict(frame).shape == (40, 2) == model.predict(frame.iloc[:, :1]).shape
        pd.testing.assert_frame_equal(frame, before)

    def model(self, table):
        import lucidnet as ln

        model = ln.mlp([len(table.inputs), 2], output="softmax", seed=0)
        model.compile("categorical_crossentropy", "adam")
        model.table = table
        return model

    def test_a_dict_with_its_target_trains(self):
        given = {name: list(values) for name, values in self.made().items()}
        model = self.model(Table.fit(given))
        model.fit(given, epochs=1, verbose=0)
        assert model.evaluate(given)["loss"] > 0

    def test_record_batches_records_and_lazy_frames(self):
        pa, dd = pytest.importorskip("pyarrow"), pytest.importorskip("dask.dataframe")
        frame = self.made()
        whole = Table.fit(frame)
        for other in (pa.table(dict(frame)).to_batches()[0], frame.to_records(index=False)):
            assert Table.fit(other) == whole
        with pytest.raises(DataError, match=r"lazy: give frame.compute\(\)"):
            Table.fit(dd.from_pandas(frame, 2))

    @pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
    def test_dates_are_no_numbers(self, library):
        from datetime import datetime

        made = pytest.importorskip(library)
        given = {"when": [datetime(2021, 1, 1 + i) for i in range(20)], "v": [i / 7 for i in range(20)]}
        frame = made.table(given) if library == "pyarrow" else made.DataFrame(given)
        with pytest.raises(DataError, match="expected numbers, got|cannot be read as an array of NumPy"):
            data.windows(frame, history=3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda one: one.drop(one.index[10]),
            "times are missing in the index at one place, between 2021-01-10",
        ),
        (lambda one: one.drop(one.index[[10, 30]]), "at 2 places, first between 2021-01-10"),
        (lambda one: one.iloc[[*range(9), 8, *range(9, 60)]], "times stand twice"),
        (lambda one: one, None),
        (lambda one: one[np.arange(60) % 7 < 5], None),
        (lambda one: one.tz_localize("Europe/Berlin"), None),
        (lambda one: one.tz_localize("Europe/Berlin").drop("2021-01-11"), "at one place, between 2021-01-10"),
        (lambda one: one.resample("MS").sum(), None),
        (lambda one: one.resample("5min").ffill().between_time("09:00", "17:00"), None),
    ],
)
def test_windows_across_gaps_are_told(change, said, recwarn):
    pd = pytest.importorskip("pandas")
    series = change(pd.Series(np.arange(60.0), pd.date_range("2021-01-01", periods=60)))
    data.windows(series, history=1)
    told = [str(one.message) for one in recwarn]
    assert (said in told[0]) if said else not told


def test_a_target_of_several_levels_is_a_name():
    pd = pytest.importorskip("pandas")
    columns = pd.MultiIndex.from_tuples([("in", "u"), ("in", "v"), ("out", "y")])
    frame = pd.DataFrame({name: [1, 2, 3, 4] for name in columns})
    assert Table.fit(frame, target=("out", "y")).target == "('out', 'y')"
    assert Table.fit(frame[[("in", "u"), ("in", "v")]], target=(1, 2, 1, 2)).target is None
