"""Exported programs: ONNX Runtime, and a Python file alone, give the numbers that `predict` gives."""

import ast
import base64
import json
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers
from lucidnet.errors import FileError, SettingError, ShapeError
from lucidnet.interop.exported.operations import TRANSLATIONS
from lucidnet.layers import (
    GRU,
    LSTM,
    Add,
    AveragePooling1D,
    AveragePooling2D,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    ConvLSTM2D,
    Cropping1D,
    Dense,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Dot,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    GlobalMaxPooling1D,
    Graph,
    GroupNormalization,
    Input,
    LayerNormalization,
    LeakyRNN,
    Masking,
    MaxPooling1D,
    MaxPooling2D,
    MultiHeadAttention,
    Multiply,
    PositionalEmbedding,
    Reshape,
    Residual,
    Sampling,
    Sequential,
    SimpleRNN,
    SinusoidalEncoding,
    TimeDistributed,
    TransformerBlock,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
)

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def same_numbers():
    """Each test draws the same numbers, whichever others run."""
    RNG.bit_generator.state = np.random.default_rng(1).bit_generator.state


BASES = {"Container", "Layer", "Recurrent"}
KINDS = [
    kind
    for name in layers.__all__
    if isinstance(kind := getattr(layers, name), type)
    and issubclass(kind, layers.Layer)
    and name not in BASES
]
SAMPLES = [
    pytest.param(layer, shape, id=f"{kind.__name__}-{number}")
    for kind in KINDS
    if kind in TRANSLATIONS
    for number, (layer, shape) in enumerate(kind.samples())
    if isinstance(shape, tuple) and all(isinstance(size, int) for size in shape)
]


def shuffled(tree):
    """Random numbers in the place of all parameters; variances stay above 0."""
    found = {}
    for name, part in tree.items():
        if isinstance(part, dict):
            found[name] = shuffled(part)
        else:
            numbers = RNG.normal(size=part.shape)
            found[name] = np.abs(numbers) + 0.1 if name == "variance" else numbers
    return found


def made(net, dtype="float32"):
    model = ln.Model(net, seed=0, dtype=dtype)
    model.build()
    model.set_params(shuffled(model.params))
    return model


def run(path):
    """What a Python file defines, by name."""
    space = {"__name__": "program"}
    exec(compile(path.read_text("utf-8"), "program.py", "exec"), space)
    return space


def by_file(model, folder, x, dtype=None, mask=None):
    """What the Python file gives, in a module of its own."""
    path = folder / "program.py"
    ln.export(model, path, dtype=dtype, mask=mask is not None)
    space = run(path)
    if isinstance(x, dict):
        return space["predict"](**x)
    return space["predict"](x) if mask is None else space["predict"](x, mask)


