"""The class a network assigns to each point of a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..core.finite import check_finite
from ..data.named import inputs, numbers_of, texts
from ..errors import DataError, ShapeError, short
from ..layers import HardSigmoid, Layer, Sigmoid
from .colors import MARKERS, Colors, theme
from .figures import PictureLook, legend_below, panels, picture
from .images import Array, real
from .names import all_shortened, literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..engine.protocol import Trainee

MARGIN = 0.1
LONGEST = 24
"""Longer names are shortened."""
MOST_CLASSES = 20
"""The most classes of points that are named."""
LARGE, SMALL, CROWD = 18.0, 4.0, 500
"""The area of a point in square points, the least, and the number of points from which on it shrinks."""


@picture
def decision_boundary(
    model: Trainee, x: Any, y: Any, resolution: int = 200, **look: Unpack[PictureLook]
) -> Sequence[Axes]:
    """Draw the classes that a network with two inputs gives, and the data.

    Parameters
    ----------
    model : Trainee
        A classifier with two inputs: softmax, or one output.
    x : array-like (n, 2)
        The points; or a frame of two columns.
    y : labels (n,) or (n, 1), or one-hot (n, classes)
        The classes as numbers, or by the names of `Model.classes`, which are then shown beside the points.
    resolution : int
        The number of points along each axis at which the network is evaluated.
    **look
        ``ax``, ``title``, ``figsize``, ``style``, ``path``: see `plots`.

    Returns
    -------
    matplotlib.figure.Figure
        The paler the colour, the less sure the network is; lines show where the class changes.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(1, "sigmoid")])
    >>> figure = decision_boundary(model, [[0, 0], [1, 1]], [0, 1], resolution=10)
    >>> figure.axes[0].get_xlabel(), len(figure.axes[0].collections) >= 2
    ('feature 0', True)
    """
    names = model_names(model)
    x = real(inputs(model, x), "decision_boundary: x")
    if x.ndim != 2 or x.shape[1] != 2 or not len(x):
        raise ShapeError(f"decision_boundary: expected inputs (n, 2), got shape {x.shape}")
    check_finite(x, "x")
    if names and (given := texts(y)) is not None:
        y = numbers_of(given, names, "decision_boundary: y")
    labels = class_numbers(np.asarray(y), "decision_boundary")
    if len(labels) != len(x):
        raise ShapeError(f"decision_boundary: {len(x)} inputs, but {len(labels)} labels")
    classes = probabilities(model, x[:1]).shape[1]
    if (largest := int(labels.max())) >= classes:
        way = f": of labels 1 to {classes} give y - 1" if labels.min() == 1 and largest == classes else ""
        raise DataError(
            f"decision_boundary: the network tells classes 0 to {classes - 1} apart, got {largest}{way}"
        )
    sides = plane_sides(x, resolution)
    plane = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    shares = probabilities(model, plane).reshape(resolution, resolution, -1)
    (axes,) = panels(1, 1, 5.4, 4.6, look)
    draw_regions(axes, shares, sides)
    legend_below([axes], look, draw_points(axes, x, labels, names))
    if (table := getattr(model, "table", None)) is not None:
        columns = all_shortened(table.inputs, LONGEST)
        literal([axes.set_xlabel(columns[0]), axes.set_ylabel(columns[1])])
    return [axes]


def plane_sides(x: Array, resolution: int) -> list[Array]:
    """Return coordinates along both axes of a plane that holds all points (n, 2), with a margin."""
    low, high = x.min(0), x.max(0)
    pad = MARGIN * np.where(high > low, high - low, 1)
    return [np.linspace(a, b, resolution) for a, b in zip(low - pad, high + pad, strict=True)]


def probabilities(model: Trainee, x: Array) -> Array:
    """Return class probabilities (n, classes), with at least two classes."""
    return shares_of(model.net, model.predict(x))


def shares_of(net: Layer, outputs: Any) -> Array:
    """Convert a network's outputs to class shares (n, classes), with at least two classes."""
    if isinstance(outputs, dict):
        raise ShapeError(f"decision_boundary: expected one output, got {', '.join(outputs)}")
    p: Array = np.asarray(outputs, float)
    if p.ndim != 2:
        raise ShapeError(f"decision_boundary: expected outputs (n, classes), got shape {p.shape}")
    if p.shape[1] > 1:
        return p if (p >= 0).all() and (p <= 1).all() else (p == p.max(1, keepdims=True)).astype(float)
    if not isinstance(net.split_activation()[1], (Sigmoid, HardSigmoid)):
        p = (p > 0).astype(float)  # a score, whose sign says which class it is
    return np.concatenate([1 - p, p], axis=1)


