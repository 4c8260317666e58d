"""What users ask of a model: activations, gradients, parameters, what another activation would change.

Everything is computed on NumPy, whatever the model is trained on, from a state that nobody writes to. The
model does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from ..backend import Array, Tree
from ..backend.memory import sealed
from ..core.numeric import numeric
from ..core.text import ByName, Several
from ..core.trees import Path, by_layer, dotted, joined, leaves, mapped, part_of, tree_map
from ..data.batch import Batch, rows
from ..data.named import inputs as named_inputs
from ..engine.build import problem_of
from ..engine.parameters import ParameterLayout
from ..engine.problem import Problem
from ..engine.protocol import Trainee
from ..engine.state import State
from ..engine.update import measured_gradient, predict, training_run
from ..errors import (
    LucidnetError,
    NotReadyError,
    SettingError,
    ShapeError,
    UnknownNameError,
    nearest,
    some,
    suggestion,
)
from ..foreign import answering
from ..layers import Layer, Run, walk
from ..layers.base import INFERENCE, Cache, Mask
from ..layers.penalties import chain_rule
from ..layers.rebuild import Wrapper, rebuilt, thawed
from ..training.checks import as_inputs, example_shape
from .watching import Calls, watch

ROWS = 1000
"""The number of rows passed through the network together."""


# --- activations ----------------------------------------------------------------------------------


def activations(model: Trainee, x: Any, layers: Any = None, mask: Any = None) -> dict[str, Any]:
    """Compute the outputs of a model's layers for some inputs; see `Model.activations`."""
    x, mask = _inputs(model, x, mask)
    params, parts = model.state.params, list[dict[str, Any]]()
    for part in _slices(x):
        given = tree_map(lambda array, part=part: array[part], x), part_of(mask, part)
        with watch(model.net) as calls, np.errstate(over="ignore", invalid="ignore"):
            predict(calls.net, params, *given)
        found = _outputs(calls)
        chosen = _chosen(model.net, found, layers)
        parts.append({name: y for name, y in found.items() if name in chosen})
    return ByName(mapped(sealed, joined(parts)))


def _outputs(calls: Calls) -> dict[str, Any]:
    """Return the outputs of all layers by name; the second use of a layer is called ``name#2``."""
    found: dict[str, Any] = {}
    uses: dict[Path, int] = {}
    for call in calls:
        if call.path and not call.is_inner:
            uses[call.path] = number = uses.get(call.path, 0) + 1
            found[dotted(call.path) if number == 1 else f"{dotted(call.path)}#{number}"] = call.y
    return found


def _chosen(net: Layer, found: Iterable[str], layers: Any) -> set[str]:
    """Return the names of the outputs whose layers have one of these names, or match a pattern."""
    if layers is None:
        return set(found)
    given = (layers,) if isinstance(layers, str) else layers
    if not isinstance(given, Iterable) or not all(isinstance(name, str) for name in given):
        raise SettingError(
            f"activations: expected the names of layers, such as 'dense1' or ['conv*'], got {layers!r}"
        )
    chosen = set[str]()
    for pattern in given:
        meant = {name for name in found if any(fits(n, pattern) for n in (name, name.partition("#")[0]))}
        if not meant:
            known = _names(net)
            if not any(fits(name, pattern) for name in known):
                raise _unknown("activations", pattern, known)
            raise SettingError(
                f"activations: {pattern!r} has no output of its own: the layer around it uses it in parts"
            )
        chosen |= meant
    return chosen


def fits(name: str, pattern: str) -> bool:
    """Tell whether something is called so, or by a pattern: a name may hold what patterns are made of."""
    return name == pattern or fnmatchcase(name, pattern)


