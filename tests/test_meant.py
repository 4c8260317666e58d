"""What people who come from PyTorch may have meant is said: channels first, inputs before outputs."""

import warnings

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import DataError, FileError, MeaningWarning, SettingError, ShapeError
from lucidnet.layers import (
    GRU,
    LSTM,
    Add,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    ConvLSTM2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Graph,
    GroupNormalization,
    Input,
    LayerNormalization,
    MaxPooling2D,
    MultiHeadAttention,
    Permute,
    PReLU,
    ReLU,
    Reshape,
    Residual,
    RMSNormalization,
    Sequential,
    SimpleRNN,
    TimeDistributed,
)

NET = ln.Model([Input(4), Dense(3)])
SAME = Conv2D(4, 3, padding="same")
FIRST = {
    "as the first layer": [Input((3, 32, 32)), SAME],
    "of one channel": [Input((1, 28, 28)), SAME],
    "not square": [Input((3, 40, 64)), SAME],
    "behind what keeps the shape": [Input((1, 28, 28)), BatchNormalization(), ReLU(), Dropout(0.1), SAME],
    "made of rows": [Input(784), Reshape((1, 28, 28)), SAME],
    "inside": [Input((3, 32, 32)), Sequential([SAME, ReLU()])],
    "residual": [Input((3, 32, 32)), Residual(Conv2D(32, 3, padding="same"))],
    "mean": [Input((3, 32, 32)), GlobalAveragePooling2D()],
    "films": [Input((5, 1, 16, 16)), ConvLSTM2D(2, 3, padding="same")],
    "steps of films": [Input((5, 3, 16, 16)), TimeDistributed(SAME)],
    "branches": [Input((3, 16, 16)), Add([SAME, Conv2D(4, 1)])],
    "graph": [Graph({"x": (3, 32, 32)}, [("seen", SAME, "x")], "seen")],
}
LAST = {
    "as here": [Input((32, 32, 3)), SAME],
    "small places of many colours": [Input((3, 3, 200)), Conv2D(4, 3)],
    "electrodes": [Input((1, 128, 64)), Conv2D(4, (1, 5))],
    "deep inside": [Input((9, 96, 1)), Conv2D(32, (7, 3), (1, 3)), Conv2D(8, 3, padding="same")],
    "films": [Input((5, 16, 16, 1)), TimeDistributed(SAME), ConvLSTM2D(2, 3, padding="same")],
    "turned": [Input((3, 32, 32)), Permute((2, 3, 1)), SAME],
    "not looked at as images": [Input((3, 32, 32)), Flatten(), Dense(2)],
}


@pytest.mark.parametrize("name", FIRST)
def test_channels_that_may_come_first(name):
    with pytest.warns(MeaningWarning, match=r"channels, which come last. If [13] is the number") as seen:
        ln.Model(FIRST[name]).build()
    assert {one.filename for one in seen} == {__file__}  # where the model is made


def test_channels_of_data_alone():
    model = ln.Model([SAME, Flatten(), Dense(1)])
    model.compile("mse", "sgd")
    with pytest.warns(MeaningWarning, match=r"Input\(\(16, 16, 3\)\)"):
        model.fit(np.zeros((2, 3, 16, 16)), np.zeros((2, 1)), verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a model that is there is not asked again
        model.set_weights(model.get_weights())


@pytest.mark.parametrize("name", LAST)
def test_channels_that_come_last(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ln.Model(LAST[name]).build()


@pytest.mark.parametrize(
    ("given", "shape", "turn"),
    [
        ((3, 8, 8), (8, 8, 3), (0, 2, 3, 1)),
        ((1, 8, 8), (8, 8, 1), (0, 2, 3, 1)),
        ((3, 8, 6), (None, None, 3), (0, 2, 3, 1)),
        ((3, 20), (20, 3), (0, 2, 1)),
        ((6, 8, 3), (8, 6, 3), (0, 2, 1, 3)),
    ],
)
def test_data_that_must_be_turned_are_not_said_to_need_a_reshape(given, shape, turn):
    model = ln.Model([Input(shape), Conv1D(2, 1) if len(shape) == 2 else Conv2D(2, 1)])
    x = np.random.default_rng(0).normal(size=(2, *given))
    with pytest.raises(ShapeError, match="expected inputs of shape") as raised:
        model.predict(x)
    assert str(raised.value).endswith(f": turn the axes: x.transpose{turn}")
    turned = eval(str(raised.value).rpartition(": ")[2], {"x": x})
    assert model.predict(turned).shape[:2] == turned.shape[:2]


def test_rows_of_pixels_may_hold_either_order():
    model = ln.Model([Input((8, 8, 3)), Conv2D(2, 1)])
    with pytest.raises(ShapeError, match="the sizes agree") as raised:
        model.predict(np.zeros((2, 192)))
    for part in ("x.reshape(len(x), 8, 8, 3); if", "x.reshape(len(x), 3, 8, 8).transpose(0, 2, 3, 1)"):
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([Input((1, 28, 28)), Conv2D(4, 3)], r"1 high and 28 wide: .* begin with Permute\(\(2, 3, 1\)\)"),
        ([Input((3, 28, 28)), Conv2D(4, 3), MaxPooling2D()], r"begin with Permute\(\(2, 3, 1\)\)"),
        ([Input((3, 100)), Conv1D(4, 5)], r"3 time steps of 100 channels: .* Permute\(\(2, 1\)\)"),
        ([Input((28, 28, 1)), Conv2D(1, 32, 3)], r"as in PyTorch: Conv2D\(32, 3\)"),
    ],
)
def test_windows_that_do_not_fit(layers, said):
    with pytest.raises(ShapeError, match=said):
        ln.Model(layers).build()


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((6, 6, 1), r"Flatten\(\), or global pooling, "),
        ((6, 3), r"Flatten\(\), or a recurrent layer without ret"),
    ],
)
def test_outputs_with_axes_that_labels_do_not_have(shape, said):
    model = ln.Model([Input(shape), Dense(3, "softmax")])
    model.compile("categorical_crossentropy")
    with pytest.raises(ShapeError, match=said):
        model.fit(np.ones((4, *shape)), [0, 1, 2, 0], verbose=0)


