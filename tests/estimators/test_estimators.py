"""The estimators beside scikit-learn's: the same settings, the same numbers; its tools, with ours in them."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import AdaBoostClassifier, VotingClassifier, VotingRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.core.settings import shown
from lucidnet.errors import DataError, MeaningWarning, SettingError, UnknownNameError
from lucidnet.sklearn import NetClassifier, NetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]


@pytest.fixture(autouse=True)
def as_there():
    """Overflows are warnings in scikit-learn's own code."""
    with np.errstate(all="warn", under="ignore"):
        yield


# --- the contract -----------------------------------------------------------------------------------------


CHECKS = """
import json, sys, warnings
import numpy as np
from sklearn.utils.estimator_checks import check_estimator
from lucidnet import sklearn as ours
warnings.simplefilter("ignore")
found = check_estimator(getattr(ours, sys.argv[1])(max_iter=50), on_fail=None, on_skip=None)
print(json.dumps([[one["check_name"], one["status"], repr(one["exception"])[:500]] for one in found]))
"""


@pytest.mark.parametrize(("name", "least"), [("NetClassifier", 67), ("NetRegressor", 60)])
def test_all_checks_of_scikit_learn_pass(name, least):
    """None fails, none is skipped, none is expected to fail; those of the array API, too."""
    ended = subprocess.run(
        [sys.executable, "-c", CHECKS, name],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ended.stdout.splitlines()[-1])
    assert [one for one in found if one[1] != "passed"] == []
    assert len(found) >= least


# --- the same settings, the same numbers --------------------------------------------------------------------


RNG = np.random.default_rng(0)
LABELS = (RNG.random((150, 4)) > 0.5).astype(int)
COLUMNS = RNG.normal(size=(150, 3))
TARGETS = {
    "two classes": (MLPClassifier, NetClassifier, (Y > 0).astype(int)),
    "three classes": (MLPClassifier, NetClassifier, Y),
    "labels": (MLPClassifier, NetClassifier, LABELS),
    "a number": (MLPRegressor, NetRegressor, X[:, 0] ** 2),
    "numbers": (MLPRegressor, NetRegressor, COLUMNS),
}


def begin_alike(theirs, ours, x, y):
    """Fit both once, and give ours the weights of theirs, and no memory."""
    theirs.fit(x, y)
    ours.fit(x, y)
    pairs = zip(theirs.coefs_, theirs.intercepts_, strict=True)
    vector = np.concatenate([array.ravel() for pair in pairs for array in pair])
    ours.model_.set_weights(vector, reset=True)
    np.testing.assert_array_equal(ours.coefs_[0], theirs.coefs_[0])
    np.testing.assert_array_equal(ours.intercepts_[1], theirs.intercepts_[1])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_a_step_of_gradient_descent_is_theirs(activation, target, weighted):
    """Loss, penalty, weights of examples, momentum: five steps on all examples."""
    theirs, ours, y = TARGETS[target]
    how = {
        "solver": "sgd",
        "alpha": 0.3,
        "batch_size": 150,
        "learning_rate_init": 0.05,
        "max_iter": 5,
        "warm_start": True,
        "shuffle": False,
        "activation": activation,
        "hidden_layer_sizes": (6, 5),
        "random_state": 0,
    }
    theirs, ours = theirs(**how), ours(**how)
    begin_alike(theirs, ours, X, y)
    weights = np.random.default_rng(1).uniform(0.5, 2, 150) if weighted else None
    for one in (theirs, ours):
        one.fit(X, y, sample_weight=weights)
    for mine, their in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(mine, their, rtol=1e-9, atol=1e-12)
    if target != "numbers":  # whose loss is a mean over outputs there, though its gradient is of a sum
        np.testing.assert_allclose(ours.loss_curve_[-5:], theirs.loss_curve_[-5:], rtol=1e-9)


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_epochs_of_batches_are_theirs(solver, learning_rate):
    how = {
        "solver": solver,
        "learning_rate": learning_rate,
        "alpha": 0.0,
        "batch_size": 50,
        "max_iter": 30,
        "n_iter_no_change": 2,
        "tol": 0.002,
        "warm_start": True,
        "shuffle": False,
        "random_state": 0,
        "momentum": 0.5 if learning_rate == "constant" else 0.0,  # which differs while the rate changes
        "learning_rate_init": 0.03,
        "epsilon": 1e-12,  # which stands in another place there
    }
    theirs, ours = MLPClassifier((7,), **how), NetClassifier((7,), **how)
    for one in (theirs, ours):
        one.set_params(max_iter=1)
    begin_alike(theirs, ours, X, Y)
    for one in (theirs, ours):
        one.set_params(max_iter=30)
        one.best_loss_, one._no_improvement_count = np.inf, 0
        one.t_ = 0
        one.fit(X, Y)
    assert ours.n_iter_ == theirs.n_iter_
    np.testing.assert_allclose(ours.loss_curve_[1:], theirs.loss_curve_[1:], rtol=1e-6)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-5, atol=1e-8)


def test_lbfgs_finds_the_same_minimum():
    """A convex problem has but one: no hidden layer that bends, and a penalty."""
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    how = {"solver": "lbfgs", "alpha": 3.0, "max_iter": 2000, "tol": 1e-6, "activation": "identity"}
    theirs = MLPClassifier((3,), random_state=0, **how).fit(x, y)
    ours = NetClassifier((3,), random_state=0, **how).fit(x, y)
    assert abs(ours.loss_curve_[-1] - theirs.loss_) < 1e-5 * theirs.loss_
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=2e-3)


