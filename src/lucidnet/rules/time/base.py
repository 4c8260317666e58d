"""What a rule that assigns credit through time is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from ...backend import Array, Stream, Tree, namespace
from ...core.value import Value, of_library, value
from ...errors import SettingError
from ...layers import Recurrent
from ...layers.recurrent.loop import RecurrentCache, State

ALL_UNITS = "pre, post, error, other errors, other units, own recurrent weight, recurrent weights"
"""What a rule reads that is not local at all."""

NOT_ONLINE = (
    "online: {!r} goes back to the first time, and cannot learn at each step of a stream: take one of "
    "rtrl, snap1, uoro, kernl, rflo, eprop, truncated"
)


@value
class TimeRule(Value):
    """How a recurrent layer turns the errors at its outputs into gradients."""

    reads: ClassVar[str] = ""
    """What a weight's update depends on: names of `locality`, with commas."""
    memory: ClassVar[str] = ""
    """The numbers that the rule keeps."""
    cost: ClassVar[str] = ""
    """The products that the rule computes."""
    exact: ClassVar[bool] = False
    """Whether the rule gives the true gradient for the errors it receives."""
    limit: ClassVar[str] = ""
    """Where a rule that is not exact gives the true gradient nevertheless: "where ..." or "with ..."."""
    carries: ClassVar[bool] = True
    """Whether the error sent to the layers below covers later times; if not, it is approximate."""
    couples_examples: ClassVar[bool] = False
    """Whether examples without an error change the result, so that a batch may not be padded with them."""
    draws: ClassVar[bool] = False
    """Whether the rule draws random numbers for each example, by the example's place in its batch."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if not of_library(cls):
            from ..own import THROUGH, check

            check(cls, TimeRule, THROUGH)

    def still(self) -> TimeRule:
        """Return the rule with its own learning switched off, for testing what else its updates read."""
        return self

    @property
    def online(self) -> bool:
        """Whether the rule can learn online, time step by time step: whether it overrides `tick`."""
        return type(self).tick is not TimeRule.tick

    def feedback(self, layer: Recurrent, rng: Stream) -> Tree:
        """Return initial weights of the rule's own for a layer; {} if it has none."""
        return {}

    def route(
        self, layer: Recurrent, params: Tree, cache: RecurrentCache, dy: Array, need_dx: bool, B: Tree
    ) -> tuple[Any, Tree, Tree]:
        """Return the gradients by inputs (and first states) and parameters, for a sequence.

        The third result is what has become of B, the rule's own weights. Times are reordered to run forwards,
        and to come first.
        """
        xp, backwards = namespace(dy), layer.go_backwards
        if backwards:
            cache = turned(cache)
        if layer.return_sequences:
            errors = xp.permute_dims(dy, (1, 0, 2))
            errors = xp.flip(errors, axis=0) if backwards else errors
        else:
            errors = at_the_end(dy, cache.counts, cache.h.shape[0])
        plain = replace(layer, go_backwards=False, return_sequences=True)
        dx, dfirst, grads, B = self.through(plain, params, cache, errors, need_dx, B)
        if not need_dx:
            return None, grads, B
        dx = xp.permute_dims(xp.flip(dx, axis=0) if backwards else dx, (1, 0, 2))
        return ((dx, *dfirst[: cache.given]) if cache.given else dx), grads, B

    def through(
        self, layer: Recurrent, params: Tree, cache: RecurrentCache, errors: Array, need_dx: bool, B: Tree
    ) -> tuple[Array, State, Tree, Tree]:
        """Return the gradients by inputs (time, n, features), first state and parameters; and B.

        Parameters
        ----------
        layer : Recurrent
            The layer, going forwards.
        params : tree
            Its parameters.
        cache : RecurrentCache
            What its forward pass kept.
        errors : array (time, n, units)
            The errors at its outputs.
        need_dx : bool
            Whether the first two are needed.
        B : tree
            The rule's own weights.
        """
        raise NotImplementedError(f"{type(self).__name__} must define through(...)")

    def begin(self, layer: Recurrent, params: Tree, cache: RecurrentCache, B: Tree) -> Any:
        """Return the trace before the first time step of a stream, for caches like this one; None for none.

        A compiled program needs arrays of the shapes that they will keep.
        """
        return None

    def tick(
        self, layer: Recurrent, params: Tree, trace: Any, cache: RecurrentCache, error: Array, B: Tree
    ) -> tuple[Any, Tree, Tree]:
        """Return the trace, the gradients and B after one time step of a stream.

        Parameters
        ----------
        trace : tree
            The trace that `begin`, or the time before, has returned.
        cache : RecurrentCache
            What the layer's forward pass of this time step kept.
        error : array (n, units)
            The error at its output.
        """
        raise SettingError(NOT_ONLINE.format(self))

    @classmethod
    def samples(cls) -> Iterator[TimeRule]:
        """Yield example rules of this class, used by checks; by default one built without arguments."""
        if cls is not TimeRule:
            yield cls()


def at_the_end(dy: Array, counts: Array | None, times: int) -> Array:
    """Return errors (time, n, units) that hold the last output's error at its time step, 0 elsewhere."""
    xp = namespace(dy)
    if counts is None:
        return xp.concat([xp.zeros((times - 1, *dy.shape), dtype=dy.dtype), dy[None]])
    left = xp.flip(xp.cumulative_sum(xp.flip(xp.astype(counts, dy.dtype), axis=0), axis=0), axis=0)
    return xp.where(counts & (left == 1), dy[None], xp.asarray(0, dtype=dy.dtype))


def turned(cache: RecurrentCache) -> RecurrentCache:
    """Return the cache of a layer that ran backwards, reordered as if it had run forwards."""
    xp = namespace(cache.h)
    counts = None if cache.counts is None else xp.flip(cache.counts, axis=0)
    kept = cut(cache.kept, slice(None, None, -1))
    return cache._replace(x=xp.flip(cache.x, axis=0), kept=kept, h=xp.flip(cache.h, axis=0), counts=counts)


def part(cache: RecurrentCache, begin: int, end: int) -> RecurrentCache:
    """Return the part of a cache for the times from `begin` up to, not including, `end`."""
    first = cache.first if begin == 0 else (cache.h[begin - 1], *cache.first[1:])
    return cache._replace(
        x=cache.x[begin:end],
        first=first,
        kept=cut(cache.kept, slice(begin, end)),
        h=cache.h[begin:end],
        counts=None if cache.counts is None else cache.counts[begin:end],
    )


def joined(caches: Sequence[RecurrentCache]) -> RecurrentCache:
    """Return caches of consecutive times joined into one."""
    xp = namespace(caches[0].h)
    x, h = (xp.concat([getattr(cache, name) for cache in caches]) for name in ("x", "h"))
    counts = None if caches[0].counts is None else xp.concat([cache.counts for cache in caches])
    kept = chained([cache.kept for cache in caches])
    return caches[0]._replace(x=x, last=caches[-1].last, kept=kept, h=h, counts=counts)


def chained(kept: Sequence[Any]) -> Any:
    """Return what was kept at consecutive times, joined along time."""
    first = kept[0]
    if isinstance(first, tuple):
        return tuple(chained(inner) for inner in zip(*kept, strict=True))
    if isinstance(first, list):
        return [one for times in kept for one in times]
    return None if first is None else namespace(first).concat(kept)


def cut(kept: Any, times: Any) -> Any:
    """Return what was kept at one time, or at a slice of times, from lists (NumPy) or arrays (JAX)."""
    if isinstance(kept, tuple):
        return tuple(cut(inner, times) for inner in kept)
    return None if kept is None else kept[times]
