"""Grad-CAM (Selvaraju et al. 2017; Keras' example of that name): what a net looks at to classify.

A net learns which two digits stand in a picture, and is never told where. The map of a digit is the sum of
the last convolution's channels, each weighted by the mean slope of the digit's output by it.

Run: python examples/programs/grad_cam.py [--backend jax] [--epochs 30] [--seeds 3]

Judge, fixed before any tuning: for each of 3 seeds the largest value of the map lies in the digit's own
quarter of the picture for at least 70.58 % of the digits of 200 test pictures (chance is 25 %). That is the
figure of Grad-CAM in the "pointing game" on photographs; we have it from summaries of the paper, and did not
find the table itself.
"""

import argparse

import numpy as np

import lucidnet as ln
from lucidnet.backend import namespace
from lucidnet.layers import Conv2D, Dense, GlobalAveragePooling2D, Input


def make(seed=0, backend="numpy", dtype="float32"):
    """Return the net, which gives a probability for each digit."""
    layers = [
        *(Input((16, 16, 1)), Conv2D(16, 3, padding="same", activation="relu")),
        Conv2D(32, 3, strides=2, padding="same", activation="relu"),
        Conv2D(32, 3, padding="same", activation="relu", name="last"),
        *(GlobalAveragePooling2D(), Dense(10, "sigmoid")),
    ]
    model = ln.Model(layers, seed=seed, dtype=dtype, backend=backend)
    model.compile("binary_crossentropy", ln.optimizers.Adam(0.003))
    return model


def pictures(x, y, count, rng):
    """Return pictures with two different digits in two of four quarters, their labels, and their places."""
    first, second = rng.integers(0, len(y), (2, 4 * count))
    chosen = np.stack([first, second], 1)[y[first] != y[second]][:count]
    where = rng.permuted(np.tile(np.arange(4), (count, 1)), axis=1)[:, :2]
    made = np.zeros((count, 2, 2, 8, 8), x.dtype)
    for k in range(2):
        made[np.arange(count), where[:, k] // 2, where[:, k] % 2] = x[chosen[:, k]].reshape(-1, 8, 8)
    return made.swapaxes(2, 3).reshape(count, 16, 16, 1), y[chosen], where


def heat(model, x, digits):
    """Return the heat map (n, height, width) of one digit in each picture."""
    features = model.part(to="last").forward(x)
    scores = model.part(after="last").forward(features.output)
    slopes, _ = scores.backward(np.eye(10)[digits])
    weights = slopes.mean((1, 2), keepdims=True)
    return namespace(slopes).maximum((weights * features.output).sum(3), 0)


def train(seed=0, backend="numpy", epochs=30, dtype="float32"):
    """Train on 2000 pictures; return the net, and the loss of each epoch."""
    model = make(seed, backend, dtype)
    x, digits, _ = pictures(*ln.data.load("digits")[0], 2000, np.random.default_rng(seed))
    history = model.fit(x, np.eye(10)[digits].sum(1), epochs=epochs, verbose=0)
    return model, history["loss"]


def judged(model, seed=0):
    """Return the share of digits in test pictures for which the map points at the right quarter."""
    x, digits, where = pictures(*ln.data.load("digits")[1], 200, np.random.default_rng(seed))
    hits = []
    for k in range(2):
        found = heat(model, x, digits[:, k])
        side = found.shape[1]
        row, column = np.divmod(found.reshape(len(x), -1).argmax(1), side)
        quarter = 2 * (row >= side // 2) + (column >= side // 2)
        hits.append((quarter == where[:, k]) & (found.max((1, 2)) > 0))
    return float(np.mean(hits))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for seed in range(given.seeds):
        model, losses = train(seed, given.backend, given.epochs)
        print(
            f"seed {seed}: loss {losses[0]:.3f} -> {losses[-1]:.3f}; {judged(model):.1%} in the right place"
        )
