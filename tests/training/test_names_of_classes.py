"""Frames by the names of their columns, and classes by theirs: fit, evaluate, predict, and in files."""

import copy
import json
import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import lucidnet as ln
from lucidnet.callbacks import Callback
from lucidnet.data import Dataset, Table
from lucidnet.errors import DataError, FileError, LucidnetError, NotReadyError, SettingError
from lucidnet.layers import Add, Dense, Graph, Input, LeakyRNN

IRIS = load_iris(as_frame=True)
X = (IRIS.data - IRIS.data.mean()) / IRIS.data.std()
X.columns = ["sepal length", "sepal width", "petal length", "petal width"]
NAMES = pd.Series(IRIS.target_names[IRIS.target], name="kind")
TURNED = [X.columns[i] for i in (2, 0, 3, 1)]


def network(outputs=3, activation="softmax", loss="categorical_crossentropy", **settings):
    built = settings.pop("built", False)
    model = ln.Model([Input(4), Dense(outputs, activation)], **settings)
    model.compile(loss, ln.optimizers.Adam(0.1), ["accuracy"])
    if built:
        model.build()
    return model


def trained(**settings):
    model = network(**settings)
    model.fit(X, NAMES, epochs=30, verbose=0)
    return model


# --- classes --------------------------------------------------------------------------------------


LABELS = {
    "list": NAMES.tolist(),
    "objects": NAMES.to_numpy(),
    "str": NAMES.to_numpy().astype(str),
    "bytes": NAMES.to_numpy().astype("S"),
    "category": NAMES.astype("category"),
    "string": NAMES.astype("string"),
    "column": NAMES.to_frame(),
    "polars": pl.Series(NAMES.tolist()),
    "arrow": pa.array(NAMES.tolist()),
}


@pytest.mark.parametrize(("kind", "backend"), [*((kind, "numpy") for kind in LABELS), ("list", "jax")])
def test_texts_are_classes(kind, backend):
    labels = LABELS[kind]
    model, same = network(backend=backend), network(backend=backend)
    model.fit(X, labels, epochs=2, verbose=0, validation_data=[X, labels])
    same.fit(X.to_numpy(), IRIS.target.to_numpy(), epochs=2, verbose=0)
    assert model.classes == ("setosa", "versicolor", "virginica")
    np.testing.assert_array_equal(model.get_weights(), same.get_weights())
    np.testing.assert_array_equal(model.predict(X), same.predict(X.to_numpy()))
    assert model.history["val_loss"][-1] == pytest.approx(model.evaluate(X, labels).loss)


def test_predicted_names_are_those_of_logistic_regression():
    names = trained().predict_classes(X)
    theirs = LogisticRegression().fit(X.to_numpy(), NAMES).predict(X.to_numpy())
    assert names.dtype.kind == "U" and (names == theirs).mean() > 0.96
    assert (names == NAMES).mean() > 0.95


OF_TWO = {
    "sigmoid": ("sigmoid", "binary_crossentropy"),
    "logits": ("linear", ln.losses.BinaryCrossentropy(from_logits=True)),
    "hinge": ("linear", "hinge"),
    "squares": ("linear", "mse"),
}


@pytest.mark.parametrize("kind", OF_TWO)
def test_one_output_for_two_classes(kind):
    x, y = X[:100], NAMES[:100]
    model = network(1, *OF_TWO[kind])
    model.metrics = ()  # the accuracy is of 0 and 1
    model.fit(x, y, epochs=20, verbose=0)
    assert (model.predict_classes(x) == y).all() and model.classes == ("setosa", "versicolor")
    small = np.linspace(-1, 1, 80).reshape(20, 4)
    limit = {"sigmoid": 0.5, "logits": 0.0, "hinge": 0.0, "squares": 0.5}[kind]
    above = model.predict(small)[:, 0] > limit
    assert (np.where(above, "versicolor", "setosa") == model.predict_classes(small)).all()
    assert ((model.predict(small)[:, 0] > 0.5) != (model.predict(small)[:, 0] > 0)).any()
    numbers = network(1, *OF_TWO[kind])
    numbers.metrics = ()
    numbers.fit(x, IRIS.target[:100], epochs=20, verbose=0)
    np.testing.assert_array_equal(numbers.get_weights(), model.get_weights())


