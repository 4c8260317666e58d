"""The executor on NumPy: a plain loop, with two sets of buffers used in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..backend.config import DeviceConfig
from ..core.readers import Readers
from ..core.signals import lock
from ..core.text import Brief
from ..data.batch import nbytes
from .numbers import Numbers
from .protocol import Executor, NotFiniteError, Ran
from .state import Measured, State, read_only

FEW, MOST, TOGETHER = 8, 32, 1 << 20
"""The fewest steps in a call of several, the most, and the most bytes of their batches together."""


class OnNumpy(Executor, Brief):
    """The executor on NumPy: runs one step after another.

    A step writes into the vectors of the state before the last one, if it made these itself and has not
    handed them out. So the state before a step stays whole until the step is done, whatever interrupts it.

    Parameters
    ----------
    config : DeviceConfig, optional
        The processor.
    """

    programs, compile_seconds = 0, 0.0

    def __init__(self, config: DeviceConfig | None = None) -> None:
        self.config = config or DeviceConfig()
        self.lock = lock()
        self.made: Any = None
        """The last state made here that has not been handed out."""
        self.spare: Any = None
        """The one before it, which nobody holds any more."""
        self.pair: Any = (None, None)
        """The last state made, and the one before that step."""
        self.lent = Readers()
        """Objects that read a state, their `state`; it is not written while they live."""

    @np.errstate(over="ignore", invalid="ignore")  # non-finite values are found
    def run(
        self,
        fn: Callable[..., Any],
        problem: Any,
        state: Any,
        blocks: Sequence[Any],
        keep: frozenset[str] = frozenset(),
    ) -> Ran[Any]:
        """Make a step for each block; see `Executor.run`."""
        measured: list[Measured] = []
        numbers = Numbers(state.seed)
        begun = held = getattr(state, "state", state)  # a stream's state holds that of the weights
        for given in blocks:
            # The input stays whole: an interrupted caller continues from it.
            free = self.made is held and self.spare is not begun
            free = free and not (self.lent.known and self.lent.have(self.spare))
            into = self.spare if free else None
            remembered, pair = self.remembered, self.pair
            # The second vector of the pair is overwritten.
            self.remembered, self.pair = None if into is remembered else remembered, (None, None)
            try:
                after, found = fn(problem, state, given, numbers, into=into, keep=keep)
            except BaseException as error:
                self.spare = None  # half of it may be written
                return Ran(state, measured, error)
            if not found.good:
                self.pair, self.remembered = pair, remembered  # nothing was written
                known = pair if pair[0] is state else (None, None)
                return Ran(state, measured, NotFiniteError(found), partial(known.__getitem__, 1))
            made = after if type(after) is State else getattr(after, "state", after)
            if made is not held:
                spare = held if self.made is held else None
                self.spare, self.made = None, made  # in this order: Ctrl-C may come between
                self.spare = spare
            self.pair = after, state
            state, held = after, made
            measured.append(found)
        return Ran(state, measured)

    def hand_out(self, read: Callable[[], Any]) -> Any:
        """Return the training state, whose vectors will not be overwritten any more."""
        with self.lock:
            state = read()
            self.made = None if self.made is state else self.made
            self.spare = None if self.spare is state else self.spare
        return state

    def lend(self, reader: Any) -> None:
        """Protect the vectors of a reader's state from being overwritten while the reader exists."""
        self.lent.add(reader)

    def host(self, state: State) -> State:
        """Return a read-only state."""
        return read_only(self.hand_out(lambda: state))

    def steps_per_call(self, problem: Any, batches: Sequence[Any]) -> int:
        """Return how many steps to run in one call: several for small batches, to save overhead."""
        several = min(MOST, TOGETHER // max(1, sum(map(nbytes, batches))))
        return several if several >= FEW else 1  # a call needs a vector more, and its steps share it