@pytest.mark.parametrize("name", ["digits", "cancer", "diabetes"])
def test_as_good_as_theirs(name):
    """The mean score over five seeds is at least theirs minus two standard errors."""
    x, y = {"digits": load_digits, "cancer": load_breast_cancer, "diabetes": load_diabetes}[name](
        return_X_y=True
    )
    kinds = (MLPRegressor, NetRegressor) if name == "diabetes" else (MLPClassifier, NetClassifier)
    x = x.astype("float32")
    y = (y - y.mean()) / y.std() if name == "diabetes" else y
    scores = []
    for seed in range(5):
        a, b, c, d = train_test_split(x, y, random_state=seed, test_size=0.3)
        how = {"hidden_layer_sizes": (30,), "max_iter": 25, "batch_size": 40, "random_state": seed}
        how["learning_rate_init"] = 0.005
        scores.append([make_pipeline(StandardScaler(), kind(**how)).fit(a, c).score(b, d) for kind in kinds])
    theirs, ours = np.array(scores).T
    error = (np.var(ours, ddof=1) / 5 + np.var(theirs, ddof=1) / 5) ** 0.5
    assert ours.mean() >= theirs.mean() - 2 * error, (ours, theirs)
    assert ours.mean() > {"digits": 0.93, "cancer": 0.93, "diabetes": 0.3}[name]


# --- what those decline -------------------------------------------------------------------------------------


