"""Operations on whole images: global pooling, padding and cropping, dropping channels."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any, ClassVar

from ..backend import Array, Shape, Tree, namespace
from ..core.settings import finite, setting
from ..core.value import value
from ..errors import ShapeError
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, one_input, zeroed
from .grids import bordered, no_mask, sides


def axes(layer: Any, shape: Shape) -> tuple[int, ...]:
    """Return the spatial axes of a batch; raise if an input does not have them."""
    if len(one_input(layer, shape)) != layer.dimensions + 1:
        wanted = "(height, width, channels)" if layer.dimensions == 2 else "(time, channels)"
        raise ShapeError(f"{type(layer).__name__} takes inputs {wanted}, got {shape}")
    return tuple(range(1, layer.dimensions + 1))


@value
class GlobalAveragePooling2D(Layer):
    """y = mean over all places of a channel;  dx = dy / places (Lin, Chen & Yan 2014, section 3.2).

    In sequences only the time steps that the mask lets through count.
    """

    dimensions: ClassVar[int] = 2

    def output_shape(self, shape: Any) -> Any:
        axes(self, shape)
        return shape[-1:]

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return None if self.dimensions == 1 else no_mask(self, mask)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        xp, over = namespace(x), axes(self, x.shape[1:])
        share = xp.ones((1, *x.shape[1:-1], 1), dtype=x.dtype)
        if run.mask is not None and self.dimensions == 1:
            share = xp.astype(xp.asarray(run.mask)[..., None], x.dtype)
        share = share / xp.maximum(share.sum(over, keepdims=True), 1)  # the mean of nothing is 0
        mask = run.mask if self.dimensions == 1 else None
        return (zeroed(x, mask) * share).sum(over), (share, x.shape)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        share, shape = cache
        places = dy.reshape(dy.shape[0], *(1,) * self.dimensions, -1)
        return namespace(dy).broadcast_to(places * share, shape), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (*(5, 4)[: cls.dimensions], 2)


@value
class GlobalAveragePooling1D(GlobalAveragePooling2D):
    """`GlobalAveragePooling2D` of sequences (n, time, channels)."""

    dimensions: ClassVar[int] = 1


@value
class GlobalMaxPooling2D(Layer):
    """y = max over all places of a channel;  dx = dy at the first maximum.

    In sequences only the time steps that the mask lets through count.
    """

    dimensions: ClassVar[int] = 2

    def output_shape(self, shape: Any) -> Any:
        axes(self, shape)
        return shape[-1:]

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return None if self.dimensions == 1 else no_mask(self, mask)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        xp = namespace(x)
        places, there = x.reshape(x.shape[0], -1, x.shape[-1]), None
        if run.mask is not None and self.dimensions == 1:
            counts = xp.asarray(run.mask)[..., None]
            places, there = xp.where(counts, places, xp.finfo(x.dtype).min), counts.any(1)
        first, y = places.argmax(1), places.max(1)
        return (y if there is None else xp.where(there, y, 0)), (first, there, x.shape)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        first, there, shape = cache
        xp, count = namespace(dy), first.shape[0]
        if there is not None:
            dy = xp.where(there, dy, 0)
        size = 1
        for n in shape[1:-1]:
            size *= n
        here = xp.arange(size)[None, :, None] == first[:, None]
        return xp.where(here, dy[:, None], 0).reshape(count, *shape[1:]), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (*(5, 4)[: cls.dimensions], 2)


@value
class GlobalMaxPooling1D(GlobalMaxPooling2D):
    """`GlobalMaxPooling2D` of sequences (n, time, channels)."""

    dimensions: ClassVar[int] = 1


def _border(given: Any, owner: Any) -> tuple[tuple[int, int], ...]:
    several = given if isinstance(given, (tuple, list)) else (given,) * owner.dimensions
    if owner.dimensions == 1 and len(several) == 2 and not any(isinstance(p, (tuple, list)) for p in several):
        several = (several,)  # (before, after) for the only dimension
    return sides(several, owner.dimensions)


def _sides() -> Any:
    """Declare how much is put to each side, or taken from it."""
    words = "numbers of 0 or more: one, one for each dimension, or (before, after) for each"
    return setting(words, _border, default=1)


def inside(border: tuple[tuple[int, int], ...], shape: Shape) -> tuple[slice, ...]:
    """Return the slices of a padded batch that leave out its border."""
    sides = zip(shape[1:-1], border, strict=True)
    return slice(None), *(slice(before, size - after) for size, (before, after) in sides)


@value
class ZeroPadding2D(Layer):
    """A border of zeros around;  dx = dy without it.

    Parameters
    ----------
    padding : int or pairs of int
        The width of the border: on all sides, for each dimension, or (before, after) for each.

    Examples
    --------
    >>> ZeroPadding2D(((1, 0), (2, 2))).output_shape((7, 7, 8))
    (8, 11, 8)
    """

    padding: Any = _sides()

    dimensions: ClassVar[int] = 2

    def output_shape(self, shape: Any) -> Any:
        axes(self, shape)
        sides = zip(shape[:-1], self.padding, strict=True)
        return (*(None if n is None else n + before + after for n, (before, after) in sides), shape[-1])

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return no_mask(self, mask)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        mask = run.mask if self.dimensions == 1 else None
        return namespace(x).pad(zeroed(x, mask), [(0, 0), *self.padding, (0, 0)]), mask

    def backward(self, params: Tree, mask: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return zeroed(dy[inside(self.padding, dy.shape)], mask), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(2), (*(5, 4)[: cls.dimensions], 2)


@value
class ZeroPadding1D(ZeroPadding2D):
    """`ZeroPadding2D` of sequences (n, time, channels)."""

    dimensions: ClassVar[int] = 1

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        ((before, after),) = self.padding
        return None if mask is None else bordered(mask, before, after)


@value
class Cropping2D(Layer):
    """A border less: y = x without so many of its outermost rows and columns;  dx = dy with zeros there.

    Parameters
    ----------
    cropping : int or pairs of int
        How much is cut off: on all sides, for each dimension, or (before, after) for each.

    Examples
    --------
    >>> Cropping2D(((1, 0), (2, 2))).output_shape((7, 9, 8))
    (6, 5, 8)
    """

    cropping: Any = _sides()

    dimensions: ClassVar[int] = 2

    def output_shape(self, shape: Any) -> Any:
        axes(self, shape)
        sides = zip(shape[:-1], self.cropping, strict=True)
        made = (*(None if n is None else n - before - after for n, (before, after) in sides), shape[-1])
        if min(n for n in made if n is not None) < 1:
            raise ShapeError(f"{self.describe()} leaves nothing of inputs of shape {shape}: take less off")
        return made

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return no_mask(self, mask)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        self.output_shape(x.shape[1:])
        return x[inside(self.cropping, x.shape)], None

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return (namespace(dy).pad(dy, [(0, 0), *self.cropping, (0, 0)]) if need_dx else None), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(1), (*(5, 4)[: cls.dimensions], 2)


@value
class Cropping1D(Cropping2D):
    """`Cropping2D` of sequences (n, time, channels)."""

    dimensions: ClassVar[int] = 1

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        ((before, after),) = self.cropping
        if mask is None:
            return None
        size = mask.shape[1] - before - after  # each sequence loses its own first and last steps
        begins = (0, before, before + after)
        return reduce(and_, (mask[:, begin : begin + size] for begin in begins))


@value
class SpatialDropout2D(Layer):
    """Dropout of whole channels of an image: y = x m / (1 - rate), one m for each channel.

    (Tompson et al. 2015, "Efficient object localization using convolutional networks", section 3.2.)

    Parameters
    ----------
    rate : float
        The probability of dropping, at least 0 and below 1.
    """

    rate: float = finite(0, below=1)

    dimensions: ClassVar[int] = 2

    @property
    def random(self) -> bool:  # type: ignore[override]
        """Whether anything is dropped."""
        return self.rate > 0

    def output_shape(self, shape: Any) -> Any:
        axes(self, shape)
        return shape

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return mask if self.dimensions == 1 else no_mask(self, mask)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        if not run.train or self.rate == 0:
            return x, None
        keep = 1 - self.rate
        mask = run.stream.bernoulli((x.shape[0], *(1,) * self.dimensions, x.shape[-1]), keep)
        return x * mask / keep, mask

    def backward(self, params: Tree, mask: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        return (dy if mask is None else dy * mask / (1 - self.rate)), {}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(0.4), (*(5, 4)[: cls.dimensions], 2)


@value
class SpatialDropout1D(SpatialDropout2D):
    """`SpatialDropout2D` of sequences (n, time, channels)."""

    dimensions: ClassVar[int] = 1
