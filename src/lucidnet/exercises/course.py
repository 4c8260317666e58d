"""What students and teachers call: list the exercises, start one, check a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..core.calls import takes
from ..core.files import make_folder, write
from ..core.settings import finite, path_like, text, whole
from ..core.text import Report, plain
from ..errors import FileError, lookup
from .book import LIMIT, NAMES, Exercise, described, steps_of, text_of
from .grading import CASES, ExerciseStep, Rng
from .pupil import EndedError, HoleError, Pupil, RaisedError, WrongAnswerError
from .reading import inspected, read

SHOWN = 300
"""The most characters of a file's output shown beside a mistake."""


@dataclass(frozen=True, repr=False)
class Grade(Report):
    """The grade of a student's file; true if it passed.

    Parameters
    ----------
    exercise : str
        The name of the exercise.
    passed : bool
        Whether every step is right.
    step : str or None
        The first step that is wrong.
    mistake : str or None
        The mistake in it.
    hint : str or None
        What helps.
    done, steps : int
        How many steps are right, from the first on, and how many there are.
    printed : str
        What the file has printed, its beginning.
    seed : int
        The seed that repeats the sizes and numbers of the check.
    """

    exercise: str
    passed: bool
    step: str | None = None
    mistake: str | None = None
    hint: str | None = None
    done: int = 0
    steps: int = 0
    printed: str = ""
    seed: int = 0

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        if self.passed:
            return f"{self.exercise}: passed, all {self.steps} steps"
        place = f"step {self.done + 1} of {self.steps} ({self.step})" if self.step else "not yet"
        lines = [f"{self.exercise}: {place}", f"  {self.mistake}"]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        if printed := self.printed.strip():
            lines.append(f"  it printed: {printed if len(printed) <= SHOWN else f'{printed[:SHOWN]} ...'}")
        return plain("\n".join(lines))


def list() -> tuple[Exercise, ...]:
    """Return the exercises, in the order of the course.

    Examples
    --------
    >>> [exercise.name for exercise in list()][:3]
    ['perceptron', 'dense', 'sigmoid']
    """
    return tuple(described(name) for name in NAMES)


@takes("exercises.start", name=text(empty=True), folder=path_like())
def start(name: str, folder: str | os.PathLike[str] = ".") -> Path:
    """Write the file of an exercise, with its holes, and return its path; no file is ever overwritten.

    Parameters
    ----------
    name : str
        The exercise, as `list` names it.
    folder : path
        The folder for the file; made if it is not there.

    Raises
    ------
    FileError
        If there is such a file already, or it cannot be written.
    """
    lookup("exercise", name, dict.fromkeys(NAMES))
    path = make_folder(Path(folder).expanduser()) / f"{name.replace('-', '_')}.py"
    about = described(name)
    header = (
        f"# lucidnet exercise: {name}\n"
        f"# Lecture {about.lecture}: {about.topic}. The lesson before it: docs/tutorials/{about.lesson}.md\n"
        f"# Fill the holes, and check with: lucidnet exercise check {path.name}\n\n"
    )
    if os.path.lexists(path):
        remedy = "go on with it, or name another folder"
        raise FileError(path, "is there already, and is not overwritten", remedy)
    write(path, [(header + text_of(name)).encode()])
    return path


@takes(
    "exercises.check",
    path=path_like(),
    seed=whole(0, optional=True),
    limit=finite(above=0),
)
def check(path: str | os.PathLike[str], *, seed: int | None = None, limit: float = LIMIT) -> Grade:
    """Grade the file of an exercise: find the first step that is wrong, name the mistake, and give a hint.

    The file runs in a process of its own, which is asked for its answers and ended after a time limit. Sizes
    and numbers are drawn anew at each check.

    Parameters
    ----------
    path : path
        A file that `start` has written, and a student has filled in.
    seed : int, optional
        The seed of sizes and numbers; a different one each time if not given.
    limit : float
        The seconds that the file may take for all its answers.

    Raises
    ------
    FileError
        If it cannot be read, or does not say which exercise it is.
    """
    file = Path(path).expanduser()
    content, name = read(file)
    seed = int.from_bytes(os.urandom(4), "big") if seed is None else seed
    steps, pupil = steps_of(name), Pupil(file, content, limit)
    told: tuple[int, str] | None
    try:
        inspected(content, name)
        with pupil:
            told = _first_mistake(steps, pupil, seed)
    except WrongAnswerError as wrong:  # of the file as a whole
        return Grade(name, False, None, str(wrong), OUTSIDE, 0, len(steps), pupil.printed, seed)
    if told is None:
        return Grade(name, True, done=len(steps), steps=len(steps), printed=pupil.printed, seed=seed)
    done, mistake = told
    return Grade(
        name, False, steps[done].name, mistake, steps[done].hint, done, len(steps), pupil.printed, seed
    )


def _first_mistake(steps: tuple[ExerciseStep, ...], pupil: Pupil, seed: int) -> tuple[int, str] | None:
    """Return the number of the first wrong step, and its mistake; None if all are right."""
    for done, step in enumerate(steps):
        for case in range(CASES):
            try:
                step.look(pupil.call, Rng((seed, done, case), case == 0))
            except RaisedError as wrong:
                return _later(steps, done, pupil, seed) or (done, str(wrong))
            except (HoleError, EndedError) as wrong:
                return done, str(wrong)
            except WrongAnswerError as wrong:
                return done, _agreed(step, pupil, str(wrong), (seed, done, case), case == 0)
    return None


def _agreed(step: ExerciseStep, pupil: Pupil, told: str, place: tuple[int, ...], square: bool) -> str:
    """Return the mistake that most of three cases show, as two mistakes can look alike in one case."""
    heard = [told]
    for more in (1, 2):
        try:
            step.look(pupil.call, Rng((*place, more), square))
        except EndedError:
            break
        except WrongAnswerError as wrong:
            heard.append(str(wrong))
    return max(heard, key=heard.count)


def _later(steps: tuple[ExerciseStep, ...], done: int, pupil: Pupil, seed: int) -> tuple[int, str] | None:
    """Return a later wrong step, tried with square matrices, when a function raises otherwise."""
    for later in range(done + 1, len(steps)):
        try:
            steps[later].look(pupil.call, Rng((seed, later, 0), True))
        except (RaisedError, HoleError, EndedError):
            continue
        except WrongAnswerError as wrong:
            return later, str(wrong)
    return None


OUTSIDE = "Mend this first; the steps are looked at after it."
