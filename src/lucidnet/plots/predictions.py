"""Predictions as pictures: the confusion matrix and the worst mistakes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DataError, ShapeError
from ..metrics.arrays import class_indices
from .figures import BLUE, SEQUENTIAL, VERMILLION, color_bar, new_figure
from .images import Array, guess_image_shape, image_shape_of, outline, tile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COUNTED = 30  # classes up to which the cells have room for their counts
INCHES = 1.1  # the width of an image among the worst mistakes


class Mistakes(NamedTuple):
    """Wrong predictions, the most confident first."""

    example: Array
    true: Array
    predicted: Array
    confidence: Array
    chance: Array  # what the true class was given


def confusion_matrix(matrix: npt.ArrayLike, classes: Sequence[str] | None = None) -> Figure:
    """Draw a confusion matrix: counts as numbers, the share of each true class as colour.

    Parameters
    ----------
    matrix : (classes, classes)
        Counts, rows are true classes, columns are predictions; see `lucidnet.metrics.confusion_matrix`.
    classes : names of the classes, optional
        Without them, their numbers.

    Returns
    -------
    matplotlib.figure.Figure
        Above 30 classes the cells have no room for numbers, and only the colour is shown.

    Examples
    --------
    >>> figure = confusion_matrix([[5, 0], [1, 4]])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['5', '0', '1', '4']
    """
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ShapeError(f"confusion_matrix: expected a square matrix (classes, classes), got {counts.shape}")
    names = class_names(classes, len(counts), "confusion_matrix")
    side = float(np.clip(0.55 * len(counts), 2.4, 9.0))
    figure = new_figure(side + 1.8, side + 0.9)
    axes = figure.add_subplot()
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    picture = axes.imshow(share, cmap=SEQUENTIAL, vmin=0, vmax=1)
    if len(counts) <= MOST_COUNTED:
        _write_counts(axes, counts, picture.to_rgba(share)[..., :3])
    _name_classes(axes, names)
    color_bar(axes, picture, "share of the true class")
    return figure


def _write_counts(axes: Axes, counts: Array, colors: Array) -> None:
    """Write in white where that reads better than black: relative luminance below 0.18 (WCAG 2)."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    dark = linear @ (0.2126, 0.7152, 0.0722) < 0.18
    size = 10 if len(counts) <= 12 else 6.5
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if dark[row, column] else "black" if count else "0.4"
        axes.text(
            column,
            row,
            f"{count:.4g}" if count % 1 else f"{count:.0f}",
            color=color,
            fontsize=size,
            ha="center",
            va="center",
        )


def _name_classes(axes: Axes, names: Sequence[str]) -> None:
    step = math.ceil(len(names) / MOST_COUNTED)
    places = range(0, len(names), step)
    long = max(map(len, names)) > 3
    axes.set_xticks(places, names[::step], rotation=45 if long else 0, ha="right" if long else "center")
    axes.set_yticks(places, names[::step])
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")


def class_names(given: Sequence[str] | None, count: int, what: str) -> list[str]:
    """Return the names of the classes, their numbers where none are given."""
    if given is None:
        return [str(number) for number in range(count)]
    if len(given) != count:
        raise ShapeError(f"{what}: {len(given)} names were given for {count} classes")
    return [str(name) for name in given]


