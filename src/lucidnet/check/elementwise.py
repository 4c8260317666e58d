"""A layer as a function of single numbers: y = f(z), with the slopes that backward uses for each.

An activation is such a function of its input. A dense layer with its activation inside is such a
function of z = x W + b. With one example alone, its gradients tell the slope that was used::

    db = dz        dW = x^T dz        dx = dz W^T        dz = dy f'(z)

each of them apart, so that a mistake in one is seen. Moving W by x^T dv / |x|^2 moves z by dv.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..backend import Array, Stream, Tree
from .subject import LayerSubject

H = 1e-5


@dataclass(frozen=True)
class Elementwise:
    """A function f applied to each number of z, and the slopes f'(z) that a backward pass uses.

    Parameters
    ----------
    f : callable
        The function, from an array like z to one like y.
    z : array
        The point at which it is taken.
    claims : dict of array
        The slopes f'(z) that backward uses, by the gradient in which it uses them.
    """

    f: Callable[[Array], Array]
    z: Array
    claims: dict[str, Array]

    def slope(self, v: Array) -> Array:
        """Return f'(v) by central differences."""
        return (self.f(v + H) - self.f(v - H)) / (2 * H)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        """Return v with f(v) = y by bisection, and where that succeeded (f increasing, y in its range)."""
        low, high = np.full_like(y, -30.0), np.full_like(y, 30.0)
        for _ in range(60):
            middle = (low + high) / 2
            below = self.f(middle) < y
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return low, np.abs(self.f(low) - y) < 1e-8

    @property
    def is_elementwise(self) -> bool:
        """Whether each output depends on its own input number only."""
        moved = self.z.copy()
        moved.reshape(-1)[0] += 0.1
        return not (self.f(moved) != self.f(self.z)).reshape(-1)[1:].any()


def elementwise(subject: LayerSubject) -> Elementwise | None:
    """View a layer as an elementwise function; None if it is not one."""
    if subject.layer.children():
        return None
    probe = _probe(subject)
    view = _of_weights(probe) if subject.params else _of_input(probe)
    return view if view is not None and view.is_elementwise else None


def _probe(subject: LayerSubject) -> LayerSubject:
    """Return the layer with more and smaller inputs, so that many outputs lie inside f's range."""
    rng = Stream(0, dtype="float64", path=("probe",))
    x = 0.5 * rng.child("x").normal((16, *subject.x.shape[1:]))
    x = np.abs(x) if (subject.x > 0).all() else x  # as a logarithm takes
    dy = rng.child("dy").normal((16, *subject.dy.shape[1:]))
    return replace(subject, x=x, dy=dy)


def _of_input(subject: LayerSubject) -> Elementwise | None:
    claimed = subject.gradients().get("x")
    if claimed is None or not np.shape(claimed) == subject.dy.shape == subject.x.shape:
        return None

    def f(v: Array) -> Array:
        return replace(subject, x=v).forward()[0]

    return Elementwise(f, subject.x, {"x": claimed / subject.dy})


def _of_weights(subject: LayerSubject) -> Elementwise | None:
    """View a layer f(x W) or f(x W + b), whatever its weights are called, as the function f."""
    names = _weight_and_bias(subject)
    if names is None:
        return None
    weight, bias = names
    W, rows = subject.params[weight], [subject.row(i) for i in range(subject.parts)]
    z = subject.x @ W + (subject.params[bias] if bias else 0)

    def f(v: Array) -> Array:
        moves = (row.x.T @ move[None] / (row.x**2).sum() for row, move in zip(rows, v - z, strict=True))
        moved = (subject.params | {weight: W + move} for move in moves)
        pairs = zip(rows, moved, strict=True)
        return np.concatenate([replace(row, params=params).forward()[0] for row, params in pairs])

    if bias and not _adds(subject, bias, f, z):
        return None
    found = {name: _claims(rows, name, weight) for name in (weight, *([bias] if bias else []), "x")}
    return Elementwise(f, z, {name: local / subject.dy for name, local in found.items() if local is not None})


def _weight_and_bias(subject: LayerSubject) -> tuple[str, str | None] | None:
    params: Tree = subject.params
    if subject.x.ndim != 2 or subject.dy.ndim != 2 or any(isinstance(p, dict) for p in params.values()):
        return None
    into, out = subject.x.shape[1], subject.dy.shape[1]
    weights = [name for name, array in params.items() if array.shape == (into, out)]
    biases = [name for name, array in params.items() if array.shape == (out,)]
    if len(weights) != 1 or len(biases) > 1 or len(params) != len(weights) + len(biases):
        return None
    return weights[0], (biases[0] if biases else None)


def _adds(subject: LayerSubject, bias: str, f: Callable[[Array], Array], z: Array) -> bool:
    """Tell whether a vector is a bias: changing it changes the output as changing z does."""
    move = np.linspace(0.1, 0.4, z.shape[1])
    params = subject.params | {bias: subject.params[bias] + move}
    rows = (replace(subject, params=params).row(i).forward()[0] for i in range(subject.parts))
    return np.allclose(np.concatenate(list(rows)), f(z + move), rtol=1e-7, atol=1e-10)


def _claims(rows: list[LayerSubject], name: str, weight: str) -> Array | None:
    """Return the local error dz of each example that one gradient implies; None if it implies none."""
    found = []
    for row in rows:
        grad, W, x = row.gradients().get(name), row.params[weight], row.x
        if grad is None or np.shape(grad) != row.arrays[name].shape:
            return None
        if name == weight:
            dz = x @ grad / (x**2).sum()
            told = x.T @ dz
        elif name == "x":
            dz = np.linalg.lstsq(W, grad.T)[0].T
            told = dz @ W.T
        else:
            dz, told = grad[None], grad
        if not np.allclose(told, grad, rtol=1e-7, atol=1e-9):
            return None
        found.append(dz)
    if name == "x" and np.linalg.matrix_rank(rows[0].params[weight]) < found[0].shape[1]:
        return None  # dx = dz W^T does not determine dz
    return np.concatenate(found)
