"""The contents of a recorded training's movie: how each frame is drawn, on fixed scales."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core.trees import dotted, leaves, put
from ..errors import DataError, ShapeError, lookup, short
from ..layers.base import INFERENCE
from ..layers.blank import blank_init
from .alignment import KINDS, degrees, layer_styles, name_depths, name_layers
from .boundary import class_numbers, draw_points, draw_regions, plane_sides, shares_of
from .colors import theme
from .curves import VALIDATION, draw_curve
from .figures import angle_axis, legend_below, tidy, whole_steps
from .images import Array, symmetric_limit
from .names import entitle
from .weights import draw_heat_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..training.history import History

Records = Mapping[str, Sequence[tuple[int, Any]]]

IN_FILMS = {"figsize": None}
"""The arguments of a picture whose size is given, as that of all frames is."""
GRID = 90
"""The number of grid points along each axis at which a network's boundary is computed."""
MOST_PANELS = 9
"""The most arrays shown side by side; the first ones are taken."""
BINS = 40
PREFIXES = {"gradients": "grads/", "updates": "updates/", "activations": "activations/"}


class Scene(NamedTuple):
    """The content of a film: the number and size of its frames, and a function that draws one.

    Parameters
    ----------
    frames : int
        How many there are.
    panels, columns : int
        How many axes a frame has, and how many of them side by side.
    size : (float, float)
        Inches of one of them.
    draw : callable
        Draws a frame, by its number, on empty axes.
    """

    frames: int
    panels: int
    columns: int
    size: tuple[float, float]
    draw: Callable[[list[Axes], int], None]


def scene_of(history: History, what: str) -> Scene:
    """Return the scene for a recorded quantity.

    Raises
    ------
    DataError
        If that was not recorded.
    UnknownNameError
        If there is nothing of this name.
    """
    if not isinstance(getattr(history, "steps", None), Mapping):
        raise DataError(f"animate: history: expected a history: model.fit(...), got {short(history)}")
    steps: Records = history.steps
    if what == "boundary":
        return _boundary(history, steps)
    if what == "alignment":
        return _alignment(steps)
    if what in history and not any(fnmatch(name, what) for name in steps):
        return _curve(history, what)
    if what == "loss":
        raise DataError("animate: the history holds no epoch; call fit first")
    if what == "weights":
        found = {name: pairs for name, pairs in steps.items() if "/" not in name and _is_matrix(pairs)}
        return _arrays(found, "weight", 'record=["weights"]')
    if what in PREFIXES:
        found = {name: pairs for name, pairs in steps.items() if name.startswith(PREFIXES[what])}
        asked = f'record=["{PREFIXES[what]}*"]'
        if what == "activations":
            return _histograms(found, asked)
        return _arrays({n: p for n, p in found.items() if _is_matrix(p)}, what.removesuffix("s"), asked)
    return _named(history, steps, what)


def _named(history: History, steps: Records, what: str) -> Scene:
    found = {name: pairs for name, pairs in steps.items() if fnmatch(name, what)}
    if not found:
        kinds = ("boundary", "weights", "activations", "gradients", "updates", "alignment")
        lookup("recorded quantity", what, dict.fromkeys([*kinds, *history, *steps]))
    if any(name.partition("/")[0] in KINDS for name in found):
        return _alignment(found)
    if all(name.startswith("activations/") for name in found):
        return _histograms(found, "")
    arrays = {name: pairs for name, pairs in found.items() if np.size(pairs[0][1]) > 1}
    if not arrays:
        raise DataError(
            f"animate: {', '.join(found)} is a single number at each step: plot the history instead"
        )
    return _arrays(arrays, "value", "")


def _is_matrix(pairs: Sequence[tuple[int, Any]]) -> bool:
    return np.ndim(pairs[0][1]) > 1


def _need(found: Records, asked: str) -> dict[str, Sequence[tuple[int, Any]]]:
    """Return the records, up to the number of panels that have room; raise if there are none."""
    if not found:
        raise DataError(f"animate: that was not recorded: fit(..., {asked})")
    return dict(list(found.items())[:MOST_PANELS])


def _common(found: Records) -> list[int]:
    """Return the steps at which all quantities were recorded."""
    steps = set.intersection(*({step for step, _ in pairs} for pairs in found.values()))
    if not steps:
        raise DataError("animate: there is no step at which all of it was recorded")
    return sorted(steps)


def _boundary(history: History, steps: Records) -> Scene:
    """Return a scene of the moving decision boundary: the network with each step's weights."""
    net, sample = getattr(history, "origin", None) or (None, None)
    if net is None:
        raise DataError('animate: no weights were recorded: fit(..., record=["weights"])')
    x = None if sample is None else np.asarray(sample.x, float) if not isinstance(sample.x, dict) else None
    if sample is None or x is None or x.ndim != 2 or x.shape[1] != 2:
        raise ShapeError(
            "animate: a boundary needs a network with two inputs, and data in memory: show "
            'what="weights", "activations" or "loss"'
        )
    paths = {dotted(path): path for path, _ in leaves(blank_init(net, (2,))[0])}
    if missing := [name for name in paths if name not in steps]:
        raise DataError(
            f"animate: a boundary needs all weights, but {', '.join(missing)} was not recorded: "
            'fit(..., record=["weights"])'
        )
    kept = {name: dict(steps[name]) for name in paths}
    frames = _common({name: steps[name] for name in paths})
    sides, labels = plane_sides(x, GRID), class_numbers(np.asarray(sample.target), "animate")
    plane = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    plane = plane.astype(next(iter(kept.values()))[frames[0]].dtype)

    def draw(places: list[Axes], number: int) -> None:
        params: Any = blank_init(net, (2,))[0]
        for name, path in paths.items():
            params = put(params, path, kept[name][frames[number]])
        shares = shares_of(net, net.forward(params, plane, INFERENCE)[0]).reshape(GRID, GRID, -1)
        (axes,) = places
        draw_regions(axes, shares, sides)
        points = draw_points(axes, x, labels)
        if not number:  # legends of the figure stay
            legend_below(places, IN_FILMS, points)
        axes.set_title(f"step {frames[number]:,}", loc="left", fontsize=11)

    return Scene(len(frames), 1, 1, (5.4, 4.6), draw)


