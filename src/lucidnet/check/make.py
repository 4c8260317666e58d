"""Inputs, predictions and targets for a check, made where the user gives none."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ..backend import Array, Shape, Stream
from ..core.finite import first_bad
from ..core.numeric import numeric
from ..core.trees import mapped, tree_map
from ..data.batch import rows
from ..engine.objective import Objective
from ..errors import DataError, LucidnetError, NotReadyError, SettingError, ShapeError
from ..layers import Embedding, Graph, Layer, Recurrent, Run, Sequential
from ..layers.base import several
from ..layers.containers import final, first_leaf
from ..layers.core import Input
from ..losses import Loss
from ..training.checks import as_inputs, as_mask
from .packed import Packed, embedded, joined, shapes
from .subject import LayerSubject, LossSubject, ObjectiveSubject, as_float64, example

ROWS = 4


def layer_subject(layer: Layer, x: Any, shape: Any, seed: int, train: bool, mask: Any = None) -> LayerSubject:
    """Return a layer to check, with random weights, inputs and output error."""
    first = first_leaf(layer)
    if x is not None:
        inputs = mapped(given, x) if _are_several(x) else given(x)
    elif isinstance(layer, Graph):
        inputs = inputs_of(layer, dict(layer.inputs), Stream(seed, dtype="float64").child("x"), ROWS, TIMES)
        inputs = inputs if len(layer.inputs) > 1 else next(iter(inputs.values()))
    elif isinstance(first, Embedding):
        inputs = _whole(first.vocabulary, shape or (5,), seed)
    else:
        if shape is None and isinstance(first, Recurrent):
            shape = (6, 5)
        if shape is None:
            first = layer.layers[0] if isinstance(layer, Sequential) else layer
            shape = cast(Shape, first.shape) if isinstance(first, Input) else (5,)
        shape = (shape,) if isinstance(shape, int) else shape
        inputs = _normal(Stream(seed, dtype="float64"), shape)
    mask = None if mask is None else _masks(mask, inputs)
    end = final(layer)
    if isinstance(inputs, np.ndarray) and not (isinstance(end, Graph) and len(end.outputs) > 1):
        return LayerSubject.of(layer, inputs, seed, train, mask)
    packed: Any = Packed(layer, shapes(inputs))
    return LayerSubject.of(packed, joined(inputs), seed, train, mask)


TIMES = 6
"""How many time steps random inputs have, where their number may vary."""


def _are_several(x: Any) -> bool:
    """Tell whether these are several inputs, not the rows of one."""
    if isinstance(x, (tuple, dict)) and x:
        return isinstance(x, dict) or all(getattr(part, "ndim", 0) > 1 for part in x)
    return False


def _normal(rng: Stream, shape: Any) -> Any:
    """Return random inputs, one array or a tuple of them."""
    if not several(shape):
        return example(rng, ROWS, shape)
    return tuple(_normal(rng.child(str(k)), part) for k, part in enumerate(shape))


def _masks(mask: Any, x: Any) -> Any:
    """Return the mask of inputs, in their form."""
    if isinstance(x, tuple):
        if not isinstance(mask, (tuple, list)) or len(mask) != len(x):
            raise DataError(f"check.gradients: mask: expected a tuple, one for each of {len(x)} inputs")
        return tuple(None if own is None else as_mask(own, one) for own, one in zip(mask, x, strict=True))
    return as_mask(mask, x)


def _whole(vocabulary: int, shape: int | Shape, seed: int) -> Array:
    """Return random whole numbers, as inputs of an embedding."""
    shape = (shape,) if isinstance(shape, int) else shape
    drawn = Stream(seed, dtype="float64", path=("numbers",)).uniform((ROWS, *shape))
    return np.floor(drawn * vocabulary)


def given(x: Any) -> Array:
    """Return a user's inputs in float64; raise if their shape or values cannot be used."""
    x = as_float64(numeric(x, "check.gradients: x"))
    if x.ndim < 2 or not x.size:
        hint = "; the shape of one input goes by name: shape=(3,)" if x.ndim == 1 else ""
        raise ShapeError(
            f"check.gradients: expected x of shape (n, ...), one row per example, got {x.shape}{hint}"
        )
    if not np.isfinite(x).all():
        raise DataError(f"check.gradients: x holds NaN or infinity, first at index {first_bad(x)}")
    return x


