"""A physics-informed network (Raissi et al. 2019): u'' = -pi^2 sin(pi x) with u(-1) = u(1) = 0.

The loss is the mean square of the equation's residual, and of u at the ends. u' is lucidnet's own backward
pass, u'' and the gradient by the weights are `jax.grad` through it. The solution is u = sin(pi x).

Run: python examples/programs/pinn.py [--backend jax] [--steps 2000] [--seeds 3]

Judge, fixed before any tuning: for each of 3 seeds |u - sin(pi x)| is at most 1 % of |sin(pi x)|, over 201
points.
"""

import argparse
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import lucidnet as ln
from lucidnet.layers import Dense, Input
from lucidnet.tree import tree_map

POINTS, BLOCK = 64, 100


def make(seed=0, backend="numpy", dtype="float32"):
    """Return the network u."""
    model = ln.Model([Input(1), *[Dense(32, "tanh")] * 2, Dense(1)], seed=seed, dtype=dtype, backend=backend)
    model.compile(optimizer=ln.optimizers.Adam(ln.optimizers.schedules.Cosine(0.003, 0.00003, 2000)))
    return model


def loss(params, net, x):
    """Return the mean squared residual of the equation and of the boundary conditions."""

    def slope(x):
        y, cache = net.forward(params, x)
        return net.backward(params, cache, jnp.ones_like(y))[0]

    curve = jax.grad(lambda x: slope(x).sum())(x)
    ends = net.forward(params, jnp.asarray([[-1.0], [1.0]], x.dtype))[0]
    return ((curve + jnp.pi**2 * jnp.sin(jnp.pi * x)) ** 2).mean() + 10 * (ends**2).mean()


@partial(jax.jit, static_argnums=1)
def slopes(params, net, x):
    """Return the loss, and its gradient by the weights."""
    return jax.value_and_grad(loss)(params, net, x)


def step(model, x):
    """Make one step on some points; return the loss."""
    value, grads = slopes(tree_map(jnp.asarray, model.params), model.net, jnp.asarray(x))
    model.apply(grads)
    return value


def train(seed=0, backend="numpy", steps=2000, dtype="float32"):
    """Return the network, and its relative distance from the solution."""
    model, rng = make(seed, backend, dtype), np.random.default_rng(seed)
    run = ln.OwnStep(step, model)
    for _ in range(steps // BLOCK):
        run(rng.uniform(-1, 1, (BLOCK, POINTS, 1)))
    x = np.linspace(-1, 1, 201)[:, None]
    gap = model.predict(x) - np.sin(np.pi * x)
    return model, float(np.linalg.norm(gap) / np.linalg.norm(np.sin(np.pi * x)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for seed in range(given.seeds):
        print(f"seed {seed}: {train(seed, given.backend, given.steps)[1]:.2%} from the solution")
