"""The gated recurrent unit."""

from __future__ import annotations

from typing import ClassVar

from ...backend import Array, Shape, Stream, Tree, namespace
from ...core.value import value
from ..base import Cache
from .base import Recurrent
from .loop import State


@value
class GRU(Recurrent):
    """Gated recurrent unit (Cho et al. 2014), the reset gate after the product with U.

    ::

        z = sigmoid(x_t W_z + h_(t-1) U_z + b_z)
        r = sigmoid(x_t W_r + h_(t-1) U_r + b_r)
        g = tanh(x_t W_g + b_g + r (h_(t-1) U_g + c))
        h_t = (1 - z) g + z h_(t-1)

    and back, with q = h_(t-1) U_g + c and dg = dh_t (1 - z) (1 - g^2)::

        dz_t = [dh_t (h_(t-1) - g) z(1 - z),  dg q r(1 - r),  dg]
        ds_t = the same with r dg in place of dg        dc = sum_t r dg
        dh_(t-1) = dh_t z + ds_t U^T

    Notes
    -----
    The parameters are those of `Recurrent`. The gates stand in the order z, r, g, as in Keras (whose
    ``reset_after=True`` this is); PyTorch has r, z, n, and the sum of its two biases in b for r and z.
    In Cho's paper r multiplies h before the product with U, as Keras has it with ``reset_after=False``; there
    are no biases in the paper.
    """

    gates: ClassVar[int] = 3
    inner_bias: ClassVar[tuple[int, ...]] = (2,)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        params, out = Recurrent.init(self, rng, shape)
        return params | {"c": self.bias_initializer(rng.child("c"), (self.units,))}, out

    def step(self, params: Tree, z: Array, state: State) -> tuple[State, Cache]:
        (h,), u = state, self.units
        s = h @ params["U"]
        xp, zr = namespace(z), z[:, : 2 * u] + s[:, : 2 * u]
        zr *= 0.5  # sigmoid(a) = tanh(a / 2) / 2 + 1 / 2
        zr = xp.tanh(zr)
        zr *= 0.5
        zr += 0.5
        z_gate, r = zr[:, :u], zr[:, u:]
        q = s[:, 2 * u :] + params["c"]
        g = xp.tanh(z[:, 2 * u :] + r * q)
        return (g + z_gate * (h - g),), (h, zr, q, g)

    def step_back(self, params: Tree, cache: Cache, dstate: State) -> tuple[Array, Array, State]:
        (dh,), (h, zr, q, g), u = dstate, cache, self.units
        xp, z, r = namespace(dh), zr[:, :u], zr[:, u:]
        dg = dh * (1 - z) * (1 - g * g)
        slope = zr * (1 - zr)
        dzr = xp.concat([dh * (h - g), dg * q], axis=1) * slope
        ds = xp.concat([dzr, dg * r], axis=1)
        return xp.concat([dzr, dg], axis=1), ds, (dh * z + ds @ params["U"].T,)

    def push(self, params: Tree, cache: Cache, dstate: State) -> State | None:
        (dh,), (h, zr, q, g), u = dstate, cache, self.units
        z, r, ds = zr[:, :u], zr[:, u:], dh @ params["U"]
        dzr = zr * (1 - zr) * ds[:, : 2 * u]
        dg = (1 - g * g) * (dzr[:, u:] * q + r * ds[:, 2 * u :])
        return (dg * (1 - z) + dzr[:, :u] * (h - g) + z * dh,)

    def biases(self, db: Array, ds: Array) -> Tree:
        return {"b": db, "c": ds[..., 2 * self.units :].sum(tuple(range(ds.ndim - 1)))}
