"""The model file: round trips, damage, crashes."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
import pytest
import safetensors.numpy

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.callbacks import On
from lucidnet.core import files as atomic
from lucidnet.core.value import to_config
from lucidnet.errors import FileError, SettingError
from lucidnet.interop import container
from lucidnet.interop.model_file import describe, tensors
from lucidnet.layers import Add, Concatenate, Dense, Dropout, Input, Layer, Residual, Sequential


def model(seed=0, dtype="float32"):
    made = ln.Model(
        [
            Input((2, 3)),
            ln.layers.Flatten(),
            Residual(Dense(6, "tanh", initializer="orthogonal")),
            Concatenate([Dense(3), Sequential([Dense(2, l2=0.1), Dropout(0.5)])]),
            Add([Dense(4), Dense(4, "leaky_relu")]),
            Dense(3, "softmax", name="ausgabe-ä", learning_rate=0.5),
        ],
        seed=seed,
        dtype=dtype,
    )
    optimizer = ln.optimizers.AdamW(0.01, clip=ln.optimizers.ClipGlobalNorm(5.0))
    made.compile(ln.losses.CategoricalCrossentropy(label_smoothing=0.1), optimizer, ["accuracy", "top_2"])
    return made


X = np.random.default_rng(0).normal(size=(20, 2, 3)).astype("float32")
Y = np.arange(20) % 3


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(path):
    made = model()
    made.fit(X, Y, epochs=2, verbose=0)
    made.save(path)
    return made


def test_what_was_recorded_between_epochs_comes_back(path):
    """A model that was loaded had lost it, with the reason why its training was ended."""
    made = model()
    names = ["gradient_alignment", "ausgabe-ä.b", "activations/add4"]
    made.fit(X, Y, batch_size=8, record=names, validation_split=0.1, validate_every=2, verbose=0)
    made.fit(X, Y, verbose=0, callbacks=[On(epoch=lambda loop, _: loop.stop("enough"))])
    made.history.record(9, {"own": 3, "several": np.arange(3)})
    made.save(path)
    history, loaded = made.history, ln.load(path).history
    assert (
        repr(dict(loaded)) == repr(dict(history))
        and loaded.stopped == "enough"
        and list(loaded.steps) == list(history.steps)
    )
    for name, pairs in history.steps.items():
        for (step, value), (number, other) in zip(pairs, loaded.steps[name], strict=True):
            assert (number, type(other)) == (step, type(value))
            np.testing.assert_array_equal(other, value)
    assert loaded.to_csv(steps=True) == history.to_csv(steps=True)
    made.history.record(10, {"why": 1.0})
    made.history.record(11, {"why": "text"})
    with pytest.raises(SettingError, match=r"history.steps\['why'\] holds 'text': only numbers and arrays"):
        made.save(path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_round_trip(path, dtype):
    made = model(seed=4, dtype=dtype)
    made.fit(X, Y, epochs=2, validation_split=0.2, verbose=0)
    made.about = {"data": "made up"}
    made.save(path)
    loaded = ln.load(path)
    np.testing.assert_array_equal(loaded.predict(X), made.predict(X))
    assert loaded.get_weights().dtype == dtype
    for name in ("net", "loss", "optimizer", "metrics", "history", "about", "seed", "dtype", "input_shape"):
        assert getattr(loaded, name) == getattr(made, name)
    assert loaded.evaluate(X, Y) == made.evaluate(X, Y)
    loaded.fit(X, Y, verbose=0)


def test_a_model_that_was_never_compiled_or_trained(path):
    made = ln.Model([Input(3), Dense(2)])
    made.save(path)
    loaded = ln.Model.load(path)
    np.testing.assert_array_equal(loaded.get_weights(), made.get_weights())
    assert loaded.loss is None


def test_others_can_read_it(path, saved):
    arrays = safetensors.numpy.load_file(path)
    np.testing.assert_array_equal(arrays["residual2/body/W"], saved.params["residual2"]["body"]["W"])
    assert {"ausgabe-ä/W", "ausgabe-ä/b", "concatenate3/sequential1/dense0/W"} <= arrays.keys()


@dataclass(frozen=True)
class Scale(Layer):
    """A user's own layer."""

    factor: float = 2.0

    def forward(self, params, x, run=None):
        return x * self.factor, None

    def backward(self, params, cache, dy, need_dx=True):
        return dy * self.factor, {}