def worst_mistakes(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    image_shape: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    limit: int = 25,
) -> Figure:
    r"""Show the most confidently wrong predictions: true class → predicted class, and its probability.

    Parameters
    ----------
    x : (n, inputs) or (n, height, width) or (n, height, width, channels)
    y : labels (n,), or one-hot (n, classes)
    probabilities : (n, classes), or of class 1 (n,) or (n, 1)
    image_shape : (height, width) or (height, width, channels), optional
        Guessed where the inputs are a square image; where they are not, bars with the number of the example
        take the place of images.
    classes : names of the classes, optional
    limit : int
        How many are shown at most.

    Returns
    -------
    matplotlib.figure.Figure
        Without any mistake, it says so.

    Examples
    --------
    >>> figure = worst_mistakes(np.zeros((2, 64)), [0, 1], [[0.2, 0.8], [0.1, 0.9]])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0 → 1\n80.0 %']
    """
    x = np.asarray(x)
    mistakes, count = _mistakes(x, np.asarray(y), np.asarray(probabilities))
    names = class_names(classes, count, "worst_mistakes")
    if not len(mistakes.example):
        return _nothing_wrong(len(x))
    worst = Mistakes(*(values[:limit] for values in mistakes))
    labels = [f"{names[t]} → {names[p]}" for t, p in zip(worst.true, worst.predicted, strict=True)]
    title = _title(len(labels), len(mistakes.example), len(x))
    shape = image_shape if image_shape is not None or x.ndim < 3 else x.shape[1:]
    inputs = math.prod(x.shape[1:])
    if shape is None and guess_image_shape(inputs) is None:
        return _bars(worst, labels, title)
    images = x[worst.example].reshape(-1, *image_shape_of(inputs, shape, "worst_mistakes"))
    captions = [
        f"{label}\n{p:.1%}".replace("%", " %") for label, p in zip(labels, worst.confidence, strict=True)
    ]
    return _captioned(images, captions, title)


def _mistakes(x: Array, y: Array, probabilities: Array) -> tuple[Mistakes, int]:
    if len(x) != len(probabilities):
        raise ShapeError(f"worst_mistakes: x has {len(x)} examples, probabilities have {len(probabilities)}")
    if probabilities.dtype.kind != "f":
        raise DataError(
            "worst_mistakes: expected probabilities, got classes: they do not say how sure they are"
        )
    true, predicted, count = class_indices("worst_mistakes", y, probabilities)
    if probabilities.size == len(true):
        positive = probabilities.reshape(-1, 1)
        probabilities = np.concatenate([1 - positive, positive], axis=1)
    wrong = np.flatnonzero(true != predicted)
    index = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")]
    true, predicted = true[index], predicted[index]
    return Mistakes(
        index, true, predicted, probabilities[index, predicted], probabilities[index, true]
    ), count


def _title(shown: int, mistakes: int, examples: int) -> str:
    some = "all" if shown == mistakes else f"the worst {shown} of"
    return (
        f"{some} {mistakes} mistakes among {examples} examples\ntrue → predicted class, and its probability"
    )


def _nothing_wrong(examples: int) -> Figure:
    figure = new_figure(5.0, 1.2)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(0.5, 0.5, f"no mistakes among {examples} examples", ha="center", va="center", fontsize=12)
    return figure


def _captioned(images: Array, captions: list[str], title: str) -> Figure:
    count, height, width, channels = images.shape
    cell = max(INCHES + 0.15, 0.085 * max(len(line) for text in captions for line in text.split("\n")))
    pixels = width / INCHES
    gaps = math.ceil(0.5 * pixels), math.ceil((cell - INCHES) * pixels)
    columns = min(count, max(1, min(math.ceil(math.sqrt(count)), int(12 / cell))))
    low, high = images.min(), images.max()
    tiles = tile((images - low) / ((high - low) or 1), columns, gaps, fill=1.0 if channels == 3 else np.nan)
    rows, across = tiles.canvas.shape[:2]
    figure = new_figure(max(4.5, across / pixels + cell - INCHES + 0.2), rows / pixels + 1.2)
    axes = figure.add_subplot()
    axes.imshow(tiles.canvas, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    outline(axes, tiles, height, width)
    for (row, column), text in zip(tiles.corners, captions, strict=True):
        middle = column + (width - 1) / 2
        axes.text(middle, row - 0.5 - 0.04 * pixels, text, ha="center", va="bottom", fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure


def _bars(worst: Mistakes, labels: list[str], title: str) -> Figure:
    figure = new_figure(7.0, 0.36 * len(labels) + 1.5)
    axes = figure.add_subplot()
    places = np.arange(len(labels))
    axes.barh(places - 0.2, worst.confidence, 0.38, color=VERMILLION, label="predicted class")
    axes.barh(places + 0.2, worst.chance, 0.38, color=BLUE, label="true class")
    names = [f"example {i}: {label}" for i, label in zip(worst.example, labels, strict=True)]
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("probability")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(title, fontsize=10)
    return figure