def _arrays(found: Records, quantity: str, asked: str) -> Scene:
    """Return a scene of changing arrays as heat maps, each on a fixed scale."""
    shown = _need(found, asked)
    frames, kept = _common(shown), {name: dict(pairs) for name, pairs in shown.items()}
    limits = {name: max(symmetric_limit(np.asarray(a, float)) for _, a in p) for name, p in shown.items()}

    def draw(places: list[Axes], number: int) -> None:
        step = frames[number]
        for axes, name in zip(places, shown, strict=True):
            array = np.asarray(kept[name][step], float)
            matrix = array.reshape(-1, array.shape[-1])
            draw_heat_map(axes, matrix, f"{name}, step {step:,}", limits[name], quantity)

    return Scene(len(frames), len(shown), 2, (5.4, 4.2) if len(shown) == 1 else (3.6, 3.2), draw)


def _histograms(found: Records, asked: str) -> Scene:
    """Return a scene of changing distributions: histograms with fixed bins and height."""
    shown = _need(found, asked)
    frames, kept = _common(shown), {name: dict(pairs) for name, pairs in shown.items()}
    edges, highest = {}, {}
    for name, pairs in shown.items():
        arrays = [np.asarray(array, float) for _, array in pairs]
        values = np.concatenate([array[np.isfinite(array)].ravel() for array in arrays])
        edges[name] = np.histogram_bin_edges(values, BINS)
        highest[name] = max(_shares(array, edges[name]).max() for array in arrays)

    def draw(places: list[Axes], number: int) -> None:
        step = frames[number]
        for axes, name in zip(places, shown, strict=True):
            shares = _shares(np.asarray(kept[name][step], float), edges[name])
            axes.stairs(100 * shares, edges[name], fill=True, color=theme(axes).signed[6])
            axes.set_xlim(edges[name][0], edges[name][-1])
            axes.set_ylim(0, 105 * (highest[name] or 1.0))
            entitle(axes, f"{name}, step {step:,}")
            axes.set_xlabel("value")
            axes.set_ylabel("% of the values")
            tidy(axes)

    return Scene(len(frames), len(shown), 2, (5.4, 3.8) if len(shown) == 1 else (3.6, 2.9), draw)


def _shares(array: Array, edges: Array) -> Array:
    finite = array[np.isfinite(array)]
    return np.histogram(finite, edges)[0] / max(finite.size, 1)


def _alignment(steps: Records) -> Scene:
    """Return a scene of growing curves of angles, a panel per kind, each layer in its own colour."""
    lines = {name: pairs for name, pairs in steps.items() if name.partition("/")[0] in KINDS}
    kinds = [kind for kind in KINDS if any(name.startswith(f"{kind}/") for name in lines)]
    if not kinds:
        raise DataError('animate: no alignment was recorded: fit(..., record=["gradient_alignment"])')
    frames = sorted({step for pairs in lines.values() for step, _ in pairs})
    angles = {name: (np.array([s for s, _ in p]), degrees([c for _, c in p])) for name, p in lines.items()}
    largest = max(float(np.nanmax(values, initial=0.0)) for _, values in angles.values())
    layers = list(dict.fromkeys(name.partition("/")[2] for name in lines))

    def draw(places: list[Axes], number: int) -> None:
        lines: dict[str, Any] = {}
        for axes, kind in zip(places, kinds, strict=True):
            styles = layer_styles(layers, axes)
            for name, (at, values) in angles.items():
                if name.startswith(f"{kind}/"):
                    layer, until = name.partition("/")[2], at <= frames[number]
                    style = styles[layer]._replace(marker="")._asdict()
                    (lines[layer],) = axes.plot(at[until], values[until], **style, linewidth=1.6, label=layer)
            angle_axis(axes, largest)
            margin = 0.02 * (frames[-1] - frames[0]) or 0.5
            axes.set_xlim(frames[0] - margin, frames[-1] + margin)
            whole_steps(axes)
            axes.set_title(KINDS[kind], loc="left", fontsize=11)
            name_depths(axes, layers)
            tidy(axes)
        if not number:  # legends of the figure stay
            name_layers(places, IN_FILMS, lines, len(layers))

    return Scene(len(frames), len(kinds), 2, (5.4, 3.6) if len(kinds) == 1 else (3.6, 3.4), draw)


def _curve(history: Mapping[str, Sequence[float]], what: str) -> Scene:
    """Return a scene of a growing curve over the epochs, on the axes of the whole training."""
    name = what.removeprefix(VALIDATION)
    both = {key: list(history[key]) for key in (name, VALIDATION + name) if len(history.get(key, ()))}
    count = max(map(len, both.values()), default=0)
    if not count:
        raise DataError("animate: the history holds no epoch; call fit first")
    values = np.concatenate(list(map(np.asarray, both.values()))).astype(float)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5

    def draw(places: list[Axes], number: int) -> None:
        (axes,) = places
        draw_curve(axes, name, {key: numbers[: number + 1] for key, numbers in both.items()}, both)
        axes.set_xlim(0.5, count + 0.5)
        steep = axes.get_yscale() == "log"
        axes.set_ylim(*((low / 1.3, high * 1.3) if steep else (low - margin, high + margin)))

    return Scene(count, 1, 1, (5.4, 3.6), draw)
