"""One training step, one evaluation, one prediction, as pure functions of NumPy or JAX arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from ..backend import Parts, StepStream, Tree, choose, finite
from ..backend import number as as_number
from ..core.trees import at, only
from ..data.batch import Batch
from ..layers import Layer, Run
from ..layers.base import INFERENCE, Mask, present
from ..layers.penalties import check_one_mean
from .numbers import Numbers
from .objective import Gradient, Objective
from .problem import Problem
from .state import Measured, State


def advance(
    problem: Problem,
    state: State,
    batches: Sequence[Batch],
    numbers: Numbers,
    *,
    into: State | None = None,
    keep: frozenset[str] = frozenset(),
) -> tuple[State, Measured]:
    """Make one step on one or several batches, by the mean of their gradients, as if they were one.

    A step whose loss or gradient is not finite is not made: the state is returned unchanged.

    Parameters
    ----------
    problem : Problem
        What is trained.
    state : State
        The state before the step; it is not changed.
    batches : sequence of Batch
        The batches.
    numbers : Numbers
        Seed, and whether the step is made at all.
    into : State, optional
        A state that is no longer in use, whose vectors are overwritten; new ones are made if not given.
    keep : set of str
        What to return besides: ``"predictions"``, ``"gradient"``, ``"source"``.
    """
    layout, vector = problem.layout, state.params.vector
    left, gradient, predicted = state, cast(Any, None), "predictions" in keep
    several = len(batches) > 1
    found, masks, parts = [], [], []
    objectives: Sequence[Objective] = (problem.objective,)
    if several:
        runs = (training_run(state, batch, numbers, number) for number, batch in enumerate(batches))
        objectives = problem.objective.shared(state.params, batches, runs)
    for number, (batch, objective) in enumerate(zip(batches, objectives, strict=True)):
        run = training_run(state, batch, numbers, number, left.carried)
        made = objective.gradient(left.params, batch, run, left.feedback.weights)
        part = layout.parameters.flat(made.grads)
        loss = as_number(made.loss)
        if layout.penalties:
            loss += layout.penalties.value(vector, part)
        count = objective.loss.terms(made.prediction, made.mask, batch.valid)
        if several:
            check_one_mean(problem.net, made.mask, "accumulate")
            part = part * as_number(count)
        gradient = part if gradient is None else gradient + part
        if layout.buffers.paths or layout.stateful or made.memory:
            left = left_behind(problem, left, made)
        found.append((loss, count, made.prediction if predicted else None))
        parts += [made.parts] if made.parts else []
        masks += [made.mask] if predicted and made.mask is not None else []
    losses, terms, predictions = zip(*found, strict=True)
    if several:
        total = as_number(sum(terms))
        gradient = gradient * (1 / (total + (total == 0)))  # if nothing counts, the gradient is 0
    source = made.grads if "source" in keep else None
    kept, good = gradient.copy() if "gradient" in keep else None, finite(gradient, losses)
    measured = Measured(losses, terms, predictions, kept, good, tuple(masks), tuple(parts), source)
    return moved(problem, state, left, gradient, numbers, into, measured.good), measured


def left_behind(problem: Problem, state: State, made: Gradient) -> State:
    """Return a state with what a pass changes besides weights: buffers, carried states, feedback weights."""
    layout, objective, feedback = problem.layout, problem.objective, state.feedback
    params: Any = objective.absorb(state.params, made.cache) if layout.buffers.paths else state.params
    carried = only(layout.stateful, objective.states(made.cache)) if layout.stateful else state.carried
    if made.memory:
        from ..rules.feedback import merged

        feedback = feedback._replace(weights=merged(feedback.weights, made.memory))
    return state._replace(params=params, carried=carried, feedback=feedback)


def measured_gradient(
    problem: Problem, state: State, batches: Sequence[Batch], numbers: Numbers | None = None
) -> Measured:
    """Return what the next step would measure on some batches, with its gradient; it is not made.

    Without `numbers` its random numbers are those of the state's seed.
    """
    given = Numbers((numbers or state).seed, made=False)
    return advance(problem, state, batches, given, keep=frozenset({"gradient", "predictions"}))[1]


def moved(
    problem: Problem,
    state: State,
    left: State,
    gradient: Any,
    numbers: Numbers | None = None,
    into: State | None = None,
    good: Any = None,
) -> State:
    """Return the state after an optimizer step; the gradient array may be overwritten.

    Parameters
    ----------
    state : State
        The state before the step.
    left : State
        What the passes through the network have left: buffers, carried states, feedback weights.
    numbers : Numbers, optional
        With them the rule's feedback weights learn, too.
    good : bool, optional
        Whether the gradient is finite; if not, or if no step is to be made, the state comes back as it was.
    """
    if good is not None and numbers is not None:
        if good is False or numbers.made is False:
            return state
        if not isinstance(good, bool):
            made = partial(moved, problem, state, left, gradient, numbers)
            return cast(State, choose(good & numbers.made, made, state))
    layout, feedback = problem.layout, left.feedback
    if numbers is not None and problem.objective.rule is not None:
        from .feedback import update_feedback

        feedback = update_feedback(problem, state, feedback, gradient, numbers)
    size, old = layout.parameters.size, state.params.vector
    # Copies rather than empty vectors: frozen parameters are never written.
    params = layout.layout.bind(old.copy()) if into is None else into.params
    memory = {n: slot.copy() for n, slot in state.memory.items()} if into is None else into.memory
    out = params.vector[:size]
    problem.optimizer.advance(
        old[:size], gradient, state.memory, state.step + 1, layout.groups, layout.arrays, out, memory
    )
    for held in layout.held:
        held.hold(out)
    if isinstance(out, Parts):
        buffers = (at(left.params, path) for path in layout.buffers.paths)
        params = layout.layout.bind(layout.layout.parts([*out.arrays, *buffers]))
    elif layout.buffers.paths:
        params.vector[size:] = layout.buffers.ravel(left.params)
    return State(params, memory, left.carried, feedback, state.step + 1, state.seed)


def run_name(number: int) -> str:
    """Return the name that the random numbers of a step's pass `number` go by."""
    return f"run{number}" if number else "run"


