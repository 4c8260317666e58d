"""Showing numbers measured once or at each epoch: in a line, as a table, or on a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn, Self

from .signals import DeferInterrupt, lock
from .text import LINES, ByName, columns, plain, short, shortened

VALIDATION = "val_"
LOCK = lock()
"""Held while the lists of a history grow, or are copied."""
PANELS = 6
"""The most curves on a page; other quantities are only in the table."""


class NameOfANumber(str):
    """The name of a measured number; using it as if it were the number (as in Keras) is an error."""

    def _no_number(self, *given: Any) -> NoReturn:
        raise TypeError(
            f"{str(self)!r} is the name of a number: what was measured goes by name, result.{self} or "
            f"result[{str(self)!r}]; loss, ... = result.values() gives the numbers in their order"
        )

    __float__ = __round__ = __mul__ = __rmul__ = __truediv__ = __rsub__ = __sub__ = _no_number

    def __format__(self, how: str) -> str:
        if how[-1:] in tuple("eEfFgG%"):
            self._no_number()
        return super().__format__(how)


class EpochLists(dict[str, list[float]]):
    """Lists of numbers by name, one number for each epoch, as a history shows them.

    The error for a missing name tells which names there are.
    """

    steps: dict[str, Any]
    stopped: str | None

    def append(self, result: Mapping[str, float]) -> None:
        """Add the numbers of one epoch; quantities new or missing now are NaN in the other epochs."""
        unknown, before = float("nan"), self.epochs
        values = {name: result.get(name, unknown) for name in {**self, **result}}
        with DeferInterrupt(), LOCK:  # who copies it finds whole epochs
            for name, value in values.items():
                if name not in self:
                    self[name] = [unknown] * before
                self[name].append(value)

    def copied(self) -> Self:
        """Return a copy with lists of its own, to which nothing is added here; recorded arrays are shared."""
        with LOCK:
            made = type(self)({name: list(values) for name, values in self.items()})
        vars(made).update(vars(self))
        made.steps = ByName({name: list(pairs) for name, pairs in dict(self.steps).items()})
        return made

    @property
    def epochs(self) -> int:
        """The number of epochs recorded."""
        return max(map(len, list(self.values())), default=0)

    def __repr__(self) -> str:
        return told(self)

    def __str__(self) -> str:
        return in_table(self)

    def _repr_html_(self) -> str:
        return on_page(self)

    def __missing__(self, name: Any) -> NoReturn:
        steps = f", in steps: {', '.join(self.steps)}" if self.steps else ""
        raise KeyError(f"{name!r} was not measured; by name there are: {', '.join(self) or 'none'}{steps}")


class Result(dict[str, float]):
    """Measured numbers by name, also as attributes: ``result.loss``.

    Examples
    --------
    >>> result = Result(loss=0.25, accuracy=0.9)
    >>> result
    loss 0.2500, accuracy 0.9000
    >>> result.accuracy
    0.9
    """

    def __getattr__(self, name: str) -> float:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no {name!r} was measured; there are: {', '.join(self)}") from None

    def __missing__(self, name: Any) -> NoReturn:
        raise KeyError(f"no {name!r} was measured; by name there are: {', '.join(self)}")

    def __iter__(self) -> Iterator[str]:
        return map(NameOfANumber, super().__iter__())

    def __repr__(self) -> str:
        return shortened(in_line(self)) or "nothing was measured"

    def __str__(self) -> str:
        return plain(in_line(self))

    def _repr_html_(self) -> str:
        return result_on_page(self)


def number(value: Any) -> str:
    """Format a number with four decimals, or in scientific notation if those would hide it.

    Examples
    --------
    >>> number(0.98765), number(0.0000123), number(123456.7)
    ('0.9877', '1.230e-05', '1.235e+05')
    """
    try:
        value = float(value)
    except (TypeError, ValueError):  # a user's own metric may return something else
        return short(value, 30)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"


def in_line(result: Mapping[str, Any]) -> str:
    """Format measurements in one line, each name followed by its number."""
    return ", ".join(f"{name} {number(value)}" for name, value in result.items())


def _notes(history: EpochLists) -> list[str]:
    recorded = [f"{len(history.steps):,} quantities recorded in steps"] if history.steps else []
    return [*recorded, *([f"stopped: {history.stopped}"] if history.stopped else [])]


def told(history: EpochLists) -> str:
    """Format a history in one line: the number of epochs, and each quantity's first and last value."""
    epochs, notes = history.epochs, _notes(history)
    if not epochs:
        return plain(f"History({', '.join(['no epoch yet', *notes])})")
    went = [f"{name} {_course(values)}" for name, values in history.items() if len(values)]
    count = "1 epoch" if epochs == 1 else f"{epochs:,} epochs"
    return shortened(f"History({count}: {', '.join([*went, *notes])})")


