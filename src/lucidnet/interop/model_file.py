"""A model in one file: weights, architecture, settings, history."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np

from ..backend import Array, Tree
from ..core.epochs import EpochLists
from ..core.packing import NUMBERS, by_epoch, measured, pack, text, unpack, whole
from ..core.settings import count, taken
from ..core.text import short
from ..core.trees import Path, at, leaves
from ..core.value import from_config, to_config
from ..data.named import table_to_plain
from ..engine.problem import Problem
from ..engine.state import State
from ..errors import FileError, LucidnetError, SettingError, UnknownNameError
from ..initializers import Fitting
from ..layers import Sequential, walk
from ..layers.blank import BlankStream, blank_init
from ..layers.settings import changed, without_idle
from ..layers.shapes import LENGTH, input_shapes, zeros
from .changes import Changes, of_net, to_plain

M = TypeVar("M")
E = TypeVar("E", bound=EpochLists)

FEEDBACK = "@feedback/"
"""The key prefix of a learning rule's feedback weights."""

LATEST = 1 << 31
"""A bound on the number of steps: devices count them in 32 bits."""

OWN = "pass layers, losses, optimizers and rules of your own as custom={'Name': Class}"
OTHER = "load it with the version of lucidnet, and the classes in custom, that it was saved with"


SUFFIX = ".safetensors"
ELSEWHERE = {
    ".onnx .py": "lucidnet.export(model, path) writes that",
    ".pt .pth .bin": "the weights are arrays by name in that file, which safetensors.torch.load_file reads",
    ".h5 .hdf5 .keras": "the weights are arrays by name in that file, and model.params has them here",
    ".pkl .pickle .joblib": "pickle.dump(model, file) writes a copy for the same version of lucidnet",
    ".npz .npy": "numpy.savez writes arrays such as those of model.params",
}
"""What to do to get a file of another kind."""


def save(model: Any, path: str | os.PathLike[str], optimizer: bool = True) -> None:
    """Write a model; the keys of its arrays are paths such as ``dense1/W``.

    Parameters
    ----------
    model : Model
        The model.
    path : path
        Where to; its suffix is ``.safetensors``.
    optimizer : bool
        Whether the optimizer's memory is written, too.

    Raises
    ------
    SettingError
        If the suffix is that of another kind of file; nothing is written then.
    """
    check_suffix(path)
    from . import container

    state = model.state
    arrays, description = tensors(state), describe(model)
    description["state"] = pack(continuing(state, optimizer), "@state", arrays)
    description["recorded"] = pack(_recorded(model.history.copied()), "@recorded", arrays)
    container.write(path, arrays, description)


def _recorded(history: EpochLists) -> dict[str, Any]:
    """Return what a history has recorded between epochs: steps, and values as one array if that can be."""
    found = {}
    for name, recorded in history.steps.items():
        steps, values = zip(*recorded, strict=True)
        arrays = [np.asarray(value) for value in values]
        pairs = zip(values, arrays, strict=True)
        if wrong := [value for value, array in pairs if array.dtype.kind not in NUMBERS]:
            raise SettingError(
                f"save: history.steps[{name!r}] holds {short(wrong[0])}: only numbers and arrays of numbers "
                "can be written down; remove it from history.steps first"
            )
        alike = len({(array.shape, array.dtype) for array in arrays}) == 1
        found[name] = np.array(steps), np.stack(arrays) if alike else arrays
    return found


def kept_in(description: Mapping[str, Any], tensors: Mapping[str, Array]) -> tuple[Any, Any]:
    """Return what a file holds for a training to go on, None if nothing, and what was recorded.

    A checkpoint has both among the rest of its training.
    """
    training = unpack(description.get("training"), dict(tensors)) or {}
    state, recorded = (unpack(description.get(name), dict(tensors)) for name in ("state", "recorded"))
    return state or training or None, recorded or training.get("recorded", {})


def remember(made: E, description: Mapping[str, Any], recorded: Mapping[str, Any]) -> E:
    """Fill an empty history with what a file describes, and with what was recorded; return it.

    Raises
    ------
    FileError
        If what it says makes no sense.
    """
    made.update(by_epoch(description["history"]))
    made.stopped = text(description.get("stopped"))
    for name, given in recorded.items():
        pairs = given if isinstance(given, list) else _pairs(name, *given)  # a checkpoint has a list of pairs
        made.steps[name] = [(whole(step), measured(value)) for step, value in pairs]
    return made


