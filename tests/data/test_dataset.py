"""Data sets as chains: order, steps, threads, memory, and training on them."""

import subprocess
import sys
import threading

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.data import Dataset
from lucidnet.errors import DataError, LucidnetError, SettingError
from lucidnet.layers import Dense, Input

X = np.arange(60.0).reshape(20, 3)
Y = np.arange(20)


def labels(items):
    return [y.tolist() if hasattr(y, "tolist") else y for _, y, *_ in items]


def arrays():
    return Dataset.from_arrays(X, Y)


def test_examples_and_batches():
    assert labels(arrays()) == list(range(20))
    assert arrays().length == 20
    batches = arrays().batch(8)
    assert labels(batches) == [list(range(8)), list(range(8, 16)), [16, 17, 18, 19]]
    assert batches.length == 3
    assert arrays().batch(8, drop_last=True).length == len(labels(arrays().batch(8, drop_last=True))) == 2
    x, y = next(iter(batches))
    np.testing.assert_array_equal(x, X[:8])
    assert np.shares_memory(x, X)  # rows next to each other are not copied


@pytest.mark.parametrize(
    "make", [lambda d: d.shuffle(3), lambda d: Dataset.from_iterator(lambda: iter(d)).shuffle(3, 7)]
)
def test_order_is_a_function_of_seed_and_epoch(make):
    one, two = make(arrays()).batch(6), make(arrays()).batch(6)
    for epoch in range(3):
        first = labels(one.items(epoch))
        assert sorted(row for rows in first for row in rows) == list(range(20))
        assert first == labels(two.items(epoch))
        assert first[2:] == labels(one.items(epoch, start=2))
    assert labels(one.items(0)) != labels(one.items(1))


def test_map_on_examples_and_on_batches():
    def double(x, y):
        return 2 * x, y + 1

    one = arrays().map(double).batch(5)
    two = arrays().batch(5).map(double)
    for (a, b), (c, d) in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)


def test_random_maps_repeat_and_differ_by_epoch_and_place():
    def noisy(x, y, rng):
        return x + rng.normal(x.shape), y

    dataset = arrays().batch(10).map(noisy, seed=1)
    first, second = ([x for x, _ in dataset.items(epoch)] for epoch in (0, 1))
    np.testing.assert_array_equal(first[1], next(iter(dataset.items(0, start=1)))[0])
    assert (first[0] != second[0]).any()
    assert ((first[0] - X[:10]) != (first[1] - X[10:])).any()


def test_shuffling_a_stream_asks_for_a_buffer():
    stream = Dataset.from_iterator(lambda: iter([(X[:4], Y[:4])]))
    with pytest.raises(SettingError, match="shuffle: of a stream, say how many items to mix"):
        stream.shuffle(0)


def test_an_epoch_shorter_than_was_said_is_an_error():
    for there in (1, 3, 4):
        short = Dataset.from_iterator(lambda there=there: iter([(X[:4], Y[:4])] * there), length=5)
        with pytest.raises(DataError, match=f"length=5 items, and there were only {there}"):
            list(short.items(0))


