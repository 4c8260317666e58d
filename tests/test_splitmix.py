"""Random numbers inside a step: SplitMix64's, well distributed, the same on both backends."""

import numpy as np
import pytest
import scipy.stats

from lucidnet.backend import StepStream
from lucidnet.backend.splitmix import BLOCK, _words

PLACES = {"here": (1, 2, ("a",)), "seed": (2, 2, ("a",)), "step": (1, 3, ("a",)), "path": (1, 2, ("b",))}
DRAWS = {"normal": (), "uniform": (), "bernoulli": (0.3,)}


def stream(place="here", dtype="float64", xp=np):
    return StepStream.like(xp.zeros(1, dtype), *PLACES[place])


def test_the_words_are_those_of_splitmix64():
    """The first five of the generator with seed 1234567, as published on Rosetta Code."""
    gamma = np.uint64(0x9E3779B97F4A7C15)
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert _words(np.array([1234567], np.uint64), gamma, 1, 6).tolist() == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distributions(dtype):
    drawn = stream(dtype=dtype)
    for name, expected in (("uniform", "uniform"), ("normal", "norm")):
        numbers = getattr(drawn, name)((200_000,))
        assert numbers.dtype == dtype
        assert scipy.stats.kstest(numbers.astype(float), expected).pvalue > 0.001
        for lag in (1, 2, 64, 128):  # neighbours, and the two numbers of a pair
            assert abs(np.corrcoef(numbers[lag:], numbers[:-lag])[0, 1]) < 4 / np.sqrt(200_000)
            squares = numbers.astype(float) ** 2
            assert abs(np.corrcoef(squares[lag:], squares[:-lag])[0, 1]) < 4 / np.sqrt(200_000)
    assert drawn.uniform((200_000,)).min() >= 0
    assert drawn.uniform((200_000,)).max() < 1
    assert abs(drawn.bernoulli((200_000,), 0.3).mean() - 0.3) < 4 * np.sqrt(0.21 / 200_000)


def test_the_tails_of_normal_numbers():
    """Beyond three standard deviations, as often as expected."""
    numbers = stream(dtype="float32").normal((1_000_000,))
    share = 2 * scipy.stats.norm.sf(3)
    assert abs((np.abs(numbers) > 3).mean() - share) < 4 * np.sqrt(share / 1_000_000)


@pytest.mark.parametrize("other", ["seed", "step", "path"])
def test_other_places_have_other_numbers(other):
    here, there = (stream(place).normal((100_000,)) for place in ("here", other))
    assert abs(np.corrcoef(here, there)[0, 1]) < 4 / np.sqrt(100_000)
    assert not np.intersect1d(here, there).size


@pytest.mark.parametrize("name", DRAWS)
def test_more_rows_change_none(name):
    """Whatever the number of rows, in one block or in several."""
    few, many = (getattr(stream(), name)((rows, 7), *DRAWS[name]) for rows in (5, BLOCK))
    np.testing.assert_array_equal(few, many[:5])
    again = np.concatenate([getattr(stream(), name)((BLOCK // 2, 7), *DRAWS[name]), many[BLOCK // 2 :]])
    np.testing.assert_array_equal(again, many)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", DRAWS)
def test_both_backends_have_the_same(name, dtype):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(dtype == "float64"):
        one, two = (
            np.asarray(getattr(stream(dtype=dtype, xp=xp), name)((300, 5), *DRAWS[name]))
            for xp in (np, jax.numpy)
        )
    assert one.dtype == two.dtype
    if name == "normal":
        np.testing.assert_allclose(two, one, atol=8 * np.finfo(dtype).eps)
    else:
        np.testing.assert_array_equal(two, one)