def test_layers_of_ones_own_activations_dropout():
    x, y = load_digits(return_X_y=True)
    x = (x[:600] / 16).astype("float32")
    image = [L.Reshape((8, 8, 1)), L.Conv2D(6, 3, activation="relu"), L.MaxPooling2D(2), L.Flatten(), 60]
    net = NetClassifier(
        layers=image,
        activation=["gelu"],
        dropout=0.1,
        learning_rate_init=0.01,
        batch_size=30,
        max_iter=20,
        random_state=0,
    )
    net.fit(x[:450], y[:450])
    assert net.score(x[450:], y[450:600]) > 0.85
    kinds = [type(layer).__name__ for layer in net.model_.net.layers]
    assert kinds == ["Input", "Reshape", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Dropout", "Dense"]
    assert net.model_.net.layers[5].activation == L.GELU()
    found = net.activations(x[:2])
    np.testing.assert_array_equal(found["conv2d2"], net.model_.activations(x[:2])["conv2d2"])
    several = NetClassifier((8, 7), ["tanh", "silu"], dropout=[0.2, 0.0], max_iter=2).fit(X, Y).model_.net
    assert [type(layer).__name__ for layer in several.layers] == [
        "Input",
        "Dense",
        "Dropout",
        "Dense",
        "Dense",
    ]
    assert [several.layers[i].activation for i in (1, 3, 4)] == [L.Tanh(), L.SiLU(), L.Softmax()]


@pytest.mark.parametrize("solver", ["rmsprop", ln.optimizers.RMSprop(0.01)], ids=["name", "value"])
def test_optimizers_rules_losses(solver):
    net = NetClassifier((20,), "tanh", solver=solver, rule="fa", loss="mse", max_iter=60, batch_size=10)
    net.set_params(random_state=1)
    with pytest.raises(SettingError, match="is for scores; the network ends in probabilities"):
        NetClassifier(loss="hinge", max_iter=1).fit(X, Y)
    net.fit(X, Y)
    assert net.model_.rule == ln.rules.get("fa")
    assert type(net.model_.optimizer) is ln.optimizers.RMSprop
    assert net.score(X, Y) > 0.9
    huber = NetRegressor((10,), "tanh", loss="huber", solver="lbfgs", random_state=0)
    assert huber.fit(X[:, 1:], X[:, 0]).score(X[:, 1:], X[:, 0]) > 0.85


def test_weights_of_classes_are_scikit_learns():
    from sklearn.utils.class_weight import compute_sample_weight

    some = np.r_[0:50, 50:70, 100:110]
    x, y, given = X[some], NAMES[some], np.random.default_rng(0).uniform(1, 2, 80)
    for weight in ("balanced", {"setosa": 2.0, "virginica": 0.5}):
        how = {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 0, "batch_size": 16}
        one = NetClassifier(class_weight=weight, **how).fit(x, y, sample_weight=given)
        two = NetClassifier(**how).fit(x, y, sample_weight=given * compute_sample_weight(weight, y))
        np.testing.assert_allclose(one.predict_proba(x), two.predict_proba(x), rtol=1e-12)
    plain = NetClassifier(**how).fit(x, y, sample_weight=given)
    assert not np.allclose(one.predict_proba(x), plain.predict_proba(x), rtol=1e-3)


def test_one_cycle_and_schedules():
    net = NetClassifier(
        (10,), learning_rate="one_cycle", learning_rate_init=0.05, max_iter=10, random_state=0
    )
    net.set_params(n_iter_no_change=100, warm_start=True).fit(X, Y)
    cycle = ln.optimizers.schedules.OneCycle(0.05, 10)
    assert net.model_.optimizer.learning_rate == cycle
    net.fit(X, Y)  # begins another cycle
    assert net.model_.optimizer.learning_rate(10) == cycle(0)
    with pytest.raises(SettingError, match="call fit"):
        clone(net).partial_fit(X, Y, classes=[0, 1, 2])
    decay = ln.optimizers.schedules.ExponentialDecay(0.1, 0.5, 1)
    assert (
        NetClassifier((5,), learning_rate=decay, max_iter=2).fit(X, Y).model_.optimizer.learning_rate == decay
    )


def test_callbacks_of_ours_and_of_scikit_learn(capsys):
    seen = []
    told = ln.callbacks.On(epoch=lambda loop, result: seen.append(result.loss))
    net = NetClassifier((4,), max_iter=6, callbacks=[told], random_state=0).fit(X, Y)
    assert seen == net.loss_curve_ == net.history_["loss"]
    theirs = pytest.importorskip("sklearn.callback")

    class Watch:
        def __init__(self):
            self.ended, self.scores = 0, []

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            self.ended += 1

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
            if context.task_name == "epoch":
                self.scores.append(fitted_estimator.score(X, y))
            return len(self.scores) == 4

    watch = Watch()
    assert isinstance(watch, theirs.FitCallback)
    net = NetClassifier((4,), max_iter=20, random_state=0).set_callbacks(watch)
    net.fit(X, Y)
    assert net.n_iter_ == 4 and watch.ended == 1
    assert watch.scores[-1] == net.score(X, Y)
    assert "callback" in net.model_.history.stopped


def test_sparse_rows_are_dense_ones():
    x = np.where(np.abs(X) > 0.7, X, 0)
    for solver in ("adam", "lbfgs"):
        how = {"solver": solver, "hidden_layer_sizes": (5,), "max_iter": 10, "random_state": 0}
        one, two = NetClassifier(**how).fit(x, NAMES), NetClassifier(**how).fit(sparse.csr_array(x), NAMES)
        np.testing.assert_array_equal(one.coefs_[0], two.coefs_[0])
        np.testing.assert_array_equal(one.predict_proba(x), two.predict_proba(sparse.csc_array(x)))
    labels = sparse.csr_matrix(LABELS)
    np.testing.assert_array_equal(
        NetClassifier((5,), max_iter=3, random_state=0).fit(x, labels).predict(x),
        NetClassifier((5,), max_iter=3, random_state=0).fit(x, LABELS).predict(x),
    )


def test_warm_start_and_partial_fit_go_on():
    whole = NetClassifier((6,), max_iter=8, random_state=0, tol=0, n_iter_no_change=100).fit(X, NAMES)
    parts = NetClassifier((6,), random_state=0)
    for _ in range(8):
        parts.partial_fit(X, NAMES, classes=np.unique(NAMES))
    np.testing.assert_array_equal(whole.coefs_[0], parts.coefs_[0])
    warm = clone(whole).set_params(max_iter=4, warm_start=True).fit(X, NAMES).fit(X, NAMES)
    np.testing.assert_array_equal(whole.coefs_[0], warm.coefs_[0])
    assert len(warm.loss_curve_) == 8
    again = pickle.loads(pickle.dumps(parts)).partial_fit(X, NAMES)
    np.testing.assert_array_equal(again.coefs_[0], parts.partial_fit(X, NAMES).coefs_[0])


def test_what_goes_on_is_told_of_new_settings():
    net = NetClassifier((6,), max_iter=2, random_state=0, warm_start=True).fit(X, NAMES)
    other = clone(net).fit(X, NAMES)
    np.testing.assert_array_equal(net.coefs_[0], other.coefs_[0])
    for one, rule in ((net, "fa"), (other, "backprop")):
        one.set_params(rule=rule).partial_fit(X, NAMES)
    assert net.model_.rule == ln.rules.get("fa") and not np.array_equal(net.coefs_[0], other.coefs_[0])
    net.set_params(early_stopping=True).fit(X, NAMES)
    assert net.best_loss_ is None and len(net.validation_scores_) == 2
    net.set_params(early_stopping=False).fit(X, NAMES)
    assert net.validation_scores_ is None and net.best_loss_ < np.inf
    for name, given in (("hidden_layer_sizes", (7,)), ("dropout", 0.5), ("activation", "tanh")):
        with pytest.raises(SettingError, match=f"{name}=.* would need another network"):
            clone(net).set_params(max_iter=1).fit(X, NAMES).set_params(**{name: given}).partial_fit(X, NAMES)


def test_losses_choose_the_last_activation():
    two = NAMES[:100]
    one, other = (
        NetClassifier(max_iter=3, random_state=0),
        NetClassifier(loss="binary_crossentropy", max_iter=3, random_state=0),
    )
    np.testing.assert_array_equal(
        one.fit(X[:100], two).predict_proba(X), other.fit(X[:100], two).predict_proba(X)
    )
    several = NetClassifier(loss="binary_crossentropy", max_iter=60, learning_rate_init=0.02, random_state=0)
    assert several.fit(X, NAMES).score(X, NAMES) > 0.9 and several.out_activation_ == "logistic"
    shares = NetRegressor(loss="binary_crossentropy", max_iter=3).fit(X, (Y > 0).astype(float)).predict(X)
    assert shares.min() >= 0 and shares.max() <= 1


def test_our_callbacks_see_the_validation_set():
    stopping = ln.callbacks.EarlyStopping("val_loss", 2)
    net = NetClassifier(
        (8,), early_stopping=True, callbacks=[stopping], learning_rate_init=0.1, max_iter=200, tol=0
    )
    net.set_params(n_iter_no_change=150, random_state=0).fit(X, NAMES)
    assert len(net.history_["val_loss"]) == net.n_iter_ < 150
    assert "val_loss" in net.history_.stopped


@pytest.mark.parametrize("several", [False, True])
def test_the_validation_loss_is_that_of_the_examples_held_back(several):
    weight = np.linspace(0.5, 2, 150)
    y = np.stack([NAMES == "setosa", NAMES != "virginica"], 1).astype(int) if several else NAMES
    how = {"early_stopping": True, "max_iter": 4, "n_iter_no_change": 9, "random_state": 0, "alpha": 0.0}
    net = NetClassifier((4,), **how).fit(X, y, sample_weight=weight)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    given = {"random_state": seed, "test_size": 0.1, "stratify": None if several else y}
    held, true, w = train_test_split(X, y, weight, **given)[1::2]
    best = int(np.argmax(net.validation_scores_))  # whose weights the network has
    p = net.predict_proba(held)
    if several:  # as scikit-learn's: a sum over labels
        losses = -np.where(true, np.log(p), np.log(1 - p)).sum(1)
    else:
        losses = -np.log(p[np.arange(len(p)), np.searchsorted(net.classes_, true)])
    assert net.history_["val_loss"][best] == pytest.approx(np.average(losses, weights=w), rel=1e-5)
    assert "val_loss" not in NetClassifier((4,), max_iter=2).fit(X, y).history_


def test_weights_that_add_up_to_nothing():
    for weight in (np.r_[np.ones(75), -np.ones(75)], np.full(150, 1e-310)):
        with pytest.raises(DataError, match="the weights of all examples add up to .*: expected more than 0"):
            NetClassifier((3,), max_iter=1).fit(X, NAMES, sample_weight=weight)
    with pytest.raises(SettingError, match="class_weight: expected numbers of 0 or more"):
        NetClassifier((3,), max_iter=1, class_weight={"setosa": -1.0}).fit(X, NAMES)


def test_validation_scores_are_in_the_history():
    net = NetClassifier((4,), early_stopping=True, max_iter=3, random_state=0, warm_start=True).fit(X, NAMES)
    assert net.history_["val_score"] == net.validation_scores_ and len(net.history_["val_score"]) == 3
    assert len(net.history_["val_loss"]) == 3
    net.set_params(early_stopping=False).fit(X, NAMES).set_params(early_stopping=True).fit(X, NAMES)
    found = np.array(net.history_["val_score"])
    assert np.isnan(found[3:6]).all() and found[6:].tolist() == net.validation_scores_
    assert len(found) == len(net.history_["loss"]) == 9


def test_lbfgs_holds_nothing_back():
    """As in scikit-learn, whose early stopping is for the other solvers."""
    one, other = (
        NetClassifier((4,), solver="lbfgs", early_stopping=early, max_iter=5, random_state=0).fit(X, NAMES)
        for early in (False, True)
    )
    np.testing.assert_array_equal(one.coefs_[0], other.coefs_[0])
    assert other.validation_scores_ is None


def test_early_stopping_keeps_the_best():
    x, y = load_digits(return_X_y=True)
    x = (x[:400] / 16).astype("float32")
    net = NetClassifier((30,), early_stopping=True, max_iter=60, learning_rate_init=0.02, random_state=0)
    net.fit(x, y[:400])
    assert net.best_validation_score_ == max(net.validation_scores_) and net.best_loss_ is None
    assert len(net.validation_scores_) == net.n_iter_ < 60
    held = train_test_split(x, y[:400], random_state=net.model_.seed, test_size=0.1, stratify=y[:400])
    assert net.score(held[1], held[3]) == net.best_validation_score_


# --- inside scikit-learn's tools ------------------------------------------------------------------------------


def test_inside_its_tools():
    net = NetClassifier((8,), max_iter=30, learning_rate_init=0.02, random_state=0)
    pipeline = make_pipeline(StandardScaler(), net)
    assert cross_val_score(pipeline, X, NAMES, cv=3, n_jobs=2).mean() > 0.85
    search = GridSearchCV(pipeline, {"netclassifier__activation": ["tanh", "relu"]}, cv=2, n_jobs=2)
    assert search.fit(X, NAMES).best_score_ > 0.85
    assert list(search.classes_) == ["setosa", "versicolor", "virginica"]
    voting = VotingClassifier([("net", net), ("line", LogisticRegression())], voting="soft").fit(X, NAMES)
    assert voting.score(X, NAMES) > 0.9
    calibrated = CalibratedClassifierCV(net, cv=2).fit(X, NAMES)
    assert calibrated.predict_proba(X).shape == (150, 3)
    found = permutation_importance(net.fit(X, NAMES), X, NAMES, random_state=0, n_repeats=3)
    assert found.importances_mean[2:].sum() > found.importances_mean[:2].sum()


def test_frames_with_text():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"length": X[:, 2], "color": np.where(X[:, 0] > 0, "red", "blue")})
    net = NetClassifier((8,), max_iter=40, learning_rate_init=0.02, random_state=0)
    made = make_column_transformer((OneHotEncoder(), ["color"]), (StandardScaler(), ["length"]))
    pipeline = make_pipeline(made, net).fit(frame, pandas.Series(NAMES))
    assert pipeline.score(frame, NAMES) > 0.85
    numbers = pandas.DataFrame(X, columns=list("abcd"))
    net.fit(numbers, NAMES)
    assert list(net.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        net.predict(numbers[list("badc")])


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (NAMES, ("setosa", "versicolor", "virginica")),
        (np.unique(NAMES, return_inverse=True)[1] + 1, ("1", "2", "3")),
        (np.where(NAMES == "setosa", "yes", "no"), ("no", "yes")),
        (np.unique(NAMES, return_inverse=True)[1], None),
        (NAMES == "setosa", None),
    ],
)
def test_the_file_of_the_model_has_the_names_of_the_classes(tmp_path, labels, names):
    net = NetClassifier((8,), max_iter=40, learning_rate_init=0.02, random_state=0).fit(X, labels)
    net.model_.save(tmp_path / "net.safetensors")
    same = ln.load(tmp_path / "net.safetensors")
    assert same.classes == names
    assert [str(one) for one in same.predict_classes(X)] == [
        str(one) for one in (net.predict(X) if names else net.predict(X).astype(int))
    ]
    # Another fit of the same estimator takes its own.
    assert net.fit(X, np.where(labels == labels[0], "a", "b")).model_.classes == ("a", "b")