def not_recorded(model: Trainee, pattern: str, known: Sequence[str]) -> SettingError:
    """Return the error about a name under which nothing can be recorded; there are those in `known`."""
    pattern = pattern.removesuffix("/*")
    kinds = dict.fromkeys(name.partition("/")[0] for name in known)
    if pattern.partition("/")[0] == "weight_alignment" and "weight_alignment" not in kinds:
        from ..rules.registry import Rule, short_name

        rule = short_name(model.problem.rule or Rule())
        return SettingError(
            f"record: nothing is called {pattern!r} here: it compares feedback weights with the weights that "
            f"they stand for, and the rule {rule!r} has none: leave it out"
        )
    near = nearest(pattern, [*kinds, *known])
    meant = f"; did you mean {near!r}?" if near else ""
    return SettingError(f"record: nothing is called {pattern!r}; there are {some(known, 12)}{meant}")


def _names(net: Layer) -> dict[str, Path]:
    """Return the paths of all layers, by the names that `summary` shows."""
    return {dotted(path): path for path, _ in walk(net) if path}


def _unknown(what: str, name: Any, known: Iterable[str]) -> LucidnetError:
    return UnknownNameError(f"{what}: no layer is called {name!r}: {suggestion(name, known)}")


# --- gradients ------------------------------------------------------------------------------------


def gradients(
    model: Trainee, x: Any, y: Any, sample_weight: Any = None, mask: Any = None, rule: Any = None
) -> dict[str, dict[str, Array]]:
    """Compute the gradients of the next training step; see `Model.gradients`."""
    batch = model.checked(x, y, None, sample_weight, mask).batch(slice(None))
    problem, state = model.problem, model.state
    if rule is not None:
        problem, state = _ruled(model, problem, state, rule)
    return by_layer(step_gradient(problem, state, batch).items())


def _ruled(model: Trainee, problem: Problem, state: State, rule: Any) -> tuple[Problem, State]:
    """Return problem and state as if the model had been compiled with another rule."""
    from ..rules import Rule, get

    own = get(rule)
    if own == Rule():
        return replace(problem, objective=replace(problem.objective, rule=None)), state
    if own == model.rule:
        return problem, state
    given = (model.net, problem.loss, problem.optimizer, own, state.params, model.input_shape)
    other = problem_of(*given)
    return other, state._replace(feedback=other.start(state.params, state.seed).feedback)


def step_gradient(problem: Problem, state: State, batch: Batch, *more: Batch) -> dict[Path, Array]:
    """Return the gradient of a step on batches, by parameter path; it may not be finite."""
    problem = replace(problem, objective=replace(problem.objective, net=thawed(problem.objective.net)))
    with np.errstate(over="ignore", invalid="ignore"):
        vector = measured_gradient(problem, state, [batch, *more]).gradient
    return _by_path(problem, vector)


def step_activations(model: Trainee, batch: Batch) -> dict[str, Any]:
    """Return what the layers put out in the next training step on a batch, by name."""
    state = model.state
    run = training_run(state, batch)
    with watch(model.net) as calls, np.errstate(over="ignore", invalid="ignore"):
        calls.net.flow(state.params, batch.x, run)
    return _outputs(calls)


def _by_path(problem: Problem, vector: Array) -> dict[Path, Array]:
    """Return the arrays of a vector, by path; the vector becomes read-only."""
    vector.flags.writeable = False
    return dict(leaves(problem.layout.parameters.unravel(vector)))


def input_gradient(model: Trainee, x: Any, y: Any, mask: Any = None) -> Any:
    """Compute the gradient of the loss by the inputs; see `Model.input_gradient`."""
    data = model.checked(x, y, None, None, mask)
    objective, params, parts, counts = model.problem.objective, model.state.params, [], []
    # With several outputs each loss is a mean over its own values, so all rows go together.
    for part in _slices(data.x) if not isinstance(data.target, dict) else [slice(None)]:
        batch = data.batch(part)
        with np.errstate(over="ignore", invalid="ignore"):
            made = objective.evaluate(params, batch, Run(mask=batch.mask))
            parts.append(_input_error(objective.net, params, made.cache, objective.loss.backward(made.kept)))
        counts.append(float(objective.loss.terms(made.y, made.mask)))
    if len(parts) > 1:  # each is the gradient of a mean of its own
        total = sum(counts) or 1
        parts = [
            mapped(lambda dx, n=n: dx * dx.dtype.type(n / total), dx)
            for n, dx in zip(counts, parts, strict=True)
        ]
    return mapped(sealed, joined(parts))


