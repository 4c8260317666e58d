"""What is seen of a network at one moment: numbers and raw arrays, in one message.

A message consists of the length of the header as a number of four bytes, the header as JSON, and the arrays
that it names, one after the other. The header has a version, so that a page knows what it reads.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np

from ...backend import Array
from ...core.settings import taken, whole
from ...core.trees import dotted, leaves
from ...data.batch import Batch
from ...engine.protocol import Trainee
from ...engine.state import State
from ...inspect.alignment import gradient_alignment, overall_alignment, weight_alignment
from ...inspect.trace import Trace, trace_step
from ...layers import Softmax
from ...plots.boundary import shares_of
from ...training.measure import evaluate
from ...training.sources import to_measure

VERSION = 1
LARGEST = 128
"""Larger matrices are shown as block means, with at most this many blocks on a side."""
ROWS_SHOWN, ROWS_TESTED = 24, 500
FLAT = 0.05
"""Where an activation's slope is smaller, hardly any error passes."""
KINDS = {"i1": "i1", "i2": "i2", "u1": "u1"}
"""The dtypes in which arrays are sent; all others are converted to four-byte numbers."""
BINS, SAMPLED = 15, 100_000
"""The bins of a histogram on each side of zero, which has one of its own; the most numbers counted in it."""
UNITS, SIDE = 16, 24
"""The number of units of a layer that are drawn, and the width and height of each in points."""
FINE = 32767.0
"""Outputs on the plane are sent as two-byte whole numbers; this one stands for 1."""


