"""Per-layer settings, laid out over the one vector that holds all parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
        owned = [_Owned(path, part, shape, owners(net, path)) for path, part, shape in places]
        trained = [one for one in owned if not one.frozen]
        groups = _groups(trained)
        return cls(
            layout,
            parameters,
            others,
            tuple(ArraySlice(one.part, one.shape) for one in trained),
            tuple(group for group, _ in groups),
            tuple(sources for _, sources in groups),
            Penalties(_penalties(owned)),
            tuple(_held(trained)),
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


class _Owned(NamedTuple):
    """Where an array lies in the vector, and the layers that contain it, from the outermost to its owner."""

    path: Path
    part: slice
    shape: Shape
    layers: list[Layer]

    @property
    def frozen(self) -> bool:
        """Whether it is frozen: by name in its layer, or with that layer or one around it."""
        *around, own = self.layers
        named = isinstance(own.frozen, tuple) and self.path[len(around)] in own.frozen
        return named or own.frozen is True or any(layer.frozen for layer in around)

    @property
    def penalized(self) -> bool:
        """Whether penalties and constraints act on it."""
        return self.path[-1] in self.layers[-1].penalized

    def innermost(self, setting: str) -> tuple[Any, Path | None]:
        """Return a setting of the innermost layer that has it set, and that layer's path."""
        for depth in reversed(range(len(self.layers))):
            if (value := getattr(self.layers[depth], setting)) is not None:
                return value, self.path[:depth]
        return None, None


def _groups(trained: Iterable[_Owned]) -> list[tuple[Group, Sources]]:
    """Return a group for each stretch of arrays whose settings come from the same layers, with their paths.

    So the groups do not depend on the values of the settings.
    """
    made: list[tuple[Group, Sources]] = []
    for one in trained:
        (rate, of_rate), (decay, of_decay) = one.innermost("learning_rate"), one.innermost("weight_decay")
        sources = of_rate, of_decay
        if made and made[-1][0].stop == one.part.start and made[-1][1] == sources:
            made[-1] = made[-1][0]._replace(stop=one.part.stop), sources
        else:
            made.append((Group(one.part.start, one.part.stop, rate, decay), sources))
    return made


def _penalties(owned: Iterable[_Owned]) -> Iterator[Penalty]:
    for one in owned:
        l1, l2 = (one.innermost(name)[0] or 0.0 for name in ("l1", "l2"))
        if (l1 or l2) and one.penalized:
            yield Penalty(one.part, l1, l2)


def _held(trained: Iterable[_Owned]) -> Iterator[Held]:
    for one in trained:
        constraint, _ = one.innermost("constraint")
        if constraint is not None and one.penalized:
            from ..optimizers.constraints import along

            yield Held(one.part, one.shape, along(constraint, one.layers[-1].incoming.get(one.path[-1])))
