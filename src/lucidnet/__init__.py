"""lucidnet: neural networks that you can see through."""

from . import errors, initializers, layers, losses, metrics, optimizers, training
from .model import Model

__version__ = "0.1.0"
__all__ = [
    "Model",
    "errors",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "training",
]
