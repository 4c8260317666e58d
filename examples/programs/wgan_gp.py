"""A Wasserstein GAN with gradient penalty (Gulrajani et al. 2017; Keras' example) for 8 x 8 digits.

The critic's loss has 10 (|d critic(x) / dx| - 1)^2 at points x between real and generated images. The inner
derivative is lucidnet's own backward pass; the derivative of the penalty by the weights is `jax.grad` through
it, which needs JAX on NumPy, too.

Run: python examples/programs/wgan_gp.py [--backend jax] [--epochs 60] [--seeds 3]

Judge, fixed before any tuning: for each of 3 seeds mean and standard deviation of each pixel over 500
generated images are on average closer than 0.1 to those of the digits, whose pixels are from 0 to 1.
"""

import argparse

import jax
import numpy as np

import lucidnet as ln
from lucidnet.backend import namespace
from lucidnet.layers import Dense, Input
from lucidnet.tree import tree_map

LATENT, BATCH, CRITIC, WEIGHT = 16, 64, 5, 10.0


def make(seed=0, backend="numpy", dtype="float32"):
    """Return generator and critic."""
    generator = [Input(LATENT), Dense(64, "relu"), Dense(64, "relu"), Dense(64, "sigmoid")]
    critic = [Input(64), Dense(64, "tanh"), Dense(64, "tanh"), Dense(1)]
    models = tuple(
        ln.Model(layers, seed=seed + 100 * k, dtype=dtype, backend=backend)
        for k, layers in enumerate((generator, critic))
    )
    for model in models:
        model.compile(optimizer=ln.optimizers.Adam(0.001, 0.5))
    return models


def penalty(params, net, x):
    """Return WEIGHT times the mean of (|d net(x) / dx| - 1)^2, an ordinary function of arrays."""
    y, cache = net.forward(params, x)
    dx, _ = net.backward(params, cache, namespace(y).ones_like(y))
    return WEIGHT * (((dx**2).sum(1) ** 0.5 - 1) ** 2).mean()


slopes = jax.jit(jax.grad(penalty), static_argnums=1)


def step(generator, critic, batch):
    """Make five steps of the critic, then one of the generator."""
    real, z, between = batch
    for k in range(CRITIC):
        fake = generator.forward(z[k]).output
        of_real, of_fake = critic.forward(real[k]), critic.forward(fake)
        ones = namespace(fake).ones_like(of_fake.output) / len(fake)
        params = tree_map(jax.numpy.asarray, critic.params)
        middle = jax.numpy.asarray(fake + between[k] * (real[k] - fake))
        steep = slopes(params, critic.net, middle)
        critic.apply([of_fake.backward(ones)[1], of_real.backward(-ones)[1], steep])
    fake = generator.forward(z[CRITIC], train=True)
    of_fake = critic.forward(fake.output)
    generator.apply(fake.backward(of_fake.backward(-ones)[0])[1], fake)
    return of_real.output.mean() - of_fake.output.mean()


def train(seed=0, backend="numpy", epochs=60, dtype="float32"):
    """Train on all digits; return the two models and each epoch's estimate of the distance."""
    models, rng, gaps = make(seed, backend, dtype), np.random.default_rng(seed), []
    x, steps = ln.data.load("digits")[0][0], ln.OwnStep(step, *models)
    for _ in range(epochs):
        order = rng.permutation(len(x))[: len(x) // (CRITIC * BATCH) * CRITIC * BATCH]
        told = steps(
            (
                x[rows],
                rng.normal(size=(CRITIC + 1, BATCH, LATENT)),
                rng.random((CRITIC, BATCH, 1)),
            )
            for rows in order.reshape(-1, CRITIC, BATCH)
        )
        gaps.append(float(np.mean(told)))
    return models, gaps


def judged(generator, seed=0):
    """Return how far the mean and standard deviation of generated pixels are from those of the digits."""
    x = ln.data.load("digits")[0][0]
    made = generator.predict(np.random.default_rng(seed).normal(size=(500, LATENT)))
    return float(np.abs(made.mean(0) - x.mean(0)).mean()), float(np.abs(made.std(0) - x.std(0)).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for seed in range(given.seeds):
        (generator, _), gaps = train(seed, given.backend, given.epochs)
        print(f"seed {seed}: distance {gaps[0]:.2f} -> {gaps[-1]:.2f}; pixels differ by", judged(generator))
