"""Transfer with frozen batch normalization (Keras' "mnist_transfer_cnn", here with normalization) on MNIST.

A net learns the digits 0 to 4. Its first two convolutions and their normalizations are frozen, statistics
included, and a new head on them learns 5 to 9. Frozen layers work as in inference, even in a training pass,
and cost no backward pass.

Run: python examples/programs/transfer.py [--backend jax] [--epochs 5] [--seeds 3]

Judge, fixed before any tuning: for each of 3 seeds 99.2 % of the test images of 5 to 9 are classified
correctly, as Keras' example says of its own, and frozen weights are unchanged to the last bit.
"""

import argparse

import numpy as np

import lucidnet as ln
from lucidnet.backend import Stream, namespace
from lucidnet.data.augment import Shift
from lucidnet.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    ReLU,
    Sequential,
)
from lucidnet.optimizers.schedules import Cosine

BATCH = 128


def make(seed=0, backend="numpy", dtype="float32", side=28):
    """Return a net of "features", which will be frozen, and a head that gives logits of five digits."""
    features = [
        *(Conv2D(16, 5, strides=2, padding="same", use_bias=False), BatchNormalization(), ReLU()),
        *(Conv2D(32, 3, strides=2, padding="same", use_bias=False), BatchNormalization(), ReLU()),
    ]
    head = [
        *(Conv2D(64, 3, strides=2, padding="same", activation="relu"), Flatten()),
        *(Dropout(0.25), Dense(128, "relu"), Dropout(0.5), Dense(5)),
    ]
    layers = [Input((side, side, 1)), Sequential(features, name="features"), *head]
    model = ln.Model(layers, seed=seed, dtype=dtype, backend=backend)
    model.compile(optimizer=ln.optimizers.Adam(Cosine(0.002, 0.00002, 5 * 230)))
    return model


def step(model, batch):
    """Make one step on images and their one-hot digits; return the loss."""
    x, y = batch
    tape, xp = model.forward(x, train=True), namespace(x)
    logits = tape.output - xp.max(tape.output, axis=1)[:, None]
    log_p = logits - xp.log(xp.exp(logits).sum(1))[:, None]
    model.apply(tape.backward((xp.exp(log_p) - y) / len(x), need_dx=False)[1], tape)
    return -(y * log_p).sum() / len(x)


def learn(model, x, y, epochs, rng):
    """Train a net on digits counted from 0, with slightly shifted images; return each epoch's mean loss."""
    steps, losses = ln.OwnStep(step, model), []
    for epoch in range(epochs):
        order = rng.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH)
        shifted = Shift(1)(x, Stream(epoch))
        losses.append(float(np.mean(steps((shifted[rows], np.eye(5)[y[rows]]) for rows in order))))
    return losses


def train(seed=0, backend="numpy", epochs=5, dtype="float32", data="mnist"):
    """Train nets on 0 to 4, then on 5 to 9; return both, and their test accuracies."""
    rng, right = np.random.default_rng(seed), []
    parts = ln.data.load(data, images=True)
    side = parts[0][0].shape[1]
    first, second = (make(seed + k, backend, dtype, side) for k in (0, 100))
    for model, low in ((first, 0), (second, 5)):
        (x, y), (x_test, y_test) = ((x[y // 5 == low // 5], y[y // 5 == low // 5] - low) for x, y in parts)
        if low:
            model.copy_weights(first, "features")
            model.set(layer="features", frozen=True)
        learn(model, x, y, epochs, rng)
        right.append(float((model.predict(x_test).argmax(1) == y_test).mean()))
    return first, second, right


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for seed in range(given.seeds):
        right = train(seed, given.backend, given.epochs)[2]
        print(f"seed {seed}: 0 to 4 {right[0]:.2%}, 5 to 9 {right[1]:.2%} of the test images")
