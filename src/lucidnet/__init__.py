"""lucidnet: neural networks that you can see through.

Every layer's forward and backward pass is written by hand, side by side, in plain array code, and
checked. Start with `Model`, `layers` and `data.load`; look inside with `check`, `plots` and `metrics`.
"""

import lucidnet.core.starting  # before everything else

# isort: split
from typing import TYPE_CHECKING

from . import errors as errors
from . import initializers as initializers
from . import layers as layers
from . import losses as losses
from . import optimizers as optimizers
from . import training as training
from .core import exports
from .model import Model as Model

if TYPE_CHECKING:  # not needed to build and train a network: imported when first used
    from . import callbacks as callbacks
    from . import check as check
    from . import data as data
    from . import distributed as distributed
    from . import exercises as exercises
    from . import inspect as inspect
    from . import lab as lab
    from . import metrics as metrics
    from . import passes as passes
    from . import plots as plots
    from . import rules as rules
    from . import sklearn as sklearn
    from .interop.exported import export as export
    from .lab import race as race
    from .moving import convert as convert
    from .passes import OwnStep as OwnStep
    from .sizes import mlp as mlp
    from .som import SelfOrganizingMap as SelfOrganizingMap

__version__ = "0.1.0"

load = Model.load

exports.export(globals())
lucidnet.core.starting.over()
del lucidnet
