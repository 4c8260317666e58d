"""Piecewise linear activations: ReLU and its relatives, absolute value."""

from __future__ import annotations

from ...backend import Array, Tree, namespace, positive
from ...core.settings import finite
from ...core.value import value
from ..base import INFERENCE, Cache, Run
from .base import ActivationLayer


@value
class ReLU(ActivationLayer):
    """y = max(x, 0),  dy/dx = 1 for x > 0, else 0 (Nair & Hinton 2010)."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        y = positive(x)
        return y, y

    def backward(self, params: Tree, y: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy * (y > 0), {}


@value
class LeakyReLU(ActivationLayer):
    """y = x for x > 0, else a x,  dy/dx = 1 or a (Maas et al. 2013).

    Parameters
    ----------
    negative_slope : float
        The slope a for negative inputs: 0.01 as in the paper and PyTorch, where Keras' layer has 0.3 and its
        function 0.2.
    """

    negative_slope: float = finite(default=0.01)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        positive = x > 0
        return namespace(x).where(positive, x, self.negative_slope * x), positive

    def backward(self, params: Tree, positive: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return namespace(dy).where(positive, dy, self.negative_slope * dy), {}


@value
class ELU(ActivationLayer):
    """y = x for x > 0, else a (exp(x) - 1),  dy/dx = 1 or y + a (Clevert et al. 2016, equation 15).

    Parameters
    ----------
    alpha : float
        The limit -a for large negative inputs.
    """

    alpha: float = finite(default=1.0)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        xp = namespace(x)
        y = xp.where(x > 0, x, self.alpha * xp.expm1(xp.minimum(x, 0)))
        return y, (x > 0, y)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        positive, y = cache
        return dy * namespace(dy).where(positive, 1, y + self.alpha), {}


@value
class SELU(ActivationLayer):
    """y = s x for x > 0, else s a (exp(x) - 1),  dy/dx = s or y + s a (Klambauer et al. 2017, equation 2).

    The constants a and s make mean 0 and variance 1 a fixed point.
    """

    alpha = 1.6732632423543772848170429916717
    scale = 1.0507009873554804934193349852946

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        xp = namespace(x)
        y = self.scale * xp.where(x > 0, x, self.alpha * xp.expm1(xp.minimum(x, 0)))
        return y, (x > 0, y)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        positive, y = cache
        return dy * namespace(dy).where(positive, self.scale, y + self.scale * self.alpha), {}


@value
class Abs(ActivationLayer):
    """y = |x|,  dy/dx = sign(x)."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return namespace(x).abs(x), x

    def backward(self, params: Tree, x: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy * namespace(dy).sign(x), {}
