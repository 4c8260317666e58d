"""Testing users' own layers once: the input's gradient must have the input's shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Tree
from ..core.trees import dotted, leaves
from ..core.value import of_library
from ..errors import SettingError, ShapeError
from .base import INFERENCE, Layer, walk
from .shapes import input_shapes


def check_slopes(net: Any, params: Tree, shape: Any) -> None:
    """Raise if the `backward` of a user's layer returns a gradient by the input in another shape.

    NumPy would broadcast it, and the layers below would learn something else. Each such layer is tried on two
    examples, unless it does not take them.

    Raises
    ------
    ShapeError
        With the layer, and both shapes.
    """
    own = [(path, layer) for path, layer in walk(net) if path and not of_library(layer)]
    own = [(path, layer) for path, layer in own if not layer.children() and layer.differentiable]
    own = [(path, layer) for path, layer in own if type(layer).backward is not Layer.backward]
    if not own:
        return
    shapes = input_shapes(net, shape, known_only=True)
    for path, layer in own:
        taken = shapes.get(path)
        if not isinstance(taken, tuple) or not all(size is None or isinstance(size, int) for size in taken):
            continue
        _try(layer, path, params, tuple(3 if size is None else size for size in taken), INFERENCE)


def _try(layer: Any, path: Any, params: Tree, shape: Any, run: Any) -> None:
    weights = params
    for name in path:
        weights = weights.get(name, {}) if isinstance(weights, dict) else {}
    dtype = next((array.dtype for _, array in leaves(params)), np.dtype("float32"))
    x = np.full((2, *shape), 0.5, dtype)
    try:
        with np.errstate(all="ignore"):
            y, cache = layer.forward(weights, x, run)
            dx, _ = layer.backward(weights, cache, np.ones_like(y), True)
    except SettingError:
        raise
    except Exception:  # of inputs it does not take, or of its own: training will report it
        return
    if np.shape(dx) != x.shape:
        raise ShapeError(
            f"{dotted(path)}, {layer.describe()}: its backward returns a gradient of shape {np.shape(dx)} "
            f"for an input of shape {x.shape}: it must have that of the input"
        )