def test_weights_by_a_step_of_ones_own():
    """Gradients have no branches for layers without weights, and neither need what is made of them."""
    model = ln.Model([Input(2), Dense(3), ReLU(), Dense(1)], seed=0)
    model.compile("mse")
    before, grads = model.params, model.gradients([[1.0, 2.0]], [[1.0]])
    model.set_params({a: {b: before[a][b] - 0.1 * g for b, g in some.items()} for a, some in grads.items()})
    np.testing.assert_allclose(
        model.params["dense1"]["W"], before["dense1"]["W"] - 0.1 * grads["dense1"]["W"], rtol=1e-6
    )
    with pytest.raises(ShapeError, match="expected arrays of shapes"):
        model.set_params({"dense1": before["dense1"]})


def test_a_momentum_of_pytorch():
    model = ln.Model([Input(3), Dense(4), BatchNormalization(momentum=0.1), Dense(1)])
    with pytest.warns(MeaningWarning, match=r"keeps 0\.1 of its running .*: BatchNormalization\(0\.9\)"):
        model.build()
    ln.Model([Input(3), BatchNormalization(momentum=0.9), Dense(1)]).build()  # and none is warned of


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ln.optimizers.SGD(lambda epoch: 0.1 * 0.9**epoch), "a function of the step, .* not of the epoch"),
        (lambda: ln.optimizers.get(lambda p, g: p - g), "one of your own is a subclass of Optimizer"),
        (lambda: Dense(3, initializer=lambda shape: np.zeros(shape)), "a subclass of Initializer"),
        (lambda: NET.fit([[1.0] * 4], [[1.0]], callbacks=[lambda: 0]), "your own are subclasses of Callback"),
    ],
)  # fmt: skip
def test_what_of_ones_own_is_another_thing_here(make, said):
    with pytest.raises(SettingError, match=said):
        make()


def test_small_windows_say_nothing_of_it():
    with pytest.raises(ShapeError, match=r"\(padding='same'\) from layer 0"):
        ln.Model([Input((4, 4, 1)), Conv2D(4, 5)]).build()


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([Input((32, 32, 3)), Conv2D(3, 16, 5)], r"3 channels, 16 filters .* Conv2D\(16, 5\)"),
        ([Input((7, 64)), MultiHeadAttention(64, 8)], r"64 heads, .* MultiHeadAttention\(8\)"),
    ],
)
def test_inputs_before_outputs(layers, said):
    with pytest.warns(MeaningWarning, match=said):
        ln.Model(layers).build()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Dense(64, 10), r"got 10; how many come in is found: Linear\(64, 10\) .* is Dense\(10\)"),
        (lambda: LSTM(64, 10), r"LSTM\(64, 10\) of PyTorch is LSTM\(10\)"),
        (lambda: GRU(64, 10), r"GRU\(64, 10\) of PyTorch is GRU\(10\)"),
        (lambda: SimpleRNN(64, 10), r"of PyTorch is SimpleRNN\(10\)"),
        (lambda: BatchNormalization(64), r"is BatchNormalization\(\)"),
        (lambda: LayerNormalization(64), r"must be above 0 and below 1, got 64; .* LayerNormalization\(\)"),
        (lambda: RMSNormalization(64), "must be above 0 and below 1, got 64"),
        (lambda: GroupNormalization(8, 64), r"is GroupNormalization\(8\)"),
        (lambda: ln.optimizers.SGD([0.1, 0.01]), r"are a schedule: Piecewise"),
        (lambda: ln.optimizers.SGD(NET.parameters(), 0.1), r"the model brings its weights: SGD\(0.01\)"),
        (lambda: PReLU(64), "must be at most 1, got 64; it is the slope in the beginning"),
    ],
)
def test_numbers_in_the_place_of_other_settings(make, said):
    with pytest.raises(SettingError, match=said):
        make()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Sequential(Dense(1), ReLU()), r"here it is Sequential\(\[...\]\)"),
        (lambda: Flatten(1), r"here it is Flatten\(\)"),
        (lambda: Dropout(0.5, True), r"here it is Dropout\(rate\)"),
        (lambda: ReLU(True), r"here it is ReLU\(\)"),
    ],
)
def test_arguments_too_many(make, said):
    with pytest.raises(TypeError, match=said):
        make()


