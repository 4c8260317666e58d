"""A watched network does what the network does, and what passed through its layers is noted."""

import copy
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

import lucidnet as ln
from harness import LAYERS
from lucidnet import layers as L
from lucidnet import losses, rules
from lucidnet.backend import Stream
from lucidnet.data.batch import Batch
from lucidnet.engine.numbers import Numbers
from lucidnet.engine.update import training_run
from lucidnet.errors import NonFiniteError
from lucidnet.inspect import watch
from lucidnet.inspect.trace import trace_step
from lucidnet.layers import Dense, Graph, Input, Layer, Residual, Sequential
from lucidnet.layers.base import INFERENCE
from lucidnet.layers.rebuild import Wrapper, rebuilt, unwrapped
from lucidnet.layers.watched import Watched, watched
from lucidnet.optimizers import SGD
from lucidnet.rules import Rule, SnAp, SpaceRule, TruncatedBPTT
from lucidnet.training import Step
from lucidnet.training.diagnose import non_finite
from lucidnet.tree import leaves

RNG = np.random.default_rng(0)
IMAGES, SEQUENCES = RNG.normal(size=(6, 6, 6, 2)), RNG.normal(size=(6, 7, 3))
LABELS = RNG.integers(0, 3, 6)
DENSE = {"W": np.array([[2.0]]), "b": np.array([1.0])}


