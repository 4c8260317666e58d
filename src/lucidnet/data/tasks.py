"""Sequence tasks that test memory, each with the score that chance reaches."""

from __future__ import annotations

import math

import numpy as np

from ..backend import Array
from ..core.calls import takes
from ..core.exports import export
from ..core.settings import between, count, flag, sequence, whole
from ..errors import SettingError

Examples = tuple[Array, Array]


MOST = 10**9
"""The most time steps that may be made: they are kept in memory."""


@takes(n=count(1), length=count(2), seed=whole(0))
def adding(n: int, length: int = 100, seed: int = 0) -> Examples:
    """Add the two numbers that are marked, one in each half of the sequence.

    Predicting 1 for all has a mean squared error of 1/6, the variance of the sum of two numbers that are
    uniform on [0, 1]. (Hochreiter & Schmidhuber 1997, "Long short-term memory", section 5.4; numbers and
    marks as in Le, Jaitly & Hinton 2015.)

    Parameters
    ----------
    n, length : int
        Number of sequences, and of time steps (2 or more).
    seed : int
        The seed.

    Returns
    -------
    x : array (n, length, 2)
        Numbers, and marks.
    y : array (n, 1)
        The sums.

    Examples
    --------
    >>> x, y = adding(3, 10)
    >>> bool(np.allclose((x[..., 0] * x[..., 1]).sum(1), y[:, 0]))
    True
    """
    rng = _rng(n, length, seed, least=2)
    numbers, marks = rng.random((n, length)), np.zeros((n, length))
    half = length // 2
    marks[np.arange(n), rng.integers(0, half, n)] = 1
    marks[np.arange(n), rng.integers(half, length, n)] = 1
    x = np.stack([numbers, marks], axis=-1).astype("float32")
    return x, (x[..., 0] * x[..., 1]).sum(1, keepdims=True)


@takes(n=count(1), delay=count(1), symbols=count(1), kinds=count(1), seed=whole(0))
def copy(n: int, delay: int = 20, symbols: int = 10, kinds: int = 8, seed: int = 0) -> Examples:
    """Repeat a sequence of symbols after a pause, when told to.

    The input has `symbols` random ones, `delay` blanks, and from the signal on blanks again, while the
    symbols are asked for. Without memory the best mean cross-entropy over all times is
    symbols log(kinds) / (delay + 2 symbols) nats. (Hochreiter & Schmidhuber 1997; in the form of
    Arjovsky, Shah & Bengio 2016, "Unitary evolution recurrent neural networks", the copying memory problem.)

    Parameters
    ----------
    n : int
        Number of sequences.
    delay : int
        Time steps between the last symbol and the first that is asked for; the last of them is the signal.
    symbols, kinds : int
        How many symbols, and of how many kinds.
    seed : int
        The seed.

    Returns
    -------
    x : array (n, delay + 2 symbols, kinds + 2)
        One-hot: the kinds, the blank, the signal.
    y : array (n, delay + 2 symbols)
        Labels: the blank (`kinds`) until the symbols are asked for.
    """
    rng = _rng(n, delay, seed, least=1)
    time = delay + 2 * symbols
    chosen = rng.integers(0, kinds, (n, symbols))
    ids = np.full((n, time), kinds)
    ids[:, :symbols] = chosen
    ids[:, symbols + delay - 1] = kinds + 1
    y = np.full((n, time), kinds)
    y[:, -symbols:] = chosen
    return np.eye(kinds + 2, dtype="float32")[ids], y


@takes(n=count(1), length=count(1), seed=whole(0), every=flag())
def parity(n: int, length: int = 20, seed: int = 0, every: bool = False) -> Examples:
    """Tell whether the number of ones is odd. Chance is one half, and log 2 = 0.693 nats.

    (Hochreiter & Schmidhuber 1996, "Bridging long time lags by weight guessing".)

    Parameters
    ----------
    n, length : int
        Number of sequences, and of bits.
    seed : int
        The seed.
    every : bool
        Whether the parity so far is asked for at each time.

    Returns
    -------
    x : array (n, length, 1)
        Bits.
    y : array (n,) or (n, length)
        Labels 0 and 1.
    """
    bits = _rng(n, length, seed).integers(0, 2, (n, length))
    y = np.cumsum(bits, axis=1) % 2
    return bits[..., None].astype("float32"), (y if every else y[:, -1])