@pytest.mark.parametrize(
    "loss", ["mse", "kl_divergence", "categorical_hinge", "sparse_categorical_crossentropy", "huber"]
)
def test_losses_that_take_rows_get_rows(loss):
    model, same = network(loss=loss), network(loss=loss)
    model.fit(X, NAMES, epochs=2, verbose=0)
    takes_numbers = loss.startswith(("sparse", "categorical"))
    target = IRIS.target.to_numpy() if takes_numbers else np.eye(3)[IRIS.target]
    same.fit(X, target, epochs=2, verbose=0)
    np.testing.assert_array_equal(model.get_weights(), same.get_weights())


def test_each_time_step_has_a_name():
    model = ln.Model([Input((5, 2)), LeakyRNN(4, return_sequences=True), Dense(2, "softmax")])
    model.compile("categorical_crossentropy", "adam")
    x = np.random.default_rng(0).normal(size=(6, 5, 2))
    y = np.where(x[..., 0] > 0, "up", "down")
    model.fit(x, y, verbose=0)
    names = model.predict_classes(x)
    assert names.shape == (6, 5) and set(names.ravel()) <= {"up", "down"}


def test_numbers_where_there_are_no_names():
    model = network()
    model.fit(X, IRIS.target, epochs=20, verbose=0)
    np.testing.assert_array_equal(model.predict_classes(X), model.predict(X).argmax(-1))
    assert model.classes is None
    with pytest.raises(SettingError, match="does not tell classes apart"):
        network(1, "linear", "mse").predict_classes(X)
    with pytest.raises(SettingError, match="does not tell classes apart"):
        network(3, "sigmoid", "binary_crossentropy").predict_classes(X)


def test_a_rate_is_found_with_class_weights_by_name():
    model, weights = network(), {"setosa": 3.0, "virginica": 0.5}
    by_name = model.lr_find(X, NAMES, steps=10, class_weight=weights)
    by_number = network().lr_find(X, IRIS.target, steps=10, class_weight={0: 3.0, 2: 0.5})
    np.testing.assert_array_equal(by_name.losses, by_number.losses)
    assert model.classes is None  # no training has begun


