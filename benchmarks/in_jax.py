"""The same networks in JAX and optax, written by hand: forward only, the gradient by `jax.value_and_grad`.

An epoch is one `lax.scan` over its shuffled batches, with the data on the device from the start: the least
that an experienced JAX user would write. `checked` also tests, in each step, whether loss and gradient are
finite, as lucidnet always does.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from . import nets

Forward = Callable[[Any, Any], Any]
"""A function from parameters and inputs (n, ...) to scores (n, ..., classes)."""


def network(name: str) -> tuple[Any, Forward] | None:
    """Return a network's initial parameters and its forward pass; None if it is not written here."""
    if name.startswith("784-"):
        return dense([int(size) for size in name.split("-")])
    return lstm() if name == "LSTM" else None


def dense(sizes: list[int]) -> tuple[Any, Forward]:
    """Return dense layers with ReLU between them."""
    rng = np.random.default_rng(0)
    params = [normal(rng, *pair) for pair in pairwise(sizes)]

    def forward(params: Any, x: Any) -> Any:
        for layer in params[:-1]:
            x = jax.nn.relu(x @ layer["W"] + layer["b"])
        return x @ params[-1]["W"] + params[-1]["b"]

    return params, forward


def lstm() -> tuple[Any, Forward]:
    """Return an LSTM layer, with an output layer at each time step."""
    rng = np.random.default_rng(0)
    params = {
        "cell": normal(rng, nets.SYMBOLS, 4 * nets.UNITS),
        "U": normal(rng, nets.UNITS, 4 * nets.UNITS)["W"],
        "out": normal(rng, nets.UNITS, nets.SYMBOLS),
    }

    def forward(params: Any, x: Any) -> Any:
        given = jnp.swapaxes(x @ params["cell"]["W"] + params["cell"]["b"], 0, 1)  # all time steps at once
        zero = jnp.zeros((len(x), nets.UNITS), x.dtype)

        def step(carry: Any, now: Any) -> Any:
            h, c = carry
            i, f, g, o = jnp.split(now + h @ params["U"], 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        _, hidden = lax.scan(step, (zero, zero), given)
        return jnp.swapaxes(hidden, 0, 1) @ params["out"]["W"] + params["out"]["b"]

    return params, forward


def normal(rng: np.random.Generator, inputs: int, outputs: int) -> dict[str, Any]:
    """Return the initial weights and biases of a dense layer."""
    deviation = np.sqrt(2 / inputs)
    W = (deviation * rng.standard_normal((inputs, outputs))).astype(np.float32)
    return {"W": W, "b": np.zeros(outputs, np.float32)}


def epoch(name: str, task: nets.Task, checked: bool) -> Callable[[], object] | None:
    """Return an epoch of a network."""
    if (found := network(name)) is None:
        return None
    params, forward = found
    optimizer = optax.adam(nets.RATE)
    x, y = map(jnp.asarray, task.epoch())
    state = jax.tree.map(jnp.asarray, (params, optimizer.init(params)))

    def loss(params: Any, x: Any, y: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(forward(params, x), y).mean()

    def step(carry: Any, rows: Any) -> Any:
        params, memory, good = carry
        value, grads = jax.value_and_grad(loss)(params, x[rows], y[rows])
        if checked:
            good &= jnp.stack([jnp.isfinite(a).all() for a in jax.tree.leaves((value, grads))]).all()
        updates, memory = optimizer.update(grads, memory, params)
        return (optax.apply_updates(params, updates), memory, good), value

    def steps(state: Any, order: Any) -> Any:
        (params, memory, good), losses = lax.scan(step, (*state, True), order)
        return (params, memory), losses.mean(), good

    program, rng = jax.jit(steps, donate_argnums=0), np.random.default_rng(0)

    def work() -> object:
        nonlocal state
        order = rng.permutation(len(x)).astype(np.int32).reshape(task.batches, task.batch)
        state, mean, good = program(state, order)
        if not good:
            raise ArithmeticError("not finite")
        return float(mean)

    return work
