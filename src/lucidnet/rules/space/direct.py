"""Rules that send the output's error directly to each layer."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ... import initializers
from ...backend import Array, Shape, Stream, Tree, namespace
from ...core.settings import choice, named, whole
from ...core.value import value
from ...errors import SettingError
from ...layers import Dense, Layer
from ...layers.base import Mask, Send, several, zeroed
from ...losses.base import scaled, shares
from ...losses.crossentropy import as_rows
from ..base import SpaceRule
from ..edge import Edge, Signals, Varying, carriers


@value
class Direct(SpaceRule):
    """The base of rules that send a projected output signal to each layer, in place of the error above.

    A layer with several inputs has a B for each: "B", "B2" and so on. If the sizes of an input may vary from
    batch to batch (sequences of any length) and the output has no time axis, all places of the input get the
    same error.

    Parameters
    ----------
    initializer : str or Initializer
        Initial values of B (outputs of the network, inputs of the layer).
    seed : int, optional
        The seed of B; the model's if not given.
    """

    reads: ClassVar[str] = "pre, post, output error"
    memory: ClassVar[str] = "a B of outputs x inputs for each layer"
    cost: ClassVar[str] = "a product with B in place of W for each layer"

    cuts: ClassVar[bool] = True

    initializer: Any = named(initializers, default=initializers.VarianceScaling())
    seed: int | None = whole(0, default=None, optional=True)

    def feedback(self, layer: Layer, params: Tree, inputs: Shape, outputs: Shape, rng: Stream) -> Tree:
        stream = rng.but(seed=self.seed)
        given: Any = inputs if several(inputs) else (inputs,)
        made = {}
        for name, own in zip(named_inputs(len(given)), given, strict=True):
            rows, shape = sent(self, own, outputs)
            flat = self.initializer(stream.child(name), (rows, math.prod(shape)))
            made[name] = flat.reshape(rows, *shape)
        return made

    def counterparts(self, layer: Layer, params: Tree, B: Tree, last: bool) -> list[tuple[Array, Array]]:
        W = params[carriers(layer)[0]]
        fits = last and "B" in B and W.ndim == 2 and B["B"].shape == W.shape[::-1]
        return [(B["B"].T, W)] if fits else []

    def signal(self, signals: Signals) -> Array:
        """Return the signal that is projected to all layers."""
        raise NotImplementedError(f"{type(self).__name__} must define signal(signals)")

    def cross(self, edge: Edge, send: Send) -> tuple[Any, Tree, Tree | None]:
        if not (edge.need_dx and carriers(edge.layer)):
            return *edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx), None
        names = [name for name in named_inputs(len(edge.B)) if name in edge.B]  # beside those of time
        alike = any(1 in edge.B[name].shape[1:-1] for name in names)  # the same for all places
        like, grads = edge.route(edge.params, edge.cache, edge.dy, send, alike)
        signal, masks = self.signal(edge.signals), (edge.signals.masks or {}).get(id(edge.cache))
        count = len(names)
        sizes = like if isinstance(like, tuple) else (like,) * count
        counts = masks if isinstance(masks, tuple) else (masks,) * count
        made = tuple(
            spread(projected(signal, edge.B[name]), size, mask)
            for name, size, mask in zip(names, sizes, counts, strict=True)
        )
        return (made if count > 1 else made[0]), grads, None


def named_inputs(count: int) -> list[str]:
    """Return the names of a layer's feedback weights, for `count` inputs."""
    return ["B", *(f"B{k}" for k in range(2, count + 1))]


def sent(rule: SpaceRule, inputs: Shape, outputs: Shape) -> tuple[int, Shape]:
    """Return the number of values sent to a layer's input, and the shape they are projected to there.

    Raises
    ------
    SettingError
        If sizes vary so that weights of one shape cannot project them.
    """
    if len(inputs) > 1 and inputs[:-1] == outputs[:-1]:  # each time step gets its own
        return outputs[-1], inputs[-1:]
    if any(isinstance(size, Varying) for size in outputs):
        raise SettingError(
            f"rule: {rule!r} sends the error of the network's output to a layer whose input has another "
            f"number of time steps ({inputs[0]} where the output has {outputs[0]}), and it varies: give the "
            "sequences one length (a shape without None), or let the output have no time"
        )
    return math.prod(outputs), tuple(1 if isinstance(size, Varying) else size for size in inputs)


