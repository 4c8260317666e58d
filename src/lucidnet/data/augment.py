"""Random changes to images, so that a network sees more of them than there are.

Each is a value with a call: ``Flip()(images, rng)`` for images (n, height, width, channels), each of which
changes in its own way. The same stream gives the same images, so that a training can be repeated::

    augment = Compose([Shift(2), Rotate(10)])
    data = Dataset.from_arrays(x, y).shuffle().batch(64).map(augment)

or, of other parts of an item, ``map(lambda x, y, rng: (augment(x, rng), y))``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, Stream
from ..core.calls import array_like, takes
from ..core.exports import export
from ..core.settings import UnfitError, between, finite, flag, instance, sequence, setting, whole
from ..core.value import Value, value
from ..errors import ShapeError


@value
class Augmentation(Value):
    """The base of changes to images."""

    def change(self, images: Array, rng: Stream) -> Array:
        """Return augmented images (n, height, width, channels)."""
        raise NotImplementedError(f"{type(self).__name__} must define change(images, rng)")

    def __call__(self, images: Any, rng: Stream) -> Array:
        """Return augmented images, in the shape and dtype of the given ones."""
        images = np.asarray(images)
        if images.ndim != 4:
            raise ShapeError(
                f"{type(self).__name__}: expected images (n, height, width, channels), got {images.shape}"
            )
        made = self.change(images, rng.child(type(self).__name__))
        if made.dtype.kind == "f" and images.dtype.kind in "iu":
            made = np.rint(made)  # else all pixels between others would become darker
        return made.astype(images.dtype, copy=False)

    def to_items(self, x: Any, *others: Any, rng: Stream) -> tuple[Any, ...]:
        """Return an item of a `Dataset` with its images augmented."""
        return (self(x, rng), *others)


@value
class Compose(Augmentation):
    """Several changes, one after the other.

    Parameters
    ----------
    changes : sequence of Augmentation
        The changes, in order.
    """

    changes: Any = sequence("Augmentations", instance(Augmentation, "an Augmentation"))

    def change(self, images: Array, rng: Stream) -> Array:
        for number, change in enumerate(self.changes):
            images = change(images, rng.child(str(number)))
        return images


@value
class Shift(Augmentation):
    """Moves each image by whole pixels; zeros come in at the border.

    Parameters
    ----------
    pixels : int
        The largest shift, up or down and left or right.
    """

    pixels: int = whole(0)

    def change(self, images: Array, rng: Stream) -> Array:
        p, (n, height, width, _) = self.pixels, images.shape
        wide = np.pad(images, [(0, 0), (p, p), (p, p), (0, 0)])
        return _cropped(wide, *_corners(rng, n, 2 * p, 2 * p), height, width)


def _as_size(given: Any, owner: Any) -> int | tuple[int, ...]:
    one = whole(1).metadata["check"]
    if not isinstance(given, (tuple, list)):
        return int(one.convert(given, owner))
    if len(given) != 2:
        raise UnfitError
    return tuple(one.convert(size, owner) for size in given)


@value
class Crop(Augmentation):
    """Cuts a part out of each image, after zeros have been put around.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the part.
    padding : int
        The width of the border of zeros.
    """

    size: Any = setting("a whole number of 1 or more, or two", _as_size)
    padding: int = whole(0, default=0)

    def change(self, images: Array, rng: Stream) -> Array:
        height, width = (self.size, self.size) if isinstance(self.size, int) else self.size
        p = self.padding
        wide = np.pad(images, [(0, 0), (p, p), (p, p), (0, 0)])
        down, across = wide.shape[1] - height, wide.shape[2] - width
        if min(down, across) < 0:
            raise ShapeError(f"Crop: parts of {height} x {width} do not fit into images of {wide.shape[1:3]}")
        return _cropped(wide, *_corners(rng, len(images), down, across), height, width)


@value
class Flip(Augmentation):
    """Mirrors some of the images.

    Parameters
    ----------
    horizontal : bool
        Whether left becomes right; else top becomes bottom.
    probability : float
        The probability that an image is mirrored.
    """

    horizontal: bool = flag(default=True)
    probability: float = between(0, 1, default=0.5)

    def change(self, images: Array, rng: Stream) -> Array:
        chosen = rng.bernoulli((len(images), 1, 1, 1), self.probability)
        return np.where(chosen, images[:, :, ::-1] if self.horizontal else images[:, ::-1], images)


@value
class Rotate(Augmentation):
    """Turns each image about its middle, between its pixels by bilinear interpolation.

    Parameters
    ----------
    degrees : float
        The largest angle, to either side.
    """

    degrees: float = finite(0)

    def change(self, images: Array, rng: Stream) -> Array:
        angle = np.deg2rad(self.degrees) * (2 * rng.uniform((len(images), 1, 1)).astype(float) - 1)
        height, width = images.shape[1:3]
        y, x = np.mgrid[:height, :width]
        down, right = y - (height - 1) / 2, x - (width - 1) / 2
        cos, sin = np.cos(angle), np.sin(angle)
        rows = cos * down - sin * right + (height - 1) / 2
        return sampled(images, rows, sin * down + cos * right + (width - 1) / 2)


@value
class Elastic(Augmentation):
    """Moves each pixel by a smooth random field.

    Uniform random displacements in [-1, 1] are smoothed by a Gaussian of deviation `sigma`, and multiplied
    by `alpha`. (Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural networks",
    section 2, where alpha is 34 and sigma 4.)

    Parameters
    ----------
    alpha : float
        The strength, in pixels.
    sigma : float
        The width of the Gaussian, in pixels.
    """

    alpha: float = finite(0, default=8.0)
    sigma: float = finite(above=0, default=3.0)

    def change(self, images: Array, rng: Stream) -> Array:
        n, height, width, _ = images.shape
        noise = 2 * rng.uniform((2, n, height, width)).astype(float) - 1
        fields = _blur(height, self.sigma) @ noise @ _blur(width, self.sigma).T
        y, x = np.mgrid[:height, :width]
        return sampled(images, y + self.alpha * fields[0], x + self.alpha * fields[1])


@value
class CutOut(Augmentation):
    """Blackens a square of each image; part of it may lie outside.

    (DeVries & Taylor 2017, "Improved regularization of convolutional neural networks with cutout".)

    Parameters
    ----------
    size : int
        The side of the square, in pixels.
    """

    size: int = whole(1)

    def change(self, images: Array, rng: Stream) -> Array:
        n, height, width, _ = images.shape
        middles = rng.uniform((2, n)).astype(float) * [[height], [width]]
        inside = [
            (np.arange(size) - np.floor(m)[:, None] + self.size // 2) // self.size == 0
            for size, m in zip((height, width), middles, strict=True)
        ]
        black = inside[0][:, :, None] & inside[1][:, None, :]
        return np.where(black[..., None], 0, images)


@takes(x=array_like(), y=array_like(), rng=instance(Stream, "a Stream"), alpha=finite(above=0))
def mixup(x: Any, y: Any, rng: Stream, alpha: float = 0.2) -> tuple[Array, Array]:
    """Mix each example with another: x = l x_i + (1 - l) x_j, and y alike, l from Beta(alpha, alpha).

    (Zhang et al. 2018, "mixup: beyond empirical risk minimization", section 1; one l for each example, where
    the authors' program draws one for each batch.)

    Parameters
    ----------
    x : array (n, ...)
        Inputs.
    y : array (n, classes)
        Targets as rows: one-hot, or numbers.
    rng : Stream
        Random numbers.
    alpha : float
        The strength: with a small one images are hardly mixed.
    """
    if y.ndim < 2 or not x.ndim or len(x) != len(y):
        raise ShapeError(
            f"mixup: expected x (n, ...) and targets y as rows (n, classes), got {x.shape} and {y.shape}"
        )
    share = _beta(alpha, rng.child("share"), len(x))
    other = rng.child("other").permutation(len(x))

    def mixed(array: Array) -> Array:
        w = share.reshape(-1, *(1,) * (array.ndim - 1)).astype(array.dtype)
        return w * array + (1 - w) * array[other]

    x, y = (array if array.dtype.kind == "f" else array.astype("float32") for array in (x, y))
    return mixed(x), mixed(y)


@takes(images=array_like(), rows=array_like(), columns=array_like())
def sampled(images: Array, rows: Array, columns: Array) -> Array:
    """Sample images at positions between their pixels, by bilinear interpolation; 0 outside.

    Parameters
    ----------
    images : array (n, height, width, channels)
        The images.
    rows, columns : array (n, height, width)
        The coordinates at which each pixel of the result is looked up.
    """
    if images.ndim != 4 or rows.ndim != 3 or rows.shape != columns.shape or len(rows) != len(images):
        raise ShapeError(
            f"sampled: expected images (n, height, width, channels), rows and columns (n, height, width), "
            f"got {images.shape}, {rows.shape} and {columns.shape}"
        )
    n, height, width, _ = images.shape
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    wide = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    which = np.arange(n)[:, None, None]

    def at(i: Array, j: Array) -> Array:
        inside = (i >= -1) & (i <= height) & (j >= -1) & (j <= width)
        found: Array = wide[which, (i + 1).clip(0, height + 1), (j + 1).clip(0, width + 1)]
        return found * inside[..., None]

    upper = (1 - right) * at(top, left) + right * at(top, left + 1)
    lower = (1 - right) * at(top + 1, left) + right * at(top + 1, left + 1)
    return (1 - down) * upper + down * lower


def _corners(rng: Stream, n: int, down: int, across: int) -> tuple[Array, Array]:
    drawn = rng.uniform((2, n)).astype(float)
    rows, columns = (
        np.minimum((d * (m + 1)).astype(int), m) for d, m in zip(drawn, (down, across), strict=True)
    )
    return rows, columns


def _cropped(images: Array, rows: Array, columns: Array, height: int, width: int) -> Array:
    i, j = rows[:, None] + np.arange(height), columns[:, None] + np.arange(width)
    found: Array = images[np.arange(len(images))[:, None, None], i[:, :, None], j[:, None, :]]
    return found


def _blur(size: int, sigma: float) -> Array:
    """Return the matrix of a Gaussian blur along an axis; values outside the image are 0."""
    apart = np.arange(size)[:, None] - np.arange(size)
    near = np.exp(-(apart**2) / (2 * sigma**2))
    weights: Array = near / np.exp(-(np.arange(-4 * size, 4 * size + 1) ** 2) / (2 * sigma**2)).sum()
    return weights


def _beta(alpha: float, rng: Stream, n: int) -> Array:
    """Draw from Beta(alpha, alpha): a pure function of the stream."""
    seed = (rng.uniform((4,)).astype(float) * 2**24).astype(int).tolist()
    drawn: Array = np.random.default_rng(seed).beta(alpha, alpha, n)
    return drawn


export(globals())
