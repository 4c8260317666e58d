"""Recurrent layers: SimpleRNN, LeakyRNN, GRU, LSTM, bidirectional ones; ConvLSTM2D for images."""

from ...core.exports import export
from .base import Recurrent as Recurrent
from .both import Bidirectional as Bidirectional
from .convolutional import ConvLSTM2D as ConvLSTM2D
from .gru import GRU as GRU
from .lstm import LSTM as LSTM
from .simple import LeakyRNN as LeakyRNN
from .simple import SimpleRNN as SimpleRNN

export(globals())
