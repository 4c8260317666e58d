"""How a model changes, and what it keeps: the code behind `Model.compile`, `set` and `set_weights`.

They alone, with `Model` itself, write what a model holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from .backend import Array, Tree
from .backend.config import DeviceConfig
from .backend.layout import Layout
from .core.epochs import in_line as results
from .core.finite import check_finite, finite_in
from .core.numeric import numeric
from .core.text import WIDTH, plain, shortened
from .core.trees import differing, dotted, filled, leaves, tree_map
from .core.value import from_config, in_line, of_library
from .data.named import (
    OneHot,
    as_classes,
    as_table,
    check_outputs,
    check_table,
    classes_at,
    classes_of,
    count_of,
    inputs,
    outputs_of,
    table_from,
    table_of,
    texts,
    weights_by_number,
)
from .engine.build import initial, problem_of
from .engine.parameters import ParameterLayout
from .engine.problem import remembered
from .engine.state import FeedbackState, State
from .errors import DataError, NotReadyError, SettingError, ShapeError, UnknownNameError
from .foreign import ATTRIBUTES
from .interop.changes import OPTIMIZER, Base, Changes, applied, essential, from_plain, of_net, with_settings
from .kept import recompiled, with_feedback, with_memory
from .layers import Sequential
from .layers.blank import blank_init
from .layers.containers import final
from .layers.meant import warn_of_meaning
from .layers.slopes import check_slopes
from .layers.ties import check_ties
from .optimizers import SGD, Optimizer
from .training.checks import example_shape
from .training.history import History
from .training.loop import LoopSettings
from .training.sources import to_train

if TYPE_CHECKING:
    from .interop.weights import LoadReport
    from .rules import Rule

ANEW = (
    "compile: {!r} remembers other things than the optimizer before it, so its memory begins anew, "
    "and steps are counted from 0; the weights are kept"
)


# --- how it looks ---------------------------------------------------------------------------------


def written(model: Any) -> str:
    """Write a model as the call that makes it, one layer per line if it does not fit in one line."""
    if model._net is not None and not isinstance(model._net, Sequential):
        return shortened(f"Model({model._net!r}, seed={model.seed}, dtype={model.dtype!r})")
    layers = [repr(layer) for layer in model.net.layers] if model._net else []
    line = f"Model([{', '.join(layers)}], seed={model.seed}, dtype={model.dtype!r})"
    if len(line) <= WIDTH:
        return plain(line)
    inside = "".join(f"    {layer},\n".replace("\n", "\n    ", layer.count("\n")) for layer in layers)
    return shortened(f"Model([\n{inside}], seed={model.seed}, dtype={model.dtype!r})")


def on_page(model: Any) -> str:
    """Return a model as HTML: how it was compiled, its layers, and how far it is trained.

    Nothing is built for that: as long as a model has no weights, its page shows what `written` returns.
    """
    from .core import page

    chosen = "not compiled"
    if model.optimizer is not None:
        loss = "" if model.loss is None else f"{in_line(model.loss)}, "
        chosen = f"{loss}{in_line(model.optimizer)}"
        chosen += "" if model.rule == learning_rule(None) else f", {in_line(model.rule)}"
    parts = [page.heading(f"Model on {model.backend}, {model.dtype}"), page.paragraph(chosen)]
    if "live" not in vars(model):
        return page.fragment(*parts, page.preformatted(written(model)))
    epochs = model.history.epochs
    last = {name: values[-1] for name, values in model.history.items() if len(values)}
    told = f"{model.state.step:,} steps, {epochs:,} epochs" + (f": {results(last)}" if last else "")
    return page.fragment(*parts, page.paragraph(told), model.summary()._repr_html_())


# --- settings -------------------------------------------------------------------------------------


def change(model: Any, layer: Any, settings: dict[str, Any]) -> None:
    """Change settings of the optimizer, or of layers; see `Model.set`."""
    if not settings:
        raise SettingError("set: expected settings such as learning_rate=0.01, got none")
    for name in settings:
        ours = SETTINGS.get(name, name)
        if ours != name:
            raise UnknownNameError(f"set: there is no setting {name!r}: here it is {ours}")
        if layer is None and name in OF_LAYERS:
            raise SettingError(f"set: {name} is a setting of layers: set(layer='dense1', {name}=...)")
    if model.base is None and layer is None:
        _ = model.problem  # raises: it is not compiled
    with model.executor.lock:
        arrays = model.live.params.layout.paths if "live" in vars(model) else None
        changes = with_settings(model.changes, layer, settings, model.net, arrays)
        apply(model, model.base or (model.net, SGD()), changes)


def apply(model: Any, base: Base, changes: Changes) -> None:
    """Apply new settings to a model; nothing changes if there is an error."""
    net, optimizer = applied(base, changes)
    if model._chosen is None:
        model._net = net
        return
    loss, _, rule = model._chosen
    with model.executor.lock:
        if "problem" in vars(model):
            before = model.problem
            if base[0] is model.base[0] and of_net(changes) == of_net(model.changes):
                net, problem = model.net, replace(before, optimizer=optimizer)
            else:
                given = net, loss, optimizer, rule, model.params, model.input_shape, base[0]
                problem = problem_of(*given)
                if problem.edges != before.edges:
                    model.live = with_feedback(before, problem, model.state)
            if remembered(before.optimizer) != remembered(optimizer):
                model.live = with_memory(problem, model.state)
            model.executor.hand_out(lambda: model.live)  # buffers of before lack what is frozen now
            model.problem = problem
        model._net, model._chosen = net, (loss, optimizer, rule)
        model.base, model._changes = base, essential(base, changes)


# --- another loss, optimizer or rule --------------------------------------------------------------


def measured(net: Any, given: Any, loss: Any = None) -> tuple[Any, ...]:
    """Return the metrics of `Model.compile`; raise if one fits no output or has a name that is taken."""
    if isinstance(given, (tuple, list, dict)) and not given:
        return ()  # and nothing of metrics is imported
    from .layers.endings import outputs
    from .losses import Joint
    from .metrics.outputs import check_names, check_outputs, for_outputs, several

    losses = dict(loss.losses) if isinstance(loss, Joint) else {}

    def kind(name: str | None) -> str:
        own = losses.get(name, loss)
        return "scores" if signed(own) else "logs" if getattr(own, "from_logs", False) else ""

    metrics = tuple(for_outputs(metric, kind) for metric in several(given))
    check_outputs(metrics, outputs(net) if of_library(type(final(net))) else None)
    check_names(metrics, () if loss is None else loss.named)
    return metrics


def recompile(model: Any, chosen: tuple[Any, Optimizer, Any]) -> bool:
    """Compile a built model anew; return whether all that was learned is kept."""
    loss, optimizer, rule = chosen
    with model.executor.lock:
        state = model.state
        problem = problem_of(model.net, loss, optimizer, rule, state.params, model.input_shape)
        before = vars(model).get("problem")
        made, kept = recompiled(before, problem, state) if before else (None, True)
        model.problem, model.live = problem, made or problem.start(state.params, model.seed)
        return kept or not state.step


# --- other weights --------------------------------------------------------------------------------


def begin(model: Any, params: Tree, shape: Any) -> None:
    """Start a model's training with the given weights, for inputs of a shape."""
    params = _precise(params, model.dtype)
    shapes = (shape, model.net.output_shape(shape))
    check_ties(model.net)
    check_slopes(model.net, params, shape)
    if "live" not in vars(model):
        warn_of_meaning(model.net, shape)
    if model._chosen is None:
        layout = ParameterLayout.of(model.net, params).layout
        model.live = State(layout.bind(layout.ravel(params)), {}, {}, FeedbackState({}, {}), 0, model.seed)
    else:
        if "problem" not in vars(model) or shapes != model._shapes:
            loss, optimizer, rule = model._chosen
            model.problem = problem_of(model.net, loss, optimizer, rule, params, shape, model.base[0])
        model.live = model.problem.start(params, model.seed)
    model._shapes = shapes


