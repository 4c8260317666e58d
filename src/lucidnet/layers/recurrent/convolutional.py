"""Convolutional LSTM for images: everything that goes into a gate is a convolution."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from ... import initializers
from ...backend import Array, Shape, Stream, Tree, namespace, scan
from ...backend.patches import correlate, correlate_back, correlate_weights
from ...backend.windows import Grid
from ...core.settings import finite, flag, named, setting, whole
from ...core.types import Named
from ...core.value import value
from ...errors import ShapeError
from ...initializers import Initializer
from ..base import INFERENCE, Cache, Layer, Mask, Run, Samples, one_input, zeroed
from ..grids import PADDINGS, SIZES, as_padding, both, check_windows, grid_of, outputs, pair
from .lstm import apart, slopes, squashed


class ConvLSTMCache(NamedTuple):
    """The cache for the way back through time; arrays have time first, except the inputs.

    Parameters
    ----------
    x : array (n, time, height, width, channels)
        The inputs.
    first, last : tuple of array (n, rows, columns, filters)
        The states h and c before the first time and after the last.
    kept : tree
        What each step kept: the squashed gates, and c before it.
    h : array (time, n, rows, columns, filters)
        The outputs.
    counts : array (time, n, 1, 1, 1) of bool, optional
        Which time steps count.
    mask : Mask
        The same, as it came.
    """

    x: Array
    first: tuple[Array, ...]
    last: tuple[Array, ...]
    kept: Any
    h: Array
    counts: Array | None
    mask: Mask


@value
class ConvLSTM2D(Layer):
    """Long short-term memory of images, from films (n, time, height, width, channels).

    With * for a convolution (that with U has zeros around, so that h keeps its size)::

        [i, f, g, o] = x_t * W + h_(t-1) * U + b,   i, f, o through sigmoid, g through tanh
        c_t = f c_(t-1) + i g
        h_t = o tanh(c_t)

    and back as in `LSTM`, with the convolutions' own gradients::

        dW = sum_t windows(x_t)^T dz_t          dU = sum_t windows(h_(t-1))^T dz_t       db = sum dz_t
        dx_t = dz_t W^T, added up where the windows lie      dh_(t-1) = dz_t U^T, likewise

    (Shi et al. 2015, "Convolutional LSTM network", equation 3, without its peepholes, the products of c and
    the gates, which Keras' layer does not have either.)

    Parameters
    ----------
    filters : int
        Number of outputs at each place.
    kernel_size, strides, padding, dilation
        For the convolution of the inputs, as for `Conv2D`; that of h has the same kernel, and strides of 1.
    return_sequences : bool
        Whether to return the outputs of all times; if not, only the last one.
    go_backwards : bool
        Whether to go from the last time to the first. Outputs stay at the times of their inputs.
    forget_bias : float
        The initial bias of the forget gate.
    initializer, recurrent_initializer, bias_initializer : str or Initializer
        Initial values of W (kernel, channels, 4 filters), U (kernel, filters, 4 filters) and b (4 filters,).

    Examples
    --------
    >>> ConvLSTM2D(8, 3, padding="same").output_shape((10, 28, 28, 1))
    (28, 28, 8)
    """

    filters: int = whole(1)
    kernel_size: Any = setting(SIZES, pair)
    strides: Any = setting(SIZES, pair, default=1)
    padding: Any = setting(PADDINGS, as_padding, default="valid")
    dilation: Any = setting(SIZES, pair, default=1)
    return_sequences: bool = flag(default=False)
    go_backwards: bool = flag(default=False)
    forget_bias: float = finite(default=1.0)
    initializer: Named[Initializer] = named(initializers, default=initializers.VarianceScaling())
    recurrent_initializer: Named[Initializer] = named(initializers, default=initializers.Orthogonal())
    bias_initializer: Named[Initializer] = named(initializers, default=initializers.Constant())

    transport: ClassVar[tuple[str, ...]] = ("W",)
    penalized: ClassVar[tuple[str, ...]] = ("W", "U")
    carried: ClassVar[tuple[str, ...]] = ("h", "c")
    dimensions: ClassVar[int] = 2

    def output_shape(self, shape: Any) -> Any:
        if len(one_input(self, shape)) != 4:
            raise ShapeError(f"ConvLSTM2D takes films (time, height, width, channels), got {shape}")
        places = (*outputs(self, shape[1:]), self.filters)
        return (shape[0], *places) if self.return_sequences else places

    def init(self, rng: Stream, shape: Shape) -> tuple[Tree, Shape]:
        out, size, width = self.output_shape(shape), both(self.kernel_size), 4 * self.filters
        b = self.bias_initializer(rng.child("b"), (width,))
        f = self.filters
        params = {
            "W": self.initializer.kernel(rng.child("W"), (*size, shape[-1], width)),
            "U": self.recurrent_initializer.kernel(rng.child("U"), (*size, f, width)),
            "b": namespace(b).concat([b[:f], b[f : 2 * f] + self.forget_bias, b[2 * f :]]),
        }
        return params, out

    def output_mask(self, x: Any, mask: Mask) -> Mask:
        return mask if self.return_sequences else None

    def inner_windows(self) -> Grid:
        """Return the windows of the recurrent convolution, which keeps the size of h."""
        kernel = both(self.kernel_size)
        before = tuple((k - 1) // 2 for k in kernel)
        after = tuple(k - 1 - b for k, b in zip(kernel, before, strict=True))
        return Grid((kernel[0], kernel[1]), (1, 1), (1, 1), (before[0], before[1]), (after[0], after[1]))

    def _start(self, z: Array, run: Run) -> tuple[Array, ...]:
        """Return the initial states: the carried ones, else zeros."""
        shape, xp = (*z.shape[1:-1], self.filters), namespace(z)
        states = []
        for name in self.carried:
            over = (run.states or {}).get(name)
            if over is not None and over.shape != shape:
                raise ShapeError(f"ConvLSTM2D {self.name!r} goes on in states of {over.shape}, needs {shape}")
            states.append(xp.zeros(shape, dtype=z.dtype) if over is None else over)
        return tuple(states)

    def forward(self, params: Tree, x: Array, run: Run = INFERENCE) -> tuple[Array, Cache]:
        xp, x, inner = namespace(x), zeroed(x, run.mask), self.inner_windows()
        images = x.reshape(-1, *x.shape[2:])
        grid = grid_of(self, images.shape[1:])
        check_windows(self, grid.outputs(*images.shape[1:3]), images.shape[1:])
        z = correlate(images, params["W"], grid) + params["b"]
        z = xp.permute_dims(z.reshape(*x.shape[:2], *z.shape[1:]), (1, 0, 2, 3, 4))
        first = self._start(z, run)
        counts = None if run.mask is None else xp.asarray(run.mask).T[..., None, None, None]

        def step(state: Any, now: Any) -> Any:
            (h, c), (z, m) = state, now
            gates = squashed(correlate(h, params["U"], inner) + z)
            i, f, g, o = apart(gates)
            after = f * c + i * g
            made = o * xp.tanh(after), after
            if m is not None:
                made = xp.where(m, made[0], h), xp.where(m, made[1], c)
            return made, (gates, c), (made[0],)

        last, kept, (h,) = scan(step, first, (z, counts), self.go_backwards)
        y = xp.permute_dims(h, (1, 0, 2, 3, 4)) if self.return_sequences else last[0]
        return y, ConvLSTMCache(x, first, last, kept, h, counts, run.mask)

    def backward(self, params: Tree, cache: Cache, dy: Array, need_dx: bool = True) -> tuple[Array, Tree]:
        xp, inner = namespace(dy), self.inner_windows()
        errors = xp.permute_dims(dy, (1, 0, 2, 3, 4)) if self.return_sequences else None
        rows, columns = cache.h.shape[2:4]

        def step(dstate: Any, now: Any) -> Any:
            (dh, dc), ((gates, c), d, m) = dstate, now
            dh = dh if d is None else dh + d
            passed = (dh, dc)
            if m is not None:  # at masked steps the state passed through
                dh, dc = xp.where(m, dh, 0), xp.where(m, dc, 0)
            i, f, g, o = apart(gates)
            t = xp.tanh(f * c + i * g)
            dc = dc + dh * o * (1 - t * t)
            dz = xp.concat([dc * g, dc * c, dc * i, dh * t], axis=-1)
            dz *= slopes(gates)
            before = correlate_back(dz, params["U"], inner, rows, columns), dc * f
            if m is not None:
                before = tuple(b + xp.where(m, 0, d) for b, d in zip(before, passed, strict=True))
            return before, None, (dz,)

        zeros = xp.zeros_like(cache.last[1])
        end = (dy if errors is None else zeros, zeros)
        _, _, (dz,) = scan(step, end, (cache.kept, errors, cache.counts), not self.go_backwards)
        return self._gradients(params, cache, dz, need_dx)

    def _gradients(self, params: Tree, cache: ConvLSTMCache, dz: Array, need_dx: bool) -> tuple[Array, Tree]:
        """Return the gradients by input and weights, from those by z (time, n, rows, columns, 4 filters)."""
        xp, x, first = namespace(dz), cache.x, cache.first[0][None]
        before = xp.concat([cache.h[1:], first] if self.go_backwards else [first, cache.h[:-1]])
        deltas, states = (a.reshape(-1, *a.shape[2:]) for a in (dz, before))
        by_example = xp.permute_dims(dz, (1, 0, 2, 3, 4))
        by_example = by_example.reshape(-1, *dz.shape[2:])
        images = x.reshape(-1, *x.shape[2:])
        grid = grid_of(self, images.shape[1:])
        grads = {
            "W": correlate_weights(images, by_example, grid),
            "U": correlate_weights(states, deltas, self.inner_windows()),
            "b": deltas.reshape(-1, deltas.shape[-1]).sum(0),
        }
        if not need_dx:
            return None, grads
        dx = correlate_back(by_example, params["W"], grid, *images.shape[1:3])
        return zeroed(dx.reshape(x.shape), cache.mask), grads

    def states(self, cache: Cache) -> Tree:
        return dict(zip(self.carried, cache.last, strict=True))

    @classmethod
    def samples(cls) -> Samples:
        yield cls(2, 3, padding="same"), (3, 4, 3, 2)
        yield cls(2, (2, 3), strides=2, return_sequences=True, go_backwards=True), (2, 5, 5, 2)
