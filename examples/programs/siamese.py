"""A siamese network with contrastive loss (Hadsell, Chopra and LeCun 2006; Keras' "mnist_siamese") on digits.

One net processes both images of a pair; d is the distance of its two outputs. The loss is d^2 for pairs of
the same digit, and max(1 - d, 0)^2 for others.

Run: python examples/programs/siamese.py [--backend jax] [--epochs 40] [--seeds 3]

Judge, fixed before any tuning: for each of 3 seeds 97.2 % of the pairs of test images, half of them of one
digit, are classified correctly by d < 0.5: what Keras' example says of its own on MNIST.
"""

import argparse

import numpy as np

import lucidnet as ln
from lucidnet.backend import namespace
from lucidnet.layers import Dense, Dropout, Input

BATCH = 128


def make(seed=0, backend="numpy", dtype="float32"):
    """Return the net of Keras' example."""
    dense = [Dense(128, "relu"), Dropout(0.1), Dense(128, "relu"), Dropout(0.1), Dense(128, "relu")]
    model = ln.Model([Input(64), *dense], seed=seed, dtype=dtype, backend=backend)
    model.compile(optimizer=ln.optimizers.RMSprop(0.001))
    return model


def pairs(y, rng):
    """Return pairs of row numbers: each image with one of its digit, then with one of another digit."""
    first, places = np.arange(len(y)), [np.flatnonzero(y == digit) for digit in range(10)]
    others = (y + rng.integers(1, 10, len(y))) % 10
    second = [rng.choice(places[digit]) for digit in [*y, *others]]
    return np.tile(first, 2), np.array(second), np.repeat([1.0, 0.0], len(y))


def step(model, batch):
    """Make one step on some pairs; return the loss."""
    a, b, alike = batch
    left, right = model.forward(a, train=True), model.forward(b, train=True)
    gap, xp = left.output - right.output, namespace(a)
    distance = xp.sqrt((gap**2).sum(1) + 1e-12)
    short = xp.maximum(1 - distance, 0)
    slope = 2 * (alike - (1 - alike) * short / distance) / len(a)
    error = slope[:, None] * gap
    grads = [left.backward(error, need_dx=False)[1], right.backward(-error, need_dx=False)[1]]
    model.apply(grads, [left, right])
    return (alike * distance**2 + (1 - alike) * short**2).mean()


def train(seed=0, backend="numpy", epochs=40, dtype="float32"):
    """Train on pairs drawn anew in each epoch; return the net, and the mean loss of each epoch."""
    model, rng, losses = make(seed, backend, dtype), np.random.default_rng(seed), []
    (x, y), steps = ln.data.load("digits")[0], ln.OwnStep(step, model)
    for _ in range(epochs):
        a, b, alike = pairs(y, rng)
        order = rng.permutation(len(a))[: len(a) // BATCH * BATCH].reshape(-1, BATCH)
        losses.append(float(np.mean(steps((x[a[k]], x[b[k]], alike[k]) for k in order))))
    return model, losses


def judged(model, seed=0):
    """Return the share of pairs of test images that are classified correctly."""
    x, y = ln.data.load("digits")[1]
    a, b, alike = pairs(y, np.random.default_rng(seed))
    codes = model.predict(x)
    return float(((np.linalg.norm(codes[a] - codes[b], axis=1) < 0.5) == alike).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for seed in range(given.seeds):
        model, losses = train(seed, given.backend, given.epochs)
        print(f"seed {seed}: loss {losses[0]:.3f} -> {losses[-1]:.3f}, {judged(model):.1%} of the test pairs")
