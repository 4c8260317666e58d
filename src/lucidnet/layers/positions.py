"""Positions in a sequence, for layers that do not see them, such as attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import initializers
from ..backend import Array, Shape, Stream, Tree, namespace
from ..core.settings import named, whole
from ..core.types import Named
from ..core.value import value
from ..errors import ShapeError
from ..initializers import Initializer
from .base import INFERENCE, Cache, Layer, Run, Samples, one_input
from .recurrent.base import sequence


@value
class PositionalEmbedding(Layer):
    """A learned vector for each place in a sequence is added: y_t = x_t + W_t,  dW_t = sum_n dy_t.

    (Gehring et al. 2017, section 3.1.)

    Parameters
    ----------
    length : int
        Length of the longest sequence.
    initializer : str or Initializer
        Initial values of W (length, features); uniform from -0.05 to 0.05 if not given. As for `Embedding`, a
        unit has one input.
    """

    length: int = whole(1)
    initializer: Named[Initializer] = named(initializers, default=initializers.Uniform())

    def output_shape(self, shape: Any) -> Any:
        self._check(sequence(one_input(self, shape))[0])
        return shape

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out, size = self.output_shape(shape), (self.length, shape[-1])
        return {"W": self.initializer.kernel(rng.child("W"), size, share=1 / self.length)}, out

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        self._check(x.shape[1])
        return x + params["W"][: x.shape[1]], None

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        xp = namespace(dy)
        unused = xp.zeros((self.length - dy.shape[1], dy.shape[2]), dtype=dy.dtype)
        return (dy if need_dx else None), {"W": xp.concat([dy.sum(0), unused])}

    def _check(self, time: int | None) -> None:
        if time is not None and time > self.length:
            raise ShapeError(f"PositionalEmbedding: a sequence of {time} steps is longer than {self.length}")

    @classmethod
    def samples(cls) -> Samples:
        yield cls(7), (6, 4)


@value
class SinusoidalEncoding(Layer):
    """A fixed wave for each place in a sequence is added: y_t = x_t + p_t,  dx = dy.

    Of d features, two share a wavelength, which grows from 2 pi to 10000 * 2 pi steps::

        p_t,2i = sin(t / 10000^(2i / d))      p_t,2i+1 = cos(t / 10000^(2i / d))

    (Vaswani et al. 2017, "Attention is all you need", section 3.5.)
    """

    def output_shape(self, shape: Any) -> Any:
        return sequence(one_input(self, shape))

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        _, time, features = x.shape
        feature = np.arange(features)
        angle = np.arange(time)[:, None] / 10000.0 ** (feature // 2 * 2 / features)
        waves = np.where(feature % 2, np.cos(angle), np.sin(angle))
        return x + namespace(x).asarray(waves, dtype=x.dtype), None

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return dy, {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (6, 4)
