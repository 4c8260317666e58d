"""Recurrent layers against PyTorch, and through a model: masks, carried states, one step at a time."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.backend import Stream
from lucidnet.errors import SettingError, ShapeError
from lucidnet.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    Input,
    LeakyRNN,
    Masking,
    Run,
    Sequential,
    SimpleRNN,
)

N, T, D, U = 3, 7, 4, 5
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, T, D))


def gru_order(array, axis=-1):
    """From our order of gates, z, r, g, to PyTorch's: r, z, n."""
    z, r, g = np.split(array, 3, axis)
    return np.concatenate([r, z, g], axis)


def into_torch(torch, kind, p):
    """A PyTorch layer with the same weights."""
    order = gru_order if kind is GRU else (lambda array: array)
    module = getattr(torch.nn, {SimpleRNN: "RNN"}.get(kind, kind.__name__))(D, U, batch_first=True).double()
    b_hh = np.zeros_like(p["b"])
    if kind is GRU:
        b_hh[2 * U :] = p["c"]
    pairs = [("weight_ih_l0", order(p["W"]).T), ("weight_hh_l0", order(p["U"]).T)]
    pairs += [("bias_ih_l0", order(p["b"])), ("bias_hh_l0", b_hh)]
    with torch.no_grad():
        for name, array in pairs:
            getattr(module, name).copy_(torch.from_numpy(np.ascontiguousarray(array)))
    return module, order


@pytest.mark.parametrize("kind", [SimpleRNN, LSTM, GRU])
def test_pytorch_agrees(kind):
    torch = pytest.importorskip("torch")
    layer = kind(U, return_sequences=True, bias_initializer="normal")
    params, _ = layer.init(Stream(2, dtype="float64"), (T, D))
    module, order = into_torch(torch, kind, params)
    x = torch.from_numpy(X).requires_grad_()
    expected, _ = module(x)
    y, cache = layer.forward(params, X)
    np.testing.assert_allclose(y, expected.detach(), rtol=1e-10, atol=1e-12)
    dy = RNG.normal(size=y.shape)
    expected.backward(torch.from_numpy(dy))
    dx, grads = layer.backward(params, cache, dy)
    np.testing.assert_allclose(dx, x.grad, rtol=1e-9, atol=1e-12)
    for ours, theirs in (("W", "weight_ih_l0"), ("U", "weight_hh_l0")):
        np.testing.assert_allclose(order(grads[ours]).T, getattr(module, theirs).grad, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(order(grads["b"]), module.bias_ih_l0.grad, rtol=1e-9, atol=1e-12)
    if kind is GRU:
        np.testing.assert_allclose(grads["c"], module.bias_hh_l0.grad[2 * U :], rtol=1e-9, atol=1e-12)


def test_lengths_are_pytorchs_packed_sequences():
    torch = pytest.importorskip("torch")
    lengths = np.array([7, 4, 1])
    layer = LSTM(U)
    params, _ = layer.init(Stream(2, dtype="float64"), (T, D))
    module, _ = into_torch(torch, LSTM, params)
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.from_numpy(X), lengths, batch_first=True)
    _, (h, _) = module(packed)
    y, _ = layer.forward(params, X, Run(mask=lengths[:, None] > np.arange(T)))
    np.testing.assert_allclose(y, h[0].detach(), rtol=1e-10)


def test_the_forget_gate_begins_open():
    params, _ = LSTM(U).init(Stream(0), (T, D))
    np.testing.assert_array_equal(params["b"], np.repeat([0, 1, 0, 0], U))
    assert params["b"].dtype == "float32"


def test_the_state_of_a_leaky_unit_decays_with_its_time_constant():
    layer = LeakyRNN(1, tau=20.0, return_sequences=True)
    params = {"W": np.zeros((1, 1)), "U": np.zeros((1, 1)), "b": np.zeros(1)}
    y, _ = layer.forward(params, (np.zeros((1, 400, 1)), np.ones((1, 1))))
    # Discrete time: exactly (1 - 1/tau)^t, near exp(-t/tau).
    np.testing.assert_allclose(y[0, :, 0], (1 - 1 / 20) ** np.arange(1, 401), rtol=1e-12)
    np.testing.assert_allclose(y[0, 19, 0], np.exp(-1), rtol=0.03)


