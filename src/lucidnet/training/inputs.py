"""Data as people bring it, checked once and then never copied whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Array, Shape
from ..errors import DataError, ShapeError
from ..losses import Loss
from ..losses.base import first_bad

BLOCK = 1 << 20
"""Numbers looked at together, so that checking a data set takes little memory."""


@dataclass(frozen=True)
class Data:
    """Examples, targets and weights, of one length.

    Parameters
    ----------
    x : array (n, ...)
        Inputs, in any numeric dtype; batches take that of the model.
    target : array (n, ...)
        Targets as the loss takes them.
    weights : array (n,), optional
        A weight for each example.
    dtype : str
        The dtype of the model.
    """

    x: Array
    target: Array
    weights: Array | None
    dtype: str

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, rows: Array | slice) -> tuple[Array, Array, Array | None]:
        """Return inputs, targets and weights of some rows."""
        take = _view if isinstance(rows, slice) else _gather
        weights = None if self.weights is None else take(self.weights, rows)
        return take(self.x, rows).astype(self.dtype, copy=False), take(self.target, rows), weights

    def split(self, fraction: float) -> tuple[Data, Data]:
        """Return the first part and the last `fraction` of the examples, as views."""
        cut = len(self) - round(len(self) * fraction)
        if not 0 < cut < len(self):
            raise DataError(
                f"validation_split={fraction:g} of {len(self)} examples leaves {cut} to train on and "
                f"{len(self) - cut} to validate on: both must be at least 1"
            )
        parts = (slice(0, cut), slice(cut, None))
        first, last = (
            Data(
                self.x[part],
                self.target[part],
                None if self.weights is None else self.weights[part],
                self.dtype,
            )
            for part in parts
        )
        return first, last


def _view(array: Array, rows: slice) -> Array:
    return array[rows]


def _gather(array: Array, rows: Array) -> Array:
    return array.take(rows, axis=0)


def as_inputs(x: Any, shape: Shape, name: str = "x") -> Array:
    """Return inputs as a numeric array (n, ...) of the right shape, or say what is wrong.

    Raises
    ------
    ShapeError
        If one example does not have the shape that the network takes.
    DataError
        If the data are not numbers, there are none, or some are NaN or infinite.
    """
    x = as_numbers(x, name)
    if x.shape[1:] != shape:
        raise ShapeError(_misfit(x.shape, shape, name))
    if not len(x):
        raise DataError(f"{name} is empty: expected at least one example")
    check_finite(x, name)
    return x


def as_numbers(x: Any, name: str) -> Array:
    """Return data as an array of numbers."""
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise DataError(f"{name}: the rows do not have one length ({error})") from None
    if x.dtype.kind not in "biuf":
        raise DataError(f"{name}: expected numbers, got dtype {x.dtype} ({x.ravel()[:3].tolist()} ...)")
    return x


def check_finite(x: Array, name: str) -> None:
    """Raise if an array holds NaN or infinity; names the first place."""
    if x.dtype.kind != "f":
        return
    rows = max(1, BLOCK // max(1, x[0].size))
    for start in range(0, len(x), rows):
        block = x[start : start + rows]
        if not np.isfinite(block).all():
            row, *rest = first_bad(block)
            value = block[(row, *rest)]
            raise DataError(
                f"{name} holds {value:g} at index {(start + row, *rest)}: remove or replace such values first"
            )


def _misfit(given: Shape, shape: Shape, name: str) -> str:
    """Say how inputs of one shape fail to fit a network that takes another."""
    expected = f"{shape[0]} input features" if len(shape) == 1 else f"inputs of shape {shape}"
    got = f"{given[1]}" if len(given) == 2 and len(shape) == 1 else f"{name} of shape {given}"
    message = f"layer 0 Input: expected {expected}, got {got}"
    if given == shape:
        return f"{message}: that is one example; give a batch, {name}[None]"
    if int(np.prod(given[1:])) == int(np.prod(shape)):
        sizes = ", ".join(map(str, shape))
        return f"{message}: the sizes agree, so reshape them: {name}.reshape(len({name}), {sizes})"
    return message


def as_data(
    x: Any,
    y: Any,
    loss: Loss,
    shapes: tuple[Shape, Shape],
    dtype: str,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: Any = None,
) -> Data:
    """Return examples with their targets, all checked.

    Parameters
    ----------
    x, y : array-like
        Inputs and targets.
    loss : Loss
        The loss that the targets are for.
    shapes : pair of shapes
        The shapes of one input and one output of the network.
    dtype : str
        The dtype of the model.
    class_weight : mapping of int to float, optional
        A weight for each class; 1 for those left out.
    sample_weight : array-like (n,), optional
        A weight for each example.
    """
    inputs = as_inputs(x, shapes[0])
    given = as_numbers(y, "y")
    if given.ndim == 0 or len(given) != len(inputs):
        got = len(given) if given.ndim else "a single number"
        raise DataError(f"x and y differ in length: {len(inputs)} examples, {got} targets")
    target = loss.check_target(given, shapes[1], dtype)
    return Data(inputs, target, as_weights(target, class_weight, sample_weight, dtype), dtype)


def as_weights(
    target: Array, class_weight: Mapping[int, float] | None, sample_weight: Any, dtype: str
) -> Array | None:
    """Return a weight for each example, or None if all count the same."""
    if class_weight is None and sample_weight is None:
        return None
    weights = np.ones(len(target), dtype)
    if sample_weight is not None:
        weights = as_numbers(sample_weight, "sample_weight").astype(dtype)
        if weights.shape != (len(target),) or not np.isfinite(weights).all() or weights.min() < 0:
            raise DataError(
                f"sample_weight: expected {len(target)} finite numbers of 0 or more, one per example, "
                f"got shape {weights.shape}"
            )
    if class_weight is not None:
        weights = weights * _class_weights(target, class_weight, dtype)
    return weights


def _class_weights(target: Array, class_weight: Mapping[int, float], dtype: str) -> Array:
    labels = target if target.ndim == 1 else target.argmax(-1) if target.shape[-1] > 1 else target[:, 0]
    known: Sequence[int] = np.unique(labels).tolist()
    unknown = sorted(set(class_weight) - set(known))
    if unknown:
        raise DataError(f"class_weight names the classes {unknown}, but the labels are {known}")
    weight = np.vectorize(lambda label: class_weight.get(label, 1.0), otypes=[dtype])
    return weight(labels)
