"""Processes that begin a training together say what they have; here threads stand for two of them."""

import re
import threading

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers, optimizers
from lucidnet.engine.on_numpy import OnNumpy
from lucidnet.errors import DataError, LucidnetError, SettingError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)
SAME = {
    "x": X,
    "y": Y,
    "seed": 1,
    "units": 5,
    "rate": 0.1,
    "metrics": ["accuracy"],
    "factor": 1.0,
    "fit": {"epochs": 1, "batch_size": 10},
}


def train(x, y, seed, units, rate, metrics, factor, fit):
    own = layers.Activation(
        np.tanh, lambda v: 1 - np.tanh(v) ** 2
    )  # code: nobody knows whether it is the same
    net = [layers.Input(4), layers.Dense(units), own, layers.Dense(3, "softmax")]
    model = ln.Model(net, seed=seed)
    model.compile("sparse_categorical_crossentropy", optimizers.SGD(rate), metrics)
    model.set_weights(factor * model.get_weights())
    model.fit(x, y, verbose=0, **fit)


def measure(call="evaluate", x=X, y=Y, factor=1.0, metrics=(), **settings):
    model = ln.Model([layers.Input(4), layers.Dense(3, "softmax")])
    model.compile("sparse_categorical_crossentropy", "sgd", list(metrics))
    model.set_weights(factor * model.get_weights())
    getattr(model, call)(x, y, **settings)


def both(monkeypatch, work=train, same=SAME, **other):
    """Train in two threads that gather as processes do; return what each raised."""
    barrier, here = threading.Barrier(2, timeout=20), threading.local()
    given, errors = [None, None], [None, None]

    def gather(executor, value):
        given[here.index] = value
        barrier.wait()
        found = list(given)
        barrier.wait()
        return found

    def run(index, settings):
        here.index = index
        try:
            work(**settings)
        except LucidnetError as error:
            errors[index] = error

    monkeypatch.setattr(OnNumpy, "gather", gather)
    threads = [threading.Thread(target=run, args=pair) for pair in enumerate((same, same | other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_the_same_goes_on(monkeypatch):
    assert both(monkeypatch) == [None, None]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"seed": 2}, "model.seed is 1 in process 0, and 2 in process 1; all run the same program"),
        ({"units": 6}, r"model.net.layers\[1\].units is 5 in process 0, and 6"),
        ({"rate": 0.2}, "model.optimizer.learning_rate is 0.1 in process 0, and 0.2"),
        ({"metrics": []}, r"model.metrics is \[{'type': 'Accuracy'}\] in process 0, and \[\]"),
        ({"factor": 2.0}, "weights.content is"),
        ({"fit": {"epochs": 2, "batch_size": 10}}, "settings.epochs is 1 in process 0, and 2"),
        ({"fit": {"epochs": 1, "batch_size": 5}}, "settings.batch_size is 10 in process 0, and 5"),
        ({"fit": {"epochs": 1, "batch_size": 10, "shuffle": False}}, "settings.shuffle is True"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_another_training_is_refused_in_both(monkeypatch, other, words):
    for error in both(monkeypatch, **other):
        with pytest.raises(SettingError, match=words):
            raise error


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"x": X[:20], "y": Y[:20]}, r"data.x.shape\[0\] is 30 in process 0, and 20"),
        ({"x": X + 1}, "data.x.content is"),
        (
            {"fit": SAME["fit"] | {"validation_data": (X, Y)}},
            "validation_data is None in process 0, and dict",
        ),
    ],
    ids=["fewer", "others", "validation"],
)
def test_other_data_are_refused_in_both(monkeypatch, other, words):
    for error in both(monkeypatch, **other):
        with pytest.raises(DataError, match=words):
            raise error


def test_a_folder_of_one_alone(monkeypatch, tmp_path):
    errors = both(monkeypatch, fit=SAME["fit"] | {"resume": tmp_path})
    assert all("settings.resume is False in process 0, and True in process 1" in str(e) for e in errors)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, None),
        ({"x": X + 1}, "data.x.content is"),
        ({"x": X[:20], "y": Y[:20]}, r"data.x.shape\[0\] is 30 in process 0, and 20"),
        ({"factor": 2.0}, "weights.content is"),
        ({"metrics": ["accuracy"]}, "model.metrics is"),
        ({"sample_weight": np.ones(30)}, "data.sample_weight is None in process 0"),
        (
            {"x": (lambda: iter([(X, Y)]), lambda: iter([(X + 1, Y)])), "y": None},
            r"data.first.x.content is '\w+' in process 0",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("call", ["evaluate", "lr_find"])
def test_what_differs_is_not_measured_together(monkeypatch, call, other, words):
    same = {"call": call}
    if type(other.get("x")) is tuple:  # of functions that give batches, the first batches differ
        same, other = same | other | {"x": other["x"][0]}, other | {"x": other["x"][1]}
    for error in both(monkeypatch, measure, same, **other):
        assert (words is None and error is None) or re.search(f"several processes: {words}", str(error))
