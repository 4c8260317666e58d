"""A layer as a function of single numbers: y = f(z), with the slope that backward uses for each.

An activation is such a function of its input. A layer that ends in one (a dense layer with its
activation inside) is such a function of its bias: with one example alone, the gradient by the bias is
dy f'(z) itself, and moving the bias moves z.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..backend import Array, Stream
from ..tree import at
from .subject import LayerSubject, by_name

H = 1e-5


@dataclass(frozen=True)
class Elementwise:
    """A function f applied to numbers z, and slopes of it that a backward pass claims.

    Parameters
    ----------
    f : callable
        The function, from an array like z to one like y.
    z : array
        Where it is taken.
    claimed : array
        The slopes f'(z) that backward uses.
    """

    f: Callable[[Array], Array]
    z: Array
    claimed: Array

    def slope(self, v: Array) -> Array:
        """Return f'(v) by central differences."""
        return (self.f(v + H) - self.f(v - H)) / (2 * H)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        """Return v with f(v) = y by bisection, and where that worked (f increasing, y in its range)."""
        low, high = np.full_like(y, -30.0), np.full_like(y, 30.0)
        for _ in range(60):
            middle = (low + high) / 2
            below = self.f(middle) < y
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return low, np.abs(self.f(low) - y) < 1e-8


def elementwise(subject: LayerSubject) -> Elementwise | None:
    """Return the view of a layer as a function of single numbers, if it is one."""
    probe = _probe(subject)
    return _of_bias(probe) if by_name(subject.params) else _of_input(probe)


def _probe(subject: LayerSubject) -> LayerSubject:
    """Return the layer on more and smaller inputs, so that many lie in the range of its output."""
    rng = Stream(0, dtype="float64", path=("probe",))
    x = 0.5 * rng.child("x").normal((16, *subject.x.shape[1:]))
    dy = rng.child("dy").normal((16, *subject.dy.shape[1:]))
    return LayerSubject(subject.layer, subject.params, x, dy, subject.run)


def _of_input(subject: LayerSubject) -> Elementwise | None:
    def f(v: Array) -> Array:
        return subject.layer.forward(subject.params, v, subject.run)[0]

    if subject.dy.shape != subject.x.shape or not _is_elementwise(f, subject.x):
        return None
    claimed = subject.gradients()["x"]
    if claimed is None or np.shape(claimed) != subject.x.shape:
        return None
    return Elementwise(f, subject.x, claimed / subject.dy)


def _is_elementwise(f: Callable[[Array], Array], x: Array) -> bool:
    """Tell whether an output depends on its own input only: moving one input moves one output."""
    moved = x.copy()
    moved.reshape(-1)[0] += 0.1
    changed = (f(moved) != f(x)).reshape(-1)
    return not changed[1:].any()


def _of_bias(subject: LayerSubject) -> Elementwise | None:
    """Return the view through a bias `b` beside weights `W`, with z = x W + b."""
    params = subject.params
    b, W = params.get("b"), params.get("W")
    if b is None or W is None or subject.x.ndim != 2 or W.shape != (subject.x.shape[1], b.size):
        return None
    if subject.dy.shape != (len(subject.x), b.size):
        return None
    rows = [subject.row(i) for i in range(len(subject.x))]
    claims = [at(row.gradients(), ("b",)) for row in rows]
    if any(np.shape(claim) != b.shape for claim in claims):
        return None
    z = subject.x @ W + b

    def f(v: Array) -> Array:
        shifted = (params | {"b": b + move} for move in v - z)
        outputs = (row.layer.forward(p, row.x, row.run)[0] for row, p in zip(rows, shifted, strict=True))
        return np.concatenate(list(outputs))

    return Elementwise(f, z, np.stack(claims) / subject.dy)
