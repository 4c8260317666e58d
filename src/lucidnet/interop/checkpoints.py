"""Which files of a folder are checkpoints, of which training, and which is the newest."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.packing import SENSELESS, difference, whole
from ..core.trees import Tree, leaves
from ..core.value import to_config
from ..errors import ContentError, FileError, MismatchError, SettingError
from . import container
from .registry import registry

COMPARED = ("net", "input_shape", "dtype", "seed", "loss", "optimizer", "rule", "metrics", "table", "classes")
"""What must be equal in a model to resume its training; `Loop.facts` returns the rest."""

DAMAGED = "remove it, so that the one before it is used"
"""Advice for a checkpoint that makes no sense."""

OWN = re.compile(r"step-(\d{8,})\.safetensors")
"""The names of checkpoints; a file so named is ours if it describes a training, or cannot be read."""

LEFT = re.compile(r"\.(step-\d{8,}|best)\.safetensors\.[0-9a-f]{8}\.safetensors")
"""The names of files left unfinished when their process was killed (`core.files.write`)."""


class Found(NamedTuple):
    """A checkpoint file: its training (None if it cannot be read) and its step."""

    run: str | None
    step: int
    path: Path


def checkpoint(path: Path) -> Found | None:
    """Identify a checkpoint file; None if it is none."""
    if (name := OWN.fullmatch(path.name)) is None or not path.is_file():
        return None
    run: str | None = None
    with suppress(FileError):
        training = container.describe(path).get("training")
        if training is None:  # somebody's model
            return None
        inner = training.get("dict") if isinstance(training, dict) else None
        run = str(inner.get("run") or "") if isinstance(inner, dict) else ""
    return Found(run, int(name[1]), path)


def found(folder: Path) -> list[Found]:
    """Return the checkpoints in a folder, the last training's at the end; other files are ignored."""
    made = [one for path in folder.glob("step-*") if (one := checkpoint(path)) is not None]
    last = max((one.run for one in made if one.run is not None), default="")
    return sorted(made, key=lambda one: (last if one.run is None else one.run, one.step))


def place(folder: Path, step: int) -> Path:
    """Return the path for a step's checkpoint, with more zeros if another kind of file has that name."""
    width = 8
    while (path := folder / f"step-{step:0{width}}.safetensors").exists() and checkpoint(path) is None:
        width += 1
    return path


def later(folder: Path, run: str) -> str:
    """Return the name of a training, or one that sorts behind all in a folder if the clock was put back."""
    last = max((one.run for one in found(folder) if one.run is not None), default="")
    return run if run >= last else f"{last}+{run}"


def prune(folder: Path, run: str, keep: int, step: int) -> None:
    """Remove a training's older checkpoints, and left-over temporary files; keep all other files.

    Those of later steps than the present one are older, too: steps have been counted anew since.

    Call it only while holding the folder's lock.
    """
    for path in folder.glob(".*.safetensors"):
        if LEFT.fullmatch(path.name):
            path.unlink(missing_ok=True)
    own = [one for one in found(folder) if one.run == run]
    now = [one for one in own if one.step <= step]
    for old in [one for one in own if one not in now[-keep:]]:
        old.path.unlink(missing_ok=True)


def newest(folder: Path) -> tuple[Path, Any, dict[str, Any]] | None:
    """Return path and content of the newest undamaged checkpoint; None if there are no checkpoints.

    Raises
    ------
    FileError
        If there are some, but all of them are damaged.
    """
    faults = list[FileError]()
    for one in reversed(found(folder)):
        try:
            last = one.path, *container.read(one.path)
        except FileError as error:
            faults.append(error)
            continue
        for fault in faults:
            warnings.warn(f"{fault}. Going on from the checkpoint before it, {one.path.name}.", stacklevel=2)
        return last
    if faults:
        why = f"all its checkpoints are damaged: {faults[0].file} {faults[0].reason}"
        raise FileError(folder, why, "remove the folder to begin anew") from faults[0]
    return None


