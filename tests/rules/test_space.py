"""Rules across layers: against the published updates written as loops, and what must hold of them."""

import math

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import rules
from lucidnet.backend import Stream
from lucidnet.errors import LucidnetError
from lucidnet.layers import (
    LSTM,
    Activation,
    Add,
    Concatenate,
    Dense,
    Dropout,
    Flatten,
    Graph,
    Input,
    LayerNormalization,
    Residual,
    Sequential,
    SimpleRNN,
    TransformerBlock,
)
from lucidnet.rules import Rule
from lucidnet.training import Step
from lucidnet.tree import Layout, at, leaves, tree_map
from passes import by_chain_rule, by_rule

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5))
Y = RNG.integers(0, 3, 12)
ONE_HOT = np.eye(3)[Y]
ALL = sorted(rules.SPACE)


def dense_net():
    return Sequential([Input(5), Dense(6, "tanh"), Dense(4, "tanh"), Dense(3, "softmax")])


def step_of(rule, net=None, optimizer=None, loss="categorical_crossentropy"):
    return Step(net or dense_net(), ln.losses.get(loss), optimizer or ln.optimizers.SGD(0.1), rules.get(rule))


def gradient(rule, net=None, x=X, y=Y, loss="categorical_crossentropy", seed=0):
    """The state before a step, and the gradient that the rule gives."""
    step = step_of(rule, net, loss=loss)
    state = step.start(x.shape[1:], seed=seed, dtype="float64")
    return state, by_rule(step, state, x, y).grads


def flat(tree):
    return Layout.of(tree).ravel(tree)


def literal(params, delta):
    """Gradients of a dense tanh net with a softmax, by loops; `delta(k, above, W)` carries an error down.

    `delta` gets the layer's index, the error at the output of the layer above it and what is there.
    """
    names = [name for name in params if params[name]]
    grads = {name: tree_map(np.zeros_like, params[name]) for name in params}
    for x, t in zip(X, ONE_HOT, strict=True):
        values, a = [x], x
        for k, name in enumerate(names):
            z = [
                sum(a[i] * params[name]["W"][i, j] for i in range(len(a))) + params[name]["b"][j]
                for j in range(len(params[name]["b"]))
            ]
            a = [math.tanh(v) for v in z] if k < 2 else list(np.exp(z) / np.exp(z).sum())
            values.append(a)
        error = [(values[-1][j] - t[j]) / len(X) for j in range(3)]
        output, d = error, error
        for k in reversed(range(3)):
            for i, v in enumerate(values[k]):
                for j, e in enumerate(d):
                    grads[names[k]]["W"][i, j] += v * e
            for j, e in enumerate(d):
                grads[names[k]]["b"][j] += e
            if k:
                back = delta(names[k], d, output, t)
                d = [back[i] * (1 - values[k][i] ** 2) for i in range(len(values[k]))]
    return grads


def times(e, B):
    return [sum(e[j] * B[j][i] for j in range(len(e))) for i in range(len(B[0]))]


