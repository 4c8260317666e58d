"""Examples and predictions as pictures: what the data are, the confusion matrix, the worst mistakes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np
import numpy.typing as npt

from ..errors import DataError, ShapeError, short, some
from ..metrics.arrays import by_number, class_indices
from .colors import negative_map, positive_map, theme
from .figures import WIDE, PictureLook, color_bar, legend_below, panels, percent, picture, root, shrunk
from .images import (
    Array,
    drawn_ratio,
    guess_image_shape,
    image_shape_of,
    outline,
    pixel_aspect,
    real,
    tile,
    with_page,
)
from .names import all_shortened, name_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_COUNTED = 16
"""The most classes with room for counts in the cells."""
MOST_NAMED = 30
"""The most classes that are all named."""
STEPS = [number * 10**power for power in range(5) for number in (1, 2, 5)]
"""With more classes, every second, every fifth and so on is named."""
ROOM = 750
"""Room for labels below the matrix: letters side by side, times their size in points."""
MOST_CELLS = 250
"""The most classes for which each pair has a visible cell of its own."""
SMALL, SMALLEST_TEXT = 2.2, 4.5
"""The inches of a matrix below which its scales say less, and the points below which counts are left out."""
FAINT = 0.5
"""The exponent of a share in its colour, which makes one per cent of mistakes visible."""
LONGEST = 24
"""Longer class names are shortened."""
TITLE = 3.8
"""The height of the title of the worst mistakes, in inches."""
INCHES = 1.1  # the width of an image among the worst mistakes
MANY, SMALLEST = 25, 0.25
"""The number of images from which on they shrink, and the least share of their area."""
LINE = 0.165
"""The height of a line of a caption in inches."""


class Mistakes(NamedTuple):
    """The wrong predictions, the most confident first."""

    example: Array
    true: Array
    predicted: Array
    confidence: Array
    chance: Array  # the probability of the true class


@picture
def confusion_matrix(
    matrix: npt.ArrayLike, classes: Sequence[str] | None = None, **look: Unpack[PictureLook]
) -> Sequence[Axes]:
    """Draw a confusion matrix: counts as numbers, shares of the true class as colours, the diagonal blue.

    Wrong predictions are orange, on a scale on which one in a hundred can be seen.

    Parameters
    ----------
    matrix : (classes, classes)
        Counts; rows are true classes, columns are predictions; see `lucidnet.metrics.confusion_matrix`. Or a
        model and its data in place of all: ``confusion_matrix(model, x, y)``.
    classes : names of the classes, optional
        As `Model.classes`; without them, their numbers.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        Above 16 classes the cells have no room for numbers, and only the colour is shown; above 250 a cell
        stands for several classes, and shows the largest of their shares.

    Examples
    --------
    >>> figure = confusion_matrix([[5, 0], [1, 4]])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['5', '0', '1', '4']
    """
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        how = "; of labels metrics.confusion_matrix(y, predicted) makes it" if counts.ndim == 1 else ""
        raise ShapeError(
            f"confusion_matrix: expected a square matrix (classes, classes), got {counts.shape}{how}"
        )
    if counts.dtype.kind not in "biuf" or not np.isfinite(counts).all() or (counts < 0).any():
        raise DataError(
            "confusion_matrix: expected counts, finite numbers of 0 or more; see metrics.confusion_matrix"
        )
    names = class_names(classes, len(counts), "confusion_matrix")
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    side = float(np.clip(0.5 * len(counts), 3.2, WIDE - 2.0))
    more = 0.09 * max(0, min(LONGEST, max(map(len, names))) - 8)  # inches for long names
    (axes,) = panels(1, 1, side + 2.0 + more, side + 0.9 + more, look)
    block = math.ceil(len(counts) / MOST_CELLS)
    inches = side * shrunk(axes, look, (side, side), (2.0 + more, 0.9 + more))
    colors = _draw_shares(axes, share, block, inches)
    if len(counts) <= MOST_COUNTED:
        _write_counts(axes, counts, colors, inches)
    _name_classes(axes, names, inches)
    if block > 1:
        axes.set_title(f"a cell: the largest share in {block} x {block} classes", loc="left", fontsize=11)
    if more and "ax" not in look:  # matplotlib places long labels at the edge only once it has drawn them
        root(axes).draw_without_rendering()
    return [axes]


def _draw_shares(axes: Axes, share: Array, block: int, inches: float) -> Array:
    """Draw the shares, off-diagonal ones in orange; return the cells' colours (classes, classes, 3)."""
    from matplotlib.colors import PowerNorm

    own = np.eye(len(share), dtype=bool)
    wrong, right = (_pooled(np.where(part, share, 0.0), block) for part in (~own, own))
    shown = share if block == 1 else wrong
    low, high = -0.5, block * len(wrong) - 0.5
    place: dict[str, Any] = {"extent": (low, high, high, low), "interpolation": "nearest"}
    norm = PowerNorm(FAINT, 0, 1)
    under = axes.imshow(shown, cmap=negative_map(axes), norm=norm, **place)
    diagonal = np.ma.masked_array(right, ~np.eye(len(right), dtype=bool))
    over = axes.imshow(diagonal, cmap=positive_map(axes).with_extremes(bad="none"), vmin=0, vmax=1, **place)
    small = inches < SMALL
    size = 7 if small else 10
    for part, bottom, label, ticks in (
        (over, 0.53, "right", [0, 0.5, 1]),
        (under, 0.0, "wrong", [0, 0.05, 0.25, 1]),
    ):
        said, shares = (label, [0, 1]) if small else (f"share {label}", ticks)
        bar = color_bar(axes, part, said, (bottom, 0.47), ticks=shares, format=percent)
        bar.ax.yaxis.label.set_fontsize(size)
        bar.ax.tick_params(labelsize=size)
    cells = np.eye(len(right), dtype=bool)[..., None]
    colors: Array = np.where(cells, over.to_rgba(right), under.to_rgba(shown))
    return colors[..., :3]


