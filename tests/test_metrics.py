"""Metrics against scikit-learn, at once and batch by batch, and their messages."""

import math
import timeit
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import metrics
from lucidnet.errors import DataError, SettingError, ShapeError, UnknownNameError
from lucidnet.losses import BinaryCrossentropy, Poisson

sk = pytest.importorskip("sklearn.metrics")

SEEDS = range(25)
AVERAGES = ("macro", "micro", "weighted")
SCORES = {
    "precision": (metrics.Precision, sk.precision_score),
    "recall": (metrics.Recall, sk.recall_score),
    "f1": (metrics.F1, sk.f1_score),
}


def labels_and_scores(seed: int, classes: int) -> tuple[Any, Any, Any]:
    """Labels that often leave classes out, scores full of ties, weights."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    y = rng.integers(0, rng.integers(1, classes + 1), n)
    scores = rng.integers(0, 4, (n, classes)) / 4
    return y, scores.astype(np.float32), rng.random(n) + 0.1


def every_class(seed: int, classes: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(classes, 60))
    y = rng.permutation(np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)]))
    scores = rng.integers(1, 6, (n, classes)).astype(float)
    return y, scores / scores.sum(1, keepdims=True), rng.random(n) + 0.1


def in_batches(metric: Any, y: Any, prediction: Any, weight: Any = None, size: int = 7) -> Any:
    state = metric.start()
    for i in range(0, len(y), size):
        piece = slice(i, i + size)
        state = metric.update(state, y[piece], prediction[piece], None if weight is None else weight[piece])
    return metric.result(state)


def agree(metric: Any, y: Any, prediction: Any, weight: Any, expected: Callable[..., float]) -> None:
    """At once and in batches, with and without weights."""
    for w in (None, weight):
        want = expected(sample_weight=w)
        assert metric(y, prediction, w) == pytest.approx(want, rel=1e-12, abs=1e-12)
        assert in_batches(metric, y, prediction, w) == pytest.approx(want, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_accuracy_of_scores(seed: int, classes: int) -> None:
    y, scores, weight = labels_and_scores(seed, classes)

    def expected(**kw: Any) -> float:
        return float(sk.accuracy_score(y, scores.argmax(1), **kw))

    agree(metrics.Accuracy(), y, scores, weight, expected)
    agree(metrics.Accuracy(), np.eye(classes)[y], scores, weight, expected)
    agree(metrics.Accuracy(), y[:, None], scores.argmax(1), weight, expected)
    agree(metrics.Accuracy(), np.eye(classes)[y], scores.argmax(1), weight, expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_accuracy_of_probabilities_in_one_column(seed: int) -> None:
    y, scores, weight = labels_and_scores(seed, 2)
    p = scores[:, :1]

    def expected(**kw: Any) -> float:
        return float(sk.accuracy_score(y, p[:, 0] > 0.5, **kw))

    agree(metrics.Accuracy(), y, p, weight, expected)
    agree(metrics.Accuracy(), y[:, None], p[:, 0], weight, expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_binary_accuracy_counts_single_outputs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, out = rng.choice([-1, 1], (9, 3)), np.tanh(rng.normal(size=(9, 3)))
    weight = rng.random(9)

    def expected(sample_weight: Any) -> float:
        w = None if sample_weight is None else np.repeat(sample_weight, 3)
        return float(sk.accuracy_score(y.ravel() > 0, out.ravel() > 0, sample_weight=w))

    agree(metrics.BinaryAccuracy(0.0), y, out, weight, expected)
    assert metrics.binary_accuracy(y, out, 0.0) == expected(None)


def test_binary_accuracy_of_shares_beside_hard_targets() -> None:
    """A target of 1 is what it is, whatever else is in its batch."""
    y, logits = np.array([1.0, 0.0, 1.0, 0.4]), np.array([3.0, -1.0, 2.5, 1.0])
    metric = metrics.BinaryAccuracy(2.0)  # a threshold for logits
    assert metric(y, logits) == in_batches(metric, y, logits, size=2) == 1.0
    assert metric(y[:3], logits[:3]) == 1.0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_with_ties(seed: int, k: int) -> None:
    y, scores, weight = labels_and_scores(seed, 7)

    def expected(**kw: Any) -> float:
        return float(sk.top_k_accuracy_score(y, scores, k=k, labels=range(7), **kw))

    agree(metrics.TopK(k), y, scores, weight, expected)
    assert metrics.top_k(np.eye(7)[y], scores, k) == pytest.approx(expected())


def test_top_k_never_counts_nan_as_a_hit() -> None:
    assert metrics.top_k([0, 1], np.full((2, 4), np.nan), 2) == 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("average", AVERAGES)
def test_averages_over_classes(seed: int, score: str, average: str) -> None:
    ours, theirs = SCORES[score]
    y, scores, weight = labels_and_scores(seed, 6)

    def expected(**kw: Any) -> float:
        return float(theirs(y, scores.argmax(1), average=average, zero_division=0.0, **kw))

    agree(ours(average), y, scores, weight, expected)
    agree(ours(average), y, scores.argmax(1), weight, expected)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("score", SCORES)
def test_binary_precision_recall_f1(seed: int, score: str) -> None:
    ours, theirs = SCORES[score]
    y, scores, weight = labels_and_scores(seed, 2)
    for prediction, guess in ((scores, scores.argmax(1)), (scores[:, 0], scores[:, 0] > 0.5)):

        def expected(guess: Any = guess, **kw: Any) -> float:
            return float(theirs(y, guess, zero_division=0.0, **kw))

        agree(ours(), y, prediction, weight, expected)


@pytest.mark.parametrize("score", SCORES)
def test_nothing_predicted_and_nothing_true_is_zero_without_a_warning(score: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert getattr(metrics, score)([0, 0], [0, 0]) == 0.0
        assert getattr(metrics, score)([0, 0], [0, 0], average="macro") == 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_confusion_matrix(seed: int) -> None:
    y, scores, weight = labels_and_scores(seed, 5)
    for w in (None, weight):
        want = sk.confusion_matrix(y, scores.argmax(1), labels=range(5), sample_weight=w)
        np.testing.assert_allclose(metrics.confusion_matrix(y, scores, w), want, rtol=1e-12)
        np.testing.assert_allclose(in_batches(metrics.ConfusionMatrix(), y, scores, w), want, rtol=1e-12)


def test_confusion_matrix_grows_with_the_classes_that_come_up() -> None:
    matrix = metrics.ConfusionMatrix()
    first = matrix.update(matrix.start(), [0, 1], [0, 1])
    both = matrix.update(first, [3], [1])
    assert first.tolist() == [[1, 0], [0, 1]]
    assert both.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ties", [True, False])
def test_binary_roc_auc(seed: int, ties: bool) -> None:
    y, scores, weight = every_class(seed, 2)
    p = scores[:, 1] if ties else np.random.default_rng(seed).normal(size=len(y)).astype(np.float32)

    def expected(**kw: Any) -> float:
        return float(sk.roc_auc_score(y, p, **kw))

    agree(metrics.ROCAUC(), y, p, weight, expected)
    agree(metrics.ROCAUC(), np.eye(2)[y], np.stack([-p, p], 1), weight, expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_roc_auc_of_several_classes_is_the_mean_of_one_against_the_rest(seed: int) -> None:
    y, scores, weight = every_class(seed, 4)

    def expected(**kw: Any) -> float:
        return float(sk.roc_auc_score(y, scores, multi_class="ovr", average="macro", **kw))

    agree(metrics.ROCAUC(), y, scores, weight, expected)


def test_roc_auc_with_a_class_missing() -> None:
    with pytest.raises(DataError, match="roc_auc: y has no example of class 1"):
        metrics.roc_auc([0, 0], [0.1, 0.2])
    with pytest.raises(DataError, match="no example of class 2"):
        metrics.roc_auc([0, 1], [[0.1, 0.2, 0.7], [0.3, 0.4, 0.3]])
    with pytest.raises(DataError, match="NaN"):
        metrics.roc_auc([0, 1], [0.1, np.nan])
    assert math.isnan(in_batches(metrics.ROCAUC(), [0, 0], [0.1, 0.2]))


def test_roc_auc_keeps_copies_of_the_scores() -> None:
    scores, metric = np.array([0.1, 0.9]), metrics.ROCAUC()
    state = metric.update(metric.start(), [0, 1], scores)
    scores[:] = 0
    assert metric.result(state) == 1.0


REGRESSION = [
    (metrics.MAE(), sk.mean_absolute_error),
    (metrics.MSE(), sk.mean_squared_error),
    (metrics.RMSE(), sk.root_mean_squared_error),
    (metrics.R2(), sk.r2_score),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("metric", "theirs"), REGRESSION)
def test_regression(seed: int, metric: Any, theirs: Callable[..., float]) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(2, 40)), *([], [1], [3])[seed % 3])
    y = rng.normal(size=shape) * 10.0 ** rng.integers(-2, 3) + rng.integers(-3, 4)
    guess = y + rng.normal(size=shape)
    if seed % 5 == 0:
        y[:] = 0.0  # a constant whose weighted mean is exact in scikit-learn too
    agree(metric, y, guess, rng.random(len(y)) + 0.1, lambda **kw: float(theirs(y, guess, **kw)))


@pytest.mark.parametrize(("metric", "theirs"), REGRESSION)
def test_regression_of_sequences(metric: Any, theirs: Callable[..., float]) -> None:
    """Each time step is a row, with a mask or without: as in the loss."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(6, 5, 2)) + np.arange(5)[:, None]
    guess = y + rng.normal(size=y.shape)

    def expected(sample_weight: Any) -> float:
        weight = None if sample_weight is None else np.repeat(sample_weight, 5)
        return float(theirs(y.reshape(-1, 2), guess.reshape(-1, 2), sample_weight=weight))

    agree(metric, y, guess, rng.random(6) + 0.1, expected)
    assert metric(y[np.ones((6, 5), bool)], guess.reshape(-1, 2)) == pytest.approx(expected(None))


