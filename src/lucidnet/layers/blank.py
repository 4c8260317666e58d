"""Arrays that take no memory, given to `init` where only shapes are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..backend import Array, Shape, Stream, Tree
from ..core.trees import leaves
from ..errors import LucidnetError, SettingError, ShapeError


class Blank(np.ndarray[Any, Any]):
    """An array with a shape and dtype whose entries are all the same number, stored once.

    What is computed from it elementwise is blank again, and so is what initializers make of it. All other
    functions treat it as an ordinary array.
    """

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: tuple[Any, ...] = (), **settings: Any
    ) -> Any:
        by_number = method == "__call__" and ufunc.signature is None and ufunc.nout == 1 and not settings
        arrays = [a for a in (*inputs, *out) if np.ndim(a) > 0]
        if not by_number or not all(isinstance(a, Blank) for a in arrays):
            out = tuple(_ordinary(a) for a in out)
            return getattr(ufunc, method)(
                *map(_ordinary, inputs), **settings, **({"out": out} if out else {})
            )
        number = ufunc(*(_number(a) for a in inputs))
        if not out:
            return blank(np.broadcast_shapes(*(np.shape(a) for a in inputs)), number)
        if out[0].size:
            out[0][(0,) * out[0].ndim] = number
        return out[0]

    def __array_function__(
        self, function: Any, types: Any, args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        known = KNOWN.get(function)
        return known(*args, **kwargs) if known else super().__array_function__(function, types, args, kwargs)

    def astype(self, dtype: Any, *args: Any, **settings: Any) -> Any:
        """Return a blank array with another dtype."""
        return blank(self.shape, _number(self).astype(dtype))


def blank(shape: Any, number: Any) -> Blank:
    """Return a blank array of a given shape and number.

    Raises
    ------
    ShapeError
        If there can be no such array, however much memory there is.
    """
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    try:
        return as_strided(np.array(number), shape, (0,) * len(shape), writeable=True).view(Blank)
    except (ValueError, OverflowError):
        raise ShapeError(f"an array of shape {shape} is too large") from None


def _number(a: Any) -> Any:
    """Return the number that fills a blank array; a plain number is returned unchanged."""
    if not isinstance(a, Blank):
        return a
    return a[(0,) * a.ndim] if a.size else a.dtype.type(1)


def _ordinary(a: Any) -> Any:
    return a.view(np.ndarray) if isinstance(a, Blank) else a


def _joined(arrays: Sequence[Any], axis: int = 0) -> Blank:
    shape = list(arrays[0].shape)
    shape[axis] = sum(a.shape[axis] for a in arrays)
    return blank(shape, _number(arrays[0]))


def _qr(a: Blank) -> tuple[Blank, Blank]:
    (m, n), one = a.shape, _number(a)
    return blank((m, min(m, n)), one), blank((min(m, n), n), one)


KNOWN: dict[Any, Callable[..., Any]] = {  # what initializers and layers call
    np.concatenate: _joined,
    np.linalg.qr: _qr,
    np.diag: lambda a: blank((min(a.shape),), _number(a)),
    np.fill_diagonal: lambda a, value: None,
}


class BlankStream(Stream):
    """A random stream whose draws are blank, to find out the shapes of weights without making them."""

    __slots__ = ()

    def normal(self, shape: Shape) -> Array:
        return self.full(shape, 1)

    def uniform(self, shape: Shape) -> Array:
        return self.full(shape, 0.5)

    def bernoulli(self, shape: Shape, probability: float) -> Array:
        return blank(shape, np.True_)

    def full(self, shape: Shape, value: float) -> Array:
        return blank(shape, np.dtype(self.dtype).type(value))


def blank_init(layer: Any, shape: Any, dtype: str = "float32") -> tuple[Tree, Any]:
    """Call a layer's `init` with blank parameters, which have names, shapes and dtypes but take no memory."""
    with np.errstate(all="ignore"):  # of numbers that mean nothing
        return layer.init(BlankStream(dtype=dtype, path=("init",)), shape)  # type: ignore[no-any-return]


def first(layer: Any, rng: Stream, shape: Any) -> Tree:
    """Return the initial parameters of a layer or network; raise with their number if memory lacks.

    Raises
    ------
    SettingError
        If they take more memory than there is.
    """
    try:
        return layer.init(rng, shape)[0]
    except (MemoryError, ValueError) as error:
        if isinstance(error, LucidnetError):
            raise
        params, _ = blank_init(layer, shape, rng.dtype)
        count = sum(array.size for _, array in leaves(params))
        if not isinstance(error, MemoryError) and count < 2**48:
            raise  # something else is wrong
        taken = count * np.dtype(rng.dtype).itemsize
        raise SettingError(
            f"the network has {count:,} parameters, which take {taken:,} bytes: more memory than there is; "
            "make its layers smaller"
        ) from error
