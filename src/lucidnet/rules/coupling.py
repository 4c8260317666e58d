"""Whether the examples of a batch affect each other, so that a batch is not the sum of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..core.trees import Path, dotted
from ..core.value import of_library
from ..errors import SettingError
from ..layers import Layer, walk
from ..losses import Loss


def check_divisible(net: Layer, loss: Loss | None, rule: Any = None) -> None:
    """Raise `SettingError` if a batch's gradient is not the mean of the gradients of its parts."""
    for path in mixing(net):
        raise _refused(
            f"layer {dotted(path)!r} takes statistics over all examples of a batch",
            "take LayerNormalization, freeze it (frozen=True)",
        )
    for path, layer in walk(net):
        for one in (layer, getattr(layer, "activation", None)):
            if isinstance(one, Layer) and not one.independent:
                raise _refused(
                    f"layer {dotted(path)!r}, {one.describe()}, may look at all examples of a batch",
                    "have a class of your own say that it does not (independent = True)",
                )
    if loss is not None and not loss.independent:
        raise _refused(
            f"the loss {loss!r} may look at all examples of a batch",
            "have a class of your own say that it does not (independent = True)",
        )
    for path, layer, own in () if rule is None else _ruled(net, rule):
        for axis in (own.space, own.time) if layer.carried else (own.space,):
            if not of_library(axis) or axis.couples_examples or getattr(axis, "draws", False):
                what = (
                    "draws random numbers for a whole batch"
                    if getattr(axis, "draws", False)
                    else ("may look at all examples of a batch")
                )
                raise _refused(
                    f"the rule {axis!r} of layer {dotted(path) or 'network'!r} {what}", "take another"
                )


def mixing(layer: Layer, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of unfrozen layers with running statistics: in training, they mix examples."""
    if layer.frozen is True:
        return
    if layer.buffers:
        yield path
    for name, child in layer.children():
        yield from mixing(child, (*path, name))


def _ruled(layer: Layer, rule: Any, path: Path = ()) -> Iterator[tuple[Path, Layer, Any]]:
    own = rule.within(layer)
    yield path, layer, own
    for name, child in layer.children():
        yield from _ruled(child, own, (*path, name))


def _refused(reason: str, way: str) -> SettingError:
    return SettingError(
        f"mesh: on NumPy each thread has a part of a batch, but {reason}: {way}, or leave mesh out"
    )