def test_r2_of_targets_far_from_zero() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=1000)
    guess = y + 0.1 * rng.normal(size=1000)
    want = sk.r2_score(y, guess)
    assert in_batches(metrics.R2(), y + 1e8, guess + 1e8) == pytest.approx(want, rel=1e-6)


def test_r2_of_a_constant_target() -> None:
    y = np.full((30, 1), 0.1)
    assert in_batches(metrics.R2(), y, y) == 1.0
    assert in_batches(metrics.R2(), y, y + 1) == 0.0
    with pytest.raises(DataError, match="r2: at least 2 examples are needed, got 1"):
        metrics.r2([1.0], [1.0])


def test_r2_with_a_batch_that_weighs_nothing() -> None:
    """It counts as when all is one batch: its rows do, for whether there are two."""
    y, guess, weight = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0]), np.array([0.0, 2.0, 0.0])
    want = sk.r2_score(y, guess, sample_weight=weight)
    metric = metrics.R2()
    assert metric(y, guess, weight) == want == 1.0
    for rows in ([[0], [1], [2]], [[1], [0, 2]], [[0, 2], [1]]):
        state = metric.start()
        for some in rows:
            state = metric.update(state, y[some], guess[some], weight[some])
        assert metric.result(state) == want
    with pytest.raises(DataError, match="r2: there are no examples"):
        metrics.r2(y, guess, np.zeros(3))