def test_regressors_inside_its_tools():
    x, y = load_diabetes(return_X_y=True)
    net = NetRegressor((8,), max_iter=40, learning_rate_init=0.02, random_state=0)
    scaled = TransformedTargetRegressor(make_pipeline(StandardScaler(), net), transformer=StandardScaler())
    assert cross_val_score(scaled, x, y, cv=2).mean() > 0.3
    both = VotingRegressor([("net", scaled), ("line", LinearRegression())]).fit(x, y)
    assert both.score(x, y) > 0.4
    several = clone(net).fit(x, np.c_[y, -y] / 100)
    assert several.predict(x).shape == (442, 2) and several.score(x, np.c_[y, -y] / 100) > 0.3


def test_labels_of_several_kinds():
    """Several labels, weights in boosting, chains of estimators: what they give is what they give alone."""
    how = {"max_iter": 30, "learning_rate_init": 0.03, "random_state": 0}
    labels = np.c_[X[:, 0] > 0, X[:, 2] > 0.5, X[:, 1] > 0].astype(int)
    net = NetClassifier((10,), **how).fit(X, labels)
    assert net.score(X, labels) > 0.6 and net.predict_proba(X).shape == net.decision_function(X).shape
    np.testing.assert_array_equal(net.predict(X), (net.predict_proba(X) > 0.5).astype(int))
    alone = MultiOutputClassifier(NetClassifier((10,), **how)).fit(X, labels)
    assert (alone.predict(X) == net.predict(X)).mean() > 0.9
    assert OneVsRestClassifier(NetClassifier((10,), **how)).fit(X, NAMES).score(X, NAMES) > 0.9
    assert (
        AdaBoostClassifier(NetClassifier((10,), **how), n_estimators=2, random_state=0)
        .fit(X, NAMES)
        .score(X, NAMES)
        > 0.9
    )


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("column", ["texts", "dates", "durations"])
def test_columns_that_hold_no_numbers_are_named(library, column):
    module = pytest.importorskip(library)
    days = np.datetime64("2024-01-01", "us") + np.arange(len(X)).astype("m8[us]")
    cells = {"texts": [f"t{i % 3}" for i in range(len(X))], "dates": days, "durations": days - days[0]}[
        column
    ]
    given = {"a": X[:, 0], "odd": cells}
    frame = module.table(given) if library == "pyarrow" else module.DataFrame(given)
    with pytest.raises(
        DataError, match="NetClassifier: column 'odd' holds .*, which is no number: .*ColumnTransformer"
    ):
        NetClassifier((4,), max_iter=2).fit(frame, NAMES)


