"""The contract of an optimizer."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, wraps
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias

import numpy as np

from ..backend import Array, Parts, Shape, Tree, namespace, write_difference
from ..backend.layout import Layout
from ..backend.results import followed, returned
from ..core.own import check_methods, written
from ..core.settings import finite, instance, scheduled, shown, taken
from ..core.value import Value, at_step, is_declared, of_library, value
from ..errors import SettingError
from ..foreign import answering
from .clip import Clip

Slots: TypeAlias = dict[str, Array]
"""What an optimizer remembers: for each of its slots one vector as long as the parameters."""

Setting: TypeAlias = float | Callable[[int], float]
"""A number, or a schedule: a function from the number of the step (0, 1, ...) to a number (`schedules`)."""

Bounds: TypeAlias = dict[str, float | None]
"""Names of settings, and what each must be below."""

PIECE = 131_072
"""Numbers worked on at a time: parameters, gradient and slots of a piece stay in a core's cache."""
FLAT = (-1,)
"""The shape of a stretch of the vector, whatever its length."""


class Group(NamedTuple):
    """A stretch of the parameter vector with settings of its own; None stands for the optimizer's."""

    start: int
    stop: int
    learning_rate: Setting | None = None
    weight_decay: Setting | None = None


class ArraySlice(NamedTuple):
    """Where an array lies in the parameter vector, and its shape."""

    part: slice
    shape: Shape = FLAT


class OldSlots(dict[str, Array]):
    """The slots of a stretch before a step; `new` are arrays over which those after it may be written."""

    __slots__ = ("new",)
    new: Slots


