"""The exercises in order: five lectures with five each."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..core.text import legible

if TYPE_CHECKING:
    from .grading import ExerciseStep

LECTURES = ("Backward passes", "Losses", "Layers", "Optimizers", "Other learning rules")
"""The title of each lecture."""

LESSONS = {
    "perceptron": "perceptron",
    "dense": "backprop",
    "sigmoid": "backprop",
    "relu": "own_layer",
    "two-layers": "sixty_lines",
    "squared-error": "table",
    "huber": "table",
    "softmax": "softmax",
    "cross-entropy": "softmax",
    "binary-cross-entropy": "softmax",
    "layer-norm": "own_layer",
    "convolution": "convolution",
    "max-pool": "convolution",
    "recurrent": "recurrent",
    "attention": "attention",
    "momentum": "sixty_lines",
    "rmsprop": "ailments",
    "adam": "ailments",
    "clipping": "recurrent",
    "one-cycle": "one_cycle",
    "feedback-alignment": "random_feedback",
    "sign-symmetry": "random_feedback",
    "direct-feedback": "random_feedback",
    "kolen-pollack": "random_feedback",
    "rflo": "online",
}
"""The name of each exercise in order, and the documentation's lesson that precedes it."""

NAMES = tuple(LESSONS)
LIMIT = 10.0
"""Seconds that a file may take for all its answers, by default."""
EACH = 5
"""The number of exercises in a lecture."""


@legible
class Exercise(NamedTuple):
    """An exercise: its place in the course, and the text that a student is given.

    Parameters
    ----------
    name : str
        Its name.
    lecture : int
        The number of the lecture, from 1.
    topic : str
        The title of the lecture.
    title : str
        What it is about, in a line.
    lesson : str
        The lesson of the documentation that goes before it, in ``docs/tutorials``.
    steps : int
        How many steps it has, each with a hint of its own.
    """

    name: str
    lecture: int
    topic: str
    title: str
    lesson: str
    steps: int


@cache
def text_of(name: str) -> str:
    """Return the text of an exercise, with its holes."""
    return (Path(__file__).with_name("texts") / f"{name}.txt").read_text("utf-8")


def steps_of(name: str) -> tuple[ExerciseStep, ...]:
    """Return the steps of an exercise."""
    from .backward_passes import STEPS as FIRST  # with everything needed to check them
    from .descent import STEPS as FOURTH
    from .losses import STEPS as SECOND
    from .other_rules import STEPS as FIFTH
    from .parts import STEPS as THIRD
    from .probabilities import STEPS as ALSO_SECOND
    from .sequences import STEPS as ALSO_THIRD

    return {**FIRST, **SECOND, **ALSO_SECOND, **THIRD, **ALSO_THIRD, **FOURTH, **FIFTH}[name]


def described(name: str) -> Exercise:
    """Return what is known of an exercise."""
    lecture = NAMES.index(name) // EACH
    title = (ast.get_docstring(ast.parse(text_of(name))) or "").partition("\n")[0].rstrip(".")
    return Exercise(name, lecture + 1, LECTURES[lecture], title, LESSONS[name], len(steps_of(name)))


def functions_of(text: str) -> dict[str, tuple[str, ...]]:
    """Return the functions of a file, by name, with their argument names.

    Examples
    --------
    >>> functions_of("def f(x, *, y): ...")
    {'f': ('x', 'y')}
    """
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            taken = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            found[node.name] = tuple(one.arg for one in taken)
    return found
