"""The contract of a layer: what a container, a learning rule and a training step may rely on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ..backend import Array, Shape, Stream, Tree
from ..core.settings import UnfitError, finite, function, listed, scheduled, setting, text
from ..core.value import Value, of_library, value
from ..errors import SettingError, ShapeError, lookup
from .blank import blank_init

Cache: TypeAlias = Any
"""Whatever `backward` needs from `forward`, and nothing more."""

Send: TypeAlias = Callable[..., tuple[Array, Tree]]
"""How a learning rule crosses one edge: send(name, layer, params, cache, dy, need_dx)."""


NO_STREAM = Stream()


class Run:
    """What a forward pass is told besides its input: training or inference, random numbers, time.

    Parameters
    ----------
    train : bool
        True while training: dropout and noise are active.
    stream : Stream
        The random numbers of the whole network in this step.
    path : tuple of str
        The place in the network.
    mask : array (n, time) of bool, optional
        Which time steps of each sequence count; all of them if not given.
    states : tree, optional
        The states in which recurrent layers begin, by path; zeros where there are none.
    valid : array (n,) of bool, optional
        Which examples count, for layers that look across examples; all of them if not given.
    """

    __slots__ = ("_path", "_root", "mask", "states", "train", "valid")

    def __init__(
        self,
        train: bool = False,
        stream: Stream | None = None,
        path: tuple[str, ...] = (),
        mask: Array | None = None,
        states: Tree | None = None,
        valid: Array | None = None,
    ) -> None:
        self.train, self._root, self._path = train, stream or NO_STREAM, path
        self.mask, self.states, self.valid = mask, states, valid

    @property
    def stream(self) -> Stream:
        """The random numbers for this place and step."""
        return self._root.but(path=self._root.path + self._path)

    def child(self, name: str) -> Run:
        """Return the run of a part of the network."""
        if not self.train and self.states is None:
            return self
        states = None if self.states is None else self.states.get(name)
        return Run(self.train, self._root, (*self._path, name), self.mask, states, self.valid)


INFERENCE = Run()


def _as_rule(given: Any, owner: Any) -> Any:
    """Return a layer's rule as it was given: its name is looked up when the model is compiled."""
    known = isinstance(given, Value) and (hasattr(given, "couples_examples") or hasattr(given, "space"))
    if not known and not (isinstance(given, str) and given):
        raise UnfitError
    return given


def _as_frozen(given: Any, owner: Any) -> bool | tuple[str, ...]:
    if isinstance(given, (bool, np.bool_)):
        return bool(given)
    names = listed(given)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise UnfitError
    return names


