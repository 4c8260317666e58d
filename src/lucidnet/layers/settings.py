"""Settings for layers inside a network, by layer name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..core.trees import Path
from ..errors import SettingError, UnknownNameError, lookup, short, suggestion
from .base import Layer, walk
from .rebuild import rebuilt

SHARED = ("frozen", "learning_rate", "l1", "l2", "weight_decay", "constraint")
"""Settings that can be changed for any layer with parameters."""


def places(
    net: Layer, given: str | Iterable[str], settings: Iterable[str], arrays: Collection[Path] | None = None
) -> list[Path]:
    """Return the paths of the layers that names or patterns select; they must have these settings.

    Parameters
    ----------
    net : Layer
        The network.
    given : str or iterable of str
        Names as in `Model.summary`, those inside a container after a dot (``"block.dense1"``), or patterns
        (``"dense*"``, ``"block.*"``): they mean the layers of that depth that have all these settings.
    settings : iterable of str
        The names of the settings.
    arrays : collection of Path, optional
        Where the network has parameters, if that is known.

    Raises
    ------
    UnknownNameError
        If there is no such layer, or it has no such setting.
    """
    layers = {path: layer for path, layer in walk(net) if path}
    names, found = {".".join(path): path for path in layers}, dict[Path, None]()
    known = {path: dict.fromkeys(_settable(layer, path, arrays)) for path, layer in layers.items()}
    several = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else ()
    if not several or not all(isinstance(name, str) for name in several):
        raise SettingError(f"layer: expected the name of a layer, a pattern or several, got {given!r}")
    for name in several:
        if name in names:
            for setting in settings:
                lookup(f"setting of layer {name!r}", setting, known[names[name]])
            found[names[name]] = None
            continue
        fitting = [path for path in layers if _fits(path, name)]
        if not fitting:
            raise UnknownNameError(
                f"there is no layer {short(name)} in this network: {suggestion(name, names)}"
            )
        several_known = {setting: None for path in fitting for setting in known[path]}
        for setting in settings:
            lookup(f"setting of the layers {name!r}", setting, several_known)
        having = [path for path in fitting if set(settings) <= known[path].keys()]
        if not having:
            raise UnknownNameError(
                f"none of the layers {name!r} has all of {', '.join(settings)}: set them one by one"
            )
        found |= dict.fromkeys(having)
    return list(found)


def _fits(path: Path, pattern: str) -> bool:
    parts = pattern.split(".")
    from fnmatch import fnmatchcase

    return len(parts) == len(path) and all(map(fnmatchcase, path, parts))


def _settable(layer: Layer, path: Path, arrays: Collection[Path] | None) -> tuple[str, ...]:
    """Return the names of the settings that have an effect on a layer."""
    if arrays is None:  # then a layer with an `init` of its own may make parameters
        trained = any(type(leaf).init is not Layer.init for _, leaf in walk(layer) if not leaf.children())
    else:
        trained = any(place[: len(path)] == path for place in arrays)
    return (*(SHARED if trained else ()), *layer.schedulable)


def changed(net: Any, settings: Mapping[Path, Mapping[str, Any]]) -> Any:
    """Return a network with other settings in some layers, by path; all other layers are shared.

    Raises
    ------
    SettingError
        If a value is not what the layer takes, or would have no effect.

    Examples
    --------
    >>> from lucidnet.layers import Dense, Sequential
    >>> changed(Sequential([Dense(2), Dense(1)]), {("dense1",): {"frozen": True}})
    Sequential((Dense(2, name='dense0'), Dense(1, name='dense1', frozen=True)))
    """

    def wrap(layer: Layer, made: Layer, path: Path) -> Layer:
        if not any(place[: len(path)] == path for place in settings):
            return layer
        return replace(made, **settings[path]) if path in settings else made

    if not settings:
        return net
    known = {".".join(path): path for path, _ in walk(net)}
    for path in settings:
        lookup("layer", ".".join(path), known)
    made = rebuilt(net, wrap)
    for path, own in settings.items():
        around = [outer for place, outer in walk(made) if place == path[: len(place)] and place != path]
        if own.get("frozen") is False and (frozen := [outer for outer in around if outer.frozen]):
            raise SettingError(
                f"frozen=False of layer {'.'.join(path)!r} has no effect, because {frozen[0].name!r} "
                "around it is frozen: set frozen=False there"
            )
    return made
