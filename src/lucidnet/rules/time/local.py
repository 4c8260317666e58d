"""Rules with local traces: one number for each weight, which only its own unit changes."""

from __future__ import annotations

from typing import Any, ClassVar

from ...backend import Array, Tree, namespace
from ...core.value import value
from ...layers import Recurrent
from .online import Online, TimeStep, back, by_gate


@value
class RFLO(Online):
    """Traces that decay as each unit's own state does; the recurrent weights are left out of J.

    For a `LeakyRNN`, with a_t the sum of its inputs (Murray 2019, "Local online learning in recurrent
    networks with random feedback")::

        p_t = (1 - 1/tau) p_(t-1) + 1/tau f'(a_t) x_t        dL/dw = sum_t e_t p_t

    and for h of the time before in place of x_t likewise. The paper has leaky units alone; for `GRU` and
    `LSTM` what their gates keep is ours.
    "Random feedback" is the other half of the rule: let the layer above have the rule ``"fa"``.
    """

    reads: ClassVar[str] = "pre, post, error, trace"
    memory: ClassVar[str] = "N^2"
    cost: ClassVar[str] = "N^2 a time"

    def start(self, layer: Recurrent, params: Tree, n: int, like: Array, B: Tree) -> Any:
        parts, width = len(layer.carried), params["W"].shape[1]
        inputs = (params["W"].shape[0] + 1, layer.units + 1)
        return tuple(namespace(like).zeros((n, parts, k, width), dtype=like.dtype) for k in inputs)

    def kept(self, layer: Recurrent, params: Tree, before: Array, ds: Array) -> Array:
        """Return the part of a state's derivative by its predecessor that the trace keeps, without U."""
        return before

    def advance(self, trace: Any, layer: Recurrent, params: Tree, now: TimeStep) -> Any:
        J, by_z, by_s = self.slopes(layer, params, now)
        wide = by_gate(J, layer.gates)
        moved = []
        for P, F, inputs in zip(trace, (by_z, by_s), (now.x, now.h), strict=True):
            new = F[:, :, None] * inputs[:, None, :, None]
            new += wide * P if len(layer.carried) == 1 else (wide[:, :, :, None] * P[:, None]).sum(2)
            moved.append(new)
        return tuple(moved)

    def slopes(self, layer: Recurrent, params: Tree, now: TimeStep) -> tuple[Array, Array, Array]:
        """Return each unit's derivatives by its own last state (n, parts, parts, units), by z, and by h U.

        An error of 1 at all units at once tells them all, because each column of the weights belongs to one.
        """
        xp, parts = namespace(now.x), range(len(layer.carried))
        one = xp.ones((now.x.shape[0], layer.units), dtype=now.x.dtype)
        rows = []
        for part in parts:
            dz, ds, before = back(layer, params, now, tuple(one if k == part else 0 * one for k in parts))
            own = self.kept(layer, params, before[0] - ds @ params["U"].T, ds)  # h without its way over U
            rows.append((_stacked((own, *before[1:])), dz, ds))
        J, by_z, by_s = (_stacked(column) for column in zip(*rows, strict=True))
        return J, by_z, by_s

    def gradient(self, trace: Any, error: Array) -> tuple[Array, Array]:
        wide = by_gate(error, trace[0].shape[-1] // error.shape[1])
        by_z, by_s = ((wide[:, None] * P[:, 0]).sum(0) for P in trace)
        return by_z, by_s


def _stacked(arrays: tuple[Array, ...]) -> Array:
    """Return arrays stacked on a new second axis; a single array becomes a view with that axis."""
    return arrays[0][:, None] if len(arrays) == 1 else namespace(arrays[0]).stack(arrays, axis=1)


@value
class EProp(RFLO):
    """Eligibility propagation: a weight's eligibility passes through its own unit's state only.

    With c the hidden state of a unit and h what others see of it (Bellec et al. 2020, "A solution to the
    learning dilemma for recurrent networks of spiking neurons", where these are h and z)::

        eps_t = dc_t/dc_(t-1) eps_(t-1) + dc_t/dw        eligibility = dh_t/dc_t eps_t

    The gradient is the sum over time of error times eligibility, equation 1 there. For an `LSTM` c is its
    cell, for a rate unit c is h, and then the rule is `RFLO`.
    """

    reads: ClassVar[str] = "pre, post, error, trace"


@value
class Diagonal(RFLO):
    """`SnAp` with n = 1 in little memory: J's diagonal, including a unit's own recurrent weight.

    (Menick et al. 2021, "Practical real time recurrent learning with a sparse approximation", section 3.)
    """

    reads: ClassVar[str] = "pre, post, error, own recurrent weight, trace"

    def kept(self, layer: Recurrent, params: Tree, before: Array, ds: Array) -> Array:
        xp, units = namespace(ds), layer.units
        by_gate = xp.permute_dims(params["U"].reshape(units, -1, units), (1, 0, 2))
        return before + (ds.reshape(len(ds), -1, units) * xp.linalg.diagonal(by_gate)).sum(1)
