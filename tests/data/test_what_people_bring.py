"""Data of other libraries: used rightly, or refused in one line, wherever data enter."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.core.numeric import numeric
from lucidnet.data import Dataset
from lucidnet.errors import DataError, LucidnetError
from lucidnet.layers import Dense, Input, LeakyRNN

pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
sparse = pytest.importorskip("scipy.sparse")
torch = pytest.importorskip("torch")

X = np.array([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0]])
Y = X[:, :1] + X[:, 1:]
COLUMNS = {"size": [1.0, 2.0, 3.0, 4.0], "large": [False, True, False, True]}

RIGHT = {
    "frame of objects": lambda: pd.DataFrame(COLUMNS),
    "frame of dummies": lambda: pd.get_dummies(
        pd.DataFrame({"size": COLUMNS["size"], "large": list("nyny")}), drop_first=True
    ),
    "nullable without gaps": lambda: pd.DataFrame(COLUMNS).astype({"size": "Int64", "large": "boolean"}),
    "objects that are numbers": lambda: pd.DataFrame(COLUMNS, dtype=object),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "masked nowhere": lambda: np.ma.masked_array(X, np.zeros(X.shape)),
    "tensor": lambda: torch.tensor(X),
    "detached": lambda: torch.tensor(X, requires_grad=True).detach(),
    "list of tensors": lambda: list(torch.tensor(X)),
    "list of arrays": lambda: list(X),
}
WRONG = {
    "masked": (lambda: np.ma.masked_array(X, X == 0), "masked array with 2 values left out: fill them"),
    "list of masked": (lambda: list(np.ma.masked_array(X, X == 0)), "masked array with 1 values left out"),
    "requires gradients": (
        lambda: torch.tensor(X, requires_grad=True),
        r"requires gradients.*: give .*\.detach\(\)",
    ),
    "elsewhere": (
        lambda: torch.tensor(X, device="meta"),
        r"on the device meta: give .*\.detach\(\)\.cpu\(\)",
    ),
    "sparse tensor": (lambda: torch.tensor(X).to_sparse(), r"sparse tensor: give .*\.to_dense\(\)"),
    "sparse matrix": (lambda: sparse.csr_matrix(X), r"sparse matrix of shape \(4, 2\): give .*\.toarray\(\)"),
    "sparse array": (lambda: sparse.coo_array(X), r"sparse matrix of shape \(4, 2\): give .*\.toarray\(\)"),
    "bfloat16": (lambda: torch.tensor(X).bfloat16(), r"bfloat16, which NumPy has not: give .*\.float\(\)"),
    "nullable": (
        lambda: pd.DataFrame({"size": pd.array([1, None, 3, 4], dtype="Int64"), "large": [0, 1, 0, 1]}),
        "a value is missing in row 1 of column 'size'",
    ),
    "nothing": (
        lambda: [[1.0, None], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0]],
        r"a value is missing at index \(0, 1\)",
    ),
    "text": (
        lambda: pd.DataFrame({"size": [1, 2, 3, 4], "name": list("abcd")}),
        "got 'a' in row 0 of column 'name'",
    ),
    "polars text": (
        lambda: pl.DataFrame({"size": [1, 2, 3, 4], "name": list("abcd")}),
        "in row 0 of column 'name'",
    ),
    "dates": (lambda: pd.DataFrame({"day": pd.to_datetime(["2020-01-01"] * 4)}), "expected numbers, got"),
    "complex": (lambda: X * 1j, "expected numbers, got dtype complex128"),
}


def model(layers=()):
    made = ln.Model([Input(2), *layers, Dense(1)], dtype="float64")
    made.compile("mse", "sgd", ["mae"])
    return made


def trained(call):
    made = model()
    call(made)
    return made.get_weights()


DOORS = {
    "fit": lambda x: trained(lambda made: made.fit(x, Y, verbose=0)),
    "train_step": lambda x: trained(lambda made: made.train_step(x, Y)),
    "validation": lambda x: model().fit(X, Y, validation_data=(x, Y), verbose=0)["val_loss"],
    "evaluate": lambda x: model().evaluate(x, Y).loss,
    "predict": lambda x: model().predict(x),
    "activations": lambda x: model().activations(x)["dense1"],
    "gradients": lambda x: model().gradients(x, Y)["dense1"]["W"],
    "input_gradient": lambda x: model().input_gradient(x, Y),
    "lr_find": lambda x: model().lr_find(x, Y, steps=10).losses,
    "doctor": lambda x: str(model().doctor(x, Y, steps=2)),
    "dataset": lambda x: next(iter(Dataset.from_arrays(x, Y).batch(4)))[0],
    "batches": lambda x: trained(lambda made: made.fit(Dataset.from_iterator([(x, Y)]), verbose=0)),
    "som": lambda x: ln.SelfOrganizingMap(2, 2).fit(x, epochs=1).weights,
    "check": lambda x: [entry.error for entry in ln.check.gradients(Dense(1), x).entries],
    "mixup": lambda x: ln.data.augment.mixup(x, Y, ln.backend.Stream(0))[0],
    "metric": lambda x: ln.metrics.mae(X, x),
    "metric of targets": lambda x: ln.metrics.mae(x, X),
    "targets": lambda x: ln.Model([Input(1), Dense(2)], dtype="float64").predict(Y).shape and targets(x),
    "stepper": lambda x: recurrent().stepper().step(x),
    "online": lambda x: recurrent().online().step(x),
    "whole stream": lambda x: recurrent().online().run(np.stack([X, X]) if x is X else [x, x]),
    "intervene": lambda x: model([Dense(2)]).intervene(X, {"dense1": lambda y: x}),
    "weights": lambda x: weighed(x),
}
"""Where data enter, as functions of x (4, 2)."""


def targets(y):
    made = ln.Model([Input(1), Dense(2)], dtype="float64")
    made.compile("mse", "sgd")
    made.fit(Y, y, verbose=0)
    return made.get_weights()


def recurrent():
    made = ln.Model([Input((None, 2)), LeakyRNN(3, return_sequences=True), Dense(1)], dtype="float64")
    made.compile("mse", "sgd")
    return made


def weighed(x):
    """Weights of steps (4, 2), for two time steps."""
    made = ln.Model([Input((2, 1)), LeakyRNN(2, return_sequences=True), Dense(1)], dtype="float64")
    made.compile("mse", "sgd")
    made.fit(X[..., None], X[..., None], sample_weight=x, verbose=0)
    return made.get_weights()


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("kind", [">i2", ">u4", ">i8", ">f4"])
def test_bytes_in_the_other_order(backend, kind):
    """As files of IDX, FITS and MATLAB hold numbers; devices take those of this machine alone."""
    x, y = X.astype(kind), Y.astype(kind)
    weights = []
    for given in ((x, y), (X, Y)):
        made = ln.Model([Input(2), Dense(3, "tanh"), Dense(1)], dtype="float64", backend=backend)
        made.compile("mse", "sgd")
        made.fit(*given, epochs=2, batch_size=3, validation_data=given, verbose=0)
        weights.append(made.get_weights())
    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize("name", DOORS)
def test_what_is_used_is_used_as_numbers(name):
    expected = DOORS[name](X)
    for given, make in RIGHT.items():
        if name == "whole stream" and given in ("polars", "frame of objects"):
            continue  # a list of frames is no array
        found = DOORS[name](make())
        if isinstance(expected, str):
            assert found == expected, given
        else:
            np.testing.assert_allclose(
                np.asarray(found, float), np.asarray(expected, float), rtol=1e-6, err_msg=given
            )


@pytest.mark.filterwarnings("ignore")  # of pandas and PyTorch themselves
@pytest.mark.parametrize("name", DOORS)
def test_what_is_refused_is_refused_in_one_line(name):
    for given, (make, message) in WRONG.items():
        with pytest.raises(LucidnetError) as caught:
            DOORS[name](make())
        said = str(caught.value)
        assert "\n" not in said, (given, said)
        assert len(said) < 400, (given, said)
        if name in ("fit", "predict", "evaluate"):
            with pytest.raises(DataError, match=message):
                DOORS[name](make())


def test_numbers_keep_their_kind():
    assert numeric(pd.Series([1, 2], dtype=object), "y").dtype == np.int64
    assert numeric(pd.Series([True, False], dtype=object), "y").dtype == bool
    assert numeric(pd.Series([1, 2.5], dtype=object), "y").dtype == np.float64
    assert numeric([], "y").size == 0
    jnp = pytest.importorskip("jax.numpy")
    np.testing.assert_array_equal(numeric(jnp.ones(2, jnp.bfloat16), "y"), np.ones(2, "float32"))
    with pytest.raises(DataError, match="beyond those of 64 bits"):
        numeric(np.array([2**70, 1], object), "y")


def test_labels_of_a_series_are_classes():
    made = ln.Model([Input(2), Dense(2, "softmax")])
    made.compile("categorical_crossentropy", "sgd", ["accuracy"])
    made.fit(pd.DataFrame(COLUMNS), pd.Series([0, 1, 0, 1], dtype="Int64"), verbose=0)
    with pytest.raises(DataError, match="nan|missing"):
        made.fit(X, pd.Series([0, None, 0, 1], dtype="Int64"), verbose=0)


def test_several_inputs_are_looked_at_by_name():
    graph = ln.layers.Graph(
        {"a": 2, "b": 2}, [("both", ln.layers.Concatenate(), ("a", "b")), ("out", Dense(1), "both")], "out"
    )
    made = ln.Model([graph])
    made.compile("mse", "sgd")
    with pytest.raises(DataError, match=r"x\['b'\] is a sparse matrix"):
        made.fit({"a": X, "b": sparse.csr_matrix(X)}, Y, verbose=0)
    with pytest.raises(DataError, match=r"^y is a tensor that requires gradients"):
        made.fit({"a": X, "b": X}, torch.tensor(Y, requires_grad=True), verbose=0)
    with pytest.raises(DataError, match=r"^backward: dy is a tensor .*: give dy\.detach\(\)$"):
        made.forward({"a": X, "b": X}).backward(torch.tensor(Y, requires_grad=True))
