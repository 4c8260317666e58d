"""Learning at each time step is learning over the whole sequence, by rules that go forwards."""

import gc
import pickle
import tracemalloc

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import LucidnetError, NonFiniteError, NotReadyError, SettingError
from lucidnet.layers import GRU, LSTM, Dense, Graph, Input, LeakyRNN, SimpleRNN
from lucidnet.optimizers import SGD
from lucidnet.rules import Rule, TruncatedBPTT
from lucidnet.tree import at, leaves, tree_map

N, T = 3, 7
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(N, T, 2)), RNG.normal(size=(N, T, 1))


def model(layers, optimizer, rule="backprop"):
    made = ln.Model([Input((None, 2)), *layers, Dense(1)], dtype="float64", seed=2)
    made.compile("mse", optimizer, rule=rule)
    made.build()
    return made


@pytest.mark.parametrize(
    "rule",
    ["rtrl", "snap1", "uoro", "kernl", "rflo", "eprop", Rule(time=TruncatedBPTT(3)), TruncatedBPTT(T, T)],
    ids=str,
)
@pytest.mark.parametrize("kind", [SimpleRNN, LeakyRNN, GRU, LSTM])
def test_a_sequence_step_by_step_is_the_sequence(rule, kind):
    """One update after T steps, by the sum of their gradients: T times that of the mean over time."""
    layers = [kind(4, return_sequences=True)]
    whole, stream = model(layers, SGD(0.1), rule), model(layers, SGD(0.1 / T))
    predicted = stream.predict(X)
    whole.train_step(X, Y)
    online = stream.online(rule, every=T)
    for t in range(T):
        y = online.step(X[:, t], Y[:, t])
        np.testing.assert_allclose(y, predicted[:, t], rtol=1e-10)
    np.testing.assert_allclose(stream.get_weights(), whole.get_weights(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("layer_rule", [None, "kp"])
@pytest.mark.parametrize("space", ["kp", "wm", "brsf"])
def test_feedback_weights_learn_as_in_training_steps(space, layer_rule):
    """Three sequences, an update after each; the weights B of the model itself stay."""

    def optimizer(rate):
        return SGD(rate, momentum=0.9, weight_decay=0.1, clip=ln.optimizers.ClipGlobalNorm(0.5 * rate / 0.1))

    layers = [LeakyRNN(4, return_sequences=True), Dense(3, "tanh", rule=layer_rule)]
    whole, stream = (model(layers, optimizer(0.1), Rule(space, "rflo")) for _ in range(2))
    online, before = stream.online(every=T), stream.feedback
    for _ in range(3):
        whole.train_step(X, Y, sample_weight=[T] * N)  # a sum over time, as that of the steps
        online.reset()
        for t in range(T):
            online.step(X[:, t], Y[:, t])
    np.testing.assert_allclose(stream.get_weights(), whole.get_weights(), rtol=1e-10)
    moved = 0.0
    for path, array in leaves(whole.feedback):
        np.testing.assert_allclose(at(online.feedback, path), array, rtol=1e-9, atol=1e-14)
        np.testing.assert_array_equal(at(stream.feedback, path), at(before, path))
        moved += np.abs(array - at(before, path)).sum()
    assert moved > 0.1


@pytest.mark.parametrize("compiled", ["kp", "fa"])
def test_a_stream_by_another_rule_leaves_the_training_whole(compiled):
    """On JAX what the optimizer remembers of B was made for the rule of the stream, or not at all."""
    found = []
    for backend in ("numpy", "jax"):
        made = ln.Model([Input((None, 2)), LeakyRNN(3, return_sequences=True), Dense(1)], backend=backend)
        made.compile("mse", "adam", rule=compiled)
        online = made.online("rflo" if compiled == "kp" else Rule("kp", "rflo"))
        for _ in range(2):
            online.run(X.swapaxes(0, 1), Y.swapaxes(0, 1))
            made.train_step(X, Y)
        copy = pickle.loads(pickle.dumps(online))
        for each in (online, copy):
            each.run(X.swapaxes(0, 1), Y.swapaxes(0, 1))
        np.testing.assert_array_equal(copy.model.get_weights(), made.get_weights())
        found.append(made.get_weights())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy"])
def test_an_error_that_is_sent_to_all_layers_is_that_before_the_last_activation(loss):
    """As in a sequence, and whatever rule the model itself is trained by."""
    layers, rule = (
        [Input((None, 2)), LeakyRNN(4, return_sequences=True), Dense(1, "sigmoid")],
        Rule("dfa", "rflo"),
    )
    whole, stream = (ln.Model(layers, dtype="float64", seed=2) for _ in range(2))
    whole.compile(loss, SGD(0.1), rule=rule)
    stream.compile(loss, SGD(0.1 / T))
    online = stream.online(rule, every=T)
    whole.set_feedback(online.feedback)
    whole.train_step(X, Y > 0)
    for t in range(T):
        online.step(X[:, t], Y[:, t] > 0)
    np.testing.assert_allclose(stream.get_weights(), whole.get_weights(), rtol=1e-9, atol=1e-12)


def squashed(optimizer, rule="backprop", loss="mse"):
    """A network whose loss does not compute the final activation; the one below it has feedback weights."""
    layers = [Input((None, 2)), LeakyRNN(4, return_sequences=True), Dense(3, "tanh"), Dense(1, "sigmoid")]
    made = ln.Model(layers, dtype="float64", seed=2)
    made.compile(loss, optimizer, rule=rule)
    made.build((None, 2))
    return made


@pytest.mark.parametrize("space", ["dfa", "fa", "drtp", "usf"])
def test_the_error_and_the_feedback_weights_are_those_of_a_model_compiled_with_the_rule(space):
    """Direct feedback sends the error before the final activation, also after the rate has been changed."""
    rule = Rule(space, "rflo")
    whole, stream = squashed(SGD(0.1), rule), squashed(SGD(7.0))
    online = stream.online(rule, every=T)
    np.testing.assert_array_equal(
        online.feedback["dense2"][next(iter(online.feedback["dense2"]))],
        whole.feedback["dense2"][next(iter(online.feedback["dense2"]))],
    )
    whole.train_step(X, Y)
    stream.set(learning_rate=0.1 / T)
    online.run(X.swapaxes(0, 1), Y.swapaxes(0, 1))
    np.testing.assert_allclose(stream.get_weights(), whole.get_weights(), rtol=1e-9, atol=1e-12)


def test_a_loss_that_is_changed_under_way_is_joined_in_the_same_way():
    rule, losses = Rule("dfa", "rflo"), []
    for first in ("mae", "mse"):
        made = squashed(SGD(0.1), loss=first)
        online = made.online(rule)
        made.compile("mse", SGD(0.1))
        online.run(X.swapaxes(0, 1), Y.swapaxes(0, 1))
        losses.append(online.losses)
    np.testing.assert_array_equal(*losses)


def test_a_model_that_was_saved_goes_on_with_the_same_feedback_weights(tmp_path):
    """Drawn by the seed alone; or the model's own, if it was compiled with the rule."""
    rule, xs, ys = Rule("fa", "rflo"), X.swapaxes(0, 1), Y.swapaxes(0, 1)
    for compiled in ("backprop", rule):
        made = squashed(SGD(0.1), compiled)
        if compiled is rule:
            made.set_feedback(tree_map(lambda B: 2 * B, made.feedback))
        online = made.online(rule)
        online.run(xs, ys)
        made.save(tmp_path / "m.safetensors")
        again = ln.load(tmp_path / "m.safetensors").online(rule)
        np.testing.assert_array_equal(again.feedback["dense3"]["W"], online.feedback["dense3"]["W"])
        online.reset()
        np.testing.assert_array_equal(again.run(xs, ys), online.run(xs, ys))


@pytest.mark.parametrize(
    ("compiled", "taken"),
    [
        ("backprop", Rule("backprop", "rflo")),
        ("fa", Rule("fa", "rflo")),
        (Rule("dfa", "eprop"), Rule("dfa", "eprop")),
        ("truncated", Rule("backprop", "truncated")),
    ],
    ids=str,
)
def test_the_rule_of_the_model_is_the_default(compiled, taken):
    assert squashed(SGD(0.1), compiled).online().rule == taken


@pytest.mark.parametrize("rule", ["rflo", "kernl", TruncatedBPTT(4)], ids=str)
def test_targets_that_come_late(rule):
    """The same gradients, as long as the weights are the same."""
    layers = [LeakyRNN(4, return_sequences=True)]
    now, late = model(layers, SGD(0.1)), model(layers, SGD(0.1))
    one, two = now.online(rule, every=T), late.online(rule, every=T, delay=3)
    before = late.get_weights()
    for t in range(T):
        one.step(X[:, t], Y[:, t])
    for t in range(T + 3):
        np.testing.assert_array_equal(late.get_weights(), before)
        two.step(X[:, t % T], Y[:, t - 3] if t >= 3 else None)
    np.testing.assert_allclose(late.get_weights(), now.get_weights(), rtol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("rule, delay", [("rflo", 0), ("uoro", 2), ("truncated", 2)])
def test_the_gradients_of_a_time_are_those_of_its_step(rule, delay, backend):
    made = ln.Model([Input((None, 2)), LeakyRNN(4, return_sequences=True), Dense(1)], backend=backend)
    made.compile("mse", SGD(0.5), rule=rule)
    online = made.online(delay=delay)
    for t in range(delay):
        with pytest.raises(NotReadyError, match="no prediction has waited for 2 steps yet"):
            online.gradients(X[:, t], Y[:, t])
        online.step(X[:, t])
    for t in range(delay, T):
        given = X[:, t], Y[:, t], [0.5, 0.0, 2.0]
        found, before = online.gradients(*given), tree_map(np.copy, made.params)
        online.step(*given)
        for layer, own in found.items():
            for name, gradient in own.items():
                expected = before[layer][name] - 0.5 * gradient
                np.testing.assert_allclose(made.params[layer][name], expected, rtol=1e-5, atol=1e-6)


def test_another_rule_beside_a_learner_tells_what_it_would_say():
    """While the weights stay, RTRL says what the whole sequence so far does by BPTT."""
    made = model([LeakyRNN(4, return_sequences=True)], SGD(0.0))
    online, exact = made.online("rflo"), made.online("rtrl")
    for t in range(T):
        said = exact.gradients(X[:, t], Y[:, t])["leakyrnn1"]["U"]
        _ = online.step(X[:, t], Y[:, t]), exact.step(X[:, t])
        weights = np.repeat([(np.arange(t + 1) == t) * (t + 1.0)], N, 0)
        true = made.gradients(X[:, : t + 1], Y[:, : t + 1], sample_weight=weights)["leakyrnn1"]["U"]
        np.testing.assert_allclose(said, true, rtol=1e-9, atol=1e-13)


def test_steps_without_a_target_are_not_counted():
    """Targets at every other time: each second of them moves the weights."""
    one, moved = model([LeakyRNN(4, return_sequences=True)], SGD(0.1)), []
    sparse = one.online("rflo", every=2)
    for t in range(T):
        before = one.get_weights()
        sparse.step(X[:, t], Y[:, t] if t % 2 == 0 else None)
        moved.append(not np.array_equal(one.get_weights(), before))
    assert moved == [False, False, True, False, False, False, True]


def test_what_kernl_learns_outlives_a_reset():
    online = model([LeakyRNN(4, return_sequences=True)], SGD(0.1)).online("kernl")
    for t in range(5):
        online.step(X[:, t], Y[:, t])
    A = online.feedback["leakyrnn1"]["time"]["A"]
    assert np.abs(A - np.eye(4)).max() > 1e-3
    online.reset()
    online.step(X[:, 5], Y[:, 5])
    assert online.feedback["leakyrnn1"]["time"]["steps"] == 6
    assert np.abs(online.feedback["leakyrnn1"]["time"]["A"] - A).max() < 0.2


def test_without_a_target_nothing_is_learned_but_the_traces_move():
    one = model([LeakyRNN(4, return_sequences=True)], SGD(0.1))
    two = model([LeakyRNN(4, return_sequences=True)], SGD(0.1))
    a, b = one.online("rflo"), two.online("rflo")
    before = one.get_weights()
    for t in range(4):
        a.step(X[:, t])
        b.step(X[:, t], Y[:, t], weights=np.zeros(N))
    np.testing.assert_array_equal(one.get_weights(), before)
    np.testing.assert_array_equal(two.get_weights(), before)
    a.step(X[:, 4], Y[:, 4])
    b.step(X[:, 4], Y[:, 4])
    np.testing.assert_array_equal(one.get_weights(), two.get_weights())
    a.reset()
    assert a.traces == {} == a.states


@pytest.mark.parametrize(
    ("loss", "activation", "y"),
    [
        ("categorical_crossentropy", "softmax", np.array([0, 2, 1])),
        ("binary_crossentropy", "sigmoid", RNG.integers(0, 2, (N, 3))),
    ],
)
def test_without_a_target_no_error_is_put_aside(loss, activation, y):
    """Not for later times either: truncated backpropagation carries errors back at every third time."""
    found = []
    for silent in (None, np.zeros(N)):
        cell = LeakyRNN(4, return_sequences=True)
        made = ln.Model([Input((None, 2)), cell, Dense(3, activation)], dtype="float64", seed=2)
        made.compile(loss, SGD(0.5))
        online = made.online(TruncatedBPTT(6, 3))
        for t in range(6):
            told = t % 3 == 2 or silent is not None
            online.step(X[:, t], y if told else None, silent if t % 3 != 2 else None)
        found.append(made.params["leakyrnn1"]["U"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_a_gradient_that_is_not_finite_leaves_the_learner_fit_to_go_on():
    """The sum of gradients in which it would have gone is still good."""
    made = model([LeakyRNN(4, return_sequences=True)], SGD(0.1))
    online, before = made.online("rflo", every=4), made.get_weights()
    with pytest.raises(NonFiniteError, match="step 0: the loss is infinite"):
        for t in range(3):
            online.step(X[:, t], Y[:, t] + (1.7e308 if t == 2 else 0))
    np.testing.assert_array_equal(made.get_weights(), before)
    assert online.steps == 2
    online.run(X.swapaxes(0, 1)[:2], Y.swapaxes(0, 1)[:2])
    assert made.state.step == 1
    assert np.isfinite(made.get_weights()).all()


def test_states_of_layers_that_do_not_learn_go_on_from_step_to_step():
    frozen = model([LeakyRNN(4, return_sequences=True, frozen=True)], SGD(0.1))
    predicted, online = frozen.predict(X), frozen.online("rflo")
    np.testing.assert_allclose([online.step(X[:, t]) for t in range(T)], predicted.swapaxes(0, 1), rtol=1e-10)


def test_it_learns_to_predict_a_wave():
    made = ln.Model([Input((None, 1)), LeakyRNN(20, tau=2.0, return_sequences=True), Dense(1)], seed=0)
    made.compile("mse", SGD(0.02))
    online, losses = made.online(ln.rules.Rule("fa", "rflo")), []
    for t in range(2500):
        online.step([[np.sin(t / 5)]], [[np.sin((t + 5) / 5)]])
        losses.append(online.loss)
    assert np.mean(losses[-200:]) < np.mean(losses[:200]) / 10


def test_memory_does_not_grow_with_time():
    made = ln.Model([Input((None, 1)), LeakyRNN(30, return_sequences=True), Dense(1)])
    made.compile("mse", SGD(0.001))
    online = made.online("rflo")

    def run(steps):
        for t in range(steps):
            online.step([[0.1 * (t % 7)]], [[0.2]])

    def held():
        gc.collect()  # what is held in circles goes at some time, and is not counted
        return tracemalloc.get_traced_memory()[0]

    run(200)
    tracemalloc.start()
    run(100)
    first = held()
    run(500)
    last = held()
    tracemalloc.stop()
    assert last - first < 2_000, "not even a number for each time"


@pytest.mark.filterwarnings("ignore::lucidnet.errors.InexactWarning")  # of the layer below
def test_classes_and_a_stack_of_layers():
    made = ln.Model(
        [Input((None, 2)), GRU(6, return_sequences=True), LSTM(5, return_sequences=True), Dense(3, "softmax")]
    )
    made.compile("categorical_crossentropy", "adam")
    online = made.online("eprop", every=2)
    for t in range(6):
        p = online.step(X[:, t], np.array([0, 2, 1]))
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-5)
    assert made.state.step == 3


@pytest.mark.parametrize(
    ("layers", "rule", "message"),
    [
        ([SimpleRNN(3, return_sequences=True)], "bptt", "goes back to the first time"),
        ([SimpleRNN(3, return_sequences=True, go_backwards=True)], "rtrl", "goes backwards"),
        ([Dense(3)], "rflo", "no recurrent layer"),
        ([SimpleRNN(3, return_sequences=True)], "np", "the gradient of a whole batch at once"),
        (
            [SimpleRNN(3, return_sequences=True)],
            "fa",
            r"truncated, as in Rule\(FeedbackAlignment\(\), RFLO\(\)\)$",
        ),
        ([SimpleRNN(3, return_sequences=True)], Rule("np", "rflo"), "the gradient of a whole batch at once"),
        (
            [SimpleRNN(3, return_sequences=True), Dense(2)],
            Rule("wp", "rflo"),
            "the gradient of a whole batch",
        ),
    ],
)
def test_what_cannot_learn_online_says_so(layers, rule, message):
    with pytest.raises(LucidnetError, match=message):
        model(layers, SGD(0.1)).online(rule)


def test_a_network_of_two_outputs_says_so():
    nodes = [("r", GRU(3, return_sequences=True), "x"), ("u", Dense(1), "r"), ("v", Dense(2), "r")]
    made = ln.Model([Graph({"x": (None, 2)}, nodes, ["u", "v"])])
    made.compile({"u": "mse", "v": "mse"})
    for ask in (made.online, made.stepper):
        with pytest.raises(LucidnetError, match="expected a network of one output, got u, v; "):
            ask()


@pytest.mark.filterwarnings("ignore::lucidnet.errors.InexactWarning")
@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("rule", ["rtrl", "snap1", "rflo", "uoro"])
def test_a_layer_that_is_used_twice_has_two_traces(rule, backend):
    """Step by step the gradients add up to those of the sequence."""
    nodes = [("r", SimpleRNN(3, return_sequences=True), "x"), ("s", "r", "r"), ("y", Dense(1), "s")]
    made = ln.Model([Graph({"x": (None, 3)}, nodes, "y")], seed=1, dtype="float64", backend=backend)
    made.compile("mse", SGD(0.0), rule=rule)
    x, y = RNG.normal(size=(2, 5, 3)), RNG.normal(size=(2, 5, 1))
    online, total = made.online(), 0
    for t in range(5):
        total = total + online.gradients(x[:, t], y[:, t])["graph0.r"]["U"] / 5
        online.step(x[:, t])
    assert len(online.traces) == 2
    np.testing.assert_allclose(total, made.gradients(x, y)["graph0.r"]["U"], rtol=1e-9, atol=1e-12)


def test_an_optimizer_of_whole_data_says_so_at_once():
    made = model([SimpleRNN(3, return_sequences=True)], ln.optimizers.LBFGS())
    with pytest.raises(SettingError, match="online: LBFGS needs the loss of all data at several points"):
        made.online("rflo")


OF_OTHER_TIMES = {
    "causal convolution": [ln.layers.Conv1D(4, 3, padding="causal")],
    "convolution": [ln.layers.Conv1D(4, 3, padding="same")],
    "far back": [ln.layers.Conv1D(4, 2, padding="causal", dilation=40)],
    "zeros at first": [ln.layers.Conv1D(2, 3, padding="causal", initializer="zeros")],
    "attention": [ln.layers.MultiHeadAttention(1)],
    "causal attention": [ln.layers.MultiHeadAttention(1, causal=True)],
    "positions": [ln.layers.SinusoidalEncoding()],
}


@pytest.mark.parametrize("ask", ["online", "stepper"])
@pytest.mark.parametrize("kind", [*OF_OTHER_TIMES, "mean"])
def test_where_other_times_matter_it_says_so(kind, ask):
    layers = [*OF_OTHER_TIMES.get(kind, []), LeakyRNN(5, return_sequences=True)]
    layers += [ln.layers.GlobalAveragePooling1D()] if kind == "mean" else []
    with pytest.raises(SettingError, match=f"^{ask}: this network cannot go one step at a time"):
        getattr(model(layers, SGD(0.0)), ask)()


@pytest.mark.parametrize("times", [None, 3, 100])
def test_where_they_do_not_a_stream_gives_what_predict_does(times):
    """A recurrent layer that is chaotic in single precision, too; normalization, dropout, one-wide windows."""
    layers = [
        ln.layers.Dropout(0.3),
        ln.layers.BatchNormalization(),
        ln.layers.Conv1D(4, 1),
        SimpleRNN(40, return_sequences=True, recurrent_initializer=ln.initializers.Normal(0.5)),
        ln.layers.LayerNormalization(),
        Dense(1),
    ]
    made = ln.Model([Input((times, 2)), *layers], dtype="float32", seed=2)
    made.compile("mse", SGD(0.0))
    x = X[:, :3].astype("float32")
    with pytest.warns(ln.errors.InexactWarning):
        online = made.online("rflo")
    seen = online.run(x.swapaxes(0, 1)).swapaxes(0, 1)
    np.testing.assert_allclose(
        seen[:, :, 0], made.net.forward(made.params, x)[0][:, :, 0], rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("ask", ["online", "stepper"])
def test_a_layer_that_takes_all_times_at_once_has_no_single_one(ask):
    layers = [Input((6, 2)), LeakyRNN(5, return_sequences=True), ln.layers.Flatten(), Dense(1)]
    made = ln.Model(layers)
    made.compile("mse", "sgd")
    with pytest.raises(SettingError, match=f"^{ask}: this network cannot go one step at a time"):
        getattr(made, ask)()


@pytest.mark.parametrize("backend", ["numpy", "jax:cpu"])
def test_states_and_traces_that_are_handed_out_are_of_numpy_and_stay(backend):
    """To write into the states changed what the learner went on with."""
    if backend != "numpy":
        pytest.importorskip("jax")
    made = ln.Model([Input((None, 2)), SimpleRNN(4, return_sequences=True), Dense(1)], backend=backend)
    made.compile("mse", SGD(0.1))
    online = made.online("rflo")
    online.run(X[:2].swapaxes(0, 1), Y[:2].swapaxes(0, 1))
    (states,), traces = online.states["simplernn1"].values(), online.traces[("simplernn1",)]
    assert all(isinstance(array, np.ndarray) for array in (states, *traces))
    before = states.copy()
    with pytest.raises(ValueError, match="read-only"):
        states[:] = 0
    online.step(X[:2, 0], Y[:2, 0])
    np.testing.assert_array_equal(states, before)


@pytest.mark.parametrize("rule", ["rflo", "truncated"])
def test_inputs_may_come_in_the_same_array_again_and_again(rule):
    """What waited for its target, or stood in a window, was learned with the inputs of a later time."""
    learners = [
        model([SimpleRNN(4, return_sequences=True)], SGD(0.1)).online(rule, delay=2) for _ in range(2)
    ]
    buffer = np.zeros((N, 2))
    for t in range(T):
        buffer[:] = X[:, t]
        learners[0].step(buffer, Y[:, t])
        learners[1].step(X[:, t].copy(), Y[:, t])
    np.testing.assert_array_equal(*(learner.model.get_weights() for learner in learners))
