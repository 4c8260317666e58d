"""The contract of a layer: what containers, learning rules and training steps may rely on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from ..backend import Array, Shape, Stream, Tree, namespace
from ..backend.splitmix import RowStream
from ..core.settings import UnfitError, finite, function, listed, scheduled, setting, text
from ..core.text import Brief
from ..core.trees import part_of, tree_map
from ..core.value import Value, at_step, described, of_library, value
from ..errors import SettingError, ShapeError, lookup
from ..foreign import answering, attribute, uncalled, undefined
from .blank import blank_init
from .derived import adapt, derived_backward

Cache: TypeAlias = Any
"""Whatever `backward` needs from `forward`, and nothing more."""

Send: TypeAlias = Callable[..., tuple[Array, Tree]]
"""How a learning rule crosses one edge: send(name, layer, params, cache, dy, need_dx)."""

Samples: TypeAlias = Iterator[tuple["Layer", Shape]]
"""Layers, each with the shape of one input."""

Mask: TypeAlias = Any
"""Which time steps of sequences count: (n, time) of bool, or None if all do. A layer with several inputs
has a tuple of masks, a network with several inputs or outputs a dict by name."""

SAME: Any = object()
"""Stands for the mask that a run already has."""

NO_STREAM = Stream()


@answering
class Run(Brief):
    """The context of a forward pass: training or inference, random numbers, masks, carried states.

    Parameters
    ----------
    train : bool
        True while training: dropout and noise are active.
    stream : Stream
        The random numbers of the whole network in this step.
    path : tuple of str
        The place in the network.
    mask : Mask, optional
        Which time steps of the input of this layer count; all of them if not given.
    states : tree, optional
        The states in which recurrent layers begin, by path; zeros where there are none.
    valid : array (n,) of bool, optional
        Which examples count, for layers that look across examples; all of them if not given.
    frozen : bool
        Whether a container around this layer is frozen.
    masks : dict, optional
        Where the mask of each layer's input is noted, by ``id`` of what the layer kept, for rules that send
        an error to a layer past those above it.
    """

    __slots__ = ("_path", "_root", "frozen", "mask", "masks", "states", "train", "valid")

    def __init__(
        self,
        train: bool = False,
        stream: Stream | None = None,
        path: tuple[str, ...] = (),
        mask: Mask = None,
        states: Tree | None = None,
        valid: Array | None = None,
        frozen: bool = False,
        masks: dict[int, Mask] | None = None,
    ) -> None:
        self.train, self._root, self._path = train, stream or NO_STREAM, path
        self.mask, self.states, self.valid = mask, states, valid
        self.frozen, self.masks = frozen, masks

    @property
    def stream(self) -> Stream:
        """The random stream for this place and step."""
        return self._root.but(path=self._root.path + self._path)

    def child(self, name: str, mask: Mask = SAME, frozen: bool = False) -> Run:
        """Return the run for a part of the network.

        Parameters
        ----------
        name : str
            The name of the part.
        mask : Mask, optional
            Which time steps of its input count; those of this run if not given.
        frozen : bool
            Whether the container itself is frozen.
        """
        mask = self.mask if mask is SAME else mask
        if not self.train and self.states is None and mask is self.mask:
            return self
        states = None if self.states is None else self.states.get(name)
        path, frozen = (*self._path, name), frozen or self.frozen
        return Run(self.train, self._root, path, mask, states, self.valid, frozen, self.masks)

    def child_of_frozen(self) -> Run:
        """Return this run as inside a frozen container."""
        return Run(self.train, self._root, self._path, self.mask, self.states, self.valid, True, self.masks)

    def noting(self) -> Run:
        """Return this run with a dict that collects masks."""
        return Run(
            self.train, self._root, self._path, self.mask, self.states, self.valid, self.frozen, masks={}
        )

    def of_steps(self, counts: Array | None) -> Run:
        """Return the run for a layer whose examples are time steps; `counts` tells which of them count."""
        masks: dict[int, Mask] | None = None if self.masks is None else {}
        return Run(self.train, self._root, self._path, None, None, counts, self.frozen, masks)

    def rows(self, part: slice, total: int) -> Run:
        """Return the run for some of the examples; their random numbers are those of the whole batch."""
        stream = RowStream.of(self._root, part, total)
        mask, states, valid = part_of((self.mask, self.states, self.valid), part)
        masks: dict[int, Mask] | None = None if self.masks is None else {}
        return Run(self.train, stream, self._path, mask, states, valid, self.frozen, masks)

    def note(self, cache: Cache) -> None:
        """Record the mask of the input of the layer with this cache, if masks are collected."""
        if self.masks is not None and self.mask is not None:
            self.masks[id(cache)] = self.mask


INFERENCE = Run()


def _as_rule(given: Any, owner: Any) -> Any:
    """Accept a layer's rule; a name is looked up when the model is compiled."""
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


