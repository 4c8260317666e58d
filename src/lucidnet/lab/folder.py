"""The finished runs of a race on disk, from which an interrupted race resumes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ..core import files
from ..core.lock import locked
from ..core.packing import by_epoch, difference, from_bytes, measured, number, sensible, text, to_bytes, whole
from ..core.settings import path_like, taken
from ..errors import FileError, SettingError
from ..training.history import History
from .outcome import Race, RaceRun

SUFFIX = ".race-run"
MARK = 64
"""The number of characters of a hash that precede a file's contents."""
DAMAGED = "remove it, and the run is made anew"


class RaceFolder:
    """A folder with a file for each finished run.

    Parameters
    ----------
    folder : path
        The folder; made when the first run is written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(taken("race", "folder", folder, path_like())).expanduser()

    def locked(self) -> AbstractContextManager[Any]:
        """Lock the folder, so that no other race writes there meanwhile."""
        if self.folder.exists() and not self.folder.is_dir():
            raise FileError(self.folder, "is a file", "name a folder for the runs of a race")
        return locked([self.folder], lambda value: [value], True, print)

    def write(self, run: RaceRun, facts: dict[str, Any]) -> None:
        """Save a finished run, atomically."""
        held = {name: getattr(run, name) for name in ("rule", "seed", "seconds", "memory", "facts", "failed")}
        held |= {"race": facts, "history": dict(run.history), "stopped": run.history.stopped}
        data = to_bytes(held | {"steps": run.history.steps})
        mark = hashlib.sha256(data).hexdigest().encode()
        files.write(self.folder / _file_name(run.rule, run.seed), [mark, data])

    def runs(self, facts: dict[str, Any] | None = None) -> list[RaceRun]:
        """Return the runs in the folder; with `facts`, raise if they belong to another race.

        Raises
        ------
        SettingError
            If they are of other data or settings; it names both.
        FileError
            If a file is damaged.
        """
        return [run for _, run in self._found(facts)]

    def race(self) -> Race:
        """Return the race that the runs in the folder belong to.

        Raises
        ------
        FileError
            If there are none, or not of one race.
        """
        found = list(self._found(None))
        if not found:
            raise FileError(
                self.folder, "there are no finished runs of a race here", "look for a mistake in its name"
            )
        facts = found[0][0]
        if any(other != facts for other, _ in found):
            raise FileError(self.folder, "the runs here are not of one race", "use a folder for each")
        return Race(tuple(run for _, run in found), facts)

    def _found(self, facts: dict[str, Any] | None) -> Iterable[tuple[dict[str, Any], RaceRun]]:
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            theirs, run = _read(path)
            if facts is not None and theirs != facts:
                what, there, here = difference("race", theirs, facts)
                raise SettingError(
                    f"{path.parent}: the runs there are of another race: {what} is {there!r} there, {here!r} "
                    "here; choose another folder, or race as before"
                )
            yield theirs, run


def load_race(folder: str | os.PathLike[str]) -> Race:
    """Load the race whose finished runs are in a folder; see ``race(folder=...)``.

    Raises
    ------
    FileError
        If there are none, not of one race, or one is damaged.
    """
    return RaceFolder(folder).race()


def same(run: RaceRun, facts: dict[str, Any], folder: Path) -> RaceRun:
    """Return a run from the folder; raise if it was made with other settings than those here."""
    if run.facts != facts:
        what, there, here = difference(run.rule, run.facts, facts)
        raise SettingError(
            f"{folder}: something else was called {run.rule!r} there: {what} is {there!r} there, {here!r} "
            "here; give it another name, or choose another folder"
        )
    return run


def _file_name(rule: str, seed: int) -> str:
    """Return the unique file name of a run."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", rule).strip("-.")[:40]
    return f"{readable}-{hashlib.sha256(rule.encode()).hexdigest()[:8]}-{seed}{SUFFIX}"


def _read(path: Path) -> tuple[dict[str, Any], RaceRun]:
    """Return what the runs of a race have in common, and one of them, from its file."""
    with files.opened(path) as file:
        data = file.read()
    if hashlib.sha256(data[MARK:]).hexdigest().encode() != data[:MARK]:
        raise FileError(path, "the file is damaged", DAMAGED)
    with sensible("what it holds", path, DAMAGED):
        held = from_bytes(data[MARK:])
        history = History(by_epoch(held["history"]))
        history.steps = {
            str(name): [(whole(step), measured(value)) for step, value in pairs]
            for name, pairs in held["steps"].items()
        }
        history.stopped = text(held["stopped"])
        facts, failed, race = dict(held["facts"]), text(held["failed"]), dict(held["race"])
        named = isinstance(held["rule"], str) and held["rule"] and type(held["seed"]) is int
        if not named or not all(map(_plain, (facts, race))):
            raise FileError("its names, or what it says of the race, are no texts and numbers")
        seconds, memory = number(held["seconds"]), number(held["memory"])
        run = RaceRun(held["rule"], held["seed"], history, seconds, int(memory), facts, failed)
        return race, run


def _plain(given: Any) -> bool:
    """Tell whether something consists of texts and numbers in lists and dicts, which can be compared."""
    if isinstance(given, dict):
        return all(isinstance(name, str) and _plain(part) for name, part in given.items())
    if isinstance(given, (list, tuple)):
        return all(map(_plain, given))
    return given is None or isinstance(given, (bool, int, float, str))
