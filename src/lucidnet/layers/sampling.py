"""Sampling from a learned mean and variance: the middle layer of a variational autoencoder."""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, Tree, namespace
from ..core.settings import finite
from ..core.value import value
from ..errors import ShapeError
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, both_count, counting, several


@value
class Sampling(Layer):
    """Draws a normal number for each mean and variance, and penalizes their distance from 0 and 1.

    From means m and logarithms v of variances; in training with e standard normal, in inference z = m::

        z = m + exp(v / 2) e        dm = dz      dv = dz e exp(v / 2) / 2

    To the loss of the network is added kl times the Kullback-Leibler divergence from N(m, exp(v)) to N(0, 1),
    summed over the numbers of an example, and the mean over the N examples::

        K = 1/2 sum (m^2 + exp(v) - 1 - v) / N      dm = kl m / N      dv = kl (exp(v) - 1) / (2 N)

    (Kingma & Welling 2014, "Auto-encoding variational Bayes", section 2.4 and appendix B.) Weights of
    examples act on the loss alone. Losses here are means over the outputs of an example: where the paper sums
    the errors of d outputs, ``kl=1 / d`` weighs both alike.

    In a custom training step it is `Tape.penalty`, and its gradient ``tape.backward(dy, penalty=True)``.

    Inputs are m and v side by side on the last axis, as a `Dense` of twice as many units makes them, or a
    tuple of both, from two sources of a node in a `Graph`.

    Parameters
    ----------
    kl : float
        The weight of the divergence in the loss; 0 for none. ``model.set(layer="sampling", kl=0.1)`` changes
        it during a training.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Sampling()
    >>> z, cache = layer.forward({}, np.array([[1.0, 0.0]]))  # of one mean, 1, and one variance, exp(0)
    >>> z, layer.penalty(cache).item()
    (array([[1.]]), 0.5)
    """

    kl: float = finite(0, default=1.0)

    schedulable: ClassVar[tuple[str, ...]] = ("kl",)
    random: ClassVar[bool] = True

    @property
    def penalizes(self) -> bool:  # type: ignore[override]
        return not (isinstance(self.kl, float | int) and self.kl == 0)

    def output_shape(self, shape: Any) -> Any:
        if not several(shape):
            if not shape or shape[-1] is None or shape[-1] % 2:
                raise ShapeError(
                    "Sampling takes means and logarithms of variances side by side, twice as many "
                    "numbers as come "
                    f"out, or a tuple of both; got inputs of shape {shape}"
                )
            return (*shape[:-1], shape[-1] // 2)
        if isinstance(shape, dict) or len(shape) != 2 or shape[0] != shape[1]:
            raise ShapeError(
                f"Sampling takes two inputs of one shape, means and logarithms of variances, got {shape}"
            )
        return shape[0]

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return both_count(mask) if isinstance(mask, tuple) else mask

    def forward(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Array, Cache]:
        if isinstance(x, tuple):
            mean, logarithm = x
        else:
            size = x.shape[-1] // 2
            mean, logarithm = x[..., :size], x[..., size:]
        xp, noise = namespace(mean), None
        z = mean
        if run.train:
            noise = xp.exp(logarithm / 2) * xp.asarray(run.stream.normal(mean.shape), dtype=mean.dtype)
            z = mean + noise
        mask = self.output_mask(x, run.mask)
        share, count = _shares(mean, counting(mean.ndim, mask, run.valid))
        return z, (mean, logarithm, noise, self.kl, share, isinstance(x, tuple), count)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Any, Tree]:
        _, _, noise, _, _, paired, _ = cache
        dv = 0 * dy if noise is None else dy * noise / 2
        return (_joined(dy, dv, paired) if need_dx else None), {}

    def penalty(self, cache: Cache) -> Array:
        """Return kl times the divergence of a batch."""
        mean, v, _, kl, share, _, _ = cache
        return kl * (share * (mean * mean + namespace(mean).exp(v) - 1 - v)).sum() / 2

    def penalty_terms(self, cache: Cache) -> Any:
        """Return the number of examples that count."""
        return cache[-1]

    def penalty_slope(self, cache: Cache) -> Any:
        """Return the gradient of `penalty` by the input."""
        mean, v, _, kl, share, paired, _ = cache
        return _joined(kl * share * mean, kl * share * (namespace(mean).exp(v) - 1) / 2, paired)

    @classmethod
    def samples(cls) -> Samples:
        yield cls(), (6,)
        yield cls(0.1), (3, 4)


def _joined(dm: Array, dv: Array, paired: bool) -> Any:
    return (dm, dv) if paired else namespace(dm).concat([dm, dv], axis=-1)


def _shares(like: Array, counts: Array | None) -> tuple[Any, Any]:
    """Return each number's weight in the mean over examples, 1 / N or 0 where it does not count, and N."""
    if counts is None:
        return 1 / like.shape[0], like.shape[0]
    xp = namespace(like)
    there = xp.asarray(counts.reshape(counts.shape[0], -1).any(1), dtype=like.dtype)
    count = there.sum()
    return xp.asarray(counts, dtype=like.dtype) / xp.maximum(count, xp.asarray(1, dtype=like.dtype)), count
