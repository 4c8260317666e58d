"""Checking what a user's own rule returns, at the place where it returns it."""

from __future__ import annotations

from typing import Any

from ..backend import Tree
from ..core.own import check_draws, run, traced
from ..core.settings import shown
from ..core.trees import Path, dotted
from ..errors import SettingError, ShapeError
from ..layers.base import Send
from .edge import Edge


def crossed(rule: Any, edge: Edge, send: Send, path: Path) -> tuple[Any, Tree, Tree | None]:
    """Call `SpaceRule.cross` of a user's own rule, and return its result if that is valid.

    Raises
    ------
    SettingError, ShapeError
        With the rule, the layer, and what is expected.
    """
    where = f"{type(rule).__name__}.cross" + (f", at layer {dotted(path)!r}," if path else "")
    if traced(edge.dy):
        for method in vars(type(rule)).values():
            check_draws(type(rule).__name__, method)
    made = run(where.rstrip(","), lambda dy: rule.cross(edge._replace(dy=dy), send), edge.dy)
    if not isinstance(made, tuple) or len(made) != 3:
        raise SettingError(
            f"{where} must return three things: the error at the layer's input, its gradients, and its "
            f"feedback weights if they have changed, else None; got {shown(made)}"
        )
    dx, grads, B = made
    if not isinstance(grads, dict) or not (B is None or isinstance(B, dict)):
        raise SettingError(
            f"{where} must return gradients as a dict by name, and feedback weights as one, or None; got "
            f"{shown(grads)} and {shown(B)}"
        )
    if edge.layer.children():
        return dx, grads, B
    if edge.need_dx and dx is None:
        raise SettingError(f"{where} must return the error at the layer's input (edge.need_dx), got None")
    _check_rows(where, dx, edge.dy)
    names = [name for name in edge.params if name not in edge.layer.buffers]
    if missing := [name for name in names if name not in grads]:
        raise SettingError(f"{where} returns no gradient of {', '.join(missing)}")
    for name in names:
        if _shapes(grads[name]) != _shapes(edge.params[name]):
            raise ShapeError(
                f"{where} returns a gradient of {name} of shape {_shapes(grads[name])}: it must have that of "
                f"the weights, {_shapes(edge.params[name])}"
            )
    return dx, grads, B


def _check_rows(where: str, dx: Any, dy: Any) -> None:
    """Raise unless an error has one row for each example; NumPy would broadcast others silently."""
    rows = getattr(dy, "shape", (None,))[0]
    for part in dx if isinstance(dx, tuple) else (dx,):
        if part is not None and rows is not None and getattr(part, "shape", ())[:1] != (rows,):
            raise ShapeError(
                f"{where} returns an error of shape {_shapes(part)} for {rows} examples: it must be "
                "(n, ...), as the layer's input"
            )


def _shapes(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _shapes(part) for name, part in tree.items()}
    return getattr(tree, "shape", type(tree).__name__)
