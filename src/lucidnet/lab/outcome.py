"""The outcome of a race: the numbers of all runs, a table, differences with their errors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.epochs import number
from ..core.settings import flag, taken, text
from ..core.text import Report, as_text
from ..errors import SettingError, lookup
from ..foreign import answering
from ..training.history import History, Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = 40
"""A table with more lines is shown only when printed, not as a representation."""
NOTHING = 1e-9
"""Smaller differences are written as 0."""
LOSSES = ("loss", "val_loss")
"""Quantities that are different ones if the loss is different."""
ROUNDING = 1e-5
"""The relative difference that rounding may make between runs that are equal."""


@dataclass(frozen=True, repr=False)
class RaceRun:
    """One run of a race: its rule and seed, its history, time and memory.

    Parameters
    ----------
    rule : str
        The name of the rule, or of any other racer.
    seed : int
        The seed of initial weights, batches and feedback.
    history : History
        Loss and metrics after each epoch, of training and validation, and ``gradient_alignment``: the
        cosine between the rule's gradient and the true one, over all weights below the last layer of each
        output. What was recorded is in ``history.steps``. In an online race a row is a stretch of the stream.
    seconds : float
        The time of its training steps, without measurements.
    memory : int
        The most that a training step had allocated, in bytes.
    facts : dict
        What was trained: network, loss, optimizer, rule and settings, as text.
    failed : str, optional
        Where it ended early because of numbers that were not finite.
    """

    rule: str
    seed: int
    history: History
    seconds: float
    memory: int
    facts: dict[str, Any] = field(default_factory=dict)
    failed: str | None = None

    @property
    def why(self) -> str:
        """Why the run failed, in one sentence."""
        return (self.failed or "").partition(". ")[0]

    def last(self, quantity: str) -> float:
        """Return the final value of a quantity; NaN if the run failed or did not measure it."""
        values = self.history.get(quantity)
        return values[-1] if values and not self.failed else math.nan

    def __repr__(self) -> str:
        said = f"failed: {self.why}" if self.failed else str(Result({q: self.last(q) for q in self.history}))
        return f"RaceRun({self.rule!r}, seed {self.seed}, {self.history.epochs} epochs: {said})"


@answering
@dataclass(frozen=True, repr=False)
class Race(Report):
    """The results of a race.

    Two races that were run on the same data with the same settings can be joined: ``race1 + race2``.

    Parameters
    ----------
    runs : tuple of RaceRun
        One for each rule and seed.
    facts : dict
        What all runs have in common: data, epochs, settings.
    baseline : str, optional
        The racer that the others are compared with; the first if not given.
    stopped : str, optional
        Why some runs are missing, if they are.
    """

    runs: tuple[RaceRun, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    baseline: str | None = None
    stopped: str | None = None

    @property
    def rules(self) -> list[str]:
        """The names of the racers: of rules, or of whatever else was raced."""
        return list(dict.fromkeys(run.rule for run in self.runs))

    def of(self, rule: str) -> list[RaceRun]:
        """Return the runs of one racer."""
        rule = taken("race", "rule", rule, text())
        found = {name: [run for run in self.runs if run.rule == name] for name in self.rules}
        return lookup("name in this race", rule, found)

    def curves(self, rule: str, quantity: str) -> np.ndarray[Any, Any]:
        """Return a quantity's curves (seeds, epochs) for one racer; NaN after a run has ended early."""
        quantity = taken("race", "quantity", quantity, text())
        lookup("quantity in this race", quantity, dict.fromkeys(self.quantities))
        lists = [run.history.get(quantity, []) for run in self.of(rule)]
        made = np.full((len(lists), max(run.history.epochs for run in self.runs)), math.nan)
        for row, values in zip(made, lists, strict=True):
            row[: len(values)] = values
        return made

    @property
    def quantities(self) -> list[str]:
        """The names of the measured quantities."""
        names = dict.fromkeys(name for run in self.runs for name in run.history)
        return sorted(names, key=lambda name: name == "gradient_alignment")  # which comes last

    def rows(self) -> list[dict[str, Any]]:
        """Return all figures: one dict for each racer, seed and epoch."""
        return [{"rule": run.rule, "seed": run.seed} | row for run in self.runs for row in run.history.rows()]

    def step_rows(self) -> list[dict[str, Any]]:
        """Return what was recorded between epochs in long form: one dict for each number.

        The columns are ``rule``, ``seed``, and those of `History.step_rows`; ``pandas.DataFrame`` and
        ``polars.DataFrame`` take the list as it is.
        """
        return [
            {"rule": run.rule, "seed": run.seed} | row for run in self.runs for row in run.history.step_rows()
        ]

    def to_csv(self, path: str | PathLike[str] | None = None, *, steps: bool = False) -> str:
        """Return `rows`, or `step_rows` if `steps`, as CSV; write it to a file if a path is given."""
        from ..core.files import csv_text
        from ..core.longform import STEP_COLUMNS

        if taken("to_csv", "steps", steps, flag()):
            return csv_text(["rule", "seed", *STEP_COLUMNS], self.step_rows(), path)
        return csv_text(["rule", "seed", "epoch", *self.quantities], self.rows(), path)

    # --- comparing ----------------------------------------------------------------------------------

    def differences(self, baseline: str | None = None) -> list[dict[str, Any]]:
        """Return how the final results of the racers differ from a baseline's, paired by seed.

        Parameters
        ----------
        baseline : str, optional
            The racer to compare with; that of the race, or the first, if not given.

        Returns
        -------
        list of dict
            For each rule and quantity ``rule``, ``baseline``, ``quantity``, ``difference`` (the mean over the
            seeds that both have), ``standard_error`` (the standard deviation of the differences, with n - 1,
            by the root of n; NaN for one seed) and ``seeds``, their number n. The losses of runs that were
            trained on another loss are other quantities: their difference is NaN.
        """
        against = self._against(baseline)
        base = {run.seed: run for run in self.of(against)}
        return [
            {"rule": rule, "baseline": against, "quantity": quantity}
            | _paired([_ends(run, base[run.seed], quantity) for run in runs])
            for rule in self.rules
            if rule != against and (runs := [run for run in self.of(rule) if run.seed in base])
            for quantity in self.quantities
        ]

    def equal(self) -> list[tuple[list[str], bool]]:
        """Return groups of racers with equal results, and whether they are equal bit for bit.

        If they are not, they are equal up to rounding. This finds rules that coincide on this network, as
        ``rflo`` and ``eprop`` do on a `LeakyRNN`.
        """
        groups: list[tuple[list[str], bool]] = []
        for rule in self.rules:
            for i, (names, exact) in enumerate(groups):
                alike = self._alike(names[0], rule)
                if alike is not None:
                    groups[i] = [*names, rule], exact and alike
                    break
            else:
                groups.append(([rule], True))
        return [group for group in groups if len(group[0]) > 1]

    def _alike(self, one: str, two: str) -> bool | None:
        """Compare two racers' runs: True if equal bit for bit, False if up to rounding, None if different."""
        first, second = ({run.seed: run for run in self.of(name)} for name in (one, two))
        pairs = [(first[seed].history, second[seed].history) for seed in first if seed in second]
        if not pairs or any(a.keys() != b.keys() or a.epochs != b.epochs or not a for a, b in pairs):
            return None
        values = [(np.array(a[name]), np.array(b[name])) for a, b in pairs for name in a]
        if all(np.array_equal(a, b, equal_nan=True) for a, b in values):
            return True
        close = (np.allclose(a, b, rtol=ROUNDING, atol=ROUNDING, equal_nan=True) for a, b in values)
        return False if all(close) else None

    def _against(self, baseline: str | None) -> str:
        baseline = taken("race", "baseline", baseline, text(optional=True))
        found = (self.baseline or self.rules[0]) if baseline is None else baseline
        if found not in self.rules:
            self.of(found)  # raises
        return found

    def merge(self, *others: Race) -> Race:
        """Merge this race with others.

        Raises
        ------
        SettingError
            If they were run on other data or with other settings, or have the same run twice.
        """
        from ..core.packing import difference

        runs = list(self.runs)
        for other in others:
            if not isinstance(other, Race):
                raise SettingError(f"merge: expected races, got {other!r}")
            if other.facts != self.facts:
                what, mine, theirs = difference("race", self.facts, other.facts)
                raise SettingError(
                    f"merge: the races do not fit: {what} is {mine!r} in one, {theirs!r} in another"
                )
            for run in other.runs:
                _fits(runs, run)
                runs.append(run)
        order = {name: i for i, name in enumerate(dict.fromkeys(run.rule for run in runs))}
        runs.sort(key=lambda run: (order[run.rule], run.seed))
        stopped = "; ".join(filter(None, (race.stopped for race in (self, *others)))) or None
        return replace(self, runs=tuple(runs), stopped=stopped)

    def __add__(self, other: object) -> Race:
        return self.merge(other) if isinstance(other, Race) else NotImplemented

    # --- looking at it ------------------------------------------------------------------------------

    def table(self, baseline: str | None = None) -> str:
        """Return a table of the final results, followed by the differences to a baseline.

        The first table has mean and standard deviation over the seeds. The second has, for each rule, the
        mean difference to the baseline over seeds that both have, with its standard error; see `differences`.
        Then come the rules that are equal, and the runs that are missing.

        Parameters
        ----------
        baseline : str, optional
            The racer that the others are compared with; that of the race, or the first, if not given.
        """
        tables = [
            "\n".join([_grid(titles, rows), *([f"({note})"] if note else [])])
            for titles, rows, note in self._tables(self._against(baseline))
        ]
        return "\n\n".join([*tables, *(["\n".join(remarks)] if (remarks := self._remarks()) else [])])

    def _tables(self, against: str) -> Iterator[tuple[list[str], list[list[str]], str]]:
        """Yield titles, rows and a note of both tables, of the second if there is anything to compare."""
        titles = ["rule", *self.quantities, "s", "MiB a step"]
        counts = {rule: len(self.of(rule)) for rule in self.rules}
        most, each = max(counts.values()), ", ".join(f"{rule} {count}" for rule, count in counts.items())
        seeds = f"{most} seeds" if set(counts.values()) == {most} else f"the seeds of each ({each})"
        note = f"mean over {seeds} ± standard deviation" if most > 1 else ""
        yield titles, [[rule, *self._row(rule)] for rule in self.rules], note
        by_rule: dict[str, list[dict[str, Any]]] = {}
        for row in self.differences(against):
            by_rule.setdefault(row["rule"], []).append(row)
        if by_rule:
            rows = [[rule, *map(_with_error, found)] for rule, found in by_rule.items()]
            many = any(row["seeds"] > 1 for found in by_rule.values() for row in found)
            note = "mean difference over the same seeds ± its standard error" if many else "of one seed"
            yield [f"minus {against}", *self.quantities], rows, note

    def _row(self, rule: str) -> Iterator[str]:
        for name in self.quantities:
            yield _written(np.array([run.last(name) for run in self.of(rule)]))
        yield f"{np.mean([run.seconds for run in self.of(rule)]):.2f}"
        yield f"{np.mean([run.memory for run in self.of(rule)]) / 2**20:.2f}"

    def _remarks(self) -> list[str]:
        """Return lines on equal racers, failed runs, and missing runs."""
        lines = [
            f"{' and '.join([', '.join(names[:-1]), names[-1]])} are equal"
            + (": the same numbers, bit for bit" if exact else " but for rounding")
            for names, exact in self.equal()
        ]
        if len({run.facts.get("loss") for run in self.runs}) > 1:
            lines.append("not all were trained on the same loss: differences between losses are left out (-)")
        lines += [f"{run.rule}, seed {run.seed}, failed: {run.why}" for run in self.runs if run.failed]
        return lines + ([self.stopped] if self.stopped else [])

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        from ..core import page

        parts = [page.heading(f"Race: {len(self.runs):,} runs of {len(self.rules):,}")]
        for titles, rows, note in self._tables(self._against(None)) if self.runs else ():
            numbers = dict.fromkeys(range(1, len(titles)), "v")
            parts.append(page.table([title.replace("_", " ") for title in titles], rows, numbers))
            parts += [page.paragraph(note, "q")] if note else []
        return page.fragment(*parts, *map(page.paragraph, self._remarks()))

    def __repr__(self) -> str:
        text = self.table()
        if text.count("\n") < LINES:
            return text
        return f"Race({len(self.runs):,} runs of {len(self.rules):,}; print it to see the table)"

    def plot(self, path: str | PathLike[str] | None = None, **look: Any) -> Figure:
        """Plot all quantities over the epochs: mean and spread over the seeds.

        ``ax``, ``title``, ``figsize``, ``style`` and ``path`` are those of all pictures: see `plots`.
        """
        from ..plots.race import race_curves

        curves = {name: {rule: self.curves(rule, name) for rule in self.rules} for name in self.quantities}
        failed = {rule: sum(run.failed is not None for run in self.of(rule)) for rule in self.rules}
        return race_curves(curves, failed, path=path, **look)


