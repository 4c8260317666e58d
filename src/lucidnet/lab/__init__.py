"""Experiments: learning rules, optimizers, rates and models side by side, as races, or in the browser."""

from typing import TYPE_CHECKING

from ..core.exports import export
from .folder import load_race as load_race
from .outcome import Race as Race
from .outcome import RaceRun as RaceRun
from .racing import race as race

if TYPE_CHECKING:  # the page: imported when first used
    from .page.live import Live as Live
    from .page.server import Server as Server
    from .page.server import serve as serve

export(globals())
