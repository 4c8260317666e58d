"""The gradient check: hand-written gradients against finite differences."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from ..backend import Array, Shape, Stream
from ..errors import LucidnetError, NotReadyError, SettingError
from ..layers import Layer, Run, Sequential
from ..layers.core import Input
from ..losses import Loss
from ..training.inputs import as_inputs
from ..training.objective import Objective
from ..tree import tree_map
from .compare import compare
from .contract import broken_promises
from .descend import faults_inside
from .hypotheses import explain
from .report import Report
from .subject import LayerSubject, LossSubject, ObjectiveSubject, Subject, as_float64, example

ROWS = 4


def gradients(
    target: Any,
    x: Any = None,
    y: Any = None,
    *,
    shape: int | Shape | None = None,
    tolerance: float = 1e-7,
    entries: int = 200,
    seed: int = 0,
    train: bool = True,
) -> Report:
    """Compare hand-written gradients with central differences in float64; name the likely mistake.

    Parameters
    ----------
    target : Layer, Loss or Model
        What to check: a layer (also one's own, also a container), a loss, or a compiled model (its
        loss on a batch, by all parameters).
    x : array-like (n, ...), optional
        Inputs of a layer or model, predictions for a loss; random if left out.
    y : array-like (n, ...), optional
        Targets of a model or a loss; random if left out.
    shape : int or tuple of int, optional
        The shape of one input, where it is not known and `x` is left out; (5,) if nothing says more.
    tolerance : float
        The largest relative error that passes. 1e-7 suits smooth functions.
    entries : int
        How many entries of each array are compared at most; larger arrays are sampled.
    seed : int
        Seed of inputs, weights and samples.
    train : bool
        Whether to check the training pass (with dropout and noise) or inference.

    Returns
    -------
    Report
        True if all is well; print it to see each array's error, and the likely mistake.

    Examples
    --------
    >>> from lucidnet.layers import Dense
    >>> report = gradients(Dense(3, activation="tanh"), shape=(5,))
    >>> bool(report), [entry.name for entry in report.entries]
    (True, ['W', 'b', 'x'])
    """
    if isinstance(target, Loss):
        return _report(_loss_subject(target, x, y, shape, seed), repr(target), tolerance, entries, seed)
    if isinstance(target, Layer):
        inputs = as_float64(x) if x is not None else _inputs(target, shape, seed)
        subject = LayerSubject.of(target, inputs, seed, train)
        return _report(subject, target.describe(), tolerance, entries, seed)
    if isinstance(getattr(target, "net", None), Layer):
        return _report(_model_subject(target, x, y, seed, train), "the model", tolerance, entries, seed)
    raise SettingError(f"check.gradients: expected a Layer, a Loss or a Model, got {target!r}")


def _inputs(layer: Layer, shape: int | Shape | None, seed: int) -> Array:
    if shape is None:
        first = layer.layers[0] if isinstance(layer, Sequential) else layer
        shape = cast(Shape, first.shape) if isinstance(first, Input) else (5,)
    shape = (shape,) if isinstance(shape, int) else shape
    return example(Stream(seed, dtype="float64"), ROWS, shape)


def _loss_subject(loss: Loss, x: Any, y: Any, shape: int | Shape | None, seed: int) -> LossSubject:
    size = (shape,) if isinstance(shape, int) else shape or (5,)
    prediction = as_float64(x) if x is not None else example(Stream(seed, dtype="float64"), ROWS, size)
    if y is None:
        y = _fitting_target(loss, prediction)
    return LossSubject(loss, prediction, loss.check_target(y, prediction.shape[1:], "float64"))


def _fitting_target(loss: Loss, prediction: Array) -> Array:
    """Return targets that a loss accepts: labels, or numbers from 0 to 1, or 0 and 1."""
    n, k = len(prediction), prediction.shape[-1]
    share = (np.arange(prediction.size).reshape(prediction.shape) * 0.37 + 0.2) % 1.0
    for y in (share, np.arange(n) % k, (share > 0.5) * 1.0):
        try:
            loss.check_target(y, prediction.shape[1:], "float64")
        except LucidnetError:
            continue
        return y
    raise SettingError(f"check.gradients: no targets were found that {loss!r} takes; pass some as y=")


def _model_subject(model: Any, x: Any, y: Any, seed: int, train: bool) -> ObjectiveSubject:
    if model.loss is None:
        raise NotReadyError("check.gradients: compile the model first, so that there is a loss")
    rng = Stream(seed, dtype="float64", path=("check",))
    x = example(rng, ROWS, model.input_shape) if x is None else as_inputs(x, model.input_shape)
    objective = Objective.of(model.net, model.loss)
    if y is None:
        y = _fitting_target(model.loss, np.zeros((len(x), *model.output_shape)))
    target = model.loss.check_target(y, model.output_shape, "float64")
    params = tree_map(as_float64, model.params)
    return ObjectiveSubject(objective, params, as_float64(x), target, Run(train, rng))


def _report(subject: Subject, title: str, tolerance: float, entries: int, seed: int) -> Report:
    """Compare all arrays; where something is wrong, look for the reason."""
    problems = tuple(broken_promises(subject)) if isinstance(subject, LayerSubject) else ()
    found = tuple(compare(subject, entries, seed))
    failed = [entry.name for entry in found if entry.error > tolerance and entry.checked]
    reasons = (
        (tuple(faults_inside(subject, check_layer)) or tuple(explain(subject, failed))) if failed else ()
    )
    return Report(title, found, tolerance, problems + reasons)


def check_layer(subject: LayerSubject) -> Report:
    """Check one layer inside a network, on the input and the error that it really gets."""
    return _report(subject, subject.layer.describe(), 1e-6, 200, 0)
