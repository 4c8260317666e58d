"""What people give for times of a stream, checked and converted."""

from __future__ import annotations

from typing import Any

from ..backend import Array
from ..core.finite import finite_in
from ..core.numeric import numeric
from ..errors import ShapeError
from ..layers.tables import check_numbers


def streamed(model: Any, xs: Any, ys: Any, weights: Any) -> tuple[Array, Array | None, Array | None]:
    """Return the inputs (time, n, ...), targets as the loss takes them, and weights of a stretch of a stream.

    Parameters
    ----------
    model : Trainee
        The model that sees them.
    xs, ys, weights : array-like
        What was given; targets and weights may be None.

    Raises
    ------
    ShapeError
        If they do not fit the model, or each other.
    """
    shape = model.input_shape[1:]
    x = finite_in(xs, "xs", model.dtype).copy()  # windows and what waits for a target keep it
    if x.ndim < 2 or x.shape[2:] != shape or not x.size:
        raise ShapeError(
            f"online: x: expected inputs {str(('n', *shape)).replace(chr(39), '')} of one time, or "
            f"(time, n, ...) for run, got shape {x.shape[1:] if x.ndim and len(x) == 1 else x.shape}"
        )
    check_numbers(model.net, x, model.dtype)
    y = None if ys is None else _targets(model, ys, x.shape[:2])
    return x, y, None if weights is None else _weights(model, weights, x.shape[:2])


def _targets(model: Any, ys: Any, places: tuple[int, ...]) -> Array:
    """Return targets (time, n, ...) as the loss takes them."""
    given, shape = numeric(ys, "y"), model.output_shape
    if given.shape[:2] != places:
        raise ShapeError(
            f"online: y: expected a target for each input, (time, n) = {places}, got {given.shape}"
        )
    rows = given.reshape(-1, *given.shape[2:])
    if len(shape) > 1:
        rows, shape = rows[:, None], (1, *shape[1:])
    rows = model.problem.loss.check_target(rows, shape, model.dtype)
    return rows.reshape(*places, *rows.shape[1:])


def _weights(model: Any, weights: Any, places: tuple[int, ...]) -> Array:
    """Return the checked weights (time, n)."""
    made = finite_in(weights, "weights", model.dtype)
    if made.shape != places:
        raise ShapeError(
            f"online: weights: expected a weight for each input, {places}, got shape {made.shape}"
        )
    return made
