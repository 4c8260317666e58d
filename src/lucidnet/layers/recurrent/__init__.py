"""Recurrent layers: SimpleRNN, LeakyRNN, GRU, LSTM, and both directions of them."""

from .base import Recurrent
from .both import Bidirectional
from .gru import GRU
from .lstm import LSTM
from .simple import LeakyRNN, SimpleRNN

__all__ = ["GRU", "LSTM", "Bidirectional", "LeakyRNN", "Recurrent", "SimpleRNN"]
