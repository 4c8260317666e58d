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
from ..errors import FileError, SettingError
from .history import History

if TYPE_CHECKING:
    from .loop import Loop

COMPARED = ("net", "input_shape", "dtype", "seed", "loss", "optimizer", "rule")
"""What must be the same to go on."""


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
        "callbacks": [(type(callback).__name__, callback.state()) for callback in loop.callbacks],
    }


def newest(folder: Path) -> tuple[Path, Any, dict[str, Any]] | None:
    """Return the newest whole checkpoint of a folder with its content; None if there is none at all.

    Raises
    ------
    FileError
        If there are some, but all of them are damaged.
    """
    from ..interop import container

    paths = sorted(folder.glob("step-*.safetensors"), reverse=True)
    for path in paths:
        try:
            return path, *container.read(path)
        except FileError as error:
            warnings.warn(f"{error} Going on from the checkpoint before it.", stacklevel=2)
    if paths:
        raise FileError(f"{folder}: all its checkpoints are damaged; remove the folder to begin anew")
    return None


def restore(loop: Loop, folder: Path) -> bool:
    """Set a loop and its model to the newest checkpoint of a folder; return False if there is none.

    Of several processes all must see it; the first goes on with the sums of the epoch.

    Raises
    ------
    SettingError
        If network, data, loss, optimizer, rule, seed or dtype are not those of the checkpoint.
    """
    found = newest(folder)
    _agree(loop.model.executor, folder, None if found is None else found[0].name)
    if found is None:
        return False
    path, description, arrays = found
    with sensible(str(path)):
        situation = unpack(description["training"], arrays)
    _compare(loop, path, description)
    with sensible(str(path)):
        _go_on(loop, description, situation, arrays)
    return True


def _go_on(loop: Loop, description: Any, situation: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Set a loop and its model to what a checkpoint holds."""
    from ..interop.changes import resumed

    model: Any = loop.model
    model.changes = loop.begun = resumed(model, description, situation)
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
    states = list(situation["callbacks"])
    for callback in loop.callbacks:
        mine = next((kept for kept in states if kept[0] == type(callback).__name__), None)
        if mine is not None:
            states.remove(mine)
            callback.restore(loop, mine[1])


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


def _compare(loop: Loop, path: Path, description: dict[str, Any]) -> None:
    """Raise if a checkpoint is of another training."""
    from ..interop.model_file import describe

    mine = json.loads(json.dumps(describe(loop.model)))
    for name in COMPARED:
        if mine[name] != description.get(name):
            where, given, kept = difference(name, mine[name], description.get(name))
            raise SettingError(
                f"{path} is of another training: {where} is {given!r} here, and {kept!r} there; "
                "use the same settings to go on, or another folder to begin anew"
            )