def by_runtime(model, folder, x, mask=None):
    """What ONNX Runtime gives: an array, or several by name."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    path = folder / "program.onnx"
    ln.export(model, path, mask=mask is not None)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    kinds = {"float": "float32", "double": "float64", "int64": "int64", "bool": "bool"}
    kinds = {f"tensor({name})": dtype for name, dtype in kinds.items()}
    given = x if isinstance(x, dict) else {session.get_inputs()[0].name: x, "mask": mask}
    given = {each.name: given[each.name].astype(kinds[each.type]) for each in session.get_inputs()}
    found = dict(zip([each.name for each in session.get_outputs()], session.run(None, given), strict=True))
    return found if len(found) > 1 else next(iter(found.values()))


def agree(found, expected, tolerance):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        return [agree(found[name], expected[name], tolerance) for name in expected]
    size = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * size)
    return None


def test_each_layer_is_written():
    """So that a new layer is thought of."""
    assert [kind.__name__ for kind in KINDS if kind not in TRANSLATIONS] == []


@pytest.mark.parametrize(("layer", "shape"), SAMPLES)
def test_a_layer_alone(layer, shape, tmp_path):
    """In float64 by NumPy to rounding, in float32 by ONNX Runtime."""
    net = layer if isinstance(layer, Graph) else [Input(shape), layer]
    x = RNG.normal(size=(3, *shape))
    x = RNG.integers(0, layer.vocabulary, x.shape) if isinstance(layer, Embedding) else x
    exact = made(net, "float64")
    agree(by_file(exact, tmp_path, x), exact.predict(x), 1e-12)
    model = ln.Model(net)
    model.build()
    model.set_params(exact.params)
    agree(by_runtime(model, tmp_path, x), model.predict(x), 2e-5)


def sequence(*inner, shape=(7, 4)):
    return [Input(shape), *inner]


encoder_decoder = Graph(
    inputs={"source": (None, 3), "target": (None, 2)},
    nodes=[
        ("code", GRU(4), "source"),
        ("decoded", GRU(4, return_sequences=True), ("target", "code")),
        ("seen", MultiHeadAttention(2, causal=True), ("decoded", "decoded")),
        ("words", Dense(5, "softmax"), "seen"),
        ("length", Dense(1, "softplus"), "code"),
    ],
    outputs=["words", "length"],
)
twin = Graph(
    inputs={"left": (4,), "right": (4,)},
    nodes=[
        ("code", Dense(3, "tanh"), "left"),
        ("other", "code", "right"),
        ("alike", Dot(normalize=True), ("code", "other")),
    ],
    outputs="alike",
)
images = (9, 7, 3)
NETWORKS = {
    "strides with padding same": [
        Input(images),
        Conv2D(4, 3, strides=2, padding="same"),
        MaxPooling2D(3, 2, "same"),
    ],
    "the same, of any size": [
        Input((None, None, 3)),
        Conv2D(4, 3, strides=2, padding="same"),
        AveragePooling2D(3, strides=2, padding="same"),
    ],
    "groups, dilation, borders": [
        Input(images),
        Conv2D(6, 3, groups=3, dilation=2, padding=((1, 2), (0, 3)), activation="gelu"),
        AveragePooling2D(2, strides=1, padding=1),
        DepthwiseConv2D(2, multiplier=2, padding="same", activation="relu"),
        GroupNormalization(4),
        Flatten(),
        Dense(2),
    ],
    "causal": sequence(Conv1D(3, 3, padding="causal", dilation=2), MaxPooling1D(2), shape=(None, 4)),
    "back up": [
        Input((3, 5, 2)),
        Conv2DTranspose(3, 4, strides=3, padding=1, output_padding=2),
        UpSampling2D((2, 3), "bilinear"),
        BatchNormalization(),
    ],
    "no padding needed": [Input((3, 5, 2)), Conv2DTranspose(3, 2, strides=3, padding="same")],
    "both ways": sequence(Bidirectional(LSTM(3, return_sequences=True)), GRU(2, go_backwards=True)),
    "rectified steps": sequence(
        SimpleRNN(3, activation="relu", return_sequences=True), SimpleRNN(2, activation="sigmoid")
    ),
    "tied": [Input((6,)), Embedding(9, 4), Dense(4, "tanh"), Dense(9, tied="embedding1")],
    "waves of any length": sequence(SinusoidalEncoding(), shape=(None, 5)),
    "slow steps": sequence(LeakyRNN(3, tau=3.0, return_sequences=True), LeakyRNN(2, activation="mish")),
    "words": [
        Input((None,)),
        Embedding(9, 4),
        PositionalEmbedding(8),
        TransformerBlock(2, 4, causal=True),
        LayerNormalization(),
        GlobalAveragePooling1D(),
    ],
    "each step": sequence(TimeDistributed(Sequential([Dense(3, "elu"), Dense(2)])), shape=(None, 4)),
    "skips": [
        Input(4),
        Residual(Dense(3, "mish"), Dense(3)),
        Add([Dense(2), Dense(2)]),
        Concatenate([Dense(2), Dense(1)]),
    ],
    "encoder and decoder": encoder_decoder,
    "twin": twin,
    "a graph inside": [Input(4), Graph({"in": (4,)}, [("y", Dense(2), "in")], "y"), Dense(1)],
    "a graph at the end": [
        Input(4),
        Graph({"in": (4,)}, [("a", Dense(2), "in"), ("b", Dense(1), "a")], ["a", "b"]),
    ],
    "a graph of two inputs, and more": [
        Graph({"left": (4,), "right": (4,)}, [("sum", Add(), ("left", "right"))], "sum"),
        Dense(1),
    ],
    "normalized over several axes": [
        Input((4, 3, 2)),
        LayerNormalization(axis=(1, 3)),
        GroupNormalization(3, axis=2),
    ],
    "code": [Input(4), Dense(6), Sampling(), Dense(1)],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name, tmp_path):
    """Those whose parts have settings that samples lack."""
    net = NETWORKS[name]
    model = made(net)
    sizes = {"source": (5, 3), "target": (6, 2), "left": (4,), "right": (4,)}

    def inputs(shape):
        size = [n or 6 for n in shape]
        return RNG.integers(0, 9, (3, *size)) if name in ("tied", "words") else RNG.normal(size=(3, *size))

    whole = isinstance(model.input_shape, dict)
    x = (
        {n: RNG.normal(size=(3, *sizes[n])) for n in model.input_shape}
        if whole
        else inputs(model.input_shape)
    )
    expected = model.predict(x)
    agree(by_file(model, tmp_path, x), expected, 2e-5)
    agree(by_runtime(model, tmp_path, x), expected, 2e-5)


def test_the_file_needs_numpy_alone(tmp_path):
    """In a process where lucidnet cannot be imported; it has any number of rows, and checks their shape."""
    model = made([Input(3), Dense(4, "gelu"), Dense(2, "softmax")])
    ln.export(model, tmp_path / "net.py")
    x = RNG.normal(size=(2, 3)).astype("float32")
    script = f"""
