"""Experiments: learning rules side by side."""

from ..core.exports import export
from .racing import Race as Race
from .racing import RaceRun as RaceRun
from .racing import race as race

export(globals())