@pytest.mark.parametrize("cell", ["soon", None])
def test_the_cell_that_is_no_number_is_named(cell):
    pandas = pytest.importorskip("pandas")
    cell = pandas.NA if cell is None else cell
    frame = pandas.DataFrame({"a": X[:, 0], "odd": [*range(1, len(X)), cell]})
    with pytest.raises(DataError, match=f"column 'odd' holds {shown(cell)}, which is no number"):
        NetClassifier((4,), max_iter=2).fit(frame, NAMES)


def test_frames_of_polars():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(X, schema=list("abcd"))
    one = NetClassifier((4,), max_iter=3, random_state=0).fit(frame, polars.Series(NAMES))
    other = NetClassifier((4,), max_iter=3, random_state=0).fit(X, NAMES)
    np.testing.assert_array_equal(one.predict_proba(frame), other.predict_proba(X))
    assert list(one.feature_names_in_) == list("abcd") and list(one.activations(frame)) == list(
        other.activations(X)
    )


def test_a_class_of_ones_own():
    """It has a setting of its own in place of all others, by which scikit-learn clones it."""

    class Small(NetClassifier):
        def __init__(self, units=4):
            super().__init__((units,), max_iter=3, random_state=0)
            self.units = units

    assert clone(Small(3)).fit(X, NAMES).coefs_[0].shape == (4, 3)
    assert cross_val_score(Small(3), X, NAMES, cv=2, error_score="raise").shape == (2,)


def test_searches_over_dask():
    distributed = pytest.importorskip("distributed")
    import joblib

    search = GridSearchCV(NetClassifier((5,), max_iter=5, random_state=0), {"alpha": [0.0, 0.1]}, cv=2)
    alone = search.fit(X, Y).cv_results_["mean_test_score"]
    how = {"dashboard_address": None, "n_workers": 1, "threads_per_worker": 2}
    with (
        warnings.catch_warnings(action="ignore"),
        distributed.LocalCluster(processes=False, **how) as cluster,
        distributed.Client(cluster),
        joblib.parallel_backend("dask"),
    ):
        together = clone(search).fit(X, Y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(alone, together)


def test_on_jax():
    pytest.importorskip("jax")
    how = {"hidden_layer_sizes": (5,), "max_iter": 5, "random_state": 0, "batch_size": 30}
    one, two = NetClassifier(**how).fit(X, NAMES), NetClassifier(backend="jax:cpu", **how).fit(X, NAMES)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), rtol=1e-9)


def test_a_model_in_a_pipeline_points_to_the_estimators():
    model = ln.Model([L.Dense(3, "softmax")])
    model.compile("categorical_crossentropy")
    for wrong in (
        lambda: make_pipeline(StandardScaler(), model).fit(X, Y),
        lambda: Pipeline([("m", ln.Model([L.Dense(3)]))]).fit(X, Y),  # not compiled
        lambda: cross_val_score(model, X, Y),
        lambda: cross_val_score(model, X, Y, scoring="accuracy"),
        lambda: GridSearchCV(model, {"seed": [0, 1]}).fit(X, Y),
        lambda: VotingClassifier([("m", model)]).fit(X, Y),
        lambda: clone(model),
    ):
        with pytest.raises(TypeError, match="use lucidnet.sklearn.NetClassifier"):
            wrong()
    assert "Model" in repr(Pipeline([("m", model)]))
    with pytest.raises(AttributeError, match="here it is evaluate"):  # who is not scikit-learn is told so
        _ = model.score


# --- what cannot be honoured ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"hidden_layer_sizes": (5, 0)},
            SettingError,
            "NetClassifier: hidden_layer_sizes must be a whole number",
        ),
        ({"activation": "rellu"}, UnknownNameError, "NetClassifier: activation: .*did you mean 'relu'"),
        (
            {"activation": ["relu", "tanh"]},
            SettingError,
            "activation has 2 entries, but there are 1 hidden layers",
        ),
        ({"dropout": 1.0}, SettingError, "NetClassifier: dropout must be"),
        ({"solver": "adm"}, UnknownNameError, "solver: .*did you mean 'adam'"),
        ({"learning_rate": "cosine"}, SettingError, "learning_rate must be one of constant"),
        ({"solver": ln.optimizers.Adam(), "learning_rate": "adaptive"}, SettingError, "a rate of its own"),
        ({"max_iter": 0}, SettingError, "max_iter must be a whole number of 1 or more"),
        ({"max_iter": True}, SettingError, "max_iter must be a whole number of 1 or more, got True"),
        ({"shuffle": "no"}, SettingError, "shuffle must be True or False"),
        ({"rule": "hebb"}, UnknownNameError, "rule"),
        ({"class_weight": "even"}, SettingError, "class_weight must be 'balanced'"),
        ({"class_weight": np.ones(3)}, SettingError, "class_weight must be 'balanced'"),
        ({"layers": ["dense"]}, SettingError, "layers must be"),
        ({"callbacks": [print]}, SettingError, "callbacks must be .*scikit-learn's go to set_callbacks"),
        (
            {"callbacks": ln.callbacks.EarlyStopping("val_loss")},
            SettingError,
            "watches val_loss, which is measured with early_stopping=True",
        ),
        (
            {"random_state": "seed"},
            SettingError,
            "random_state must be a whole number from 0 .*, or None, got",
        ),
        ({"random_state": -1}, SettingError, "random_state must be a whole number from 0"),
        (
            {"random_state": np.random.default_rng(0)},
            SettingError,
            "random_state must be a whole number",
        ),
        ({"early_stopping": True, "validation_fraction": 0.0}, SettingError, "validation_fraction above 0"),
    ],
    ids=lambda given: re.sub(r" at 0x\w+", "", str(given)),
)
def test_wrong_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        NetClassifier(**settings).fit(X, Y)


