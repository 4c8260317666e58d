"""The exercise commands: list exercises, start one, check a student's file."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import exercises
from ..errors import FileError, SettingError
from ..exercises.book import LIMIT, NAMES
from . import show
from .options import Json, completing
from .words import Command

if TYPE_CHECKING:
    from ..exercises import Grade

app = typer.Typer(
    help="Exercises: write backward passes, losses, optimizers and rules, and have them checked.",
    epilog="Exit codes of check: 0 passed; 1 not yet; 2 the file cannot be read, or is no exercise.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list", cls=Command)
def list_command(json: Json = False) -> None:
    """List the exercises, lecture by lecture."""
    with show.figures(json) as found:
        _list(found)


@app.command(cls=Command)
def start(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="The exercise; all are listed if none.",
            autocompletion=completing(lambda: NAMES),
        ),
    ] = None,
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to write its file.")] = Path("."),
    json: Json = False,
) -> None:
    """Write the file of an exercise, with holes to fill; no file is ever overwritten."""
    with show.figures(json) as found:
        if name is None:
            _list(found)
            return
        if str(folder) in NAMES and not folder.exists():
            raise SettingError(
                f"start: writes one exercise at a time, and {str(folder)!r} is another; "
                "where it shall be the folder, make that first"
            )
        path = exercises.start(name, folder)
        found |= {"exercise": name, "file": str(path)}
        show.line(f"{path}\nfill the holes, then: {join(['lucidnet', 'exercise', 'check', str(path)])}")


@app.command(cls=Command)
def check(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="The file of an exercise, or a folder: all in it and below; several are checked in turn.",
        ),
    ],
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="From which sizes and numbers are drawn; another one each time if left out."
        ),
    ] = None,
    limit: Annotated[float, typer.Option(help="Seconds that a file may take for all its answers.")] = LIMIT,
    json: Json = False,
) -> None:
    """Check an exercise: find the first step that is wrong, name the mistake, give a hint."""
    with show.figures(json) as found:
        if len(files) == 1 and not (files[0] and Path(files[0]).is_dir()):
            grade = exercises.check(files[0], seed=seed, limit=limit)
            found |= _figures(grade)
            show.line(f"{grade}{_next(grade)}")
            code = 0 if grade else 1
        else:
            code = _check_all(files, seed, limit, found)
    raise typer.Exit(code)


def _check_all(places: list[str], seed: int | None, limit: float, found: dict[str, Any]) -> int:
    """Check files, and all exercises in folders; print a line for each, and return the exit code."""
    files = [one for place in places for one in _below(place, named=len(places) > 1)]
    found["exercises"], unread = [], False
    for name, path in files:
        try:
            figures = _figures(exercises.check(path, seed=seed, limit=limit))
        except FileError as error:
            unread, figures = True, {"exercise": None, "passed": False, "mistake": f"{error.reason}"}
        found["exercises"].append({"file": name} | figures)
        steps = f"{figures['done']}/{figures['steps']}" if "steps" in figures else "-"
        show.line(f"{name:<28} {steps:>5}  {figures['mistake'] or 'passed'}")
    right = sum(figures["passed"] for figures in found["exercises"])
    found["passed"] = right == len(files)
    show.line(f"{right} of {len(files)} passed")
    return 2 if unread else 0 if found["passed"] else 1


def _below(place: str, named: bool) -> list[tuple[str, str]]:
    """Return a file, or the exercises in a folder and its subfolders, as pairs of display name and path."""
    from ..exercises.reading import is_exercise  # no other command needs it

    folder = Path(place)
    if not (place and folder.is_dir()):
        return [(place, place)]
    files = sorted(path for path in folder.rglob("*.py") if is_exercise(path))
    if not files:
        raise FileError(folder, "has no file of an exercise", "begin one with `lucidnet exercise start NAME`")
    return [(str(path if named else path.relative_to(folder)), str(path)) for path in files]


def _figures(grade: Grade) -> dict[str, Any]:
    names = ("exercise", "passed", "step", "mistake", "hint", "done", "steps", "printed", "seed")
    return {name: getattr(grade, name) for name in names}


def _next(grade: Grade) -> str:
    """Return the hint at the next exercise, once one has passed."""
    after = NAMES[NAMES.index(grade.exercise) + 1 :]
    return f"\nnext: lucidnet exercise start {after[0]}" if grade.passed and after else ""


def _list(found: dict[str, Any]) -> None:
    listed = exercises.list()
    found["exercises"] = [one._asdict() for one in listed]
    for (lecture, topic), members in groupby(listed, lambda one: (one.lecture, one.topic)):
        show.line(f"{lecture}  {topic}")
        show.line("\n".join(f"   {one.name:<22} {one.title}" for one in members))
    show.line("\nlucidnet exercise start NAME writes one")
