"""Data made ready: split, standardize, one_hot and windows, beside scikit-learn and NumPy."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import lucidnet as ln
from lucidnet.data import Scaling, one_hot, split, standardize, windows
from lucidnet.data.frames import as_frame
from lucidnet.errors import DataError, LucidnetError
from lucidnet.layers import Dense, Input

X = np.arange(60.0).reshape(30, 2)
Y = np.arange(30)

# --- split ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("test", [0.2, 0.1, 0.33, 0.07, 7, 1])
@pytest.mark.parametrize("n", [5, 30, 101])
def test_the_parts_have_the_sizes_of_train_test_split(n, test):
    if test == 7 and n == 5:
        with pytest.raises(DataError, match="test=7 of 5 examples leaves too few"):
            split(Y[:5], test=7)
        return
    (x, none), (x_test, _) = split(np.arange(n), test=test)
    theirs = train_test_split(np.arange(n), test_size=test)
    assert (len(x), len(x_test)) == tuple(map(len, theirs)) and none is None
    assert sorted([*x, *x_test]) == list(range(n))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(2, 40), min_size=2, max_size=5), st.floats(0.1, 0.9), st.integers(0, 99))
def test_strata_have_their_shares(sizes, share, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    examples = share * len(y)
    assume(np.ceil(examples) == np.ceil(round(examples, 9)))  # theirs makes 4 of 3.0000000000000006, ours 3
    try:
        _, (_, found) = split(y, y, test=share, stratify=True, seed=seed)
    except DataError as error:
        assert "too few" in str(error)
        return
    exact = np.array(sizes) * len(found) / len(y)
    assert (np.abs(np.bincount(found, minlength=len(sizes)) - exact) < 1).all()  # as train_test_split
    theirs = train_test_split(y, test_size=share, stratify=y, random_state=seed)[1]
    assert len(theirs) == len(found)
    assert (np.abs(np.bincount(theirs, minlength=len(sizes)) - exact) < 1).all()


def test_each_kind_of_data_keeps_its_kind():
    frame = pd.DataFrame(X, columns=["a", "b"], index=np.arange(30) + 100)
    arrow = pytest.importorskip("pyarrow").table({"a": X[:, 0], "b": X[:, 1]})
    kinds = {
        "array": (X, np.asarray),
        "list": (X.tolist(), np.asarray),
        "pandas": (frame, lambda part: part.to_numpy()),
        "polars": (pl.DataFrame({"a": X[:, 0], "b": X[:, 1]}), lambda part: part.to_numpy()),
        "arrow": (arrow, lambda part: np.stack([part["a"].to_numpy(), part["b"].to_numpy()], 1)),
        "csr": (sparse.csr_matrix(X), lambda part: part.toarray()),
        "coo": (sparse.coo_array(X), lambda part: part.toarray()),
    }
    expected = split(X, Y, seed=3)
    for name, (x, plain) in kinds.items():
        for part, right in zip(split(x, pd.Series(Y), seed=3), expected, strict=True):
            np.testing.assert_array_equal(plain(part[0]), right[0], err_msg=name)
            np.testing.assert_array_equal(part[1], right[1], err_msg=name)
            assert name in ("coo",) or type(part[0]) is type(x)
    assert split(frame, Y, seed=3)[1][0].index.tolist() == (expected[1][1] + 100).tolist()
    (x, y), (x_test, y_test) = split({"a": X, "b": {"c": X.tolist()}}, {"out": Y}, seed=3)
    np.testing.assert_array_equal(x["b"]["c"], expected[0][0])
    np.testing.assert_array_equal(y_test["out"], expected[1][1])
    assert x_test["a"].shape == (6, 2) and len(y["out"]) == 24


def test_a_frame_of_a_file_is_taken_as_others(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n" + "".join(f"{i},{i % 7}.5,{i * i}\n" for i in range(20)))
    frame = as_frame(dict(zip("abc", np.loadtxt(path, delimiter=",", skiprows=1).T, strict=True)), "")
    assert type(frame) is ln.data.Frame
    plain = pd.read_csv(path)
    (train, _), (test, _) = split(frame)
    expected = split(plain)
    assert type(test) is ln.data.Frame and test["c"].tolist() == expected[1][0]["c"].tolist()
    for ours, theirs in zip(
        standardize(train, test), standardize(expected[0][0], expected[1][0]), strict=True
    ):
        np.testing.assert_allclose(ours, theirs)
    for ours, theirs in zip(
        windows(frame, history=3, target="b"), windows(plain, history=3, target="b"), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    model = ln.mlp([3, 1])
    model.compile("mse")
    model.fit(frame, plain["a"], verbose=0)
    np.testing.assert_allclose(model.predict(plain[["c", "a", "b"]]), model.predict(frame), rtol=1e-6)
    turned = as_frame({name: frame[name] for name in "cab"}, "")
    np.testing.assert_array_equal(model.predict(turned), model.predict(frame))


@pytest.mark.parametrize("test", [0.2, 0.35, 7])
@pytest.mark.parametrize("seed", range(4))
def test_groups_are_whole(test, seed):
    groups = np.random.default_rng(seed).integers(0, 12, 60)
    (x, g), (x_test, g_test) = split(np.arange(60), groups, test=test, group=groups, seed=seed)
    assert not {*g.tolist()} & {*g_test.tolist()}
    assert sorted([*x, *x_test]) == list(range(60))
    wanted = test if isinstance(test, int) else test * 60
    assert abs(len(x_test) - wanted) <= np.bincount(groups).max() / 2
    again = split(np.arange(60), groups, test=test, group=[f"g{one}" for one in groups], seed=seed)
    assert again[1][0].tolist() == x_test.tolist()


def test_groups_of_one_row_are_rows():
    (x, _), (x_test, _) = split(np.arange(50), test=0.3, group=np.arange(50))
    assert (len(x), len(x_test)) == (35, 15)


def test_groups_keep_the_shares_of_classes():
    groups = np.repeat(np.arange(20), 5)
    kinds = np.array(["a", "b", "b", "b"])[groups % 4]
    (_, y), (_, y_test) = split(groups, kinds, group=groups, stratify=True)
    assert np.unique(y_test, return_counts=True)[1].tolist() == [5, 15]
    assert np.unique(y, return_counts=True)[1].tolist() == [20, 60]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "dict"])
def test_a_group_is_a_column_of_the_frame(library):
    given = {"id": [f"0{i % 9}" for i in range(45)], "v": np.arange(45.0)}
    if library != "dict":
        module = pytest.importorskip(library)
        given = module.table(given) if library == "pyarrow" else module.DataFrame(given)
    (first, _), (second, _) = split(given, group="id")
    ids = [{*(part["id"].to_pylist() if library == "pyarrow" else part["id"])} for part in (first, second)]
    assert not ids[0] & ids[1] and len(ids[0] | ids[1]) == 9 and len(ids[1]) == 2


def test_a_group_of_a_frame_whose_columns_are_numbered():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({0: range(6), 1: [1, 1, 2, 2, 3, 3]})
    (first, _), (second, _) = split(frame, group="1")
    assert (len(first), len(second)) == (4, 2) and second[1].nunique() == 1


def test_large_groups_leave_one_for_each_part():
    groups = np.r_[np.zeros(40), np.ones(45), np.full(15, 2)]
    for test in (0.01, 0.99, 50):
        parts = [{*part[0].tolist()} for part in split(groups, test=test, group=groups)]
        assert all(parts) and not parts[0] & parts[1]


def test_split_follows_its_seed():
    first, again, other = (split(X, Y, seed=seed)[1][1].tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: split(X, Y[:29]), "x has 30, y has 29"),
        (lambda: split({"a": X, "b": X[:3]}, Y), r"x\['b'\] has 3"),
        (lambda: split(X, Y, test=1.0), "a share between 0 and 1, or a number of examples"),
        (lambda: split(X, Y, test=0), "a share between 0 and 1, or a number of examples"),
        (lambda: split(X, Y, test=30), "test=30 of 30 examples leaves too few"),
        (lambda: split(X, Y, stratify="y"), "stratify must be True or False"),
        (lambda: split(X, stratify=True), "goes by the labels"),
        (lambda: split(X, ["a"] * 29 + ["b"], stratify=True), "the class 'b' has a single example"),
        (lambda: split(X, np.arange(30) // 2, test=5, stratify=True), "5 test and 25 training .* 15 classes"),
        (lambda: split(X, Y, group=np.zeros(30)), "all examples belong to one group, .* leave out group"),
        (lambda: split(X, Y, group=np.zeros(29)), "group has 29 values for 30 examples"),
        (lambda: split(X, Y, group="id"), "group='id': there is no such column; x is no frame"),
        (lambda: split(X, Y, group=[None, *range(29)]), "group is missing for example 0"),
        (lambda: split(X, Y, group=np.full(30, 2**60) + np.arange(30)), "numbers above 2\\*\\*53"),
        (
            lambda: split(X, ["a", "b"] * 15, group=np.arange(30) // 2, stratify=True),
            "the group of example .* has examples of several classes",
        ),
        (
            lambda: split(X, ["a"] * 28 + ["b"] * 2, group=np.arange(30) // 2, stratify=True),
            "all of the class of example 28 belong to one group, .* leave out stratify",
        ),
        (lambda: split({}, Y), "a dict of arrays by name"),
        (lambda: split(3.0, Y), "a row for each example"),
        (lambda: split(ln.data.Dataset.from_arrays(X), None), "dataset.split"),
        (lambda: split("text"), "a row for each example"),
        (lambda: split(np, Y), "x must be an array"),
        (lambda: split(X, Y, test=10**400), "leaves too few"),
    ],
)
def test_what_cannot_be_split(call, said):
    with pytest.raises(LucidnetError, match=said):
        call()


# --- standardize ----------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
TABLES = {
    "plain": RNG.normal(3, 5, (40, 3)),
    "float32": RNG.normal(3, 5, (40, 3)).astype(np.float32),
    "constant": np.stack([np.full(40, 0.1), RNG.normal(size=40), np.zeros(40)], 1),
    "large and constant": np.stack([np.full(40, 1e9 + 0.1), RNG.normal(1e6, 1e-3, 40)], 1),
    "whole": RNG.integers(0, 9, (40, 3)),
    "one row": RNG.normal(size=(1, 3)),
}


@pytest.mark.parametrize("name", TABLES)
def test_standardized_as_by_standard_scaler(name):
    x = TABLES[name]
    scaler, other = StandardScaler().fit(x), x[::-1] * 2 + 1
    mine = standardize(x, other)
    for ours, theirs in zip(mine, (scaler.transform(x), scaler.transform(other)), strict=True):
        tolerance = 2e-6 if x.dtype == np.float32 else 1e-9
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
        assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(Scaling.of(x).deviation, scaler.scale_, rtol=1e-6)
    np.testing.assert_allclose(Scaling.of(x).undo(mine[1]), other, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(standardize(x), mine[0])


def test_columns_of_frames_are_found_by_name():
    frame = pd.DataFrame(TABLES["plain"], columns=["a", "b", "c"])
    expected = standardize(frame)
    for turned in (frame[["c", "a", "b"]], pl.DataFrame(frame).select(["c", "a", "b"])):
        np.testing.assert_array_equal(standardize(frame, turned)[1], expected)
    with pytest.raises(DataError, match="x lacks the column 'c'; known are 'a', 'b', 'c'"):
        standardize(frame, frame[["a", "b"]])
    with pytest.raises(DataError, match="x has the unknown column 'd'"):
        standardize(frame, frame.assign(d=1.0))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: standardize([[1.0, np.nan]]), "standardize: x holds nan"),
        (lambda: standardize([["a"]]), "standardize: x: expected numbers"),
        (lambda: standardize([]), "a row for each example"),
        (lambda: standardize(X, X[:, :1]), r"expected examples of shape \(2,\)"),
        (lambda: standardize(sparse.csr_matrix(X)), "toarray"),
    ],
)
def test_what_cannot_be_standardized(call, said):
    with pytest.raises(LucidnetError, match=said):
        call()


# --- one_hot --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        ["red", "blue", "red", "green"],
        np.array([3, 1, 3, 7]),
        [True, False, True],
        np.array([2.0, 0.0, 2.0]),
        pd.Series(["b", "a"], dtype="category"),
        pl.Series(["b", "a", "b"]),
        np.array([b"b", b"a"]),
    ],
)
def test_rows_as_by_one_hot_encoder(labels):
    flat = [one.decode() if isinstance(one, bytes) else one for one in np.asarray(labels).tolist()]
    column = np.array(flat).reshape(-1, 1)
    encoder = OneHotEncoder(sparse_output=False).fit(column)
    rows, classes = one_hot(labels)
    np.testing.assert_array_equal(rows, encoder.transform(column))
    assert list(classes) == encoder.categories_[0].tolist() and rows.dtype == np.float32
    again = one_hot(labels[:1], classes)
    np.testing.assert_array_equal(again.rows, rows[:1])
    np.testing.assert_array_equal(one_hot(column).rows, rows)


def test_classes_by_number_and_over_time():
    np.testing.assert_array_equal(one_hot([2, 0], 4).rows, np.eye(4)[[2, 0]])
    rows, classes = one_hot([["a", "b"], ["b", "b"]])
    np.testing.assert_array_equal(rows, np.eye(2)[[[0, 1], [1, 1]]])
    assert classes == ("a", "b")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: one_hot(["a", "c"], ["a", "b"]), "'c' at index 1 is none of the classes 'a', 'b'"),
        (lambda: one_hot([0, 5], 3), "5 at index 1 is none of the classes 0, 1, 2"),
        (lambda: one_hot([0.5, 1.0]), "got 0.5"),
        (lambda: one_hot([np.nan, 1.0]), "got nan"),
        (lambda: one_hot(["a", None]), "index 1, got None"),
        (lambda: one_hot(["a"], ["a", "a"]), "a class twice"),
        (lambda: one_hot(["a"], "ab"), "classes must be"),
        (lambda: one_hot([]), "a label for each example"),
        (lambda: one_hot(pd.DataFrame({"a": ["u"], "b": ["v"]})), "Table.fit"),
    ],
)
def test_what_has_no_classes(call, said):
    with pytest.raises(LucidnetError, match=said):
        call()


def test_a_model_learns_the_classes_of_one_hot_rows():
    model = ln.Model([Input(2), Dense(3, "softmax")])
    model.compile("categorical_crossentropy")
    labels = np.array(["u", "v", "w"])[Y % 3]
    model.fit(X, one_hot(labels), verbose=0)
    assert model.classes == ("u", "v", "w")
    with pytest.raises(DataError, match="its columns stand for 'u', 'v'"):
        model.evaluate(X[:2], one_hot(labels[:2]))
    assert model.evaluate(X[:2], one_hot(labels[:2], model.classes)).loss > 0


# --- windows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("horizon", [1, 4])
@pytest.mark.parametrize("shape", [(20,), (20, 1), (20, 3)])
def test_windows_as_numpy_slides_them(shape, horizon, stride):
    series = RNG.normal(size=shape)
    x, y = windows(series, history=5, horizon=horizon, stride=stride)
    view = np.lib.stride_tricks.sliding_window_view(series, 5 + horizon, axis=0)[::stride]
    view = view if series.ndim == 1 else np.moveaxis(view, -1, 1)
    np.testing.assert_array_equal(x, view[:, :5])
    np.testing.assert_array_equal(y, view[:, 5:])
    for i in range(len(x)):  # said plainly
        np.testing.assert_array_equal(x[i], series[i * stride : i * stride + 5])
        np.testing.assert_array_equal(y[i], series[i * stride + 5 : i * stride + 5 + horizon])
    assert len(x) == (20 - 5 - horizon) // stride + 1


def test_the_target_is_a_column_by_name_or_number():
    frame = pd.DataFrame(RNG.normal(size=(20, 3)), columns=["a", "b", "c"])
    expected = windows(frame["b"], history=4, horizon=2)[1]
    for series, target in ((frame, "b"), (frame.to_numpy(), 1), (frame, -2), (pl.DataFrame(frame), "b")):
        x, y = windows(series, history=4, horizon=2, target=target)
        np.testing.assert_array_equal(y, expected)
        assert x.shape == (15, 4, 3)


def test_windows_do_not_follow_the_series():
    series = np.arange(6.0)
    x, _ = windows(series, history=2)
    series[:] = 0
    assert x[0].tolist() == [0, 1] and not x.flags.writeable
    assert windows(np.arange(6, dtype=np.float32), history=2)[0].dtype == np.float32
    assert windows(range(6), history=2)[0].dtype == np.float64


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: windows(np.arange(5), history=5), "need 6 time steps or more, and the series has 5"),
        (lambda: windows(np.zeros((9, 2)), history=2, target="a"), "no names of columns"),
        (lambda: windows(pd.DataFrame({"aa": [1.0] * 9}), history=2, target="ab"), "did you mean 'aa'"),
        (lambda: windows(np.zeros((9, 2)), history=2, target=2), "target=2 of 2 features"),
        (lambda: windows(np.zeros(9), history=2, target=0), "no effect on a series of one feature"),
        (lambda: windows([1.0, np.nan, 2.0], history=1), "windows: series holds nan"),
        (lambda: windows(np.zeros((9, 2, 2)), history=2), "got shape"),
        (lambda: windows(np.zeros(9), history=0), "history must be"),
    ],
)
def test_what_has_no_windows(call, said):
    with pytest.raises(LucidnetError, match=said):
        call()


def passengers(n=144):
    """Return a monthly series that grows, with a yearly wave that grows with it, as that of Box & Jenkins."""
    month, rng = np.arange(n), np.random.default_rng(0)
    wave = 1 + 0.18 * np.sin(2 * np.pi * month / 12) + 0.08 * np.cos(4 * np.pi * month / 12)
    return 115 * np.exp(0.01 * month) * wave * np.exp(0.02 * rng.normal(size=n))


def test_windows_forecast_better_than_the_last_value():
    series, history = passengers(), 12
    changes = np.diff(np.log(series))
    x, y = windows(changes[:100], history=history)
    x_test, y_test = windows(changes[100 - history :], history=history)
    last = np.abs(series[101:] - series[100:-1]).mean()

    def error(predicted):
        return np.abs(series[100:-1] * np.exp(np.ravel(predicted)) - series[101:]).mean()

    (x1, x2), scale = standardize(x, x_test), y.std()
    model = ln.mlp([history, 16, 1], activation="tanh", seed=0)
    model.compile("mse", ln.optimizers.Adam(0.01))
    model.fit(x1, y / scale, epochs=100, verbose=0)
    assert error(model.predict(x2) * scale) < 0.6 * last

    net = ln.sklearn.NetRegressor((16,), "tanh", learning_rate_init=0.01, max_iter=100, random_state=0, tol=0)
    pipeline = make_pipeline(StandardScaler(), TransformedTargetRegressor(net, transformer=StandardScaler()))
    assert error(pipeline.fit(x, y[:, 0]).predict(x_test)) < 0.6 * last


# --- mlp ------------------------------------------------------------------------------------------


def test_a_network_by_its_sizes_is_that_of_its_layers():
    made = ln.mlp([2, 3, 3, 2], activation="tanh", output="softmax", seed=4)
    same = ln.Model([Input(2), Dense(3, "tanh"), Dense(3, "tanh"), Dense(2, "softmax")], seed=4)
    assert repr(made) == repr(same)
    np.testing.assert_array_equal(made.get_weights(), same.get_weights())
    several = ln.mlp((2, 3, 4, 1), activation=["relu", "tanh"], dtype="float64")
    assert [str(layer) for layer in several.net.layers[1:]] == [
        "Dense(3, ReLU(), name='dense1')",
        "Dense(4, Tanh(), name='dense2')",
        "Dense(1, name='dense3')",
    ]
    assert several.dtype == "float64" and ln.mlp([3, 1]).output_shape == (1,)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ln.mlp([2]), "two or more sizes"),
        (lambda: ln.mlp([2, 0]), "sizes must be"),
        (lambda: ln.mlp(3), "sizes must be"),
        (lambda: ln.mlp([2, 3, 1], activation="rellu"), "did you mean 'relu'"),
        (
            lambda: ln.mlp([2, 3, 1], activation=["relu", "tanh"]),
            "2 activations for 1 hidden layers; that of the last layer is output=",
        ),
        (lambda: ln.mlp([2, 3, 1], output=3), "output must be an activation"),
    ],
)
def test_what_is_no_network(call, said):
    with pytest.raises(LucidnetError, match=said):
        call()
    with pytest.raises(TypeError, match="here it is seed"):
        ln.mlp([2, 1], random_state=0)


def test_a_series_whose_times_go_back_is_none():
    days = pd.date_range("2021-03-01", periods=10)
    for index in (days, days.to_period(), days[[0, 1, 2, 3, 4, 5, 7, 9, 9, 9]], range(10, 0, -1)):
        assert len(windows(pd.Series(range(10), index=index), history=3)[0]) == 7
    for index, words in (
        (days[::-1], "from 2021-03-10.* to 2021-03-09"),
        (days.to_period()[::-1], "from 2021-03-10.* to 2021-03-09"),
        (days[[0, 1, 2, 3, 4, 5, 6, 9, 7, 8]], "from 2021-03-10.* to 2021-03-08"),
    ):
        with pytest.raises(DataError, match=f"goes back in time, {words}.*sort_index"):
            windows(pd.DataFrame({"v": range(10)}, index=index), history=3)
