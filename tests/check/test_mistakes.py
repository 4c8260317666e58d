"""Planted mistakes of each kind are named; right gradients are not accused."""

import re
from dataclasses import dataclass

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.check import GradientError, gradients
from lucidnet.check.resembles import right_in_part
from lucidnet.errors import DataError, SettingError, ShapeError
from lucidnet.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    Graph,
    Input,
    Layer,
    MaxPooling1D,
    MultiHeadAttention,
    ReLU,
    Residual,
    Run,
    Sequential,
    Sigmoid,
    Tanh,
)
from lucidnet.layers.containers import Container
from lucidnet.layers.recurrent.base import Recurrent
from lucidnet.losses import Loss


def layer(forward, backward, init=None):
    """Make a layer class of plain functions, as a user would write one."""

    @dataclass(frozen=True)
    class Own(Layer):
        def init(self, rng, shape):
            return init(rng, shape) if init else ({}, shape)

        def forward(self, params, x, run):
            return forward(params, x)

        def backward(self, params, cache, dy, need_dx=True):
            return backward(params, cache, dy)

    return Own()


def dense_params(rng, shape):
    return {"W": rng.child("W").normal((shape[0], 3)), "b": rng.child("b").normal((3,))}, (3,)


def square_params(rng, shape):
    return {"W": rng.child("W").normal((shape[0], shape[0]))}, shape


def dense(f, dz, dW=None, db=None, dx=None):
    """A dense layer in one piece, y = f(xW + b); each part of its backward pass can be replaced."""

    def forward(p, x):
        z = x @ p["W"] + p["b"]
        return f(z), (x, z, f(z))

    def backward(p, cache, dy):
        x, z, y = cache
        d = dz(dy, z, y)
        grads = {
            "W": dW(x, d) if dW else x.T @ d,
            "b": db(d) if db else d.sum(0),
        }
        return (dx(d, p["W"]) if dx else d @ p["W"].T), grads

    return layer(forward, backward, dense_params)


def linear(dz=lambda dy, z, y: dy, **parts):
    return dense(lambda z: z, dz, **parts)


def relu(z):
    return np.maximum(z, 0)


def logistic(z):
    return 1 / (1 + np.exp(-z))


def elementwise(f, slope):
    return layer(lambda p, x: (f(x), x), lambda p, x, dy: (dy * slope(x), {}))


ELEMENTWISE = {
    "sign": (elementwise(np.tanh, lambda x: np.tanh(x) ** 2 - 1), "sign is wrong"),
    "relu without its mask": (elementwise(relu, lambda x: 1.0 + 0 * x), "mask is not applied"),
    "leaky slope 1": (
        elementwise(relu, lambda x: np.where(x > 0, 1, 0.5).astype(x.dtype)),
        "mask is not applied",
    ),
    "tanh at y": (elementwise(np.tanh, lambda x: 1 - np.tanh(np.tanh(x)) ** 2), "wrong point"),
    "tanh's formula at x": (elementwise(np.tanh, lambda x: 1 - x * x), "wrong point.*meant for the output"),
    "sigmoid at y": (
        elementwise(logistic, lambda x: logistic(logistic(x)) * (1 - logistic(logistic(x)))),
        "wrong point: at the output",
    ),
    "sigmoid's formula at x": (
        elementwise(logistic, lambda x: x * (1 - x)),
        "wrong point.*meant for the output",
    ),
    "no derivative": (elementwise(np.tanh, lambda x: 1.0 + 0 * x), "derivative is missing"),
    "half": (elementwise(lambda x: x * x, lambda x: x), "0.5 times"),
    "twice": (elementwise(lambda x: x**3, lambda x: 6 * x * x), "2 times"),
}

DENSE = {
    "dW sign": (linear(dW=lambda x, d: -x.T @ d), "W: the sign is wrong"),
    "db sign": (linear(db=lambda d: -d.sum(0)), "b: the sign is wrong"),
    "dW mean": (linear(dW=lambda x, d: x.T @ d / len(x)), r"W: it is divided by the batch size \(4\)"),
    "db times N": (linear(db=lambda d: d.sum(0) * len(d)), "b: 1/N is missing"),
    "db of the last row": (linear(db=lambda d: d[-1]), "b: the gradient is not accumulated.*the last of 4"),
    "db of the first row": (linear(db=lambda d: d[0]), "b: the gradient is not accumulated.*the first of 4"),
    "dW by a loop with =": (
        linear(dW=lambda x, d: [np.outer(a, b) for a, b in zip(x, d, strict=True)][-1]),
        "W: the gradient is not accumulated",
    ),
    "relu's mask": (dense(relu, lambda dy, z, y: dy), "mask is not applied"),
    "tanh at y": (dense(np.tanh, lambda dy, z, y: dy * (1 - np.tanh(y) ** 2)), "wrong point: at the output"),
    "tanh's formula at z": (dense(np.tanh, lambda dy, z, y: dy * (1 - z * z)), "wrong point.*meant for the"),
    "sigmoid's formula at z": (
        dense(logistic, lambda dy, z, y: dy * z * (1 - z)),
        "wrong point.*meant for the",
    ),
    "no derivative": (dense(np.tanh, lambda dy, z, y: dy), "derivative is missing"),
}


@pytest.mark.parametrize(("bad", "message"), ELEMENTWISE.values(), ids=ELEMENTWISE)
def test_elementwise(bad, message):
    report = gradients(bad, shape=(5,))
    assert not report.passed
    assert len(report.likely) == 1
    with pytest.raises(GradientError, match=message):
        report.raise_if_failed()


