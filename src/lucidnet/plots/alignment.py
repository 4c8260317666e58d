"""How near a learning rule comes to the chain rule, while it learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError
from .figures import PALETTE, new_figure
from .weights import draw_heat_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..engine.protocol import Trainee
    from ..training.history import History

KINDS = {"gradient_alignment": "rule's gradient to the true one", "weight_alignment": "feedback B to W"}
"""The kinds of alignment that are drawn, with the titles of their panels."""


def alignment(records: History | Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """Draw angles over the steps of a training, in degrees: 0 is along, 90 across.

    Parameters
    ----------
    records : History, or mapping of names to pairs (step, cosine)
        The history of ``fit(..., record=["gradient_alignment", "weight_alignment"])``, or its ``steps``.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for gradients and one for weights, where recorded; a line for each layer.

    Raises
    ------
    DataError
        If no alignment was recorded.

    Examples
    --------
    >>> figure = alignment({"gradient_alignment/dense1": [(0, 0.0), (100, 0.5)]})
    >>> figure.axes[0].lines[0].get_ydata().round().tolist()
    [90.0, 60.0]
    """
    steps: Mapping[str, Any] = getattr(records, "steps", records)
    kinds = [kind for kind in KINDS if any(name.startswith(f"{kind}/") for name in steps)]
    if not kinds:
        raise DataError('alignment: none was recorded: fit(..., record=["gradient_alignment"])')
    figure = new_figure(5.2 * len(kinds) + 0.4, 3.8)
    for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        _draw(axes, kind, steps)
    return figure


def _draw(axes: Axes, kind: str, steps: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    lines = {name: pairs for name, pairs in steps.items() if name.startswith(f"{kind}/")}
    for number, (name, pairs) in enumerate(lines.items()):
        at, cosines = np.array(pairs, float).T
        color, label = PALETTE[number % len(PALETTE)], name.partition("/")[2]
        axes.plot(at, np.degrees(np.arccos(np.clip(cosines, -1, 1))), color=color, linewidth=1.6, label=label)
    axes.axhline(90, color="0.6", linewidth=1, linestyle="--")
    axes.set_ylim(bottom=0)
    axes.set_title(KINDS[kind], loc="left", fontsize=11)
    axes.set_xlabel("step")
    axes.set_ylabel("angle in degrees")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)


def feedback_weights(model: Trainee) -> Figure:
    """Draw the feedback weights B of each layer, beside the weights W that they stand for, if there are.

    Parameters
    ----------
    model : Trainee
        A compiled model whose rule has feedback weights.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each layer.

    Raises
    ------
    DataError
        If the rule has none.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(4, "tanh"), ln.layers.Dense(3)])
    >>> model.compile("mse", "sgd", rule="fa")
    >>> [axes.get_title(loc="left") for axes in feedback_weights(model).axes[:2]]
    ['dense2/W', 'dense2: feedback W']
    """
    from ..core.trees import dotted, leaves
    from ..rules.feedback import branch

    places = [(path, np.asarray(B)) for path, B in leaves(model.feedback)]
    if not places:
        raise DataError(f"feedback_weights: this model learns by {model.rule!r}, which has none")
    figure = new_figure(9.0, 3.4 * len(places))
    panels = figure.subplots(len(places), 2, squeeze=False)
    for (left, right), (path, B) in zip(panels, places, strict=True):
        layer, name = dotted(path[:-1]), path[-1]
        draw_heat_map(right, _matrix(B), f"{layer}: feedback {name}")
        own = branch(model.params, path[:-1])
        if name in own:
            draw_heat_map(left, _matrix(np.asarray(own[name])), f"{layer}/{name}")
        else:
            left.remove()
    return figure


def _matrix(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.reshape(-1, array.shape[-1])
