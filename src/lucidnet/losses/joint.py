"""The loss of a network with several outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any, cast

import numpy as np

from ..backend import Array, number
from ..core.settings import UnfitError, anything, finite, listed, sequence, setting, text, texts
from ..core.value import value
from ..errors import DataError, SettingError
from ..layers import Graph, Layer
from ..layers.containers import final
from .base import Cache, Loss
from .regression import Huber, MeanSquaredError


def _pairs(given: Any, owner: Any) -> tuple[tuple[str, Loss], ...]:
    pairs = tuple(listed(pair) for pair in listed(given))
    if not pairs or not all(
        len(pair) == 2 and isinstance(pair[0], str) and isinstance(pair[1], Loss) for pair in pairs
    ):
        raise UnfitError
    return pairs


def _numbers(given: Any, owner: Any) -> tuple[Any, ...]:
    """Accept numbers, including those of a program that is being compiled."""
    numbers = listed(given)
    if len(numbers) not in (0, len(owner.losses)) or not all(
        (isinstance(each, float | int) and 0 <= each < inf) or getattr(each, "shape", None) == ()
        for each in numbers
    ):
        raise UnfitError
    return numbers


@value
class Joint(Loss):
    """L = sum_k w_k L_k, one loss for each output by name.

    Parameters
    ----------
    losses : sequence of (name, Loss)
        The losses L_k.
    weights : sequence of float
        Their weights w_k.
    fused : sequence of str
        The outputs whose final activation is part of their loss; a model finds them by itself.
    shares : sequence of float
        The factor of each loss's gradient if a batch is part of a larger one; see `shared`.

    Examples
    --------
    >>> import lucidnet as ln
    >>> Joint((("label", ln.losses.get("mse")), ("size", ln.losses.get("mae"))), (1.0, 0.1)).weights
    (1.0, 0.1)
    """

    losses: Any = setting("a sequence of pairs (name, Loss)", _pairs)
    weights: Any = sequence("numbers of 0 or more", finite(0))
    fused: Any = texts(default=())
    shares: Any = setting("numbers, one for each loss", _numbers, default=())

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.weights) != len(self.losses):
            raise SettingError(
                f"Joint: weights must be one for each of {len(self.losses)} losses, got {self.weights}"
            )

    @property
    def independent(self) -> bool:
        return all(loss.independent for _, loss in self.losses)

    def forward(
        self,
        prediction: Any,
        target: Any,
        weights: Any = None,
        mask: Array | None = None,
        valid: Array | None = None,
    ) -> tuple[Array, Cache]:
        total, caches, parts = 0.0, {}, {}
        for (name, loss), weight in zip(self.losses, self.weights, strict=True):
            own = None if mask is None else mask[name]
            theirs = weights.get(name) if isinstance(weights, dict) else weights
            value, caches[name] = loss.forward(prediction[name], target[name], theirs, own, valid)
            parts[name] = weight * value
            total = total + parts[name]
        return total, (caches, prediction, parts)

    def parts(
        self, cache: Cache, mask: Any = None, valid: Array | None = None
    ) -> tuple[tuple[Any, Any], ...]:
        _, prediction, parts = cache
        masks = mask or {}
        return tuple(
            (parts[name], loss.terms(prediction[name], masks.get(name), valid)) for name, loss in self.losses
        )

    @property
    def named(self) -> tuple[tuple[str, float], ...]:
        return tuple((f"{name}_loss", w) for (name, _), w in zip(self.losses, self.weights, strict=True))

    def backward(self, cache: Cache) -> Any:
        each = zip(self.losses, self.weights, self.shares or (1,) * len(self.losses), strict=True)
        return {name: weight * share * loss.backward(cache[0][name]) for (name, loss), weight, share in each}

    def shared(self, counts: Sequence[Sequence[Any]]) -> list[Joint]:
        """Return a loss for each of several batches, so that their gradients make the joint one.

        Batch b has N_bk values for output k, and its gradient is weighted by N_b, the sum over k. That of
        output k is multiplied by

            s_bk = (N_bk / N_b) (N / N_k)

        where N_k and N are the sums over all batches: so each value weighs 1 / N_k. Where these batches are
        parts of one that itself is part of a step, that is times its own share.

        Parameters
        ----------
        counts : sequence of sequences of int
            N_bk, the batches first.
        """
        counts = [row[: len(self.losses)] for row in counts]  # layers may add means of their own
        whole = [sum(column) for column in zip(*counts, strict=True)]
        total, own = sum(whole), self.shares or (1,) * len(whole)
        return [
            replace(
                self,
                shares=tuple(
                    number(share * count * total / ((count == 0) + sum(row) * n))
                    for share, count, n in zip(own, row, whole, strict=True)
                ),
            )
            for row in counts
        ]

    def terms(self, prediction: Any, mask: Array | None = None, valid: Array | None = None) -> Any:
        masks = mask or {}
        return sum(loss.terms(prediction[name], masks.get(name), valid) for name, loss in self.losses)

    def output(self, cache: Cache) -> Any:
        caches, prediction, _ = cache
        found = {name: loss.output(caches[name]) for name, loss in self.losses if name in self.fused}
        return {name: found.get(name, y) for name, y in prediction.items()}

    def fuse(self, net: Layer) -> tuple[Layer, Loss, bool]:
        return self.fuse_by(net, lambda loss, ending: loss.fuse(ending))

    def fuse_by(
        self, net: Layer, join: Callable[[Loss, Ending], tuple[Any, Loss, bool]]
    ) -> tuple[Layer, Loss, bool]:
        """Do as `fuse`, but join each loss to its output by the given function."""
        graph, around = final(net), cast(Any, net)
        if graph is not net and isinstance(graph, Graph):
            inner, joined, any_fused = self.fuse_by(around.layers[-1], join)
            return replace(around, layers=(*around.layers[:-1], inner)), joined, any_fused
        if not isinstance(graph, Graph) or set(graph.outputs) != {name for name, _ in self.losses}:
            outputs = graph.outputs if isinstance(graph, Graph) else "one output, of no name"
            raise SettingError(f"losses for {[n for n, _ in self.losses]}, but the network has {outputs}")
        if len(self.losses) == 1:
            raise SettingError("the network has one output: give its loss itself, and its targets, not dicts")
        made, fused = [], []
        for name, loss in self.losses:
            ending, new, taken = join(loss, Ending(graph=graph, output=name))
            graph = ending.graph
            made.append((name, new))
            fused += [name] if taken else []
        return graph, replace(self, losses=tuple(made), fused=tuple(fused)), bool(fused)

    @property
    def needs_target(self) -> bool:  # type: ignore[override]
        """Whether one of the losses needs targets."""
        return any(loss.needs_target for _, loss in self.losses)

    def with_targets(self, target: Any, n: int) -> Any:
        if target is None and not self.needs_target:
            target = {}
        if not isinstance(target, Mapping):
            return target
        made = {name: loss.with_targets(target.get(name), n) for name, loss in self.losses}
        return {**target, **{name: part for name, part in made.items() if part is not None}}

    def check_target(self, target: Any, shape: Any, dtype: str) -> Any:
        if not isinstance(target, Mapping) or target.keys() != dict(self.losses).keys():
            got = f"the names {sorted(target)}" if isinstance(target, Mapping) else type(target).__name__
            raise DataError(f"y: expected a dict with the outputs {sorted(dict(self.losses))}, got {got}")
        return {
            name: target[name]
            if _empty(loss, target[name])
            else loss.check_target(target[name], shape[name], dtype)
            for name, loss in self.losses
        }

    @classmethod
    def samples(cls) -> Iterator[Loss]:
        yield cls((("a", MeanSquaredError()), ("b", Huber())), (1.0, 0.5))


def _empty(loss: Loss, target: Any) -> bool:
    """Tell whether targets are absent for a loss that needs none."""
    return not loss.needs_target and np.shape(target)[1:] == (0,)


@value
class Ending(Layer):
    """A graph seen from one of its outputs, as a network for that output's loss."""

    graph: Any = anything(default=None)
    output: str = text(empty=True, default="")

    def split_activation(self) -> tuple[Layer, Layer | None]:
        graph, activation = self.graph.split_output(self.output)
        return replace(self, graph=graph), activation
