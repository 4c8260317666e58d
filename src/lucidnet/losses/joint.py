"""The loss of a network with several outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..backend import Array
from ..core.value import in_range
from ..errors import DataError, SettingError
from ..layers import Graph, Layer, Sequential
from .base import Cache, Loss
from .regression import Huber, MeanSquaredError


@dataclass(frozen=True, repr=False)
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

    Examples
    --------
    >>> import lucidnet as ln
    >>> Joint((("label", ln.losses.get("mse")), ("size", ln.losses.get("mae"))), (1.0, 0.1)).weights
    (1.0, 0.1)
    """

    losses: Any
    weights: Any
    fused: Any = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "losses", tuple((name, loss) for name, loss in self.losses))
        object.__setattr__(self, "weights", tuple(self.weights))
        object.__setattr__(self, "fused", tuple(self.fused))
        if len(self.weights) != len(self.losses) or not all(in_range(w) for w in self.weights):
            raise SettingError(
                f"Joint: expected a weight of 0 or more for each of {len(self.losses)} losses, "
                f"got {self.weights}"
            )

    def forward(
        self,
        prediction: Any,
        target: Any,
        weights: Array | None = None,
        mask: Array | None = None,
        valid: Array | None = None,
    ) -> tuple[Array, Cache]:
        total, caches = 0.0, {}
        for (name, loss), weight in zip(self.losses, self.weights, strict=True):
            value, caches[name] = loss.forward(prediction[name], target[name], weights, mask, valid)
            total = total + weight * value
        return total, (caches, prediction)

    def backward(self, cache: Cache) -> Any:
        pairs = zip(self.losses, self.weights, strict=True)
        return {name: weight * loss.backward(cache[0][name]) for (name, loss), weight in pairs}

    def terms(self, prediction: Any, mask: Array | None = None, valid: Array | None = None) -> Any:
        plain = min((prediction[name] for name, _ in self.losses), key=lambda y: y.ndim)
        return self.losses[0][1].terms(plain, mask, valid)  # of examples, unless all outputs have time

    def output(self, cache: Cache) -> Any:
        caches, prediction = cache
        found = {name: loss.output(caches[name]) for name, loss in self.losses if name in self.fused}
        return {name: found.get(name, y) for name, y in prediction.items()}

    def fuse(self, net: Layer) -> tuple[Layer, Loss, bool]:
        graph = net.layers[-1] if isinstance(net, Sequential) else net
        if not isinstance(graph, Graph) or set(graph.outputs) != {name for name, _ in self.losses}:
            outputs = graph.outputs if isinstance(graph, Graph) else "one output, of no name"
            raise SettingError(f"losses for {[n for n, _ in self.losses]}, but the network has {outputs}")
        made, fused = [], []
        for name, loss in self.losses:
            ending, new, taken = loss.fuse(Ending(graph=graph, output=name))
            graph = ending.graph
            made.append((name, new))
            fused += [name] if taken else []
        net = replace(net, layers=(*net.layers[:-1], graph)) if isinstance(net, Sequential) else graph
        return net, replace(self, losses=tuple(made), fused=tuple(fused)), bool(fused)

    def check_target(self, target: Any, shape: Any, dtype: str) -> Any:
        if not isinstance(target, Mapping) or target.keys() != dict(self.losses).keys():
            got = f"the names {sorted(target)}" if isinstance(target, Mapping) else type(target).__name__
            raise DataError(f"y: expected a dict with the outputs {sorted(dict(self.losses))}, got {got}")
        return {name: loss.check_target(target[name], shape[name], dtype) for name, loss in self.losses}

    @classmethod
    def samples(cls) -> Iterator[Loss]:
        yield cls((("a", MeanSquaredError()), ("b", Huber())), (1.0, 0.5))


@dataclass(frozen=True, repr=False)
class Ending(Layer):
    """A graph as the loss of one of its outputs sees it."""

    graph: Any = None
    output: str = ""

    def split_activation(self) -> tuple[Layer, Layer | None]:
        graph, activation = self.graph.split_output(self.output)
        return replace(self, graph=graph), activation
