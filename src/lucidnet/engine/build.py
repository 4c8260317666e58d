"""How a training is set up: the choices are joined into a problem, and its executor is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backend import Stream, Tree
from ..backend.config import DeviceConfig
from ..backend.layout import Layout
from ..backend.memory import keep_freed
from ..backend.xla.autodiff import installed, missing
from ..core.trees import dotted
from ..errors import SettingError
from ..layers import Layer, walk
from ..layers.base import derived_kinds
from ..layers.blank import first
from ..layers.endings import without_endings
from ..layers.shapes import zeros
from ..optimizers import Optimizer
from . import update
from .objective import Objective
from .parameters import ParameterLayout
from .problem import Problem
from .protocol import Executor

if TYPE_CHECKING:
    from ..rules import Rule


def problem_of(
    net: Layer, loss: Any, optimizer: Optimizer, rule: Rule | None, params: Tree, shape: Any, base: Any = None
) -> Problem:
    """Join network, loss, optimizer and rule into a `Problem`, for parameters like these.

    There are feedback weights wherever this network needs some, or `base` did, in which others are frozen.

    Raises
    ------
    SettingError
        If network, loss and rule do not fit each other, or a setting has no effect.
    """
    own = credit_rule(net, rule)
    keep_freed()
    objective, layout = Objective.of(net, loss, own), ParameterLayout.of(net, params)
    how = update.advance
    if optimizer.full_batch:
        from .search import advance as how

        for path, layer in walk(net):
            for name in ("learning_rate", "weight_decay", "constraint"):
                if getattr(layer, name) is not None:
                    raise SettingError(
                        f"{dotted(path)}: {name} has no effect with {optimizer!r}, which searches"
                    )
    if own is None:
        return Problem(net, optimizer, layout, objective, loss, shape, how)
    from ..rules.feedback import each, edge_shapes

    inner, dtype = objective.net, layout.layout.ravel(params).dtype.name
    edges = edge_shapes(inner, params, zeros(shape, dtype), shape)
    if base is not None:
        edges |= edge_shapes(Objective.of(base, loss, own).net, params, zeros(shape, dtype), shape)
    weights = own.space.begin(inner, own, params, edges, Stream(0, dtype=dtype))
    learning = each(inner, own, weights, lambda path, layer, rule, B: rule.space.taught(layer, B, B))
    taught = ParameterLayout.over(inner, Layout.of(learning)) if learning else None
    return Problem(net, optimizer, layout, objective, loss, shape, how, edges, taught)


def executor_for(config: DeviceConfig) -> Executor:
    """Return the executor for a device configuration."""
    if config.threaded:
        from .on_threads import OnThreads

        return OnThreads(config)
    if config.name == "numpy":
        from .on_numpy import OnNumpy

        return OnNumpy(config)
    from .on_jax import OnJax

    return OnJax(config)


def credit_rule(net: Layer, rule: Rule | None, optimizer: Optimizer | None = None) -> Rule | None:
    """Return the learning rule, or None if the whole network is trained by the plain chain rule.

    With an optimizer it also warns of what is only an approximation in this network.

    Raises
    ------
    SettingError
        If a rule cannot be followed in this network.
    MissingExtraError
        If a layer has no `backward`, and there is no JAX to find its gradient.
    """
    if (kinds := derived_kinds(net)) and not installed():
        raise missing(f"{kinds[0]} has no backward")
    if rule is None and all(layer.rule is None for _, layer in walk(net)):
        return None
    from ..rules import Rule
    from ..rules.defined import check_defined
    from ..rules.registry import plain

    rule = rule or Rule()
    check_defined(net, rule, optimizer)
    return None if plain(net, rule) else rule


def initial(net: Layer, shape: Any, seed: int = 0, dtype: str = "float32") -> Tree:
    """Return the initial parameters of a network, for inputs of a shape (without the batch axis)."""
    return first(without_endings(net), Stream(seed, dtype=dtype, path=("init",)), shape)