@pytest.mark.parametrize("name", [n for n in metrics.KNOWN if "binary" not in n and not n.startswith("top")])
def test_a_metric_is_a_value(name: str) -> None:
    metric = metrics.get(name)
    assert metric.name == name
    assert metric == metrics.get(name) and hash(metric) == hash(metrics.get(name))
    assert eval(repr(metric), vars(metrics)) == metric
    assert math.isnan(metric.result(metric.start()))


@pytest.mark.parametrize("name", metrics.KNOWN)
def test_update_leaves_the_state_and_the_arrays_as_they_were(name: str) -> None:
    metric, y = metrics.get(name), np.array([0, 1, 1, 0])
    p = np.tile([[0.2, 0.8], [0.6, 0.4], [0.1, 0.9], [0.7, 0.3]], 3)[:, : 6 if name == "top_5" else 1]
    state = metric.update(metric.start(), y, p)
    before, y_before, p_before = metric.result(state), y.copy(), p.copy()
    metric.update(state, y[:2], p[:2])
    assert metric.result(state) == before
    assert (y == y_before).all() and (p == p_before).all()


def test_get() -> None:
    assert metrics.get("accuracy") == metrics.Accuracy() == metrics.get(metrics.Accuracy)
    assert metrics.get("top_3") == metrics.TopK(3) == metrics.get(metrics.TopK(3))
    assert metrics.get("f1_weighted") == metrics.F1("weighted")
    assert metrics.TopK(3) != metrics.TopK(4)
    with pytest.raises(UnknownNameError, match="unknown metric 'acuracy': did you mean 'accuracy'"):
        metrics.get("acuracy")
    with pytest.raises(SettingError, match="metric"):
        metrics.get(3)