import sys
sys.modules["lucidnet"] = None
from net import predict
import numpy as np
print(predict({x.tolist()}).tolist(), predict(np.zeros((0, 3))).shape)
try:
    predict([[1.0, 2.0]])
except ValueError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    first, shape, *rest = done.stdout.replace(" (0", "|(0").replace("\n", "|").split("|")
    agree(np.array(json.loads(first)), model.predict(x), 1e-6)
    assert shape == "(0, 2)"
    assert rest[0] == "expected x of shape (n, 3), got (1, 2)"


def test_words_that_are_none_are_an_error(tmp_path):
    """As for `predict`: numbers that the table of vectors lacks, and such as are not whole."""
    model = made([Input((2,)), Embedding(3, 2)])
    for wrong in ([[0, -1]], [[0, 3]], [[0, 1.5]]):
        with pytest.raises(ValueError):
            model.predict(wrong)
        with pytest.raises((ValueError, IndexError), match=r"0 or more|whole|bounds"):
            by_file(model, tmp_path, wrong)


def test_a_part_of_a_model(tmp_path):
    """Its encoder alone, as `part` gives it."""
    model = made([Input(3), Dense(4, "relu", name="code"), Dense(2)])
    part, x = model.part(to="code"), RNG.normal(size=(2, 3))
    agree(by_file(part, tmp_path, x), part.predict(x), 1e-6)
    agree(by_runtime(part, tmp_path, x), part.predict(x), 1e-6)


def test_a_model_on_jax(tmp_path):
    """Its weights lie on a device."""
    pytest.importorskip("jax")
    model = ln.Model([Input(3), Dense(4, "relu"), Dense(2)], backend="jax")
    model.build()
    x = RNG.normal(size=(2, 3))
    agree(by_file(model, tmp_path, x), model.predict(x), 1e-5)


FRAME = {
    "year": [1990.0, 2001.0, 2010.0, 2020.0] * 5,
    "colour": ["red", "blue", "red", "green"] * 5,
    "price": [12_000.0, 15_500.0, 9_000.0, 20_000.0] * 5,
}


def test_a_table_is_part_of_the_program(tmp_path):
    """Rows as they stand in the table go in, and prices come out."""
    table = ln.data.Table.fit(FRAME, standardize=True, categories="one-hot")
    x, y = table.apply(FRAME)
    model = ln.mlp([4, 8, 1], seed=0)
    model.compile("mse", ln.optimizers.Adam(0.01))
    model.fit(x, y, epochs=50, verbose=0)
    model.table = table
    colours = ["blue", "green", "red"]
    rows = [
        [year, *(float(c == colour) for c in colours)]
        for year, colour in zip(FRAME["year"], FRAME["colour"], strict=True)
    ]
    expected = table.values(model.predict(FRAME))
    for found in (by_file(model, tmp_path, np.array(rows)), by_runtime(model, tmp_path, np.array(rows))):
        np.testing.assert_allclose(found, np.reshape(expected, found.shape), rtol=1e-5)
    space = run(tmp_path / "program.py")
    assert space["columns"] == ["year", "colour=blue", "colour=green", "colour=red"]
    assert space["target"] == "price"
    cells = [
        {"year": str(year), "colour": colour}
        for year, colour in zip(FRAME["year"], FRAME["colour"], strict=True)
    ]
    np.testing.assert_array_equal(space["inputs"](cells), rows)
    with pytest.raises(ValueError, match="column colour: expected one of .*'red'.*, got 'pink'"):
        space["inputs"]([{"year": "1990", "colour": "pink"}])
    with pytest.raises(ValueError, match=r"column year: expected a number, as 1234.5, got '1\.990,0'"):
        space["inputs"]([{"year": "1.990,0", "colour": "red"}])


