"""Plain data (tuples, lists, dicts, numbers, texts, None, arrays), described so that JSON can hold it.

A checkpoint keeps such data in its file, and processes send them to each other. Nothing in what is read is
ever run: the worst that damaged or hostile bytes can do is to raise a `FileError`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import FileError
from .trees import Array

NUMBERS = "biuf"
"""The kinds of NumPy scalars that JSON can hold."""
ARRAYS = "biufcSU"
"""The kinds of arrays that may be sent: those that consist of their bytes alone."""
SENSELESS = (
    LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, AssertionError,
    MemoryError,
)  # fmt: skip
"""The exceptions that code raises when given data it does not expect."""


def pack(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """Describe plain data for JSON; arrays among them are put into `arrays`.

    Examples
    --------
    >>> arrays = {}
    >>> pack({"best": np.zeros(2), "seen": (1, "a")}, "@x", arrays)
    {'dict': {'best': {'array': '@x/best'}, 'seen': {'tuple': [1, 'a']}}}
    >>> list(arrays)
    ['@x/best']
    """
    if isinstance(value, np.ndarray):
        while name in arrays:  # a/b, of {"a/b": ...} and of {"a": {"b": ...}}
            name += "'"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.generic) and value.dtype.kind in NUMBERS and value.dtype.itemsize <= 8:
        return {"number": value.item(), "dtype": value.dtype.name}
    if isinstance(value, (tuple, list)):
        made = [pack(item, f"{name}/{i}", arrays) for i, item in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": made}
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {"dict": {key: pack(item, f"{name}/{key}", arrays) for key, item in value.items()}}
        return {"pairs": [pack(pair, f"{name}/{i}", arrays) for i, pair in enumerate(value.items())]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise FileError(
        f"{name}: only numbers, texts, tuples, lists, dicts and arrays can be written down, got {value!r}"
    )


def unpack(description: Any, arrays: dict[str, Array]) -> Any:
    """Return what `pack` described.

    Raises
    ------
    FileError
        If that is not what `pack` returns.
    """
    with sensible("a description of data"):
        return _unpacked(description, dict(arrays))  # each array is taken once: a small file stays small


@contextmanager
def sensible(what: str, file: object = "", remedy: str = "") -> Iterator[None]:
    """Turn errors raised inside this context by nonsensical file content into a `FileError`.

    An error of this kind that does not name its file is given the name.
    """
    try:
        yield
    except FileError as error:
        if error.file or not file:
            raise
        raise type(error)(file, error.reason, error.remedy or remedy) from error
    except SENSELESS as error:
        raise FileError(file, f"{what} makes no sense ({type(error).__name__}: {error})", remedy) from error


MOST = 1 << 31
"""A bound on the number of steps, batches or epochs: devices count them in 32 bits."""


def whole(value: Any) -> int:
    """Return a value if it is a whole number from 0 to a sane maximum, else raise a `FileError`."""
    if type(value) is not int or not 0 <= value < MOST:
        raise FileError(f"expected a whole number from 0 to {MOST - 1}, got {value!r}")
    return value


def number(value: Any) -> float:
    """Return a value as a float (NaN is allowed), or raise a `FileError`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise FileError(f"expected a number, got {value!r}")
    return float(value)


def measured(value: Any) -> Any:
    """Return a number, or an array of numbers, or raise a `FileError`."""
    numbers = isinstance(value, np.ndarray) and value.dtype.kind in NUMBERS
    if not numbers:
        number(value)
    return value


def by_epoch(value: Any) -> dict[str, list[float]]:
    """Return lists of numbers by name, one number for each epoch, or raise a `FileError`."""
    made = {str(name): list(map(number, values)) for name, values in dict(value).items()}
    if len({len(values) for values in made.values()}) > 1:
        raise FileError("the quantities of its history are not of the same epochs")
    return made


def text(value: Any) -> str | None:
    """Return a text, or None, or raise a `FileError`."""
    if not (value is None or isinstance(value, str)):
        raise FileError(f"expected a text, got {value!r}")
    return value


def alike(value: Any, like: Any, what: str) -> Any:
    """Return an array if it has the shape and dtype of another, else raise a `FileError`."""
    form = getattr(value, "shape", None), getattr(value, "dtype", None)
    if not isinstance(value, np.ndarray) or form != (like.shape, like.dtype):
        raise FileError(f"{what}: expected an array {like.dtype} of shape {like.shape}, got {form}")
    return value