def training_run(
    state: State,
    batch: Batch,
    numbers: Numbers | None = None,
    number: int = 0,
    carried: Tree | None = None,
) -> Run:
    """Return the `Run` of the next step's forward pass on batch `number` (0 for the first).

    Without `numbers` its random numbers are those of the state's seed.
    """
    seed = (numbers or state).seed
    stream = StepStream.like(state.params.vector, seed, state.step, (run_name(number),))
    states = (state.carried if carried is None else carried) or None
    return Run(True, stream, mask=batch.mask, states=states, valid=batch.valid)


def evaluate(problem: Problem, params: Any, carried: Tree, batch: Batch) -> tuple[Measured, Tree]:
    """Evaluate a batch in inference; return the measurements, and the final states of stateful layers.

    Parameters
    ----------
    params : Flat
        The parameters.
    carried : tree
        The states in which stateful layers begin; None for zeros.
    batch : Batch
        The batch.
    """
    objective, stateful = problem.objective, problem.layout.stateful
    made = objective.evaluate(params, batch, Run(mask=batch.mask, states=carried, valid=batch.valid))
    penalties = (penalty.value(params.vector) for penalty in problem.layout.penalties)
    loss = sum(penalties, as_number(made.loss))
    left = only(stateful, objective.net.states(made.cache)) if stateful else None
    terms = objective.loss.terms(made.prediction, made.mask, batch.valid)
    masks, parts = () if made.mask is None else (made.mask,), (made.parts,) if made.parts else ()
    return Measured((loss,), (terms,), (made.prediction,), masks=masks, parts=parts), left


def predict(net: Layer, params: Tree, x: Any, mask: Mask = None, states: Tree = None) -> tuple[Any, Tree]:
    """Return a network's output, and if `states` are given the final states of its recurrent layers.

    Parameters
    ----------
    net : Layer
        The network.
    params : tree
        Its parameters.
    x : array (n, ...), or several by name
        The inputs.
    mask : Mask, optional
        Which time steps of the inputs count.
    states : tree, optional
        The states in which recurrent layers begin; those that are missing are zeros.
    """
    run = INFERENCE if mask is None and states is None else Run(mask=mask, states=states)
    y, cache = net.forward(params, x, run)
    return y, {} if states is None else net.states(cache)


def output_mask(net: Layer, params: Tree, x: Any, mask: Mask = None) -> Mask:
    """Return the mask of a network's output: which of its time steps count. Arguments as in `predict`."""
    return net.flow(params, x, Run(mask=mask))[2]


def counted(net: Layer, params: Tree, x: Any, mask: Mask = None) -> Mask:
    """Return which time steps of an output count in a loss; which examples, if it has no time axis."""
    run = Run(mask=mask).noting()
    y, _, own = net.flow(params, x, run)
    return present(own, y, (run.masks or {}).values())
