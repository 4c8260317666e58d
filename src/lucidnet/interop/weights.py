"""Loading weights from elsewhere, by name and shape: all of them, or none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Array, Tree
from ..core.finite import finite_in
from ..core.text import Report
from ..core.trees import leaves
from ..errors import DataError, FileError, SettingError, ShapeError, some
from ..foreign.networks import converted
from . import container
from .header import DAMAGED


@dataclass(frozen=True, repr=False)
class LoadReport(Report):
    """Which weights were loaded: true if all of them were, and none was left over.

    Parameters
    ----------
    loaded : tuple of str
        The names of the weights that were set, as ``"dense1.W"``.
    missing : tuple of str
        Weights of the model that the source lacks; they are unchanged.
    unexpected : tuple of str
        Weights of the source that the model lacks.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.missing and not self.unexpected

    def __str__(self) -> str:
        listed = (("missing", self.missing), ("unexpected", self.unexpected))
        rest = "".join(f", {title}: {', '.join(names)}" for title, names in listed if names)
        return f"LoadReport({len(self.loaded)} loaded{rest})"


def read(source: Any) -> tuple[dict[str, Array], Any]:
    """Read weights from a file or a tree, by names such as ``"dense1.W"``, with a file's input shape."""
    if isinstance(source, Mapping):
        return _named("the tree", ((".".join(path), array) for path, array in leaves(_tree(source)))), None
    if not isinstance(source, (str, os.PathLike)):
        raise SettingError(
            f"load_weights: expected the path of a file, or a tree like params, got {type(source).__name__}"
            f"{converted(source)}"
        )
    description, arrays = container.read_any(source)
    weights = ((name.replace("/", "."), array) for name, array in arrays.items() if not name.startswith("@"))
    shape = description.get("input_shape") if isinstance(description, dict) else None
    return _named(str(source), weights), _shape(str(source), shape)


def _named(source: str, pairs: Iterable[tuple[str, Any]]) -> dict[str, Array]:
    """Return numeric arrays by name; raise if a name occurs twice."""
    found: dict[str, Array] = {}
    for name, array in pairs:
        if name in found:
            raise SettingError(f"load_weights: {source} has two arrays named {name!r}")
        found[name] = _numbers(name, array)
    return found


def matched(
    given: Mapping[str, Array], expected: Tree, strict: bool, dtype: str
) -> tuple[dict[str, Array], LoadReport]:
    """Match given arrays to a tree by name; report those missing and those left over.

    Raises
    ------
    ShapeError
        If an array has another shape than that of its name.
    SettingError
        If `strict`, and some are missing or left over.
    """
    needed = {".".join(path): tuple(array.shape) for path, array in leaves(expected)}
    names = tuple(name for name in needed if name in given)
    wrong = [
        f"{name} of shape {given[name].shape} (the model's: {needed[name]})"
        for name in names
        if given[name].shape != needed[name]
    ]
    if wrong:
        raise ShapeError(f"load_weights: these do not fit, so nothing was loaded: {some(wrong, 20)}")
    missing = tuple(name for name in needed if name not in given)
    unexpected = tuple(name for name in given if name not in needed)
    if strict and (missing or unexpected):
        theirs = any(name.endswith(("weight", "bias")) for name in unexpected)
        ours = "strict=False takes what fits by name"
        moved = "lucidnet.convert(network) makes a model of a network of PyTorch, whose names these are"
        raise SettingError(
            f"load_weights: nothing was loaded; the source lacks {some(missing, 20)}, and the "
            f"model lacks {some(unexpected, 20)}: {moved if theirs else ours}"
        )
    arrays = {name: finite_in(given[name], f"load_weights: {name}", dtype) for name in names}
    return arrays, LoadReport(names, missing, unexpected)


def filled(tree: Tree, arrays: Mapping[str, Array], path: str = "") -> Tree:
    """Return a tree with some of its arrays replaced, by name."""
    if isinstance(tree, dict):
        return {
            name: filled(branch, arrays, f"{path}.{name}" if path else name) for name, branch in tree.items()
        }
    return arrays.get(path, tree)


def _tree(source: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        str(name): _tree(inner) if isinstance(inner, Mapping) else inner for name, inner in source.items()
    }


def _numbers(name: str, array: Any) -> Array:
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise DataError(f"load_weights: {name} is no array of numbers ({error})") from None
    if array.dtype.kind not in "biuf":
        raise DataError(f"load_weights: {name} is no array of numbers, but of {array.dtype}")
    return array


def _shape(source: str, given: Any) -> Any:
    """Return the shape of one input that a file describes; None if it describes none."""
    if isinstance(given, dict):
        return {name: _shape(source, shape) for name, shape in given.items()}
    if given is None:
        return None
    if not isinstance(given, list) or not all(size is None or type(size) is int for size in given):
        raise FileError(source, f"expected the shape of one input, got {given!r}", DAMAGED)
    return tuple(given)
