"""Data as users bring them (lists, arrays, tables, tensors), converted to numeric arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import DataError, SettingError
from .settings import shown

KINDS = "biuf"
"""The dtype kinds of numbers: bool, whole, float."""


def numeric(x: Any, name: str) -> Any:
    """Convert data to a NumPy array of numbers; raise if anything would be lost.

    Tables whose columns have several types come as arrays of objects, which become numbers if all of them are
    numbers.

    Parameters
    ----------
    x : array-like
        What was given.
    name : str
        What it is called in errors.

    Raises
    ------
    DataError
        If it is masked, sparse, on another device, part of a computation that tracks gradients, or holds
        something that is not a number.

    Examples
    --------
    >>> numeric([[1, True], [2.5, 0]], "x").tolist()
    [[1.0, 1.0], [2.5, 0.0]]
    """
    if type(x) is np.ndarray and x.dtype.kind in KINDS:
        return x
    _refuse(x, name)
    try:
        made = np.asarray(x)
    except ValueError as error:
        raise DataError(
            f"{name}: the rows do not have one length; fill sequences up with 0, and give their lengths as "
            f"mask=lengths ({error})"
        ) from None
    except Exception as error:  # the library says why it cannot be a NumPy array
        if type(error).__name__ == "TracerArrayConversionError":
            raise DataError(
                f"{name}: it is an array of a function that JAX is compiling, which has no numbers yet: in a "
                "step of OwnStep call the models that the function is given, not those outside of it, and "
                "functions of the array (xp = x.__array_namespace__())"
            ) from None
        said = " ".join(str(error).split())
        raise DataError(f"{name}: cannot be read as an array of NumPy: {said}") from None
    if made.dtype.kind == "O":
        made = _of_objects(made, x, name)
    if made.dtype.kind == "V" and "float" in made.dtype.name:  # bfloat16 and similar
        made = made.astype(np.float32)
    if made.dtype.kind not in KINDS:
        how = _of_text(name) if made.dtype.kind in "US" else ""
        raise DataError(
            f"{name}: expected numbers, got dtype {made.dtype} ({made.ravel()[:3].tolist()} ...){how}"
        )
    return made


def plainly(error: Exception) -> str:
    """Return an error's message without its leading "it: "."""
    return str(error).removeprefix("it: ")


def plain(array: Any) -> bool:
    """Tell whether something is a NumPy array of numbers, and no masked array."""
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        return False
    return array.dtype.kind in KINDS


def in_dtype(x: Any, dtype: Any, name: str) -> Any:
    """Convert what a user's function made to numbers of a dtype; an array that has it stays as it is."""
    if plain(x) and x.dtype == dtype:  # including blank arrays
        return x
    return numeric(x, name).astype(dtype)


def scalar(made: Any, what: str, finite: bool = True) -> float:
    """Convert what a user's function returned to a Python float; raise `SettingError` if it is no number.

    Parameters
    ----------
    made : number, or array of no axes
        What was returned, of any library.
    what : str
        What it is, for errors: "the schedule ... at step 3".
    finite : bool
        Whether it must be finite.
    """
    if type(made) is not float:
        try:
            array = numeric(made, "it")
        except DataError as error:
            raise SettingError(f"{what} must be a number, got {shown(made)} ({plainly(error)})") from None
        if array.ndim or array.dtype.kind == "b":
            raise SettingError(f"{what} must be a single number, got {shown(made)}")
        made = float(array)
    if finite and not math.isfinite(made):
        raise SettingError(f"{what} must be a finite number, got {made}")
    return float(made)