def test_missing_cells_are_filled(tmp_path):
    """As the table does: a number that is missing is NaN, in rows None or an empty text."""
    frame = FRAME | {"year": [1990.0, 2001.0, np.nan, 2020.0] * 5, "colour": ["red", "blue", None, "red"] * 5}
    table = ln.data.Table.fit(frame, categories="one-hot", missing="mean")
    model = ln.mlp([3, 4, 1], seed=0)
    model.table = table
    expected, x = model.predict(frame), np.array([[np.nan, 0, 1]])
    agree(by_file(model, tmp_path, x), expected[2:3], 1e-6)
    agree(by_runtime(model, tmp_path, x), expected[2:3], 1e-6)
    space = run(tmp_path / "program.py")
    cells = [{"year": "", "colour": None}, {"year": None, "colour": "blue"}]
    same = {"year": [np.nan, np.nan], "colour": [None, "blue"]}
    agree(space["predict"](space["inputs"](cells)), model.predict(same), 1e-6)


def test_dates_and_durations_go_in_as_numbers(tmp_path):
    """As days and seconds; a cell that holds them as texts is named, as is what is no plain number."""
    frame = {"day": ["1970-01-02", "1970-02-01"], "took": ["0:01:00", "1:02:03"], "y": [1.0, 2.0]}
    table = ln.data.Table.fit(frame, dates="days")
    model = ln.mlp([2, 3, 1], seed=0)
    model.table = table
    ln.export(model, tmp_path / "program.py")
    space = run(tmp_path / "program.py")
    x = space["inputs"]([{"day": 1, "took": "60"}, {"day": "31", "took": 3723}])
    np.testing.assert_array_equal(x, [[1, 60], [31, 3723]])
    agree(space["predict"](x), model.predict(frame), 1e-6)
    with pytest.raises(ValueError, match="column took: expected a number of seconds, got '0:01:00'"):
        space["inputs"]([{"day": 1, "took": "0:01:00"}])
    with pytest.raises(
        ValueError, match="column day: expected a number of days since 1970, got '1970-01-02'"
    ):
        space["inputs"]([{"day": "1970-01-02", "took": 60}])


def test_names_of_classes(tmp_path):
    """In both kinds of files, whatever stands in them."""
    onnx = pytest.importorskip("onnx")
    model = ln.Model([Input(1), Dense(2, "softmax")])
    model.compile("categorical_crossentropy")
    model.fit([[0.0], [1.0]], ['a"\n"""', "b"], verbose=0)
    ln.export(model, tmp_path / "net.onnx")
    ln.export(model, tmp_path / "net.py")
    space = run(tmp_path / "net.py")
    assert space["classes"] == [*model.classes]
    properties = {entry.key: entry.value for entry in onnx.load(tmp_path / "net.onnx").metadata_props}
    assert json.loads(properties["classes"]) == [*model.classes]


def test_names_of_layers_are_no_code(tmp_path):
    """A name that would end a comment, a text or a line, and those that Python has for itself."""
    names = ["a\nimport os", 'b"""', "class", "np", "softmax", "1st", "x"]
    net = Sequential([Input(2), *(Dense(2, "softmax", name=name) for name in names)])
    model = made(net)
    x = RNG.normal(size=(2, 2))
    agree(by_file(model, tmp_path, x), model.predict(x), 1e-6)
    model = made(Graph({'in"""': (2,)}, [("lambda", Dense(1), 'in"""')], "lambda"))
    agree(by_file(model, tmp_path, x), model.predict(x), 1e-6)


