"""Batch normalization of each feature, and group normalization of features within each example."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from ..backend import Array, Shape, Stream, Tree, namespace
from ..core.settings import between, finite, setting, whole
from ..core.value import value
from ..errors import ShapeError
from .axes import AXIS, as_axis, at_end, back, place, sizes
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, counting
from .normalization import over_rows, scale_and_shift, shrinking


@value
class PlaceNormalization(Layer):
    """Base class of layers that normalize features over places; the features may lie on any axis."""

    axis: int = setting(AXIS, as_axis, default=-1, kw_only=True)

    penalized: ClassVar[tuple[str, ...]] = ()

    def features(self, shape: Any) -> int:
        """Return the number of features of an input."""
        return int(sizes(self, self.axis, shape)[0])

    def output_shape(self, shape: Any) -> Any:
        self.features(shape)
        return shape

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        if mask is not None and x.ndim > 2 and self.axis % x.ndim == 1:
            raise ShapeError(
                f"{self.name or 'here'}, {self.describe()}: its input has a mask of time steps, and the time "
                "steps are its features: give the axis of the features"
            )
        return mask

    def last(self, x: Array) -> Array:
        """Move the feature axis to the end."""
        return x if self.axis == -1 else at_end(x, (place(self, self.axis, x.shape[1:]),))

    def placed(self, y: Array, shape: Shape) -> Array:
        """Move the feature axis from the end back to its place."""
        return y if self.axis == -1 else back(y, (place(self, self.axis, shape[1:]),), shape)


@value
class BatchNormalization(PlaceNormalization):
    """Each feature gets mean 0 and variance 1 over the batch, then a scale and a shift.

    In training, with the mean m and the variance v of a feature over its N places (all axes but the
    last; of sequences, the time steps that count), and s = 1 / sqrt(v + epsilon)::

        y = g h + b,   h = (x - m) s
        dg = sum dy h      db = sum dy
        dx = g s (dy - (db + h dg) / N)

    (Ioffe & Szegedy 2015, algorithm 1.) In inference, or if the layer or a container around it is frozen, m
    and v are the running statistics: dx = g s dy. After a training step
    ``running = momentum running + (1 - momentum) batch``, with the variance over N as in Keras; algorithm 2
    of the paper, and PyTorch, have it over N - 1. A feature that has one place only (a batch of 1 row) has
    variance 0 in training, and gives b, as in Keras; PyTorch raises. PyTorch's momentum (0.1) is 1 minus this
    one, its epsilon 1e-5.

    Parameters
    ----------
    momentum : float
        The share of the running statistics that is kept in each step.
    epsilon : float
        Added to the variance.
    axis : int
        The axis of the features, counted as in the arrays, where 0 is the examples.
    """

    momentum: float = between(0, 1, default=0.99)
    epsilon: float = finite(above=0, below=1, default=1e-3)

    buffers: ClassVar[tuple[str, ...]] = ("mean", "variance")

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        size = (self.features(shape),)
        running = {"mean": rng.full(size, 0), "variance": rng.full(size, 1)}
        return scale_and_shift(rng, size) | running, self.output_shape(shape)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        shape, x = x.shape, self.last(x)
        if run.train and self.frozen is not True and not run.frozen:
            mean, variance, share = statistics(x, tuple(range(x.ndim - 1)), run.mask, run.valid)
        else:
            mean, variance, share = params["mean"], params["variance"], None
        # A variance too large for the precision cannot be stored, and this should be noticed.
        xp, inverse = namespace(x), (variance + self.epsilon) ** -0.5
        inverse = xp.where(xp.isfinite(variance), inverse, xp.asarray(math.nan, dtype=inverse.dtype))
        unit = (x - mean) * inverse
        y = unit * params["gamma"] + params["beta"]
        return self.placed(y, shape), (unit, inverse, share, mean, variance)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        unit, inverse, share, *_ = cache
        shape, dy = dy.shape, self.last(dy)
        grads = {"gamma": over_rows(dy * unit), "beta": over_rows(dy)}
        if not need_dx:
            return None, grads
        if share is not None:
            dy = dy - share * (grads["beta"] + unit * grads["gamma"])
        return self.placed(dy * (params["gamma"] * inverse), shape), grads

    def absorb(self, params: Tree, cache: Cache) -> Tree:
        *_, share, mean, variance = cache
        if share is None:
            return params
        seen, move = {"mean": mean, "variance": variance}, 1 - self.momentum
        if getattr(share, "ndim", 0):  # if nothing counted, nothing was seen
            move = move * namespace(share).any(share > 0)
        return params | {n: (1 - move) * params[n] + move * new.reshape(-1) for n, new in seen.items()}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (5,)
        yield cls(), (3, 5)
        yield cls(axis=1), (3, 2)


@value
class GroupNormalization(PlaceNormalization):
    """As batch normalization, but over the places and a group of features of each example by itself.

    With the mean m, the variance v and s = 1 / sqrt(v + epsilon) over the N numbers of a group::

        y = g h + b,   h = (x - m) s
        dg = sum dy h      db = sum dy
        dx = s (dy g - (sum(dy g) + h sum(dy g h)) / N)

    (Wu & He 2018, "Group normalization", equations 1, 2, 6 and 7.) With as many groups as features it is
    instance normalization. In sequences only the steps that count enter the statistics.

    Parameters
    ----------
    groups : int
        How many groups the features are divided into.
    epsilon : float
        Added to the variance. 1e-3 as in Keras; PyTorch takes 1e-5.
    axis : int
        The axis of the features, counted as in the arrays, where 0 is the examples.
    """

    groups: int = whole(1, default=32)
    epsilon: float = finite(above=0, below=1, default=1e-3)

    def output_shape(self, shape: Any) -> Any:
        if (count := self.features(shape)) % self.groups:
            raise ShapeError(f"{count} features cannot be divided into {self.groups} groups of one size")
        return shape

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out = self.output_shape(shape)
        return scale_and_shift(rng, (self.features(shape),)), out

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        shape, x = x.shape, self.last(x)
        grouped = self._grouped(x)
        mask = run.mask
        if mask is not None and x.ndim > 3:  # a time step has several places
            mask = namespace(x).repeat(mask, grouped.shape[1] // mask.shape[1], axis=1)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, variance, share = statistics(grouped, (1, 3), mask)
        if (shrink := shrinking(variance)) is not None:
            grouped = grouped * shrink
            mean, variance, share = statistics(grouped, (1, 3), mask)
        else:
            shrink = 1.0
        inverse = (variance + self.epsilon * shrink * shrink) ** -0.5
        unit = (grouped - mean) * inverse
        inverse = inverse * shrink
        y = unit.reshape(x.shape) * params["gamma"]
        y += params["beta"]
        return self.placed(y, shape), (unit, inverse, share)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        unit, inverse, share = cache
        shape, dy = dy.shape, self.last(dy)
        grads = {"gamma": over_rows(dy * unit.reshape(dy.shape)), "beta": over_rows(dy)}
        if not need_dx:
            return None, grads
        slope = self._grouped(dy * params["gamma"])
        total, moment = (a.sum((1, 3), keepdims=True) for a in (slope, slope * unit))
        dx = (inverse * (slope - share * (total + unit * moment))).reshape(dy.shape)
        return self.placed(dx, shape), grads

    def _grouped(self, x: Array) -> Array:  # (n, places, groups, features of a group)
        return x.reshape(x.shape[0], math.prod(x.shape[1:-1]), self.groups, x.shape[-1] // self.groups)

    @classmethod
    def samples(cls) -> Samples:
        yield cls(2), (6,)
        yield cls(2), (3, 4)
        yield cls(2, axis=1), (4, 3)


def statistics(
    x: Array, axes: tuple[int, ...], mask: Array | None, valid: Array | None = None
) -> tuple[Array, Array, Array]:
    """Return mean and variance over some axes, and each entry's weight in them (1 / N; 0 if masked)."""
    size = math.prod(x.shape[axis] for axis in axes)
    if (counts := counting(x.ndim, mask, valid)) is None:
        mean = x.mean(axes, keepdims=True)
        centred = x - mean
        return mean, (centred * centred).mean(axes, keepdims=True), 1 / size
    xp = namespace(x)
    counts = xp.asarray(counts, dtype=x.dtype) + xp.zeros_like(x)
    share = counts / xp.maximum(counts.sum(axes, keepdims=True), 1)
    mean = (share * x).sum(axes, keepdims=True)
    centred = x - mean
    return mean, (share * centred * centred).sum(axes, keepdims=True), share
