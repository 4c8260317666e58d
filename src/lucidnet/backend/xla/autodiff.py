"""Derivatives by JAX, for users' functions and layers without one; nothing else uses its autodiff."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np

from ...core.record import Record, record
from ...core.trees import Array, Shape
from ...errors import MissingExtraError, SettingError

NOT_FOLLOWED = (
    "JAX cannot follow {}: take its functions from the array (xp = x.__array_namespace__(), then xp.tanh(x)) "
    "in place of NumPy's, choose by xp.where and not by the values, and change no array in place; or write "
    "backward(params, cache, dy, need_dx), on a model of NumPy"
)
"""Advice for a function that cannot be traced."""


def derivative(function: Callable[..., Array], what: str, write: str) -> Callable[..., Array]:
    """Return the gradient of ``sum(function(x, ...))`` with respect to `x`.

    Parameters
    ----------
    function : callable
        A function from arrays to an array.
    what : str
        What it is, for errors: "this activation".
    write : str
        How to supply its derivative by hand.

    Raises
    ------
    MissingExtraError
        If JAX is not installed.
    SettingError
        When called, if the function is not made of operators and functions that JAX can follow.
    """
    try:
        import jax  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"{what} has no derivative: pass one ({write}), or let JAX find it: pip install 'lucidnet[jax]'"
        ) from error
    return Derivative(function, what, write)


@record
class Derivative(Record):
    """What `derivative` returns; it can be pickled if the function can."""

    function: Callable[..., Array]
    what: str
    write: str

    @cached_property
    def gradient(self) -> Callable[..., Array]:
        """The gradient function that JAX makes of `total`."""
        import jax

        found: Callable[..., Array] = jax.grad(self.total)
        return found

    def total(self, *given: Any) -> Array:
        """Return the sum of the function's outputs; raise if they are not real numbers."""
        made = self.function(*given)
        if not hasattr(made, "dtype") or made.dtype.kind in "biu":
            raise SettingError(
                f"{self.what} returns {getattr(made, 'dtype', type(made).__name__)}, and what steps from one "
                f"whole number to the next has no gradient: return real numbers, or give one, {self.write}"
            )
        return made.sum()

    def __getstate__(self) -> dict[str, Any]:
        return {"function": self.function, "what": self.what, "write": self.write}

    def __repr__(self) -> str:
        return "<the derivative by JAX>"

    def __call__(self, x: Array, *others: Any) -> Array:
        import jax

        try:
            with jax.enable_x64(x.dtype.itemsize == 8):
                others = jax.tree.map(jax.numpy.asarray, others)  # their functions are taken, too
                jax.eval_shape(lambda x: self.total(x, *others), x)  # see `pullback`
                slope = self.gradient(x, *others)
        except Exception as error:
            if not not_followed(error):
                raise
            raise SettingError(
                f"JAX cannot follow {self.what}: write it with operators and x.__array_namespace__() "
                f"in place of numpy functions, or give its derivative, {self.write}"
            ) from error
        return np.asarray(slope) if isinstance(x, np.ndarray) else slope


def installed() -> bool:
    """Tell whether JAX is installed, without importing it."""
    from importlib.util import find_spec

    return find_spec("jax") is not None


def missing(what: str) -> MissingExtraError:
    """Return the error for a layer whose gradient needs JAX while JAX is not installed."""
    return MissingExtraError(
        f"{what}: write it, backward(params, cache, dy, need_dx=True), "
        "or let JAX find the gradient: pip install 'lucidnet[jax]'"
    )


def not_followed(error: Exception) -> bool:
    """Tell whether an error means that JAX could not trace a function."""
    return type(error).__module__.startswith("jax") or "item assignment" in str(error)


def instead(error: Exception) -> str:
    """Suggest the JAX function to use where tracing stopped at a call of NumPy; "" if it was none.

    It reads the line of the user's own code in which the error arose.
    """
    import linecache
    import re

    own, trace = "", error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if str(frame.f_globals.get("__name__")).partition(".")[0] not in (
            "jax",
            "jaxlib",
            "numpy",
            "lucidnet",
        ):
            own = linecache.getline(frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    found = re.search(r"\b(?:np|numpy)\.([a-z_]\w*(?:\.\w+)*)\(", own)
    if found is None:
        return ""
    return (
        f". It calls {found.group(0)[:-1]}, which takes arrays of NumPy alone: write "
        f"namespace(x).{found.group(1)} (from lucidnet.backend import namespace)"
    )


def pullback(
    function: Callable[..., Any], given: tuple[Any, ...], dy: Any, wanted: int, what: str
) -> tuple[Any, ...]:
    """Return the gradients of ``sum(dy * function(*given))`` by the first `wanted` arguments.

    Parameters
    ----------
    function : callable
        A function from trees of arrays to an array, or several.
    given : tuple of tree
        Trees of arrays of NumPy or JAX; whole numbers among them have no gradient, None.
    dy : array, or several
        What the output is weighted by, in its shape.
    wanted : int
        The number of arguments to differentiate by.
    what : str
        What the gradient is needed for: the beginning of the error if there is no JAX.

    Examples
    --------
    >>> x, dy = np.array([1.0, 2.0]), np.array([1.0, 10.0])
    >>> pullback(lambda x: x**3, (x,), dy, 1, "this")
    (array([ 3., 120.]),)
    """
    if not installed():
        raise missing(what)
    import jax

    arrays = jax.tree.leaves(given)
    plain = all(isinstance(array, (np.ndarray, np.generic)) for array in arrays)
    double = any(array.dtype.itemsize == 8 and array.dtype.kind == "f" for array in arrays)
    with jax.enable_x64(double) if plain else nullcontext():
        given = jax.tree.map(jax.numpy.asarray, given) if plain else given
        if plain:  # without values, else what depends on one by x.item() would be taken for a constant
            jax.eval_shape(function, *given)
        y, back = jax.vjp(lambda *first: function(*first, *given[wanted:]), *given[:wanted])
        weights = jax.tree.map(lambda out, d: jax.numpy.asarray(d, out.dtype), y, dy)
        found = back(weights)
    return tuple(jax.tree.map(lambda slope: _slope(slope, plain), found))


def output_shapes(function: Callable[..., Any], shapes: Sequence[Shape]) -> Shape:
    """Return the shape of what a function makes of arrays of these shapes, without making any."""
    import jax

    struct: Any = jax.ShapeDtypeStruct
    given = [struct(shape, "float32") for shape in shapes]
    return tuple(jax.eval_shape(function, *given).shape)


def _slope(slope: Any, plain: bool) -> Any:
    """Return a gradient in the caller's array library; None for whole numbers, which have none."""
    if slope.dtype.name == "float0":
        return None
    return np.asarray(slope) if plain else slope
