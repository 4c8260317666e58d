"""The executor on NumPy that divides a step's batches among threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..backend import Tree
from ..backend.config import DeviceConfig
from ..backend.threads import Threads, parts
from ..core.record import record
from ..core.trees import joined, weighted
from ..data.batch import Batch, rows
from ..layers import Run
from ..layers.base import INFERENCE
from ..losses.together import together
from ..rules.coupling import check_divisible
from .objective import Gradient, Objective
from .on_numpy import OnNumpy
from .problem import Problem
from .protocol import Ran


class OnThreads(OnNumpy):
    """The executor on NumPy that shares the batch of each step among threads.

    A step is that of `OnNumpy`, except that the gradient of a batch is computed in parts, whose mean is taken
    in a fixed order, so that it is the same, bit for bit, whichever thread is first.

    Parameters
    ----------
    config : DeviceConfig
        The processor, and as `mesh` the number of threads.
    """

    def __init__(self, config: DeviceConfig) -> None:
        super().__init__(config)
        self.threads = Threads(config.mesh)
        self.divided: tuple[Any, Any] = (None, None)
        """The problem trained last, and its counterpart whose batches are divided."""

    def run(
        self, fn: Any, problem: Any, state: Any, blocks: Sequence[Any], keep: frozenset[str] = frozenset()
    ) -> Ran[Any]:
        """Run a step for each block; see `Executor.run`. Time steps and custom steps are not divided."""
        if not isinstance(problem, Problem) or fn is not problem.update:
            return super().run(fn, problem, state, blocks, keep)
        if self.divided[0] is not problem:
            check_divisible(problem.net, problem.loss, problem.rule)
            of = problem.objective
            objective = Divided(of.net, of.loss, of.fused, of.rule, self.threads)
            self.divided = problem, replace(problem, objective=objective)
        with self.threads.held():
            return super().run(fn, self.divided[1], state, blocks, keep)


@record
class Divided(Objective):
    """An objective whose gradient is computed by several threads; see `Objective`.

    Parameters
    ----------
    threads : Threads
        The threads.
    """

    threads: Any = None

    def gradient(self, params: Tree, batch: Batch, run: Run = INFERENCE, feedback: Tree = None) -> Gradient:
        """Return a batch's gradient: the mean over its parts, weighted by their numbers of values."""
        count = rows(batch.x)
        cuts = parts(count, self.threads.count)
        batches, runs = [batch.part(cut) for cut in cuts], [run.rows(cut, count) for cut in cuts]
        each = self.shared(params, batches, runs, self.threads.map)

        def of_part(objective: Objective, batch: Batch, run: Run) -> Gradient:
            return Objective.gradient(objective, params, batch, run, feedback)

        made = self.threads.map(of_part, each, batches, runs)
        loss, weights, means = together(self.loss, self.net, made, batches)
        _, outputs, grads, caches, _, masks, _ = zip(*made, strict=True)
        return Gradient(loss, joined(outputs), weighted(weights, grads), caches, {}, joined(masks), means)

    def absorb(self, params: Tree, cache: Any) -> Tree:
        return super().absorb(params, cache[0])  # layers that change with each batch are not divided

    def states(self, cache: Any) -> Tree:
        return joined([self.net.states(part) for part in cache])