@uncalled
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
        This layer's rate, in place of the optimizer's.
    l1, l2 : float, optional
        Penalties ``l1 * sum|W| + l2 * sum W^2`` added to the loss, for the weights named in `penalized`.
    weight_decay : float, optional
        This layer's decay, in place of the optimizer's.
    constraint : Constraint, optional
        The constraint that these weights are brought back to after each step, such as a largest norm.
    rule : str or Rule, optional
        The learning rule of this layer (and of all layers inside), in place of the model's.
    frozen : bool or tuple of str
        If true, the parameters of this layer (and of all layers inside) are not trained; with names of its
        own parameters, as in ``frozen=("b",)``, only those are not.
    """

    name: str = text(empty=True, without="/", default="")
    learning_rate: Any = scheduled(default=None, optional=True)
    l1: float | None = finite(0, default=None, optional=True)
    l2: float | None = finite(0, default=None, optional=True)
    weight_decay: Any = scheduled(default=None, optional=True)
    constraint: Callable[[Array], Array] | None = function(
        "a constraint such as MaxNorm(2.0)", 1, default=None, optional=True
    )
    rule: Any = setting("the name of a learning rule, or a Rule", _as_rule, default=None, optional=True)
    frozen: Any = setting(
        "True, False, or names of its own parameters such as ('b',)", _as_frozen, default=False
    )

    transport: ClassVar[tuple[str, ...]] = ()
    """Names of the weights that carry the error back to the layer's input."""

    penalized: ClassVar[tuple[str, ...]] = ("W",)
    """Names of the weights to which `l1`, `l2` and `constraint` apply."""

    incoming: ClassVar[Mapping[str, Shape]] = {}
    """The axes of an array along which a unit's incoming weights lie, if these are not all but the last.

    Such as ``{"W": (0, 1)}`` for a depthwise convolution. Constraints on a unit's weights use it."""

    differentiable: ClassVar[bool] = True
    """Whether the input has a gradient; whole numbers have none, so `backward` returns None for it."""

    buffers: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays changed by `absorb` and not by gradients (running statistics); they come last."""

    schedulable: ClassVar[tuple[str, ...]] = ()
    """Names of settings, besides rate and decay, that may be schedules: numbers, or functions of the step."""

    tied_to: ClassVar[str] = ""
    """The name of the sibling layer whose weights this one uses; empty if it has its own."""

    ties: ClassVar[Mapping[str, str]] = {}
    """Which inner layers take weights from which, by name; a `Sequential` or `Graph` may have some."""

    penalizes: ClassVar[bool] = False
    """Whether this layer, or one inside, adds to the loss other than by weight penalties; see `penalties`."""

    random: ClassVar[bool] = False
    """Whether a training pass draws random numbers, as dropout does, and so differs from inference."""

    asks: ClassVar[bool] = True
    """Whether `forward` asks its run for more than the mask; else a container need not make one for it."""

    splits_examples: ClassVar[bool] = False
    """Whether the layers inside see something else as examples: the time steps of each example."""

    carried: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays that a recurrent layer carries from one time step to the next; none for others."""

    def __post_init__(self) -> None:
        super().__post_init__()
        kind: Any = type(self)
        declared = kind.__dataclass_fields__.get("bias_initializer")
        if declared is None or getattr(self, "use_bias", True):
            return
        if self.bias_initializer != declared.default:  # type: ignore[attr-defined]
            raise SettingError(f"{kind.__name__}: bias_initializer has no effect with use_bias=False")

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if callable(vars(cls).get("mask")):
            raise SettingError(
                f"{cls.__name__}: mask(x) has become output_mask(x, mask): it is given the mask of its input "
                "(or None), too, and may stand anywhere in a network"
            )
        if not of_library(cls):
            from .own import check

            check(cls, Layer)
            adapt(cls, Layer)
            cls.asks = True

    if not TYPE_CHECKING:  # so that checkers see wrong names

        def __getattr__(self, name: str) -> Any:
            ours = attribute(type(self), name)
            hint = f": here it is {ours}" if ours else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    @property
    def derived(self) -> bool:
        """Whether the gradient is derived by JAX, as the layer has a `forward` but no `backward`."""
        kind = type(self)
        own = kind.forward is not Layer.forward and kind.route is Layer.route and not self.children()
        return own and kind.backward is Layer.backward

    @property
    def independent(self) -> bool:
        """Whether padding examples that do not count (`Run.valid`) leave all other examples unaffected.

        True for all layers here; for one of your own only if it says so. Then a batch may also be divided
        among threads (`Model(backend="numpy", mesh=2)`), unless the layer has `buffers`.
        """
        return of_library(self)

    def setting_at(self, name: str, step: int) -> float:
        """Return the value of a setting at a step (0, 1, ...); the setting may be a schedule."""
        return at_step(getattr(self, name), step)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        """Return fresh parameters and the shape of one output, for inputs of the given shape."""
        if type(self).output_shape is Layer.output_shape:
            return {}, one_input(self, shape)
        return {}, self.output_shape(shape)

    def output_shape(self, shape: Any) -> Any:
        """Return the shape of one output, for inputs of the given shape, without arrays.

        Shapes are without the batch axis. A size that may vary from batch to batch, such as the number of
        time steps, is None. Several inputs are a tuple of shapes, or a dict by name.

        A layer of your own need not define this. If it defines `init`, that is called, with random numbers
        that take no memory (`BlankStream`); if it defines neither, the shape stays unchanged.

        Raises
        ------
        ShapeError
            If the layer does not take such inputs.
        """
        if type(self).init is Layer.init or type(self).output_shape is not Layer.output_shape:
            return one_input(self, shape)
        return blank_init(self, shape)[1]

    def inner_shapes(self, shape: Any) -> dict[str, Any]:
        """Return the input shape of each direct child, by name; {} for a leaf."""
        if self.children():
            raise NotImplementedError(f"{type(self).__name__} must define inner_shapes(shape)")
        return {}

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        """Return the output for a batch of inputs, and the cache for `backward`. Pure."""
        raise undefined(self, "forward(params, x, run)")

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        """Return the gradients by the input (None if not needed) and by the parameters.

        Pure: it may be called again on the same cache, and changes none of its arguments.

        A layer of your own may leave it out. With JAX installed the gradient is then derived from its
        `forward`, which has to take its functions from the array: ``xp = x.__array_namespace__()``,
        ``xp.tanh(x)``.
        """
        return derived_backward(self, params, cache, dy, need_dx)

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        """As `backward`, but with `send` on each inner edge. Containers override this, leaves never do."""
        return self.backward(params, cache, dy, need_dx)

    def route_by(self, time: Any, feedback: Tree, learned: Tree) -> Callable[..., tuple[Array, Tree]]:
        """Return the function like `route` by which a rule through time passes this layer.

        Only recurrent layers differ from `route`; they put what the rule makes of its own weights,
        ``feedback["time"]``, into `learned`.
        """
        return self.route

    def absorb(self, params: Tree, cache: Cache) -> Tree:
        """Return the parameters with their buffers updated after a forward pass in training."""
        return params

    def states(self, cache: Cache) -> Tree:
        """Return the final states of the recurrent layers, by path, in the form that `Run` takes."""
        return {}

    @property
    def makes_masks(self) -> bool:
        """Whether this layer, or one inside, can create a mask."""
        return type(self).output_mask is not Layer.output_mask and not of_library(self)

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        """Return which time steps of the output count, for an input (n, time, ...) and its mask.

        By default the mask is kept if the number of time steps is. A layer that changes that number, or that
        removes the time axis, returns the mask of its output, or None if that has no time axis.

        Parameters
        ----------
        x : array (n, time, ...), or a tuple of several
            The input.
        mask : array (n, time) of bool, or None
            Which time steps of it count; None if all do. A tuple where the input is one.

        Raises
        ------
        ShapeError
            If this layer cannot know how time steps map to its output.
        """
        if mask is None:
            return None
        if not isinstance(x, (tuple, dict)):
            shape = self.output_shape(tuple(x.shape[1:]))
            if not several(shape) and len(shape) > 1 and shape[0] == x.shape[1]:
                return mask
        own = "" if of_library(self) else "; a layer of your own says it by output_mask(x, mask)"
        if getattr(x, "ndim", 0) == 2:
            own = f": inputs of shape {tuple(x.shape)} have none, as sequences (n, time, ...) do{own}"
        raise ShapeError(
            f"{self.name or 'here'}, {self.describe()}: its input has a mask of time steps, and what becomes "
            f"of them here cannot be known{own}"
        )

    def flow(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache, Mask]:
        """Return the result of `forward`, and the mask of the output.

        Containers override this: a mask may arise at any layer inside, and travels with its sequence.
        """
        mask = self.output_mask(x, run.mask)
        return *self.forward(params, x, run), mask

    def takes(self) -> Any:
        """Return the shape of one input if the layer knows it by itself; else None."""
        return None

    def children(self) -> tuple[tuple[str, Layer], ...]:
        """Return the layers inside this one, by name, in order; none for a leaf."""
        return ()

    def split_activation(self) -> tuple[Layer, Layer | None]:
        """Split off the final activation: return the layer without it, and the activation or None."""
        return self, None

    @classmethod
    def samples(cls) -> Samples:
        """Yield sample layers of this class for tests, each with an input shape; none for base classes.

        The default is a layer without arguments, on inputs of 5 numbers.
        """
        if cls.forward is not Layer.forward:
            yield cls(), (5,)

    def describe(self) -> str:
        """Return the layer as messages show it: its class and settings, without its name."""
        return described(replace(self, name=""))


