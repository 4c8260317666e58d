"""Labels of logarithmic axes, as a class that figures can be pickled with."""

from __future__ import annotations

from matplotlib.ticker import LogFormatterSciNotation


class PlainLog(LogFormatterSciNotation):
    """Labels such as 0.01 and 0.4, not powers, where those are short; matplotlib chooses the ticks."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the label of a tick at `x`, empty where there is no room for one."""
        label = super().__call__(x, pos)
        return f"{x:g}" if label and 0.99e-4 < x < 1.01e4 else label
