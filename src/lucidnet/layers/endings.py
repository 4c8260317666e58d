"""Splitting networks from their final activations."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from .activations import scale
from .base import Layer
from .containers import Sequential, final
from .graph import Graph

L = TypeVar("L", bound=Layer)


def outputs(net: Layer) -> tuple[str, ...]:
    """Return the names of a network's outputs; an empty tuple if it has only one."""
    last = final(net)
    return tuple(last.outputs) if isinstance(last, Graph) and len(last.outputs) > 1 else ()


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
    if isinstance(net, Sequential) and isinstance(final(net), Graph):
        return replace(net, layers=(*net.layers[:-1], without_endings(net.layers[-1])))
    if isinstance(net, Graph) and len(net.outputs) > 1:
        for output in net.outputs:
            net = _shorter(net, *net.split_output(output))
        return net
    return _shorter(net, *net.split_activation())


def _shorter(whole: L, without: L, activation: Layer | None) -> L:
    return whole if scale(activation) is None else without
