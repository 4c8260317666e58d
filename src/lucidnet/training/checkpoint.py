"""Checkpoints: a training written down whole, and gone on with bit by bit.

A checkpoint is a model file, which `lucidnet.load` reads, with more in it: what the optimizer remembers,
the states of stateful layers, how far the loop is, the callbacks' own states. Random numbers need no
place: they are a function of the seed, the step and the place in the network.
"""

from __future__ import annotations

import json
import platform
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.packing import difference, pack, sensible, shaped_like, unpack, whole
from ..core.trees import tree_map
from ..engine.protocol import Executor
from ..engine.state import FeedbackState, State
from ..errors import DataError, FileError, SettingError
from .history import History

if TYPE_CHECKING:
    from .loop import Loop

COMPARED = ("net", "input_shape", "dtype", "seed", "loss", "optimizer", "rule", "metrics")
"""What must be the same of a model to go on; `Loop.facts` is the rest."""


def write(loop: Loop, path: Path) -> None:
    """Write a checkpoint; it appears whole or not at all."""
    from ..interop import container
    from ..interop.model_file import continuing, describe, tensors

    model: Any = loop.model
    state = model.state
    arrays, description = tensors(state), describe(model)
    description["training"] = pack(continuing(state) | _situation(loop), "@training", arrays)
    if not model.executor.main:
        return
    description["machine"] = {"python": platform.python_version(), "numpy": np.__version__}
    path.parent.mkdir(parents=True, exist_ok=True)
    container.write(path, arrays, description)


def _situation(loop: Loop) -> dict[str, Any]:
    """Return all that changes in a training, but for the model's state."""
    from ..interop.changes import to_plain

    return {
        "begun": json.dumps(to_plain(loop.begun)),
        "epoch": loop.epoch,
        "batch": loop.batch,
        "first": loop.first,
        "tally": loop.tally.merged(loop.model.executor).parts(),
        "recorded": loop.model.history.steps,
        "stopped": loop.stopped,
        "run": loop.run_name,
        "facts": loop.facts,
        "callbacks": [(type(callback).__name__, callback.state()) for callback in loop.callbacks],
    }


def restore(loop: Loop, folder: Path) -> list[Any] | None:
    """Set a loop and its model to the newest checkpoint of a folder; return the states of its callbacks.

    None means that there is no checkpoint.

    Of several processes all must see it; the first goes on with the sums of the epoch.

    Raises
    ------
    SettingError
        If a setting of model or training is not that of the checkpoint; there may be more epochs.
    DataError
        If the data are not those of the checkpoint.
    """
    from ..interop.checkpoints import newest

    last = newest(folder)
    _agree(loop.model.executor, folder, None if last is None else last[0].name)
    if last is None:
        return None
    path, description, arrays = last
    with sensible(str(path)):
        situation = dict(unpack(description["training"], arrays))
    _compare(loop, path, description, situation)
    with sensible(str(path)):
        return _go_on(loop, description, situation, arrays)


def _go_on(loop: Loop, description: Any, situation: dict[str, Any], arrays: dict[str, Any]) -> list[Any]:
    """Set a loop and its model to what a checkpoint holds; return the states of the callbacks."""
    from ..interop.changes import resumed

    model: Any = loop.model
    model.changes = resumed(model, description, situation)  # `loop.begun` stays: with what this process began
    model.state = _state(model, situation, arrays)
    model.history = History({k: list(map(float, v)) for k, v in description["history"].items()})
    recorded = situation["recorded"].items()
    model.history.steps = {name: [(whole(step), v) for step, v in pairs] for name, pairs in recorded}
    loop.epoch, loop.batch, loop.first = (whole(situation[name]) for name in ("epoch", "batch", "first"))
    loss, terms, states, *several = situation["tally"]  # the last is missing in older files
    states = shaped_like(states, loop.tally.states)
    states = states if loop.model.executor.main else loop.tally.states
    parts = tuple((float(total), float(count)) for total, count in (several[0] if several else ()))
    loop.tally.go_on((float(loss), float(terms), states, parts))
    loop.stopped, loop.run_name = situation.get("stopped"), str(situation.get("run") or "")
    return [(name, state) for name, state in situation["callbacks"]]


def _agree(executor: Executor, folder: Path, name: str | None) -> None:
    """Raise if other processes do not see the same checkpoint."""
    names = executor.gather(name)
    if len(set(names)) > 1:
        raise FileError(
            f"{folder}: the processes see different checkpoints there, {names}; it must be one folder for all"
        )


def _state(model: Any, situation: dict[str, Any], arrays: dict[str, Any]) -> State:
    from ..interop.model_file import FEEDBACK, continued, fitted

    layout = model.problem.layout.layout
    params = layout.bind(layout.ravel(fitted(arrays, model.params)))
    feedback = FeedbackState(tree_map(np.array, fitted(arrays, model.feedback, FEEDBACK)), {})
    return continued(model.problem, State(params, {}, {}, feedback, 0, model.seed), situation)


def _compare(loop: Loop, path: Path, description: dict[str, Any], situation: dict[str, Any]) -> None:
    """Raise if a checkpoint is of another training."""
    from ..interop.model_file import comparable

    mine = comparable(loop.model, description)
    pairs = [(name, mine[name], description.get(name)) for name in COMPARED]
    if (facts := situation.get("facts")) is None and situation.keys() & {"run", "epoch"} == {"epoch"}:
        warnings.warn(
            f"{path} is of an older version, which did not write down with what data and settings it was "
            "trained: whether they are the same is not checked, this once",
            stacklevel=2,
        )
    elif not isinstance(facts, dict):
        raise FileError(f"{path}: does not say with what data and settings it was trained: it is damaged")
    else:
        pairs += [(name, value, facts.get(name)) for name, value in loop.facts.items()]
    with sensible(str(path)):
        differences = [difference(*pair) for pair in pairs if pair[1] != pair[2]]
    for where, given, kept in differences:
        kind = DataError if where.partition(".")[0].endswith("data") else SettingError
        raise kind(
            f"{path} is of another training: {where} is {given!r} here, and {kept!r} there; "
            "use the same to go on, or another folder to begin anew"
        )
