"""Activations and losses at the ends of the numbers, beside PyTorch; where that gives NaN, what is right."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lucidnet as ln
from lucidnet import losses
from lucidnet.errors import DataError
from lucidnet.layers import activations

torch = pytest.importorskip("torch")
jnp = pytest.importorskip("jax.numpy")
F = torch.nn.functional
INF, NAN = np.inf, np.nan
HUGE = float(np.float32(1e30))
LIBRARIES = pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])

ACTIVATIONS = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softsign": F.softsign,
    "hard_sigmoid": F.hardsigmoid,
    "softplus": lambda x: F.softplus(x, threshold=30),
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "abs": torch.abs,
    "linear": lambda x: x * 1,
    "exponential": torch.exp,
}
VALUES = [0.0, 1e4, -1e4, 1e-30, -1e-30, 3e38, -3e38, 88.0, -104.0, 1e19, 5.5, -5.0, 20.0]


def both(xp, function, x, dy):
    """Return output and gradient of a function in PyTorch."""
    t = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y = function(t)
    y.backward(torch.tensor(dy, dtype=torch.float64))
    return y.detach().numpy(), t.grad.numpy()


def own(xp, name, x, dy):
    layer = activations.get(name)
    with np.errstate(over="ignore"):  # as the engine does
        y, cache = layer.forward({}, xp.asarray(x))
        return np.asarray(y), np.asarray(layer.backward({}, cache, xp.asarray(dy))[0])


def test_all_activations_are_here():
    assert set(activations.KNOWN) == set(ACTIVATIONS) | {"softmax", "log_softmax"}


@LIBRARIES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, dtype, xp):
    x, dy = np.array(VALUES, dtype), np.linspace(1, 2, len(VALUES)).astype(dtype)
    rtol, atol = (2e-5, 1e-6) if dtype == "float32" else (1e-6, 1e-12)
    made = own(xp, name, x, dy)
    for mine, theirs in zip(made, both(xp, ACTIVATIONS[name], x, dy), strict=True):
        if name == "exponential":  # which overflows, rightly
            with np.errstate(over="ignore"):
                theirs = theirs.astype(dtype)
        else:
            assert np.isfinite(mine).all()
        if name == "softsign":  # where PyTorch loses its derivative's digits, or its sign
            theirs = np.where(np.abs(x) > 1e9, mine, theirs)
        np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=atol)


@LIBRARIES
@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3))
def test_any_softmax(xp, row):
    x = np.array([row], "float32")
    for name, theirs in (("softmax", F.softmax), ("log_softmax", F.log_softmax)):
        made = own(xp, name, x, np.ones_like(x))[0]
        np.testing.assert_allclose(
            made, theirs(torch.tensor(x, dtype=torch.float64), -1), rtol=1e-5, atol=1e-6
        )


@LIBRARIES
@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(ACTIVATIONS)), st.floats(-HUGE, HUGE, width=32))
def test_any_number(xp, name, number):
    x = np.array([number], "float32")
    mine = own(xp, name, x, np.ones_like(x))
    theirs = both(xp, ACTIVATIONS[name], x, np.ones_like(x))
    with np.errstate(over="ignore"):
        theirs = [array.astype("float32") for array in theirs]
    np.testing.assert_allclose(mine[0], theirs[0], rtol=2e-5, atol=1e-6)
    kink = abs(number) < 1e-30 and name in ("relu", "leaky_relu", "selu", "elu", "abs")
    if not kink and name != "softsign":
        np.testing.assert_allclose(mine[1], theirs[1], rtol=2e-5, atol=1e-6)


LOGITS = [-INF, 0.0, 1e4, -1e4, 3e37, 1.5, INF]
ROWS = np.array(list(itertools.product(LOGITS, repeat=3)))


def compared(xp, loss, reference, z, target, dtype, right=None):
    """Compare values and slopes; `right` says what is right where PyTorch's is NaN."""
    t = torch.tensor(z.astype(dtype), requires_grad=True)
    values = reference(t, torch.tensor(target))
    values.sum().backward()
    with np.errstate(invalid="ignore", over="ignore"):
        made, cache = loss.values(xp.asarray(z.astype(dtype)), xp.asarray(target))
        slope = np.asarray(loss.slope(cache))
    theirs, grads = values.detach().numpy(), t.grad.numpy()
    if right is not None:
        theirs = np.where(np.isnan(theirs), right, theirs)
    rtol = 1e-5 if dtype == "float32" else 1e-10
    np.testing.assert_allclose(np.asarray(made), theirs, rtol=rtol, atol=1e-6)
    np.testing.assert_allclose(slope, grads, rtol=rtol, atol=1e-6)