@pytest.mark.parametrize(("bad", "message"), DENSE.values(), ids=DENSE)
def test_dense(bad, message):
    report = gradients(bad, shape=(5,))
    assert not report
    with pytest.raises(GradientError, match=message):
        report.raise_if_failed()


@pytest.mark.parametrize(
    ("backward", "message"),
    [
        (lambda p, x, dy: (dy @ p["W"].T, {"W": dy.T @ x}), "W: it is transposed"),
        (lambda p, x, dy: (dy @ p["W"], {"W": x.T @ dy}), "x: W is not transposed on the way back"),
        (lambda p, x, dy: (dy @ p["W"].T, {"W": (dy.T @ x)}), "transposed"),
        (lambda p, x, dy: (dy @ p["W"].T, {"W": x.T @ x}), "W: it is x.T @ x"),
        (lambda p, x, dy: (dy @ p["W"].T, {"W": x.T @ dy + p["W"]}), "W: W is too much"),
        (lambda p, x, dy: (dy @ p["W"].T - 0.3 * x, {"W": x.T @ dy}), "x: 0.3 * x is missing: add it"),
        (lambda p, x, dy: (dy @ p["W"].T * x, {"W": x.T @ dy}), "x: the factor x is one too many"),
        (lambda p, x, dy: (dy @ p["W"].T, {"W": np.trunc(x.T @ dy)}), "W: it is cut off to whole numbers"),
        (lambda p, x, dy: (dy @ p["W"].T, {"W": x.T @ dy * (np.arange(5) > 0)}), "W: it is wrong in [:, 0] only"),
        (lambda p, x, dy: (None, {"W": x.T @ dy}), "the gradient of x is missing"),
        (lambda p, x, dy: (dy @ p["W"].T, {"W": (x.T @ dy)[None]}), "leave out keepdims=True"),
        (lambda p, x, dy: (dy @ p["W"].T, {"W": x[:, :, None] * dy[:, None]}), "add up over the axes in front, .sum(0)"),
    ],
)  # fmt: skip
def test_square(backward, message):
    report = gradients(layer(lambda p, x: (x @ p["W"], x), backward, square_params), shape=(5,))
    assert not report
    assert message.split(": ")[-1] in " ".join(report.likely)


def test_transposed_and_reshaped():
    report = gradients(linear(dW=lambda x, d: (d.T @ x).reshape(x.shape[1], -1)), shape=(5,))
    assert any("W: it is transposed, and then reshaped" in sentence for sentence in report.likely)


def test_transposed_shape():
    report = gradients(linear(dW=lambda x, d: d.T @ x), shape=(5,))
    assert not report
    assert "the gradient of W has shape (3, 5), expected (5, 3): it looks transposed" in report.likely


def test_missing_and_unknown_names():
    bad = layer(
        lambda p, x: (x @ p["W"] + p["b"], x),
        lambda p, x, dy: (dy @ p["W"].T, {"V": 0 * p["W"]}),
        dense_params,
    )
    text = str(gradients(bad, shape=(5,)))
    assert "the gradient of W is missing" in text
    assert "a gradient of V, which is no parameter" in text


def test_only_one_time_step():
    def backward(p, x, dy):
        return dy @ p["W"].T, {"W": x[:, -1].T @ dy[:, -1]}  # the loop over time forgets to add up

    bad = layer(lambda p, x: (x @ p["W"], x), backward, lambda r, s: ({"W": r.normal((s[-1], 2))}, (s[0], 2)))
    report = gradients(bad, shape=(3, 5))
    assert any("not accumulated: it is that of time step 2 alone" in sentence for sentence in report.likely)


def test_dropout_without_its_mask():
    @dataclass(frozen=True)
    class Own(Layer):
        def forward(self, params, x, run):
            mask = run.stream.bernoulli(x.shape, 0.5)
            return x * mask / 0.5, mask

        def backward(self, params, mask, dy, need_dx=True):
            return dy / 0.5, {}

    assert "mask is not applied" in str(gradients(Own(), shape=(6,)))


@dataclass(frozen=True)
class Skip(Container):
    """A residual block whose `part` of the gradient is forgotten."""

    body: Layer
    part: str

    def children(self):
        return (("body", self.body),)

    def init(self, rng, shape):
        return {"body": self.body.init(rng.child("body"), shape)[0]}, shape

    def forward(self, params, x, run):
        y, cache = self.body.forward(params["body"], x, run.child("body"))
        return x + y, {"body": cache}

    def route(self, params, cache, dy, send, need_dx=True):
        dx, grads = send("body", self.body, params["body"], cache["body"], dy, need_dx)
        return {"skip": dx, "body": dy}[self.part], {"body": grads}


@pytest.mark.parametrize(
    ("part", "message"), [("skip", "skip path's share, dy, is missing"), ("body", "inner layers")]
)
def test_residual_forgets_a_path(part, message):
    report = gradients(Skip(Dense(5, "tanh"), part), shape=(5,))
    assert any("not accumulated" in sentence and message in sentence for sentence in report.likely)


def test_bad_layer_is_found_inside_a_network():
    bad = DENSE["tanh at y"][0]
    net = Sequential([Dense(5, "tanh"), Residual(Sequential([bad, Dense(5)])), Dense(2)])
    report = gradients(net, shape=(4,))
    assert not report
    assert len(report.likely) == 1
    assert report.likely[0].startswith("layer 1 Residual")
    assert "layer 0 Own() (own0)" in report.likely[0]
    assert "wrong point" in report.likely[0]


