"""Networks of Keras, PyTorch and scikit-learn, converted: their numbers come out."""

import os
from collections import OrderedDict

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import FileError, InexactWarning, SettingError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(3, 4)).astype("float32")
SEQUENCES = RNG.normal(size=(3, 7, 4)).astype("float32")
IMAGES = RNG.normal(size=(2, 9, 8, 4)).astype("float32")
WORDS = RNG.integers(0, 5, (3, 7))


def near(found, expected, tolerance):
    assert found.shape == expected.shape
    size = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * size)


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("jax")
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras")


def in_order(keras, shape, *several):
    model = keras.Sequential([keras.Input(shape), *several])
    arrays = [np.abs(RNG.normal(size=each.shape)) * 0.4 + 0.1 for each in model.get_weights()]
    model.set_weights(arrays)
    return model


def of_keras(k):
    """Networks of Keras by what they are, each with inputs."""
    every = {"data_format": "channels_last"}
    return {
        "rows": (ROWS, k.Dense(5, "gelu"), k.LeakyReLU(), k.PReLU(), k.Dropout(0.5), k.Dense(3, "softmax")),
        "images": (
            IMAGES,
            k.ZeroPadding2D(((1, 0), (0, 2))),
            k.Conv2D(6, (3, 2), strides=2, padding="same", groups=2, activation="silu"),
            k.BatchNormalization(scale=False),
            k.DepthwiseConv2D(2, depth_multiplier=2, use_bias=False),
            k.SeparableConv2D(4, 3, padding="same"),
            k.GroupNormalization(2),
            k.Conv2DTranspose(3, 3, strides=2, padding="same"),
            k.UpSampling2D(2, interpolation="bilinear", **every),
            k.MaxPooling2D(2, padding="same"),
            k.Permute((2, 1, 3)),
            k.Flatten(),
            k.Dense(2),
        ),
        "sequences": (
            SEQUENCES,
            k.Conv1D(4, 3, padding="causal", dilation_rate=2),
            k.LayerNormalization(center=False),
            k.Bidirectional(k.LSTM(3, return_sequences=True)),
            k.GRU(4, return_sequences=True),
            k.TimeDistributed(k.Dense(3, "relu")),
            k.SimpleRNN(3, activation="relu", go_backwards=True, use_bias=False),
        ),
        "several axes": (SEQUENCES, k.LayerNormalization(axis=[1, 2], scale=False), k.Dense(2)),
        "words": (WORDS, k.Embedding(5, 4, mask_zero=True), k.Bidirectional(k.GRU(2), merge_mode="sum")),
    }


@pytest.mark.parametrize("name", ["rows", "images", "sequences", "several axes", "words"])
def test_keras_in_order(name, keras):
    """Layers one after the other, with the settings that they may have."""
    x, *several = of_keras(keras.layers)[name]
    theirs = in_order(keras, x.shape[1:], *several)
    model = ln.convert(theirs)
    near(model.predict(x), theirs.predict(x, verbose=0), 2e-6)
    assert model.net.layers[1].name == several[0].name


def test_keras_graphs(keras):
    """Branches, sums as operations, shared layers, attention, several inputs and outputs."""
    k = keras.layers
    x, other = keras.Input((7, 4), name="x"), keras.Input((4,), name="other")
    seen = k.MultiHeadAttention(2, 3)(x, x)
    y = k.LayerNormalization()(x + seen)
    y = k.GRU(4)(y, initial_state=other)
    shared = k.Dense(4, "tanh", name="shared")
    joined = k.Concatenate()([shared(y), shared(other), k.Multiply()([y, y])])
    theirs = keras.Model([x, other], [k.Dense(2, name="one")(joined), k.Dense(1, name="two")(joined)])
    found = ln.convert(theirs).predict({"x": SEQUENCES, "other": ROWS})
    one, two = theirs.predict([SEQUENCES, ROWS], verbose=0)
    near(found["one"], one, 2e-6)
    near(found["two"], two, 2e-6)


