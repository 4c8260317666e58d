"""What all activations share, and the simplest of them."""

from __future__ import annotations

from ...backend import Array, Tree
from ...core.value import value
from ..base import INFERENCE, Cache, Layer, Run


@value
class ActivationLayer(Layer):
    """Base class of activations: layers without weights, which can be fused with a loss."""

    def split_activation(self) -> tuple[Layer, Layer | None]:
        return Linear(name=self.name), self


@value
class Linear(ActivationLayer):
    """y = x,  dy/dx = 1."""

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return x, None

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy, {}
