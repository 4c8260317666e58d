"""Names that are numbers, and numbers at the edge: nothing is taken for something else."""

from decimal import Decimal

import numpy as np
import pytest

from lucidnet.data import Table, frame
from lucidnet.errors import DataError

FOUR = {"x": [1.0, 2.0, 3.0, 4.0]}


def test_a_number_that_may_be_two_categories(tmp_path):
    table = Table.fit({"code": ["01", "1", "x", "x"], "y": list("abab")}, categories="one-hot")
    (tmp_path / "codes.csv").write_text("code,y\n01,a\n1,b\n")
    with pytest.raises(DataError, match="row 2, column code: the category 1 may be '01' or '1'"):
        table.apply(frame(tmp_path / "codes.csv"))
    x, _ = table.apply({"code": ["01", "1", "01"]})
    assert x.argmax(1).tolist() == [0, 1, 0]


def test_a_category_that_is_written_like_a_price(tmp_path):
    table = Table.fit({"code": ["3.50", "x", "3.50", "x"], "y": list("abab")}, categories="one-hot")
    (tmp_path / "codes.csv").write_text("code,y\n3.50,a\n3.50,b\n")
    assert table.apply(frame(tmp_path / "codes.csv"))[0].tolist() == [[1, 0], [1, 0]]


def test_a_number_that_may_be_two_classes():
    table = Table.fit(FOUR | {"y": ["01", "1", "x", "x"]})
    with pytest.raises(DataError, match="the class 1 may be '01' or '1'"):
        table.apply(FOUR | {"y": [1, 1, 1, 1]})


@pytest.mark.parametrize("column", ["c", "y"])
def test_whole_numbers_that_no_float_has(column):
    names = [str(2**53 + 1), str(2**53), "x", "x"]
    table = Table.fit({"c": names, "y": names}, categories="one-hot", task="classification")
    given = {"c": names, "y": names} | {column: [2**53, 2**53 + 1, 2**53, 2**53]}
    with pytest.raises(DataError, match=r"row 1, column .: the \w+ 9007199254740993 is a whole number"):
        table.apply(given)


def test_large_numbers_among_texts():
    names = [2**53 + 1, 2**53, "x", 10**30]
    classes = Table.fit(FOUR | {"y": names}, task="classification").classes
    assert classes == tuple(sorted(map(str, names)))


def test_columns_that_are_called_1_and_one():
    with pytest.raises(DataError, match="two columns named '1'"):
        Table.fit({1: [1.0, 2.0], "1": [3.0, 4.0], "y": ["a", "b"]})


def test_means_of_numbers_whose_sum_is_too_large():
    """Beside means of the numbers divided by 1e300."""
    x = [1e308, 1.5e308, 1.2e308, 1e308]
    table = Table.fit({"x": x, "y": list("abab")}, missing="mean", standardize=True)
    small = np.array(x) / 1e300
    column = table.columns[0]
    assert (column.fill, column.mean) == pytest.approx((small.mean() * 1e300,) * 2, rel=1e-14)
    assert column.deviation == pytest.approx(small.std() * 1e300, rel=1e-14)
    assert table.apply({"x": x})[0][:, 0] == pytest.approx((small - small.mean()) / small.std(), rel=1e-6)
    table = Table.fit(FOUR | {"y": [1e308, 1.5e308, 1.25e308, 1e308]}, standardize=True)
    assert np.isfinite(table.apply(FOUR | {"y": [1e308, 1.5e308, 1.25e308, 1e308]})[1]).all()


@pytest.mark.parametrize("nan", ["NaN", "sNaN"])
def test_decimals_that_are_missing(nan):
    given = {"x": [Decimal(nan), Decimal(1), Decimal(2)], "y": list("aba")}
    assert Table.fit(given, missing="mean").columns[0].fill == 1.5


def test_one_long_text_makes_no_other_long():
    import tracemalloc

    texts = ["a"] * 2000
    texts[7] = "b" * 100_000
    tracemalloc.start()
    table = Table.fit({"c": texts, "y": np.arange(2000) % 2}, categories="one-hot", missing="mean")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(table.columns[0].categories), table.columns[0].fill) == (2, "a")
    assert peak < 20e6


def test_a_known_table_proposes_nothing_that_only_training_takes():
    table = Table.fit(FOUR | {"y": list("abab")})
    for wrong in ({"x": [1.0, None]}, {"x": [1.0, 2.0], "y": ["a", None]}):
        with pytest.raises(DataError, match="missing.*write it") as error:
            table.apply(wrong)
        assert "--missing" not in str(error.value).replace(
            "(--missing drop) leaves out all such in training", ""
        )


def test_another_number_in_a_column_that_was_constant_is_scaled_as_in_scikit_learn():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    rows = np.array([[5.0, 1.0], [5.0, 2.0], [5.0, 4.0]])
    table = Table.fit({"a": rows[:, 0], "b": rows[:, 1], "y": [0.5, 1.5, 2.5]}, target="y", standardize=True)
    found = table.apply({"a": [7.0], "b": [3.0]})[0]
    np.testing.assert_allclose(
        found, preprocessing.StandardScaler().fit(rows).transform([[7.0, 3.0]]), rtol=1e-6
    )
