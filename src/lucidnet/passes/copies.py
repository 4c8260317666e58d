"""Copying weights from one model to another: all, some, or part of the way."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from ..backend import Parts
from ..backend.layout import Flat, Layout
from ..core.settings import between, shown, taken
from ..core.trees import Path, dotted
from ..errors import SettingError, ShapeError, UnknownNameError, suggestion

TAU = between(0, 1)


def share(tau: Any) -> Any:
    """Return how far to go to other weights, from 0 to 1; inside a program its value is not known yet."""
    if type(tau) is float and 0.0 <= tau <= 1.0:
        return tau
    if getattr(tau, "shape", None) == () and getattr(tau.dtype, "kind", "") in "iuf":  # of a batch
        try:
            tau = float(tau)
        except TypeError:
            return tau
    return taken("copy_weights", "tau", tau, TAU)


def blended(ours: Flat, theirs: Flat, parts: Any, tau: float) -> Flat:
    """Blend one model's parameters with another's; see `Model.copy_weights`.

    Parameters
    ----------
    ours, theirs : Flat
        The parameters.
    parts : str or sequence of str, optional
        The layers to copy, all if not given.
    tau : float
        How far to go, from 0 to 1.
    """
    layout, here, there = ours.layout, ours.vector, theirs.vector
    if parts is None and type(here) is np.ndarray and _alike(layout, theirs.layout):
        there = there if there.dtype == here.dtype else there.astype(here.dtype)
        if tau == 1:
            return layout.bind(there.copy())
        made = there - here
        made *= here.dtype.type(tau)
        made += here
        return layout.bind(made)
    chosen, whole = meant(layout.paths, parts), type(tau) is float and tau == 1
    known = dict(zip(theirs.layout.paths, _arrays(theirs), strict=True))
    arrays = []
    for path, array in zip(layout.paths, _arrays(ours), strict=True):
        if path not in chosen:
            arrays.append(array)
            continue
        other = known.get(path)
        if other is None or other.shape != array.shape:
            got = "is not there" if other is None else f"has shape {other.shape}"
            raise ShapeError(
                f"copy_weights: {dotted(path)} has shape {array.shape} here, and {got} in the other model, "
                "so nothing was copied: say which layers, copy_weights(other, ['encoder'])"
            )
        other = other if other.dtype == array.dtype else other.astype(array.dtype)
        arrays.append(other if whole else array + tau * (other - array))
    return layout.bind(layout.parts(arrays)) if isinstance(ours.vector, Parts) else _joined(layout, arrays)


def _alike(layout: Layout, other: Layout) -> bool:
    """Tell whether two layouts are equal; that is noted, as a target is updated again and again."""
    known = vars(layout)
    if known.get("_alike") is not other:
        if layout != other:
            return False
        known["_alike"] = other
    return True


def _arrays(params: Flat) -> Collection[Any]:
    vector = params.vector
    found: Collection[Any] = vector.arrays if isinstance(vector, Parts) else params.layout.arrays(vector)
    return found


def _joined(layout: Any, arrays: Iterable[Any]) -> Flat:
    made: Flat = layout.bind(np.concatenate([array.reshape(-1) for array in arrays]))
    return made


def meant(paths: Collection[Path], parts: Any) -> Collection[Path]:
    """Return the paths of the arrays of the named layers; all paths if no layers are named.

    Raises
    ------
    UnknownNameError
        If a name is that of no layer with weights.
    """
    if parts is None:
        return paths
    names = [parts] if isinstance(parts, str) else parts
    if not isinstance(names, (list, tuple, set, frozenset)) or not names:
        raise SettingError(f"copy_weights: parts must be the names of layers, got {shown(parts)}")
    known = {dotted(path[:depth]): path[:depth] for path in paths for depth in range(1, len(path))}
    for name in names:
        if name not in known:
            raise UnknownNameError(
                f"copy_weights: parts: no layer with weights is called {name!r}: "
                f"{suggestion(str(name), known)}"
            )
    begins = [known[name] for name in names]
    return {path for path in paths if any(path[: len(begin)] == begin for begin in begins)}