def _precise(params: Tree, dtype: str) -> Tree:
    """Return parameters in a form that tells their dtype even if there are none."""
    layout = Layout.of(params)
    return params if layout.size else layout.bind(layout.zeros(dtype))


def take(model: Any, params: Tree, shape: Any, reset: bool) -> None:
    """Set a model's weights, keeping the state of its training or resetting it."""
    with model.executor.lock:
        if reset or "live" not in vars(model) or shape != model.input_shape:
            begin(model, params, shape)
        else:
            layout = model.state.params.layout
            vector = layout.ravel(_precise(params, model.dtype))
            model.live = model.state._replace(params=layout.bind(vector))


def take_vector(model: Any, vector: Any, reset: bool) -> None:
    """Set a model's weights from a flat vector; see `Model.set_weights`."""
    vector, layout = finite_in(vector, "set_weights: vector", model.dtype), model.state.params.layout
    if vector.shape != (layout.size,):
        raise ShapeError(f"set_weights: expected a vector of {layout.size} numbers, got shape {vector.shape}")
    take(model, layout.bind(vector), model.input_shape, reset)


def take_params(model: Any, params: Tree, shape: Any, reset: bool, finite: bool = True) -> None:
    """Set a model's weights from a tree, checking that they are `finite`; see `Model.set_params`."""
    shape = model.input_shape if shape is None else shape
    blank = blank_init(model.net, shape, model.dtype)[0]
    params = filled(params, blank)
    given, expected = (tree_map(np.shape, tree) for tree in (params, blank))
    if given != expected:
        raise ShapeError(f"set_params: {differing(dict(leaves(expected)), dict(leaves(given)))}")
    for path, array in leaves(params) if finite else ():
        check_finite(numeric(array, "params"), f"set_params: {dotted(path)}", model.dtype)
    made = tree_map(lambda array: numeric(array, "params").astype(model.dtype, copy=False), params)
    take(model, made, shape, reset)


