"""Shapes that are found without arrays: of layers of one's own, of containers, of what does not fit."""

import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

import lucidnet as ln
from harness import LAYERS
from lucidnet import initializers
from lucidnet.backend import Stream
from lucidnet.errors import ShapeError
from lucidnet.layers import (
    GRU,
    LSTM,
    Add,
    AveragePooling1D,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Container,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Embedding,
    Flatten,
    GlobalMaxPooling1D,
    Graph,
    Input,
    Layer,
    MaxPooling2D,
    MultiHeadAttention,
    Multiply,
    PositionalEmbedding,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    TransformerBlock,
    UpSampling2D,
    ZeroPadding1D,
    walk,
)
from lucidnet.layers.blank import Blank, BlankStream, blank_init
from lucidnet.layers.shapes import input_shapes
from lucidnet.tree import leaves


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (Conv1D(8, 3, strides=2), (None, 4), (None, 8)),
        (Conv2D(8, 3), (None, 28, 1), (None, 26, 8)),
        (Conv2D(8, 3, padding="same"), (None, None, 1), (None, None, 8)),
        (DepthwiseConv2D(3), (9, None, 2), (7, None, 2)),
        (Conv2DTranspose(8, 3, strides=2, output_padding=1), (None, 4, 1), (None, 10, 8)),
        (MaxPooling2D(2), (None, 6, 3), (None, 3, 3)),
        (AveragePooling1D(2), (None, 3), (None, 3)),
        (GlobalMaxPooling1D(), (None, 3), (3,)),
        (UpSampling2D((2, 3)), (None, 2, 1), (None, 6, 1)),
        (ZeroPadding1D((1, 2)), (None, 2), (None, 2)),
        (Reshape((-1, 4)), (None, 8), (None, 4)),
        (Input((None, 3)), (7, 3), (7, 3)),
        (Input((7, 3)), (None, 3), (7, 3)),
        (Embedding(9, 4), (None,), (None, 4)),
        (TransformerBlock(2, 4), (None, 4), (None, 4)),
        (Bidirectional(GRU(3, return_sequences=True)), (None, 4), (None, 6)),
        (Bidirectional(GRU(3)), (None, 4), (6,)),
        (MultiHeadAttention(2), ((None, 4), (9, 6)), (None, 4)),
        (LSTM(3, return_sequences=True), ((None, 4), (3,), (3,)), (None, 3)),
        (Multiply(), ((2, 3), (2, 3)), (2, 3)),
        (Add([Dense(2), Dense(2)]), ((3,), (4,)), (2,)),
        (
            Graph({"a": (None, 3), "b": (4,)}, [("x", Dense(2), "a"), ("y", Dense(5), "b")], ["x", "y"]),
            {"a": (None, 3), "b": (4,)},
            {"x": (None, 2), "y": (5,)},
        ),
        (Graph({"a": (None, 3)}, [("x", Dense(2), "a")], "x"), (7, 3), (7, 2)),
        (Dense(10**12), (10**12,), (10**12,)),
    ],
    ids=repr,
)
def test_output_shapes(layer, shape, expected):
    assert layer.output_shape(shape) == expected
    if 10**12 not in shape:
        assert layer.init(Stream(), shape)[1] == expected