@answering
@value
class Optimizer(Value):
    """A pure pair: ``state = init(params)`` and ``params, state = update(grads, state, params)``.

    A subclass names its `slots` and writes `descend` for one array; that it works on any tree, in
    pieces that fit the cache, with weight decay, clipping, schedules and settings per layer, stands here:
    `descend` finds numbers where schedules were given.

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    weight_decay : float or schedule
        ``weight_decay * p`` is added to the gradient of each parameter p, as in PyTorch. (AdamW
        shrinks the parameters instead.)
    clip : Clip, optional
        How large gradients are limited: `ClipValue`, `ClipNorm` or `ClipGlobalNorm`.
    """

    learning_rate: Setting = scheduled(default=0.01)
    weight_decay: Any = scheduled(default=0.0, kw_only=True)
    clip: Clip | None = instance(
        Clip, "a Clip such as ClipNorm(1.0)", default=None, optional=True, kw_only=True
    )

    slots: ClassVar[tuple[str, ...]] = ()
    full_batch: ClassVar[bool] = False
    """Whether it needs the loss of all data, at several points, for one step."""
    decoupled: ClassVar[bool] = False
    """Whether weight decay shrinks the parameters directly, apart from the gradient."""

    renews: ClassVar[bool] = False
    """Whether `descend` leaves slots as they are if they are `OldSlots`, and writes over `OldSlots.new`."""

    whole: ClassVar[bool] = False
    """Whether `descend` needs each array whole, in its shape, and not pieces of any."""

    schedulable: ClassVar[Bounds] = {"weight_decay": None}
    """The settings besides the rate that may be schedules, with what they must be below."""

    constants: ClassVar[tuple[str, ...]] = ()
    """The settings that are numbers of at least 0, and no schedules."""

    hosted: ClassVar[tuple[str, ...]] = ()
    """The settings that nothing but `rate` reads."""

    counted: ClassVar[tuple[str, ...]] = ()
    """The methods from a step to a number that a compiled program cannot hold; it is given the numbers."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if not of_library(cls) and (descend := written(cls, "descend", Optimizer)) is not None:
            check_methods(cls, Optimizer)
            cls.descend = _checked(descend)  # type: ignore[method-assign]
            cls.renews = False

    def __post_init__(self) -> None:
        super().__post_init__()
        # What a subclass names below, but has not declared with its check.
        for name, below in (self.schedulable | dict.fromkeys(self.constants)).items():
            if is_declared(type(self), name):
                continue
            if name in self.constants or not callable(getattr(self, name)):
                check_range(self, name, below)

    def changed(self, **settings: Any) -> Optimizer:
        """Return this optimizer with other settings; one around another changes the inner one."""
        return replace(self, **settings)

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        """Return what to subtract from the parameters, and the new slots, for one array.

        `g` and the slots are given away: they may be overwritten. `p` must not be changed.

        Parameters
        ----------
        p, g : array (n,), or in its shape if `whole`
            Parameters and their gradient.
        slots : dict of such arrays
            What is remembered from the step before.
        rate : float
            The learning rate of this step.
        step : int
            The number of this step, from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must define descend(p, g, slots, rate, step)")

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
        """Return this optimizer as it is for a group at a step (from 1): numbers in place of schedules."""
        now, own = self, {} if group.weight_decay is None else {"weight_decay": group.weight_decay}
        for name, below in (self.schedulable | dict.fromkeys(own)).items():
            setting = own.get(name, before := getattr(self, name))
            if setting is not before or callable(setting):
                now = copy.copy(self) if now is self else now
                object.__setattr__(now, name, at_step(setting, step - 1))
                check_range(now, name, below)
        return now

    def init(self, params: Tree) -> dict[str, Any]:
        """Return the state before the first step: its number, and slots of zeros."""
        vector = Layout.of(params).ravel(params)
        return {"step": 0} | self.init_slots(vector)

    def init_slots(self, vector: Array) -> Slots:
        """Return the slots before the first step, for a vector of parameters."""
        return {name: namespace(vector).zeros_like(vector) for name in self.slots}

    def update(self, grads: Tree, state: dict[str, Any], params: Tree) -> tuple[Tree, dict[str, Any]]:
        """Return parameters and state after one step. Pure: nothing that was given changes.

        Examples
        --------
        >>> import numpy as np
        >>> from lucidnet.optimizers import SGD
        >>> params, sgd = {"W": np.array([1.0, 2.0])}, SGD(0.1)
        >>> sgd.update({"W": np.array([1.0, 1.0])}, sgd.init(params), params)[0]
        {'W': array([0.9, 1.9])}
        """
        layout = Layout.of(params)
        vector, step = layout.flat(params), state["step"] + 1
        slots = {name: slot.copy() for name, slot in state.items() if name != "step"}
        out, places = vector.copy(), map(ArraySlice, layout.slices, layout.shapes)
        self.advance(vector, layout.flat(grads), slots, step, [Group(0, layout.size)], places, out)
        return layout.unflat(out), {"step": step} | slots

    def step(self, arrays: Any, grads: Any, memory: Any = None) -> tuple[Any, dict[str, Any]]:
        """Move arrays that belong to no network by their gradients: a picture, a latent, a temperature.

        Nothing that is given changes, and a gradient that is not finite is an error.

        Parameters
        ----------
        arrays : array, or a tuple, list or dict of them
            What is moved, real numbers of NumPy or JAX.
        grads : the same
            Their gradients, in the same form.
        memory : dict, optional
            What the optimizer remembers: what the step before returned; None for the first one.

        Returns
        -------
        arrays : as given
            After the step.
        memory : dict
            To be given to the next step.

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
        """Make one step on flat vectors: read `vector`, write `out`; the gradient is given away.

        Parameters
        ----------
        vector, gradient, out : array (n,)
            All parameters, their gradient, and where the new parameters go.
        slots : dict of array (n,)
            What is remembered from the step before; updated in place without `new_slots`.
        step : int
            The number of this step, from 1.
        groups : iterable of Group
            The stretches to train.
        arrays : iterable of ArraySlice
            Where each array that is trained lies, and its shape. (A slice is an array of one axis.)
        new_slots : dict of array (n,), optional
            Where the new slots go; the given ones then stay as they are. What belongs to no group must be
            there already.
        """
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
        """Do what `advance` does, once the gradient is clipped."""
        for group in groups:
            rate = self.rate(self.learning_rate if group.learning_rate is None else group.learning_rate, step)
            now = self.at(step, group)
            for part, shape in inside(group, places) if self.whole else pieces(*group[:2], vector):
                flat = shape is FLAT
                p, g = vector[part], gradient[part]
                p, g = (p, g) if flat else (p.reshape(shape), g.reshape(shape))
                p, g = now.decayed(p, g, rate)
                given = new = {n: a[part] if flat else a[part].reshape(shape) for n, a in slots.items()}
                if new_slots is not slots and type(gradient) is np.ndarray:  # others are not written over
                    new = {n: a[part] if flat else a[part].reshape(shape) for n, a in new_slots.items()}
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
        """Return parameters and gradient with weight decay; the gradient is given away."""
        if isinstance(self.weight_decay, (int, float)) and not self.weight_decay:
            return p, g
        if self.decoupled:
            return p * (1 - rate * self.weight_decay), g
        g += self.weight_decay * p
        return p, g


def bounded(g: Array) -> Array:
    """Return a gradient whose squares are finite: what is larger (9.2e18 in float32) counts as that much.

    A square that overflows would make a running mean of squares infinite, and so all later steps 0. Such
    rules divide by the size of the gradient: the step is as of any large one. The gradient is given away.

    Examples
    --------
    >>> [f"{g:.3g}" for g in bounded(np.array([1e20, -2.0], "float32"))]
    ['9.22e+18', '-2']
    """
    if isinstance(g, np.ndarray) and math.isfinite(np.vdot(g, g)):  # which warns of no overflow
        return g
    limit = 2.0 ** (namespace(g).finfo(g.dtype).maxexp // 2 - 1)
    if not isinstance(g, np.ndarray):
        return namespace(g).clip(g, -limit, limit)
    return np.clip(g, -limit, limit, out=g)


def least(epsilon: float, dtype: Any) -> float:
    """Return what is added to a root so that nothing is divided by 0, also if it is 0 in a precision.

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
    """Return the `descend` of a user's own optimizer, whose result is checked."""

    @wraps(descend)
    def checked(self: Any, p: Array, g: Array, slots: Slots, rate: Any, step: Any) -> Any:
        what = f"{type(self).__name__}.descend"

        def descend_from(p: Array) -> Any:  # what is given away may be written into
            return descend(self, p, g, dict(slots), rate, step)

        made = followed(what, descend_from, p)
        if not isinstance(made, tuple) or len(made) != 2 or not isinstance(made[1], dict):
            raise SettingError(
                f"{what} must return a pair, what to subtract and a dict of slots, got {shown(made)}"
            )
        if unknown := made[1].keys() - slots.keys():
            raise SettingError(f"{what} returns the slots {sorted(unknown)}, which its slots do not name")
        new = {name: returned(slot, p, f"{what}: {name}", p.shape) for name, slot in made[1].items()}
        return returned(made[0], p, what, p.shape), new

    return checked


def keep(made: Slots, given: Slots, slots: Slots, part: slice) -> None:
    """Write slots that were not updated in place back to where they belong."""
    for name, slot in made.items():
        if slot is not given[name]:
            slots[name][part] = slot.reshape(-1)


def pieces(start: int, stop: int, vector: Any) -> Iterator[ArraySlice]:
    """Yield places of at most `PIECE` numbers; of each array, where a vector is held in parts."""
    if isinstance(vector, Parts):
        yield from (ArraySlice(*place) for place in vector.within(start, stop))
        return
    for begin in range(start, stop, PIECE):
        yield ArraySlice(slice(begin, min(begin + PIECE, stop)))


def inside(group: Group, places: list[ArraySlice]) -> Iterator[ArraySlice]:
    """Yield the arrays that lie in a group."""
    for place in places:
        if group.start <= place.part.start and place.part.stop <= group.stop:
            yield place


def check_range(optimizer: Optimizer, name: str, below: float | None = None) -> None:
    """Raise unless a setting is at least 0 (and below a bound)."""
    taken(optimizer, name, getattr(optimizer, name), finite(0, below=below))
