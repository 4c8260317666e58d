"""`jax.grad` through the backward passes that are written by hand: the recipe of docs/programs.md, by kind of layer.

The gradient of a penalty on the input's gradient, by the weights, is compared with JAX's own derivative of its own
derivative of the forward pass, which never looks at `backward`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.layers import Dense, Input, Sequential
from lucidnet.tree import leaves, tree_map

RNG = np.random.default_rng(2)
KINDS = {
    "dense": ([Dense(4, "tanh"), Dense(2, "sigmoid")], (3,)),
    "gelu": ([Dense(4, "gelu"), Dense(2, "softmax")], (3,)),
    "convolution": (
        [L.Conv2D(2, 3, activation="tanh"), L.AveragePooling2D(2), L.Flatten(), Dense(1)],
        (6, 6, 1),
    ),
    "transposed": ([L.Conv2DTranspose(2, 3, strides=2, activation="tanh"), L.MaxPooling2D(2)], (2, 2, 2)),
    "layer norm": ([Dense(4), L.LayerNormalization(), L.SiLU()], (3,)),
    "batch norm": ([Dense(4), L.BatchNormalization(), Dense(2, "tanh")], (3,)),
    "gru": ([L.GRU(3), Dense(1)], (3, 2)),
    "lstm": ([L.LSTM(3, return_sequences=True), Dense(1)], (3, 2)),
    "attention": ([L.MultiHeadAttention(2, 4), L.GlobalAveragePooling1D()], (3, 4)),
    "residual": ([L.Residual(Dense(3, "tanh")), L.Dropout(0.5), Dense(1)], (3,)),
}


SLOWER = ("gelu", "transposed", "lstm", "batch norm")
MARKED = [pytest.param(kind, marks=pytest.mark.slow if kind in SLOWER else ()) for kind in KINDS]


@pytest.mark.parametrize("kind", MARKED)
def test_the_penalty_on_a_gradient(kind):
    layers, shape = KINDS[kind]
    model = ln.Model([Input(shape), *layers], dtype="float64", seed=1)
    model.build()
    net, params = model.net, tree_map(jnp.asarray, model.params)
    x = jnp.asarray(RNG.normal(size=(2, *shape)))

    def penalty(params):
        y, cache = net.forward(params, x)
        dx, _ = net.backward(params, cache, jnp.ones_like(y))
        return (dx**2).sum()

    def jaxs(params):
        dx = jax.grad(lambda x: net.forward(params, x)[0].sum())(x)
        return (dx**2).sum()

    ours, theirs = jax.jit(jax.grad(penalty))(params), jax.jit(jax.grad(jaxs))(params)
    for (path, one), (_, other) in zip(leaves(ours), leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9, err_msg=str(path))


def test_on_either_engine_and_in_a_program():
    """The same step with `jax.grad` in it: called on NumPy, compiled on JAX."""

    def step(model, x):
        params = tree_map(jnp.asarray, model.params)

        def penalty(params):
            y, cache = model.net.forward(params, x)
            return (model.net.backward(params, cache, jnp.ones_like(y))[0] ** 2).sum()

        model.apply(jax.grad(penalty)(params))
        return penalty(params)

    x, found = jnp.asarray(RNG.normal(size=(4, 3))), []
    for backend in ("numpy", "jax"):
        net = Sequential([Input(3), Dense(4, "tanh"), Dense(1)])
        model = ln.Model(net, dtype="float64", seed=1, backend=backend)
        model.compile(optimizer=ln.optimizers.SGD(0.01))
        told = ln.OwnStep(step, model)([np.asarray(x)] * 3)
        assert told[2] < told[0]
        found.append(model.get_weights())
    np.testing.assert_allclose(*found, rtol=1e-9)