def cycle_began(folder: str | os.PathLike[str], now: int) -> int:
    """Return the step at which the one cycle of a folder's newest training began; `now` if there is none.

    Who goes on with it has made some of its steps already, or none yet, in a new process.
    """
    with suppress(FileError, OSError, *SENSELESS):  # whatever is wrong, `fit` says it
        given = container.describe(found(Path(folder))[-1].path)["optimizer"]
        rate = given.get("optimizer", given)["learning_rate"]
        return whole(rate["starts"][-1] if rate["type"] == "Sequence" else 0)
    return now


@contextmanager
def undone(loop: Any) -> Iterator[None]:
    """Give a model back what it had, if its training turns out not to go on from what a checkpoint holds."""
    model = loop.model
    before = model.changes, model.state, model.history
    try:
        yield
    except BaseException:
        if not loop.ready:
            model.changes, model.state, model.history = before
        raise


def compare(
    path: Path, mine: Any, facts: Mapping[str, Any], description: Mapping[str, Any], situation: dict[str, Any]
) -> None:
    """Raise if a checkpoint belongs to another training.

    Parameters
    ----------
    path : Path
        The checkpoint.
    mine : dict
        What `model_file.describe` says of the model that shall go on.
    facts : dict
        With what data and settings it is trained.
    description, situation : dict
        What the checkpoint says of its model, and of its training.
    """
    mine = json.loads(json.dumps(mine))
    pairs = [(name, mine[name], completed(description.get(name), mine[name])) for name in COMPARED]
    theirs = situation.get("facts")
    if theirs is None and situation.keys() & {"run", "epoch"} == {"epoch"}:
        warnings.warn(
            f"{path} is of an older version, which did not write down with what data and settings it was "
            "trained: whether they are the same is not checked, this once",
            stacklevel=2,
        )
    elif not isinstance(theirs, dict):
        raise FileError(path, "does not say with what data and settings it was trained", DAMAGED)
    else:
        pairs += [(name, value, theirs.get(name)) for name, value in facts.items()]
    for where, given, kept in [difference(*pair) for pair in pairs if pair[1] != pair[2]]:
        kind = ContentError if where.partition(".")[0].endswith("data") else MismatchError
        reason = f"is of another training: {where} is {given!r} here, and {kept!r} there"
        raise kind(path, reason, "use the same to go on, or another folder to begin anew")


def completed(theirs: Any, mine: Any) -> Any:
    """Complete the description of a value by settings that its class has gained since, at their defaults."""
    if isinstance(theirs, list) and isinstance(mine, list) and len(theirs) == len(mine):
        return [completed(*pair) for pair in zip(theirs, mine, strict=True)]
    if not isinstance(theirs, dict) or not isinstance(mine, dict):
        return theirs
    made = {name: completed(value, mine.get(name)) for name, value in theirs.items()}
    kind = registry().get(str(mine.get("type"))) if mine.get("type") == theirs.get("type") else None
    for known in fields(kind) if kind is not None and is_dataclass(kind) else ():
        if known.name in mine and known.name not in made and known.default is not MISSING:
            made[known.name] = json.loads(json.dumps(to_config(known.default)))
    return made


def check_finite(trees: Tree) -> None:
    """Raise if a number is not finite, as no training makes such a step."""
    if not all(np.isfinite(array).all() for _, array in leaves(trees)):
        raise FileError("its weights are not all finite, as those of a training always are")


def claimed(loop: Any, kept: list[Any]) -> None:
    """Give the callbacks of a loop their saved states; those that nobody claims are noted.

    Of several callbacks of one class, each is given the first that fits it, so their order does not matter.

    Raises
    ------
    MismatchError
        If a state fits none of the callbacks of its class.
    FileError
        If a saved state makes no sense.
    """
    misfits: dict[str, Exception] = {}
    for callback in loop.callbacks:
        name = type(callback).__name__
        for mine in [one for one in kept if one[0] == name]:
            try:
                callback.restore(loop, mine[1])
            except (FileError, SettingError) as error:
                misfits.setdefault(name, error)
                continue
            except SENSELESS as error:
                raise FileError(f"what the checkpoint holds of {name} makes no sense ({error!r})") from error
            kept.remove(mine)
            break
    for name, state in kept:
        if why := misfits.get(name):
            raise MismatchError(f"what the checkpoint holds of {name} does not fit: {why}") from why
        if state is not None:
            loop.progress.note(f"{name} is no more among the callbacks: what it remembered is left out")
