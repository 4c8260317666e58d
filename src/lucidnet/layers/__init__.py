"""Layers: each formula beside its gradient, and the containers that wire them together."""

from . import activations
from .activations import (
    ELU,
    GELU,
    SELU,
    Abs,
    Activation,
    HardSigmoid,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from .base import Layer, Run, backprop, walk
from .branches import Add, Concatenate
from .containers import Container, Residual, Sequential
from .core import Dropout, Flatten, Input, Reshape
from .dense import Dense

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Abs",
    "Activation",
    "Add",
    "Concatenate",
    "Container",
    "Dense",
    "Dropout",
    "Flatten",
    "HardSigmoid",
    "Input",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Mish",
    "ReLU",
    "Reshape",
    "Residual",
    "Run",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "activations",
    "backprop",
    "walk",
]
