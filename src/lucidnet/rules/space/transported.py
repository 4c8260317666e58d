"""Rules by which other weights carry the error: B in place of W, in dx = dz W^T."""

from __future__ import annotations

from typing import Any, ClassVar

from ... import initializers
from ...backend import Array, Shape, Stream, Tree, namespace
from ...core.settings import between, finite, named, whole
from ...core.value import value
from ...layers import Layer
from ...layers.activations import scale
from ...layers.base import Send
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
    """The base of rules that replace the weights which carry the error, and nothing else.

    Parameters
    ----------
    initializer : str or Initializer, optional
        How B begins; if not given, as the weights do that it stands for, or by Glorot's uniform
        distribution where these begin as constants.
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
        """Return fresh weights of the shape of W."""
        given = self.initializer or getattr(layer, "initializer", initializers.VarianceScaling())
        if self.initializer is None and isinstance(given, initializers.Constant):
            given = initializers.VarianceScaling()  # with zeros no error would ever arrive
        stream = rng.but(seed=self.seed)
        return given.before(scale(getattr(layer, "activation", None)))(stream, W.shape)

    def carried_by(self, W: Array, B: Array) -> Array:
        """Return the weights that carry the error."""
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
    learning", equation 2 there: B is ours transposed.)
    """

    reads: ClassVar[str] = "pre, post, errors above"


@value
class UniformSign(Transported):
    """uSF: the signs of the weights, all of one size, carry the error: dx = dz (s sign W)^T.

    s is the root mean square of B, the weights that would have been drawn. (Liao, Leibo & Poggio 2016,
    "How important is weight symmetry in backpropagation?", section 3; named by Moskovitz et al. 2018.)
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

    (Liao et al. 2016; Moskovitz, Litwin-Kumar & Abbott 2018, "Feedback alignment in deep convolutional
    networks", section 3.)
    """

    reads: ClassVar[str] = "pre, post, errors above, weights above"

    def carried_by(self, W: Array, B: Array) -> Array:
        xp = namespace(W)
        return xp.abs(B) * xp.sign(W)


@value
class BatchSign(FixedSign):
    """brSF: as `FixedSign`, the sizes |B| drawn anew for each batch (Liao et al. 2016, section 3)."""

    phase: ClassVar[bool] = True

    def learn(self, layer: Layer, params: Tree, inputs: Shape, B: Tree, rng: Stream) -> Tree:
        return self.feedback(layer, params, inputs, (), rng)


@value
class KolenPollack(Transported):
    """B learns by the same changes as W, and with weight decay comes to equal it.

    Both take the same gradient and the same decay::

        W <- W - rate (g + decay W)        B <- B - rate (g + decay B)

    so that W_t - B_t = (1 - rate decay)^t (W_0 - B_0). (Kolen & Pollack 1994; Akrout et al. 2019, "Deep
    learning without weight transport", equations 15 and 16.) The decay is the optimizer's
    ``weight_decay``.
    """

    reads: ClassVar[str] = "pre, post, errors above"
    memory: ClassVar[str] = "a B for each W, and the optimizer's memory of it"
    cost: ClassVar[str] = "a backward pass, and a step of the optimizer for B"

    def taught(self, layer: Layer, B: Tree, grads: Tree) -> Tree | None:
        return {name: grads[name] for name in carriers(layer) if name in B}


@value
class WeightMirror(Transported):
    """B learns W between steps, by noise that is sent through the layer alone.

    With inputs xi of noise and z = xi W what the layer makes of them, averaged over the examples::

        B <- (1 - decay) B + rate / sigma^2 xi^T z        E[xi^T xi] = sigma^2

    so that B grows along W. (Akrout et al. 2019, algorithm 1 and equation 8.)

    Parameters
    ----------
    rate : float
        The step of B.
    decay : float
        What B forgets at each step; with decay = rate it tends to W.
    examples : int
        How many examples of noise each step takes.
    """

    rate: float = finite(0, default=0.05)
    decay: float = between(0, 1, default=0.05)
    examples: int = whole(1, default=32)

    reads: ClassVar[str] = "pre, post, errors above"
    memory: ClassVar[str] = "a B for each W"
    cost: ClassVar[str] = "a backward pass, and one of noise through each layer"

    phase: ClassVar[bool] = True

    def learn(self, layer: Layer, params: Tree, inputs: Shape, B: Tree, rng: Stream) -> Tree:
        linear, _ = layer.split_activation()
        xi = rng.child("noise").normal((self.examples, *inputs))
        B = {name: B[name] for name in carriers(layer)}
        biases = {name: a if name in B else namespace(a).zeros_like(a) for name, a in params.items()}
        z, cache = linear.forward(biases, xi)
        _, grads = linear.backward(biases, cache, z, need_dx=False)  # xi^T z, as if z were the error
        step = self.rate / self.examples
        return {name: (1 - self.decay) * b + step * grads[name] for name, b in B.items()}
