"""Rows of numbers shown as images: their shape, their tiling, and limits around zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DataError, ShapeError, short
from .colors import positive_map, signed_map, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

Array = npt.NDArray[Any]
LONG = 4.0
"""The ratio of an image's sides up to which its pixels are squares; longer images are drawn at this ratio."""
SMALLEST_SIDE = 5  # fewer pixels count as a table that happens to have a square number of columns


class Tiles(NamedTuple):
    """Images arranged on one canvas, with the upper left corner (row, column) of each."""

    canvas: Array
    corners: list[tuple[int, int]]


def real(given: npt.ArrayLike, what: str) -> Array:
    """Convert data to an array of real numbers, or raise.

    Raises
    ------
    DataError
        If it is of complex numbers, of text, or no array at all; `what` is which argument of which picture.
    """
    try:
        array = np.asarray(given)
        problem = f"got {array.dtype}, {short(given)}"
        missing = array.dtype.kind == "O" and any(one is None for one in array.flat)
        if array.dtype.kind not in "cUSmM" and not missing:
            return array.astype(float)
    except (TypeError, ValueError, OverflowError) as error:
        problem = str(error)
    raise DataError(f"{what}: expected an array of real numbers, {problem}")


def guess_image_shape(inputs: int) -> tuple[int, int, int] | None:
    """Guess (height, width, channels) of a square grey or colour image; None if there is none."""
    for channels in (1, 3):
        side = math.isqrt(inputs // channels)
        if side >= SMALLEST_SIDE and side * side * channels == inputs:
            return side, side, channels
    return None


def image_shape_of(inputs: int, given: Sequence[int] | None, what: str) -> tuple[int, int, int]:
    """Return (height, width, channels), given or guessed; raise if it does not fit.

    Raises
    ------
    ShapeError
        If the shape does not fit the number of inputs, or none was given and none can be guessed.
    """
    shape = guess_image_shape(inputs) if given is None else (*given, 1)[:3]
    if shape is None:
        raise ShapeError(
            f"{what}: {inputs} inputs are no square image: give image_shape=(height, width) "
            "or (height, width, channels)"
        )
    if len(shape) != 3 or math.prod(shape) != inputs or shape[2] not in (1, 3):
        raise ShapeError(
            f"{what}: image_shape={tuple(given or ())} does not fit {inputs} inputs: expected "
            f"(height, width) or (height, width, channels) with 1 or 3 channels, whose product is {inputs}"
        )
    return shape[0], shape[1], shape[2]


def drawn_ratio(height: int, width: int) -> float:
    """Return the height at which an image is drawn, for a width of 1.

    Examples
    --------
    >>> drawn_ratio(28, 28), drawn_ratio(64, 2)
    (1.0, 4.0)
    """
    return min(max(height / width, 1 / LONG), LONG)


def pixel_aspect(height: int, width: int) -> float:
    """Return the height of an image's pixels, for a width of 1; other than 1 only for long images."""
    return drawn_ratio(height, width) * width / height


def tile_gaps(height: int, width: int, share: float) -> tuple[int, int]:
    """Return the gaps (rows, columns) between tiles, in pixels: a share of an image's longer side."""
    aspect = pixel_aspect(height, width)
    across = max(1, round(max(height * aspect, width) * share))
    return max(1, round(across / aspect)), across


def symmetric_limit(values: Array) -> float:
    """Return the largest finite magnitude, for colour scales from -limit to limit."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0)) or 1.0


def tile(images: Array, columns: int, gaps: tuple[int, int], fill: float = np.nan) -> Tiles:
    """Put images (n, height, width, channels) on one canvas, in rows, with gaps (rows, columns) of pixels."""
    count, height, width, channels = images.shape
    step = height + gaps[0], width + gaps[1]
    corners = [(i // columns * step[0], i % columns * step[1]) for i in range(count)]
    size = math.ceil(count / columns) * step[0] - gaps[0], min(count, columns) * step[1] - gaps[1]
    canvas = np.full((*size, channels), fill, np.float32)
    for image, (row, column) in zip(images, corners, strict=True):
        canvas[row : row + height, column : column + width] = image
    return Tiles(canvas[..., 0] if channels == 1 else canvas, corners)


def draw_numbers(axes: Axes, numbers: Array, limit: float, signed: bool = True, **how: Any) -> AxesImage:
    """Draw numbers (rows, columns) as colours; those that are not finite get a colour of their own.

    Parameters
    ----------
    axes : Axes
    numbers : array (rows, columns)
    limit : float
        The size of the deepest colour.
    signed : bool
        Whether the map goes from -limit over zero to limit, or begins at zero.
    **how
        Other arguments of ``imshow``.
    """
    cmap, low = (signed_map(axes), -limit) if signed else (positive_map(axes), 0.0)
    return axes.imshow(numbers, cmap=cmap, vmin=low, vmax=limit, **{"interpolation": "nearest", **how})


def draw_tiles(axes: Axes, images: Array, columns: int, gap: float) -> AxesImage | None:
    """Draw images (n, height, width, channels) as tiles; return the image for a colour bar, if any.

    The gap between them is a share of their longer side. One channel is drawn as `draw_numbers` does, from
    zero on if nothing is negative; three are colours around a middle grey that stands for zero.
    """
    height, width, channels = images.shape[1:]
    gaps, aspect = tile_gaps(height, width, gap), pixel_aspect(height, width)
    if channels == 3:
        shown = 0.5 + images / (2 * symmetric_limit(images))
        tiles = tile(np.nan_to_num(shown, nan=0.5), columns, gaps)
        axes.imshow(with_page(tiles.canvas, axes), interpolation="nearest", aspect=aspect)
        outline(axes, tiles, height, width)
        return None
    scale = symmetric_limit(images)
    tiles = tile(images, columns, gaps, fill=-4 * scale)  # below the map, where nothing is drawn
    picture = draw_numbers(axes, tiles.canvas, scale, signed=bool((images < 0).any()), aspect=aspect)
    outline(axes, tiles, height, width)
    return picture


def with_page(canvas: Array, axes: Axes) -> Array:
    """Fill the empty places of a colour canvas (rows, columns, 3) with the page's colour."""
    from matplotlib.colors import to_rgb

    return np.where(np.isnan(canvas), np.array(to_rgb(theme(axes).page), np.float32), canvas).clip(0, 1)


def outline(axes: Axes, tiles: Tiles, height: int, width: int) -> None:
    """Draw a thin frame around each tile, and hide the axes."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    edge = theme(axes).missing
    frames = [Rectangle((column - 0.5, row - 0.5), width, height) for row, column in tiles.corners]
    axes.add_collection(
        PatchCollection(frames, facecolor="none", edgecolor=edge, linewidth=0.5, clip_on=False),
        autolim=False,
    )
    axes.set_axis_off()
