"""A network that is shown its sequence one time step at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, Stream
from ..core.finite import finite_in
from ..core.text import Brief
from ..engine.protocol import Trainee
from ..engine.update import predict
from ..errors import SettingError, ShapeError
from ..layers.containers import first_leaf

TRIED = 3
"""Time steps on which it is seen whether a network can go one step at a time at all."""


class Stepper(Brief):
    """A model's network with the states of its recurrent layers: one time step in, one output out.

    Parameters
    ----------
    model : Trainee
        A model of sequences (n, time, ...).

    Raises
    ------
    SettingError
        If the network's output at a time depends on other times in another way than by the states of
        recurrent layers (attention, convolution over time, both directions).

    Examples
    --------
    >>> import numpy as np
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input((5, 2)), ln.layers.GRU(3), ln.layers.Dense(1)])
    >>> x, stepper = np.ones((1, 5, 2)), model.stepper()
    >>> outputs = [stepper.step(x[:, t]) for t in range(5)]
    >>> bool(np.allclose(outputs[-1], model.predict(x)))
    True
    """

    def __init__(self, model: Trainee) -> None:
        self.model = model
        self.states: Any = {}
        shape = model.input_shape
        if not isinstance(shape, tuple) or not shape:
            raise ShapeError(f"stepper: expected a network of one sequence (n, time, ...), got {shape}")
        self._shape = shape[1:]
        self._try()

    def reset(self) -> None:
        """Begin a new sequence."""
        self.states = {}

    def step(self, x: Any) -> Array:
        """Return the output (n, ...) for inputs (n, ...) of the next time step."""
        x = finite_in(x, "x", self.model.dtype)
        if x.shape[1:] != self._shape:
            raise ShapeError(f"step: expected inputs (n, {self._shape}) of one time, got shape {x.shape}")
        y, self.states = predict(self.model.net, self.model.state.params, x[:, None], states=self.states)
        return y[:, 0] if y.ndim > 2 and y.shape[1] == 1 else y

    def _try(self) -> None:
        """See on a short random sequence that stepping gives what the whole sequence does."""
        x = Stream(0, path=("stepper",)).uniform((1, TRIED, *self._shape)).astype(self.model.dtype)
        first = first_leaf(self.model.net)
        if not first.differentiable:  # whole numbers are wanted
            x = np.floor(x * getattr(first, "vocabulary", 1))
        whole, _ = self.model.net.forward(self.model.state.params, x)
        try:
            steps = [self.step(x[:, t]) for t in range(TRIED)]
        except ShapeError:  # one time step alone is too short for some layer
            steps = [np.zeros(0)]
        self.reset()
        made = np.stack(steps, axis=1) if whole.ndim > steps[0].ndim else steps[-1]
        if made.shape != whole.shape or not np.allclose(made, whole, rtol=1e-3, atol=1e-5):
            raise SettingError(
                "stepper: this network cannot go one step at a time, because its output depends on other "
                "times in another way than by the states of recurrent layers; use predict on whole windows"
            )
