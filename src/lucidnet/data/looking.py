"""Inspecting a file before training: what its columns are, what is odd, which command to type."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from ..core.calls import takes
from ..core.record import Record, record
from ..core.settings import count, path_like, text
from ..core.text import Report, array, columns, plain
from ..errors import DataError, SettingError, some
from .column import a_column
from .columns import (
    FAR,
    OF_TARGET,
    ColumnSeen,
    ColumnTold,
    as_written,
    in_time,
    one_hot_with,
    quantity,
    told,
)
from .delimited import KINDS, MOST, frame, suffixes
from .encodings import symbol_within
from .fitting import Words, column_name, fitted, kind_of
from .frames import Cells, Frame
from .leaks import copies, repeated
from .likely import best_target
from .oddities import in_other_letters, in_units
from .proposing import beside, columns_aside, command_for, python_for
from .table import Table
from .tables import read
from .targets import FEW, ROWS
from .written import as_text

WIDE = 40
"""From more columns than this, similar ones are shown together."""
LOOKED = 1000
"""The texts of a column in which signs of another encoding are looked for."""
LEAST = 3
"""With fewer rows the command line trains nothing, as some are kept for testing."""
FEW_ROWS = " --validation 0"
"""What is added to a command where the rows are too few to keep some for validation."""
TOTALS = frozenset(
    ("total", "totals", "grand total", "sum", "overall", "summe", "gesamt", "insgesamt", "somme", "totaal")
)
"""What the last row of a table may be called that holds the sums of those above."""
UNTICKED = "it holds one value, or nothing: the rows without it would be left out"
"""Why a column of ticks is dropped where rows with missing cells are."""
TITLES = ("column", "kind", "holds", "missing", "becomes")
SIGNS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
ENCODINGS = {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252 (nearly Latin-1)"}


@record
class Look(Report, Record):
    """A look at a data file: what it holds, what is odd about it, and how to learn from it.

    Parameters
    ----------
    path : str
        The file.
    title : str
        The number of rows and columns, and the format.
    columns : tuple of ColumnSeen
        What each column is, and how it will be used.
    odd : tuple of str
        Sentences about what is odd in the data.
    target : str, optional
        The column to learn.
    task : str
        A description of what is to be learned.
    command : str
        The command to train on it; empty if nothing can be learned from it as it stands.
    python : str
        The same in Python.
    table : Table, optional
        How its rows become inputs and targets, if that can be said.
    """

    path: str
    title: str
    columns: tuple[ColumnSeen, ...]
    odd: tuple[str, ...]
    target: str | None
    task: str
    command: str
    python: str
    table: Table | None = None

    def __str__(self) -> str:
        parts = [f"{self.path}: {self.title}", "", *columns([TITLES, *_shown(self.columns)]), "", self.task]
        if self.odd:
            parts += ["", "to know:", *(f"- {one}" for one in self.odd)]
        if self.command:
            parts += ["", f"to train:  {self.command}", "", "in Python:", *self.python.splitlines()]
        return plain("\n".join(parts))

    def _repr_html_(self) -> str:
        from ..core import page

        parts = [page.heading(f"{self.path}: {self.title}"), page.table(TITLES, _shown(self.columns))]
        parts += [page.paragraph(self.task), *(page.paragraph(one, "q") for one in self.odd)]
        return page.fragment(*parts, page.preformatted(f"{self.command}\n\n{self.python}".strip()))

    def to_plain(self) -> dict[str, Any]:
        """Return everything found out about a file as dicts, lists, texts and numbers, ready for JSON."""
        made = {
            name: getattr(self, name) for name in ("path", "title", "target", "task", "command", "python")
        }
        seen = [dict(vars(one)) for one in self.columns]
        table = None if self.table is None else self.table.to_plain()
        return made | {"columns": seen, "odd": list(self.odd), "table": table}


@takes(
    path=path_like(),
    target=a_column(optional=True),
    encoding=text(optional=True),
    max_bytes=count(1),
)
def look(
    path: str | os.PathLike[str],
    *,
    target: str | int | None = None,
    encoding: str | None = None,
    max_bytes: int = MOST,
) -> Look:
    """Look at a file of examples: what each column is, what is odd, and the command to train with.

    Nothing is trained or changed. The command is what the columns suggest; it can be written in other ways.

    Parameters
    ----------
    path : path
        A file that `read` understands.
    target : str or int, optional
        The column to learn, by name or number. If not given, one that is called ``label``, ``target`` or the
        like, a first column of classes in front of numbers, or the last.
    encoding : str, optional
        The encoding of its text, if that is not to be found out.
    max_bytes : int
        How many bytes the table may take.

    Raises
    ------
    FileError
        If the file is missing, damaged or too large; with file, reason and remedy.
    """
    path = Path(path)
    if suffixes(path)[0] not in KINDS:
        if encoding is not None:
            raise SettingError(f"look: encoding has no effect, as {path.name} is no table: leave it out")
        return _at_arrays(path, target, max_bytes)
    return _at_table(path, frame(path, encoding=encoding, max_bytes=max_bytes), target, encoding)


def _at_arrays(path: Path, target: str | int | None, max_bytes: int) -> Look:
    found = read(path, target=-1 if target is None else target, max_bytes=max_bytes)
    parts = {name: getattr(found, name) for name in ("x", "y", "x_test", "y_test")}
    seen = tuple(
        ColumnSeen(name, "array", array(part), "inputs" if "x" in name else "targets")
        for name, part in parts.items()
        if part is not None
    )
    task = "regression: numbers are predicted"
    if found.classes is not None:
        task = f"classification: {len(found.classes)} classes ({_some(found.classes)})"
    title = f"{len(found.x):,} examples"
    python = f"import lucidnet as ln\n\nexamples = ln.data.read({str(path)!r})"
    odd = [] if np.isfinite(found.x).all() else ["some inputs are not finite (NaN or infinite)"]
    if np.abs(np.nan_to_num(found.x)).max(initial=0) > 100 * FAR:
        odd.append("some inputs are large: divide them, so that most lie between -1 and 1")
    return Look(
        str(path), title, seen, tuple(odd), None, task, command_for(path, None, None, None, {}), python
    )


def _at_table(path: Path, frame: Frame, target: str | int | None, encoding: str | None) -> Look:
    name, more = _learned(frame, target)
    said = _said(name, frame)
    odd = [*of_form(frame), *more]
    found, aside = _inputs(frame, name)
    words = _words(found, frame, frame.cells[name])
    odd += _of_inputs(found, words, aside)
    odd += _of_copies(found, frame, name)
    table, task = None, ""
    try:
        table = Table(**fitted(frame, said, words))
    except DataError as error:
        task = f"nothing can be learned as it is: {getattr(error, 'reason', error)}"
        odd += _of_refused(frame, name, found)
    if table is not None:
        task, more = _of_target(frame, table)
        odd += more
        if words.missing == "drop":
            odd.append(
                f"{len(table.kept(frame)):,} of {frame.rows:,} rows have no missing cell, and are left"
            )
        number = frame.cells[name].numbers is not None
        words = words._replace(task=table.task if number else None)
    seen = {one.seen.name: one.seen for one in found}
    seen[name] = _target(name, frame.cells[name], table)
    ordered = tuple(seen[one] for one in frame.names)
    command = python = ""
    if table is not None:
        count = len(table.kept(frame))
        if count < LEAST:
            task += f"; {count} row{'s are' if count > 1 else ' is'} too few to train on, and to keep some of"
            task += " them for testing"
        else:
            options = {option: str(_said(one, frame)) for one, option in aside.items()}
            command = command_for(path, str(said), words, encoding, options) + FEW_ROWS * _are_few(count)
        python = python_for(path, said, words, encoding, {option: one for one, option in aside.items()})
    return Look(str(path), _title(frame), ordered, tuple(odd), name, task, command, python, table)


def _inputs(frame: Frame, target: str) -> tuple[list[ColumnTold], dict[str, str]]:
    """Describe all columns but the target; return that, and the options for columns that are no inputs."""
    parts = one_hot_with(target, frame)
    found = [told(one, frame) for one in frame.names if one != target]
    found = [_without(one, OF_TARGET) if one.seen.name in parts else one for one in found]
    if frame.cells[target].missing:  # whose rows are left out, and so would be those without a tick
        found = [_without(one, UNTICKED) if one.tick else one for one in found]
    aside = columns_aside(found, frame)
    return [beside(one, aside[one.seen.name]) if one.seen.name in aside else one for one in found], aside


def _of_refused(frame: Frame, name: str, found: Sequence[ColumnTold]) -> Iterator[str]:
    """Yield what may help with a target of which nothing can be learned."""
    cells = frame.cells[name]
    if kind_of(cells)[0] == "date":
        yield "the target holds dates: to predict when, write days as numbers"
    if cells.numbers is None and (unit := in_units(cells.texts or ())):
        yield f"the target: {unit}: without the unit they can be predicted"
    if cells.numbers is not None and [one.seen.kind for one in found] == ["date"]:
        yield (
            f"a series in time: ln.data.windows(frame[{name!r}], history=12) makes examples of it, each "
            f"of 12 values and the one that follows{in_time(frame, found[0].seen.name)}"
        )


def _without(one: ColumnTold, why: str) -> ColumnTold:
    return one._replace(drop=why, odd=None, seen=replace(one.seen, plan="dropped"))


def _learned(frame: Frame, target: str | int | None) -> tuple[str, list[str]]:
    """Return the name of the column to learn, and what is odd about where it stands."""
    if target is not None:
        return column_name(frame, target, "column"), []
    if len(frame.names) < 2:
        reason = "expected one column for the target and others for the inputs, found one"
        raise frame.error(reason, "is another sign between the columns?")
    name = best_target(frame)
    after = frame.names[frame.names.index(name) + 1 :]
    if after and all(len(frame.cells[one].missing) == frame.rows for one in after):
        return name, [f"{name!r} is the last column that is not empty: say --target"]
    if after:
        return name, [f"{name!r} looks like the target, though it is not the last column: say --target"]
    return name, []


def _of_copies(found: Sequence[ColumnTold], frame: Frame, target: str) -> list[str]:
    """Return remarks on inputs that may be the target under another name, and on rows that stand twice."""
    names = [one.seen.name for one in found if not one.drop]
    again = repeated(frame)
    parts = [one.seen.name for one in found if one.drop == OF_TARGET]
    whole = f"to learn which of {_some([*parts, target])} is 1, make one column of names of them"
    return [whole] * bool(parts) + [*copies(frame, target, names)] + ([again] if again else [])


def _title(frame: Frame) -> str:
    form = frame.form
    encoding = ENCODINGS.get(form["encoding"], str(form["encoding"]).upper())
    written = f"{encoding}, separated by {SIGNS.get(form['separator'], repr(form['separator']))}"
    header = "with" if form["header"] or (form["skipped"] and form["names"][0] != "0") else "without"
    comma = ", with decimal commas" if form["decimal"] == "," else ""
    rows = "1 row" if frame.rows == 1 else f"{frame.rows:,} rows"
    return f"{rows}, {len(frame.names):,} columns; {written}, {header} a header line{comma}"


def of_form(frame: Frame) -> list[str]:
    """Describe what is odd about how the file is written."""
    form, odd = frame.form, list[str]()
    if form["archived"]:
        read, *beside = form["archived"]
        odd.append(f"of the archive {read} is read" + f", not {_some(beside)}" * bool(beside))
    if form["empty"]:
        odd.append(
            "1 row is empty, and left out"
            if form["empty"] == 1
            else f"{form['empty']:,} rows are empty, and left out"
        )
    if form["repeated"]:
        lines = "a line repeats" if form["repeated"] == 1 else f"{form['repeated']:,} lines repeat"
        odd.append(f"{lines} the header, and {'is' if form['repeated'] == 1 else 'are'} left out")
    for place, left in (("above", form["titles"]), ("below", form["notes"])):
        if left:
            first = ", ".join(" ".join(cell.split()) for cell in left[0] if cell.strip())[:60]
            lines = "a line" if len(left) == 1 else f"{len(left)} lines"
            odd.append(f"{lines} {place} the table left out: {first}{', ...' * (len(left) > 1)}")
    if form["skipped"]:
        lines = "a line with a remark" if form["skipped"] == 1 else f"{form['skipped']} lines with remarks"
        odd.append(f"{lines} (# or sep=) at the beginning left out")
    if form["framed"]:
        odd.append("lines and bars that are drawn around the rows are left out")
    if form["wrapped"]:
        odd.append("each line is in quotes as a whole, which are left out")
    if form["decimal"] == form["separator"]:
        odd.append("numbers in quotes are taken to have decimal commas")
    if form["encoding"] == "cp1252" and (word := _misread(frame)):
        for other in ("cp1250", "mac_roman"):
            if (read := word.encode("cp1252").decode(other, "replace")).isalpha():
                odd.append(f"{word!r} may be misread: with --encoding {other} it is {read!r}")
                break
    return [*odd, *_of_names(form), *_of_total(frame)]


def _of_total(frame: Frame) -> list[str]:
    """Say that the last row is the sum of those above, if it is called so."""
    first, last = frame.cells[frame.names[0]], frame.rows - 1
    if first.texts is None or first.texts[last].strip(" :").lower() not in TOTALS:
        return []
    if first.texts[last] in first.texts[:last]:
        return []
    called = first.texts[last]
    return [f"row {frame.row(last)}, the last, is called {called!r}: if it sums up those above, leave it out"]


def _of_names(form: Mapping[str, Any]) -> list[str]:
    """Describe what is odd about the names of the columns, and the lines below them."""
    odd, counted = list[str](), Counter(filter(None, form["names"]))
    if form["joined"]:
        odd.append(f"the names of the columns stand in two lines: {_some(form['names'])}")
    elif form["second"]:
        cells = _some([one for cell in form["second"] if (one := cell.strip())])
        lines, them = ("two lines", "have") if form["third"] else ("line", "has")
        odd.append(
            f"the {lines} below the header ({cells}) {them} no numbers, as names or units have none, "
            f"and {'are' if form['third'] else 'is'} left out"
        )
    twice = sorted(name for name, times in counted.items() if times > 1)
    if twice:
        odd.append(f"several columns are called {_some(twice)}: the second is {twice[0]}.1 here")
    return odd


def _are_few(rows: int) -> bool:
    """Tell whether the command line, which tests on a fifth, has no tenth of the rest to validate on."""
    return not round((rows - round(rows / 5)) / 10)


def _misread(frame: Frame) -> str | None:
    """Return a word of a name or a text that looks like Central European read as Western European."""
    columns = (cells.texts[:LOOKED] for cells in frame.cells.values() if cells.texts)
    words = (text for texts in ([*frame.names], *columns) for text in texts if not text.isascii())
    return next(filter(None, map(symbol_within, words)), None)


def _said(name: str, frame: Frame) -> str | int:
    """Return how to name a column: by its number, if the file has its name twice."""
    return frame.names.index(name) if list(frame.form["names"]).count(name) > 1 else name


def _words(found: Sequence[ColumnTold], frame: Frame, target: Cells) -> Words:
    """Return the settings for `Table.fit` that these findings suggest."""
    drop = tuple(_said(one.seen.name, frame) for one in found if one.drop)
    used = [one for one in found if not one.drop]
    categories = "one-hot" if any(one.seen.kind == "category" for one in used) else None
    missing = "drop" if target.missing else "mean" if any(one.seen.missing for one in used) else None
    return Words(None, drop, _is_far(used, target), categories, missing)


def _is_far(used: Sequence[ColumnTold], target: Cells) -> bool:
    """Tell whether numbers should be standardized: some are large, or of very different scales."""
    deviations = [one.deviation for one in used if one.deviation]
    if any(one.far for one in used) or (deviations and max(deviations) > 30 * min(deviations)):
        return True
    if target.numbers is None or target.truths:
        return False
    numbers = target.numbers[np.isfinite(target.numbers)]
    sparse = len(numbers) > 0 and len(np.unique(numbers)) > FEW
    return bool(sparse and max(abs(numbers.mean()), numbers.std()) > FAR)


def _of_inputs(found: Sequence[ColumnTold], words: Words, aside: Mapping[str, str]) -> list[str]:
    """Describe what is odd about the inputs, grouping columns with the same oddity."""
    odd = [f"column {one.seen.name!r}: {one.drop}" for one in found if one.seen.name in aside]
    reasons: dict[str, list[str]] = {}
    for one in found:
        if one.drop and one.seen.name not in aside:
            reasons.setdefault(one.drop, []).append(one.seen.name)
    for reason, names in reasons.items():
        which = f"column {names[0]!r}"
        if len(names) > 1:
            which, reason = f"{len(names)} columns ({_some(names)})", reason.replace("it ", "each ", 1)
        odd.append(f"{which}: {reason}; left out by --drop")
    odd += [f"column {one.seen.name!r}: {one.odd}" for one in found if one.odd]
    lacking = [one.seen for one in found if one.seen.missing and not one.drop and not one.tick]
    if lacking:
        cells = sum(seen.missing for seen in lacking)
        where = _some([seen.name for seen in lacking])
        texts = any(seen.kind == "category" for seen in lacking)
        filled = "fills them with means" + ", those of texts with the most frequent one" * texts
        how = filled if words.missing == "mean" else "leaves their rows out"
        lack = "1 cell is" if cells == 1 else f"{cells:,} cells are"
        odd.append(f"{lack} missing ({where}); --missing {words.missing} {how}")
    used = [one for one in found if one.deviation and not one.drop]
    if words.standardize and len(used) > 1:
        least, most = (pick(used, key=lambda one: one.deviation or 0) for pick in (min, max))
        if (most.deviation or 0) > 30 * (least.deviation or 1):
            odd.append(
                f"scales are very different: {most.seen.name!r} deviates by {most.deviation:.3g}, "
                f"{least.seen.name!r} by {least.deviation:.3g}; --standardize makes them alike"
            )
    return odd


def _of_target(frame: Frame, table: Table) -> tuple[str, list[str]]:
    """Describe the task, and what is odd about the target."""
    name = str(table.target)
    cells, odd = frame.cells[name], list[str]()
    if cells.written:
        odd.append(f"the target: {as_written(cells)}")
    if count := len(cells.missing):
        rows, them = ("1 row", "it") if count == 1 else (f"{count:,} rows", "them")
        odd.append(f"the target is missing in {rows}; --missing drop leaves {them} out")
    if table.classes is None:
        numbers = np.delete(cells.numbers, list(cells.missing))  # type: ignore[arg-type]
        kinds = len(np.unique(numbers))
        (kind, unit), whole = quantity(cells), bool((numbers == np.round(numbers)).all())
        things = "whole " * (whole and not unit) + f"{kind}s"
        low, high = as_text(float(numbers.min())), as_text(float(numbers.max())) + unit
        task = f"regression of {name!r}: {kinds:,} different {things}, {low} to {high}"
        if np.isfinite(numbers).all() and max(abs(numbers.mean()), numbers.std()) > FAR:
            odd.append(f"the target goes to {high}: --standardize brings it near 1, for training")
        if whole and kinds <= 1000:
            odd.append(f"if these {things} are classes: --task classification")
        return task, odd
    if cells.texts is not None and (letters := in_other_letters(table.classes)):
        odd.append(f"the target: {letters}")
    if kind_of(cells)[0] == "date":
        odd.append("the target holds dates, each a class of its own: to predict when, write days as numbers")
    counts = np.bincount(table.apply(frame)[1], minlength=len(table.classes))  # type: ignore[arg-type]
    count = counts.sum()
    task = f"classification of {name!r}: {len(table.classes):,} classes ({_some(table.classes)})"
    few = [f"{kind} ({times})" for kind, times in zip(table.classes, counts, strict=True) if times < ROWS]
    if few and count >= 2 * ROWS:
        odd.append(f"few rows of a class: {_some(few)}")
    if counts.max() > 0.9 * count and count >= 2 * ROWS:
        most = table.classes[int(counts.argmax())]
        share = min(int(1000 * counts.max() / count) / 10, 99.9)  # never 100 %
        odd.append(f"{share:g}% of the rows are {most!r}: compare the accuracy with that")
    if cells.numbers is not None and not cells.truths:
        first, last = table.classes[0], table.classes[-1]
        if first != "0" or last != str(len(table.classes) - 1):
            odd.append(f"the classes {first} to {last} are numbered 0 to {len(table.classes) - 1} inside")
        if len(table.classes) > 2:
            odd.append("if these whole numbers are quantities, not classes: --task regression")
    return task, odd


def _target(name: str, cells: Cells, table: Table | None) -> ColumnSeen:
    if table is None:
        return ColumnSeen(
            name, "number" if cells.texts is None else "category", "", "target", len(cells.missing)
        )
    if table.classes is not None:
        holds = f"{len(table.classes):,} classes: {_some(table.classes)}"
        return ColumnSeen(name, "class", holds, "target", len(cells.missing))
    numbers = np.delete(cells.numbers, list(cells.missing))  # type: ignore[arg-type]
    kind, unit = quantity(cells)
    holds = f"{float(numbers.min()):.5g} to {float(numbers.max()):.5g}{unit}"
    return ColumnSeen(name, kind, holds, "target", len(cells.missing))


def _some(names: Sequence[str]) -> str:
    return some((name[:30] for name in names), 6)


def _shown(seen: Sequence[ColumnSeen]) -> list[tuple[str, ...]]:
    """Return the table of columns; if there are many, similar neighbours share a row."""
    if len(seen) <= WIDE:
        return [(_line(one.name), one.kind, one.holds, str(one.missing or ""), one.plan) for one in seen]
    rows = list[tuple[str, ...]]()
    for (kind, plan), group in groupby(seen, key=lambda one: (one.kind, one.plan)):
        alike = list(group)
        missing = sum(one.missing for one in alike)
        name = _line(alike[0].name if len(alike) == 1 else f"{alike[0].name} to {alike[-1].name}")
        holds = alike[0].holds if len(alike) == 1 else f"{len(alike)} columns"
        rows.append((name, kind, holds, str(missing or ""), plan))
    return rows


def _line(name: str) -> str:
    """Return a name in one line of a table, even if its file has it in several."""
    return name.replace("\r", "").replace("\n", "\\n").replace("\t", "\\t")