def backprop(
    name: str, layer: Layer, params: Tree, cache: Cache, dy: Array, need_dx: bool = True
) -> tuple[Array, Tree]:
    """Cross one edge by the chain rule: the rule `send` of plain backpropagation."""
    return layer.route(params, cache, dy, backprop, need_dx)


def trains(layer: Layer, params: Tree) -> bool:
    """Tell whether a layer, or one inside, has weights to be trained, and so needs gradients.

    Examples
    --------
    >>> from lucidnet.layers import Dense
    >>> trains(Dense(1), {"W": 1.0}), trains(Dense(1, frozen=True), {"W": 1.0})
    (True, False)
    """
    if not params or layer.frozen is True:
        return False
    if not (children := layer.children()):
        return True
    inside = dict(children)
    return any(name not in inside or trains(inside[name], branch) for name, branch in params.items())


def nothing(params: Tree) -> Tree:
    """Return zero gradients, for weights whose gradients are not needed."""
    return tree_map(lambda array: namespace(array).zeros_like(array), params)


def several(shape: Any) -> bool:
    """Tell whether a shape stands for several inputs: a tuple of shapes, or a dict of them by name."""
    return isinstance(shape, dict) or (len(shape) > 0 and isinstance(shape[0], tuple))


def one_input(layer: Layer, shape: Any) -> Shape:
    """Return the shape of a layer's only input; raise if there are several."""
    if several(shape):
        own = "" if of_library(layer) else "; a layer that takes them defines output_shape(shape)"
        raise ShapeError(f"{type(layer).__name__} takes one input, got several, of shapes {shape}{own}")
    return shape  # type: ignore[no-any-return]


