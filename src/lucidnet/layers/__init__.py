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
from .attention import MultiHeadAttention
from .base import Layer, Run, backprop, walk
from .batchnorm import BatchNormalization, GroupNormalization
from .branches import Add, Concatenate, Multiply
from .containers import Container, Residual, Sequential
from .core import Dropout, Flatten, Input, Masking, Reshape
from .dense import Dense
from .embedding import Embedding
from .graph import Graph
from .noise import GaussianNoise
from .normalization import LayerNormalization, RMSNormalization
from .positions import PositionalEmbedding, SinusoidalEncoding
from .prelu import PReLU
from .recurrent import GRU, LSTM, Bidirectional, LeakyRNN, Recurrent, SimpleRNN
from .transformer import TransformerBlock

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "SELU",
    "Abs",
    "Activation",
    "Add",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Container",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "Graph",
    "GroupNormalization",
    "HardSigmoid",
    "Input",
    "Layer",
    "LayerNormalization",
    "LeakyRNN",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "Masking",
    "Mish",
    "MultiHeadAttention",
    "Multiply",
    "PReLU",
    "PositionalEmbedding",
    "RMSNormalization",
    "ReLU",
    "Recurrent",
    "Reshape",
    "Residual",
    "Run",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SimpleRNN",
    "SinusoidalEncoding",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "TransformerBlock",
    "activations",
    "backprop",
    "walk",
]