def _pairs(name: str, steps: Array, values: Any) -> Iterable[tuple[int, Any]]:
    """Return pairs of a step and what was recorded then, of what `_recorded` returned."""
    if steps.dtype.kind not in "iu" or steps.ndim != 1 or len(steps) != len(values):
        raise FileError(f"recorded: {name}: expected a value for each step")
    single = isinstance(values, np.ndarray) and values.ndim == 1
    return zip(steps.tolist(), values.tolist() if single else values, strict=True)


def check_suffix(path: str | os.PathLike[str]) -> None:
    """Raise if a file name has another suffix than `save` writes, and say how to write such files.

    Raises
    ------
    SettingError
        If the suffix is not ``.safetensors``.
    """
    suffix = os.path.splitext(os.fspath(path))[1]
    if str(suffix).lower() != SUFFIX and not os.path.isdir(path):
        way = next(
            (f": {way}" for kinds, way in ELSEWHERE.items() if str(suffix).lower() in kinds.split()), ""
        )
        raise SettingError(f"save: expected a file name that ends in {SUFFIX}, got {os.fspath(path)!r}{way}")


def tensors(state: State) -> dict[str, Array]:
    """Return weights and feedback weights, by their keys in a file."""
    found = {"/".join(path): array for path, array in leaves(state.params)}
    return found | {FEEDBACK + "/".join(path): array for path, array in leaves(state.feedback.weights)}


def continuing(state: State, optimizer: bool = True) -> dict[str, Any]:
    """Return what else a training needs to go on, besides weights, feedback weights and seed."""
    memory = {"slots": state.memory, "taught": state.feedback.memory} if optimizer else {}
    return {"step": int(state.step), "carried": state.carried} | memory


def continued(problem: Problem, state: State, kept: Any) -> State:
    """Return a state that goes on from what `continuing` returned.

    Raises
    ------
    FileError
        If that is not what this optimizer, this rule and these layers remember.
    """
    if not isinstance(kept, dict):
        raise FileError(f"state: expected a dict, got {type(kept).__name__}")
    step, carried = kept.get("step"), kept.get("carried")
    if type(step) is not int or not 0 <= step < LATEST:
        raise FileError(f"state: step must be a whole number from 0 to {LATEST - 1:,}, got {step!r}")
    _check_carried(problem, state, carried)
    taught, slots = kept.get("taught", {}), kept.get("slots")
    vector = state.vector[: problem.layout.parameters.size]
    if slots is None:
        if not state.memory and problem.optimizer.init_slots(vector):
            raise FileError("state: what the optimizer remembers is not there")
        return state._replace(step=step, carried=carried)
    _check_slots(
        "slots",
        slots,
        problem.optimizer.init_slots(vector),
        state,
        len(vector) * problem.optimizer.full_batch,
    )
    needed: Mapping[str, Array] = {}
    if taught:
        from ..engine.feedback import fresh_memory

        needed = fresh_memory(problem, state.feedback.weights)
    _check_slots("taught", taught, needed, state)
    feedback = state.feedback._replace(memory=taught)
    return state._replace(step=step, carried=carried, memory=slots, feedback=feedback)


def _check_slots(what: str, given: Any, expected: Mapping[str, Array], state: State, pairs: int = 0) -> None:
    """Raise unless the slots are those that an optimizer expects; a search's have `pairs` columns."""
    if not isinstance(given, dict) or not all(isinstance(slot, np.ndarray) for slot in given.values()):
        raise FileError(f"state: {what} must be arrays by name, got {type(given).__name__}")
    found = {name: (slot.shape, slot.dtype) for name, slot in given.items()}
    needed = {name: (slot.shape, slot.dtype) for name, slot in expected.items()}
    if pairs and given:
        like = next(iter(found.values()))[0][:1]
        needed = dict.fromkeys(("moves", "changes"), ((*like, pairs), state.vector.dtype))
    if found != needed:
        raise FileError(f"state: {what} are {_listed(found)}, the optimizer needs {_listed(needed)}")


