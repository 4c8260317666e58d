"""The self-organising map: neighbours on a grid learn to stand for neighbours among the data."""

from __future__ import annotations

import math
from os import PathLike
from typing import Any

import numpy as np

from . import foreign
from .backend import Array, Stream
from .backend.memory import sealed
from .core.finite import check_finite
from .core.numeric import numeric
from .core.settings import count, finite, flag, sequence, taken, whole
from .errors import NotReadyError, ShapeError

BLOCK = 1 << 22
"""The number of distances computed together, so that large data sets take little memory."""

LARGEST_SHOWN = 2_500
"""The most units that are drawn in a notebook."""

LARGEST = 10_000
"""The longest side of a map."""


@foreign.answering
@foreign.refusing("__init__", "fit")
class SelfOrganizingMap:
    """Kohonen's map: each unit of a grid holds a point w_ij in the space of the data.

    For each example x the nearest unit c = argmin |x - w_ij| is found; it and its neighbours move::

        w_ij <- w_ij + rate(t) h_ij(t) (x - w_ij),     h_ij = exp(-|r_ij - r_c|^2 / (2 radius(t)^2))

    where r are places on the grid. (Kohonen 1990, "The self-organizing map".) Rate and radius shrink by the
    same factor at each example, from their first value to their last, as in Ritter, Martinetz & Schulten
    1992, "Neural computation and self-organizing maps"; Kohonen leaves open how. The radius is the standard
    deviation of the bell. Where several units are as near, the first is taken.

    Parameters
    ----------
    rows, columns : int
        The size of the grid.
    learning_rate : (float, float)
        The first and the last rate, above 0 and at most 1.
    radius : (float, float), optional
        The first and the last radius, in units of the grid; half the longer side, and 0.5, if not given.
    wrap : bool
        Whether the grid is closed, as a torus: units at its end are neighbours of those at its beginning, so
        that none has fewer neighbours than others.
    seed : int
        The seed of initial weights and of the order of examples.

    Examples
    --------
    >>> import lucidnet as ln
    >>> x, _ = ln.data.gaussians(200, classes=3, seed=0)
    >>> som = ln.SelfOrganizingMap(4, 4, seed=0).fit(x, epochs=20)
    >>> som.weights.shape, som.transform(x[:2]).shape
    ((4, 4, 2), (2, 2))
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        *,
        learning_rate: tuple[float, float] = (0.5, 0.01),
        radius: tuple[float, float] | None = None,
        wrap: bool = False,
        seed: int = 0,
    ) -> None:
        self.rows, self.columns = (
            taken(self, "rows", rows, whole(1, LARGEST)),
            taken(self, "columns", columns, whole(1, LARGEST)),
        )
        self.wrap = taken(self, "wrap", wrap, flag())
        self.seed = taken(self, "seed", seed, whole(0))
        self.learning_rate = _pair("learning_rate", learning_rate, most=1.0)
        largest = max(max(self.rows, self.columns) / 2, 0.5)
        self.radius = (largest, 0.5) if radius is None else _pair("radius", radius)
        places = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1)
        self._places: Array = places.reshape(-1, 2).astype(float)
        self._weights: Array | None = None

    @property
    def weights(self) -> Array:
        """The units' points (rows, columns, features), read-only."""
        return sealed(self._units.reshape(self.rows, self.columns, -1))

    @property
    def _units(self) -> Array:
        if self._weights is None:
            raise NotReadyError("this map has not seen any data yet: call fit(x) first")
        return self._weights

    def fit(self, x: Any, epochs: int = 10) -> SelfOrganizingMap:
        """Train on examples (n, features), from scratch at each call; return the map.

        Parameters
        ----------
        x : array-like (n, features)
            The data; best with features on one scale.
        epochs : int
            How often to go through the data, each time in a new order.
        """
        x = _examples(x)
        epochs = taken("fit", "epochs", epochs, count(1))
        first = Stream(self.seed, path=("som", "first")).permutation(len(x))
        x /= (scale := _scale(x))
        self._weights = x[np.resize(first, self.rows * self.columns)].copy()
        total, step = epochs * len(x), 0
        try:
            for epoch in range(epochs):
                for i in Stream(self.seed, epoch, path=("som", "order")).permutation(len(x)):
                    self._move(x[i], step / max(total - 1, 1))
                    step += 1
        finally:  # after Ctrl-C, too: the map is used as far as it has come
            self._weights *= scale
        return self

    def _move(self, x: Array, progress: float) -> None:
        """Move the units towards one example; `progress` goes from 0 to 1."""
        rate, radius = (a * (b / a) ** progress for a, b in (self.learning_rate, self.radius))
        towards = x - self._units
        nearest = np.einsum("ij,ij->i", towards, towards).argmin()
        apart = self._apart(self._places, self._places[nearest])
        near = np.exp(np.einsum("ij,ij->i", apart, apart) / (-2 * radius * radius))
        self._weights = self._units + (rate * near)[:, None] * towards

    def _apart(self, a: Array, b: Array) -> Array:
        """Return how many rows and columns lie between places on the grid."""
        apart = np.abs(a - b)
        return np.minimum(apart, (self.rows, self.columns) - apart) if self.wrap else apart

    def transform(self, x: Any) -> Array:
        """Return the grid position (row, column) of the nearest unit for each example, (n, 2)."""
        nearest = self._two_nearest(x)[0][:, 0]
        return np.stack(np.unravel_index(nearest, (self.rows, self.columns)), axis=-1)

    def quantization_error(self, x: Any) -> float:
        """Return the mean distance from an example to its nearest unit."""
        gaps = self._two_nearest(x)[1]
        with np.errstate(over="ignore"):  # the sum may overflow where the mean does not
            mean = gaps.mean()
        return float(mean if np.isfinite(mean) else (gaps / gaps.size).sum())

    def topographic_error(self, x: Any) -> float:
        """Return the share of examples whose two nearest units are no neighbours (Kiviluoto 1996)."""
        nearest = self._two_nearest(x)[0]
        if nearest.shape[1] < 2:
            return 0.0
        apart = self._apart(self._places[nearest[:, 0]], self._places[nearest[:, 1]])
        return float((apart.max(-1) > 1).mean())

    def distances(self) -> Array:
        """Return each unit's mean distance to its neighbours, (rows, columns).

        It is the U-matrix (Ultsch & Siemon 1990).
        """
        w = self.weights / (scale := _scale(self.weights))
        total, count = np.zeros(w.shape[:2]), np.zeros(w.shape[:2])
        for axis, size in enumerate(total.shape):
            there = np.arange(size) < size - 1  # whether there is a next one
            there[-1] = self.wrap and size > 2  # of two each is the other's only neighbour
            there = np.expand_dims(there, 1 - axis)
            gaps = np.linalg.norm(np.roll(w, -1, axis) - w, axis=-1) * there
            for back in (0, 1):
                total += np.roll(gaps, back, axis)
                count += np.roll(there, back, axis)
        return _sized(total / np.maximum(count, 1), scale)

    def _two_nearest(self, x: Any) -> tuple[Array, Array]:
        """Return the two nearest units of each example, and the distance to the first."""
        units, x = self._units, _examples(x)
        if x.shape[1] != units.shape[1]:
            raise ShapeError(f"expected {units.shape[1]} features, as in fit, got {x.shape[1]}")
        found = []
        units, x = units / (scale := _scale(units, x)), x / scale
        block = max(1, BLOCK // units.size)
        for start in range(0, len(x), block):
            gaps = np.linalg.norm(x[start : start + block, None] - units, axis=-1)
            order = np.argsort(gaps, axis=1, kind="stable")[:, :2]
            found.append((order, np.take_along_axis(gaps, order[:, :1], 1)[:, 0]))
        return np.concatenate([o for o, _ in found]), _sized(np.concatenate([gap for _, gap in found]), scale)

    def plot(self, path: str | PathLike[str] | None = None, **look: Any) -> Any:
        """Return a figure of `distances` (needs matplotlib: ``pip install 'lucidnet[plots]'``).

        ``ax``, ``title``, ``figsize``, ``style`` and ``path`` are those of all pictures: see `plots`.
        """
        from .plots import distance_map

        return distance_map(self.distances(), path=path, **look)

    def __repr__(self) -> str:
        seen = "" if self._weights is None else f", fitted to {self._weights.shape[1]} features"
        closed = ", wrap=True" if self.wrap else ""
        return f"SelfOrganizingMap({self.rows}, {self.columns}{closed}, seed={self.seed}{seen})"

    def _repr_html_(self) -> str:
        from .core import page

        told = page.paragraph(repr(self))
        if self._weights is None or self.rows * self.columns > LARGEST_SHOWN:
            return page.fragment(told)
        grid = page.grid(self.distances().tolist(), "mean distance to the neighbours, 0 to the largest")
        return page.fragment(told, grid)


def _pair(name: str, given: Any, most: float | None = None) -> tuple[float, float]:
    bound = "" if most is None else f" and at most {most:g}"
    expected = f"numbers, the first and the last, above 0{bound}"
    several = taken(
        "SelfOrganizingMap", name, given, sequence(expected, finite(above=0, most=most), length=2)
    )
    return float(several[0]), float(several[1])


def _scale(*arrays: Array) -> float:
    """Return a power of two to divide by, so that squares neither overflow nor vanish."""
    largest = max(float(np.abs(array).max()) for array in arrays)
    if not largest or 1e-100 < largest < 1e100:
        return 1.0
    return math.ldexp(1.0, math.frexp(largest)[1] - 1)


@np.errstate(over="ignore")  # a distance may overflow: it is then infinite
def _sized(distances: Array, scale: float) -> Array:
    made: Array = distances * scale
    return made


def _examples(x: Any) -> Array:
    x = numeric(x, "x").astype(float)
    if x.ndim != 2 or not x.size:
        raise ShapeError(f"x: expected examples (n, features), got shape {x.shape}")
    check_finite(x, "x")
    return x
