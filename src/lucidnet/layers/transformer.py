"""The transformer block, composed of attention, dense layers, normalization and skips."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from ..backend import Shape, Stream, Tree
from ..core.settings import finite, flag, setting, whole
from ..core.types import Named
from ..core.value import value
from ..errors import ShapeError
from ..initializers import VarianceScaling
from . import activations
from .attention import MultiHeadAttention
from .base import Layer, Samples, several
from .containers import Composed, Residual, Sequential
from .core import Dropout
from .dense import Dense
from .normalization import LayerNormalization


@value
class TransformerBlock(Composed):
    """Attention between steps, then a dense network at each step; a skip connection around both.

    With N for layer normalization and D for two dense layers, either of::

        h = x + attention(N(x))      y = h + D(N(h))          (Xiong et al. 2020, "On layer normalization")
        h = N(x + attention(x))      y = N(h + D(h))          (Vaswani et al. 2017, section 3.1)

    The first trains without warm-up of the learning rate; after its last block comes one more
    `LayerNormalization`.

    Parameters
    ----------
    heads : int
        Number of heads.
    width : int
        Number of features, of inputs (n, time, width) and of outputs.
    feed_forward : int, optional
        Units of the first dense layer; 4 * width if not given.
    dropout : float
        The probability of dropping weights of the attention, and what both parts add to the skip. The papers
        drop the latter alone; PyTorch's layer also drops what comes from the first dense layer.
    causal : bool
        Whether each step sees itself and those before it only.
    activation : str or Layer
        The function between the dense layers; ReLU in both papers and PyTorch's layer.
    norm_first : bool
        Whether normalization comes first: the first form above, else the second, PyTorch's by default.
    epsilon : float
        Added to the variance in normalization.

    Examples
    --------
    >>> block = TransformerBlock(2, 8, causal=True)
    >>> [name for name, _ in block.children()]
    ['attention', 'feed_forward']
    """

    heads: int = whole(1)
    width: int = whole(1)
    feed_forward: int | None = whole(1, default=None, optional=True)
    dropout: float = finite(0, below=1, default=0.0)
    causal: bool = flag(default=False)
    activation: Named[Layer] = setting(activations.ONE, activations.inside, default=activations.GELU())
    norm_first: bool = flag(default=True)
    epsilon: float = finite(above=0, below=1, default=1e-5)

    body: Sequential = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "body", self._made())

    def _made(self) -> Sequential:
        attention = MultiHeadAttention(self.heads, None, self.causal, self.dropout, name="attention")
        dense = [
            Dense(
                self.feed_forward or 4 * self.width,
                self.activation,
                initializer=VarianceScaling(),
                name="inner",
            ),
            Dense(self.width, name="outer"),
        ]
        drop = [Dropout(self.dropout, name="dropout")] if self.dropout else []
        layers: list[Layer] = []
        for name, inside in (("attention", [attention]), ("feed_forward", dense)):
            norm = LayerNormalization(self.epsilon, name="norm" if self.norm_first else f"{name}_norm")
            first, last = ([norm], []) if self.norm_first else ([], [norm])
            layers += [Residual(Sequential([*first, *inside, *drop]), name=name), *last]
        return Sequential(layers)

    def output_shape(self, shape: Any) -> Any:
        if several(shape) or shape[-1] != self.width:
            raise ShapeError(f"expected {self.width} features (width), got inputs of shape {shape}")
        return self.body.output_shape(shape)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        self.output_shape(shape)
        return super().init(rng, shape)

    @classmethod
    def samples(cls) -> Samples:
        yield cls(2, 4, 3, dropout=0.2), (5, 4)
        yield cls(1, 2, 3, causal=True, norm_first=False), (3, 2)
