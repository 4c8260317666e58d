"""A short description and hash of data, to notice if a training would resume with other data."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ..core.trees import leaves
from .batch import Data

ROWS = 64
"""The number of rows hashed, spread evenly over the data; small data are hashed whole."""
SMALL = 1 << 22
"""The size in bytes up to which data are small."""
SETTINGS = ("seed", "size", "drop_last", "buffer", "begin", "end", "length")
"""The attributes of a `Dataset` that are compared, where it has them."""


def of_data(data: Data) -> dict[str, Any]:
    """Return fingerprints of checked data: of inputs, targets, weights and mask."""
    given = {"x": data.x, "y": data.target, "sample_weight": data.weights, "mask": data.mask}
    return {name: of_arrays(part) for name, part in given.items()}


def of_arrays(tree: Any) -> Any:
    """Return shape, dtype and a hash of the content of an array, or of several by name.

    Examples
    --------
    >>> found = of_arrays(np.zeros((3, 2)))
    >>> found["shape"], found["dtype"], len(found["content"])
    ([3, 2], 'float64', 16)
    """
    if tree is None:
        return None
    found = {".".join(path): _of_array(array) for path, array in leaves(tree)}
    return found.get("", found)


def _of_array(array: Any) -> dict[str, Any]:
    shape, dtype = [int(size) for size in array.shape], np.dtype(array.dtype)
    n = shape[0]
    count = n if n * int(np.prod(shape[1:])) * dtype.itemsize <= SMALL else min(n, ROWS)
    chosen = np.unique(np.linspace(0, max(n - 1, 0), count).astype(np.int64)) if count < n else slice(None)
    taken = np.ascontiguousarray(array[chosen])  # h5py takes increasing numbers, too
    digest = hashlib.sha256(taken.astype(dtype.newbyteorder("<"), copy=False).tobytes())
    return {"shape": shape, "dtype": dtype.name, "content": digest.hexdigest()[:16]}


def of_dataset(dataset: Any) -> dict[str, Any]:
    """Return a fingerprint of a chain of data sets; functions and iterators are not inspected."""
    from .dataset import Arrays, Prefetched

    if isinstance(dataset, Prefetched):  # the same items
        return of_dataset(dataset.inner)
    found: dict[str, Any] = {"kind": type(dataset).__name__}
    found |= {
        name: getattr(dataset, name) for name in SETTINGS if isinstance(getattr(dataset, name, None), int)
    }
    if isinstance(dataset, Arrays):
        names = ("x", "y", "sample_weight")
        found |= {name: of_arrays(part) for name, part in zip(names, dataset.parts, strict=False)}
    if (inner := getattr(dataset, "inner", None)) is not None:
        found["of"] = of_dataset(inner)
    return found