def test_what_keras_has_alone_is_refused(keras):
    """By the name of the layer, and what is known in its place."""
    k = keras.layers
    wrong = {
        r"layer 'same', Lambda: there is no such layer": k.Lambda(lambda x: x, name="same"),
        r"reset_after=False is not known, only True": k.GRU(2, reset_after=False),
        r"activation='relu' is not known, only 'tanh'": k.LSTM(2, activation="relu"),
        r"max_value=6": k.ReLU(max_value=6),
        r"turned around": k.LSTM(2, go_backwards=True, return_sequences=True),
        r"merge_mode='ave'": k.Bidirectional(k.LSTM(2), merge_mode="ave"),
        r"activation 'celu' is not known": k.Dense(2, "celu"),
    }
    for said, layer in wrong.items():
        with pytest.raises(SettingError, match=said):
            ln.convert(in_order(keras, (7, 4), layer))
    with pytest.raises(SettingError, match=r"no weights yet: begin it with keras\.Input"):
        ln.convert(keras.Sequential([k.Dense(2)]))
    with pytest.warns(InexactWarning, match=r"dropout=0\.2 acts in training, and is left out"):
        ln.convert(in_order(keras, (7, 4), k.LSTM(2, dropout=0.2)))


def of_torch(nn):
    """Networks of PyTorch by what they are, each with inputs and the shape of one."""
    images = IMAGES.transpose(0, 3, 1, 2)
    lines = SEQUENCES.transpose(0, 2, 1)
    return {
        "rows": (
            ROWS,
            None,
            nn.Linear(4, 5),
            nn.BatchNorm1d(5),
            nn.GELU(),
            nn.PReLU(5),
            nn.LayerNorm(5),
            nn.Softmax(1),
        ),
        "images": (
            images,
            (9, 8, 4),
            nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), groups=2),
            nn.BatchNorm2d(6),
            nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1),
            nn.GroupNorm(2, 4),
            nn.Sequential(nn.AvgPool2d(3, 2, 1), nn.MaxPool2d(2, 1)),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Softmax(1),
            nn.Flatten(),
            nn.Linear(192, 3, bias=False),
            nn.LogSoftmax(dim=1),
        ),
        "any size": (
            images,
            None,
            nn.Conv2d(4, 3, 3, padding="same"),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(3, 2),
        ),
        "lines": (
            lines,
            (7, 4),
            nn.Conv1d(4, 3, 2, dilation=2),
            nn.MaxPool1d(2),
            nn.Flatten(),
            nn.Linear(6, 2),
        ),
        "lines in groups": (lines, (7, 4), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(28, 2)),
        "lines of slopes": (lines, (7, 4), nn.PReLU(4), nn.Dropout1d(0.1), nn.Flatten(), nn.Linear(28, 2)),
        "lines by statistics": (lines, (7, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(28, 2)),
        "words": (
            WORDS,
            (7,),
            nn.Embedding(5, 4),
            nn.Linear(4, 3),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(21, 2),
        ),
    }


LINES = ["lines", "lines in groups", "lines of slopes", "lines by statistics"]


@pytest.mark.parametrize("name", ["rows", "images", "any size", *LINES, "words"])
@pytest.mark.parametrize("double", [False, True])
def test_torch_in_order(name, double):
    """Modules one after the other; channels are last here, and flattened in the order that they have there."""
    torch = pytest.importorskip("torch")
    x, shape, *several = of_torch(torch.nn)[name]
    theirs = torch.nn.Sequential(
        OrderedDict((f"part {chr(97 + k)}", one) for k, one in enumerate(several))
    ).eval()
    for module in theirs.modules():
        if hasattr(module, "running_var"):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    theirs = theirs.double() if double else theirs
    x = x.astype("float64") if double and x.dtype.kind == "f" else x
    expected = theirs(torch.tensor(x)).detach().numpy()
    order = {3: (0, 2, 1), 4: (0, 2, 3, 1)}.get(x.ndim, tuple(range(x.ndim)))
    model = ln.convert(theirs, shape)
    near(model.predict(x.transpose(order)), expected, 1e-12 if double else 2e-6)


