"""Whether a user's function takes target or prediction first, judged by its parameter names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..errors import SettingError
from .record import Record, record
from .settings import UnfitError, setting, shown

PREDICTION = frozenset(
    [
        "prediction",
        "predictions",
        "predicted",
        "pred",
        "preds",
        "hat",
        "yhat",
        "output",
        "outputs",
        "logit",
        "logits",
        "p",
        "estimate",
        "estimated",
        "estimates",
        "score",
        "scores",
    ]
)
"""Words in a parameter's name that mark it as the prediction."""
TARGET = frozenset(
    ["target", "targets", "true", "truth", "ytrue", "label", "labels", "t", "desired", "expected", "actual"]
)
"""Words in a parameter's name that mark it as the target."""
ORDERS = ("target, prediction", "prediction, target")


def meaning(name: str) -> str:
    """Return what a parameter's name says it is: ``"target"``, ``"prediction"``, or "" for neither.

    Examples
    --------
    >>> meaning("y_pred"), meaning("yTrue"), meaning("x"), meaning("target_output")
    ('prediction', 'target', '', '')
    """
    words = set(re.sub(r"(?<=[a-zA-Z])(?=[A-Z][a-z])", "_", name).lower().split("_"))
    words |= {word.rstrip("0123456789") for word in words}
    found = [kind for kind, known in (("target", TARGET), ("prediction", PREDICTION)) if words & known]
    return found[0] if len(found) == 1 else ""


def names_of(function: Callable[..., Any]) -> tuple[str, str] | None:
    """Return the names of a function's two positional arguments; None if they cannot be found out.

    Raises
    ------
    SettingError
        If it cannot be called with two arguments.
    """
    from inspect import Parameter, signature

    try:
        known = signature(function)
    except (TypeError, ValueError):  # a function written in another language
        return None
    try:
        known.bind(None, None)
    except TypeError:
        raise SettingError(
            f"expected a function of two arguments, as f(target, prediction), got {shown(function)}, which "
            f"takes {known}"
        ) from None
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    names = [name for name, parameter in known.parameters.items() if parameter.kind in kinds]
    return (names[0], names[1]) if len(names) > 1 else None


def target_first(
    function: Callable[..., Any], order: str | None, write: str, otherwise: bool | None = None
) -> bool:
    """Tell whether a function takes the target first, by the names of its arguments or by `order`.

    Parameters
    ----------
    function : callable
        A function of two arguments.
    order : str, optional
        The order that the user gave; the names are then ignored.
    write : str
        What to write if the names say nothing.
    otherwise : bool, optional
        The order if they say nothing, where that is known.

    Raises
    ------
    SettingError
        If the order cannot be known.
    """
    names = names_of(function)
    if order is not None:
        return order == ORDERS[0]
    first, second = map(meaning, names) if names else ("", "")
    if first == second and otherwise is not None:
        return otherwise
    if first == second:
        shown_names = f"({', '.join(names)})" if names else "(...)"
        raise SettingError(
            f"{shown(function)} takes {shown_names}, and which of them is the target cannot be known: name "
            f'them, as in f(target, prediction), or write {write}(f, order="target, prediction") or '
            f'{write}(f, order="prediction, target")'
        )
    return first == "target" or second == "prediction"


def _as_order(given: Any, owner: Any) -> str:
    words = [word.strip() for word in given.split(",")] if isinstance(given, str) else []
    said = ", ".join(map(meaning, words))
    if said not in ORDERS:
        raise UnfitError
    return said


def order_setting() -> Any:
    """Declare in which order a function takes target and prediction, where its names do not tell."""
    return setting(" or ".join(map(repr, ORDERS)), _as_order, default=None, optional=True)


@record
class Ordered(Record):
    """A function of target and prediction, to be called with the prediction first.

    Parameters
    ----------
    function : callable
        The function.
    swapped : bool
        Whether it takes the target first.
    """

    function: Callable[..., Any]
    swapped: bool

    def __call__(self, prediction: Any, target: Any) -> Any:
        """Call the function with prediction and target in its own order."""
        return self.function(target, prediction) if self.swapped else self.function(prediction, target)


def check_method(method: Callable[..., Any], expected: tuple[str, ...], skipped: int) -> None:
    """Raise if a method's argument names say that it takes target and prediction in the wrong order.

    Parameters
    ----------
    method : callable
        A method of a user's own class.
    expected : tuple of str
        ``("prediction", "target")``, or the other order.
    skipped : int
        How many arguments come before them, self among them.
    """
    code = getattr(method, "__code__", None)
    if code is None:
        return
    names = code.co_varnames[skipped : min(skipped + 2, code.co_argcount)]
    said = tuple(map(meaning, names))
    if any(one and one != other for one, other in zip(said, expected, strict=False)):
        raise SettingError(
            f"{method.__qualname__}({', '.join(names)}): it is called with {' and '.join(expected)}, in this "
            "order: name and use them so"
        )
