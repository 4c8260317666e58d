"""What can be checked: a layer, a loss, or a network with its loss, as a number that depends on arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ..backend import Array, Shape, Stream, Tree
from ..backend.layout import Layout
from ..core.trees import leaves, tree_map
from ..data.batch import Batch
from ..data.batch import rows as count_rows
from ..engine.objective import Objective
from ..layers import Layer, Run
from ..layers.base import buffer_paths
from ..layers.containers import first_leaf
from ..losses import Loss
from .packed import Packed, joined, shapes


class Subject(Protocol):
    """A scalar function of arrays, with its hand-written gradient."""

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays by name; changing them in place changes the value."""

    @property
    def parts(self) -> int:
        """The number of examples that the value is a sum or mean over."""

    def value(self, only: int | None = None) -> float:
        """Return the value; with `only`, just the contribution of that example."""

    def gradients(self) -> dict[str, Array]:
        """Return the hand-written gradient by each array."""


def by_name(params: Tree) -> dict[str, Array]:
    """Return the arrays of a tree by their paths, written with slashes."""
    return {"/".join(path): array for path, array in leaves(params)}


def trained(layer: Layer, tree: Tree) -> dict[str, Array]:
    """Return the arrays of a tree that have a gradient (all but the buffers), by path."""
    buffers = {"/".join(path) for path in buffer_paths(layer)}
    return {name: array for name, array in by_name(tree).items() if name not in buffers}


@dataclass(frozen=True)
class LayerSubject:
    """The scalar sum(dy * layer(x)) for fixed random dy, so that the gradient by the output is dy."""

    layer: Layer
    params: Tree
    x: Array
    dy: Array
    run: Run

    @classmethod
    def of(cls, layer: Layer, x: Array, seed: int, train: bool, mask: Any = None) -> LayerSubject:
        """Return the subject with fresh weights; arrays whose entries are all equal are perturbed."""
        rng = Stream(seed, dtype="float64", path=("check",))
        params, _ = layer.init(rng.child("params"), x.shape[1:])
        params = scattered(params, rng.child("scatter"))
        run = Run(train, rng, mask=mask)
        y, _ = layer.forward(params, x.copy(), run)
        return cls(layer, params, x, rng.child("dy").normal(y.shape), run)

    @property
    def arrays(self) -> dict[str, Array]:
        """The parameters that have a gradient, and the input if it has one."""
        arrays = trained(self.layer, self.params)
        return arrays | ({"x": self.x} if self.differentiable else {})

    @property
    def differentiable(self) -> bool:
        """Whether there is a gradient by the input."""
        layer: Any = self.layer
        if type(layer) is Packed:
            return bool(layer.smooth)
        return first_leaf(self.layer).differentiable

    @property
    def given(self) -> dict[str, Array]:
        """All arrays that the two passes receive and must not modify."""
        return by_name(self.params) | {"x": self.x, "dy": self.dy}

    @property
    def parts(self) -> int:
        """The number of examples."""
        return len(self.x)

    def value(self, only: int | None = None) -> float:
        """Return sum(dy * y), over all examples or one."""
        y, _ = self.forward()
        rows = slice(None) if only is None else slice(only, only + 1)
        return float((self.dy[rows] * y[rows]).sum())

    def forward(self) -> tuple[Array, Any]:
        """Return the output, and what `backward` needs."""
        return self.layer.forward(self.params, self.x, self.run)

    def backward(self, cache: Any, need_dx: bool = True) -> dict[str, Array]:
        """Return the gradients by name, from the cache of `forward`."""
        need_dx = need_dx and self.differentiable
        dx, grads = self.layer.backward(self.params, cache, self.dy, need_dx=need_dx)
        return trained(self.layer, grads) | ({"x": dx} if need_dx else {})

    def gradients(self) -> dict[str, Array]:
        """Return the gradients of the backward pass, by name."""
        return self.backward(self.forward()[1])

    def cast(self, dtype: Any) -> LayerSubject:
        """Return this subject with its arrays copied to another dtype."""
        params = tree_map(lambda array: array.astype(dtype), self.params)
        return replace(self, params=params, x=self.x.astype(dtype), dy=self.dy.astype(dtype))

    def row(self, i: int) -> LayerSubject:
        """Return this subject with one of its examples alone."""
        one, run = slice(i, i + 1), self.run
        run = run if run.mask is None else run.rows(one, len(self.x))
        return replace(self, x=self.x[one], dy=self.dy[one], run=run)


