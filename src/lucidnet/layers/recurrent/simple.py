"""Plain recurrent layers of rate units."""

from __future__ import annotations

from ...backend import Array, Tree
from ...core.settings import finite, setting
from ...core.types import Named
from ...core.value import of_library, value
from .. import activations
from ..base import Cache, Layer, Run, Samples
from .base import Recurrent
from .loop import State


@value
class SimpleRNN(Recurrent):
    """h_t = f(x_t W + h_(t-1) U + b)  (Elman 1990).

    With a_t in the bracket and da_t = dh_t f'(a_t)::

        dz_t = ds_t = da_t        dh_(t-1) = da_t U^T

    With ``activation="relu", recurrent_initializer="identity"`` it is the IRNN of Le, Jaitly & Hinton
    2015.

    Parameters
    ----------
    activation : str or Layer
        The function f.

    Notes
    -----
    The other parameters are those of `Recurrent`.
    """

    activation: Named[Layer] = setting(activations.ONE, activations.inside, default=activations.Tanh())

    def step(self, params: Tree, z: Array, state: State) -> tuple[State, Cache]:
        h, kept = self.activation.forward({}, z + state[0] @ params["U"])
        return (h,), kept

    def step_back(self, params: Tree, cache: Cache, dstate: State) -> tuple[Array, Array, State]:
        da, _ = self.activation.backward({}, cache, dstate[0])
        return da, da, (da @ params["U"].T,)

    def push(self, params: Tree, cache: Cache, dstate: State) -> State | None:
        if not same_both_ways(self.activation):
            return None
        return (self.activation.backward({}, cache, dstate[0] @ params["U"])[0],)


@value
class LeakyRNN(Recurrent):
    """Units that forget with a time constant: tau dh/dt = -h + f(x W + h U + b + noise).

    In steps of time 1, by Euler's method (Murray 2019, "Local online learning in recurrent networks with
    random feedback", equation 1; the noise and b are not there)::

        h_t = (1 - 1/tau) h_(t-1) + 1/tau f(a_t)        a_t = x_t W + h_(t-1) U + b + noise xi_t

    With da_t = 1/tau dh_t f'(a_t)::

        dz_t = ds_t = da_t        dh_(t-1) = (1 - 1/tau) dh_t + da_t U^T

    Parameters
    ----------
    tau : float
        The time constant, in time steps; at least 1.
    activation : str or Layer
        The function f.
    noise : float
        The standard deviation of the noise, in training only; xi_t is normal, independent for each unit
        and time.

    Notes
    -----
    The other parameters are those of `Recurrent`.
    """

    tau: float = finite(1, default=10.0)
    activation: Named[Layer] = setting(activations.ONE, activations.inside, default=activations.Tanh())
    noise: float = finite(0, default=0.0)

    @property
    def random(self) -> bool:  # type: ignore[override]
        """Whether there is noise."""
        return self.noise > 0

    def project(self, params: Tree, x: Array, run: Run) -> Array:
        z = Recurrent.project(self, params, x, run)
        if self.noise and run.train:
            z += self.noise * run.stream.by_time().normal(z.shape)
        return z

    def step(self, params: Tree, z: Array, state: State) -> tuple[State, Cache]:
        (h,) = state
        f, kept = self.activation.forward({}, z + h @ params["U"])
        return (h + (f - h) * (1 / self.tau),), kept

    def step_back(self, params: Tree, cache: Cache, dstate: State) -> tuple[Array, Array, State]:
        (dh,) = dstate
        da, _ = self.activation.backward({}, cache, dh * (1 / self.tau))
        return da, da, ((1 - 1 / self.tau) * dh + da @ params["U"].T,)

    def push(self, params: Tree, cache: Cache, dstate: State) -> State | None:
        if not same_both_ways(self.activation):
            return None
        (dh,) = dstate
        df, _ = self.activation.backward({}, cache, dh @ params["U"])
        return (dh + (df - dh) * (1 / self.tau),)

    @classmethod
    def samples(cls) -> Samples:
        yield cls(3), (6, 4)
        yield cls(2, tau=3.0, noise=0.1, return_sequences=True), (4, 3)


def same_both_ways(activation: Layer) -> bool:
    """Tell whether an activation's Jacobian is symmetric, so that `backward` also pushes changes forward."""
    return of_library(activation) and not isinstance(activation, activations.LogSoftmax)