def _refuse(x: Any, name: str) -> None:
    """Raise for input that NumPy would silently change or drop values of."""
    if isinstance(x, (list, tuple)):
        if x and not isinstance(x[0], (int, float)):  # a row of numbers is not searched
            for item in x:
                _refuse(item, name)
        return
    own = name.rpartition(": ")[2]
    own = "array" if " " in own else own  # as "the gradient of W", which is no name in the user's program
    if isinstance(x, np.ndarray):
        if isinstance(x, np.ma.MaskedArray) and (count := int(np.ma.getmaskarray(x).sum())):
            raise DataError(
                f"{name} is a masked array with {count} values left out: fill them, {own}.filled(0), and "
                "leave time steps out by mask=, examples by sample_weight="
            )
        return
    if hasattr(x, "collect") and hasattr(x, "collect_schema"):
        raise DataError(f"{name} is a lazy frame: give {own}.collect()")
    if hasattr(x, "get_columns") and hasattr(x, "schema"):  # of polars, where dates would become numbers
        for column, kind in x.schema.items():
            if kind.is_temporal():
                what = str(kind).partition("(")[0]
                raise DataError(f"{name}: expected numbers, got {what} in column {column!r}: leave it out")
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        raise DataError(f"{name} is a sparse matrix of shape {x.shape}: give {own}.toarray()")
    if hasattr(x, "detach") and hasattr(x, "layout"):  # a tensor of PyTorch
        if str(x.layout) != "torch.strided":
            raise DataError(f"{name} is a sparse tensor: give {own}.to_dense()")
        if str(x.device) != "cpu":
            raise DataError(f"{name} is a tensor on the device {x.device}: give {own}.detach().cpu()")
        if x.requires_grad:
            raise DataError(
                f"{name} is a tensor that requires gradients, and none would reach it: give {own}.detach()"
            )
        if str(x.dtype) == "torch.bfloat16":
            raise DataError(f"{name} is a tensor of bfloat16, which NumPy has not: give {own}.float()")


def _of_objects(made: Any, x: Any, name: str) -> Any:
    """Convert an array of objects to numbers, if all of them are numbers."""
    if not made.ndim:
        kind = type(x).__name__
        parts = ": give its x and y" if hasattr(x, "x_test") else ""
        raise DataError(f"{name}: expected an array of numbers (n, ...), got {shown(x)}, a {kind}{parts}")
    kinds = {type(item) for item in made.flat}
    numbers = {kind for kind in kinds if issubclass(kind, (bool, int, float, np.number, np.bool_))}
    if kinds != numbers:
        place = next(i for i in np.ndindex(made.shape) if type(made[i]) not in numbers)
        raise DataError(_no_number(made, place, getattr(x, "columns", None), name))
    if any(issubclass(kind, np.complexfloating) for kind in kinds):
        raise DataError(f"{name}: expected real numbers, got complex ones")
    if all(issubclass(kind, (bool, np.bool_)) for kind in kinds):
        return made.astype(bool)
    whole = all(issubclass(kind, (bool, int, np.bool_, np.integer)) for kind in kinds)
    try:
        return made.astype(np.int64 if whole else np.float64)
    except OverflowError:
        raise DataError(f"{name}: holds whole numbers beyond those of 64 bits") from None


def _of_text(name: str) -> str:
    """Return a hint at how to make numbers of text, for targets or other data."""
    if name == "y":
        return ": number the classes first: names, y = np.unique(y, return_inverse=True)"
    if name == "x":
        return (
            ": of a file data.read(path) makes x and y; of text data.one_hot numbers, a column for each word"
        )
    return ": make numbers of text first, for example by data.one_hot, a column of 0 and 1 for each word"


def _no_number(made: Any, place: tuple[int, ...], columns: Any, name: str) -> str:
    """Return the error message for an entry that is no number, with a hint."""
    value = made[place]
    where = f"at index {place if len(place) > 1 else place[0]}"
    if columns is not None and len(place) == 2 and len(columns) == made.shape[1]:
        where = f"in row {place[0]} of column {str(columns[place[1]])!r}"
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return f"{name}: a value is missing {where} ({value!r}): fill or leave out such rows first"
    if isinstance(value, (str, bytes)):
        return f"{name}: expected numbers, got {shown(value)} {where}{_of_text(name)}"
    return f"{name}: expected numbers, got {shown(value)} {where}"
