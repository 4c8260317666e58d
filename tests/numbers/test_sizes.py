"""Norms: of gradients, weights and rows whose squares overflow or vanish, against numbers of 80 bits."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lucidnet as ln
from lucidnet.backend import Parts, Stream, length, norm
from lucidnet.inspect.alignment import aligned
from lucidnet.layers import GroupNormalization, LayerNormalization, RMSNormalization
from lucidnet.losses import CosineDistance
from lucidnet.optimizers import (
    LAMB,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    ClipGlobalNorm,
    ClipNorm,
    Lion,
    MaxNorm,
    Muon,
    Nadam,
    RMSprop,
    UnitNorm,
)

LONG = np.longdouble
SCALES = {
    "float32": [1e-44, 1e-30, 1.0, 1e19, 1e30, 1e38],
    "float64": [1e-320, 1e-200, 1.0, 1e160, 1e300, 5e307],
}
CASES = [(dtype, scale) for dtype, scales in SCALES.items() for scale in scales]
EPSILON = {"float32": 3e-6, "float64": 1e-14}
SHAPE = np.array([[3.0, -1.0, 0.5], [1.0, 2.0, -2.0]])


def engines(array):
    """Yield an array as one of NumPy and as one of JAX, which has no denormal numbers."""
    yield np.array(array)
    if np.abs(array).max() >= 100 * np.finfo(array.dtype).smallest_normal:
        jnp = pytest.importorskip("jax.numpy")
        yield jnp.asarray(array)


def exact(array, axis=None):
    return np.sqrt(np.square(np.asarray(array).astype(LONG)).sum(axis, keepdims=True))


def scaled(dtype, scale):
    with np.errstate(under="ignore"):
        return (SHAPE * (scale if dtype == "float64" else 1)).astype(dtype) * np.array(
            scale if dtype == "float32" else 1, dtype
        )


@pytest.mark.parametrize(("dtype", "scale"), CASES)
def test_norms(dtype, scale):
    x = scaled(dtype, scale)
    for array in engines(x):
        for axis in (None, 0, (0, 1)):
            size, factor = norm(array, axis, keepdims=True)
            made = np.asarray(size).astype(LONG) * np.asarray(factor).astype(LONG)
            np.testing.assert_allclose(made / exact(x, axis), 1, rtol=EPSILON[dtype] * 2)
    assert length(np.zeros(3)) == 0


@pytest.mark.parametrize(("dtype", "scale"), CASES)
@pytest.mark.parametrize("kind", [ClipNorm, ClipGlobalNorm])
def test_clips_keep_the_direction(kind, dtype, scale):
    """A finite gradient is never turned to 0: the clipped one has the direction of the one given."""
    g = scaled(dtype, scale).reshape(-1)
    parts = [slice(0, 3), slice(3, 6)]
    long = g.astype(LONG)
    sizes = [exact(long[part]) for part in parts]
    if kind is ClipGlobalNorm:
        sizes = [np.sqrt(sizes[0] ** 2 + sizes[1] ** 2)] * 2
    wanted = np.concatenate([long[p] * min(1, LONG(1) / s[0]) for p, s in zip(parts, sizes, strict=True)])
    for array in engines(g):
        given = array if isinstance(array, np.ndarray) else Parts([array[:3], array[3:]])
        kind(1.0)(given, parts)
        made = (
            given if isinstance(given, np.ndarray) else np.concatenate([np.asarray(a) for a in given.arrays])
        )
        np.testing.assert_allclose((made - wanted) / np.abs(wanted).max(), 0, atol=EPSILON[dtype])


@pytest.mark.parametrize(("dtype", "scale"), CASES)
def test_limits_of_weights(dtype, scale):
    W = scaled(dtype, scale)
    sizes = exact(W, 0)
    limit = 1.5
    for array in engines(W):
        made = np.asarray(MaxNorm(limit)(array)).astype(LONG)
        wanted = W.astype(LONG) * np.minimum(1, limit / sizes)
        np.testing.assert_allclose((made - wanted) / np.abs(wanted).max(), 0, atol=EPSILON[dtype])
        made = np.asarray(UnitNorm()(array)).astype(LONG)
        np.testing.assert_allclose(made, W.astype(LONG) / sizes, atol=EPSILON[dtype])


@pytest.mark.parametrize(("dtype", "scale"), CASES)
@pytest.mark.parametrize("layer", [LayerNormalization(), RMSNormalization(), GroupNormalization(1)], ids=str)
def test_rows(layer, dtype, scale):
    """Of rows near the largest numbers: what 80 bits give; nothing overflows on the way, back neither."""
    x, dy = scaled(dtype, scale), np.array([[1.0, -2.0, 0.5], [0.3, 1.0, 2.0]], dtype)
    long = x.astype(LONG)
    centred = long if isinstance(layer, RMSNormalization) else long - long.mean(-1, keepdims=True)
    wanted = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + LONG(layer.epsilon))
    params, _ = layer.init(Stream(0, dtype=dtype), (3,))
    for array in engines(x):
        xp = array.__array_namespace__()
        own = {name: xp.asarray(value) for name, value in params.items()}
        y, cache = layer.forward(own, array)
        dx, _ = layer.backward(own, cache, xp.asarray(dy))
        np.testing.assert_allclose(np.asarray(y).astype(LONG), wanted, atol=4 * EPSILON[dtype])
        assert np.isfinite(np.asarray(dx)).all()


@pytest.mark.parametrize("dtype", EPSILON)
@pytest.mark.parametrize("layer", [LayerNormalization(), RMSNormalization()], ids=str)
def test_rows_whose_sum_overflows_to_both_sides(layer, dtype):
    """NumPy adds every eighth number first: all of the large ones, then all of the small ones."""
    large = np.ldexp(np.finfo(dtype).max, -1)
    x = np.tile(np.repeat(np.array([large, -large], dtype), 4), (1, 4))
    params, _ = layer.init(Stream(0, dtype=dtype), (32,))
    np.testing.assert_allclose(layer.forward(params, x)[0], np.sign(x), rtol=4 * EPSILON[dtype])


def test_rows_of_one_size_come_back_to_zero():
    """Variance 0: the rows are the shift, and their gradients finite."""
    for layer in (LayerNormalization(), GroupNormalization(1), GroupNormalization(3)):
        params, _ = layer.init(Stream(0), (3,))
        y, cache = layer.forward(params, np.full((2, 3), 7.0, "float32"))
        assert not y.any()
        assert np.isfinite(layer.backward(params, cache, np.ones((2, 3), "float32"))[0]).all()


def test_a_running_variance_that_overflows_is_noticed():
    """It cannot be kept in float32: before, all outputs were silently the shift."""
    model = ln.Model([ln.layers.Input(2), ln.layers.BatchNormalization(), ln.layers.Dense(1)])
    model.compile("mse", SGD(0.1))
    with pytest.raises(ln.errors.NonFiniteError, match="batchnormalization|BatchNormalization"):
        model.fit(np.array([[1e30, 0], [-1e30, 1]]), np.zeros((2, 1)), verbose=0)


@pytest.mark.parametrize(("dtype", "scale"), CASES)
def test_cosines(dtype, scale):
    y, t = scaled(dtype, scale), np.array([[1.0, 2.0, -1.0], [0.5, 0.5, 3.0]], dtype)
    long, goal = y.astype(LONG), t.astype(LONG)
    cosine = (long * goal).sum(-1) / exact(long, 1)[:, 0] / exact(goal, 1)[:, 0]
    for array in engines(y):
        made, cache = CosineDistance().values(array, array.__array_namespace__().asarray(t))
        np.testing.assert_allclose(np.asarray(made), 1 - cosine.astype(float), atol=EPSILON[dtype])
        with np.errstate(over="ignore"):  # it is 1 / |y|, which there may be no number for
            assert not np.isnan(np.asarray(CosineDistance().slope(cache))).any()
    assert aligned(y, t).cosine == pytest.approx(
        float((long * goal).sum() / exact(long)[0, 0] / exact(goal)[0, 0]), abs=1e-6
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_any_norm(numbers):
    x = np.array(numbers, "float32")
    wanted = float(np.sqrt(np.square(x.astype(LONG)).sum()))
    assert length(x) == pytest.approx(wanted, rel=1e-5, abs=1e-50)
    assert length(x.astype("float64")) == pytest.approx(wanted, rel=1e-13, abs=1e-300)


OPTIMIZERS = [
    *(
        kind(0.1, **more)
        for kind in (Adam, AdamW, Adamax, Nadam, RMSprop, Adagrad, LAMB)
        for more in ({}, {"epsilon": 0})
    ),
    Adadelta(1.0),
    Adadelta(1.0, epsilon=0),
    Lion(0.1),
    Muon(0.1),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("size", [0.0, 1e-45, 1e-30, 1e19, 1e30, 3e38])
def test_steps_at_the_ends_of_the_numbers(optimizer, size):
    """No state becomes infinite or NaN; gradients too large for their squares make steps as large ones do."""

    def trained(g):
        params, state = {"W": np.ones((2, 2), "float32")}, None
        state = optimizer.init(params)
        for _ in range(3):
            params, state = optimizer.update({"W": g.copy()}, state, params)
        assert all(np.isfinite(slot).all() for slot in state.values())
        return params["W"]

    signs = np.array([[1, -1], [1, 1]], "float32")
    made = trained(np.float32(size) * signs)
    assert np.isfinite(made).all()
    if size > 1:
        np.testing.assert_allclose(made, trained(np.float32(1e15) * signs), rtol=1e-3)


def test_no_warning_of_numpy():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = SGD(0.1, clip=ClipGlobalNorm(1.0)).update(
            {"W": np.array([1e30, 0.0], "float32")}, {"step": 0}, {"W": np.zeros(2, "float32")}
        )[0]
    np.testing.assert_allclose(made["W"], [-0.1, 0.0], rtol=1e-6)