def test_class_weights_by_name():
    weights, model, same = {"setosa": 3.0, "virginica": 0.5}, network(), network()
    model.fit(X, NAMES, class_weight=weights, verbose=0)
    same.fit(X, IRIS.target, class_weight={0: 3.0, 2: 0.5}, verbose=0)
    np.testing.assert_array_equal(model.get_weights(), same.get_weights())
    with pytest.raises(SettingError, match="did you mean 'setosa'"):
        model.fit(X, NAMES, class_weight={"setossa": 2.0}, verbose=0)
    with pytest.raises(DataError, match=r"class_weight names the classes \['setosa'\], but the labels are"):
        network().fit(X, IRIS.target, class_weight={"setosa": 2.0}, verbose=0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda m: m.evaluate(X[:2], ["setosa", "rose"]),
            "unknown class 'rose' at index 1; known are 'setosa'",
        ),
        (lambda m: m.fit(X[:2], ["setosa", "rose"]), "unknown class 'rose' at index 1"),
        (lambda m: m.fit(X, NAMES, validation_data=(X[:1], ["rose"])), "unknown class 'rose' at index 0"),
        (lambda m: m.fit(X[:2], ["setosa", None]), "index 1, got None"),
        (lambda m: m.fit(X[:2], ["setosa", np.nan]), "index 1, got nan"),
        (lambda m: m.fit(X[:2], ["setosa", 1]), "index 1, got 1"),
        (lambda m: m.fit(X[:2], pd.Series(["setosa", pd.NA], dtype="string")), "index 1, got <NA>"),
        (
            lambda m: m.fit(X, pd.DataFrame({"a": NAMES, "b": NAMES})),
            r"of shape \(n,\), got shape \(150, 2\)",
        ),
        (lambda m: m.predict(pl.DataFrame(X).lazy()), r"a lazy frame: give x.collect\(\)"),
        (lambda m: m.train_step(X[:2], ["setosa", "rose"]), "unknown class 'rose'"),
        (lambda m: setattr(m, "classes", ["a"]), "two or more classes"),
        (lambda m: setattr(m, "classes", ["a", "b", "c"]), "the model's table has the classes"),
        (lambda m: setattr(m, "table", "a"), "table must be a data.Table"),
        (
            lambda m: setattr(m, "table", Table.fit({"a": [1.0, 2.0], "y": [0.5, 1.5]})),
            "makes inputs of shape",
        ),
        (lambda m: setattr(network(dtype="float64", built=True), "classes", ["a", "b"]), "has 3 outputs"),
        (
            lambda m: network().fit(X[:100], NAMES[:100]),
            "2 classes .* the network has 3 outputs: let it end in Dense",
        ),
        (
            lambda m: network(2).fit(X, NAMES),
            r"3 classes .* has 2 outputs: let it end in Dense\(3, 'softmax'\)",
        ),
        (lambda m: network().fit(X[:50], NAMES[:50]), "the class 'setosa' only"),
        (lambda m: network().evaluate(X, NAMES), "does not know its classes yet"),
        (lambda m: network().fit(Dataset.from_iterator([(X, NAMES)])), "does not know its classes yet"),
    ],
)
def test_what_is_no_class(call, said):
    model = trained()
    before = model.classes, model.table
    with pytest.raises(LucidnetError, match=said):
        call(model)
    assert (model.classes, model.table) == before


def test_a_training_that_did_not_begin_leaves_no_names():
    model = network()
    with pytest.raises(DataError, match="validation_data: y: unknown class 'rose' at index 0"):
        model.fit(X, NAMES, validation_data=(X, ["rose"] * 150), verbose=0)
    assert model.classes is None and model.table is None
    with pytest.raises(NotReadyError, match="this model does not know its classes yet"):
        model.evaluate(X, NAMES)

    class Refuses(Callback):
        def begin(self, loop):
            raise SettingError("not now")

    class Ends(Callback):
        def step(self, loop, measured):
            raise SettingError("no more")

    for fit in (model.fit, partial(model.fit_one_cycle, epochs=1, max_lr=0.1)):
        with pytest.raises(SettingError, match="not now"):
            fit(X, NAMES, verbose=0, callbacks=[Refuses()])
        assert model.classes is None
    with pytest.raises(SettingError, match="no more"):
        model.fit(X, NAMES, verbose=0, callbacks=[Ends()])
    assert model.classes is not None, "a step was made with them"


def test_batches_with_names():
    model, same = network(), trained()
    model.classes = same.classes
    model.fit(
        Dataset.from_arrays(X.to_numpy(), IRIS.target).batch(32).map(lambda x, y: (x, IRIS.target_names[y])),
        verbose=0,
    )
    assert set(model.predict_classes(X)) <= set(same.classes)
    assert network().fit_one_cycle(X, NAMES, epochs=2, max_lr=0.1, verbose=0).epochs == 2


def test_what_looks_before_a_training_needs_no_classes():
    model = network()
    assert model.lr_find(X, NAMES, steps=12).rates and model.doctor(X, NAMES, steps=2) is not None
    assert model.classes is None and model.table is None
    race = ln.race(
        model, (X, NAMES), ["backprop"], seeds=1, epochs=1, verbose=0, class_weight={"setosa": 2.0}
    )
    same = ln.race(
        model, (X.to_numpy(), IRIS.target), ["backprop"], seeds=1, epochs=1, verbose=0, class_weight={0: 2.0}
    )
    assert race.runs[0].history["loss"] == same.runs[0].history["loss"]


