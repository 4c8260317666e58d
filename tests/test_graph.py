"""Several inputs and outputs by name, weight sharing, and what a model makes of them."""

import numpy as np
import pytest

import lucidnet as ln
from harness import directional, flat
from lucidnet.backend import Stream
from lucidnet.data.batch import Batch
from lucidnet.errors import DataError, SettingError, ShapeError
from lucidnet.layers import (
    LSTM,
    Add,
    BatchNormalization,
    Concatenate,
    Dense,
    Graph,
    Layer,
    Linear,
    Run,
    Sequential,
)

RNG = np.random.default_rng(0)
X = {"left": RNG.normal(size=(60, 4)), "right": RNG.normal(size=(60, 3))}
Y = {"label": (X["left"][:, 0] > X["right"][:, 0]).astype(int), "size": X["left"].sum(1, keepdims=True)}


def network():
    return Graph(
        {"left": (4,), "right": (3,)},
        [
            ("a", Dense(8, "tanh"), "left"),
            ("b", Dense(8, "tanh"), "right"),
            ("both", Concatenate(), ("a", "b")),
            ("label", Dense(2, "softmax"), "both"),
            ("size", Dense(1), "both"),
        ],
        ["label", "size"],
    )


def model(**settings):
    made = ln.Model(network(), seed=1, **settings)
    made.compile(
        loss={"label": "categorical_crossentropy", "size": "mse"},
        optimizer=ln.optimizers.Adam(0.02),
        metrics={"label": ["accuracy"], "size": "mae"},
        loss_weights={"size": 0.5},
    )
    return made


def test_running_statistics_move_in_a_copy():
    net = Graph({"x": (3,)}, [("norm", BatchNormalization(0.5), "x"), ("y", Dense(1), "norm")], "y")
    params, _ = net.init(Stream(0, dtype="float64"), (3,))
    x = np.random.default_rng(0).normal(2, 1, (8, 3))
    before = params["norm"]
    _, cache = net.forward(params, x, Run(True))
    moved = net.absorb(params, cache)
    np.testing.assert_allclose(moved["norm"]["mean"], x.mean(0) / 2)
    assert params["norm"] is before and not before["mean"].any()


def test_two_inputs_and_two_outputs_learn(tmp_path):
    made = model()
    history = made.fit(X, Y, epochs=40, verbose=0, validation_split=0.2)
    assert history["label_accuracy"][-1] > 0.9
    assert history["size_mae"][-1] < history["size_mae"][0] / 3
    assert "val_label_accuracy" in history
    prediction = made.predict(X)
    assert prediction["label"].shape == (60, 2)
    np.testing.assert_allclose(prediction["label"].sum(-1), 1, rtol=1e-5)
    made.save(tmp_path / "m.safetensors")
    again = ln.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(X)["size"], prediction["size"])
    assert again.evaluate(X, Y) == made.evaluate(X, Y)
    assert "label 2, size 1" in made.summary()


def test_a_summary_says_where_inputs_come_from():
    nodes = [
        ("code", Dense(3, "tanh"), "left"),
        ("other", "code", "right"),
        ("both", Concatenate(), ("code", "other")),
        ("alike", Dense(1, "sigmoid"), "both"),
    ]
    inner = Graph({"left": (4,), "right": (4,)}, nodes, "alike")
    for net in (inner, Sequential([inner, Dense(2, name="out")])):
        made = ln.Model(net, seed=0)
        made.compile("mse", "sgd")
        made.build()
        rows = [line.split() for line in made.summary().splitlines()]
        assert rows[0] == ["name", "layer", "output", "parameters", "from"]
        found = {row[0]: row[-1] for row in rows}
        assert {name: found[name] for name in ("code", "other", "alike")} == {
            "code": "left",
            "other": "right",
            "alike": "both",
        }
        assert ["left", "input", "4", "0"] in rows
        assert ["other", "code,", "with", "its", "weights", "3", "0", "right"] in rows
    assert "from" not in ln.Model([ln.layers.Input(2), Dense(1)]).summary().splitlines()[0]


def test_a_summary_is_not_wider_than_it_must_be():
    layer = Dense(
        3, "tanh", initializer="he_normal", l1=0.001, l2=0.002, weight_decay=0.003, learning_rate=0.004
    )
    assert max(map(len, ln.Model([ln.layers.Input(2), layer]).summary().splitlines())) < 110