def test_bad_layer_is_found_inside_a_model():
    bad = ELEMENTWISE["relu without its mask"][0]
    model = ln.Model([ln.layers.Input(4), Dense(6), bad, Dense(3, "softmax")])
    model.compile("categorical_crossentropy", "sgd")
    report = gradients(model)
    assert not report
    assert report.likely[0].startswith("layer 2 Own() (own2): a mask is not applied")


class TestLosses:
    """Mistakes in losses."""

    @staticmethod
    def loss(slope, backward=None):
        @dataclass(frozen=True)
        class Own(Loss):
            def values(self, prediction, target):
                return ((prediction - target) ** 2).mean(-1), prediction - target

            def slope(self, error):
                return slope(error)

            def backward(self, cache):
                return backward(cache) if backward else Loss.backward(self, cache)

        return Own()

    @pytest.mark.parametrize(
        ("slope", "backward", "message"),
        [
            (lambda e: -2 * e / e.shape[-1], None, "the sign is wrong"),
            (lambda e: e / e.shape[-1], None, "0.5 times"),
            (lambda e: 2 * e, None, "5 times"),
            (None, lambda cache: 2 * cache[0] / cache[0].shape[-1], "1/N is missing"),
            (
                None,
                lambda cache: 2 * cache[0] / cache[0].shape[-1] / len(cache[0]) ** 2,
                "divided by the batch size",
            ),
            (None, lambda cache: 0 * cache[0], "it is all zero"),
        ],
    )
    def test_named(self, slope, backward, message):
        assert message in str(gradients(self.loss(slope, backward)))

    def test_bad_loss_is_found_in_a_model(self):
        model = ln.Model([ln.layers.Input(4), Dense(3)])
        model.compile(self.loss(lambda e: -e), "sgd")
        assert "the loss Own()" in str(gradients(model))


class TestContract:
    """Promises besides the numbers."""

    def test_changed_input(self):
        def backward(p, x, dy):
            dy *= 2
            return dy, {}

        assert "Own.backward writes into what it was given" in str(
            gradients(layer(lambda p, x: (2 * x, x), backward))
        )

    def test_changed_params(self):
        def forward(p, x):
            p["W"] += 0.1
            return x @ p["W"], x

        def backward(p, x, dy):
            return dy @ p["W"].T, {"W": x.T @ dy}

        with pytest.raises(SettingError, match="Own.forward writes into what it was given"):
            gradients(layer(forward, backward, square_params))

    def test_second_call_differs(self):
        def backward(p, cache, dy):
            cache.append(1)
            return dy * 2 * len(cache), {}

        report = gradients(layer(lambda p, x: (2 * x, []), backward))
        assert any("another answer when it is called again" in sentence for sentence in report.likely)

    def test_float64(self):
        bad = elementwise(lambda x: x * np.float64(2), lambda x: np.float64(2))
        x = np.ones((2, 5), np.float32)
        y, cache = bad.forward({}, x, Run())
        assert y.dtype == bad.backward({}, cache, y)[0].dtype == np.float32  # it is brought to what was given
        assert gradients(bad).passed


RIGHT = [
    Dense(3),
    Dense(4, "relu"),
    Dense(3, "softmax"),
    Sequential([Dense(5, "gelu"), Dropout(0.5), Residual(Dense(5, "tanh")), Dense(2)]),
    Tanh(),
    ReLU(),
    Sigmoid(),
    dense(np.tanh, lambda dy, z, y: dy * (1 - y * y)),
    dense(relu, lambda dy, z, y: dy * (z > 0)),
    linear(),
]


@pytest.mark.parametrize("right", RIGHT, ids=lambda right: right.describe())
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_right_layers_are_not_accused(right, seed):
    report = gradients(right, shape=(5,), seed=seed)
    assert report, str(report)
    assert report.worst < 1e-9
    report.raise_if_failed()


def test_a_wrong_entry_of_a_large_array_does_not_escape_the_sample():
    """One wrong column of 3,000 weights: 20 compared entries miss it, the random direction does not."""

    def backward(p, x, dy):
        dW = x.T @ dy
        dW[-1, -1] += 1.0
        return dy @ p["W"].T, {"W": dW}

    def init(rng, shape):
        return {"W": rng.child("W").normal((shape[0], 3))}, (3,)

    report = gradients(layer(lambda p, x: (x @ p["W"], x), backward, init), shape=(1000,), entries=20)
    assert not report
    by_name = {entry.name: entry for entry in report.entries}
    assert by_name["W"].error < 1e-7 < by_name["random direction"].error


@pytest.mark.parametrize(
    ("backward", "message"),
    [
        (lambda p, x: x, "must take (params, cache, dy, need_dx=True), but it takes"),
        (lambda p, x, dy: dy, "return a pair, dx and a dict"),
        (lambda p, x, dy: (dy[0] @ dy, {}), "backward raises ValueError"),
        (lambda p, x, dy: (dy.astype(np.float32), {}), "keep the dtype"),
    ],
)
def test_unusable_passes_are_named(backward, message):
    @dataclass(frozen=True)
    class Own(Layer):
        def forward(self, params, x, run):
            return x * 1.0, x

    own = Own()
    if message.startswith("must take"):
        type(own).backward = lambda self, params, cache: (cache, {})
    else:
        type(own).backward = lambda self, params, cache, dy, need_dx=True: backward(params, cache, dy)
    report = gradients(own, shape=(5,))
    assert not report
    assert message in " ".join(report.likely)


