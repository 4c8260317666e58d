"""The results of a user's own `Loss`, converted to arrays of the engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..backend.results import followed, returned
from ..core.order import check_method
from ..core.own import check_methods, written
from ..core.settings import accepts
from ..errors import SettingError


def adapt(cls: Any, base: type) -> None:
    """Make the methods of a user's loss class be checked: the order of their arguments, and their results."""
    check_methods(cls, base)
    forward = written(cls, "forward", base)
    if forward is not None and not accepts(forward, 6):
        from inspect import signature

        raise SettingError(
            f"{cls.__name__}.forward takes {signature(forward)}, but is called with prediction, target, "
            "weights, mask, valid: in its place write values(self, prediction, target), which returns the "
            "loss of each example and what slope(self, cache) needs; weights and means come around it"
        )
    if (values := written(cls, "values", base)) is not None:
        check_method(values, ("prediction", "target"), 1)
        cls.values = _values(values)
    if (slope := written(cls, "slope", base)) is not None:
        cls.slope = _slope(slope)


def _values(values: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(values)
    def brought(self: Any, prediction: Any, target: Any) -> Any:
        what = f"{type(self).__name__}.values"
        made = followed(what, values, self, prediction, target)
        if not isinstance(made, tuple) or len(made) != 2:
            raise SettingError(f"{what} must return a pair, the loss of each example and what slope needs")
        return returned(made[0], prediction, what), made[1]

    return brought


def _slope(slope: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(slope)
    def brought(self: Any, cache: Any) -> Any:
        return followed(f"{type(self).__name__}.slope", slope, self, cache)

    return brought
