"""Tasks on sequences: their rules, and that chance is what the docstrings say."""

import math

import numpy as np
import pytest

from lucidnet.data import tasks
from lucidnet.errors import LucidnetError


def within(values, expected):
    """Whether a mean is what it should be, to four standard errors."""
    values = np.asarray(values, float).reshape(-1)
    return abs(values.mean() - expected) < 4 * values.std() / math.sqrt(len(values))


def test_adding():
    x, y = tasks.adding(20_000, 30, seed=1)
    assert x.shape == (20_000, 30, 2)
    assert (x[:, :15, 1].sum(1) == 1).all()
    assert (x[:, 15:, 1].sum(1) == 1).all()
    assert within((y - 1) ** 2, 1 / 6)


def test_copy():
    x, y = tasks.copy(50, delay=7, symbols=4, kinds=5, seed=2)
    assert x.shape == (50, 15, 7)
    ids = x.argmax(-1)
    np.testing.assert_array_equal(ids[:, :4], y[:, -4:])
    assert (y[:, :-4] == 5).all()
    assert (ids[:, 10] == 6).all()
    assert (ids[:, 11:] == 5).all()
    # Without memory: sure of the blanks, a uniform guess for each symbol.
    assert math.isclose(4 * math.log(5) / 15, -(11 * math.log(1) + 4 * math.log(1 / 5)) / 15)


def test_parity():
    x, y = tasks.parity(10_000, 9, seed=3)
    np.testing.assert_array_equal(y, [int(row.sum()) % 2 for row in x[..., 0]])
    assert within(y, 0.5)
    _, every = tasks.parity(10, 9, seed=3, every=True)
    np.testing.assert_array_equal(every[:, -1], y[:10] if len(y) == 10 else tasks.parity(10, 9, seed=3)[1])


def test_periodic_pattern():
    x, y = tasks.periodic_pattern(2, 1000)
    assert not x.any()
    np.testing.assert_array_equal(y[0], y[1])
    assert np.isclose((y[0] ** 2).mean(), 21 / 32, rtol=1e-5)
    assert np.isclose(y[0, 124, 0], np.sin(np.pi / 4) + 0.5 * np.sin(np.pi / 2) + 0.25 * np.sin(np.pi))


def test_delayed_add_and_its_floors():
    x, y = tasks.delayed_add(2000, 100, seed=4)
    tosses, y = x[..., 0], y
    late, early, y = tosses[:, 2:-4], tosses[:, :-6], y[:, 6:]
    odds = 0.5 + 0.5 * late - 0.25 * early
    assert within(y - odds, 0)
    floors = tasks.floors()
    nats = -(y * np.log(np.clip(odds, 1e-12, 1)) + (1 - y) * np.log(np.clip(1 - odds, 1e-12, 1)))
    assert within(nats, floors["both"])
    p = odds.mean()
    assert within(-(y * math.log(p) + (1 - y) * math.log(1 - p)), floors["neither"])
    # The figures of the paper.
    assert [round(v, 4) for v in floors.values()] == [0.6616, 0.6277, 0.5192, 0.4545]


@pytest.mark.parametrize("make", [tasks.adding, tasks.parity, tasks.delayed_add, tasks.copy])
def test_the_same_seed_gives_the_same(make):
    for one, two in zip(make(3, seed=1), make(3, seed=1), strict=True):
        np.testing.assert_array_equal(one, two)
    assert any((a != b).any() for a, b in zip(make(3, seed=1), make(3, seed=2), strict=True))
    with pytest.raises(LucidnetError, match="n must be a whole number of 1 or more, got 0"):
        make(0)