def test_a_function_is_weighted_by_the_sizes_of_batches() -> None:
    def largest(y: Any, prediction: Any) -> float:
        return float(np.max(prediction))

    metric = metrics.get(largest)
    assert metric.name == "largest" and metric == metrics.get(largest)
    assert in_batches(metric, np.zeros(4), np.array([1.0, 2.0, 3.0, 8.0]), size=3) == (3 * 3 + 8) / 4


def test_a_function_may_be_undefined() -> None:
    """A correlation with something constant is no number: then the mean is none."""
    metric = metrics.get(lambda y, prediction: float("nan"))
    assert math.isnan(metric(np.zeros(3), np.zeros(3)))


def test_a_metric_of_one_output_is_undefined_where_it_is() -> None:
    of_a = metrics.OfOutput("a", metrics.ROCAUC())
    with pytest.raises(DataError, match="roc_auc: y has no example of class 1"):
        of_a({"a": [0, 0]}, {"a": [0.1, 0.2]})
    assert math.isnan(of_a.result(of_a.update(of_a.start(), {"a": [0, 0]}, {"a": [0.1, 0.2]})))


def test_lists_sequences_and_jax_arrays() -> None:
    assert metrics.accuracy([0, 1], [[0.9, 0.1], [0.2, 0.8]]) == 1.0
    scores = np.eye(3)[[[0, 1], [2, 2]]]
    assert metrics.accuracy([[0, 1], [2, 0]], scores) == 0.75
    assert metrics.accuracy([[0, 1], [2, 0]], scores, [1.0, 0.0]) == 1.0
    jnp = pytest.importorskip("jax.numpy")
    assert metrics.f1(jnp.array([0, 1]), jnp.array([0.1, 0.7])) == 1.0


MESSAGES = [
    (
        ShapeError,
        r"accuracy: y of shape \(3,\) does not fit 2 predictions of 4 scores",
        [0, 1, 2],
        np.ones((2, 4)),
    ),
    (
        ShapeError,
        r"y of shape \(2, 3\) does not fit 2 predictions of 4 scores",
        np.eye(2, 3),
        np.ones((2, 4)),
    ),
    (ShapeError, "does not fit 2 predictions of one value each", [0, 1, 1], [0.5, 0.5]),
    (DataError, "labels have to be 0 or 1, got -1 to 1. .*BinaryAccuracy", [-1, 1], [-0.9, 0.8]),
    (DataError, "got 2.5 to 9.*, for numbers to predict 'mae' or 'r2'$", [2.5, 9.0], [2.0, 8.0]),
    (DataError, "have to be one-hot.*BinaryAccuracy", [[-1, -1], [1, 1]], [[0.1, 0.2], [0.3, 0.4]]),
    (DataError, "accuracy: there are no examples", np.zeros(0, int), np.zeros((0, 3))),
]