def test_torch_recurrent():
    """Layers of several depths, both ways; the output is that of all times."""
    torch = pytest.importorskip("torch")
    for kind in (torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN):
        theirs = kind(4, 3, num_layers=2, bidirectional=True, batch_first=True).double()
        x = SEQUENCES.astype("float64")
        near(ln.convert(theirs).predict(x), theirs(torch.tensor(x))[0].detach().numpy(), 1e-12)
    with pytest.warns(InexactWarning, match=r"LSTM: dropout=0\.2 acts in training, and is left out"):
        ln.convert(torch.nn.LSTM(4, 3, num_layers=2, batch_first=True, dropout=0.2))


def test_other_doors_lead_to_convert(tmp_path):
    """Where people bring a network of another library, and files of theirs."""
    nn = pytest.importorskip("torch").nn
    theirs = nn.Sequential(nn.Linear(4, 3))
    model = ln.Model([ln.layers.Input(4), ln.layers.Dense(3)])
    model.build()
    for door in (
        lambda: ln.Model(theirs),
        lambda: ln.Model([nn.Linear(4, 3)]),
        lambda: model.load_weights(theirs),
        lambda: model.load_weights(theirs.state_dict()),
        lambda: ln.export(theirs, tmp_path / "net.py"),
    ):
        with pytest.raises(SettingError, match=r"convert\(network\) makes a model of .*PyTorch"):
            door()
    for name, said in (
        ("a.pt", "of PyTorch: load it"),
        ("a.keras", "of Keras: load it"),
        ("a.onnx", "own file"),
    ):
        (tmp_path / name).write_bytes(b"x" * 100)
        with pytest.raises(FileError, match=said):
            ln.load(tmp_path / name)