def _input_error(net: Layer, params: Tree, cache: Cache, dy: Any) -> Any:
    """Return the error at the inputs, as far as they have a gradient."""
    whole = [dotted(path) for path, layer in walk(net) if not layer.differentiable]
    try:
        send = chain_rule(net)
        dx, _ = send("", net, params, cache, dy, need_dx=True)
    except (AttributeError, TypeError):
        if not whole:
            raise
        dx = None  # a layer below one for whole numbers got no error
    if isinstance(dx, dict):
        dx = {name: array for name, array in dx.items() if array is not None} or None
    if dx is None:
        raise SettingError(
            f"input_gradient: {', '.join(map(repr, whole)) or 'the network'} takes whole numbers, by which "
            "nothing has a gradient; ask for gradients(x, y), or for its activations"
        )
    return dx


# --- what if --------------------------------------------------------------------------------------


class Replaced(Wrapper):
    """A layer whose output is replaced.

    Parameters
    ----------
    layer : Layer
        The layer.
    made : Layer
        The same, with what stands in the places of the layers inside.
    change : callable
        From its output to what takes its place.
    """

    def __init__(self, layer: Layer, made: Layer, change: Callable[[Any], Any]) -> None:
        Wrapper.__init__(self, layer)
        self._made, self._change = made, change

    def forward(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache]:
        """Return the replaced output, and the layer's cache."""
        y, cache = self._made.forward(params, x, run)
        return self._change(y), cache

    def flow(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache, Mask]:
        """Return the replaced output, the layer's cache, and the mask of the output."""
        y, cache, mask = self._made.flow(params, x, run)
        return self._change(y), cache, mask


def intervene(model: Trainee, x: Any, changes: Any, mask: Any = None) -> Any:
    """Compute a model's outputs with something replaced inside; see `Model.intervene`."""
    x, mask = _inputs(model, x, mask)
    known = _names(model.net)
    if not isinstance(changes, Mapping):
        raise SettingError(
            f"intervene: expected a dict such as {{'dense1': 0}} of layers and what replaces their outputs, "
            f"got {changes!r}"
        )
    for name in changes:
        if name not in known:
            raise _unknown("intervene", name, known)
    used = set[str]()

    def wrap(layer: Layer, made: Layer, path: Path) -> Any:
        name = dotted(path)
        if known.get(name) != path or name not in changes:
            return made

        def change(y: Any) -> Any:
            used.add(name)
            return _changed(name, y, changes[name])

        return Replaced(layer, made, change)

    with np.errstate(over="ignore", invalid="ignore"):
        out, _ = predict(rebuilt(model.net, wrap), model.state.params, x, mask)
    for name in changes:
        if name not in used:
            raise SettingError(
                f"intervene: {name!r} has no output of its own, as the layer around it uses it in parts; "
                "replace that one's"
            )
    return mapped(lambda array: sealed(np.array(array)), out)


def _changed(name: str, y: Any, change: Any) -> Array:
    """Return what replaces an output."""
    if not isinstance(y, np.ndarray):
        raise SettingError(f"intervene: {name!r} gives several arrays; replace what the layers in it give")
    made = change
    if callable(change):
        made = change(y.copy())
        if made is None:
            raise SettingError(
                f"intervene: the function for {name!r} returns None, not what takes the output's place"
            )
    made = numeric(made, f"intervene: what replaces {name!r}")
    try:
        return np.array(np.broadcast_to(made, y.shape), y.dtype)
    except ValueError:
        raise ShapeError(
            f"intervene: the output of {name!r} has shape {y.shape}, what is to take its place {made.shape}"
        ) from None


# --- parameters -----------------------------------------------------------------------------------


