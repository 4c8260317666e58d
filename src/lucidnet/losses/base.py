"""The contract of a loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ..backend import Array, Shape, mean, namespace, returned
from ..core.finite import first_bad, in_precision, place
from ..core.numeric import numeric
from ..core.settings import shown
from ..core.value import Value, of_library, value
from ..errors import DataError, SettingError, ShapeError
from ..foreign import uncalled, undefined
from ..layers import Layer
from ..layers.base import counting
from ..layers.core import fits

Cache: TypeAlias = Any

LEAVE_OUT = "by mask= (of time steps) or by sample_weight= (a 0)"
"""How a target is left out, to end a message with."""


@uncalled
@value
class Loss(Value):
    """A number per example that says how bad a prediction is, and its slope.

    A subclass writes `values` and `slope`; the mean over the batch, weights and the factor 1/N of the
    gradient are written once, here. With predictions (n, ..., features) there are N = n * ... values; with a
    mask N counts those that it lets through. Weights multiply the values; N does not change with them::

        L = 1/N sum_i m_i w_i L_i,     dL/dprediction_i = m_i w_i / N dL_i/dprediction_i
    """

    own: ClassVar[bool] = False
    """Whether the loss is a user's own."""

    needs_target: ClassVar[bool] = True
    """Whether targets are needed; if not and none are given, `values` gets an empty array (n, 0) instead."""

    takes_labels: ClassVar[bool] = False
    """Whether targets may also be class numbers, without the output's last axis."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if not of_library(cls):
            from .own import adapt

            cls.own = True
            adapt(cls, Loss)

    @property
    def independent(self) -> bool:
        """Whether no example's loss depends on other examples; unknown, so False, for a user's own loss."""
        return not self.own

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        """Return the loss of each example, and the cache for `slope`."""
        raise undefined(self, "values(prediction, target)")

    def slope(self, cache: Cache) -> Array:
        """Return the derivative of each example's loss by its prediction."""
        raise NotImplementedError(f"{type(self).__name__} must define slope(cache)")

    def forward(
        self,
        prediction: Array,
        target: Array,
        weights: Array | None = None,
        mask: Array | None = None,
        valid: Array | None = None,
    ) -> tuple[Array, Cache]:
        """Return the mean loss of a batch, and the cache for `backward`.

        Parameters
        ----------
        prediction : array (n, ..., features)
            Output of the network.
        target : array
            The targets, as `check_target` returns them.
        weights : array (n,) or (n, time), optional
            A weight for each example, or for each of its time steps.
        mask : array (n, time) of bool, optional
            Which time steps of the output count.
        valid : array (n,) of bool, optional
            Which examples count.

        Raises
        ------
        ShapeError
            If target or weights have another shape: NumPy would broadcast (n,) against (n, 1).
        """
        if not self.own:
            self._compare(prediction, target)
        values, cache = self.values(prediction, target)
        if getattr(values, "shape", ()) != prediction.shape[:-1]:
            raise ShapeError(
                f"{type(self).__name__}: expected one value per example, shape {prediction.shape[:-1]}, "
                f"got shape {np.shape(values)}: take the sum or mean over the last axis only"
            )
        if weights is None and mask is None and valid is None:
            return mean(values), (cache, prediction, None)
        share = shares(values, weights, mask, valid)
        return scaled(values, share).sum(), (cache, prediction, share)

    def _compare(self, prediction: Any, target: Any) -> None:
        """Raise an error unless a target has the shape that belongs to a prediction."""
        try:
            shape, got = prediction.shape, target.shape
            shape[0]
        except (AttributeError, IndexError):
            shape, got = shape_of("prediction", prediction), shape_of("target", target)
        if self.takes_labels and got == (labels := shape[:-1]):
            return
        if got != (rows := (*shape[:1], *self.target_shape(shape[1:]))):
            also = f", or labels of shape {labels}" if self.takes_labels else ""
            raise ShapeError(
                f"{type(self).__name__}: expected a target of shape {rows}{also}, for predictions of shape "
                f"{shape}, got {got}"
            )

    def backward(self, cache: Cache) -> Array:
        """Return the gradient of the mean loss by the prediction."""
        try:
            cache, prediction, share = cache
        except (TypeError, ValueError):
            name = type(self).__name__
            raise SettingError(
                f"{name}.backward: expected the second of what forward returns, loss, cache = "
                f"{name}().forward(output, target), got {shown(cache)}"
            ) from None
        slope, shape = self.slope(cache), prediction.shape
        if self.own:
            slope = returned(slope, prediction, f"{type(self).__name__}.slope")
        if slope.shape != shape:
            raise ShapeError(f"{type(self).__name__}: the slope must have shape {shape}, got {slope.shape}")
        if share is None:
            return slope / math.prod(shape[:-1])
        return scaled(slope, share[..., None])

    def parts(
        self, cache: Cache, mask: Any = None, valid: Array | None = None
    ) -> tuple[tuple[Any, Any], ...]:
        """Return the means that this loss is a sum of, each with its N, if they are over different values.

        For several batches each of them is then a mean over all. There are none if the loss is a single mean.

        Parameters
        ----------
        cache : Cache
            What `forward` kept.
        mask, valid
            As for `forward`.
        """
        return ()

    @property
    def named(self) -> tuple[tuple[str, float], ...]:
        """Return the name of each of `parts` in a history, and its factor."""
        return ()

    def terms(self, prediction: Any, mask: Array | None = None, valid: Array | None = None) -> Any:
        """Return N, the number of values that the mean is over; 0 if none counts."""
        shape = prediction.shape[:-1]
        if mask is None and valid is None:
            return math.prod(shape)
        return terms_of(counting(len(shape), mask, valid), shape)

    def fuse(self, net: Layer) -> tuple[Layer, Loss, bool]:
        """Return network and loss in the form in which they are trained, possibly fused.

        The third value is true if the final activation is now part of the loss, which then returns
        the network's output from its cache (`output`).

        Raises
        ------
        SettingError
            If this loss does not fit the last layer.
        """
        return net, self, False

    def output(self, cache: Cache) -> Array:
        """Return the output of the activation that was fused with this loss, from the cache of `forward`."""
        return cache[0][0]

    def target_shape(self, shape: Shape) -> Shape:
        """Return the shape of one target, given that of one output; () stands for a single number.

        A loss of your own whose targets look different, such as classes for an embedding, says so here.
        """
        return shape

    def with_targets(self, target: Any, n: int) -> Any:
        """Return targets unchanged; if none are needed and given, an empty array (n, 0)."""
        if target is None and not self.needs_target:
            return np.zeros((n, 0), np.float32)
        return target

    def check_target(self, target: Any, shape: Shape, dtype: str) -> Array:
        """Check targets, and return them in the form that this loss takes.

        Parameters
        ----------
        target : array-like (n, ...)
            What the user gave.
        shape : tuple of int
            The shape of one output of the network.
        dtype : str
            The dtype of the network.
        """
        return check_values(target, self.target_shape(shape), dtype)

    @classmethod
    def samples(cls) -> Iterator[Loss]:
        """Yield sample losses of this class for tests; by default one made without arguments."""
        if cls is not Loss:
            yield cls()


