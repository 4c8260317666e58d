"""The compiled engine makes the steps of the NumPy engine: 20 of them, in float64, to 1e-10."""

import copy
import signal

import numpy as np
import pairs
import pytest
from pairs import close, flat

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.errors import LucidnetError, NonFiniteError, SettingError
from lucidnet.layers import GRU, LSTM, Dense, Input
from lucidnet.optimizers import SGD

pytest.importorskip("jax")
from lucidnet.engine import on_jax
from lucidnet.engine import programs as compiled

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 5)), RNG.integers(0, 3, 40)
IMAGES = RNG.normal(size=(40, 6, 6, 2))
SEQUENCES = RNG.normal(size=(40, 7, 3))
TOKENS = RNG.integers(1, 9, (40, 7))
TOKENS[:, 5:] *= RNG.integers(0, 2, (40, 2))


def dense(**settings):
    return [Input(5), Dense(6, "tanh", **settings), Dense(4, "relu"), Dense(3, "softmax")]


def trained(layers, backend, x=X, y=Y, **settings):
    return pairs.trained(layers, backend, x=x, y=y, **settings)


def both(layers, x=X, y=Y, **settings):
    return pairs.both(layers, x=x, y=y, **settings)


def noisy():
    return [Input(5), Dense(20, "relu"), L.Dropout(0.5), L.GaussianNoise(0.1), Dense(3, "softmax")]


def test_random_numbers_do_not_depend_on_how_steps_are_put_together(monkeypatch, tmp_path):
    """Nor on the process: as in one piece, in blocks of other sizes, and gone on from a checkpoint."""
    whole = trained(noisy(), "jax", batch_size=7)
    close(whole.get_weights(), trained(noisy(), "numpy", batch_size=7).get_weights())
    np.testing.assert_array_equal(trained(noisy(), "jax", batch_size=7).get_weights(), whole.get_weights())
    trained(noisy(), "jax", batch_size=7, epochs=2, resume=tmp_path)
    resumed = trained(noisy(), "jax", batch_size=7, resume=tmp_path)
    close(resumed.get_weights(), whole.get_weights())
    monkeypatch.setattr(on_jax, "MOST", 4)
    close(trained(noisy(), "jax", batch_size=7).get_weights(), whole.get_weights())


def test_weights_and_accumulation_and_a_short_last_batch():
    weights = RNG.uniform(size=40)
    both(dense(), sample_weight=weights, batch_size=9)
    both(dense(), accumulate=2, batch_size=7)


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
    plain, _ = both(dense(), **given)
    assert len(plain.history.steps) >= 3


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
    curves = []
    for model in (plain, fast):
        model.compile("categorical_crossentropy", "sgd", ["accuracy"])
        for _ in range(3):
            result = model.train_step(X, Y)
        curves.append(model.lr_find(X, Y, steps=20))
    close(fast.get_weights(), plain.get_weights())
    assert result.accuracy == plain.evaluate(X, Y).accuracy or result.accuracy > 0
    assert curves[0].rates == curves[1].rates
    close(np.array(curves[1].losses), np.array(curves[0].losses))
    np.testing.assert_equal(curves[1].suggestion, curves[0].suggestion)  # NaN: these labels cannot be learned


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_network_of_one_array(optimizer):
    both([Input(5), Dense(3, "softmax", use_bias=False)], optimizer=optimizer)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_network_without_parameters(backend):
    """It is no float32 where float64 was asked for, only because it has no array of it; nor is a part."""
    model = ln.Model([Input(5), L.Rescaling(1 / 3), L.ReLU()], backend=backend, dtype="float64")
    model.compile("mse")
    for train in (model.fit, model.train_step):
        with pytest.raises(SettingError, match="nothing to train: the network has no parameters"):
            train(X, X)
    want = np.maximum(X / 3, 0)
    np.testing.assert_allclose(model.evaluate(X, X).loss, ((want - X) ** 2).mean(), rtol=1e-14)
    model.set_params(model.params)
    whole = ln.Model([*model.net.layers, Dense(2)], backend=backend, dtype="float64")
    whole.build()
    for made in (model, copy.deepcopy(model), whole.part(to="relu2"), whole.part(outputs=["relu2"])):
        np.testing.assert_allclose(made.predict(X), want, rtol=1e-15)


def test_the_environment_chooses(monkeypatch):
    monkeypatch.setenv("LUCIDNET_BACKEND", "jax")
    assert ln.Model(dense()).backend == "jax"
    assert ln.Model(dense(), backend="numpy").backend == "numpy"


def test_errors():
    with pytest.raises(SettingError, match="backend must be 'numpy', 'jax'"):
        trained(dense(), "torch")
    with pytest.raises(LucidnetError, match="no device of kind 'gpu' here, only: cpu"):
        trained(dense(), "jax:gpu")


def blocks():
    """The programs of blocks of steps, with their keys."""
    return [(key, made) for key, made in compiled.PROGRAMS.items() if isinstance(made, compiled.Program)]


