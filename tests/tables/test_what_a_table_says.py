"""What is said of tables that do not go together, of labels that are counted from one, and of months."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import DataError
from lucidnet.layers import LSTM, Dense, Input

X = np.random.default_rng(0).normal(size=(30, 3))
KINDS = [("red", "green", "blue")[i % 3] for i in range(30)]


def network(outputs: int = 3) -> ln.Model:
    """Return a small network for classes."""
    model = ln.mlp([3, 4, outputs], output="softmax", seed=0)
    model.compile("categorical_crossentropy", "adam")
    return model


@pytest.mark.parametrize("library", ["numpy", "pandas", "polars", "frame"])
def test_labels_of_another_length_are_told_so(library: str, tmp_path) -> None:
    columns = {name: X[:, i] for i, name in enumerate("abc")}
    if library == "frame":
        path = tmp_path / "x.csv"
        path.write_text("a,b,c\n" + "".join(",".join(map(str, row)) + "\n" for row in X))
        x = ln.data.frame(path)
    else:
        x = X if library == "numpy" else pytest.importorskip(library).DataFrame(columns)
    model = network()
    # The first two labels have two classes only: it is the length that is wrong.
    with pytest.raises(DataError, match="x and y differ in length: 30 examples, 2 targets"):
        model.fit(x, KINDS[:2], verbose=0)
    assert model.classes is None
    model.fit(x, KINDS, verbose=0)
    assert model.classes == ("blue", "green", "red")


def test_labels_from_one_are_told_what_to_do() -> None:
    labels = np.arange(30) % 3
    with pytest.raises(
        DataError, match=r"run from 0 to 2: of labels 1 to 3 give y - 1, or give them as texts"
    ):
        network().fit(X, labels + 1, verbose=0)
    network().fit(X, labels, verbose=0)
    model = network()
    model.fit(X, (labels + 1).astype(str), verbose=0)
    assert model.classes == ("1", "2", "3")
    with pytest.raises(
        DataError, match=r"run from 0 to 2: for 5 classes let it end in Dense\(5, 'softmax'\)$"
    ):
        network().fit(X, labels * 2, verbose=0)


def test_a_label_that_is_missing_is_told_what_to_do() -> None:
    with pytest.raises(DataError, match="index 1, got nan: leave out such rows of x and y"):
        network().fit(X, ["red", float("nan"), *KINDS[2:]], verbose=0)


def test_months_are_dates(tmp_path) -> None:
    path = tmp_path / "airline.csv"
    months = [f"{1949 + i // 12}-{i % 12 + 1:02d}" for i in range(48)]
    path.write_text(
        "Month,Passengers\n" + "".join(f"{month},{100 + 3 * i}\n" for i, month in enumerate(months))
    )
    told = ln.data.look(path)
    assert told.columns[0].kind == "date"
    assert any("ln.data.windows(frame['Passengers'], history=12)" in line for line in told.odd)
    frame = ln.data.frame(path)
    x, _ = ln.data.Table.fit(frame, target="Passengers", dates="days").apply(frame)
    days = np.array(months, "datetime64[M]").astype("datetime64[D]").astype(int)
    np.testing.assert_array_equal(x[:, 0], days)
    windows, following = ln.data.windows(frame["Passengers"], history=12)
    assert windows.shape == (36, 12) and following[0, 0] == 136


def test_windows_of_a_single_series_go_into_a_recurrent_network() -> None:
    series = np.sin(np.arange(60) / 3)
    x, y = ln.data.windows(series[:, None], history=8, horizon=2, target=0)
    model = ln.Model([Input((8, 1)), LSTM(4), Dense(2)], seed=0)
    model.compile("mse", "adam")
    first = model.evaluate(x, y)["loss"]
    model.fit(x, y, epochs=20, verbose=0)
    assert model.evaluate(x, y)["loss"] < first
