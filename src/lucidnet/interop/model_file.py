"""A model in one file: weights, architecture, settings, history."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..backend import Array, Tree
from ..errors import FileError, LucidnetError
from ..layers import Sequential
from ..model import Model
from ..training.history import History
from ..training.step import initial
from ..tree import Layout, leaves
from ..value import from_config, to_config
from . import container
from .registry import registry


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model; the keys of its arrays are paths such as ``dense1/W``."""
    tensors = {"/".join(path): array for path, array in leaves(model.params)}
    container.write(path, tensors, describe(model))


def describe(model: Model) -> dict[str, Any]:
    """Return all of a model but its weights, as plain dicts, lists, numbers and strings."""
    return {
        "net": to_config(model.net),
        "input_shape": list(model.input_shape),
        "dtype": model.dtype,
        "seed": model.seed,
        "loss": to_config(model.loss),
        "optimizer": to_config(model.optimizer),
        "metrics": to_config(model.metrics),
        "history": dict(model.history),
        "about": model.about,
    }


def load(path: str | os.PathLike[str], custom: Mapping[str, type] | None = None) -> Model:
    """Return the model of a file. Nothing in the file is executed.

    Parameters
    ----------
    path : path
        A file that `Model.save` wrote.
    custom : mapping of str to class, optional
        One's own classes of layers, losses or optimizers, by name.

    Raises
    ------
    FileError
        If the file is damaged, of a newer version, or names classes that are not known.
    """
    description, tensors = container.read(path)
    known = registry(custom)
    try:
        return _rebuild(description, tensors, known)
    except (LucidnetError, KeyError, TypeError, ValueError) as error:
        reason = f"has no {error}" if isinstance(error, KeyError) else str(error)
        raise FileError(
            f"{path}: the model in it cannot be built: {reason}. "
            "Pass layers, losses and optimizers of your own as custom={'Name': Class}"
        ) from error


def _rebuild(
    description: Mapping[str, Any], tensors: Mapping[str, Array], known: Mapping[str, type]
) -> Model:
    net = from_config(description["net"], known)
    if not isinstance(net, Sequential):
        raise FileError(f"expected a Sequential network, got {type(net).__name__}")
    model = Model(net, seed=description["seed"], dtype=description["dtype"])
    if description["loss"] is not None:
        loss, optimizer = (from_config(description[name], known) for name in ("loss", "optimizer"))
        model.compile(loss, optimizer, from_config(description["metrics"], known))
    shape = tuple(description["input_shape"])
    expected = initial(net, shape, model.seed, model.dtype)
    model.set_params(fit(tensors, expected), shape)
    model.history = History(description["history"])
    model.about = dict(description["about"])
    return model


def fit(tensors: Mapping[str, Array], expected: Tree) -> Tree:
    """Return the arrays as a tree like the expected one; raise if names, shapes or types differ."""
    layout = Layout.of(expected)
    shapes = {"/".join(path): (array.shape, array.dtype) for path, array in leaves(expected)}
    found = {name: (array.shape, array.dtype) for name, array in tensors.items()}
    for name in sorted(shapes.keys() | found.keys()):
        if shapes.get(name) != found.get(name):
            raise FileError(
                f"array {name}: {_text(found.get(name))}, the layers need {_text(shapes.get(name))}"
            )
    return layout.unravel(layout.ravel(_tree(tensors, layout)))


def _tree(tensors: Mapping[str, Array], layout: Layout) -> Tree:
    tree: Tree = {}
    for path in layout.paths:
        inner = tree
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = tensors["/".join(path)]
    return tree


def _text(what: Any) -> str:
    return "no such array" if what is None else f"{what[1]} of shape {what[0]}"
