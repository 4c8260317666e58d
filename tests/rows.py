"""A row of the table of layers, and the numbers it is tested with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lucidnet.backend import Stream
from lucidnet.layers import Layer, Run
from lucidnet.tree import tree_map


def smooth(shape: tuple[int, ...], seed: int = 0) -> Any:
    """Random numbers in [-2.8, 2.8], none within 0.05 of the kinks at -3, 0 and 3."""
    x = np.random.default_rng(seed).uniform(0.05, 2.8, shape)
    return x * np.where(np.random.default_rng(seed + 1).random(shape) < 0.5, -1, 1)


@dataclass(frozen=True)
class LayerRow:
    """A layer, an independent formula for its output, and the shape of one input.

    `classes` says that inputs are whole numbers below it, `mask` which of four rows' time steps count.
    """

    layer: Layer
    expected: Callable[[Any, Any], Any]
    shape: tuple[int, ...] = (5,)
    train: bool = False
    classes: int = 0
    mask: Any = None

    def __str__(self) -> str:
        marks = ("@train" if self.train else "") + ("@mask" if self.mask is not None else "")
        return self.layer.describe() + marks

    def run(self, rows: int = 4) -> Run:
        mask = None if self.mask is None else self.mask[:rows]
        return Run(self.train, Stream(3, path=("run",)), mask=mask)

    def params(self, dtype: str = "float64") -> Any:
        """Parameters moved off their first values, so that biases are not zero."""
        params, _ = self.layer.init(Stream(1, dtype="float64"), self.shape)
        shift = Stream(2, dtype="float64")
        return tree_map(lambda a: (a + 0.1 * shift.child(str(a.shape)).normal(a.shape)).astype(dtype), params)

    def x(self, rows: int = 4, dtype: str = "float64") -> Any:
        if self.classes:
            return np.random.default_rng(0).integers(0, self.classes, (rows, *self.shape))
        return smooth((rows, *self.shape)).astype(dtype)

    def dy(self, y: Any) -> Any:
        return np.random.default_rng(9).normal(size=y.shape).astype(y.dtype)