def same(one, two):
    """Tell whether what was returned is the same, bit by bit."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[name], two[name]) for name in one)
    if isinstance(one, (tuple, list)):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and np.array_equal(one, two)


# --- it is the layer -------------------------------------------------------------------------------


@pytest.mark.parametrize("row", LAYERS, ids=str)
def test_outputs_caches_and_gradients_are_the_same(row):
    params, x, run = row.params(), row.x(), row.run()
    y, cache = row.layer.forward(params, x, run)
    dy = row.dy(y)
    with watch(row.layer) as calls:
        found, kept = calls.net.forward(params, x, run)
        back = calls.net.backward(params, kept, dy)
    assert same(found, y)
    assert same(kept, cache)
    assert same(back, row.layer.backward(params, cache, dy))
    assert same(calls.net.absorb(params, kept), row.layer.absorb(params, cache))
    first = calls[0]
    assert first.layer is row.layer
    assert first.x is x
    assert first.run is run
    assert same([first.y, first.dy, first.dx, first.grads], [y, dy, *back])


@pytest.mark.parametrize("row", LAYERS, ids=str)
def test_a_watched_layer_passes_for_the_layer(row):
    layer = replace(row.layer, name="here")
    stand_in = Watched(layer, [])
    assert isinstance(stand_in, type(layer))
    assert not isinstance(stand_in, Input if not isinstance(layer, Input) else Dense)
    assert replace(stand_in, name="there") == replace(layer, name="there")
    for name in {*dir(Layer), *layer.__dataclass_fields__} - {
        "forward",
        "flow",
        "backward",
        "route",
        "route_by",
        "asks",  # of its own forward, which notes the run
    }:
        if not name.startswith("__"):
            assert getattr(stand_in, name) == getattr(layer, name), name
    assert same(*(one.init(Stream(1), row.shape) for one in (stand_in, layer)))
    assert copy.copy(stand_in).name == "here"
    assert repr(stand_in) == f"Watched({layer!r})"


def test_what_is_no_layer_has_no_attributes_of_one():
    with pytest.raises(AttributeError, match="'Dense' object has no attribute 'bodies'"):
        _ = Watched(Dense(1), []).bodies


# --- what is noted ---------------------------------------------------------------------------------


def test_a_layer_in_two_places_of_a_graph_is_called_twice():
    shared = [("one", Dense(2, "tanh"), "a"), ("two", "one", "b"), ("both", L.Add(), ("one", "two"))]
    net = Graph({"a": (3,), "b": (3,)}, shared, "both")
    params, _ = net.init(Stream(0), net.takes())
    x = {"a": RNG.normal(size=(4, 3)), "b": RNG.normal(size=(4, 3))}
    with watch(net) as calls:
        y, cache = calls.net.forward(params, x)
        dx, grads = calls.net.backward(params, cache, np.ones_like(y))
    one, two = (call for call in calls if call.path == ("one",))
    assert one.x is x["a"]
    assert two.x is x["b"]
    assert one.dx is dx["a"]
    assert two.dx is dx["b"]
    np.testing.assert_array_equal(one.grads["W"] + two.grads["W"], grads["one"]["W"])


def test_a_second_backward_gives_the_same_and_notes_nothing():
    with watch(Sequential([Dense(1, name="d")])) as calls:
        _, cache = calls.net.forward({"d": DENSE}, np.array([[3.0]]))
        once = calls.net.backward({"d": DENSE}, cache, np.array([[10.0]]))
        again = calls.net.backward({"d": DENSE}, cache, np.array([[10.0]]))
        other = calls.net.backward({"d": DENSE}, cache, np.array([[20.0]]))
    assert same(once, again)
    assert other[0].item() == 2 * once[0].item()
    assert [call.dy.item() for call in calls] == [10, 10, 10]


def test_without_any_cache_the_last_call_comes_back_first():
    with watch(L.ReLU()) as calls:
        caches = [calls.net.forward({}, np.array([value]))[1] for value in (1.0, 2.0)]
        for error, cache in ((20.0, caches[1]), (10.0, caches[0])):
            calls.net.backward({}, cache, np.array([error]))
    assert [(call.x.item(), call.dy.item()) for call in calls] == [(1, 10), (2, 20)]


def test_copies_are_noted_where_they_are_asked_for():
    @dataclass(frozen=True)
    class Double(Layer):
        def forward(self, params, x, run=INFERENCE):
            return x * 2, None

        def backward(self, params, cache, dy, need_dx=True):
            return dy * 2, {}

    with watch(Double(), copies=True) as calls:
        x, dy = np.array([1.0]), np.array([5.0])
        calls.net.forward({}, x)
        calls.net.backward({}, None, dy)
        x[:] = dy[:] = 100
    (call,) = calls
    assert [a.item() for a in (call.x, call.y, call.dy, call.dx)] == [1, 2, 5, 10]


def test_a_layer_that_fails_has_noted_what_it_was_given():
    with watch(Sequential([Dense(1, name="d"), Dense(1, name="e")])) as calls, pytest.raises(KeyError):
        calls.net.forward({"d": DENSE, "e": {}}, np.array([[3.0]]))
    assert [(call.name, call.y is None) for call in calls if not call.is_inner] == [
        ("Sequential", True),
        ("d", False),
        ("e", True),
    ]
    assert calls[-1].x.item() == 7


def test_the_network_stays_as_it_is_and_after_the_statement_it_is_the_one_to_run():
    net = Sequential([Residual(Dense(1, "tanh"), name="r")])
    with watch(net) as calls:
        assert isinstance(calls.net, Sequential)
        assert calls.net is not net
    assert calls.net is net
    assert type(net.layers[0].body.activation) is L.Tanh
    net.forward({"r": {"body": DENSE}}, np.array([[3.0]]))
    assert calls == []


def test_who_watches_a_watched_network_is_the_only_one():
    net, outer, inner = Sequential([Dense(1, name="d")]), [], []
    made = watched(watched(net, inner), outer)
    made.forward({"d": DENSE}, np.array([[3.0]]))
    assert (len(outer), len(inner)) == (3, 0)
    assert unwrapped(made) is net


def test_one_layer_under_two_names_is_two_places():
    inner = Dense(1)
    with watch(Residual(inner, inner)) as calls:
        calls.net.forward({"body": DENSE, "projection": DENSE}, np.array([[3.0]]))
    assert sorted(call.name for call in calls if isinstance(call.layer, Dense)) == ["body", "projection"]


def test_layers_in_a_container_that_is_no_dataclass():
    class Own(L.Container):
        def __init__(self):
            object.__setattr__(self, "parts", {"all": [Dense(1)]})

        def children(self):
            return (("first", self.parts["all"][0]),)

        def forward(self, params, x, run=INFERENCE):
            y, cache = self.parts["all"][0].forward(params["first"], x, run)
            return y, {"first": cache}

    with watch(Own()) as calls:
        calls.net.forward({"first": DENSE}, np.array([[3.0]]))
    assert [call.name for call in calls] == ["Own", "first", "first"]


def test_what_stands_in_the_places_is_free():
    class Doubled(Wrapper):
        def forward(self, params, x, run=INFERENCE):
            y, cache = self._layer.forward(params, x, run)
            return 2 * y, cache

    net = Sequential([Dense(1, name="d"), Residual(Dense(1), name="r")])
    made = rebuilt(net, lambda layer, made, path: Doubled(made) if isinstance(layer, Dense) else made)
    y, _ = made.forward({"d": DENSE, "r": {"body": DENSE}}, np.array([[3.0]]))
    assert y.item() == 14 + 2 * (2 * 14 + 1)


# --- learning rules --------------------------------------------------------------------------------


def agree(net, rule, x, shape):
    """Hold the gradients of a watched network to those of the network; return the calls."""
    step = Step(net, losses.get("sparse_categorical_crossentropy"), SGD(0.1), rules.get(rule))
    state = step.start(shape, dtype="float64")
    batch = Batch(x, LABELS)
    problem = step.problem(state, shape)
    given = (state.params, batch, training_run(state, batch, Numbers(0)), state.feedback.weights)
    made = problem.objective.gradient(*given)
    with watch(problem.objective.net) as calls:
        found = replace(problem.objective, net=calls.net).gradient(*given)
    assert same(found[:3], made[:3])
    assert same(found.memory, made.memory)
    seen = trace_step(SimpleNamespace(net=net, problem=problem, state=state), batch)
    assert same(seen.grads, made.grads)
    return calls


@pytest.mark.parametrize("rule", [*rules.SPACE, "own"])
def test_every_rule_across_layers(rule):
    class Own(SpaceRule):
        """A rule that asks for the kind of a layer, and for its settings."""

        def cross(self, edge, send):
            dx, grads = edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx)
            if isinstance(edge.layer, Dense):
                grads = {name: edge.layer.units * g for name, g in grads.items()}
            return dx, grads, None

    own = None if rule in ("np", "wp") else "fa"
    net = Sequential(
        [
            Input((6, 6, 2)),
            L.Conv2D(3, 3, activation="tanh"),
            L.Flatten(),
            L.Dropout(0.3),
            Dense(6, "tanh", rule=own),
            Residual(Sequential([Dense(4, "tanh"), Dense(6)])),
            L.LayerNormalization() if rule == "np" else L.BatchNormalization(),
            Dense(3, "softmax"),
        ]
    )
    agree(net, Own() if rule == "own" else rule, IMAGES, (6, 6, 2))


@pytest.mark.filterwarnings("ignore::lucidnet.errors.InexactWarning")  # of the layers below
@pytest.mark.parametrize(
    "rule", [*rules.TIME, SnAp(2), TruncatedBPTT(3, 2), Rule("fa", "rflo"), Rule("dfa", "eprop")], ids=str
)
def test_every_rule_through_time(rule):
    net = Sequential(
        [
            Input((7, 3)),
            L.Masking(),
            L.LeakyRNN(4, tau=2.0, return_sequences=True),
            L.GRU(3, return_sequences=True),
            L.SimpleRNN(4, return_sequences=True),
            L.LSTM(3),
            Dense(3, "softmax"),
        ]
    )
    x = SEQUENCES.copy()
    x[1, 4:] = x[3, 2:] = 0
    calls = agree(net, rule, x, (7, 3))
    recurrent = [call for call in calls if isinstance(call.layer, L.Recurrent)]
    assert [call.run.mask.sum() for call in recurrent] == [7 * 6 - 3 - 5] * 4


def test_node_perturbation_is_watched_without_its_noise():
    """What is noted is the pass without noise, and each layer once."""
    made = ln.Model([Input(3), Dense(4, "tanh", name="d"), Dense(2)], dtype="float64")
    x, y = RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2))
    for rule in ("np", "wp"):
        made.compile("mse", SGD(0.1), rule=rule)
        expected = np.tanh(x @ made.params["d"]["W"] + made.params["d"]["b"])
        made.fit(
            x, y, batch_size=8, verbose=0, shuffle=False, record=["activations/d", "grads/*", "updates/*"]
        )
        values = {name: seen[-1][1] for name, seen in made.history.steps.items()}
        np.testing.assert_array_equal(values["activations/d"], expected)
        for name in ("d.W", "d.b"):
            np.testing.assert_allclose(values[f"updates/{name}"], 0.1 * values[f"grads/{name}"], 1e-9)
        assert "20 training steps" in str(made.doctor(x, y))


# --- what is not finite ----------------------------------------------------------------------------


def first_bad(net, shape, x, target, path=None, value=np.nan):
    step = Step(net, losses.get("mse"), SGD())
    state = step.start(shape)
    for place, array in leaves(state.params):
        if path and "/".join(place) == path:
            array.flat[0] = value
    with pytest.raises(NonFiniteError) as error:
        step(state, x, target)
    return (
        str(error.value)
        .partition("the first quantity that is not finite is ")[2]
        .partition(". The weights")[0]
    )


HUGE = ln.initializers.Constant(1e35)


def test_the_first_bad_layer_of_a_graph_is_named():
    nodes = [
        ("a", Dense(2), "x"),
        ("b", Dense(2), "x"),
        ("both", L.Add(), ("a", "b")),
        ("out", Dense(1), "both"),
    ]
    net = Graph({"x": (3,)}, nodes, "out")
    x, y = np.ones((4, 3), "f"), np.ones((4, 1), "f")
    assert first_bad(net, (3,), x, y, "b/W") == "the parameter W of layer 'b' Dense(2)"
    nodes[1] = ("b", Dense(2, initializer=HUGE), "x")
    found = first_bad(Graph({"x": (3,)}, nodes, "out"), (3,), 1e5 * x, y)
    assert found == "the output of layer 'b' Dense(2, initializer=Constant(1e+35))"


def test_the_first_bad_layer_inside_containers_is_named():
    def net(init, last):
        body = Sequential([Dense(3, name="one"), Residual(Dense(3, **init), name="two"), last])
        return Sequential([Input(3), Residual(body, name="skip"), Dense(1)])

    x, y = np.ones((4, 3), "f"), np.ones((4, 1), "f")
    plain = net({}, L.ReLU(name="last"))
    assert first_bad(plain, (3,), x, y, "skip/body/two/body/W").startswith(
        "the parameter body/two/body/W of layer 1 Residual("
    )
    assert first_bad(net({"initializer": HUGE}, L.ReLU(name="last")), (3,), 1e6 * x, y).startswith(
        "the output of body/two/body Dense(3, initializer=Constant(1e+35)) in layer 1 Residual("
    )


def test_what_a_container_makes_of_good_outputs_is_its_own():
    large = {"initializer": ln.initializers.Constant(1.0)}
    net = Sequential([L.Multiply([Dense(1, **large, name="a"), Dense(1, **large, name="b")]), Dense(1)])
    found = first_bad(net, (3,), np.full((4, 3), 1e30, "f"), np.ones((4, 1), "f"))
    assert found.startswith("the output of layer 0 Multiply(")


def test_a_layer_that_fails_on_such_numbers_hides_nothing():
    @dataclass(frozen=True, repr=False)
    class Strict(Layer):
        def forward(self, params, x, run=INFERENCE):
            if strict and not np.isfinite(x).all():
                raise ValueError
            return x, None

        def backward(self, params, cache, dy, need_dx=True):
            return dy, {}

    strict = False
    net = Sequential([Dense(2), Strict(), Dense(1)])
    step = Step(net, losses.get("mse"), SGD())
    state = step.start((3,))
    state.params["dense0"]["W"][0, 0] = np.nan
    strict = True
    batch = Batch(np.ones((4, 3), "f"), np.ones((4, 1), "f"))
    error = non_finite(step.problem(state, (3,)), state._replace(step=3), [batch])
    assert (
        "step 3: the loss is nan; the first quantity that is not finite is the parameter W of layer 0 "
        in str(error)
    )


def test_a_trace_has_calls_of_containers_and_errors_at_all_of_them():
    net = Sequential([Input(3), Residual(Dense(3, "tanh"), name="r"), Dense(2, name="out")])
    step = Step(net, losses.get("mse"), SGD())
    state = step.start((3,))
    batch = Batch(np.ones((4, 3), "f"), np.ones((4, 2), "f"))
    seen = trace_step(SimpleNamespace(net=net, problem=step.problem(state, (3,)), state=state), batch)
    outer = [call.name for call in seen.every_call if not call.is_inner]
    assert outer == ["Sequential", "input0", "r", "r.body", "out"]
    assert [call.dy.shape for call in seen.every_call if call.path in ((), ("r",))] == [(4, 2), (4, 3)]
    assert [call.name for call in seen.calls if not call.is_inner] == ["input0", "r.body", "out"]
