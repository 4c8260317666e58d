"""The compiled engine makes the steps of the NumPy engine: 20 of them, in float64, to 1e-10."""

import signal

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers as L
from lucidnet import rules
from lucidnet.errors import LucidnetError, NonFiniteError, NotReadyError, SettingError
from lucidnet.layers import GRU, LSTM, Conv2D, Dense, Input, LeakyRNN, SimpleRNN
from lucidnet.optimizers import (
    EMA,
    SGD,
    Adam,
    AdamW,
    ClipGlobalNorm,
    ClipNorm,
    ClipValue,
    MaxNorm,
    Muon,
    Nadam,
    schedules,
)
from lucidnet.rules import Rule, SnAp, TruncatedBPTT
from lucidnet.tree import Layout, leaves

pytest.importorskip("jax")
pytestmark = pytest.mark.filterwarnings("ignore:Some donated buffers")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 5)), RNG.integers(0, 3, 40)
IMAGES = RNG.normal(size=(40, 6, 6, 2))
SEQUENCES = RNG.normal(size=(40, 7, 3))
TOKENS = RNG.integers(1, 9, (40, 7))
TOKENS[:, 5:] *= RNG.integers(0, 2, (40, 2))


def dense(**settings):
    return [Input(5), Dense(6, "tanh", **settings), Dense(4, "relu"), Dense(3, "softmax")]


def trained(
    layers, backend, x=X, y=Y, loss="categorical_crossentropy", optimizer="adam", rule="backprop", **fit
):
    """A model after 20 steps."""
    model = ln.Model(layers, seed=3, dtype="float64", backend=backend)
    model.compile(loss, optimizer, rule=rule)
    model.fit(x, y, verbose=0, **({"epochs": 4, "batch_size": 8} | fit))
    return model


def both(layers, **settings):
    """Train on both, and compare all that is left."""
    plain, fast = (trained(layers, backend, **settings) for backend in ("numpy", "jax"))
    assert plain.state.step == fast.state.step
    close(fast.get_weights(), plain.get_weights())
    close(flat(fast.feedback), flat(plain.feedback))
    for name, values in plain.history.items():
        close(fast.history[name], values)
    x, y = settings.get("x", X), settings.get("y", Y)
    close(fast.evaluate(x, y).loss, plain.evaluate(x, y).loss)
    one, two = (model.predict(x) for model in (fast, plain))
    for (_, a), (_, b) in zip(leaves(one), leaves(two), strict=True):
        close(a, b)
    for name, slot in plain.state.slots.items():
        close(fast.state.slots[name], slot)
    return plain, fast


def close(one, two):
    one, two = np.asarray(one), np.asarray(two)
    assert np.abs(one - two).max(initial=0) <= 1e-10 * max(np.abs(two).max(initial=0), 1)


def flat(tree):
    return Layout.of(tree).ravel(tree)