def test_a_pass_is_not_its_numbers():
    tape = ln.Model([Input(2), Dense(1)]).forward([[1.0, 2.0]])
    target = np.ones((1, 1))
    for use in (lambda: tape - 1, lambda: target - tape, lambda: -tape, lambda: np.mean(tape)):
        with pytest.raises(TypeError, match=r"numbers are tape\.output"):
            use()
    assert tape  # it is there


def test_what_is_assigned_to_a_layer():
    with pytest.raises(AttributeError, match=r"here it is frozen, .* model\.set\(layer=name, frozen=True\)"):
        Dense(1).trainable = False
    with pytest.raises(AttributeError, match=r"model\.set\(l2=\.\.\.\) changes a model's"):
        Dense(1).l2 = 0.1


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([Input((9, 3)), LSTM(8), LSTM(4)], r"got \(8,\); return_sequences=True in LSTM\(8\) gives all time"),
        ([Input((9, 3)), GRU(8), MultiHeadAttention(2)], r"return_sequences=True in GRU\(8\)"),
        ([Input((9, 3)), LSTM(8), Conv1D(2, 3)], r"return_sequences=True in LSTM\(8\)"),
        ([Input((9, 3)), Bidirectional(LSTM(8)), LSTM(4)], "return_sequences=True in .*Concatenate"),
        (
            [Graph({"x": (9, 3)}, [("a", LSTM(8), "x"), ("b", LSTM(4), "a")], "b")],
            r"node 'b' .*return_sequences=True in LSTM\(8\)",
        ),
        (
            [Input(3), LSTM(4)],
            r"Reshape\(\(3, 1\)\) makes one feature, of whole numbers .* an Embedding makes",
        ),
        ([Input(784), Conv2D(2, 3)], r"Reshape\(\(28, 28, 1\)\) makes images of such rows"),
        ([Input(3072), Conv2D(2, 3)], r"Reshape\(\(32, 32, 3\)\) makes images of such rows"),
        ([Input((None, 28, 28, 1)), Conv2D(2, 3)], "the axis of the examples is no part of a shape"),
        ([Input((32, 28, 28, 1)), Conv2D(2, 3)], "the axis of the examples is no part of a shape"),
    ],
)
def test_inputs_of_another_kind(layers, said):
    with pytest.raises(ShapeError, match=said):
        ln.Model(layers).build()


def test_a_model_is_no_layer_of_another():
    one = ln.Model([Input(4), Dense(3)])
    with pytest.raises(SettingError, match=r"\[\*model\.net\.layers, Dense\(2\)\].*load_weights"):
        ln.Model([one, Dense(2)])
    other = ln.Model([*one.net.layers, Dense(2)])
    other.load_weights(one.params, strict=False)
    np.testing.assert_array_equal(other.params["dense1"]["W"], one.params["dense1"]["W"])


def test_weights_in_a_list_are_no_vector():
    model = ln.Model([Input(4), Dense(3)])
    with pytest.raises(SettingError, match=r"one vector, as get_weights\(\) .* set_params\(tree\)"):
        model.set_weights([np.ones((4, 3)), np.ones(3)])
    model.set_weights([1] * 15)  # a vector all the same
    assert (model.params["dense1"]["W"] == 1).all()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("m.pt", r"a file of PyTorch: load it there; lucidnet.convert\(network\)"),
        ("m.safetensors", "damaged"),
    ],
)
def test_a_file_that_is_no_model(tmp_path, name, said):
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04" * 9)
    with pytest.raises(FileError, match=said):
        ln.load(path)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (("fa", "eprop"), r"write Rule\('fa', 'eprop'\)"),
        ("fa + eprop", r"write Rule\('fa', 'eprop'\)"),
        (ln.rules.FeedbackAlignment, r"write FeedbackAlignment\(\), made"),
        (ln.rules.RFLO, r"write RFLO\(\), made"),
        ("snap2", r"write SnAp\(2\)"),
    ],
)
def test_rules_written_in_another_way(rule, said):
    model = ln.Model([Input((6, 3)), LSTM(5), Dense(3)])
    with pytest.raises(SettingError, match=said):
        model.compile("mse", "sgd", rule=rule)


def test_one_example_and_too_few_to_hold_some_back():
    net = ln.mlp([2, 1])
    net.compile("mse")
    with pytest.raises(DataError, match=r"shape \(2,\): a single example is x\[None\], .* x\[:, None\]"):
        net.predict(np.ones(2))
    with pytest.raises(DataError, match="validation_split=0 does without"):
        ln.race(net, (np.ones((4, 2)), np.ones((4, 1))), ["fa"], verbose=0)
