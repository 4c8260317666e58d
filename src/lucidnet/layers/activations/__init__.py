"""Activations: layers without parameters that act on each element, or on the last axis.

`Dense(10, activation="relu")` takes one by name; `Activation("relu")` is the same as a separate layer. Make
one of your own with `custom(function, derivative)`, or as a subclass of `Layer`.
"""

from ...core.exports import export
from .base import ActivationLayer as ActivationLayer
from .base import Linear as Linear
from .custom import CustomActivation as CustomActivation
from .custom import custom as custom
from .rectifiers import ELU as ELU
from .rectifiers import SELU as SELU
from .rectifiers import Abs as Abs
from .rectifiers import LeakyReLU as LeakyReLU
from .rectifiers import ReLU as ReLU
from .registry import KNOWN as KNOWN
from .registry import ONE as ONE
from .registry import Activation as Activation
from .registry import get as get
from .registry import inside as inside
from .scales import scale as scale
from .sigmoidal import Exponential as Exponential
from .sigmoidal import HardSigmoid as HardSigmoid
from .sigmoidal import Sigmoid as Sigmoid
from .sigmoidal import Softplus as Softplus
from .sigmoidal import Softsign as Softsign
from .sigmoidal import Tanh as Tanh
from .smooth import GELU as GELU
from .smooth import Mish as Mish
from .smooth import SiLU as SiLU
from .softmax import LogSoftmax as LogSoftmax
from .softmax import Softmax as Softmax

export(globals())
