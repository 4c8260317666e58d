"""What recurrent layers share: the loop over time, and backpropagation through time.

A layer writes three functions of one time step. With z_t = x_t W + b for all times at once,

    step:      state_t = step(z_t, state_(t-1))
    step_back: dz_t, ds_t, dstate_(t-1) from dstate_t, where s_t = h_(t-1) U is what U adds

and from them follow, summed over time and batch (Werbos 1990, "Backpropagation through time"),

    dW = sum_t x_t^T dz_t     db = sum_t dz_t     dU = sum_t h_(t-1)^T ds_t     dx_t = dz_t W^T
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ... import initializers
from ...backend import Array, Shape, Stream, Tree, namespace, with_one
from ...core.settings import flag, named, whole
from ...core.types import Inherited
from ...core.value import value
from ...errors import SettingError, ShapeError
from ...initializers import Initializer
from ..base import INFERENCE, Cache, Layer, Mask, Run, Samples, Send, several
from .loop import State, back_through_time, first_mask, through_time


@value
class Recurrent(Layer):
    """The base of recurrent layers, from sequences (n, time, features) to (n, time, units) or (n, units).

    Where `Run.mask` leaves a time step out, the state is carried over it unchanged. The input may be a tuple
    (x, h) or (x, h, c): then the sequence starts from these states, and not from zeros (or from where the
    batch before stopped, if the layer is stateful).

    Parameters
    ----------
    units : int
        Number of outputs.
    return_sequences : bool
        Whether to return the outputs of all times; if not, only the last one.
    go_backwards : bool
        Whether to go from the last time to the first. Outputs stay at the times of their inputs.
    stateful : bool
        Whether each batch of a training starts from the states in which the batch before it ended, row by
        row, from the beginning of an epoch to its end. No gradient flows from batch to batch.
    initializer, recurrent_initializer, bias_initializer : str or Initializer
        Initial values of W (features, gates * units), U (units, gates * units) and b (gates * units,).
    """

    units: int = whole(1)
    return_sequences: bool = flag(default=False)
    go_backwards: bool = flag(default=False)
    stateful: bool = flag(default=False)
    initializer: Inherited[Initializer] = named(initializers, default=initializers.VarianceScaling())
    recurrent_initializer: Inherited[Initializer] = named(initializers, default=initializers.Orthogonal())
    bias_initializer: Inherited[Initializer] = named(initializers, default=initializers.Constant())

    transport: ClassVar[tuple[str, ...]] = ("W",)
    penalized: ClassVar[tuple[str, ...]] = ("W", "U")
    gates: ClassVar[int] = 1
    """The number of blocks of `units` columns in W."""
    inner_bias: ClassVar[tuple[int, ...]] = ()
    """The gates in which h U has a bias of its own."""
    carried: ClassVar[tuple[str, ...]] = ("h",)
    """The names of the arrays of the state."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stateful and self.go_backwards:
            kind = type(self).__name__
            raise SettingError(f"{kind}: going backwards, a batch cannot go on where the one before stopped")

    # --- one time step: what a subclass writes ---------------------------------------------------------

    def project(self, params: Tree, x: Array, run: Run) -> Array:
        """Return z = x W + b for one or all time steps; many rows as one product, [x, 1] [W; b]."""
        W, b = params["W"], params["b"]
        if x.size // len(W) <= len(W):  # no more rows than W has: a copy of W costs more than a pass over z
            return x @ W + b
        return with_one(x) @ namespace(x).concat([W, b[None]])

    def step(self, params: Tree, z: Array, state: State) -> tuple[State, Cache]:
        """Compute one time step; return the next state, and the cache for `step_back`."""
        raise NotImplementedError(f"{type(self).__name__} must define step(params, z, state)")

    def step_back(self, params: Tree, cache: Cache, dstate: State) -> tuple[Array, Array, State]:
        """Return the gradients by z, by h U and by the state before, given that by the state after."""
        raise NotImplementedError(f"{type(self).__name__} must define step_back(params, cache, dstate)")

    def push(self, params: Tree, cache: Cache, dstate: State) -> State | None:
        """Return J dstate, the change of the next state caused by a change of the state before.

        None if it is not known in one pass; then it is found from all columns of J, by `step_back`.
        """
        return None

    def biases(self, db: Array, ds: Array) -> Tree:
        """Return the gradients by the biases, from the sum of all dz and from ds (..., gates * units)."""
        return {"b": db}

    # --- all of them -----------------------------------------------------------------------------------

    def output_shape(self, shape: Any) -> Any:
        first, *states = shape if several(shape) else (shape,)
        time, _ = sequence(first)
        if len(states) > len(self.carried) or any(state != (self.units,) for state in states):
            raise ShapeError(
                f"{type(self).__name__} begins in states {' and '.join(self.carried)} of shape "
                f"{(self.units,)}, got {', '.join(map(str, states))}"
            )
        return (time, self.units) if self.return_sequences else (self.units,)

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out = self.output_shape(shape)
        _, features = sequence(shape[0] if several(shape) else shape)
        width = self.gates * self.units
        draw = self.recurrent_initializer
        blocks = [draw(rng.child("U").child(str(k)), (self.units, self.units)) for k in range(self.gates)]
        params = {
            "W": self.initializer(rng.child("W"), (features, width)),
            "U": namespace(blocks[0]).concat(blocks, axis=1),
            "b": self.bias_initializer(rng.child("b"), (width,)),
        }
        return params, out

    def start(self, x: Array, given: State, run: Run) -> State:
        """Return the initial state: the given one, else the carried one, else zeros."""
        xp, n = namespace(x), x.shape[0]
        states = list(given)
        for name in self.carried[len(given) :]:
            over = (run.states or {}).get(name)
            if over is not None and over.shape[0] != n:
                raise ShapeError(
                    f"{type(self).__name__} {self.name!r} goes on in the states of {over.shape[0]} "
                    f"sequences, got a batch of {n}: stateful layers need batches of one size; to begin with "
                    "new sequences: model.state = model.state.reset(), or reset() of an online learner"
                )
            states.append(xp.zeros((n, self.units), dtype=x.dtype) if over is None else over)
        return tuple(states)

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return first_mask(mask) if self.return_sequences else None

    def forward(self, params: Tree, x: Any, run: Run = INFERENCE) -> tuple[Array, Cache]:
        return through_time(self, params, x, run)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Any, Tree]:
        return back_through_time(self, params, cache, dy, need_dx)

    def route_by(self, time: Any, feedback: Tree, learned: Tree) -> Callable[..., tuple[Any, Tree]]:
        def route(
            params: Tree, cache: Cache, dy: Array, send: Send, need_dx: bool = True
        ) -> tuple[Any, Tree]:
            dx, grads, own = time.route(self, params, cache, dy, need_dx, feedback.get("time", {}))
            if own:
                learned["time"] = own
            return dx, grads

        return route

    def states(self, cache: Cache) -> Tree:
        return dict(zip(self.carried, cache.last, strict=True))

    @classmethod
    def samples(cls) -> Samples:
        if cls.step is not Recurrent.step:
            yield cls(3), (6, 4)
            yield cls(2, return_sequences=True, go_backwards=True), (4, 3)


def sequence(shape: Any) -> tuple[int | None, int]:
    """Return the numbers of time steps (None if it varies) and features of a sequence shape."""
    if len(shape) != 2 or several(shape) or shape[1] is None:
        hint = ""
        if len(shape) == 1:
            hint = (
                f"; of a number for each step Reshape({(shape[0] or -1, 1)}) makes one feature, of whole "
                "numbers that stand for words an Embedding makes vectors"
            )
        raise ShapeError(f"expected sequences (time, features), got {shape}{hint}")
    return shape[0], shape[1]
