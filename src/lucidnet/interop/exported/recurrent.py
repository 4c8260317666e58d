"""Operations of recurrent layers: ONNX's own where they do, else a loop over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...backend import Tree
from ...layers import GRU, LSTM, ConvLSTM2D, LeakyRNN, ReLU, Sigmoid, SimpleRNN, Tanh
from .operations import Operations, Step, first_mask, sizes_of, translates
from .windows import windows

FUNCTIONS: dict[type, str] = {Tanh: "Tanh", ReLU: "Relu", Sigmoid: "Sigmoid"}
"""Activations that ONNX's recurrent layers may have."""


@translates(LSTM)
def lstm(to: Operations, layer: LSTM, params: Tree, x: Any, shape: Any) -> str:
    """Add a layer of LSTM units."""
    if to.loops or to.mask is not None:
        return stepwise(to, layer, params, x, lstm_step(to, layer, params))
    order = 0, 3, 1, 2  # i, o, f, c in place of i, f, g, o
    W, U, b = (blocks(params[name], layer.units, order) for name in ("W", "U", "b"))
    return at_once(to, layer, "LSTM", (W, U, np.concatenate([b, np.zeros_like(b)])), x)


def blocks(array: Any, units: int, order: tuple[int, ...]) -> Any:
    """Return an array with its blocks of columns, one for each gate, in another order."""
    return np.concatenate([array[..., k * units : (k + 1) * units] for k in order], axis=-1)


@translates(GRU)
def gru(to: Operations, layer: GRU, params: Tree, x: Any, shape: Any) -> str:
    """Add a gated recurrent unit."""
    if to.loops or to.mask is not None:
        return stepwise(to, layer, params, x, gru_step(to, layer, params))
    inner = np.concatenate([np.zeros(2 * layer.units), params["c"]])
    arrays = params["W"], params["U"], np.concatenate([params["b"], inner])
    return at_once(to, layer, "GRU", arrays, x, linear_before_reset=1)


@translates(SimpleRNN)
def rnn(to: Operations, layer: SimpleRNN, params: Tree, x: Any, shape: Any) -> str:
    """Add a plain recurrent layer."""
    kind = FUNCTIONS.get(type(layer.activation))
    if to.loops or to.mask is not None or kind is None:
        return stepwise(to, layer, params, x, plain_step(to, layer, params, 1.0))
    b = np.concatenate([params["b"], np.zeros(layer.units)])
    return at_once(to, layer, "RNN", (params["W"], params["U"], b), x, activations=[kind])


@translates(LeakyRNN)
def leaky(to: Operations, layer: LeakyRNN, params: Tree, x: Any, shape: Any) -> str:
    """Add a layer of units that forget with a time constant."""
    return stepwise(to, layer, params, x, plain_step(to, layer, params, 1 / layer.tau))


def at_once(to: Operations, layer: Any, kind: str, arrays: Any, x: Any, **settings: Any) -> str:
    """Add a recurrent layer of ONNX, by W (features, gates * units), U (units, gates * units), and biases."""
    x, *states = x if isinstance(x, tuple) else (x,)
    W, U, b = (to.array(array.T[None], name) for array, name in zip(arrays, ("W", "U", "b"), strict=True))
    first = [to.add("Unsqueeze", state, to.whole([0], "axes")) for state in states]
    given = [to.turned(x, 1, 0, 2), W, U, b, *([""] if first else []), *first]
    settings |= {"hidden_size": layer.units, "direction": "reverse" if layer.go_backwards else "forward"}
    all_times, last = to.several(kind, 2, *given, **settings)
    if not layer.return_sequences:
        return to.add("Squeeze", last, to.whole([0], "axes"))
    return to.turned(to.add("Squeeze", all_times, to.whole([1], "axes")), 1, 0, 2)


Cell = Callable[[str, tuple[str, ...]], tuple[str, ...]]
"""What adds one time step: of x_t W + b, and of the states, the next states; the first is the output."""


def stepwise(to: Operations, layer: Any, params: Tree, x: Any, cell: Cell) -> str:
    """Add a recurrent layer as a loop over time, which carries the states over steps that do not count."""
    x, *given = x if isinstance(x, tuple) else (x,)
    z = to.add("MatMul", to.turned(x, 1, 0, 2), to.array(params["W"], "W"))
    z = to.called(to.add("Add", z, to.array(params["b"], "b")), "z")
    first = joined(to, sizes_of(to, x, 0), to.whole([layer.units]))
    states = [*given, *zeros(to, first, len(layer.carried) - len(given))]
    last, y = over_time(to, layer, z, states, cell, 3)
    return to.turned(y, 1, 0, 2) if layer.return_sequences else last


def zeros(to: Operations, shape: str, times: int) -> list[str]:
    """Return zeros in a shape that is known when the program runs, so many times."""
    return [to.called(to.add("Expand", to.array(0, "zero"), shape), "zeros")] * times if times else []


def over_time(
    to: Operations, layer: Any, z: str, states: list[str], cell: Cell, dimensions: int
) -> tuple[str, str]:
    """Add a loop over time; return the last output, and those of all times, time first."""
    arrays, mask = {"z": z}, first_mask(to)
    if mask is not None:
        arrays["counts"] = to.called(to.spread(to.turned(mask, 1, 0), dimensions), "counts")
    carried = dict(zip(layer.carried, states, strict=True))
    last, *_, y = to.scan(masked(to, cell, layer.carried), carried, arrays, layer.go_backwards)
    return last, y