def test_one_lost_branch_is_named():
    @dataclass(frozen=True)
    class Lossy(Container):
        one: Layer = Dense(4, name="one")
        two: Layer = Dense(4, name="two")

        def children(self):
            return (("one", self.one), ("two", self.two))

        def init(self, rng, shape):
            return {name: child.init(rng.child(name), shape)[0] for name, child in self.children()}, shape

        def forward(self, params, x, run):
            made = [child.forward(params[name], x, run.child(name)) for name, child in self.children()]
            return made[0][0] + made[1][0], {"one": made[0][1], "two": made[1][1]}

        def route(self, params, cache, dy, send, need_dx=True):
            sent = {
                name: send(name, child, params[name], cache[name], dy, need_dx)
                for name, child in self.children()
            }
            return sent["one"][0], {name: grads for name, (_, grads) in sent.items()}

    report = gradients(Lossy(), shape=(4,))
    assert not report
    assert "what comes back from two is lost" in " ".join(report.likely)


def test_a_softmax_whose_slope_is_its_diagonal_only():
    def softmax(p, x):
        e = np.exp(x - x.max(-1, keepdims=True))
        y = e / e.sum(-1, keepdims=True)
        return y, y

    report = gradients(layer(softmax, lambda p, y, dy: (dy * y * (1 - y), {})), shape=(4,))
    assert not report
    assert "by the other inputs is missing" in " ".join(report.likely)


# --- more of what people write, each with its mistakes ------------------------------------------------


def normalized(axis, mean, spread):
    """x - mean over sqrt(variance), along an axis; what comes back by mean and spread may be forgotten."""

    def forward(p, x):
        s = 1 / np.sqrt(x.var(axis, keepdims=True) + 1e-5)
        return s * (x - x.mean(axis, keepdims=True)), s

    def backward(p, cache, dy):
        y, s = cache
        by_spread = y * (dy * y).mean(axis, keepdims=True)
        return s * (dy - mean * dy.mean(axis, keepdims=True) - spread * by_spread), {}

    def kept(p, x):
        y, s = forward(p, x)
        return y, (y, s)

    return layer(kept, backward)


def softmax(dx):
    def forward(p, x):
        e = np.exp(x - x.max(-1, keepdims=True))
        y = e / e.sum(-1, keepdims=True)
        return y, y

    return layer(forward, lambda p, y, dy: (dx(y, dy), {}))


def through_time(kind):
    """A recurrent layer in one piece."""

    def forward(p, x):
        h = [np.zeros((len(x), 3), x.dtype)]
        for t in range(x.shape[1]):
            h.append(np.tanh(x[:, t] @ p["W"] + h[-1] @ p["U"]))
        return np.stack(h[1:], 1), (x, h)

    def backward(p, cache, dy):
        (x, h), dh, dx = cache, 0, np.zeros_like(cache[0])
        grads = {name: np.zeros_like(array) for name, array in p.items()}
        for t in reversed(range(x.shape[1])):
            dz = (dy[:, t] + dh) * (1 - h[t + 1] ** 2)
            grads["W"] += x[:, t].T @ dz
            grads["U"] += h[t].T @ dz
            dx[:, t] = dz @ p["W"].T
            dh = 0 if kind == "not carried" else dz @ p["U"].T
        return dx, {n: g / x.shape[1] for n, g in grads.items()} if kind == "mean" else grads

    def init(rng, shape):
        W, U = rng.child("W").normal((shape[-1], 3)), rng.child("U").normal((3, 3))
        return {"W": W, "U": U / 2}, (shape[0], 3)

    return layer(forward, backward, init)


def windows(kernel):
    """A convolution over time, with windows of three."""

    def forward(p, x):
        times = x.shape[1] - 2
        return sum(x[:, i : i + times] @ p["W"][i] for i in range(3)), x

    def backward(p, x, dy):
        times, back = dy.shape[1], np.zeros_like(x)
        dW = np.stack([np.einsum("nti,nto->io", x[:, i : i + times], dy) for i in range(3)])
        for i in range(3):
            back[:, i : i + times] += dy @ p["W"][kernel(i)].T
        return back, {"W": dW}

    return layer(forward, backward, lambda rng, s: ({"W": rng.normal((3, s[-1], 2))}, (s[0] - 2, 2)))


def squares(back):
    """A convolution of images with windows of two by two, and the same number of channels."""
    places = [(i, j) for i in (0, 1) for j in (0, 1)]

    def forward(p, x):
        h, w = x.shape[1] - 1, x.shape[2] - 1
        return sum(x[:, i : i + h, j : j + w] @ p["W"][i, j] for i, j in places), x

    def backward(p, x, dy):
        (_, h, w, _), dx, dW = dy.shape, np.zeros_like(x), np.zeros_like(p["W"])
        for i, j in places:
            dW[i, j] = np.einsum("nhwi,nhwo->io", x[:, i : i + h, j : j + w], dy)
            dx[:, i : i + h, j : j + w] += dy @ back(p["W"], i, j)
        return dx, {"W": dW}

    return layer(
        forward,
        backward,
        lambda rng, s: ({"W": rng.normal((2, 2, s[-1], s[-1]))}, (s[0] - 1, s[1] - 1, s[-1])),
    )