def features(layer: Layer, shape: Any) -> int:
    """Return the number of features of a layer's only input; raise if it can vary."""
    if not one_input(layer, shape) or shape[-1] is None:
        raise ShapeError(
            f"{type(layer).__name__} takes inputs (..., features) of a known number of features, got {shape}"
        )
    return shape[-1]  # type: ignore[no-any-return]


def both_count(masks: Iterable[Mask]) -> Mask:
    """Return which time steps count in all of several sequences; None if all do."""
    present = [mask for mask in masks if mask is not None]
    return reduce(and_, present) if present else None


def zeroed(x: Array, mask: Mask) -> Array:
    """Return sequences (n, time, ...) with zeros where time steps do not count."""
    if mask is None:
        return x
    xp = namespace(x)
    return xp.where(
        xp.asarray(mask).reshape(*mask.shape, *(1,) * (x.ndim - 2)), x, xp.asarray(0, dtype=x.dtype)
    )


def counting(dimensions: int, mask: Mask, valid: Array | None) -> Array | None:
    """Return which entries count, (n, 1, ...) or (n, time, 1, ...), by mask and `valid`; None if all do.

    Those are the entries of valid examples, at the time steps that the mask lets through, if there are any.
    """
    if mask is not None and valid is not None:
        mask = mask & valid.reshape(-1, *(1,) * (mask.ndim - 1))
    counts = valid if mask is None else mask
    return None if counts is None else counts.reshape(*counts.shape, *(1,) * (dimensions - counts.ndim))


