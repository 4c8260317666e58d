"""Every loss of the table has every property; targets are checked in words."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

import lucidnet as ln
from harness import LOSSES, SCORES, directional
from lucidnet import losses
from lucidnet.backend import namespace
from lucidnet.core.value import from_config, to_config
from lucidnet.data.batch import Batch
from lucidnet.errors import DataError, SettingError, ShapeError
from lucidnet.interop.registry import registry
from lucidnet.layers import Activation, Dense, Dropout, LogSoftmax, Sequential
from lucidnet.losses import Loss
from lucidnet.training import Objective

every_loss = pytest.mark.parametrize("row", LOSSES, ids=str)
WEIGHTS = np.array([1.0, 0.0, 2.5, 0.5, 1.0, 3.0])


def test_the_table_is_complete():
    kinds = {type(row.loss) for row in LOSSES}
    assert set(losses.KNOWN.values()) <= kinds


@every_loss
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
def test_value_is_the_formula(row, weights):
    value, _ = row.loss.forward(row.prediction, row.target, weights)
    each = np.asarray(row.expected(row.prediction, row.target))
    expected = np.mean(each if weights is None else (weights * each.T).T)
    np.testing.assert_allclose(value, expected, rtol=1e-12)


@every_loss
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
def test_finite_differences(row, weights):
    _, cache = row.loss.forward(row.prediction, row.target, weights)
    gradient = row.loss.backward(cache)
    assert gradient.shape == row.prediction.shape

    def value(prediction):
        return float(row.loss.forward(prediction, row.target, weights)[0])

    for seed in range(5):
        direction = np.random.default_rng(seed).normal(size=row.prediction.shape)
        expected = directional(value, row.prediction, direction, 1e-5)
        assert abs((gradient * direction).sum() - expected) < 1e-7 * max(abs(expected), 0.1)


@every_loss
def test_automatic_differentiation(row):
    _, cache = row.loss.forward(row.prediction, row.target, WEIGHTS)
    weights, target = jnp.asarray(WEIGHTS), jnp.asarray(row.target)
    gradient = jax.grad(lambda y: row.loss.forward(y, target, weights)[0])(jnp.asarray(row.prediction))
    np.testing.assert_allclose(row.loss.backward(cache), gradient, rtol=1e-9, atol=1e-12)


@every_loss
def test_compiled(row):
    value, cache = row.loss.forward(row.prediction, row.target)

    @jax.jit
    def both(y, t):
        value, cache = row.loss.forward(y, t)
        return value, row.loss.backward(cache)

    jax_value, jax_gradient = both(jnp.asarray(row.prediction), jnp.asarray(row.target))
    np.testing.assert_allclose(value, jax_value, rtol=1e-12)
    np.testing.assert_allclose(row.loss.backward(cache), jax_gradient, rtol=1e-12, atol=1e-14)


@every_loss
def test_pure_and_repeatable(row):
    prediction, target = row.prediction.copy(), row.target.copy()
    _, cache = row.loss.forward(prediction, target, WEIGHTS)
    first = row.loss.backward(copy.deepcopy(cache))
    np.testing.assert_array_equal(first, row.loss.backward(cache))
    np.testing.assert_array_equal(first, row.loss.backward(cache))
    np.testing.assert_array_equal(prediction, row.prediction)
    np.testing.assert_array_equal(target, row.target)


@every_loss
def test_dtype_is_kept(row):
    target = row.target if row.target.dtype.kind == "i" else row.target.astype("float32")
    value, cache = row.loss.forward(row.prediction.astype("float32"), target, WEIGHTS.astype("float32"))
    assert value.dtype == row.loss.backward(cache).dtype == np.float32


@every_loss
def test_one_row_and_non_contiguous(row):
    """The gradient of a batch is made of those of its rows, over their number, however they lie in memory."""
    _, cache = row.loss.forward(np.asfortranarray(row.prediction), np.asfortranarray(row.target))
    whole = row.loss.backward(cache)
    for i in range(6):
        value, cache = row.loss.forward(row.prediction[i : i + 1], row.target[i : i + 1])
        assert value.shape == ()
        np.testing.assert_allclose(whole[i : i + 1], row.loss.backward(cache) / 6, rtol=1e-12, atol=1e-15)


@every_loss
def test_a_loss_is_a_value(row):
    if isinstance(row.loss, losses.Custom):
        with pytest.raises(SettingError, match="a file holds names and numbers, never code"):
            to_config(row.loss)
        return
    rebuilt = eval(repr(row.loss), vars(losses))
    assert rebuilt == row.loss
    assert hash(rebuilt) == hash(row.loss)
    assert from_config(to_config(row.loss), registry()) == row.loss


# --- large logits, fused activations ---------------------------------------------------------------

HUGE = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, -1e4]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (losses.CategoricalCrossentropy(True), np.array([1, 0, 2])),
        (losses.CategoricalCrossentropy(True, 0.1), np.array([1, 0, 2])),
        (losses.KLDivergence(True), np.full((3, 3), 1 / 3)),
        (losses.BinaryCrossentropy(True), np.eye(3)),
    ],
    ids=str,
)
def test_huge_logits(loss, target, dtype):
    target = target if target.dtype.kind == "i" else target.astype(dtype)
    with np.errstate(under="ignore"):
        value, cache = loss.forward(HUGE.astype(dtype), target)
    gradient = loss.backward(cache)
    assert np.isfinite(value)
    assert value > 1000
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() <= 1


def test_probabilities_of_zero_are_finite():
    p = np.array([[0.0, 1.0]], "float32")
    for loss, target in [
        (losses.CategoricalCrossentropy(), np.array([0])),
        (losses.BinaryCrossentropy(), np.array([[1.0, 0.0]], "float32")),
        (losses.KLDivergence(), np.array([[0.5, 0.5]], "float32")),
    ]:
        value, cache = loss.forward(p, target)
        assert 30 < value < 100
        assert np.isfinite(loss.backward(cache)).all()


def test_integer_labels_equal_one_hot():
    labels = np.array([0, 4, 2, 2, 1, 3])
    for loss in (losses.CategoricalCrossentropy(True), losses.CategoricalHinge()):
        one, two = (loss.forward(SCORES, t) for t in (labels, np.eye(5)[labels]))
        assert one[0] == two[0]
        np.testing.assert_array_equal(loss.backward(one[1]), loss.backward(two[1]))


def test_equal_rivals_share_the_slope():
    """As automatic differentiation of the maximum has it."""
    scores, label = np.array([[2.0, 2.0, 0.5]]), np.array([2])
    hinge = losses.CategoricalHinge()
    gradient = hinge.backward(hinge.forward(scores, label)[1])
    assert gradient.tolist() == [[0.5, 0.5, -1]]
    by_jax = jax.grad(lambda y: jnp.maximum(1 + y[0, :2].max() - y[0, 2], 0))(jnp.asarray(scores))
    np.testing.assert_array_equal(gradient, by_jax)


@pytest.mark.parametrize(
    ("activation", "loss", "target"),
    [
        ("softmax", "categorical_crossentropy", np.array([0, 2, 1, 0])),
        ("softmax", "sparse_categorical_crossentropy", np.array([0, 2, 1, 0])),
        ("softmax", losses.CategoricalCrossentropy(label_smoothing=0.2), np.array([0, 2, 1, 0])),
        ("softmax", "kl_divergence", np.full((4, 3), 1 / 3)),
        ("sigmoid", "binary_crossentropy", np.eye(4, 3)),
        ("log_softmax", "categorical_crossentropy", np.array([0, 2, 1, 0])),
    ],
)
@pytest.mark.parametrize("own_layer", [False, True])
def test_fused_equals_the_plain_composition(activation, loss, target, own_layer):
    """The gradient of loss(activation(x W + b)) by automatic differentiation of exactly that."""
    last = [Dense(3), Activation(activation)] if own_layer else [Dense(3, activation)]
    net, loss = Sequential(last), losses.get(loss)
    from lucidnet.backend import Stream

    params, _ = net.init(Stream(0, dtype="float64"), (5,))
    x = SCORES[:4]
    objective = Objective.of(net, loss)
    value, y, grads = objective.gradient(params, Batch(x, target))[:3]
    np.testing.assert_allclose(y, net.forward(params, x)[0], rtol=1e-12)

    def plain(params):
        y = net.forward(params, jnp.asarray(x))[0]
        probabilities = jnp.exp(y) if activation == "log_softmax" else y
        return loss.forward(probabilities, jnp.asarray(target))[0]

    jax_value, jax_grads = jax.value_and_grad(plain)(jax.tree.map(jnp.asarray, params))
    np.testing.assert_allclose(value, jax_value, rtol=1e-12)
    np.testing.assert_allclose(grads["dense0"]["W"], jax_grads["dense0"]["W"], rtol=1e-9, atol=1e-12)


# --- others' numbers --------------------------------------------------------------------------------


def test_scikit_learn_agrees():
    p = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
    y = np.array([0, 4, 2, 2, 1, 3])
    ours = losses.CategoricalCrossentropy().forward(p, y)[0]
    np.testing.assert_allclose(ours, sklearn.metrics.log_loss(y, p), rtol=1e-12)
    signs = np.array([1.0, -1, 1, 1, -1, -1])
    ours = losses.Hinge().forward(SCORES[:, :1], signs[:, None])[0]
    np.testing.assert_allclose(ours, sklearn.metrics.hinge_loss(signs, SCORES[:, 0]), rtol=1e-12)


def test_pytorch_agrees():
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    y, t, soft = (torch.from_numpy(a) for a in (SCORES, np.array([0, 4, 2, 2, 1, 3]), np.full((6, 5), 0.2)))
    real = torch.from_numpy(SCORES[::-1].copy())
    class_weight = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0], dtype=torch.float64)
    by_class = class_weight.numpy()[t.numpy()]
    for ours, theirs in [
        (losses.MeanSquaredError().forward(SCORES, real.numpy()), f.mse_loss(y, real)),
        (losses.MeanAbsoluteError().forward(SCORES, real.numpy()), f.l1_loss(y, real)),
        (losses.Huber(1.3).forward(SCORES, real.numpy()), f.huber_loss(y, real, delta=1.3)),
        (losses.CategoricalCrossentropy(True).forward(SCORES, t.numpy()), f.cross_entropy(y, t)),
        (
            losses.CategoricalCrossentropy(True, 0.3).forward(SCORES, t.numpy()),
            f.cross_entropy(y, t, label_smoothing=0.3),
        ),
        (
            losses.CategoricalCrossentropy(True).forward(SCORES, t.numpy(), by_class),
            f.cross_entropy(y, t, class_weight, reduction="sum") / 6,
        ),
        (
            losses.KLDivergence(True).forward(SCORES, soft.numpy()),
            f.kl_div(f.log_softmax(y, -1), soft, reduction="batchmean"),
        ),
        (losses.Poisson(True).forward(SCORES, np.abs(real.numpy())), f.poisson_nll_loss(y, real.abs())),
        (
            losses.Poisson().forward(soft.numpy(), np.abs(real.numpy())),
            f.poisson_nll_loss(soft, real.abs(), log_input=False, eps=0),
        ),
        (
            losses.CosineDistance().forward(SCORES, real.numpy()),
            1 - f.cosine_similarity(y, real, dim=-1).mean(),
        ),
        (
            losses.CategoricalHinge().forward(SCORES, t.numpy()),
            _margin(y, t),
        ),
    ]:
        np.testing.assert_allclose(ours[0], theirs.item(), rtol=1e-12)


def _margin(y, t):
    """Crammer and Singer's loss in PyTorch's own operations."""
    right = y.gather(1, t[:, None])[:, 0]
    rivals = y.scatter(1, t[:, None], -float("inf")).max(1).values
    return (1 + rivals - right).clamp(min=0).mean()


# --- targets and misfits ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "target", "shape", "error", "message"),
    [
        (
            "categorical_crossentropy",
            [0, 10],
            (10,),
            DataError,
            "label 10 at index 1 is out of range.*10 outputs.*0 to 9: for 11 classes let it end in Dense.11, 'soft",
        ),
        (
            "categorical_crossentropy",
            [0, 3],
            (1,),
            DataError,
            "1 output, so .* 4 classes let it end in Dense.4, 's",
        ),
        (
            "binary_crossentropy",
            [-1, 1],
            (1,),
            DataError,
            r"of -1 and 1 give \(y \+ 1\) / 2, or take loss='hinge'",
        ),
        (
            "binary_crossentropy",
            [[1, 0], [0, 1]],
            (1,),
            ShapeError,
            r"one column for each class give y.argmax\(1\)$",
        ),
        (
            "mse",
            [[1, 0, 0], [0, 1, 0]],
            (1,),
            ShapeError,
            r"y.argmax\(1\), and let it end in Dense\(3, 'softmax'\)",
        ),
        (
            "mse",
            [[1, 2], [3, 4]],
            (1,),
            ShapeError,
            r"for 2 targets of each example let the network end in Dense\(2\)",
        ),
        (
            "categorical_crossentropy",
            [0, -1],
            (10,),
            DataError,
            "label -1 at index 1 is out of range.* left out",
        ),
        (
            "categorical_crossentropy",
            [[0, 1], [2, -100]],
            (2, 10),
            DataError,
            r"label -100 at index \(1, 1\) is out of range.* any class, and is left out by mask=",
        ),
        ("categorical_crossentropy", [0, 2, 0.5], (3,), DataError, "got 0.5 at index 2$"),
        ("categorical_crossentropy", [0.5, 1], (10,), DataError, "labels must be whole numbers from 0 to 9"),
        (
            "categorical_crossentropy",
            np.eye(3),
            (10,),
            ShapeError,
            r"\(3, 3\) do not fit outputs of shape \(n, 10\)",
        ),
        ("categorical_crossentropy", -np.eye(3), (3,), DataError, "must not be negative"),
        ("sparse_categorical_crossentropy", np.eye(3), (3,), ShapeError, r"pass labels y.argmax\(-1\)"),
        ("mse", [1.0, 2.0], (3,), ShapeError, "take loss='categorical_crossentropy'"),
        (
            "mse",
            [[1.0], [np.nan]],
            (1,),
            DataError,
            r"targets hold NaN or infinity, first at index \(1, 0\) .*; where a target is missing .* mask=",
        ),
        ("binary_crossentropy", [0, 2], (1,), DataError, "targets from 0 to 1, got values from 0 to 2"),
        ("kl_divergence", [[-0.5, 1.5]], (2,), DataError, "got a negative target -0.5"),
        ("hinge", [0, 1, 2], (1,), DataError, r"targets -1 and 1 \(or 0 and 1\), got"),
        ("categorical_hinge", [[0.5, 0.5]], (2,), DataError, "labels or one-hot rows"),
    ],
)
def test_bad_targets(loss, target, shape, error, message):
    with pytest.raises(error, match=message):
        losses.get(loss).check_target(target, shape, "float32")


def test_targets_as_people_bring_them():
    cce, bce = losses.CategoricalCrossentropy(), losses.BinaryCrossentropy()
    assert cce.check_target([[1], [0]], (3,), "float32").tolist() == [1, 0]
    assert cce.check_target([1.0, 0.0], (3,), "float32").dtype == np.int64
    assert cce.check_target(np.array([1, 0], "float16"), (3,), "float32").tolist() == [1, 0]
    assert cce.check_target([True, False], (2,), "float32").tolist() == [1, 0]
    assert bce.check_target([True, False], (1,), "float32").tolist() == [[1], [0]]
    assert losses.Hinge().check_target([0, 1], (1,), "float32").tolist() == [[-1], [1]]


@pytest.mark.parametrize(
    ("loss", "last", "message"),
    [
        (
            "categorical_crossentropy",
            Dense(3),
            "network ends in Linear.*activation='softmax'.*from_logits=True",
        ),
        ("categorical_crossentropy", Dense(3, "sigmoid"), "network ends in Sigmoid"),
        ("categorical_crossentropy", Dropout(0.1), "network ends in no activation"),
        ("binary_crossentropy", Dense(1, "tanh"), "network ends in Tanh.*activation='sigmoid'"),
        ("kl_divergence", Dense(3, "relu"), "network ends in ReLU"),
        (losses.CategoricalCrossentropy(True), Dense(3, "softmax"), "the network already ends in Softmax"),
        (losses.BinaryCrossentropy(True), Dense(1, "sigmoid"), "already ends in Sigmoid"),
        ("hinge", Dense(1, "sigmoid"), "hinge takes signed scores, but the network ends in Sigmoid"),
        ("poisson", Dense(1, "tanh"), "Poisson takes expected counts, .* but the network ends in Tanh"),
        ("poisson", Dense(1), "Poisson takes expected counts, .* but the network ends in Linear"),
    ],
)
def test_a_loss_that_does_not_fit_the_last_layer(loss, last, message):
    with pytest.raises(SettingError, match=message):
        Objective.of(Sequential([Dense(4), last]), losses.get(loss))


def test_own_activations_are_trusted():
    own = Activation(lambda x: x / x, lambda x: 0 * x)
    assert (
        Objective.of(Sequential([Dense(2), own]), losses.get("categorical_crossentropy")).loss.from_logits
        is False
    )
    net = Sequential([Dense(2, "log_softmax")])
    objective = Objective.of(net, losses.get("categorical_crossentropy"))
    assert objective.net == net
    assert isinstance(net.layers[0].activation, LogSoftmax)
    assert not objective.fused


@pytest.mark.parametrize("last", [Dense(1, "softplus"), Activation(np.square, lambda x: 2 * x)], ids=str)
def test_expected_counts_of_any_form_are_taken_as_they_are(last):
    net = Sequential([Dense(1), last])
    objective = Objective.of(net, losses.get("poisson"))
    assert (objective.net, objective.loss, objective.fused) == (net, losses.Poisson(), False)


def test_own_loss_without_derivative_comes_from_jax():
    own = losses.custom(lambda y, t: ((y - t) ** 4).sum(-1))
    y, t = SCORES, SCORES[::-1].copy()
    _, cache = own.forward(y, t)
    np.testing.assert_allclose(own.backward(cache), 4 * (y - t) ** 3 / 6, rtol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_targets_of_an_own_loss_may_have_another_shape(backend):
    """A number's density under the normal distribution that two outputs tell."""
    torch = pytest.importorskip("torch")

    def surprise(target, output):
        mean, log = output[..., 0], output[..., 1]
        return log + 0.5 * ((target[..., 0] - mean) * namespace(log).exp(-log)) ** 2

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)), rng.normal(size=16)
    model = ln.Model([ln.layers.Input(3), ln.layers.Dense(2)], dtype="float64", backend=backend)
    model.compile(losses.Custom(surprise, target=1), "sgd")
    mean, log = torch.tensor(model.predict(x)).T
    expected = torch.nn.functional.gaussian_nll_loss(mean, torch.tensor(y), (2 * log).exp()).item()
    assert model.evaluate(x, y).loss == pytest.approx(expected, 1e-9)
    model.fit(x, y, verbose=0)
    for own, words in [
        (surprise, r"shape \(16, 1\) do not fit .*\(n, 2\); .*say it: losses.Custom\(function, target=1\)"),
        (losses.Custom(surprise, target=(5, 2)), r"; the loss says target=\(5, 2\)"),
    ]:
        model.compile(own, "sgd")
        with pytest.raises(ShapeError, match=words):
            model.fit(x, y[:, None], verbose=0)
    with pytest.raises(SettingError, match="target must be the shape of one target"):
        losses.Custom(surprise, target=0.5)


