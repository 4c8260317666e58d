"""The training step as one pure function from (state, batch) to (state, measurements)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..backend import Array
from ..backend.config import DeviceConfig
from ..core.record import Record, record
from ..data.batch import Batch
from ..engine.build import executor_for, initial, problem_of
from ..engine.problem import Problem
from ..engine.protocol import Executor
from ..engine.state import Measured, State
from ..layers import Layer
from ..losses import Loss
from ..optimizers import Optimizer
from .diagnose import settled

if TYPE_CHECKING:
    from ..rules import Rule


@record
class Step(Record):
    """A training step for a network, a loss and an optimizer.

    ``state, measured = step(state, x, target)`` changes none of its arguments, and what it returns is never
    overwritten. A step whose loss or gradient is not finite is not made.

    Parameters
    ----------
    net : Layer
        The network.
    loss : Loss
        The loss.
    optimizer : Optimizer
        The optimizer.
    rule : Rule, optional
        The learning rule, backpropagation if not given; single layers may have their own.
    backend : str or DeviceConfig
        ``"numpy"``, or ``"jax"`` for compiled steps, also with a kind of device: ``"jax:gpu"``.

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
    rule: Rule | None = None
    backend: Any = "numpy"

    def __getstate__(self) -> dict[str, Any]:
        # A copy gets an executor of its own, and finds its problems again.
        return {name: value for name, value in vars(self).items() if name not in ("executor", "_problems")}

    @cached_property
    def executor(self) -> Executor:
        """The executor that runs the steps."""
        return executor_for(DeviceConfig.of(self.backend))

    @cached_property
    def _problems(self) -> dict[Any, Problem]:
        return {}  # by the layout of the parameters

    def problem(self, state: State, shape: Any) -> Problem:
        """Return the problem of this step, for a state's parameters and inputs of a shape."""
        known, layout = self._problems, state.params.layout
        if layout not in known:
            known[layout] = problem_of(self.net, self.loss, self.optimizer, self.rule, state.params, shape)
        return known[layout]

    def start(self, shape: Any, seed: int = 0, dtype: str = "float32") -> State:
        """Return the state before the first step, for inputs of a shape (without the batch axis)."""
        params = initial(self.net, shape, seed, dtype)
        problem = problem_of(self.net, self.loss, self.optimizer, self.rule, params, shape)
        state = problem.start(params, seed)
        self._problems[state.params.layout] = problem
        return state

    def __call__(
        self,
        state: State,
        x: Array,
        target: Array,
        weights: Array | None = None,
        mask: Array | None = None,
    ) -> tuple[State, Measured]:
        """Make one training step on a batch.

        Parameters
        ----------
        state : State
            The state before.
        x : array (n, ...)
            Inputs.
        target : array (n, ...)
            Targets, as the loss takes them.
        weights : array (n,) or (n, time), optional
            A weight for each example, or each of its time steps.
        mask : array (n, time) of bool, optional
            Which time steps count.

        Raises
        ------
        NonFiniteError
            If the loss or the gradient is NaN or infinite.
        """
        problem = self.problem(state, None if isinstance(x, dict) else x.shape[1:])
        batches = [Batch(x, target, weights, mask)]
        after, (found,) = make_steps(self.executor, problem, state, [batches], frozenset({"predictions"}))
        return after, found


def make_steps(
    executor: Executor,
    problem: Problem,
    state: State,
    steps: Sequence[Sequence[Batch]],
    keep: frozenset[str] = frozenset(),
) -> tuple[State, Sequence[Measured]]:
    """Make steps from a state; return the state after them, on NumPy, and what was measured.

    The arguments are those of `Executor.run`, with the batches of each step; whatever ends them is raised.
    """
    ran = executor.run(problem.update, problem, state, steps, keep)
    if ran.error is not None:
        raise settled(ran, problem, executor, steps)[1]
    return executor.host(ran.state), ran.measured