NETS = {
    "dense": (dense(), X, Y),
    "convolution": (
        [
            Input((6, 6, 2)),
            Conv2D(4, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.Flatten(),
            Dense(3, "softmax"),
        ],
        IMAGES,
        Y,
    ),
    "batch normalization": (
        [
            Input((6, 6, 2)),
            Conv2D(4, 3, padding="same"),
            L.BatchNormalization(),
            L.ReLU(),
            L.Flatten(),
            Dense(3, "softmax"),
        ],
        IMAGES,
        Y,
    ),
    "LSTM": ([Input((7, 3)), LSTM(5), Dense(3, "softmax")], SEQUENCES, Y),
    "GRU stateful": ([Input((7, 3)), GRU(5, stateful=True), Dense(3, "softmax")], SEQUENCES, Y),
    "both directions": ([Input((7, 3)), L.Bidirectional(SimpleRNN(4)), Dense(3, "softmax")], SEQUENCES, Y),
    "mask": ([Input((7,)), L.Embedding(9, 4, mask_zero=True), GRU(5), Dense(3, "softmax")], TOKENS, Y),
    "transformer": (
        [
            Input((7,)),
            L.Embedding(9, 8),
            L.PositionalEmbedding(7),
            L.TransformerBlock(2, 8, causal=True),
            Dense(9, "softmax"),
        ],
        TOKENS,
        TOKENS,
    ),
    "residual": ([Input(5), L.Residual(Dense(5, "tanh")), L.LayerNormalization(), Dense(3, "softmax")], X, Y),
}


@pytest.mark.parametrize("name", NETS)
def test_networks(name):
    layers, x, y = NETS[name]
    # Before a normalization over the batch a bias has no gradient but rounding, which Adam would blow up.
    optimizer = "sgd" if name == "batch normalization" else "adam"
    both(layers, x=x, y=y, shuffle="stateful" not in name, optimizer=optimizer)


OPTIMIZERS = [
    *(name for name in ln.optimizers.KNOWN if name != "lbfgs"),
    SGD(0.1, momentum=0.9, nesterov=True, decay=0.1, weight_decay=0.01),
    SGD(schedules.Cosine(0.2, 0.0, 20), momentum=schedules.Polynomial(0.9, 0.5, 20)),
    AdamW(schedules.Warmup(5, 0.01), weight_decay=schedules.StepDecay(0.1, 5, 0.5)),
    Adam(beta1=schedules.Polynomial(0.9, 0.5, 20), clip=ClipGlobalNorm(0.1)),
    Nadam(schedules.ExponentialDecay(0.01, 0.9)),
    Muon(other=AdamW(schedules.Cosine(0.01, 0.0, 20))),
    EMA(SGD(0.1, momentum=0.5), decay=0.9),
    SGD(0.5, clip=ClipValue(0.01)),
    SGD(0.5, clip=ClipNorm(0.05)),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_optimizers(optimizer):
    both(dense(), optimizer=optimizer)


@pytest.mark.parametrize("rule", [name for name in rules.SPACE if name not in ("np", "wp", "wm", "brsf")])
def test_rules_across_layers(rule):
    both(dense(), rule=rule, optimizer=SGD(0.1, momentum=0.5, weight_decay=0.01, clip=ClipGlobalNorm(0.5)))


@pytest.mark.parametrize("rule", ["np", "wp", "wm", "brsf", "uoro", "kernl"])
def test_rules_with_noise_repeat_themselves(rule):
    layers = [Input((7, 3)), LeakyRNN(5, tau=2.0), Dense(4, "tanh"), Dense(3, "softmax")]
    one, two = (trained(layers, "jax", x=SEQUENCES, rule=rule) for _ in range(2))
    np.testing.assert_array_equal(one.get_weights(), two.get_weights())
    np.testing.assert_array_equal(flat(one.feedback), flat(two.feedback))
    assert np.isfinite(one.get_weights()).all()


TIME = [
    "truncated",
    "rtrl",
    "snap1",
    "rflo",
    "eprop",
    SnAp(2),
    TruncatedBPTT(3, 2),
    Rule("fa", "rflo"),
    Rule("dfa", "eprop"),
]


@pytest.mark.parametrize("rule", TIME, ids=str)
@pytest.mark.parametrize("kind", [LeakyRNN, LSTM])
def test_rules_through_time(rule, kind):
    layers = [Input((7, 3)), kind(4, return_sequences=True), kind(3), Dense(4, "tanh"), Dense(3, "softmax")]
    both(layers, x=SEQUENCES, rule=rule)


def test_settings_of_layers():
    both(
        [
            Input(5),
            Dense(6, "tanh", learning_rate=0.5, l1=0.01, l2=0.02),
            Dense(5, "tanh", frozen=True),
            Dense(4, "tanh", weight_decay=0.1, constraint=MaxNorm(0.3)),
            Dense(3, "softmax", learning_rate=schedules.Cosine(0.1, 0.0, 20)),
        ],
        optimizer=SGD(0.1, momentum=0.9),
    )


def test_weights_and_accumulation_and_a_short_last_batch():
    weights = RNG.uniform(size=40)
    both(dense(), sample_weight=weights, batch_size=9)
    both(dense(), accumulate=2, batch_size=7)


def test_several_outputs():
    nodes = [("h", Dense(5, "tanh"), "x"), ("class", Dense(3, "softmax"), "h"), ("size", Dense(1), "h")]
    graph = L.Graph({"x": (5,)}, nodes, ("class", "size"))
    losses = {"class": "categorical_crossentropy", "size": "mse"}
    both(graph, x=X, y={"class": Y, "size": X[:, :1]}, loss=losses)


def test_dropout_repeats_itself():
    layers = [Input(5), Dense(20, "relu"), L.Dropout(0.5), L.GaussianNoise(0.1), Dense(3, "softmax")]
    one, two = (trained(layers, "jax") for _ in range(2))
    np.testing.assert_array_equal(one.get_weights(), two.get_weights())
    other = trained(layers, "numpy")
    assert np.abs(one.get_weights() - other.get_weights()).max() > 1e-3


@pytest.mark.parametrize("first", ["numpy", "jax"])
def test_a_checkpoint_of_one_is_resumed_by_the_other(first, tmp_path):
    second = "jax" if first == "numpy" else "numpy"
    layers = [Input((7, 3)), GRU(5, stateful=True), Dense(3, "softmax")]
    settings = {
        "x": SEQUENCES,
        "shuffle": False,
        "rule": "kp",
        "optimizer": SGD(0.1, momentum=0.9, weight_decay=0.01),
    }
    whole = trained(layers, first, epochs=6, **settings)
    trained(layers, first, epochs=3, resume=tmp_path, **settings)
    resumed = trained(layers, second, epochs=6, resume=tmp_path, **settings)
    close(resumed.get_weights(), whole.get_weights())
    close(flat(resumed.feedback), flat(whole.feedback))


def test_recording_and_validation_between_steps():
    given = {"record": ["dense1.W", "grads/dense1.W", "updates/dense1.W"], "record_every": 3}
    given |= {"validation_data": (X, Y), "validate_every": 4}
    plain, fast = both(dense(), **given)
    assert list(plain.history.steps) == list(fast.history.steps)
    for name, pairs in plain.history.steps.items():
        assert [step for step, _ in pairs] == [step for step, _ in fast.history.steps[name]], name
        for (_, one), (_, two) in zip(pairs, fast.history.steps[name], strict=True):
            close(two, one)


def test_a_step_that_is_not_finite_is_found():
    """The weights of the step before are kept, as on NumPy, and the message is the same."""
    found = []
    for backend in ("numpy", "jax"):
        model = ln.Model([Input(5), Dense(4), Dense(1)], seed=1, dtype="float64", backend=backend)
        model.compile("mse", SGD(1e3))
        with pytest.raises(
            NonFiniteError, match=r"step \d+: .* The weights of the last good step are kept"
        ) as error:
            model.fit(X, 100 * X[:, :1], epochs=50, batch_size=8, verbose=0)
        found.append((model.state.step, str(error.value)))
        assert np.isfinite(model.get_weights()).all()
    assert found[0][0] == found[1][0]
    assert found[0][1].split(";")[1:] == found[1][1].split(";")[1:]


def test_train_step_and_the_finder():
    plain, fast = (ln.Model(dense(), seed=0, dtype="float64", backend=b) for b in ("numpy", "jax"))
    for model in (plain, fast):
        model.compile("categorical_crossentropy", "sgd", ["accuracy"])
        for _ in range(3):
            result = model.train_step(X, Y)
        curve = model.lr_find(X, Y, steps=20)
    close(fast.get_weights(), plain.get_weights())
    assert result.accuracy == plain.evaluate(X, Y).accuracy or result.accuracy > 0
    assert curve.suggestion > 0


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("LUCIDNET_BACKEND", "jax")
    assert ln.Model(dense()).backend == "jax"
    assert ln.Model(dense(), backend="numpy").backend == "numpy"


def test_errors():
    with pytest.raises(SettingError, match="backend must be 'numpy', 'jax'"):
        trained(dense(), "torch")
    with pytest.raises(LucidnetError, match="no device of kind 'gpu' here, only: cpu"):
        trained(dense(), "jax:gpu")
    with pytest.raises(SettingError, match="runs on backend='numpy' only"):
        trained(dense(), "jax", optimizer="lbfgs")


def test_an_interrupt_waits_for_the_block():
    """The program has been given the arrays on the device: Ctrl-C comes when they are back."""
    plain, fast = (trained(dense(), backend) for backend in ("numpy", "jax"))
    programs = fast.step.engine.programs.made
    key = next(key for key in programs if key[0][0] == "block")
    program = programs[key]

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        return program(*arguments)

    programs[key] = interrupted
    with pytest.raises(KeyboardInterrupt):
        fast.fit(X, Y, batch_size=8, verbose=0)
    programs[key] = program
    plain.fit(X, Y, batch_size=8, verbose=0)
    for model in (plain, fast):
        model.train_step(X[:8], Y[:8])
    assert fast.state.step == plain.state.step == 26
    close(fast.get_weights(), plain.get_weights())


def test_a_state_that_was_given_away_cannot_be_read():
    model = trained(dense(), "jax")
    given = model.state
    model.train_step(X[:8], Y[:8])
    with pytest.raises(NotReadyError, match="go on from a checkpoint"):
        given.vector  # noqa: B018


BATCH_NORM = [Input(5), Dense(6), L.BatchNormalization(), L.ReLU(), Dense(3, "softmax")]
SHORT = {
    "dense": (dense(), X, Y, {}),
    "batch normalization": (BATCH_NORM, X, Y, {}),
    "weights": (dense(), X, Y, {"sample_weight": RNG.random(40)}),
    "mask, no time after": (
        [Input((7,)), L.Embedding(9, 4, mask_zero=True), GRU(5), Dense(3, "softmax")],
        TOKENS,
        Y,
        {},
    ),
    "mask and time": (
        [Input((7,)), L.Embedding(9, 4, mask_zero=True), GRU(5, return_sequences=True), Dense(9, "softmax")],
        TOKENS,
        TOKENS,
        {},
    ),
    "accumulated": (dense(), X, Y, {"accumulate": 2}),
}


@pytest.mark.parametrize("name", SHORT)
def test_a_short_last_batch_is_filled_up(name):
    """40 examples in batches of 12: the last has 4, and needs no program of its own."""
    layers, x, y, settings = SHORT[name]
    made = [
        trained(layers, backend, x, y, optimizer="sgd", batch_size=12, **settings)
        for backend in ("numpy", "jax")
    ]
    close(made[1].get_weights(), made[0].get_weights())
    close(made[1].history["loss"], made[0].history["loss"])
    sizes = {key for key in made[1].step.engine.programs.made if key[0][0] == "block"}
    assert len(sizes) == 1


@pytest.mark.parametrize("rule", ["fa", "np", "drtp", "wm"])
def test_rules_with_a_short_last_batch(rule):
    made = [trained(dense(), backend, rule=rule, batch_size=12) for backend in ("numpy", "jax")]
    if rule in ("fa", "drtp"):
        close(made[1].get_weights(), made[0].get_weights())
    assert np.isfinite(made[1].get_weights()).all()


def test_a_layer_of_the_users_that_looks_across_examples_is_never_filled_up():
    class Centred(L.Layer):
        def forward(self, params, x, run=None):
            return x - x.mean(0), None

        def backward(self, params, cache, dy, need_dx=True):
            return dy - dy.mean(0), {}

    layers = [Input(5), Dense(4), Centred(), Dense(3, "softmax")]
    made = [trained(layers, backend, batch_size=12) for backend in ("numpy", "jax")]
    close(made[1].get_weights(), made[0].get_weights())


def test_streams_of_batches_are_sent_ahead():
    def batches():
        return ((X[k : k + 12], Y[k : k + 12]) for k in range(0, 40, 12))

    made = [trained(dense(), backend, batches, None, epochs=4) for backend in ("numpy", "jax")]
    close(made[1].get_weights(), made[0].get_weights())
    assert len([key for key in made[1].step.engine.programs.made if key[0][0] == "block"]) <= 2


def test_data_that_do_not_fit_are_sent_block_by_block(monkeypatch):
    from lucidnet.training import feed

    monkeypatch.setattr(feed, "ON_DEVICE", 0)
    both(dense(), batch_size=12)


def test_products_in_bfloat16():
    """The products of one layer are those of factors rounded by another library's bfloat16."""
    import ml_dtypes

    def rounded(array):
        return np.asarray(array).astype(ml_dtypes.bfloat16).astype("float32")

    x, y = X.astype("float32"), RNG.normal(size=(40, 3)).astype("float32")
    model = ln.Model([Input(5), Dense(3)], dtype="mixed_bfloat16")
    model.compile("mse", SGD(0.1))
    W, b = (model.params["dense1"][name].copy() for name in ("W", "b"))
    z = rounded(x) @ rounded(W) + b
    np.testing.assert_allclose(model.predict(x), z, rtol=1e-5, atol=1e-6)
    dz = 2 * (z - y) / y.size
    model.train_step(x, y)
    change = (W - model.params["dense1"]["W"]) / 0.1
    np.testing.assert_allclose(change, rounded(x).T @ rounded(dz), rtol=1e-4, atol=1e-5)
    assert model.params["dense1"]["W"].dtype == "float32"
    assert np.abs(z - (x @ W + b)).max() > 1e-3


def test_bfloat16_reaches_into_loops_and_trains():
    layers, losses = [Input((7, 3)), LSTM(8), Dense(3, "softmax")], []
    for dtype in ("float32", "mixed_bfloat16"):
        model = ln.Model(layers, dtype=dtype, backend="jax", seed=1)
        model.compile("categorical_crossentropy", "adam")
        losses.append(model.fit(SEQUENCES, Y, epochs=60, batch_size=8, verbose=0)["loss"])
    assert 0 < np.abs(np.subtract(*losses)).max() < 0.02
    products = [line for line in lowered(model).splitlines() if "dot_general" in line]
    assert len(products) == 2 and all("bf16" in line for line in products)


def lowered(model):
    """The text of a program with two products: that of the inputs, and the recurrent one in a loop."""
    import jax

    from lucidnet.backend.mixed import with_bfloat16

    params = model.params["lstm1"]
    forward = with_bfloat16(lambda x: model.net.layers[1].forward(params, x)[0])
    return jax.jit(forward).lower(SEQUENCES.astype("float32")).as_text()


def test_a_short_last_block_needs_no_program_of_its_own(monkeypatch):
    """13 steps an epoch, at most 5 at once: blocks of 5, 5 and 3."""
    from lucidnet.training import compiled

    monkeypatch.setattr(compiled, "MOST", 5)
    made = [trained(dense(), backend, batch_size=3, epochs=2) for backend in ("numpy", "jax")]
    close(made[1].get_weights(), made[0].get_weights())
    close(made[1].history["loss"], made[0].history["loss"])
    assert len([key for key in made[1].step.engine.programs.made if key[0][0] == "block"]) == 1


def test_mixed_precision_and_meshes_are_for_jax():
    for settings in ({"dtype": "mixed_bfloat16"}, {"mesh": "all"}):
        with pytest.raises(SettingError, match="backend='jax'"):
            ln.Model(dense(), backend="numpy", **settings)