@pytest.mark.parametrize(("error", "message", "y", "prediction"), MESSAGES)
def test_messages_of_accuracy(error: type[Exception], message: str, y: Any, prediction: Any) -> None:
    with pytest.raises(error, match=message):
        metrics.accuracy(y, prediction)


def test_other_messages() -> None:
    with pytest.raises(DataError, match="labels from 0 to 2, one for each of 3 classes, got 3"):
        metrics.confusion_matrix([0, 3], np.ones((2, 3)))
    with pytest.raises(DataError, match=r"whole numbers from 0 on, got 0\.5"):
        metrics.confusion_matrix([0.5, 1], np.ones((2, 3)))
    with pytest.raises(DataError, match="labels from 0 on, got -1"):
        metrics.confusion_matrix([0, -1], [0, 1])
    with pytest.raises(SettingError, match="average='binary' is for 2 classes, got 3: use 'f1_macro'"):
        metrics.f1([0, 2], [0, 2])
    with pytest.raises(UnknownNameError, match="did you mean 'macro'"):
        metrics.precision([0], [0], average="makro")
    with pytest.raises(ShapeError, match=r"mae: y of shape \(3,\) and a prediction of shape \(3, 2\)"):
        metrics.mae(np.zeros(3), np.zeros((3, 2)))
    with pytest.raises(ShapeError, match="2 sample weights for 3 examples"):
        metrics.mae(np.zeros(3), np.zeros(3), [1, 1])
    with pytest.raises(ShapeError, match=r"top_5: expected scores \(n, classes\)"):
        metrics.top_k([0, 1], [0.1, 0.2])
    with pytest.raises(NotImplementedError, match="Nameless must define name"):
        _ = type("Nameless", (metrics.base.Mean,), {})().name
    with pytest.raises(SettingError, match="TopK: k must be a whole number of 1 or more, got 0"):
        metrics.TopK(0)
    with pytest.raises(ShapeError, match=r"binary_accuracy: .* need the same shape"):
        metrics.binary_accuracy([1, 0], np.ones((2, 2)))


def test_a_column_against_a_row_is_not_broadcast() -> None:
    assert metrics.mse([1.0, 2.0, 3.0], [[1.0], [2.0], [3.0]]) == 0.0


def test_accuracy_costs_a_training_step_only_microseconds() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 10, 64), rng.random((64, 10), np.float32)
    metric = metrics.Accuracy()
    best = min(timeit.repeat(lambda: metric.update((0, 0), y, p), number=200, repeat=20)) / 200
    assert best < 30e-6  # 3 µs on the machine where it was written; the rest is room for a busy one


def test_a_share_that_is_always_one_is_refused() -> None:
    with pytest.raises(
        ShapeError, match="top_k: of 2 classes the true one is always.*take k below 2, got k=5"
    ):
        metrics.top_k([0, 1], [[0.2, 0.8], [0.6, 0.4]])
    with pytest.raises(ShapeError, match="top_k: of 2 classes.*got k=2"):
        metrics.TopK(2)([0, 1], [[0.2, 0.8], [0.6, 0.4]])


@pytest.mark.parametrize("metric", [metrics.MAE(), metrics.MSE(), metrics.R2()])
def test_sums_of_a_checkpoint_of_before_go_on(metric):
    """They had columns for each time step; the result is that of all examples."""
    y, prediction = np.random.default_rng(0).normal(size=(2, 6, 4, 3))
    apart = metric.update(metric.start(), *(a[:4].reshape(4, 12) for a in (y, prediction)))
    joined = metric.update(apart, y[4:], prediction[4:])
    whole = metric.update(metric.start(), y, prediction)
    np.testing.assert_allclose(metric.value(joined), metric.value(whole), rtol=1e-12)


