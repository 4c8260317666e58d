"""The contract of an optimizer."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache, wraps
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias

import numpy as np

from ..backend import Array, Parts, Shape, Tree, namespace, write_difference
from ..backend.layout import Layout
from ..backend.results import followed, returned
from ..core.own import check_methods, written
from ..core.settings import finite, instance, scheduled, shown, taken
from ..core.value import Value, at_step, is_declared, of_library, value
from ..errors import MeaningWarning, SettingError, outside
from ..foreign import answering, undefined
from .clip import Clip

Slots: TypeAlias = dict[str, Array]
"""An optimizer's memory: for each of its slots, one vector as long as the parameters."""

Setting: TypeAlias = float | Callable[[int], float]
"""A number, or a schedule: a function from the step's number (0, 1, ...) to a number (`schedules`)."""

Bounds: TypeAlias = dict[str, float | None]
"""Names of settings, and the bound that each must stay below."""

PIECE = 131_072
"""The piece size, so that a piece's parameters, gradient and slots stay in a core's cache."""
FLAT = (-1,)
"""The shape of a stretch of the vector, of whatever length."""


class Group(NamedTuple):
    """A stretch of the parameter vector with its own settings; None stands for the optimizer's."""

    start: int
    stop: int
    learning_rate: Setting | None = None
    weight_decay: Setting | None = None


class ArraySlice(NamedTuple):
    """Where an array lies in the parameter vector, and its shape."""

    part: slice
    shape: Shape = FLAT


class OldSlots(dict[str, Array]):
    """The slots of a stretch before a step; `new` holds arrays that the new slots may be written to."""

    __slots__ = ("new",)
    new: Slots