LAST = []


def by_the_last_pass():
    def forward(p, x):
        LAST[:] = [x]
        return x**2, None

    return layer(forward, lambda p, cache, dy: (2 * LAST[0] * dy, {}))


def said(shape):
    """A dense layer that says another shape."""
    params = lambda rng, s: (dense_params(rng, s)[0], shape)  # noqa: E731
    return layer(lambda p, x: (x @ p["W"] + p["b"], x), right_dense, params)


@dataclass(frozen=True)
class First(Layer):
    """It says nothing of its shape."""

    def forward(self, params, x, run):
        return x[:, :2] + 0, x

    def backward(self, params, x, dy, need_dx=True):
        return np.concatenate([dy, np.zeros_like(x[:, 2:])], axis=1), {}


def right_dense(p, x, dy):
    return dy @ p["W"].T, {"W": x.T @ dy, "b": dy.sum(0)}


@dataclass(frozen=True, repr=False)
class Cell(Recurrent):
    """A recurrent layer of a single step, with a mistake in it."""

    bad: str = ""

    def step(self, params, z, state):
        new = np.tanh(z + state[0] @ params["U"])
        return (new,), (state[0], new)

    def step_back(self, params, cache, dstate):
        before, new = cache
        dz = dstate[0] * (1 - (before if self.bad == "slope" else new) ** 2)
        ds = 2 * dz if self.bad == "ds" else dz
        return dz, ds, (dz @ (params["U"] if self.bad == "U" else params["U"].T),)


@dataclass(frozen=True)
class Table(Layer):
    """Rows of a table by their numbers."""

    differentiable = False

    def init(self, rng, shape):
        return {"E": rng.normal((6, 3))}, (*shape, 3)

    def forward(self, params, x, run):
        return params["E"][x.astype(int)], x.astype(int)

    def backward(self, params, x, dy, need_dx=True):
        grad = np.zeros_like(params["E"])
        grad[x] += dy
        return None, {"E": grad}


KINDS = {
    "slope of a step": (
        Cell(4, bad="slope"),
        (6, 5),
        "step_back returns a wrong gradient by z .*, by h U",
    ),
    "s of a step": (Cell(4, bad="ds"), (6, 5), r"step_back returns a wrong gradient by h U \(the second of"),
    "U of a step": (Cell(4, bad="U"), (6, 5), "by h of the time before, where U is not transposed: compare"),
    "mean of layer": (
        normalized(-1, 0, 1),
        (5,),
        r"through the mean over the features is missing or wrong \(axis -1",
    ),
    "spread of layer": (normalized(-1, 1, 0), (5,), "through the variance over the features is missing"),
    "both of layer": (normalized(-1, 0, 0), (5,), "through the mean and the variance over the features"),
    "mean of batch": (
        normalized(0, 0, 1),
        (5,),
        "through the mean over the examples of the batch is missing",
    ),
    "spread of batch": (normalized(0, 1, 0), (5,), "through the variance over the examples of the batch"),
    "norm": (
        layer(
            lambda p, x: (x / np.linalg.norm(x, axis=-1, keepdims=True), x),
            lambda p, x, dy: (dy / np.linalg.norm(x, axis=-1, keepdims=True), {}),
        ),
        (5,),
        "through the norm over the features",
    ),
    "softmax, y dy": (softmax(lambda y, dy: y * dy), (5,), "forward is a softmax over axis -1"),
    "softmax, another axis": (
        softmax(lambda y, dy: y * (dy - (dy * y).sum(0))),
        (5,),
        r"for which dx = y \* \(dy - \(dy \* y\).sum\(-1, keepdims=True\)\)",
    ),
    "not carried in time": (through_time("not carried"), (6, 5), "x: errors are not carried back in time"),
    "mean over time": (
        through_time("mean"),
        (6, 5),
        "W, U: it is 0.166667 times.*there are 6 time steps: it is divided by it once too often",
    ),
    "as many time steps": (
        through_time("mean"),
        (4, 5),
        "W, U: it is 0.25 times.*there are 4 time steps: it is divided by it once too often",
    ),
    "kernel turned": (windows(lambda i: 2 - i), (6, 5), r"x: W is turned around on the way back \(axis 0\)"),
    "divided by its norm": (
        layer(lambda p, x: (3 * x, x), lambda p, x, dy: (dy / np.linalg.norm(dy), {})),
        (5,),
        "times what it should be: it is divided by its own norm",
    ),
    "kernel turned in one axis": (
        squares(lambda W, i, j: W[i, 1 - j].T),
        (4, 3, 3),
        r"x: W is turned around on the way back \(axis 1\)",
    ),
    "kernel turned in both axes": (
        squares(lambda W, i, j: W[1 - i, 1 - j].T),
        (4, 3, 3),
        r"x: W is turned around on the way back \(axis 0, 1\)",
    ),
    "kernel not transposed": (
        squares(lambda W, i, j: W[i, j]),
        (4, 3, 3),
        "x: W is not transposed on the way back: its last two axes have to change places",
    ),
    "flipped": (
        layer(lambda p, x: (x[:, ::-1] + 0, 0), lambda p, c, dy: (dy + 0, {})),
        (5,),
        "belong elsewhere",
    ),
    "wrong below 0": (
        elementwise(lambda x: np.where(x > 0, x, 0.1 * x), lambda x: (x > 0) * 1.0),
        (5,),
        "wrong for inputs below 0: at an input of -0.* by 0, while forward's slope is 0.1",
    ),
    "half a product": (
        elementwise(lambda x: x * logistic(x), logistic),
        (5,),
        "x: half of the product rule: .* only the slope of x itself is there",
    ),
    "the other half": (
        elementwise(lambda x: x * logistic(x), lambda x: x * logistic(x) * (1 - logistic(x))),
        (5,),
        "x: half of the product rule: .* only the slope of what x is multiplied by is there",
    ),
    "a wrong formula": (
        elementwise(lambda x: np.log1p(np.exp(x)), np.tanh),
        (5,),
        "x: the derivative is wrong: at an input of .* while forward's slope is",
    ),
    "1 - y": (dense(np.tanh, lambda dy, z, y: dy * (1 - y)), (5,), "W, b, x: the derivative is wrong: at"),
    "no mean over features": (
        TestLosses.loss(lambda e: 2 * e),
        (5,),
        "5 times what it should be; there are 5 outputs: the division by it is missing",
    ),
    "last pass": (by_the_last_pass(), (5,), "by the last forward pass, whatever cache it is given"),
    "float32": (
        layer(
            lambda p, x: (np.tanh(x.astype("float32")), x), lambda p, x, dy: (dy * (1 - np.tanh(x) ** 2), {})
        ),
        (5,),
        "the output has float32's digits only",
    ),
    "init's shape": (
        said((4,)),
        (5,),
        r"init says that an output has the shape \(4,\), but forward makes \(3,\)",
    ),
    "no shape": (First(), (5,), r"makes outputs \(2,\) of inputs \(5,\): say so in output_shape"),
    "in place": (
        layer(lambda p, x: (2 * x, x), lambda p, x, dy: (dy.__imul__(2), {})),
        (5,),
        r"x = x.copy\(\)$",
    ),
}


