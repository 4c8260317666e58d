"""What is too much, or of the wrong kind, is said in words and not in errors from deep inside."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import data, metrics
from lucidnet.data import tasks
from lucidnet.errors import DataError, SettingError
from lucidnet.layers import Dense, Input
from lucidnet.optimizers import EMA, SGD, MaxNorm, UnitNorm

X = np.zeros((4, 1))


def model(**settings):
    made = ln.Model([Input(1), Dense(1, **settings)])
    made.compile("mse", "sgd")
    return made


@pytest.mark.parametrize(
    "make, words",
    [
        (
            lambda: metrics.confusion_matrix([0, 60000], [0, 1]),
            "labels up to 60000 are too large.*number the",
        ),
        (lambda: metrics.confusion_matrix([0, 2**40], [0, 1]), "too large"),
        (lambda: metrics.f1([0, 10**11], [0, 1], average="macro"), "labels up to 100000000000 are too large"),
        (lambda: metrics.recall([0, 1], [0, 10**15], average="micro"), "too large"),
        (lambda: EMA(EMA(SGD())), "EMA: optimizer keeps a running mean already"),
        (lambda: model(constraint=MaxNorm(1.0, axis=7)).fit(X, X, verbose=0), r"axis=7 .*\(1, 1\).*0 to 1"),
        (lambda: model(constraint=UnitNorm(axis=(0, -2))).fit(X, X, verbose=0), "choose different ones"),
        (lambda: model().fit(X, X, validation_data=data.Dataset, verbose=0), "validation_data must be"),
        (lambda: data.moons(n=10**13), "n must be a whole number from 1 to 100000000"),
        (lambda: data.gaussians(n=10**8, features=10**8), "make fewer at a time"),
        (lambda: tasks.delayed_add(10**6, 10**6), "time steps: make fewer"),
    ],
)
def test_refused(make, words):
    with pytest.raises((DataError, SettingError), match=words):
        make()


def test_a_group_of_a_file(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"], file["g/inner"] = X, X
        for x, y in [(file["g"], X), (file, file["x"]), (file["x"], file["g"])]:
            with pytest.raises(DataError, match="a group of a file .it holds .* is no array: name one"):
                model().fit(x, y, verbose=0)


def test_many_classes_are_counted():
    assert metrics.f1([0, 50_000], [0, 50_000], average="macro") == 1.0
    assert metrics.confusion_matrix([0, 999], [0, 1]).shape == (1000, 1000)


def test_a_lag_of_no_steps():
    """With x_t itself twice, the odds are 0.5 + 0.25 x_t."""
    x, y = tasks.delayed_add(400, 50, lags=(0, 0))
    tossed = x[..., 0] == 1
    assert y[tossed].mean() == pytest.approx(0.75, abs=0.02)
    assert y[~tossed].mean() == pytest.approx(0.5, abs=0.02)