def _pooled(share: Array, block: int) -> Array:
    """Return the maximum of each block of cells."""
    if block == 1:
        return share
    missing = -len(share) % block
    padded = np.pad(share, (0, missing))
    count = len(padded) // block
    made: Array = padded.reshape(count, block, count, block).max((1, 3))
    return made


def _write_counts(axes: Axes, counts: Array, colors: Array, inches: float) -> None:
    """Write the counts in black or white, whichever reads better (WCAG 2, relative luminance).

    Where they would be too small to be read, there are none.
    """
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    dark = linear @ (0.2126, 0.7152, 0.0722) < 0.18
    most = max(len(f"{count:.4g}") for count in counts.flat)
    cell = 72 * min(inches * 1.1, WIDE - 2.0) / len(counts)
    size = min(11.0, 0.9 * cell / (0.62 * most), 0.8 * cell)
    if size < SMALLEST_TEXT:
        return
    for (row, column), count in np.ndenumerate(counts):
        axes.text(
            column,
            row,
            f"{count:.4g}" if count % 1 else f"{count:.0f}",
            color="white" if dark[row, column] else "black",
            alpha=1.0 if count else 0.4,
            fontsize=size,
            ha="center",
            va="center",
        )


def _name_classes(axes: Axes, names: Sequence[str], inches: float) -> None:
    least = math.ceil(len(names) / min(MOST_NAMED, 7 * inches))
    step = next(step for step in STEPS if step >= least) if least <= STEPS[-1] else least
    places = range(0, len(names), step)
    short = all_shortened(names, LONGEST)[::step]
    crowded = len(places) > min(20, 5 * inches)
    size, longest = 8 if crowded else 10, max(map(len, short))
    room = ROOM * min(1.0, inches / (WIDE - 2.0))
    turned: dict[str, Any] = {"rotation": 90} if (longest + 1) * len(places) * size > room else {}
    if longest > 3:
        turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    name_ticks(axes.xaxis, places, short, fontsize=size, **turned)
    name_ticks(axes.yaxis, places, short, fontsize=size)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")


def class_names(given: Sequence[str] | None, count: int, what: str) -> list[str]:
    """Return the names of the classes, their numbers where none are given."""
    if given is None:
        return [str(number) for number in range(count)]
    if len(given) != count:
        raise ShapeError(f"{what}: {len(given)} names were given for {count} classes")
    return [str(name) for name in given]


