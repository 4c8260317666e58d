"""Per-layer settings, laid out over the one vector that holds all parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from ..backend import Array, Shape, Tree, constrained
from ..backend.layout import Layout
from ..core.record import Record, record
from ..core.trees import Path, at, leaves
from ..errors import SettingError
from ..layers import Layer, walk
from ..layers.base import buffer_paths, check_frozen
from ..optimizers import ArraySlice, Group
from ..optimizers.penalties import Penalties, Penalty

SETTINGS = ("learning_rate", "weight_decay", "l1", "l2", "constraint", "rule", "frozen")


Sources: TypeAlias = tuple[Path | None, Path | None]
"""The paths of the layers that set a group's learning rate and weight decay; None for none."""


Chains: TypeAlias = dict[Path, list[Layer]]
"""For each array the layers that contain it, as `owners` returns them."""


class Held(NamedTuple):
    """A constraint on one weight array of the parameter vector."""

    part: slice
    shape: Shape
    constraint: Callable[[Array], Array]

    def hold(self, vector: Array) -> None:
        """Apply the constraint to its part of the vector, in place."""
        vector[self.part] = constrained(self.constraint, vector[self.part].reshape(self.shape)).reshape(-1)


@record
class ParameterLayout(Record):
    """Where each parameter lies, and how it is trained.

    Parameters
    ----------
    layout : Layout
        Where each array lies in the vector: first the parameters, then the buffers.
    parameters, buffers : Layout
        The two parts of it.
    arrays : tuple of ArraySlice
        Where each array that is trained lies, and its shape.
    groups : tuple of Group
        Stretches of the vector with their settings; frozen layers are in none of them.
    sources : tuple of Sources
        For each group the layers that have set its rate and its decay.
    penalties : Penalties
        What l1 and l2 add to the loss.
    held : tuple of Held
        The constraints on weights after each step.
    stateful : tuple of Path
        The layers that continue where the batch before stopped.
    """

    layout: Layout
    parameters: Layout
    buffers: Layout
    arrays: tuple[ArraySlice, ...]
    groups: tuple[Group, ...]
    sources: tuple[Sources, ...]
    penalties: Penalties
    held: tuple[Held, ...]
    stateful: tuple[Path, ...]

    @classmethod
    def of(cls, net: Layer, params: Tree) -> ParameterLayout:
        """Return the layout of a network's parameters; raise `SettingError` for an idle setting."""
        _refuse_idle_settings(net, params)
        buffers = buffer_paths(net)
        return cls.over(net, Layout.of(params, last=buffers), len(buffers))

    @classmethod
    def over(cls, net: Layer, layout: Layout, buffers: int = 0) -> ParameterLayout:
        """Build the layout for arrays that lie in a vector, the last `buffers` of them buffers."""
        parameters, others = layout.split(len(layout.paths) - buffers)
        places = zip(parameters.paths, parameters.slices, parameters.shapes, strict=True)
        chains = {path: owners(net, path) for path in parameters.paths}
        groups = list(_groups(chains, parameters))
        trained = tuple(ArraySlice(part, shape) for path, part, shape in places if not _frozen(chains, path))
        return cls(
            layout,
            parameters,
            others,
            trained,
            tuple(group for group, _ in groups),
            tuple(sources for _, sources in groups),
            Penalties(_penalties(chains, parameters)),
            tuple(_held(chains, parameters)),
            tuple(path for path, layer in walk(net) if getattr(layer, "stateful", False)),
        )


def owners(net: Layer, path: Path) -> list[Layer]:
    """Return the layers that contain an array, from the network down to the layer that owns it.

    A setting of an inner layer takes precedence over that of an outer one.
    """
    chain = [net]
    for name in path:
        if (inner := dict(chain[-1].children()).get(name)) is None:
            break
        chain.append(inner)
    return chain


def _frozen(chains: Chains, path: Path) -> bool:
    """Tell whether an array is frozen: by name in its layer, or with that layer or one around it."""
    *around, own = chains[path]
    named = isinstance(own.frozen, tuple) and path[len(around)] in own.frozen
    return named or own.frozen is True or any(layer.frozen for layer in around)


def _groups(chains: Chains, layout: Layout) -> Iterator[tuple[Group, Sources]]:
    """Yield a group for each stretch of arrays whose settings come from the same layers, with their paths.

    So the groups do not depend on the values of the settings.
    """
    last: Group | None = None
    sources: Sources = (None, None)
    for path, part in zip(layout.paths, layout.slices, strict=True):
        if _frozen(chains, path):
            continue
        found = [_innermost(chains[path], name) for name in ("learning_rate", "weight_decay")]
        here: Any = tuple(None if depth is None else path[:depth] for _, depth in found)
        if last and last.stop == part.start and sources == here:
            last = last._replace(stop=part.stop)
            continue
        if last:
            yield last, sources
        last, sources = Group(part.start, part.stop, *(setting for setting, _ in found)), here
    if last:
        yield last, sources


def _penalties(chains: Chains, layout: Layout) -> Iterator[Penalty]:
    for path, part in zip(layout.paths, layout.slices, strict=True):
        chain = chains[path]
        l1, l2 = (_innermost(chain, name)[0] or 0.0 for name in ("l1", "l2"))
        if (l1 or l2) and path[-1] in chain[-1].penalized:
            yield Penalty(part, l1, l2)


def _held(chains: Chains, layout: Layout) -> Iterator[Held]:
    for path, part, shape in zip(layout.paths, layout.slices, layout.shapes, strict=True):
        chain = chains[path]
        constraint, _ = _innermost(chain, "constraint")
        if constraint is not None and path[-1] in chain[-1].penalized and not _frozen(chains, path):
            from ..optimizers.constraints import along

            yield Held(part, shape, along(constraint, chain[-1].incoming.get(path[-1])))


def _innermost(chain: list[Layer], setting: str) -> tuple[Any, int | None]:
    """Return a setting of the innermost layer that has it set, and that layer's depth."""
    for depth in reversed(range(len(chain))):
        if (value := getattr(chain[depth], setting)) is not None:
            return value, depth
    return None, None


def _refuse_idle_settings(net: Layer, params: Tree) -> None:
    """Raise if a layer without parameters has a setting for parameters."""
    for path, layer in walk(net):
        given = [name for name in SETTINGS if getattr(layer, name) not in (None, False)]
        if given and not any(True for _ in leaves(at(params, path))):
            raise SettingError(
                f"{layer.describe()}: {given[0]} has no effect, because this layer has no parameters; "
                "set it on a layer that has some"
            )
        check_frozen(layer, at(params, path))
