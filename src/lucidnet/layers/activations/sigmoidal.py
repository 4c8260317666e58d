"""Saturating activations: sigmoid, tanh, softsign, hard sigmoid; also softplus and exp."""

from __future__ import annotations

from ...backend import Array, Tree, namespace
from ...core.value import value
from ..base import INFERENCE, Cache, Run
from .base import ActivationLayer


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), accurate in both tails: exp is only taken of -|x|."""
    xp = namespace(x)
    return sigmoid_of(x, xp.exp(-xp.abs(x)))


def sigmoid_of(x: Array, e: Array) -> Array:
    """1 / (1 + exp(-x)), from e = exp(-|x|)."""
    return namespace(x).where(x < 0, e, 1) / (1 + e)


@value
class Sigmoid(ActivationLayer):
    """y = 1 / (1 + exp(-x)),  dy/dx = y (1 - y)."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        y = sigmoid(x)
        return y, y

    def backward(self, params: Tree, y: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy * (y * (1 - y)), {}


@value
class Tanh(ActivationLayer):
    """y = tanh(x),  dy/dx = 1 - y^2."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        y = namespace(x).tanh(x)
        return y, y

    def backward(self, params: Tree, y: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy * (1 - y * y), {}


@value
class Softsign(ActivationLayer):
    """y = x / (1 + |x|),  dy/dx = 1 / (1 + |x|)^2 = (1 - |y|)^2."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        size = 1 + namespace(x).abs(x)
        return x / size, 1 / size

    def backward(self, params: Tree, scale: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy * (scale * scale), {}


@value
class HardSigmoid(ActivationLayer):
    """y = min(max(x + 3, 0), 6) / 6,  dy/dx = 1/6 for |x| < 3, else 0.

    The definition of PyTorch and Keras 3 (Howard et al. 2019, "Searching for MobileNetV3"). Before Keras 3 it
    was min(max(0.2 x + 0.5, 0), 1), as in ONNX.
    """

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        y = namespace(x).clip(x + 3, 0, 6) / 6
        return y, (y > 0) & (y < 1)

    def backward(self, params: Tree, inside: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy * inside / 6, {}


@value
class Softplus(ActivationLayer):
    """y = log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)),  dy/dx = sigmoid(x)."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        xp = namespace(x)
        return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x))), x

    def backward(self, params: Tree, x: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy * sigmoid(x), {}


@value
class Exponential(ActivationLayer):
    """y = exp(x),  dy/dx = y: for outputs above 0, such as expected counts."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        y = namespace(x).exp(x)
        return y, y

    def backward(self, params: Tree, y: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy * y, {}