def draw_regions(axes: Axes, shares: Array, sides: list[Array]) -> None:
    """Colour the plane by class: the mean of the classes' colours, weighted by their probabilities."""
    from matplotlib.colors import to_rgb

    classes, look = shares.shape[-1], theme(axes)
    colors = np.array([to_rgb(color_of(k, look)) for k in range(classes)])
    mixed = shares / np.maximum(shares.sum(-1, keepdims=True), 1e-12) @ colors
    (left, right), (bottom, top) = ((side[0], side[-1]) for side in sides)
    sure = (shares.max(-1, keepdims=True) - 1 / classes) / (1 - 1 / classes)
    page = np.array(to_rgb(look.page))
    picture = page + (mixed - page) * (0.15 + 0.35 * np.clip(sure, 0, 1))
    axes.imshow(picture, origin="lower", extent=(left, right, bottom, top), aspect="auto", zorder=0)
    winner = shares.argmax(-1)
    for k in range(classes):
        if (winner == k).any() and (winner != k).any():
            rest = np.delete(shares, k, axis=-1).max(-1)
            axes.contour(*sides, shares[..., k] - rest, levels=[0], colors=look.ink, linewidths=0.8)


def color_of(number: int, colors: Colors) -> str:
    """Return the colour of a class number."""
    return colors.classes[number % len(colors.classes)]


def marker_of(number: int, colors: Colors) -> str:
    """Return the marker of a class number; it changes when the colours start over."""
    return MARKERS[(number + number // len(colors.classes)) % len(MARKERS)]


def model_names(model: Any) -> Sequence[str] | None:
    """Return the names of a model's classes; None if it has none."""
    names: Sequence[str] | None = getattr(model, "classes", None)
    return names


def draw_points(axes: Axes, x: Array, labels: Array, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Draw the data, each class in its own colour and marker; return the drawn points by class name."""
    from matplotlib.lines import Line2D

    colors = theme(axes)
    named: dict[str, Any] = {}
    size = max(SMALL, LARGE * min(1.0, CROWD / len(x)))
    for k in np.unique(labels):
        chosen = x[labels == k]
        look: dict[str, Any] = {"color": color_of(int(k), colors), "marker": marker_of(int(k), colors)}
        name = all_shortened(names, LONGEST)[k] if names and k < len(names) else f"class {k}"
        look |= {"edgecolor": colors.page, "linewidth": 0.5 * (size / LARGE) ** 0.5, "label": name}
        named[name] = axes.scatter(chosen[:, 0], chosen[:, 1], s=size, **look)
    if len(named) > MOST_CLASSES:
        rest = len(named) - MOST_CLASSES + 1
        named = dict(list(named.items())[: MOST_CLASSES - 1])
        named[f"{rest} more classes"] = Line2D([], [], linestyle="")
    axes.set_xlabel("feature 0")
    axes.set_ylabel("feature 1")
    return named


def class_numbers(y: Array, what: str) -> Array:
    """Return the class of each example; for values below and above zero, 0 and 1."""
    if y.dtype == object and y.ndim == 0:
        raise DataError(f"{what}: expected labels (n,), got {y.item()!r}")
    if y.dtype.kind not in "biuf":
        given = short(y.tolist()[0]) if y.ndim and y.size else str(y.dtype)
        raise DataError(
            f"{what}: expected labels as the network was trained on, numbers of classes, got {given}: "
            "names, y = np.unique(y, return_inverse=True)"
        )
    check_finite(y, "y")
    if y.ndim not in (1, 2) or not y.size:
        raise ShapeError(f"{what}: expected labels (n,) or one-hot (n, classes), got shape {y.shape}")
    if y.ndim == 2 and y.shape[1] > 1:
        return np.asarray(y.argmax(1))
    y = y.reshape(len(y))
    broken = y[y != y.astype(float).round()]
    two = len(np.unique(y)) == 2 and (y < 0).any() and (y > 0).any()  # as -0.9 and 0.9, for a tanh
    if broken.size and not (two or ((y >= 0) & (y <= 1)).all()):
        raise DataError(
            f"{what}: expected labels, whole numbers of classes, got {broken[0]:g}: numbers have no border"
        )
    numbers: Array = (y > 0) if (y < 0).any() else y.astype(float).round()
    return numbers.astype(int)
