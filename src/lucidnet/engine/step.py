"""The training step: one pure function from (state, batch) to (state, measurements)."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from ..backend import Array, Parts, Stream, Tree, finite, namespace, stream_like
from ..backend import number as as_number
from ..backend.memory import keep_freed
from ..core.trees import Path, at
from ..data.batch import Batch, Part
from ..errors import NonFiniteError, SettingError
from ..inspect.diagnose import non_finite
from ..layers import Layer, Run, walk
from ..losses import Loss
from ..optimizers import Optimizer
from ..optimizers.base import Slots
from .device import Where
from .objective import Gradient, Objective
from .parameters import Plan
from .shapes import zeros

if TYPE_CHECKING:
    from ..rules import Rule
    from .on_jax import Engine
    from .search import Look


class Taught(NamedTuple):
    """A learning rule's feedback weights, and what the optimizer remembers of those that it changes."""

    weights: Tree
    slots: Slots


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
    carried : tree
        The states in which stateful layers stopped.
    taught : Taught
        The learning rule's feedback weights.
    """

    params: Tree
    vector: Array
    slots: Slots
    step: int
    seed: int
    plan: Plan
    spare: tuple[Array, Tree] | None = None
    carried: Tree = field(default_factory=dict)
    taught: Taught = Taught({}, {})

    @classmethod
    def of(cls, net: Layer, params: Tree, seed: int) -> State:
        """Return a state with these parameters, not ready for any optimizer yet."""
        plan = Plan.of(net, params)
        vector = plan.layout.ravel(params)
        return cls(plan.layout.unravel(vector), vector, {}, 0, seed, plan)

    def reset(self) -> State:
        """Return the state in which stateful layers begin anew."""
        return replace(self, carried={}) if self.carried else self

    def ready(self, optimizer: Optimizer) -> State:
        """Return the state before the first step with an optimizer."""
        return replace(self, slots=optimizer.init_slots(self.parameters), step=0, spare=None)

    @property
    def parameters(self) -> Array:
        """The part of the vector that is no buffer."""
        return self.vector[: self.plan.parameters.size]

    def stream(self, purpose: str) -> Stream:
        """Return the random numbers of this step for a purpose."""
        return stream_like(self.vector, self.seed, self.step, (purpose,))

    def before(self, optimizer: Optimizer) -> State:
        """Return the state with the parameters before the last step, the optimizer's memory cleared."""
        if self.spare is None:
            return self
        vector, params = self.spare
        slots = optimizer.init_slots(vector[: self.plan.parameters.size])
        return replace(self, params=params, vector=vector, slots=slots, step=self.step - 1, spare=None)