def present(mask: Mask, y: Any, seen: Iterable[Mask]) -> Mask:
    """Return an output's mask; without a time axis, which examples have a sequence that is not empty.

    Parameters
    ----------
    mask : Mask
        That of the output, None where it has no time.
    y : array (n, ...), or several by name
        The output.
    seen : iterable of Mask
        Those of the inputs of all layers.
    """
    if mask is not None and not isinstance(y, dict):
        return mask
    several = [one for each in seen for one in (each if isinstance(each, tuple) else (each,))]
    there = [one.any(1) for one in several if one is not None and not isinstance(one, dict)]
    examples = reduce(or_, there) if there else None
    if not isinstance(y, dict):
        return examples
    return {name: examples if (own := (mask or {}).get(name)) is None else own for name in y}


def walk(layer: Layer, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Layer]]:
    """Yield all layers of a network with their paths, in order, containers before their children."""
    yield path, layer
    for name, child in layer.children():
        yield from walk(child, (*path, name))


def derived_kinds(net: Layer) -> tuple[str, ...]:
    """Return the names of the classes in a network (with activations) whose gradients JAX derives."""
    layers = (inner for _, layer in walk(net) for inner in (layer, getattr(layer, "activation", None)))
    return tuple({type(layer).__name__: 0 for layer in layers if isinstance(layer, Layer) and layer.derived})


def buffer_paths(layer: Layer) -> frozenset[tuple[str, ...]]:
    """Return the paths of all buffers: arrays that are not changed by gradients."""
    return frozenset((*path, name) for path, inner in walk(layer) for name in inner.buffers)


def check_frozen(layer: Layer, params: Tree) -> None:
    """Raise if `frozen` names parameters that a layer does not have, or that are never trained."""
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
