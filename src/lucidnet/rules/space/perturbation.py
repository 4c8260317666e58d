"""Rules without backward errors: noise is added, and its effect on the loss measured."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set
from typing import Any, ClassVar, cast

from ...backend import Array, Stream, Tree, namespace, outer_sum, scan, with_one
from ...backend.layout import Layout
from ...core.settings import finite
from ...core.trees import Path
from ...core.value import value
from ...layers import Layer, Recurrent, Run
from ...layers.base import INFERENCE, Cache, buffer_paths, nothing, zeroed
from ...layers.rebuild import INNER, Wrapper, rebuilt, unwrapped
from ...layers.recurrent.loop import RecurrentCache, through_time
from ...losses.base import scaled, shares
from ..base import Given, RuleGradient, SpaceRule, Trained
from ..feedback import merged
from ..time.online import TimeStep, back, gathered


@value
class Perturbation(SpaceRule):
    """The base of rules that estimate the gradient from the loss with and without noise.

    What is frozen gets no noise, which would only make the estimates of all else less sure; the gradient of a
    frozen layer is 0.

    Parameters
    ----------
    deviation : float
        The standard deviation sigma of the noise.
    """

    deviation: float = finite(above=0, default=1e-3)

    whole: ClassVar[bool] = True
    alone: ClassVar[bool] = False
    """Whether each example needs a loss of its own, one number that no other example changes."""

    def begin(self, net: Layer, rule: Any, params: Tree, shapes: Any, rng: Stream) -> Tree:
        return {}


@value
class WeightPerturbation(Perturbation):
    """g = (L(w + sigma xi) - L(w)) / sigma xi, with one xi for all weights, standard normal.

    (Jabri & Flower 1992, "Weight perturbation", one weight after the other; all at once in Werfel, Xie &
    Seung 2005, "Learning curves for stochastic gradient descent in linear feedforward networks".) L is the
    mean over the batch, with the same xi for all its examples.
    """

    reads: ClassVar[str] = "loss, noise"
    memory: ClassVar[str] = "a copy of the weights"
    cost: ClassVar[str] = "two forward passes"

    def gradient(self, trained: Trained, params: Tree, memory: Tree, batch: Given, run: Run) -> RuleGradient:
        made = trained.evaluate(params, batch, run)
        layout = Layout.of(without(params, set(idle(trained.net, params))))
        vector = layout.ravel(params)
        xi = noise(run.stream.of_all(), "weights", vector.shape, vector)
        others = merged(params, layout.unravel(vector + self.deviation * xi))
        moved, _, mask = unwrapped(trained.net).flow(others, batch.x, run)
        change = trained.loss.forward(moved, batch.target, batch.weights, mask, run.valid)[0] - made.loss
        found = layout.unravel(change / self.deviation * xi)
        grads = merged(nothing(without(params, buffer_paths(unwrapped(trained.net)))), found)
        return RuleGradient(made.loss, made.prediction, grads, made.cache, {}, made.mask, made.parts)


@value
class NodePerturbation(Perturbation):
    """Noise on the outputs of all layers with weights: dy_i = (L_i(y + sigma xi) - L_i(y)) / sigma xi_i.

    Each example has its own noise and its own change of the loss; each layer then takes dy as its error.
    (Werfel, Xie & Seung 2005; the loss without noise as baseline makes it the REINFORCE of Williams 1992.)
    The units of a recurrent layer have noise at each time step, in all of their state, and the state goes on
    with it; each weight takes the error of its own time step, and nothing is carried back in time. (Fiete &
    Seung 2006, "Gradient learning in spiking neural networks by dynamic perturbation of conductances", do so
    with spiking units.) Layers that mix the examples of a batch, by its statistics, are refused: the change
    of the loss is then no example's own.
    """

    alone: ClassVar[bool] = True

    reads: ClassVar[str] = "pre, post, loss, noise"
    memory: ClassVar[str] = "noise for each unit"
    cost: ClassVar[str] = "two forward passes, and the products for dW"

    def gradient(self, trained: Trained, params: Tree, memory: Tree, batch: Given, run: Run) -> RuleGradient:
        made, loss = trained.evaluate(params, batch, run), trained.loss
        noisy = perturbed(trained.net, self.deviation, set(idle(trained.net, params)))
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
            if xi is None:
                return unwrapped(layer).backward(params, inner, dy, need_dx)[0], nothing(params)
            if layer.carried:
                return apart(cast(Recurrent, unwrapped(layer)), params, inner, xi * change[:, None], need_dx)
            error = xi * change.reshape(-1, *(1,) * (xi.ndim - 1))
            return unwrapped(layer).backward(params, inner, error, need_dx)

        _, grads = noisy.route(params, noted, made.y, send, False)
        return RuleGradient(made.loss, made.prediction, grads, made.cache, {}, made.mask, made.parts)


def idle(layer: Layer, params: Tree, path: Path = (), frozen: bool = False) -> Iterator[Path]:
    """Yield the paths of a network's arrays that do not learn: what is frozen, and buffers."""
    layer = unwrapped(layer)
    frozen, inside = frozen or layer.frozen is True, dict(layer.children())
    named = (*layer.buffers, *(layer.frozen if isinstance(layer.frozen, tuple) else ()))
    for name, branch in params.items():
        if name in inside:
            yield from idle(inside[name], branch, (*path, name), frozen)
        elif frozen or name in named:
            yield (*path, name)


