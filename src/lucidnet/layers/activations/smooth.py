"""Smooth relatives of ReLU of the form y = x g(x): GELU, SiLU, Mish.

Their derivative is g(x) + x g'(x).
"""

from __future__ import annotations

import math

from ...backend import Array, Tree, namespace, normal_cdf
from ...core.value import value
from ..base import INFERENCE, Cache, Run
from .base import ActivationLayer
from .sigmoidal import Softplus, sigmoid


@value
class GELU(ActivationLayer):
    """y = x P(x),  dy/dx = P(x) + x p(x), with P and p of the standard normal (Hendrycks & Gimpel 2016).

    The exact form, as in PyTorch and Keras, not the approximation by tanh that JAX takes if not told.
    """

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        gate = normal_cdf(x)
        return x * gate, (x, gate)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        x, gate = cache
        dx = namespace(x).exp(-0.5 * x * x)
        dx *= (2 * math.pi) ** -0.5
        dx *= x
        dx += gate
        dx *= dy
        return dx, {}


@value
class SiLU(ActivationLayer):
    """y = x s,  dy/dx = s + x s (1 - s), with s = sigmoid(x) (Elfwing et al. 2018); also called swish."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        s = sigmoid(x)
        return x * s, (x, s)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        x, s = cache
        return dy * (s + x * (s * (1 - s))), {}


@value
class Mish(ActivationLayer):
    """y = x w,  dy/dx = w + x (1 - w^2) sigmoid(x), with w = tanh(softplus(x)) (Misra 2019)."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        w = namespace(x).tanh(Softplus().forward({}, x)[0])
        return x * w, (x, w)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        x, w = cache
        return dy * (w + x * ((1 - w * w) * sigmoid(x))), {}