SHARED = [("one", Dense(3), "a"), ("two", "one", "b"), ("y", Add(), ("one", "two"))]


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Flatten(), (None, 3), r"cannot flatten inputs of shape \(None, 3\)"),
        (Reshape((2, 3)), (None, 3), r"\(a number of values that varies\) the shape \(2, 3\)"),
        (Reshape((-1, 4)), (None, 3), "number of values that varies"),
        (Dense(3), (None,), "Dense takes inputs .* of a known number of features"),
        (Dense(3), (), "Dense takes inputs"),
        (BatchNormalization(), (4, None), "of a known number of features"),
        (Dense(3), ((2,), (3,)), r"Dense takes one input, got several, of shapes \(\(2,\), \(3,\)\)$"),
        (ReLU(), {"a": (2,), "b": (3,)}, "ReLU takes one input"),
        (Conv1D(2, 3), (None, None), "needs to know the channels"),
        (Conv2D(2, 9), (None, 8, 1), r"do not fit into \(None, 8\)"),
        (LSTM(3), (4,), "whole numbers that stand for words an Embedding makes vectors"),
        (LSTM(3), (None, None), "expected sequences"),
        (LSTM(3), ((5, 4), (3,), (3,), (3,)), r"LSTM begins in states h and c of shape \(3,\), got \(3,\), "),
        (GRU(3), ((5, 4), (4,)), r"GRU begins in states h of shape \(3,\), got \(4,\)"),
        (MultiHeadAttention(2), ((5, 4), (5, 4), (5, 4)), "a tuple of two"),
        (MultiHeadAttention(3), (5, 4), "4 features cannot be divided among 3 heads"),
        (PositionalEmbedding(4), (5, 2), "a sequence of 5 steps is longer than 4"),
        (Add(), ((2,), (3,)), "must be the same"),
        (Concatenate([Dense(2), Dense(3)]), ((2,), (3,), (4,)), "expected 2 inputs"),
        (Residual(Dense(3)), (2,), r"the body turns shape \(2,\) into \(3,\)"),
        (TransformerBlock(1, 4), (5, 3), "expected 4 features"),
        (Sequential([Dense(2), Conv1D(2, 2)]), (8,), r"layer 1 Conv1D\(2, 2\): .* from layer 0 Dense\(2\)"),
        (Graph({"a": (3,)}, [("x", Conv1D(2, 2), "a")], "x"), (3,), "node 'x' Conv1D.*, from"),
        (Graph({"a": (3,)}, [("x", Dense(2), "a")], "x"), (4,), r"expected inputs of shape \(3,\)"),
        (Graph({"a": (3,), "b": (4,)}, SHARED, "y"), {"a": (3,), "b": (4,)}, "'two' shares .* inputs differ"),
    ],
    ids=repr,
)
def test_what_does_not_fit(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(shape)
    with pytest.raises(ShapeError, match=message):
        layer.init(Stream(), shape)


@pytest.mark.parametrize("row", [row for row in LAYERS if row.layer.children()], ids=str)
def test_input_shapes_are_those_of_a_forward_pass(row, monkeypatch):
    seen = {}
    for kind in {type(layer) for _, layer in walk(row.layer)}:
        for name in ("forward", "flow"):
            monkeypatch.setattr(kind, name, noting(getattr(kind, name), seen))
    row.layer.forward(row.params(), row.x(), row.run())
    expected = {path: seen[id(layer)] for path, layer in walk(row.layer) if path}
    assert input_shapes(row.layer, row.shape) == expected


def noting(forward, seen):
    def noted(self, params, x, *run):
        shape = tuple(a.shape[1:] for a in x) if isinstance(x, tuple) else x.shape[1:]
        seen.setdefault(id(self), shape)
        return forward(self, params, x, *run)

    return noted


@dataclass(frozen=True)
class Own(Layer):
    """A dense layer that a user wrote: its output has another shape, and only `init` says so."""

    units: int = 3

    def init(self, rng, shape):
        W = rng.normal((shape[-1], self.units)) * shape[-1] ** -0.5
        W -= 0.5
        b = initializers.get("uniform")(rng.child("b"), (self.units,))
        b[:1] = 0
        U = initializers.get("orthogonal")(rng.child("U"), (self.units, self.units))
        I = initializers.get("identity")(rng.child("I"), (self.units, self.units))  # noqa: E741
        return {"W": W, "b": b, "U": U, "I": I}, (*shape[:-1], self.units)


@dataclass(frozen=True)
class Plain(Layer):
    """One that says nothing about shapes."""


@dataclass(frozen=True)
class Pair(Container):
    """A chain of two, one of them in a container of which the paths know nothing."""

    first: Layer = Dense(4, name="first")
    rest: Layer = Residual(Dense(4, name="second"))

    def children(self):
        return (("first", self.first), ("second", self.rest.body))

    def init(self, rng, shape):
        params = {}
        for name, child in (("first", self.first), ("second", self.rest)):
            params[name], shape = child.init(rng.child(name), shape)
        return params, shape


@dataclass(frozen=True)
class Hidden(Container):
    """One whose `init` does not ask its children."""

    def children(self):
        return (("inner", Dense(2)),)

    def init(self, rng, shape):
        return {"inner": {}}, shape


def test_layers_of_ones_own():
    assert Own().output_shape((None, 5)) == (None, 3)
    assert Own(10**6).output_shape((7, 10**6)) == (7, 10**6)
    assert Plain().output_shape((None, 5)) == (None, 5)
    with pytest.raises(ShapeError, match=r"a layer that takes them defines output_shape\(shape\)"):
        Plain().output_shape(((2,), (3,)))
    net = Sequential([Own(), Plain(), Pair()])
    assert net.output_shape((None, 2)) == (None, 4)
    inner = input_shapes(net, (None, 2))
    assert inner["pair2", "first"] == (None, 3)
    assert inner["pair2", "second"] == (None, 4)
    with pytest.raises(NotImplementedError, match="Hidden must define inner_shapes"):
        input_shapes(Hidden(), (2,))


def test_init_may_ask_the_base():
    @dataclass(frozen=True)
    class Wide(Layer):
        def init(self, rng, shape):
            params, shape = Layer.init(self, rng, shape)
            return params | {"W": rng.full(shape[-1:], 1)}, (*shape, 2)

    @dataclass(frozen=True)
    class Both(Layer):
        def init(self, rng, shape):
            return Layer.init(self, rng, shape)

        def output_shape(self, shape):
            return (*Layer.output_shape(self, shape), 2)

    assert Wide().output_shape((3,)) == Wide().init(Stream(), (3,))[1] == (3, 2)
    assert Both().output_shape((3,)) == Both().init(Stream(), (3,))[1] == (3, 2)


def test_blank_parameters_take_no_memory():
    net = Sequential(
        [
            BatchNormalization(),
            Dense(10**5, initializer="he_normal"),
            LSTM(10**6, return_sequences=True, bias_initializer="normal"),
            GRU(10**6, recurrent_initializer="identity", return_sequences=True),
            MultiHeadAttention(10),
            Own(10**6),
        ]
    )
    tracemalloc.start()
    try:
        params, shape = blank_init(net, (3, 10**6), "float64")
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()
    assert shape == (3, 10**6)
    assert params["lstm2"]["U"].shape == (10**6, 4 * 10**6)
    assert {a.dtype for _, a in leaves(params)} == {np.dtype("float64")}
    assert sum(a.size for _, a in leaves(params)) > 10**13


def test_blank_arrays():
    a = BlankStream(dtype="float32").normal((2, 3))
    ordinary = np.ones((2, 3))
    assert isinstance(2 * a, Blank)
    assert (a * 2).dtype == "float32"
    a += 1
    np.testing.assert_array_equal(a, np.full((2, 3), 2))
    np.testing.assert_array_equal(a + ordinary, np.full((2, 3), 3))
    assert not isinstance(a + ordinary, Blank)
    assert a.sum() == 12
    assert (a @ a.T).shape == (2, 2)
    ordinary += a
    np.testing.assert_array_equal(ordinary, np.full((2, 3), 3))
    assert np.concatenate([a, a], axis=1).shape == (2, 6)
    assert a.astype("float64").dtype == "float64"
    with pytest.raises(ShapeError, match="is too large"):
        BlankStream().full((10**12, 10**12), 0)
    with pytest.raises(ShapeError, match="is too large"):
        BlankStream().full((10**30,), 0)
    empty = BlankStream().uniform((0, 3))
    assert (empty * 2).shape == (0, 3)


def test_a_summary_says_which_shapes_it_cannot_know():
    model = ln.Model([Input(2), Hidden(), Dense(3)])
    model.build()
    assert "?" in model.summary()