@pytest.mark.parametrize(
    "name", ["len", "tuple", "ValueError", "__debug__", "__import__", "predict", "classes"]
)
def test_inputs_that_are_called_as_what_the_program_calls(name, tmp_path):
    nodes = [
        ("pooled", GlobalAveragePooling1D(), name),
        ("flat", Flatten(), "pooled"),
        ("y", Dense(1), "flat"),
    ]
    model, x = made(Graph({name: (3, 2)}, nodes, "y")), RNG.normal(size=(2, 3, 2))
    agree(by_file(model, tmp_path, x), model.predict(x), 1e-6)


@pytest.mark.parametrize("end", ["py", "onnx"])
def test_numbers_that_the_program_cannot_hold(end, tmp_path):
    """Such as float32 makes infinite."""
    pytest.importorskip("onnx")
    model = made([Input(2), Dense(1, name="only")], "float64")
    model.set_params({"input0": {}, "only": {"W": [[1e200], [1.0]], "b": [0.0]}})
    with pytest.raises(
        SettingError, match=r"export: layer 'only': W holds 1e\+200, .* too large for float32"
    ):
        ln.export(model, tmp_path / f"net.{end}", dtype="float32")
    assert not [*tmp_path.iterdir()]


TIME = 9
CHANNELS = 4
MASKED = {
    "convolutions": [
        Conv1D(4, 2, padding="causal", dilation=2, activation="tanh"),
        MaxPooling1D(3, 2, padding=1),
        DepthwiseConv1D(2, multiplier=2, padding=1),
        GlobalMaxPooling1D(),
    ],
    "windows without anything": [AveragePooling1D(2, padding=1), MaxPooling1D(2, 1)],
    "longer and shorter": [
        UpSampling1D(2),
        Conv1DTranspose(3, 4, strides=3, padding="same"),
        ZeroPadding1D(((1, 2),)),
        Cropping1D(((2, 1),)),
        GlobalAveragePooling1D(),
    ],
    "recurrent": [
        Bidirectional(LSTM(2, return_sequences=True)),
        GRU(3, return_sequences=True, go_backwards=True),
        SimpleRNN(3, activation="elu", return_sequences=True),
        LeakyRNN(2, tau=2.0),
    ],
    "attention": [TransformerBlock(2, 4, causal=True), MultiHeadAttention(2), LSTM(2)],
    "groups": [GroupNormalization(2), Residual(Dense(4, "gelu")), GRU(2)],
    "one after the other": [Concatenate([Dense(4), Conv1D(4, 3, padding="same")], axis=1), LSTM(2)],
    "branches": [Multiply([Dense(3), GRU(3, return_sequences=True)]), TimeDistributed(Dense(2)), LSTM(2)],
}


def gaps():
    """A batch, and a mask of a whole sequence, one with gaps, one that begins late, and an empty one."""
    mask = np.ones((4, TIME), bool)
    mask[1, 2:4] = mask[2, :5] = mask[3] = False
    mask[1, 7:] = False
    return RNG.normal(size=(4, TIME, CHANNELS)).astype("float32"), mask


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("time", [None, TIME])
def test_masks(name, time, tmp_path):
    """Those that are given, and those that arise in the network, travel with their sequences."""
    x, mask = gaps()
    model = made([Input((time, CHANNELS)), *MASKED[name]])
    expected = model.predict(x, mask=mask)
    agree(by_file(model, tmp_path, x, mask=mask), expected, 2e-5)
    agree(by_runtime(model, tmp_path, x, mask), expected, 2e-5)
    padded = made([Input((time, CHANNELS)), Masking(0.1), *MASKED[name]])
    x[~mask] = 0.1
    agree(by_file(padded, tmp_path, x), padded.predict(x), 2e-5)
    agree(by_runtime(padded, tmp_path, x), padded.predict(x), 2e-5)


@pytest.mark.parametrize("opset", [14, 17, 18, 19])
def test_older_operators(opset, tmp_path):
    """For readers that do not know the newest; the numbers stay."""
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    mish = [SimpleRNN(3, activation="mish", return_sequences=True), GroupNormalization(3)]
    net = [
        Conv1D(4, 2, activation="gelu"),
        AveragePooling1D(2, 1),
        *mish,
        LayerNormalization(),
        GlobalMaxPooling1D(),
    ]
    model, (x, mask) = made([Input((TIME, CHANNELS)), *net, Dense(2, "softmax")]), gaps()
    ln.export(model, tmp_path / "net.onnx", mask=True, opset=opset)
    assert [each.version for each in onnx.load(tmp_path / "net.onnx").opset_import] == [opset]
    session = runtime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": x, "mask": mask})
    agree(found, model.predict(x, mask=mask), 2e-5)
    with pytest.raises(SettingError, match="opset must be a whole number from 14 to 20"):
        ln.export(model, tmp_path / "net.onnx", opset=13)
    with pytest.raises(SettingError, match="opset=17 has no effect on a Python file"):
        ln.export(model, tmp_path / "net.py", opset=17)


