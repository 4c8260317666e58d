"""Real-time recurrent learning: the full influence, sparse approximations, and a rank-one estimate."""

from __future__ import annotations

from typing import Any, ClassVar

from ...backend import Array, StepStream, Stream, Tree, namespace
from ...core.settings import whole
from ...core.value import value
from ...layers import Recurrent
from .base import ALL_UNITS
from .online import Online, TimeStep, back, one_more


@value
class RTRL(Online):
    """The exact gradient, forwards in time: P_t = J_t P_(t-1) + the immediate influence.

    It is exact for the layer's own weights; the layers below hear of the same time only, and are approximate.
    (Williams & Zipser 1989, "A learning algorithm for continually running fully recurrent neural networks",
    section 2.) There e is the target less the output; here it is the gradient of the loss. For S numbers of
    state, it holds S times as many numbers as there are weights, and takes S^2 times as many products.
    """

    reads: ClassVar[str] = f"{ALL_UNITS}, trace"
    exact: ClassVar[bool] = True
    memory: ClassVar[str] = "N^3"
    cost: ClassVar[str] = "N^4 a time"

    def start(self, layer: Recurrent, params: Tree, n: int, like: Array, B: Tree) -> Any:
        size, width = len(layer.carried) * layer.units, params["W"].shape[1]
        inputs = (params["W"].shape[0] + 1, layer.units + 1)
        return tuple(namespace(like).zeros((n, size, k, width), dtype=like.dtype) for k in inputs)

    def advance(self, trace: Any, layer: Recurrent, params: Tree, now: TimeStep) -> Any:
        J, by_z, by_s = jacobians(layer, params, now)
        return tuple(
            _times(J, P) + F[:, :, None] * inputs[:, None, :, None]
            for P, F, inputs in zip(trace, (by_z, by_s), (now.x, now.h), strict=True)
        )

    def gradient(self, trace: Any, error: Array) -> tuple[Array, Array]:
        xp, units = namespace(error), error.shape[1]
        # The error is that of h, the first part of the state.
        by_z, by_s = (xp.tensordot(error, P[:, :units], axes=([0, 1], [0, 1])) for P in trace)
        return by_z, by_s


def jacobians(layer: Recurrent, params: Tree, now: TimeStep) -> tuple[Array, Array, Array]:
    """Return the derivatives of the state by the previous state, z, and h U: (n, states, ...).

    An error of each number of the state is sent one step back, all as the examples of one batch.
    """
    xp, n, size = namespace(now.x), now.x.shape[0], len(layer.carried) * layer.units
    one = xp.repeat(xp.eye(size, dtype=now.x.dtype), n, axis=0)
    dstate = tuple(one[:, k : k + layer.units] for k in range(0, size, layer.units))
    many = now._replace(kept=_tiled(now.kept, size), counts=_tiled(now.counts, size))
    dz, ds, before = back(layer, params, many, dstate)
    parts = (xp.concat(before, axis=1), dz, ds)
    J, by_z, by_s = (xp.permute_dims(a.reshape(size, n, -1), (1, 0, 2)) for a in parts)
    return J, by_z, by_s


def _tiled(kept: Any, times: int) -> Any:
    """Return what was kept for a batch, repeated for `times` copies of it."""
    if isinstance(kept, tuple):
        return tuple(_tiled(inner, times) for inner in kept)
    return None if kept is None else namespace(kept).tile(kept, (times, *(1,) * (kept.ndim - 1)))


def _times(J: Array, P: Array) -> Array:
    """Return the product J P over the states, for each example."""
    return (J @ P.reshape(*P.shape[:2], -1)).reshape(P.shape)


@value
class SnAp(RTRL):
    """RTRL that keeps the influence of a weight only on units that it reaches within `n` steps.

    (Menick et al. 2021, "Practical real time recurrent learning with a sparse approximation", section 3.)
    With n = 1 a weight's influence on its own unit; with as many steps as it takes to reach all units it is
    `RTRL`. Which units are connected is read from U: zeros in it are no connections.

    Parameters
    ----------
    n : int
        The number of steps.
    """

    n: int = whole(1, default=1)

    reads: ClassVar[str] = f"{ALL_UNITS}, trace"
    exact: ClassVar[bool] = False
    limit: ClassVar[str] = "where each weight reaches all units in n steps"
    memory: ClassVar[str] = "N^3, of which most are zeros for small n"
    cost: ClassVar[str] = "N^4 a time, as the zeros are not left out"

    def advance(self, trace: Any, layer: Recurrent, params: Tree, now: TimeStep) -> Any:
        kept = self._reach(layer, params["U"])
        return tuple(P * kept for P in RTRL.advance(self, trace, layer, params, now))

    def _reach(self, layer: Recurrent, U: Array) -> Array:
        """Return which state entries each column of the weights can reach: (states, 1, columns)."""
        xp, units = namespace(U), layer.units
        joined = (U.reshape(units, -1, units) != 0).any(1).T  # from unit to unit, by any gate
        step = xp.astype(joined | xp.eye(units, dtype=bool), U.dtype)
        reach = xp.eye(units, dtype=U.dtype)
        for _ in range(self.n - 1):
            reach = xp.astype(step @ reach > 0, U.dtype)
        return xp.tile(reach, (len(layer.carried), layer.gates))[:, None]


