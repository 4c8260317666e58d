"""Random networks of all kinds, for what must hold of every rule in every network."""

import numpy as np

from lucidnet.layers import (
    GRU,
    LSTM,
    Add,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    Graph,
    Input,
    LayerNormalization,
    LeakyRNN,
    MultiHeadAttention,
    Residual,
    Sequential,
    SimpleRNN,
    TransformerBlock,
)

KINDS = ("dense", "images", "sequences", "words", "graph", "outputs")


def network(seed):
    """Return a random network, and the shape of one input."""
    rng = np.random.default_rng(seed)
    kind = KINDS[seed % len(KINDS)]
    return globals()[f"_{kind}"](rng)


def _act(rng):
    return str(rng.choice(["tanh", "sigmoid", "relu", "linear"]))


def _end(rng):
    return Dense(int(rng.integers(1, 4)), str(rng.choice(["linear", "sigmoid", "tanh", "softmax"])))


def _hidden(rng, width):
    options = [
        lambda: Dense(width, _act(rng)),
        lambda: Residual(Dense(width, _act(rng))),
        lambda: LayerNormalization(),
        lambda: BatchNormalization(frozen=bool(rng.integers(2))),
        lambda: Dropout(0.2),
        lambda: Concatenate([Dense(2, _act(rng)), Dense(width - 2)]),
        lambda: Add([Dense(width), Sequential([Dense(3, _act(rng)), Dense(width)])]),
        lambda: Dense(width, "tanh", rule=str(rng.choice(["fa", "dfa", "backprop"]))),
        lambda: Dense(width, frozen=True),
    ]
    return options[rng.integers(len(options))]()


def _dense(rng):
    layers = [_hidden(rng, 4) for _ in range(rng.integers(0, 4))]
    return Sequential([Input(4), *layers, _end(rng)]), (4,)


def _images(rng):
    options = [
        lambda: Conv2D(3, 3, padding=str(rng.choice(["same", "valid"])), activation=_act(rng)),
        lambda: Conv2D(2, 2, strides=2),
        lambda: DepthwiseConv2D(2),
        lambda: Conv2DTranspose(2, 2, strides=int(rng.integers(1, 3))),
    ]
    layers = [options[rng.integers(len(options))]() for _ in range(rng.integers(1, 3))]
    size = None if rng.integers(2) else 7
    ending = GlobalAveragePooling2D() if size is None or rng.integers(2) else Flatten()
    return Sequential([Input((size, size, 2)), *layers, ending, _end(rng)]), (size, size, 2)


def _cell(rng, sequences):
    kind = [SimpleRNN, LeakyRNN, GRU, LSTM][rng.integers(4)]
    cell = kind(int(rng.integers(1, 5)), return_sequences=sequences, go_backwards=bool(rng.integers(2)))
    return Bidirectional(cell) if rng.integers(4) == 0 else cell


def _over_time(rng):
    options = [
        lambda: _cell(rng, True),
        lambda: Dense(4, _act(rng)),
        lambda: Conv1D(4, 2, padding=str(rng.choice(["same", "valid"]))),
        lambda: Conv1D(4, 2, strides=2),
    ]
    return options[rng.integers(len(options))]()


def _sequences(rng):
    layers = [_over_time(rng) for _ in range(rng.integers(0, 3))]
    last = [[_cell(rng, False)], [_cell(rng, True)], [GlobalAveragePooling1D()]][rng.integers(3)]
    time = None if rng.integers(2) else 9
    return Sequential([Input((time, 4)), *layers, *last, _end(rng)]), (time, 4)


def _words(rng):
    body = [
        [TransformerBlock(2, 4)],
        [_cell(rng, True)],
        [MultiHeadAttention(2), Dense(4, "tanh")],
    ][rng.integers(3)]
    embedding = Embedding(11, 4, mask_zero=bool(rng.integers(2)))
    return Sequential([Input((6,)), embedding, *body, _cell(rng, False), _end(rng)]), (6,)


def _graph(rng):
    nodes = [
        ("a", Dense(4, _act(rng)), "x"),
        ("s", Dense(3, "tanh"), "start"),
        ("r", SimpleRNN(3, return_sequences=bool(rng.integers(2))), ("a", "s")),
        ("again", Dense(3, "tanh"), "r"),
        ("more", "again", "again"),
        ("sum", Add(), ("r", "more")),
        ("y", _end(rng), "sum"),
    ]
    return Graph({"x": (5, 2), "start": (3,)}, nodes, "y"), {"x": (5, 2), "start": (3,)}


def _outputs(rng):
    nodes = [
        ("a", Dense(4, _act(rng)), "x"),
        ("u", _end(rng), "a"),
        ("v", Dense(2), "a"),
    ]
    return Graph({"x": (5,)}, nodes, ["u", "v"]), (5,)