def test_masks_of_films_and_words(tmp_path):
    """Whose first axis is time, too."""
    x, mask = RNG.normal(size=(4, TIME, 3, 2, 1)), gaps()[1]
    layers = ConvLSTM2D(2, 2, padding="same", return_sequences=True), ConvLSTM2D(1, 1, go_backwards=True)
    film = made([Input((None, 3, 2, 1)), *layers])
    agree(by_file(film, tmp_path, x, mask=mask), film.predict(x, mask=mask), 2e-5)
    agree(by_runtime(film, tmp_path, x, mask), film.predict(x, mask=mask), 2e-5)
    words = made([Input((None,)), Embedding(5, 3, mask_zero=True), GRU(2)])
    x = RNG.integers(0, 5, (4, TIME))
    for given in (None, mask):
        agree(by_file(words, tmp_path, x, mask=given), words.predict(x, mask=given), 2e-5)
        agree(by_runtime(words, tmp_path, x, given), words.predict(x, mask=given), 2e-5)


def test_masks_of_some_inputs(tmp_path):
    """By name; a Python file takes lengths, too, and nothing if all steps count."""
    model = made(encoder_decoder)
    x = {"source": RNG.normal(size=(3, 5, 3)), "target": RNG.normal(size=(3, 6, 2))}
    ln.export(model, tmp_path / "net.py", mask=["source"])
    space = run(tmp_path / "net.py")
    lengths = np.array([5, 2, 4])
    agree(space["predict"](**x), model.predict(x), 2e-5)
    agree(space["predict"](**x, source_mask=lengths), model.predict(x, mask={"source": lengths}), 2e-5)
    with pytest.raises(
        ValueError, match=r"expected a mask \(3, 5\), or lengths from 0 to 5, got shape \(3, 6\)"
    ):
        space["predict"](**x, source_mask=np.ones((3, 6)))
    for wrong in (["words"], "source target", 3):
        with pytest.raises(SettingError, match=r"mask: expected True, or names among \['source', 'target'\]"):
            ln.export(model, tmp_path / "net.py", mask=wrong)
    with pytest.raises(SettingError, match="mask: expected False, as no input is a sequence"):
        ln.export(made([Input(2), Dense(1)]), tmp_path / "net.py", mask=True)


def test_what_predict_refuses_with_a_mask_is_refused(tmp_path):
    """In the same words."""
    for inner, said in (
        (Flatten(), "flattened"),
        (Conv1D(2, 3, strides=2, padding="same"), "there can be no mask"),
    ):
        model = made([Input((TIME, CHANNELS)), inner])
        with pytest.raises(ShapeError, match=said) as predicted:
            model.predict(*gaps())
        with pytest.raises(ShapeError) as written:
            ln.export(model, tmp_path / "net.py", mask=True)
        assert str(written.value) in str(predicted.value)


def test_no_examples(tmp_path):
    """A batch of none gives an output of none."""
    net = [Input((6, 4)), Conv1D(4, 2), GroupNormalization(2), Reshape((-1, 2)), LSTM(3), Dense(2, "softmax")]
    assert by_file(made(net), tmp_path, np.zeros((0, 6, 4))).shape == (0, 2)


def test_a_file_that_can_be_read(tmp_path):
    """One line for a layer; a step of a recurrent layer as one would write it."""
    model = ln.Model([Input((None, 2)), LSTM(3), Dense(2, "relu"), Dense(1, "sigmoid")])
    model.build()
    ln.export(model, tmp_path / "net.py", mask=True)
    text = (tmp_path / "net.py").read_text("utf-8")
    for line in (
        "    # lstm1: LSTM(3)",
        "    def step(h, c, z, counts):",
        "        i, f, g, o = np.split(z + h @ lstm1_U, 4, axis=1)",
        "        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)",
        "        next_c = np.where(counts, new_c, c)",
        "    dense2 = np.maximum(lstm1 @ dense2_W + dense2_b, 0)",
        "    y = sigmoid(dense2 @ dense3_W + dense3_b)",
        'dense3_b = np.array([0.0], "float32")',
    ):
        assert f"{line}\n" in text, line


