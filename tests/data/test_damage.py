"""Damaged and odd files, bad settings, mirrors that misbehave: always a plain error, never a traceback of another kind."""

import contextlib
import gzip
import hashlib
import os
import socket
import struct
import threading

import numpy as np
import pytest

from lucidnet import data
from lucidnet.data import fetch
from lucidnet.data.idx import read_idx
from lucidnet.errors import DataError, FileError, LucidnetError, SettingError

RAW = bytes([0, 0, 8, 1]) + struct.pack(">I", 5) + b"hello"


class TestIdxHeaders:
    """Sizes that lie are found before anything is allocated."""

    @pytest.mark.parametrize("suffix", ["", ".gz"])
    @pytest.mark.parametrize("sizes", [(2**32 - 1,), (2**32 - 1,) * 3])
    def test_sizes_beyond_the_file(self, tmp_path, suffix, sizes):
        path = tmp_path / f"a-idx{suffix}"
        raw = bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + b"hello"
        path.write_bytes(gzip.compress(raw) if suffix else raw)
        with pytest.raises(FileError, match="its header promises"):
            read_idx(path)

    def test_the_most_compressible_file_is_read(self, tmp_path):
        path = tmp_path / "zeros-idx1.gz"
        n = 10_000_000
        path.write_bytes(gzip.compress(bytes([0, 0, 8, 1]) + struct.pack(">I", n) + bytes(n)))
        assert read_idx(path).shape == (n,)

    @pytest.mark.parametrize("magic", [b"\1\0\x08\1", b"\0\0\x0a\1", b"\0\0\x08\0"])
    def test_bad_magic(self, tmp_path, magic):
        (tmp_path / "a").write_bytes(magic + RAW[4:])
        with pytest.raises(FileError, match="is not an IDX file"):
            read_idx(tmp_path / "a")


class TestNpz:
    """Whatever is wrong with it, the error names the file."""

    def test_damage_anywhere(self, tmp_path):
        path = tmp_path / "a.npz"
        np.savez_compressed(path, x=np.arange(40.0).reshape(20, 2), y=np.arange(20))
        whole = path.read_bytes()
        for at in range(0, len(whole), 3):
            damaged = bytearray(whole)
            damaged[at] ^= 0xFF
            for content in (bytes(damaged), whole[:at]):
                path.write_bytes(content)
                try:
                    table = data.read(path)
                except LucidnetError as error:
                    assert "a.npz" in str(error)
                else:  # the byte was one of those that ZIP writes but never reads
                    np.testing.assert_array_equal(table.y, np.arange(20))

    def test_another_format_of_that_name(self, tmp_path):
        with (tmp_path / "a.npz").open("wb") as stream:
            np.save(stream, np.arange(3))
        with pytest.raises(FileError, match=r"a\.npz"):
            data.read(tmp_path / "a.npz")

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"x": np.zeros((5, 2)), "y": np.zeros(4)}, "x has 5 rows, but y has 4"),
            ({"x": np.zeros((5, 2)), "y": np.zeros(5), "x_test": np.zeros((2, 2)), "y_test": np.zeros(3)},
             "x_test has 2 rows, but y_test has 3"),
            ({"x": np.float32(1), "y": np.zeros(1)}, "x: expected a row per example, got a single number"),
            ({"x": np.array(["a"]), "y": np.zeros(1)}, "x: expected numbers, got dtype <U1"),
        ],
    )  # fmt: skip
    def test_arrays_that_make_no_sense(self, tmp_path, arrays, message):
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(LucidnetError, match=message):
            data.load(tmp_path / "a.npz")


