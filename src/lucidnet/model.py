"""The model: the object that users work with. It owns the state, and contains no mathematics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import cache, cached_property, partial
from os import PathLike
from typing import TYPE_CHECKING, Any

from . import compiling, foreign, living
from .arguments import FitArguments, ModelArguments, OneCycleArguments, declared
from .backend import Array, Tree
from .backend.config import DTYPES, DeviceConfig
from .backend.view import read_only
from .core.trees import NumPyArray, Params
from .data.batch import Data
from .data.named import inputs, named, numbered
from .engine.build import executor_for, initial
from .engine.problem import Problem
from .engine.protocol import Executor
from .engine.state import State
from .engine.update import output_mask
from .errors import NotReadyError, SettingError
from .interop.changes import Changes, towards
from .layers import Layer
from .optimizers import Optimizer
from .training.callbacks import Callback
from .training.checks import as_data, example_shape
from .training.history import History, Result
from .training.loop import Loop
from .training.measure import evaluate, predicted
from .training.progress import choose
from .training.sources import to_measure, to_train

if TYPE_CHECKING:
    from .engine.state import Measured
    from .inspect.alignment import Alignment
    from .inspect.doctor import DoctorReport
    from .inspect.explain import Explanation
    from .inspect.questions import LastStep, Parameter
    from .interop.weights import LoadReport
    from .layers import Graph, Sequential
    from .losses import Loss
    from .metrics import Metric
    from .passes import ModelPart, Tape
    from .rules import Rule, SpaceRule, TimeRule
    from .training.find import RateCurve
    from .training.online import OnlineLearner
    from .training.stepper import Stepper


@cache
def _passes() -> Any:
    """Return what passes forward and back by hand; to import it in each call takes microseconds of a step."""
    from .passes import going

    return going


@foreign.uncalled
@foreign.refusing("__init__", "compile", "set", "fit", "fit_one_cycle", "lr_find")
@foreign.refusing("predict", "evaluate", "forward", "activations", "build", "summary", "save", "load_weights")
@declared
class Model:
    """A network with its weights, and everything needed to train and use it.

    Parameters
    ----------
    layers : sequence of Layer, or Layer
        The layers in order, or one container. More can be added one at a time with `add`.
    seed : int
        The seed of all random numbers: initial weights, shuffling, dropout. The same seed on the same machine
        gives the same weights, bit for bit.
    dtype : {"float32", "float64", "mixed_bfloat16"}
        The precision of weights and calculations; the last, for JAX, computes all products in bfloat16, and
        keeps weights and everything else in float32.
    backend : str, optional
        Where training runs: ``"numpy"``, or ``"jax"`` for compiled steps (``pip install 'lucidnet[jax]'``),
        on the device that JAX finds, or on ``"jax:cpu"`` or ``"jax:gpu"``. The default is the environment
        variable ``LUCIDNET_BACKEND``, or else NumPy.
    mesh : optional
        The number of devices that each batch is spread over: ``"all"``, a number, or rows and columns as
        ``"4x2"``, where wide weights are spread over the columns; one device if not given. Without a GPU the
        devices are the cores of the processor, if this is set before JAX is first used in the process. This
        is for JAX, unless ``backend="numpy"`` is given, too: then the batch of each training step is divided
        among that many threads (``pip install 'lucidnet[threads]'``), which pays for large layers and
        batches.

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
    """The state as the executor has it, for the moment only: do not keep it. See `state`."""
    problem: Problem
    """What is trained: network, loss, optimizer and rule, as one value."""
    base: Any
    """The network and optimizer as they were compiled."""
    table: Any = None
    """The input columns as a `data.Table`, by which frames are put in order; None if unknown.

    `fit` takes it from a frame it is given; with several frames as inputs it is a dict of tables. It can
    be set, also to None.
    """
    classes: tuple[str, ...] | None = None
    """The names of the classes, in the order of the outputs; None if unknown.

    They come from text labels, or from the table, and can be set, also to None.
    """

    def __init__(
        self,
        layers: Sequence[Layer] | Layer = (),
        *,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | DeviceConfig | None = None,
        mesh: Any = None,
    ) -> None:
        given = ModelArguments(layers, seed, dtype, backend, mesh)
        mixed = given.dtype == DTYPES[-1]
        self.seed, self.dtype = given.seed, "float32" if mixed else given.dtype
        self.config = DeviceConfig.of(given.backend, given.mesh, mixed)
        self.history = History()
        self.about: dict[str, Any] = {}
        self.metrics: tuple[Metric[Any], ...] = ()
        self._net: Any = compiling.whole(layers, given.layers)
        self.base = None
        self._changes: Changes = {}
        self.load = living.refuse_to_load  # type: ignore[method-assign]
        self._host: tuple[State, State] | None = None
        self._chosen: tuple[Any, Optimizer, Rule | None] | None = None
        self._shapes: tuple[Any, Any] = ((), ())
        self._last: LastStep | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in living.ELSEWHERE:
            living.refuse_attribute(self, name)
        setter = compiling.SETTERS.get(name)
        object.__setattr__(self, name, value if setter is None else setter(self, name, value))

    # --- building ---------------------------------------------------------------------------------

    def add(self, layer: Layer) -> None:
        """Add a layer at the end of the network."""
        if not isinstance(layer, Layer):
            raise SettingError(f"add: expected a layer such as Dense(10), got {layer!r}")
        if "live" in vars(self) or self._chosen is not None:
            raise SettingError(
                "add: this model is compiled or has weights already; add all layers before that"
            )
        self._net = compiling.added(self._net, layer)

    @property
    def net(self) -> Sequential | Graph:
        """The network: one layer that holds the others, a `Sequential` or a `Graph`."""
        if self._net is None:
            raise NotReadyError("this model has no layers yet: add some, or pass them to Model([...])")
        net: Sequential | Graph = self._net
        return net

    def build(self, shape: Any = None) -> None:
        """Create the initial weights, if there are none, for inputs of a shape (without the batch axis).

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
        living.begin(self, params, shape)

    def compile(
        self,
        loss: str | Loss | Callable[..., Any] | Mapping[str, Any] | None = None,
        optimizer: str | Optimizer | type[Optimizer] = "adam",
        metrics: str | Metric[Any] | Callable[..., Any] | Sequence[Any] | Mapping[str, Any] = (),
        loss_weights: Mapping[str, float] | None = None,
        rule: str | Rule | SpaceRule | TimeRule = "backprop",
    ) -> None:
        """Set the loss, optimizer, metrics and learning rule; existing weights are kept.

        A trained model continues: if the optimizer is of the same kind, and remembers the same things, its
        memory and the number of steps are kept, whatever the loss and the rule; otherwise the memory starts
        anew, steps are counted from 0, and a warning says so. Feedback weights are kept if the rule is of the
        same kind. To change single settings see `set`.

        Parameters
        ----------
        loss : str, Loss or callable
            The loss, by name, as a value, or as a function such as ``f(target, prediction)``, whose argument
            names say which is which (`losses.Custom`); a dict of them for a network with several outputs.
            None for a model that is trained by gradients of your own, with `forward` and `apply` alone.
        optimizer : str or Optimizer
            The optimizer, by name (with its default settings) or as a value.
        metrics : sequence of str, Metric or callable
            The metrics to measure besides the loss; a dict of them for a network with several outputs. Of
            logits and hinge scores classes have their border at 0; of logarithms numbers are measured.
        loss_weights : dict of float, optional
            The weight of each output's loss.
        rule : str or Rule
            The learning rule, which assigns credit, as ``"fa"`` or ``Rule("dfa", "truncated")``.
        """
        compiling.compile(self, loss, optimizer, metrics, loss_weights, rule)

    def set(self, *, layer: str | Sequence[str] | None = None, **settings: Any) -> None:
        """Change settings of the optimizer, or of layers; what has been learned is kept.

        Weights, the number of steps and the optimizer's memory are kept. If a setting makes the optimizer
        remember something new (a momentum where there was none), that starts at zero, and the rest is kept;
        what it needs no more is forgotten. A frozen layer keeps what the optimizer remembers of it, as in
        PyTorch, and continues with that when it is trained again. Saved files and checkpoints hold the
        changed settings.

        Parameters
        ----------
        layer : str or sequence of str, optional
            The layer by its name in `summary` (``"block.dense1"`` inside a container), or a pattern such as
            ``"dense*"``, or several; without it the settings are the optimizer's.
        **settings
            For the optimizer whatever it takes, such as ``learning_rate``, ``momentum``, ``weight_decay``,
            ``clip``, numbers or schedules; also for one inside `EMA`. For layers ``frozen``,
            ``learning_rate``, ``l1``, ``l2``, ``weight_decay``, ``constraint``, and the ``rate`` of dropout.

        Raises
        ------
        UnknownNameError
            If there is no such layer or setting.
        SettingError
            If a value is out of range, or would have no effect; nothing is changed then.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(2), Dense(4, "tanh"), Dense(1)])
        >>> model.compile("mse", "sgd")
        >>> model.set(learning_rate=0.1, momentum=0.9)
        >>> model.set(layer="dense1", frozen=True)
        >>> model.optimizer, model.net.layers[1]
        (SGD(0.1, 0.9), Dense(4, Tanh(), name='dense1', frozen=True))
        """
        living.change(self, layer, settings)

    @property
    def changes(self) -> Changes:
        """The settings changed since `compile`: of the optimizer, under the path (), and of layers."""
        return self._changes

    @changes.setter
    def changes(self, changes: Changes) -> None:
        living.apply(self, self.base, changes)

    # --- what it owns -----------------------------------------------------------------------------

    @property
    def backend(self) -> str:
        """The backend that it runs on: ``"numpy"`` or ``"jax"``."""
        return self.config.name

    @cached_property
    def executor(self) -> Executor:
        """The executor, which runs the steps: a loop on NumPy, or compiled programs on devices."""
        return executor_for(self.config)

    if not TYPE_CHECKING:  # so that checkers see wrong names

        def __getattr__(self, name: str) -> Any:
            # Attributes of a model that is built, or compiled: computed at first access.
            foreign.only(self, name, "live", "problem")
            _ = self._compiled if name == "problem" else None  # raises if it is not
            self.build()
            return vars(self)[name]

    def __reduce_ex__(self, protocol: Any) -> Any:
        from .core import pickling

        names = ("net", "loss", "optimizer", "rule", "metrics", "about")
        parts = (self._net, *(self._chosen or (None,) * 3), self.metrics, self.about)
        pickling.check({f"Model.{name}": part for name, part in zip(names, parts, strict=True)})
        return super().__reduce_ex__(protocol)

    def __sklearn_tags__(self) -> Any:
        raise TypeError(foreign.NO_ESTIMATOR)

    def __sklearn_clone__(self) -> Any:
        raise TypeError(foreign.NO_ESTIMATOR)

    def __getstate__(self) -> dict[str, Any]:
        # A copy gets an executor of its own: it has locks, devices, and the buffers of one model.
        kept = {name: value for name, value in vars(self).items() if name != "executor"}
        history = deepcopy(self.history.copied())  # first a snapshot: another thread may train the model
        kept |= {"_host": None, "_last": None, "history": history, "about": dict(self.about)}
        return kept | ({"live": self.state} if "live" in kept else {})

    @property
    def state(self) -> State:
        """All that changes in training, as it is now: a read-only snapshot that training does not change.

        One that was kept, or that of a model of the same form, can be set: training goes on from there.
        """
        with self.executor.lock:
            live = self.live
            if self._host is None or self._host[0] is not live:
                self._host = live, self.executor.host(live)
            return self._host[1]

    @state.setter
    def state(self, state: State) -> None:
        compiling.take_state(self, state)

    @property
    def _compiled(self) -> tuple[Any, Optimizer, Rule | None]:
        """Loss, optimizer and rule; raise if the model is not compiled."""
        if self._chosen is None:
            raise NotReadyError(compiling.NOT_COMPILED)
        return self._chosen

    @property
    def loss(self) -> Loss | None:
        """The loss; None before `compile`."""
        return self._chosen[0] if self._chosen else None

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer; None before `compile`. One with the same slots can replace it, and keeps them."""
        return self._chosen[1] if self._chosen else None

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        self.problem.changed(optimizer)  # raises if it remembers something else
        living.apply(self, *towards(self.base, self.changes, optimizer))

    @property
    def rule(self) -> Rule | None:
        """The learning rule; None before `compile`."""
        return (self._chosen[2] or living.learning_rule(None)) if self._chosen else None

    @property
    def feedback(self) -> Params:
        """The learning rule's feedback weights by layer and name; empty where it has none."""
        return read_only(self.state.feedback.weights)  # type: ignore[no-any-return]

    def set_feedback(self, feedback: Tree) -> None:
        """Set the feedback weights from a tree like `feedback`."""
        living.take_feedback(self, feedback)

    def gradient_alignment(
        self, x: Any, y: Any, *, sample_weight: Any = None, mask: Any = None
    ) -> dict[str, Alignment]:
        """Return how well the rule's gradient aligns with the true one on a whole data set, layer by layer.

        Both are without penalties; the arguments are those of `fit`.

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

        return gradient_alignment(self, self.checked(x, y, None, sample_weight, mask).batch(slice(None)))

    def weight_alignment(self) -> dict[str, float]:
        """Return the cosine between feedback weights B and the weights W that they stand for, by layer."""
        from .inspect.alignment import weight_alignment

        return weight_alignment(self)

    @property
    def params(self) -> Params:
        """The weights by layer and name, as they are now: ``params["dense1"]["W"]``; see `set_params`."""
        return read_only(self.state.params)  # type: ignore[no-any-return]

    needs_target = property(compiling.needs_target, doc="Whether its loss needs targets.")

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

    def get_weights(self) -> NumPyArray:
        """Return all weights as one flat vector (a copy), in the order of the layers."""
        return self.state.vector.copy()  # type: ignore[no-any-return]

    def use_average(self) -> None:
        """Replace the weights by their running average, after training with `optimizers.EMA`."""
        living.take_average(self)

    def set_weights(self, vector: Any, reset: bool = False) -> None:
        """Set all weights from one flat vector.

        Parameters
        ----------
        vector : array (n,)
            The weights, as `get_weights` returns them.
        reset : bool
            Whether training starts anew with them: the optimizer's memory is cleared, and steps are counted
            from 0. Otherwise it continues, with everything that the optimizer remembers.
        """
        living.take_vector(self, vector, reset)

    def set_params(self, params: Tree, shape: Any = None, reset: bool = False) -> None:
        """Set all weights from a tree like `params`.

        Parameters
        ----------
        params : tree
            Arrays by layer and name.
        shape : tuple of int, optional
            The shape of one input, for a model that does not know it yet; with a different shape training
            starts anew.
        reset : bool
            As for `set_weights`.
        """
        living.take_params(self, params, shape, reset)

    def load_weights(self, source: Any, *, strict: bool = True, reset: bool = False) -> LoadReport:
        """Take weights from a file or a tree by name and shape: all that fit, or none if something is wrong.

        Parameters
        ----------
        source : path or tree
            A file that `save` wrote, another ``.safetensors`` file whose arrays have such names
            (``"dense1.W"`` or ``"dense1/W"``), or a tree like `params`.
        strict : bool
            Whether it is an error if weights are missing, or if there are some that this model does not have.
        reset : bool
            As for `set_weights`.

        Returns
        -------
        LoadReport
            With ``loaded``, ``missing`` and ``unexpected``; true if nothing is missing or unexpected.

        Raises
        ------
        ShapeError
            If an array has another shape than the model's. Nothing is changed then.
        SettingError
            If `strict`, and names are missing or unexpected. Nothing is changed then.
        """
        return living.load_weights(self, source, strict, reset)

    # --- training and use -------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 1,
        batch_size: int | None = None,
        validation_data: Any = None,
        validation_split: float = 0.0,
        shuffle: bool | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        sample_weight: Any = None,
        mask: Any = None,
        accumulate: int = 1,
        validate_every: int | None = None,
        callbacks: Sequence[Callback] | Callback = (),
        record: Sequence[str] = (),
        record_every: int = 1,
        resume: str | PathLike[str] | None = None,
        verbose: int = 1,
    ) -> History:
        """Train on a data set; return the history of all epochs so far.

        Parameters
        ----------
        x, y : array-like (n, ...)
            Inputs and targets; plain lists are fine, and so are dicts by name if the network has several. The
            columns of frames (pandas, polars, Arrow) are kept as `table`, text labels as `classes`. Arrays of
            h5py are read in parts. Or x alone is a `data.Dataset`, a DataLoader, an iterator or a function
            that returns a fresh one for each epoch, of batches (x, y) or (x, y, weights): of the arguments
            below that concern the examples, these take class_weight as a dict, and the others are errors.
        epochs : int
            How often to go through the data.
        batch_size : int, optional
            Examples per batch, 32 if not given; the last batch of an epoch may be smaller.
        validation_data : (x, y), (x, y, sample_weight), dict or Dataset, optional
            Data to measure on after each epoch; a mask goes by name, ``{"x": x, "y": y, "mask": mask}``, as
            ``"sample_weight"`` may. They are weighted by what is given with them, never by class weights.
        validation_split : float
            Share of the data, taken from the end before shuffling, to validate on instead, with their mask
            and sample weights: the same as if that part were given as validation_data.
        shuffle : bool, optional
            Whether each epoch has a new order, drawn from the seed; by default it has. Arrays of h5py are
            read in blocks of 1 MiB in random order, 64 of which are mixed at a time.
        class_weight : mapping from class to float, or "balanced", optional
            A weight in the training loss for each class, by its number or name, 1 for those left out; if each
            time step has a class, it is weighted by it, too. ``"balanced"`` weights classes by how rare they
            are among the examples (or time steps) trained on, as scikit-learn does. Neither validation nor
            metrics are weighted by it.
        sample_weight : array-like (n,) or (n, time), optional
            A weight in the loss for each example, or for each of its time steps: it is multiplied by that of
            the class, and the loss is the sum divided by the number of examples, not by that of the weights.
            Negative weights reverse a slope, as policy gradients need it. Metrics are not weighted.
        mask : array-like (n, time) of bool, or (n,) of lengths, optional
            Which time steps of each sequence count, for the layers, the loss and the metrics; a dict of masks
            by name if the network has several inputs. A sequence without a step counts for nothing; a batch
            of such sequences is a step with a gradient of 0.
        accumulate : int
            How many batches make one step of the optimizer, by the mean of their gradients.
        validate_every : int, optional
            After how many steps to validate, besides the end of each epoch; see ``history.steps``.
        callbacks : sequence of Callback
            The callbacks, which act between steps and epochs.
        record : sequence of str
            What to record at each step in ``history.steps``, by name or pattern: ``"weights"`` (all of them),
            ``"dense1.W"``, ``"grads/*"``, ``"updates/*"``, ``"activations/*"``, ``"gradient_alignment"``.
        record_every : int
            The steps to record: those that this number divides.
        resume : path, optional
            A folder: the training is saved there after each epoch, or as a `Checkpoint` among the callbacks
            says; and if the folder holds one already that one continues, to the same weights bit for bit (up
            to rounding, if it was begun on another engine or with another `mesh`). `epochs` then counts those
            of the whole training, and may be more than before; everything else, data and settings, must be as
            it was, and batches of functions and loaders of your own must come in the same order again. A
            training that a callback has ended does not continue. The folder is locked meanwhile.
        verbose : {0, 1, 2}
            0 is silent, 1 shows a live bar with the time left, 2 prints a line per epoch.

        Returns
        -------
        History
            The numbers of each epoch, those of earlier calls first; ``stopped`` says why a callback ended the
            training, if one did. A later call returns another one, and leaves this as it is.

        Raises
        ------
        DataError, ShapeError
            If the data cannot be trained on.
        NonFiniteError
            If loss or gradient become NaN or infinite. That step is not made: weights and the optimizer's
            memory are those of the last good step, and training can continue from there.
        """
        how: Any = (epochs, accumulate, validate_every, batch_size, validation_data, validation_split)
        how += (shuffle, class_weight, callbacks, record, record_every, resume, verbose)
        given = FitArguments(*how)
        data, held = (x, y, given.batch_size, given.shuffle), (given.validation_data, given.validation_split)
        with living.learning(self, x, y, given.class_weight) as learned:
            source, validation = to_train(self, *data, *held, learned.weight, sample_weight, mask)
            progress = choose(given.verbose if self.executor.main else 0, given.epochs)
            callbacks = list(given.callbacks)
            if record:
                from .inspect.record import Recorder

                callbacks.append(Recorder(given.record, given.record_every))
            learned.loop = loop = Loop(self, source, validation, given, progress, callbacks)
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
        momentum: tuple[float, float] | None = None,
        shape: str = "cosine",
        phases: int = 2,
        batch_size: int | None = None,
        **settings: Any,
    ) -> History:
        """Train with one cycle: the learning rate up and down, the momentum down and up.

        The rate rises from max_lr / 25 in the first 30 % of the steps, and falls to nearly nothing (Smith &
        Topin 2018, "Super-convergence"); see `optimizers.schedules.OneCycle`. Afterwards the model has its
        old optimizer settings again.

        Parameters
        ----------
        x, y
            As for `fit`.
        epochs : int
            How often to go through the data.
        max_lr : float
            The largest rate; `lr_find` suggests one.
        momentum : (float, float), optional
            The largest and the smallest momentum (beta1 of Adam and its kin), opposite to the rate; 0.95 and
            0.85 if not given. For an optimizer without momentum only the rate changes.
        shape : {"cosine", "linear"}
            The shape of the rise and fall.
        phases : {2, 3}
            With three, the rate falls as long as it rose, and goes to nearly zero in a last phase.
        batch_size : int, optional
            Examples per batch, 32 if not given.
        **settings
            Other arguments of `fit`.
        """
        given = OneCycleArguments(epochs, max_lr, momentum, shape, phases, batch_size)
        return living.one_cycle(self, x, y, given, settings)  # type: ignore[no-any-return]

    def lr_find(
        self,
        x: Any,
        y: Any = None,
        *,
        start: float = 1e-6,
        stop: float = 10.0,
        steps: int = 100,
        batch_size: int | None = None,
        class_weight: Any = None,
        sample_weight: Any = None,
        mask: Any = None,
    ) -> RateCurve:
        """Return the loss against a growing learning rate, with suggestions; the model is not changed.

        ``print(curve)`` shows several rates, each with its reason. If the loss does not fall by more than its
        noise there is no suggestion: ``curve.suggestion`` is NaN, and ``curve.note`` says why.

        Parameters
        ----------
        x, y, class_weight, sample_weight, mask
            As for `fit`: the rate is that of the loss that they make.
        start, stop : float
            The first and the last rate.
        steps : int
            The number of steps between them; it ends early if the loss explodes.
        batch_size : int, optional
            Examples per batch, 32 if not given.
        """
        from .training.find import find

        given = {"sample_weight": sample_weight, "mask": mask}
        with living.learning(self, x, y, class_weight, keep=False) as learned:
            source, _ = to_train(self, x, y, batch_size, class_weight=learned.weight, **given)
            return find(self, compiling.agreed(self, source), start, stop, steps)

    def train_step(self, x: Any, y: Any = None, sample_weight: Any = None, mask: Any = None) -> Result:
        """Make one training step on a batch; return the loss and metrics from before the step.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(1), Dense(1)])
        >>> model.compile(loss="mse", optimizer="sgd", metrics=["mae"])
        >>> sorted(model.train_step([[1.0], [2.0]], [[2.0], [4.0]]))
        ['loss', 'mae']
        """
        return compiling.train_step(self, x, y, sample_weight, mask)

    def forward(self, x: Any, train: bool = False, mask: Any = None, params: Any = None) -> Tape:
        """Run a forward pass and keep what going back needs: the first half of a training step of your own.

        Parameters
        ----------
        x : array-like (n, ...)
            Inputs; a dict by name if the network has several.
        train : bool
            Whether to run as in training: with dropout, by random numbers of its own for each pass of a step,
            and with the statistics of the batch.
        mask : array-like (n, time) of bool, or (n,) of lengths, optional
            Which time steps count.
        params : dict of dict of array, optional
            Weights for this pass in place of the model's, by layer and name: all, or some of them, such as
            rounded ones. The tape's gradients are by these.

        Returns
        -------
        Tape
            With ``output``, ``backward(dy)``, and each layer's output, ``tape["dense1"]``.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(1), Dense(1, initializer="ones")])
        >>> model.compile(optimizer="sgd")
        >>> tape = model.forward([[3.0]], train=True)
        >>> dx, grads = tape.backward(2 * (tape.output - 1.0))
        >>> grads["dense1"]["W"]
        array([[12.]], dtype=float32)
        >>> _ = model.apply(grads, tape)
        """
        made: Tape = _passes().forward(self, x, train, mask, params)
        return made

    def apply(self, grads: Any, tape: Any = None) -> Measured:
        """Make one optimizer step with gradients of any origin.

        Everything that belongs to a step is done: penalties, clipping, weight decay, schedules, constraints,
        running statistics and carried states. A gradient that is not finite changes nothing.

        Parameters
        ----------
        grads : dict of dict of array, or a list of them
            Gradients by layer and name, as ``tape.backward(dy)`` returns them, of this model or its parts;
            several are added. Parameters without a gradient stay unchanged; ``{}`` with a tape moves
            running statistics alone, as after weights were averaged.
        tape : Tape or sequence of Tape, optional
            The training passes whose statistics and states are kept. Layers with running statistics that
            learn, or with states that are carried on, need them; ``()`` leaves these as they are.

        Returns
        -------
        Measured
            With the penalties as its ``loss``.

        Raises
        ------
        NonFiniteError
            If a gradient is NaN or infinite; the message says which.
        """
        made: Measured = _passes().apply(self, grads, tape)
        return made

    def part(
        self, name: str | None = None, *, to: str | None = None, after: str | None = None, outputs: Any = None
    ) -> ModelPart:
        """Return a part of the network as an object of its own that shares the *same* weights.

        Parameters
        ----------
        name : str, optional
            A layer, or a container of several, by its name in `summary`.
        to : str, optional
            Instead: all layers from the input up to this one.
        after : str, optional
            Instead: all layers after this one, whose output is their input.
        outputs : sequence of str, optional
            Instead: the network with these layers as its outputs; a dict if there are several.

        Returns
        -------
        ModelPart
            With ``predict``, ``forward`` and ``evaluate``; its gradients have the names of the whole model,
            and are for the model's `apply`.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(4), Dense(2, "tanh", name="code"), Dense(4)])
        >>> model.part(to="code").predict([[1, 2, 3, 4]]).shape
        (1, 2)
        """
        made: ModelPart = _passes().part(self, name, to, after, outputs)
        return made

    def copy_weights(self, other: Model, parts: Any = None, *, tau: float = 1.0) -> None:
        """Copy the weights of another model, or move part of the way to them, as target networks do.

        Parameters
        ----------
        other : Model
            The model to copy from; it is not changed.
        parts : str or sequence of str, optional
            The layers whose weights are copied, by name; all if not given.
        tau : float
            How far to go, ``w + tau (w_other - w)``: 1 copies them exactly.

        Raises
        ------
        ShapeError
            If a weight has another shape there, or does not exist there. Nothing is changed then.
        """
        _passes().copy_weights(self, other, parts, tau)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        mask: Any = None,
        batch_size: int | None = None,
        sample_weight: Any = None,
    ) -> Result:
        """Return the loss and metrics on a data set: ``result.loss``, ``result["accuracy"]``.

        The arguments are those of `fit`; `sample_weight` weighs the loss alone.
        """
        return evaluate(self, compiling.agreed(self, to_measure(self, x, y, mask, batch_size, sample_weight)))

    def predict(self, x: Any, mask: Any = None) -> NumPyArray:
        """Return the network's outputs (n, ...) for inputs (n, ...), such as class probabilities."""
        x = inputs(self, x)
        if "live" not in vars(self):
            self.build(example_shape(x))
        made: NumPyArray = predicted(self, x, mask)
        return made

    def predict_classes(self, x: Any, mask: Any = None) -> Any:
        """Return the most probable class of each input (n,): its name, or its number if it has no name.

        With a single output, the probability of the second class, the first class is predicted up to 0.5 (for
        a loss from logits, and for the hinge loss, up to 0).

        Parameters
        ----------
        x, mask
            As for `predict`.

        Raises
        ------
        SettingError
            If the network is not a classifier.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(1), Dense(2, "softmax")])
        >>> model.compile("categorical_crossentropy", "lbfgs")
        >>> _ = model.fit([[-1.0], [1.0], [2.0]], ["cold", "warm", "warm"], epochs=5, verbose=0)
        >>> model.classes, model.predict_classes([[3.0], [-2.0]]).tolist()
        (('cold', 'warm'), ['warm', 'cold'])
        """
        return living.predict_classes(self, x, mask)

    def output_mask(self, x: Any, mask: Any = None) -> Any:
        """Return which time steps of the output count (n, time); None if all do, or it has no time axis.

        A dict by name where the network has several outputs. The arguments are those of `predict`.
        """
        return predicted(self, inputs(self, x), mask, output_mask)

    def online(self, rule: Any = None, every: int = 1, delay: int = 0) -> OnlineLearner:
        """Return an online learner for this model, which learns at each time step; see `OnlineLearner`.

        Without `rule` by the model's own, with ``"rflo"`` in place of a rule that needs whole sequences.
        """
        from .training.online import OnlineLearner

        return OnlineLearner(self, rule, every, delay)

    def stepper(self) -> Stepper:
        """Return a stepper, which runs the network one time step at a time."""
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
        """Check a data set and return it in the model's form; the arguments are those of `fit`."""
        loss, (x, y) = compiling.loss_of(self), named(self, x, y)
        if "live" not in vars(self):
            self.build(example_shape(x))
        y, given = numbered(self, y), (class_weight, sample_weight, mask, self.net)
        return as_data(x, y, loss, self._shapes, self.dtype, *given)

    # --- questions: nothing of the model changes ----------------------------------------------------

    def activations(self, x: Any, layers: Any = None, *, mask: Any = None) -> dict[str, Array]:
        """Return the outputs of the layers for some inputs, by the names that `summary` shows.

        This is inference (no dropout, running statistics), computed on NumPy, whatever the backend.

        Parameters
        ----------
        x : array-like (n, ...)
            Inputs, any number of them; a dict by name if the network has several.
        layers : str or sequence of str, optional
            Which layers: names such as ``"dense1"``, ``"block.dense1"`` for a layer inside another, or
            patterns such as ``"conv*"``; all layers if not given.
        mask : array-like (n, time) of bool, or (n,) of lengths, optional
            Which time steps count.

        Returns
        -------
        dict of array (n, ...)
            The outputs, in the order of the network: read-only copies. If a layer stands in several places,
            its second output is called ``"dense1#2"``. A layer that the one around it only uses in parts has
            no output, and is left out.

        Raises
        ------
        UnknownNameError
            If no layer has such a name; the message suggests the nearest one.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Dropout, Input
        >>> model = Model([Input(2), Dense(3, "relu"), Dropout(0.5), Dense(1)])
        >>> {name: y.shape for name, y in model.activations([[1, 2], [3, 4]]).items()}
        {'input0': (2, 2), 'dense1': (2, 3), 'dropout2': (2, 3), 'dense3': (2, 1)}
        >>> list(model.activations([[1, 2]], "dense*"))
        ['dense1', 'dense3']
        """
        from .inspect.questions import activations

        return activations(self, x, layers, mask)

    def gradients(
        self, x: Any, y: Any, *, sample_weight: Any = None, mask: Any = None, rule: Any = None
    ) -> dict[str, dict[str, Array]]:
        """Return the gradient of the loss by each parameter, as `train_step` on this batch would use it.

        It is the gradient of the model's learning rule, for the mean over the batch: with the penalties l1
        and l2, before clipping and weight decay, which belong to the optimizer; in training mode, with the
        random numbers of the next step, so that the same dropout acts. The gradients of frozen layers are
        included. They may be NaN. They are computed on NumPy, whatever the backend.

        Parameters
        ----------
        x, y, sample_weight, mask
            As for `fit`.
        rule : str or Rule, optional
            Another rule than the model's: ``"backprop"`` gives the true gradient (even if a layer has a rule
            of its own); others start with the feedback weights of a model compiled with them.

        Returns
        -------
        dict of dict of array
            For each layer by name (``"block.dense1"`` inside others) the gradients by the names of its
            parameters, in their shapes; they are read-only.

        Raises
        ------
        NotReadyError
            If the model is not compiled.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(1), Dense(1, initializer="zeros")])
        >>> model.compile("mse")
        >>> model.gradients([[1.0], [2.0]], [[1.0], [3.0]])["dense1"]["b"]  # mean of 2 (0 - y)
        array([-4.], dtype=float32)
        """
        from .inspect.questions import gradients

        return gradients(self, x, y, sample_weight, mask, rule)

    def input_gradient(self, x: Any, y: Any, *, mask: Any = None) -> Any:
        """Return the gradient of the mean loss by the inputs: which of them matter, and in which direction.

        It is the true gradient, by the chain rule whatever the model's rule, in inference (no dropout).

        Parameters
        ----------
        x, y, mask
            As for `fit`; any number of examples.

        Returns
        -------
        array (n, ...), or dict of them by name
            In the shape of x. Inputs of whole numbers (`Embedding`), among several, have no gradient, and are
            left out.

        Raises
        ------
        SettingError
            If the inputs are whole numbers.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(2), Dense(1, initializer="ones")])
        >>> model.compile("mse")
        >>> model.input_gradient([[1.0, 2.0]], [[2.0]])  # 2 (3 - 2) W
        array([[2., 2.]], dtype=float32)
        """
        from .inspect.questions import input_gradient

        return input_gradient(self, x, y, mask)

    def intervene(self, x: Any, changes: Mapping[str, Any], *, mask: Any = None) -> Array:
        """Return the outputs that some inputs would give if certain layers' outputs were replaced.

        The rest of the network is computed from the replacements: to ablate a unit, to add a direction, to
        insert what the layer makes of other inputs. This is inference, and all rows pass together, so that a
        function may compare them.

        Parameters
        ----------
        x, mask
            As for `activations`.
        changes : dict
            For each layer by name an array, which is broadcast to the shape of its output, or a function that
            gets the output (a copy) and returns its replacement. A layer in several places is replaced in all
            of them, a recurrent layer's output as a whole.

        Returns
        -------
        array (n, ...), or dict of them by name
            The network's outputs, as from `predict`.

        Raises
        ------
        UnknownNameError
            If no layer has such a name.
        ShapeError
            If a replacement does not have the shape of the output that it replaces.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(2), Dense(3, "relu", initializer="ones"), Dense(1, initializer="ones")])
        >>> model.predict([[1, 2]]), model.intervene([[1, 2]], {"dense1": lambda y: y * [1, 1, 0]})
        (array([[9.]], dtype=float32), array([[6.]], dtype=float32))
        """
        from .inspect.questions import intervene

        return intervene(self, x, changes, mask)

    def parameters(self) -> tuple[Parameter, ...]:
        """Return all arrays of the model as `Parameter`: name, value, and gradient of the last `train_step`.

        The gradient is computed when it is read, from the batch and the state of that step, and so costs a
        training nothing.

        Returns
        -------
        tuple of Parameter
            In the order of the layers: ``name`` (``"dense1.W"``), ``value``, ``gradient`` and ``trained``.
            They are a snapshot, and do not follow the model.

        Examples
        --------
        >>> from lucidnet.layers import Dense, Input
        >>> model = Model([Input(1), Dense(1, initializer="zeros")])
        >>> model.compile("mse", "sgd")
        >>> _ = model.train_step([[1.0], [2.0]], [[1.0], [3.0]])
        >>> for parameter in model.parameters():
        ...     print(parameter.name, parameter.value.round(3), parameter.gradient, parameter.trained)
        dense1.W [[0.07]] [[-7.]] True
        dense1.b [0.04] [-4.] True
        """
        from .inspect.questions import parameters

        return parameters(self, self._last)

    # --- looking at it, keeping it ----------------------------------------------------------------

    def summary(self) -> str:
        """Return a table of layers, output shapes and numbers of parameters; print it to read it."""
        from .inspect.summary import summary_text

        return summary_text(self)

    def doctor(
        self,
        x: Any,
        y: Any,
        *,
        steps: int = 20,
        batch_size: int = 32,
        sample_weight: Any = None,
        mask: Any = None,
    ) -> DoctorReport:
        """Watch a copy of this model for some training steps, and say in plain sentences what is wrong.

        Parameters
        ----------
        x, y, sample_weight, mask
            As for `fit`.
        steps, batch_size : int
            The number of steps, and of examples in each; 200 steps show whether an untrained model gets
            anywhere.

        Returns
        -------
        DoctorReport
            True if nothing was found; it prints as sentences, and each entry is a `Finding`. The model is not
            changed.
        """
        from .inspect.doctor import doctor

        with living.learning(self, x, y, keep=False):
            return doctor(self, x, y, steps, batch_size, sample_weight, mask)

    def explain(self, x: Any, y: Any, *, digits: int = 6) -> Explanation:
        """Explain one training step, operation by operation: as text, by ``html()`` or by ``latex()``.

        Parameters
        ----------
        x, y : array-like (n, ...)
            Inputs and targets of one example or a few.
        digits : int
            Significant digits of the numbers.

        Returns
        -------
        Explanation
            The sections: forward, loss, backward, update. The model is not changed.

        Raises
        ------
        SettingError
            If the step has more numbers than can be read one by one.
        """
        from .inspect.explain import explain

        return explain(self, x, y, digits)

    def save(self, path: str | PathLike[str], *, optimizer: bool = True) -> None:
        """Save weights, architecture, settings, history and training state to one ``.safetensors`` file.

        The file appears whole or not at all. A model that `lucidnet.load` reads from it trains on as this one
        would, to the same weights bit for bit. What was recorded in ``history.steps`` is in it, too.

        Parameters
        ----------
        path : path
            The file, which ends in ``.safetensors``.
        optimizer : bool
            Whether the optimizer's memory is saved, too: with Adam two thirds of the file. Without it
            training continues at the same step, but the optimizer's memory starts anew.
        """
        from .interop import model_file

        model_file.save(self, path, optimizer)

    @classmethod
    def load(
        cls,
        path: str | PathLike[str],
        custom: Mapping[str, type] | None = None,
        *,
        backend: str | DeviceConfig | None = None,
        mesh: Any = None,
        max_bytes: int = 1 << 32,
    ) -> Model:
        """Load a model that `save` wrote, ready for use and training; for weights alone see `load_weights`.

        Parameters
        ----------
        path : path
            The file.
        custom : mapping of str to class, optional
            Your own classes that occur in it, by name.
        backend, mesh : optional
            Where it runs, as for `Model`: a file does not say that. A model that was trained with
            ``dtype="mixed_bfloat16"`` continues so on JAX; on NumPy all its calculations are in float32.
        max_bytes : int
            The most bytes that the file may have. Nothing in it is run, and what is made of it takes no more
            than a few times that.

        Raises
        ------
        FileError
            If the file is damaged, too large, of a newer version, or names classes that are not known.
        """
        from .interop import model_file

        build = partial(living.rebuilt, cls, DeviceConfig.of(backend, mesh))
        made: Model = model_file.load(path, custom, build, max_bytes)
        return made

    def __repr__(self) -> str:
        return living.written(self)

    def _repr_html_(self) -> str:
        return living.on_page(self)