ADAM, SEARCH, DECAY = (
    ln.optimizers.Adam(0.1),
    ln.optimizers.LBFGS(),
    ln.optimizers.schedules.ExponentialDecay(0.1, 0.5, 9),
)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("learning_rate_init", {"solver": ADAM, "learning_rate_init": 0.1}),
        ("momentum", {"solver": ADAM, "momentum": 0.5}),
        ("nesterovs_momentum", {"solver": ln.optimizers.SGD(0.1), "nesterovs_momentum": False}),
        ("beta_1", {"solver": "rmsprop", "beta_1": 0.5}),
        ("beta_2", {"solver": ADAM, "beta_2": 0.5}),
        ("epsilon", {"solver": ADAM, "epsilon": 0.5}),
        ("power_t", {"solver": ADAM, "power_t": 0.3}),
        ("max_fun", {"solver": ADAM, "max_fun": 9}),
        ("batch_size", {"solver": SEARCH, "batch_size": 10}),
        ("early_stopping", {"solver": SEARCH, "early_stopping": True}),
        ("tol", {"solver": SEARCH, "tol": 0.1}),
        ("n_iter_no_change", {"solver": SEARCH, "n_iter_no_change": 3}),
        ("learning_rate", {"solver": "lbfgs", "learning_rate": "one_cycle"}),
        ("rule", {"solver": "lbfgs", "rule": "fa"}),
        ("learning_rate", {"solver": "lbfgs", "learning_rate": DECAY}),
        ("learning_rate_init", {"learning_rate": DECAY, "learning_rate_init": 0.1}),
        ("hidden_layer_sizes", {"layers": [4], "hidden_layer_sizes": (3,)}),
        ("activation", {"layers": [L.Dense(4, "relu")], "activation": "tanh"}),
        ("dropout", {"layers": [L.Dense(4, "relu")], "dropout": 0.1}),
        ("dropout", {"hidden_layer_sizes": (), "dropout": 0.1}),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
@pytest.mark.parametrize("kind", [NetClassifier, NetRegressor])
def test_settings_without_effect_are_refused(kind, name, settings):
    with pytest.raises(SettingError, match=f"{kind.__name__}: {name}=.* has no effect"):
        kind(max_iter=1, **settings).fit(X, Y)
    if name != "learning_rate":  # set to what they are anyway, they say nothing
        usual = kind().get_params()[name]
        kind(max_iter=1, **settings | {name: list(usual) if isinstance(usual, tuple) else usual}).fit(X, Y)


def test_what_scikit_learn_leaves_without_effect_is_left():
    how = {"max_iter": 3, "random_state": 0}
    for settings, idle in (
        ({"solver": "adam"}, {"momentum": 0.1, "power_t": 0.1, "learning_rate": "adaptive", "max_fun": 3}),
        ({"solver": "lbfgs"}, {"batch_size": 9, "momentum": 0.1, "beta_1": 0.1, "learning_rate": "adaptive"}),
        ({"hidden_layer_sizes": ()}, {"activation": "tanh"}),
        ({"early_stopping": False}, {"validation_fraction": 0.3}),
    ):
        for kind in (NetClassifier, MLPClassifier):
            one, other = kind(**how, **settings).fit(X, Y), kind(**how, **settings, **idle).fit(X, Y)
            np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_a_search_of_ones_own():
    """The optimizer takes all examples, as by its name."""
    NetClassifier((4,), solver="lbfgs", rule=ln.rules.Rule("backprop"), max_iter=1).fit(X, Y)
    one = NetClassifier((4,), solver=ln.optimizers.LBFGS(tolerance=1e-4, change=0.0), max_iter=5)
    other = NetClassifier((4,), solver="lbfgs", max_iter=5)
    made = [net.set_params(random_state=0).fit(X, NAMES).coefs_[0] for net in (one, other)]
    np.testing.assert_array_equal(*made)
    assert not hasattr(one, "partial_fit") and not hasattr(other, "partial_fit")
    with pytest.raises(SettingError, match="partial_fit needs"):
        other.set_params(solver="adam").partial_fit.__func__(one, X, NAMES, classes=np.unique(NAMES))


