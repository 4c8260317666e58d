"""What a metric is: a value computed over an epoch, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial, wraps
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np

from ..core import settings
from ..core.numeric import scalar
from ..core.order import Ordered, check_method, order_setting, target_first
from ..core.own import check_methods, run, written
from ..core.packing import number, sensible, shaped_like
from ..core.value import Value, of_library, value
from ..errors import DataError, SettingError
from .arrays import Data, Weight

State = TypeVar("State")
Direction = Literal["min", "max"]
NO_EXAMPLES = "there are no examples (or all their weights are zero)"


class Metric(Value, Generic[State]):
    """Base class of metrics: ``start`` a state, ``update`` it with each batch, read the ``result``.

    The result is that of the whole set, whatever the batches were. No method changes the state it is given.
    """

    better: ClassVar[Direction | None] = None
    """Which numbers are better: small ("min") or large ("max"); None if unknown."""

    @property
    def name(self) -> str:
        """The name in the history and on screen."""
        raise NotImplementedError(f"{type(self).__name__} must define name: name = 'error'")

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        better = vars(cls).get("better")
        if isinstance(better, str) and better not in ("min", "max"):
            raise SettingError(
                f"{cls.__name__}: better must be 'min', 'max', or None (nobody can know), got {better!r}"
            )
        if not of_library(cls) and (update := written(cls, "update", Metric)) is not None:
            check_methods(cls, Metric)
            check_method(update, ("target", "prediction"), 2)
            cls.update = _lending(update)  # type: ignore[method-assign]

    def start(self) -> State:
        """Return the state before the first batch."""
        raise NotImplementedError

    def update(self, state: State, y: Data, prediction: Data, sample_weight: Weight = None) -> State:
        """Return the state updated with one more batch."""
        raise NotImplementedError

    def merge(self, one: State, other: State) -> State:
        """Merge two states, as needed if several processes train together."""
        raise NotImplementedError(
            f"{type(self).__name__} must define merge(one, other) for several processes"
        )

    def value(self, state: State) -> float:
        """Return the value of the metric, where it is defined."""
        raise NotImplementedError

    def undefined(self, state: State) -> str | None:
        """Say why the metric is undefined for these data; None if it is defined."""
        return None

    def result(self, state: State) -> float:
        """Return the value of the metric; NaN where it is undefined, so that training goes on."""
        if self.undefined(state):
            return math.nan
        return scalar(self.value(state), f"what {type(self).__name__}.value returns", finite=False)

    def __call__(self, y: Data, prediction: Data, sample_weight: Weight = None) -> float:
        """Return the metric of all data at once.

        Raises
        ------
        DataError
            If it is undefined for these data.
        """
        state = self.update(self.start(), y, prediction, sample_weight)
        if reason := self.undefined(state):
            raise DataError(f"{self.name}: {reason}")
        return self.result(state)


def _lending(update: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the `update` of a user's metric so that it cannot modify targets and predictions."""

    @wraps(update)
    def lending(self: Any, state: Any, *data: Any, **named: Any) -> Any:
        return run(f"{type(self).__name__}.update", partial(update, self, state), *data, **named)

    return lending


def state_of(metric: Metric[Any], given: Any) -> Any:
    """Check a metric's state that was read from a file, and return it.

    Raises
    ------
    FileError
        If its form is not that of `Metric.start`, or no number can be made of it.
    """
    state = shaped_like(given, metric.start())
    with sensible(f"the state of the metric {metric.name}"), np.errstate(all="ignore"):
        _check_form(state, metric.start())
        with suppress(NotImplementedError):
            metric.result(metric.merge(metric.start(), state))
        metric.result(state)
    return state


def _check_form(given: Any, like: Any) -> None:
    """Raise unless a state has the structure of another, and numbers in the same places."""
    if isinstance(like, (tuple, list)) and like:
        for one, other in zip(given, like, strict=True):
            _check_form(one, other)
    elif isinstance(like, np.ndarray):
        if not isinstance(given, np.ndarray) or given.ndim != like.ndim or given.dtype.kind not in "biuf":
            raise ValueError(f"expected an array of {like.ndim} axes, got {given!r}")
    elif isinstance(like, (int, float)) and not isinstance(given, np.ndarray):
        number(given)


Sums = tuple[Any, float]


class Mean(Metric[Sums]):
    """A metric that is a weighted mean; its state is (sum, weight), both float64 or exact."""

    def start(self) -> Sums:
        """Return the state before the first batch."""
        return 0, 0

    def merge(self, one: Sums, other: Sums) -> Sums:
        """Add the sums and weights of two states."""
        return one[0] + other[0], one[1] + other[1]

    def value(self, state: Sums) -> float:
        """Return the sum divided by the weight."""
        return float(state[0] / state[1])

    def undefined(self, state: Sums) -> str | None:
        """Say that there are no examples, if the total weight is 0."""
        return None if state[1] else NO_EXAMPLES


@value
class FunctionMetric(Mean):
    """A metric made of a plain function of targets and predictions.

    It does not say whether small or large values are better: callbacks that look for the best need ``mode=``.
    The result over an epoch is the mean of its values, each batch weighted by its number of examples;
    that equals the number of the whole set only for functions that are means over examples. Sample weights
    do not reach the function.

    Parameters
    ----------
    function : callable
        ``function(target, prediction) -> float``, in this or in the other order: the names of its arguments
        say which is which, as for `losses.Custom`. Its own name becomes that of the metric.
    order : {"target, prediction", "prediction, target"}, optional
        Which comes first, if the names say nothing.

    Examples
    --------
    >>> def bias(y, prediction):
    ...     return (prediction - y).mean()
    >>> metric = FunctionMetric(bias)
    >>> metric.name, metric(np.array([1.0, 2.0]), np.array([1.5, 3.0]))
    ('bias', 0.75)
    """

    function: Callable[..., Any] = settings.function()
    order: str | None = order_setting()

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.ordered

    @cached_property
    def ordered(self) -> Ordered:
        """The function, wrapped to take the prediction first."""
        try:
            return Ordered(self.function, target_first(self.function, self.order, "metrics.FunctionMetric"))
        except SettingError as error:
            raise SettingError(f"FunctionMetric: function of the metric: {error}") from None

    @property
    def name(self) -> str:
        """The name of the function."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def update(self, state: Sums, y: Data, prediction: Data, sample_weight: Weight = None) -> Sums:
        """Add the function's value for a batch, times its number of examples."""
        count = len(np.asarray(prediction))
        if not count:
            return state
        made = run(f"the metric {self.name}", self.ordered, prediction, y)
        found = scalar(made, f"what the metric {self.name} returns", finite=False)
        return state[0] + count * found, state[1] + count
