"""Whatever `fit` and its kin are given is used, or refused: data sets, iterators, files, arrays."""

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.callbacks import ReduceOnPlateau
from lucidnet.data import Dataset
from lucidnet.data.stored import Blocks
from lucidnet.errors import DataError, SettingError, ShapeError
from lucidnet.layers import Dense, Input, LeakyRNN, Sequential

h5py = pytest.importorskip("h5py")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)).astype("float32"), np.repeat([0, 1], 20)
WEIGHTS = RNG.uniform(0.1, 3, size=40)


def made(optimizer="sgd", **settings):
    model = ln.Model([Input(3), Dense(2, "softmax")], dtype="float64", **settings)
    model.compile("categorical_crossentropy", optimizer)
    return model


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as written:
        written["x"], written["y"] = X, Y
    with h5py.File(tmp_path / "data.h5") as opened:
        yield opened


def batches(epoch=0):
    return ((X[i : i + 8], Y[i : i + 8]) for i in range(0, 40, 8))


class Loader:
    """What can be gone through, as a DataLoader."""

    def __iter__(self):
        return iter([[x, y] for x, y in batches()])

    def __len__(self):
        return 5


SOURCES = {
    "data set": lambda: Dataset.from_arrays(X, Y).batch(8),
    "function": lambda: batches,
    "iterator": batches,
    "loader": Loader,
}
OTHERS = {
    "sample_weight": WEIGHTS,
    "validation_split": 0.25,
    "mask": np.ones((40, 3), bool),
    "batch_size": 8,
    "shuffle": False,
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", OTHERS)
def test_what_batches_from_elsewhere_cannot_use_is_refused(source, name):
    with pytest.raises(SettingError, match=f"^{name}: goes with arrays in memory"):
        made().fit(SOURCES[source](), verbose=0, **{name: OTHERS[name]})


@pytest.mark.parametrize("source", SOURCES)
def test_batches_from_elsewhere_are_those_of_the_arrays(source):
    one, other = made(), made()
    one.fit(X, Y, batch_size=8, shuffle=False, class_weight={1: 3.0}, verbose=0)
    other.fit(SOURCES[source](), class_weight={1: 3.0}, verbose=0)
    np.testing.assert_array_equal(one.get_weights(), other.get_weights())
    assert (one.get_weights() != made().get_weights()).any()
    with pytest.raises(SettingError, match="class_weight='balanced'"):
        made().fit(SOURCES[source](), class_weight="balanced", verbose=0)
    with pytest.raises(SettingError, match="^y: x is .*leave y out"):
        made().fit(SOURCES[source](), Y, verbose=0)


def test_other_methods_refuse_it_too():
    model, dataset = made(), SOURCES["data set"]()
    for call in (
        lambda: model.evaluate(dataset, batch_size=8),
        lambda: model.lr_find(dataset, batch_size=8),
        lambda: model.fit_one_cycle(dataset, epochs=1, max_lr=0.1, batch_size=8),
    ):
        with pytest.raises(SettingError, match="^batch_size: goes with arrays"):
            call()


class TestFiles:
    """Arrays of h5py take every argument but masks."""

    @pytest.mark.parametrize(
        "settings",
        [
            {"batch_size": 8},
            {"sample_weight": WEIGHTS},
            {"class_weight": {0: 0.5}, "sample_weight": WEIGHTS, "batch_size": 7},
            {"validation_split": 0.25},
            {"validation_split": 0.25, "sample_weight": WEIGHTS, "epochs": 2},
        ],
    )
    def test_in_the_order_of_the_file_it_is_the_arrays(self, file, settings):
        one, other = made(), made()
        one.fit(X, Y, shuffle=False, verbose=0, **settings)
        other.fit(file["x"], file["y"], shuffle=False, verbose=0, **settings)
        np.testing.assert_array_equal(one.get_weights(), other.get_weights())
        assert one.history.keys() == other.history.keys()
        for name, values in one.history.items():
            np.testing.assert_allclose(other.history[name], values, rtol=1e-12)

    def test_it_is_shuffled_unless_somebody_says_no(self, file):
        seen = []

        class See(ln.callbacks.Callback):
            def before_step(self, loop, batches):
                seen.append(batches[0].target)

        model = made()
        model.fit(file["x"], file["y"], batch_size=10, epochs=2, callbacks=[See()], verbose=0)
        labels = np.concatenate(seen)
        assert 3 < labels[:20].sum() < 17  # in the file the first twenty are 0
        assert (labels[:40] != labels[40:]).any()
        assert labels[:40].sum() == labels[40:].sum() == 20

    def test_masks_are_refused(self, file):
        with pytest.raises(SettingError, match="^mask: .*arrays in a file have no masks"):
            made().fit(file["x"], file["y"], mask=np.ones((40, 3), bool), verbose=0)

    @pytest.mark.parametrize(
        ("size", "block", "window"), [(7, 4, 2), (8, 3, 3), (5, 100, 2), (1, 1, 1), (40, 7, 3)]
    )
    def test_blocks(self, monkeypatch, size, block, window):
        """Each row comes once an epoch; few are read at a time, in long stretches; any batch can be the first."""
        monkeypatch.setattr("lucidnet.data.stored.WINDOW", window)
        rows = np.arange(41)
        mixed = Blocks(Dataset.from_arrays(rows, rows), size, seed=3)
        mixed.block = block
        read = []
        fetch = mixed.inner.fetch
        mixed.inner.fetch = lambda chosen: read.append(chosen) or fetch(chosen)
        found = list(mixed.items(2))
        assert len(found) == mixed.length == -(-41 // size)
        assert [len(x) for x, _ in found[:-1]] == [size] * (mixed.length - 1)
        assert sorted(np.concatenate([x for x, _ in found])) == rows.tolist()
        assert all((np.diff(chosen) == 1).all() for chosen in read)
        assert max(map(len, read)) <= block
        for start in range(mixed.length):
            for one, other in zip(found[start:], mixed.items(2, start), strict=True):
                np.testing.assert_array_equal(one[0], other[0])
        others = np.concatenate([x for x, _ in mixed.items(3)])
        assert block == window == 1 or (others != np.concatenate([x for x, _ in found])).any()

    def test_a_training_goes_on_in_the_middle_of_an_epoch(self, file, tmp_path):
        def fit(model, **more):
            model.fit(file["x"], file["y"], batch_size=7, epochs=3, verbose=0, **more)

        whole, parts = made("adam"), made("adam")
        fit(whole)

        class Stops(ln.callbacks.Callback):
            def step(self, loop, measured):
                if loop.steps == 9:
                    raise KeyboardInterrupt

        kept = ln.callbacks.Checkpoint(tmp_path / "runs", every_steps=4)
        with pytest.raises(KeyboardInterrupt):
            fit(parts, resume=tmp_path / "runs", callbacks=[kept, Stops()])
        parts = made("adam")
        fit(
            parts,
            resume=tmp_path / "runs",
            callbacks=[ln.callbacks.Checkpoint(tmp_path / "runs", every_steps=4)],
        )
        np.testing.assert_array_equal(whole.get_weights(), parts.get_weights())


class TestArrays:
    """What one argument makes idle of another."""

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"validation_split": 0.25, "validation_data": (X, Y)}, "validation_split=0.25 has no effect"),
            ({"validate_every": 2}, "validate_every=2 has no effect without validation data"),
            ({"record_every": 2}, "record_every=2 has no effect without record"),
        ],
    )
    def test_it_is_an_error(self, settings, message):
        with pytest.raises(SettingError, match=message):
            made().fit(X, Y, verbose=0, **settings)

    def test_lbfgs_takes_all_examples_in_each_step(self):
        with pytest.raises(SettingError, match="batch_size=8 has no effect with LBFGS"):
            made("lbfgs").fit(X, Y, batch_size=8, verbose=0)
        made("lbfgs").fit(X, Y, batch_size=40, shuffle=False, verbose=0)
        with pytest.raises(SettingError, match="LBFGS takes all examples in each step"):
            made("lbfgs").fit(SOURCES["data set"](), verbose=0)
        made("lbfgs").fit(Dataset.from_arrays(X, Y).batch(40), verbose=0)

    def test_a_stateful_network_keeps_the_order(self, file):
        model = ln.Model([Input((3, 1)), LeakyRNN(2, stateful=True), Dense(2, "softmax")])
        model.compile("categorical_crossentropy", "sgd")
        with pytest.raises(SettingError, match="pass shuffle=False"):
            model.fit(X[..., None], Y, verbose=0)


