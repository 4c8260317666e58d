"""The training step: one pure function from (state, batch) to (state, measurements)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..backend import Array, Shape, Stream, Tree, namespace
from ..layers import Layer, Run
from ..losses import Loss
from ..optimizers import Optimizer
from ..optimizers.base import Slots
from .diagnose import non_finite
from .objective import Objective
from .plan import Plan


@dataclass(frozen=True)
class State:
    """All that changes in training.

    Parameters
    ----------
    params : tree
        The parameters; on NumPy, views of `vector`.
    vector : array (n,)
        All parameters in one vector.
    slots : dict of array (n,)
        What the optimizer remembers.
    step : int
        How many steps have been made.
    seed : int
        The seed of all random numbers.
    plan : Plan
        Where each parameter lies and how it is trained.
    spare : tuple, optional
        Vector and tree of the step before; the next step is written there.
    """

    params: Tree
    vector: Array
    slots: Slots
    step: int
    seed: int
    plan: Plan
    spare: tuple[Array, Tree] | None = None

    @classmethod
    def of(cls, net: Layer, params: Tree, seed: int) -> State:
        """Return a state with these parameters, not ready for any optimizer yet."""
        plan = Plan.of(net, params)
        vector = plan.layout.ravel(params)
        return cls(plan.layout.unravel(vector), vector, {}, 0, seed, plan)

    def ready(self, optimizer: Optimizer) -> State:
        """Return the state before the first step with an optimizer."""
        return replace(self, slots=optimizer.init_slots(self.vector), step=0, spare=None)

    def stream(self, purpose: str) -> Stream:
        """Return the random numbers of this step for a purpose."""
        return Stream(self.seed, self.step, self.vector.dtype.str, (purpose,))

    def before(self, optimizer: Optimizer) -> State:
        """Return the state with the parameters before the last step, the optimizer's memory cleared."""
        if self.spare is None:
            return self
        vector, params = self.spare
        slots = optimizer.init_slots(vector)
        return replace(self, params=params, vector=vector, slots=slots, step=self.step - 1, spare=None)


@dataclass(frozen=True)
class Measured:
    """What a step measured: the loss (with penalties), and the network's output for the batch."""

    loss: float
    prediction: Array


@dataclass(frozen=True)
class Step:
    """A training step for a network, a loss and an optimizer.

    ``state, measured = step(state, x, target)`` gives the state *away*: its arrays are reused for the
    state after the next, as donated buffers are in JAX. Go on with the state that comes back.

    Parameters
    ----------
    net : Layer
        The network.
    loss : Loss
        The loss.
    optimizer : Optimizer
        The optimizer.

    Examples
    --------
    >>> import numpy as np
    >>> import lucidnet as ln
    >>> step = Step(ln.layers.Dense(1), ln.losses.get("mse"), ln.optimizers.SGD(0.1))
    >>> state = step.start((2,), seed=0)
    >>> x, target = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    >>> for _ in range(50):
    ...     state, measured = step(state, x, target)
    >>> round(measured.loss, 6)
    0.0
    """

    net: Layer
    loss: Loss
    optimizer: Optimizer

    objective: Objective = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "objective", Objective.of(self.net, self.loss))

    def start(self, shape: Shape, seed: int = 0, dtype: str = "float32") -> State:
        """Return the state before the first step, for inputs of a shape (without the batch axis)."""
        return State.of(self.net, initial(self.net, shape, seed, dtype), seed).ready(self.optimizer)

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite is found, and explained, below
    def __call__(
        self, state: State, x: Array, target: Array, weights: Array | None = None
    ) -> tuple[State, Measured]:
        """Make one step on a batch.

        Parameters
        ----------
        state : State
            The state before; given away.
        x : array (n, ...)
            Inputs.
        target : array (n, ...)
            Targets, as the loss takes them.
        weights : array (n,), optional
            A weight for each example.

        Raises
        ------
        NonFiniteError
            If the loss or the gradient is NaN or infinite. The given state is as it was before.
        """
        plan = state.plan
        run = Run(True, state.stream("run"))
        value, prediction, grads = self.objective.gradient(state.params, x, target, weights, run)
        gradient = plan.layout.ravel(grads)
        loss = float(value)
        for penalty in plan.penalties:
            loss += penalty.value(state.vector)
            penalty.add_gradient(state.vector, gradient)
        if not (math.isfinite(loss) and _finite(gradient)):
            raise non_finite(self.objective, state.params, x, loss, grads, run, state.step)
        return self._advance(state, gradient), Measured(loss, prediction)

    def _advance(self, state: State, gradient: Array) -> State:
        plan = state.plan
        vector, params = state.spare or _copy(state)
        self.optimizer.advance(
            state.vector, gradient, state.slots, state.step + 1, plan.groups, plan.arrays, vector
        )
        spare = (state.vector, state.params)
        return State(params, vector, state.slots, state.step + 1, state.seed, plan, spare)


def initial(net: Layer, shape: Shape, seed: int = 0, dtype: str = "float32") -> Tree:
    """Return the first parameters of a network, for inputs of a shape (without the batch axis)."""
    return net.init(Stream(seed, dtype=dtype, path=("init",)), shape)[0]


def _copy(state: State) -> tuple[Array, Any]:
    # A copy rather than an empty vector: frozen parameters are never written.
    vector = namespace(state.vector).asarray(state.vector, copy=True)
    return vector, state.plan.layout.unravel(vector)


def _finite(gradient: Array) -> bool:
    """Tell whether all entries are finite; their squares show it in one fast pass, unless they overflow."""
    return math.isfinite(gradient @ gradient) or bool(namespace(gradient).isfinite(gradient).all())
