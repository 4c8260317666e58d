"""Scaled dot-product attention, forward and backward: the formulas inside `MultiHeadAttention`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backend import Array, namespace
from .activations.softmax import softmax
from .base import Run
from .core import Dropout


class Attended(NamedTuple):
    """The cache of attention: q / sqrt(size), k, v, and the weights before and after dropout."""

    q: Array
    k: Array
    v: Array
    weights: Array
    kept: Array | None
    dropped: Array
    mixed: Array


def attend(
    q: Array, k: Array, v: Array, counts: Array | None, causal: bool, dropout: Dropout, run: Run
) -> tuple[Array, Attended]:
    """Return o = A v with A = softmax(q k^T / sqrt(size)).

    (Vaswani et al. 2017, "Attention is all you need", equation 1.)

    Parameters
    ----------
    q : array (n, heads, queries, size)
        Queries.
    k, v : array (n, heads, keys, size)
        Keys and values.
    counts : array (n, keys) of bool, optional
        Which keys count; the others get the weight 0. If none is left, o = 0.
    causal : bool
        Whether query i sees keys 0 to i only.
    dropout : Dropout
        The dropout of A in training.
    run : Run
        Training or inference, and its random numbers.
    """
    q = q * q.shape[-1] ** -0.5
    scores = q @ k.mT
    seen = visible(scores, counts, causal)
    if seen is not None:
        xp = namespace(scores)
        scores += xp.where(seen, xp.asarray(0, dtype=q.dtype), xp.finfo(q.dtype).min / 2)
    weights = softmax(scores)
    if seen is not None and counts is not None:
        weights *= seen.any(-1, keepdims=True)
    dropped, kept = dropout.forward({}, weights, run)
    mixed = dropped @ v
    return mixed, Attended(q, k, v, weights, kept, dropped, mixed)


def attend_back(seen: Attended, do: Array, dropout: Dropout) -> tuple[Array, Array, Array]:
    """Return the gradients by q, k and v from the gradient by o.

    ::

        dS = A (do v^T - sum do o)      dq = dS k / sqrt(size)      dk = dS^T q / sqrt(size)      dv = A^T do

    The slope of softmax, dS = A (dA - sum_j A_j dA_j), with sum_j A_j dA_j = do o, which is shorter
    (Dao et al. 2022, "FlashAttention", appendix B.2).
    """
    dweights, _ = dropout.backward({}, seen.kept, do @ seen.v.mT)
    dscores = dweights - namespace(do).vecdot(do, seen.mixed)[..., None]
    dscores *= seen.weights
    dq = dscores @ seen.k
    dq *= do.shape[-1] ** -0.5
    return dq, dscores.mT @ seen.q, seen.dropped.mT @ do


def visible(scores: Array, counts: Array | None, causal: bool) -> Array | None:
    """Return which keys each query can see, in a shape that broadcasts to the scores; None if all."""
    xp = namespace(scores)
    seen = xp.asarray(np.tri(*scores.shape[-2:]) == 1) if causal else None
    if counts is None:
        return seen
    counts = xp.asarray(counts)[:, None, None, :]
    return counts if seen is None else counts & seen