def pooled(dx):
    """The mean of each window of two time steps."""
    return layer(
        lambda p, x: (x.reshape(len(x), -1, 2, x.shape[-1]).mean(2), x),
        lambda p, x, dy: (dx(np.repeat(dy, 2, 1)), {}),
        lambda rng, s: ({}, (s[0] // 2, s[1])),
    )


def moved(change):
    """A product with a square matrix at each time step, whose gradient by x is changed."""
    return layer(
        lambda p, x: (x @ p["W"], x),
        lambda p, x, dy: (change(dy @ p["W"].T), {"W": np.einsum("nti,nto->io", x, dy)}),
        lambda rng, s: ({"W": rng.normal((s[-1], s[-1]))}, s),
    )


def affine(scale_gradient):
    """y = g h + b with h = tanh(x)."""
    return layer(
        lambda p, x: (p["g"] * np.tanh(x) + p["b"], x),
        lambda p, x, dy: (
            dy * p["g"] * (1 - np.tanh(x) ** 2),
            {"g": scale_gradient(dy, np.tanh(x)), "b": dy.sum(0)},
        ),
        lambda rng, shape: ({"g": 1 + rng.normal(shape), "b": rng.normal(shape)}, shape),
    )


@dataclass(frozen=True)
class Warm(Layer):
    """A layer that forgets its temperature on the way back."""

    temperature: float = 2.0

    def forward(self, params, x, run):
        return np.tanh(x / self.temperature), np.tanh(x / self.temperature)

    def backward(self, params, y, dy, need_dx=True):
        return dy * (1 - y * y), {}


def normed(rest, epsilon=1e-2):
    """Batch normalization whose gradient is h's own, less `rest`."""

    def forward(p, x):
        s = 1 / np.sqrt(x.var(0) + epsilon)
        return (x - x.mean(0)) * s, ((x - x.mean(0)) * s, s)

    return layer(forward, lambda p, c, dy: (c[1] * (dy - rest(dy, c[0])), {}))


MOVES = {
    "shifted": (lambda d: np.pad(d, ((0, 0), (1, 0), (0, 0)))[:, :-1], r"x: it is shifted by 1 along axis 1"),
    "turned": (lambda d: d[:, ::-1] + 0, "x: it is turned around along axis 1"),
    "halves": (lambda d: np.roll(d, 2, 2), "x: its halves along axis 2 are exchanged"),
    "cut": (lambda d: np.clip(d, -0.5, 0.5), "x: it is cut off at 0.5: clipping belongs to the optimizer"),
    "rounded": (lambda d: d.round(3), r"x: it is right to \d digits only"),
    "edges": (lambda d: d * np.isin(np.arange(6), [1, 2, 3, 4])[:, None], r"x: it is wrong in \[:, \[0, -1\]\] only"),
    "constant": (lambda d: 0 * d + d.sum(), "x: it is the same number everywhere, the sum"),
}  # fmt: skip
NAMED = {
    "two channels, windows of two": (pooled(lambda d: d), (6, 3), "for each output: the division by it is missing"),
    "as many units, a constant": (elementwise(lambda x: x**2, lambda x: 4 * x), (2,), "2 times .* a constant factor"),
    "as many examples and units": (affine(lambda dy, h: (dy * h).mean(0)), (4,), r"batch size \(4\) once too often$"),
    "gradient of another": (affine(lambda dy, h: dy.sum(0)), (4,), "^g: it is the gradient of b$"),
    "sum over all": (affine(lambda dy, h: (dy * h).sum()), (4,), r"shape \(\), expected \(4,\): add up over the exam"),
    "temperature": (Warm(), (5,), "x: the factor temperature is one too many"),
    "no statistics": (normed(lambda d, h: 0), (5,), "the mean and the variance over the examples of the batch is"),
    "sums": (normed(lambda d, h: d.sum(0) + h * (d * h).sum(0)), (5,), "the mean and the variance over the examples"),
    "sign of one": (normed(lambda d, h: d.mean(0) - h * (d * h).mean(0)), (5,), "through the variance over the exam"),
    "slope of b alone": (
        layer(
            lambda p, x: (np.tanh(x @ p["W"] + p["b"]), (x, np.tanh(x @ p["W"] + p["b"]))),
            lambda p, c, dy: (dy * (1 - c[1] ** 2) @ p["W"].T, {"W": c[0].T @ (dy * (1 - c[1] ** 2)), "b": dy.sum(0)}),
            dense_params,
        ),
        (5,),
        "^b: the activation's derivative is missing",
    ),
    "nothing returned": (layer(lambda p, x: (x + 0, 0), lambda p, c, dy: None), (5,), "returns None, as if a return were"),
    "turned pair": (layer(lambda p, x: (x + 0, 0), lambda p, c, dy: ({}, dy)), (5,), "returns a dict and an array: return"),
} | {name: (moved(change), (6, 4), told) for name, (change, told) in MOVES.items()}  # fmt: skip


@pytest.mark.parametrize(("bad", "shape", "message"), NAMED.values(), ids=NAMED)
def test_truly_and_no_other(bad, shape, message):
    for seed in range(2):
        said = gradients(bad, shape=shape, seed=seed).likely
        assert re.search(message, said[0]), said


@pytest.mark.parametrize(("bad", "shape", "message"), KINDS.values(), ids=KINDS)
def test_the_mistake_is_named(bad, shape, message):
    report = gradients(bad, shape=shape)
    assert not report
    assert any(re.search(message, sentence) for sentence in report.likely), report


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Dense, r"got <class .*Dense'>: give an instance, Dense\(...\)"),
        ("mse", r"got 'mse': by name there are losses.get\('mse'\)"),
        (np.tanh, r"a function as activation is layers.Activation\(f\)"),
        (
            ln.layers.Conv2D(2, 3),
            r"\(height, width, channels\), got \(5,\): give the shape of one input, shape=",
        ),
    ],
)
def test_says_what_to_check_instead(target, message):
    with pytest.raises((SettingError, ShapeError), match=message):
        gradients(target)