def test_an_interrupt_waits_for_the_block():
    """What the program has made is kept: Ctrl-C comes when it has ended."""
    compiled.PROGRAMS.clear()
    plain, fast = (trained(dense(), backend) for backend in ("numpy", "jax"))
    ((key, program),) = blocks()

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        return program.function(*arguments)

    compiled.PROGRAMS[key] = program._replace(function=interrupted)
    with pytest.raises(KeyboardInterrupt):
        fast.fit(X, Y, batch_size=8, verbose=0)
    compiled.PROGRAMS[key] = program
    plain.fit(X, Y, batch_size=8, verbose=0)
    for model in (plain, fast):
        model.train_step(X[:8], Y[:8])
    assert fast.state.step == plain.state.step == 26
    close(fast.get_weights(), plain.get_weights())


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_state_that_was_handed_out_stays_as_it_was(backend):
    model = trained(dense(), backend)
    given, weights = model.state, model.get_weights()
    kept, memory = given.vector.copy(), {name: slot.copy() for name, slot in given.memory.items()}
    for _ in range(4):
        model.train_step(X[:8], Y[:8])
        assert not np.array_equal(model.get_weights(), kept)
    np.testing.assert_array_equal(given.vector, kept)
    np.testing.assert_array_equal(weights, kept)
    for name, slot in memory.items():
        np.testing.assert_array_equal(given.memory[name], slot)
    with pytest.raises(ValueError, match="read-only"):
        given.vector[0] = 0.0


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
    compiled.PROGRAMS.clear()
    made = [
        trained(layers, backend, x, y, optimizer="sgd", batch_size=12, **settings)
        for backend in ("numpy", "jax")
    ]
    close(made[1].get_weights(), made[0].get_weights())
    close(made[1].history["loss"], made[0].history["loss"])
    assert len(blocks()) == 1


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

    compiled.PROGRAMS.clear()
    made = [trained(dense(), backend, batches, None, epochs=4) for backend in ("numpy", "jax")]
    close(made[1].get_weights(), made[0].get_weights())
    assert len(blocks()) <= 2


def large(monkeypatch):
    """Let all data be too many to be copied for a device, or lent; return the calls that take rows of them."""
    from lucidnet.engine import transfer as feed

    calls, taken = [], feed.taken
    monkeypatch.setattr(feed, "ON_DEVICE", 0)
    monkeypatch.setattr(feed, "COPIED", 0)
    monkeypatch.setattr(feed, "lendable", lambda array, dtype: False)
    monkeypatch.setattr(feed, "taken", lambda *given: calls.append(given[1].shape) or taken(*given))
    return calls


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_of_large_data_rows_are_sent_block_by_block(monkeypatch, dtype):
    calls = large(monkeypatch)
    both(dense(), batch_size=12, x=np.abs(3 * X).astype(dtype), y=Y, sample_weight=RNG.random(40), use=True)
    assert (4, 12) in calls and (1, 12) not in calls


def test_of_large_data_masks_and_several_inputs_are_sent_too(monkeypatch):
    calls = large(monkeypatch)
    both([Input((7, 3)), LSTM(4), Dense(3, "softmax")], x=SEQUENCES, y=Y, mask=RNG.random((40, 7)) < 0.8)
    both([Input((7,)), L.Embedding(9, 4, mask_zero=True), LSTM(4), Dense(3, "softmax")], x=TOKENS, y=Y)
    nodes = [
        ("a", LSTM(4), "times"),
        ("b", Dense(4), "x"),
        ("ab", L.Add(), ["a", "b"]),
        ("y", Dense(3), "ab"),
    ]
    both(
        L.Graph({"x": (5,), "times": (7, 3)}, [*nodes, ("out", L.Softmax(), "y")], "out"),
        x={"x": X, "times": SEQUENCES},
        y=Y,
    )
    assert len(calls) >= 3


def test_what_is_sent_a_processor_reads_without_a_copy():
    import jax

    from lucidnet.backend.memory import aligned

    made = [aligned((3, k), "float32") for k in range(1, 40)]
    there = jax.device_put(made)
    assert all(a.unsafe_buffer_pointer() == b.ctypes.data for a, b in zip(there, made, strict=True))


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

    from lucidnet.backend.xla.mixed import with_bfloat16

    params = model.params["lstm1"]
    forward = with_bfloat16(lambda x: model.net.layers[1].forward(params, x)[0])
    return jax.jit(forward).lower(SEQUENCES.astype("float32")).as_text()


def test_a_short_last_block_needs_no_program_of_its_own(monkeypatch):
    """13 steps an epoch, at most 5 at once: blocks of 5, 5 and 3."""
    monkeypatch.setattr(on_jax, "MOST", 5)
    compiled.PROGRAMS.clear()
    made = [trained(dense(), backend, batch_size=3, epochs=2) for backend in ("numpy", "jax")]
    close(made[1].get_weights(), made[0].get_weights())
    close(made[1].history["loss"], made[0].history["loss"])
    assert len(blocks()) == 1


def test_mixed_precision_is_for_jax_and_so_are_rows_and_columns():
    with pytest.raises(SettingError, match="backend='jax'"):
        ln.Model(dense(), backend="numpy", dtype="mixed_bfloat16")
    with pytest.raises(SettingError, match="backend='jax'"):
        _ = ln.Model(dense(), backend="numpy", mesh="4x2").executor