def loss_subject(loss: Loss, x: Any, y: Any, shape: int | Shape | None, seed: int) -> LossSubject:
    """Return a loss to check, with predictions and targets that it accepts."""
    size = (shape,) if isinstance(shape, int) else shape or (5,)
    scores = example(Stream(seed, dtype="float64"), ROWS, size)
    for prediction in (given(x),) if x is not None else (scores, _probabilities(scores)):
        goal = fitting_target(loss, prediction) if y is None else y
        goal = loss.check_target(goal, prediction.shape[1:], "float64")
        subject = LossSubject(loss, prediction, goal)
        if x is not None or _takes(subject):
            break
    return subject


def _probabilities(scores: Array) -> Array:
    positive = np.exp(scores)
    return positive / positive.sum(-1, keepdims=True)


def _takes(subject: LossSubject) -> bool:
    """Tell whether a loss is defined for scores of both signs, not only for probabilities."""
    if not getattr(subject.loss, "from_logits", True):
        return False
    with np.errstate(all="ignore"):
        return bool(np.isfinite(subject.cast("float64").forward()[0]))


def fitting_target(loss: Loss, prediction: Array) -> Array:
    """Return targets that a loss accepts: numbers from 0 to 1, labels, or zeros and ones.

    Several outputs sum to 1, as y - t, the slope of softmax and cross-entropy at once, supposes.
    """
    n, k = len(prediction), prediction.shape[-1]
    share = (np.arange(prediction.size).reshape(prediction.shape) * 0.37 + 0.2) % 1.0
    share = share / share.sum(-1, keepdims=True) if k > 1 else share
    for y in (share, np.arange(n) % k, (share > 0.5) * 1.0):
        try:
            loss.check_target(y, prediction.shape[1:], "float64")
        except LucidnetError:
            continue
        return y
    raise SettingError(f"check.gradients: no targets were found that {loss!r} takes; pass some as y=")


def model_subject(model: Any, x: Any, y: Any, seed: int, train: bool, mask: Any = None) -> ObjectiveSubject:
    """Return the loss of a compiled model on a batch."""
    if model.loss is None:
        raise NotReadyError("check.gradients: compile the model first, so that there is a loss")
    rng = Stream(seed, dtype="float64", path=("check",))
    if x is None:
        x = inputs_of(model.net, model.input_shape, rng.child("x"), ROWS, TIMES)
    x, mask, _ = as_inputs(x, model.input_shape, "float64", model.net, mask)
    x, shape = mapped(given, x), model.net.output_shape(shapes(x))
    objective = Objective.of(model.net, model.loss)
    if y is None:
        y = _targets(model.loss, rows(x), shape)
    target = model.loss.check_target(y, shape, "float64")
    params = tree_map(as_float64, model.params)
    run = Run(train, rng, mask=mask)
    return ObjectiveSubject(objective, params, x, target, run)


def _targets(loss: Any, n: int, shape: Any) -> Any:
    """Return targets that a loss accepts, for n outputs of a shape, or of several by name."""
    if isinstance(shape, dict):
        return {name: _targets(own, n, shape[name]) for name, own in loss.losses}
    return fitting_target(loss, np.zeros((n, *shape)))


def inputs_of(net: Layer, shape: Any, rng: Stream, rows: int, times: int) -> Any:
    """Return random inputs of a network, whole numbers where an embedding takes them.

    Parameters
    ----------
    shape : shape
        The shape of one input, or of each by name; sizes that vary are as large as `times`.
    """
    return _drawn(shape, rng, rows, times, embedded(net))


def _drawn(
    shape: Any, rng: Stream, rows: int, times: int, vocabularies: dict[str, int], name: str = ""
) -> Any:
    if isinstance(shape, dict):
        return {
            key: _drawn(inner, rng.child(key), rows, times, vocabularies, key) for key, inner in shape.items()
        }
    sizes = (rows, *(times if size is None else size for size in shape))
    if (vocabulary := vocabularies.get(name) or vocabularies.get("")) is not None:
        return np.floor(rng.uniform(sizes) * vocabulary)
    return rng.normal(sizes)