def packed(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Encode a header and named arrays as one message."""
    named, parts, offset = [], [], 0
    for name, array in arrays.items():
        kind = KINDS.get(array.dtype.str[1:], "f4")
        data = np.ascontiguousarray(array, "<" + kind).tobytes()
        data += b"\0" * (-len(data) % 4)
        named.append({"name": name, "shape": list(array.shape), "type": kind, "offset": offset})
        parts.append(data)
        offset += len(data)
    whole = {"version": VERSION, **header, "arrays": named}
    text = json.dumps(plain(whole), allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([struct.pack("<I", len(text)), text, *parts])


def plain(value: Any) -> Any:
    """Convert a value for JSON; a number that is not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    number = float(value)
    return number if np.isfinite(number) else None


def smaller(matrix: Array) -> Array:
    """Average a large matrix over blocks, to at most `LARGEST` rows and columns."""
    for axis in (0, 1):
        if (size := matrix.shape[axis]) > LARGEST:
            edges = block_edges(size)
            sums = np.add.reduceat(matrix, edges[:-1], axis=axis)
            matrix = sums / np.expand_dims(np.diff(edges), 1 - axis)
    return matrix


def block_edges(size: int) -> Array:
    """Return where the blocks of an axis begin that `smaller` makes of it, and where the last one ends."""
    return np.linspace(0, size, min(size, LARGEST) + 1).astype(int)


def place(shape: Sequence[int], row: int, column: int) -> tuple[tuple[int, ...], bool]:
    """Find the entry of an array at which a cell of its map begins, and whether the cell is a mean of some.

    Raises
    ------
    SettingError
        If the map has no such row or column.

    Examples
    --------
    >>> place((3, 3, 1, 6), 5, 2)
    ((1, 2, 0, 2), False)
    >>> place((256, 10), 5, 2)
    ((10, 2), True)
    """
    wide = shape[-1] if shape else 1
    tall = int(np.prod(shape[:-1], dtype=int))
    rows, columns = block_edges(tall), block_edges(wide)
    row = taken("cell", "row", row, whole(0, len(rows) - 2))
    column = taken("cell", "column", column, whole(0, len(columns) - 2))
    at = np.unravel_index(int(rows[row]) * wide + int(columns[column]), tuple(shape) or (1,))
    return tuple(map(int, at)), max(tall, wide) > LARGEST


def looked_at(y: Array) -> tuple[Array, str | list[int]]:
    """Return what the map of a layer's outputs shows, and what its rows are.

    Parameters
    ----------
    y : array (n, ...)
        The outputs for some examples.

    Returns
    -------
    tuple
        Of vectors the first examples, with ``"example"``; of sequences all times of the first example, with
        ``"time"``. Of an image (height, width, channels) the first example's channels beside and below each
        other, with a line of NaN behind each; with height, width, how many stand beside each other, how many
        are shown, and how many there are. Of all else the first example, with ``"place"``.
    """
    if y.ndim <= 2:
        return y[:ROWS_SHOWN], "example"
    if y.ndim != 4:
        return y[0], "time" if y.ndim == 3 else "place"
    height, width, channels = y.shape[1:]
    tall, wide = height + 1, width + 1
    most = max(1, LARGEST // tall)  # below each other; about as many beside each other, if there is room
    beside = max(1, min(max(ceil(channels**0.5), -(-channels // most)), LARGEST // wide))
    below = min(-(-channels // beside), most)
    shown = min(channels, beside * below)
    tiles = np.full((below * beside, tall, wide), np.nan, np.float32)
    tiles[:shown, :-1, :-1] = np.moveaxis(y[0], -1, 0)[:shown]
    rows = tiles.reshape(below, beside, tall, wide).swapaxes(1, 2)
    return rows.reshape(below * tall, beside * wide), [height, width, beside, shown, channels]


def spread(array: Array) -> dict[str, Any]:
    """Return how an array's numbers are spread: histogram, mean, deviation and range of the finite ones.

    The histogram of more than `SAMPLED` numbers is that of as many drawn from them.

    Examples
    --------
    >>> found = spread(np.array([-2.0, 0.0, 2.0, np.nan]))
    >>> found["mean"], found["low"], found["high"], found["bins"][0], found["bins"][15]
    (0.0, -2.0, 2.0, 1, 1)
    """
    values = np.asarray(array).ravel()
    if not (finite := np.isfinite(values)).all():
        values = values[finite]
    if not values.size:
        return {}
    low, high = float(values.min()), float(values.max())
    most = max(-low, high)
    some = values
    if values.size > SAMPLED:
        some = values[np.random.Generator(np.random.Philox(0)).integers(values.size, size=SAMPLED)]
    at = np.rint(some.astype(float) / (most or 1) * BINS).astype(int) + BINS
    found = {"bins": np.bincount(at, minlength=2 * BINS + 1).tolist(), "most": most, "low": low, "high": high}
    return found | {"mean": float(values.mean(dtype=float)), "deviation": float(values.std(dtype=float))}


def flat(array: Array) -> Array:
    """Reshape an array to a matrix that keeps its last axis."""
    array = np.asarray(array, np.float32)
    return array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)


@dataclass
class Viewer:
    """A network, and the data with which to look inside it.

    Parameters
    ----------
    model : Trainee
        The network.
    batch : Batch, optional
        Some training examples; without them only weights are shown.
    task : LabTask, optional
        The data of the page; unknown for a user's own training, of which only batches are known.
    target : array, optional
        The targets of the test part, as the loss takes them.
    """

    model: Trainee
    batch: Batch | None
    task: Any = None
    target: Any = None
    before: State | None = None
    """The state before the last step that was looked at."""
    moves: dict[str, float] = field(default_factory=dict)

    @cached_property
    def test(self) -> Any:
        """The checked test data; None if there are none."""
        if self.task is None:
            return None
        part = slice(ROWS_TESTED)
        return to_measure(self.model, self.task.x_test[part], self.target[part])

    def row(self) -> list[float]:
        """Return a row of the curves: test loss, test metric, and angle to the true gradient."""
        found = {} if self.test is None else evaluate(self.model, self.test)
        loss = found.get("loss", np.nan)
        other = next((float(value) for name, value in found.items() if name != "loss"), np.nan)
        return [float(loss), float(other), self.angle()]

    def angle(self) -> float:
        """Return the angle between the rule's gradient and the true one, in degrees."""
        if self.model.problem.rule is None:
            return 0.0
        if self.batch is None:
            return float("nan")
        return overall_alignment(self.model, self.batch).degrees

    def moved(self) -> None:
        """Record each array's relative change in the step since `before`."""
        if self.before is None:
            return
        old = dict(leaves(self.before.params))
        for path, new in leaves(self.model.state.params):
            size = float(np.linalg.norm(old[path]))
            change = float(np.linalg.norm(np.asarray(new, float) - old[path]))
            self.moves[dotted(path)] = change / size if size else float("nan")
        self.before = None

    def seen(self, letter: str, units: bool = False) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return what the page shows of this network: numbers and named arrays; single units on request."""
        model, state = self.model, self.model.state
        made = None if self.batch is None else trace_step(model, self.batch)
        arrays: dict[str, Array] = {}
        shapes: dict[str, list[int]] = {}

        def add(kind: str, name: str, array: Any) -> None:
            matrix = flat(array)
            shapes[f"{kind}/{name}"] = [int(n) for n in np.shape(array)]
            arrays[f"{letter}/{kind}/{name}"] = smaller(matrix)

        trees = {
            "weights": state.params,
            "gradients": made and made.grads,
            "feedback": state.feedback.weights,
        }
        for kind, tree in trees.items():
            for path, array in leaves(tree or {}):
                add(kind, dotted(path), array)
        rows = {}
        for name, y in () if made is None else outputs(model.net, made):
            shown, rows[name] = looked_at(y)
            add("activations", name, shown)
        header = {
            "shapes": shapes,
            "rows": rows,
            "spread": {dotted(path): spread(array) for path, array in leaves(state.params)},
            "moves": self.moves,
            "health": {} if made is None else health(made.every_call),
            "angles": self._angles(),
            "mirror": weight_alignment(model),
        }
        drawn, header["units"] = self._units(letter) if units else ({}, {})
        return header, arrays | self._outputs(letter) | drawn

    def _units(self, letter: str) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return the first units' outputs over the plane for each layer, and what 127 stands for."""
        if self.task is None or not self.task.in_plane:
            return {}, {}
        made = self.model.activations(self._places)  # type: ignore[attr-defined] # a Model, where there is a task
        arrays, scales = {}, {}
        for name, values in {"input": self._places, **made}.items():
            if values.ndim == 2:
                top = float(np.abs(values).max()) or 1.0
                few = np.round(values[:, :UNITS].T * (127 / top)).astype("i1")
                arrays[f"{letter}/units/{name}"] = few.reshape(-1, SIDE, SIDE)
                scales[name] = [top, values.shape[1]]
        return arrays, scales

    @cached_property
    def _places(self) -> Array:
        """A coarse grid over the plane, as inputs of the network."""
        sides = [np.linspace(side[0], side[-1], SIDE) for side in self.task.sides]
        return np.asarray(self.task.inputs(np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)))

    def _angles(self) -> dict[str, float]:
        if self.model.problem.rule is None or self.batch is None:
            return {}
        return {name: one.degrees for name, one in gradient_alignment(self.model, self.batch).items()}

    @cached_property
    def _plane(self) -> Array:
        sides = self.task.sides
        points = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
        return np.asarray(self.task.inputs(points))

    def _outputs(self, letter: str) -> dict[str, Array]:
        """Return the network's outputs over the plane, or for the test part."""
        task, model = self.task, self.model
        if task is None:
            return {}
        if task.in_plane:
            made = model.predict(self._plane)
            if not task.is_classes:
                values = made[:, 0].reshape(100, 100)
                return {f"{letter}/plane": np.asarray(values, np.float32)}
            shares = shares_of(model.net, _two_sided(made, model.net))
            sure = shares.max(1) / np.maximum(shares.sum(1), 1e-12)
            least = 1 / shares.shape[1]
            sure = np.clip((sure - least) / (1 - least), 0, 1)
            fine = np.round(sure * FINE).astype("i2").reshape(100, 100)
            winner = shares.argmax(1).astype("u1").reshape(100, 100)
            return {f"{letter}/sure": fine, f"{letter}/winner": winner}
        if task.is_sequence:
            made = model.predict(task.x_test[:1])
            return {f"{letter}/outputs": np.asarray(made[0, :, 0], np.float32)}
        made = model.predict(task.x_test[:ROWS_TESTED])
        if task.is_classes:
            return {
                f"{letter}/predicted": shares_of(model.net, _two_sided(made, model.net))
                .argmax(1)
                .astype("u1")
            }
        return {f"{letter}/outputs": np.asarray(made[:, 0], np.float32)}


def outputs(net: Any, made: Trace) -> Iterator[tuple[str, Array]]:
    """Yield the layers' outputs by name; for layers that the network ends in, its prediction."""
    last = getattr(net, "outputs", None) or [name for name, _ in net.children()[-1:]]
    said = made.prediction if isinstance(made.prediction, dict) else dict.fromkeys(last[:1], made.prediction)
    for call in made.every_call:
        if call.path and not call.is_inner:
            y = said.get(call.name, call.y)
            if hasattr(y, "ndim"):
                yield call.name, y


def _two_sided(made: Array, net: Any) -> Array:
    """Convert outputs between -1 and 1 (hinge, tanh) to shares of two classes; others unchanged."""
    from ...layers import HardSigmoid, Sigmoid

    if made.shape[1] == 1 and not isinstance(net.split_activation()[1], (Sigmoid, HardSigmoid)):
        p = np.clip((made + 1) / 2, 0, 1)  # between -1 and 1, as for hinge and tanh
        return np.concatenate([1 - p, p], axis=1)
    return made


def health(calls: Sequence[Any]) -> dict[str, list[float]]:
    """Return each activation's share of flat outputs, and its share of dead units, by layer.

    An output is flat where the slope of the activation is below `FLAT`; a unit is dead if its slope is zero
    for all examples.

    Parameters
    ----------
    calls : sequence of Call
        What passed through the layers, for some examples.
    """
    found: dict[str, list[float]] = {}
    for call in calls:
        if not call.is_inner or isinstance(call.layer, Softmax) or not hasattr(call.y, "ndim"):
            continue
        if call.cache is None or call.layer.children() or getattr(call.layer, "mixes", False):
            continue
        slope = abs(call.layer.backward(call.params, call.cache, np.ones_like(call.y))[0])
        axes = tuple(range(slope.ndim - 1))
        found[call.name] = [float((slope < FLAT).mean()), float((slope == 0).all(axis=axes).mean())]
    return found


class Curves:
    """A training's numbers over its steps, thinned to a limited number of rows.

    Parameters
    ----------
    networks : int
        How many networks.
    most : int
        The most rows that are kept.
    every : int
        How many steps lie between two at first.
    """

    width = 4
    """For each network: the batch's loss, test loss, test metric, angle."""

    def __init__(self, networks: int, most: int = 800, every: int = 1) -> None:
        self.networks, self.most, self.every = networks, most, every
        self.rows: list[list[float]] = []
        self.apart = 0.0

    def due(self, step: int) -> bool:
        """Tell whether a step gets a row."""
        return step % self.every == 0

    def add(self, row: list[float]) -> None:
        """Add a row: the step, and `width` numbers of each network."""
        self.rows.append(row)
        if len(self.rows) > self.most:
            self.every *= 2
            self.rows = [one for one in self.rows if one[0] % self.every == 0]

    def come(self, row: list[float]) -> None:
        """Add a row for a step at any distance; earlier rows are kept a minimum distance apart."""
        if len(self.rows) > 1 and self.rows[-1][0] - self.rows[-2][0] < self.apart:
            self.rows.pop()
        self.rows.append(row)
        if len(self.rows) > self.most:
            self.apart = 2 * (row[0] - self.rows[0][0]) / self.most
            kept = self.rows[:1]
            for one in self.rows:
                if one[0] - kept[-1][0] >= self.apart:
                    kept.append(one)
            self.rows = kept if kept[-1] is row else [*kept, row]

    def back(self, step: int) -> None:
        """Drop the rows after a step."""
        self.rows = [one for one in self.rows if one[0] <= step]

    def array(self) -> Array:
        """Return all rows (rows, 1 + networks * width)."""
        return np.asarray(self.rows, np.float32).reshape(-1, 1 + self.networks * self.width)
