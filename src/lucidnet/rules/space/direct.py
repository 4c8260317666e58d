"""Rules by which each layer hears of the output's error directly."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ... import initializers
from ...backend import Array, Shape, Stream, Tree, namespace
from ...core.settings import named, whole
from ...core.value import value
from ...layers import Dense, Layer
from ...layers.base import Send, zeroed
from ...losses.base import scaled, shares
from ...losses.crossentropy import as_rows
from ..base import SpaceRule
from ..edge import Edge, Signals, carriers


@value
class Direct(SpaceRule):
    """The base of rules by which a projected signal stands in for what comes back from a layer.

    Parameters
    ----------
    initializer : str or Initializer
        How B (outputs of the network, inputs of the layer) begins.
    seed : int, optional
        The seed of B; the model's if not given.
    """

    reads: ClassVar[str] = "pre, post, output error"
    memory: ClassVar[str] = "a B of outputs x inputs for each layer"
    cost: ClassVar[str] = "a product with B in place of W for each layer"

    initializer: Any = named(initializers, default=initializers.VarianceScaling())
    seed: int | None = whole(0, default=None, optional=True)

    def feedback(self, layer: Layer, params: Tree, inputs: Shape, outputs: Shape, rng: Stream) -> Tree:
        stream = rng.but(seed=self.seed)
        same_time = len(inputs) > 1 and inputs[:-1] == outputs[:-1]
        rows, shape = (outputs[-1], inputs[-1:]) if same_time else (math.prod(outputs), inputs)
        flat = self.initializer(stream.child("B"), (rows, math.prod(shape)))
        return {"B": flat.reshape(rows, *shape)}

    def counterparts(self, layer: Layer, params: Tree, B: Tree, last: bool) -> list[tuple[Array, Array]]:
        W = params[carriers(layer)[0]]
        fits = last and "B" in B and W.ndim == 2 and B["B"].shape == W.shape[::-1]
        return [(B["B"].T, W)] if fits else []

    def signal(self, signals: Signals) -> Array:
        """Return what is projected."""
        raise NotImplementedError(f"{type(self).__name__} must define signal(signals)")

    def cross(self, edge: Edge, send: Send) -> tuple[Any, Tree, Tree | None]:
        if not (edge.need_dx and carriers(edge.layer)):
            return *edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx), None
        _, grads = edge.route(edge.params, edge.cache, edge.dy, send, False)
        dx = projected(self.signal(edge.signals), edge.B["B"])
        return zeroed(dx, (edge.signals.masks or {}).get(id(edge.cache))), grads, None


def projected(signal: Array, B: Array) -> Array:
    """Return a signal (n, outputs) or (n, time, outputs) at a layer's input, by B (outputs, ...)."""
    if signal.shape[-1] != B.shape[0]:  # of all times at once
        signal = signal.reshape(signal.shape[0], -1)
    return namespace(signal).tensordot(signal, B, axes=1)


@value
class DirectFeedbackAlignment(Direct):
    """The output's error, by fixed random weights, is the error at each layer: dx = e B.

    (Nøkland 2016, "Direct feedback alignment provides learning in deep neural networks", equation 7.)
    """

    reads: ClassVar[str] = "pre, post, output error"

    def signal(self, signals: Signals) -> Array:
        return signals.error

    def mirrored(self, layer: Layer, params: Tree, last: bool) -> Tree | None:
        return {"B": params[carriers(layer)[0]].T} if last and isinstance(layer, Dense) else None


@value
class DirectRandomTargetProjection(Direct):
    """The targets, by fixed random weights, are the error at each layer: dx = t B / N.

    No layer waits for the output. The last layer learns by its own error. (Frenkel, Lefebvre & Bol 2021,
    "Learning without feedback", equation 3.)
    """

    reads: ClassVar[str] = "pre, post, targets"
    couples_examples: ClassVar[bool] = True

    def signal(self, signals: Signals) -> Array:
        rows = as_rows(signals.target, signals.error).reshape(signals.error.shape)
        share = shares(rows[..., 0], None, signals.mask)
        return rows / math.prod(rows.shape[:-1]) if share is None else scaled(rows, share[..., None])


@value
class Shallow(SpaceRule):
    """A control: nothing comes back from any layer with weights, so that the last alone learns."""

    reads: ClassVar[str] = ""
    memory: ClassVar[str] = "nothing of its own"
    cost: ClassVar[str] = "a backward pass of the last layer"

    def cross(self, edge: Edge, send: Send) -> tuple[Any, Tree, Tree | None]:
        dx, grads = edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx)
        return (0 * dx if edge.need_dx and carriers(edge.layer) else dx), grads, None
