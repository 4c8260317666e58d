"""Rules in which other weights carry the error: B in place of W, in dx = dz W^T."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, ClassVar

from ... import initializers
from ...backend import Array, Shape, Stream, Tree, namespace
from ...core.settings import between, finite, named, whole
from ...core.value import of_library, value
from ...errors import SettingError
from ...layers import Layer
from ...layers.activations import scale
from ...layers.base import Send, several
from ..base import SpaceRule
from ..edge import Edge, carriers


@value
class Backprop(SpaceRule):
    """The chain rule: the error is carried by the weights of the forward pass, dx = dz W^T.

    (Rumelhart, Hinton & Williams 1986, "Learning representations by back-propagating errors".)
    """

    reads: ClassVar[str] = "pre, post, errors above, weights above"
    exact: ClassVar[bool] = True
    memory: ClassVar[str] = "nothing of its own"
    cost: ClassVar[str] = "a backward pass"


@value
class Transported(SpaceRule):
    """The base of rules that only replace the weights which carry the error back.

    Parameters
    ----------
    initializer : str or Initializer, optional
        Initial values of B; by default like the weights that it replaces, or by Glorot's uniform distribution
        if these start as constants.
    seed : int, optional
        The seed of B; the model's if not given.
    """

    reads: ClassVar[str] = "pre, post, errors above"
    memory: ClassVar[str] = "a B for each W"
    cost: ClassVar[str] = "a backward pass"

    initializer: Any = named(initializers, default=None, optional=True)
    seed: int | None = whole(0, default=None, optional=True)

    def feedback(self, layer: Layer, params: Tree, inputs: Shape, outputs: Shape, rng: Stream) -> Tree:
        return {name: self.drawn(layer, params[name], rng.child(name)) for name in carriers(layer)}

    def drawn(self, layer: Layer, W: Array, rng: Stream) -> Array:
        """Return newly drawn weights of the shape of W."""
        given = self.initializer or getattr(layer, "initializer", initializers.VarianceScaling())
        if self.initializer is None and isinstance(given, initializers.Constant):
            given = initializers.VarianceScaling()  # with zeros no error would ever arrive
        stream = rng.but(seed=self.seed)
        return given.before(scale(getattr(layer, "activation", None)))(stream, W.shape)

    def carried_by(self, W: Array, B: Array) -> Array:
        """Return the weights that carry the error back."""
        return B

    def counterparts(self, layer: Layer, params: Tree, B: Tree, last: bool) -> list[tuple[Array, Array]]:
        return [(self.carried_by(params[n], B[n]), params[n]) for n in carriers(layer) if n in B]

    def mirrored(self, layer: Layer, params: Tree, last: bool) -> Tree | None:
        return {name: params[name] for name in carriers(layer)}

    def cross(self, edge: Edge, send: Send) -> tuple[Any, Tree, Tree | None]:
        params, B = edge.params, edge.B
        own = (name for name in carriers(edge.layer) if name in B)
        params = params | {name: self.carried_by(params[name], B[name]) for name in own}
        return *edge.route(params, edge.cache, edge.dy, send, edge.need_dx), None


@value
class FeedbackAlignment(Transported):
    """Fixed random weights carry the error: dx = dz B^T.

    (Lillicrap et al. 2016, "Random synaptic feedback weights support error backpropagation for deep
    learning".) There it is B e, of a column e, with the same B: its rows are the units below. It stands in
    the place of their W^T, which is W here.
    """

    reads: ClassVar[str] = "pre, post, errors above"


@value
class UniformSign(Transported):
    """uSF: the signs of the weights, all of one size, carry the error: dx = dz (s sign W)^T.

    (Liao, Leibo & Poggio 2016, "How important is weight symmetry in backpropagation?"; uSF, brSF and frSF are
    its names.) s is the root mean square of B, the weights that would have been drawn; the paper has s = 1,
    and keeps errors in bounds by batch normalization and by steps of signs, neither of which is part of the
    rule here.
    """

    reads: ClassVar[str] = "pre, post, errors above, weights above"

    def carried_by(self, W: Array, B: Array) -> Array:
        xp = namespace(W)
        return xp.sign(W) * xp.sqrt((B * B).mean())

    def mirrored(self, layer: Layer, params: Tree, last: bool) -> Tree | None:
        return None  # all weights have one size, whatever B is


@value
class FixedSign(Transported):
    """frSF: fixed random sizes with the signs of the weights carry the error: dx = dz (|B| sign W)^T.

    (Liao, Leibo & Poggio 2016; Moskovitz, Litwin-Kumar & Abbott 2018, "Feedback alignment in deep
    convolutional networks".) The sizes are those of weights drawn as W was.
    """

    reads: ClassVar[str] = "pre, post, errors above, weights above"

    def carried_by(self, W: Array, B: Array) -> Array:
        xp = namespace(W)
        return xp.abs(B) * xp.sign(W)


@value
class BatchSign(FixedSign):
    """brSF: as `FixedSign`, the sizes |B| drawn anew for each batch (Liao, Leibo & Poggio 2016)."""

    phase: ClassVar[bool] = True

    def learn(self, layer: Layer, params: Tree, inputs: Shape, B: Tree, rng: Stream) -> Tree:
        return self.feedback(layer, params, inputs, (), rng)


@value
class KolenPollack(Transported):
    """B takes the same update steps as W, and with weight decay converges to it.

    Both take the same gradient and the same decay::

        W <- W - rate (g + decay W)        B <- B - rate (g + decay B)

    so that W_t - B_t = (1 - rate decay)^t (W_0 - B_0). (Kolen & Pollack 1994, "Back-propagation without
    weight transport"; Akrout et al. 2019, "Deep learning without weight transport", equations 16 and 17,
    where the decay is not multiplied by the rate.) The decay is the optimizer's ``weight_decay``. W - B
    shrinks so with `SGD` without momentum, and with all that take the decay off the weights themselves, such
    as `AdamW`; with others it shrinks at another pace. `LAMB` makes the steps of B as long as B asks, and
    those of W as W does.
    """

    reads: ClassVar[str] = "pre, post, errors above"
    memory: ClassVar[str] = "a B for each W, and the optimizer's memory of it"
    cost: ClassVar[str] = "a backward pass, and a step of the optimizer for B"

    def taught(self, layer: Layer, B: Tree, grads: Tree) -> Tree | None:
        return {name: grads[name] for name in carriers(layer) if name in B}


@value
class WeightMirror(Transported):
    """B learns W between steps, from noise that is sent through the layer alone.

    With inputs xi of noise and z = xi W what the layer makes of them, averaged over the examples::

        B <- (1 - decay) B + rate / sigma^2 xi^T z        E[xi^T xi] = sigma^2

    so that B grows along W. (Akrout et al. 2019, "Deep learning without weight transport", equation 7.) There
    the noise also passes the bias and the activation, in a range where that is nearly straight;
    here it passes W alone. One step is made for each batch. A weight that is used several times in one
    example, in a convolution at each place, in a dense layer at each time step, gets the mean over its uses.
    A recurrent layer, whose W acts before its state, and an attention layer send the noise through each W
    alone.

    Parameters
    ----------
    rate : float
        The step size of B.
    decay : float
        The share of B that decays at each step; with decay = rate it tends to W.
    examples : int
        The number of noise examples in each step.
    """

    rate: float = finite(0, default=0.05)
    decay: float = between(0, 1, default=0.05)
    examples: int = whole(1, default=32)

    reads: ClassVar[str] = "pre, post, errors above"
    memory: ClassVar[str] = "a B for each W"
    cost: ClassVar[str] = "a backward pass, and one of noise through each layer"

    phase: ClassVar[bool] = True

    def learn(self, layer: Layer, params: Tree, inputs: Shape, B: Tree, rng: Stream) -> Tree:
        names = carriers(layer)
        alone = bool(layer.carried) or len(names) > 1
        seen = mirrored_alone if alone else mirrored_through
        found = seen(layer, params, inputs, self.examples, rng)
        step = self.rate / self.examples
        return {name: (1 - self.decay) * B[name] + step * found[name] for name in names}

    def feedback(self, layer: Layer, params: Tree, inputs: Shape, outputs: Shape, rng: Stream) -> Tree:
        if not of_library(layer):
            check_linear(layer, params, inputs, rng)
        return Transported.feedback(self, layer, params, inputs, outputs, rng)


def mirrored_through(layer: Layer, params: Tree, inputs: Shape, examples: int, rng: Stream) -> Tree:
    """Return xi^T z for noise xi sent through a layer, averaged over the uses of each weight."""
    linear, _ = layer.split_activation()
    xi = rng.child("noise").normal((examples, *inputs))
    _, grads = sent_through(linear, layer, params, xi)
    xp = namespace(xi)
    one = xp.ones((1, *xi.shape[1:]), dtype=xi.dtype)
    _, uses = sent_through(linear, layer, params, one, xp.ones_like)  # each use of a weight adds 1 x 1
    return {name: grads[name] / xp.maximum(uses[name], 1) for name in carriers(layer)}


def sent_through(
    linear: Layer, layer: Layer, params: Tree, x: Array, error: Callable[[Array], Array] = lambda z: z
) -> tuple[Array, Tree]:
    """Return z = x W without biases, and the gradients for an error that is a function of z."""
    names = carriers(layer)
    alone = {name: a if name in names else namespace(a).zeros_like(a) for name, a in params.items()}
    z, cache = linear.forward(alone, x)
    return z, linear.backward(alone, cache, error(z), need_dx=False)[1]


def mirrored_alone(layer: Layer, params: Tree, inputs: Any, examples: int, rng: Stream) -> Tree:
    """Return what `mirrored_through` does, for matrices used at each time step, each with its own noise."""
    first = inputs[0] if several(inputs) else inputs
    uses, made = prod(first[:-1]), {}
    for name in carriers(layer):
        W = params[name]
        xi = rng.child("noise").child(name).normal((examples * uses, W.shape[0]))
        made[name] = xi.T @ (xi @ W) / uses
    return made


def check_linear(layer: Layer, params: Tree, inputs: Shape, rng: Stream) -> None:
    """Raise `SettingError` if a user's own layer is not linear: noise would not mirror its weights."""
    names = carriers(layer)
    if layer.carried or (len(names) > 1 and all(params[name].ndim == 2 for name in names)):
        return  # each W is a matrix, and sent through alone
    if several(inputs) or len(names) > 1:
        raise SettingError(
            f"rule: wm cannot send noise through {type(layer).__name__}, which has several "
            "inputs, or several weights that are no matrices"
        )
    linear, _ = layer.split_activation()
    x = rng.child("check").normal((2, *inputs))
    once, twice = (sent_through(linear, layer, params, k * x)[0] for k in (1, 2))
    if float(namespace(x).abs(twice - 2 * once).max()) > 1e-3 * float(namespace(x).abs(twice).max()):
        raise SettingError(
            f"rule: wm sends noise through a layer's weights alone, but {type(layer).__name__} is not linear "
            "without its activation: let its split_activation() return it without, and the activation"
        )
