"""Separable convolutions: first within each channel, then across channels at each place."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Any, ClassVar

from .. import initializers
from ..core.settings import flag, named, setting, whole
from ..core.types import Inherited
from ..core.value import value
from ..initializers import Initializer
from . import activations
from .base import Layer, Samples
from .containers import Composed, Sequential
from .convolution import Conv1D, Conv2D
from .grids import PADDINGS, SIZES, as_padding, pair
from .transposed import DepthwiseConv1D, DepthwiseConv2D


@value
class SeparableConvolution(Composed):
    """The base of separable convolutions: a depthwise one, then one with windows of a single place.

    With D for the depthwise convolution (`DepthwiseConvolution`, without bias)::

        d = D(x)      z = d W + b at each place      y = f(z)

    This takes k^2 c m + c m f weights in place of k^2 c f (Howard et al. 2017, "MobileNets", section 3.1;
    there each half has batch normalization and a ReLU behind it, here d has neither, as in Keras). The layers
    inside are called ``depthwise`` and ``pointwise``.

    Parameters
    ----------
    filters : int
        Number of outputs at each place.
    kernel_size, strides, padding, dilation
        For the depthwise convolution, as for `Convolution`.
    multiplier : int
        Number of outputs m of the depthwise convolution for each channel.
    activation : str or Layer
        The function f.
    use_bias : bool
        Whether to add a bias b.
    initializer, bias_initializer : str or Initializer
        Initial values of the weights of both, and of b.
    """

    filters: int = whole(1)
    kernel_size: Any = setting(SIZES, pair)
    strides: Any = setting(SIZES, pair, default=1)
    padding: Any = setting(PADDINGS, as_padding, default="valid")
    dilation: Any = setting(SIZES, pair, default=1)
    multiplier: int = whole(1, default=1)
    activation: Inherited[Layer] = setting(activations.ONE, activations.inside, default=activations.Linear())
    use_bias: bool = flag(default=True)
    initializer: Inherited[Initializer] = named(initializers, default=initializers.VarianceScaling())
    bias_initializer: Inherited[Initializer] = named(initializers, default=initializers.Constant())

    body: Sequential = field(init=False, repr=False, compare=False)

    dimensions: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        depthwise, pointwise = (
            (DepthwiseConv2D, Conv2D) if self.dimensions == 2 else (DepthwiseConv1D, Conv1D)
        )
        windows = self.kernel_size, self.strides, self.padding, self.dilation, self.multiplier
        start: dict[str, Any] = {"initializer": self.initializer, "bias_initializer": self.bias_initializer}
        layers = [
            depthwise(*windows, use_bias=False, initializer=self.initializer, name="depthwise"),
            pointwise(
                self.filters, 1, activation=self.activation, use_bias=self.use_bias, name="pointwise", **start
            ),
        ]
        object.__setattr__(self, "body", Sequential(layers))

    def split_activation(self) -> tuple[Layer, Layer | None]:
        return replace(self, activation="linear"), self.activation

    @classmethod
    def samples(cls) -> Samples:
        if cls is not SeparableConvolution:
            shape = (*(5, 4)[: cls.dimensions], 2)
            yield cls(3, 3), shape
            yield cls(3, 2, strides=2, padding="same", multiplier=2, activation="tanh"), shape


@value
class SeparableConv2D(SeparableConvolution):
    """Separable convolution of images (n, height, width, channels) to (n, height, width, filters).

    The formulas and settings are those of `SeparableConvolution`.

    Examples
    --------
    >>> SeparableConv2D(8, 3, padding="same").output_shape((28, 28, 3))
    (28, 28, 8)
    """


@value
class SeparableConv1D(SeparableConvolution):
    """Separable convolution of sequences (n, time, channels) to (n, time, filters).

    The formulas and settings are those of `SeparableConvolution`.

    Examples
    --------
    >>> SeparableConv1D(8, 3, padding="causal").output_shape((100, 4))
    (100, 8)
    """

    dimensions: ClassVar[int] = 1