def _course(values: Sequence[Any]) -> str:
    first, last = number(values[0]), number(values[-1])
    return last if len(values) == 1 else f"{first} -> {last}"


def in_table(history: EpochLists) -> str:
    """Format a history as a table, one line per epoch; the middle of a long history is left out."""
    rows, left = _rows(history, LINES - 2)
    lines = columns([["epoch", *history], *rows], right=range(len(history) + 1))
    if left:
        lines.insert(1 + (LINES - 2) // 2, f"... {left:,} epochs more: rows() and to_csv() have all ...")
    return plain("\n".join(lines))


def _rows(history: EpochLists, most: int) -> tuple[list[list[str]], int]:
    """Return the table rows of the first and last epochs, and how many are left out in between."""
    epochs = history.epochs
    shown: Sequence[int] = range(epochs)
    if epochs > most:
        shown = [*range(most // 2), *range(epochs - most + most // 2, epochs)]
    cells = [
        [f"{e + 1}", *(number(values[e]) if e < len(values) else "" for values in history.values())]
        for e in shown
    ]
    return cells, epochs - len(shown)


def on_page(history: EpochLists) -> str:
    """Return a history as HTML: its curves, and a table of the first and last epochs."""
    from . import page

    epochs, notes = history.epochs, _notes(history)
    count = "1 epoch" if epochs == 1 else f"{epochs:,} epochs" if epochs else "no epoch yet"
    parts = [page.heading("; ".join([f"History: {count}", *notes]))]
    if epochs > 1:
        names = list(dict.fromkeys(name.removeprefix(VALIDATION) for name in history))
        pairs = {name: [key for key in (name, VALIDATION + name) if key in history] for name in names}
        parts += [page.curves(name, {key: history[key] for key in pairs[name]}) for name in names[:PANELS]]
    if epochs:
        rows, left = _rows(history, 10)
        if left:
            rows.insert(5, ["...", *("..." for _ in history)])
        parts.append(page.table(["epoch", *history], rows, dict.fromkeys(range(len(history) + 1), "n")))
    return page.fragment(*parts)


def rates_on_page(told: str, rates: Sequence[float], losses: Sequence[float], suggestion: float) -> str:
    """Return the loss against the learning rate as HTML, with a mark at the suggested rate."""
    from . import page

    given: Any = ("loss", {"loss, smoothed": losses}, rates)
    curve = page.curves(*given, mark=suggestion, log=True, across="learning rate")
    title, *lines = told.split("\n")
    rows = [line.split(maxsplit=2) for line in lines]
    if len(rows) > 1:  # suggestions: name, rate and reason
        reasons = page.table(("suggestion", "rate", "why"), rows, {1: "n", 2: "w"})
        return page.fragment(page.paragraph(title), reasons, curve)
    return page.fragment(*map(page.paragraph, [title, *lines]), curve)


def result_on_page(result: Mapping[str, Any]) -> str:
    """Return one measurement as HTML: a table of names and numbers."""
    from . import page

    cells = [[name, number(value)] for name, value in result.items()]
    return page.fragment(page.table((), cells, {1: "n"}) if cells else page.paragraph("nothing was measured"))


def worth_a_line(epoch: int, epochs: int) -> bool:
    """Tell whether an epoch gets a line of its own: about twenty do, with the first and the last."""
    return epoch in (1, epochs) or epoch % max(1, -(-epochs // 20)) == 0


def epoch_cells(epoch: int, epochs: int, result: Mapping[str, Any], seconds: float) -> dict[str, str]:
    """Return the table cells of an epoch, by column title."""
    numbers = {name: number(value) for name, value in result.items()}
    return {"epoch": f"{epoch}/{epochs}", "time": duration(seconds)} | numbers


def aligned(cells: Mapping[str, str]) -> str:
    """Format a row of a table, each column as wide as its title or the longest number.

    Examples
    --------
    >>> aligned({"epoch": "1/10", "loss": "0.2500"})
    ' 1/10     0.2500'
    """
    widths = {"epoch": 5, "time": 6}
    return "  ".join(f"{cell:>{widths.get(title, max(9, len(title)))}}" for title, cell in cells.items())


def duration(seconds: float) -> str:
    """Write how long an epoch took.

    Examples
    --------
    >>> duration(0.0123), duration(75.21)
    ('12 ms', '75.2 s')
    """
    return f"{seconds:.1f} s" if seconds >= 0.95 else f"{1000 * seconds:.0f} ms"


def clock(seconds: float) -> str:
    """Write a time as minutes and seconds.

    Examples
    --------
    >>> clock(75.2), clock(3700)
    ('1:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