@picture
def examples(
    x: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    image_shape: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    limit: int = 25,
    **look: Unpack[PictureLook],
) -> Sequence[Axes]:
    """Draw the first examples of some data as images, each with its class above it.

    Parameters
    ----------
    x : (n, inputs) or (n, height, width) or (n, height, width, channels)
    y : labels (n,), numbers or names, or one-hot (n, classes), optional
    image_shape : (height, width) or (height, width, channels), optional
        Guessed if the inputs are a square image.
    classes : names of the classes, optional
    limit : int
        The most examples shown.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        The smallest number of all is black, the largest white.

    Examples
    --------
    >>> import lucidnet as ln
    >>> (x, y), _ = ln.data.load("digits")
    >>> figure = examples(x, y, limit=3)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['3', '2', '6']
    """
    x = real(x, "examples: x")
    if x.ndim < 2 or not x.size:
        raise ShapeError(f"examples: x: expected examples (n, ...), got shape {x.shape}")
    if y is None and classes is not None:
        raise DataError("examples: classes has no effect without y, the labels that it names")
    captions = [""] * len(x) if y is None else _captions(np.asarray(y), classes)
    if len(captions) != len(x):
        raise ShapeError(f"examples: x has {len(x)} examples, y has {len(captions)}")
    shape = image_shape if image_shape is not None or x.ndim < 3 else x.shape[1:]
    images = x.reshape(-1, *image_shape_of(math.prod(x.shape[1:]), shape, "examples"))[:limit]
    title = f"the first {len(images)} of {_counted(len(x))}" if limit < len(x) else _counted(len(x))
    return _captioned(images, all_shortened(captions[:limit], LONGEST), title, look)


