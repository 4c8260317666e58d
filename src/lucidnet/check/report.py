"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.text import Brief, Report, columns, plain
from ..errors import LucidnetError


class GradientError(LucidnetError, AssertionError):
    """A hand-written gradient is wrong; the message is the report."""


@dataclass(frozen=True, repr=False)
class Entry(Brief):
    """How the gradient by one array compares with finite differences.

    Parameters
    ----------
    name : str
        The array: a parameter's path, "x" for a layer's input, "prediction" for a loss's. Where an
        array was too large to compare whole, "random direction" is the slope along one through all.
    error : float
        The worst of ``|analytic - numeric|``, over the largest magnitude in either of the two
        gradients of this array; or over 1e-4, or 1e7 times the rounding of the finite differences,
        if that is larger, for they resolve no more.
    where : tuple of int
        The index of the worst entry.
    analytic, numeric : float
        The two values there.
    checked, kinks : int
        The number of entries compared, and of those left out because the function has a kink there.
    idle : bool
        Whether the array changes nothing here: all slopes are 0, both ways. It may not be used by `forward`.
    """

    name: str
    error: float
    where: tuple[int, ...] = ()
    analytic: float = float("nan")
    numeric: float = float("nan")
    checked: int = 0
    kinks: int = 0
    idle: bool = False


@dataclass(frozen=True, repr=False)
class CheckReport(Report):
    """The result of a gradient check; true if it passed.

    Parameters
    ----------
    subject : str
        What was checked.
    entries : tuple of Entry
        One for each array.
    tolerance : float
        The largest error that passes.
    likely : tuple of str
        What is wrong, or the most likely mistakes, in words.
    """

    subject: str
    entries: tuple[Entry, ...]
    tolerance: float
    likely: tuple[str, ...] = ()

    @property
    def worst(self) -> float:
        """The worst error of all arrays."""
        return max((entry.error for entry in self.entries), default=0.0)

    @property
    def passed(self) -> bool:
        """Whether all errors are within the tolerance, and no other fault was found."""
        return self.worst <= self.tolerance and not self.likely

    def __bool__(self) -> bool:
        return self.passed

    def raise_if_failed(self) -> None:
        """Raise `GradientError` with the report as its message, unless the check passed."""
        if not self.passed:
            raise GradientError(f"\n{self}")

    def __str__(self) -> str:
        lines = columns([TITLES, *map(_cells, self.entries)])
        return plain("\n".join([self.verdict, *lines, *(f"likely: {sentence}" for sentence in self.likely)]))

    @property
    def verdict(self) -> str:
        """What was checked, whether it passed, and the tolerance."""
        return f"{self.subject}: {'passed' if self.passed else 'FAILED'} (tolerance {self.tolerance:.0e})"

    def _repr_html_(self) -> str:
        from ..core import page

        rows = [_cells(entry) for entry in self.entries]
        table = page.table(TITLES, rows, {0: "m", 3: "n", 4: "n", 5: "n"})
        likely = [page.paragraph(f"likely: {sentence}", "bad") for sentence in self.likely]
        return page.fragment(page.heading(self.verdict), table, *likely)


TITLES = ("gradient of", "worst error", "at", "analytic", "numeric", "checked")


def _cells(entry: Entry) -> tuple[str, ...]:
    kinks = f" ({entry.kinks} at kinks left out)" if entry.kinks else ""
    kinks += ", without effect here" if entry.idle else ""
    at = ", ".join(map(str, entry.where))
    numbers = (f"{entry.analytic:.8g}", f"{entry.numeric:.8g}") if entry.checked else ("", "")
    return entry.name, f"{entry.error:.1e}", f"[{at}]" if at else "", *numbers, f"{entry.checked}{kinks}"