class TestIterators:
    """An epoch has as many items as were promised."""

    def test_an_endless_function(self):
        def endless():
            while True:
                yield X, Y

        model = made()
        model.fit(Dataset.from_iterator(endless, length=5), epochs=2, verbose=0)
        assert model.state.step == 10

    def test_an_iterator_goes_on_where_the_epoch_before_ended(self):
        given = iter([(X[i : i + 4], Y[i : i + 4]) for i in range(0, 40, 4)])
        one, other = made(), made()
        one.fit(Dataset.from_iterator(given, length=5), epochs=2, verbose=0)
        other.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
        np.testing.assert_array_equal(one.get_weights(), other.get_weights())

    def test_too_few(self):
        with pytest.raises(DataError, match="length=6 items, and there were only 5"):
            made().fit(Dataset.from_iterator(batches, length=6), verbose=0)
        with pytest.raises(SettingError, match="from_iterator: length must be a whole number"):
            Dataset.from_iterator(batches, length=0)

    def test_a_list_of_batches_says_what_to_write(self):
        with pytest.raises(DataError, match=r"y is missing: .*Dataset.from_iterator\(batches\)"):
            made().fit(list(batches()), verbose=0)
        made().fit(Dataset.from_iterator(list(batches())), epochs=2, verbose=0)


