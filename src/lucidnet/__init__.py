"""lucidnet: neural networks that you can see through."""

from . import initializers, layers, losses, optimizers, training

__version__ = "0.1.0"
__all__ = ["initializers", "layers", "losses", "optimizers", "training"]
