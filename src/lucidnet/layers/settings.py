"""Settings for layers inside a network, by layer name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..backend import Tree
from ..core.trees import Path, at, leaves
from ..core.value import of_library
from ..errors import SettingError, UnknownNameError, lookup, short, suggestion
from .base import Layer, check_frozen, walk
from .rebuild import rebuilt

SHARED = ("frozen", "learning_rate", "l1", "l2", "weight_decay", "constraint")
"""Settings that can be changed for any layer with parameters; some act on weights alone."""

ON_WEIGHTS = ("l1", "l2", "constraint")
"""Settings that act on the arrays that a layer names in `penalized`."""


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
    weights = _weights(net, arrays or ())
    known = {path: dict.fromkeys(_settable(layer, path, arrays, weights)) for path, layer in layers.items()}
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


def _settable(layer: Layer, path: Path, arrays: Collection[Path] | None, weights: set[Path]) -> list[str]:
    """Return the names of the settings that have an effect on a layer."""
    if arrays is None:  # then a layer with an `init` of its own may make parameters
        leaves = [
            leaf for _, leaf in walk(layer) if not leaf.children() and type(leaf).init is not Layer.init
        ]
        trained, acted = bool(leaves), any(leaf.penalized for leaf in leaves)
    else:
        trained, acted = (_any_within(some, path) for some in (arrays, weights))
    shared = [name for name in SHARED if trained and (acted or name not in ON_WEIGHTS)]
    return [*shared, *layer.schedulable]


def _any_within(arrays: Iterable[Path], path: Path) -> bool:
    """Tell whether any of some arrays belongs to the layer at a path, or to one inside of it."""
    return any(place[: len(path)] == path for place in arrays)


def _weights(net: Layer, arrays: Iterable[Path]) -> set[Path]:
    """Return which of the arrays are named in `penalized` by the layer that owns them."""
    layers = dict(walk(net))
    owner = {place: max(k for k in range(len(place)) if place[:k] in layers) for place in arrays}
    return {place for place, depth in owner.items() if place[-1] in layers[place[:depth]].penalized}


def refuse_idle(net: Layer, params: Tree) -> None:
    """Raise `SettingError` if a layer has a setting for parameters that it, and what is inside, has not."""
    weights = _weights(net, [place for place, _ in leaves(params)])
    for path, layer in walk(net):
        given = [name for name in (*SHARED, "rule") if getattr(layer, name) not in (None, False)]
        inside = [place[-1] for place, _ in leaves(at(params, path))] if given else []
        if given and not inside:
            raise SettingError(
                f"{layer.describe()}: {given[0]} has no effect, because this layer has no parameters; "
                "set it on a layer that has some"
            )
        idle = [name for name in given if name in ON_WEIGHTS]
        if idle and not _any_within(weights, path):
            own = "" if of_library(layer) else "; a layer of your own names its weights in `penalized`"
            raise SettingError(
                f"{layer.describe()}: {idle[0]} has no effect, because it acts on weights, and this layer "
                f"has none, only {', '.join(sorted(set(inside)))}; leave it out{own}"
            )
        check_frozen(layer, at(params, path))


def without_idle(net: Any, arrays: Collection[Path]) -> Any:
    """Return a network without penalties and constraints that have nothing to act on, as old files may have.

    Parameters
    ----------
    net : Layer
        The network.
    arrays : collection of Path
        Where it has parameters.
    """
    weights = _weights(net, arrays)

    def wrap(layer: Layer, made: Layer, path: Path) -> Layer:
        given: dict[str, Any] = {name: None for name in ON_WEIGHTS if getattr(made, name) is not None}
        return replace(made, **given) if given and not _any_within(weights, path) else made

    return rebuilt(net, wrap)


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
        if not _any_within(settings, path):
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
