"""What `look` proposes: the command that trains on a file, and the Python that does the same."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import join

from .columns import DIVIDED, ColumnTold
from .fitting import Words, listed
from .frames import Frame
from .leaks import divides, groups, weighs


def columns_aside(found: Sequence[ColumnTold], frame: Frame) -> dict[str, str]:
    """Return the columns that are no inputs, but say which rows belong together, or how much each counts."""
    made: dict[str, str] = {}
    for one in found:
        name, cells = one.seen.name, frame.cells[one.seen.name]
        if "group" not in made.values() and groups(name, cells) is not None and divides(cells):
            made[name] = "group"
        elif "weight" not in made.values() and weighs(name, cells):
            made[name] = "weight"
    return made


def beside(one: ColumnTold, option: str) -> ColumnTold:
    """Describe a column that ``--group`` or ``--weight`` names, in place of what was found in it."""
    told = "it says how much each row counts, as its name says; --weight takes it so, not as an input"
    if option == "group":
        told = (one.drop or one.odd or "").removesuffix(DIVIDED)
        told += "--group keeps the rows of each together, so that the test is about new ones"
    return one._replace(drop=told, odd=None, seen=replace(one.seen, plan=option))


def command_for(
    path: Path, target: str | None, words: Words | None, encoding: str | None, aside: Mapping[str, str]
) -> str:
    """Return the command that trains on a file; `aside` has columns by the options that name them."""
    dash = str(path).startswith("-")  # which would be an option
    given = ["lucidnet", "train", f".{os.sep}{path}" if dash else str(path)]
    if target is not None:
        given += ["--target", target]
    if words is not None:
        given += ["--task", words.task] if words.task else []
        drop = [one for one in words.drop if str(one) not in aside.values()]
        given += ["--drop", listed(drop)] if drop else []
        given += ["--standardize"] if words.standardize else []
        given += ["--categories", words.categories] if words.categories else []
        given += ["--missing", words.missing] if words.missing else []
    given += [word for option, name in aside.items() for word in (f"--{option}", name)]
    return join([*given, "--encoding", encoding] if encoding else given)


def python_for(
    path: Path, target: str | int, words: Words, encoding: str | None, aside: Mapping[str, str]
) -> str:
    """Return the Python equivalent of the command."""
    given = [f"target={target!r}"]
    given += [f"{name}={kept!r}" for name, kept in words._asdict().items() if kept]
    said = f", encoding={encoding!r}" if encoding else ""
    lines = ["import lucidnet as ln", "", f"frame = ln.data.frame({str(path)!r}{said})"]
    if "group" in aside:
        lines.append(f"(frame, _), (test, _) = ln.data.split(frame, group={aside['group']!r})")
    lines += [f"table = ln.data.Table.fit(frame, {', '.join(given)})", "x, y = table.apply(frame)"]
    if "weight" in aside:
        lines.append(f"weights = frame[{aside['weight']!r}][table.kept(frame)]")
        lines.append("# model.fit(x, y, sample_weight=weights / weights.mean())")
    return "\n".join(lines)
