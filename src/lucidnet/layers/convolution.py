"""Convolution over images and sequences, channels last."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from .. import initializers
from ..backend import Array, Shape, Stream, Tree, namespace, plus_row
from ..backend.patches import correlate, correlate_back, correlate_weights
from ..backend.windows import Grid
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
    both,
    check_windows,
    grid_of,
    outputs,
    pair,
    window_mask,
)


@value
class Convolution(Layer):
    """The base of convolutions: y = f(z), z = windows(x) W + b, a product for each window of x.

    With dz = dy f'(z), summed over examples and windows (LeCun et al. 1989, "Backpropagation applied to
    handwritten zip code recognition")::

        dW = windows(x)^T dz        db = sum dz        dx = dz W^T, added up where the windows lie

    Parameters
    ----------
    filters : int
        Number of outputs at each place.
    kernel_size : int or pair of int
        Size of a window.
    strides : int or pair of int
        Distance between windows.
    padding : {"valid", "same", "causal"}, int or pairs of int
        Zeros around the input: none (valid); enough for an output at each stride of the input, an odd one at
        the end, as in Keras (same); only before the first time, in one dimension (causal); a number on each
        side; or (before, after) for each dimension.
    dilation : int or pair of int
        Distance between the pixels of a window.
    groups : int
        The number of groups into which channels and filters are divided; each filter sees the channels of its
        group.
    activation : str or Layer
        The function f.
    use_bias : bool
        Whether to add a bias b.
    initializer, bias_initializer : str or Initializer
        Initial values of W (kernel, channels / groups, filters) and b (filters,).
    """

    filters: int = whole(1)
    kernel_size: Any = setting(SIZES, pair)
    strides: Any = setting(SIZES, pair, default=1)
    padding: Any = setting(PADDINGS, as_padding, default="valid")
    dilation: Any = setting(SIZES, pair, default=1)
    groups: int = whole(1, default=1)
    activation: Inherited[Layer] = setting(activations.ONE, activations.inside, default=activations.Linear())
    use_bias: bool = flag(default=True)
    initializer: Inherited[Initializer] = named(initializers, default=initializers.VarianceScaling())
    bias_initializer: Inherited[Initializer] = named(initializers, default=initializers.Constant())

    transport: ClassVar[tuple[str, ...]] = ("W",)
    dimensions: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.filters % self.groups:
            kind = type(self).__name__
            raise SettingError(f"{kind}: {self.filters} filters do not divide into {self.groups} groups")

    def grid(self, x: Array | Shape) -> Grid:
        """Return the windows of an image (height, width, channels)."""
        return grid_of(self, x)

    def output_shape(self, shape: Any) -> Any:
        places = outputs(self, shape)
        if shape[-1] % self.groups:
            raise ShapeError(f"{shape[-1]} channels do not divide into {self.groups} groups")
        return (*places, self.filters)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out = self.output_shape(shape)
        size = (*both(self.kernel_size, self.dimensions), shape[-1] // self.groups, self.filters)
        first = self.initializer.before(activations.scale(self.activation))
        params = {"W": first.kernel(rng.child("W"), size, groups=self.groups)}
        if self.use_bias:
            params["b"] = self.bias_initializer(rng.child("b"), (self.filters,))
        return params, out

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return window_mask(self, mask)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        image, W = as_image(zeroed(x, run.mask), self.dimensions), self._kernel(params["W"])
        z = self._linear(image, W)
        if self.use_bias:
            z = plus_row(z, params["b"])
        y, kept = self.activation.forward({}, as_input(z, self.dimensions), run)
        return y, (image, kept, run.mask)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        image, kept, mask = cache
        dz, _ = self.activation.backward({}, kept, dy)
        deltas, W = as_image(dz, self.dimensions), self._kernel(params["W"])
        grads = {"W": self._weights(image, deltas).reshape(params["W"].shape)}
        if self.use_bias:
            rows = deltas.reshape(-1, self.filters)
            grads["b"] = namespace(rows).ones(len(rows), dtype=rows.dtype) @ rows  # faster than its sum
        if not need_dx:
            return None, grads
        dx = self._back(deltas, W, image)
        return zeroed(as_input(dx, self.dimensions), mask), grads

    def split_activation(self) -> tuple[Layer, Layer | None]:
        return replace(self, activation="linear"), self.activation

    # --- groups: each a convolution of its own ---------------------------------------------------------

    def _parts(self, array: Array) -> list[Array]:
        """Split the last axis (channels or filters) by group."""
        size = array.shape[-1] // self.groups
        return [array[..., k * size : (k + 1) * size] for k in range(self.groups)]

    def _linear(self, x: Array, W: Array) -> Array:
        grid = self.grid(x.shape[1:])
        check_windows(self, grid.outputs(*x.shape[1:3]), x.shape[3 - self.dimensions :])
        if self.groups == 1:
            return correlate(x, W, grid)
        pairs = zip(self._parts(x), self._parts(W), strict=True)
        return namespace(x).concat([correlate(x, W, grid) for x, W in pairs], axis=-1)

    def _weights(self, x: Array, dz: Array) -> Array:
        grid = self.grid(x.shape[1:])
        if self.groups == 1:
            return correlate_weights(x, dz, grid)
        pairs = zip(self._parts(x), self._parts(dz), strict=True)
        return namespace(x).concat([correlate_weights(x, d, grid) for x, d in pairs], axis=-1)

    def _back(self, dz: Array, W: Array, x: Array) -> Array:
        grid, size = self.grid(x.shape[1:]), x.shape[1:3]
        if self.groups == 1:
            return correlate_back(dz, W, grid, *size)
        pairs = zip(self._parts(dz), self._parts(W), strict=True)
        return namespace(dz).concat([correlate_back(d, W, grid, *size) for d, W in pairs], axis=-1)

    # --- one dimension is two, the first of them of size 1 ----------------------------------------------

    def _kernel(self, W: Array) -> Array:
        return W if self.dimensions == 2 else W[None]

    @classmethod
    def samples(cls) -> Samples:
        shape = (*(5, 4)[: cls.dimensions], 2)
        yield cls(4, 3), shape
        yield cls(4, 2, strides=2, padding="same", groups=2, activation="tanh"), shape


@value
class Conv2D(Convolution):
    """Convolution of images (n, height, width, channels) to (n, height, width, filters).

    The formulas and settings are those of `Convolution`.

    Examples
    --------
    >>> params, shape = Conv2D(8, 3, padding="same").init(Stream(0), (28, 28, 1))
    >>> params["W"].shape, shape
    ((3, 3, 1, 8), (28, 28, 8))
    """


@value
class Conv1D(Convolution):
    """Convolution of sequences (n, time, channels) to (n, time, filters).

    The formulas and settings are those of `Convolution`.

    Examples
    --------
    >>> params, shape = Conv1D(8, 3, padding="causal").init(Stream(0), (100, 4))
    >>> params["W"].shape, shape
    ((3, 4, 8), (100, 8))
    """

    dimensions: ClassVar[int] = 1