def test_noise_is_there_in_training_only_and_has_its_deviation():
    layer = LeakyRNN(400, tau=1.0, noise=0.1, activation="linear", recurrent_initializer="zeros")
    params, _ = layer.init(Stream(0, dtype="float64"), (1, 1))
    x = np.zeros((200, 1, 1))
    quiet, _ = layer.forward(params, x)
    loud, _ = layer.forward(params, x, Run(True, Stream(5)))
    assert not quiet.any()
    assert abs(loud.std() - 0.1) < 4 * 0.1 / np.sqrt(2 * loud.size)
    np.testing.assert_array_equal(loud, layer.forward(params, x, Run(True, Stream(5)))[0])


# --- through a model --------------------------------------------------------------------------------


def tagger(**settings):
    model = ln.Model([Input((T, D)), GRU(8, return_sequences=True), Dense(2, "softmax")], seed=3, **settings)
    model.compile("categorical_crossentropy", ln.optimizers.Adam(0.02), ["accuracy"])
    return model


LENGTHS = RNG.integers(1, T + 1, 80)
SEQUENCES = RNG.normal(size=(80, T, D))
TAGS = (np.cumsum(SEQUENCES[..., 0], axis=1) > 0).astype(int)


def test_padding_changes_nothing():
    """What stands behind the end of a sequence reaches neither weights nor numbers."""
    one, two = tagger(), tagger()
    other, tags = SEQUENCES.copy(), TAGS.copy()
    behind = LENGTHS[:, None] <= np.arange(T)
    other[behind], tags[behind] = 1e3, 1
    one.fit(SEQUENCES, TAGS, mask=LENGTHS, epochs=2, verbose=0)
    two.fit(other, tags, mask=~behind, epochs=2, verbose=0)
    assert one.get_weights().tobytes() == two.get_weights().tobytes()
    assert one.history == two.history
    assert one.evaluate(SEQUENCES, TAGS, mask=LENGTHS) == two.evaluate(other, tags, mask=LENGTHS)


def test_the_loss_and_metrics_are_means_over_the_steps_that_count():
    model = tagger(dtype="float64")
    result, p = model.evaluate(SEQUENCES, TAGS, mask=LENGTHS), model.predict(SEQUENCES, mask=LENGTHS)
    counts = LENGTHS[:, None] > np.arange(T)
    likelihood = np.take_along_axis(p, TAGS[..., None], -1)[..., 0]
    np.testing.assert_allclose(result.loss, -np.log(likelihood)[counts].mean(), rtol=1e-12)
    np.testing.assert_allclose(result.accuracy, (p.argmax(-1) == TAGS)[counts].mean(), rtol=1e-12)


def test_batches_of_masked_sequences_count_by_their_steps():
    model = tagger(dtype="float64")
    whole = model.evaluate(SEQUENCES, TAGS, mask=LENGTHS)
    parts = model.evaluate(SEQUENCES, TAGS, mask=LENGTHS, batch_size=7)
    np.testing.assert_allclose([*whole.values()], [*parts.values()], rtol=1e-12)


def test_masking_finds_the_padding_by_itself():
    padded = np.where((LENGTHS[:, None] > np.arange(T))[..., None], SEQUENCES, 0.0)
    given, found = tagger(), ln.Model([Input((T, D)), Masking(), *tagger().net.layers[1:]], seed=3)
    found.compile("categorical_crossentropy", "adam", ["accuracy"])
    found.set_weights(given.get_weights())
    assert found.evaluate(padded, TAGS) == given.evaluate(padded, TAGS, mask=LENGTHS)
    np.testing.assert_array_equal(found.predict(padded), given.predict(padded, mask=LENGTHS))


def test_weights_for_each_time_step():
    model, weights = tagger(dtype="float64"), RNG.uniform(size=TAGS.shape)
    p = model.predict(SEQUENCES)
    expected = (-np.log(np.take_along_axis(p, TAGS[..., None], -1)[..., 0]) * weights).mean()
    np.testing.assert_allclose(model.train_step(SEQUENCES, TAGS, weights).loss, expected, rtol=1e-12)


def test_a_network_learns_to_tag():
    model = tagger()
    model.fit(SEQUENCES, TAGS, epochs=60, verbose=0)
    assert model.evaluate(SEQUENCES, TAGS).accuracy > 0.95


def streams(stateful):
    model = ln.Model(
        [Input((5, D)), LSTM(6, return_sequences=True, stateful=stateful), Dense(1)], dtype="float64"
    )
    model.compile("mse", ln.optimizers.SGD(0.0))
    return model


