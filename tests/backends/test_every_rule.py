"""20 steps by every rule, across layers and through time, agree on both backends, in float64 to 1e-10."""

import numpy as np
import pytest
from pairs import both

from lucidnet import layers as L
from lucidnet import rules
from lucidnet.layers import GRU, LSTM, Conv2D, Dense, Input, LeakyRNN, SimpleRNN
from lucidnet.optimizers import SGD, ClipGlobalNorm
from lucidnet.rules import Rule, SnAp, TruncatedBPTT

pytest.importorskip("jax")

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(40, 6, 6, 2))
SEQUENCES = RNG.normal(size=(40, 7, 3))
LENGTHS = RNG.integers(1, 8, 40)
Y = RNG.integers(0, 3, 40)


@pytest.mark.parametrize("rule", rules.SPACE)
def test_rules_across_layers(rule):
    """Convolution, a residual, a normalization and dense layers, one of them with a rule of its own."""
    own = None if rule in ("np", "wp") else "fa"
    layers = [
        Input((6, 6, 2)),
        Conv2D(3, 3, activation="tanh"),
        L.Flatten(),
        Dense(6, "tanh", rule=own),
        L.Residual(L.Sequential([Dense(4, "tanh"), Dense(6)])),
        L.LayerNormalization(),
        Dense(3, "softmax"),
    ]
    optimizer = SGD(0.1, momentum=0.5, weight_decay=0.01, clip=ClipGlobalNorm(0.5))
    both(layers, x=IMAGES, y=Y, rule=rule, optimizer=optimizer)


TIME = [*rules.TIME, SnAp(2), TruncatedBPTT(3, 2), Rule("fa", "rflo"), Rule("dfa", "eprop")]


@pytest.mark.filterwarnings("ignore::lucidnet.errors.InexactWarning")  # of the layers below
@pytest.mark.parametrize("rule", TIME, ids=str)
def test_rules_through_time(rule):
    """All kinds of recurrent layers, one above the other."""
    layers = [
        Input((7, 3)),
        LeakyRNN(4, tau=2.0, return_sequences=True),
        GRU(3, return_sequences=True),
        SimpleRNN(4, return_sequences=True, go_backwards=rule == "bptt"),
        LSTM(3),
        Dense(3, "softmax"),
    ]
    mask = LENGTHS if isinstance(rule, str) else None
    both(layers, x=SEQUENCES, y=Y, rule=rule, mask=mask, optimizer=SGD(0.1, momentum=0.5))