@dataclass(frozen=True)
class Measured:
    """What a step measured on a batch.

    Parameters
    ----------
    loss : float
        The loss, with penalties.
    prediction : array (n, ...), or several by name
        The network's output.
    terms : float
        Over how many values the loss is a mean.
    """

    loss: float
    prediction: Any
    terms: float


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
    rule : Rule, optional
        The learning rule, backpropagation if not given; single layers may have their own.
    backend : str or Where
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

    objective: Objective = field(init=False, repr=False, compare=False)
    own: Rule | None = field(init=False, repr=False, compare=False)
    engine: Engine | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "objective", Objective.of(self.net, self.loss))
        object.__setattr__(self, "own", self._own_rule())
        object.__setattr__(self, "engine", self._engine())

    def _engine(self) -> Engine | None:
        where = Where.of(self.backend)
        keep_freed()
        if where.name == "numpy":
            return None
        from .on_jax import Engine

        return Engine(self, where)

    def _own_rule(self) -> Rule | None:
        """Return the rule if it, or one of a layer, is more than the chain rule."""
        if self.rule is None and all(layer.rule is None for _, layer in walk(self.net)):
            return None
        from ..rules import Rule
        from ..rules.crossing import plain
        from ..rules.defined import check_defined

        rule = self.rule or Rule()
        check_defined(self.net, rule)
        return None if plain(self.net, rule) else rule

    def start(self, shape: Any, seed: int = 0, dtype: str = "float32") -> State:
        """Return the state before the first step, for inputs of a shape (without the batch axis)."""
        state = State.of(self.net, initial(self.net, shape, seed, dtype), seed)
        return self.ready(state, shape)

    def ready(self, state: State, shape: Any) -> State:
        """Return the state before the first step, with fresh memory of the optimizer and feedback weights."""
        state = state.ready(self.optimizer)
        if self.own is None:
            return replace(state, taught=Taught({}, {}))
        from ..rules.feedback import fresh

        dtype = state.vector.dtype.name
        x, rng = zeros(shape, dtype), Stream(state.seed, dtype=dtype, path=("feedback",))
        feedback = fresh(self.objective.net, self.own, state.params, x, rng)
        return replace(state, taught=Taught(feedback, {}))

    def __call__(
        self,
        state: State,
        x: Array,
        target: Array,
        weights: Array | None = None,
        mask: Array | None = None,
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
        weights : array (n,) or (n, time), optional
            A weight for each example, or each of its time steps.
        mask : array (n, time) of bool, optional
            Which time steps count.

        Raises
        ------
        NonFiniteError
            If the loss or the gradient is NaN or infinite. The given state is as it was before.
        """
        state, (measured,) = self.accumulated(state, [Batch(x, target, weights, mask)])
        return state, measured

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite is found, and explained
    def accumulated(self, state: State, batches: Sequence[Batch]) -> tuple[State, list[Measured]]:
        """Make one step on several batches, by the mean of their gradients, as if they were one."""
        if self.engine is not None:
            state, measured = self.engine.run(state, [batches])
            return state, measured
        if self.optimizer.full_batch:
            return self.searched(state, batches, self._looked)
        after, gradient, measured = self.gathered(state, batches, self.differentiated)
        return self._advance(state, after, gradient), measured

    def evaluated(self, state: State, batch: Batch, carried: Tree = None) -> tuple[Measured, Tree]:
        """Return what a batch measures in inference, and the states in which stateful layers stop."""
        if self.engine is not None:
            return self.engine.evaluated(state, batch, carried)
        return self.inferred(state, batch, carried)

    def inferred(self, state: State, batch: Batch, carried: Tree) -> tuple[Measured, Tree]:
        """Return the same, on the arrays of the state."""
        stateful, run = state.plan.stateful, Run(mask=batch.mask, states=carried, real=batch.real)
        made = self.objective.evaluate(state.params, batch.x, batch.target, batch.weights, run)
        left = only(stateful, self.objective.net.states(made.cache)) if stateful else None
        return Measured(as_number(made.loss), made.prediction, self.terms(batch, made.prediction)), left

    @property
    def part(self) -> Part | None:
        """Which part of each batch this process works on; None if batches are taken as they are."""
        return None if self.engine is None else self.engine.part

    @property
    def main(self) -> bool:
        """Whether this is the process, of several that train together, that shows and writes things."""
        return self.engine is None or self.engine.mesh.index == 0

    def from_all(self, value: Any) -> list[Any]:
        """Return what each of the processes has that train together."""
        return [value] if self.engine is None else self.engine.from_all(value)

    def watch(self) -> None:
        """Begin a training: of several processes none may be stuck."""
        if self.engine is not None:
            self.engine.watch()

    @property
    def compiling(self) -> float:
        """How many seconds compiling has taken so far."""
        return 0.0 if self.engine is None else self.engine.programs.seconds

    def ahead(self, blocks: Iterator[Any], state: State) -> Generator[tuple[Any, Any]]:
        """Yield blocks of steps, with what is on the device of their batches already."""
        if self.engine is None:
            yield from ((steps, None) for steps in blocks)
        else:
            yield from self.engine.ahead(blocks, state)

    def release(self) -> None:
        """Let go of data that were kept on a device."""
        if self.engine is not None:
            self.engine.release()

    def at_once(self, batches: Sequence[Batch]) -> int:
        """Return how many steps with batches like these are best made at once."""
        return 1 if self.engine is None else self.engine.at_once(batches)

    def several(
        self, state: State, steps: Sequence[Sequence[Batch]], sent: Any = None, wanted: bool = True
    ) -> tuple[State, list[Measured]]:
        """Make several steps, each on one or several batches; return what was measured on each batch.

        Parameters
        ----------
        sent : optional
            The same batches on the device already.
        wanted : bool
            Whether anyone looks at the outputs.
        """
        if self.engine is not None:
            return self.engine.run(state, steps, sent, wanted)
        found = []
        for batches in steps:
            state, measured = self.accumulated(state, batches)
            found += measured
        return state, found

    def recovered(self, state: State, error: BaseException) -> State:
        """Return the state to go on with after an error, or an interrupt: that of the last good step."""
        state = state if self.engine is None else self.engine.rescued(state)
        return state.before(self.optimizer) if isinstance(error, NonFiniteError) else state

    def gathered(
        self, state: State, batches: Sequence[Batch], differentiate: Differentiate
    ) -> tuple[State, Array, list[Measured]]:
        """Return the mean gradient of several batches, and the state with all that is not the optimizer's.

        Parameters
        ----------
        differentiate : callable
            `differentiated`, or `penalized` where nobody can look at numbers yet.
        """
        before, measured = state, []
        gradient: Array = None
        for number, batch in enumerate(batches):
            part, loss, made = differentiate(state, batch, number)
            terms = self.terms(batch, made.prediction)
            if len(batches) > 1:
                part = part * terms
            gradient = part if gradient is None else gradient + part
            measured.append(Measured(loss, made.prediction, terms))
            state = self._absorb(state, made.cache)
            if made.learned:
                state = self._remember(state, made.learned)
        if len(batches) > 1:
            gradient = gradient * (1 / sum(found.terms for found in measured))
        if self.own is not None:
            state = self._teach(before, state, gradient, batches[0].x)
        return state, gradient, measured

    def searched(self, state: State, batches: Sequence[Any], look: Look) -> tuple[State, list[Measured]]:
        """Make one step by an optimizer that looks at several points."""
        from .search import search

        if len(batches) > 1 or self.own is not None:
            raise SettingError(f"{self.optimizer!r} takes all data as one batch, and the true gradient only")
        state, measured = search(self, state, batches[0], look)
        return state, [measured]

    def _looked(self, state: State, batch: Batch) -> tuple[Array, Measured]:
        gradient, loss, made = self.differentiated(state, batch)
        return gradient, Measured(loss, made.prediction, self.terms(batch, made.prediction))

    def _teach(self, before: State, state: State, gradient: Array, x: Any) -> State:
        """Return the state with feedback weights that have learned."""
        from .teach import mirror, teach

        assert self.own is not None
        net, plan = self.objective.net, state.plan
        taught = teach(net, self.own, self.optimizer, plan, state.taught, gradient, state.step + 1)
        return replace(state, taught=mirror(net, self.own, before.params, taught, x, state.stream("mirror")))

    def terms(self, batch: Batch, prediction: Any) -> Any:
        """Return over how many values the loss of a batch is a mean."""
        return as_number(self.objective.loss.terms(prediction, batch.mask, batch.real))

    def run(self, state: State, batch: Batch | None = None, number: int = 0) -> Run:
        """Return the run of this step's forward pass on its batch with a number (0 if it has but one)."""
        stream = state.stream("run") if number == 0 else state.stream(f"run{number}")
        mask, real = (batch.mask, batch.real) if batch else (None, None)
        return Run(True, stream, mask=mask, states=state.carried or None, real=real)

    def differentiated(self, state: State, batch: Batch, number: int = 0) -> tuple[Array, float, Gradient]:
        """Return the gradient as one vector, the loss, both with penalties, and all that was found."""
        gradient, loss, made = self.penalized(state, batch, number)
        loss = float(loss)
        if not (math.isfinite(loss) and finite(gradient)):
            run = self.run(state, batch, number)
            raise non_finite(self.objective, state.params, batch.x, loss, made.grads, run, state.step)
        return gradient, loss, made

    def penalized(self, state: State, batch: Batch, number: int = 0) -> tuple[Array, Any, Gradient]:
        """Return the same, whether it is finite or not."""
        plan, run = state.plan, self.run(state, batch, number)
        made = self.objective.gradient(
            state.params, batch.x, batch.target, batch.weights, run, self.own, state.taught.weights
        )
        gradient, loss = plan.parameters.flat(made.grads), as_number(made.loss)
        for penalty in plan.penalties:
            loss += penalty.value(state.vector)
            penalty.add_gradient(state.vector, gradient)
        return gradient, loss, made

    def _remember(self, state: State, learned: Tree) -> State:
        """Return the state with feedback weights that changed on the way back."""
        from ..rules.feedback import merged

        return replace(state, taught=state.taught._replace(weights=merged(state.taught.weights, learned)))

    def _absorb(self, state: State, cache: Any) -> State:
        """Return the state with what the forward pass leaves behind: buffers and carried states."""
        plan = state.plan
        if plan.buffers.paths:
            state = replace(state, params=self.objective.net.absorb(state.params, cache))
        if plan.stateful:
            state = replace(state, carried=only(plan.stateful, self.objective.net.states(cache)))
        return state

    def moved(self, state: State, gradient: Array) -> State:
        """Return the state after a step by a finite gradient that was found elsewhere, and is given away.

        What penalties add to it is added here.
        """
        plan = state.plan
        for penalty in plan.penalties:
            penalty.add_gradient(state.vector, gradient)
        if not isinstance(gradient, Parts):
            return self._advance(state, state, gradient)
        from .teach import descended

        vector, slots = descended(self.optimizer, state, gradient)
        buffers = (at(state.params, path) for path in plan.buffers.paths)
        params = plan.layout.assembled((*vector.arrays, *buffers))
        return replace(state, params=params, vector=vector, slots=slots, step=state.step + 1)

    def _advance(self, before: State, state: State, gradient: Array) -> State:
        """Return the state after the optimizer's step."""
        plan, number = state.plan, state.step + 1
        vector, params = state.spare or _copy(before)
        out = vector[: plan.parameters.size]
        self.optimizer.advance(
            before.parameters, gradient, state.slots, number, plan.groups, plan.arrays, out
        )
        for limit in plan.limits:
            limit.hold(vector)
        if plan.buffers.paths:
            vector[plan.parameters.size :] = plan.buffers.ravel(state.params)
        spare = (before.vector, before.params)
        return replace(state, params=params, vector=vector, step=number, spare=spare)


Differentiate: TypeAlias = Callable[[State, Batch, int], tuple[Array, Any, Gradient]]


def initial(net: Layer, shape: Any, seed: int = 0, dtype: str = "float32") -> Tree:
    """Return the first parameters of a network, for inputs of a shape (without the batch axis)."""
    return net.init(Stream(seed, dtype=dtype, path=("init",)), shape)[0]


def only(paths: Iterable[Path], tree: Tree) -> Tree:
    """Return a tree with some of the branches of another."""
    made: Tree = {}
    for path in paths:
        inner = made
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = at(tree, path)
    return made


def _copy(state: State) -> tuple[Array, Any]:
    # A copy rather than an empty vector: frozen parameters are never written.
    vector = namespace(state.vector).asarray(state.vector, copy=True)
    return vector, state.plan.layout.unravel(vector)
