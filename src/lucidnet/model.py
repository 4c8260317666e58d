"""The model: the object that a person holds. It owns the state, and contains no mathematics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from . import foreign, losses, optimizers
from .backend import Array, Tree
from .core import pickling
from .core.settings import count, instance, sequence, taken
from .core.trees import Numbers, Params, leaves, tree_map
from .core.value import from_config
from .data.batch import Data
from .data.batches import ROWS
from .engine.build import credit_rule, executor_for, initial, problem_of
from .engine.device import DTYPES, DeviceConfig
from .engine.parameters import ParameterLayout
from .engine.problem import Problem
from .engine.protocol import Executor
from .engine.state import FeedbackState, State
from .engine.update import output_mask
from .errors import NotReadyError, SettingError, ShapeError
from .interop import model_file
from .layers import Layer, Sequential
from .layers.blank import blank_init
from .losses import Loss
from .optimizers import Optimizer
from .training.arguments import FitArguments, ModelArguments, OneCycleArguments
from .training.callbacks import Callback
from .training.checks import as_data, as_numbers, example_shape
from .training.history import History, Result
from .training.loop import Loop, LoopSettings, train
from .training.measure import Tally, evaluate, predicted
from .training.progress import choose
from .training.sources import to_measure, to_train

if TYPE_CHECKING:
    from .inspect.alignment import Alignment
    from .inspect.doctor import DoctorReport
    from .inspect.explain import Explanation
    from .metrics import Metric
    from .rules import Rule, SpaceRule, TimeRule
    from .training.find import RateCurve
    from .training.online import OnlineLearner
    from .training.stepper import Stepper


LAYERS = sequence("layers such as Dense(10)", instance(Layer, "a layer"), least=0)
"""What a model takes as its layers."""


@foreign.refusing("__init__", "compile", "fit", "predict", "evaluate")
class Model:
    """A network with its weights, and all that is needed to train and use it.

    Parameters
    ----------
    layers : sequence of Layer, or Layer
        The layers in order, or one container. More can be added one at a time with `add`.
    seed : int
        The seed of all random numbers: first weights, shuffling, dropout. The same seed on the same
        machine gives the same weights, bit for bit.
    dtype : {"float32", "float64", "mixed_bfloat16"}
        The precision of weights and calculations; the last, for JAX, makes all products in bfloat16, and
        keeps weights and all else in float32.
    backend : str, optional
        What training runs on: ``"numpy"``, or ``"jax"`` for compiled steps (``pip install 'lucidnet[jax]'``),
        on the device that JAX finds, or on ``"jax:cpu"`` or ``"jax:gpu"``. If not given the environment
        variable ``LUCIDNET_BACKEND`` says it, else NumPy.
    mesh : optional
        Over how many devices each batch is spread: ``"all"``, a number, or rows and columns as ``"4x2"``,
        over the columns of which wide weights are; one device if not given. Without a card the devices are
        the cores of the processor, if this is set before JAX is first used in the process.

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

    live: State
    """The state as the executor has it: not to be kept. See `state`."""
    problem: Problem
    """What is trained: network, loss, optimizer and rule, as one value."""

    def __init__(
        self,
        layers: Sequence[Layer] | Layer = (),
        *,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | DeviceConfig | None = None,
        mesh: Any = None,
    ) -> None:
        given = ModelArguments(seed, dtype)
        mixed = given.dtype == DTYPES[-1]
        self.seed, self.dtype = given.seed, "float32" if mixed else given.dtype
        self.config = DeviceConfig.of(backend, mesh, mixed)
        self.history = History()
        self.about: dict[str, Any] = {}
        self.metrics: tuple[Metric[Any], ...] = ()
        self._net: Sequential | None = None
        self._host: tuple[State, State] | None = None
        self._chosen: tuple[Loss, Optimizer, Rule | None] | None = None
        self._shapes: tuple[Any, Any] = ((), ())
        if isinstance(layers, Sequential):
            self._net = layers
        else:
            several = (layers,) if isinstance(layers, Layer) else layers
            for layer in taken(self, "layers", several, LAYERS):
                self.add(layer)

    # --- building ---------------------------------------------------------------------------------

    def add(self, layer: Layer) -> None:
        """Add a layer at the end."""
        if not isinstance(layer, Layer):
            raise SettingError(f"add: expected a layer such as Dense(10), got {layer!r}")
        if "live" in vars(self) or self._chosen is not None:
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

    def build(self, shape: Any = None) -> None:
        """Make the first weights, if there are none, for inputs of a shape (without the batch axis).

        This happens by itself; with an `Input` layer no shape is needed.
        """
        if "live" in vars(self):
            return
        shape = self.net.takes() or shape
        if shape is None:
            raise NotReadyError(
                "the input size is not known yet: begin with Input(features), call build((features,)), "
                "or fit the model to data"
            )
        params = initial(self.net, shape, self.seed, self.dtype)
        self._hold(params, shape)

    def compile(
        self,
        loss: str | Loss | Callable[..., Any] | Mapping[str, Any],
        optimizer: str | Optimizer | type[Optimizer] = "adam",
        metrics: str | Metric[Any] | Callable[..., Any] | Sequence[Any] | Mapping[str, Any] = (),
        loss_weights: Mapping[str, float] | None = None,
        rule: str | Rule | SpaceRule | TimeRule = "backprop",
    ) -> None:
        """Say what is minimized, how, and what is measured. Weights that exist are kept.

        Parameters
        ----------
        loss : str, Loss or callable
            The loss, by name, as a value, or a function of (prediction, target); a dict of them for a
            network with several outputs.
        optimizer : str or Optimizer
            The optimizer, by name (with its default settings) or as a value.
        metrics : sequence of str, Metric or callable
            What is measured besides the loss; a dict of them for a network with several outputs.
        loss_weights : dict of float, optional
            How much the loss of each output counts.
        rule : str or Rule
            The learning rule: how credit is assigned, as ``"fa"`` or ``Rule("dfa", "truncated")``.
        """
        from .metrics import several

        made, best, own = losses.get(loss, loss_weights), optimizers.get(optimizer), _rule(rule)
        made.fuse(self.net)  # raises where the loss does not fit the last layer,
        credit_rule(self.net, own)  # and this where the rule does not fit
        _ = self.executor.main  # and this where there are no such devices
        chosen, measured = (made, best, own), several(metrics)
        if "live" in vars(self):
            self._begin(self.state.params, chosen, self.seed)
        self._chosen, self.metrics = chosen, measured

    # --- what it owns -----------------------------------------------------------------------------

    @property
    def backend(self) -> str:
        """What it is trained on: ``"numpy"`` or ``"jax"``."""
        return self.config.name

    @cached_property
    def executor(self) -> Executor:
        """What makes the steps: a loop on NumPy, or programs on devices."""
        return executor_for(self.config)

    if not TYPE_CHECKING:  # so that checkers see wrong names

        def __getattr__(self, name: str) -> Any:
            # What a model has once it is built, or compiled: found when it is first asked for.
            foreign.only(self, name, "live", "problem")
            _ = self._compiled if name == "problem" else None  # raises if it is not
            self.build()
            return vars(self)[name]

    def __reduce_ex__(self, protocol: Any) -> Any:
        names = ("net", "loss", "optimizer", "rule", "metrics", "about")
        parts = (self._net, *(self._chosen or (None,) * 3), self.metrics, self.about)
        pickling.check({f"Model.{name}": part for name, part in zip(names, parts, strict=True)})
        return super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        # A copy gets an executor of its own: it has locks, devices, and the buffers of one model.
        kept = {name: value for name, value in vars(self).items() if name != "executor"}
        kept |= {"_host": None, "history": deepcopy(self.history), "about": dict(self.about)}
        return kept | ({"live": self.state} if "live" in kept else {})

    @property
    def state(self) -> State:
        """All that changes in training, as it is now; nobody can write it, and no training will."""
        with self.executor.lock:
            live = self.live
            if self._host is None or self._host[0] is not live:
                self._host = live, self.executor.host(live)
            return self._host[1]

    @state.setter
    def state(self, state: State) -> None:
        self.live = state

    @property
    def _compiled(self) -> tuple[Loss, Optimizer, Rule | None]:
        """Loss, optimizer and rule, as they were chosen."""
        if self._chosen is None:
            raise NotReadyError(
                "this model is not compiled: call compile(loss=..., optimizer=...) first, "
                "for example compile(loss='categorical_crossentropy', optimizer='adam')"
            )
        return self._chosen

    def _begin(self, params: Tree, chosen: tuple[Loss, Optimizer, Rule | None], seed: int) -> None:
        """Set what is trained, and the state before its first step, with these weights."""
        problem = problem_of(self.net, *chosen, params, self._shapes[0])
        self.problem, self.live = problem, problem.start(params, seed)

    @property
    def loss(self) -> Loss | None:
        """The loss, once compiled."""
        return self._chosen[0] if self._chosen else None

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer, once compiled. It can be set to one that remembers the same: what it knows stays."""
        return self._chosen[1] if self._chosen else None

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        self.problem = self.problem.changed(optimizer)
        loss, _, rule = self._compiled
        self._chosen = (loss, optimizer, rule)

    @property
    def rule(self) -> Rule | None:
        """The learning rule, once compiled."""
        return (self._chosen[2] or _rule(None)) if self._chosen else None

    @property
    def feedback(self) -> Params:
        """The learning rule's feedback weights by layer and name; empty where it has none."""
        return self.state.feedback.weights  # type: ignore[no-any-return]

    def set_feedback(self, feedback: Tree) -> None:
        """Set the feedback weights from a tree like `feedback`."""
        expected = {path: array.shape for path, array in leaves(self.feedback)}
        given = {path: np.shape(array) for path, array in leaves(feedback)}
        if given != expected:
            raise ShapeError(f"set_feedback: expected arrays of shapes {expected}, got {given}")
        made = tree_map(lambda array: np.array(array, self.dtype), feedback)
        feedback = FeedbackState(made, self.state.feedback.memory)
        self.live = self.state._replace(feedback=feedback)

    def gradient_alignment(self, x: Any, y: Any) -> dict[str, Alignment]:
        """Return how the rule's gradient lies to the true one, on all of a data set, for each layer.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(2), Dense(4, "tanh"), Dense(1)])
        >>> model.compile("mse", "sgd", rule="fa")
        >>> found = model.gradient_alignment([[1, 2], [3, 4]], [[1], [0]])
        >>> round(found["dense2"].cosine, 6), abs(found["dense1"].cosine) < 1
        (1.0, True)
        """
        from .inspect.alignment import gradient_alignment

        return gradient_alignment(self, self.checked(x, y).batch(slice(None)))

    def weight_alignment(self) -> dict[str, float]:
        """Return the cosine between feedback weights B and the weights W they stand for, for each layer."""
        from .inspect.alignment import weight_alignment

        return weight_alignment(self)

    @property
    def params(self) -> Params:
        """The weights by layer and name, as they are now: ``params["dense1"]["W"]``; see `set_params`."""
        return self.state.params

    @property
    def input_shape(self) -> Any:
        """The shape of one input."""
        self.build()
        return self._shapes[0]

    @property
    def output_shape(self) -> Any:
        """The shape of one output."""
        self.build()
        return self._shapes[1]

    def get_weights(self) -> Numbers:
        """Return all weights as one flat vector (a copy), in the order of the layers."""
        return self.state.vector.copy()  # type: ignore[no-any-return]

    def use_average(self) -> None:
        """Replace the weights by their running average, after training with `optimizers.EMA`."""
        optimizer, state = self.problem.optimizer, self.state
        if not hasattr(optimizer, "averaged") or not state.step:
            raise NotReadyError(
                f"use_average: there is no average: train with EMA(...) first, not with {optimizer!r}"
            )
        count = self.problem.layout.parameters.size
        mean = optimizer.averaged(state.vector[:count], state.memory, state.step)
        self.set_weights(np.concatenate([mean, state.vector[count:]]))

    def set_weights(self, vector: Any) -> None:
        """Set all weights from one flat vector; the optimizer's memory is cleared."""
        vector = as_numbers(vector, "weights").astype(self.dtype)
        state = self.state
        if vector.shape != state.vector.shape:
            raise ShapeError(
                f"set_weights: expected a vector of {state.vector.size} numbers, got shape {vector.shape}"
            )
        self._hold(state.params.layout.unravel(vector), self._shapes[0])

    def set_params(self, params: Tree, shape: Any = None) -> None:
        """Set all weights from a tree like `params`; the optimizer's memory is cleared.

        Parameters
        ----------
        params : tree
            Arrays by layer and name.
        shape : tuple of int, optional
            The shape of one input, for a model that does not know it yet.
        """
        shape = self.input_shape if shape is None else shape
        given, expected = (
            tree_map(np.shape, tree) for tree in (params, blank_init(self.net, shape, self.dtype)[0])
        )
        if given != expected:
            raise ShapeError(f"set_params: expected arrays of shapes {expected}, got {given}")
        self._hold(params, shape)

    def _hold(self, params: Tree, shape: Any) -> None:
        """Begin with these weights, for inputs of a shape."""
        self._shapes = (shape, self.net.output_shape(shape))
        if self._chosen is not None:
            self._begin(params, self._chosen, self.seed)
            return
        layout = ParameterLayout.of(self.net, params).layout
        vector = layout.ravel(params)
        self.live = State(layout.bind(vector), {}, {}, FeedbackState({}, {}), 0, self.seed)

    # --- training and use -------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation_data: Any = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | str | None = None,
        sample_weight: Any = None,
        mask: Any = None,
        accumulate: int = 1,
        validate_every: int | None = None,
        callbacks: Sequence[Callback] = (),
        record: Sequence[str] = (),
        record_every: int = 1,
        resume: str | PathLike[str] | None = None,
        verbose: int = 1,
    ) -> History:
        """Train on a data set; return the history of all epochs so far.

        Parameters
        ----------
        x, y : array-like (n, ...)
            Inputs and targets; plain lists are fine, and dicts by name where the network has several.
            Or x alone is a `data.Dataset`, an iterator or a function that gives a fresh one for each
            epoch, of batches (x, y) or (x, y, weights).
        epochs : int
            How often to go through the data.
        batch_size : int
            Examples per batch; the last batch of an epoch may be smaller.
        validation_data : (x, y), (x, y, sample_weight), dict or Dataset, optional
            Data to measure on after each epoch; a mask goes by name, ``{"x": x, "y": y, "mask": mask}``, as
            ``"sample_weight"`` may. They are weighted by what is given with them, never by class weights.
        validation_split : float
            Share of the data, taken from the end before shuffling, to validate on instead, with their mask
            and sample weights: the same as if that part were given as validation_data.
        shuffle : bool
            Whether each epoch has an order of its own, drawn from the seed.
        class_weight : mapping of int to float, or "balanced", optional
            A weight in the training's loss for each class, 1 for those left out; where each time step has
            a class, it has a weight, too. ``"balanced"`` weighs classes by how rare they are among the
            examples (or time steps) trained on, as scikit-learn does. Neither validation nor metrics are
            weighted by it.
        sample_weight : array-like (n,) or (n, time), optional
            A weight in the loss for each example, or each of its time steps: it is multiplied by that of the
            class, and the loss is the sum divided by the number of examples, not by that of the weights.
            Negative weights turn a slope around, as policy gradients need it. Metrics are not weighted.
        mask : array-like (n, time) of bool, or (n,) of lengths, optional
            Which time steps of each sequence count: for the layers, the loss and the metrics; a dict of such
            by name where the network has several inputs.
        accumulate : int
            How many batches make one step of the optimizer, by the mean of their gradients.
        validate_every : int, optional
            After how many steps to validate, besides the end of each epoch; see ``history.steps``.
        callbacks : sequence of Callback
            What happens between steps and epochs.
        record : sequence of str
            What to note at each step in ``history.steps``, by name or pattern: weights (``"*.W"``), and
            ``"grads/*"``, ``"updates/*"``, ``"activations/*"``.
        record_every : int
            At which steps: those whose number this divides.
        resume : path, optional
            A folder: the training is written there after each epoch, or as a `Checkpoint` among the
            callbacks says; and if one is there already it goes on, to the same weights bit for bit.
            `epochs` are then those of the whole, and may be more than before; all else, data and settings,
            must be as it was. A training that a callback has ended is not gone on with. The folder is locked
            meanwhile.
        verbose : {0, 1, 2}
            0 is silent, 1 shows a live bar with the time left, 2 prints a line per epoch.

        Returns
        -------
        History
            The numbers of each epoch; ``stopped`` says why a callback ended the training, if one did.

        Raises
        ------
        DataError, ShapeError
            If the data cannot be trained on.
        NonFiniteError
            If loss or gradient become NaN or infinite. That step is not made: weights and the optimizer's
            memory are those of the last good step, and the training can go on from there.
        """
        how: Any = (epochs, accumulate, validate_every, batch_size, validation_data, validation_split)
        how += (shuffle, class_weight, callbacks, record, record_every, resume, verbose)
        given = FitArguments(*how)
        data, weights = (x, y, given.batch_size, given.shuffle), (given.class_weight, sample_weight, mask)
        validating = given.validation_data, given.validation_split
        source, validation = to_train(self, *data, *validating, *weights)
        progress = choose(given.verbose if self.executor.main else 0, given.epochs)
        callbacks = list(given.callbacks)
        if record:
            from .inspect.record import Recorder

            callbacks.append(Recorder(given.record, given.record_every))
        loop = Loop(self, source, validation, given, progress, callbacks)
        if resume is None:
            return loop.run()
        from .training.callbacks.keeping import resumed

        return resumed(loop, resume)

    def fit_one_cycle(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int,
        max_lr: float,
        momentum: tuple[float, float] = (0.95, 0.85),
        shape: str = "cosine",
        phases: int = 2,
        batch_size: int = 32,
        **settings: Any,
    ) -> History:
        """Train with one cycle: the learning rate up and down, the momentum down and up.

        The rate rises from max_lr / 25 in the first 30 % of the steps, and falls to nearly nothing (Smith &
        Topin 2018, "Super-convergence"); see `optimizers.schedules.OneCycle`. The model's optimizer is as
        before afterwards.

        Parameters
        ----------
        x, y
            As for `fit`.
        epochs : int
            How often to go through the data.
        max_lr : float
            The largest rate; `lr_find` suggests one.
        momentum : (float, float)
            The largest and the smallest momentum (beta1 of Adam and its kin), opposite to the rate.
        shape : {"cosine", "linear"}
            The form of the ways up and down.
        phases : {2, 3}
            With three, the rate falls as long as it rose, and is annihilated in a last phase.
        batch_size : int
            Examples per batch.
        **settings
            What else `fit` takes.
        """
        from .optimizers.schedules import OneCycle
        from .training.one_cycle import cycled

        given = OneCycleArguments(epochs, max_lr, momentum, shape, phases, batch_size)
        optimizer, count = self._compiled[1], to_train(self, x, y, given.batch_size)[0].count
        if count is None:
            raise SettingError("fit_one_cycle: give the number of batches: from_iterator(make, length)")
        steps = given.epochs * -(-count // LoopSettings(accumulate=settings.get("accumulate", 1)).accumulate)
        cycle = OneCycle(given.max_lr, max(steps, 2), between=shape, phases=given.phases)
        self.optimizer = cycled(optimizer, cycle, given.momentum, int(self.live.step))
        try:
            return self.fit(x, y, epochs=epochs, batch_size=batch_size, **settings)
        finally:
            self.optimizer = optimizer

    def lr_find(
        self,
        x: Any,
        y: Any = None,
        *,
        start: float = 1e-6,
        stop: float = 10.0,
        steps: int = 100,
        batch_size: int = 32,
    ) -> RateCurve:
        """Return the loss against a growing learning rate, with a suggestion; nothing of the model changes.

        Parameters
        ----------
        x, y
            As for `fit`.
        start, stop : float
            The first and the last rate.
        steps : int
            How many steps lie between them; it ends early where the loss explodes.
        batch_size : int
            Examples per batch.
        """
        from .training.find import find

        batch_size = taken("lr_find", "batch_size", batch_size, count(1))
        return find(self, to_train(self, x, y, batch_size)[0], start, stop, steps)

    def train_step(self, x: Any, y: Any, sample_weight: Any = None, mask: Any = None) -> Result:
        """Make one training step on one batch; return the loss and metrics from before it.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(1), Dense(1)])
        >>> model.compile(loss="mse", optimizer="sgd", metrics=["mae"])
        >>> sorted(model.train_step([[1.0], [2.0]], [[2.0], [4.0]]))
        ['loss', 'mae']
        """
        batch = self.checked(x, y, None, sample_weight, mask).batch(slice(None))
        tally = Tally(self.metrics)
        tally.add(train(self, [batch]), [batch])
        return tally.result()

    def evaluate(
        self, x: Any, y: Any = None, mask: Any = None, batch_size: int = ROWS, sample_weight: Any = None
    ) -> Result:
        """Return the loss and the metrics on a data set: ``result.loss``, ``result["accuracy"]``.

        The arguments are those of `fit`; `sample_weight` weighs the loss alone.
        """
        batch_size = taken("evaluate", "batch_size", batch_size, count(1))
        return evaluate(self, to_measure(self, x, y, mask, batch_size, sample_weight))

    def predict(self, x: Any, mask: Any = None) -> Numbers:
        """Return the network's outputs (n, ...) for inputs (n, ...)."""
        if "live" not in vars(self):
            self.build(example_shape(x))
        made: Numbers = predicted(self, x, mask)
        return made

    def output_mask(self, x: Any, mask: Any = None) -> Any:
        """Return which time steps of the network's output count (n, time); None if all do, or it has no time.

        A dict by name where the network has several outputs. The arguments are those of `predict`.
        """
        return predicted(self, x, mask, output_mask)

    def online(self, rule: Any = "rflo", every: int = 1, delay: int = 0) -> OnlineLearner:
        """Return this model as one that learns at each time step; see `OnlineLearner`."""
        from .training.online import OnlineLearner

        return OnlineLearner(self, rule, every, delay)

    def stepper(self) -> Stepper:
        """Return the network as one that is shown its sequences one time step at a time."""
        from .training.stepper import Stepper

        return Stepper(self)

    # --- data as people bring it ------------------------------------------------------------------

    def checked(
        self,
        x: Any,
        y: Any,
        class_weight: Mapping[int, float] | str | None = None,
        sample_weight: Any = None,
        mask: Any = None,
    ) -> Data:
        """Return a data set as this model takes it, checked; the arguments are those of `fit`."""
        loss = self._compiled[0]
        if "live" not in vars(self):
            self.build(example_shape(x))
        return as_data(x, y, loss, self._shapes, self.dtype, class_weight, sample_weight, mask)

    # --- looking at it, keeping it ----------------------------------------------------------------

    def summary(self) -> str:
        """Return a table of layers, output shapes and numbers of parameters; print it to see it."""
        from .inspect.summary import summary_text

        return summary_text(self)

    def doctor(self, x: Any, y: Any, *, steps: int = 20, batch_size: int = 32) -> DoctorReport:
        """Watch a copy of this model in some training steps, and say in plain sentences what is wrong.

        Parameters
        ----------
        x, y : array-like (n, ...)
            Inputs and targets, as for `fit`.
        steps, batch_size : int
            How many steps, on how many examples each.

        Returns
        -------
        DoctorReport
            True if nothing was found; it prints as sentences, and holds `Finding`s. The model stays as it is.
        """
        from .inspect.doctor import doctor

        return doctor(self, x, y, steps=steps, batch_size=batch_size)

    def explain(self, x: Any, y: Any, *, digits: int = 6) -> Explanation:
        """Tell one training step operation by operation; it prints as text, has ``html()`` and ``latex()``.

        Parameters
        ----------
        x, y : array-like (n, ...)
            Inputs and targets of one example or a few.
        digits : int
            Significant digits of the numbers.

        Returns
        -------
        Explanation
            The sections: forward, loss, backward, update. The model stays as it is.

        Raises
        ------
        SettingError
            If the step has more numbers than can be read one by one.
        """
        from .inspect.explain import explain

        return explain(self, x, y, digits)

    def save(self, path: str | PathLike[str]) -> None:
        """Write weights, architecture, settings and history to one ``.safetensors`` file.

        The file appears whole or not at all. See `lucidnet.load`.
        """
        model_file.save(self, path)

    @classmethod
    def load(cls, path: str | PathLike[str], custom: Mapping[str, type] | None = None) -> Model:
        """Return the model that `save` wrote; see `lucidnet.load`."""
        return model_file.load(path, custom, _rebuilt)

    def __repr__(self) -> str:
        layers = list(self._net.layers) if self._net else []
        return f"Model({layers!r}, seed={self.seed}, dtype={self.dtype!r})"


def _rule(given: Any) -> Rule | None:
    """Return a rule; None for plain backpropagation, by name."""
    if isinstance(given, str) and given == "backprop":
        return None
    from .rules import Rule, get

    return Rule() if given is None else get(given)


def _rebuilt(
    description: Mapping[str, Any], tensors: Mapping[str, Array], known: Mapping[str, type]
) -> Model:
    """Return the model that a file describes."""
    net = model_file.network(description, known)
    model = Model(net, seed=description["seed"], dtype=description["dtype"])
    if description["loss"] is not None:
        loss, optimizer = (from_config(description[name], known) for name in ("loss", "optimizer"))
        rule = from_config(description.get("rule"), known) or "backprop"
        model.compile(loss, optimizer, from_config(description["metrics"], known), rule=rule)
    model.set_params(*model_file.parameters(description, tensors, known))
    if model.feedback:
        model.set_feedback(model_file.fitted(tensors, model.feedback, model_file.FEEDBACK))
    model.history = History(description["history"])
    model.about = dict(description["about"])
    return model
