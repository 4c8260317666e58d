"""What can be checked: a layer, a loss, a network with its loss. Each is a number that depends on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..backend import Array, Shape, Stream, Tree
from ..layers import Layer, Run
from ..losses import Loss
from ..training.objective import Objective
from ..tree import Layout, leaves


class Subject(Protocol):
    """A number that depends on arrays, and its hand-written gradient."""

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays by name; the number follows when they are changed in place."""

    @property
    def parts(self) -> int:
        """Of how many examples the number is a sum or mean."""

    def value(self, only: int | None = None) -> float:
        """Return the number; with `only`, what that example alone adds to it."""

    def gradients(self) -> dict[str, Array]:
        """Return the hand-written gradient by each array."""


def by_name(params: Tree) -> dict[str, Array]:
    """Return the arrays of a tree by their paths, written with slashes."""
    return {"/".join(path): array for path, array in leaves(params)}


@dataclass(frozen=True)
class LayerSubject:
    """The number sum(dy * layer(x)), for fixed random dy: its gradient by y is dy."""

    layer: Layer
    params: Tree
    x: Array
    dy: Array
    run: Run

    @classmethod
    def of(cls, layer: Layer, x: Array, seed: int, train: bool) -> LayerSubject:
        """Return the subject with fresh weights, the layer's own or all moved off zero."""
        rng = Stream(seed, dtype="float64", path=("check",))
        params, _ = layer.init(rng.child("params"), x.shape[1:])
        params = scattered(params, rng.child("scatter"))
        run = Run(train, rng)
        y, _ = layer.forward(params, x, run)
        return cls(layer, params, x, rng.child("dy").normal(y.shape), run)

    @property
    def arrays(self) -> dict[str, Array]:
        """The parameters, and the input."""
        return by_name(self.params) | {"x": self.x}

    @property
    def parts(self) -> int:
        """The number of examples."""
        return len(self.x)

    def value(self, only: int | None = None) -> float:
        """Return sum(dy * y), over all examples or one."""
        y, _ = self.layer.forward(self.params, self.x, self.run)
        rows = slice(None) if only is None else slice(only, only + 1)
        return float((self.dy[rows] * y[rows]).sum())

    def gradients(self) -> dict[str, Array]:
        """Return what `backward` says."""
        _, cache = self.layer.forward(self.params, self.x, self.run)
        dx, grads = self.layer.backward(self.params, cache, self.dy)
        return by_name(grads) | {"x": dx}

    def row(self, i: int) -> LayerSubject:
        """Return the same for one example alone."""
        return LayerSubject(self.layer, self.params, self.x[i : i + 1], self.dy[i : i + 1], self.run)


@dataclass(frozen=True)
class LossSubject:
    """A loss as a number that depends on the predictions."""

    loss: Loss
    prediction: Array
    target: Array
    weights: Array | None = None

    @property
    def arrays(self) -> dict[str, Array]:
        """The predictions."""
        return {"prediction": self.prediction}

    @property
    def parts(self) -> int:
        """The number of examples."""
        return len(self.prediction)

    def value(self, only: int | None = None) -> float:
        """Return the mean loss, or what one example adds to it."""
        weights = self.weights
        if only is not None:
            chosen = np.arange(self.parts) == only
            weights = chosen * (1.0 if weights is None else weights)
        return float(self.loss.forward(self.prediction, self.target, weights)[0])

    def gradients(self) -> dict[str, Array]:
        """Return what `backward` says."""
        _, cache = self.loss.forward(self.prediction, self.target, self.weights)
        return {"prediction": self.loss.backward(cache)}


@dataclass(frozen=True)
class ObjectiveSubject:
    """The loss of a network on a batch, as a number that depends on the parameters."""

    objective: Objective
    params: Tree
    x: Array
    target: Array
    run: Run

    @property
    def arrays(self) -> dict[str, Array]:
        """The parameters."""
        return by_name(self.params)

    @property
    def parts(self) -> int:
        """The number of examples."""
        return len(self.x)

    def value(self, only: int | None = None) -> float:
        """Return the mean loss, or what one example adds to it."""
        weights = None if only is None else (np.arange(self.parts) == only).astype(float)
        return float(self.objective.evaluate(self.params, self.x, self.target, weights, self.run)[0])

    def gradients(self) -> dict[str, Array]:
        """Return what the backward pass says."""
        return by_name(self.objective.gradient(self.params, self.x, self.target, None, self.run)[2])


def scattered(params: Tree, rng: Stream) -> Tree:
    """Return parameters in float64, those that all are equal (biases of 0) moved apart.

    A mistake could hide behind zeros.
    """
    layout = Layout.of(params)
    if not layout.paths:
        return params
    vector = as_float64(layout.ravel(params))
    for path, part in zip(layout.paths, layout.slices, strict=True):
        array = vector[part]
        if array.size and (array == array[0]).all():
            array += 0.3 * rng.child("/".join(path)).normal(array.shape)
    return layout.unravel(vector)


def as_float64(array: Any) -> Array:
    """Return a copy in float64."""
    return np.array(array, dtype=np.float64)


def example(rng: Stream, rows: int, shape: Shape) -> Array:
    """Return random inputs."""
    return rng.child("x").normal((rows, *shape))
