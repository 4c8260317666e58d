"""Muon: momentum with orthogonalized matrices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from ..backend import Array, namespace, norm
from ..core.settings import choice, flag, instance, scheduled, whole
from ..core.value import value
from .adam import AdamW
from .base import ArraySlice, Bounds, Group, Optimizer, Setting, Slots, inside

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""The coefficients of Jordan's quintic, steep at 0; singular values end between about 0.7 and 1.2."""

SCALES = ("original", "match_rms_adamw")


@value
class Muon(Optimizer):
    """W <- (1 - rate weight_decay) W - rate s O, where O is the momentum m with singular values near 1.

    (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".)
    m <- momentum m + (1 - momentum) g, as in PyTorch; without the factor 1 - momentum, as the text has it,
    m is larger and O the same. Nesterov's form takes (1 - momentum) g + momentum m in its place. O comes from
    five Newton-Schulz steps X <- a X + (b A + c A^2) X, A = X X^T, from X = m / |m|. PyTorch computes them in
    bfloat16, this in the parameters' own precision; its matrices are (outputs, inputs), these
    (..., outputs), where the axes of a convolution's kernel before the last are one. Arrays of one axis
    (biases, scales of a normalization) go to the optimizer `other`; embeddings should get a layer's own rate,
    or that of `other`.

    Parameters
    ----------
    learning_rate : float or schedule
        The step size.
    momentum : float or schedule
        Share of the momentum that is kept, at least 0 and below 1.
    nesterov : bool
        Whether to look ahead.
    scale : {"original", "match_rms_adamw"}
        s = sqrt(max(1, outputs / inputs)), or 0.2 sqrt(max(inputs, outputs)) (Liu et al. 2025, "Muon is
        scalable for LLM training"), for which learning rates of AdamW are suitable.
    steps : int
        The number of Newton-Schulz steps.
    other : Optimizer
        The optimizer of all arrays that are not matrices, with a learning rate of its own.
    weight_decay : float or schedule
        Share by which the matrices shrink, times the rate.
    """

    learning_rate: Setting = scheduled(default=0.001)
    momentum: Any = scheduled(below=1, default=0.95)
    nesterov: bool = flag(default=True)
    scale: str = choice(*SCALES, default="original")
    steps: int = whole(1, default=5)
    other: Optimizer = instance(Optimizer, "an Optimizer such as AdamW()", default=AdamW())
    weight_decay: Any = scheduled(default=0.1, kw_only=True)

    slots: ClassVar[tuple[str, ...]] = ("m",)  # that of `other` may have the same name: no array is in both
    decoupled: ClassVar[bool] = True
    whole: ClassVar[bool] = True
    schedulable: ClassVar[Bounds] = Optimizer.schedulable | {"momentum": 1}

    def init_slots(self, vector: Array) -> Slots:
        return Optimizer.init_slots(self, vector) | self.other.init_slots(vector)

    def move(
        self,
        vector: Array,
        gradient: Array,
        slots: Slots,
        step: int,
        groups: Iterable[Group],
        places: list[ArraySlice],
        out: Array,
        new_slots: Slots,
    ) -> None:
        if any(place.shape == (-1,) for place in places):
            raise TypeError("Muon needs the shape of each array: `arrays` must be places, not slices")
        groups = list(groups)
        matrices = [place for place in places if len(place.shape) > 1]
        Optimizer.move(
            self, vector, gradient, {"m": slots["m"]}, step, groups, matrices, out, {"m": new_slots["m"]}
        )
        rest = [place for place in places if len(place.shape) < 2]
        theirs = [
            group._replace(start=place.part.start, stop=place.part.stop)
            for group in groups
            for place in inside(group, rest)
        ]
        names = self.other.init_slots(np.zeros(0))
        slots, new_slots = ({name: given[name] for name in names} for given in (slots, new_slots))
        self.other.advance(vector, gradient, slots, step, theirs, rest, out, new_slots)

    def descend(self, p: Array, g: Array, slots: Slots, rate: float, step: int) -> tuple[Array, Slots]:
        m = slots["m"]
        m *= self.momentum
        g *= 1 - self.momentum
        m += g
        direction = (g + self.momentum * m if self.nesterov else m).reshape(-1, p.shape[-1])
        inputs, outputs = direction.shape
        if self.scale == "original":
            rate = rate * max(1, outputs / inputs) ** 0.5
        else:
            rate = rate * 0.2 * max(inputs, outputs) ** 0.5
        return rate * orthogonal(direction, self.steps).reshape(p.shape), {"m": m}


def orthogonal(matrix: Array, steps: int = 5) -> Array:
    """Return a matrix with the same singular vectors, and singular values near 1."""
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T, steps).T
    a, b, c = COEFFICIENTS
    size, scale = norm(matrix)
    x = matrix / scale / namespace(matrix).maximum(size, 1e-7 / scale)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x
