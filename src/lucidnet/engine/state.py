"""Everything that changes in a training, and what a step measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array, Tree
from ..backend.layout import Flat
from ..backend.memory import sealed
from ..core.text import Brief, legible
from ..core.trees import part_of, tree_map


@legible
class FeedbackState(NamedTuple):
    """A learning rule's feedback weights, and what the optimizer remembers of those that it changes."""

    weights: Tree
    memory: dict[str, Any]


@legible
class State(NamedTuple):
    """All that changes in training. Each step makes a new state; a state handed out is never overwritten.

    Parameters
    ----------
    params : Flat
        All parameters, then the buffers: a tree by name, and one vector (`Flat.vector`); on a device the
        vector is `Parts`, single arrays.
    memory : dict of array (n,)
        What the optimizer remembers.
    carried : tree
        The states in which stateful layers stopped.
    feedback : FeedbackState
        The learning rule's feedback weights.
    step : int
        How many steps have been made.
    seed : int
        The seed of all random numbers; a compiled program is given what follows from it.
    """

    params: Flat
    memory: dict[str, Any]
    carried: Tree
    feedback: FeedbackState
    step: Any
    seed: Any = 0

    @property
    def vector(self) -> Any:
        """All parameters and buffers in one vector."""
        return self.params.vector

    def reset(self) -> State:
        """Return the state with the states of stateful layers reset."""
        return self._replace(carried={}) if self.carried else self


@legible
class Measured(NamedTuple):
    """The measurements of a step, with one entry for each of its batches.

    Parameters
    ----------
    losses : tuple of float
        The losses, with penalties.
    terms : tuple of float
        Over how many values each loss is a mean.
    predictions : tuple of array (n, ...), or of several by name
        The network's outputs; None if they were not asked for.
    gradient : array (n,), optional
        The gradient of the whole step, if it was asked for.
    good : bool
        Whether losses and gradient are finite.
    masks : tuple of Mask
        Which time steps of the predictions count, where these are kept and have masks.
    parts : tuple of (mean, N)s
        The means that each loss is the sum of, if there are several; see `Loss.parts`.
    source : tree or callable, optional
        Something from which a gradient can be found later, if that was asked for, and costs nothing now: the
        gradients of its last batch as the backward pass gave them, without penalties, or a function that
        returns the batch.
    evaluations : int
        The number of points at which the loss was evaluated: more than one if the optimizer searches.
    """

    losses: tuple[Any, ...]
    terms: tuple[Any, ...]
    predictions: tuple[Any, ...]
    gradient: Any = None
    good: Any = True
    masks: tuple[Any, ...] = ()
    parts: tuple[Any, ...] = ()
    source: Any = None
    evaluations: int = 1

    @property
    def loss(self) -> Any:
        """The mean loss over the step's batches, weighted by their numbers of values."""
        if len(self.losses) == 1:
            return self.losses[0]
        return sum(a * n for a, n in zip(self.losses, self.terms, strict=True)) / (sum(self.terms) or 1)

    @property
    def prediction(self) -> Any:
        """The network's output for the first batch; most steps have only one."""
        return self.predictions[0]


class Measurements(Brief, Sequence[Measured]):
    """The measurements of consecutive steps: a sequence of `Measured`, held as arrays (steps, ...).

    Parameters
    ----------
    losses, terms : array (steps, batches)
        As in `Measured`.
    predictions : tuple of array (steps, n, ...), or of several by name
        The outputs.
    good : array (steps,) of bool
        Which are finite.
    masks, parts : tuple of trees
        As in `Measured`, with an axis for the steps before all others.
    """

    def __init__(
        self, losses: Array, terms: Array, predictions: Any, good: Array, masks: Any = (), parts: Any = ()
    ) -> None:
        self.losses, self.terms, self.predictions, self.good = losses, terms, predictions, good
        self.masks, self.parts = masks, parts
        self.source: Any = None

    @classmethod
    def of(cls, steps: Sequence[Measured]) -> Measurements:
        """Stack the measurements of steps, unless they are stacked already."""
        if isinstance(steps, Measurements):
            return steps
        losses, terms = (np.array([step[k] for step in steps]) for k in (0, 1))
        outputs = [step.prediction for step in steps]
        stacked = outputs[0][None] if len(outputs) == 1 else np.stack(outputs)
        return cls(losses, terms, (stacked,), np.array([step.good for step in steps]))

    def cut(self, count: int) -> Measurements:
        """Return the measurements of the first `count` steps."""
        trees = self.losses, self.terms, self.predictions, self.good, self.masks, self.parts
        return Measurements(*part_of(trees, slice(count)))

    def __len__(self) -> int:
        return len(self.good)

    def __iter__(self) -> Iterator[Measured]:
        """Iterate over the steps, much faster than by index."""
        trees = self.predictions, self.masks, self.parts
        bare = not any(one is not None for tree in trees for one in tree)
        told = zip(self.losses.tolist(), self.terms.tolist(), self.good.tolist(), strict=True)
        for step, (losses, terms, good) in enumerate(told):
            outputs, masks, parts = trees if bare else part_of(trees, step)
            yield Measured(tuple(losses), tuple(terms), outputs, None, good, masks, parts, self.source)

    def __getitem__(self, step: Any) -> Any:
        return [*self][step]


def read_only(state: State) -> State:
    """Return a state whose NumPy arrays are read-only."""
    memory, carried = tree_map(sealed, state.memory), tree_map(sealed, state.carried)
    feedback = FeedbackState(*(tree_map(sealed, tree) for tree in state.feedback))
    params = state.params.layout.bind(sealed(state.vector))
    return State(params, memory, carried, feedback, state.step, state.seed)
