"""A model inside of a user's own step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import namespace
from ..backend.memory import sealed
from ..backend.view import read_only
from ..core.readers import Readers
from ..core.settings import flag, shown, taken
from ..core.text import Brief
from ..core.trees import tree_map
from ..engine.numbers import Numbers
from ..engine.problem import Problem
from ..engine.state import Measured, State
from ..errors import SettingError
from ..foreign import answering, uncalled
from ..layers import Layer
from ..layers.base import nothing
from .copies import blended, share
from .given import fitting, fitting_mask, replacing
from .moves import check_recent, collected, leaving, not_finite, stepped
from .tape import Pass, Tape, taken_in
from .view import View

STRIDE = 1000
"""The gap in numbering between passes before and after an `apply`: each has its own random numbers."""


class Spare:
    """A state of a model that a step on NumPy may overwrite: that of two steps ago, if nobody holds it.

    Parameters
    ----------
    problem : Problem
        What is trained.
    begun : State
        The state before all steps, which stays whole.
    """

    def __init__(self, problem: Problem, begun: State) -> None:
        self.begun, self.view = begun, View(problem.net, problem.input_shape)
        self.shown = False
        """Whether arrays of a state were handed out, or weights were copied."""
        self.readers = Readers()
        """Objects that read a state, their `state`; it is not overwritten while they live."""
        self._free: State | None = None

    def offer(self, free: State | None, now: State) -> None:
        """Offer a state to the step that starts from another one."""
        held = self.shown or free is now or free is self.begun or self.readers.have(free)
        self._free = None if held else free

    def taken(self) -> State | None:
        """Return the offered state, once."""
        found, self._free = self._free, None
        return found


@uncalled
@answering
class Learner(Brief):
    """A model inside a custom step, with `forward`, `apply` and `part` as `Model` has them.

    It is made by `OwnStep`, one for each model and step; the models themselves change when the step is
    complete.

    Parameters
    ----------
    problem : callable
        Returns the problem, with the numbers of the k-th step from here on.
    state : State
        The state at the beginning.
    numbers : Numbers
        The step's numbers.
    name : str
        What it is called in errors, if a gradient that is not finite is one; else such a step is left out.
    binds : bool
        Whether numbers stand in the problem in place of schedules, as in a compiled program.
    spare : Spare, optional
        What may be written over, on NumPy.
    """

    def __init__(
        self,
        problem: Callable[[int], Problem],
        state: State,
        numbers: Numbers,
        name: str = "",
        binds: bool = False,
        spare: Spare | None = None,
    ) -> None:
        self.state, self.good, self.moves, self.copies = state, True, 0, 0
        self.carries = state.carried
        self._problem, self._numbers, self._name, self._binds, self._passes = problem, numbers, name, binds, 0
        self._spare, self._whole = spare, None if spare is None else spare.view

    @property
    def _like(self) -> Any:
        """An array of the library and the dtype of the weights."""
        vector = self.state.params.vector
        return namespace(vector).zeros(0, dtype=vector.dtype)

    @property
    def net(self) -> Layer:
        """The network of the model."""
        return self._problem(self.moves).net

    @property
    def params(self) -> Any:
        """The weights by layer and name, as they are now."""
        if self._spare is not None:
            self._spare.shown = True
        params = self.state.params
        return read_only(tree_map(sealed, params) if type(params.vector) is np.ndarray else params)

    @property
    def input_shape(self) -> Any:
        """The shape of one input."""
        return self._problem(self.moves).input_shape

    def forward(
        self,
        x: Any,
        train: bool = False,
        mask: Any = None,
        params: Any = None,
        view: View | None = None,
    ) -> Tape:
        """Run a forward pass, and return its tape; see `Model.forward`."""
        problem, number = self._problem(self.moves), None
        train = train if type(train) is bool else taken("forward", "train", train, flag())
        if train:
            # A state may be met at the end of a step and at the start of the next, by different passes.
            number, self._passes = STRIDE * self.moves + self._passes, self._passes + 1
        view = view or self._whole or View(problem.net, problem.input_shape)
        x, mask = taken_in(view, x, mask)
        made = Pass(view.bound(problem) if self._binds else view, number)
        vector = self.state.params.vector
        plain = type(x) is np.ndarray is type(vector) and x.dtype == vector.dtype
        if not plain or x.shape[1:] != view.shape or not x.size:
            x = fitting(x, view.shape, vector)
        mask = None if mask is None else fitting_mask(mask, x)
        params = None if params is None else replacing(params, self.state.params, self._like)
        found = made.forward(self.state, self._numbers, x, mask, params)
        tape = Tape(made, self.state, x, mask, found, self._numbers, params)
        tape.of = self
        if self._spare is not None:
            self._spare.readers.add(tape)
        return tape

    def apply(self, grads: Any, tape: Any = None) -> Measured:
        """Make one optimizer step with given gradients; see `Model.apply`."""
        problem, left = self._problem(self.moves), self.state
        spare, like = self._spare, self._like
        found, missing = collected(problem, grads, like, flat=spare is not None)
        for each in leaving(problem, tape, self, missing):
            check_recent(each, self.state)
            left = each.made.left(problem, left, each.cache)
        before = self.state
        if left.carried and not before.carried:  # the alternative, if the step is not made, has the same form
            before = before._replace(carried=nothing(left.carried))
        self.carries = left.carried
        into = None if spare is None else spare.taken()
        self.state, measured = stepped(problem, before, left, found, self._numbers, missing, into)
        if self._name and not measured.good:
            tree = collected(problem, grads, like)[0]
            raise not_finite(int(before.step), tree, f" for {self._name}")
        self.good = self.good & measured.good
        self.moves, self._passes = self.moves + 1, 0
        return measured

    def copy_weights(self, other: Any, parts: Any = None, *, tau: float = 1.0) -> None:
        """Take the weights of another model; see `Model.copy_weights`."""
        if not isinstance(other, Learner):
            raise SettingError(
                "copy_weights: inside a step of one's own other must be one of the models that the step is "
                f"given, got {shown(other)}"
            )
        params = blended(self.state.params, other.state.params, parts, share(tau))
        self.state = self.state._replace(params=params)
        self.copies += 1
        if self._spare is not None:
            self._spare.shown = True  # a state of before has other numbers where nothing is trained

    def part(self, name: Any = None, *, to: Any = None, after: Any = None, outputs: Any = None) -> Any:
        """Return a part of the network; see `Model.part`."""
        from .parts import ModelPart

        whole = self._whole or View(self.net, self.input_shape)
        return ModelPart(self, whole.part(name, to, after, outputs), self.forward)
