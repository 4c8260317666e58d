"""One layer of a model, found by name, and its call for one input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.numeric import numeric
from ..core.trees import Path, dotted
from ..errors import DataError, UnknownNameError, short, suggestion
from ..inspect import Call, watch
from ..layers import Layer, walk
from ..layers.base import INFERENCE
from ..training.checks import as_inputs

if TYPE_CHECKING:
    from ..engine.protocol import Trainee


def place(model: Trainee, layer: str | None, trait: str, kind: str) -> tuple[Path, Layer]:
    """Return path and layer for a name; without one, the first layer that has the attribute `trait`.

    Containers are then skipped, and their layers searched.

    Raises
    ------
    UnknownNameError
        If no layer has this name, or none is of this kind.
    """
    known = {dotted(path): (path, inner) for path, inner in walk(model.net) if path}
    if layer is None:
        layers = ((name, inner) for name, (_, inner) in known.items() if not inner.children())
        layer = next((name for name, inner in layers if hasattr(inner, trait)), None)
        if layer is None:
            raise UnknownNameError(f"this network has no {kind}")
    if layer not in known:
        raise UnknownNameError(f"no layer is called {short(layer)}: {suggestion(layer, known)}")
    return known[layer]


def call_of(model: Trainee, x: Any, layer: str | None, trait: str, kind: str) -> Call:
    """Run the model on one input (of a batch the first); return the call of the layer found by `place`."""
    path, _ = place(model, layer, trait, kind)
    x = numeric(x, "x")
    if not x.ndim:
        raise DataError(f"x: expected one input of shape {model.input_shape}, got {short(x.item())}")
    one = x[None] if x.ndim == len(model.input_shape) else x[:1]
    x, _, _ = as_inputs(one, model.input_shape, model.dtype)
    x = x.astype(model.dtype)
    with watch(model.net) as calls:
        calls.net.forward(model.params, x, INFERENCE)
    return next(call for call in calls if call.path == path)
