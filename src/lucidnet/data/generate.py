"""Generated classification problems in few dimensions, each reproducible by its seed.

All return inputs (n, features) in float32 and labels (n,) from 0, in random order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..core.calls import takes
from ..core.settings import count, finite, whole
from ..errors import SettingError

Floats = npt.NDArray[np.float64]
Examples = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


MOST = 10**8
"""The most points, and the most features, that may be made: they are kept in memory."""


@takes(n=whole(1, MOST), noise=finite(0), seed=whole(0))
def xor(n: int = 400, noise: float = 0.2, seed: int = 0) -> Examples:
    """Generate points around the four corners (+-1, +-1); the class tells whether the signs differ.

    Parameters
    ----------
    n : int
        Number of points.
    noise : float
        Standard deviation around the corners.
    seed : int
        Seed of the random numbers.

    Examples
    --------
    >>> x, y = xor(4, noise=0.0)
    >>> bool((y == (x[:, 0] * x[:, 1] < 0)).all())
    True
    """
    rng = np.random.Generator(np.random.Philox(seed))
    corner = np.arange(n) % 4
    x = np.stack([2.0 * (corner // 2) - 1, 2.0 * (corner % 2) - 1], axis=1)
    return _finish(rng, x, (corner // 2) ^ (corner % 2), noise)


@takes(n=whole(1, MOST), classes=count(1), noise=finite(0), turns=finite(), seed=whole(0))
def spirals(
    n: int = 400, classes: int = 2, noise: float = 0.05, turns: float = 1.5, seed: int = 0
) -> Examples:
    """Generate one spiral arm per class, from the centre out to radius 1.

    Parameters
    ----------
    n : int
        Number of points.
    classes : int
        Number of arms.
    noise : float
        Standard deviation around the arm.
    turns : float
        How often an arm goes round.
    seed : int
        Seed of the random numbers.

    Examples
    --------
    >>> spirals(6, classes=3)[0].shape
    (6, 2)
    """
    rng = np.random.Generator(np.random.Philox(seed))
    y = np.arange(n) % classes
    radius = np.sqrt(rng.random(n))
    angle = 2 * np.pi * (turns * radius + y / classes)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return _finish(rng, x, y, noise)


@takes(n=whole(1, MOST), noise=finite(0), seed=whole(0))
def moons(n: int = 400, noise: float = 0.1, seed: int = 0) -> Examples:
    """Generate two interleaving half circles, like scikit-learn's `make_moons`.

    Parameters
    ----------
    n : int
        Number of points, half of them in each moon.
    noise : float
        Standard deviation around the moons.
    seed : int
        Seed of the random numbers.

    Examples
    --------
    >>> x, y = moons(100, noise=0.0)
    >>> float(x[y == 0, 1].min()) >= -1e-6, float(x[y == 1, 1].max()) <= 0.5
    (True, True)
    """
    rng = np.random.Generator(np.random.Philox(seed))
    upper = n // 2
    a, b = np.linspace(0, np.pi, upper), np.linspace(0, np.pi, n - upper)
    outer = np.stack([np.cos(a), np.sin(a)], axis=1)
    inner = np.stack([1 - np.cos(b), 0.5 - np.sin(b)], axis=1)
    return _finish(rng, np.concatenate([outer, inner]), _halves(n), noise)


@takes(n=whole(1, MOST), noise=finite(0), factor=finite(), seed=whole(0))
def circles(n: int = 400, noise: float = 0.05, factor: float = 0.5, seed: int = 0) -> Examples:
    """Generate a circle of radius 1 and one inside it, like scikit-learn's `make_circles`.

    Parameters
    ----------
    n : int
        Number of points, half of them on each circle.
    noise : float
        Standard deviation around the circles.
    factor : float
        Radius of the inner circle, class 1.
    seed : int
        Seed of the random numbers.

    Examples
    --------
    >>> x, y = circles(100, noise=0.0)
    >>> sorted(set(np.hypot(*x.T).round(3).tolist()))
    [0.5, 1.0]
    """
    rng = np.random.Generator(np.random.Philox(seed))
    y = _halves(n)
    counts = np.bincount(y, minlength=2)
    angle = np.concatenate([np.linspace(0, 2 * np.pi, count, endpoint=False) for count in counts])
    radius = np.where(y == 0, 1.0, factor)
    return _finish(rng, np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), y, noise)


@takes(n=whole(1, MOST), classes=whole(1, MOST), features=whole(1, MOST), spread=finite(0), seed=whole(0))
def gaussians(
    n: int = 400, classes: int = 3, features: int = 2, spread: float = 0.5, seed: int = 0
) -> Examples:
    """Generate one normal cloud per class; the centres are standard normal, times 2.

    Parameters
    ----------
    n : int
        Number of points.
    classes, features : int
        Numbers of clouds and dimensions.
    spread : float
        Standard deviation within a cloud.
    seed : int
        Seed of the random numbers.

    Examples
    --------
    >>> x, y = gaussians(9, classes=3, features=5)
    >>> x.shape, np.bincount(y).tolist()
    ((9, 5), [3, 3, 3])
    """
    if max(n, classes) * features > 10 * MOST:
        raise SettingError(
            f"gaussians: {max(n, classes)} times {features} numbers are too many: make fewer at a time"
        )
    rng = np.random.Generator(np.random.Philox(seed))
    y = np.arange(n) % classes
    centres = 2 * rng.standard_normal((classes, features))
    return _finish(rng, centres[y], y, spread)


def _halves(n: int) -> npt.NDArray[np.int64]:
    return (np.arange(n) >= n // 2).astype(np.int64)


def _finish(rng: np.random.Generator, x: Floats, y: npt.NDArray[np.int64], noise: float) -> Examples:
    """Add noise, and shuffle the points."""
    order = rng.permutation(len(x))
    noisy = x + noise * rng.standard_normal(x.shape)
    return noisy[order].astype(np.float32), y[order].astype(np.int64)