def test_categories_that_do_not_occur_are_classes_where_the_network_has_outputs_for_them():
    some = NAMES.astype("category")[:100]
    model, two = network(), network(2)
    model.fit(X[:100], some, verbose=0)
    two.fit(X[:100], some, verbose=0)
    assert model.classes == ("setosa", "versicolor", "virginica") and two.classes == model.classes[:2]


# --- columns --------------------------------------------------------------------------------------

FRAMES = {
    "pandas": lambda frame: frame,
    "polars": pl.DataFrame,
    "arrow": lambda frame: pa.table(frame),
    "nullable": lambda frame: frame.convert_dtypes(),
    "objects": lambda frame: frame.astype(object),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_columns_are_found_by_name(kind):
    model, made = trained(), FRAMES[kind]
    expected = model.predict(X.to_numpy())
    for order in (list(X.columns), TURNED):
        frame = made(X[order])
        np.testing.assert_allclose(model.predict(frame), expected, rtol=1e-6)
        assert model.evaluate(frame, NAMES).accuracy == model.evaluate(X, NAMES).accuracy > 0.95
        assert model.fit(frame, NAMES, validation_data=(made(X[TURNED]), NAMES), verbose=0)
        model = trained()
    np.testing.assert_allclose(model.predict({name: X[name] for name in TURNED}), expected, rtol=1e-6)
    np.testing.assert_array_equal(
        model.activations(made(X[TURNED]))["dense1"], model.activations(X.to_numpy())["dense1"]
    )
    with pytest.raises(DataError, match="x lacks the column 'petal width'; known are 'sepal length'"):
        model.predict(made(X[X.columns[:3]]))
    with pytest.raises(DataError, match="x has the unknown column 'colour'"):
        model.evaluate(made(X.assign(colour=1.0)), NAMES)
    with pytest.raises(DataError, match="lacks the column 'sepal length' and has the unknown column 'Sepal"):
        model.fit(made(X.rename(columns={"sepal length": "Sepal length"})), NAMES)


def test_frames_are_trained_on_as_their_numbers():
    frame = pd.get_dummies(
        pd.DataFrame({"a": X["sepal length"], "c": np.where(X["sepal width"] > 0, "u", "v")})
    )
    assert frame.dtypes.nunique() == 2
    model, same = (ln.Model([Dense(3, "softmax")], dtype="float64") for _ in range(2))
    for each, x in ((model, frame), (same, frame.to_numpy(float))):
        each.compile("categorical_crossentropy")
        each.fit(x, IRIS.target, verbose=0)
    np.testing.assert_array_equal(model.get_weights(), same.get_weights())
    np.testing.assert_array_equal(
        model.predict(frame[["c_v", "a", "c_u"]]), same.predict(frame.to_numpy(float))
    )
    assert model.table.inputs == ("a", "c_u", "c_v") and same.table is None


def test_frames_without_names_go_by_place():
    model = network()
    model.fit(pd.DataFrame(X.to_numpy()), IRIS.target, verbose=0)
    assert model.table is None and model.predict(X[TURNED].to_numpy()).shape == (150, 3)
    mixed, model = pd.DataFrame(X.to_numpy(), columns=["a", 1, 2, 3]), network()
    model.fit(mixed, IRIS.target, verbose=0)
    np.testing.assert_array_equal(model.predict(mixed[[3, "a", 1, 2]]), model.predict(X.to_numpy()))
    with pytest.raises(DataError, match="two columns are called 'a'"):
        network().fit(pd.DataFrame(X.to_numpy(), columns=list("abca")), IRIS.target)
    with pytest.raises(DataError, match=r"'u' in row 0 of column 'c': .* data.Table.fit"):
        network().fit(X.assign(c="u"), IRIS.target)


def test_several_frames():
    model = ln.Model(
        [Graph({"a": (4,), "b": (4,)}, [("h", Add(), ("a", "b")), ("o", Dense(3, "softmax"), "h")], "o")]
    )
    model.compile("categorical_crossentropy")
    model.fit({"a": X, "b": X[TURNED]}, IRIS.target, verbose=0)
    expected = model.predict({"a": X.to_numpy(), "b": X[TURNED].to_numpy()})
    np.testing.assert_array_equal(model.predict({"a": X[TURNED], "b": X}), expected)
    again = copy.deepcopy(model)
    assert again.table == model.table and set(again.table) == {"a", "b"}


def test_a_table_prepares_frames():
    frame = X.assign(site=np.where(X["sepal width"] > 0, "hill", "dale"), kind=NAMES)
    table = Table.fit(frame, target="kind", categories="one-hot", standardize=True)
    x, y = table.apply(frame)
    model, same = (ln.mlp([6, 3], output="softmax") for _ in range(2))
    for each in (model, same):
        each.compile("categorical_crossentropy", ln.optimizers.Adam(0.1), ["accuracy"])
    model.table = table
    assert model.classes == table.classes
    model.fit(frame, epochs=20, verbose=0)
    same.fit(x, y, epochs=20, verbose=0)
    np.testing.assert_array_equal(model.get_weights(), same.get_weights())
    rows = frame[["kind", "site", *TURNED]]
    result = same.evaluate(x, y)
    for given in ((rows,), (rows.drop(columns="kind"), rows["kind"]), (rows, rows["kind"])):
        assert dict(model.evaluate(*given)) == dict(result)
    assert (model.predict_classes(rows.drop(columns="kind")) == table.names(same.predict(x))).all()
    with pytest.raises(DataError, match="category 'sea' is unknown"):
        model.predict(rows.assign(site="sea"))
    with pytest.raises(DataError, match="y is missing"):
        model.evaluate(rows.drop(columns="kind"))
    with pytest.raises(DataError, match="'rose'"):
        model.evaluate(rows.assign(kind="rose"))


# --- files, copies --------------------------------------------------------------------------------


def test_names_are_kept(tmp_path):
    model = trained()
    model.save(tmp_path / "model.safetensors")
    for other in (
        ln.load(tmp_path / "model.safetensors"),
        copy.deepcopy(model),
        copy.copy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        assert other.classes == model.classes and other.table == model.table
        np.testing.assert_array_equal(other.predict_classes(X[TURNED]), model.predict_classes(X))
        other.table = None
        assert other.classes is None and model.classes is not None
    plain = network()
    plain.fit(X.to_numpy(), NAMES.tolist(), verbose=0)
    plain.save(tmp_path / "plain.safetensors")
    assert ln.load(tmp_path / "plain.safetensors").classes == plain.classes


def test_a_training_is_gone_on_with_by_the_same_names(tmp_path):
    network().fit(X, NAMES, epochs=1, resume=tmp_path, verbose=0)
    model = network()
    model.fit(X, NAMES, epochs=2, resume=tmp_path, verbose=0)
    assert model.classes == ("setosa", "versicolor", "virginica")
    with pytest.raises(LucidnetError, match="of another training: table.classes"):
        network().fit(X, NAMES.str.upper(), epochs=3, resume=tmp_path, verbose=0)


HOSTILE = {
    "classes": [
        3,
        "ab",
        ["a"],
        ["a", "a", "b"],
        ["a", "b", 3],
        ["a", "b"],
        {"a": 1},
        [],
        ["a"] * 3,
        ["", "b", "c"],
    ],
    "table": [
        Table.fit({"a": [1.0, 2.0], "y": [0.5, 1.5]}).to_plain(),
        3,
        [],
        {},
        "x",
        {"inputs": 3},
        {"inputs": {"a": 3}},
        {"inputs": {}},
        {"format": 99},
    ],
}


@pytest.mark.parametrize(("name", "given"), [(name, given) for name in HOSTILE for given in HOSTILE[name]])
def test_names_that_make_no_sense(name, given, tmp_path):
    from lucidnet.interop import container, model_file

    model, path = trained(), tmp_path / "model.safetensors"
    model.save(path)
    description, tensors = container.read(path)
    assert json.loads(json.dumps(model_file.describe(model)))[name] == description[name]
    container.write(path, tensors, {**description, name: given})
    with pytest.raises(FileError, match=str(path)):
        ln.load(path)


# --- what people write ----------------------------------------------------------------------------


def test_one_callback_alone():
    history = network().fit(X, NAMES, callbacks=ln.callbacks.EarlyStopping("loss", 2), epochs=2, verbose=0)
    assert history.epochs == 2
    with pytest.raises(SettingError, match="callbacks, .EarlyStopping.., ...., or one"):
        network().fit(X, NAMES, callbacks="early")


def test_endless_batches_end_with_an_epoch():
    def batches():
        while True:
            yield [X.to_numpy().tolist(), IRIS.target.tolist()]

    for make in (batches, batches()):
        assert network().fit(Dataset.from_iterator(make, length=5), epochs=3, verbose=0).epochs == 3


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: network().fit([(X, NAMES)] * 2), "Dataset.from_iterator"),
        (lambda: network().fit({"a": X.to_numpy()}, NAMES), "the network has one input: give its array"),
        (lambda: network().fit(Dataset.from_iterator([{"x": X, "y": NAMES}])), "a dict with 'x', 'y': give"),
    ],
)
def test_what_is_not_taken_is_said_in_a_line(call, said):
    with pytest.raises(DataError, match=said) as caught:
        call()
    assert len(str(caught.value)) < 250