def test_rows_that_are_asked_for_twice():
    report = gradients(Table(), [[0, 1, 1, 2], [1, 1, 5, 0]])
    assert "rows that occur several times in x (such as 0) get one of their errors only" in report.likely[0]
    assert gradients(Table(), [[0, 1, 2, 5]])


@pytest.mark.parametrize(
    ("right", "shape"),
    [
        (Cell(4), (6, 5)),
        (normalized(-1, 1, 1), (5,)),
        (normalized(0, 1, 1), (5,)),
        (softmax(lambda y, dy: y * (dy - (dy * y).sum(-1, keepdims=True))), (5,)),
        (through_time("right"), (6, 5)),
        (windows(lambda i: i), (6, 5)),
        (said((3,)), (5,)),
    ],
)
def test_right_ones_of_these_kinds_are_not_accused(right, shape):
    report = gradients(right, shape=shape)
    assert report, str(report)


SMALL = {
    "log": (elementwise(np.log, lambda x: 1 / x), 1e-4),
    "root": (elementwise(np.sqrt, lambda x: 0.5 / np.sqrt(x)), 1e-4),
    "steep tanh": (
        elementwise(lambda x: np.tanh(1e3 * x), lambda x: 1e3 * (1 - np.tanh(1e3 * x) ** 2)),
        1e-3,
    ),
    "relu": (elementwise(relu, lambda x: 1.0 * (x > 0)), 1e-5),
    "normalized": (normalized(-1, 1, 1), 1e-3),
}


@pytest.mark.parametrize(("right", "size"), SMALL.values(), ids=SMALL)
def test_small_inputs_are_compared_too(right, size):
    """Steps that are too large for them were taken for kinks, and nothing was compared."""
    x = size * (0.2 + np.random.default_rng(0).random((4, 5)))
    report = gradients(right, x)
    assert report, str(report)
    assert report.entries[-1].checked == 20
    half = layer(
        lambda p, x: right.forward({}, x, Run()), lambda p, c, dy: (0.5 * right.backward({}, c, dy)[0], {})
    )
    assert not gradients(half, x)


def test_y_minus_t_is_right_for_softmax_and_cross_entropy_at_once():
    @dataclass(frozen=True)
    class Own(Loss):
        def values(self, prediction, target):
            p = np.exp(prediction - prediction.max(-1, keepdims=True))
            p /= p.sum(-1, keepdims=True)
            return -(target * np.log(p)).sum(-1), (p, target)

        def slope(self, cache):
            return cache[0] - cache[1]

    assert gradients(Own())
    model = ln.Model([ln.layers.Input(4), Dense(3)])
    model.compile(Own(), "sgd")
    assert gradients(model)


def test_a_parameter_without_effect_is_told():
    unused = layer(
        lambda p, x: (x @ p["W"], x),
        lambda p, x, dy: (dy @ p["W"].T, {"W": x.T @ dy, "b": 0 * p["b"]}),
        dense_params,
    )
    report = gradients(unused, shape=(5,))
    assert [entry.name for entry in report.entries if entry.idle] == ["b"]
    assert "3, without effect here" in str(report)