class TestSmallFilesThatMeanMuch:
    """Nothing is made but what a file holds, and no layer is run."""

    @pytest.mark.parametrize(
        ("layers", "expected"),
        [
            ([Input((1, 1, 1)), L.ZeroPadding2D(9000)], (18001, 18001, 1)),
            ([Input((1, 1, 1)), L.UpSampling2D(10**9)], (10**9, 10**9, 1)),
            ([Input((10**8, 1)), L.LeakyRNN(1)], (1,)),
            ([Input((10**8, 1)), L.LSTM(1, return_sequences=True), L.Conv1D(1, 3)], (10**8 - 2, 1)),
        ],
        ids=repr,
    )
    def test_no_layer_is_run(self, path, layers, expected):
        ln.Model(layers).save(path)
        with little_memory():
            loaded = ln.load(path)
            assert loaded.output_shape == expected
            assert " x ".join(map(str, expected)) in loaded.summary()

    @pytest.mark.parametrize("wide", [10**7, 10**12, 10**30])
    @pytest.mark.parametrize(
        "layer",
        [
            lambda n: Dense(n, initializer="orthogonal"),
            lambda n: L.LSTM(n),
            lambda n: L.GRU(n, recurrent_initializer="identity"),
            lambda n: L.Embedding(n, 2, initializer="normal"),
            lambda n: L.Conv1D(1, n, padding="same"),
            lambda n: L.MultiHeadAttention(1, n),
            lambda n: Sequential([L.UpSampling2D(n), Dense(2)]),
        ],
        ids=["dense", "lstm", "gru", "embedding", "conv", "attention", "upsampling"],
    )
    def test_what_the_file_lacks_is_not_made(self, path, layer, wide):
        made = ln.Model([Input((4, 3)), Dense(2)])
        description = describe(made) | {"net": to_config(Sequential([Input((4, 3)), layer(wide)]))}
        container.write(path, tensors(made.state), description)
        with little_memory(), pytest.raises(FileError, match="the layers need|is too large|takes inputs"):
            ln.load(path)


@contextmanager
def little_memory():
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


class TestOwnClasses:
    """Names resolve through a closed table."""

    def test_custom(self, path):
        made = ln.Model([Input(3), Scale(3.0), Dense(2)])
        made.save(path)
        with pytest.raises(FileError, match=r"unknown type 'Scale'.*custom=\{'Name': Class\}"):
            ln.load(path)
        assert ln.load(path, custom={"Scale": Scale}).net == made.net

    def test_what_is_code_is_refused_with_its_place_before_a_training_begins(self, path):
        square = L.Function(np.square, lambda x, dy: 2 * x * dy, name="square")
        made = ln.Model([Input(3), Dense(2), square])
        made.compile("mse", ln.optimizers.SGD(lambda step: 0.1))
        said = r"FunctionLayer square: function=.*cannot be saved.*class Mine\(Layer\).*custom=.*get_weights"
        with pytest.raises(SettingError, match=said):
            made.save(path)
        with pytest.raises(SettingError, match=said):
            made.fit(np.ones((4, 3)), np.ones((4, 2)), callbacks=[ln.callbacks.Checkpoint(path.parent)])
        assert made.live.step == 0 and not list(path.parent.glob("*.safetensors"))
        with pytest.raises(SettingError, match=r"SGD: learning_rate=.*cannot be saved"):
            to_config(made.optimizer)
        np.save(path.with_suffix(".npy"), made.get_weights())  # what the message says
        again = ln.Model(made.net.layers, seed=1)
        again.set_weights(np.load(path.with_suffix(".npy")))
        np.testing.assert_array_equal(again.get_weights(), made.get_weights())

    def test_a_custom_name_must_be_free_and_a_value(self, path, saved):
        with pytest.raises(SettingError, match="'Dense' is the name of a class of lucidnet"):
            ln.load(path, custom={"Dense": Scale})
        with pytest.raises(SettingError, match="must be a class such as a Layer"):
            ln.load(path, custom={"Popen": subprocess.Popen})

    @pytest.mark.parametrize("name", ["Popen", "os.system", "__import__", "lucidnet.layers.Dense", "Model"])
    def test_nothing_else_is_made(self, path, saved, name):
        description, tensors = container.read(path)
        description["net"]["layers"][1]["type"] = name
        container.write(path, tensors, description)
        with pytest.raises(FileError, match="unknown type"):
            ln.load(path)

    def test_code_is_not_saved(self, path):
        made = ln.Model([Input(3), ln.layers.Activation(lambda x: x * x, lambda x: 2 * x), Dense(2)])
        with pytest.raises(SettingError, match="a file holds names and numbers, never code"):
            made.save(path)
        assert not path.exists()