@takes(n=count(1), length=count(1), seed=whole(0))
def periodic_pattern(n: int = 1, length: int = 100, seed: int = 0) -> Examples:
    """Produce sin(2 pi t) + 0.5 sin(4 pi t) + 0.25 sin(8 pi t) over one period, t = 1/length, ..., 1.

    Predicting its mean, 0, has a mean squared error of 21/32: (1 + 1/4 + 1/16) / 2. (Murray 2019, "Local
    online learning in recurrent networks with random feedback", figure 2.)

    Parameters
    ----------
    n, length : int
        Number of equal sequences, and of time steps.
    seed : int
        The seed of the inputs.

    Returns
    -------
    x : array (n, length, 1)
        Zeros, so that the network must find the pattern in itself.
    y : array (n, length, 1)
        The pattern.
    """
    _rng(n, length, seed)
    t = np.arange(1, length + 1) / length
    y = np.sin(2 * np.pi * t) + 0.5 * np.sin(4 * np.pi * t) + 0.25 * np.sin(8 * np.pi * t)
    return np.zeros((n, length, 1), "float32"), np.broadcast_to(y[:, None], (n, length, 1)).astype("float32")


@takes(
    n=count(1),
    length=count(1),
    lags=sequence("whole numbers, the two lags", count(0), length=2),
    seed=whole(0),
)
def delayed_add(n: int, length: int = 100, lags: tuple[int, int] = (4, 6), seed: int = 0) -> Examples:
    """Predict coin tosses whose odds depend on two earlier ones.

    With x_t tossed by a fair coin, y_t is 1 with probability 0.5 + 0.5 x_(t - 4) - 0.25 x_(t - 6),
    if the lags are 4 and 6, and x before the beginning 0. Knowing neither toss, the best
    mean cross-entropy is 0.6616 nats, knowing that of lag 6 only 0.6277, of lag 4 only 0.5192, both 0.4545;
    see `floors`.
    (Marschall, Cho & Savin 2020, "A unified framework of online learning algorithms for training recurrent
    neural networks", the task "Add"; after Pitis 2016.)

    Parameters
    ----------
    n, length : int
        Number of sequences, and of time steps.
    lags : (int, int)
        How far back the two tosses lie.
    seed : int
        The seed.

    Returns
    -------
    x : array (n, length, 2)
        One-hot tosses: x and 1 - x.
    y : array (n, length)
        Labels 0 and 1.
    """
    rng = _rng(n, length, seed, least=max(lags) + 1)
    x = rng.integers(0, 2, (n, length))
    odds = np.full((n, length), 0.5)
    for lag, weight in zip(lags, (0.5, -0.25), strict=True):
        odds[:, lag:] += weight * x[:, : length - lag]
    y = (rng.random((n, length)) < odds).astype(int)
    return np.stack([x, 1 - x], axis=-1).astype("float32"), y


def floors() -> dict[str, float]:
    """Return the best mean cross-entropies, in nats, of `delayed_add`, by what is known.

    Examples
    --------
    >>> {known: round(nats, 4) for known, nats in floors().items()}
    {'neither': 0.6616, 'the second': 0.6277, 'the first': 0.5192, 'both': 0.4545}
    """
    odds = {(a, b): 0.5 + 0.5 * a - 0.25 * b for a in (0, 1) for b in (0, 1)}
    return {
        "neither": entropy(sum(odds.values()) / 4),
        "the second": sum(entropy((odds[0, b] + odds[1, b]) / 2) for b in (0, 1)) / 2,
        "the first": sum(entropy((odds[a, 0] + odds[a, 1]) / 2) for a in (0, 1)) / 2,
        "both": sum(map(entropy, odds.values())) / 4,
    }


@takes(p=between(0, 1))
def entropy(p: float) -> float:
    """Return the entropy of a coin that shows 1 with probability p, in nats."""
    return -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)


def _rng(n: int, length: int, seed: int, least: int = 1) -> np.random.Generator:
    if n < 1 or length < least:
        raise SettingError(
            f"length must be at least {least}, and n at least 1, got {n} sequences of {length}"
        )
    if n * length > MOST:
        raise SettingError(
            f"{n} sequences of {length} are more than {MOST:,} time steps: make fewer at a time"
        )
    return np.random.default_rng(seed)


export(globals())