def _captions(y: Array, classes: Sequence[str] | None) -> list[str]:
    """Return the classes of some labels as texts."""
    y = y.argmax(1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
    numbers = y.dtype.kind in "biuf"
    texts = [f"{label:g}" if numbers else str(label) for label in y.tolist()]
    if classes is None:
        return texts
    names = {str(i) if numbers else str(name): str(name) for i, name in enumerate(classes)}
    if unknown := [text for text in texts if text not in names]:
        raise DataError(f"examples: y: there is no class {unknown[0]} among {some(names)}")
    return [names[text] for text in texts]


@picture
def worst_mistakes(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    image_shape: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    limit: int = 25,
    **look: Unpack[PictureLook],
) -> Sequence[Axes]:
    r"""Draw the most confident wrong predictions: true class → predicted class, and its probability.

    A model and its data may stand for the first three: ``worst_mistakes(model, x, y)``.

    Parameters
    ----------
    x : (n, inputs) or (n, height, width) or (n, height, width, channels)
    y : labels (n,), or one-hot (n, classes); with `classes` their names, too
    probabilities : (n, classes), or of class 1 (n,) or (n, 1)
    image_shape : (height, width) or (height, width, channels), optional
        Guessed if the inputs are a square image; if they are not, bars with the number of the example replace
        images.
    classes : names of the classes, optional
    limit : int
        The most examples shown.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        Says so if there is no mistake.

    Examples
    --------
    >>> figure = worst_mistakes(np.zeros((2, 64)), [0, 1], [[0.2, 0.8], [0.1, 0.9]])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0 → 1\n80.0 %']
    """
    x = np.asarray(x)
    if np.asarray(probabilities).dtype.kind in "USTO":
        raise DataError(
            "worst_mistakes: probabilities: expected numbers (n, classes), as model.predict returns, got "
            f"{short(probabilities)}: names do not say how sure they are"
        )
    labels_of, scores = by_number("worst_mistakes", y, probabilities, classes)
    mistakes, count = _mistakes(x, np.asarray(labels_of), np.asarray(scores))
    names = class_names(classes, count, "worst_mistakes")
    if not len(mistakes.example):
        return _nothing_wrong(len(x), look)
    worst = Mistakes(*(values[:limit] for values in mistakes))
    names = all_shortened(names, LONGEST)
    pairs = [(names[t], names[p]) for t, p in zip(worst.true, worst.predicted, strict=True)]
    end = "\n→ " if max(len(t) + len(p) for t, p in pairs) > 16 else " → "
    labels = [f"{t}{end}{p}" for t, p in pairs]
    title = _title(len(labels), len(mistakes.example), len(x))
    shape = image_shape if image_shape is not None or x.ndim < 3 else x.shape[1:]
    inputs = math.prod(x.shape[1:])
    if shape is None and guess_image_shape(inputs) is None:
        return _bars(worst, labels, title, look)
    images = x[worst.example].reshape(-1, *image_shape_of(inputs, shape, "worst_mistakes"))
    captions = [
        f"{label}\n{p:.1%}".replace("%", " %") for label, p in zip(labels, worst.confidence, strict=True)
    ]
    return _captioned(images, captions, title, look)


def _mistakes(x: Array, y: Array, probabilities: Array) -> tuple[Mistakes, int]:
    for name, given in (("x", x), ("y", y), ("probabilities", probabilities)):
        if not given.ndim:
            raise DataError(f"worst_mistakes: {name}: expected an array, got {short(given.item())}")
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
    some = f"the worst {shown} of {mistakes} mistakes" if shown < mistakes else f"all {mistakes} mistakes"
    some = "one mistake" if mistakes == 1 else some
    return f"{some} among {_counted(examples)}\ntrue → predicted class, and its probability"


def _counted(examples: int) -> str:
    return f"{examples} example" if examples == 1 else f"{examples} examples"


def _nothing_wrong(examples: int, look: PictureLook) -> Sequence[Axes]:
    (axes,) = panels(1, 1, 5.0, 1.2, look)
    axes.set_axis_off()
    axes.text(0.5, 0.5, f"no mistakes among {_counted(examples)}", ha="center", va="center", fontsize=12)
    return [axes]


def _captioned(images: Array, captions: list[str], title: str, look: PictureLook) -> Sequence[Axes]:
    count, height, width, channels = images.shape
    aspect, ratio = pixel_aspect(height, width), drawn_ratio(height, width)
    inches = INCHES / math.sqrt(ratio) * min(1.0, max(SMALLEST, MANY / count) ** 0.5)
    cell = max(inches + 0.15, 0.085 * max(len(line) for text in captions for line in text.split("\n")))
    pixels = width / inches
    upwards = pixels / aspect
    above = (0.14 + LINE * max(text.count("\n") + 1 for text in captions)) * upwards  # for a caption
    gaps = math.ceil(above), math.ceil((cell - inches) * pixels)
    columns = min(count, max(1, min(math.ceil(math.sqrt(count * ratio)), int((WIDE - 0.2) / cell))))
    low, high = images.min(), images.max()
    tiles = tile((images - low) / ((high - low) or 1), columns, gaps)
    rows, across = tiles.canvas.shape[:2]
    left = (cell - inches) / 2  # to set a caption apart from its image; the title begins at the image
    wide = max(TITLE + left, across / pixels + 2 * left + 0.2)
    tall = (rows + above) / upwards + 0.7
    (axes,) = panels(1, 1, wide, tall, look)
    size = 9.0 * shrunk(axes, look, (wide - 0.2, tall - 0.6), (0.2, 0.6))
    axes.set_anchor("W")
    canvas = np.repeat(tiles.canvas[..., None], 3, -1) if channels == 1 else tiles.canvas
    axes.imshow(with_page(canvas, axes), interpolation="nearest", aspect=aspect)
    outline(axes, tiles, height, width)
    axes.set_ylim(rows - 0.5, -0.5 - above)
    for (row, column), text in zip(tiles.corners, captions, strict=True):
        middle = column + (width - 1) / 2
        axes.text(middle, row - 0.5 - 0.04 * upwards, text, ha="center", va="bottom", fontsize=size)
    axes.set_title(title, fontsize=10, loc="left")
    return [axes]


def _bars(worst: Mistakes, labels: list[str], title: str, look: PictureLook) -> Sequence[Axes]:
    (axes,) = panels(1, 1, 7.0, 0.36 * len(labels) + 2.0, look)
    places, colors = np.arange(len(labels)), theme(axes)
    axes.barh(places - 0.2, worst.confidence, 0.38, color=colors.signed[2], label="predicted class (wrong)")
    axes.barh(places + 0.2, worst.chance, 0.38, color=colors.signed[6], label="true class")
    labels = [label.replace("\n", " ") for label in labels]
    end = "\n" if max(map(len, labels)) > 20 else " "
    names = [f"example {i}:{end}{label}" for i, label in zip(worst.example, labels, strict=True)]
    name_ticks(axes.yaxis, places, names, fontsize=10 if end == " " else 8)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel("probability")
    axes.spines[["top", "right"]].set_visible(False)
    legend_below([axes], look)
    axes.set_title(title, fontsize=10, loc="left")
    return [axes]
