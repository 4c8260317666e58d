"""Losses for classes and probabilities: cross-entropies and the Kullback-Leibler divergence.

Each takes probabilities or, with ``from_logits=True``, what goes into the softmax or sigmoid; then
the two are computed together, the maximum shifted out. After a final softmax or sigmoid layer a
model does that by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ..backend import Array, Shape, hits, namespace, one_hot, only_one, row_max
from ..core.numeric import numeric
from ..core.own import traced
from ..core.settings import finite, flag
from ..core.value import value
from ..errors import DataError, SettingError, ShapeError
from ..layers import HardSigmoid, Layer, LogSoftmax, Sigmoid, Softmax
from ..layers.activations import KNOWN
from ..layers.activations.sigmoidal import sigmoid_of
from .base import LEAVE_OUT, Cache, Loss, check_values, mean_last


def log_and_softmax(z: Array) -> tuple[Array, Array]:
    """Return log softmax(z) and softmax(z) over the last axis."""
    xp = namespace(z)
    shifted = z - row_max(z)
    p = xp.exp(shifted)
    total = p.sum(-1, keepdims=True)
    shifted -= xp.log(total)
    p /= total
    return shifted, p


def times(t: Array, x: Array) -> Array:
    """Return t x, but 0 where t is 0, even if x is infinite: 0 log 0 = 0."""
    xp = namespace(x)
    return t * xp.where(t == 0, xp.asarray(0, dtype=x.dtype), x)


def floor(p: Array) -> Array:
    """Return probabilities raised to at least the smallest normal number, so that log is finite."""
    xp = namespace(p)
    return xp.maximum(p, xp.finfo(p.dtype).smallest_normal)


@value
class FromProbabilities(Loss):
    """Base class of losses of probabilities, which may also be computed from logits.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits. A model with a final softmax or sigmoid needs no such hint.
    """

    from_logits: bool = flag(default=False)

    partner: ClassVar[type[Layer]] = Softmax
    """The activation from whose inputs, the logits, this loss can be computed directly."""

    also: ClassVar[tuple[type[Layer], ...]] = ()
    """Other known activations whose outputs it accepts; users' own are trusted."""

    def fuse(self, net: Layer) -> tuple[Layer, Loss, bool]:
        body, activation = net.split_activation()
        if issubclass(self.partner, Softmax) and getattr(activation, "axis", -1) != -1:
            raise SettingError(
                f"{type(self).__name__} takes the probabilities of classes along the last axis, but "
                "the network "
                f"ends in {activation!r}: leave axis out, or bring the classes to the end by Permute"
            )
        if self.from_logits and not isinstance(activation, self.partner):
            return net, self, False
        if isinstance(activation, self.partner) and not self.from_logits:
            if body == net:  # a graph needs the activation's output elsewhere
                raise SettingError(self._needed(activation))
            return body, replace(self, from_logits=True), True
        if isinstance(activation, LogSoftmax) and issubclass(self.partner, Softmax):
            return net, replace(self, from_logits=True), False  # softmax(log p) = p
        if activation is not None and (isinstance(activation, self.also) or not known(activation)):
            return net, self, False
        raise SettingError(self._misfit(activation))

    def _needed(self, activation: Layer) -> str:
        name, partner = type(self).__name__, self.partner.__name__.lower()
        return (
            f"{name} cannot take over {activation!r} of this output, because other nodes of the graph take "
            "the output as their source, or share its layer: let the output end in activation='linear', give "
            f"the others a node of its {partner} ('p', Activation({partner!r}), ...), and use "
            f"{name}(from_logits=True)"
        )

    def _misfit(self, activation: Layer | None) -> str:
        name, partner = type(self).__name__, self.partner.__name__.lower()
        if self.from_logits:
            return f"{name}(from_logits=True) takes logits, but the network already ends in {activation!r}"
        return (
            f"{name} takes probabilities, but the network ends in {activation or 'no activation'}: "
            f"let it end in activation={partner!r}, or use {name}(from_logits=True)"
        )


