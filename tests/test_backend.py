"""Arrays, random streams, special functions, derivatives."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from lucidnet.backend import (
    Stream,
    namespace,
    normal_cdf,
    one_hot,
    only_one,
    plus_row,
    positive,
    row_max,
)
from lucidnet.backend.random import key_of
from lucidnet.backend.xla.autodiff import derivative


def test_namespace():
    assert namespace(np.ones(1)) is np
    assert namespace(jnp.ones(1)).__name__.startswith("jax")


def test_one_hot():
    labels = np.array([[0, 2], [1, 1]])
    np.testing.assert_array_equal(one_hot(labels, 3, np.ones(1, "f")), np.eye(3, dtype="f")[labels])
    assert one_hot(labels, 3, np.ones(1, "f")).dtype == np.float32


class TestNormalCdf:
    """Against SciPy, in both tails."""

    def test_double(self):
        x = np.linspace(-37, 9, 5001)
        with np.errstate(under="ignore"):
            np.testing.assert_allclose(normal_cdf(x), scipy.special.ndtr(x), rtol=3e-13)
        near = np.linspace(-3, 9, 2001)
        np.testing.assert_allclose(normal_cdf(near), scipy.special.ndtr(near), rtol=5e-15)

    def test_single_and_jax(self):
        x = np.linspace(-5, 5, 1001, dtype="float32")
        np.testing.assert_allclose(normal_cdf(x), scipy.special.ndtr(x.astype(float)), rtol=1e-5)
        assert normal_cdf(x).dtype == np.float32
        np.testing.assert_allclose(normal_cdf(jnp.asarray(x)), normal_cdf(x), rtol=1e-5)

    def test_far_away(self):
        with np.errstate(under="ignore"):
            assert normal_cdf(np.array([-1e4, 1e4])).tolist() == [0, 1]


class TestStream:
    """A pure function of seed, step and path."""

    def test_it_repeats(self):
        def numbers(**changes):
            return Stream(**{"seed": 1, "step": 2, "path": ("a",), "dtype": "float64"} | changes).normal(
                (1000,)
            )

        np.testing.assert_array_equal(numbers(), numbers())
        for change in ({"seed": 2}, {"step": 3}, {"path": ("b",)}, {"path": ("a", "a")}):
            assert abs(scipy.stats.pearsonr(numbers(), numbers(**change)).statistic) < 4 / np.sqrt(1000)
            assert not np.intersect1d(numbers(), numbers(**change)).size

    def test_they_are_those_of_philox_with_the_key(self):
        bits = np.random.Philox(key=key_of(1, ("a",)), counter=[0, 0, 2, 0])
        wanted = np.random.Generator(bits).random((5,))
        np.testing.assert_array_equal(Stream(1, 2, "float64", ("a",)).uniform((5,)), wanted)

    def test_paths_are_not_glued_together(self):
        one, two = Stream(path=("ab", "c")), Stream(path=("a", "bc"))
        assert (one.uniform((5,)) != two.uniform((5,))).all()

    def test_steps_do_not_overlap(self):
        """A step that draws much does not reach the numbers of the next."""
        here, there = Stream(step=0).uniform((100_000,)), Stream(step=1).uniform((10,))
        assert not np.isin(there, here).any()

    def test_distributions(self):
        stream = Stream(3, dtype="float64")
        assert scipy.stats.kstest(stream.uniform((20_000,)), "uniform").pvalue > 0.001
        assert scipy.stats.kstest(stream.normal((20_000,)), "norm").pvalue > 0.001
        assert abs(stream.bernoulli((40_000,), 0.3).mean() - 0.3) < 4 * np.sqrt(0.21 / 40_000)
        assert sorted(stream.permutation(50)) == list(range(50))


def test_derivative():
    slope = derivative(lambda x, y: x * x * y, "this function", "f, df")
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(slope(x, np.array([3.0, 4.0])), [6, 16])
    assert slope(x.astype("f"), np.ones(2, "f")).dtype == np.float32
    assert isinstance(slope(x, x), np.ndarray)
    with pytest.raises(ValueError, match="JAX cannot follow this function: write it with operators"):
        derivative(np.sinc, "this function", "f, df")(x)
    with pytest.raises(ValueError, match="JAX cannot follow this function"):  # its slope would lack a part
        derivative(lambda x: x * x[0].item(), "this function", "f, df")(x)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 4), (700, 10), (70, 1), (0, 3), (5, 6, 200)])
def test_short_ways_of_numpy_are_the_plain_ones(dtype, shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    odd = x.reshape(-1)[::7]
    odd[...] = np.resize([np.nan, np.inf, -np.inf, 0.0, -0.0, 1, -1], odd.shape)
    before = x.copy()
    np.testing.assert_array_equal(positive(x), np.where(x <= 0, 0, x))
    np.testing.assert_array_equal(row_max(x), np.stack([x.max(-1)], -1))
    labels = np.random.default_rng(1).integers(0, shape[-1], shape[:-1])
    hit = labels[..., None] == np.arange(shape[-1])
    np.testing.assert_array_equal(only_one(x, hit), np.take_along_axis(x, labels[..., None], -1)[..., 0])
    assert positive(x).dtype == row_max(x).dtype == only_one(x, hit).dtype == x.dtype
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 1), (0, 2, 3)])
def test_a_row_is_added_to_the_array_itself_however_it_lies(order, shape):
    x = np.asarray(np.random.default_rng(0).normal(size=shape), order=order)
    row = np.arange(1.0, shape[-1] + 1)
    expected = x + row
    assert plus_row(x, row) is x
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(plus_row(jnp.asarray(x), row), expected + row)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_larger_of_minus_zero_and_zero_has_no_sign_however_many_there_are(dtype):
    xs = np.array([-0.0, 0.0, -1.0, 1.0, np.nan, np.inf, -np.inf, -1e-45], dtype)
    few = positive(xs)
    assert not np.signbit(few).any()
    for x in (np.tile(xs, 2049), np.tile(xs, 9000), np.tile(xs, (999, 3))[:, ::2]):
        np.testing.assert_array_equal(positive(x), np.maximum(x, 0))
        assert not np.signbit(positive(x)).any()
        assert positive(x).dtype == x.dtype
