"""Transposed and depthwise convolutions, of images and sequences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from .. import initializers
from ..backend import Array, Shape, Stream, Tree, namespace
from ..backend.patches import correlate, correlate_back, correlate_weights
from ..backend.windows import added, padded, unpadded
from ..core.settings import flag, named, setting, whole
from ..core.types import Inherited
from ..core.value import value
from ..errors import SettingError, ShapeError
from ..initializers import Initializer
from . import activations
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, zeroed
from .grids import (
    PADDINGS,
    SIZES,
    as_image,
    as_input,
    as_padding,
    as_shape,
    both,
    check_axes,
    check_windows,
    grid_of,
    no_mask,
    outputs,
    pair,
    window_mask,
)

LARGE = 1 << 30
"""Stands for a size that varies."""


@value
class TransposedConvolution(Layer):
    """The base of transposed convolutions: each place of x adds a window to the output.

    z is what a convolution with the same W sends back as its dx, and so, with dz = dy f'(z)::

        z = x W^T, added up where the windows lie, + b
        dW = windows(dz)^T x        db = sum dz        dx = windows(dz) W

    (Zeiler et al. 2010, "Deconvolutional networks"; Dumoulin & Visin 2016, "A guide to
    convolution arithmetic for deep learning", chapter 4.)

    Parameters
    ----------
    filters : int
        Number of outputs at each place.
    kernel_size, strides, dilation : int or pair of int
        Of the windows in the output.
    padding : {"valid", "same"}, int or pairs of int
        What is cut off around the output; "same" gives strides times the size of the input, and is the only
        one that goes with a mask of time steps.
    output_padding : int
        The extra size of the output at its end, below the strides; not with ``padding="same"``.
    activation, use_bias, initializer, bias_initializer
        As for `Conv2D`; W is (kernel, filters, channels).
    """

    filters: int = whole(1)
    kernel_size: Any = setting(SIZES, pair)
    strides: Any = setting(SIZES, pair, default=1)
    padding: Any = setting(PADDINGS, as_padding, default="valid")
    dilation: Any = setting(SIZES, pair, default=1)
    output_padding: int = whole(0, default=0)
    activation: Inherited[Layer] = setting(activations.ONE, activations.inside, default=activations.Linear())
    use_bias: bool = flag(default=True)
    initializer: Inherited[Initializer] = named(initializers, default=initializers.VarianceScaling())
    bias_initializer: Inherited[Initializer] = named(initializers, default=initializers.Constant())

    transport: ClassVar[tuple[str, ...]] = ("W",)
    dimensions: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        kind = type(self).__name__
        if self.padding == "causal":
            raise SettingError(
                f"{kind}: padding must be 'valid', 'same', a number of 0 or more, or one or (before, "
                "after) for "
                "each dimension, got 'causal': nothing is before the first time to be cut off"
            )
        if not 0 <= self.output_padding < min(both(self.strides, self.dimensions)):
            raise SettingError(
                f"{kind}: output_padding must be at least 0 and below the strides {self.strides}, "
                f"got {self.output_padding!r}"
            )

        if self.padding == "same" and self.output_padding:
            raise SettingError(
                f"{kind}: output_padding={self.output_padding} has no effect with padding='same', "
                "which gives strides times the size of the input: leave it out, or give padding as a number"
            )

    def outputs(self, size: Shape) -> tuple[int, int]:
        """Return height and width of the output for those of an input; a sequence's height is 1."""
        one = (1,) * (2 - self.dimensions)
        if self.padding == "same":
            down, across = one + both(self.strides, self.dimensions)
            return size[0] * down, size[1] * across
        more = (*(0,) * len(one), *(self.output_padding,) * self.dimensions)
        several = zip(size, *grid_of(self, (1, 1)), more, strict=True)
        height, width = ((n - 1) * s + (k - 1) * d + 1 - b - a + m for n, k, s, d, b, a, m in several)
        if min(height, width) < 1:
            made = (height, width)[-self.dimensions :]
            raise ShapeError(
                f"an input of {size[-self.dimensions :]} leaves an output of {made}: take less padding"
            )
        return height, width

    def output_shape(self, shape: Any) -> Any:
        check_axes(self, shape)
        # A size that varies counts as large enough here; the forward pass checks again.
        sizes = as_shape(shape, self.dimensions)[:2]
        made = self.outputs(tuple(LARGE if size is None else size for size in sizes))
        places = (None if size is None else n for size, n in zip(sizes, made, strict=True))
        return (*tuple(places)[-self.dimensions :], self.filters)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out = self.output_shape(shape)
        first = self.initializer.before(activations.scale(self.activation))
        size = (*both(self.kernel_size, self.dimensions), self.filters, shape[-1])
        share = 1 / math.prod(both(self.strides, self.dimensions))
        params = {"W": first.kernel(rng.child("W"), size, share=share, swapped=True)}
        if self.use_bias:
            params["b"] = self.bias_initializer(rng.child("b"), (self.filters,))
        return params, out

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        if mask is None or self.dimensions == 2:
            return no_mask(self, mask)
        if self.padding != "same":
            raise ShapeError(
                f"{self.name or 'here'}, {self.describe()}: its input has a mask of time steps; only with "
                "padding='same' a sequence that ends before the others has the same output as alone"
            )
        return namespace(mask).repeat(mask, both(self.strides, 1)[0], axis=1)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        image, W = as_image(zeroed(x, run.mask), self.dimensions), self._kernel(params["W"])
        outputs = self.outputs(image.shape[1:3])
        z = correlate_back(image, W, grid_of(self, outputs), *outputs)
        if self.use_bias:
            z = z + params["b"]
        y, kept = self.activation.forward({}, as_input(z, self.dimensions), run)
        return y, (image, kept, run.mask)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        image, kept, mask = cache
        dz, _ = self.activation.backward({}, kept, dy)
        dz = as_image(dz, self.dimensions)
        grid = grid_of(self, dz.shape[1:3])
        grads = {"W": correlate_weights(dz, image, grid).reshape(params["W"].shape)}
        if self.use_bias:
            grads["b"] = dz.reshape(-1, self.filters).sum(0)
        if not need_dx:
            return None, grads
        dx = as_input(correlate(dz, self._kernel(params["W"]), grid), self.dimensions)
        return zeroed(dx, mask), grads

    def _kernel(self, W: Array) -> Array:
        return W if self.dimensions == 2 else W[None]

    def split_activation(self) -> tuple[Layer, Layer | None]:
        return replace(self, activation="linear"), self.activation

    @classmethod
    def samples(cls) -> Samples:
        if cls is not TransposedConvolution:
            yield cls(3, 3), (*(5, 4)[: cls.dimensions], 2)
            yield cls(3, 3, strides=2, padding="same", activation="tanh"), (*(3, 2)[: cls.dimensions], 2)


@value
class Conv2DTranspose(TransposedConvolution):
    """Convolution of images with its two directions exchanged: each pixel of x adds a window to the output.

    The formulas and settings are those of `TransposedConvolution`; W is (kernel, kernel, filters, channels).

    Examples
    --------
    >>> Conv2DTranspose(4, 3, strides=2, padding="same").output_shape((7, 7, 8))
    (14, 14, 4)
    """

    incoming: ClassVar[Mapping[str, Shape]] = {"W": (0, 1, 3)}


@value
class Conv1DTranspose(TransposedConvolution):
    """Convolution of sequences with its directions exchanged: each time step adds a window to the output.

    The formulas and settings are those of `TransposedConvolution`; W is (kernel, filters, channels).

    Examples
    --------
    >>> Conv1DTranspose(4, 3, strides=2, padding="same").output_shape((7, 8))
    (14, 4)
    """

    incoming: ClassVar[Mapping[str, Shape]] = {"W": (0, 2)}
    dimensions: ClassVar[int] = 1


@value
class DepthwiseConvolution(Layer):
    """The base of convolutions of each channel by itself: z_cm = sum over the window of x_c W_cm, + b.

    With dz = dy f'(z), each pixel of the window by itself (Howard et al. 2017, "MobileNets",
    equation 3, with m = 1)::

        dW_cm = sum of dz_cm x_c        db = sum dz        dx_c = sum_m dz_cm W_cm

    Parameters
    ----------
    kernel_size, strides, padding, dilation
        As for `Convolution`.
    multiplier : int
        Number of outputs m for each channel.
    activation, use_bias, initializer, bias_initializer
        As for `Convolution`; W is (kernel, channels, multiplier), b (channels * multiplier,).
    """

    kernel_size: Any = setting(SIZES, pair)
    strides: Any = setting(SIZES, pair, default=1)
    padding: Any = setting(PADDINGS, as_padding, default="valid")
    dilation: Any = setting(SIZES, pair, default=1)
    multiplier: int = whole(1, default=1)
    activation: Inherited[Layer] = setting(activations.ONE, activations.inside, default=activations.Linear())
    use_bias: bool = flag(default=True)
    initializer: Inherited[Initializer] = named(initializers, default=initializers.VarianceScaling())
    bias_initializer: Inherited[Initializer] = named(initializers, default=initializers.Constant())

    transport: ClassVar[tuple[str, ...]] = ("W",)
    dimensions: ClassVar[int] = 2

    def output_shape(self, shape: Any) -> Any:
        return (*outputs(self, shape), shape[-1] * self.multiplier)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out, channels = self.output_shape(shape), shape[-1]
        first = self.initializer.before(activations.scale(self.activation))
        field = both(self.kernel_size, self.dimensions)
        drawn = first.kernel(rng.child("W"), (*field, 1, channels * self.multiplier), groups=channels)
        params = {"W": drawn.reshape(*field, channels, self.multiplier)}
        if self.use_bias:
            params["b"] = self.bias_initializer(rng.child("b"), (channels * self.multiplier,))
        return params, out

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return window_mask(self, mask)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        image = as_image(zeroed(x, run.mask), self.dimensions)
        grid = grid_of(self, image.shape[1:])
        outputs = grid.outputs(*image.shape[1:3])
        check_windows(self, outputs, x.shape[1:])
        wide = padded(image, grid)[..., None]
        weights = params["W"].reshape(-1, *params["W"].shape[-2:])
        z = sum(wide[where] * w for where, w in zip(grid.places(outputs), weights, strict=True)).reshape(
            x.shape[0], *outputs, -1
        )
        if self.use_bias:
            z = z + params["b"]
        y, kept = self.activation.forward({}, as_input(z, self.dimensions), run)
        return y, (image, kept, run.mask)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        image, kept, mask = cache
        dz, _ = self.activation.backward({}, kept, dy)
        dz = as_image(dz, self.dimensions)
        xp, W, grid = namespace(dz), params["W"], grid_of(self, image.shape[1:])
        wide, weights = padded(image, grid), W.reshape(-1, *W.shape[-2:])
        errors = dz.reshape(*dz.shape[:3], *W.shape[-2:])
        dx = xp.zeros_like(wide) if need_dx else None
        dW = []
        for where, w in zip(grid.places(dz.shape[1:3]), weights, strict=True):
            dW.append((errors * wide[where][..., None]).sum((0, 1, 2)))
            if need_dx:
                dx = added(dx, where, (errors * w).sum(-1))
        grads = {"W": xp.stack(dW).reshape(W.shape)}
        if self.use_bias:
            grads["b"] = dz.reshape(-1, dz.shape[-1]).sum(0)
        if not need_dx:
            return None, grads
        return zeroed(as_input(unpadded(dx, grid), self.dimensions), mask), grads

    def split_activation(self) -> tuple[Layer, Layer | None]:
        return replace(self, activation="linear"), self.activation

    @classmethod
    def samples(cls) -> Samples:
        if cls is not DepthwiseConvolution:
            shape = (*(5, 4)[: cls.dimensions], 2)
            yield cls(3), shape
            yield cls(2, strides=2, multiplier=2, activation="tanh"), shape


@value
class DepthwiseConv2D(DepthwiseConvolution):
    """Convolution of each channel of images by itself: (n, height, width, channels * multiplier) comes out.

    The formulas and settings are those of `DepthwiseConvolution`; W is (kernel, kernel, channels,
    multiplier).

    Examples
    --------
    >>> DepthwiseConv2D(3, multiplier=2).output_shape((8, 8, 4))
    (6, 6, 8)
    """

    incoming: ClassVar[Mapping[str, Shape]] = {"W": (0, 1)}


@value
class DepthwiseConv1D(DepthwiseConvolution):
    """Convolution of each channel of sequences by itself: (n, time, channels * multiplier) comes out.

    The formulas and settings are those of `DepthwiseConvolution`; W is (kernel, channels, multiplier).

    Examples
    --------
    >>> DepthwiseConv1D(3, padding="causal").output_shape((8, 4))
    (8, 4)
    """

    incoming: ClassVar[Mapping[str, Shape]] = {"W": (0,)}
    dimensions: ClassVar[int] = 1