def _check_carried(problem: Problem, state: State, carried: Any) -> None:
    """Raise unless these are the carried states of the stateful layers, for one batch size."""
    if carried == {}:
        return
    layers: dict[Path, Any] = dict(walk(problem.objective.net))
    needed = {
        (*path, name): layers[path].units for path in problem.layout.stateful for name in layers[path].carried
    }
    found = dict(leaves(carried))
    arrays = [array for array in found.values() if isinstance(array, np.ndarray)]
    if found.keys() != needed.keys() or len(arrays) != len(found):
        raise FileError(f"state: carried states are {sorted(found)}, the layers need {sorted(needed)}")
    rows = {array.shape[:1] for array in arrays}
    for path, array in found.items():
        if len(rows) > 1 or array.shape[1:] != (needed[path],) or array.dtype != state.vector.dtype:
            raise FileError(
                f"state: the carried state {'/'.join(path)} is {array.dtype} of shape {array.shape}"
            )


def _listed(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {_text(what)}" for name, what in found.items()) or "none"


def _metrics(model: Any) -> Any:
    """Return the metrics of a model as they were given."""
    if not model.metrics:
        return ()
    from ..metrics.outputs import as_given

    return as_given(model.metrics)


def describe(model: Any) -> dict[str, Any]:
    """Describe all of a model but its weights, as plain dicts, lists, numbers and strings."""
    net, optimizer = model.base or (model.net, None)
    return {
        "net": to_config(net),
        "input_shape": model.input_shape,
        "dtype": model.dtype,
        "mixed": model.config.mixed,
        "seed": model.seed,
        "loss": to_config(model.loss),
        "optimizer": to_config(optimizer),
        "rule": to_config(model.rule),
        "metrics": to_config(_metrics(model)),
        "history": dict(model.history),
        "stopped": model.history.stopped,
        "about": model.about,
        "set": to_plain(model.changes),
        "table": table_to_plain(model.table),
        "classes": None if model.classes is None else list(model.classes),
    }


def comparable(model: Any, other: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's description in JSON form, for comparison with another's.

    An initializer left at its default is described as the other model's: initial weights have done their
    work.
    """
    import json

    described: dict[str, Any] = _filled_in(json.loads(json.dumps(describe(model))), other)
    return described


def _filled_in(mine: Any, other: Any) -> Any:
    if mine == to_config(Fitting()) and other is not None:
        return other
    if isinstance(mine, dict) and isinstance(other, Mapping):
        return {name: _filled_in(value, other.get(name)) for name, value in mine.items()}
    if isinstance(mine, list) and isinstance(other, list) and len(mine) == len(other):
        return [_filled_in(*pair) for pair in zip(mine, other, strict=True)]
    return mine


Build: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Array], Mapping[str, type], int], M]
"""From a description, arrays by key, known classes and a number of bytes to a model."""


MOST = 1 << 32
"""The most bytes that a model file may have by default."""


def load(
    path: str | os.PathLike[str], custom: Mapping[str, type] | None, build: Build[M], max_bytes: int = MOST
) -> M:
    """Return the model of a file. Nothing in the file is executed.

    Parameters
    ----------
    path : path
        A file that `Model.save` wrote.
    custom : mapping of str to class, optional
        Your own classes of layers, losses or optimizers, by name.
    build : callable
        What makes the model.
    max_bytes : int
        How many bytes the file may have, and the arrays that are made in memory when it is loaded.

    Raises
    ------
    FileError
        If the file is damaged, too large, of a newer version, or names classes that are not known.
    """
    from . import container
    from .registry import registry

    most = taken("load", "max_bytes", max_bytes, count(1))
    known = registry(custom)
    description, tensors = container.read(path, most)
    try:
        return build(description, tensors, known, most)
    except UnknownNameError as error:
        raise FileError(path, f"the model in it cannot be built: {error}", OWN) from error
    except Exception as error:  # whatever else a strange description causes, also in users' own classes
        remedy = getattr(error, "remedy", "") or OTHER
        raise FileError(path, f"the model in it cannot be built: {_reason(error)}", remedy) from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"has no {error}"
    if isinstance(error, FileError):
        return str(error.reason)
    return str(error) if isinstance(error, LucidnetError) else f"{type(error).__name__}: {error}"


def network(
    description: Mapping[str, Any], known: Mapping[str, type], tensors: Iterable[str] | None = None
) -> Any:
    """Build the network of a description; if the keys of the arrays are given, without idle settings."""
    net = from_config(description["net"], known)
    if not isinstance(net, Sequential) and type(net).__name__ != "Graph":
        raise FileError(f"expected a Sequential or a Graph as network, got {type(net).__name__}")
    return net if tensors is None else without_idle(net, [tuple(key.split("/")) for key in tensors])


def parameters(
    description: Mapping[str, Any], tensors: Mapping[str, Array], known: Mapping[str, type]
) -> tuple[Tree, Any]:
    """Return the weights, which must fit the described network, and the shape of one input."""
    given = description["input_shape"]
    shape = {k: tuple(v) for k, v in given.items()} if isinstance(given, dict) else tuple(given)
    # Blank, so that nothing is allocated but what the file holds.
    expected, _ = blank_init(network(description, known), shape, description["dtype"])
    return fitted(tensors, expected), shape


def check_rule(
    model: Any, changes: Changes, params: Tree, shape: Any, tensors: Mapping[str, Array], max_bytes: int
) -> None:
    """Raise if a file's feedback weights do not fit the model's rule; called before any are made.

    Where they belong is found by a pass of one example of zeros, whose cost is estimated first. They may
    belong to the network as it was compiled, or only since settings of its layers were changed.

    Raises
    ------
    FileError
        If so, or if the pass would take too much.
    """
    from ..engine.build import credit_rule
    from ..engine.objective import Objective

    loss, _, rule = model._chosen
    if (own := credit_rule(model.net, rule)) is None:
        return
    from ..rules.feedback import edge_shapes

    net = Objective.of(model.net, loss, own).net
    numbers = _numbers_of_pass(net, shape)
    if numbers > max_bytes >> 8:
        raise FileError(
            "",
            f"a pass to find the feedback weights of {rule!r} would make {numbers:,} numbers, more than "
            "max_bytes / 256, so large are the inputs of the layers",
            "if you trust the file pass a larger max_bytes",
        )
    edges = edge_shapes(net, params, zeros(shape, model.dtype))
    if of_net(changes):
        net = Objective.of(changed(model.net, of_net(changes)), loss, own).net
        edges |= edge_shapes(net, params, zeros(shape, model.dtype))
    stream = BlankStream(dtype=model.dtype, path=("feedback",))
    fitted(tensors, own.space.begin(net, own, params, edges, stream), FEEDBACK)


def _numbers_of_pass(net: Any, shape: Any) -> int:
    """Estimate how many numbers a pass of one example computes; a loop's time steps count extra."""
    layers: dict[Path, Any] = dict(walk(net))
    total = 0
    for path, given in input_shapes(net, shape, known_only=True).items():
        several = given if given and isinstance(given[0], tuple) else (given,)
        sizes = [[LENGTH if size is None else size for size in one] for one in several]
        total += sum(math.prod(one) for one in sizes)
        total += STEP * sizes[0][0] if layers[path].carried and sizes[0] else 0
    return total


STEP = 512
"""A time step of a recurrent layer takes as long as computing this many numbers."""


def fitted(tensors: Mapping[str, Array], expected: Tree, prefix: str = "") -> Tree:
    """Return the arrays whose keys have a prefix (without one: the weights) as a tree like another."""
    mine = {
        name.removeprefix(prefix): array
        for name, array in tensors.items()
        if (name.startswith(prefix) if prefix else not name.startswith("@"))
    }
    if prefix == FEEDBACK:  # the count of times for UORO's signs is not in older files
        counts = (path for path, _ in leaves(expected) if path[-2:] == ("time", "steps"))
        mine = {"/".join(path): at(expected, path) for path in counts} | mine
    return fit(mine, expected)


def fit(tensors: Mapping[str, Array], expected: Tree) -> Tree:
    """Return arrays as a tree like the expected one; raise if names, shapes or dtypes differ."""
    shapes = {"/".join(path): (array.shape, array.dtype) for path, array in leaves(expected)}
    found = {name: (array.shape, array.dtype) for name, array in tensors.items()}
    for name in sorted(shapes.keys() | found.keys()):
        if shapes.get(name) != found.get(name):
            raise FileError(
                f"array {name}: {_text(found.get(name))}, the layers need {_text(shapes.get(name))}"
            )
    return _filled(expected, tensors, ())


def _filled(tree: Tree, tensors: Mapping[str, Array], path: Path) -> Tree:
    if isinstance(tree, dict):
        return {name: _filled(branch, tensors, (*path, name)) for name, branch in tree.items()}
    return tensors["/".join(path)]


def _text(what: Any) -> str:
    return "no such array" if what is None else f"{what[1]} of shape {what[0]}"