@pytest.mark.parametrize(
    ("rule", "delta"),
    [
        ("backprop", lambda p, B: lambda n, d, e, t: times(d, p[n]["W"].T)),
        ("fa", lambda p, B: lambda n, d, e, t: times(d, B[n]["W"].T)),
        ("dfa", lambda p, B: lambda n, d, e, t: times(e, B[n]["B"])),
        ("drtp", lambda p, B: lambda n, d, e, t: times(t / len(X), B[n]["B"])),
        ("frsf", lambda p, B: lambda n, d, e, t: times(d, (abs(B[n]["W"]) * np.sign(p[n]["W"])).T)),
        (
            "usf",
            lambda p, B: lambda n, d, e, t: times(d, np.sign(p[n]["W"]).T * np.sqrt((B[n]["W"] ** 2).mean())),
        ),
        ("shallow", lambda p, B: lambda n, d, e, t: [0.0] * len(p[n]["W"])),
    ],
)
def test_the_published_update(rule, delta):
    state, grads = gradient(rule)
    expected = literal(state.params, delta(state.params, state.feedback.weights))
    for path, array in leaves(grads):
        np.testing.assert_allclose(array, at(expected, path), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("rule", [name for name in ALL if name != "backprop"])
def test_it_is_not_secretly_backprop(rule):
    state, grads = gradient(rule)
    _, true = gradient("backprop")
    assert np.abs(flat(grads) - flat(true)).max() > 1e-3
    if rule not in ("np", "wp"):  # the last layer learns by its true error
        np.testing.assert_allclose(grads["dense3"]["W"], true["dense3"]["W"], rtol=1e-10)


NETS = {
    "residual": (
        Sequential([Input(5), Residual(Sequential([Dense(7, "tanh"), Dense(5)])), Dense(3, "softmax")]),
        X,
        Y,
    ),
    "branches": (
        Sequential(
            [
                Input(5),
                Concatenate([Dense(3, "tanh"), Sequential([Dense(4, "tanh"), Dense(2)])]),
                Add([Dense(4), Dense(4, "tanh")]),
                Dropout(0.2),
                Dense(3, "softmax"),
            ]
        ),
        X,
        Y,
    ),
    "graph": (
        Graph(
            {"x": (5,)},
            [
                ("a", Dense(4, "tanh"), "x"),
                ("b", Dense(4, "tanh"), "a"),
                ("again", "b", "b"),
                ("sum", Add(), ("a", "again")),
                ("y", Dense(3, "softmax"), "sum"),
            ],
            "y",
        ),
        X,
        Y,
    ),
    "recurrent": (
        Sequential([Input((4, 5)), SimpleRNN(6, return_sequences=True), LSTM(4), Dense(3, "softmax")]),
        RNG.normal(size=(6, 4, 5)),
        Y[:6],
    ),
    "transformer": (
        Sequential(
            [
                Input((4, 6)),
                Dense(6),
                TransformerBlock(2, 6),
                LayerNormalization(),
                Flatten(),
                Dense(3, "softmax"),
            ]
        ),
        RNG.normal(size=(6, 4, 6)),
        Y[:6],
    ),
}


@pytest.mark.parametrize("rule", ALL)
@pytest.mark.parametrize("name", NETS)
def test_every_rule_trains_every_network(rule, name):
    net, x, y = NETS[name]
    step = step_of(rule, net)
    state = step.start(x.shape[1:], dtype="float64")
    before = {"/".join(path): array.copy() for path, array in leaves(state.params)}
    for _ in range(2):
        state, measured = step(state, x, y)
    assert math.isfinite(measured.loss)
    moved = [name for name, array in before.items() if not np.array_equal(array, _named(state.params)[name])]
    assert len(moved) == len(before) if rule != "shallow" else 0 < len(moved) < len(before)


def _named(params):
    return {"/".join(path): array for path, array in leaves(params)}


@pytest.mark.parametrize("name", NETS)
def test_feedback_alignment_with_the_weights_is_backprop(name):
    net, x, y = NETS[name]
    step, plain = step_of("fa", net), step_of("backprop", net)
    state = step.start(x.shape[1:], dtype="float64")
    own = _only(state.params, state.feedback.weights)
    made = by_rule(step, state, x, y, own)
    np.testing.assert_array_equal(flat(made.grads), flat(by_chain_rule(plain, state, x, y).grads))


def _only(params, like):
    """The entries of one tree that another has."""
    if not isinstance(like, dict):
        return params
    return {name: _only(params[name], inner) for name, inner in like.items()}


# --- rules whose feedback learns --------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_kolen_pollack_forgets_the_difference_at_the_rate_of_the_decay(momentum):
    """W_t - B_t = (1 - rate decay)^t (W_0 - B_0); with momentum, after the same linear recursion."""
    rate, decay = 0.1, 0.2
    step = step_of("kp", optimizer=ln.optimizers.SGD(rate, momentum=momentum, weight_decay=decay))
    state = step.start((5,), dtype="float64")
    names = list(state.feedback.weights)
    assert names == ["dense2", "dense3"]
    gap = {n: state.params[n]["W"] - state.feedback.weights[n]["W"] for n in names}
    velocity = {n: 0 * gap[n] for n in names}
    for _ in range(30):
        state, _ = step(state, X, Y)
        for n in names:
            velocity[n] = momentum * velocity[n] + decay * gap[n]
            gap[n] = gap[n] - rate * velocity[n]
            found = state.params[n]["W"] - state.feedback.weights[n]["W"]
            np.testing.assert_allclose(found, gap[n], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", ["AdamW", "Lion", "Muon"])
def test_kolen_pollack_shrinks_alike_where_the_decay_is_taken_off_the_weights(name):
    rate, decay = 0.01, 0.5
    step = step_of("kp", optimizer=getattr(ln.optimizers, name)(rate, weight_decay=decay))
    state = step.start((5,), dtype="float64")
    gaps = {n: state.params[n]["W"] - made["W"] for n, made in state.feedback.weights.items()}
    for _ in range(10):
        state, _ = step(state, X, Y)
    for n, gap in gaps.items():
        found = state.params[n]["W"] - state.feedback.weights[n]["W"]
        np.testing.assert_allclose(found, (1 - rate * decay) ** 10 * gap, rtol=1e-9, atol=1e-12)


def angle(a, b):
    return math.degrees(math.acos((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum())))


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("compiled", [False, True], ids=["compiled free", "compiled frozen"])
def test_layers_may_be_frozen_and_freed_between_trainings(compiled, backend, tmp_path):
    """With one rate for both, Kolen and Pollack's rule moves W and B alike: their difference stays."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 2))

    def made(frozen):
        layers = [Input(4), Dense(3, "tanh", frozen=frozen), Dense(5, "tanh"), Dense(2)]
        model = ln.Model(layers, seed=1, dtype="float64", backend=backend)
        model.compile("mse", ln.optimizers.SGD(0.1, momentum=0.5), rule="kp")
        return model

    def gaps(model):
        return {name: model.params[name]["W"] - model.feedback[name]["W"] for name in model.feedback}

    free, model = made(False), made(compiled)
    free.set_params(model.params)
    drawn = gaps(free)
    for frozen in (not compiled, compiled):
        model.set(layer="dense1", frozen=frozen)
        model.load_weights(free.params, reset=True)
        for again in (frozen, not frozen, frozen):
            model.set(layer="dense1", frozen=again)
            before = gaps(model)
            model.fit(x, y, epochs=1, batch_size=10, verbose=0)
            after = gaps(model)
            assert after.keys() == before.keys() >= ({"dense3"} if again else {"dense2", "dense3"})
            np.testing.assert_allclose(after["dense3"], drawn["dense3"], rtol=0, atol=1e-13)
            if not compiled:
                np.testing.assert_allclose(after["dense2"], drawn["dense2"], rtol=0, atol=1e-13)
            model.save(tmp_path / "model.safetensors")
            loaded = ln.load(tmp_path / "model.safetensors", backend=backend)
            results = [each.fit(x, y, batch_size=10, verbose=0)["loss"] for each in (model, loaded)]
            assert results[0] == results[1]


def test_mirrors_and_kolen_pollack_align_and_feedback_alignment_does_not():
    angles = {}
    for rule in ("kp", "wm", "fa"):
        step = step_of(rule, optimizer=ln.optimizers.SGD(0.05, weight_decay=0.1))
        state = step.start((5,), dtype="float64")
        for _ in range(1000):
            state, _ = step(state, X, Y)
        angles[rule] = angle(state.params["dense2"]["W"], state.feedback.weights["dense2"]["W"])
    assert angles["kp"] < 10
    assert angles["wm"] < 25
    assert angles["fa"] > 30


def test_signs_of_other_sizes_are_drawn_for_each_batch():
    step = step_of("brsf")
    state = step.start((5,), dtype="float64")
    first = state.feedback.weights["dense2"]["W"]
    state, _ = step(state, X, Y)
    assert (state.feedback.weights["dense2"]["W"] != first).all()
    fixed = step_of("frsf")
    state = fixed.start((5,), dtype="float64")
    first = state.feedback.weights["dense2"]["W"]
    state, _ = fixed(state, X, Y)
    np.testing.assert_array_equal(state.feedback.weights["dense2"]["W"], first)


@pytest.mark.parametrize(
    ("rule", "layers"),
    [("np", [Dense(3)]), ("wp", [Dense(3)]), ("wp", [Dense(5, "tanh", tied="a"), Dense(3)])],
    ids=["np", "wp", "wp, tied"],
)
def test_the_mean_of_many_perturbations_is_the_gradient(rule, layers):
    """Within five standard errors of each entry, over 3,000 draws."""
    net = Sequential([Input(5), Dense(3, "tanh", name="a"), *layers, Activation("softmax")])
    step = step_of(rule, net)
    state = step.start((5,), dtype="float64")
    true = flat(by_chain_rule(step, state, X, Y).grads)
    draws = []
    for i in range(3000):
        run = ln.layers.Run(True, Stream(7, i, "float64"))
        draws.append(flat(by_rule(step, state, X, Y, {}, run).grads))
    draws = np.array(draws)
    error = draws.std(0) / math.sqrt(len(draws))
    assert (np.abs(draws.mean(0) - true) < 5 * error + 1e-3 * np.abs(true).max()).all()


@pytest.mark.parametrize("rule", ["np", "wp"])
@pytest.mark.parametrize(
    ("frozen", "shape"),
    [
        (lambda: [Dense(7, "tanh"), LayerNormalization()], (5,)),
        (lambda: [LSTM(3, return_sequences=True), SimpleRNN(4)], (4, 5)),
    ],
    ids=["dense", "recurrent"],
)
def test_what_is_frozen_gets_no_noise(frozen, shape, rule):
    """As if the frozen layers had been passed before, and the bias were a constant."""
    below = Sequential(frozen(), name="below", frozen=True)
    top = [Dense(4, "tanh", frozen=("b",), name="b"), Dense(2, name="c")]
    x, y = RNG.normal(size=(6, *shape)), RNG.normal(size=(6, 2))
    both, alone = (ln.Model([*net, *top], seed=3, dtype="float64") for net in ([Input(shape), below], []))
    for model, given in ((both, x), (alone, both.activations(x, "below")["below"])):
        model.compile("mse", ln.optimizers.SGD(0.1), rule=rule)
        if model is alone:
            model.build(given.shape[1:])
            model.set_params({name: both.params[name] for name in ("b", "c")})
        found = model.gradients(given, y)
        if model is both:
            first = found
            zero = {name: own for name, own in found.items() if name.startswith("below")}
            assert zero
            assert all((array == 0).all() for own in zero.values() for array in own.values())
    for name in ("b", "c"):
        np.testing.assert_array_equal(found[name]["W"], first[name]["W"])
    assert rule == "np" or (found["b"]["b"] == 0).all()


# --- layers with rules of their own ------------------------------------------------------------------


def test_a_layer_may_have_a_rule_of_its_own():
    net = Sequential([Input(5), Dense(6, "tanh"), Dense(4, "tanh", rule="fa"), Dense(3, "softmax")])
    state, grads = gradient("backprop", net)
    B, p = state.feedback.weights, state.params
    assert list(B) == ["dense2"]
    expected = literal(p, lambda n, d, e, t: times(d, (B["dense2"]["W"] if n == "dense2" else p[n]["W"]).T))
    np.testing.assert_allclose(grads["dense1"]["W"], expected["dense1"]["W"], rtol=1e-10)


def test_a_model_takes_a_rule_by_name():
    (x, y), _ = ln.data.load("digits")
    accuracy = {}
    for rule in ("backprop", "fa", "dfa", "kp", "shallow"):
        # From small weights, in which random feedback finds its way sooner (Nokland 2016 begins with zeros).
        hidden = [Dense(64, "tanh", initializer="glorot_uniform") for _ in range(2)]
        model = ln.Model([Input(64), *hidden, Dense(10, "softmax")], seed=0)
        model.compile("categorical_crossentropy", "adam", ["accuracy"], rule=rule)
        model.fit(x, y, epochs=8, verbose=0)
        accuracy[rule] = model.evaluate(x, y).accuracy
    assert min(accuracy[rule] for rule in ("backprop", "fa", "dfa", "kp")) > 0.92, accuracy
    assert accuracy["shallow"] < accuracy["fa"]


def test_unknown_rules():
    with pytest.raises(LucidnetError, match="unknown rule 'fb': did you mean"):
        rules.get("fb")
    with pytest.raises(LucidnetError, match="space must be one of"):
        Rule(3)
    with pytest.raises(LucidnetError, match="no effect, because this layer has no parameters"):
        gradient("backprop", Sequential([Input(5), Dropout(0.1, rule="fa"), Dense(3, "softmax")]))


def test_feedback_weights_are_saved_and_set(tmp_path):
    model = ln.Model([Input(5), Dense(6, "tanh"), Dense(4, "tanh", rule="dfa"), Dense(3, "softmax")])
    model.compile("categorical_crossentropy", "sgd", rule="kp")
    model.set_feedback(tree_map(lambda a: a + 1, model.feedback))
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.safetensors")
    again = ln.load(tmp_path / "m.safetensors")
    assert again.rule == model.rule
    assert list(again.feedback) == ["dense2", "dense3"]
    np.testing.assert_array_equal(flat(again.feedback), flat(model.feedback))
    with pytest.raises(LucidnetError, match="expected arrays of shapes"):
        model.set_feedback({})


def test_feedback_of_weights_that_begin_as_zeros_is_random():
    net = Sequential([Input(5), Dense(6, "tanh", initializer="zeros"), Dense(3, initializer="zeros")])
    feedback = step_of("fa", net, loss="mse").start((5,)).feedback.weights
    assert np.abs(feedback["dense2"]["W"]).max() > 0.1
    given = step_of(rules.FeedbackAlignment("zeros"), net, loss="mse").start((5,)).feedback.weights
    assert not given["dense2"]["W"].any()
