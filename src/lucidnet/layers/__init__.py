"""Layers: each formula beside its gradient, and the containers that wire them together."""

from typing import TYPE_CHECKING

from ..core.lazy import lazy
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
from .containers import Container, Residual, Sequential
from .core import Dropout, Flatten, Input, Masking, Reshape
from .dense import Dense

if TYPE_CHECKING:
    from .attention import MultiHeadAttention
    from .batchnorm import BatchNormalization, GroupNormalization
    from .branches import Add, Concatenate, Multiply
    from .convolution import Conv1D, Conv2D
    from .embedding import Embedding
    from .graph import Graph
    from .images import (
        GlobalAveragePooling1D,
        GlobalAveragePooling2D,
        GlobalMaxPooling1D,
        GlobalMaxPooling2D,
        SpatialDropout1D,
        SpatialDropout2D,
        UpSampling2D,
        ZeroPadding1D,
        ZeroPadding2D,
    )
    from .noise import GaussianNoise
    from .normalization import LayerNormalization, RMSNormalization
    from .pooling import AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D
    from .positions import PositionalEmbedding, SinusoidalEncoding
    from .prelu import PReLU
    from .recurrent import GRU, LSTM, Bidirectional, LeakyRNN, Recurrent, SimpleRNN
    from .transformer import TransformerBlock
    from .transposed import Conv2DTranspose, DepthwiseConv2D

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "SELU",
    "Abs",
    "Activation",
    "Add",
    "AveragePooling1D",
    "AveragePooling2D",
    "BatchNormalization",
    "Bidirectional",
    "Concatenate",
    "Container",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
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
    "MaxPooling1D",
    "MaxPooling2D",
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
    "SpatialDropout1D",
    "SpatialDropout2D",
    "Tanh",
    "TransformerBlock",
    "UpSampling2D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "activations",
    "backprop",
    "walk",
]

__getattr__ = lazy(
    __name__,
    {
        "attention": "MultiHeadAttention",
        "batchnorm": "BatchNormalization GroupNormalization",
        "branches": "Add Concatenate Multiply",
        "convolution": "Conv1D Conv2D",
        "embedding": "Embedding",
        "graph": "Graph",
        "images": "GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D "
        "SpatialDropout1D SpatialDropout2D UpSampling2D ZeroPadding1D ZeroPadding2D",
        "noise": "GaussianNoise",
        "normalization": "LayerNormalization RMSNormalization",
        "pooling": "AveragePooling1D AveragePooling2D MaxPooling1D MaxPooling2D",
        "positions": "PositionalEmbedding SinusoidalEncoding",
        "prelu": "PReLU",
        "recurrent": "GRU LSTM Bidirectional LeakyRNN Recurrent SimpleRNN",
        "transformer": "TransformerBlock",
        "transposed": "Conv2DTranspose DepthwiseConv2D",
    },
)