def test_the_joint_gradient():
    made = model(dtype="float64")
    params, (x, y) = made.params, (X, {"label": Y["label"], "size": Y["size"]})
    found = made.problem.objective.gradient(params, Batch(x, y))
    point, back = flat(params)
    gradient, _ = flat(found.grads)
    for seed in range(5):
        direction = np.random.default_rng(seed).normal(size=point.shape) / np.sqrt(point.size)
        expected = directional(
            lambda v: float(made.problem.objective.evaluate(back(v), Batch(x, y)).loss), point, direction
        )
        assert abs(gradient @ direction - expected) < 1e-8 * max(abs(expected), 0.1)
    p = found.prediction
    rows = np.arange(60)
    plain = -np.log(p["label"][rows, Y["label"]]).mean() + 0.5 * ((p["size"] - Y["size"]) ** 2).mean()
    np.testing.assert_allclose(float(found.loss), plain, rtol=1e-12)


def test_a_shared_layer_gets_the_sum_of_its_gradients():
    torch = pytest.importorskip("torch")
    net = Graph(
        {"one": (5,), "two": (5,)},
        [("code", Dense(3, "tanh"), "one"), ("other", "code", "two"), ("sum", Add(), ("code", "other"))],
        "sum",
    )
    params, _ = net.init(Stream(0, dtype="float64"), net.takes())
    x = {"one": RNG.normal(size=(4, 5)), "two": RNG.normal(size=(4, 5))}
    y, cache = net.forward(params, x)
    dy = RNG.normal(size=y.shape)
    dx, grads = net.backward(params, cache, dy)
    W, b = (torch.from_numpy(params["code"][n]).requires_grad_() for n in ("W", "b"))
    one, two = (torch.from_numpy(x[n]).requires_grad_() for n in ("one", "two"))
    total = torch.tanh(one @ W + b) + torch.tanh(two @ W + b)
    total.backward(torch.from_numpy(dy))
    np.testing.assert_allclose(y, total.detach(), rtol=1e-12)
    np.testing.assert_allclose(grads["code"]["W"], W.grad, rtol=1e-10)
    np.testing.assert_allclose(grads["code"]["b"], b.grad, rtol=1e-10)
    np.testing.assert_allclose(dx["one"], one.grad, rtol=1e-10)
    np.testing.assert_allclose(dx["two"], two.grad, rtol=1e-10)


def test_a_recurrent_layer_begins_in_a_given_state():
    net = Graph(
        {"words": (6, 3), "start": (4,)},
        [("answer", LSTM(4, return_sequences=True), ("words", "start")), ("out", Dense(2), "answer")],
        "out",
    )
    params, shape = net.init(Stream(0, dtype="float64"), net.takes())
    assert shape == (6, 2)
    x = {"words": RNG.normal(size=(2, 6, 3)), "start": RNG.normal(size=(2, 4))}
    y, cache = net.forward(params, x)
    dy = RNG.normal(size=y.shape)
    dx, _ = net.backward(params, cache, dy)
    direction = RNG.normal(size=(2, 4))

    def value(h):
        return float((dy * net.forward(params, x | {"start": h})[0]).sum())

    expected = directional(value, x["start"], direction)
    assert abs((dx["start"] * direction).sum() - expected) < 1e-8 * abs(expected)


def test_a_graph_inside_a_network():
    gate = Graph({"x": (6,)}, [("a", Dense(6), "x"), ("b", Dense(6), "a"), ("y", Add(), ("a", "b"))], "y")
    made = ln.Model([ln.layers.Input(6), gate, BatchNormalization(), Dense(1)])
    made.compile("mse", "adam")
    x, y = RNG.normal(size=(50, 6)), RNG.normal(size=(50, 1))
    before = made.evaluate(x, y).loss
    made.fit(x, y, epochs=20, verbose=0)
    assert made.evaluate(x, y).loss < before


def test_several_inputs_are_checked():
    made = model()
    with pytest.raises(DataError, match=r"expected a dict with the inputs \['left', 'right'\], got ndarray"):
        made.predict(X["left"])
    with pytest.raises(DataError, match="the inputs differ in length"):
        made.predict({"left": X["left"], "right": X["right"][:5]})
    with pytest.raises(DataError, match=r"expected a dict with the outputs \['label', 'size'\]"):
        made.fit(X, Y["label"], verbose=0)
    with pytest.raises(DataError, match=r"y\['size'\] differ in length"):
        made.fit(X, Y | {"size": Y["size"][:3]}, verbose=0)


