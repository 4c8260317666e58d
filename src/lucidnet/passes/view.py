"""Which layers of a network a pass goes through: all, a single one, up to one, after one, or to outputs."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..backend import Tree
from ..core.record import Record, record
from ..core.trees import Path, at, dotted, put
from ..engine.problem import Problem
from ..errors import SettingError, UnknownNameError, suggestion
from ..layers import Graph, Layer, Run, Sequential, walk
from ..layers.base import INFERENCE
from ..layers.blank import blank_init
from ..layers.rebuild import rebuilt
from ..layers.shapes import input_shapes, zeros
from ..layers.ties import check_owners
from ..layers.watched import Call, watched


@record
class View(Record):
    """A part of a network, with the names and weights that it has there.

    Parameters
    ----------
    net : Layer
        The layers, as a network.
    shape : shape
        The shape of one input.
    path : tuple of str
        Where in the whole network it stands.
    around : tuple of bool
        Whether each of the containers around it is frozen.
    masked : bool
        Whether its input has a mask in the whole network, by a layer before it.
    """

    net: Layer
    shape: Any
    path: Path = ()
    around: tuple[bool, ...] = ()
    masked: bool = False

    @classmethod
    def of(
        cls,
        net: Layer,
        shape: Any,
        name: Any = None,
        to: Any = None,
        after: Any = None,
        outputs: Any = None,
        masked: bool = False,
    ) -> View:
        """Return the requested part of a network; the other arguments are those of `Model.part`."""
        if sum(given is not None for given in (name, to, after, outputs)) != 1:
            raise SettingError(
                "part: say which part in one of four ways: part('encoder'), part(to='conv2'), "
                "part(after='conv2'), or part(outputs=['hidden'])"
            )
        if outputs is not None:
            names = [outputs] if isinstance(outputs, str) else outputs
            if not isinstance(names, Iterable) or not (names := list(names)):
                raise SettingError(f"part: outputs must be names of layers, got {outputs!r}")
            return cls(
                _with_outputs(net, shape, [_path(net, each, "outputs") for each in names]),
                shape,
                masked=masked,
            )
        if after is not None:
            path = _path(net, after, "after")
            there = dict(walk(net))[path].output_shape(input_shapes(net, shape)[path])
            return cls(_behind(net, path, there), there, masked=_masked(net, shape, path, masked, True))
        path = _path(net, to if name is None else name, "to" if name is None else "name")
        if name is None:
            return cls(_up_to(net, path), shape, masked=masked)
        layers = dict(walk(net))
        around = tuple(layers[path[:depth]].frozen is True for depth in range(len(path)))
        there = input_shapes(net, shape)[path]
        return cls(layers[path], there, path, around, _masked(net, shape, path, masked))

    def part(self, name: Any = None, to: Any = None, after: Any = None, outputs: Any = None) -> View:
        """Return a part of this part, which is found once; the arguments are those of `Model.part`."""
        key = name, to, after, tuple(outputs) if isinstance(outputs, list) else outputs
        try:
            found = self._parts.get(key)
        except TypeError:  # what is no name is told below
            found = None
        if found is None:
            made = View.of(self.net, self.shape, name, to, after, outputs, self.masked)
            found = replace(made, path=(*self.path, *made.path), around=(*self.around, *made.around))
            self._parts[key] = found
        return found

    @cached_property
    def _parts(self) -> dict[Any, View]:
        """The parts that were asked for so far."""
        return {}

    @cached_property
    def looks_up(self) -> bool:
        """Whether a layer takes only some numbers, as an embedding does: inputs are looked through."""
        return not all(layer.differentiable for _, layer in walk(self.net))

    @cached_property
    def random(self) -> str:
        """The name of a layer that draws random numbers in training; "" if none does."""
        return next((dotted(path) or layer.describe() for path, layer in walk(self.net) if layer.random), "")

    @cached_property
    def places(self) -> frozenset[Path]:
        """Where in the whole network its layers stand."""
        return frozenset((*self.path, *path) for path, _ in walk(self.net))

    @cached_property
    def _count(self) -> int:
        """How many layers the network has."""
        return len(self.net.children())

    def pick(self, params: Tree) -> Tree:
        """Return the parameters of this part, out of those of the whole network."""
        if not self.path:
            return params if len(params) == self._count else _of(self.net, params)
        return _of(self.net, at(params, self.path))

    def bound(self, problem: Problem) -> View:
        """Return this view with a program's numbers in place of schedules."""
        if not any(layer.schedulable for _, layer in walk(self.net)):
            return self
        known: dict[Path, Layer] = dict(walk(problem.objective.net))

        def wrap(layer: Layer, made: Layer, path: Path) -> Layer:
            there = known.get((*self.path, *path))
            numbers = {} if there is None else {n: getattr(there, n) for n in layer.schedulable}
            if numbers:
                made = copy.copy(made)
                vars(made).update(numbers)
            return made

        return replace(self, net=rebuilt(self.net, wrap))

    def place(self, tree: Tree) -> Tree:
        """Return a tree of this part's arrays with the names that they have in the whole network."""
        return put({}, self.path, tree) if self.path else tree

    def inside(self, run: Run) -> Run:
        """Return the run of this part, out of that of the whole network: its random numbers and states."""
        for name, frozen in zip(self.path, self.around, strict=True):
            run = run.child(name, frozen=frozen)
        return run