LastStep: TypeAlias = tuple[State, Problem, Any]
"""What the last `train_step` did: the state it made, what was trained, its `source` or batch."""


@dataclass(frozen=True, eq=False)
class _Gradients:
    """The gradients of a past step, computed on first use.

    They follow from the state before the step, and from the result of its backward pass, or else from the
    batch.
    """

    problem: Problem
    state: State
    source: Any

    @cached_property
    def by_path(self) -> dict[Path, Array]:
        given = self.source() if callable(self.source) else self.source
        if isinstance(given, Batch):
            return step_gradient(self.problem, self.state, given)
        layout = self.problem.layout
        vector = layout.parameters.flat(given)
        for penalty in layout.penalties:
            penalty.value(self.state.vector, vector)
        return _by_path(self.problem, vector)

    def __reduce__(self) -> Any:
        return _known, (self.by_path,)  # a file cannot hold arrays on a device


def _known(by_path: dict[Path, Array]) -> _Gradients:
    """Wrap gradients that are known already."""
    made = object.__new__(_Gradients)
    vars(made)["by_path"] = by_path
    return made


@answering
@dataclass(frozen=True, eq=False, repr=False)
class Parameter:
    """One array of a model: its name, its value, and its gradient.

    It is a snapshot: it does not follow the model as it learns on.

    Parameters
    ----------
    name : str
        Its name, as ``"dense1.W"``.
    value : array
        Its numbers, which are read-only; `Model.set_params` sets a model's.
    trained : bool
        Whether training changes it by its gradient: not so for frozen layers and running statistics.
    """

    name: str
    value: Array
    trained: bool
    _step: _Gradients | None
    _path: Path

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its value."""
        return self.value.shape  # type: ignore[no-any-return]

    @property
    def gradient(self) -> Array | None:
        """The gradient that the last `train_step` took, with penalties, unclipped; None if there is none.

        There is none before any step, after the model was changed by anything but a `train_step` (`fit`,
        `set_weights`, `compile`), in a copy of the model, for running statistics, and for arrays that are not
        trained: a step does not compute that (`Model.gradients` does).
        """
        return None if self._step is None or not self.trained else self._step.by_path.get(self._path)

    def __repr__(self) -> str:
        frozen = "" if self.trained else ", not trained"
        return f"Parameter({self.name!r}, {' x '.join(map(str, self.shape))}{frozen})"


def parameters(model: Trainee, last: LastStep | None) -> tuple[Parameter, ...]:
    """List the arrays of a model in the order of its layers; see `Model.parameters`.

    Parameters
    ----------
    model : Trainee
        The model.
    last : LastStep, optional
        Its last `train_step`.
    """
    executor, step = model.executor, None
    with executor.lock:
        state, before = model.state, executor.remembered
        if last is not None and last[0] is model.live and before is not None:
            step = _Gradients(last[1], executor.host(before), last[2])  # no step overwrites it from now on
    layout = ParameterLayout.of(model.net, state.params)
    begins = {array.part.start for array in layout.arrays}
    places = zip(layout.parameters.paths, layout.parameters.slices, strict=True)
    trained = {path for path, part in places if part.start in begins and part.stop > part.start}
    return Several(
        Parameter(dotted(path), array, path in trained, step, path) for path, array in leaves(state.params)
    )


# --- arrays ---------------------------------------------------------------------------------------


def _inputs(model: Trainee, x: Any, mask: Any) -> tuple[Any, Array | None]:
    """Check inputs and mask, and convert them for the network; build the model if necessary."""
    x = named_inputs(model, x)
    try:
        shape = model.input_shape
    except NotReadyError:
        model.build(example_shape(x))
        shape = model.input_shape
    x, mask, _ = as_inputs(x, shape, model.dtype, model.net, mask)
    return tree_map(lambda array: array.astype(model.dtype, copy=False), x), mask


def _slices(x: Any) -> Iterator[slice]:
    for start in range(0, rows(x), ROWS):
        yield slice(start, start + ROWS)
