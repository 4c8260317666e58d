"""Long short-term memory (LSTM)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ...backend import Array, Shape, Stream, Tree, namespace
from ...core.settings import finite
from ...core.value import value
from ..base import Cache
from .base import Recurrent
from .loop import State


@value
class LSTM(Recurrent):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; with the forget gate of Gers et al. 2000).

    ::

        [i, f, g, o] = x_t W + h_(t-1) U + b,   i, f, o through sigmoid, g through tanh
        c_t = f c_(t-1) + i g
        h_t = o tanh(c_t)

    and back, with dc the gradient of c_t by both ways, dc = dc_t + dh_t o (1 - tanh^2 c_t)::

        do = dh_t tanh(c_t)      di = dc g      df = dc c_(t-1)      dg = dc i
        dz_t = ds_t = [di i(1 - i), df f(1 - f), dg (1 - g^2), do o(1 - o)]
        dc_(t-1) = dc f          dh_(t-1) = dz_t U^T

    In the paper of 1997 g and the function of c are sigmoids stretched to [-2, 2] and [-1, 1], and errors do
    not go back through the gates to earlier times. There are no peepholes, from c to the gates.

    Parameters
    ----------
    forget_bias : float
        The initial bias of the forget gate, so that at first c is kept (Jozefowicz et al. 2015).

    Notes
    -----
    The other parameters are those of `Recurrent`. The order of the gates, i, f, g, o, is that of PyTorch
    and Keras (who calls g "c"). W and U are PyTorch's ``weight_ih`` and ``weight_hh`` transposed, b is the
    sum of its two biases.
    """

    forget_bias: float = finite(default=1.0)

    gates: ClassVar[int] = 4
    carried: ClassVar[tuple[str, ...]] = ("h", "c")

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        params, out = Recurrent.init(self, rng, shape)
        b, u = params["b"], self.units
        params["b"] = namespace(b).concat([b[:u], b[u : 2 * u] + self.forget_bias, b[2 * u :]])
        return params, out

    def step(self, params: Tree, z: Array, state: State) -> tuple[State, Cache]:
        h, c = state
        a = h @ params["U"]
        a += z
        gates = squashed(a)
        i, f, g, o = apart(gates)
        after = f * c
        after += i * g
        return (o * namespace(z).tanh(after), after), (gates, c)

    def step_back(self, params: Tree, cache: Cache, dstate: State) -> tuple[Array, Array, State]:
        (gates, c), (dh, dc) = cache, dstate
        xp, (i, f, g, o) = namespace(gates), apart(gates)
        t = xp.tanh(f * c + i * g)  # recomputed: keeping it would take longer
        dc = dc + dh * o * (1 - t * t)
        dz = xp.concat([dc * g, dc * c, dc * i, dh * t], axis=1)
        dz *= slopes(gates)
        return dz, dz, (dz @ params["U"].T, dc * f)

    def push(self, params: Tree, cache: Cache, dstate: State) -> State | None:
        (gates, c), (dh, dc) = cache, dstate
        i, f, g, o = apart(gates)
        di, df, dg, do = apart((dh @ params["U"]) * slopes(gates))
        t = namespace(gates).tanh(f * c + i * g)
        after = df * c + f * dc + di * g + i * dg
        return do * t + o * (1 - t * t) * after, after


def squashed(a: Array) -> Array:
    """Return the activated gates i, f, g, o side by side, from their pre-activations (..., 4 units).

    All by one tanh: sigmoid(a) = tanh(a / 2) / 2 + 1 / 2.
    """
    half = halves(a.shape[-1] // 4, a.dtype)
    gates = namespace(a).tanh(a * half)
    gates *= half
    gates += 1 - half
    return gates


def slopes(gates: Array) -> Array:
    """Return i (1 - i), f (1 - f), 1 - g^2 and o (1 - o) side by side; 1 - g^2 as (1 - g) (g + 1)."""
    made = gates + (2 * halves(gates.shape[-1] // 4, gates.dtype) - 1)
    made *= 1 - gates
    return made


def apart(gates: Array) -> tuple[Array, Array, Array, Array]:
    """Split an array into the parts of the gates i, f, g and o."""
    u = gates.shape[-1] // 4
    return gates[..., :u], gates[..., u : 2 * u], gates[..., 2 * u : 3 * u], gates[..., 3 * u :]


@lru_cache(maxsize=64)
def halves(units: int, dtype: Any) -> Array:
    """Return 1/2 for the columns of the gates i, f and o, and 1 for those of g."""
    made = np.where(np.arange(4 * units) // units == 2, 1.0, 0.5).astype(dtype)
    made.flags.writeable = False  # it is shared by all calls
    return made
