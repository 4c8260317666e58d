"""Exercises for a course: backward passes, losses, layers, optimizers and rules with holes, and who grades them."""

from ..core.exports import export
from .book import Exercise as Exercise
from .course import Grade as Grade
from .course import check as check
from .course import list as list
from .course import start as start

export(globals())
