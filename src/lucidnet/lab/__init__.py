"""Experiments: learning rules, optimizers, rates and models side by side."""

from ..core.exports import export
from .folder import load_race as load_race
from .outcome import Race as Race
from .outcome import RaceRun as RaceRun
from .racing import race as race

export(globals())