def test_what_goes_on_in_another_way():
    how = {"max_iter": 3, "random_state": 0, "warm_start": True}
    net = NetClassifier((4,), **how).fit(X, NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.set_params(solver="lbfgs").fit(X, NAMES).set_params(solver="adam").fit(X, NAMES)
    two = NetClassifier((4,), **how).fit(X, Y > 0).set_params(loss="mse")
    counts = NetRegressor((4,), **how).fit(X, Y).set_params(loss="poisson")
    for other in (two, counts):
        with pytest.raises(SettingError, match="loss=.* would need another last layer, .* warm_start=False"):
            other.fit(X, Y > 0)


@pytest.mark.parametrize("kind", [NetClassifier, NetRegressor])
def test_the_loss_of_a_search_is_that_of_the_weights_found(kind):
    """As in scikit-learn; in the training it is that before the last step."""
    x = sparse.csr_matrix(X)
    for given in (X, x):
        net = kind((4,), solver="lbfgs", alpha=0.0, max_iter=6, random_state=0).fit(given, Y)
        if kind is NetClassifier:
            expected = -np.log(net.predict_proba(X)[np.arange(150), Y]).mean()
        else:
            expected = ((net.predict(X) - Y) ** 2).mean() / 2
        assert net.loss_ == pytest.approx(expected, rel=1e-12) and net.best_loss_ == net.loss_
        assert net.loss_ < net.loss_curve_[-1]


@pytest.mark.parametrize("early", [False, True])
def test_ctrl_c_keeps_what_was_learned(early):
    """As in scikit-learn; no warning says that more epochs were needed."""
    ends = ln.callbacks.On(
        epoch=lambda loop, result: signal.raise_signal(signal.SIGINT) if loop.epoch == 3 else None
    )
    net = NetClassifier((4,), early_stopping=early, callbacks=ends, random_state=0)
    with pytest.warns(UserWarning) as caught:
        net.fit(X, NAMES)
    assert ["interrupted in epoch 4; what" in str(one.message) for one in caught] == [True]
    assert net.n_iter_ == 3 and net.predict(X).shape == (150,)
    assert not early or net.best_validation_score_ == max(net.validation_scores_)
    with pytest.warns(UserWarning, match="interrupted"):
        assert make_pipeline(StandardScaler(), net).fit(X, NAMES)[-1].n_iter_ == 3


def test_a_callback_of_ones_own_may_measure_what_it_watches():
    class Watch(ln.callbacks.Callback):
        monitor = "val_loss"

        def epoch(self, loop, result):
            self.val_loss = loop.model.evaluate(X, Y).loss

    NetClassifier((4,), max_iter=1, callbacks=(watch := Watch())).fit(X, Y)
    assert watch.val_loss > 0


def test_ctrl_c_ends_what_fits_several_times():
    ends = ln.callbacks.On(epoch=lambda loop, result: signal.raise_signal(signal.SIGINT))
    net = NetClassifier((4,), callbacks=ends, random_state=0)
    for call in (
        lambda: net.partial_fit(X, NAMES, classes=np.unique(NAMES)),
        lambda: GridSearchCV(Pipeline([("net", net)]), {"net__alpha": [0.1, 1.0]}, cv=2).fit(X, NAMES),
        lambda: AdaBoostClassifier(net).fit(X, NAMES),
    ):
        with pytest.raises(KeyboardInterrupt):
            call()
    assert net.predict(X).shape == (150,)


def test_what_diverges_keeps_the_best_epoch():
    x, y = X * 1e3, X[:, 0]
    how = {"solver": "sgd", "early_stopping": True, "random_state": 0, "max_iter": 9, "batch_size": 9}
    with pytest.raises(DataError, match="scale the inputs"):
        NetRegressor((5,), "identity", learning_rate_init=10.0, **how).fit(x, y)
    grows = ln.callbacks.On(
        epoch=lambda loop, result: loop.model.set(learning_rate=1e3) if loop.epoch == 3 else None
    )
    with pytest.warns(ConvergenceWarning, match="scale the inputs.*best epoch before are kept") as caught:
        net = NetRegressor((5,), "identity", callbacks=[grows], learning_rate_init=1e-9, **how).fit(x, y)
    assert len(caught) == 1 and np.isfinite(net.predict(x)).all() and np.isnan(net.validation_scores_[-1])


def test_settings_of_a_value_that_is_a_setting():
    """As searches set those of an estimator inside another one; what was given stays as it was."""
    held = ln.optimizers.AdamW(0.1)
    net = NetClassifier((3,), solver=held, max_iter=2, random_state=0)
    grid = {"net__solver__learning_rate": [1e-9, 0.1], "net__solver__weight_decay": [0.2]}
    search = GridSearchCV(Pipeline([("net", net)]), grid, cv=2, error_score="raise").fit(X, Y)
    assert search.best_estimator_[-1].solver == ln.optimizers.AdamW(0.1, weight_decay=0.2)
    assert net.solver is held and held == ln.optimizers.AdamW(0.1)
    assert net.set_params(loss=ln.losses.Huber(), loss__delta=2.0, alpha=0.5).loss == ln.losses.Huber(2.0)
    fades = net.set_params(solver=ln.optimizers.SGD(ln.optimizers.schedules.TimeDecay(0.1, 1e-3)))
    assert fades.set_params(solver__learning_rate__decay=5.0).solver.learning_rate.decay == 5
    net.set_params(solver=held)
    for given, said in (
        ({"epochs": 3}, "NetClassifier has no setting 'epochs': here it is max_iter"),
        ({"optimizer__lr": 3}, "no setting 'optimizer': here it is solver"),
        ({"solver__lr": 3}, r"solver=AdamW\(0.1\) has no setting 'lr': learning_rate, "),
        ({"activation__alpha": 3}, "activation is 'relu': set activation itself"),
        ({"nonsense": 3}, "Invalid parameter 'nonsense'"),
    ):
        with pytest.raises(ValueError, match=said):
            net.set_params(**given)
    assert clone(net).get_params() == net.get_params()


class Scaled(NetClassifier):
    """With an estimator inside, and an attribute of a name that has another meaning elsewhere."""

    def __init__(self, scaler=None, weights=None):
        super().__init__((3,), max_iter=1)
        self.scaler, self.weights = scaler, weights


def test_a_subclass_has_settings_of_its_own():
    net = clone(Scaled(StandardScaler(), 2)).set_params(scaler__with_mean=False, weights=3)
    assert pickle.loads(pickle.dumps(net)).fit(X, Y).weights == 3 and net.scaler.with_mean is False
    with pytest.raises(AttributeError, match="has no attribute 'weights': here it is coefs_"):
        _ = NetClassifier().weights


def test_a_last_layer_too_many():
    for kind, layers in (
        (NetClassifier, [4, L.Dense(3, "softmax")]),
        (NetRegressor, [L.Dense(4, "relu"), L.Dense(1)]),
    ):
        with pytest.warns(
            MeaningWarning, match=f"{kind.__name__}: the layers given are the hidden ones, .* leave out"
        ):
            kind(layers=layers, max_iter=1).fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", MeaningWarning)
        NetClassifier(layers=L.Dense(3, "relu"), max_iter=1).fit(X, Y)  # one layer needs no list
        NetClassifier((4, 3), "softmax", max_iter=1).fit(X, Y)
        NetRegressor(layers=[L.Dense(2)], max_iter=1).fit(X, Y)


def test_said_as_scikit_learn_says_it(capsys):
    net = NetClassifier((4,), solver="sgd", learning_rate="adaptive", tol=9.0, n_iter_no_change=1, max_iter=4)
    net.set_params(verbose=np.True_, random_state=0).fit(X, Y > 0)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("Iteration 3") and lines[3].startswith(
        "Learning rate 0.0002: no training loss better"
    )
    assert net.out_activation_ == MLPClassifier(max_iter=1).fit(X, Y > 0).out_activation_ == "logistic"
    for loss in ("squared_error", "poisson"):
        ours, theirs = (kind(loss=loss, max_iter=1).fit(X, Y) for kind in (NetRegressor, MLPRegressor))
        assert ours.out_activation_ == theirs.out_activation_
    for name in ("coefs_", "history_"):
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            getattr(NetClassifier(), name)
        assert not hasattr(NetClassifier(), name)


def test_wrong_data_are_named():
    images = X.reshape(-1, 2, 2)
    for call in (NetClassifier().fit, lambda x, y: NetClassifier(max_iter=1).fit(X, Y).predict(x)):
        with pytest.raises(
            DataError, match=r"x.reshape\(len\(x\), -1\), and begin with layers=\[Reshape\(\(2, 2\)\)"
        ):
            call(images, Y)
    with pytest.raises(SettingError, match="class_weight={1: 2} is for one class of each example"):
        NetClassifier(class_weight={1: 2}).fit(X, LABELS)
    for weight in (np.nan, np.inf, None, "a"):
        with pytest.raises(SettingError, match="NetClassifier: class_weight: expected numbers of 0 or more"):
            NetClassifier(class_weight={0: weight}).fit(X, Y)
    with pytest.raises(NotFittedError):
        NetClassifier().predict(X)
    with pytest.raises(DataError, match="scale the inputs"):
        NetRegressor((5,), "identity", solver="sgd", learning_rate_init=10.0).fit(X * 1e3, X[:, 0])
    with pytest.raises(DataError, match=r"classes that are not known, \['rosa'\]"):
        NetClassifier((5,)).partial_fit(X, NAMES, classes=np.unique(NAMES)).partial_fit(
            X[:2], ["rosa", "setosa"]
        )
    with pytest.raises(DataError, match="y has 2 outputs, and had 1 before"):
        NetRegressor((5,)).partial_fit(X, X[:, 0]).partial_fit(X, X[:, :2])
    with pytest.raises(DataError, match=r"early_stopping=True holds back 0.1: .*too few members are: \[9\]"):
        NetClassifier((5,), early_stopping=True).fit(X, np.r_[9, Y[1:]])
    with pytest.raises(SettingError, match="class_weight='balanced' counts the classes of all examples"):
        NetClassifier((5,), class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.raises(DataError, match="several labels for each example before"):
        NetClassifier((5,)).partial_fit(X, LABELS, classes=range(4)).partial_fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        NetClassifier((5,), max_iter=2).fit(X, Y)
    with pytest.warns(UserWarning, match="batch_size=999 is more than the 150 examples"):
        NetClassifier((5,), max_iter=1, batch_size=999).fit(X, Y)


def test_texts_are_no_numbers_to_predict():
    x = np.random.default_rng(0).normal(size=(20, 3))
    net = NetRegressor((4,), solver="lbfgs", max_iter=3, random_state=0)
    for y in (["a", "b"] * 10, np.array(["a", "2"] * 10), np.array([["1", "b"]] * 20)):
        with pytest.raises(DataError, match="must be numbers to predict, got texts such as .* NetClassifier"):
            net.fit(x, y)
    y = np.arange(20) / 4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        of_texts, of_numbers = (clone(net).fit(x, given).predict(x) for given in (y.astype(str), y))
    np.testing.assert_array_equal(of_texts, of_numbers)


@pytest.mark.parametrize(
    "y",
    [
        Y,
        NAMES,
        NAMES.astype(object),
        Y > 0,
        np.arange(150),
        np.arange(150) // 2,
        np.arange(150) // 2 + 0.5,
        Y[:, None],
    ],
    ids=lambda y: f"{y.dtype}-{y.shape}-{len(np.unique(y))}",
)
def test_targets_are_checked_as_scikit_learn_checks_them(y):
    """Where nothing can be found its check is left out."""

    def said(check):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                check()
            except ValueError as error:
                return str(error)
        told = {str(one.message) for one in caught}
        return {text for text in told if "number of unique classes" in text or "column-vector" in text}

    def theirs():
        check_classification_targets(y)
        column_or_1d(y, warn=True)

    assert said(theirs) == said(lambda: NetClassifier((2,), max_iter=1).fit(X, y))


@pytest.mark.parametrize("seed", [0, np.int64(7), 2**32 - 1])
def test_a_seed_is_drawn_as_scikit_learn_draws_it(seed):
    first, again = (
        NetClassifier((3,), max_iter=1, random_state=seed).fit(X, Y).model_.seed for _ in range(2)
    )
    assert first == again == np.random.RandomState(seed).randint(2**31 - 1)


@pytest.mark.parametrize("wrapped", [lambda net: net, lambda net: make_pipeline(StandardScaler(), net)])
def test_warnings_point_at_who_fits(wrapped):
    with pytest.warns(ConvergenceWarning, match="max_iter=1") as caught:
        wrapped(NetClassifier((3,), max_iter=1)).fit(X, Y)
    assert [one.filename for one in caught] == [__file__]
