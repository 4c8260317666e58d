"""Small loops on a processor are one kernel each, and find what NumPy does; others are compiled as ever."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.backend.xla import device, whole
from lucidnet.backend.xla.device import all_finite
from lucidnet.backend.xla.target import Target, compiling_for
from lucidnet.backend.xla.whole import in_one_piece
from lucidnet.engine import programs
from lucidnet.errors import NonFiniteError
from lucidnet.layers import LSTM, Dense, Input, LeakyRNN

jax = pytest.importorskip("jax")
jnp, lax = jax.numpy, jax.lax
if not whole.TRIED[0] <= jax.__version_info__[:2] <= whole.TRIED[1]:
    pytest.skip(f"kernels were not tried with JAX {jax.__version__}", allow_module_level=True)

CELL, T = LeakyRNN(4, tau=2.0, return_sequences=True), 40
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(T, 1, 2)), RNG.normal(size=(T, 1, 1))


@pytest.fixture
def kernels(monkeypatch):
    """Whether each program that was compiled for a stream is one kernel."""
    programs.PROGRAMS.clear()
    found = []

    def told(*given):
        made = in_one_piece(*given)
        found.append(made is not None)
        return made

    monkeypatch.setattr(device, "in_one_piece", told)
    return found


def learner(backend, layers, rule, n=2, **settings):
    model = ln.Model([Input((None, n)), *layers], seed=3, dtype="float64", backend=backend)
    model.compile("mse", ln.optimizers.SGD(0.05))
    return model.online(rule, **settings)


@pytest.mark.parametrize("version", [(0, 7, 2), (99, 0, 0)])
def test_versions_of_jax_that_were_not_tried_compile_as_usual(version, kernels, monkeypatch):
    monkeypatch.setattr(jax, "__version_info__", version)
    learner("jax", [CELL, Dense(1)], "rflo").run(X, Y)
    assert kernels == [False, False]


@pytest.mark.parametrize(
    ("cell", "rule", "settings"),
    [
        (CELL, "rflo", {}),
        (CELL, "snap1", {"every": 3}),
        (LSTM(3, return_sequences=True), "uoro", {}),
        (CELL, "kernl", {}),
    ],
    ids=str,
)
def test_a_stream_in_one_kernel_is_that_of_numpy(cell, rule, settings, kernels):
    one, two = (learner(backend, [cell, Dense(1)], rule, **settings) for backend in ("numpy", "jax"))
    np.testing.assert_allclose(two.run(X, Y), one.run(X, Y), rtol=0, atol=1e-12)
    np.testing.assert_allclose(two.losses, one.losses, rtol=0, atol=1e-12)
    np.testing.assert_allclose(two.model.get_weights(), one.model.get_weights(), rtol=0, atol=1e-12)
    assert kernels == [False, True]  # what goes into the first step has no loop


def test_a_number_that_is_not_finite_is_found_in_a_kernel(kernels):
    one, two = (learner(backend, [CELL, Dense(1)], "rflo") for backend in ("numpy", "jax"))
    y = np.where(np.arange(T)[:, None, None] == 17, 1e200, Y)
    for online in (one, two):
        with pytest.raises(NonFiniteError, match="step 17: the loss is infinite"):
            online.run(X, y)
    np.testing.assert_allclose(two.model.get_weights(), one.model.get_weights(), rtol=0, atol=1e-12)
    assert kernels[-1]


@pytest.mark.parametrize(("n", "delay"), [(3, 0), (1, 2)], ids=["products of matrices", "scatter"])
def test_a_stream_that_cannot_be_a_kernel_is_compiled_as_ever(n, delay, kernels):
    x, y = RNG.normal(size=(T, n, 2)), RNG.normal(size=(T, n, 1))
    one, two = (learner(backend, [CELL, Dense(1)], "rflo", delay=delay) for backend in ("numpy", "jax"))
    np.testing.assert_allclose(two.run(x, y), one.run(x, y), rtol=0, atol=1e-12)
    assert kernels
    assert not any(kernels)


def repeated(step, times=5):
    """Return a function that makes a step so many times, from vectors of 4 numbers."""
    return lambda h, other: lax.scan(lambda h, x: (step(h, other, x), h.sum()), h, jnp.arange(times) + 0.0)


H, OTHER, EMPTY = np.arange(4.0), np.int32(3), np.zeros((0, 4))


@pytest.mark.parametrize(
    "step",
    [
        lambda h, other, x: jnp.tanh(h + x + other * 0),  # the compiler sees that nothing reads it
        lambda h, other, x: jnp.tanh(h + x),
        lambda h, other, x: jnp.tanh(h + lax.cond(x > 2, lambda: x, lambda: 0 * x)),
        lambda h, other, x: jnp.tanh(jnp.outer(h, h) @ h + other),
    ],
)
def test_what_a_kernel_is_given_may_be_unused_or_empty(step):
    for other in (OTHER, EMPTY.sum()):
        function, given = repeated(step), (H, other)
        made = in_one_piece(function, jax.tree.map(jnp.asarray, given), {})
        for one, two in zip(made(*given), function(*given), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-12)
    empty = in_one_piece(
        lambda h, other: (function(h, OTHER), other), (jnp.asarray(H), jnp.asarray(EMPTY)), {}
    )
    assert empty(H, EMPTY)[1].shape == EMPTY.shape


@pytest.mark.parametrize(
    "step",
    [
        lambda h, other, x: jnp.sort(h) + x,
        lambda h, other, x: h.at[jnp.arange(2) * other].add(x),
        lambda h, other, x: h + (jnp.ones((4, 3)) * x) @ jnp.ones((3, 4)) @ h,
        lambda h, other, x: h + jnp.broadcast_to(x, (5000,)).sum(),
        lambda h, other, x: h + (jnp.zeros(whole.LARGEST + 1) + x)[:4],
    ],
    ids=["sort", "scatter", "matrices", "a long sum", "large"],
)
def test_what_is_no_kernel(step):
    assert in_one_piece(repeated(step), (jnp.asarray(H), jnp.asarray(OTHER)), {}) is None


def test_no_kernel_without_a_loop_of_several_steps():
    given = jnp.asarray(H), jnp.asarray(OTHER)
    assert in_one_piece(lambda h, other: jnp.tanh(h), given, {}) is None
    assert in_one_piece(repeated(lambda h, other, x: jnp.tanh(h + x), 1), given, {}) is None


@pytest.mark.parametrize("shape", [(1,), (3,), (7, 5), (9, 1), (33, 4), (2, 3, 17), (100, 1)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_finite_in_a_kernel_wherever_a_number_is_not(shape, bad):
    with compiling_for(Target("cpu", whole=True)):
        look = jax.jit(lambda array: all_finite([array, jnp.ones(3)], [jnp.ones(())]))
    large = np.full(shape, np.finfo("float32").max, "float32")
    with compiling_for(Target("cpu", whole=True)):
        assert look(large)  # their squares, and their sum, would not be
        for place in {0, large.size // 2, large.size - 1, *RNG.integers(0, large.size, 4).tolist()}:
            array = large.copy()
            array.flat[place] = bad
            assert not look(array)
