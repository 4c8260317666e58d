"""Per-layer settings, laid out over the one vector that holds all parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from ..backend import Array, Shape, Tree, constrained
from ..backend.layout import Layout
from ..core.record import Record, record
from ..core.trees import Path
from ..layers import Layer, walk
from ..layers.base import buffer_paths
from ..layers.settings import refuse_idle
from ..optimizers import ArraySlice, Group
from ..optimizers.penalties import Penalties, Penalty

Sources: TypeAlias = tuple[Path | None, Path | None]
"""The paths of the layers that set a group's learning rate and weight decay; None for none."""


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
        refuse_idle(net, params)
        buffers = buffer_paths(net)
        return cls.over(net, Layout.of(params, last=buffers), len(buffers))

    @classmethod
    def over(cls, net: Layer, layout: Layout, buffers: int = 0) -> ParameterLayout:
        """Build the layout for arrays that lie in a vector, the last `buffers` of them buffers."""
        parameters, others = layout.split(len(layout.paths) - buffers)
        places = zip(parameters.paths, parameters.slices, parameters.shapes, strict=True)
        groups = list(_groups(net, parameters))
        trained = tuple(ArraySlice(part, shape) for path, part, shape in places if not _frozen(net, path))
        return cls(
            layout,
            parameters,
            others,
            trained,
            tuple(group for group, _ in groups),
            tuple(sources for _, sources in groups),
            Penalties(_penalties(net, parameters)),
            tuple(_held(net, parameters)),
            tuple(path for path, layer in walk(net) if getattr(layer, "stateful", False)),
        )


def owners(net: Layer, path: Path) -> list[Layer]:
    """Return the layers that contain an array, from the network down to the layer that owns it.

    A setting of an inner layer takes precedence over that of an outer one.
    """
    chain = [net]
    for name in path:
        inner = dict(chain[-1].children()).get(name)
        if inner is None:
            break
        chain.append(inner)
    return chain


def _frozen(net: Layer, path: Path) -> bool:
    """Tell whether an array is frozen: by name in its layer, or with that layer or one around it."""
    *around, own = owners(net, path)
    named = isinstance(own.frozen, tuple) and path[len(around)] in own.frozen
    return named or own.frozen is True or any(layer.frozen for layer in around)


def _groups(net: Layer, layout: Layout) -> Iterator[tuple[Group, Sources]]:
    """Yield a group for each stretch of arrays whose settings come from the same layers, with their paths.

    So the groups do not depend on the values of the settings.
    """
    last: Group | None = None
    sources: Sources = (None, None)
    for path, part in zip(layout.paths, layout.slices, strict=True):
        if _frozen(net, path):
            continue
        chain = owners(net, path)
        found = [_innermost(chain, name) for name in ("learning_rate", "weight_decay")]
        here: Any = tuple(None if depth is None else path[:depth] for _, depth in found)
        if last and last.stop == part.start and sources == here:
            last = last._replace(stop=part.stop)
            continue
        if last:
            yield last, sources
        last, sources = Group(part.start, part.stop, *(setting for setting, _ in found)), here
    if last:
        yield last, sources


def _penalties(net: Layer, layout: Layout) -> Iterator[Penalty]:
    for path, part in zip(layout.paths, layout.slices, strict=True):
        chain = owners(net, path)
        l1, l2 = (_innermost(chain, name)[0] or 0.0 for name in ("l1", "l2"))
        if (l1 or l2) and path[-1] in chain[-1].penalized:
            yield Penalty(part, l1, l2)


def _held(net: Layer, layout: Layout) -> Iterator[Held]:
    for path, part, shape in zip(layout.paths, layout.slices, layout.shapes, strict=True):
        chain = owners(net, path)
        constraint, _ = _innermost(chain, "constraint")
        if constraint is not None and path[-1] in chain[-1].penalized and not _frozen(net, path):
            from ..optimizers.constraints import along

            yield Held(part, shape, along(constraint, chain[-1].incoming.get(path[-1])))


def _innermost(chain: list[Layer], setting: str) -> tuple[Any, int | None]:
    """Return a setting of the innermost layer that has it set, and that layer's depth."""
    for depth in reversed(range(len(chain))):
        if (value := getattr(chain[depth], setting)) is not None:
            return value, depth
    return None, None
