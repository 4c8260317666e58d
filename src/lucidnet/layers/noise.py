"""Noise added while training."""

from __future__ import annotations

from ..backend import Array, Tree, namespace
from ..core.settings import finite
from ..core.value import value
from .base import INFERENCE, Cache, Layer, Run, Samples


@value
class GaussianNoise(Layer):
    """In training y = x + s e with e standard normal, in inference y = x;  dx = dy.

    Small noise at the input acts as Tikhonov's penalty on the slope (Bishop 1995, "Training with noise
    is equivalent to Tikhonov regularization").

    Parameters
    ----------
    deviation : float
        The standard deviation s, in units of x.
    """

    deviation: float = finite(0)

    @property
    def random(self) -> bool:  # type: ignore[override]
        """Whether there is noise."""
        return self.deviation > 0

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        if not run.train or self.deviation == 0:
            return x, None
        noise = namespace(x).asarray(run.stream.normal(x.shape), dtype=x.dtype)
        return x + self.deviation * noise, None

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy, {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(0.1), (5,)
