"""A user's own function as a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import Array, Shape, Tree
from ..backend.results import called, followed, returned
from ..backend.xla.autodiff import installed, not_followed, output_shapes, pullback
from ..core import settings
from ..core.own import from_numpy
from ..core.settings import accepts, shown, taken, text, whole
from ..core.value import value
from ..errors import LucidnetError, MissingExtraError, SettingError, ShapeError
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, both_count, several
from .blank import blank

TRIED = (2, 16), (3, 17)
"""Numbers of examples, and sizes in place of those that vary, with which the output shape is found."""


@value
class FunctionLayer(Layer):
    """y = f(x), for a function f of whole batches;  dx = f'^T dy.

    Parameters
    ----------
    function : callable
        f, from an array (n, ...), or several, to an array (n, ...).
    derivative : callable, optional
        From the inputs and dy to dx (several inputs: a tuple); the vector-Jacobian product of f by JAX if not
        given.
    inputs : int
        How many arrays f takes.
    """

    function: Callable[..., Array] = settings.function()
    derivative: Callable[..., Any] | None = settings.function(default=None, optional=True)
    inputs: int = whole(1, default=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not accepts(self.function, self.inputs):
            raise SettingError(
                f"Function: function must take {self._arguments(self.inputs)}, inputs={self.inputs}, got "
                f"{shown(self.function)}"
            )
        if self.derivative is not None and not accepts(self.derivative, self.inputs + 1):
            raise SettingError(
                f"Function: derivative must take {self._arguments(self.inputs)} and dy, got "
                f"{shown(self.derivative)}"
            )

    @staticmethod
    def _arguments(count: int) -> str:
        return "one array" if count == 1 else f"{count} arrays"

    @property
    def independent(self) -> bool:
        """Whether padding examples leave others unaffected: False, as f may mix examples."""
        return False

    @property
    def _what(self) -> str:
        name = getattr(self.function, "__name__", "")
        return (
            f"the function {name} of {self.name or 'this layer'}"
            if name and name != "<lambda>"
            else (f"the function of {self.name or 'this layer'}")
        )

    def _called(self, *given: Array) -> Array:
        """Call f; return its result in the arrays' dtype, or raise with a hint if JAX cannot trace f."""
        try:
            return called(self.function, self._what, *given)
        except SettingError as error:
            if error.__cause__ is not None and not_followed(error.__cause__):  # type: ignore[arg-type]
                raise self._unfollowed() from error.__cause__
            raise

    def _smooth(self, *given: Array) -> Array:
        """Call f on arrays; raise if its result has no gradient."""
        made = followed(self._what, self.function, *given)
        if getattr(made, "dtype", None) is not None and made.dtype.kind in "biu":
            raise SettingError(
                f"{self._what} returns {made.dtype}, and what steps from one whole number to the next has no "
                "gradient: return real numbers, or give a derivative, Function(function, derivative)"
            )
        return returned(made, given[0], self._what)

    def _unfollowed(self) -> SettingError:
        names = from_numpy(self.function)
        if names:
            calls, writes = (
                ", ".join(f"{word}{name}" for name in names) for word in ("np.", "namespace(x).")
            )
            way = f"it calls {calls}: write {writes} (from lucidnet.backend import namespace)"
        else:
            way = (
                "take its functions from the array, namespace(x).exp(x) (from lucidnet.backend "
                "import namespace), "
                "choose by where and not by the values, and change no array in place"
            )
        other = "give its derivative, Function(function, derivative), and " if self.derivative is None else ""
        return SettingError(f"JAX cannot follow {self._what}: {way}; or {other}take a model of NumPy")

    def output_shape(self, shape: Any) -> Any:
        shapes = self._shapes(shape)
        first, second = (self._tried(shapes, *sizes) for sizes in TRIED)
        if len(first) != len(second) or not first or (first[0], second[0]) != (TRIED[0][0], TRIED[1][0]):
            raise ShapeError(
                f"{self._what} makes an array of shape {first} of {TRIED[0][0]} examples: it must give one "
                "output for each of them, (n, ...)"
            )
        if 0 in first:
            raise ShapeError(f"{self._what} makes arrays without numbers, {first[1:]} of each example")
        pairs = zip(first[1:], second[1:], strict=True)
        return tuple(one if one == other else None for one, other in pairs)

    def _shapes(self, shape: Any) -> tuple[Shape, ...]:
        """Return the shapes of the inputs; raise if their number does not match."""
        shapes = tuple(shape) if several(shape) and not isinstance(shape, dict) else (shape,)
        if isinstance(shape, dict) or len(shapes) != self.inputs:
            raise ShapeError(
                f"Function takes {self._arguments(self.inputs)} (inputs={self.inputs}), got "
                f"{len(shapes)}: {shape}"
            )
        return shapes

    def _tried(self, shapes: tuple[Shape, ...], count: int, length: int) -> Shape:
        """Return the shape of f's result for `count` examples."""
        given = [(count, *(length if size is None else size for size in shape)) for shape in shapes]
        try:
            if self.derivative is None and installed():
                return output_shapes(self._smooth, given)
            made = self._called(*(blank(shape, np.float32(0.5)) for shape in given))
            return tuple(made.shape)
        except LucidnetError as error:
            if error.__cause__ is not None and not_followed(error.__cause__):  # type: ignore[arg-type]
                raise self._unfollowed() from error.__cause__
            raise
        except Exception as error:
            if self.derivative is None and not_followed(error):
                raise self._unfollowed() from error
            said = " ".join(str(error).split())
            raise ShapeError(
                f"{self._what} raises {type(error).__name__} on inputs of shape "
                f"{' and '.join(map(str, given))}: "
                f"{said[:200]}"
            ) from error

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        if not isinstance(x, tuple):
            return super().output_mask(x, mask)
        present = [each for each in (mask if isinstance(mask, tuple) else (mask,)) if each is not None]
        if not present:
            return None
        shape = self.output_shape(tuple(part.shape[1:] for part in x))
        if len(shape) > 1 and all(each.shape[1] == shape[0] for each in present):
            return both_count(present)
        raise ShapeError(
            f"{self.name or 'here'}, {self.describe()}: its inputs have masks of time steps, and what "
            "becomes of "
            "them here cannot be known"
        )

    def forward(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Array, Cache]:
        given = x if isinstance(x, tuple) else (x,)
        y = self._called(*given)
        if not y.ndim or y.shape[0] != given[0].shape[0]:
            raise ShapeError(
                f"{self._what} makes an array of shape {y.shape} of {given[0].shape[0]} examples: it "
                "must give "
                "one output for each of them, (n, ...)"
            )
        return y, given

    def backward(self, params: Tree, given: Cache, dy: Array, need_dx: bool = True) -> tuple[Any, Tree]:
        if not need_dx:
            return None, {}
        if self.derivative is None:
            made: Any = self._by_jax(given, dy)
        else:
            what = f"the derivative of {self._what}"
            made = followed(what, self.derivative, *given, dy)
            made = (made,) if self.inputs == 1 and not isinstance(made, tuple) else made
            if not isinstance(made, tuple) or len(made) != self.inputs:
                raise SettingError(f"{what} must return {self._arguments(self.inputs)}, got {shown(made)}")
            made = tuple(returned(d, x, what, x.shape) for d, x in zip(made, given, strict=True))
        return (made if self.inputs > 1 else made[0]), {}

    def _by_jax(self, given: Cache, dy: Array) -> tuple[Any, ...]:
        try:
            return pullback(self._smooth, given, dy, self.inputs, f"{self._what} has no derivative")
        except Exception as error:
            cause = error.__cause__ if isinstance(error, SettingError) else error
            if isinstance(cause, Exception) and not_followed(cause):
                raise self._unfollowed() from cause
            raise

    @classmethod
    def samples(cls) -> Samples:
        yield cls(_square, _square_back), (5,)


