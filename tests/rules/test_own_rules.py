"""What a rule of a user's own returns is looked at, in its self-test and in a training."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import check, rules
from lucidnet.errors import SettingError, ShapeError
from lucidnet.layers import Dense, Function, Graph, Input, LeakyRNN
from lucidnet.rules import SpaceRule

X = np.random.default_rng(0).normal(size=(8, 3))


def passed(edge, send):
    return *edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx), None


def rule(change, **settings):
    def cross(self, edge, send):
        return passed(edge, send) if edge.layer.children() else change(edge, *passed(edge, send))

    own = type("Own", (SpaceRule,), {"__module__": __name__, "cross": cross, **settings})
    return dataclass(frozen=True, repr=False)(own)()


def zeroed(edge, *made):
    edge.dy[...] = 0
    return made


WRONG = {
    "nothing": (
        lambda edge, dx, grads, B: None,
        SettingError,
        "Own.cross, .* must return three things.*got None",
    ),
    "two": (lambda edge, dx, grads, B: (dx, grads), SettingError, "must return three things"),
    "a list": (lambda edge, dx, grads, B: (dx, [1], B), SettingError, "gradients as a dict by name"),
    "weights": (lambda edge, dx, grads, B: (dx, grads, 3), SettingError, "feedback weights as one, or None"),
    "no error": (lambda edge, dx, grads, B: (None, grads, B), SettingError, "error at the layer's input"),
    "one row": (
        lambda edge, dx, grads, B: (None if dx is None else dx[:1], grads, B),
        ShapeError,
        r"layer 'dense2', returns an error of shape \(1, 4\) for 8 examples",
    ),
    "no gradients": (lambda edge, dx, grads, B: (dx, {}, B), SettingError, "returns no gradient of W, b"),
    "a number": (
        lambda edge, dx, grads, B: (dx, grads | {k: grads[k].sum() for k in grads}, B),
        ShapeError,
        r"gradient of W of shape \(\): it must have that of the weights, \(4, 1\)",
    ),
    "written into": (zeroed, SettingError, "writes into what it was given"),
}


@pytest.mark.parametrize("change, error, words", WRONG.values(), ids=WRONG)
def test_in_a_training(change, error, words):
    model = ln.Model([Input(3), Dense(4, "tanh"), Dense(1)])
    model.compile("mse", "sgd", rule=rule(change))
    with pytest.raises(error, match=words):
        model.fit(X, X[:, :1], verbose=0)


@pytest.mark.parametrize("change, error", [each[:2] for each in WRONG.values()], ids=WRONG)
def test_in_the_self_test(change, error):
    with pytest.raises(error, match="Own.cross"):
        check.rule(rule(change))


def test_what_is_right_is_right():
    assert check.rule(rule(lambda edge, *made: made, exact=True)).passed


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"reads": ("pre",)}, "Own: reads must be a text, names with commas, got"),
        ({"reads": "pre, weight above"}, "Own: reads has weight above, known are: pre, post"),
        ({"feedback": lambda self, *given: 3}, "Own.feedback must return a dict of weights by name.*got 3"),
    ],
)
def test_what_it_says_of_itself(settings, words):
    with pytest.raises(SettingError, match=words):
        check.rule(rule(lambda edge, *made: made, **settings))


# --- other methods than cross ------------------------------------------------------------------------


def weights(change):
    """Random weights carry the error; `change` is what one of the methods does."""
    phase = {"phase": "learn" in change}
    own = type("Own", (rules.FeedbackAlignment,), {"__module__": __name__, **phase, **change})
    return [Input(3), Dense(4, "tanh"), Dense(1)], own()


def traces(change):
    own = type("Own", (rules.RFLO,), {"__module__": __name__, **change})
    return [Input((5, 3)), Dense(2, "tanh"), LeakyRNN(4), Dense(1)], own()


def routed(change):
    """RFLO, whose three results are changed."""
    return traces({"route": lambda self, *given: change(*rules.RFLO.route(self, *given))})


def halved(array):
    array *= 0.5
    return array


OTHERS = {
    "no dict": (weights({"begin": lambda self, *given: None}), "Own.begin must return a dict"),
    "no gradient": (weights({"gradient": lambda self, *given: None}), r"Own.gradient .* RuleGradient\(loss"),
    "one row of B": (
        weights({"learn": lambda self, layer, params, inputs, B, rng: {"W": B["W"][:1]}}),
        r"Own.learn returns feedback weights W of shape \(1, 1\), and was given \(4, 1\)",
    ),
    "nothing learned": (
        weights({"learn": lambda self, *given: None}),
        "Own.learn must return each of W, as it was given B, got None",
    ),
    "weights written": (
        weights({"learn": lambda self, layer, params, inputs, B, rng: {"W": halved(params["W"])}}),
        "Own.learn.* writes into what it was given",
    ),
    "another B taught": (
        weights({"taught": lambda self, layer, B, grads: {"V": B["W"]}}),
        "Own.taught returns feedback weights V, and was given W: let feedback",
    ),
    "an array taught": (
        weights({"taught": lambda self, layer, B, grads: B["W"]}),
        "Own.taught must return feedback weights as a dict by name, got array",
    ),
    "one number for W": (
        weights({"carried_by": lambda self, W, B: W.mean()}),
        r"Own.carried_by must return an array of shape \(4, 1\)",
    ),
    "W written": (
        weights({"carried_by": lambda self, W, B: halved(W)}),
        "Own.carried_by.* writes into what it was given",
    ),
    "B of another shape": (
        weights({"drawn": lambda self, layer, W, rng: rng.normal((2, 2))}),
        r"Own.drawn must return weights of shape \(4, 1\)",
    ),
    "one signal": (
        (
            [Input(3), Dense(4, "tanh"), Dense(2)],
            type(
                "Own",
                (rules.DirectFeedbackAlignment,),
                {"signal": lambda self, signals: signals.error[:, :1]},
            )(),
        ),
        r"Own.signal must return an array of shape \(8, 2\), got shape \(8, 1\)",
    ),
    "an error of its own": (
        weights({"broadcasts": "loss"}),
        "Own.broadcasts must be 'preactivation', 'output' or None, got 'loss'",
    ),
    "two things": (routed(lambda dx, grads, B: (dx, grads)), "Own.route must return three things: the error"),
    "one time": (
        routed(lambda dx, grads, B: (dx[:, :1], grads, B)),
        r"Own.route returns an error of shape \(8, 1, 2\) for 8 examples: it must be \(8, 5, 2\)",
    ),
    "W alone": (routed(lambda dx, grads, B: (dx, {"W": grads["W"]}, B)), "returns no gradient of U, b"),
    "more than weights": (
        routed(lambda dx, grads, B: (dx, grads | {"c": grads["b"]}, B)),
        "a gradient of c, but the layer's weights are W, U, b",
    ),
    "a number": (
        traces({"gradient": lambda self, trace, error: (0.0, 0.0)}),
        r"gradients of shapes \(\) and",
    ),
    "one state": (
        traces({"kept": lambda self, layer, params, before, ds: before[:1]}),
        r"Own.kept must return an array of shape \(8, 4\), got shape \(1, 4\)",
    ),
    "another trace": (
        traces({"advance": lambda self, trace, *given: trace[:1]}),
        "Own.advance returns a trace of .*: it must have the shapes that it had before",
    ),
    "error written": (
        traces({"through": lambda self, layer, params, cache, errors, *more: halved(errors)}),
        "Own.through.* writes into what it was given",
    ),
}


@pytest.mark.parametrize("made, words", OTHERS.values(), ids=OTHERS)
def test_other_methods(made, words):
    layers, own = made
    model = ln.Model(layers)
    x = X if layers[0].shape == (3,) else np.repeat(X[:, None], 5, 1)
    with warnings.catch_warnings(), pytest.raises((SettingError, ShapeError), match=words):
        warnings.simplefilter("ignore")  # approximate below
        model.compile("mse", "sgd", rule=own)
        model.fit(x, X[:, : model.output_shape[-1]], verbose=0)


def test_an_error_at_another_number_of_inputs():
    def narrow(edge, dx, grads, B):
        return (None if dx is None else dx[:, :1]), grads, B

    def own_product(edge, dx, grads, B):  # not by the edge
        return (edge.dy @ edge.dy.T if edge.need_dx else None), grads, B

    for change, width in ((narrow, 1), (own_product, 8)):
        model = ln.Model([Input(3), Dense(4, "tanh"), Dense(1)])
        model.compile("mse", "sgd", rule=rule(change))
        with pytest.raises(ShapeError, match=rf"shape \(8, {width}\) for 8 examples: it must be \(8, 4\)"):
            model.fit(X, X[:, :1], verbose=0)


def test_methods_that_cannot_be_called():
    with pytest.raises(SettingError, match=r"Own.feedback takes .*: write feedback\(self, layer, params"):
        weights({"feedback": lambda self, layer: {}})
    with pytest.raises(SettingError, match=r"write gradient\(self, trace, error\)"):
        traces({"gradient": lambda self, trace: (trace, trace)})


def test_a_trace_draws_no_random_numbers_on_jax():
    class Own(rules.RFLO):
        def kept(self, layer, params, before, ds):
            return before * np.random.rand()  # noqa: NPY002

    model = ln.Model([Input((5, 3)), LeakyRNN(4), Dense(1)], backend="jax")
    model.compile("mse", "sgd", rule=Own())
    with pytest.raises(SettingError, match=r"Own.kept draws random numbers by np.random"):
        model.train_step(np.repeat(X[:, None], 5, 1), X[:, :1])


@pytest.mark.parametrize("where", ["cross", "gradient"])
def test_what_a_rule_keeps_in_itself_is_refused_on_jax(where):
    """On NumPy it may look at what passes; a compiled program would keep what it saw when it was made."""

    def keeps(self, one, two):
        self.seen = one
        return getattr(super(type(self), self), where)(one, two)

    base = rules.FeedbackAlignment if where == "cross" else rules.RFLO
    own = type("Own", (base,), {"__module__": __name__, where: keeps})
    for backend in ("numpy", "jax"):
        model = ln.Model([Input((5, 3)), LeakyRNN(4), Dense(1)], backend=backend)
        model.compile("mse", "sgd", rule=(rule := own()))
        if backend == "numpy":
            model.train_step(np.ones((2, 5, 3)), np.ones((2, 1)))
            assert rule.seen is not None
            continue
        with pytest.raises(SettingError, match=rf"Own.{where}.* keeps seen in the rule itself.*feedback"):
            model.train_step(np.ones((2, 5, 3)), np.ones((2, 1)))


def test_a_function_that_makes_no_numbers():
    with pytest.raises(ShapeError, match=r"makes arrays without numbers, \(0,\) of each example"):
        ln.Model([Input(3), Function(lambda x: x[:, :0]), Dense(1)]).predict(X)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_layer_that_is_used_several_times_is_crossed_each_time(backend):
    """With random numbers of its own, and with the feedback weights that the use above has left."""

    def change(edge, dx, grads, B):
        count = edge.B["count"]
        drawn = edge.B["drawn"] + (count == np.arange(3)) * edge.stream.normal((3,))[0]
        return dx, grads, edge.B | {"count": count + 1, "drawn": drawn}

    def feedback(self, layer, params, inputs, outputs, rng):
        return {"count": np.zeros(1), "drawn": np.zeros(3)}

    own = rule(change, feedback=feedback)
    nodes = [
        ("low", Dense(3), "x"),
        ("a", Dense(3, "tanh", rule=own), "low"),
        ("b", "a", "a"),
        ("c", "a", "b"),
    ]
    model = ln.Model([Graph({"x": (3,)}, [*nodes, ("y", Dense(2), "c")], "y")], seed=1, backend=backend)
    model.compile("mse", "sgd")
    model.train_step(np.ones((4, 3)), np.ones((4, 2)))
    B = model.feedback["graph0"]["a"]
    assert B["count"] == 3
    assert len({*B["drawn"].tolist(), 0.0}) == 4


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_recurrent_layer_in_a_stream(backend):
    """A rule that changes nothing is the one along time."""
    plain = rule(lambda edge, dx, grads, B: (dx, grads, B))
    net = [Input((None, 3)), LeakyRNN(3, return_sequences=True), Dense(1)]
    made = [ln.Model(net, seed=1, backend=backend) for _ in "ab"]
    for model, space in zip(made, (plain, "backprop"), strict=True):
        model.compile("mse", "sgd")
        learner = model.online(rules.Rule(space, "rflo"))
        for _ in range(3):
            learner.step(X, X[:, :1])
    np.testing.assert_array_equal(made[0].get_weights(), made[1].get_weights())
