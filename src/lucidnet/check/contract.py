"""The promises of a layer besides the right numbers: pure, repeatable, of the right shapes and dtype."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backend import Array, Tree
from ..tree import tree_map
from .subject import LayerSubject, by_name


def broken_promises(subject: LayerSubject) -> Iterator[str]:
    """Yield a sentence for each promise that a layer breaks."""
    layer, params, x, dy, run = subject.layer, subject.params, subject.x, subject.dy, subject.run
    given = {**by_name(params), "x": x, "dy": dy}
    before = {name: array.copy() for name, array in given.items()}
    _, cache = layer.forward(params, x, run)
    dx, grads = layer.backward(params, cache, dy)
    dx, grads = _copy(dx), tree_map(_copy, grads)
    again = layer.backward(params, cache, dy)
    for name, array in given.items():
        if not np.array_equal(array, before[name]):
            yield f"forward or backward changes {name}, which it was given: work on a new array"
            array[...] = before[name]
    if not _same((dx, grads), again):
        yield "backward gives another answer when it is called again: it must not change its cache"
    if not _same((None, grads), (None, layer.backward(params, cache, dy, need_dx=False)[1])):
        yield "backward gives other gradients with need_dx=False: only dx may be left out"
    yield from _misshapen(params, grads, x, dx)
    yield from _wrong_dtype(subject)


def _copy(array: Any) -> Any:
    return None if array is None else np.array(array)


def _same(one: tuple[Array, Tree], two: tuple[Array, Tree]) -> bool:
    a, b = by_name(one[1]) | {"x": one[0]}, by_name(two[1]) | {"x": two[0]}
    return a.keys() == b.keys() and all(
        np.array_equal(a[k], b[k], equal_nan=False) for k in a if a[k] is not None
    )


def _misshapen(params: Tree, grads: Tree, x: Array, dx: Array) -> Iterator[str]:
    """Yield what is wrong with names and shapes of the gradients."""
    expected, got = by_name(params) | {"x": x}, by_name(grads) | {"x": dx}
    for name in sorted(expected.keys() - got.keys()):
        yield f"the gradient of {name} is missing: return one for each parameter"
    for name in sorted(got.keys() - expected.keys()):
        yield f"there is a gradient of {name}, which is no parameter: return those of parameters only"
    for name in expected.keys() & got.keys():
        shape, wanted = np.shape(got[name]), expected[name].shape
        if shape != wanted:
            hint = ": it looks transposed" if shape == wanted[::-1] else ""
            yield f"the gradient of {name} has shape {shape}, expected {wanted}{hint}"


def _wrong_dtype(subject: LayerSubject) -> Iterator[str]:
    """Yield if float32 in does not give float32 out."""
    params = tree_map(lambda array: array.astype(np.float32), subject.params)
    x, dy = subject.x.astype(np.float32), subject.dy.astype(np.float32)
    y, cache = subject.layer.forward(params, x, subject.run)
    dx, grads = subject.layer.backward(params, cache, dy)
    made = {"the output": y, "the gradient of x": dx}
    made |= {f"the gradient of {name}": array for name, array in by_name(grads).items()}
    for name, array in made.items():
        if array is not None and array.dtype != np.float32:
            yield f"{name} is {array.dtype} where all that was given is float32: keep the dtype"
