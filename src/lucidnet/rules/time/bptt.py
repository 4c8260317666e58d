"""Backpropagation through time, full and truncated."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from ...backend import Array, Tree, branch, namespace
from ...core.settings import whole
from ...core.trees import tree_map
from ...core.value import value
from ...errors import SettingError
from ...layers import Recurrent
from ...layers.recurrent.loop import RecurrentCache, State, unroll
from .base import ALL_UNITS, TimeRule, joined, part


@value
class BPTT(TimeRule):
    """The chain rule through all times (Werbos 1990, "Backpropagation through time")."""

    reads: ClassVar[str] = f"{ALL_UNITS}, later times"
    exact: ClassVar[bool] = True
    memory: ClassVar[str] = "N T"
    cost: ClassVar[str] = "N^2 a time"

    def route(
        self, layer: Recurrent, params: Tree, cache: RecurrentCache, dy: Array, need_dx: bool, B: Tree
    ) -> tuple[Any, Tree, Tree]:
        return *layer.backward(params, cache, dy, need_dx), B


@value
class TruncatedBPTT(TimeRule):
    """The chain rule through the last `window` times only.

    At each `stride` times, the errors of the outputs since the last such time are carried back, to
    `window` times before now (Williams & Peng 1990, "An efficient gradient-based algorithm for on-line
    training of recurrent network trajectories", BPTT(h; h')). With ``window`` as long as the sequence it is
    `BPTT`; with ``stride=1`` each error goes back through exactly ``window`` times, its own counted.

    Parameters
    ----------
    window : int
        The number of times to go back, at least `stride`.
    stride : int
        The number of times between backward passes; the cost is proportional to window / stride.
    """

    window: int = whole(1, default=20)
    stride: int = whole(1, default=1)

    reads: ClassVar[str] = f"{ALL_UNITS}, stored times"
    memory: ClassVar[str] = "N window"
    limit: ClassVar[str] = "with a window as long as the sequence"
    cost: ClassVar[str] = "N^2 window / stride a time"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stride > self.window:
            raise SettingError(
                f"TruncatedBPTT: stride {self.stride} is longer than the window of {self.window}: errors "
                "between would be lost"
            )

    def route(
        self, layer: Recurrent, params: Tree, cache: RecurrentCache, dy: Array, need_dx: bool, B: Tree
    ) -> tuple[Any, Tree, Tree]:
        shorter = self.stride > 1 and self.window < len(cache.h)
        if shorter and layer.go_backwards and cache.counts is not None:
            raise SettingError(
                f"{self!r}: in {layer!r}, which goes backwards, a sequence with a mask begins where its "
                "padding ends, and not at a multiple of stride: take stride=1"
            )
        return super().route(layer, params, cache, dy, need_dx, B)

    def through(
        self, layer: Recurrent, params: Tree, cache: RecurrentCache, errors: Array, need_dx: bool, B: Tree
    ) -> tuple[Array, State, Tree, Tree]:
        xp, times, done = namespace(errors), errors.shape[0], 0
        nothing = tuple(xp.zeros_like(array) for array in cache.last)
        padded = cache.counts is not None and self.stride > 1
        total: Any = None
        for end in sorted({*range(self.stride, times, self.stride), times}):
            # A sequence may end earlier than the others: its window lies before its own end.
            begin = max(0, (done + 1 if padded else end) - self.window)
            old = xp.zeros_like(errors[begin:done])  # these errors have been carried back before
            own = xp.concat([old, errors[max(begin, done) : end]])
            some = part(cache, begin, end)
            if padded:
                starts = xp.minimum(last_times(cache.counts), end) - self.window
                inside = xp.arange(begin, end)[:, None, None] >= starts
                some = some._replace(counts=some.counts & inside)
            dx, dfirst, grads = unroll(layer, params, some, own, nothing, need_dx)
            if padded and begin == 0:
                dfirst = tuple(xp.where(starts <= 0, d, 0) for d in dfirst)
            if need_dx:
                around = (xp.zeros((k, *dx.shape[1:]), dtype=dx.dtype) for k in (begin, times - end))
                dx = xp.concat([next(around), dx, next(around)])
            made = {"dx": dx, "first": dict(enumerate(dfirst if begin == 0 else nothing)), "grads": grads}
            total = made if total is None else tree_map(_sum, total, made)
            done = end
        return total["dx"], tuple(total["first"].values()), total["grads"], B

    def begin(self, layer: Recurrent, params: Tree, cache: RecurrentCache, B: Tree) -> Any:
        cache = before_all(cache, self.window)
        return Window(cache, namespace(cache.h).zeros_like(cache.h), 0)

    def tick(
        self, layer: Recurrent, params: Tree, trace: Any, cache: RecurrentCache, error: Array, B: Tree
    ) -> tuple[Any, Tree, Tree]:
        xp, times = namespace(error), trace.times + 1
        both = joined(tuple(map(counted, (trace.cache, cache))))
        cache = part(both, max(0, len(both.h) - self.window), len(both.h))
        errors = xp.concat([trace.errors, error[None]])[-self.window :]
        nothing = tuple(xp.zeros_like(array) for array in cache.last)

        def carried() -> tuple[Tree, Array]:
            return unroll(layer, params, cache, errors, nothing, False)[2], xp.zeros_like(errors)

        def put_off() -> tuple[Tree, Array]:
            return tree_map(xp.zeros_like, params), errors

        now = self.stride == 1 or times % self.stride == 0
        grads, errors = branch(now, carried, put_off)
        return Window(cache, errors, times), grads, B


def last_times(counts: Array) -> Array:
    """Return the number (n, 1), from 1 on, of each sequence's last unmasked time, by a mask (time, n, 1)."""
    xp = namespace(counts)
    return xp.max(xp.where(counts, xp.arange(1, len(counts) + 1)[:, None, None], 0), axis=0)


def counted(cache: RecurrentCache) -> RecurrentCache:
    """Return a cache with an explicit mask for each time step and sequence, all True if there was none."""
    xp, shape = namespace(cache.h), (*cache.h.shape[:2], 1)
    counts = xp.ones(shape, dtype=bool) if cache.counts is None else cache.counts
    return cache._replace(counts=xp.broadcast_to(counts, shape))


class Window(NamedTuple):
    """The last times of a stream and their errors, which are 0 once they have been carried back."""

    cache: RecurrentCache
    errors: Array
    times: Array


def before_all(cache: RecurrentCache, times: int) -> RecurrentCache:
    """Return the window before a stream's first time: empty on NumPy, `times` masked steps on JAX.

    Compiled arrays cannot grow. The states before the first time are zeros.
    """
    if isinstance(cache.kept, list):
        return part(cache, 0, 0)
    xp = namespace(cache.h)
    whole = joined([cache] * times)
    return whole._replace(h=xp.zeros_like(whole.h), counts=xp.zeros((*whole.h.shape[:2], 1), dtype=bool))


def _sum(one: Array, two: Array) -> Array:
    return None if one is None else one + two