def take_feedback(model: Any, feedback: Tree) -> None:
    """Set a model's feedback weights; see `Model.set_feedback`."""
    expected = {path: array.shape for path, array in leaves(model.feedback)}
    given = {path: np.shape(array) for path, array in leaves(feedback)}
    if given != expected:
        raise ShapeError(f"set_feedback: {differing(expected, given)}")
    made = tree_map(lambda array: numeric(array, "feedback").astype(model.dtype), feedback)
    with model.executor.lock:
        model.live = model.state._replace(feedback=FeedbackState(made, model.state.feedback.memory))


def load_weights(model: Any, source: Any, strict: bool, reset: bool) -> LoadReport:
    """Load a model's weights by name from a file or a tree; see `Model.load_weights`."""
    from .interop.weights import filled, matched, read

    given, shape = read(source)
    built = "live" in vars(model)
    shape = model.input_shape if built else model.net.takes() or shape
    if shape is None:
        model.build()  # raises, and says what to do
    params = model.params if built else blank_init(model.net, shape, model.dtype)[0]
    if "graph0" not in params and given and all(name.startswith("graph0.") for name in given):
        given = {name.removeprefix("graph0."): array for name, array in given.items()}  # as it was once kept
    arrays, report = matched(given, params, strict, model.dtype)
    if report.missing and not built:
        params = initial(model.net, shape, model.seed, model.dtype)
    take(model, filled(params, arrays), shape, reset)
    return report


def take_average(model: Any) -> None:
    """Replace a model's weights by their running average, which goes on from there."""
    with model.executor.lock:
        optimizer, state = model.problem.optimizer, model.state
        if not hasattr(optimizer, "averaged") or not state.step:
            raise NotReadyError(
                f"use_average: there is no average: train with EMA(...) first, not with {optimizer!r}"
            )
        count = model.problem.layout.parameters.size
        mean = optimizer.averaged(state.vector[:count], state.memory, state.step)
        params = state.params.layout.bind(np.concatenate([mean, state.vector[count:]]))
        model.live = state._replace(params=params, memory={**state.memory, "average": mean})


# --- arguments ------------------------------------------------------------------------------------


def refuse_to_load(path: Any, *args: Any, **kwargs: Any) -> Any:
    """Raise an error that says what to call instead of `load` on an instance; see `Model.load`."""
    raise SettingError(
        f"load returns another model, and leaves this one as it is: model.load_weights({path!r}) takes "
        "the weights of a file, lucidnet.load(path) returns the model that is in it"
    )


def learning_rule(given: Any) -> Rule | None:
    """Return a rule by name or value; None for "backprop"."""
    if isinstance(given, str) and given == "backprop":
        return None
    from .rules import Rule, get

    return Rule() if given is None else get(given)


