"""The forward-forward algorithm (Hinton 2022; Keras' example of that name) on 8 x 8 digits.

Each layer learns by itself to have large outputs for images that carry their own label, and small ones for
those with a wrong one: its loss is log(1 + exp(theta - g)) + log(1 + exp(g' - theta)), where g is the mean
square of its outputs.

Run: python examples/programs/forward_forward.py [--backend jax] [--epochs 60] [--seeds 3]

Judge, fixed before any tuning: for each of 3 seeds at least 90 % of the test images are classified correctly.
"""

import argparse

import numpy as np

import lucidnet as ln
from lucidnet.backend import namespace
from lucidnet.layers import Dense, Input

BATCH, THETA, UNITS = 64, 2.0, (200, 200)


def make(seed=0, backend="numpy", dtype="float32"):
    """Return a model for each layer."""
    sizes, models = (74, *UNITS), []
    for k, units in enumerate(UNITS):
        layers = [Input(sizes[k]), Dense(units, "relu")]
        models.append(ln.Model(layers, seed=seed + 100 * k, dtype=dtype, backend=backend))
        models[-1].compile(optimizer=ln.optimizers.Adam(0.003))
    return tuple(models)


def unit(x):
    """Return rows scaled to mean square 1, so that the next layer cannot see how large they were."""
    return x / ((x**2).mean(1, keepdims=True) ** 0.5 + 1e-6)


def step(*given):
    """Make one step of each layer on images with right and with wrong labels; return the losses."""
    *layers, (right, wrong) = given
    xp, losses = namespace(right), []
    for layer in layers:
        loss, grads = 0.0, []
        tapes = [layer.forward(unit(x), train=True) for x in (right, wrong)]
        for tape, sign in zip(tapes, (-1, 1), strict=True):
            y = tape.output
            z = sign * ((y**2).mean(1) - THETA)
            loss = loss + xp.log1p(xp.exp(-xp.abs(z))) + xp.maximum(z, 0)
            slope = sign / (1 + xp.exp(-z)) / len(y)
            grads.append(tape.backward(slope[:, None] * 2 * y / y.shape[1], need_dx=False)[1])
        layer.apply(grads, tapes)
        right, wrong = (tape.output for tape in tapes)
        losses.append(loss.mean())
    return tuple(losses)


def labelled(x, y):
    """Return images with their one-hot labels appended."""
    return np.concatenate([x, np.eye(10)[y]], 1)


def told(layers, x):
    """Return the labels for which the layers' goodness is largest."""
    goodness = np.zeros((len(x), 10))
    for label in range(10):
        h = labelled(x, np.full(len(x), label))
        for layer in layers:
            h = layer.predict(unit(h))
            goodness[:, label] += (h**2).mean(1)
    return goodness.argmax(1)


def train(seed=0, backend="numpy", epochs=60, dtype="float32"):
    """Train on all digits; return the layers, and the test accuracy."""
    (x, y), (x_test, y_test) = ln.data.load("digits")
    layers, rng = make(seed, backend, dtype), np.random.default_rng(seed)
    steps = ln.OwnStep(step, *layers)
    for _ in range(epochs):
        order = rng.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH)
        others = (y + rng.integers(1, 10, len(y))) % 10
        steps((labelled(x[rows], y[rows]), labelled(x[rows], others[rows])) for rows in order)
    return layers, float((told(layers, x_test) == y_test).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for seed in range(given.seeds):
        print(f"seed {seed}: {train(seed, given.backend, given.epochs)[1]:.1%} of the test images")