@value
class UORO(Online):
    """An unbiased estimate of the influence, of rank one: P_t is the mean of s_t w_t over random signs.

    With one random sign nu for each number of the state::

        s_t = r0 J_t s_(t-1) + r1 nu        w_t = w_(t-1) / r0 + nu^T (ds_t / dw) / r1

    where r0 = sqrt(|w_(t-1)| / |J_t s_(t-1)|) and r1 = sqrt(|nu^T (ds_t / dw)| / |nu|) give both one size:
    norms over the whole state and over all weights of the layer, for each example by itself. A time step
    takes one product with J, forwards, and one with its transpose. (Tallec & Ollivier 2017, "Unbiased online
    recurrent optimization", algorithm 1, its epsilon 0.) Each batch has signs of its own: the number of times
    seen is kept among the feedback weights.

    Parameters
    ----------
    seed : int
        The seed of the signs.
    """

    seed: int = whole(0, default=0)

    reads: ClassVar[str] = f"{ALL_UNITS}, trace, noise"
    memory: ClassVar[str] = "N^2"
    cost: ClassVar[str] = "N^2 a time"
    draws: ClassVar[bool] = True

    def feedback(self, layer: Recurrent, rng: Stream) -> Tree:
        return {"steps": rng.full((1,), 0.0)}

    def start(self, layer: Recurrent, params: Tree, n: int, like: Array, B: Tree) -> Any:
        xp, width = namespace(like), params["W"].shape[1]
        state = xp.zeros((n, len(layer.carried) * layer.units), dtype=like.dtype)
        inputs = (params["W"].shape[0] + 1, layer.units + 1)
        w = tuple(xp.zeros((n, k, width), dtype=like.dtype) for k in inputs)
        steps = B["steps"] if B else xp.zeros((1,), dtype=like.dtype)
        return steps, state, w, self._signs(state, steps)

    def remembered(self, trace: Any) -> Tree:
        return {"steps": trace[0]}

    def _signs(self, s: Array, steps: Array) -> Array:
        """Return a random sign for each entry of the state at a time step."""
        xp, rng = namespace(s), StepStream.like(s, self.seed, steps[0], ("uoro", "state"))
        return xp.astype(xp.asarray(2.0 * rng.bernoulli(s.shape, 0.5) - 1), s.dtype)

    def advance(self, trace: Any, layer: Recurrent, params: Tree, now: TimeStep) -> Any:
        # The signs are drawn one step ahead: otherwise a compiler would redraw them for each number of w.
        steps, s, w, nu = trace
        xp = namespace(s)
        dz, ds, _ = back(layer, params, now, _parts(layer, nu))
        h, inner = now.h[:, :-1], ds * _inner(layer, ds)
        old = pushed(layer, params, now, s)
        r0 = _ratio(_size(w), _size((old,)))
        # The norm of a product x dz of two vectors is the product of their norms.
        squares = _square(now.x) * _square(dz) + _square(h) * _square(ds) + _square(inner)
        r1 = _ratio(xp.sqrt(squares), _size((nu,)))
        fresh = (_wide(now.x, dz / r1), xp.concat([_wide(h, ds / r1), (inner / r1)[:, None]], axis=1))
        made = tuple(a / r0[..., None] + b for a, b in zip(w, fresh, strict=True))
        after = r0 * old + r1 * nu
        if now.counts is not None:  # a masked time adds nothing
            made = tuple(xp.where(now.counts[..., None], a, b) for a, b in zip(made, w, strict=True))
            after = xp.where(now.counts, after, s)
        steps = one_more(steps)
        return steps, after, made, self._signs(s, steps)

    def gradient(self, trace: Any, error: Array) -> tuple[Array, Array]:
        _, s, w, _ = trace
        share = (error * s[:, : error.shape[1]]).sum(1)
        xp = namespace(error)
        by_z, by_s = (xp.tensordot(share, part, axes=1) for part in w)
        return by_z, by_s


def pushed(layer: Recurrent, params: Tree, now: TimeStep, s: Array) -> Array:
    """Return J s, the change of the state (n, states) caused by a change s of the previous state."""
    made = layer.push(params, now.kept, _parts(layer, s))
    if made is not None:
        return namespace(s).concat(made, axis=1)
    return (jacobians(layer, params, now)[0] @ s[..., None])[..., 0]


def _parts(layer: Recurrent, state: Array) -> tuple[Array, ...]:
    """Return a state (n, states) split into its arrays."""
    return tuple(state[:, k : k + layer.units] for k in range(0, state.shape[1], layer.units))


def _wide(inputs: Array, slopes: Array) -> Array:
    """Return the outer product of inputs and slopes, for each example."""
    return inputs[..., None] * slopes[:, None]


def _inner(layer: Recurrent, like: Array) -> Array:
    """Return 1 for the columns of U that have a bias of their own, else 0."""
    xp = namespace(like)
    ones, zeros = (f((layer.units,), dtype=like.dtype) for f in (xp.ones, xp.zeros))
    return xp.concat([ones if gate in layer.inner_bias else zeros for gate in range(layer.gates)])


def _size(arrays: tuple[Array, ...]) -> Array:
    """Return the norm of all numbers of each example: (n, 1)."""
    return namespace(arrays[0]).sqrt(sum(map(_square, arrays)))


def _square(array: Array) -> Array:
    """Return the sum of squares of each example's numbers: (n, 1)."""
    return (array * array).reshape(array.shape[0], -1).sum(1)[:, None]


def _ratio(large: Array, small: Array) -> Array:
    """Return the square root of a ratio of norms, 1 where either is 0."""
    xp = namespace(large)
    fine = (large > 0) & (small > 0)
    return xp.where(fine, xp.sqrt(xp.where(fine, large, 1) / xp.where(fine, small, 1)), 1)