def test_take_skip_split():
    assert labels(arrays().take(3)) == [0, 1, 2]
    assert labels(arrays().skip(18)) == [18, 19]
    first, last = arrays().split(0.25)
    assert (first.length, last.length) == (15, 5)
    assert labels(last.shuffle(0).batch(5)) != [[15, 16, 17, 18, 19]]
    assert sorted(labels(last.shuffle(0).batch(5))[0]) == [15, 16, 17, 18, 19]
    assert labels(arrays().batch(4).take(2)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    with pytest.raises(DataError, match="come before shuffle"):
        arrays().shuffle().take(3)


class TestPrefetch:
    def test_it_yields_the_same(self):
        plain = arrays().shuffle(1).batch(3)
        assert labels(plain.prefetch(4).items(2, start=3)) == labels(plain.items(2, start=3))

    def test_an_error_in_the_thread_is_raised(self):
        def bad(x, y):
            if y == 7:
                raise ZeroDivisionError("seven")
            return x, y

        with pytest.raises(ZeroDivisionError, match="seven"):
            list(arrays().map(bad).prefetch(2))

    def test_no_thread_is_left_when_nobody_goes_on(self):
        before = threading.active_count()
        items = iter(arrays().prefetch(1))
        next(items)
        assert threading.active_count() == before + 1
        items.close()
        assert threading.active_count() == before

    def test_no_thread_is_left_if_ctrl_c_comes_while_it_starts(self, monkeypatch):
        start, before = threading.Thread.start, threading.active_count()

        def pressed(thread):
            start(thread)
            raise KeyboardInterrupt

        monkeypatch.setattr(threading.Thread, "start", pressed)
        with pytest.raises(KeyboardInterrupt):
            next(iter(arrays().prefetch(1)))
        assert threading.active_count() == before


@pytest.mark.parametrize("backend", ["numpy", "jax:cpu"])
@pytest.mark.parametrize(
    ("chain", "count"),
    [
        (lambda data: data, 6),
        (lambda data: data.map(lambda x, y: (x, y)), 6),
        (lambda data: data.prefetch(2), 6),
        (lambda data: data.shuffle(0, buffer=4).take(5), 5),
    ],
)
def test_what_tells_a_network_its_inputs_is_trained_on_too(chain, count, backend):
    """Of an iterator, behind whatever steps: the first batch was missing, or nothing was left."""
    batches = ((np.ones((2, 3)), np.ones((2, 1))) for _ in range(6))
    model = ln.Model([ln.layers.Dense(1)], backend=backend)
    model.compile("mse", "sgd")
    model.fit(chain(ln.data.Dataset.from_iterator(batches)), verbose=0)
    assert model.state.step == count


def test_of_an_iterator_with_a_length_nothing_that_was_looked_at_is_lost():
    data = ln.data.Dataset.from_iterator(((np.full((1, 1), k), np.ones(1)) for k in range(8)), length=2)
    ahead = data.prefetch(5)
    assert ahead.sample[0] == ahead.sample[0] == 0
    assert [int(x.item()) for _ in range(4) for x, _ in data] == [*range(8)]


def test_the_number_of_a_batch_that_is_wrong_is_told():
    def batches():
        yield from ((np.full((2, 3), k), np.ones(2)) for k in (1.0, 2.0, np.nan))

    model = ln.Model([ln.layers.Input(3), ln.layers.Dense(1)])
    model.compile("mse", "sgd")
    with pytest.raises(DataError, match="^batch 2: x holds nan"):
        model.fit(batches, verbose=0)


def test_iterators():
    def make(epoch):
        for start in range(0, 20, 5):
            yield X[start : start + 5] + epoch, Y[start : start + 5]

    dataset = Dataset.from_iterator(make)
    assert next(dataset.items(3))[0][0, 0] == 3
    assert [len(x) for x, _ in Dataset.from_iterator(make(0))] == [5] * 4
    once = Dataset.from_iterator(make(0))
    assert once.sample[0].shape == (5, 3)
    assert len(list(once.items(0))) == 4
    with pytest.raises(DataError, match="used up after one epoch"):
        list(once.items(1))


def test_a_function_gets_the_epoch_only_if_it_asks_for_it():
    def sized(rows=[1, 2]):  # noqa: B006 - as in a loop that makes functions
        yield from ((X[row], Y[row]) for row in rows)

    assert labels(Dataset.from_iterator(sized).items(3)) == [1, 2]
    assert labels(Dataset.from_iterator(lambda epoch=0: [(X[epoch], Y[epoch])]).items(3)) == [3]
    with pytest.raises(DataError, match=r"x must be a function, of nothing or of the epoch"):
        small().fit(lambda rows, size: iter([]), verbose=0)
    with pytest.raises(DataError, match=r"make must return a fresh iterator of batches, got 5: .* yield"):
        small().fit(lambda: 5, verbose=0)


def small():
    model = ln.Model([Input(3), Dense(1)], seed=0)
    model.compile("mse", "sgd")
    return model


def test_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "d.h5"
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = X, Y
    dataset = Dataset.from_hdf5(path).shuffle(2).batch(6)
    expected = arrays().shuffle(2).batch(6)
    for (a, b), (c, d) in zip(dataset, expected, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
    with pytest.raises(DataError, match=r"holds no array 'labels'; there are \['x', 'y'\]"):
        Dataset.from_hdf5(path, y="labels")


# --- training on them -------------------------------------------------------------------------------

DIGITS, _ = ln.data.load("digits")


def model():
    made = ln.Model([Input(64), Dense(16, "relu"), Dense(10, "softmax")], seed=0)
    made.compile("categorical_crossentropy", "adam", ["accuracy"])
    return made


def test_fit_takes_data_sets_iterators_and_functions(tmp_path):
    x, y = DIGITS[0][:300], DIGITS[1][:300]
    whole = Dataset.from_arrays(x, y).batch(32)

    def batches():
        for start in range(0, 300, 32):
            yield x[start : start + 32], y[start : start + 32]

    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    plain = model()
    plain.fit(x, y, batch_size=32, shuffle=False, verbose=0)
    for source in [(whole,), (batches,), (batches(),), (whole.prefetch(2),)]:
        made = model()
        made.fit(*source, verbose=0)
        assert made.get_weights().tobytes() == plain.get_weights().tobytes()
        assert made.history == plain.history
    made = model()
    made.fit(mapped, y, batch_size=32, shuffle=False, verbose=0, validation_data=whole)
    assert made.get_weights().tobytes() == plain.get_weights().tobytes()
    assert made.evaluate(whole).loss == pytest.approx(made.evaluate(x, y).loss, rel=1e-5)
    assert made.history["val_loss"][0] == pytest.approx(made.evaluate(x, y).loss, rel=1e-5)


def test_what_a_stream_brings_is_checked():
    with pytest.raises(DataError, match="make batches of them"):
        model().fit(Dataset.from_arrays(*DIGITS), verbose=0)
    with pytest.raises(LucidnetError, match="expected 64 input features, got 3"):
        model().fit(arrays().batch(4), verbose=0)
    with pytest.raises(DataError, match="there is no batch in it"):
        model().fit(Dataset.from_iterator(lambda: iter([])), validation_data=None, verbose=0)
    with pytest.raises(DataError, match="expected arrays of one length"):
        Dataset.from_arrays(X, Y[:3])


MEMORY = """
import resource, sys
import numpy as np
import lucidnet as ln
x = np.load(sys.argv[1], mmap_mode="r")
if sys.argv[2] == "hdf5":
    import h5py
    x = h5py.File(sys.argv[1] + ".h5")["x"]
model = ln.Model([ln.layers.Input(500), ln.layers.Dense(4), ln.layers.Dense(1)])
model.compile("mse", "sgd")
model.train_step(np.zeros((2, 500)), np.zeros(2))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
data = ln.data.Dataset.from_arrays(x, np.zeros(len(x))).shuffle(0).batch(200).prefetch(2)
model.fit(data, verbose=0)
file = 0
for line in open("/proc/self/status"):
    if line.startswith("RssFile"):
        file = int(line.split()[1])
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before - (file if sys.argv[2] == "npy" else 0)) // 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("kind", ["npy", "hdf5"])
def test_a_data_set_larger_than_memory_trains_in_little(tmp_path, kind):
    """120 MB on disk; pages of a mapped file, which the system may drop at any time, do not count."""
    path = tmp_path / "big.npy"
    big = np.lib.format.open_memmap(path, "w+", np.float32, (60_000, 500))
    big[:] = 0.5
    big.flush()
    if kind == "hdf5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(f"{path}.h5", "w") as file:
            file["x"] = big
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, path, kind], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 40


def test_an_iterator_that_is_used_up_says_so():
    """In `evaluate` all of its time steps were said to be masked."""
    model = ln.Model([ln.layers.Input(2), ln.layers.Dense(1)])
    model.compile("mse", "sgd")
    batches = (batch for batch in [(np.ones((4, 2)), np.ones((4, 1)))])
    model.evaluate(batches)
    for use in (model.evaluate, lambda given: model.fit(given, verbose=0)):
        with pytest.raises(DataError, match="no batch at all; an iterator that was used up gives none"):
            use(batches)


@pytest.mark.parametrize("backend", ["numpy", "jax:cpu"])
@pytest.mark.parametrize(("ahead", "tensors"), [(False, False), (True, False), (False, True)])
def test_a_generator_may_fill_the_same_arrays_again_and_again(backend, ahead, tensors):
    """Batches that waited for their step had all become the last of them."""
    if backend != "numpy":
        pytest.importorskip("jax")
    as_given = pytest.importorskip("torch").from_numpy if tensors else np.asarray
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 4)).astype("f"), rng.normal(size=(24, 1)).astype("f")
    part, target = np.zeros((8, 4), "f"), np.zeros((8, 1), "f")

    def again():
        for begin in range(0, 24, 8):
            part[:], target[:] = x[begin : begin + 8], y[begin : begin + 8]
            yield as_given(part), as_given(target)

    data = Dataset.from_iterator(again)
    models = [ln.Model([Input(4), Dense(1)], backend=backend) for _ in range(2)]
    for model in models:
        model.compile("mse", "adam")
    models[0].fit(data.prefetch(3) if ahead else data, epochs=2, verbose=0)
    models[1].fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(models[0].get_weights(), models[1].get_weights(), rtol=1e-6)
    items = list(data)
    np.testing.assert_array_equal(np.concatenate([item[0] for item in items]), x)


class ByNumber:
    """Gives single examples by their numbers, as data sets of PyTorch do."""

    def __len__(self):
        return 20

    def __getitem__(self, i):
        return X[i], Y[i]


def test_what_gives_its_items_by_number_is_told_of_batches():
    model = ln.Model([ln.layers.Dense(1)])
    model.compile("mse")
    for call in (model.fit, model.evaluate):
        with pytest.raises(
            DataError, match="x gives its items by number, ByNumber: .*into batches, DataLoader"
        ):
            call(ByNumber())
