"""Applying a layer at each time step."""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend import Array, Shape, Stream, Tree, namespace
from ..core.settings import instance
from ..core.value import value
from ..errors import SettingError, ShapeError
from .base import INFERENCE, Cache, Layer, Mask, Run, Samples, Send, counting, one_input, several, walk
from .containers import Container
from .dense import Dense


@value
class TimeDistributed(Container):
    """A layer f at each time step, with the same weights: y_t = f(x_t);  dx_t = f'^T dy_t.

    The n sequences of T steps go through f as n T examples, so that f may be any layer with one input: films
    (n, time, height, width, channels) through a `Conv2D`, for instance. `Dense`, activations and row
    normalization do that by themselves. Masked steps take no part in layers that look across examples.

    Parameters
    ----------
    layer : Layer
        The layer f (or a container of layers). It cannot carry states from batch to batch.

    Examples
    --------
    >>> from lucidnet.layers import Conv2D
    >>> TimeDistributed(Conv2D(8, 3)).output_shape((10, 28, 28, 1))
    (10, 26, 26, 8)
    """

    layer: Layer = instance(Layer, "a layer (several are joined in a Sequential)")

    splits_examples: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for _, inner in walk(self.layer):
            if getattr(inner, "stateful", False):
                raise SettingError(
                    f"TimeDistributed: layer {inner.describe()} is stateful, but here each time step is an "
                    "example of its own: leave stateful out"
                )

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return (("layer", self.layer),)

    def _step(self, shape: Any) -> Any:
        """Return the shape of one time step."""
        if len(one_input(self, shape)) < 2:
            raise ShapeError(
                f"TimeDistributed takes sequences (time, ...) of steps with features, got {shape}"
            )
        return shape[1:]

    def output_shape(self, shape: Any) -> Any:
        step = self._step(shape)
        return self._over_time(shape, self.layer.output_shape(step))

    def _over_time(self, shape: Any, made: Any) -> Any:
        if several(made):
            raise ShapeError(f"TimeDistributed takes a layer of one output, got one that gives {made}")
        return (shape[0], *made)

    def inner_shapes(self, shape: Any) -> dict[str, Any]:
        return {"layer": self._step(shape)}

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        params, made = self.layer.init(rng.child("layer"), self._step(shape))
        return {"layer": params}, self._over_time(shape, made)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return self.flow(params, x, run)[:2]

    def flow(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache, Mask]:
        steps = x.shape[:2]
        inner = run.child("layer", None, self.frozen)
        counts = counting(2, run.mask, run.valid)
        if counts is not None:
            counts = namespace(x).broadcast_to(namespace(x).asarray(counts), steps).reshape(-1)
        each = inner.of_steps(counts)
        y, cache, mask = self.layer.flow(params["layer"], x.reshape(-1, *x.shape[2:]), each)
        if mask is not None:
            raise ShapeError(
                f"{self.name or 'here'}, {type(self).__name__}: a mask arises in the layer inside, of "
                "the times "
                "within one time step: end that time there, too"
            )
        return y.reshape(*steps, *y.shape[1:]), {"layer": cache, "steps": steps}, run.mask

    def caches(self, cache: Cache) -> dict[str, Cache]:
        return {"layer": cache["layer"]}

    @property
    def makes_masks(self) -> bool:
        return False

    def states(self, cache: Cache) -> Tree:
        return {}

    def route(
        self, params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
    ) -> tuple[Array, Tree]:
        flat = dy.reshape(-1, *dy.shape[2:])
        dx, grads = send("layer", self.layer, params["layer"], cache["layer"], flat, need_dx)
        if dx is not None:
            dx = dx.reshape(*cache["steps"], *dx.shape[1:])
        return dx, {"layer": grads}

    @classmethod
    def samples(cls) -> Samples:
        yield cls(Dense(3, "tanh")), (4, 5)
