"""Data sets: real ones by name, generated ones, and files."""

from typing import TYPE_CHECKING

from ..core.exports import export

if TYPE_CHECKING:
    from . import augment as augment
    from . import tasks as tasks
    from . import text as text
    from .column import Column as Column
    from .dataset import Dataset as Dataset
    from .delimited import frame as frame
    from .frames import Frame as Frame
    from .generate import circles as circles
    from .generate import gaussians as gaussians
    from .generate import moons as moons
    from .generate import spirals as spirals
    from .generate import xor as xor
    from .looking import Look as Look
    from .looking import look as look
    from .named import OneHot as OneHot
    from .picture import pictures as pictures
    from .prepare import Scaling as Scaling
    from .prepare import one_hot as one_hot
    from .prepare import split as split
    from .prepare import standardize as standardize
    from .series import windows as windows
    from .sets import KNOWN as KNOWN
    from .sets import load as load
    from .table import Table as Table
    from .tables import Examples as Examples
    from .tables import read as read

export(globals())
