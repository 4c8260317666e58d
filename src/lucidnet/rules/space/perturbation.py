"""Rules without any error that travels: noise, and what it does to the loss."""

from __future__ import annotations

from typing import Any, ClassVar

from ...backend import Array, Stream, Tree
from ...backend.layout import Layout
from ...core.settings import finite
from ...core.trees import Path
from ...core.value import value
from ...layers import Layer, Run
from ...layers.base import INFERENCE, Cache, zeroed
from ...layers.rebuild import INNER, Wrapper, rebuilt, unwrapped
from ...losses.base import scaled, shares
from ..base import Given, RuleGradient, SpaceRule, Trained


@value
class Perturbation(SpaceRule):
    """The base of rules that estimate the gradient by the loss with and without noise.

    Parameters
    ----------
    deviation : float
        The standard deviation sigma of the noise.
    """

    deviation: float = finite(above=0, default=1e-3)

    whole: ClassVar[bool] = True

    def begin(self, net: Layer, rule: Any, params: Tree, shapes: Any, rng: Stream) -> Tree:
        return {}


@value
class WeightPerturbation(Perturbation):
    """g = (L(w + sigma xi) - L(w)) / sigma xi, with one xi for all weights, standard normal.

    (Jabri & Flower 1992; in the form of Werfel, Xie & Seung 2005, "Learning curves for stochastic gradient
    descent in linear feedforward networks", section 2.3.)
    """

    reads: ClassVar[str] = "loss, noise"
    memory: ClassVar[str] = "a copy of the weights"
    cost: ClassVar[str] = "two forward passes"

    def gradient(self, trained: Trained, params: Tree, memory: Tree, batch: Given, run: Run) -> RuleGradient:
        made = trained.evaluate(params, batch, run)
        layout = Layout.of(params)
        vector = layout.ravel(params)
        xi = noise(run, "weights", vector.shape, vector)
        moved, _, mask = unwrapped(trained.net).flow(
            layout.unravel(vector + self.deviation * xi), batch.x, run
        )
        change = trained.loss.forward(moved, batch.target, batch.weights, mask, run.valid)[0] - made.loss
        grads = layout.unravel(change / self.deviation * xi)
        return RuleGradient(made.loss, made.prediction, grads, made.cache, {}, made.mask, made.parts)


@value
class NodePerturbation(Perturbation):
    """Noise on the outputs of all layers with weights: dy_i = (L_i(y + sigma xi) - L_i(y)) / sigma xi_i.

    Each example has its own noise and its own change of the loss; each layer then takes dy as its error.
    (Williams 1992; Werfel, Xie & Seung 2005, section 2.2.)
    """

    reads: ClassVar[str] = "pre, post, loss, noise"
    memory: ClassVar[str] = "noise for each unit"
    cost: ClassVar[str] = "two forward passes, and the products for dW"

    def gradient(self, trained: Trained, params: Tree, memory: Tree, batch: Given, run: Run) -> RuleGradient:
        made, loss = trained.evaluate(params, batch, run), trained.loss
        noisy = perturbed(trained.net, self.deviation)
        moved, noted = noisy.forward(params, batch.x, run)
        change = loss.values(moved, batch.target)[0] - loss.values(made.y, batch.target)[0]
        share = shares(change, batch.weights, made.mask, run.valid)
        change = change / change.size if share is None else scaled(change, share)
        change = change.reshape(change.shape[0], -1).sum(-1) / self.deviation

        def send(
            name: str, layer: Layer, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
        ) -> tuple[Array, Tree]:
            if not isinstance(layer, Perturbed):
                return layer.route(params, cache, dy, send, need_dx)
            inner, xi = cache
            error = dy if xi is None else xi * change.reshape(-1, *(1,) * (xi.ndim - 1))
            return unwrapped(layer).backward(params, inner, error, need_dx)

        _, grads = noisy.route(params, noted, made.y, send, False)
        return RuleGradient(made.loss, made.prediction, grads, made.cache, {}, made.mask, made.parts)


class Perturbed(Wrapper):
    """y = f(x) + sigma xi, where f has weights; y = f(x) where it has none. Else it is f, see `Wrapper`.

    Parameters
    ----------
    layer : Layer
        The layer f.
    deviation : float
        The standard deviation sigma of the noise.
    """

    def __init__(self, layer: Layer, deviation: float) -> None:
        Wrapper.__init__(self, layer)
        self._deviation = deviation

    def forward(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Array, Cache]:
        """Return the output with noise, and beside what the layer keeps the noise (or None)."""
        y, cache = self._layer.forward(params, x, run)
        if not params:
            return y, (cache, None)
        xi = zeroed(noise(run, "outputs", y.shape, y), self._layer.output_mask(x, run.mask))
        return y + self._deviation * xi, (cache, xi)


def perturbed(net: Layer, deviation: float) -> Layer:
    """Return a network with noise at the outputs of all layers that hold no others."""

    def wrap(layer: Layer, made: Layer, path: Path) -> Any:
        return made if layer.children() or path[-1:] == (INNER,) else Perturbed(layer, deviation)

    return rebuilt(net, wrap)


def noise(run: Run, name: str, shape: tuple[int, ...], like: Array) -> Array:
    """Return standard normal numbers of this place and step, in the dtype of an array."""
    here = run.stream.child("perturbation").child(name)
    return here.but(dtype=str(like.dtype)).normal(shape)