@dataclass(frozen=True)
class LossSubject:
    """A loss as a scalar function of the predictions."""

    loss: Loss
    prediction: Array
    target: Array
    weights: Array | None = None

    @property
    def arrays(self) -> dict[str, Array]:
        """The predictions, by name."""
        return {"prediction": self.prediction}

    @property
    def given(self) -> dict[str, Array]:
        """All arrays that the two passes receive and must not modify."""
        return self.arrays | {"target": self.target}

    @property
    def parts(self) -> int:
        """The number of examples."""
        return len(self.prediction)

    def value(self, only: int | None = None) -> float:
        """Return the mean loss, or the contribution of one example to it."""
        if only is None:
            return float(self.forward()[0])
        chosen = (np.arange(self.parts) == only) * (1.0 if self.weights is None else self.weights)
        return replace(self, weights=chosen).value()

    def forward(self) -> tuple[Array, Any]:
        """Return the mean loss, and what `backward` needs."""
        return self.loss.forward(self.prediction, self.target, self.weights)

    def backward(self, cache: Any, need_dx: bool = True) -> dict[str, Array]:
        """Return the gradient by the predictions, from the cache of `forward`."""
        return {"prediction": self.loss.backward(cache)}

    def gradients(self) -> dict[str, Array]:
        """Return the gradient of the backward pass, by name."""
        return self.backward(self.forward()[1])

    def cast(self, dtype: Any) -> LossSubject:
        """Return this subject with its arrays copied to another dtype; labels stay whole numbers."""
        target = self.target.astype(dtype if self.target.dtype.kind == "f" else self.target.dtype)
        weights = None if self.weights is None else self.weights.astype(dtype)
        return LossSubject(self.loss, self.prediction.astype(dtype), target, weights)


@dataclass(frozen=True)
class ObjectiveSubject:
    """The loss of a network on a batch, as a scalar function of the parameters."""

    objective: Objective
    params: Tree
    x: Any
    target: Any
    run: Run

    @property
    def arrays(self) -> dict[str, Array]:
        """The parameters that have a gradient, by path."""
        return trained(self.objective.net, self.params)

    @property
    def parts(self) -> int:
        """The number of examples."""
        return count_rows(self.x)

    def value(self, only: int | None = None) -> float:
        """Return the mean loss, or the contribution of one example to it."""
        weights = None if only is None else (np.arange(self.parts) == only).astype(float)
        return float(self.objective.evaluate(self.params, Batch(self.x, self.target, weights), self.run).loss)

    def gradients(self) -> dict[str, Array]:
        """Return the gradients of the backward pass, by path."""
        made = self.objective.gradient(self.params, Batch(self.x, self.target), self.run)
        return trained(self.objective.net, made.grads)

    @property
    def several(self) -> bool:
        """Whether there are several inputs or outputs, by name."""
        return isinstance(self.x, dict) or isinstance(self.target, dict)

    @property
    def net(self) -> LayerSubject:
        """The network alone, with the error that the loss sends back to it."""
        net, objective = self.objective.net, self.objective
        if self.several:
            made = objective.evaluate(self.params, Batch(self.x, self.target), self.run)
            packed: Any = Packed(net, shapes(self.x))
            dy: Any = packed.side_by_side(objective.loss.backward(made.kept))
            return LayerSubject(packed, self.params, joined(self.x), dy * len(dy), self.run)
        dy = self.loss.gradients()["prediction"]
        # The size of dy does not matter to a linear map; near 1 it is far from rounding errors.
        return LayerSubject(net, self.params, self.x, dy * len(dy), self.run)

    @property
    def loss(self) -> LossSubject:
        """The loss alone, applied to the network's output."""
        y, _ = self.objective.net.forward(self.params, self.x, self.run)
        return LossSubject(self.objective.loss, y.copy(), self.target)


def scattered(params: Tree, rng: Stream) -> Tree:
    """Return parameters in float64; arrays whose entries are all equal (biases of 0) are perturbed.

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
    return np.array(array, dtype=np.float64, order="C")  # numbers are changed one by one, by their place


def example(rng: Stream, rows: int, shape: Shape) -> Array:
    """Return random inputs of a shape for a check."""
    return rng.child("x").normal((rows, *shape))