def test_settings_without_effect():
    with pytest.raises(SettingError, match="output_padding=1 has no effect with padding='same'"):
        ln.layers.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1)
    with pytest.raises(SettingError, match="derivative has no effect, as 'relu' brings its own"):
        ln.layers.Activation("relu", np.sign)
    for given in ({"y": Y}, {"x": X, "shape": 3}):
        with pytest.raises(SettingError, match="has no effect"):
            ln.check.gradients(Dense(2), **given)
    with pytest.raises(SettingError, match="shape=.* has no effect without net"):
        ln.check.rule("fa", shape=(3,))


@pytest.mark.parametrize(
    ("validation", "said"),
    [
        ((X[:, :2], Y), "validation_data: layer 0 Input: expected 3 input features, got 2"),
        ((X, Y[:3]), "validation_data: x and y differ in length: 40 examples, 3 targets"),
        ((np.full_like(X, np.nan), Y), "validation_data: x holds nan at index"),
        ({"x": X, "y": Y, "mask": Y[:2]}, "validation_data: .*mask"),
    ],
)
def test_what_is_wrong_with_validation_data_is_said_of_them(validation, said):
    with pytest.raises((DataError, ShapeError), match=said):
        made().fit(X, Y, validation_data=validation, verbose=0)


@pytest.mark.parametrize(
    "asked",
    [
        lambda model: model.lr_find(X, Y, steps=10),
        lambda model: model.fit_one_cycle(X, Y, epochs=1, max_lr=0.1, verbose=0),
        lambda model: model.fit(X, Y, verbose=0, callbacks=[ReduceOnPlateau("loss")]),
    ],
    ids=["lr_find", "fit_one_cycle", "ReduceOnPlateau"],
)
def test_a_rate_that_no_layer_takes(asked):
    """As all that are trained have one of their own; one layer without is enough."""
    model = ln.Model([Input(X.shape[1]), Dense(3, "tanh"), Dense(2), Dense(1)], seed=0)
    model.compile("mse", "adam")
    model.set(layer="dense*", learning_rate=0.1)
    before = model.get_weights()
    with pytest.raises(SettingError, match="the learning rate has no effect, as all layers that are trained"):
        asked(model)
    np.testing.assert_array_equal(model.get_weights(), before)
    model.set(layer="dense2", learning_rate=None)
    asked(model)
    model.set(layer="dense2", frozen=True)
    with pytest.raises(SettingError, match="the learning rate has no effect"):
        asked(model)
    model.set(layer="*", learning_rate=None)
    asked(model)


def test_a_rate_of_the_whole_network():
    """It stands before the optimizer's, and `set` cannot take it away."""
    model = ln.Model(Sequential([Input(X.shape[1]), Dense(1, learning_rate=0.2)], learning_rate=0.1))
    model.compile("mse", "adam")
    with pytest.raises(SettingError, match="make the network's Sequential without learning_rate"):
        model.lr_find(X, Y, steps=10)