class TestDamage:
    """A damaged file is an error with file, reason and remedy; never another model."""

    def test_every_flipped_byte_is_found(self, path, saved):
        whole = path.read_bytes()
        length = 8 + int.from_bytes(whole[:8], "little")
        positions = {*range(10), *range(length - 5, length + 5), *range(len(whole) - 5, len(whole))}
        positions |= set(np.random.default_rng(0).integers(0, len(whole), 300).tolist())
        for position in positions:
            for bit in (0, 6):
                damaged = bytearray(whole)
                damaged[position] ^= 1 << bit
                path.write_bytes(damaged)
                try:
                    loaded = ln.load(path)
                except FileError as error:
                    assert str(path) in str(error)
                else:  # a blank of the header may change into another
                    np.testing.assert_array_equal(loaded.get_weights(), saved.get_weights())
                    assert container.read(path)[0]["net"] == json.loads(json.dumps(describe(saved)))["net"]

    def test_truncated_anywhere(self, path, saved):
        whole = path.read_bytes()
        for length in {*range(0, 12), *np.linspace(12, len(whole) - 1, 60).astype(int).tolist()}:
            path.write_bytes(whole[:length])
            with pytest.raises(
                FileError, match="the file is damaged; use a copy of it, or save the model anew"
            ):
                ln.load(path)

    def test_something_behind_the_end(self, path, saved):
        path.write_bytes(path.read_bytes() + b"\0")
        with pytest.raises(FileError, match="bytes of arrays, expected"):
            ln.load(path)

    def test_random_bytes(self, path):
        for seed in range(20):
            path.write_bytes(np.random.default_rng(seed).bytes(500))
            with pytest.raises(FileError, match="not a safetensors file"):
                ln.load(path)

    def test_not_ours(self, path):
        safetensors.numpy.save_file({"a": np.ones(3)}, path)
        with pytest.raises(FileError, match=r"was not written by lucidnet.*safetensors.numpy.load_file"):
            ln.load(path)

    @pytest.mark.parametrize(
        "value", [None, 7, -1, "x", [], {}, [1], [[1]], {"type": "Dense"}, {"type": "Layer"}, 1e400]
    )
    def test_strange_settings_raise_one_class(self, path, saved, value):
        description, tensors = container.read(path)
        for name in description:
            container.write(path, tensors, description | {name: value})
            with suppress(FileError):
                ln.load(path)

    def test_sizes_are_checked_before_arrays_are_made(self, path, saved):
        description, tensors = container.read(path)
        description["net"]["layers"][-1]["units"] = 10**15  # petabytes
        container.write(path, tensors, description)
        with pytest.raises(FileError, match=r"the layers need float32 of shape \(\d+, 1000000000000000\)"):
            ln.load(path)

    def test_a_newer_version(self, path, saved, monkeypatch):
        monkeypatch.setattr(container, "VERSION", 2)
        saved.save(path)
        monkeypatch.undo()
        with pytest.raises(
            FileError, match="has version 2, this lucidnet reads version 1; install a newer lucidnet"
        ):
            ln.load(path)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                lambda t: t.pop("ausgabe-ä/b"),
                r"array ausgabe-ä/b: no such array, the layers need float32 of shape \(3,\)",
            ),
            (
                lambda t: t.update(extra=np.ones(2)),
                r"array extra: float64 of shape \(2,\), the layers need no such array",
            ),
            (
                lambda t: t.update({"ausgabe-ä/b": np.ones(4, "f")}),
                r"float32 of shape \(4,\), the layers need",
            ),
            (
                lambda t: t.update({"ausgabe-ä/b": np.ones(3)}),
                r"float64 of shape \(3,\), the layers need float32",
            ),
        ],
    )
    def test_arrays_that_do_not_fit_the_layers(self, path, saved, change, message):
        description, tensors = container.read(path)
        change(tensors)
        container.write(path, tensors, description)
        with pytest.raises(FileError, match=message):
            ln.load(path)

    @pytest.mark.parametrize(
        "history", [{"loss": [1.0, 0.5], "accuracy": []}, {"loss": [True]}, {"loss": ["1"]}]
    )
    def test_a_history_that_is_none(self, path, saved, history):
        description, tensors = container.read(path)
        container.write(path, tensors, description | {"history": history})
        with pytest.raises(FileError, match=r"of the same epochs|expected a number"):
            ln.load(path)

    def test_a_description_without_a_field(self, path, saved):
        description, tensors = container.read(path)
        del description["dtype"]
        container.write(path, tensors, description)
        with pytest.raises(FileError, match="the model in it cannot be built: has no 'dtype'"):
            ln.load(path)

    def test_places_that_are_no_files(self, tmp_path):
        with pytest.raises(FileError, match="there is no such file"):
            ln.load(tmp_path / "none.safetensors")
        with pytest.raises(FileError, match="is a folder"):
            ln.load(tmp_path)
        with pytest.raises(FileError, match="is no name of a file"):
            ln.load("null\0byte")
        for read in (ln.load, ln.data.read):
            with pytest.raises(FileError, match="no such file; it is an address: download it first"):
                read("https://example.org/file.csv")

    @pytest.mark.parametrize(("name", "read"), [("a.safetensors", ln.load), ("a.csv", ln.data.read)])
    def test_a_file_that_git_has_not_fetched(self, tmp_path, name, read):
        path = tmp_path / name
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
        with pytest.raises(FileError, match="is a pointer of Git LFS, not the file; git lfs pull"):
            read(path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_not_waited_for(self, path):
        os.mkfifo(path)
        with pytest.raises(FileError, match="is no ordinary file"):
            ln.load(path)

    def test_no_permission(self, path, saved, monkeypatch):
        def fail(*arguments):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(type(path), "open", fail)
        with pytest.raises(FileError, match=r"cannot be read \(Permission denied\); check its place"):
            ln.load(path)


class TestWriting:
    """The old file or the new one, whole, whatever happens."""

    def test_permissions_are_the_usual_ones(self, path, saved):
        mask = os.umask(0o027)
        try:
            new = path.with_name("new.safetensors")
            saved.save(new)
            assert stat.S_IMODE(new.stat().st_mode) == 0o640
        finally:
            os.umask(mask)
        path.chmod(0o604)
        saved.save(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o604

    def test_a_link_is_followed(self, tmp_path, path, saved):
        link = tmp_path / "link.safetensors"
        link.symlink_to(path)
        model(seed=9).save(link)
        assert link.is_symlink()
        assert ln.load(path).seed == 9

    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (
                "fsync",
                OSError(errno.ENOSPC, "No space left on device"),
                r"writing failed \(No space left on device\)",
            ),
            (
                "replace",
                PermissionError(errno.EACCES, "Permission denied"),
                r"cannot be written \(Permission denied\)",
            ),
            ("fsync", OSError(errno.EIO, "Input/output error"), "what was there before is unchanged"),
        ],
    )
    def test_what_was_there_stays(self, path, saved, monkeypatch, call, error, message):
        def fail(*arguments):
            raise error

        before = path.read_bytes()
        monkeypatch.setattr(atomic.os, call, fail)
        with pytest.raises(FileError, match=message):
            model(seed=9).save(path)
        monkeypatch.undo()
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    def test_an_interrupt_leaves_nothing_behind(self, path, saved, monkeypatch):
        def interrupt(*arguments):
            raise KeyboardInterrupt

        before = path.read_bytes()
        monkeypatch.setattr(atomic.os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            saved.save(path)
        monkeypatch.undo()
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]

    def test_a_full_disk(self, tmp_path, path, saved):
        """A real one: the process may write no file of more than 4,000 bytes."""
        resource = pytest.importorskip("resource")
        before = path.read_bytes()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
        try:
            big = ln.Model([Input(100), Dense(100)])
            with pytest.raises(FileError, match=r"writing failed \(File too large\)"):
                big.save(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        assert path.read_bytes() == before

    def test_places_that_cannot_be_written(self, tmp_path, saved):
        with pytest.raises(FileError, match="the folder does not exist; make it first"):
            saved.save(tmp_path / "none" / "model.safetensors")
        (tmp_path / "folder").mkdir()
        with pytest.raises(FileError, match="is a folder; name a file in it"):
            saved.save(tmp_path / "folder")
        with pytest.raises(FileError, match="a path holds no null character"):
            saved.save("model\0.safetensors")

    def test_a_folder_that_cannot_be_synced(self, path, saved, monkeypatch):
        def fail(folder):
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(atomic, "_sync_folder", fail)
        with pytest.raises(FileError, match="the new file is in place, but may not outlast a power cut"):
            model(seed=9).save(path)
        assert ln.load(path).seed == 9

    def test_killed_at_any_moment(self, path):
        """A process that saves two models in turn is killed; the file is one of them."""
        program = (
            "import sys, lucidnet as ln\n"
            "from lucidnet.layers import Dense, Input\n"
            "models = [ln.Model([Input(300), Dense(300)], seed=seed) for seed in (1, 2)]\n"
            "models[0].save(sys.argv[1]); print('go', flush=True)\n"
            "while True:\n    [model.save(sys.argv[1]) for model in models]\n"
        )
        expected = {seed: ln.Model([Input(300), Dense(300)], seed=seed).get_weights() for seed in (1, 2)}
        rng = np.random.default_rng(0)
        for _ in range(15):
            child = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE)
            child.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            child.kill()
            child.wait()
            child.stdout.close()
            loaded = ln.load(path)
            np.testing.assert_array_equal(loaded.get_weights(), expected[loaded.seed])


def test_an_old_file_may_have_penalties_without_weights(tmp_path, monkeypatch):
    """They did nothing when it was written, and are an error now; the model loads, without them."""
    made = ln.Model([Input(3), Dense(4, l2=0.1), L.BatchNormalization(), Dense(1)])
    made.compile("mse", "adam")
    made.fit(np.eye(3), np.ones(3), verbose=0)
    x, described = np.eye(3), describe

    def old(model):
        description = described(model)
        description["net"]["layers"][2] |= {"l2": 0.5, "l1": 0.5}
        return description

    monkeypatch.setattr("lucidnet.interop.model_file.describe", old)
    made.save(tmp_path / "old.safetensors")
    again = ln.load(tmp_path / "old.safetensors")
    assert again.net == made.net
    np.testing.assert_array_equal(again.predict(x), made.predict(x))