@answering
@value
class Optimizer(Value):
    """A pure pair: ``state = init(params)`` and ``params, state = update(grads, state, params)``.

    A subclass names its `slots` and writes `descend` for one array; everything else is here, once: trees of
    any form, pieces that fit the cache, weight decay, clipping, schedules and settings per layer. `descend`
    finds numbers where schedules were given.

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    weight_decay : float or schedule
        ``weight_decay * p`` is added to the gradient of each parameter p, as in PyTorch. (AdamW
        shrinks the parameters instead.)
    clip : Clip, optional
        The limit on large gradients: `ClipValue`, `ClipNorm` or `ClipGlobalNorm`.
    """

    learning_rate: Setting = scheduled(default=0.01)
    weight_decay: Any = scheduled(default=0.0, kw_only=True)
    clip: Clip | None = instance(
        Clip, "a Clip such as ClipNorm(1.0)", default=None, optional=True, kw_only=True
    )

    slots: ClassVar[tuple[str, ...]] = ()
    full_batch: ClassVar[bool] = False
    """Whether a step needs the loss of all data, at several points."""
    decoupled: ClassVar[bool] = False
    """Whether weight decay shrinks the parameters directly, apart from the gradient."""

    renews: ClassVar[bool] = False
    """Whether `descend` leaves slots that are `OldSlots` unchanged, and writes to `OldSlots.new`."""

    whole: ClassVar[bool] = False
    """Whether `descend` needs whole arrays in their shapes, not pieces of them."""

    schedulable: ClassVar[Bounds] = {"weight_decay": None}
    """The settings besides the rate that may be schedules, with the bounds they must stay below."""

    constants: ClassVar[tuple[str, ...]] = ()
    """The settings that are numbers of at least 0, but cannot be schedules."""

    hosted: ClassVar[tuple[str, ...]] = ()
    """The settings that only `rate` reads."""

    counted: ClassVar[tuple[str, ...]] = ()
    """Methods from a step to a number that a compiled program cannot contain, so it is given the numbers."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if not of_library(cls) and (descend := written(cls, "descend", Optimizer)) is not None:
            check_methods(cls, Optimizer)
            cls.descend = _checked(descend)  # type: ignore[method-assign]
            cls.renews = False

    def __post_init__(self) -> None:
        super().__post_init__()
        # Settings that a subclass names below without declaring their check.
        for name, below in (self.schedulable | dict.fromkeys(self.constants)).items():
            if is_declared(type(self), name):
                continue
            if name in self.constants or not callable(getattr(self, name)):
                check_range(self, name, below)

    def changed(self, **settings: Any) -> Optimizer:
        """Return this optimizer with other settings; a wrapper changes those of the optimizer inside."""
        return replace(self, **settings)

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        """Return the change to subtract from one array of parameters, and its new slots.

        `g` and the slots are given away: they may be overwritten. `p` must not be changed.

        Parameters
        ----------
        p, g : array (n,), or in its shape if `whole`
            Parameters and their gradient.
        slots : dict of such arrays
            The optimizer's memory from the step before.
        rate : float
            The learning rate of this step.
        step : int
            The number of this step, from 1.
        """
        raise undefined(self, "descend(p, g, slots, rate, step)")

    def rate(self, learning_rate: Setting, step: int) -> float:
        """Return the learning rate at a step (from 1)."""
        rate = at_step(learning_rate, step - 1) if callable(learning_rate) else learning_rate
        if not rate >= 0:
            raise SettingError(
                f"{type(self).__name__}: the schedule of learning_rate gives {rate!r} at step {step - 1}; "
                "it must be at least 0"
            )
        return rate

    def at(self, step: int, group: Group) -> Self:
        """Return this optimizer for a group at a step (from 1), with schedules replaced by their values."""
        if group.weight_decay is None and self._steady:
            return self
        now, own = self, {} if group.weight_decay is None else {"weight_decay": group.weight_decay}
        for name, below in (self.schedulable | dict.fromkeys(own)).items():
            setting = own.get(name, before := getattr(self, name))
            if setting is not before or callable(setting):
                now = copy.copy(self) if now is self else now
                object.__setattr__(now, name, at_step(setting, step - 1))
                check_range(now, name, below)
        return now

    @cached_property
    def _steady(self) -> bool:
        """Whether no setting is a schedule, but for the rate."""
        return not any(callable(getattr(self, name)) for name in self.schedulable)

    def init(self, params: Tree) -> dict[str, Any]:
        """Return the state before the first step: step number 0, and slots of zeros."""
        from .arrays import check_real

        check_real("init", params)
        vector = Layout.of(params).ravel(params)
        return {"step": 0} | self.init_slots(vector)

    def init_slots(self, vector: Array) -> Slots:
        """Return the initial slots for a vector of parameters."""
        return {name: namespace(vector).zeros_like(vector) for name in self.slots}

    def update(self, grads: Tree, state: dict[str, Any], params: Tree) -> tuple[Tree, dict[str, Any]]:
        """Return parameters and state after one step. Pure: nothing given is modified.

        Examples
        --------
        >>> import numpy as np
        >>> from lucidnet.optimizers import SGD
        >>> params, sgd = {"W": np.array([1.0, 2.0])}, SGD(0.1)
        >>> sgd.update({"W": np.array([1.0, 1.0])}, sgd.init(params), params)[0]
        {'W': array([0.9, 1.9])}
        """
        from .arrays import checked

        grads = checked(self, grads, state, params)
        layout = Layout.of(params)
        vector, step = layout.flat(params), state["step"] + 1
        slots = {n: layout.flat(layout.unravel(slot)) for n, slot in state.items() if n != "step"}
        out, places = vector.copy(), map(ArraySlice, layout.slices, layout.shapes)
        self.advance(vector, layout.flat(grads), slots, step, [Group(0, layout.size)], places, out)
        if isinstance(out, Parts):  # arrays of JAX
            slots = {name: layout.ravel(layout.unflat(slot)) for name, slot in slots.items()}
        return layout.unflat(out), {"step": step} | slots

    def step(self, arrays: Any, grads: Any, memory: Any = None) -> tuple[Any, dict[str, Any]]:
        """Make a step on arrays that belong to no network: a picture, a latent, a temperature.

        No argument is changed, and a gradient that is not finite is an error; in the step of an `OwnStep` on
        JAX, where its numbers are not known yet, it makes the arrays NaN.

        Parameters
        ----------
        arrays : array, or a tuple, list or dict of them
            The arrays to change, real numbers of NumPy or JAX.
        grads : the same
            Their gradients, in the same form.
        memory : dict, optional
            The optimizer's memory, as the step before returned it; None for the first step.

        Returns
        -------
        arrays : as given
            The arrays after the step.
        memory : dict
            The memory to pass to the next step.

        Raises
        ------
        NonFiniteError
            If a gradient is NaN or infinite.
        ShapeError
            If a gradient does not have the form of its array.

        Examples
        --------
        >>> import numpy as np
        >>> from lucidnet.optimizers import Adam
        >>> picture, memory = np.array([1.0, -2.0]), None
        >>> for _ in range(300):
        ...     picture, memory = Adam(0.1).step(picture, 2 * picture, memory)
        >>> bool(abs(picture).max() < 0.01)
        True
        """
        from .arrays import stepped

        return stepped(self, arrays, grads, memory)

    def advance(
        self,
        vector: Array,
        gradient: Array,
        slots: Slots,
        step: int,
        groups: Iterable[Group],
        arrays: Iterable[ArraySlice | slice],
        out: Array,
        new_slots: Slots | None = None,
    ) -> None:
        """Make one step on flat vectors, from `vector` to `out`; the gradient may be overwritten.

        Parameters
        ----------
        vector, gradient, out : array (n,)
            All parameters, their gradient, and where the new parameters go.
        slots : dict of array (n,)
            The optimizer's memory from the step before; updated in place without `new_slots`.
        step : int
            The number of this step, from 1.
        groups : iterable of Group
            The stretches to train.
        arrays : iterable of ArraySlice
            Where each array that is trained lies, and its shape. (A slice is an array of one axis.)
        new_slots : dict of array (n,), optional
            Where the new slots go; the given ones are then unchanged. Slots that belong to no group must be
            there already.
        """
        places: Any = arrays  # in pieces of any of them nobody asks where they lie
        if self.whole or self.clip is not None:
            places = [given if isinstance(given, ArraySlice) else ArraySlice(given) for given in arrays]
        if self.clip is not None:
            self.clip(gradient, [place.part for place in places])
        self.move(
            vector, gradient, slots, step, groups, places, out, slots if new_slots is None else new_slots
        )

    def move(
        self,
        vector: Array,
        gradient: Array,
        slots: Slots,
        step: int,
        groups: Iterable[Group],
        places: list[ArraySlice],
        out: Array,
        new_slots: Slots,
    ) -> None:
        """Make the step of `advance` after clipping."""
        for group in groups:
            rate = self.rate(self.learning_rate if group.learning_rate is None else group.learning_rate, step)
            now = self.at(step, group)
            for part, shape in inside(group, places) if self.whole else pieces(*group[:2], vector):
                flat = shape is FLAT
                p, g = vector[part], gradient[part]
                p, g = (p, g) if flat else (p.reshape(shape), g.reshape(shape))
                p, g = now.decayed(p, g, rate)
                given = new = _stretch(slots, part, shape)
                if new_slots is not slots and type(gradient) is np.ndarray:  # others are not overwritten
                    new = _stretch(new_slots, part, shape)
                    if self.renews:
                        given = OldSlots(given)
                        given.new = new
                    else:
                        for name, array in new.items():
                            array[...] = given[name]
                        given = new
                change, made = now.descend(p, g, given, rate, step)
                write_difference(out, part, p, change)
                keep(made, new, new_slots, part)

    def decayed(self, p: Array, g: Array, rate: float) -> tuple[Array, Array]:
        """Apply weight decay to parameters and gradient; the gradient may be overwritten."""
        if isinstance(self.weight_decay, (int, float)) and not self.weight_decay:
            return p, g
        if self.decoupled:
            return p * (1 - rate * self.weight_decay), g
        g += self.weight_decay * p
        return p, g


def bounded(g: Array) -> Array:
    """Clip a gradient so that its squares are finite (to 9.2e18 in float32); it may be overwritten.

    A square that overflows would make a running mean of squares infinite, and so all later steps 0. Since
    such rules divide by the size of the gradient, the step is that of any large one. The gradient is given
    away.

    Examples
    --------
    >>> [f"{g:.3g}" for g in bounded(np.array([1e20, -2.0], "float32"))]
    ['9.22e+18', '-2']
    """
    if isinstance(g, np.ndarray) and math.isfinite(np.vdot(g, g)):  # which does not warn of overflow
        return g
    limit = 2.0 ** (namespace(g).finfo(g.dtype).maxexp // 2 - 1)
    if not isinstance(g, np.ndarray):
        return namespace(g).clip(g, -limit, limit)
    return np.clip(g, -limit, limit, out=g)


def least(epsilon: float, dtype: Any) -> float:
    """Return an epsilon that keeps a division by a root from dividing by 0, at least in this dtype.

    It is at least the root of the smallest normal number, 1.1e-19 in float32: smaller gradients have squares
    of 0.

    Examples
    --------
    >>> least(1e-8, "float32"), least(0.0, "float32")
    (1e-08, 1.0842021724855044e-19)
    """
    return max(epsilon, _root_of_least(dtype))


@lru_cache(maxsize=64)
def _root_of_least(dtype: Any) -> float:
    return math.sqrt(np.finfo(dtype).smallest_normal)


def _checked(descend: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the `descend` of a user's optimizer to check its result."""

    @wraps(descend)
    def checked(self: Any, p: Array, g: Array, slots: Slots, rate: Any, step: Any) -> Any:
        what = f"{type(self).__name__}.descend"

        @wraps(descend)
        def lent(p: Array) -> Any:  # arrays given away may be overwritten
            return descend(self, p, g, _Named(slots, what), rate, step)

        made = followed(what, lent, p)
        if not isinstance(made, tuple) or len(made) != 2 or not isinstance(made[1], dict):
            raise SettingError(
                f"{what} must return a pair, what to subtract and a dict of slots, got {shown(made)}"
            )
        if unknown := made[1].keys() - slots.keys():
            raise SettingError(f"{what} returns the slots {sorted(unknown)}, which its slots do not name")
        if lost := slots.keys() - made[1].keys():
            raise SettingError(f"{what} returns no slots {sorted(lost)}: what it does not return is lost")
        new = {name: returned(slot, p, f"{what}: {name}", p.shape) for name, slot in made[1].items()}
        change = returned(made[0], p, what, p.shape)
        if isinstance(p, np.ndarray) and step == 1:
            _warn_of_new_parameters(what, p, change)
        return change, new

    return checked


