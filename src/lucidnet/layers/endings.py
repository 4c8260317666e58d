"""Splitting networks from their final activations."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from .activations import scale
from .base import Layer
from .containers import Sequential
from .graph import Graph

L = TypeVar("L", bound=Layer)


def without_endings(net: Layer) -> Layer:
    """Return a network without final activations, as these would call for larger initial weights.

    Initial outputs should be small, so that no prediction is certain before anything is learned. The
    parameters have the same names and shapes.

    Examples
    --------
    >>> from lucidnet.layers import Dense
    >>> without_endings(Sequential([Dense(3, "tanh"), Dense(1, "sigmoid")]))
    Sequential((Dense(3, Tanh(), name='dense0'), Dense(1, name='dense1')))
    """
    last = net.layers[-1] if isinstance(net, Sequential) else net
    if isinstance(last, Graph) and len(last.outputs) > 1:
        for output in last.outputs:
            last = _shorter(last, *last.split_output(output))
        return replace(net, layers=(*net.layers[:-1], last)) if isinstance(net, Sequential) else last
    return _shorter(net, *net.split_activation())


def _shorter(whole: L, without: L, activation: Layer | None) -> L:
    return whole if scale(activation) is None else without
