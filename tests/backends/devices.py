"""Run by test_mesh.py in a process of its own: gradients and trainings on several devices of one processor."""

import json
import sys

import numpy as np

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.engine.programs import PROGRAMS, Program
from lucidnet.layers import GRU, Dense, Input

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 5)), RNG.integers(0, 3, 40)
TOKENS = RNG.integers(0, 9, (40, 7))

NETS = {
    "dense": ([Input(5), Dense(6, "tanh"), Dense(3, "softmax")], X, Y),
    "batch normalization": ([Input(5), Dense(6), L.BatchNormalization(), Dense(3, "softmax")], X, Y),
    "dropout": ([Input(5), Dense(16, "tanh"), L.Dropout(0.5), Dense(3, "softmax")], X, Y),
    "convolution": (
        [Input((4, 4, 2)), L.Conv2D(3, 3, activation="relu"), L.Flatten(), Dense(3, "softmax")],
        RNG.normal(size=(40, 4, 4, 2)),
        Y,
    ),
    "convolutions": (
        [
            Input((8, 6, 1)),
            L.Conv2D(3, 3, padding="same", activation="relu"),
            L.MaxPooling2D(2),
            L.Conv2DTranspose(2, 2, strides=2),
            L.DepthwiseConv2D(2),
            L.Conv2D(2, 2, strides=2),
            L.Flatten(),
            Dense(3, "softmax"),
        ],
        RNG.normal(size=(40, 8, 6, 1)),
        Y,
    ),
    "masks": ([Input((7,)), L.Embedding(9, 4, mask_zero=True), GRU(5), Dense(3, "softmax")], TOKENS, Y),
    "wide": ([Input(5), Dense(512, "relu"), Dense(512, "tanh"), Dense(3, "softmax")], X, Y),
}


def made(name, mesh, batch_size, epochs, rule="backprop"):
    """Return weights and history after some epochs."""
    layers, x, y = NETS[name]
    PROGRAMS.clear()
    model = ln.Model(layers, seed=3, dtype="float64", backend="jax:cpu", mesh=mesh)
    model.compile("categorical_crossentropy", ln.optimizers.SGD(0.5), ["accuracy"], rule=rule)
    model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0, validation_data=(x, y))
    sharding = {str(tuple(array.sharding.spec)) for array in model.live.vector.arrays}
    programs = [made.function.as_text() for made in PROGRAMS.values() if isinstance(made, Program)]
    gathers = max(text.count(" all-gather(") for text in programs)
    return model.get_weights(), dict(model.history), model.predict(x), sorted(sharding), gathers


if __name__ == "__main__":
    found = {}
    for key in sys.argv[1:]:
        name, mesh, batch_size, epochs, rule = key.split(",")
        mesh = int(mesh) if mesh.isdigit() else mesh
        weights, history, predictions, sharding, gathers = made(
            name, mesh, int(batch_size), int(epochs), rule
        )
        found[key] = {
            "weights": weights.tolist(),
            "history": history,
            "predictions": predictions.tolist(),
            "sharding": sharding,
            "gathers": gathers,
        }
    print(json.dumps(found))
