"""Layers: each formula beside its gradient, and the containers that wire them together."""

from typing import TYPE_CHECKING

from ..core.exports import export
from . import activations as activations
from .activations import ELU as ELU
from .activations import GELU as GELU
from .activations import SELU as SELU
from .activations import Abs as Abs
from .activations import Activation as Activation
from .activations import Exponential as Exponential
from .activations import HardSigmoid as HardSigmoid
from .activations import LeakyReLU as LeakyReLU
from .activations import Linear as Linear
from .activations import LogSoftmax as LogSoftmax
from .activations import Mish as Mish
from .activations import ReLU as ReLU
from .activations import Sigmoid as Sigmoid
from .activations import SiLU as SiLU
from .activations import Softmax as Softmax
from .activations import Softplus as Softplus
from .activations import Softsign as Softsign
from .activations import Tanh as Tanh
from .base import Layer as Layer
from .base import Run as Run
from .base import backprop as backprop
from .base import walk as walk
from .containers import Container as Container
from .containers import Residual as Residual
from .containers import Sequential as Sequential
from .core import Dropout as Dropout
from .core import Flatten as Flatten
from .core import Input as Input
from .core import Masking as Masking
from .core import Reshape as Reshape
from .dense import Dense as Dense

if TYPE_CHECKING:
    from .attention import MultiHeadAttention as MultiHeadAttention
    from .batchnorm import BatchNormalization as BatchNormalization
    from .batchnorm import GroupNormalization as GroupNormalization
    from .branches import Add as Add
    from .branches import Average as Average
    from .branches import Concatenate as Concatenate
    from .branches import Dot as Dot
    from .branches import Maximum as Maximum
    from .branches import Minimum as Minimum
    from .branches import Multiply as Multiply
    from .branches import Subtract as Subtract
    from .convolution import Conv1D as Conv1D
    from .convolution import Conv2D as Conv2D
    from .embedding import Embedding as Embedding
    from .function import Function as Function
    from .graph import Graph as Graph
    from .images import Cropping1D as Cropping1D
    from .images import Cropping2D as Cropping2D
    from .images import GlobalAveragePooling1D as GlobalAveragePooling1D
    from .images import GlobalAveragePooling2D as GlobalAveragePooling2D
    from .images import GlobalMaxPooling1D as GlobalMaxPooling1D
    from .images import GlobalMaxPooling2D as GlobalMaxPooling2D
    from .images import SpatialDropout1D as SpatialDropout1D
    from .images import SpatialDropout2D as SpatialDropout2D
    from .images import ZeroPadding1D as ZeroPadding1D
    from .images import ZeroPadding2D as ZeroPadding2D
    from .noise import GaussianNoise as GaussianNoise
    from .normalization import LayerNormalization as LayerNormalization
    from .normalization import RMSNormalization as RMSNormalization
    from .pooling import AveragePooling1D as AveragePooling1D
    from .pooling import AveragePooling2D as AveragePooling2D
    from .pooling import MaxPooling1D as MaxPooling1D
    from .pooling import MaxPooling2D as MaxPooling2D
    from .positions import PositionalEmbedding as PositionalEmbedding
    from .positions import SinusoidalEncoding as SinusoidalEncoding
    from .prelu import PReLU as PReLU
    from .recurrent import GRU as GRU
    from .recurrent import LSTM as LSTM
    from .recurrent import Bidirectional as Bidirectional
    from .recurrent import LeakyRNN as LeakyRNN
    from .recurrent import Recurrent as Recurrent
    from .recurrent import SimpleRNN as SimpleRNN
    from .sampling import Sampling as Sampling
    from .scaling import Normalization as Normalization
    from .scaling import Rescaling as Rescaling
    from .separable import SeparableConv1D as SeparableConv1D
    from .separable import SeparableConv2D as SeparableConv2D
    from .shaping import Permute as Permute
    from .shaping import RepeatVector as RepeatVector
    from .timedistributed import TimeDistributed as TimeDistributed
    from .transformer import TransformerBlock as TransformerBlock
    from .transposed import Conv1DTranspose as Conv1DTranspose
    from .transposed import Conv2DTranspose as Conv2DTranspose
    from .transposed import DepthwiseConv1D as DepthwiseConv1D
    from .transposed import DepthwiseConv2D as DepthwiseConv2D
    from .upsampling import UpSampling1D as UpSampling1D
    from .upsampling import UpSampling2D as UpSampling2D

export(globals())