@value
class CategoricalCrossentropy(FromProbabilities):
    """L = -sum_j t_j log p_j for one of k classes.

    From probabilities p, dL/dp = -t / p; from logits z with p = softmax(z)::

        L = sum_j t_j (log sum_i exp(z_i) - z_j),     dL/dz = p sum_j t_j - t

    (Bishop 2006, "Pattern Recognition and Machine Learning", equations 4.108 and 4.109.)

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits.
    label_smoothing : float
        The target becomes (1 - s) t + s / k (Szegedy et al. 2016, section 7).

    Notes
    -----
    Targets are labels (n,) of whole numbers, or rows (n, k): one-hot or any distribution. Probabilities are
    taken as they are; Keras divides them by their sum.
    """

    takes_labels: ClassVar[bool] = True
    label_smoothing: float = finite(0, below=1, default=0.0)

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        xp = namespace(prediction)
        if self.from_logits:
            log_p, p = log_and_softmax(prediction)
        else:
            log_p, p = xp.log(floor(prediction)), prediction
        if target.ndim < prediction.ndim and self.label_smoothing == 0 and self.from_logits:
            hit = hits(target, prediction.shape[-1])  # t, of 0 and 1: nothing to multiply
            try:
                losses = -only_one(log_p, hit)
            except ValueError:  # raised by NumPy if a row has none; checking first would slow each step
                all_hit(hit, target)
                raise
            if not isinstance(p, np.ndarray):
                losses, p = (of_classes(each, target, p.shape[-1]) for each in (losses, p))
            return losses, (p, hit)
        t = self._smooth(as_rows(target, prediction))
        return -times(t, log_p).sum(-1), (p, t)

    def slope(self, cache: Cache) -> Array:
        p, t = cache
        if not self.from_logits:
            return -(t / floor(p))
        return p - t if t.dtype == bool else p * t.sum(-1, keepdims=True) - t

    def _smooth(self, t: Array) -> Array:
        s = self.label_smoothing
        return t if s == 0 else t * (1 - s) + s / t.shape[-1]

    def check_target(self, target: Any, shape: Shape, dtype: str) -> Array:
        return check_classes(target, shape, dtype)

    @classmethod
    def samples(cls) -> Iterator[Loss]:
        yield cls(from_logits=True)
        yield cls()
        yield cls(label_smoothing=0.1)


@value
class SparseCategoricalCrossentropy(FromProbabilities):
    """`CategoricalCrossentropy` that takes whole-number labels only."""

    takes_labels: ClassVar[bool] = True

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        return CategoricalCrossentropy(self.from_logits).values(prediction, target)

    def slope(self, cache: Cache) -> Array:
        return CategoricalCrossentropy(self.from_logits).slope(cache)

    def check_target(self, target: Any, shape: Shape, dtype: str) -> Array:
        given = numeric(target, "y")
        if given.ndim > len(shape) and given.shape[-1] > 1:
            raise ShapeError(
                f"sparse_categorical_crossentropy takes integer labels of shape (n,), got rows of shape "
                f"{given.shape}: pass labels y.argmax(-1), or use loss='categorical_crossentropy'"
            )
        return check_classes(given, shape, dtype)

    @classmethod
    def samples(cls) -> Iterator[Loss]:
        yield cls(from_logits=True)
        yield cls()


@value
class BinaryCrossentropy(FromProbabilities):
    """L = -1/k sum_j (t_j log p_j + (1 - t_j) log(1 - p_j)) for k yes-or-no outputs.

    From probabilities p, dL/dp = (p - t) / (p (1 - p)) / k; from logits z with p = sigmoid(z)::

        L = 1/k sum_j (m_j z_j + log(1 + exp(-|z_j|))),     dL/dz = (p - t) / k
        m = 1 - t where z > 0, else -t

    (Bishop 2006, equations 4.90 and 4.91.)

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits.
    label_smoothing : float
        The target becomes (1 - s) t + s / 2.
    """

    label_smoothing: float = finite(0, below=1, default=0.0)

    partner: ClassVar[type[Layer]] = Sigmoid
    also: ClassVar[tuple[type[Layer], ...]] = (HardSigmoid,)

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        xp = namespace(prediction)
        s = self.label_smoothing
        t = target if s == 0 else target * (1 - s) + s / 2
        if self.from_logits:
            z, e = prediction, xp.exp(-xp.abs(prediction))
            missed = (z > 0) - t  # so that a logit that is infinite and right costs nothing
            return mean_last(times(missed, z) + xp.log1p(e)), (sigmoid_of(z, e), t)
        losses = t * xp.log(floor(prediction)) + (1 - t) * xp.log(floor(1 - prediction))
        return -mean_last(losses), (prediction, t)

    def slope(self, cache: Cache) -> Array:
        p, t = cache
        if self.from_logits:
            return (p - t) / p.shape[-1]
        return ((1 - t) / floor(1 - p) - t / floor(p)) / p.shape[-1]

    def check_target(self, target: Any, shape: Shape, dtype: str) -> Array:
        target = check_values(target, shape, dtype)
        if target.size and (target.min() < 0 or target.max() > 1):
            signs = bool(np.isin(target, (-1, 1)).all())
            way = ": of -1 and 1 give (y + 1) / 2, or take loss='hinge' and no sigmoid" if signs else ""
            raise DataError(
                f"binary_crossentropy takes targets from 0 to 1, got values from {target.min():g} "
                f"to {target.max():g}{way}"
            )
        return target

    @classmethod
    def samples(cls) -> Iterator[Loss]:
        yield cls(from_logits=True)
        yield cls()
        yield cls(label_smoothing=0.1)


