"""Embedding vectors for whole numbers, such as characters and words."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import initializers
from ..backend import Array, Shape, Stream, Tree, row_numbers, rows_of, scatter_add
from ..core.settings import flag, named, whole
from ..core.types import Named
from ..core.value import value
from ..errors import ShapeError
from ..initializers import Initializer
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, one_input


@value
class Embedding(Layer):
    """A learned vector for each whole number: y = W[x].

    ::

        dW[i] = sum of dy where x = i       (there is no dx)

    The same as a dense layer on one-hot rows (Bengio et al. 2003, section 2).

    Parameters
    ----------
    vocabulary : int
        The number of vectors: inputs (n, ...) are from 0 to vocabulary - 1, of any dtype.
    dimension : int
        Length of the vectors; outputs are (n, ..., dimension).
    mask_zero : bool
        Whether 0 is padding: time steps with it are masked.
    initializer : str or Initializer
        Initial values of W (vocabulary, dimension); uniform from -0.05 to 0.05 if not given. A unit sees one
        row at a time: its number of inputs, which ``"he_normal"`` and its like divide by, is 1.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Embedding(3, 2)
    >>> W = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
    >>> layer.forward({"W": W}, np.array([[2, 1]]))[0]
    array([[[3., 4.],
            [1., 2.]]])
    """

    vocabulary: int = whole(1)
    dimension: int = whole(1)
    mask_zero: bool = flag(default=False)
    initializer: Named[Initializer] = named(initializers, default=initializers.Uniform())

    differentiable: ClassVar[bool] = False

    def output_shape(self, shape: Any) -> Any:
        return (*one_input(self, shape), self.dimension)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out, size = self.output_shape(shape), (self.vocabulary, self.dimension)
        return {"W": self.initializer.kernel(rng.child("W"), size, share=1 / self.vocabulary)}, out

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        numbers = row_numbers(x, self.vocabulary)
        return rows_of(params["W"], numbers), numbers

    def backward(self, params: Tree, numbers: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        rows = dy.reshape(-1, self.dimension)
        return None, {"W": scatter_add(rows, numbers.reshape(-1), self.vocabulary)}

    @property
    def makes_masks(self) -> bool:
        return self.mask_zero

    @classmethod
    def samples(cls) -> Samples:
        yield cls(5, 3), (4,)

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        if (self.mask_zero or mask is not None) and x.ndim != 2:
            raise ShapeError(
                f"{self.name or 'here'}, {self.describe()}: a mask is for sequences (n, time) of whole "
                f"numbers, got shape {x.shape}"
            )
        if not self.mask_zero:
            return mask
        return x != 0 if mask is None else (x != 0) & mask
