"""Whether a network can take its sequence one time step at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, Stream, Tree
from ..core.trees import tree_map
from ..errors import SettingError, ShapeError
from .base import Layer, Run
from .containers import first_leaf

TRIED = 64
"""The most time steps tried; fewer if the sequence is known to be shorter."""


@np.errstate(all="ignore")
def check_stepwise(net: Layer, params: Tree, shape: Any, caller: str, instead: str) -> None:
    """Raise if a network cannot be run step by step: its output depends on other times beyond its states.

    This is tested on a short random sequence, in double precision: step by step the outputs must be those of
    the whole sequence. Weights of zero, which would hide a dependence, are replaced by random ones.

    Parameters
    ----------
    net : Layer
        The network.
    params : tree
        Its parameters.
    shape : shape
        The shape of one input.
    caller, instead : str
        The name of the caller, and what to do instead, for messages.

    Raises
    ------
    ShapeError
        If it is no network of one sequence with one output.
    SettingError
        If it cannot go step by step (attention, convolution over time, both directions, positions).
    """
    if not isinstance(shape, tuple) or not shape or isinstance(shape[0], tuple):
        raise ShapeError(f"{caller}: expected a network of one sequence (n, time, ...), got {shape}")
    if isinstance(outputs := net.output_shape(shape), dict):
        raise ShapeError(f"{caller}: expected a network of one output, got {', '.join(outputs)}; {instead}")
    rng = Stream(0, dtype="float64", path=("stepwise",))
    params = tree_map(lambda array: _moving(np.asarray(array, np.float64), rng), params)
    x = rng.child("x").uniform((1, min(shape[0] or TRIED, TRIED), *(size or 1 for size in shape[1:])))
    first = first_leaf(net)
    if not first.differentiable:  # whole numbers are wanted
        x = np.floor(x * getattr(first, "vocabulary", 1))
    if not _goes_stepwise(net, params, x):
        raise SettingError(
            f"{caller}: this network cannot go one step at a time, because its output depends on other "
            f"times in another way than by the states of recurrent layers; {instead}"
        )


def _moving(array: Array, rng: Stream) -> Array:
    return array if array.any() else rng.normal(array.shape) / np.sqrt(max(1, np.prod(array.shape[:-1])))


def _goes_stepwise(net: Layer, params: Tree, x: Array) -> bool:
    """Tell whether running a sequence step by step gives the same output as running it at once."""
    states: Any = {}
    steps: list[Any] = []
    try:
        whole, _ = net.forward(params, x)
        for t in range(x.shape[1]):
            y, cache = net.forward(params, x[:, t : t + 1], Run(states=states))
            states = net.states(cache)
            steps.append(y)
    except (ShapeError, ValueError):  # one time step alone, or so many, do not fit some layer
        return False
    over_time = whole.ndim > 2 and steps[0].shape[1] == 1 and steps[0].ndim == whole.ndim
    made = np.concatenate(steps, axis=1) if over_time else steps[-1]
    return made.shape == whole.shape and np.allclose(made, whole, rtol=1e-6, atol=1e-9, equal_nan=True)
