"""A student's file in a process of its own, which is queried but never trusted."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import LucidnetError, SettingError
from .worker import packed, unpacked

START = 60.0
"""Seconds that a process may take to start: on a slow disk NumPy needs some."""
PRINTED = 500
"""The most characters of a file's output that are kept."""


def excerpt(line: str) -> str:
    """Return the beginning of a line of a file, for a message."""
    line = line.strip()
    return line if len(line) <= 80 else f"{line[:80]} ..."


def missing(made: Any) -> str | None:
    """Return the placeholder that stands in place of an answer, None or ``...``; None if it is one."""
    if made is None:
        return "None"
    return "..." if isinstance(made, dict) and made.get("hole") else None


class WrongAnswerError(LucidnetError):
    """A student's file is wrong; the message names the mistake."""


class HoleError(WrongAnswerError):
    """An answer is not written yet."""


class EndedError(WrongAnswerError):
    """The student's process has ended, or cannot be used any more."""


class RaisedError(WrongAnswerError):
    """A function of the file raises an error."""


class Pupil:
    """A student's file, running in a process of its own that answers calls.

    Parameters
    ----------
    file : path
        The file, as it is named to the student.
    text : str
        What stands in it.
    limit : float
        How many seconds all answers may take together.
    """

    def __init__(self, file: Path, text: str, limit: float) -> None:
        self.file, self.text, self.limit = file, text, limit
        self.printed = ""

    def __enter__(self) -> Self:
        one = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        worker = str(Path(__file__).with_name("worker.py"))
        seconds = str(int(START + self.limit))
        command = [sys.executable, "-P", "-B", "-W", "ignore", worker, str(self.file), seconds]
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=os.environ | dict.fromkeys(one, "1") | {"PYTHONIOENCODING": "utf-8:replace"},
                start_new_session=True,
            )
        except OSError as error:
            raise SettingError(
                f"exercises.check: a file is run in a process of its own, which cannot be started here: {error}"
            ) from error
        self.replies: queue.Queue[bytes] = queue.Queue()
        self.readers = [threading.Thread(target=run, daemon=True) for run in (self._listen, self._overhear)]
        for reader in self.readers:
            reader.start()
        try:
            self._next(START)
            self.left = self.limit
            made = self._ask({"text": self.text})
            if "error" in made:
                raise WrongAnswerError(self._raised("the file", made))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._end()
        for reader in self.readers:
            reader.join(1.0)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()

    def _end(self) -> None:
        """End the process, and whatever it has started."""
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()

    def _listen(self) -> None:
        pipe: Any = self.process.stdout
        with suppress(OSError, ValueError):
            while line := pipe.readline(1 << 26):
                self.replies.put(line)
        self.replies.put(b"")

    def _overhear(self) -> None:
        """Keep the beginning of what is printed, and let the rest go."""
        pipe: Any = self.process.stderr
        with suppress(OSError, ValueError):
            while some := pipe.read1(65536):
                if len(self.printed) < PRINTED:
                    self.printed = (self.printed + some.decode("utf-8", "replace"))[:PRINTED]

    def _next(self, seconds: float, where: str = "the file") -> dict[str, Any]:
        try:
            line = self.replies.get(timeout=max(seconds, 0.01))
        except queue.Empty:
            self._end()
            raise EndedError(
                f"{where} does not come to an end within {self.limit:g} seconds: look for a loop that never ends"
            ) from None
        if not line:
            raise EndedError(f"{where} ends the whole program: it may only return")
        try:
            made = json.loads(line)
        except ValueError:
            made = None
        if not isinstance(made, dict):
            raise EndedError(f"{where} writes where the answers go: it may only return")
        return made

    def _ask(self, question: dict[str, Any], where: str = "the file") -> dict[str, Any]:
        pipe: Any = self.process.stdin
        with suppress(OSError):
            pipe.write(json.dumps(question).encode() + b"\n")
            pipe.flush()
        began = time.monotonic()
        made = self._next(self.left, where)
        self.left -= time.monotonic() - began
        return made

    def _raised(self, where: str, made: dict[str, Any]) -> str:
        """Describe the error that was raised, and where."""
        line, kind = made.get("line"), made.get("error")
        lines = self.text.splitlines()
        known = isinstance(line, int) and 0 < line <= len(lines)
        place = f" (line {line}: {excerpt(lines[line - 1])})" if known and isinstance(line, int) else ""
        if kind == "SystemExit":
            return f"{where} ends the program by exit(){place}: it may only return"
        if kind == "MemoryError":
            return f"{where} asks for more memory than there is{place}"
        return f"{where} raises {kind}: {made.get('said')}{place}"

    def call(self, name: str, **given: Any) -> Any:
        """Call a function of the file; arrays that it modifies are modified here, too.

        Raises
        ------
        WrongAnswerError
            If it raises, hangs, or gives what is no number and no array.
        """
        made = self._ask({"call": name, "given": {key: packed(value) for key, value in given.items()}}, name)
        if made.get("error") == "NotImplementedError":
            raise HoleError(f"{name} is not written yet")
        if "error" in made:
            shapes = ", ".join(f"{key} {np.shape(v)}" for key, v in given.items() if np.shape(v))
            raise RaisedError(f"{self._raised(name, made)}{f'; the shapes are {shapes}' if shapes else ''}")
        try:
            for key, array in made["changed"].items():
                given[key][...] = unpacked(array)
            return unpacked(made["value"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise EndedError(f"{name} writes where the answers go: it may only return") from None