@value(kw_only=True)
class Layer(Value):
    """A value whose pure functions compute one step of a network, and its gradient.

    A layer holds settings only. Its arrays live in `params`, a dict by name, which every function
    is given. A subclass is a frozen dataclass with `init`, `forward` and `backward`; it inherits
    the settings below and is never subclassed again.

    Parameters
    ----------
    name : str, optional
        The name of the layer in its container; made from class and position if not given.
    learning_rate : float, optional
        Rate of this layer, in place of the optimizer's.
    l1, l2 : float, optional
        Penalties ``l1 * sum|W| + l2 * sum W^2`` added to the loss, for the weights named in `penalized`.
    weight_decay : float, optional
        Decay of this layer, in place of the optimizer's.
    constraint : Constraint, optional
        What these weights are brought back to after each step, such as a largest norm.
    rule : str or Rule, optional
        The learning rule of this layer (and of all layers inside), in place of the model's.
    frozen : bool or tuple of str
        If true, the parameters of this layer (and of all layers inside) are not trained; with names of
        its own parameters, as ``frozen=("b",)``, these are not.
    """

    name: str = text(empty=True, without="/", default="")
    learning_rate: Any = scheduled(default=None, optional=True)
    l1: float | None = finite(0, default=None, optional=True)
    l2: float | None = finite(0, default=None, optional=True)
    weight_decay: Any = scheduled(default=None, optional=True)
    constraint: Callable[[Array], Array] | None = function(
        "a constraint such as MaxNorm(2.0)", default=None, optional=True
    )
    rule: Any = setting("the name of a learning rule, or a Rule", _as_rule, default=None, optional=True)
    frozen: Any = setting(
        "True, False, or names of its own parameters such as ('b',)", _as_frozen, default=False
    )

    transport: ClassVar[tuple[str, ...]] = ()
    """Names of the weights that carry the error back to the layer's input."""

    penalized: ClassVar[tuple[str, ...]] = ("W",)
    """Names of the weights to which `l1`, `l2` and `constraint` apply."""

    differentiable: ClassVar[bool] = True
    """Whether the input has a gradient; whole numbers have none, and `backward` returns None for it."""

    buffers: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays that no gradient changes, but `absorb`: running statistics. They come last."""

    schedulable: ClassVar[tuple[str, ...]] = ()
    """Names of settings, besides rate and decay, that may be schedules: numbers, or functions of the step."""

    carried: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays that a recurrent layer carries from one time step to the next; none for others."""

    @property
    def independent(self) -> bool:
        """Whether examples may be added that do not count (`Run.valid`): no other example sees them.

        True of all layers here; of one of your own only if it says so.
        """
        return of_library(self)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        """Return fresh parameters and the shape of one output, for inputs of the given shape."""
        if type(self).output_shape is Layer.output_shape:
            return {}, one_input(self, shape)
        return {}, self.output_shape(shape)

    def output_shape(self, shape: Any) -> Any:
        """Return the shape of one output, for inputs of the given shape, without arrays.

        Shapes are without the batch axis. A size that may vary from batch to batch, as the number of time
        steps, is None. Several inputs are a tuple of shapes, or a dict by name.

        A layer of your own need not define this. If it defines `init`, that is asked, with random numbers
        that take no memory (`BlankStream`); if it defines neither, the shape stays as it is.

        Raises
        ------
        ShapeError
            If the layer does not take such inputs.
        """
        if type(self).init is Layer.init or type(self).output_shape is not Layer.output_shape:
            return one_input(self, shape)
        return blank_init(self, shape)[1]

    def inner_shapes(self, shape: Any) -> dict[str, Any]:
        """Return the shape of one input of each layer directly inside, by name; none for a leaf."""
        if self.children():
            raise NotImplementedError(f"{type(self).__name__} must define inner_shapes(shape)")
        return {}

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        """Return the output for a batch of inputs, and what `backward` needs. Pure."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(params, x, run)")

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        """Return the gradients of the input (None if not needed) and of the parameters.

        Pure: it may be called again on the same cache, and changes nothing that it was given.
        """
        raise NotImplementedError(f"{type(self).__name__} must define backward(params, cache, dy, need_dx)")

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        """As `backward`, every inner edge crossed by `send`. Containers override this, leaves never do."""
        return self.backward(params, cache, dy, need_dx)

    def route_by(self, time: Any, feedback: Tree, learned: Tree) -> Callable[..., tuple[Array, Tree]]:
        """Return how a rule through time passes this layer: a function like `route`.

        Only recurrent layers have more to say than `route`; what the rule makes of its own weights,
        ``feedback["time"]``, they put into `learned`.
        """
        return self.route

    def absorb(self, params: Tree, cache: Cache) -> Tree:
        """Return the parameters with buffers moved on by what a forward pass in training saw."""
        return params

    def states(self, cache: Cache) -> Tree:
        """Return the states in which the recurrent layers ended, by path, as `Run` takes them."""
        return {}

    def mask(self, x: Array) -> Array | None:
        """Return which time steps of an input (n, time, ...) count, if this layer can tell."""
        return None

    def takes(self) -> Any:
        """Return the shape of one input, if this layer knows it without being told."""
        return None

    def children(self) -> tuple[tuple[str, Layer], ...]:
        """Return the layers inside this one, by name, in order; none for a leaf."""
        return ()

    def split_activation(self) -> tuple[Layer, Layer | None]:
        """Return this layer without its final activation, and that activation (or None); for losses."""
        return self, None

    def describe(self) -> str:
        """Return the layer as it is written in messages: class and own settings, without its name."""
        return Value.__repr__(replace(self, name=""))


def backprop(
    name: str, layer: Layer, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
) -> tuple[Array, Tree]:
    """Cross one edge by the chain rule: the rule `send` of plain backpropagation."""
    return layer.route(params, cache, dy, backprop, need_dx)


def several(shape: Any) -> bool:
    """Tell whether a shape is that of several inputs: a tuple of shapes, or a dict of them by name."""
    return isinstance(shape, dict) or (len(shape) > 0 and isinstance(shape[0], tuple))


def one_input(layer: Layer, shape: Any) -> Shape:
    """Return the shape of a layer's only input, or raise if there are several."""
    if several(shape):
        own = "" if of_library(layer) else "; a layer that takes them defines output_shape(shape)"
        raise ShapeError(f"{type(layer).__name__} takes one input, got several, of shapes {shape}{own}")
    return shape  # type: ignore[no-any-return]


def features(layer: Layer, shape: Any) -> int:
    """Return the number of features of a layer's only input: its last size, which may not vary."""
    if not one_input(layer, shape) or shape[-1] is None:
        raise ShapeError(
            f"{type(layer).__name__} takes inputs (..., features) of a known number of features, got {shape}"
        )
    return shape[-1]  # type: ignore[no-any-return]


def masked(net: Layer, x: Array, run: Run) -> Run:
    """Return a run that knows which time steps of x count, if none was given and the network can tell."""
    if run.mask is None and (mask := net.mask(x)) is not None:
        run = copy.copy(run)
        run.mask = mask
    return run


def counting(dimensions: int, mask: Array | None, valid: Array | None) -> Array | None:
    """Return which values of so many axes count, (n, 1, ...) or (n, time, 1, ...); None if all do.

    Those of the examples that are valid, and of the time steps that a mask has, if there are any.
    """
    if mask is not None and dimensions < 2:
        mask = None
    if mask is not None and valid is not None:
        mask = mask & valid[:, None]
    counts = valid if mask is None else mask
    return None if counts is None else counts.reshape(*counts.shape, *(1,) * (dimensions - counts.ndim))


def walk(layer: Layer, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Layer]]:
    """Yield all layers of a network with their paths, from the outside in, in order."""
    yield path, layer
    for name, child in layer.children():
        yield from walk(child, (*path, name))


def buffer_paths(layer: Layer) -> frozenset[tuple[str, ...]]:
    """Return the paths of all arrays that no gradient changes."""
    return frozenset((*path, name) for path, inner in walk(layer) for name in inner.buffers)


def check_frozen(layer: Layer, params: Tree) -> None:
    """Raise if a layer is to keep parameters that it does not have, or that are not trained anyway."""
    if not isinstance(layer.frozen, tuple):
        return
    if layer.children():
        raise SettingError(
            f"{type(layer).__name__}: frozen={layer.frozen!r}: a container has no parameters of its own; "
            "name those of a layer inside there, or freeze all with frozen=True"
        )
    for name in layer.frozen:
        kind = f"parameter of {layer.describe()} for frozen"
        lookup(kind, name, {known: None for known in params if known not in layer.buffers})