@dataclass(frozen=True)
class Doubled(Dense):
    """A user's own: its forward pass is another one."""

    def forward(self, params, x, run=None):
        y, cache = Dense.forward(self, params, x, run or layers.Run())
        return 2 * y, cache


@dataclass(frozen=True)
class Scaled(layers.Layer):
    """A user's own, which says what it is in operations."""

    kind: str = "Mul"

    def init(self, rng, shape):
        return {"scale": rng.normal(shape[-1:])}, shape

    def forward(self, params, x, run=None):
        return x * params["scale"], None

    def backward(self, params, cache, dy, need_dx=True):
        raise NotImplementedError

    def operations(self, to, params, x, shape):
        return to.add(self.kind, x, to.array(params["scale"], "scale"))


def test_a_layer_of_ones_own(tmp_path):
    """Which says by `operations` what it is; as the mask is kept, it stays."""
    model = made([Input((TIME, CHANNELS)), Scaled(), GRU(2)])
    x, mask = gaps()
    agree(by_file(model, tmp_path, x, mask=mask), model.predict(x, mask=mask), 1e-6)
    agree(by_runtime(model, tmp_path, x, mask), model.predict(x, mask=mask), 1e-6)
    for kind, said in (("Mod", "has no operation 'Mod'"), ("Elu", "'alpha' is missing")):
        with pytest.raises(SettingError, match=said):
            ln.export(made([Input(2), Scaled(kind)]), tmp_path / "net.py")
    pytest.importorskip("onnx")
    with pytest.raises(SettingError, match="the package onnx refuses the program: .*Mull"):
        ln.export(made([Input(2), Scaled("Mull")]), tmp_path / "net.onnx")


def test_an_estimator(tmp_path):
    """Its network, with the names of its columns and classes."""
    pandas, sklearn = pytest.importorskip("pandas"), pytest.importorskip("lucidnet.sklearn")
    x = pandas.DataFrame([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]] * 5, columns=["size", "age"])
    estimator = sklearn.NetClassifier((4,), solver="lbfgs", random_state=0)
    with pytest.raises(SettingError, match="expected a Model.*: fit it first"):
        ln.export(estimator, tmp_path / "net.py")
    estimator.fit(x, ["cat", "dog", "eel"] * 5)
    found = by_file(estimator, tmp_path, x.to_numpy())
    agree(found, estimator.predict_proba(x), 1e-6)
    space = run(tmp_path / "program.py")
    assert (space["columns"], space["classes"]) == (["size", "age"], ["cat", "dog", "eel"])


def test_a_pipeline(tmp_path):
    """What scales the data before is part of the program; other steps are refused."""
    sklearn = pytest.importorskip("lucidnet.sklearn")
    pipeline, before = pytest.importorskip("sklearn.pipeline"), pytest.importorskip("sklearn.preprocessing")
    x = RNG.normal(size=(20, 3)) * [1.0, 10.0, 0.0] + 5
    net = sklearn.NetRegressor((4,), solver="lbfgs", random_state=0, alpha=1.0)
    steps = before.StandardScaler(), "passthrough", before.MinMaxScaler((-1, 1)), net
    fitted = pipeline.make_pipeline(*steps).fit(x, x[:, 0])
    for found in (by_file(fitted, tmp_path, x), by_runtime(fitted, tmp_path, x)):
        agree(found[:, 0], fitted.predict(x), 1e-6)
    search = pytest.importorskip("sklearn.model_selection").GridSearchCV
    steps = before.MaxAbsScaler(), before.RobustScaler(with_scaling=False), net
    found = search(pipeline.make_pipeline(*steps), {"netregressor__alpha": [1.0]}, cv=2).fit(x, x[:, 0])
    agree(by_file(found, tmp_path, x)[:, 0], found.predict(x), 1e-6)
    fitted = pipeline.make_pipeline(before.PolynomialFeatures(1), net).fit(x, x[:, 0])
    with pytest.raises(SettingError, match="PolynomialFeatures does before the network cannot be written"):
        ln.export(fitted, tmp_path / "net.py")