@value
class KLDivergence(FromProbabilities):
    """L = sum_j t_j log(t_j / p_j), with 0 log 0 = 0 (Kullback & Leibler 1951).

    It is 0 where the prediction p is the target t, as in Keras; PyTorch's ``KLDivLoss`` takes log p,
    and its mean is over all numbers unless ``reduction="batchmean"``. From probabilities dL/dp = -t / p; from
    logits dL/dz = p sum_j t_j - t.

    Parameters
    ----------
    from_logits : bool
        Whether predictions are logits.
    """

    def values(self, prediction: Array, target: Array) -> tuple[Array, Cache]:
        xp = namespace(prediction)
        crossentropy, cache = CategoricalCrossentropy(self.from_logits).values(prediction, target)
        return crossentropy + xp.sum(target * xp.log(floor(target)), axis=-1), cache

    def slope(self, cache: Cache) -> Array:
        return CategoricalCrossentropy(self.from_logits).slope(cache)

    def check_target(self, target: Any, shape: Shape, dtype: str) -> Array:
        target = check_values(target, shape, dtype)
        if target.size and target.min() < 0:
            raise DataError(f"kl_divergence takes distributions, got a negative target {target.min():g}")
        return target

    @classmethod
    def samples(cls) -> Iterator[Loss]:
        yield cls(from_logits=True)
        yield cls()


def known(activation: Layer) -> bool:
    """Tell whether an activation is one of the package's own."""
    return any(type(activation) is kind for kind in KNOWN.values())


def as_rows(target: Array, prediction: Array) -> Array:
    """Return targets as rows (n, k); labels become one-hot."""
    if target.ndim == prediction.ndim:
        return target
    return all_hit(one_hot(target, prediction.shape[-1], like=prediction), target)


def all_hit(rows: Array, labels: Array) -> Array:
    """Return one-hot rows; raise if a label is out of range, or see `of_classes` for JAX."""
    if isinstance(rows, np.ndarray) and np.count_nonzero(rows) != labels.size:
        check_labels(np.asarray(labels), rows.shape[-1])
    return of_classes(rows, labels, rows.shape[-1])


def of_classes(values: Array, labels: Array, classes: int) -> Array:
    """Return values (n,) or (n, k) of JAX; raise if one of the labels (n,) is out of range.

    While tracing, labels are not known: there the values of an example become NaN if its label is out of
    range. Arrays of NumPy are returned unchecked, as looking labels up raises there.
    """
    if isinstance(values, np.ndarray):
        return values
    if not traced(labels):
        check_labels(np.asarray(labels), classes)
        return values
    xp = namespace(labels)
    good = (labels >= 0) & (labels < classes) & (labels == xp.floor(labels))
    return xp.where(good if values.ndim == good.ndim else good[..., None], values, xp.nan)


WITHOUT = f"; what has no label gets any class, and is left out {LEAVE_OUT}"
"""What to do with targets that stand for none."""


def check_classes(target: Any, shape: Shape, dtype: str) -> Array:
    """Check class labels (whole numbers, (n,)) or rows (n, k) of non-negative numbers."""
    given = numeric(target, "y")
    if given.ndim == len(shape) + 1 and given.shape[-1] == 1 and shape[-1] > 1:
        given = given[..., 0]
    if given.ndim != len(shape):
        rows = check_values(given, shape, dtype)
        if rows.size and rows.min() < 0:
            raise DataError(f"rows of class probabilities must not be negative, got {rows.min():g}")
        return rows
    return check_labels(given, shape[-1])


MOST_CLASSES = 1000
"""Of labels above it a message does not say how many outputs they would need, as they may be no classes."""


def check_labels(given: Array, classes: int) -> Array:
    """Check labels: whole numbers from 0 to classes - 1; raise with the first that is not."""
    if given.dtype == np.float16:
        given = given.astype(np.float32)  # which 2^53 is a number of
    whole = given.dtype.kind in "biu" or (np.abs(given) < 2**53) & (given == np.rint(given))
    if not np.all(whole):
        index = _first(~whole)
        raise DataError(
            f"labels must be whole numbers from 0 to {classes - 1}, got {given[index]:g} at index "
            f"{index}{WITHOUT if np.isnan(given[index]) else ''}"
        )
    labels = given.astype(np.int64, copy=False)
    if (bad := (labels < 0) | (labels >= classes)).any():
        index, way = _first(bad), ""
        if labels.min() == 1 and labels.max() == classes:
            way = f": of labels 1 to {classes} give y - 1, or give them as texts"
        elif labels[bad].max() < 0:
            way = WITHOUT
        elif labels.min() >= 0 and (needed := int(labels.max()) + 1) <= MOST_CLASSES:
            way = f": for {needed} classes let it end in Dense({needed}, 'softmax')"
        plural = "output" if classes == 1 else "outputs"
        raise DataError(
            f"label {labels[index]} at index {index} is out of range: the network has {classes} {plural}, so "
            f"labels run from 0 to {classes - 1}{way}"
        )
    return labels


def _first(wrong: Array) -> Any:
    """Return the index of the first that is wrong: a number for a single axis, else a tuple."""
    index = tuple(np.argwhere(wrong)[0].tolist())
    return index[0] if len(index) == 1 else index
