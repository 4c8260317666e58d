"""Data sets: real ones by name, generated ones, and files."""

from typing import TYPE_CHECKING

from ..core.exports import export

if TYPE_CHECKING:
    from . import augment as augment
    from . import tasks as tasks
    from . import text as text
    from .dataset import Dataset as Dataset
    from .generate import circles as circles
    from .generate import gaussians as gaussians
    from .generate import moons as moons
    from .generate import spirals as spirals
    from .generate import xor as xor
    from .named import OneHot as OneHot
    from .prepare import Scaling as Scaling
    from .prepare import one_hot as one_hot
    from .prepare import split as split
    from .prepare import standardize as standardize
    from .series import windows as windows
    from .sets import KNOWN as KNOWN
    from .sets import load as load
    from .tables import Table as Table
    from .tables import read as read

export(globals())
