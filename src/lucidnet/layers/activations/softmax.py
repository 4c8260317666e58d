"""Activations over the last axis: softmax and its logarithm."""

from __future__ import annotations

from ...backend import Array, Tree, namespace
from ...core.value import value
from ..base import INFERENCE, Cache, Run
from .base import ActivationLayer


def log_softmax(x: Array) -> Array:
    """Return x - log sum exp(x) over the last axis, with the maximum shifted out."""
    xp = namespace(x)
    shifted = x - x.max(-1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(-1, keepdims=True))


def softmax(x: Array) -> Array:
    """Return exp(x) / sum exp(x) over the last axis, with the maximum shifted out."""
    y = namespace(x).exp(x - x.max(-1, keepdims=True))
    y /= y.sum(-1, keepdims=True)
    return y


@value
class Softmax(ActivationLayer):
    """y_i = exp(x_i) / sum_j exp(x_j),  dx_i = y_i (dy_i - sum_j dy_j y_j)."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        y = softmax(x)
        return y, y

    def backward(self, params: Tree, y: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        mean = (dy * y).sum(-1, keepdims=True)
        return y * (dy - mean), {}


@value
class LogSoftmax(ActivationLayer):
    """y_i = x_i - log sum_j exp(x_j),  dx_i = dy_i - exp(y_i) sum_j dy_j."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        y = log_softmax(x)
        return y, y

    def backward(self, params: Tree, y: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy - namespace(y).exp(y) * dy.sum(-1, keepdims=True), {}
