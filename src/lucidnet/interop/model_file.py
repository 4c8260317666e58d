"""A model in one file: weights, architecture, settings, history."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from ..backend import Array, Tree
from ..core.trees import Path, leaves
from ..core.value import from_config, to_config
from ..errors import FileError, LucidnetError, UnknownNameError
from ..layers import Sequential
from ..layers.blank import blank_init

M = TypeVar("M")

FEEDBACK = "@feedback/"
"""What the keys of a learning rule's feedback weights begin with."""

OWN = "Pass layers, losses and optimizers of your own as custom={'Name': Class}"
OTHER = "Load it with the version of lucidnet, and the classes in custom, that it was saved with"


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model; the keys of its arrays are paths such as ``dense1/W``."""
    from . import container

    container.write(path, tensors(model), describe(model))


def tensors(model: Any) -> dict[str, Array]:
    """Return weights and feedback weights by the keys that they have in a file."""
    found = {"/".join(path): array for path, array in leaves(model.params)}
    return found | {FEEDBACK + "/".join(path): array for path, array in leaves(model.feedback)}


def describe(model: Any) -> dict[str, Any]:
    """Return all of a model but its weights, as plain dicts, lists, numbers and strings."""
    return {
        "net": to_config(model.net),
        "input_shape": model.input_shape,
        "dtype": model.dtype,
        "seed": model.seed,
        "loss": to_config(model.loss),
        "optimizer": to_config(model.optimizer),
        "rule": to_config(model.rule),
        "metrics": to_config(model.metrics),
        "history": dict(model.history),
        "about": model.about,
    }


Build: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Array], Mapping[str, type]], M]
"""From a description, arrays by their keys and the known classes to a model."""


def load(path: str | os.PathLike[str], custom: Mapping[str, type] | None, build: Build[M]) -> M:
    """Return the model of a file. Nothing in the file is executed.

    Parameters
    ----------
    path : path
        A file that `Model.save` wrote.
    custom : mapping of str to class, optional
        One's own classes of layers, losses or optimizers, by name.
    build : callable
        What makes the model.

    Raises
    ------
    FileError
        If the file is damaged, of a newer version, or names classes that are not known.
    """
    from . import container
    from .registry import registry

    description, tensors = container.read(path)
    known = registry(custom)
    try:
        return build(description, tensors, known)
    except UnknownNameError as error:
        raise FileError(f"{path}: the model in it cannot be built: {error} {OWN}") from error
    except Exception as error:  # whatever else a strange description brings about, also in one's own classes
        raise FileError(f"{path}: the model in it cannot be built: {_reason(error)}. {OTHER}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"has no {error}"
    return str(error) if isinstance(error, LucidnetError) else f"{type(error).__name__}: {error}"


def network(description: Mapping[str, Any], known: Mapping[str, type]) -> Sequential:
    """Return the network of a description."""
    net = from_config(description["net"], known)
    if not isinstance(net, Sequential):
        raise FileError(f"expected a Sequential network, got {type(net).__name__}")
    return net


def parameters(
    description: Mapping[str, Any], tensors: Mapping[str, Array], known: Mapping[str, type]
) -> tuple[Tree, Any]:
    """Return the weights that fit the network of a description, and the shape of one input."""
    given = description["input_shape"]
    shape = {k: tuple(v) for k, v in given.items()} if isinstance(given, dict) else tuple(given)
    # Blank, so that nothing is made but what the file holds.
    expected, _ = blank_init(network(description, known), shape, description["dtype"])
    return fitted(tensors, expected), shape


def fitted(tensors: Mapping[str, Array], expected: Tree, prefix: str = "") -> Tree:
    """Return the arrays whose keys begin with a prefix (none: the weights) as a tree like another."""
    mine = {
        name.removeprefix(prefix): array
        for name, array in tensors.items()
        if (name.startswith(prefix) if prefix else not name.startswith("@"))
    }
    return fit(mine, expected)


def fit(tensors: Mapping[str, Array], expected: Tree) -> Tree:
    """Return the arrays as a tree like the expected one; raise if names, shapes or types differ."""
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
