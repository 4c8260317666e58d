"""What changes in a training, as arrays by name and a description that JSON can hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ..errors import FileError


def pack(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """Return a description of nested tuples, lists, dicts, numbers and texts; its arrays go into `arrays`.

    Examples
    --------
    >>> arrays = {}
    >>> pack({"best": np.zeros(2), "seen": (1, "a")}, "@x", arrays)
    {'dict': {'best': {'array': '@x/best'}, 'seen': {'tuple': [1, 'a']}}}
    >>> list(arrays)
    ['@x/best']
    """
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.generic):
        return {"number": value.item(), "dtype": value.dtype.name}
    if isinstance(value, (tuple, list)):
        made = [pack(item, f"{name}/{i}", arrays) for i, item in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": made}
    if isinstance(value, dict):
        return {"dict": {key: pack(item, f"{name}/{key}", arrays) for key, item in value.items()}}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise FileError(f"{name}: a checkpoint holds numbers, texts, lists, dicts and arrays, got {value!r}")


def unpack(description: Any, arrays: dict[str, Array]) -> Any:
    """Return what `pack` described."""
    if not isinstance(description, dict):
        return description
    if "array" in description:
        return arrays[description["array"]].copy()
    if "number" in description:
        return np.dtype(description["dtype"]).type(description["number"])
    for kind, make in (("tuple", tuple), ("list", list)):
        if kind in description:
            return make(unpack(item, arrays) for item in description[kind])
    return {key: unpack(item, arrays) for key, item in description["dict"].items()}