LOGITS = {
    "binary": (BinaryCrossentropy(from_logits=True), np.array([0, 1, 1, 0])),
    "hinge": ("hinge", np.array([-1, 1, 1, -1])),
}
"""Losses of single outputs that are scores, of which 0 is the border, and targets."""


@pytest.mark.parametrize("kind", LOGITS)
def test_scores_of_a_loss_from_logits_have_their_border_at_0(kind: str, tmp_path: Path) -> None:
    """As `predict_classes` has it: 0.3 as a logit is class 1, where as a probability it is class 0."""
    loss, y = LOGITS[kind]
    scores = np.array([[-2.0], [0.3], [1e-9], [0.4]])
    names = ["accuracy", "binary_accuracy", "precision", "recall", "f1"]
    model = ln.Model([ln.layers.Input(1), ln.layers.Dense(1, initializer="ones")], dtype="float64")
    model.compile(loss, "sgd", [*names, "mae"])
    truth, guess = y > 0, scores[:, 0] > 0
    found = model.evaluate(scores, y)
    scored = (sk.accuracy_score, sk.accuracy_score, sk.precision_score, sk.recall_score, sk.f1_score)
    for name, score in zip(names, scored, strict=True):
        assert found[name] == pytest.approx(score(truth, guess))
    assert found["mae"] == pytest.approx(np.abs(scores[:, 0] - y).mean())  # of the scores themselves
    assert model.predict_classes(scores).tolist() == guess.astype(int).tolist()
    model.save(tmp_path / "m.safetensors")
    again = ln.load(tmp_path / "m.safetensors")
    assert again.metrics == model.metrics and again.evaluate(scores, y) == found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.compile("mse", "sgd", model.metrics[:1])
    assert model.metrics == (metrics.Accuracy(),)


def test_scores_of_one_of_several_outputs() -> None:
    nodes = [("a", ln.layers.Dense(1), "x"), ("b", ln.layers.Dense(1, "sigmoid"), "x")]
    model = ln.Model(ln.layers.Graph({"x": (2,)}, nodes, ["a", "b"]), seed=2)
    model.compile({"a": LOGITS["binary"][0], "b": "binary_crossentropy"}, "sgd", {"a": "f1", "b": "f1"})
    x, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    made, found = model.predict(x), model.evaluate(x, {"a": y, "b": y})
    assert found["a_f1"] == pytest.approx(sk.f1_score(y, made["a"][:, 0] > 0))
    assert found["b_f1"] == pytest.approx(sk.f1_score(y, made["b"][:, 0] > 0.5))
    assert found["a_f1"] != pytest.approx(sk.f1_score(y, made["a"][:, 0] > 0.5))


@pytest.mark.parametrize("threshold", [-0.5, 0.3, 1.0, 2.0])
def test_a_threshold_is_one_of_predictions(threshold: float) -> None:
    """Targets of 0 and 1 are what they are, also where both lie on one side of it."""
    y, scores = np.array([0, 1, 1, 0]), np.array([-1.0, 0.2, 3.0, 1.5])
    assert metrics.binary_accuracy(y, scores, threshold) == sk.accuracy_score(y, scores > threshold)
    with pytest.raises(DataError, match="border at 0.* BinaryAccuracy"):
        metrics.binary_accuracy(2 * y - 1, scores)


def test_metrics_of_counts_whose_logarithms_are_predicted() -> None:
    x, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 4
    model = ln.Model([ln.layers.Input(2), ln.layers.Dense(1)], dtype="float64")
    model.compile(Poisson(from_logs=True), "sgd", ["mae", "rmse", "r2"])
    found, rates = model.evaluate(x, y), np.exp(model.predict(x)[:, 0])
    assert found["mae"] == pytest.approx(np.abs(rates - y).mean())
    assert found["rmse"] == pytest.approx(((rates - y) ** 2).mean() ** 0.5)
    assert found["r2"] == pytest.approx(sk.r2_score(y, rates))
