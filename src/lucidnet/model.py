"""The model: the object that a person holds. It owns the state, and contains no mathematics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from . import losses, optimizers
from .backend import Array, Shape, Tree
from .errors import DataError, NotReadyError, SettingError, ShapeError
from .layers import Input, Layer, Sequential
from .losses import Loss
from .optimizers import Optimizer
from .training.fit import Tally, evaluate, fit, train_batch
from .training.history import History, Result
from .training.inputs import Data, as_data, as_inputs, as_numbers
from .training.progress import choose
from .training.step import State, Step, initial
from .training.summary import output_shape, summary_text
from .value import Value

if TYPE_CHECKING:
    from .metrics import Metric

ROWS = 1000
"""Rows predicted together."""


class Model:
    """A network with its weights, and all that is needed to train and use it.

    Parameters
    ----------
    layers : sequence of Layer, or Layer
        The layers in order, or one container. More can be added one at a time with `add`.
    seed : int
        The seed of all random numbers: first weights, shuffling, dropout. The same seed on the same
        machine gives the same weights, bit for bit.
    dtype : {"float32", "float64"}
        The precision of weights and calculations.

    Examples
    --------
    >>> from lucidnet.layers import Dense, Input
    >>> model = Model([Input(2), Dense(8, activation="tanh"), Dense(1, activation="sigmoid")], seed=0)
    >>> model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> history = model.fit(x, y, epochs=500, verbose=0)
    >>> model.evaluate(x, y).accuracy
    1.0
    """

    def __init__(
        self, layers: Sequence[Layer] | Layer = (), *, seed: int = 0, dtype: str = "float32"
    ) -> None:
        if dtype not in ("float32", "float64"):
            raise SettingError(f"Model: dtype must be 'float32' or 'float64', got {dtype!r}")
        if not isinstance(seed, int) or seed < 0:
            raise SettingError(f"Model: seed must be a whole number of 0 or more, got {seed!r}")
        self.seed, self.dtype = seed, dtype
        self.history = History()
        self.about: dict[str, Any] = {}
        self._net: Sequential | None = None
        self._state: State | None = None
        self._step: Step | None = None
        self._metrics: tuple[Metric[Any], ...] = ()
        self._shapes: tuple[Shape, Shape] = ((), ())
        if isinstance(layers, Sequential):
            self._net = layers
        else:
            for layer in (layers,) if isinstance(layers, Layer) else layers:
                self.add(layer)

    # --- building ---------------------------------------------------------------------------------

    def add(self, layer: Layer) -> None:
        """Add a layer at the end."""
        if not isinstance(layer, Layer):
            raise SettingError(f"add: expected a layer such as Dense(10), got {layer!r}")
        if self._state is not None or self._step is not None:
            raise SettingError(
                "add: this model is compiled or has weights already; add all layers before that"
            )
        self._net = (
            replace(self._net, layers=(*self._net.layers, layer)) if self._net else Sequential([layer])
        )

    @property
    def net(self) -> Sequential:
        """The network: one layer that holds the others."""
        if self._net is None:
            raise NotReadyError("this model has no layers yet: add some, or pass them to Model([...])")
        return self._net

    def build(self, shape: Shape | None = None) -> None:
        """Make the first weights, if there are none, for inputs of a shape (without the batch axis).

        This happens by itself; with an `Input` layer no shape is needed.
        """
        if self._state is not None:
            return
        first = self.net.layers[0]
        if isinstance(first, Input):
            shape = first.shape  # type: ignore[assignment]  # always a tuple once made
        if shape is None:
            raise NotReadyError(
                "the input size is not known yet: begin with Input(features), call build((features,)), "
                "or fit the model to data"
            )
        params = initial(self.net, shape, self.seed, self.dtype)
        self.set_params(params, shape)

    def compile(self, loss: Any, optimizer: Any = "adam", metrics: Sequence[Any] | str = ()) -> None:
        """Say what is minimized, how, and what is measured. Weights that exist are kept.

        Parameters
        ----------
        loss : str, Loss or callable
            The loss, by name, as a value, or a function of (prediction, target).
        optimizer : str or Optimizer
            The optimizer, by name (with its default settings) or as a value.
        metrics : sequence of str, Metric or callable
            What is measured besides the loss.
        """
        from .metrics import get

        chosen = (metrics,) if isinstance(metrics, (str, Value)) else tuple(metrics)
        step = Step(self.net, losses.get(loss), optimizers.get(optimizer))
        self._metrics = tuple(get(given) for given in chosen)
        self._step = step
        if self._state is not None:
            self._state = self._state.ready(step.optimizer)

    # --- what it owns -----------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """All that changes in training."""
        self.build()
        assert self._state is not None
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self._state = state

    @property
    def step(self) -> Step:
        """The training step."""
        if self._step is None:
            raise NotReadyError(
                "this model is not compiled: call compile(loss=..., optimizer=...) first, "
                "for example compile(loss='categorical_crossentropy', optimizer='adam')"
            )
        return self._step

    @property
    def metrics(self) -> tuple[Metric[Any], ...]:
        """What is measured besides the loss."""
        return self._metrics

    @property
    def loss(self) -> Loss | None:
        """The loss, once compiled."""
        return self._step.loss if self._step else None

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer, once compiled."""
        return self._step.optimizer if self._step else None

    @property
    def params(self) -> Tree:
        """The weights by layer and name: ``model.params["dense1"]["W"]``. Do not change them in place."""
        return self.state.params

    @property
    def input_shape(self) -> Shape:
        """The shape of one input."""
        self.build()
        return self._shapes[0]

    @property
    def output_shape(self) -> Shape:
        """The shape of one output."""
        self.build()
        return self._shapes[1]

    def get_weights(self) -> Array:
        """Return all weights as one flat vector (a copy), in the order of the layers."""
        return self.state.vector.copy()

    def set_weights(self, vector: Any) -> None:
        """Set all weights from one flat vector; the optimizer's memory is cleared."""
        vector = as_numbers(vector, "weights").astype(self.dtype)
        state = self.state
        if vector.shape != state.vector.shape:
            raise ShapeError(
                f"set_weights: expected a vector of {state.vector.size} numbers, got shape {vector.shape}"
            )
        self.set_params(state.plan.layout.unravel(vector), self._shapes[0])

    def set_params(self, params: Tree, shape: Shape | None = None) -> None:
        """Set all weights from a tree like `params`; the optimizer's memory is cleared.

        Parameters
        ----------
        params : tree
            Arrays by layer and name.
        shape : tuple of int, optional
            The shape of one input, for a model that does not know it yet.
        """
        shape = self.input_shape if shape is None else shape
        state = State.of(self.net, params, self.seed)
        self._shapes = (shape, output_shape(self.net, state.params, shape, self.dtype))
        self._state = state.ready(self._step.optimizer) if self._step else state

    # --- training and use -------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: tuple[Any, Any] | None = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        verbose: int = 1,
    ) -> History:
        """Train on a data set; return the history of all epochs so far.

        Parameters
        ----------
        x, y : array-like (n, ...)
            Inputs and targets; plain lists are fine.
        epochs : int
            How often to go through the data.
        batch_size : int
            Examples per step; the last batch of an epoch may be smaller.
        validation_data : (x, y), optional
            Data to measure on after each epoch.
        validation_split : float
            Share of the data, taken from the end before shuffling, to validate on instead.
        shuffle : bool
            Whether each epoch has an order of its own, drawn from the seed.
        class_weight : mapping of int to float, optional
            A weight in the loss for each class; metrics are not weighted.
        sample_weight : array-like (n,), optional
            A weight in the loss for each example.
        verbose : {0, 1, 2}
            0 is silent, 1 shows a live bar with the time left, 2 prints a line per epoch.

        Raises
        ------
        DataError, ShapeError
            If the data cannot be trained on.
        NonFiniteError
            If loss or gradient become NaN or infinite; the weights of the last good step are kept.
        """
        data = self._data(x, y, class_weight, sample_weight)
        validation = None
        if validation_data is not None:
            validation = self._data(*validation_data)
        elif validation_split:
            data, validation = data.split(validation_split)
        return fit(self, data, validation, epochs, batch_size, shuffle, choose(verbose, epochs))

    def train_step(self, x: Any, y: Any, sample_weight: Any = None) -> Result:
        """Make one training step on one batch; return the loss and metrics from before it.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(1), Dense(1)])
        >>> model.compile(loss="mse", optimizer="sgd", metrics=["mae"])
        >>> sorted(model.train_step([[1.0], [2.0]], [[2.0], [4.0]]))
        ['loss', 'mae']
        """
        data = self._data(x, y, None, sample_weight)
        measured = train_batch(self, data.x.astype(self.dtype, copy=False), data.target, data.weights)
        tally = Tally(self._metrics)
        tally.add(measured.loss, data.target, measured.prediction)
        return tally.result()

    def evaluate(self, x: Any, y: Any) -> Result:
        """Return the loss and the metrics on a data set: ``result.loss``, ``result["accuracy"]``."""
        return evaluate(self.step, self.state, self._data(x, y), self._metrics)

    def predict(self, x: Any) -> Array:
        """Return the network's outputs (n, ...) for inputs (n, ...)."""
        if self._state is None:
            self.build(np.shape(x)[1:])
        x = as_inputs(x, self._shapes[0])
        if len(x) <= ROWS:
            return self._forward(x)
        out = np.empty((len(x), *self._shapes[1]), self.dtype)
        for start in range(0, len(x), ROWS):
            out[start : start + ROWS] = self._forward(x[start : start + ROWS])
        return out

    def _forward(self, x: Array) -> Array:
        y, _ = self.net.forward(self.state.params, x.astype(self.dtype, copy=False))
        return y

    def _data(
        self, x: Any, y: Any, class_weight: Mapping[int, float] | None = None, sample_weight: Any = None
    ) -> Data:
        loss = self.step.loss
        if self._state is None:
            self.build(_example_shape(x))
        return as_data(x, y, loss, self._shapes, self.dtype, class_weight, sample_weight)

    # --- looking at it, keeping it ----------------------------------------------------------------

    def summary(self) -> str:
        """Return a table of layers, output shapes and numbers of parameters; print it to see it."""
        return summary_text(self.net, self.state, self.input_shape)

    def save(self, path: str | PathLike[str]) -> None:
        """Write weights, architecture, settings and history to one ``.safetensors`` file.

        The file appears whole or not at all. See `lucidnet.load`.
        """
        from .interop.model_file import save

        save(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str], custom: Mapping[str, type] | None = None) -> Model:
        """Return the model that `save` wrote; see `lucidnet.load`."""
        from .interop.model_file import load

        return load(path, custom)

    def __repr__(self) -> str:
        layers = list(self._net.layers) if self._net else []
        return f"Model({layers!r}, seed={self.seed}, dtype={self.dtype!r})"


def _example_shape(x: Any) -> Shape:
    x = as_numbers(x, "x")
    if x.ndim < 2:
        raise DataError(f"x: expected examples (n, ...), got shape {x.shape}")
    return tuple(x.shape[1:])
