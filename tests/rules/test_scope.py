"""Where rules end: what compile refuses or warns of, and what is true of every network that it accepts."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from networks import KINDS, network

import lucidnet as ln
from lucidnet import check, rules
from lucidnet import layers as L
from lucidnet.backend import Stream
from lucidnet.errors import InexactWarning, LucidnetError, SettingError
from lucidnet.layers import GRU, LSTM, Conv1D, Conv2D, Dense, Graph, Input, LeakyRNN, SimpleRNN
from lucidnet.optimizers import SGD
from lucidnet.rules import DirectFeedbackAlignment, Rule, SnAp, TruncatedBPTT, WeightMirror

RNG = np.random.default_rng(0)


def compiled(layers, rule, loss="mse", optimizer="sgd", backend="numpy"):
    model = ln.Model(layers, seed=1, dtype="float64", backend=backend)
    model.compile(loss, optimizer, rule=rule)
    return model


# --- every network that compile accepts --------------------------------------------------------------

RULES = [*rules.SPACE, *rules.TIME, Rule("fa", "rflo"), SnAp(2), TruncatedBPTT(3, 2), Rule("dfa", "rtrl")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("networks", [1, pytest.param(60, marks=pytest.mark.slow)])
def test_the_self_test_is_true_of_every_network_that_compile_accepts(kind, networks):
    """Random networks of each kind, by rules in turn; with -m slow 60 of each, by all of them."""
    passed, every = 0, 4 if networks == 1 else 1
    for k, seed in enumerate(range(KINDS.index(kind), networks * len(KINDS), len(KINDS))):
        net, shape = network(seed)
        for rule in RULES[(seed + k) % every :: every]:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", InexactWarning)
                    compiled(net, rule, {"u": "mse", "v": "mse"} if kind == "outputs" else "mse")
            except LucidnetError:
                continue
            report = check.rule(rule, net, shape)
            assert report, f"seed {seed}: {net}\n{report}"
            passed += 1
    assert passed > 0


# --- layers below a recurrent layer ------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["rtrl", "snap1", "uoro", "kernl", "rflo", "eprop"])
def test_layers_below_a_recurrent_layer_are_warned_of(rule):
    with pytest.warns(
        InexactWarning, match="approximate below, in simplernn2, dense1: only the error"
    ) as seen:
        compiled([Input((4, 3)), Dense(4), SimpleRNN(3, return_sequences=True), LSTM(2), Dense(1)], rule)
    assert seen[0].filename == __file__
    assert "approximate below a recurrent layer" in " ".join(str(rules.report(rule)).split())


@pytest.mark.parametrize(
    ("rule", "below"),
    [
        ("truncated", Dense(4)),  # what it carries goes down, too
        ("bptt", Dense(4)),
        (Rule("dfa", "rtrl"), Dense(4)),  # the layer below hears of the output itself
        ("rtrl", Dense(4, frozen=True)),
        ("rtrl", L.Dropout(0.1)),
    ],
    ids=str,
)
def test_nothing_is_warned_of_where_credit_is_whole(rule, below):
    compiled([Input((4, 3)), below, SimpleRNN(3), Dense(1)], rule)
    if not isinstance(rule, Rule):
        said = str(rules.report(rule))
        assert ("exact; approximate below" in said) == (rule == "rtrl")
        assert ("yes; then approximate below" in said) == (rule == "truncated")


def test_below_is_followed_through_branches():
    nodes = [
        ("low", Dense(3), "x"),
        ("beside", Dense(3), "x"),
        ("cell", GRU(3, return_sequences=True, rule="rtrl"), "low"),
        ("sum", L.Add(), ("cell", "beside")),
        ("y", Dense(1), "sum"),
    ]
    with pytest.warns(InexactWarning, match="approximate below, in graph0.low: only"):
        compiled([Graph({"x": (4, 3)}, nodes, "y")], "backprop")
    nodes = [("e", GRU(3), "x"), ("d", GRU(3), ("z", "e")), ("y", Dense(1), "d")]
    with pytest.warns(
        InexactWarning, match="in graph0.e: .*, and nothing at all through the first state of graph0.d"
    ):
        model = compiled([Graph({"x": (4, 3), "z": (5, 2)}, nodes, "y")], "rtrl")
    x = {"x": RNG.normal(size=(2, 4, 3)), "z": RNG.normal(size=(2, 5, 2))}
    assert (model.gradients(x, [[0.0], [1.0]])["graph0.e"]["W"] == 0).all()
    both = L.Bidirectional(LeakyRNN(3))
    with pytest.warns(InexactWarning, match="approximate below, in dense1: only"):
        compiled([Input((4, 3)), Dense(3), both, Dense(1)], "rflo")


def test_a_stream_carries_credit_below_by_no_rule():
    net = [Input((None, 3)), Dense(4), SimpleRNN(3, return_sequences=True), Dense(1)]
    model = compiled(net, "backprop")
    with pytest.warns(InexactWarning, match="approximate below, in dense1") as seen:
        model.online("truncated")
    assert seen[0].filename == __file__


def test_an_exact_rule_is_exact_where_it_says_so():
    """Its report tells of the layers below, and they differ indeed."""
    net = L.Sequential([Input((4, 3)), Dense(4, "tanh"), LSTM(3), Dense(1)])
    report = check.rule("rtrl", net)
    finding = report.findings["it is exact"]
    assert report
    assert finding.passed
    assert "approximate below, by its own account: dense1 0." in finding.seen


# --- weight mirrors ----------------------------------------------------------------------------------

USES = {
    "dense": (Dense(3, "tanh"), (4,)),
    "dense over time": (Dense(3, "tanh"), (6, 4)),
    "convolution": (Conv2D(3, 3, activation="relu"), (6, 7, 2)),
    "with a border": (Conv2D(2, (3, 2), padding="same"), (4, 4, 2)),
    "strides": (Conv1D(3, 3, strides=2, padding="same"), (7, 2)),
    "depthwise": (L.DepthwiseConv2D(2, padding="same"), (5, 5, 3)),
    "transposed": (L.Conv2DTranspose(2, 3, strides=2, padding="same"), (4, 4, 3)),
    "simple": (SimpleRNN(3), (6, 4)),
    "leaky": (LeakyRNN(3), (6, 4)),
    "gru": (GRU(3), (6, 4)),
    "lstm": (LSTM(3), (6, 4)),
    "with a given state": (LSTM(3), ((6, 4), (3,))),
    "attention": (L.MultiHeadAttention(2), (5, 4)),
    "cross-attention": (L.MultiHeadAttention(2), ((3, 4), (5, 4))),
}


@pytest.mark.parametrize("name", USES)
def test_mirrors_tend_to_the_weights_in_size_and_direction(name):
    layer, shape = USES[name]
    rule, params = (
        WeightMirror(rate=0.03, decay=0.03, examples=128),
        layer.init(Stream(0, dtype="float64"), shape)[0],
    )
    params = {key: a + 0.2 * RNG.normal(size=a.shape) for key, a in params.items()}
    B = rule.feedback(layer, params, shape, (1,), Stream(1, dtype="float64"))
    for step in range(250):
        B = rule.learn(layer, params, shape, B, Stream(2, step, "float64"))
    assert B.keys() == set(layer.transport)
    for key, own in B.items():
        W = params[key]
        lengths = np.linalg.norm(own), np.linalg.norm(W)
        assert abs(lengths[0] / lengths[1] - 1) < 0.05
        assert (own * W).sum() / math.prod(lengths) > 0.99


def test_mirrors_need_a_linear_layer():
    from dataclasses import dataclass

    @dataclass(frozen=True, repr=False)
    class Bent(L.Layer):
        transport = ("W",)

        def init(self, rng, shape):
            return {"W": rng.child("W").normal((shape[-1], 2))}, (2,)

        def forward(self, params, x, run=None):
            y = np.tanh(x @ params["W"])
            return y, (x, y)

        def backward(self, params, cache, dy, need_dx=True):
            x, y = cache
            dz = dy * (1 - y * y)
            return dz @ params["W"].T, {"W": x.T @ dz}

    model = compiled([Input(3), Dense(3), Bent()], "wm")
    with pytest.raises(SettingError, match="Bent is not linear without its activation"):
        model.build()


@pytest.mark.parametrize("backend", ["numpy", pytest.param("jax", marks=pytest.mark.slow)])
def test_mirrors_train_two_convolutions(backend):
    """Before the mean over the uses of a weight the rule came to chance."""
    if backend == "jax":
        pytest.importorskip("jax")
    (x, y), _ = ln.data.load("digits")
    x, y = x.reshape(-1, 8, 8, 1)[:300], y[:300]
    found = {}
    for rule in ("wm", "backprop"):
        net = [Input((8, 8, 1)), Conv2D(4, 3, activation="relu"), Conv2D(6, 3, activation="relu")]
        model = ln.Model([*net, L.Flatten(), Dense(10, "softmax")], seed=0, backend=backend)
        model.compile("categorical_crossentropy", ln.optimizers.Adam(0.01), ["accuracy"], rule=rule)
        model.fit(x, y, epochs=8, verbose=0)
        found[rule] = model.evaluate(x, y).accuracy
    assert found["wm"] > 0.85, found


# --- direct rules ------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["preactivation", "output"])
@pytest.mark.parametrize(
    ("activation", "loss"),
    [("sigmoid", "mse"), ("softmax", "categorical_crossentropy"), ("sigmoid", "binary_crossentropy")],
)
def test_the_error_that_is_sent(error, activation, loss):
    """The gradient by what goes into the final activation, or by what comes out, found by finite differences."""
    rule = DirectFeedbackAlignment(error=error)
    model = compiled([Input(3), Dense(4, "tanh"), Dense(2, activation)], rule, loss, SGD(1.0))
    model.build()
    x, t = RNG.normal(size=(2, 3)), np.array([[0.0, 1.0], [1.0, 0.0]])
    p, B = model.params, model.feedback["dense2"]["B"]
    h = np.tanh(x @ p["dense1"]["W"] + p["dense1"]["b"])
    z = h @ p["dense2"]["W"] + p["dense2"]["b"]
    squash = {
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "softmax": lambda z: np.exp(z) / np.exp(z).sum(-1, keepdims=True),
    }[activation]
    of = {
        "mse": lambda y: ((y - t) ** 2).mean(),
        "categorical_crossentropy": lambda y: -(t * np.log(y)).sum(-1).mean(),
        "binary_crossentropy": lambda y: -(t * np.log(y) + (1 - t) * np.log(1 - y)).mean(),
    }[loss]
    at, f = (z, lambda a: of(squash(a))) if error == "preactivation" else (squash(z), of)
    e = np.zeros_like(at)
    for i in np.ndindex(at.shape):
        moved = [at.copy(), at.copy()]
        moved[0][i], moved[1][i] = at[i] + 1e-6, at[i] - 1e-6
        e[i] = (f(moved[0]) - f(moved[1])) / 2e-6
    expected = x.T @ ((e @ B) * (1 - h * h))
    before = p["dense1"]["W"].copy()
    model.train_step(x, t)
    np.testing.assert_allclose(before - model.params["dense1"]["W"], expected, rtol=1e-6, atol=1e-9)


def test_dfa_with_a_squashed_output_is_backprop_with_its_weights():
    net = L.Sequential([Input(5), Dense(6, "tanh"), Dense(3, "sigmoid")])
    assert check.rule("dfa", net).findings["with B = W it is backprop"].passed
    model = compiled(net, "dfa")
    model.build()
    np.testing.assert_allclose(
        model.predict(X := RNG.normal(size=(4, 5))), model.net.forward(model.params, X)[0]
    )
    assert (model.predict(X) > 0).all()  # the output is activated


def test_two_direct_rules_want_one_error():
    other = DirectFeedbackAlignment(error="output")
    with pytest.raises(SettingError, match="ask for two different errors at the network's output"):
        compiled([Input(3), Dense(4), Dense(4, rule="dfa"), Dense(2, rule=other)], "backprop")


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("rule", ["dfa", "drtp"])
def test_direct_rules_take_sequences_of_any_length(rule, backend):
    """All time steps below hear the same, which is the literal update in the layer below."""
    if backend == "jax":
        pytest.importorskip("jax")
    net = [Input((None, 3)), Dense(4, "tanh"), SimpleRNN(5), Dense(2)]
    model = compiled(net, rule, "half_squared_error", SGD(1.0), backend)
    for time in (5, 8):
        x, t = RNG.normal(size=(3, time, 3)), RNG.normal(size=(3, 2))
        model.build()
        p, e = model.params, model.predict(x) - t
        sent = (e if rule == "dfa" else t) @ model.feedback["simplernn2"]["B"][:, 0] / 3
        h = np.tanh(x @ p["dense1"]["W"] + p["dense1"]["b"])
        expected = np.einsum("nti,ntj->ij", x, sent[:, None] * (1 - h * h))
        model.train_step(x, t)
        np.testing.assert_allclose(
            p["dense1"]["W"] - model.params["dense1"]["W"], expected, rtol=1e-9, atol=1e-12
        )


def test_direct_rules_where_no_weights_can_send():
    layers = [Input((None, 3)), Dense(4), Conv1D(4, 3, strides=2), Dense(2)]
    with pytest.raises(SettingError, match="another number of time steps .* and it varies"):
        compiled(layers, "dfa")
    compiled([layers[0], *layers[2:]], "dfa").train_step(
        RNG.normal(size=(2, 9, 3)), RNG.normal(size=(2, 4, 2))
    )


TWO = [*rules.SPACE, "bptt", "truncated", Rule("dfa", "rflo")]


@pytest.mark.parametrize(
    ("rule", "backend"),
    [
        *((rule, "numpy") for rule in TWO),
        ("dfa", "jax"),
        *(pytest.param(rule, "jax", marks=pytest.mark.slow) for rule in TWO if rule != "dfa"),
    ],
    ids=str,
)
def test_layers_with_two_inputs(rule, backend):
    if backend == "jax":
        pytest.importorskip("jax")
    nodes = [
        ("a", Dense(4, "tanh"), "x"),
        ("s", Dense(3, "tanh"), "start"),
        ("r", SimpleRNN(3, return_sequences=True), ("a", "s")),
        ("m", Dense(4), "r"),
        ("c", L.MultiHeadAttention(2), ("m", "a")),
        ("last", L.GlobalAveragePooling1D(), "c"),
        ("y", Dense(2), "last"),
    ]
    model = compiled(Graph({"x": (5, 2), "start": (3,)}, nodes, "y"), rule, backend=backend)
    given = {"x": RNG.normal(size=(4, 5, 2)), "start": RNG.normal(size=(4, 3))}
    model.build()
    before = model.get_weights()
    for _ in range(2):
        model.train_step(given, RNG.normal(size=(4, 2)))
    assert np.isfinite(model.get_weights()).all()
    assert (model.get_weights() != before).any()
    if rule == "dfa":
        B = model.feedback["r"]
        assert {name: a.shape for name, a in B.items()} == {"B": (2, 5, 4), "B2": (2, 3)}


# --- targets, noise, penalties -----------------------------------------------------------------------


def test_targets_have_the_weight_of_their_example_in_a_stream():
    steps = []
    for weights in (None, np.array([1.0, 0.0])):
        net = [Input((None, 2)), LeakyRNN(3, return_sequences=True), Dense(1)]
        online = compiled(net, "backprop", "half_squared_error", SGD(0.1)).online(Rule("drtp", "rflo"))
        before = online.model.get_weights()
        x, y = np.array([[0.3, -0.4]] * 2), np.array([[0.7]] * 2)
        online.step(x, y, weights)
        steps.append(online.model.get_weights() - before)
    # The examples are alike, and the second counts for nothing: half of the mean is left.
    np.testing.assert_allclose(steps[1], steps[0] / 2, rtol=1e-10)


def test_several_outputs_are_refused_by_rules_of_one():
    nodes = [("a", Dense(3), "x"), ("u", Dense(2), "a"), ("v", Dense(1), "a")]
    net, losses = Graph({"x": (4,)}, nodes, ["u", "v"]), {"u": "mse", "v": "mse"}
    for rule in ("drtp", "np"):
        with pytest.raises(SettingError, match="of one output, but this network has 2: u, v"):
            compiled(net, rule, losses)
    for rule in ("dfa", "fa", "wp"):
        compiled(net, rule, losses)
    longer = [("a", Dense(3), "x"), ("u", Dense(2), "a"), ("v", SimpleRNN(1), "a")]
    with pytest.raises(SettingError, match="side by side to all layers, but they differ in shape"):
        compiled(Graph({"x": (5, 4)}, longer, ["u", "v"]), "dfa", losses)


@pytest.mark.parametrize("rule", ["rflo", "eprop", "snap1", "kernl"])
def test_traces_of_single_units_want_units_that_are_single(rule):
    """By softmax a weight acts on all units at once; the sum of its influences, which it took, is 0."""
    with pytest.raises(
        SettingError, match=r"'leakyrnn1', LeakyRNN, has activation Softmax\(\), .* SnAp\(1\)"
    ):
        compiled([Input((4, 3)), LeakyRNN(3, activation="softmax"), Dense(1)], rule)
    compiled([Input((4, 3)), LeakyRNN(3, activation="softmax"), Dense(1)], SnAp(1))


def test_kernl_refuses_a_layer_that_is_used_twice():
    nodes = [("r", SimpleRNN(3, return_sequences=True), "x"), ("s", "r", "r"), ("y", Dense(1), "s")]
    net = [Graph({"x": (4, 3)}, nodes, "y")]
    with pytest.raises(SettingError, match="'graph0.r', SimpleRNN, is used several times"):
        compiled(net, "kernl")
    with pytest.raises(SettingError, match="'graph0.r', SimpleRNN, is used several times"):
        compiled(net, "bptt").online("kernl")


def test_which_rules_pass_a_convolution_in_time():
    def net():
        return [
            Input((4, 5, 5, 1)),
            L.ConvLSTM2D(2, 3, return_sequences=True),
            L.ConvLSTM2D(2, 3),
            L.Flatten(),
            Dense(1),
        ]

    x, y = RNG.normal(size=(3, 4, 5, 5, 1)), RNG.normal(size=(3, 1))
    for rule in ("fa", "brsf", "kp", "dfa", "wp"):
        model = compiled(net(), rule)
        model.fit(x, y, epochs=1, verbose=0)
    compiled([net()[0], *net()[2:]], "wm").fit(x, y, epochs=1, verbose=0)  # with no error below it
    with pytest.raises(SettingError, match=r"no such noise as WeightMirror\(\) sends: take 'fa' or 'kp'"):
        compiled(net(), "wm")
    with pytest.raises(SettingError, match=r"no such noise as NodePerturbation\(\) sends: take 'wp'"):
        compiled(net(), "np")
    with pytest.raises(SettingError, match=r"by backpropagation alone, not by RFLO\(\)"):
        compiled(net(), "rflo")


def test_node_perturbation_refuses_layers_that_mix_examples():
    with pytest.raises(SettingError, match="'batchnormalization2' mixes the examples of a batch"):
        compiled([Input(3), Dense(4), L.BatchNormalization(), Dense(1)], "np")
    compiled([Input(3), Dense(4), L.BatchNormalization(frozen=True), Dense(1)], "np")
    compiled([Input(3), Dense(4), L.BatchNormalization(), Dense(1)], "wp")


def test_weight_perturbation_leaves_running_statistics_alone():
    """Its mean is the gradient, within five standard errors of each entry, over 2,000 draws."""
    net = L.Sequential([Input(3), Dense(2), L.BatchNormalization(), Dense(1)])
    model = compiled(net, "wp", "half_squared_error")
    model.build()
    p = model.params
    made = compiled(net, "backprop", "half_squared_error")
    made.build()
    objective = made.problem.objective
    batch = ln.data.batch.Batch(RNG.normal(size=(4, 3)), RNG.normal(size=(4, 1)))
    true = objective.gradient(p, batch, L.Run(True)).grads
    draws = {layer: [] for layer in true if true[layer]}
    for k in range(2000):
        run = L.Run(True, Stream(7, k, "float64"))
        grads = model.problem.objective.gradient(p, batch, run, {}).grads
        assert grads["batchnormalization2"].keys() == {"gamma", "beta"}
        for layer, own in draws.items():
            own.append(np.concatenate([grads[layer][name].ravel() for name in true[layer]]))
    for layer, own in draws.items():
        own, expected = np.array(own), np.concatenate([a.ravel() for a in true[layer].values()])
        error = own.std(0) / math.sqrt(len(own))
        assert (np.abs(own.mean(0) - expected) < 5 * error + 1e-3 * np.abs(expected).max()).all(), layer


def test_kolen_pollack_with_a_penalty_in_place_of_decay():
    layers = [Input(3), Dense(4), Dense(2, l2=0.01)]
    with pytest.warns(InexactWarning, match=r"l2=0.01 of layer 'dense2'.*weight_decay=0.02 in its place"):
        model = compiled(layers, "kp", optimizer=SGD(0.1))
    x, y = RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2))
    model.build()
    gap = model.feedback["dense2"]["W"] - model.params["dense2"]["W"]
    for _ in range(50):
        model.train_step(x, y)
    # It is right: the gap does not get smaller.
    np.testing.assert_allclose(model.feedback["dense2"]["W"] - model.params["dense2"]["W"], gap, rtol=1e-9)
    compiled(layers, "kp", optimizer=SGD(0.1, weight_decay=0.02))
    compiled(layers, "kp", optimizer=ln.optimizers.EMA(SGD(0.1, weight_decay=0.02)))


def test_kolen_pollack_with_a_constraint():
    """W is put back, B is not: their difference does not shrink by the decay."""
    layers = [Input(3), Dense(4), Dense(2, constraint=ln.optimizers.MaxNorm(0.5))]
    with pytest.warns(InexactWarning, match=r"constraint=MaxNorm\(0.5\) of layer 'dense2': W is held to it"):
        model = compiled(layers, "kp", optimizer=SGD(0.1, weight_decay=0.1))
    model.build()
    gap = model.params["dense2"]["W"] - model.feedback["dense2"]["W"]
    model.train_step(RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2)))
    after = model.params["dense2"]["W"] - model.feedback["dense2"]["W"]
    assert np.abs(after - 0.99 * gap).max() > 1e-2


# --- every rule across layers with every rule through time -------------------------------------------

RECURRENT = {"below": [Dense(4, "tanh"), LeakyRNN(5), Dense(2)], "first": [LeakyRNN(5), Dense(2)]}


def steps(layers, rule, backend="numpy"):
    """Return the weights after two steps; None where compile refuses the rule in plain words."""
    try:
        model = compiled([Input((6, 3)), *layers], rule, backend=backend)
    except SettingError:
        return None
    rng = np.random.default_rng(1)
    model.fit(rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 2)), epochs=2)
    return model.get_weights()


@pytest.mark.filterwarnings("ignore::lucidnet.errors.InexactWarning")
@pytest.mark.parametrize("time", rules.TIME)
@pytest.mark.parametrize("space", rules.SPACE)
def test_a_rule_across_layers_meets_one_through_time(space, time):
    for layers in RECURRENT.values():
        assert (steps(layers, Rule(space, time)) is None) == (space in ("np", "wp") and time != "bptt")
        own = [replace(one, rule=Rule("backprop", time)) if one.carried else one for one in layers]
        assert (steps(own, space) is None) == (space in ("np", "wp"))


@pytest.mark.filterwarnings("ignore::lucidnet.errors.InexactWarning")
@pytest.mark.parametrize(("space", "net"), [("dfa", "below"), ("wm", "first")])
def test_a_rule_across_layers_meets_kernl_on_both_engines(space, net):
    """What KeRNL has learned stands beside B; whoever takes a B must not take that for one."""
    one, two = (steps(RECURRENT[net], Rule(space, "kernl"), backend) for backend in ("numpy", "jax"))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_the_self_test_takes_networks_with_lent_weights():
    net = L.Sequential([Input(4), Dense(3, "tanh", name="e"), Dense(4, tied="e")])
    assert check.rule("backprop", net=net).passed
