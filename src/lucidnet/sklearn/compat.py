"""What depends on scikit-learn's version: callbacks of its own. Imported first, it says if there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import optional

optional("sklearn", "sklearn")
try:
    import sklearn.callback as theirs
except ImportError:  # before 1.9
    theirs = None

F = TypeVar("F", bound=Callable[..., Any])

Listened: Any = theirs.CallbackSupportMixin if theirs else object
"""The base of estimators to which scikit-learn's callbacks can listen."""


def with_callbacks(method: F) -> F:
    """Return a method that lets scikit-learn's callbacks go at its end."""
    made: F = theirs.with_callbacks(method) if theirs else method
    return made


def context_of(estimator: Any, epochs: int) -> Any:
    """Return where scikit-learn's callbacks are told of the epochs of a training; None if there are none."""
    context = estimator._init_callback_context(max_subtasks=epochs) if theirs else None
    return context if getattr(context, "_callbacks", True) else None
