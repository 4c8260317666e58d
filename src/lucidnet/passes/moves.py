"""An optimizer step with gradients from any source."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import Array, Tree, finite, namespace
from ..core.settings import shown
from ..core.text import ByName
from ..core.trees import Path, dotted, leaves, put
from ..data.batch import Batch
from ..engine.numbers import Numbers
from ..engine.parameters import owners
from ..engine.placement import dressed
from ..engine.problem import Problem
from ..engine.protocol import NotFiniteError, Own, Ran
from ..engine.state import Measured, State
from ..engine.update import moved, run_name
from ..errors import NonFiniteError, SettingError, ShapeError
from .devices import alone
from .given import placed
from .tape import Pass, Tape

NONE: frozenset[Path] = frozenset()


class Apply(Own):
    """A function for `Executor.run` that makes one optimizer step with given gradients.

    Parameters
    ----------
    tapes : sequence of Tape
        The passes that leave statistics and states behind.
    missing : frozenset of Path
        The arrays without a gradient: they stay unchanged, and so does what the optimizer remembers of them.
    """

    def __init__(self, tapes: Sequence[Tape] = (), missing: frozenset[Path] = NONE) -> None:
        self.tapes, self.missing = tapes, missing

    def __call__(
        self,
        problem: Problem,
        state: State,
        grads: Any,
        numbers: Numbers,
        *,
        into: State | None = None,
        keep: frozenset[str] = frozenset(),
    ) -> tuple[State, Measured]:
        """Make the step by the given gradients."""
        left = state
        for tape in self.tapes:
            left = tape.made.left(problem, left, tape.cache)
        return stepped(problem, state, left, grads, numbers, self.missing, into)

    def compiled(
        self, executor: Any, problem: Any, state: Any, blocks: Sequence[Any], keep: frozenset[str]
    ) -> Ran[Any]:
        """Make the step by a program; passes that change statistics or states are repeated in it."""
        (grads,), missing = blocks, self.missing
        passes = [tape.made for tape in self.tapes]  # not the tapes: the program outlives them
        inputs = tuple((tape.x, tape.given_mask, tape.params) for tape in self.tapes)

        def function(problem: Problem, state: State, numbers: Any, given: Any) -> Any:
            grads, inputs = given
            left = state
            for k, (made, each) in enumerate(zip(passes, inputs, strict=True)):
                own = Pass(made.view.bound(problem), k)
                left = own.left(problem, left, own.forward(state, numbers, *each)[2])
            after, measured = stepped(problem, state, left, grads, numbers, missing)
            return after, (measured.losses[0], measured.good)

        key: Any = tuple((executor.compiler.structure(m.view.net), m.view.path) for m in passes)
        called = {run_name(k): run_name(made.number or 0) for k, made in enumerate(passes)}
        pairs = zip(passes, inputs, strict=True)
        whole = next((Batch(x, None) for m, (x, *_) in pairs if not m.view.path), None)
        begun = executor.placement.put(problem, state, executor.mesh, whole)
        given = ("apply", key, missing), function, problem, begun, (grads, inputs)
        after, told = alone(executor, *given, called)
        loss, good = executor.mesh.fetch(told)
        measured = Measured((float(loss),), (1,), (None,), None, bool(good))
        if not measured.good:
            return Ran(state, [], NotFiniteError(measured))
        return Ran(dressed(after, state)._replace(step=state.step + 1), [measured])


def stepped(
    problem: Problem,
    state: State,
    left: State,
    grads: Tree,
    numbers: Numbers,
    missing: frozenset[Path] = frozenset(),
    into: State | None = None,
) -> tuple[State, Measured]:
    """Return the state after a step by the gradients of all parameters, and the penalties.

    A step whose gradient is not finite is not made. Gradients in one vector are given away.
    """
    layout, vector = problem.layout, state.params.vector
    gradient = grads if type(grads) is np.ndarray else layout.parameters.flat(grads)
    loss = layout.penalties.value(vector, gradient) if layout.penalties else 0.0
    measured = Measured((loss,), (1,), (None,), None, finite(gradient, [loss] if layout.penalties else []))
    if missing:
        problem, into = without(problem, missing), None  # buffers of before lack what stays
    return moved(problem, state, left, gradient, numbers, into, measured.good), measured


def without(problem: Problem, missing: frozenset[Path]) -> Problem:
    """Return a problem whose steps leave some arrays unchanged."""
    layout = problem.layout
    places = zip(layout.parameters.paths, layout.parameters.slices, strict=True)
    kept = [part for path, part in places if path not in missing]
    starts = {part.start for part in kept}
    groups, sources = [], []
    for group, source in zip(layout.groups, layout.sources, strict=True):
        inside = [p for p in kept if group.start <= p.start and p.stop <= group.stop]
        groups += [group._replace(start=part.start, stop=part.stop) for part in inside]
        sources += [source] * len(inside)
    return replace(
        problem,
        layout=replace(
            layout,
            arrays=tuple(array for array in layout.arrays if array.part.start in starts),
            groups=tuple(groups),
            sources=tuple(sources),
            held=tuple(held for held in layout.held if held.part.start in starts),
        ),
    )


def collected(
    problem: Problem, grads: Any, like: Any, flat: bool = False
) -> tuple[Tree | Array, frozenset[Path]]:
    """Collect gradients in one tree; return it, and the paths of the arrays without a gradient.

    Parameters
    ----------
    problem : Problem
        What is trained.
    grads : tree, or several
        The given gradients; several are added.
    like : array
        An array of the library and the dtype of the weights.
    flat : bool
        Whether they may be one vector of NumPy in place of a tree.

    Raises
    ------
    UnknownNameError
        If there is no such parameter.
    ShapeError
        If a gradient does not have the shape of its parameter.
    """
    if problem.optimizer.full_batch:
        raise SettingError(
            f"apply: {type(problem.optimizer).__name__} looks at the loss at several points to make a step, "
            "and cannot make one by a gradient alone: compile with another optimizer"
        )
    layout = problem.layout.parameters
    if flat and type(grads) is dict and _count(grads, np.ndarray, like.dtype) == len(layout.paths):
        try:
            return layout.flat(grads), NONE
        except ShapeError:
            pass  # it is told below
    trees = [grads] if isinstance(grads, Mapping) else grads
    if not isinstance(trees, (list, tuple)) or not trees or not all(isinstance(t, Mapping) for t in trees):
        pair = isinstance(grads, tuple) and len(grads) == 2 and isinstance(grads[1], Mapping)
        hint = ": give the second of what backward returns, tape.backward(dy)[1]" if pair else ""
        raise SettingError(
            "apply: grads must be the gradients that tape.backward(dy) returns, dicts by layer and name, or "
            f"a list of such to be added, got {shown(grads)}{hint}"
        )
    if problem.layout.penalties and any(type(tree) is ByName for tree in trees):  # as it returns them
        raise SettingError(
            "apply: what model.gradients(x, y) returns has the penalties l1 and l2 in it, which apply adds: "
            "give the gradients of a pass, model.forward(x, train=True).backward(dy)[1]"
        )
    if len(trees) == 1 and _whole(layout, trees[0], like):
        return trees[0], NONE
    found = _found(problem, trees, like)
    missing = frozenset(path for path in layout.paths if path not in found)
    made: Tree = {}
    for path, shape in zip(layout.paths, layout.shapes, strict=True):
        none = path in missing
        made = put(made, path, namespace(like).zeros(shape, dtype=like.dtype) if none else found[path])
    return made, missing


def _found(problem: Problem, trees: Any, like: Any) -> dict[Path, Array]:
    """Return the gradients that are in some trees, by their paths, those of one parameter added."""
    found: dict[Path, Array] = {}
    named = problem.layout.layout, like, "apply: grads", "apply: the gradient of "
    for path, array in (leaf for tree in trees for leaf in placed(tree, *named)):
        if path not in problem.layout.buffers.paths:  # no gradient changes these
            found[path] = found[path] + array if path in found else array
    return found


def _whole(layout: Any, tree: Any, like: Array) -> bool:
    """Tell whether gradients cover all parameters, in the form that `Tape.backward` returns."""
    if type(tree) is not dict or _count(tree, type(like), like.dtype) != len(layout.paths):
        return False
    for path, shape in zip(layout.paths, layout.shapes, strict=True):
        found: Any = tree
        for name in path:
            found = found.get(name) if type(found) is dict else None
        if getattr(found, "shape", None) != shape:
            return False
    return True


def _count(tree: Any, kind: Any, dtype: Any) -> float:
    """Return how many arrays are in a tree; NaN if something else is, or an array of another dtype."""
    count = 0.0
    for branch in tree.values():
        if type(branch) is kind and branch.dtype == dtype:
            count += 1
        elif type(branch) is dict:
            count += _count(branch, kind, dtype) if branch else 0
        else:
            return math.nan
    return count


def leaving(problem: Problem, tape: Any, of: Any, missing: frozenset[Path]) -> tuple[Tape, ...]:
    """Return the tapes whose passes change running statistics or carried states.

    Raises
    ------
    SettingError
        If one of them is no tape of this model (`of`), or an inference where a training pass would differ; or
        if none passes a layer that has a gradient, and would leave something.
    """
    leaves_nothing = not problem.layout.buffers.paths and not problem.layout.stateful
    plain = tape is None or (isinstance(tape, Tape) and tape.of is of and tape.train)
    if leaves_nothing and plain and not missing:
        return ()
    tapes = () if tape is None else (tape,) if isinstance(tape, Tape) else tape
    if not isinstance(tapes, (list, tuple)) or not all(isinstance(each, Tape) for each in tapes):
        raise SettingError(
            f"apply: tape must be what model.forward(...) returns, or several, got {shown(tape)}"
        )
    if any(each.of is not of for each in tapes):
        raise SettingError(
            "apply: this tape is of another model: make the pass again, model.forward(x, train=True)"
        )
    for each in tapes:
        random = each.made.view.random
        if not each.train and (random or not leaves_nothing):
            what = (
                f"in which {random} did nothing"
                if random
                else "which leaves no running statistics and no states"
            )
            raise SettingError(
                f"apply: this tape is of an inference, {what}: make it with forward(x, train=True); "
                f"apply(grads, tape=()) {'is a step without' if random else 'leaves them as they are'}"
            )
    if (leaves_nothing or not tapes) and 0 < len(problem.layout.parameters.paths) == len(missing):
        raise SettingError("apply: there is no gradient in what was given: no parameter would change")
    if leaves_nothing:
        return ()
    if (tape is None or tapes) and (what := _not_passed(problem, tapes, missing)):
        which = (
            "the tapes of all passes, apply(grads, [one, other])" if tapes else "its tape, apply(grads, tape)"
        )
        raise SettingError(
            f"apply: {what}, which only a training pass through it can tell: give {which}; "
            "apply(grads, tape=()) leaves them as they are"
        )
    return tuple(tapes)


def _not_passed(problem: Problem, tapes: Sequence[Tape], missing: frozenset[Path]) -> str:
    """Return which layer with a gradient would leave something in a pass, but was not passed; "" if none."""
    if any(each.made.view.net is problem.net for each in tapes):
        return ""
    layout = problem.layout
    if (found := vars(layout).get("_leaving")) is None:
        found = vars(layout)["_leaving"] = {path: "carries its states on" for path in layout.stateful} | {
            path[:-1]: "has running statistics"
            for path in layout.buffers.paths
            if not any(owner.frozen is True for owner in owners(problem.net, path))
        }
    passed = {path for each in tapes for path in each.made.view.places}
    for path, what in found.items():
        own = [array for array in layout.parameters.paths if array[: len(path)] == path]
        if path not in passed and not (own and missing.issuperset(own)):
            return f"{dotted(path)} {what}"
    return ""


def check_recent(tape: Tape, state: State) -> None:
    """Raise if a pass was not made from this state: what it leaves behind belongs to another."""
    if tape.state is not state:
        raise SettingError(
            "apply: this tape is made before the weights last changed: make the pass again, "
            "model.forward(x, train=True)"
        )


def not_finite(step: int, grads: Tree, whose: str = "") -> NonFiniteError:
    """Return the error that tells where a gradient is not finite."""
    where = "what the penalties add"
    for path, array in leaves(grads):
        given = np.asarray(array)
        if not np.isfinite(given).all():
            index = tuple(map(int, np.argwhere(~np.isfinite(given))[0]))
            where = f"{given[index]:g} at {index} in the gradient of {dotted(path)}"
            break
    return NonFiniteError(
        f"step {step}: the gradient{whose} is not finite; the first number that is not is {where}. "
        "The weights of before are kept, and what the optimizer remembers"
    )
