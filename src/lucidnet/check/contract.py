"""What a layer or loss must guarantee besides right numbers: purity, repeatability, shapes and dtype."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from ..backend import Array, Stream
from ..errors import LucidnetError
from ..layers import Layer
from .subject import LayerSubject, LossSubject

Passes: TypeAlias = LayerSubject | LossSubject
Gradients: TypeAlias = dict[str, Array]


def complaints(subject: Passes) -> tuple[str, ...]:
    """Return what is wrong with a layer or loss apart from its numbers, one sentence each."""
    wrong = unusable(subject)
    return (wrong,) if wrong else tuple(dict.fromkeys(broken_promises(subject)))


def unusable(subject: Passes) -> str | None:
    """Return why the forward or backward pass cannot run at all; None if they can."""
    layer = isinstance(subject, LayerSubject)
    owner: Any = subject.layer if isinstance(subject, LayerSubject) else subject.loss
    forward, backward = ("params, x, run", "params, cache, dy, need_dx=True")
    if not layer:
        forward, backward = "prediction, target, weights=None", "cache"
    if wrong := _signature(owner.forward, forward) or _signature(owner.backward, backward):
        return wrong
    copied = subject.cast("float64")  # they may modify their arguments
    made: Any = copied.forward()
    if not isinstance(made, tuple) or len(made) != 2:
        first = "the output" if layer else "the mean loss"
        return f"forward returns {_kind(made)}: return a pair, {first} and a cache"
    return _backward_fails(copied, made[1])


def _signature(method: Callable[..., Any], expected: str) -> str | None:
    names = expected.replace("=True", "").replace("=None", "").split(", ")
    named = {"need_dx": True} if "need_dx" in names else {}
    signature = inspect.signature(method)
    try:
        signature.bind(*(None for name in names if name not in named), **named)
    except TypeError:
        taken = ", ".join(map(str, signature.parameters.values()))
        return f"{method.__name__} must take ({expected}), but it takes ({taken})"
    return None


def _backward_fails(subject: Passes, cache: Any) -> str | None:
    """Return what is wrong if `backward` raises or returns no gradients; None if it is fine."""
    try:
        if isinstance(subject, LossSubject):
            subject.backward(cache)
            return None
        made: Any = subject.layer.backward(subject.params, cache, subject.dy, need_dx=True)
    except LucidnetError as error:  # says it all; the line would be one of the library
        return f"backward raises {type(error).__name__}: {error}"
    except Exception as error:  # the user's own code: this is the finding
        place = traceback.extract_tb(error.__traceback__)[-1]
        shapes = ", ".join(f"{name} {array.shape}" for name, array in subject.given.items())
        return (
            f"backward raises {type(error).__name__}: {error} (line {place.lineno}: {place.line}); "
            f"the shapes are {shapes}"
        )
    if not isinstance(made, tuple) or len(made) != 2 or not isinstance(made[1], dict):
        return f"backward returns {_kind(made)}: return a pair, dx and a dict of gradients by name"
    return None


def _kind(made: Any) -> str:
    if not isinstance(made, tuple):
        return f"a {type(made).__name__}"
    return f"({', '.join(type(part).__name__ for part in made)})"


def broken_promises(subject: Passes) -> Iterator[str]:
    """Yield a sentence for each broken promise of a layer or loss."""
    before = {name: array.copy() for name, array in subject.given.items()}
    y, cache = subject.forward()
    y = np.array(y)
    grads = _copies(subject.backward(cache))
    again = _copies(subject.backward(cache))
    for name, array in subject.given.items():
        if not _equal(array, before[name]):
            yield f"forward or backward changes {name}, which it was given: work on a new array"
            array[...] = before[name]
    yield from _misshapen(subject, grads)
    if isinstance(subject, LayerSubject):
        yield from _another_shape(subject.layer, subject.x.shape[1:], y.shape[1:])
    if not _same(grads, again):
        yield (
            "backward gives another answer when it is called again: it must not change its cache, nor draw "
            "random numbers"
        )
    elif not _same(grads, _copies(subject.backward(_after_another(subject, cache)))):
        yield (
            "backward goes by the last forward pass, whatever cache it is given: all that it needs must be "
            "in the cache that forward returns"
        )
    if not _equal(y, subject.forward()[0]):
        yield (
            "forward gives another answer when it is called again with the same arguments: "
            "take random numbers from run.stream, and keep no state"
        )
    elif not _same(grads, subject.backward(subject.forward()[1], need_dx=False)):
        yield "backward gives other gradients with need_dx=False: only dx may be left out"
    if not np.isfinite(y).all():
        yield "forward gives NaN or infinity here: nothing can be compared there; pass other inputs"
    yield from _wrong_dtype(subject)


def _after_another(subject: Passes, cache: Any) -> Any:
    """Return the cache, after a forward pass of other numbers."""
    other = subject.cast("float64")
    with np.errstate(all="ignore"):
        for name, array in other.arrays.items():
            array[...] = array[::-1] if name in ("x", "prediction") and len(array) > 1 else array
        other.forward()
    return cache


def _another_shape(layer: Layer, given: Any, made: Any) -> Iterator[str]:
    """Yield a sentence for each method that says another shape of one output than forward makes."""
    kind, made = type(layer), tuple(made)
    by_init = tuple(layer.init(Stream(0, dtype="float64"), given)[1])
    by_shape = tuple(layer.output_shape(given))
    if kind.init is Layer.init and kind.output_shape is Layer.output_shape and by_init != made:
        yield f"forward makes outputs {made} of inputs {given}: say so in output_shape(self, shape)"
        return
    for name, said in {"init": by_init, "output_shape": by_shape}.items():
        if said != made and (name == "init" or by_shape != by_init):
            yield f"{name} says that an output has the shape {said}, but forward makes {made} from {given}"


def _copies(grads: Gradients) -> Gradients:
    return {name: None if array is None else np.array(array) for name, array in grads.items()}


def _equal(one: Any, two: Any) -> bool:
    return np.array_equal(one, two, equal_nan=getattr(one, "dtype", np.dtype(object)).kind == "f")


def _same(one: Gradients, two: Gradients) -> bool:
    """Tell whether two sets of gradients are equal; dx may be missing in the second."""
    names = one.keys() - {"x"} | (one.keys() & two.keys())
    return names - {"x"} == two.keys() - {"x"} and all(_equal(one[name], two[name]) for name in names)


def _misshapen(subject: Passes, got: Gradients) -> Iterator[str]:
    """Yield a sentence for each gradient with a wrong name or shape."""
    expected = subject.arrays
    for name in expected:
        if got.get(name) is None:
            yield f"the gradient of {name} is missing: return one for each parameter, and dx"
    for name in sorted(got.keys() - expected.keys()):
        yield f"there is a gradient of {name}, which is no parameter: return those of parameters only"
    for name in expected:
        array, wanted = got.get(name), expected[name].shape
        if array is not None and array.shape != wanted:
            hint = _turned(array.shape, wanted)
            if not hint and (like := [name for name, one in expected.items() if one.shape == array.shape]):
                hint = f": that is the shape of {' and of '.join(like)}" if array.ndim else ""
            yield f"the gradient of {name} has shape {array.shape}, expected {wanted}{hint}"


def _turned(got: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Return a hint at what makes one shape of another; "" if nothing plain does."""
    if got == wanted[::-1]:
        return ": it looks transposed"
    if not got:
        return ": add up over the examples alone" if len(wanted) == 1 else ""
    more = len(got) - len(wanted)
    if more <= 0 or got[more:] != wanted:
        return ""
    if set(got[:more]) == {1}:
        return ": leave out keepdims=True"
    return f": add up over the axes in front, .sum({tuple(range(more)) if more > 1 else 0})"