# --- confusion ------------------------------------------------------------------------------------


def test_confusion_and_mistakes_by_name():
    from sklearn.metrics import confusion_matrix, f1_score

    model = trained()
    names, scores = model.predict_classes(X), model.predict(X)
    theirs = confusion_matrix(NAMES, names)
    for y, prediction in ((NAMES, names), (NAMES, scores), (IRIS.target, scores)):
        found = ln.metrics.confusion_matrix(y, prediction, classes=model.classes)
        np.testing.assert_array_equal(found, theirs)
    np.testing.assert_array_equal(ln.metrics.confusion_matrix(NAMES, names), theirs)
    some = ln.metrics.confusion_matrix(NAMES[:50], names[:50], classes=model.classes)
    np.testing.assert_array_equal(some, confusion_matrix(NAMES[:50], names[:50], labels=list(model.classes)))
    assert ln.metrics.accuracy(NAMES, names) == (names == NAMES).mean()
    assert ln.metrics.f1(NAMES, names, "macro") == pytest.approx(f1_score(NAMES, names, average="macro"))
    figure = ln.plots.confusion_matrix(found, classes=model.classes)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == list(model.classes)
    figure = ln.plots.worst_mistakes(X.to_numpy(), NAMES, scores, classes=model.classes)
    assert "versicolor → virginica" in "".join(t.get_text() for t in figure.axes[0].get_yticklabels())
    with pytest.raises(DataError, match="names in both"):
        ln.metrics.accuracy(NAMES, scores)
    with pytest.raises(DataError, match="unknown class 'rose' at index 0"):
        ln.metrics.confusion_matrix(["rose"], scores[:1], classes=model.classes)


def test_a_boundary_has_the_names():
    frame, model = X[TURNED[:2]], ln.Model([Input(2), Dense(3, "softmax")])
    model.compile("categorical_crossentropy")
    model.fit(frame, NAMES, verbose=0)
    axes = ln.plots.decision_boundary(model, X[TURNED[1::-1]], NAMES, resolution=9).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("petal length", "sepal length")
    assert [points.get_label() for points in axes.collections if points.get_label() in model.classes]
    np.testing.assert_allclose(axes.collections[-1].get_offsets(), frame.to_numpy()[100:])
    with pytest.raises(DataError, match="decision_boundary: y: unknown class 'rose'"):
        ln.plots.decision_boundary(model, frame[:1], ["rose"])
