"""SimCLR (Chen et al. 2020; Keras' "semisupervised_simclr") on 8 x 8 digits.

Each image is changed at random in two ways. The loss (NT-Xent) of one of these views is the cross-entropy of
finding the other among all in the batch, by the softmax of cosines of the net's outputs. No labels are read.
Then a linear probe on the layer before the last two learns from the labels of a tenth of the images.

Run: python examples/programs/simclr.py [--backend jax] [--epochs 600] [--seeds 3] [--first 60]

Judge, fixed before any tuning: for each of 3 seeds the probe makes at most 0.79 of the errors on test images
of the same layers that were trained with these labels alone, on images changed in the same way. With a tenth
of ImageNet's labels SimCLR makes 34.4 % errors, in place of 43.6 % with these labels alone, a ratio of 0.79
(table 1 of Bardes, Ponce and LeCun 2022, "VICReg").

It is met by seeds 60 to 62, by 0.32 to 0.48 on both engines, in the fifth round. In each of four rounds
before one run missed it (0.81, 0.85, 0.85, 1.00): there `load` took no notice of `test_split`, so that 359
images in place of 898 were for testing, 17 errors more or less. Tuned with seeds 10 to 15 (docs/programs.md).
"""

import argparse

import numpy as np

import lucidnet as ln
from lucidnet.backend import Stream, namespace
from lucidnet.data.augment import Compose, Elastic, Rotate, Shift
from lucidnet.layers import Conv2D, Dense, Flatten, Input, Normalization
from lucidnet.optimizers.schedules import Cosine

BATCH, HEAT, CODE = 128, 0.5, 512
CHANGE = Compose([Shift(1), Rotate(20), Elastic(1.5, 1.5)])


def encoder():
    """Return the layers whose outputs are probed."""
    return [
        *(Input((8, 8, 1)), Conv2D(16, 3, padding="same", activation="relu")),
        Conv2D(32, 3, strides=2, padding="same", activation="relu"),
        Conv2D(64, 3, strides=2, padding="same", activation="relu"),
        *(Flatten(), Dense(CODE, "relu", name="code")),
    ]


def make(seed=0, backend="numpy", dtype="float32", epochs=600):
    """Return encoder and projection head, as one model, to be trained for some epochs of 7 batches."""
    head = [Dense(64, "relu"), Dense(32)]
    model = ln.Model([*encoder(), *head], seed=seed, dtype=dtype, backend=backend)
    model.compile(optimizer=ln.optimizers.Adam(Cosine(0.004, 0.00004, epochs * 7)))
    return model


def step(model, views):
    """Make one step on the first views of some images, followed by the second ones; return the loss."""
    xp, same = namespace(views), np.eye(len(views))
    partner = np.roll(same, len(views) // 2, axis=1)
    tape = model.forward(views, train=True)
    size = xp.sqrt((tape.output**2).sum(1))[:, None]
    unit = tape.output / size
    cosines = unit @ unit.T / HEAT - 1e9 * same
    cosines = cosines - xp.max(cosines, axis=1)[:, None]
    log_p = cosines - xp.log(xp.exp(cosines).sum(1))[:, None]
    slope = (xp.exp(log_p) - partner) / len(views) / HEAT
    of_unit = (slope + slope.T) @ unit
    error = (of_unit - unit * (of_unit * unit).sum(1)[:, None]) / size
    model.apply(tape.backward(error, need_dx=False)[1], tape)
    return -(log_p * partner).sum() / len(views)


def images():
    """Return images and labels: half for training, half for testing."""
    return ln.data.load("digits", images=True, test_split=0.5)


def train(seed=0, backend="numpy", epochs=600, dtype="float32"):
    """Train without labels; return the model, and the mean loss of each epoch."""
    model, rng, losses = make(seed, backend, dtype, epochs), np.random.default_rng(seed), []
    (x, _), _ = images()
    steps = ln.OwnStep(step, model)
    for epoch in range(epochs):
        order = rng.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH)
        views = [CHANGE(x, Stream(seed).child(f"{epoch}{view}")) for view in "ab"]
        losses.append(float(np.mean(steps(np.concatenate([v[rows] for v in views]) for rows in order))))
    return model, losses


def judged(model, seed=0):
    """Return the test errors of a linear probe, and of the same layers trained on its labels alone."""
    (x, y), (x_test, y_test) = images()
    few, code, falling = slice(len(x) // 10), model.part(to="code"), Cosine(0.003, 0.00003, 200 * 3)
    scaled = Normalization().adapt(code.predict(x))
    probe = ln.Model([Input(CODE), scaled, Dense(10, "softmax", l2=0.01)], seed=seed)
    alone = ln.Model([*encoder(), Dense(10, "softmax")], seed=seed)
    for net in (probe, alone):
        net.compile("categorical_crossentropy", ln.optimizers.Adam(falling), ["accuracy"])
    probe.fit(code.predict(x[few]), y[few], epochs=200, batch_size=32, verbose=0)
    labelled = ln.data.Dataset.from_arrays(x[few], y[few]).shuffle().batch(32)
    alone.fit(labelled.map(lambda x, y, rng: (CHANGE(x, rng), y)), epochs=200, verbose=0)
    right = probe.evaluate(code.predict(x_test), y_test), alone.evaluate(x_test, y_test)
    return tuple(1 - float(each["accuracy"]) for each in right)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=60)
    given = parser.parse_args()
    for seed in range(given.first, given.first + given.seeds):
        model, losses = train(seed, given.backend, given.epochs)
        probed, alone = judged(model, seed)
        told = f"loss {losses[0]:.2f} -> {losses[-1]:.2f}; errors {probed:.1%}, alone {alone:.1%}"
        print(f"seed {seed}: {told}")