def _square(x: Array) -> Array:
    return x * x


def _square_back(x: Array, dy: Array) -> Array:
    return 2 * x * dy


def Function(  # noqa: N802 - it makes a layer, and reads as one
    function: Callable[..., Array],
    derivative: Callable[..., Any] | None = None,
    inputs: int = 1,
    *,
    name: str = "",
) -> FunctionLayer:
    """Make a layer of a function of whole batches: y = f(x).

    It may mix all numbers of an example and change its shape, as ``lambda x: x[:, ::-1]`` does; for a
    function of single numbers use an `Activation`. On JAX, and wherever JAX finds the derivative, it takes
    its functions from the array: ``namespace(x).exp(x)``, with `lucidnet.backend.namespace`. Such a layer
    cannot be saved with a model, as a file holds no code, nor the name of any that would be run; a subclass
    of `Layer` can, if whoever loads the file names it.

    Parameters
    ----------
    function : callable
        f, from an array (n, ...), or several, to an array (n, ...).
    derivative : callable, optional
        ``derivative(x, dy)`` gives dx, the gradient of sum(dy * f(x)); with several inputs
        ``derivative(x1, x2, dy)`` gives a tuple of them. If it is left out JAX finds it, on NumPy too.
    inputs : int
        The number of arrays f takes; several come from the sources of a node in a `Graph`.
    name : str, optional
        The name of the layer.

    Raises
    ------
    MissingExtraError
        If no derivative is given, and JAX is not installed to find it.

    Examples
    --------
    >>> layer = Function(lambda x: x[:, ::-1], lambda x, dy: dy[:, ::-1])
    >>> layer.forward({}, np.array([[1.0, 2.0]]))[0]
    array([[2., 1.]])
    >>> distance = Function(lambda a, b: ((a - b) ** 2).sum(-1, keepdims=True), inputs=2)
    >>> distance.output_shape(((3,), (3,)))
    (1,)
    """
    name = taken("Function", "name", name, text(empty=True, without="/"))
    made = FunctionLayer(
        taken("Function", "function", function, _FUNCTION),
        taken("Function", "derivative", derivative, _DERIVATIVE),
        taken("Function", "inputs", inputs, whole(1, 64)),
        name=name,
    )
    if derivative is None and not installed():
        raise MissingExtraError(
            f"Function: {shown(function)} has no derivative: give one, Function(function, derivative) with "
            "derivative(x, dy), or let JAX find it: pip install 'lucidnet[jax]'"
        )
    return made


_FUNCTION = settings.function("a function of arrays")
_DERIVATIVE = settings.function("a function of arrays and dy", optional=True)
