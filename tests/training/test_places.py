"""Folders and files that cannot be made or written: one FileError from whatever writes, and nothing half-written."""

import os
import signal
import sys

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import callbacks, plots
from lucidnet.core.caches import program_folder
from lucidnet.errors import FileError, LucidnetError, MismatchError, SettingError
from lucidnet.interop import container

X, Y = np.ones((8, 3), "f"), np.ones((8, 2), "f")


def model(seed=0):
    made = ln.Model([ln.layers.Input(3), ln.layers.Dense(2)], seed=seed)
    made.compile("mse", "adam")
    return made


def fit(**settings):
    model().fit(X, Y, **{"verbose": 0} | settings)


def tensorboard(place):
    pytest.importorskip("tensorboardX")
    fit(callbacks=[callbacks.TensorBoard(place)])


def figure(place):
    pytest.importorskip("matplotlib")
    plots.save(model().fit(X, Y, epochs=2, verbose=0).plot(), f"{place}.png")


def ready():
    made = model()
    made.build()
    return made


def onnx(place):
    pytest.importorskip("onnx")
    ln.export(ready(), f"{place}.onnx")


FOLDERS = {
    "Checkpoint": lambda place: fit(callbacks=[callbacks.Checkpoint(place)]),
    "best alone": lambda place: fit(callbacks=[callbacks.Checkpoint(place, every_epochs=None, best="loss")]),
    "resume": lambda place: fit(resume=place),
    "TensorBoard": tensorboard,
}
FILES = {
    "save": lambda place: model().save(f"{place}.safetensors"),
    "CSVLog": lambda place: fit(callbacks=[callbacks.CSVLog(place)]),
    "to_csv": lambda place: model().fit(X, Y, verbose=0).to_csv(place),
    "picture": figure,
    "export": lambda place: ln.export(ready(), f"{place}.py"),
    "ONNX": onnx,
    "Live": lambda place: fit(callbacks=[ln.lab.Live(save=f"{place}.html")]),
}
"""What writes, into a folder or to a file of a name."""


