"""What the layers inside a container get and give in one forward and backward pass."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..backend import Array, Tree
from ..layers import Layer
from ..layers.base import INFERENCE, Run
from ..layers.rebuild import rebuilt
from .subject import LayerSubject


@dataclass
class Visit:
    """One layer inside a container, and what passed through it; None until then."""

    index: int
    name: str
    layer: Layer
    params: Tree = None
    x: Array = None
    run: Run = INFERENCE
    dy: Array = None
    dx: Array = None

    @property
    def subject(self) -> LayerSubject | None:
        """The layer with the input and the error that it got, if it got both."""
        if self.x is None or self.dy is None:
            return None
        return LayerSubject(self.layer, self.params, self.x.copy(), self.dy, self.run)


def watch(subject: LayerSubject) -> list[Visit]:
    """Run a container forward and backward, and return what happened at each layer inside.

    The container that runs is a copy whose children, copies too, note what they are given: whatever the
    container does with them, in `route` or in `backward`, is seen.
    """
    visits = [Visit(i, name, child) for i, (name, child) in enumerate(subject.layer.children())]
    spies = {id(visit.layer): _spy(visit) for visit in visits}
    container = rebuilt(subject.layer, lambda value: spies.get(id(value), value))
    try:
        LayerSubject(container, subject.params, subject.x, subject.dy, subject.run).gradients()
    except Exception:  # it fails inside a layer that has noted what it was given, and is reported there
        return visits
    return visits


def _spy(visit: Visit) -> Layer:
    """Return a copy of a layer that notes what passes through it the first time it is used."""
    spy, layer = copy.copy(visit.layer), visit.layer

    def forward(params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Any]:
        if visit.x is None:
            visit.params, visit.x, visit.run = params, x.copy(), run
        return layer.forward(params, x, run)

    def noting(backward: Callable[..., tuple[Array, Tree]]) -> Callable[..., tuple[Array, Tree]]:
        def noted(params: Tree, cache: Any, dy: Array, *args: Any, **named: Any) -> tuple[Array, Tree]:
            # Of several uses of one layer the first is the last to come back.
            visit.dy = dy.copy()
            dx, grads = backward(params, cache, dy, *args, **named)
            visit.dx = None if dx is None else dx.copy()
            return dx, grads

        return noted

    for name, method in (
        ("forward", forward),
        ("backward", noting(layer.backward)),
        ("route", noting(layer.route)),
    ):
        object.__setattr__(spy, name, method)
    return spy
