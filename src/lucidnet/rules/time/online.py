"""Online rules, forwards in time: the effect of a weight on the state is carried along as a trace.

With s the state (h, or h and c), J_t = ds_t / ds_(t-1), and P_t the influence ds_t / dw of a weight,

    P_t = J_t P_(t-1) + immediate influence,        dL/dw = sum_t e_t P_t

where e_t is the error at the output of time t. A weight acts on the state by z = x W + b or by h U (+ c),
so the immediate influence is ds_t / dz times x (or 1), or ds_t / d(h U) times h. The rules differ in what of
J and P they keep.

The error that goes down to the layers below is that of the same time only: what later times would
say is not known yet; and none goes to what made the first state. The papers define these rules for one
recurrent layer, with nothing below it that learns. So the gradients of layers below are approximate, also
where the rule is exact (`TimeRule.carries`).
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from ...backend import Array, Tree, namespace, scan, with_one
from ...core.value import value
from ...layers import Recurrent
from ...layers.recurrent.loop import RecurrentCache, State
from .base import TimeRule, cut


class TimeStep(NamedTuple):
    """What a rule knows of a layer at one time step.

    Parameters
    ----------
    x, h : array (n, features), (n, units)
        The input, and the output of the time before, each with a 1 appended.
    kept : tree
        What the layer's step kept.
    counts : array (n, 1) of bool, optional
        Whether the time counts.
    """

    x: Array
    h: Array
    kept: Any
    counts: Array | None


@value
class Online(TimeRule):
    """The base of rules with traces; subclasses say how they begin, advance, and yield a gradient."""

    carries: ClassVar[bool] = False

    def start(self, layer: Recurrent, params: Tree, n: int, like: Array, B: Tree) -> Any:
        """Return the traces before the first time step; B holds the rule's own weights."""
        raise NotImplementedError(f"{type(self).__name__} must define start(layer, params, n, like, B)")

    def begun(self, trace: Any, first: State) -> Any:
        """Return the traces for a sequence that begins in the given states, each (n, units)."""
        return trace

    def remembered(self, trace: Any) -> Tree:
        """Return the rule's own weights as they are now."""
        return {}

    def advance(self, trace: Any, layer: Recurrent, params: Tree, now: TimeStep) -> Any:
        """Return the traces after one more time step."""
        raise NotImplementedError(f"{type(self).__name__} must define advance(trace, layer, params, now)")

    def gradient(self, trace: Any, error: Array) -> tuple[Array, Array]:
        """Return the sums over the batch of error times influence: for W and b, and for U and c.

        Returns
        -------
        by_z, by_s : array (features + 1, gates * units), (units + 1, gates * units)
            The gradients of the weights on x and 1, and of those on h and 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must define gradient(trace, error)")

    def begin(self, layer: Recurrent, params: Tree, cache: RecurrentCache, B: Tree) -> Any:
        return self.start(layer, params, cache.h.shape[1], cache.h, B)

    def tick(
        self, layer: Recurrent, params: Tree, trace: Any, cache: RecurrentCache, error: Array, B: Tree
    ) -> tuple[Any, Tree, Tree]:
        trace = self.advance(trace, layer, params, time_step(cache))
        return trace, gathered(layer, *self.gradient(trace, error)), self.remembered(trace)

    def through(
        self, layer: Recurrent, params: Tree, cache: RecurrentCache, errors: Array, need_dx: bool, B: Tree
    ) -> tuple[Array, State, Tree, Tree]:
        xp, n = namespace(errors), errors.shape[1]
        x = with_one(cache.x)
        before = with_one(cache.before())
        width = params["W"].shape[1]
        sums = tuple(xp.zeros((k, width), dtype=errors.dtype) for k in (x.shape[-1], before.shape[-1]))
        first = (self.begun(self.start(layer, params, n, errors, B), cache.first), sums)

        def step(carry: Any, now: tuple[Any, ...]) -> tuple[Any, None, tuple[Array]]:
            trace, sums = carry
            *seen, error = now
            trace = self.advance(trace, layer, params, TimeStep(*seen))
            made = self.gradient(trace, error)
            dz = immediate(layer, params, TimeStep(*seen), error)[0]
            return (trace, tuple(s + g for s, g in zip(sums, made, strict=True))), None, (dz,)

        (trace, (by_z, by_s)), _, (dz,) = scan(step, first, (x, before, cache.kept, cache.counts, errors))
        dx = dz @ params["W"].T if need_dx else None
        nothing = tuple(xp.zeros_like(array) for array in cache.last)
        return dx, nothing, gathered(layer, by_z, by_s), self.remembered(trace)


def one_more(steps: Array) -> Array:
    """Return the number of times seen after one more; it begins anew before a float32 would stop counting."""
    return (steps + 1) % 2**24


def time_step(cache: RecurrentCache) -> TimeStep:
    """Return the `TimeStep` of a recurrent layer's cache that holds a single time step."""
    counts = None if cache.counts is None else cache.counts[0]
    return TimeStep(with_one(cache.x[0]), with_one(cache.first[0]), cut(cache.kept, 0), counts)


def by_gate(of_units: Array, gates: int) -> Array:
    """Repeat values of the units (..., units) for each gate: one for each column of the weights."""
    return of_units if gates == 1 else namespace(of_units).concat([of_units] * gates, axis=-1)


def gathered(layer: Recurrent, by_z: Array, by_s: Array) -> Tree:
    """Return a layer's gradients by name, from those of the weights on (x, 1) and on (h, 1)."""
    return {"W": by_z[:-1], "U": by_s[:-1]} | layer.biases(by_z[-1], by_s[-1])


def immediate(layer: Recurrent, params: Tree, now: TimeStep, error: Array) -> tuple[Array, Array, State]:
    """Return the gradients by z, h U and the previous state, for an error at the output alone."""
    xp = namespace(error)
    others = tuple(xp.zeros_like(error) for _ in layer.carried[1:])
    return back(layer, params, now, (error, *others))


def back(layer: Recurrent, params: Tree, now: TimeStep, dstate: State) -> tuple[Array, Array, State]:
    """Return the gradients `immediate` does, for an error of the full state; masked times pass it on."""
    xp = namespace(dstate[0])
    dz, ds, before = layer.step_back(params, now.kept, dstate)
    if now.counts is None:
        return dz, ds, before
    pairs = zip(before, dstate, strict=True)
    before = tuple(xp.where(now.counts, b, d) for b, d in pairs)
    return xp.where(now.counts, dz, 0), xp.where(now.counts, ds, 0), before