@LIBRARIES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
class TestCrossentropies:
    def test_labels(self, dtype, xp):
        """A class of logit -inf that is not the true one costs nothing: 1.3133 of [-inf, 1, 2] for class 1."""
        loss = losses.CategoricalCrossentropy(from_logits=True)
        one = loss.values(xp.asarray(np.array([[-INF, 1.0, 2.0]], dtype)), xp.asarray(np.array([1])))[0]
        assert float(one[0]) == pytest.approx(1.3133, abs=1e-4)
        for label in range(3):
            target = np.full(len(ROWS), label)
            for kind in (loss, losses.SparseCategoricalCrossentropy(from_logits=True)):
                compared(xp, kind, lambda z, t: F.cross_entropy(z, t, reduction="none"), ROWS, target, dtype)

    def test_rows(self, dtype, xp):
        """PyTorch has NaN where the target of a class of logit -inf is 0; where it is above the loss is inf."""
        target = np.tile(np.array([[0.5, 0.5, 0.0]], dtype), (len(ROWS), 1))
        highest = np.isinf(ROWS.max(1))  # +inf: no distribution, NaN rightly
        impossible = (ROWS[:, :2] == -INF).any(1)
        with np.errstate(invalid="ignore"):
            shifted = np.where(highest[:, None], NAN, ROWS - np.where(highest, 0, ROWS.max(1))[:, None])
        log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        right = np.where(impossible & ~highest, INF, -(0.5 * log_p[:, :2]).sum(1))
        smooth = losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
        for loss, entropy in (
            (losses.CategoricalCrossentropy(from_logits=True), 0.0),
            (losses.KLDivergence(from_logits=True), np.log(2)),
        ):
            with np.errstate(invalid="ignore", over="ignore"):
                made = np.asarray(loss.values(xp.asarray(ROWS.astype(dtype)), xp.asarray(target))[0])
            np.testing.assert_allclose(made, right - entropy, rtol=1e-5, atol=1e-5)
        finite = ROWS[np.isfinite(ROWS).all(1)]
        labels = np.ones(len(finite), int)

        def smoothed(z, t):
            return F.cross_entropy(z, t, reduction="none", label_smoothing=0.1)

        compared(xp, smooth, smoothed, finite, labels, dtype)

    @pytest.mark.parametrize("target", [0.0, 1.0, 0.3])
    def test_binary(self, dtype, xp, target):
        """PyTorch has NaN for every infinite logit; it is 0 where it is right, and inf where it is wrong."""
        z = np.array(LOGITS)[:, None]
        t = np.full(z.shape, target, dtype)
        right = np.where((z[:, 0] > 0) == (target == 1), 0.0, INF) if target in (0, 1) else INF
        compared(
            xp,
            losses.BinaryCrossentropy(from_logits=True),
            lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction="none").mean(-1),
            z,
            t,
            dtype,
            right,
        )

    def test_counts(self, dtype, xp):
        """A count of 0 whose logarithm of the rate is -inf costs nothing."""
        loss = losses.Poisson(from_logs=True)
        z = xp.asarray(np.array([[-INF], [-INF], [0.5]], dtype))
        made = np.asarray(loss.values(z, xp.asarray(np.array([[0], [2], [2]], dtype)))[0])
        np.testing.assert_allclose(made, [0, INF, np.exp(0.5) - 1], rtol=1e-6)

    def test_hinges(self, dtype, xp):
        loss = losses.CategoricalHinge()
        z = np.array([[-INF, 0.0, 1.0], [1e19, 1e19, 0.0], [-INF, 3.0, -INF]], dtype)
        made = np.asarray(loss.values(xp.asarray(z), xp.asarray(np.array([1, 1, 1])))[0])
        np.testing.assert_allclose(made, [2.0, 1.0, 0.0])


@LIBRARIES
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-HUGE, HUGE, width=32), min_size=3, max_size=3),
    st.sampled_from([0, 1, 2]),
)
def test_any_logits(xp, row, label):
    z = np.array([row])
    compared(
        xp,
        losses.CategoricalCrossentropy(from_logits=True),
        lambda z, t: F.cross_entropy(z, t, reduction="none"),
        z,
        np.array([label]),
        "float64",
    )


@pytest.mark.parametrize("name", ["mse", "mae", "r2", "accuracy", "roc_auc", "f1"])
def test_weights_whose_sum_is_no_number_are_refused(name):
    y, p = np.array([0, 1, 1, 0]), np.array([0.2, 0.9, 0.4, 0.6])
    metric = getattr(ln.metrics, name)
    with pytest.raises(
        DataError, match=f"{name}: sample weights are too large, inf together: only their ratios"
    ):
        metric(y, p, sample_weight=np.full(4, 1e308))
    assert metric(y, p, sample_weight=np.full(4, 1e140)) == pytest.approx(metric(y, p))