@dataclass(frozen=True, repr=False)
class Halved(Layer):
    """The product of two inputs, whose gradient by the second is half of what it should be."""

    right: bool = False

    def output_shape(self, shape):
        return shape[0]

    def forward(self, params, x, run=None):
        return x[0] * x[1], x

    def backward(self, params, cache, dy, need_dx=True):
        return (dy * cache[1], dy * cache[0] * (1 if self.right else 0.5)), {}


ATTENTION = MultiHeadAttention(1), ((4, 3), (5, 3))


def test_several_inputs_and_outputs():
    report = gradients(ATTENTION[0], shape=ATTENTION[1])
    assert report.passed and {"W_query", "x"} <= {entry.name for entry in report.entries}
    assert gradients(Halved(right=True), (np.ones((2, 3)), np.full((2, 3), 2.0)))
    assert not gradients(Halved(), shape=((3,), (3,)))
    nodes = [
        ("e", Embedding(7, 3), "w"),
        ("m", Halved(), ("x", "e")),
        ("h", BatchNormalization(), "m"),
        ("a", Dense(1), "h"),
        ("b", Dense(2, "softmax"), "h"),
    ]
    for wrong in (True, False):
        nodes[1] = ("m", Halved(right=not wrong), ("x", "e"))
        net = Graph({"x": (4, 3), "w": (4,)}, nodes, ["a", "b"])
        model = ln.Model(net, seed=0)
        model.compile({"a": "mse", "b": "categorical_crossentropy"}, "sgd")
        for report in (gradients(net, entries=9), gradients(model, entries=9)):
            assert report.passed != wrong
            assert "e/W" in {entry.name for entry in report.entries}
            assert any("Halved() (m): x:" in reason for reason in report.likely) == wrong
    words = ln.Model([Input((None,)), Embedding(7, 3), LSTM(2), Dense(1)])
    words.compile("mse", "sgd")
    assert gradients(words, entries=9)


def test_several_arrays_come_in_any_order():
    x, w = np.random.default_rng(0).normal(size=(2, 4, 3))
    for right in (True, False):
        nodes = [("m", Halved(right), ("x", "w")), ("a", Dense(1), "m"), ("b", Dense(2), "m")]
        net = Graph({"x": (3,), "w": (3,)}, nodes, ["a", "b"])
        report = gradients(net, {"w": w, "x": x})
        assert report.passed == right
        assert any("Halved" in reason for reason in report.likely) != right


@pytest.mark.parametrize("outside", [[Input(3)], [Input(3), Dense(3)]])
def test_a_graph_of_several_outputs_inside(outside):
    """Its errors came as one array, to a layer that takes them by name."""

    class Doubled(Dense):
        def backward(self, params, cache, dy, need_dx=True):
            return Dense.backward(self, params, cache, 2 * dy, need_dx)

    nodes = [("h", Doubled(4), "x"), ("a", Dense(1), "h"), ("b", Dense(2), "h")]
    net = Sequential([*outside, Graph({"x": (3,)}, nodes, ["a", "b"])])
    model = ln.Model(net)
    model.compile({"b": "mse", "a": "mse"}, "sgd")
    for report in (gradients(net), gradients(model)):
        assert not report
        assert "Doubled(4) (h): " in report.likely[0]


def test_masks():
    lengths, short = [1, 6, 3, 4], [1, 3, 3, 4]
    assert gradients(Bidirectional(GRU(2)), mask=lengths, entries=20)
    assert gradients(Sequential([Conv1D(2, 2), MaxPooling1D(2)]), shape=(6, 2), mask=lengths)
    assert gradients(ATTENTION[0], shape=ATTENTION[1], mask=(None, short))
    model = ln.Model([Input((6, 2)), LSTM(3, return_sequences=True), Dense(1)])
    model.compile("mse", "sgd")
    whole, masked = gradients(model, entries=9), gradients(model, mask=lengths, entries=9)
    assert whole and masked
    assert [entry.analytic for entry in whole.entries] != [entry.analytic for entry in masked.entries]

    class Ignores(LSTM):
        """The error of steps that do not count goes back, too."""

        def backward(self, params, cache, dy, need_dx=True):
            dx, grads = super().backward(params, cache, dy, need_dx)
            return None if dx is None else dx + 1e-3, grads

    assert not gradients(Ignores(2), mask=lengths, entries=9)
    with pytest.raises(ShapeError, match="mask: expected"):
        gradients(ATTENTION[0], shape=(4, 3), mask=[1, 2])
    with pytest.raises(DataError, match="one for each of 2 inputs"):
        gradients(ATTENTION[0], shape=ATTENTION[1], mask=(None,))
    with pytest.raises(SettingError, match="mask is for a layer or a model"):
        gradients(ln.losses.get("mse"), mask=lengths)


def test_a_border_between_right_and_wrong_numbers_is_named_where_it_is_no_chance():
    x = np.random.default_rng(0).normal(size=(3, 4))
    told = right_in_part(np.clip(x, None, 0.3), x, {"x": x}, 1e-9)
    assert re.fullmatch("it is wrong only where x is above 0.[234]+ or so", told)
    few = x[:1, :3]
    assert "or so" not in str(right_in_part(np.clip(few, None, np.median(few)), few, {"x": few}, 1e-9))