def test_what_torch_has_alone_is_refused():
    """By the name of the module; and what cannot be known has to be said."""
    nn = pytest.importorskip("torch").nn

    class Own(nn.Module):
        def forward(self, x):
            return x

    twice = nn.Linear(4, 4)
    wrong = {
        "Own: what a class of your own computes": Own(),
        "module '1', Own": nn.Sequential(nn.Linear(4, 4), Own()),
        "module '0.1', ReLU6: there is no such layer": nn.Sequential(
            nn.Sequential(nn.Linear(4, 4), nn.ReLU6())
        ),
        "module '1': it stands there twice": nn.Sequential(twice, twice),
        "padding_mode='reflect'": nn.Conv2d(3, 3, 3, padding_mode="reflect"),
        "Upsample: only nearest and bilinear by whole factors": nn.Sequential(
            nn.Conv2d(3, 3, 3), nn.Upsample(size=(4, 4))
        ),
        "output_size=None is not known, only 1": nn.Sequential(
            nn.Conv2d(3, 3, 3), nn.AdaptiveAvgPool2d(None)
        ),
        "divisor_override=3 is not known, only None": nn.Sequential(
            nn.Conv2d(3, 3, 3), nn.AvgPool2d(2, divisor_override=3)
        ),
        "approximate='tanh'": nn.Sequential(nn.Linear(4, 4), nn.GELU("tanh")),
        "dim=0: only over the features": nn.Sequential(nn.Linear(4, 4), nn.Softmax(0)),
        "batch_first=False": nn.LSTM(4, 3),
        r"give the shape of one, \(height, width, channels\)": nn.Sequential(
            nn.Conv2d(3, 3, 3), nn.Flatten()
        ),
        "no module tells what goes in": nn.Sequential(nn.Flatten(), nn.Linear(12, 3)),
        "put Flatten before it": nn.Sequential(nn.Conv2d(3, 3, 3), nn.Linear(4, 4)),
    }
    embedded = nn.Embedding(5, 4)  # after which the features are last there, too, and axis 1 is time
    for kind in (nn.GroupNorm(2, 4), nn.PReLU(4), nn.Dropout1d(0.1)):
        with pytest.raises(SettingError, match="takes axis 1 for the channels, and is given rows"):
            ln.convert(nn.Sequential(embedded, kind), (4,))
    first = nn.Sequential(nn.Softmax(-1), nn.Conv1d(4, 3, 2))  # over the places
    with pytest.raises(SettingError, match="dim=-1: only over the features, or channels"):
        ln.convert(first, (7, 4))
    for said, network in wrong.items():
        with pytest.raises(SettingError, match=said):
            ln.convert(network)
    with pytest.raises(
        SettingError, match=r"takes 3 features or channels, and is given inputs of shape \(3, 9, 8\)"
    ):
        ln.convert(nn.Conv2d(3, 3, 3), (3, 9, 8))
    with pytest.raises(SettingError, match="expected a network of Keras, PyTorch or scikit-learn, got 3"):
        ln.convert(3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sklearn():
    """To rounding in float64, with the names of classes, and a scaler before it; training goes on."""
    network, pipeline = pytest.importorskip("sklearn.neural_network"), pytest.importorskip("sklearn.pipeline")
    scaler = pytest.importorskip("sklearn.preprocessing").StandardScaler()
    x = RNG.normal(size=(30, 4)) * 3 + 1
    for labels in (
        np.array(["cat", "dog", "eel"])[np.arange(30) % 3],
        np.array(["no", "yes"])[np.arange(30) % 2],
    ):
        theirs = network.MLPClassifier((5, 3), activation="tanh", solver="lbfgs", max_iter=50).fit(x, labels)
        model = ln.convert(theirs)
        near(model.predict(x), theirs.predict_proba(x)[:, -model.predict(x).shape[1] :], 1e-12)
        assert (model.predict_classes(x) == theirs.predict(x)).all()
    two = network.MLPRegressor(hidden_layer_sizes=(4,), activation="logistic", solver="lbfgs", max_iter=50)
    theirs = pipeline.make_pipeline(scaler, two).fit(x, x[:, :2])
    model = ln.convert(theirs)
    near(model.predict(x), theirs.predict(x), 1e-12)
    model.compile("mse", "sgd")
    model.fit(x, x[:, :2], epochs=1, verbose=0)
    counts = network.MLPRegressor("poisson", (4,), solver="lbfgs", max_iter=5).fit(x, x[:, 0] ** 2)
    near(ln.convert(counts).predict(x)[:, 0], counts.predict(x), 1e-12)
    kinds = pytest.importorskip("sklearn.preprocessing")
    before = (
        scaler,
        kinds.MinMaxScaler((-1, 1)),
        "passthrough",
        kinds.MaxAbsScaler(),
        kinds.RobustScaler(),
        None,
    )
    search = pytest.importorskip("sklearn.model_selection").GridSearchCV
    theirs = search(pipeline.make_pipeline(*before, two), {"mlpregressor__alpha": [0.1]}, cv=2)
    near(ln.convert(theirs.fit(x, x[:, :2])).predict(x), theirs.predict(x), 1e-12)
    inside = pipeline.make_pipeline(pipeline.make_pipeline(scaler), search(two, {"alpha": [0.1]}, cv=2))
    near(ln.convert(inside.fit(x, x[:, :2])).predict(x), inside.predict(x), 1e-12)
    theirs = pipeline.make_pipeline(kinds.PolynomialFeatures(1), two).fit(x, x[:, :2])
    with pytest.raises(
        SettingError, match="convert: what PolynomialFeatures does before .*: convert the last step"
    ):
        ln.convert(theirs)
    ours = ln.sklearn.NetClassifier((2,), solver="lbfgs", max_iter=2).fit(x, labels)
    with pytest.raises(
        SettingError, match="NetClassifier: it is one of lucidnet already: its model_ is the Model"
    ):
        ln.convert(pipeline.make_pipeline(scaler, ours))
    with pytest.raises(SettingError, match="MLPClassifier: it has no weights yet: fit it first"):
        ln.convert(network.MLPClassifier())
    with pytest.raises(SettingError, match="only MLPClassifier and MLPRegressor"):
        ln.convert(scaler)