def scaled(values: Array, share: Array) -> Array:
    """Multiply values by their shares; where a share is 0 the result is 0, even for NaN."""
    xp = namespace(values)
    return xp.where(share == 0, xp.asarray(0, dtype=values.dtype), values * share)


def terms_of(counts: Array, shape: Shape) -> Any:
    """Return the number of values that count in an array of the given shape."""
    return counts.sum() * (math.prod(shape) // math.prod(counts.shape))


def shape_of(what: str, given: Any) -> Shape:
    """Return the shape of an array that a user passed to a loss; raise if it is no array."""
    shape: Shape | None = getattr(given, "shape", None)
    if not shape:
        raise ShapeError(f"{what}: expected an array, one row for each example, got {shown(given)}")
    return shape


def shares(
    values: Array, weights: Array | None, mask: Array | None, valid: Array | None = None
) -> Array | None:
    """Return each value's factor in the mean; None if it is 1/N for all."""
    if isinstance(weights, dict):
        raise SettingError(
            "sample_weight: this learning rule takes a weight for each example, not weights by output: give "
            "an array (n,), or train by backpropagation"
        )
    if weights is None and mask is None and valid is None:
        return None
    for name, given in (("mask", mask), ("valid", valid)):
        if given is not None and (shape_of(name, given) != values.shape[: given.ndim] or given.dtype != bool):
            raise ShapeError(
                f"{name}: expected an array of bool of shape {values.shape}, or {values.shape[:1]}, "
                f"got {given.dtype} of shape {given.shape}"
            )
    counts = counting(values.ndim, mask, valid)
    xp, count = namespace(values), values.size
    share = xp.ones_like(values)
    if counts is not None:
        share = share * xp.astype(counts, values.dtype)
        count = xp.maximum(xp.astype(terms_of(counts, values.shape), values.dtype), 1)
    if weights is not None:
        if shape_of("weights", weights) != values.shape[: weights.ndim]:
            raise ShapeError(
                f"weights: expected one for each value of the loss, {values.shape}, or for each example, "
                f"{values.shape[:1]}, got shape {weights.shape}"
            )
        share = share * weights.reshape(*weights.shape, *(1,) * (values.ndim - weights.ndim))
    return share / count


def check_values(target: Any, shape: Shape, dtype: str) -> Array:
    """Check targets that must have the output's shape; (n,) is accepted for (n, 1)."""
    if not isinstance(target, np.ndarray) and isinstance(target, Mapping):
        raise DataError("y: expected an array, as the network has one output, got a dict")
    given = numeric(target, "y")
    target = in_precision(given, dtype)
    if shape and target.ndim == len(shape) and shape[-1] == 1:
        target = target[..., None]
    if not fits(target.shape[1:], shape):
        classes = target.ndim == 1 and len(shape) == 1 and shape[-1] > 1
        hint = f"; for {shape[-1]} classes take loss='categorical_crossentropy'" if classes else ""
        if target.ndim == 1 and len(shape) > 1:
            before = "a recurrent layer without return_sequences" if len(shape) == 2 else "global pooling"
            hint = f"; Flatten(), or {before}, before the last layer makes one row of each example"
        if target.ndim == 2 and len(shape) == 1 and not hint:
            columns = target.shape[1]
            hint = f"; for {columns} targets of each example let the network end in Dense({columns})"
            if shape == (1,) and np.array_equal(target.sum(1), target.max(1)):
                also = "" if columns == 2 else f", and let it end in Dense({columns}, 'softmax')"
                hint = f"; of one column for each class give y.argmax(1){also}"
        outputs = str((0, *shape)).replace("0", "n", 1)
        raise ShapeError(f"targets of shape {target.shape} do not fit outputs of shape {outputs}{hint}")
    if not np.isfinite(target).all():
        index = first_bad(target)
        value = given.reshape(target.shape)[index]
        why = f", where {value:g} is infinite in {dtype}" if np.isfinite(value) else ""
        why += place(index)
        if np.isnan(value):
            why += f"; where a target is missing give any number, such as 0, and leave it out {LEAVE_OUT}"
        raise DataError(f"targets hold NaN or infinity, first at index {index}{why}")
    return target


def mean_last(x: Array) -> Array:
    """Return the mean over the last axis."""
    return x[..., 0] if x.shape[-1] == 1 else mean(x, -1)
