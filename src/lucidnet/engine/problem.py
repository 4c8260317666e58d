"""What is trained: a network, its loss, an optimizer and a rule, as one value without arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..backend import Shape, Stream, Tree
from ..core.record import Record, record
from ..core.trees import only, tree_map
from ..errors import SettingError
from ..layers import Layer
from ..losses import Loss
from ..optimizers import Optimizer
from .objective import Objective
from .parameters import ParameterLayout
from .state import FeedbackState, State
from .structure import Structure, Structured


@record
class Problem(Structured, Record):
    """What is trained. Two problems are equal if one compiled program serves both: their numbers may differ.

    Parameters
    ----------
    net : Layer
        The network, as its user wrote it.
    optimizer : Optimizer
        The optimizer.
    layout : ParameterLayout
        Where each parameter lies, and how it is trained.
    objective : Objective
        Network and loss, joined, and the rule if that is more than the chain rule.
    loss : Loss
        The loss, as its user gave it.
    input_shape : shape
        The shape of one input.
    update : callable
        What makes a step: `update.advance`, or a search at several points.
    edges : mapping of path to shape, optional
        The shapes of the inputs of layers, for rules that ask for them.
    taught : ParameterLayout, optional
        Where the feedback weights that the optimizer changes lie, in a vector of their own.
    """

    net: Layer
    optimizer: Optimizer
    layout: ParameterLayout
    objective: Objective
    loss: Loss
    input_shape: Any
    update: Callable[..., Any]
    edges: Mapping[Any, Shape] | None = None
    taught: ParameterLayout | None = None

    @property
    def rule(self) -> Any:
        """The learning rule, if it is more than the chain rule."""
        return self.objective.rule

    @cached_property
    def structure(self) -> Structure:
        """What a program is compiled for: everything but the numbers."""
        given = (self.net, self.optimizer, self.loss, self.rule, repr(self.input_shape))
        return Structure(*given, once=self.objective)

    def __getstate__(self) -> dict[str, Any]:
        # Cached results belong to this object, and to this process.
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def changed(self, optimizer: Optimizer) -> Problem:
        """Return this problem with another optimizer, which must have the same slots.

        Raises
        ------
        SettingError
            If it does not: what this one remembers would be lost, or taken for something else.
        """
        if remembered(self.optimizer) != remembered(optimizer):
            raise SettingError(
                f"{optimizer!r} cannot take the place of {self.optimizer!r}, as it remembers other things; "
                "compile(loss, optimizer) begins anew with it"
            )
        return replace(self, optimizer=optimizer)

    def start(self, params: Tree, seed: int) -> State:
        """Return the state before the first step."""
        vector = self.layout.layout.ravel(params)
        memory = self.optimizer.init_slots(vector[: self.layout.parameters.size])
        feedback: Tree = {}
        if self.rule is not None:
            rng = Stream(seed, dtype=vector.dtype.name, path=("feedback",))
            net, space = self.objective.net, self.rule.space
            feedback = space.begin(net, self.rule, params, self.edges, rng)
        return State(self.layout.layout.bind(vector), memory, {}, FeedbackState(feedback, {}), 0, seed)

    def carried_zeros(self, params: Tree, x: Any) -> Tree:
        """Return zero states for the stateful layers, for inputs like x."""
        _, cache = self.objective.net.forward(params, x)
        found = only(self.layout.stateful, self.objective.net.states(cache))
        return tree_map(lambda array: 0 * array, found)


def remembered(optimizer: Optimizer) -> tuple[Any, ...]:
    """Return what an optimizer remembers: the names of its slots, and whether it takes full batches."""
    return *optimizer.init_slots(np.zeros(1)), optimizer.full_batch