def test_files_that_would_be_too_large(tmp_path, monkeypatch):
    """More than fits into an ONNX file is refused."""
    monkeypatch.setattr("lucidnet.interop.exported.onnx_file.LARGEST", 100)
    with pytest.raises(SettingError, match="at most 2 GB"):
        ln.export(made([Input(9), Dense(9)]), tmp_path / "net.onnx")


REFUSED = {
    "Doubled is a class of your own: write operations": [Input(2), Doubled(2)],
    "CustomActivation cannot": [Input(2), Dense(2, layers.Activation(np.square, lambda x: 2 * x))],
    "strides and dilation": [Input((None, 5, 2)), Conv2D(2, 3, strides=2, padding="same", dilation=2)],
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_written_is_said(said, tmp_path):
    """With the layer's name; a file of before stays as it was."""
    path = tmp_path / "net.py"
    path.write_text("before")
    with pytest.raises(SettingError, match=f"export: layer '.*{said}"):
        ln.export(made(REFUSED[said]), path)
    assert path.read_text() == "before"
    assert [*tmp_path.iterdir()] == [path]


def test_what_arrays_hold_is_no_code(tmp_path):
    """Their text is not searched for functions: that took most of the time, and found some that nobody calls."""
    model = made([Input(10), Dense(12, "relu", name="only")])
    W = np.frombuffer(base64.b64decode("/gelu/AA" * 80), "<f4").reshape(10, 12)
    model.set_params({"input0": {}, "only": {"W": W, "b": np.zeros(12)}})
    ln.export(model, tmp_path / "net.py")
    text = (tmp_path / "net.py").read_text("utf-8")
    assert "/gelu/AA" in text
    assert "def gelu" not in text
    assert "def array" in text


def test_a_program_of_ones_own_is_not_lost(tmp_path):
    model, path = made([Input(2), Dense(1)]), tmp_path / "train.py"
    path.touch()
    for _ in range(2):  # over nothing, and over what it wrote before
        ln.export(model, path)
    path.write_text("import numpy")
    with pytest.raises(FileError, match=r"train.py: is a program that export has not written; name another"):
        ln.export(model, path)
    assert path.read_text() == "import numpy"


def test_files_of_other_kinds(tmp_path):
    """A suffix that is none of the two, a model without weights, a folder that is not there."""
    model = made([Input(2), Dense(1)])
    with pytest.raises(SettingError, match=r"ends in \.onnx or \.py, got"):
        ln.export(model, tmp_path / "net.pb")
    ln.export(model, tmp_path / "net.py")
    head = ast.parse((tmp_path / "net.py").read_text("utf-8"))
    modules = {node.module for node in head.body if isinstance(node, ast.ImportFrom)} - {"__future__"}
    modules |= {name.name for node in head.body if isinstance(node, ast.Import) for name in node.names}
    for module in {name.partition(".")[0] for name in modules}:
        with pytest.raises(SettingError, match=f"{module}.py' would be imported by itself"):
            ln.export(model, tmp_path / f"{module}.py")
    with pytest.raises(SettingError, match=r"lucidnet.export\(model, path\) writes that"):
        model.save(tmp_path / "net.onnx")
    with pytest.raises(SettingError, match="expected a Model.*, got 3"):
        ln.export(3, tmp_path / "net.py")
    with pytest.raises(SettingError, match="expected a Model"):
        ln.export(ln.Model, tmp_path / "net.py")
    with pytest.raises(FileError):
        ln.export(model, tmp_path / "missing" / "net.py")
    with pytest.raises(ln.errors.NotReadyError):
        ln.export(ln.Model([Dense(1)]), tmp_path / "net.py")


def test_float64_stays_so_if_asked_for(tmp_path):
    """ONNX is float32 else, Python the model's."""
    onnx = pytest.importorskip("onnx")
    model = made([Input(2), Dense(1)], "float64")
    for dtype, kind in ((None, onnx.TensorProto.FLOAT), ("float64", onnx.TensorProto.DOUBLE)):
        ln.export(model, tmp_path / "net.onnx", dtype=dtype)
        known = onnx.load(tmp_path / "net.onnx").graph.initializer
        assert {each.data_type for each in known} == {kind}
    x = RNG.normal(size=(2, 2))
    assert by_file(model, tmp_path, x).dtype == np.float64
    assert by_file(model, tmp_path, x, "float32").dtype == np.float32
