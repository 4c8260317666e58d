"""What a model is compiled with: the code behind `Model.compile`, and `train_step` which uses it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import losses, optimizers
from .backend.parts import NOTHING_TO_TRAIN
from .core.text import short
from .core.trees import dotted, leaves
from .core.value import of_library
from .engine.build import credit_rule
from .engine.state import State
from .errors import NotReadyError, SettingError, ShapeError
from .layers import Sequential
from .layers.containers import final
from .living import ANEW, NAMES, learning_rule, measured, named, recompile
from .training.history import History, Result
from .training.loop import train
from .training.measure import Tally

NOT_COMPILED = (
    "this model is not compiled: call compile(loss=..., optimizer=...) first, "
    "for example compile(loss='categorical_crossentropy', optimizer='adam')"
)


def compile(model: Any, loss: Any, optimizer: Any, metrics: Any, loss_weights: Any, rule: Any) -> None:
    """Set the loss, optimizer, metrics and rule of a model; see `Model.compile`."""
    if (
        isinstance(optimizer, str)
        and optimizer in losses.registry.KNOWN
        and not isinstance(loss, losses.Loss)
    ):
        raise SettingError(
            f"compile: {optimizer!r} is a loss, not an optimizer: "
            "the order is compile(loss, optimizer, metrics)"
        )
    best, own = optimizers.get(optimizer), learning_rule(rule)
    made = None if loss is None and loss_weights is None else losses.get(loss, loss_weights)
    if made is not None:
        made.fuse(model.net)  # raises if the loss does not fit the last layer,
        check_one_output(model.net, made)
    elif metrics:
        raise SettingError(
            "compile: metrics are measured with a loss, by fit and evaluate, and there is none: give one, "
            "or measure what predict returns: lucidnet.metrics"
        )
    credit_rule(model.net, own, best)  # and this if the rule does not fit
    _ = model.executor.main  # and this if there are no such devices
    if model.config.threaded:
        from .rules.coupling import check_divisible

        check_divisible(model.net, made, own)  # and this if a batch cannot be divided
    chosen, said = (made, best, own), measured(model.net, metrics, made)
    kept = "live" not in vars(model) or recompile(model, chosen)
    model._chosen, model.metrics, model.base, model._changes = chosen, said, (model.net, best), {}
    if not kept:
        warnings.warn(ANEW.format(best), UserWarning, stacklevel=4)  # past the check for foreign words


def check_one_output(net: Any, loss: losses.Loss) -> None:
    """Raise if the loss of one output is that of a network with several."""
    graph = graph_of(final(net))
    outputs = graph.outputs if graph else ()
    if len(outputs) > 1 and of_library(loss) and not isinstance(loss, (losses.Joint, losses.Custom)):
        each = ", ".join(f"{name!r}: ..." for name in outputs)
        raise SettingError(
            f"compile: {loss!r} is the loss of one output, and the network has {len(outputs)}: "
            f"give one for each, loss={{{each}}}"
        )


def needs_target(model: Any) -> bool:
    """Tell whether the loss of a model needs targets."""
    return model.loss is None or bool(model.loss.needs_target)


def loss_of(model: Any) -> Any:
    """Return the loss of a model that is compiled with one."""
    loss = model._compiled[0]
    if loss is None:
        raise NotReadyError(
            "this model is compiled without a loss, for forward and apply: to fit or evaluate it call "
            "compile(loss=..., optimizer=...)"
        )
    return loss


def whole(given: Any, layers: Any) -> Any:
    """Return `given` if it is a whole network (`Sequential` or `Graph`), else one of layers, if there are."""
    net = given if isinstance(given, Sequential) else graph_of(given)
    return Sequential(layers) if net is None and layers else net


def graph_of(given: Any) -> Any:
    """Return a network if it is a `Graph`, else None; the class is imported only for what may be one."""
    if not hasattr(given, "nodes"):
        return None
    from .layers import Graph

    return given if isinstance(given, Graph) else None


def added(net: Any, layer: Any) -> Sequential:
    """Return a network with one more layer appended."""
    if isinstance(net, Sequential):
        return replace(net, layers=(*net.layers, layer))
    return Sequential([layer] if net is None else [net, layer])


def train_step(model: Any, x: Any, y: Any, sample_weight: Any, mask: Any) -> Result:
    """Make one training step on one batch; see `Model.train_step`."""
    data = model.checked(x, y, None, sample_weight, mask)
    if model.backend == "jax":
        from .backend.xla.sizes import noted, shapes_in

        noted(model.executor, "train_step", shapes_in(data.x))
    tally = Tally(model.metrics, model.loss.named)
    with model.executor.lock:
        problem, before = model.problem, model.live
        if not problem.layout.groups:
            raise SettingError(NOTHING_TO_TRAIN)
        shard = model.executor.shard(problem)
        mine, valid = (slice(None), None) if shard is None else shard.rows(len(data), len(data), whole=True)
        batch = data.batch(mine)._replace(valid=valid)
        found = train(model, [batch])
        model._last = model.live, problem, found.source or data.batch(slice(None)).copied()
        model.executor.remembered = before
    tally.add([found], [[batch]])
    return tally.merged(model.executor).result()


def agreed(model: Any, source: Any) -> Any:
    """Return the batches to measure on; raise if another process is about to measure something else."""
    from .interop.agreement import check_measured

    return check_measured(model, source)


# --- attributes that people set ---------------------------------------------------------------------


def taken_metrics(model: Any, name: str, given: Any) -> tuple[Any, ...]:
    """Return metrics as `compile` takes them; raise if one fits no output."""
    if isinstance(given, tuple) and all(hasattr(metric, "start") for metric in given):
        return given
    return measured(model.net, given, loss_of(model))


def taken_history(model: Any, name: str, given: Any) -> History:
    """Return a history, made of lists by name if it is none."""
    if isinstance(given, History):
        return given
    if not isinstance(given, Mapping) or len({len(values) for values in given.values()}) > 1:
        raise SettingError(f"history: expected a History, or lists of one length by name, got {short(given)}")
    return History({name: list(values) for name, values in given.items()})


def fixed(model: Any, name: str, given: Any) -> Any:
    """Return a setting for good; raise if there is one: weights and random numbers follow from it."""
    if name in vars(model) and getattr(model, name) != given:
        raise SettingError(
            f"{name}: this model was made with {name}={getattr(model, name)!r}, and what has been made since "
            f"would not change: Model(..., {name}={given!r}) makes another; set_params takes weights along"
        )
    return given


def elsewhere(model: Any, name: str, given: Any) -> Any:
    """Raise an error that says what to call instead of setting an attribute."""
    raise AttributeError(f"a model's {name} cannot be set: call {READ[name]}")


READ = {
    "loss": "compile(loss=...), which keeps the weights",
    "rule": "compile(rule=...), which keeps the weights",
    "params": "set_params(params), or load_weights(params, strict=False) for some of them",
    "feedback": "set_feedback(feedback)",
    "net": "Model(net), and load_weights(other.params, strict=False) for its weights",
    "backend": "save, and load(path, backend=...)",
}
"""Attributes that can only be read, and what changes them."""
SETTERS = dict.fromkeys(NAMES, named) | dict.fromkeys(READ, elsewhere)
SETTERS |= dict.fromkeys(("seed", "dtype"), fixed)
SETTERS |= {"metrics": taken_metrics, "history": taken_history}
"""What checks and converts an attribute that is set."""


def take_state(model: Any, state: Any) -> None:
    """Set a model's state; see `Model.state`."""
    if not isinstance(state, State):
        raise SettingError(f"state: expected a state, as model.state gives it, got {short(state)}")
    pairs = zip(_FORM, _form(model, model.live), _form(model, state), strict=True)
    for what, own, other in pairs:
        for name in (name for name in own | other if own.get(name) != other.get(name)):
            raise ShapeError(
                f"state: it is of another model, or of other settings: of {what}, {name} is "
                f"{other.get(name, 'not there')} in it, and {own.get(name, 'not there')} here; "
                "load_weights(other.params) takes weights alone"
            )
    with model.executor.lock:
        model.live = state


_FORM = ("its weights", "what the optimizer remembers", "its feedback weights")


def _form(model: Any, state: State) -> tuple[dict[str, Any], ...]:
    """Return the shapes of weights, what the optimizer remembers, the shapes of feedback weights, by name."""
    layout = state.params.layout
    weights: dict[str, Any] = dict(zip(map(dotted, layout.paths), layout.shapes, strict=True))
    if layout.size:
        weights["dtype"] = str(state.vector.dtype)
    if model._chosen is None:
        return weights, {}, {}
    memory = {} if model.optimizer.full_batch else dict.fromkeys(state.memory, "there")
    return weights, memory, {dotted(path): array.shape for path, array in leaves(state.feedback.weights)}