def _single(array: Any) -> bool:
    """Tell whether numbers in float64 have float32's digits, and not because they are short."""
    if not np.size(array) or not np.isfinite(array).all():
        return False
    numbers = np.abs(np.asarray(array, np.float64))
    mantissas = np.frexp(numbers)[0] * 2.0**24
    return bool((mantissas == np.round(mantissas)).all() and (mantissas % 2**12 != 0).any())


def _wrong_dtype(subject: Passes) -> Iterator[str]:
    """Yield a sentence for each result whose dtype is not that of the inputs."""
    for dtype in ("float32", "float64"):
        other = subject.cast(dtype)
        y, cache = other.forward()
        made = {"the output": y} | {f"the gradient of {name}": g for name, g in other.backward(cache).items()}
        for name, array in made.items():
            found = getattr(array, "dtype", type(array).__name__)
            if array is None:
                continue
            if isinstance(array, (list, tuple)):
                yield f"{name} is a {found}: return an array"
            elif found != dtype:
                yield f"{name} is {found} where all that was given is {dtype}: keep the dtype"
            elif dtype == "float64" and _single(array) and not any(map(_single, other.given.values())):
                yield (
                    f"{name} has float32's digits only, where all that was given is float64: something on "
                    "the way is brought to float32 (astype, or an array made with that dtype)"
                )
