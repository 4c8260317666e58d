"""Networks of scikit-learn, layer by layer."""

from __future__ import annotations

from typing import Any

from ..interop.exported.estimators import scales_of, steps_of
from ..layers import Dense, Input, Normalization
from .parts import Moved, joined, plain, refused

ACTIVATIONS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "softmax": "softmax",
    "exp": "exponential",
}
"""Their activations by ours."""


def converted(network: Any, shape: Any) -> tuple[Moved, tuple[str, ...] | None]:
    """Return the layers of an estimator, and the names of its classes."""
    if shape is not None:
        raise refused("shape", "an estimator of scikit-learn knows its own: leave it out")
    *before, net = steps_of(network)
    kind = type(net).__name__
    if hasattr(net, "model_"):
        raise refused(kind, "it is one of lucidnet already: its model_ is the Model")
    if kind not in ("MLPClassifier", "MLPRegressor"):
        raise refused(kind, "only MLPClassifier and MLPRegressor are networks")
    if not hasattr(net, "coefs_"):
        raise refused(kind, "it has no weights yet: fit it first")
    parts = [Moved(Input(len(net.coefs_[0])), {}), *map(scaler, before)]
    names = [ACTIVATIONS[net.activation]] * (len(net.coefs_) - 1) + [ACTIVATIONS[net.out_activation_]]
    for W, b, name in zip(net.coefs_, net.intercepts_, names, strict=True):
        parts.append(plain(Dense(W.shape[1], name), W=W, b=b))
    several = getattr(net, "_label_binarizer", None) is not None and net._label_binarizer.y_type_.startswith(
        "multilabel"
    )
    classes = None if several or not hasattr(net, "classes_") else tuple(map(str, net.classes_.tolist()))
    return joined(parts), classes


def scaler(step: Any) -> Moved:
    """Return a step before the network."""
    ((mean, scale),) = scales_of(step, "convert")
    return Moved(Normalization(mean=mean.tolist(), variance=(scale**2).tolist()), {})
