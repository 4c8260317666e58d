"""Running a network one time step at a time."""

from __future__ import annotations

from typing import Any

from ..backend import Array
from ..core.finite import finite_in
from ..core.text import Brief
from ..engine.protocol import Trainee
from ..engine.update import predict
from ..errors import ShapeError
from ..layers.stepwise import check_stepwise


class Stepper(Brief):
    """Runs a network one time step at a time, and keeps the states of its recurrent layers.

    Parameters
    ----------
    model : Trainee
        A model of sequences (n, time, ...).

    Raises
    ------
    SettingError
        If the network's output at a time depends on other times other than through the states of recurrent
        layers (attention, convolution over time, both directions, positions).

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
        shape, params = model.input_shape, model.state.params
        check_stepwise(model.net, params, shape, "stepper", "use predict on whole windows")
        self._shape = shape[1:]

    def reset(self) -> None:
        """Begin a new sequence with zero states."""
        self.states = {}

    def step(self, x: Any) -> Array:
        """Return the output (n, ...) for inputs (n, ...) of the next time step."""
        x = finite_in(x, "x", self.model.dtype)
        if x.shape[1:] != self._shape:
            raise ShapeError(f"step: expected inputs (n, {self._shape}) of one time, got shape {x.shape}")
        y, self.states = predict(self.model.net, self.model.state.params, x[:, None], states=self.states)
        return (y[:, 0] if y.ndim > 2 and y.shape[1] == 1 else y).copy()  # it may be the state itself
