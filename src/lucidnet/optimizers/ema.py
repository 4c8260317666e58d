"""The running mean of the weights."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import field
from typing import Any, ClassVar, Self

import numpy as np

from ..backend import Array, Tree, namespace
from ..backend.layout import Layout
from ..core.settings import instance, scheduled
from ..core.value import value
from ..errors import SettingError
from .base import ArraySlice, Bounds, Group, Optimizer, Slots, pieces


@value
class EMA(Optimizer):
    """Wraps an optimizer, and keeps an exponential moving average of the weights.

    a_t = decay a_{t-1} + (1 - decay) p_t, from a_1 = p_1: PyTorch's ``AveragedModel`` with
    ``get_ema_multi_avg_fn``. (Keras' ``use_ema`` starts from the weights before the first step, a_0 = p_0.)
    The weights count as they are after everything that belongs to a step, constraints included. They join the
    mean at the next step: with the decay of their own step if that is a schedule, else with its present
    value.

    Parameters
    ----------
    optimizer : Optimizer
        The optimizer that makes the steps.
    decay : float or schedule
        Share of the mean that is kept, at least 0 and below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from lucidnet.optimizers import SGD
    >>> ema, p = EMA(SGD(1.0), decay=0.5), np.array([0.0])
    >>> state = ema.init(p)
    >>> for _ in range(2):
    ...     p, state = ema.update(np.array([-1.0]), state, p)
    >>> p, ema.averaged(p, state, state["step"])
    (array([2.]), array([1.5]))
    """

    learning_rate: Any = field(default=None, init=False)
    optimizer: Optimizer = instance(Optimizer, "an Optimizer such as Adam()")
    decay: Any = scheduled(below=1, default=0.999)
    weight_decay: Any = field(default=0.0, init=False)
    clip: Any = field(default=None, init=False)

    slots: ClassVar[tuple[str, ...]] = ("average",)
    schedulable: ClassVar[Bounds] = Optimizer.schedulable | {"decay": 1}
    counted: ClassVar[tuple[str, ...]] = ("share",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.optimizer, EMA):
            raise SettingError(
                "EMA: optimizer keeps a running mean already: EMA(SGD(), decay), not EMA(EMA(...))"
            )
        for name in ("learning_rate", "weight_decay", "clip"):
            object.__setattr__(self, name, getattr(self.optimizer, name))

    def changed(self, **settings: Any) -> Optimizer:
        own = {name: settings.pop(name) for name in ("optimizer", "decay") if name in settings}
        return EMA(**({"optimizer": self.optimizer.changed(**settings), "decay": self.decay} | own))

    def rate(self, learning_rate: Any, step: int) -> float:
        return self.optimizer.rate(learning_rate, step)

    def at(self, step: int, group: Group) -> Self:
        # The decay stays a schedule: the mean takes that of the step before.
        now = Optimizer.at(self, step, group)
        if not callable(self.decay):
            return now
        now = copy.copy(now)
        object.__setattr__(now, "decay", self.decay)
        return now

    def init_slots(self, vector: Array) -> Slots:
        average = namespace(vector).asarray(vector, copy=True)
        return {"average": average} | self.optimizer.init_slots(vector)

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
        # The weights of the step before are averaged only now: only now are they that step's result.
        new = slots if new_slots is None else new_slots
        share, average = self.share(step), slots["average"]
        for part, _ in pieces(0, vector.shape[0], vector):
            new["average"][part] = share * average[part] + (1 - share) * vector[part]
        inner, new = (
            {name: slot for name, slot in given.items() if name != "average"} for given in (slots, new)
        )
        self.optimizer.advance(vector, gradient, inner, step, groups, arrays, out, new)

    def averaged(self, params: Tree, slots: Slots, step: int) -> Tree:
        """Return the average of the parameters after a number of steps.

        Parameters
        ----------
        params : tree
            The parameters now.
        slots : dict
            The optimizer's slots, or its state.
        step : int
            How many steps have been made.
        """
        layout, share = Layout.of(params), self.share(step + 1)
        return layout.unravel(share * slots["average"] + (1 - share) * layout.ravel(params))

    def share(self, step: int) -> float:
        """Return the weight of the old average when the weights after step ``step - 1`` are added."""
        if not isinstance(step, (int, np.generic, np.ndarray)) and not callable(self.decay):  # JAX's
            made: Any = namespace(step).where(step <= 2, 0.0, self.decay)
            return made
        if step <= 2:  # there is no mean before the first of them
            return 0.0
        kept: float = Optimizer.at(self, step - 1, Group(0, 0)).decay
        return kept