def over(tree: Tree, part: Tree) -> Tree:
    """Return a tree with some branches replaced by those of another; the tree itself if that is None.

    Examples
    --------
    >>> over({"a": {"W": 1, "b": 2}, "c": {}}, {"a": {"b": 3}})
    {'a': {'W': 1, 'b': 3}, 'c': {}}
    """
    if part is None:
        return tree
    if not isinstance(part, Mapping):
        return part
    return {**tree, **{name: over(tree.get(name, {}), inner) for name, inner in part.items()}}


def _of(net: Layer, params: Tree) -> Tree:
    """Return only the parameters that belong to a network, out of a larger tree."""
    children = dict(net.children())
    if not children:
        return params
    return {
        name: _of(children[name], inner) if name in children else inner
        for name, inner in params.items()
        if name in children or not isinstance(inner, Mapping)
    }


def _path(net: Layer, name: Any, argument: str) -> Path:
    known = {dotted(path): path for path, _ in walk(net) if path}
    if not known:
        raise SettingError(f"part: {net.describe()} is a single layer, and has no parts")
    if not isinstance(name, str) or name not in known:
        raise UnknownNameError(f"part: {argument}: no layer is called {name!r}: {suggestion(name, known)}")
    return known[name]


def _masked(net: Layer, shape: Any, path: Path, masked: bool, behind: bool = False) -> bool:
    """Tell whether a mask comes to a layer in a network, or behind it.

    Parameters
    ----------
    net : Layer
        The network.
    shape : shape
        The shape of one input.
    path : tuple of str
        Where the layer stands.
    masked : bool
        Whether the network's input has a mask.
    behind : bool
        Whether to tell it of the layer's output.
    """
    if not (masked or net.makes_masks):
        return False
    calls: list[Call] = []
    params, x = blank_init(net, shape)[0], zeros(shape, "float32")
    run = Run(mask=np.ones(x.shape[:2], bool)) if masked and isinstance(x, np.ndarray) else INFERENCE
    mask: Any = None
    # The numbers mean nothing, and a layer of a user's own may refuse them: then it is not known.
    with np.errstate(all="ignore"), suppress(Exception):
        watched(net, calls).flow(params, x, run)
        there = next(call for call in calls if call.path == path)
        mask = there.layer.flow(there.params, there.x, there.run)[2] if behind else there.run.mask
    return any(each is not None for each in (mask if isinstance(mask, tuple) else (mask,)))


def _up_to(net: Layer, path: Path) -> Layer:
    """Return a network that ends at one of its layers."""
    if not path:
        return net
    name, children = path[0], dict(net.children())
    inner = _up_to(children[name], path[1:])
    if isinstance(net, Sequential):
        before = net.layers[: list(children).index(name)]
        return replace(net, layers=(*before, inner))
    if isinstance(net, Graph) and len(path) == 1:
        return _pruned(net, (name,))
    whole = dotted(path[:-1]) if len(path) > 1 else "it"
    raise SettingError(
        f"part: to={dotted(path)!r} stands inside {type(net).__name__}, of which no part is a network "
        f"of its own: name the layer around it{f', {whole!r}' if len(path) > 1 else ''}, or "
        f"take part({dotted(path)!r})"
    )