def projected(signal: Array, B: Array) -> Array:
    """Return a signal (n, outputs) or (n, time, outputs) projected to a layer's input by B (outputs, ...)."""
    if signal.shape[-1] != B.shape[0]:  # of all times at once
        signal = signal.reshape(signal.shape[0], -1)
    return namespace(signal).tensordot(signal, B, axes=1)


def spread(dx: Array, like: Array | None, mask: Mask) -> Array:
    """Return an error broadcast to all places of an input, 0 at masked ones."""
    if like is not None and dx.shape != like.shape:
        dx = namespace(dx).broadcast_to(dx, like.shape)
    return zeroed(dx, mask)


@value
class DirectFeedbackAlignment(Direct):
    """The output's error, by fixed random weights, is the error at each layer: dx = e B.

    e is the gradient of the loss by what goes into the network's final activation, dL/da_y, as in Nøkland
    2016 ("Direct feedback alignment provides learning in deep neural networks", section 2, where equation 5
    is e, and its B ours transposed); for logistic outputs with the binary cross-entropy, and for softmax with
    the categorical one, that is y - t.

    Parameters
    ----------
    initializer : str or Initializer
        Initial values of B (outputs of the network, inputs of the layer).
    seed : int, optional
        The seed of B; the model's if not given.
    error : str
        ``"preactivation"``, or ``"output"``: then e is the gradient by the activated output, for half the
        squared error y - t whatever the activation is (e in Lillicrap et al. 2016, and in the direct feedback
        alignment of Frenkel, Lefebvre & Bol 2021, "Learning without feedback").
    """

    error: str = choice("preactivation", "output", default="preactivation")

    reads: ClassVar[str] = "pre, post, output error"

    @property
    def broadcasts(self) -> str | None:
        return self.error

    def signal(self, signals: Signals) -> Array:
        return signals.error

    def mirrored(self, layer: Layer, params: Tree, last: bool) -> Tree | None:
        plain = self.error == "preactivation" and last and isinstance(layer, Dense)
        return {"B": params[carriers(layer)[0]].T} if plain else None


@value
class DirectRandomTargetProjection(Direct):
    """The targets, by fixed random weights, are the error at each layer: dx = t B / N.

    No layer waits for the output. The last layer learns by its own error. N examples are a batch, as losses
    are means; with weights and masks each target has the share that its loss has in the mean. (Frenkel,
    Lefebvre & Bol 2021, "Learning without feedback".) Targets in the place of errors y - t mean the error
    with its sign turned: with a B that is as likely as -B, which all initializers of a mean of 0 are, that is
    the same rule.
    """

    reads: ClassVar[str] = "pre, post, targets"

    def signal(self, signals: Signals) -> Array:
        rows = as_rows(signals.target, signals.error).reshape(signals.error.shape)
        share = shares(rows[..., 0], signals.weights, signals.mask, signals.valid)
        return rows / math.prod(rows.shape[:-1]) if share is None else scaled(rows, share[..., None])


@value
class Shallow(SpaceRule):
    """A control: no error comes back from any layer with weights, so only the last layer learns."""

    reads: ClassVar[str] = ""
    cuts: ClassVar[bool] = True
    memory: ClassVar[str] = "nothing of its own"
    cost: ClassVar[str] = "a backward pass of the last layer"

    def cross(self, edge: Edge, send: Send) -> tuple[Any, Tree, Tree | None]:
        dx, grads = edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx)
        if not (edge.need_dx and carriers(edge.layer)):
            return dx, grads, None
        return (tuple(0 * part for part in dx) if isinstance(dx, tuple) else 0 * dx), grads, None