def without(tree: Tree, paths: Collection[Path], path: Path = ()) -> Tree:
    """Return a tree without the arrays at the given paths."""
    left = {name: branch for name, branch in tree.items() if (*path, name) not in paths}
    return {
        name: without(branch, paths, (*path, name)) if isinstance(branch, dict) else branch
        for name, branch in left.items()
    }


class Perturbed(Wrapper):
    """y = f(x) + sigma xi, where f has weights that learn; else y = f(x). In all else it is f, see `Wrapper`.

    Parameters
    ----------
    layer : Layer
        The layer f.
    deviation : float
        The standard deviation sigma of the noise.
    still : set of str
        The names of its weights that do not learn.
    """

    def __init__(self, layer: Layer, deviation: float, still: Set[str]) -> None:
        Wrapper.__init__(self, layer)
        self._deviation, self._still = deviation, still

    def forward(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Array, Cache]:
        """Return the output with noise; the cache is the layer's own, with the noise (or None)."""
        if params.keys() <= self._still:
            y, cache = self._layer.forward(params, x, run)
            return y, (cache, None)
        if self._layer.carried:
            first, cell = x[0] if isinstance(x, tuple) else x, cast(Recurrent, self._layer)
            states = len(cell.carried) * cell.units
            xi = noise(run.stream, "outputs", (*first.shape[:2], states), first)
            xi = namespace(xi).permute_dims(xi, (1, 0, 2))  # time first, as all in a recurrent layer
            y, cache = through_time(NoisyCell(cell, self._deviation, xi), params, x, run)
            return y, (cache, xi)
        y, cache = self._layer.forward(params, x, run)
        xi = zeroed(noise(run.stream, "outputs", y.shape, y), self._layer.output_mask(x, run.mask))
        return y + self._deviation * xi, (cache, xi)


class NoisyCell(Wrapper):
    """A recurrent layer with noise added to its state at each time step, state_t + sigma xi_t.

    Parameters
    ----------
    layer : Recurrent
        The layer.
    deviation : float
        The standard deviation sigma of the noise.
    xi : array (time, n, states)
        The noise.
    """

    def __init__(self, layer: Recurrent, deviation: float, xi: Array) -> None:
        Wrapper.__init__(self, layer)
        self._cell, self._deviation, self._xi = layer, deviation, xi

    def project(self, params: Tree, x: Array, run: Run) -> Array:
        """Return z = x W + b of all times, with their noise appended on the last axis."""
        z = self._cell.project(params, x, run)
        return namespace(z).concat([z, self._xi.reshape(z.shape[0], -1)], axis=-1)

    def step(self, params: Tree, z: Array, state: tuple[Array, ...]) -> tuple[tuple[Array, ...], Cache]:
        """Return the next state with noise added, and what `step_back` needs."""
        units, width = self._cell.units, self._cell.gates * self._cell.units
        made, kept = self._cell.step(params, z[:, :width], state)
        xi = self._deviation * z[:, width:]
        return tuple(s + xi[:, k * units : (k + 1) * units] for k, s in enumerate(made)), kept


def apart(
    layer: Recurrent, params: Tree, cache: RecurrentCache, errors: Array, need_dx: bool
) -> tuple[Any, Tree]:
    """Return a recurrent layer's gradients, for errors that are not carried back in time.

    Parameters
    ----------
    errors : array (time, n, states)
        An error of the whole state for each time step.
    need_dx : bool
        Whether a gradient of the inputs is returned, which is 0: layers below have noise of their own.
    """
    xp, units = namespace(errors), layer.units

    def step(carry: Any, now: tuple[Any, ...]) -> tuple[Any, None, tuple[Array, ...]]:
        kept, error, counts = now
        state = tuple(error[:, k : k + units] for k in range(0, error.shape[1], units))
        return carry, None, back(layer, params, TimeStep(None, None, kept, counts), state)[:2]

    _, _, (dz, ds) = scan(step, (), (cache.kept, errors, cache.counts))
    by_z, by_s = outer_sum(with_one(cache.x), dz), outer_sum(with_one(cache.before(layer.go_backwards)), ds)
    zeros = (
        xp.zeros_like(xp.permute_dims(cache.x, (1, 0, 2))),
        *map(xp.zeros_like, cache.first[: cache.given]),
    )
    dx = zeros if cache.given else zeros[0]
    return (dx if need_dx else None), gathered(layer, by_z, by_s)


def perturbed(net: Layer, deviation: float, still: Collection[Path]) -> Layer:
    """Return a network with noise on the output of every layer that contains no others, and learns."""

    def wrap(layer: Layer, made: Layer, path: Path) -> Any:
        if layer.children() or path[-1:] == (INNER,):
            return made
        return Perturbed(layer, deviation, {one[-1] for one in still if one[:-1] == path})

    return rebuilt(net, wrap)


def noise(stream: Stream, name: str, shape: tuple[int, ...], like: Array) -> Array:
    """Return standard normal noise for this place and step, in the dtype of an array."""
    here = stream.child("perturbation").child(name)
    return here.but(dtype=str(like.dtype)).normal(shape)