def _behind(net: Layer, path: Path, shape: Any) -> Layer:
    """Return a network that starts behind one of its layers, whose output has the given shape."""
    name, called = path[0], dotted(path)
    if isinstance(net, Sequential):
        before = [layer.name for layer in net.layers].index(name)
        rest = net.layers[before + 1 :]
        if len(path) > 1 and not _is_last(net.layers[before], path[1:]):
            rest = (_behind(net.layers[before], path[1:], shape), *rest)
        if not rest:
            raise SettingError(f"part: after={called!r} is the end of the network: nothing stands behind it")
        made: Layer = replace(net, layers=rest)
    elif isinstance(net, Graph) and len(path) == 1:
        made = _graph_behind(net, name, shape)
    else:
        raise SettingError(
            f"part: after={called!r} stands inside {type(net).__name__}, whose output is not made of that "
            f"layer's alone: name a layer that all passes through"
        )
    check_owners(made.ties, dict(made.children()), f"part: after={called!r}")
    return made


def _is_last(net: Layer, path: Path) -> bool:
    """Tell whether a network's output is the output of a certain layer inside it."""
    if not path:
        return True
    ends = net.outputs if isinstance(net, Graph) else tuple(dict(net.children()))[-1:]
    return (
        isinstance(net, Graph | Sequential)
        and ends == path[:1]
        and _is_last(dict(net.children())[path[0]], path[1:])
    )


def _graph_behind(net: Graph, name: str, shape: Any) -> Graph:
    """Return a graph that starts behind one of its nodes."""
    reached = {name}
    for node, _, _, sources in net.placed():
        reached |= {node} if reached & set(sources) else set()
    nodes, needed, layers = [], set(net.outputs), dict(net.children())
    for node, owner, _, sources in reversed(list(net.placed())):
        if node not in needed or node == name:
            continue
        aside = [each for each in sources if each not in reached]
        aside += [each for each in (owner, node) if each not in reached or each == name]
        if aside:
            raise SettingError(
                f"part: after={name!r}: the outputs are not made of that layer's alone, but also of "
                f"{aside[0]!r}: name a layer that all passes through"
            )
        needed |= {owner, *sources}
        nodes.append((node, layers[owner] if node == owner else owner, sources))
    if not nodes:
        raise SettingError(f"part: after={name!r} is the end of the network: nothing stands behind it")
    return replace(net, inputs={name: shape}, nodes=nodes[::-1])


def _with_outputs(net: Layer, shape: Any, paths: Sequence[Path]) -> Layer:
    """Return a network with other outputs: one array, or a dict of several by name."""
    names = [path[0] for path in paths]
    deep = next((path for path in paths if len(path) > 1), None)
    if len(set(names)) < len(names) and deep is None:
        raise SettingError(f"part: outputs names a layer twice: {', '.join(names)}")
    if deep is not None:
        raise SettingError(
            f"part: outputs: {dotted(deep)!r} stands inside {deep[0]!r}: outputs are layers of the network "
            f"itself; take part(to={dotted(deep)!r}), or name {deep[0]!r}"
        )
    if isinstance(net, Graph):
        return _pruned(net, tuple(names))
    if not isinstance(net, Sequential):
        raise SettingError(f"part: outputs are layers of a Graph or a Sequential, not of {net.describe()}")
    order = [layer.name for layer in net.layers]
    if isinstance(shape, dict):
        raise SettingError(
            f"part: outputs: the network has the inputs {', '.join(shape)}: make it one Graph, or take "
            f"part(to={names[0]!r})"
        )
    last = max(map(order.index, names))
    sources = [_input_name(order), *order]
    nodes = [(layer.name, layer, sources[k]) for k, layer in enumerate(net.layers[: last + 1])]
    return Graph({sources[0]: shape}, nodes, names, frozen=net.frozen, rule=net.rule)


def _input_name(taken: Sequence[str]) -> str:
    """Return a name for an input that no layer has yet."""
    name = "x"
    while name in taken:
        name += "_"
    return name


def _pruned(net: Graph, names: tuple[str, ...]) -> Graph:
    """Return a graph with other outputs, without the nodes that they do not need."""
    needed = set(names)
    for name, _, _, sources in reversed(list(net.placed())):
        needed |= set(sources) if name in needed else set()
    layers, nodes = dict(net.children()), []
    for name, owner, _, sources in net.placed():
        if name not in needed:
            continue
        if owner not in needed and owner != name:
            raise SettingError(
                f"part: {name!r} shares the layer of {owner!r}, which these outputs do not need: "
                "its weights would have no name"
            )
        nodes.append((name, layers[owner] if name == owner else owner, sources))
    inputs = {name: shape for name, shape in net.inputs if name in needed}
    return replace(net, inputs=inputs, nodes=nodes, outputs=names)
