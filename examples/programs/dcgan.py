"""A DCGAN (Radford, Metz and Chintala 2016; PyTorch's example of that name) for 8 x 8 digits.

A generator of transposed convolutions against a discriminator with one logit, both by the logistic loss;
with batch normalization, LeakyReLU(0.2) and Adam(0.0002, 0.5) in the paper. Here the rate is 0.002, as the
images are small.

Run: python examples/programs/dcgan.py [--backend jax] [--epochs 60] [--seeds 3]

Judge, fixed before any tuning: for each of 3 seeds a classifier trained on real digits finds at least 7 of
the 10 digits in 500 generated ones (at least 2 % each), and is on average 70 % sure.
"""

import argparse

import numpy as np

import lucidnet as ln
from lucidnet.backend import namespace
from lucidnet.layers import (
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    Input,
    LeakyReLU,
    ReLU,
    Reshape,
)

LATENT, BATCH = 16, 64


def make(seed=0, backend="numpy", dtype="float32"):
    """Return generator and discriminator."""
    generator = [
        *(
            Input(LATENT),
            Dense(2 * 2 * 32, use_bias=False),
            Reshape((2, 2, 32)),
            BatchNormalization(),
            ReLU(),
        ),
        *(Conv2DTranspose(16, 4, strides=2, padding="same", use_bias=False), BatchNormalization(), ReLU()),
        Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
    ]
    discriminator = [
        *(Input((8, 8, 1)), Conv2D(16, 4, strides=2, padding="same"), LeakyReLU(0.2)),
        *(Conv2D(32, 4, strides=2, padding="same", use_bias=False), BatchNormalization(), LeakyReLU(0.2)),
        *(Flatten(), Dense(1)),
    ]
    models = tuple(
        ln.Model(layers, seed=seed + 100 * k, dtype=dtype, backend=backend)
        for k, layers in enumerate((generator, discriminator))
    )
    for model in models:
        model.compile(optimizer=ln.optimizers.Adam(0.002, 0.5))
    return models


def step(generator, discriminator, batch):
    """Make one discriminator step on real and generated images, then a generator step."""
    real, z = batch
    xp, n = namespace(z), len(z)

    def sigmoid(y):
        return 1 / (1 + xp.exp(-y))

    fake = generator.forward(z, train=True)
    of_real, of_fake = discriminator.forward(real, train=True), discriminator.forward(fake.output, train=True)
    discriminator.apply(
        [
            of_real.backward((sigmoid(of_real.output) - 1) / n, need_dx=False)[1],
            of_fake.backward(sigmoid(of_fake.output) / n, need_dx=False)[1],
        ],
        [of_real, of_fake],
    )
    again = discriminator.forward(fake.output, train=True)
    error, _ = again.backward((sigmoid(again.output) - 1) / n)
    generator.apply(fake.backward(error, need_dx=False)[1], fake)
    return sigmoid(of_real.output).mean(), sigmoid(of_fake.output).mean()


def train(seed=0, backend="numpy", epochs=60, dtype="float32"):
    """Train on all digits; return the two models, and how sure the discriminator was in each epoch."""
    models = make(seed, backend, dtype)
    x = 2 * ln.data.load("digits")[0][0].reshape(-1, 8, 8, 1) - 1
    rng, steps, sure = np.random.default_rng(seed), ln.OwnStep(step, *models), []
    for _ in range(epochs):
        order = rng.permutation(len(x))[: len(x) // BATCH * BATCH].reshape(-1, BATCH)
        told = steps((x[rows], rng.normal(size=(BATCH, LATENT))) for rows in order)
        sure.append(np.mean(told, axis=0))
    return models, sure


def judged(generator, seed=0):
    """Return how many digits occur among 500 generated images, and how sure a classifier is of them."""
    (x, y), _ = ln.data.load("digits")
    classifier = ln.Model([Input(64), Dense(64, "relu"), Dense(10, "softmax")], seed=1)
    classifier.compile("categorical_crossentropy", "adam")
    classifier.fit(x, y, epochs=20, verbose=0)
    images = generator.predict(np.random.default_rng(seed).normal(size=(500, LATENT)))
    p = classifier.predict((images.reshape(500, 64) + 1) / 2)
    return int((np.bincount(p.argmax(1), minlength=10) >= 10).sum()), float(p.max(1).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for seed in range(given.seeds):
        (generator, _), sure = train(seed, given.backend, given.epochs)
        found, confidence = judged(generator)
        print(f"seed {seed}: {found} of 10 digits, {confidence:.2f} sure", np.round(sure[-1], 2))
