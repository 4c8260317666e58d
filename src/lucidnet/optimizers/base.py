"""The contract of an optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, TypeAlias

from ..backend import Array, Tree, namespace, subtract
from ..errors import SettingError
from ..tree import Layout
from ..value import Value, in_range, plain_numbers
from .clip import Clip

Slots: TypeAlias = dict[str, Array]
"""What an optimizer remembers: for each of its slots one vector as long as the parameters."""

Setting: TypeAlias = float | Callable[[int], float]
"""A number, or a schedule: a function from the number of the step (0, 1, ...) to a number."""

PIECE = 65_536
"""Numbers worked on at a time: parameters, gradient and slots of a piece stay in a core's cache."""


class Group(NamedTuple):
    """A stretch of the parameter vector with settings of its own; None stands for the optimizer's."""

    start: int
    stop: int
    learning_rate: Setting | None = None
    weight_decay: float | None = None


@dataclass(frozen=True, repr=False)
class Optimizer(Value):
    """A pure pair: ``state = init(params)`` and ``params, state = update(grads, state, params)``.

    A subclass names its `slots` and writes `descend` for one array; that it works on any tree, in
    pieces that fit the cache, with weight decay, clipping and settings per layer, stands here.

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    weight_decay : float
        ``weight_decay * p`` is added to the gradient of each parameter p, as in PyTorch. (AdamW
        shrinks the parameters instead.)
    clip : Clip, optional
        How large gradients are limited: `ClipValue`, `ClipNorm` or `ClipGlobalNorm`.
    """

    learning_rate: Any = 0.01
    weight_decay: float = field(default=0.0, kw_only=True)
    clip: Clip | None = field(default=None, kw_only=True)

    slots: ClassVar[tuple[str, ...]] = ()
    decoupled: ClassVar[bool] = False
    """Whether weight decay shrinks the parameters directly, apart from the gradient."""

    def __post_init__(self) -> None:
        plain_numbers(self)
        check_range(self, "weight_decay")
        if not callable(self.learning_rate):
            check_range(self, "learning_rate")
        if self.clip is not None and not isinstance(self.clip, Clip):
            raise SettingError(f"{type(self).__name__}: clip must be a Clip, got {self.clip!r}")

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        """Return what to subtract from the parameters, and the new slots, for one array.

        `g` and the slots are given away: they may be overwritten. `p` must not be changed.

        Parameters
        ----------
        p, g : array (n,)
            Parameters and their gradient.
        slots : dict of array (n,)
            What is remembered from the step before.
        rate : float
            The learning rate of this step.
        step : int
            The number of this step, from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must define descend(p, g, slots, rate, step)")

    def rate(self, learning_rate: Setting, step: int) -> float:
        """Return the learning rate at a step (from 1)."""
        return learning_rate(step - 1) if callable(learning_rate) else learning_rate

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
        vector, gradient = layout.ravel(params), layout.ravel(grads)
        xp = namespace(vector)
        slots = {name: xp.asarray(slot, copy=True) for name, slot in state.items() if name != "step"}
        out = xp.empty_like(vector)
        step = state["step"] + 1
        self.advance(vector, gradient, slots, step, [Group(0, layout.size)], layout.slices, out)
        return layout.unravel(out), {"step": step} | slots

    def advance(
        self,
        vector: Array,
        gradient: Array,
        slots: Slots,
        step: int,
        groups: Iterable[Group],
        arrays: Iterable[slice],
        out: Array,
    ) -> None:
        """Make one step on flat vectors: read `vector`, write `out`; gradient and slots are given away.

        Parameters
        ----------
        vector, gradient, out : array (n,)
            All parameters, their gradient, and where the new parameters go.
        slots : dict of array (n,)
            Updated in place.
        step : int
            The number of this step, from 1.
        groups : iterable of Group
            The stretches to train.
        arrays : iterable of slice
            Where each array that is trained lies, for clipping by their norms.
        """
        if self.clip is not None:
            self.clip(gradient, arrays)
        for group in groups:
            rate = self.rate(self.learning_rate if group.learning_rate is None else group.learning_rate, step)
            decay = self.weight_decay if group.weight_decay is None else group.weight_decay
            for part in pieces(group.start, group.stop):
                p, g = vector[part], gradient[part]
                if decay and self.decoupled:
                    p = p * (1 - rate * decay)
                elif decay:
                    g += decay * p
                given = {name: slot[part] for name, slot in slots.items()}
                change, made = self.descend(p, g, given, rate, step)
                subtract(p, change, out=out[part])
                keep(made, given)


def keep(made: Slots, given: Slots) -> None:
    """Write slots that were not updated in place back to where they belong."""
    for name, slot in made.items():
        if slot is not given[name]:
            given[name][:] = slot


def pieces(start: int, stop: int) -> Iterator[slice]:
    """Yield slices of at most `PIECE` numbers."""
    for begin in range(start, stop, PIECE):
        yield slice(begin, min(begin + PIECE, stop))


def check_range(optimizer: Optimizer, name: str, below: float | None = None) -> None:
    """Raise unless a setting is at least 0 (and below a bound)."""
    value = getattr(optimizer, name)
    if not in_range(value, below=below):
        bound = "" if below is None else f" and below {below:g}"
        raise SettingError(f"{type(optimizer).__name__}: {name} must be at least 0{bound}, got {value!r}")
