"""braintrace, a JAX library of online learning rules: the contender of `online`.

Its rules have other names: `D_RTRL` leaves the recurrent weights out of the Jacobian, as ``rflo`` does for
rate units, and `OSTLRecurrent` keeps its diagonal, as ``snap1`` does. (Wang et al. 2026, "Model-agnostic
linear-memory online learning in spiking neural networks".)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TAU = 10.0
RATE = 0.001


def stream(rule: str, weights: dict[str, Any], ours: bool = False) -> Callable[[Any, Any], Any]:
    """Return a function that learns from a stretch (time, 1, 1) of a stream, and gives its outputs.

    Parameters
    ----------
    rule : str
        Our name of the rule.
    weights : dict
        W, U, b of a `LeakyRNN`, and V, c of the `Dense` behind it.
    ours : bool
        Whether UORO draws the signs that we do, to see that the rest is the same.
    """
    import brainstate
    import braintrace
    import jax
    import jax.numpy as jnp

    given = {name: jnp.asarray(array) for name, array in weights.items()}

    class Network(brainstate.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.W = brainstate.ParamState({"weight": given["W"], "bias": given["b"]})
            self.U = brainstate.ParamState(given["U"])
            self.V, self.c = brainstate.ParamState(given["V"]), brainstate.ParamState(given["c"])
            self.init_state()

        def init_state(self, batch_size: Any = None, **_: Any) -> None:
            self.h = brainstate.HiddenState(jnp.zeros((1, len(given["U"]))))

        def update(self, x: Any) -> Any:
            h, W = self.h.value, self.W.value
            a = braintrace.matmul(x, W["weight"], W["bias"]) + braintrace.matmul(h, self.U.value)
            self.h.value = h + (jnp.tanh(a) - h) * (1 / TAU)
            return self.h.value

    class SameSigns(braintrace.UORO):
        def _draw_projection(self, key: Any, step: Any, index: int, shape: Any, dtype: Any) -> Any:
            from lucidnet.backend import StepStream

            rng = StepStream.like(jnp.zeros(1, dtype), 0, step, ("uoro",)).child("state")
            return (2.0 * rng.bernoulli((1, shape[-2]), 0.5) - 1).astype(dtype).reshape(shape)

    uoro = SameSigns if ours else braintrace.UORO
    kind = {"rflo": braintrace.D_RTRL, "snap1": braintrace.OSTLRecurrent, "uoro": uoro}[rule]
    network, settings = Network(), {"vjp_method": "single-step"} if rule == "uoro" else {}
    learner = braintrace.compile(network, kind, jnp.zeros((1, 1)), batch_size=1, **settings)
    params = network.states(brainstate.ParamState)

    def step(x: Any, y: Any) -> Any:
        def loss() -> Any:
            made = learner(x) @ network.V.value + network.c.value
            return jnp.mean((made - y) ** 2), made

        grads, _, made = brainstate.transform.grad(loss, params, has_aux=True, return_value=True)()
        for name, grad in grads.items():
            params[name].value = jax.tree.map(lambda p, d: p - RATE * d, params[name].value, grad)
        return made

    run = brainstate.transform.jit(lambda xs, ys: brainstate.transform.for_loop(step, xs, ys))
    return lambda xs, ys: np.asarray(run(xs, ys))