@pytest.mark.parametrize(
    ("nodes", "outputs", "message"),
    [
        ([("a", Dense(1), "y")], "a", "takes 'y', which does not stand before it"),
        ([("a", Dense(1), "x"), ("a", Dense(1), "x")], "a", "two inputs or nodes are named 'a'"),
        ([("a", Dense(1), "x"), ("b", Dense(1), "x")], "a", "'b' leads to no output"),
        ([("a", "b", "x")], "a", "shares the layer of 'b', but before it there is no"),
        ([("a", Dense(1), "x")], "c", "there is no node 'c' to be an output"),
        ([("a", Dense(1))], "a", r"nodes: expected \(name, layer, source\)"),
    ],
)
def test_mistakes_in_a_graph(nodes, outputs, message):
    with pytest.raises(SettingError, match=message):
        Graph({"x": (2,)}, nodes, outputs)


def test_losses_must_fit_the_outputs():
    with pytest.raises(SettingError, match="losses for"):
        ln.Model(network()).compile({"label": "mse"})
    with pytest.raises(SettingError, match="loss_weights"):
        ln.Model([ln.layers.Input(2), Dense(1)]).compile("mse", loss_weights={"a": 1.0})


@pytest.mark.parametrize("around", [lambda graph: graph, lambda graph: [graph]])
def test_one_loss_for_several_outputs(around):
    nodes = [("a", Dense(1), "x"), ("b", Dense(2), "x")]
    with pytest.raises(SettingError, match="one output, and the network has 2: give one for each"):
        ln.Model(around(Graph({"x": (3,)}, nodes, ("a", "b")))).compile("mse", "adam")


def test_a_layer_without_weights_passes_the_error_on():
    net = Graph({"x": (3,)}, [("a", Linear(), "x"), ("b", Add(), ("a", "x"))], "b")
    y, cache = net.forward({"a": {}, "b": {}}, np.ones((1, 3)))
    assert isinstance(net, Layer)
    np.testing.assert_array_equal(y, 2 * np.ones((1, 3)))
    np.testing.assert_array_equal(net.backward({"a": {}, "b": {}}, cache, y)[0], 2 * y)


def test_its_layers_are_listed_once():
    shared = Dense(2)
    graph = Graph({"x": (2,)}, [("a", shared, "x"), ("b", "a", "a"), ("c", Dense(3), "b")], "c")
    assert [layer.units for layer in graph.layers] == [2, 3]


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_sequences_whose_lengths_do_not_fit(backend):
    """Whether they do is known only when the data come."""
    if backend == "jax":
        pytest.importorskip("jax")
    nodes = [("both", Concatenate(), ("one", "other")), ("state", LSTM(2), "both")]
    model = ln.Model(Graph({"one": (None, 3), "other": (None, 1)}, nodes, "state"), backend=backend)
    model.compile("mse")
    x, y = {"one": np.ones((2, 4, 3)), "other": np.ones((2, 5, 1))}, np.zeros((2, 2))
    for use in (model.predict, model.forward, model.activations, lambda x: model.fit(x, y, verbose=0)):
        with pytest.raises(
            ShapeError, match=r"node 'both'.*\[\(4, 3\), \(5, 1\)\] must agree in all sizes but"
        ):
            use(x)
    assert model.predict(x | {"other": np.ones((2, 4, 1))}).shape == (2, 2)


def test_several_outputs_of_a_graph_in_a_sequential_in_another():
    """As those of the graph itself: losses, metrics, rules find them at any depth."""
    found = []
    for net in (network(), Sequential([network()]), Sequential([Sequential([network()])])):
        model = ln.Model(net, dtype="float64")
        with pytest.raises(SettingError, match="the loss of one output, and the network has 2"):
            model.compile("mse")
        with pytest.raises(SettingError, match="takes each example's own loss of one output"):
            model.compile({"label": "categorical_crossentropy", "size": "mse"}, rule="np")
        model.compile(
            {"label": "categorical_crossentropy", "size": "mse"}, "sgd", metrics={"label": "accuracy"}
        )
        model.build(net.takes())
        model.set_weights(np.linspace(-1, 1, model.get_weights().size))
        model.fit(X, Y, epochs=2, verbose=0)
        found.append((model.get_weights(), [*model.evaluate(X, Y).values()]))
    for weights, numbers in found[1:]:
        np.testing.assert_array_equal(weights, found[0][0])
        np.testing.assert_array_equal(numbers, found[0][1])
