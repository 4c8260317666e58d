"""PReLU: the rectifier with a learned negative slope."""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, Shape, Stream, Tree, namespace
from ..core.settings import finite
from ..core.value import value
from .base import INFERENCE, Cache, Layer, Run, features
from .normalization import over_rows


@value
class PReLU(Layer):
    """y = x for x > 0, else a x, with a slope a per feature that is learned.

    ::

        dx = dy for x > 0, else a dy       da = sum_n dy min(x, 0)

    (He et al. 2015, "Delving deep into rectifiers", equations 1 to 3.) As there, no penalty acts on a. In
    Keras a is 0 at first, and each place has one of its own.

    Parameters
    ----------
    alpha : float
        The initial slope, at most 1; 0.25 as in the paper.

    Examples
    --------
    >>> import numpy as np
    >>> layer = PReLU()
    >>> params, _ = layer.init(Stream(0), (2,))
    >>> layer.forward(params, np.array([[-4.0, 3.0]]))[0]
    array([[-1.,  3.]])
    """

    alpha: float = finite(most=1, default=0.25)

    penalized: ClassVar[tuple[str, ...]] = ()

    def output_shape(self, shape: Any) -> Any:
        features(self, shape)
        return shape

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out = self.output_shape(shape)
        return {"alpha": rng.full(shape[-1:], self.alpha)}, out

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return namespace(x).where(x > 0, x, params["alpha"] * x), x

    def backward(self, params: Tree, x: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        xp = namespace(x)
        grads = {"alpha": over_rows(dy * xp.minimum(x, 0))}
        return (xp.where(x > 0, dy, params["alpha"] * dy) if need_dx else None), grads
