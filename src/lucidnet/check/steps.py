"""Which part of a recurrent layer's `step_back` is wrong: a single time step, compared with `step`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..backend import Array, Stream
from ..layers import Recurrent
from .evidence import agree
from .numeric import slopes
from .subject import LayerSubject

ROWS = 3


def step_mistakes(subject: LayerSubject) -> str | None:
    """Return what a recurrent layer's `step_back` returns wrongly for one time step; None if nothing."""
    if not isinstance(subject.layer, Recurrent):
        return None
    wrong = list(_wrong(subject.layer, subject))
    return (
        f"step_back returns a wrong gradient by {', by '.join(wrong)}: compare it with step"
        if wrong
        else None
    )


def _wrong(layer: Recurrent, subject: LayerSubject) -> Iterator[str]:
    params, rng = subject.params, Stream(0, dtype="float64", path=("step",))
    z = rng.child("z").normal((ROWS, params["W"].shape[1]))
    shape = (ROWS, layer.units)
    states, d = (
        tuple(rng.child(which).child(name).normal(shape) for name in layer.carried) for which in "sd"
    )
    U = params["U"].copy()

    def value() -> float:
        made, _ = layer.step(params | {"U": U}, z.copy(), states)
        return float(sum((one * two).sum() for one, two in zip(made, d, strict=True)))

    def right(array: Array) -> Array:
        return np.array([slope.value for slope in slopes(value, array, range(array.size))]).reshape(
            array.shape
        )

    _, kept = layer.step(params, z.copy(), states)
    dz, ds, before = layer.step_back(params, kept, d)
    if not agree(dz, right(z)):
        yield "z (the first of three)"
    if not agree(states[0].T @ ds, right(U)):
        yield "h U (the second of three)"
    for name, state, found in zip(layer.carried, states, before, strict=True):
        if not agree(found, true := right(state)):
            turned = layer.gates == 1 and agree(found - true, ds @ (U - U.T))
            yield f"{name} of the time before{', where U is not transposed' if turned else ''}"
