"""The gradient check: hand-written gradients against finite differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import Shape
from ..core.calls import takes
from ..core.settings import UnfitError, count, finite, flag, listed, setting, shown, whole
from ..errors import SettingError, ShapeError
from ..layers import Layer
from ..losses import Loss
from .compare import DIRECTION, by_jax, compare
from .contract import complaints, unusable
from .descend import faults_inside, wiring
from .explain import explain
from .make import layer_subject, loss_subject, model_subject
from .report import CheckReport, Entry
from .subject import LayerSubject, LossSubject, ObjectiveSubject, Subject

INSIDE = 1e-6
"""The tolerance for layers inside a failed network, where a reason is sought and not a verdict."""


LARGEST = 1 << 20
"""The largest input size that is tried."""


def _as_sizes(given: Any, owner: Any) -> Any:
    size = whole(1, LARGEST).metadata["check"]
    if isinstance(given, (int, np.integer)):
        return size.convert(given, owner)
    sizes = tuple(
        _as_sizes(part, owner) if isinstance(part, tuple) else size.convert(part, owner)
        for part in listed(given)
    )
    if not sizes:
        raise UnfitError
    return sizes


@takes(
    "check.gradients",
    shape=setting("the size or sizes of one input", _as_sizes, optional=True),
    tolerance=finite(0),
    entries=count(1),
    seed=whole(0),
    train=flag(),
    jax=flag(),
)
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
    jax: bool = False,
    mask: Any = None,
) -> CheckReport:
    """Compare hand-written gradients with central differences in float64; name the likely mistake.

    Parameters
    ----------
    target : Layer, Loss or Model
        What to check: a layer (also your own, also a container), a loss, or a compiled model (its loss on a
        batch, by all parameters).
    x : array-like (n, ...), optional
        Inputs of a layer or model, predictions for a loss; random if left out: normal, or probabilities
        for a loss that takes no other numbers. Several inputs are a tuple of arrays, or a dict by name; in
        the report `x` is all of them, side by side.
    y : array-like (n, ...), optional
        Targets of a model or a loss, a dict of them for several outputs; random if left out.
    shape : int or tuple of int, optional
        The shape of one input, if it is not known and `x` is left out; (5,) by default. For a layer that
        takes several inputs a tuple of shapes, ``((4, 3), (5, 3))``.
    tolerance : float
        The largest relative error that passes. 1e-7 suits smooth functions.
    entries : int
        The most entries of each array to compare; larger arrays are sampled.
    seed : int
        Seed of inputs, weights and samples.
    train : bool
        Whether to check the training pass (with dropout and noise) or inference.
    jax : bool
        Whether to compare a layer's gradients with what JAX finds from its `forward`, too: then each array
        has a second entry, ``"W, by JAX"``, whose `numeric` is JAX's.
    mask : array-like (n, time) of bool, or (n,) of lengths, optional
        Which time steps count, of a layer's or model's inputs, in the form of those where they are several.
        There are 4 examples where `x` is left out.

    Returns
    -------
    CheckReport
        True if all is well; print it to see each array's error, and the likely mistake.

    Examples
    --------
    >>> from lucidnet.layers import Dense
    >>> report = gradients(Dense(3, activation="tanh"), shape=(5,))
    >>> bool(report), [entry.name for entry in report.entries]
    (True, ['W', 'b', 'x'])
    """
    if isinstance(target, Layer) and y is not None:
        raise SettingError(f"check.gradients: y has no effect, as a layer has no targets; got {shown(y)}")
    if shape is not None and (x is not None or not isinstance(target, (Layer, Loss))):
        raise SettingError(f"check.gradients: shape={shown(shape)} has no effect beside x, or for a model")
    if jax and not isinstance(target, Layer):
        raise SettingError(f"check.gradients: jax=True is for a layer, got {target!r}")
    if isinstance(target, Loss):
        if mask is not None:
            raise SettingError(f"check.gradients: mask is for a layer or a model, not for {target!r}")
        return _loss_report(loss_subject(target, x, y, shape, seed), tolerance, entries, seed)
    if isinstance(target, Layer):
        try:
            layer = layer_subject(target, x, shape, seed, train, mask)
        except ShapeError as error:
            if x is None and shape is None:
                raise ShapeError(f"{error}: give the shape of one input, shape=(...)") from error
            raise
        report = _report(layer, target.describe(), tolerance, entries, seed)
        return (
            replace(report, entries=(*report.entries, *by_jax(layer))) if jax and report.entries else report
        )
    if isinstance(getattr(target, "net", None), Layer):
        return _report(model_subject(target, x, y, seed, train, mask), "the model", tolerance, entries, seed)
    remedy = ""
    if isinstance(target, type):
        remedy = f": give an instance, {target.__name__}(...)"
    elif isinstance(target, str):
        remedy = ": by name there are losses.get('mse') and layers.activations.get('relu')"
    elif callable(target):
        remedy = ": a function as activation is layers.Activation(f), one as loss losses.Custom(f)"
    raise SettingError(
        f"check.gradients: target must be a Layer, a Loss or a Model, got {shown(target)}{remedy}"
    )


def _loss_report(subject: LossSubject, tolerance: float, entries: int, seed: int) -> CheckReport:
    """Check a loss, without and with a weight for each example."""
    plain = _report(subject, repr(subject.loss), tolerance, entries, seed)
    if not plain.entries:
        return plain
    weights = np.linspace(0.5, 1.5, subject.parts)
    weighted = _report(replace(subject, weights=weights), plain.subject, tolerance, entries, seed)
    named = (replace(entry, name=f"{entry.name}, weighted") for entry in weighted.entries)
    likely = plain.likely or tuple(f"with weights: {reason}" for reason in weighted.likely)
    return replace(plain, entries=(*plain.entries, *named), likely=likely)


def _report(subject: Subject, title: str, tolerance: float, entries: int, seed: int) -> CheckReport:
    found, likely = _look(subject, tolerance, entries, seed)
    return CheckReport(title, found, tolerance, likely or tuple(_untested(found)))


def _look(
    subject: Subject, tolerance: float, entries: int, seed: int
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Compare all gradients; where one is wrong, search for the reason, first in the layers inside."""
    problems = _promises(subject)
    if problems and not _usable(subject):
        return (), problems
    found = tuple(compare(subject, entries, seed))
    failed = [entry.name for entry in found if entry.error > tolerance and entry.checked]
    if not failed:
        return found, problems
    inside = tuple(faults_inside(subject, _reasons))
    with np.errstate(
        all="ignore"
    ):  # mistakes are tried out on numbers that need not be in the function's domain
        return found, inside or (*problems, *wiring(subject), *explain(subject, failed))


def _reasons(subject: LayerSubject | LossSubject) -> tuple[str, ...]:
    """Return what is wrong with a part of a network, given its actual input and error."""
    return _look(subject, INSIDE, 200, 0)[1]


def _promises(subject: Subject) -> tuple[str, ...]:
    """Return the promises that a subject breaks; if layers inside break some, only theirs."""
    inside = tuple(faults_inside(subject, _promises))
    return inside or (complaints(subject) if isinstance(subject, (LayerSubject, LossSubject)) else ())


def _usable(subject: Subject) -> bool:
    if isinstance(subject, ObjectiveSubject):
        return (subject.several or _usable(subject.loss)) and _usable(subject.net)
    return not isinstance(subject, (LayerSubject, LossSubject)) or unusable(subject) is None


def _untested(found: Iterable[Entry]) -> Iterator[str]:
    for entry in found:
        if entry.kinks and not entry.checked and entry.name != DIRECTION:
            yield (
                f"{entry.name}: nothing could be compared: at each entry there is a kink, or a bend that is "
                "too sharp for finite differences; give another x="
            )