def test_without_jax_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jax", None)
    with pytest.raises(
        ImportError, match=r"this loss has no derivative: pass one .*pip install 'lucidnet\[jax\]'"
    ):
        losses.custom(lambda y, t: y - t)


def test_settings_out_of_range():
    with pytest.raises(SettingError, match="label_smoothing must be at least 0 and below 1, got 1.5"):
        losses.CategoricalCrossentropy(label_smoothing=1.5)
    with pytest.raises(SettingError, match="delta must be above 0"):
        losses.Huber(0)


def test_subclassing():
    class Nothing(Loss):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing must define values\(prediction, target\)"):
        Nothing().forward(SCORES, SCORES)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_labels_that_are_not_finite(bad):
    """An error in our words, and no warning of NumPy's before it."""
    with pytest.raises(DataError, match="labels must be whole numbers from 0 to 2"):
        losses.CategoricalCrossentropy().check_target([0.0, bad], (3,), "float32")


@pytest.mark.parametrize(
    "own",
    [
        losses.custom(lambda y, t: ((y - t) ** 2).mean(), lambda y, t: 2 * (y - t) / y.size),
        losses.custom(lambda y, t: (y - t) ** 2, lambda y, t: 2 * (y - t)),
    ],
    ids=["one number", "one per output"],
)
def test_own_loss_without_one_value_per_example(own):
    """Weights would go wrong: the first in silence, the second with a raw error of a product."""
    with pytest.raises(ShapeError, match="one value per example"):
        own.forward(SCORES, SCORES, WEIGHTS)


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "message"),
    [
        (losses.Huber(), (5, 1), (5,), r"Huber: expected a target of shape \(5, 1\), for .*, got \(5,\)"),
        (losses.MeanSquaredError(), (5, 1), (5, 5), r"target of shape \(5, 1\)"),
        (losses.MeanSquaredError(), (5, 2), (1, 2), r"target of shape \(5, 2\)"),
        (losses.BinaryCrossentropy(from_logits=True), (5, 1), (5,), r"target of shape \(5, 1\)"),
        (losses.CategoricalCrossentropy(from_logits=True), (5, 3), (5, 1), r"or labels of shape \(5,\)"),
        (losses.CategoricalHinge(), (5, 3), (1, 3), r"target of shape \(5, 3\)"),
        (losses.KLDivergence(from_logits=True), (5, 3), (3,), r"target of shape \(5, 3\)"),
    ],
)
def test_what_would_be_broadcast_is_an_error(loss, prediction, target, message):
    with pytest.raises(ShapeError, match=message):
        loss.forward(np.full(prediction, 0.5), np.ones(target))


def test_weights_that_would_be_broadcast_are_an_error():
    y, t = np.ones((5, 1)), np.zeros((5, 1))
    with pytest.raises(ShapeError, match=r"weights: expected one for each value of the loss, \(5,\)"):
        losses.Huber().forward(y, t, weights=np.ones((5, 1)))
    with pytest.raises(ShapeError, match="weights"):
        losses.Huber().forward(y, t, weights=np.ones(1))
    weights = np.arange(5.0)
    value, cache = losses.Huber().forward(y, t, weights=weights)
    assert value == pytest.approx(0.5 * weights.mean())
    np.testing.assert_allclose(losses.Huber().backward(cache)[:, 0], weights / 5)
