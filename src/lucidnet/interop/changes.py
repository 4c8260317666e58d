"""Settings changed on a living model since it was compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ..core.owners import LEFT
from ..core.trees import Path
from ..core.value import Value, from_config, to_config
from ..errors import FileError
from ..layers import walk
from ..layers.settings import changed as layers_changed
from ..layers.settings import places
from ..optimizers import Optimizer
from ..optimizers.settings import changed as optimizer_changed
from ..optimizers.settings import kind, settable

Changes: TypeAlias = Mapping[Path, Mapping[str, Any]]
"""Changed settings of layers by path and name; those of the optimizer are at the path ()."""

Base: TypeAlias = tuple[Any, Optimizer]
"""The network and optimizer that a model was compiled with."""

OPTIMIZER: Path = ()


def of_net(changes: Changes) -> Changes:
    """Return only the changes of layers."""
    return {path: own for path, own in changes.items() if path != OPTIMIZER}


def with_settings(
    changes: Changes, layer: Any, settings: Mapping[str, Any], net: Any, arrays: Any
) -> Changes:
    """Return the changes with further settings of the optimizer, or of layers by name or pattern."""
    paths = [OPTIMIZER] if layer is None else places(net, layer, settings, arrays)
    return {**changes, **{path: {**changes.get(path, {}), **settings} for path in paths}}


def applied(base: Base, changes: Changes) -> Base:
    """Apply changes to network and optimizer; raise as their constructors do if one does not fit."""
    optimizer = optimizer_changed(base[1], changes.get(OPTIMIZER, {}))
    return layers_changed(base[0], of_net(changes)), optimizer


def essential(base: Base, changes: Changes) -> Changes:
    """Return the changes without settings that equal those of the base."""
    layers, known = dict(walk(base[0])), settable(base[1])

    def differs(path: Path, name: str, value: Any) -> bool:
        before = getattr(layers[path], name) if path else known[name]
        return value is not before and (type(value) is not type(before) or bool(value != before))

    kept = {
        path: {name: value for name, value in own.items() if differs(path, name, value)}
        for path, own in changes.items()
    }
    return {path: own for path, own in kept.items() if own}


def towards(base: Base, changes: Changes, optimizer: Optimizer) -> tuple[Base, Changes]:
    """Return base and changes that give an optimizer; one of another kind becomes part of the base."""
    if kind(optimizer) == kind(base[1]):
        wrapped = isinstance(getattr(optimizer, "optimizer", None), Optimizer)
        given = settable(optimizer)
        if wrapped:
            del given["optimizer"]  # whose settings are there
        return base, essential(base, {**of_net(changes), OPTIMIZER: given})
    return (base[0], optimizer), of_net(changes)


def merged(mine: Changes, begun: Changes, kept: Changes) -> Changes:
    """Merge a model's changes with those of the training that it resumes.

    Parameters
    ----------
    mine : Changes
        Those of the model that goes on.
    begun, kept : Changes
        Those with which the training that was written down began, and those it had come to.

    What the training has set on its way counts, unless the model has been given something else since.
    """
    made: dict[Path, dict[str, Any]] = {}
    for path in {**mine, **kept, **begun}:
        own, first, last = (dict(changes.get(path, {})) for changes in (mine, begun, kept))
        for name in own | first | last:
            same = _at(own, name) == _at(first, name)
            source = last if same else own
            if name in source:
                made.setdefault(path, {})[name] = source[name]
    return made


def _at(settings: Mapping[str, Any], name: str) -> tuple[bool, Any]:
    return name in settings, settings.get(name)


def to_plain(changes: Changes) -> list[Any]:
    """Convert changes to lists, dicts, numbers and texts, ready for JSON."""
    return [
        [list(path), {name: to_config(value) for name, value in own.items()}] for path, own in changes.items()
    ]


def from_plain(plain: Any, known: Mapping[str, type]) -> Changes:
    """Return the changes that `to_plain` described.

    Raises
    ------
    FileError
        If the description is not of that kind.
    UnknownNameError
        If it names a class that is not known.
    """
    made = {}
    for entry in plain if isinstance(plain, list) else [None]:
        if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], dict)):
            raise FileError(f"settings: expected pairs of a path and a dict, got {entry!r}")
        path, own = entry
        if not (isinstance(path, list) and all(isinstance(name, str) for name in path)):
            raise FileError(f"settings: expected the path of a layer, got {path!r}")
        made[tuple(path)] = {name: from_config(value, known) for name, value in own.items()}
    return made


def resumed(loop: Any, description: Mapping[str, Any], situation: Mapping[str, Any]) -> Changes:
    """Return the changes of a model whose training is resumed; see `merged`.

    What this very training has set since the file was written, before it was interrupted, counts for nothing
    if nobody has set anything else since.

    Parameters
    ----------
    loop : Loop
        The training that goes on, of a model as it is now.
    description : dict
        That of the file: under ``"set"`` what had been set when it was written.
    situation : dict
        How far the training was: under ``"begun"``, as JSON, what had been set when it began.
    """
    import json

    from .registry import registry

    model = loop.model
    known = {**classes(model.net, model.optimizer), **registry()}
    given = (json.loads(situation.get("begun", "[]")), description.get("set", []))
    begun, kept = (from_plain(plain, known) for plain in given)
    if LEFT.get(model) == (situation.get("run"), model.changes):
        loop.begun = begun
        return kept
    return merged(model.changes, begun, kept)


def classes(*values: Any) -> dict[str, type]:
    """Return the classes of values, and of the values among their settings, by name."""
    found: dict[str, type] = {}
    for value in values:
        if isinstance(value, Value):
            found |= {type(value).__name__: type(value)} | classes(*vars(value).values())
        elif isinstance(value, (tuple, list)):
            found |= classes(*value)
    return found