def test_a_stateful_layer_goes_on_where_the_batch_before_stopped():
    """Four streams of 20 steps, cut into batches of 5 steps, are what the whole streams are."""
    long = RNG.normal(size=(4, 20, D))
    y = RNG.normal(size=(4, 20, 1))
    pieces = np.concatenate([long[:, t : t + 5] for t in range(0, 20, 5)])
    targets = np.concatenate([y[:, t : t + 5] for t in range(0, 20, 5)])
    model, plain = streams(True), streams(False)
    whole, _ = model.net.forward(model.params, long)
    expected = ((whole - y) ** 2).mean()
    history = model.fit(pieces, targets, batch_size=4, shuffle=False, epochs=2, verbose=0)
    np.testing.assert_allclose(history["loss"], [expected, expected], rtol=1e-12)
    np.testing.assert_allclose(model.evaluate(pieces, targets, batch_size=4).loss, expected, rtol=1e-12)
    assert plain.evaluate(pieces, targets, batch_size=4).loss != expected


def test_stateful_layers_need_order_and_batches_of_one_size():
    x, y = RNG.normal(size=(6, 5, D)), RNG.normal(size=(6, 5, 1))
    with pytest.raises(SettingError, match="pass shuffle=False"):
        streams(True).fit(x, y, verbose=0)
    with pytest.raises(ShapeError, match="goes on in the states of 4 sequences, got a batch of 2"):
        streams(True).fit(x, y, batch_size=4, shuffle=False, verbose=0)


@pytest.mark.parametrize("kind", [SimpleRNN, LeakyRNN, GRU, LSTM])
def test_one_step_at_a_time(kind):
    layers = [Input((T, D)), kind(6, return_sequences=True), Dropout(0.3), kind(4, return_sequences=True)]
    model = ln.Model([*layers, Dense(2)])
    stepper, whole = model.stepper(), model.predict(X)
    for _ in range(2):
        made = np.stack([stepper.step(X[:, t]) for t in range(T)], axis=1)
        np.testing.assert_allclose(made, whole, rtol=1e-4, atol=1e-6)
        stepper.reset()


@pytest.mark.parametrize("layer", [SimpleRNN(4), LeakyRNN(4), GRU(4), LSTM(4), Dropout(0.3)])
def test_what_a_stepper_returned_can_be_written_into(layer):
    """The output may be the state, or the input."""
    model = ln.Model([Input((None, D)), layer])
    stepper, other = model.stepper(), model.stepper()
    for t in range(3):
        x = X[:, t].copy()
        made = stepper.step(x)
        np.testing.assert_array_equal(made, other.step(X[:, t]))
        made[...] = 99
        np.testing.assert_array_equal(x, X[:, t])


@pytest.mark.parametrize("layer", [Bidirectional(GRU(3, return_sequences=True)), Conv1D(3, 2)])
def test_what_cannot_go_one_step_at_a_time_says_so(layer):
    model = ln.Model([Input((T, D)), layer, Dense(2)])
    with pytest.raises(SettingError, match="cannot go one step at a time"):
        model.stepper()


def test_sequences_of_any_length(tmp_path):
    model = ln.Model([Input((None, D)), LSTM(6, return_sequences=True), Dense(2)])
    assert model.output_shape == (None, 2)
    assert "any x 2" in model.summary()
    whole = model.predict(X)
    np.testing.assert_allclose(model.predict(X[:, :3]), whole[:, :3], rtol=1e-5, atol=1e-6)
    model.compile("mse", "adam")
    model.fit(X, RNG.normal(size=(N, T, 2)), verbose=0)
    model.fit(X[:, :4], RNG.normal(size=(N, 4, 2)), verbose=0)
    model.save(tmp_path / "any.safetensors")
    again = ln.load(tmp_path / "any.safetensors")
    np.testing.assert_array_equal(again.predict(X[:, :2]), model.predict(X[:, :2]))
    with pytest.raises(ShapeError, match="expected inputs of shape"):
        model.predict(X[..., :2])
    with pytest.raises(ShapeError, match="cannot flatten"):
        ln.Model([Input((None, D)), Flatten(), Dense(1)]).build()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LSTM(0), "units must be a whole number"),
        (lambda: LSTM(3, stateful=True, go_backwards=True), "going backwards"),
        (lambda: LeakyRNN(3, tau=0.5), "tau must be at least 1"),
        (lambda: SimpleRNN(3, activation=Dense(3)), "without weights"),
        (lambda: Bidirectional(Dense(3)), "expected a recurrent layer"),
        (lambda: Bidirectional(GRU(3), "max"), "merge must be one of concat, sum, mul, got 'max'"),
        (lambda: Sequential([LSTM(3)]).init(Stream(), (5,)), r"expected sequences \(time, features\)"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises((SettingError, ShapeError, ValueError), match=message):
        make()
