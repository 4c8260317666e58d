"""A mean of numbers is finite where they are, however large their sum is."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import DataError
from lucidnet.layers import AveragePooling1D, AveragePooling2D, Dense, Input, Normalization

BIG = 3e38
"""Near the largest number of float32, 3.4e38."""


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("kind, dimensions", [(AveragePooling1D, 1), (AveragePooling2D, 2)])
def test_of_windows(kind, dimensions, padding, backend):
    shape = (5,) * dimensions + (2,)
    model = ln.Model([Input(shape), kind(3, strides=2, padding=padding)], backend=backend)
    y = model.predict(np.full((2, *shape), BIG))
    np.testing.assert_allclose(y, np.full_like(y, BIG), rtol=1e-6)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("loss, y", [("mae", BIG), ("mse", 1.7e19), ("huber", BIG)])
def test_of_losses(loss, y, backend):
    model = ln.Model([Input(1), Dense(3)], backend=backend)
    model.compile(loss, "sgd")
    target = np.full((50, 3), y)
    model.set_weights(np.zeros(6))
    expected = {"mae": y, "mse": y * y, "huber": y - 0.5}[loss]
    assert model.evaluate(np.zeros((50, 1)), target)["loss"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("size", [1e300, 1e154, 1.0, 1e-200, 1e-300])
def test_of_features(size):
    numbers = np.array([[1.0, 5.0], [-1.0, 5.0], [0.5, 5.0]])
    expected = (numbers - numbers.mean(0)) / np.array([numbers[:, 0].std(), 1.0])
    np.testing.assert_allclose(ln.data.standardize(numbers * size), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [1e200, 1.0, 1e-200])
def test_of_columns(tmp_path, size):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "".join(f"{n * size!r},{i}.5\n" for i, n in enumerate([1.0, 2.0, 3.0, -4.0])))
    table = ln.data.Table.fit(ln.data.frame(path), target="b", standardize=True)
    assert table.columns[0].mean == pytest.approx(0.5 * size)
    assert table.columns[0].deviation == pytest.approx(np.std([1.0, 2.0, 3.0, -4.0]) * size)


def test_of_a_normalization_that_cannot_be():
    with pytest.raises(DataError, match=r"Normalization.adapt: x: .*too large: rescale"):
        Normalization().adapt([[1e300], [-1e300]])


def test_labels_beyond_whole_numbers():
    with pytest.raises(DataError, match=r"one_hot: labels: expected whole numbers below 2\*\*63, got 1e\+30"):
        ln.data.one_hot([1e30, 1.0])
