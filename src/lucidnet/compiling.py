"""What a model is compiled with: the code behind `Model.compile`, and `train_step` which uses it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from . import losses, optimizers
from .backend.parts import NOTHING_TO_TRAIN
from .core.value import of_library
from .engine.build import credit_rule
from .errors import NotReadyError, SettingError
from .layers import Sequential
from .layers.containers import final
from .living import ANEW, learning_rule, measured, recompile
from .training.history import Result
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
    """Return a network if it is a `Graph`, else None; the class is imported for what may be one only."""
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
    batch = model.checked(x, y, None, sample_weight, mask).batch(slice(None))
    if model.backend == "jax":
        from .backend.xla.sizes import noted, shapes_in

        noted(model.executor, "train_step", shapes_in(batch.x))
    tally = Tally(model.metrics, model.loss.named)
    with model.executor.lock:
        problem, before = model.problem, model.live
        if not problem.layout.groups:
            raise SettingError(NOTHING_TO_TRAIN)
        found = train(model, [batch])
        model._last = model.live, problem, found.source or batch.copied()
        model.executor.remembered = before
    tally.add([found], [[batch]])
    return tally.result()
