"""Exercises for a course: backward passes, losses, layers, optimizers and rules with holes, and a grader."""

from typing import TYPE_CHECKING

from ..core.exports import export

if TYPE_CHECKING:  # so that a command line knows the names without the grader
    from .book import Exercise as Exercise
    from .course import Grade as Grade
    from .course import check as check
    from .course import list as list
    from .course import start as start

export(globals())
