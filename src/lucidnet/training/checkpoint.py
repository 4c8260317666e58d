"""Checkpoints: a whole training saved to a file, and resumed bit by bit.

A checkpoint is a model file, which `lucidnet.load` reads, with more in it: what the optimizer remembers, the
states of stateful layers, how far the loop has got, the callbacks' own states. Random numbers need no place:
they are a function of the seed, the step and the place in the network.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.files import make_folder
from ..core.packing import number, pack, sensible, text, unpack, whole
from ..core.trees import tree_map
from ..engine.protocol import Executor
from ..engine.state import FeedbackState, State
from ..errors import FileError
from ..metrics.base import state_of
from .history import History

if TYPE_CHECKING:
    from .loop import Loop


def write(loop: Loop, path: Path) -> None:
    """Write a checkpoint atomically: the file appears whole or not at all."""
    from ..interop import container
    from ..interop.model_file import continuing, describe, tensors

    model: Any = loop.model
    state = model.state
    arrays, description = tensors(state), describe(model)
    description["training"] = pack(continuing(state) | _situation(loop), "@training", arrays)
    if not model.executor.main:
        return
    description["machine"] = {"python": platform.python_version(), "numpy": np.__version__}
    make_folder(path.parent)
    container.write(path, arrays, description)


def _situation(loop: Loop) -> dict[str, Any]:
    """Return everything that changes in a training, except for the model's state."""
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
    """Set a loop and its model to a folder's newest checkpoint; return the callbacks' states.

    None means that there is no checkpoint.

    If there are several processes, all must see it; the first continues the sums of the epoch.

    Raises
    ------
    MismatchError
        If a setting of model or training differs from the checkpoint's; only epochs may be added.
    ContentError
        If the data differ from the checkpoint's.
    FileError
        If the checkpoint is damaged, or holds something that no training has written.
    """
    from ..interop.checkpoints import DAMAGED, compare, newest
    from ..interop.model_file import comparable

    last = newest(folder)
    _agree(loop.model.executor, folder, None if last is None else last[0].name)
    if last is None:
        return None
    path, description, arrays = last
    with sensible("what it says of the training", path, DAMAGED):
        situation = dict(unpack(description["training"], arrays))
        compare(path, comparable(loop.model, description), loop.facts, description, situation)
        return _go_on(loop, description, situation, arrays)


def _go_on(loop: Loop, description: Any, situation: dict[str, Any], arrays: dict[str, Any]) -> list[Any]:
    """Set a loop and its model to the contents of a checkpoint; return the callbacks' states."""
    from ..interop.changes import resumed
    from ..interop.model_file import remember

    model: Any = loop.model
    model.changes = resumed(loop, description, situation)
    model.state = _state(model, situation, arrays)
    model.history = remember(History(), description, situation["recorded"])
    loop.epoch, loop.batch, loop.first = (whole(situation[name]) for name in ("epoch", "batch", "first"))
    loss, terms, states, *several = situation["tally"]  # the last is missing in older files
    states = [state_of(*pair) for pair in zip(model.metrics, states, strict=True)]
    states = states if loop.model.executor.main else loop.tally.states
    parts = tuple((number(total), number(count)) for total, count in (several[0] if several else ()))
    loop.tally.go_on((number(loss), number(terms), states, parts))
    loop.stopped, loop.run_name = text(situation.get("stopped")), text(situation.get("run")) or ""
    return [[str(name), state] for name, state in situation["callbacks"]]


def _agree(executor: Executor, folder: Path, name: str | None) -> None:
    """Raise if the processes do not all see the same checkpoint."""
    names = executor.gather(name)
    if len(set(names)) > 1:
        raise FileError(folder, f"the processes see different checkpoints, {names}", "use one folder for all")


def _state(model: Any, situation: dict[str, Any], arrays: dict[str, Any]) -> State:
    from ..interop.checkpoints import check_finite
    from ..interop.model_file import FEEDBACK, continued, fitted

    layout = model.problem.layout.layout
    params = layout.bind(layout.ravel(fitted(arrays, model.params)))
    feedback = FeedbackState(tree_map(np.array, fitted(arrays, model.feedback, FEEDBACK)), {})
    state = continued(model.problem, State(params, {}, {}, feedback, 0, model.seed), situation)
    check_finite({"weights": state.vector, "feedback": feedback.weights, "carried": state.carried})
    return state
