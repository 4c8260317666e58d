"""Which class a network gives to each point of a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ShapeError
from ..layers import HardSigmoid, Sigmoid
from .figures import new_figure
from .images import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..engine.protocol import Trainee

# Okabe & Ito (2008), in an order in which the first ones differ most.
CLASSES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = "osD^vP*X"
MARGIN = 0.1


def decision_boundary(model: Trainee, x: Any, y: Any, resolution: int = 200) -> Figure:
    """Draw the classes that a network with two inputs gives, and the data.

    Parameters
    ----------
    model : Trainee
        A classifier with two inputs: softmax, or one output.
    x : array-like (n, 2)
    y : labels (n,) or (n, 1), or one-hot (n, classes)
    resolution : int
        On how many points along each axis the network is asked.

    Returns
    -------
    matplotlib.figure.Figure
        The paler the colour, the less sure the network is; black lines lie where the class changes.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(1, "sigmoid")])
    >>> figure = decision_boundary(model, [[0, 0], [1, 1]], [0, 1], resolution=10)
    >>> figure.axes[0].get_xlabel(), len(figure.axes[0].collections) >= 2
    ('feature 0', True)
    """
    x = np.asarray(x, float)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ShapeError(f"decision_boundary: expected inputs (n, 2), got shape {x.shape}")
    low, high = x.min(0), x.max(0)
    pad = MARGIN * np.where(high > low, high - low, 1)
    sides = [np.linspace(a, b, resolution) for a, b in zip(low - pad, high + pad, strict=True)]
    plane = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    shares = probabilities(model, plane).reshape(resolution, resolution, -1)
    figure = new_figure(5.4, 4.6)
    axes = figure.add_subplot()
    _regions(axes, shares, sides)
    _points(axes, x, _labels(np.asarray(y)))
    return figure


def probabilities(model: Trainee, x: Array) -> Array:
    """Return the probability of each class (n, classes), from two classes on."""
    p: Array = model.predict(x).astype(float)
    if p.ndim != 2:
        raise ShapeError(f"decision_boundary: expected outputs (n, classes), got shape {p.shape}")
    if p.shape[1] > 1:
        return p if (p >= 0).all() and (p <= 1).all() else (p == p.max(1, keepdims=True)).astype(float)
    if not isinstance(model.net.split_activation()[1], (Sigmoid, HardSigmoid)):
        p = (p > 0).astype(float)  # a score, whose sign says which class it is
    return np.concatenate([1 - p, p], axis=1)


def _regions(axes: Axes, shares: Array, sides: list[Array]) -> None:
    """Draw the mean of the classes' colours, weighted with their probabilities, on white."""
    from matplotlib.colors import to_rgb

    classes = shares.shape[-1]
    colors = np.array([to_rgb(CLASSES[k % len(CLASSES)]) for k in range(classes)])
    mixed = shares / np.maximum(shares.sum(-1, keepdims=True), 1e-12) @ colors
    (left, right), (bottom, top) = ((side[0], side[-1]) for side in sides)
    sure = (shares.max(-1, keepdims=True) - 1 / classes) / (1 - 1 / classes)
    picture = 1 - (1 - mixed) * (0.15 + 0.35 * np.clip(sure, 0, 1))
    axes.imshow(picture, origin="lower", extent=(left, right, bottom, top), aspect="auto", zorder=0)
    winner = shares.argmax(-1)
    for k in range(classes):
        if (winner == k).any() and (winner != k).any():
            rest = np.delete(shares, k, axis=-1).max(-1)
            axes.contour(*sides, shares[..., k] - rest, levels=[0], colors="black", linewidths=0.8)


def _points(axes: Axes, x: Array, labels: Array) -> None:
    known = np.unique(labels)
    for k in known:
        chosen = x[labels == k]
        color, marker = CLASSES[int(k) % len(CLASSES)], MARKERS[int(k) % len(MARKERS)]
        axes.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=18,
            color=color,
            marker=marker,
            edgecolor="white",
            linewidth=0.5,
            label=f"class {k}",
        )
    axes.set_xlabel("feature 0")
    axes.set_ylabel("feature 1")
    axes.figure.legend(loc="outside upper center", ncols=min(len(known), 5), frameon=False)


def _labels(y: Array) -> Array:
    """Return the class of each example; of values below and above zero, 0 and 1."""
    y = y.argmax(1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y))
    return (y > 0).astype(int) if (y < 0).any() else y.round().astype(int)