class _Named(dict[str, Any]):
    """Slots that tell of one that is not named."""

    def __init__(self, slots: Slots, what: str) -> None:
        super().__init__(slots)
        self.what = what

    def __missing__(self, name: str) -> Any:
        raise SettingError(f"{self.what} asks for the slot {name!r}: name it, slots = ({name!r},)")


def _warn_of_new_parameters(what: str, p: Array, change: Array) -> None:
    """Warn if what is to be subtracted is nearly the parameters themselves, which leaves next to nothing."""
    if 0 < np.linalg.norm(change - p) < 0.1 * np.linalg.norm(p):
        message = f"{what} returns nearly the parameters themselves: what it returns is subtracted from them"
        warnings.warn(message, MeaningWarning, stacklevel=outside())


def keep(made: Slots, given: Slots, slots: Slots, part: slice) -> None:
    """Write back slots that were not updated in place."""
    for name, slot in made.items():
        if slot is not given[name]:
            slots[name][part] = slot.reshape(-1)


def _stretch(slots: Slots, part: slice, shape: Shape) -> Slots:
    """Return slots of a part of the vector, in a shape."""
    cut = {}
    for name, slot in slots.items():
        cut[name] = slot[part] if shape is FLAT else slot[part].reshape(shape)
    return cut


def pieces(start: int, stop: int, vector: Any) -> Sequence[ArraySlice]:
    """Return stretches of at most `PIECE` numbers; for `Parts`, one stretch per array."""
    if isinstance(vector, Parts):
        return [ArraySlice(*place) for place in vector.within(start, stop)]
    return _cut(start, stop, PIECE)


@lru_cache(maxsize=64)
def _cut(start: int, stop: int, size: int) -> tuple[ArraySlice, ...]:
    return tuple(ArraySlice(slice(begin, min(begin + size, stop))) for begin in range(start, stop, size))


def inside(group: Group, places: list[ArraySlice]) -> Iterator[ArraySlice]:
    """Yield the arrays that lie within a group."""
    for place in places:
        if group.start <= place.part.start and place.part.stop <= group.stop:
            yield place


def check_range(optimizer: Optimizer, name: str, below: float | None = None) -> None:
    """Raise unless a setting is at least 0 (and below a bound, if one is given)."""
    taken(optimizer, name, getattr(optimizer, name), finite(0, below=below))
