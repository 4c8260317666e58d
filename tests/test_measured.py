"""What `compile` says of metrics that have no place: two of one name, or of an output that is not there."""

import pytest

import lucidnet as ln
from lucidnet import metrics as M
from lucidnet.errors import SettingError, UnknownNameError
from lucidnet.layers import Dense, Graph, Input


def network():
    return ln.Model([Input(2), Dense(1)])


def two():
    return ln.Model(Graph({"x": (2,)}, [("a", Dense(1), "x"), ("b", Dense(1), "x")], ["a", "b"]))


def named(name):
    def function(y, prediction):
        return float((y * prediction).mean())

    function.__name__ = name
    return function


@pytest.mark.parametrize(
    "metrics, words",
    [
        ([M.BinaryAccuracy(threshold=0.25), M.BinaryAccuracy(threshold=0.75)], "0.25.*0.75.*binary_accuracy"),
        (["mae", "mae"], r"MAE\(\) and MAE\(\).*class Other\(MAE\): name"),
        ([named("own"), named("own")], "both be called 'own'.*def of another name"),
        ([lambda y, prediction: 0.0, lambda y, prediction: 1.0], "lambda.*def of another name"),
        (named("loss"), "the loss and .*'loss'"),
        (named("val_loss"), "the loss of validation and .*'val_loss'"),
        (named("epoch"), "the epoch and .*'epoch'"),
        ([named("own"), named("val_own")], "in validation and .*'val_own'"),
        ({"dense1": "mae"}, r"output 'dense1'.*one output.*metrics=\['mae'\]"),
    ],
)
def test_what_would_replace_another_number_is_refused(metrics, words):
    with pytest.raises(SettingError, match=words):
        network().compile("mse", "sgd", metrics=metrics)


@pytest.mark.parametrize(
    "metrics, words",
    [
        ({"c": "mae"}, "unknown output in metrics 'c': Known: a, b"),
        (named("own"), "outputs 'a', 'b'.*say of which 'own'"),
        (["mae"], "say of which 'mae'"),
        ({"a": ["mae", "mae"]}, "a_mae"),
    ],
)
def test_of_which_output(metrics, words):
    with pytest.raises((SettingError, UnknownNameError), match=words):
        two().compile({"a": "mse", "b": "mse"}, "sgd", metrics=metrics)


def test_two_of_a_kind_with_names_of_their_own():
    class Other(M.BinaryAccuracy):
        name = "other"

    model = network()
    model.compile("mse", "sgd", metrics=[M.BinaryAccuracy(threshold=0.0), Other(threshold=1.0)])
    result = model.evaluate([[0.0, 0.0]] * 4, [[0.0], [0.0], [1.0], [1.0]])
    # The network gives 0, which is above neither threshold; half of the targets are 0.
    assert (result["binary_accuracy"], result["other"]) == (0.5, 0.5)
    assert set(result) == {"loss", "binary_accuracy", "other"}


def test_a_metric_of_ones_own_sees_all_outputs():
    class Both(M.Metric):
        name = "both"

        def start(self):
            return 0.0

        def update(self, state, target, prediction, sample_weight=None):
            return state + float((prediction["a"] - target["a"] + prediction["b"] - target["b"]).sum())

        def value(self, state):
            return state

    model = two()
    model.compile({"a": "mse", "b": "mse"}, "sgd", metrics=[Both()])
    model.build()
    model.set_weights([0.0] * 6)
    assert model.evaluate([[1.0, 2.0]], {"a": [[3.0]], "b": [[4.0]]})["both"] == -7.0
