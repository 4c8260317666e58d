"""scikit-learn's own tests of its multi-layer perceptrons, as they are installed, with our classes in place."""

import importlib.util
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")
import sklearn.neural_network as theirs

from lucidnet.sklearn import NetClassifier, NetRegressor

pytestmark = pytest.mark.filterwarnings("ignore")

LEFT_OUT = {
    "test_fit": "sets weights before there is a network, through attributes that only theirs has",
    "test_gradient": "calls their private function of loss and gradient; ours is checked by `check.gradients`",
    "test_early_stopping_stratified": "matches the name of a class, True in place of 1; ours names the class",
    "test_nonfinite_params": "matches the words of a message; ours says what to do in its own",
}


class Optimizer:
    """What their tests ask of the optimizer."""

    def __init__(self, net):
        self.learning_rate = net.model_.optimizer.learning_rate


class Adapted:
    """Their tests look into private attributes."""

    @property
    def _optimizer(self):
        return Optimizer(self)


class MLPClassifier(Adapted, NetClassifier):
    pass


class MLPRegressor(Adapted, NetRegressor):
    pass


def load():
    found = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    before = theirs.MLPClassifier, theirs.MLPRegressor
    theirs.MLPClassifier, theirs.MLPRegressor = MLPClassifier, MLPRegressor
    try:
        module = importlib.util.module_from_spec(found)
        sys.modules["their_tests"] = module
        found.loader.exec_module(module)
    finally:
        theirs.MLPClassifier, theirs.MLPRegressor = before
    return module


globals().update(
    (name, test) for name, test in vars(load()).items() if name.startswith("test_") and name not in LEFT_OUT
)


@pytest.fixture(autouse=True)
def as_there():
    """Overflows are warnings there."""
    with np.errstate(all="warn", under="ignore"):
        yield


@pytest.fixture
def global_random_seed():
    return 0