@pytest.mark.parametrize("writer", [*FOLDERS, *FILES])
@pytest.mark.parametrize(
    "place", ["file/inside", "half\ud800", "l" * 5000], ids=["in a file", "half a character", "too long"]
)
def test_places_that_cannot_be(tmp_path, writer, place):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError) as caught:
        (FOLDERS | FILES)[writer](f"{tmp_path}/{place}")
    assert caught.value.file and caught.value.reason and caught.value.remedy
    assert "room" not in caught.value.remedy  # it is no full disk
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("writer", FOLDERS)
def test_a_file_where_the_folder_should_be(tmp_path, writer):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError, match="file: a file stands where a folder should be; choose another place"):
        FOLDERS[writer](str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("writer", [*filter("Live".__ne__, FILES)])  # it makes them
def test_folders_that_are_missing(tmp_path, writer):
    with pytest.raises(FileError, match="the folder does not exist; make it first"):
        FILES[writer](str(tmp_path / "none" / "a"))


@pytest.mark.parametrize("writer", FILES)
def test_names_as_long_as_disks_take_and_of_any_bytes(tmp_path, writer):
    """All of 255 bytes, and such as are no text."""
    ending = {"save": 12, "picture": 4, "export": 3, "ONNX": 5, "Live": 5}.get(writer, 0)
    names = [(255 - ending) * b"l"]
    if sys.platform == "linux":  # where names are bytes
        names += [b"\xff\xfe", ("é" * 127).encode()[: 254 - ending]]
    for name in names:
        FILES[writer](os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    assert len([*tmp_path.iterdir()]) == len(names)


@pytest.mark.parametrize("writer", FILES)
def test_what_is_protected_stays(tmp_path, writer, monkeypatch):
    """A file that is read-only would not be kept so from being replaced."""
    FILES[writer](str(tmp_path / "a"))
    (path,) = tmp_path.iterdir()
    before = path.read_bytes()
    path.chmod(0o444)
    may = os.access  # the administrator may do all
    monkeypatch.setattr(
        os, "access", lambda it, how: may(it, how) and not (how == os.W_OK and path.samefile(it))
    )
    with pytest.raises(FileError, match="is protected from being written; take the protection away"):
        FILES[writer](str(tmp_path / "a"))
    assert path.read_bytes() == before


@pytest.mark.parametrize("writer", [*FOLDERS, *FILES])
def test_nulls(tmp_path, writer):
    with pytest.raises((FileError, SettingError), match="null character|must be a path"):
        (FOLDERS | FILES)[writer](f"{tmp_path}/a\0b")


@pytest.mark.skipif(sys.platform != "linux", reason="a folder in which nobody may write")
@pytest.mark.parametrize("writer", FOLDERS)
def test_a_folder_that_nobody_may_make(writer):
    with pytest.raises(FileError):
        FOLDERS[writer]("/proc/lucidnet")


@pytest.mark.parametrize("every", [None, 1])
def test_tensorboard_on_a_full_disk(tmp_path, every):
    """A real one: the process may write no file of more than 4,000 bytes. The training ends; it does not wait for ever."""
    pytest.importorskip("tensorboardX")
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    try:
        with pytest.raises(
            FileError, match=r"tb: writing failed \(File too large\); what was written before"
        ):
            fit(epochs=200, callbacks=[callbacks.TensorBoard(tmp_path / "tb", histograms_every=every)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    tensorboard(tmp_path / "again")


class TestTexts:
    """What no file can hold is not taken as a name."""

    @pytest.mark.parametrize("make", [
        lambda: ln.layers.Dense(2, name="a\ud800"),
        lambda: callbacks.EarlyStopping("loss\ud800"),
        lambda: callbacks.PrintWeights(["\ud800"]),
    ])  # fmt: skip
    def test_half_characters(self, make):
        with pytest.raises(SettingError, match="must be"):
            make()

    def test_in_what_a_model_is_told_about(self, tmp_path):
        made = model()
        made.about = {"data": "\ud800"}
        with pytest.raises(FileError, match="was not written: .*surrogates not allowed"):
            made.save(tmp_path / "m.safetensors")
        assert not list(tmp_path.iterdir())

    def test_in_the_history(self, tmp_path):
        history = model().fit(X, Y, verbose=0)
        history["a\ud800"] = [1.0]
        with pytest.raises(FileError, match="holds what is no character"):
            history.to_csv(tmp_path / "a.csv")
        assert not list(tmp_path.iterdir())

    def test_long_names_are_shown_in_part(self):
        with pytest.raises(LucidnetError) as caught:
            ln.layers.Dense(2, activation="relu" * 20_000)
        assert len(str(caught.value)) < 2000


def test_a_network_without_room_says_how_many_parameters_it_has():
    for units in (10**12, 10**15):
        with pytest.raises(
            LucidnetError, match="more memory than there is; make its layers smaller|is too large"
        ):
            ln.Model([ln.layers.Input(10**6), ln.layers.Dense(units)]).build()


class TestResume:
    """What a checkpoint holds under the right hash, but no training has written."""

    def written(self, folder):
        watching = [callbacks.EarlyStopping("loss", 5), callbacks.ReduceOnPlateau("loss", 0.5, 0)]
        return lambda: model().fit(X, Y, epochs=4, verbose=0, resume=folder, callbacks=watching)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda t, a: t.update(first=2**70), "expected a whole number from 0 to"),
            (lambda t, a: t.update(slots=None), "what the optimizer remembers is not there"),
            (lambda t, a: t.pop("slots"), "what the optimizer remembers is not there"),
            (lambda t, a: t.update(stopped=7), "expected a text, got 7"),
            (lambda t, a: t.update(recorded={"dict": {"a": {"list": [{"tuple": [1, "x"]}]}}}), "expected a number, got 'x'"),
            (lambda t, a: t["callbacks"]["list"][0]["tuple"][1]["dict"].update(waited="x"), "EarlyStopping does not fit.*whole number"),
            (lambda t, a: t["callbacks"]["list"][0]["tuple"][1]["dict"].update(best="x"), "EarlyStopping does not fit.*a number"),
            (lambda t, a: a.update({next(n for n in a if n.endswith("weights")): np.ones(3, "f")}), r"the best weights: expected an array float32 of shape \(8,\)"),
            (lambda t, a: t["callbacks"]["list"][1]["tuple"][1]["dict"].update(total={"list": []}), "ReduceOnPlateau does not fit"),
            (lambda t, a: a.update({"dense1/W": np.full((3, 2), np.nan, "f")}), "weights are not all finite"),
            (lambda t, a: t["facts"]["dict"].update(data=7), "of another training: data is .* here, and 7 there"),
        ],
    )  # fmt: skip
    def test_content(self, tmp_path, change, message):
        run = self.written(tmp_path)
        run()
        for path in sorted(tmp_path.glob("step-*")):
            description, arrays = container.read(path)
            arrays = dict(arrays)
            change(description["training"]["dict"], arrays)
            container.write(path, arrays, description)
        with pytest.raises(FileError, match=message) as caught:
            run()
        assert str(tmp_path) in caught.value.file
        assert caught.value.remedy

    def test_another_training_is_a_file_error_too(self, tmp_path):
        model().fit(X, Y, verbose=0, resume=tmp_path)
        with pytest.raises(
            MismatchError, match="is of another training: seed is 1 here, and 0 there"
        ) as caught:
            model(seed=1).fit(X, Y, verbose=0, resume=tmp_path)
        assert isinstance(caught.value, SettingError)
        assert caught.value.remedy == "use the same to go on, or another folder to begin anew"


def test_a_user_without_a_home(monkeypatch):
    """As in a container that runs under any number: what was downloaded has no place, programs need none."""

    def none():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", none)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "LUCIDNET_DATA", "LUCIDNET_PROGRAMS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingError, match="no home folder: set XDG_CACHE_HOME .* or LUCIDNET_DATA"):
        ln.data.load("mnist")
    assert program_folder() is None
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert program_folder().parts == ("here", "lucidnet", "programs")


def test_variables_of_the_environment_that_make_no_sense(monkeypatch):
    monkeypatch.setenv("LUCIDNET_BACKEND", "tensorflow")
    with pytest.raises(SettingError, match="variable LUCIDNET_BACKEND must be .*, got 'tensorflow'"):
        ln.Model([ln.layers.Dense(2)])
    for seconds in ("soon", "nan", "0", "-1"):
        monkeypatch.setenv("LUCIDNET_STUCK_SECONDS", seconds)
        with pytest.raises(SettingError, match=f"LUCIDNET_STUCK_SECONDS must be .* above 0, got '{seconds}'"):
            ln.distributed.Watchdog()