def _fits(runs: list[RaceRun], run: RaceRun) -> None:
    """Raise if a run does not fit the others."""
    from ..core.packing import difference

    for other in (one for one in runs if one.rule == run.rule):
        if other.seed == run.seed:
            raise SettingError(
                f"merge: there are two runs of {run.rule!r} with seed {run.seed}: leave one out"
            )
        if other.facts != run.facts:
            what, mine, theirs = difference(run.rule, other.facts, run.facts)
            raise SettingError(
                f"merge: two different things are called {run.rule!r}: {what} is {mine!r} in one, {theirs!r} "
                "in another; give one another name"
            )


def _ends(one: RaceRun, other: RaceRun, quantity: str) -> tuple[float, float]:
    """Return the final values of both runs; NaN for losses that are not comparable."""
    apart = quantity in LOSSES and one.facts.get("loss") != other.facts.get("loss")
    return (math.nan, math.nan) if apart else (one.last(quantity), other.last(quantity))


def _paired(pairs: list[tuple[float, float]]) -> dict[str, Any]:
    """Return the mean of paired differences, with its standard error."""
    found = np.array([a - b for a, b in pairs])
    error = float(found.std(ddof=1) / math.sqrt(len(found))) if len(found) > 1 else math.nan
    return {"difference": float(found.mean()), "standard_error": error, "seeds": len(found)}


def _grid(columns: list[str], rows: list[list[str]]) -> str:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="")
    for i, column in enumerate(columns):
        table.add_column(Text(column.replace("_", " ") if i else column), justify="right" if i else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    return as_text(table, 60 + 24 * len(columns) + max(len(row[0]) for row in rows))


def _written(values: np.ndarray[Any, Any]) -> str:
    """Format mean and standard deviation."""
    mean, spread = number(float(values.mean())), float(values.std(ddof=min(1, len(values) - 1)))
    if len(values) == 1:
        return mean
    return f"{mean} ± {number(spread) if 'e' in mean else f'{spread:.4f}'}"


def _with_error(row: Mapping[str, Any]) -> str:
    """Format a difference with its sign and standard error."""
    difference, error = row["difference"], row["standard_error"]
    if math.isnan(difference):
        return "-"
    if abs(difference) < NOTHING:  # what rounding leaves of equal numbers
        difference, error = 0.0, 0.0 if error < NOTHING else error
    text = ("+" if difference > 0 else "") + number(difference)
    if math.isnan(error):
        return text
    return f"{text} ± {number(error) if 'e' in text else f'{error:.4f}'}"
