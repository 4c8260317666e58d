"""Watching what passes through the layers of a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..core.text import Tabled
from ..layers import Layer
from ..layers.watched import Call, watched


class Calls(Tabled, list[Call]):
    """The calls of a network's layers, in order; a container's comes before those inside it.

    Parameters
    ----------
    net : Layer
        The network whose layers note their calls here.
    """

    net: Layer

    titles = ("name", "layer", "x", "y", "dL/dy", "dL/dx")

    def rows(self) -> list[list[str]]:
        """Return a table row for each call, with the shapes of inputs, outputs and errors."""
        return [[call.name, type(call.layer).__name__, *call.cells()] for call in self]


@contextmanager
def watch(net: Layer, copies: bool = False) -> Iterator[Calls]:
    """Watch all layers of a network, and the activations inside them.

    The ``with`` statement gives the list of calls, empty at first. Run its ``net``: the network, with the
    same behaviour, whose layers record their calls. After the statement ``net`` is the network itself again,
    and the list is yours to read.

    Parameters
    ----------
    net : Layer
        The network; it stays as it is.
    copies : bool
        Whether to note copies of the arrays, for layers that may change what they are given.

    Examples
    --------
    >>> import numpy as np
    >>> from lucidnet.backend import Stream
    >>> from lucidnet.layers import Dense, Sequential
    >>> net = Sequential([Dense(3, "tanh"), Dense(1)])
    >>> params, _ = net.init(Stream(0), (2,))
    >>> with watch(net) as calls:
    ...     y, cache = calls.net.forward(params, np.ones((4, 2)))
    ...     _ = calls.net.backward(params, cache, np.ones_like(y), need_dx=False)
    >>> for call in calls:
    ...     print(call.name, type(call.layer).__name__, call.x.shape, call.y.shape, call.dy.shape)
    Sequential Sequential (4, 2) (4, 1) (4, 1)
    dense0 Dense (4, 2) (4, 3) (4, 3)
    dense0 Tanh (4, 3) (4, 3) (4, 3)
    dense1 Dense (4, 3) (4, 1) (4, 1)
    dense1 Linear (4, 1) (4, 1) (4, 1)
    """
    calls = Calls()
    calls.net = watched(net, calls, copies)
    try:
        yield calls
    finally:
        calls.net = net