SETTINGS = {name: name for name in ("learning_rate", "momentum", "weight_decay", "l1", "l2", "frozen")}
SETTINGS |= {"lr": "learning_rate", "trainable": "frozen"}
"""Settings of a model's parts that people set as attributes of the model, and what they are called here."""
OF_LAYERS = ("frozen", "l1", "l2", "constraint")
"""Settings that no optimizer has."""
ELSEWHERE = frozenset(ATTRIBUTES["Model"]) | frozenset(SETTINGS)
"""Names that are called otherwise here, or are settings of a part: no settable attributes of a model."""


def refuse_attribute(model: Any, name: str) -> None:
    """Raise an error that says what to call instead of setting an attribute; users' classes may have it."""
    if name not in SETTINGS and not of_library(model):
        return
    ours = ATTRIBUTES["Model"].get(name)
    if setting := SETTINGS.get(name):
        ours = f"set(layer=..., {setting}=...)"
        if setting != "frozen":
            ours = f"set({setting}=...), or for a layer {ours}"
    raise AttributeError(f"a model's {name!r} cannot be set: here it is {ours}")


# --- a training with one cycle ----------------------------------------------------------------------


def one_cycle(model: Any, x: Any, y: Any, given: Any, settings: dict[str, Any]) -> Any:
    """Train with one cycle of the rate, then restore the optimizer; see `Model.fit_one_cycle`."""
    from .optimizers.one_cycle import cycled
    from .optimizers.schedules import OneCycle
    from .optimizers.settings import check_rate

    optimizer = model._compiled[1]
    with learning(model, x, y, keep=False):
        count = to_train(model, x, y, given.batch_size)[0].count
    check_rate("fit_one_cycle", model.problem)
    if count is None:
        raise SettingError("fit_one_cycle: give the number of batches: from_iterator(make, length)")
    steps = given.epochs * -(-count // LoopSettings(accumulate=settings.get("accumulate", 1)).accumulate)
    cycle = OneCycle(given.max_lr, max(steps, 2), between=given.shape, phases=given.phases)
    base, own = model.base, model.changes.get(OPTIMIZER, {})
    start = int(model.live.step)
    if isinstance(folder := settings.get("resume"), (str, PathLike)):
        from .interop.checkpoints import cycle_began

        start = cycle_began(folder, start)
    begun = cycled(optimizer, cycle, given.momentum, start)
    apply(model, (base[0], begun), {**model.changes, OPTIMIZER: {}})
    try:
        return model.fit(x, y, epochs=given.epochs, batch_size=given.batch_size, **settings)
    finally:
        if model.base[1] is begun:  # else a callback has compiled it anew
            apply(model, base, {**model.changes, OPTIMIZER: own})


# --- names of columns and classes -------------------------------------------------------------------


NAMES = ("table", "classes")
"""What a model knows about names in its data."""


def named(model: Any, name: str, given: Any) -> Any:
    """Check a model's `table` or `classes`; the classes of a table become the model's."""
    if name == "classes":
        classes = None if given is None else as_classes(given)
        if classes and "live" in vars(model):
            check_outputs(classes, model.output_shape)
        known = getattr(model.table, "classes", None)
        if known and classes != known:
            raise SettingError(
                f"classes: the model's table has the classes {list(known)}; set table=None first"
            )
        return classes
    kept = as_table(given)
    if kept is not None and "live" in vars(model):
        check_table(kept, model.input_shape)
    object.__setattr__(model, "classes", getattr(kept, "classes", None))
    return kept


@contextmanager
def learning(model: Any, x: Any, y: Any, class_weight: Any = None, keep: bool = True) -> Iterator[Any]:
    """Make a model learn the names in its training data; they are forgotten again if no training begins.

    It yields the class weights by class number, as ``weight``, and takes the loop of a training as ``loop``.
    """
    before, learned = (model.table, model.classes), SimpleNamespace(loop=None)
    try:
        _learn(model, x, y)
        learned.weight = weights_by_number(class_weight, model.classes)
        yield learned
    except BaseException:
        keep = learned.loop is not None and learned.loop.ready
        raise
    finally:
        for name, value in zip(NAMES, before, strict=True) if not keep else ():
            object.__setattr__(model, name, value)


def _learn(model: Any, x: Any, y: Any) -> None:
    """Set a model's table from a frame's columns, and its classes from text labels, if it has none yet."""
    if model.table is None and (table := table_of(x)) is not None:
        object.__setattr__(model, "table", table)
    labels = y if isinstance(y, OneHot) else texts(y)
    if labels is None:
        return
    count, given = count_of(x), len(labels.rows if labels is y else labels)
    if count not in (None, given):
        raise DataError(f"x and y differ in length: {count} examples, {given} targets")
    if "live" not in vars(model):
        model.build(example_shape(inputs(model, x)))
    if model.classes is None:
        model.classes = (
            tuple(map(str, y.classes))
            if labels is y
            else classes_of(labels, y, outputs_of(model.output_shape))
        )
    check_outputs(model.classes, model.output_shape)
    table = model.table
    if table is not None and not isinstance(table, dict) and table.target is None:
        made = replace(table, task="classification", classes=model.classes)
        object.__setattr__(model, "table", made)


OF_CLASSES = ("CategoricalCrossentropy", "SparseCategoricalCrossentropy", "CategoricalHinge")
OF_TWO = ("BinaryCrossentropy", "Hinge")
"""Losses of networks for classes."""


def predict_classes(model: Any, x: Any, mask: Any) -> Any:
    """Return the most probable classes; see `Model.predict_classes`."""
    outputs, loss = model.predict(x, mask), model.loss
    if isinstance(outputs, dict):
        raise SettingError("predict_classes: the network has several outputs: predict(x)[name].argmax(-1)")
    if model.classes is None and not tells_apart(model):
        raise SettingError(
            f"predict_classes: the network does not tell classes apart (loss {loss!r}): see predict"
        )
    return classes_at(outputs, 0.0 if signed(loss) else 0.5, model.classes)


def signed(loss: Any) -> bool:
    """Tell whether single outputs for a loss are scores, of which those above 0 mean the second class."""
    return bool(getattr(loss, "from_logits", False)) or type(loss).__name__ == "Hinge"


def tells_apart(model: Any) -> bool:
    """Tell whether a network is a classifier: one output per class, or a single output for two."""
    if isinstance(model.output_shape, Mapping):
        return False
    kind, outputs = type(model.loss).__name__, model.output_shape[-1:]
    if model.loss is not None:
        return kind in OF_CLASSES or (kind in OF_TWO and outputs == (1,))
    ends = type(model.net.split_activation()[1]).__name__
    return ends == "Softmax" or (ends == "Sigmoid" and outputs == (1,))


# --- files ----------------------------------------------------------------------------------------


def rebuilt(
    make: Any,
    config: DeviceConfig,
    description: Mapping[str, Any],
    tensors: Mapping[str, Array],
    known: Mapping[str, type],
    max_bytes: int,
) -> Any:
    """Rebuild the model that a file describes; `make` is its class."""
    from .interop import model_file

    net = model_file.network(description, known, tensors)
    if config.name == "jax" and description.get("mixed") is True:
        config = replace(config, mixed=True)
    model = make(net, seed=description["seed"], dtype=description["dtype"], backend=config)
    if description["optimizer"] is not None:
        loss, optimizer = (from_config(description[name], known) for name in ("loss", "optimizer"))
        rule = from_config(description.get("rule"), known) or "backprop"
        model.compile(loss, optimizer, from_config(description["metrics"], known), rule=rule)
    params, shape = model_file.parameters(description, tensors, known)
    changes = from_plain(description.get("set", []), known)
    if model.optimizer is not None:
        model_file.check_rule(model, changes, params, shape, tensors, max_bytes)
    take_params(model, params, shape, reset=True, finite=False)  # who looks for what went wrong loads it
    if changes:
        model.changes = changes
    if model.feedback:
        model.set_feedback(model_file.fitted(tensors, model.feedback, model_file.FEEDBACK))
    state, recorded = model_file.kept_in(description, tensors)
    if state is not None and model.optimizer is not None:
        model.live = model_file.continued(model.problem, model.live, state)
    model.history = model_file.remember(History(), description, recorded)
    model.about = dict(description["about"])
    names_of(model, description)
    return model


def names_of(model: Any, description: Mapping[str, Any]) -> None:
    """Set a model's table and classes from a file's description."""
    model.table = table_from(description.get("table"))
    if (classes := description.get("classes")) is not None:
        model.classes = classes
