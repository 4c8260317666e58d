"""What depends on scikit-learn's version, such as its callbacks; raises if scikit-learn is missing."""

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
"""The base of estimators that scikit-learn's callbacks can listen to."""


def with_callbacks(method: F) -> F:
    """Return a method that closes scikit-learn's callbacks when it ends."""
    made: F = theirs.with_callbacks(method) if theirs else method
    return made


def context_of(estimator: Any, epochs: int) -> Any:
    """Return the context in which scikit-learn's callbacks are told of epochs; None without callbacks."""
    return estimator._init_callback_context(max_subtasks=epochs) if theirs else None