def test_hdf5_with_a_group_in_place_of_an_array(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("x")
        file["y"] = [0, 1]
    with pytest.raises(FileError, match="cannot be read as HDF5"):
        data.read(tmp_path / "a.h5")


class TestCsv:
    """Rows are counted as an editor counts lines."""

    def test_blank_lines_count(self, tmp_path):
        (tmp_path / "a.csv").write_text("a,b\n\n1,2\n\nx,3\n")
        with pytest.raises(DataError, match="row 5, column a: expected a number, got 'x'"):
            data.read(tmp_path / "a.csv")

    def test_one_column_is_not_enough(self, tmp_path):
        (tmp_path / "a.csv").write_text("1\n2\n")
        with pytest.raises(DataError, match="one column for the target"):
            data.read(tmp_path / "a.csv")

    def test_too_few_rows_to_split(self, tmp_path):
        (tmp_path / "a.csv").write_text("1,2\n3,4\n")
        with pytest.raises(DataError, match=r"test_split=0.2 of 2 examples leaves an empty part"):
            data.load(tmp_path / "a.csv")

    def test_not_text(self, tmp_path):
        (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x01")
        with pytest.raises(FileError, match="cannot be read as CSV"):
            data.read(tmp_path / "a.csv")


@pytest.mark.parametrize("make", [data.xor, data.moons, data.circles, data.spirals])
@pytest.mark.parametrize("settings", [{"n": 0}, {"noise": -0.1}, {"noise": float("nan")}])
def test_bad_settings(make, settings):
    (name,) = settings
    with pytest.raises(SettingError, match=f"{make.__name__}: {name} must be"):
        make(**settings)


@pytest.mark.parametrize("make", [data.spirals, data.gaussians])
def test_no_classes(make):
    with pytest.raises(SettingError, match="classes must be"):
        make(classes=0)


ANSWERS = {
    "short": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + RAW[:-2],
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + RAW[:-2],
    "nonsense": b"what?\r\n\r\n",
    "nothing": b"",
}


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    """A server that answers each connection with given bytes, and hangs up."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    server = socket.create_server(("127.0.0.1", 0))

    def serve(answer):
        def answer_once():
            with contextlib.suppress(OSError):  # the test is over, and nobody called
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=answer_once, daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        return fetch.Download("set", {"a": hashlib.sha256(RAW).hexdigest()}, (address,))

    yield serve
    server.close()


class TestMirrors:
    """What a mirror does never shows as anything but an error of lucidnet."""

    @pytest.mark.parametrize("kind", ANSWERS)
    def test_broken_answers(self, mirror, tmp_path, kind):
        with pytest.raises(FileError, match="a could not be downloaded"):
            fetch.locate(mirror(ANSWERS[kind]), "a", tmp_path)
        assert os.listdir(tmp_path / "cache" / "lucidnet" / "set") == []

    def test_ctrl_c_leaves_nothing(self, mirror, tmp_path, monkeypatch):
        def interrupted(*arguments):
            yield RAW[:7]
            raise KeyboardInterrupt

        monkeypatch.setattr(fetch, "_chunks", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch.locate(mirror(b"HTTP/1.1 200 OK\r\n\r\n" + RAW), "a", tmp_path)
        assert os.listdir(tmp_path / "cache" / "lucidnet" / "set") == []

    def test_a_cache_that_cannot_be_made(self, mirror, tmp_path):
        (tmp_path / "cache").write_text("a file where the folder should be")
        with pytest.raises(FileError, match="the folder .* cannot be made .*set LUCIDNET_DATA=DIR"):
            fetch.locate(mirror(b""), "a", tmp_path)


@pytest.mark.parametrize("text", ['a,b\n1,"2\n3,4\n', 'a,b\n1,2\n"3,4\n5,6', 'a b\n1 2\n3 "4\n5 6\n'])
def test_quotes_that_do_not_end(tmp_path, text):
    path = tmp_path / "open.csv"
    path.write_text(text)
    with pytest.raises(FileError, match="ends within quotes"):
        data.read(path)


def test_quotes_that_end(tmp_path):
    path = tmp_path / "closed.csv"
    path.write_text('# remark\na,b\n1,"two\nlines"\n\n3,4 "four"\n')
    assert data.read(path).classes == ('4 "four"', "two\nlines")


@pytest.mark.parametrize("name", ["a.h5", "a.npz", "a.csv", "a"])
@pytest.mark.parametrize("content", ["hdf5", "npz", "null"])
def test_what_is_no_text_is_no_table(tmp_path, name, content):
    path = tmp_path / name
    if content == "hdf5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file["x"] = np.ones((4, 2), "f4")
    elif content == "npz":
        with path.open("wb") as file:
            np.savez(file, x=np.zeros((4, 2)))
    else:
        path.write_bytes(b"a,b\n1,\0\n2,3\n")
    said = {"hdf5": "is an HDF5 file; data.read", "npz": "is an NPZ file; data.read"}
    with pytest.raises(FileError, match=said.get(content, "cannot be read as CSV")):
        data.frame(path)