def masked(to: Operations, cell: Cell, carried: tuple[str, ...]) -> Step:
    """Return one step of a loop; where there is a mask the states stay as they were if it does not count."""

    def step(states: tuple[str, ...], now: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        z, *counts = now
        made = cell(z, states)
        for mask in counts:
            several = zip(carried, made, states, strict=True)
            made = tuple(
                to.called(to.add("Where", mask, new, old), f"next_{name}") for name, new, old in several
            )
        return made, made[:1]

    return step


def plain_step(to: Operations, layer: Any, params: Tree, rate: float) -> Cell:
    """Return one step of rate units, which take on `rate` of the new value."""
    U = to.array(params["U"], "U")

    def step(z: str, states: tuple[str, ...]) -> tuple[str, ...]:
        (h,) = states
        new: str = to.layer(layer.activation, {}, to.add("Add", z, to.add("MatMul", h, U)), (layer.units,))
        if rate != 1:
            new = to.add("Add", h, to.add("Mul", to.add("Sub", new, h), to.array(rate, "rate")))
        return (to.called(new, "new_h"),)

    return step


def lstm_step(to: Operations, layer: LSTM, params: Tree) -> Cell:
    """Return one step of LSTM units."""
    U = to.array(params["U"], "U")

    def step(z: str, states: tuple[str, ...]) -> tuple[str, ...]:
        h, c = states
        return gated(to, to.add("Add", z, to.add("MatMul", h, U)), c, layer.units, 1)

    return step


def gated(to: Operations, gates: str, c: str, units: int, axis: int) -> tuple[str, ...]:
    """Return h and c of an LSTM, of the numbers i, f, g, o side by side along an axis, and of c before."""
    i, f, g, o = parted(to, gates, "ifgo", units, axis)
    old = to.add("Mul", to.add("Sigmoid", f), c)
    new = to.add("Mul", to.add("Sigmoid", i), to.add("Tanh", g))
    after = to.called(to.add("Add", old, new), "new_c")
    return to.called(to.add("Mul", to.add("Sigmoid", o), to.add("Tanh", after)), "new_h"), after


def parted(to: Operations, x: str, names: Iterable[str], size: int, axis: int) -> tuple[str, ...]:
    """Divide an array into parts of one size; return their names."""
    parts = tuple(map(to.named, names))
    to.call("Split", (x, to.whole([size] * len(parts))), parts, axis=axis)
    return parts


def gru_step(to: Operations, layer: GRU, params: Tree) -> Cell:
    """Return one step of a gated recurrent unit."""
    U, c, u = to.array(params["U"], "U"), to.array(params["c"], "c"), layer.units

    def step(z: str, states: tuple[str, ...]) -> tuple[str, ...]:
        (h,) = states
        outside = parted(to, z, ("z_x", "r_x", "g_x"), u, 1)
        inside = parted(to, to.add("MatMul", h, U), ("z_h", "r_h", "g_h"), u, 1)
        keep = to.add("Sigmoid", to.add("Add", outside[0], inside[0]))
        reset = to.add("Sigmoid", to.add("Add", outside[1], inside[1]))
        recalled = to.add("Mul", reset, to.add("Add", inside[2], c))
        new = to.called(to.add("Tanh", to.add("Add", outside[2], recalled)), "g")
        return (to.called(to.add("Add", new, to.add("Mul", keep, to.add("Sub", h, new))), "new_h"),)

    return step


@translates(ConvLSTM2D)
def films(to: Operations, layer: ConvLSTM2D, params: Tree, x: str, shape: Any) -> str:
    """Add an LSTM of images, whose channels are first in the loop."""
    W, U = (to.array(params[name].transpose(3, 2, 0, 1), name) for name in ("W", "U"))
    b, count = to.array(params["b"], "b"), layer.filters
    turned = to.turned(to.zero(x, 5), 1, 0, 4, 2, 3)
    images = to.add("Reshape", turned, joined(to, to.whole([-1]), sizes_of(to, turned, 2, 3, 4)))
    z = to.add("Conv", images, W, b, group=1, **windows(to, layer, shape[1:]))
    sizes = joined(to, sizes_of(to, turned, 0, 1), sizes_of(to, z, 1, 2, 3))
    z = to.called(to.add("Reshape", z, sizes, allowzero=1), "z")
    first = joined(to, sizes_of(to, z, 1), to.whole([count]), sizes_of(to, z, 3, 4))
    grid = layer.inner_windows()
    where = {"kernel_shape": list(grid.kernel), "strides": [1, 1], "dilations": [1, 1]}
    where["pads"] = [*grid.before, *grid.after]

    def step(z: str, states: tuple[str, ...]) -> tuple[str, ...]:
        h, c = states
        return gated(to, to.add("Add", z, to.add("Conv", h, U, group=1, **where)), c, count, 1)

    last, y = over_time(to, layer, z, zeros(to, first, 2), step, 5)
    return to.turned(y, 1, 0, 3, 4, 2) if layer.return_sequences else to.turned(last, 0, 2, 3, 1)


def joined(to: Operations, *sizes: str) -> str:
    """Return sizes one after the other."""
    return to.add("Concat", *sizes, axis=0)