def _unpacked(description: Any, arrays: dict[str, Array]) -> Any:
    if not isinstance(description, dict):
        if description is not None and not isinstance(description, (bool, int, float, str)):
            raise ValueError(f"{description!r} stands for nothing")
        return description
    if "array" in description:
        return arrays.pop(description["array"]).copy()
    if "number" in description:
        dtype = np.dtype(description["dtype"])
        if dtype.kind not in NUMBERS:
            raise ValueError(f"{dtype} is not the type of a number")
        return dtype.type(description["number"])
    if "dict" in description:
        return {key: _unpacked(item, arrays) for key, item in description["dict"].items()}
    if "pairs" in description:
        return dict(_unpacked(pair, arrays) for pair in description["pairs"])
    kind = tuple if "tuple" in description else list
    return kind(_unpacked(item, arrays) for item in description[kind.__name__])


def to_bytes(value: Any) -> bytes:
    """Serialize plain data: the length of the JSON description, the description, the arrays.

    Raises
    ------
    FileError
        If something in it is not plain; it says where, and what it is.

    Examples
    --------
    >>> from_bytes(to_bytes({"seen": (1, np.arange(3)), 7: None}))
    {'seen': (1, array([0, 1, 2])), 7: None}
    """
    import json

    arrays: dict[str, Array] = {}
    description = pack(value, "value", arrays)
    for name, array in arrays.items():
        if array.dtype.kind not in ARRAYS or array.dtype.names:
            raise FileError(f"{name}: an array of {array.dtype} cannot be written down, only one of numbers")
    forms = [(array.dtype.str, array.shape) for array in arrays.values()]
    text = json.dumps([description, list(arrays), forms]).encode()
    return b"".join([len(text).to_bytes(8, "little"), text, *(array.tobytes() for array in arrays.values())])


def from_bytes(data: bytes) -> Any:
    """Deserialize the bytes that `to_bytes` made.

    Raises
    ------
    FileError
        If they are not of that kind.
    """
    import json

    try:
        begin = 8 + int.from_bytes(data[:8], "little")
        description, names, forms = json.loads(data[8:begin].decode())
        arrays = {}
        for name, (kind, shape) in zip(names, forms, strict=True):
            dtype = np.dtype(kind)
            if dtype.kind not in ARRAYS or not all(type(size) is int and size >= 0 for size in shape):
                raise ValueError(f"there is no array of {kind!r} and shape {shape}")
            end = begin + math.prod(shape) * dtype.itemsize
            arrays[name] = np.ndarray(tuple(shape), dtype, data, begin)
            begin = end
        if begin != len(data):
            raise ValueError(f"there are {len(data)} bytes where {begin} are described")
    except SENSELESS as error:
        raise FileError(f"these bytes make no sense ({type(error).__name__}: {error})") from error
    return unpack(description, arrays)


def shaped_like(value: Any, like: Any) -> Any:
    """Convert plain data to the container types of similar data: named tuples, and subclasses of dict.

    Examples
    --------
    >>> from collections import Counter
    >>> shaped_like({"a": 1}, Counter("bb"))
    Counter({'a': 1})
    """
    if isinstance(value, (tuple, list)) and isinstance(like, (tuple, list)) and len(value) == len(like):
        made = [shaped_like(item, other) for item, other in zip(value, like, strict=True)]
        kind: Any = type(like)
        return kind._make(made) if hasattr(kind, "_make") else type(value)(made)
    if isinstance(value, dict) and isinstance(like, dict):
        items = {key: shaped_like(item, like.get(key)) for key, item in value.items()}
        if type(like) is dict:
            return items
        other = copy.copy(like)
        other.clear()
        other.update(items)
        return other
    return value


def difference(where: str, mine: Any, other: Any) -> tuple[str, Any, Any]:
    """Return the first place where two descriptions differ, and both values there.

    Examples
    --------
    >>> difference("net", {"a": [1, 2]}, {"a": [1, 3]})
    ('net.a[1]', 2, 3)
    >>> difference("optimizer", {"type": "SGD", "momentum": 0}, {"type": "Adam", "beta1": 0.9})
    ('optimizer', 'SGD', 'Adam')
    """
    if isinstance(mine, dict) and isinstance(other, dict):
        kinds = mine.get("type"), other.get("type")  # whose settings have other names
        if all(isinstance(kind, str) for kind in kinds) and kinds[0] != kinds[1]:
            return where, *kinds
        for key, value in mine.items() if mine.keys() == other.keys() else ():
            if value != other[key]:
                return difference(f"{where}.{key}", value, other[key])
    if isinstance(mine, list) and isinstance(other, list) and len(mine) == len(other):
        for i, value in enumerate(mine):
            if value != other[i]:
                return difference(f"{where}[{i}]", value, other[i])
    return where, mine, other
