"""Tracking the best value so far of a measured number, in one place for all who need it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .. import foreign
from ..core.packing import number
from ..errors import SettingError, nearest
from .base import Metric


class Best:
    """Remembers the best value of a measured number over the epochs; NaN is never the best.

    Parameters
    ----------
    monitor : str
        The number, as it stands in the history: ``"loss"``, or the name of a metric, also after ``"val_"``.
    mode : {"min", "max"}, optional
        Whether small or large is good. By default the metric says it; it must be given for a metric that does
        not know. If both are given, this one counts.
    min_delta : float
        The least improvement over the best number before.
    owner : str
        Who asks, for messages.

    Examples
    --------
    >>> best = Best("val_loss")
    >>> [best.improved({"val_loss": value}, ()) for value in (float("nan"), 2.0, 3.0, 1.0)]
    [False, True, False, True]
    """

    def __init__(
        self, monitor: str, mode: str | None = None, min_delta: float = 0.0, owner: str = ""
    ) -> None:
        if mode not in (None, "min", "max"):
            raise SettingError(f"{owner}: mode must be 'min' or 'max', got {mode!r}")
        self.monitor, self.mode, self.min_delta, self.owner = monitor, mode, min_delta, owner
        self.value: float | None = None
        self.way = mode

    def begin(self, metrics: Sequence[Metric[Any]], validated: bool = True) -> None:
        """Reset; raise if it is not known whether small or large values are better.

        It raises, too, if the number is one of validation, and nothing will be `validated`.
        """
        self.value, self.way = None, self.direction(metrics)
        names = "loss", *(metric.name for metric in metrics)
        if not validated and self.monitor not in names and self.monitor.startswith("val_"):
            raise self._missing(names)

    def direction(self, metrics: Sequence[Metric[Any]]) -> str:
        """Return ``"min"`` or ``"max"``.

        Raises
        ------
        SettingError
            If the metric does not know it, and it was not given.
        """
        if self.mode is not None:
            return self.mode
        known = {"loss": "min"} | {metric.name: metric.better for metric in metrics}
        name = self.monitor if self.monitor in known else self.monitor.removeprefix("val_")
        if (found := known.get(name)) is not None:
            return found
        what, near = "does not say whether small or large is better", ""
        if name not in known:
            what, ours = "is not one that is known", foreign.word("metric", name)
            ours = ours if ours in known else nearest(name, list(known))
            near = f"; did you mean {self.monitor.replace(name, ours)!r}?" if ours else ""
        raise SettingError(
            f"{self.owner}: the number {self.monitor!r} {what}: pass mode='min' or mode='max' "
            f"(known are {', '.join(name for name, way in known.items() if way)}){near}"
        )

    def improved(self, result: Mapping[str, float], metrics: Sequence[Metric[Any]]) -> bool:
        """Record an epoch's number; return whether it is the best so far."""
        if self.monitor not in result:
            raise self._missing(result)
        value, way = float(result[self.monitor]), self.direction(metrics)
        if math.isnan(value) or not (self.value is None or self._better(value, self.value, way)):
            return False
        self.value = value
        return True

    def _missing(self, there: Iterable[str]) -> SettingError:
        hint = "; pass validation_data" if self.monitor.startswith("val_") else ""
        return SettingError(f"nothing named {self.monitor!r} is measured; there are {', '.join(there)}{hint}")

    def _better(self, value: float, before: float, way: str) -> bool:
        if math.isnan(before):  # from a checkpoint of older versions
            return True
        return value < before - self.min_delta if way == "min" else value > before + self.min_delta

    def state(self) -> dict[str, Any]:
        """Return the state for `restore`."""
        return {"best": self.value, "monitor": self.monitor, "mode": self.way}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, after `begin`.

        Raises
        ------
        SettingError
            If that was of another number, or of the other direction.
        """
        for name, mine in (("monitor", self.monitor), ("mode", self.way)):
            if mine != state.get(name, mine):
                raise SettingError(
                    f"{self.owner}: {name} is {mine!r} here, and {state[name]!r} in the checkpoint: what was "
                    "best there says nothing here; use the same to go on, or another folder to begin anew"
                )
        best = state["best"]
        self.value = None if best is None else number(best)
