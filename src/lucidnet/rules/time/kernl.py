"""Kernel RNN learning: how a unit's change spreads to others is learned from noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from ...backend import Array, StepStream, Stream, Tree, namespace
from ...core.settings import finite, whole
from ...core.value import value
from ...layers import Recurrent
from ...layers.base import INFERENCE
from ...layers.recurrent.loop import State
from .online import Online, TimeStep, by_gate, immediate, one_more


class Kernel(NamedTuple):
    """What `KeRNL` carries from one time step to the next.

    Parameters
    ----------
    A : array (units, units)
        How much a change of each unit (column) changes each unit (row).
    alpha : array (units,)
        The share of such a change that is forgotten at each time.
    steps : array (1,)
        The number of times seen, which determines the random numbers.
    plain, noisy : State
        The states of the layer, and of its copy with noise.
    omega, gamma : array (n, units)
        The noise that is left, and its derivative by alpha.
    traces : tuple of array (n, inputs + 1, gates * units)
        The eligibility traces of W with b, and of U.
    """

    A: Array
    alpha: Array
    steps: Array
    plain: State
    noisy: State
    omega: Array
    gamma: Array
    traces: tuple[Array, ...]


@value
class KeRNL(Online):
    """The influence of a weight, as a learned matrix times an eligibility trace that fades.

    A change of unit i is taken to change unit k after d more times by A_ki (1 - alpha_i)^d, so that::

        P_ij = (1 - alpha_i) P_ij + f'(a_i) x_j         dL/dw_ij = sum_k e_k A_ki P_ij

    A and alpha learn by gradient descent to predict what noise xi does to the units of a copy::

        omega_i = (1 - alpha_i) omega_i + xi_i          error_k = sum_i A_ki omega_i - (h~_k - h_k) / sigma

    (Roth, Kanitscheider & Fiete 2019, "Kernel RNN learning (KeRNL)", algorithm 1; with 1 - alpha in place of
    exp(-gamma), as in the review of Marschall, Cho & Savin 2020.) The steps of A and alpha are divided by 1 +
    the mean square size of what they are fitted to, so that no rate below 1 diverges; this is ours. A begins
    as the identity, with which the rule is near to `RFLO`. A and alpha are feedback weights, saved with
    the model that `fit` has trained; an online learner keeps its own.

    Parameters
    ----------
    rate : float
        The step by which A and alpha learn.
    deviation : float
        The standard deviation sigma of the noise.
    decay : float
        The initial alpha.
    seed : int
        The seed of the noise.
    """

    rate: float = finite(0, below=1, default=0.2)
    deviation: float = finite(above=0, default=1e-3)
    decay: float = finite(0, below=1, default=0.2)
    seed: int = whole(0, default=0)

    reads: ClassVar[str] = "pre, post, error, other errors, trace, noise"
    memory: ClassVar[str] = "N^2"
    couples_examples: ClassVar[bool] = True
    cost: ClassVar[str] = "N^2 a time, and a second copy of the layer that runs along"

    def still(self) -> KeRNL:
        return replace(self, rate=0.0)

    def feedback(self, layer: Recurrent, rng: Stream) -> Tree:
        xp = namespace(like := rng.full((layer.units,), self.decay))
        return {"A": xp.eye(layer.units, dtype=like.dtype), "alpha": like, "steps": rng.full((1,), 0.0)}

    def start(self, layer: Recurrent, params: Tree, n: int, like: Array, B: Tree) -> Any:
        zeros, width = namespace(like).zeros, params["W"].shape[1]
        state = tuple(zeros((n, layer.units), dtype=like.dtype) for _ in layer.carried)
        inputs = (params["W"].shape[0] + 1, layer.units + 1)
        traces = tuple(zeros((n, k, width), dtype=like.dtype) for k in inputs)
        return Kernel(B["A"], B["alpha"], B["steps"], state, state, state[0], state[0], traces)

    def begun(self, trace: Any, first: State) -> Any:
        return trace._replace(plain=first, noisy=first)

    def remembered(self, trace: Any) -> Tree:
        return {"A": trace.A, "alpha": trace.alpha, "steps": trace.steps}

    def advance(self, trace: Any, layer: Recurrent, params: Tree, now: TimeStep) -> Any:
        xp, k = namespace(now.x), trace
        ones = xp.ones((now.x.shape[0], layer.units), dtype=now.x.dtype)
        slopes = immediate(layer, params, now, ones)[:2]  # by z and by h U, of each unit's own columns
        keep = by_gate(1 - k.alpha, layer.gates)
        traces = tuple(
            keep * P + F[:, None] * inputs[:, :, None]
            for P, F, inputs in zip(k.traces, slopes, (now.x, now.h), strict=True)
        )
        after = self._learned(k._replace(traces=traces), layer, params, now)
        if now.counts is None:
            return after
        # Masked sequences keep everything; A and alpha are shared by all.
        stays = {name: _where(now.counts, getattr(after, name), getattr(k, name)) for name in OF_SEQUENCES}
        return after._replace(**stays)

    def _learned(self, k: Kernel, layer: Recurrent, params: Tree, now: TimeStep) -> Kernel:
        """Advance the layer and its noisy copy, and let A and alpha learn from their difference."""
        z = layer.project(params, now.x[:, :-1], INFERENCE)
        xi = StepStream.like(k.omega, self.seed, k.steps[0], ("kernl",)).normal(k.omega.shape)
        plain, _ = layer.step(params, z, k.plain)
        noisy, _ = layer.step(params, z, k.noisy)
        noisy = (noisy[0] + self.deviation * xi, *noisy[1:])
        gamma = (1 - k.alpha) * k.gamma - k.omega
        omega = (1 - k.alpha) * k.omega + xi
        error = omega @ k.A.T - (noisy[0] - plain[0]) / self.deviation
        xp, n = namespace(error), len(error)
        seen, past = omega, gamma
        if now.counts is not None:
            error, seen, past = (xp.where(now.counts, array, 0) for array in (error, omega, gamma))
            n = xp.maximum(xp.astype(now.counts.sum(), error.dtype), 1)
        A = k.A - self.rate / (n + (seen * seen).sum()) * (error.T @ seen)
        sizes = (k.A * k.A).sum(0) * (past * past).sum(0)
        alpha = k.alpha - self.rate / (n + sizes) * ((error @ k.A) * past).sum(0)
        alpha = xp.clip(alpha, 0.0, 1.0)
        return k._replace(
            A=A, alpha=alpha, steps=one_more(k.steps), plain=plain, noisy=noisy, omega=omega, gamma=gamma
        )

    def gradient(self, trace: Any, error: Array) -> tuple[Array, Array]:
        wide = by_gate(error @ trace.A, trace.traces[0].shape[-1] // error.shape[1])
        by_z, by_s = ((wide[:, None] * P).sum(0) for P in trace.traces)
        return by_z, by_s


OF_SEQUENCES = ("plain", "noisy", "omega", "gamma", "traces")
"""The fields of a `Kernel` that belong to single sequences."""


def _where(counts: Array, new: Any, old: Any) -> Any:
    """Return the new arrays (n, ...) for sequences whose time step counts, and the old ones for others."""
    if isinstance(new, tuple):
        return tuple(_where(counts, *pair) for pair in zip(new, old, strict=True))
    return namespace(new).where(counts.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
