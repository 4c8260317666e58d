"""Files: IDX, CSV, NPZ, HDF5; downloads from mirrors on this machine."""

import gzip
import hashlib
import http.server
import os
import stat
import struct
import threading

import numpy as np
import pytest

from lucidnet import data
from lucidnet.data.fetch import Download, locate
from lucidnet.data.idx import DTYPES, read_idx
from lucidnet.errors import DataError, FileError, SettingError, UnknownNameError


def idx_bytes(array, code=0x08):
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(DTYPES[code]).tobytes()


SMALL = np.arange(24).reshape(2, 3, 4)


class TestIdx:
    """The format of MNIST."""

    @pytest.mark.parametrize("code", DTYPES)
    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_round_trip(self, tmp_path, code, suffix):
        path = tmp_path / f"a-idx3{suffix}"
        raw = idx_bytes(SMALL, code)
        path.write_bytes(gzip.compress(raw) if suffix else raw)
        array = read_idx(path)
        np.testing.assert_array_equal(array, SMALL)
        assert array.dtype == np.dtype(DTYPES[code]).newbyteorder("=")
        scaled = read_idx(path, scale=2.0, sha256=hashlib.sha256(raw).hexdigest())
        assert scaled.dtype == np.float32
        np.testing.assert_array_equal(scaled, SMALL / 2)

    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_truncated_anywhere_and_too_long(self, tmp_path, suffix):
        path = tmp_path / f"a-idx3{suffix}"
        raw = idx_bytes(SMALL, 0x0B)
        for content in [raw[:n] for n in range(len(raw))] + [raw + b"\0\0"]:
            path.write_bytes(gzip.compress(content) if suffix else content)
            with pytest.raises(FileError, match="a-idx3"):
                read_idx(path)

    def test_damaged(self, tmp_path):
        path = tmp_path / "a-idx3.gz"
        packed = bytearray(gzip.compress(idx_bytes(SMALL)))
        packed[len(packed) // 2] ^= 0xFF
        path.write_bytes(packed)
        with pytest.raises(FileError, match="cannot be read|ends after|longer|differs|not an IDX"):
            read_idx(path)
        path.write_bytes(gzip.compress(idx_bytes(SMALL)))
        with pytest.raises(FileError, match="its content is not what was published"):
            read_idx(path, sha256="0" * 64)
        with pytest.raises(FileError, match="there is no such file"):
            read_idx(tmp_path / "none.gz")

    def test_a_size_that_lies_allocates_nothing(self, tmp_path):
        path = tmp_path / "a-idx1"
        path.write_bytes(bytes([0, 0, 8, 1]) + struct.pack(">I", 2**32 - 1) + b"abc")
        with pytest.raises(FileError, match="promises 4294967295 numbers"):
            read_idx(path)

    def test_pairs(self, tmp_path):
        images, labels = tmp_path / "t-images-idx3-ubyte", tmp_path / "t-labels-idx1-ubyte"
        images.write_bytes(idx_bytes(SMALL))
        labels.write_bytes(idx_bytes(np.array([7, 8])))
        table = data.read(images)
        assert table.x.shape == (2, 3, 4)
        assert table.y.tolist() == [7, 8]
        with pytest.raises(FileError, match="name the file of the images"):
            data.read(labels)
        labels.write_bytes(idx_bytes(np.array([7])))
        with pytest.raises(FileError, match="holds 2 images, but t-labels-idx1-ubyte holds 1 labels"):
            data.read(images)


class TestCsv:
    """Tables as text."""

    def write(self, tmp_path, text, name="t.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    def test_with_header(self, tmp_path):
        table = data.read(self.write(tmp_path, "\ufeffa,b,label\n1,2,0\n3.5,4,1\n\n"))
        assert table.x.tolist() == [[1, 2], [3.5, 4]]
        assert table.x.dtype == np.float32
        assert table.y.tolist() == [0, 1]
        assert table.y.dtype == np.int64

    def test_without_header_and_target_by_index(self, tmp_path):
        table = data.read(self.write(tmp_path, "0.5\t2\t3\n1.5\t5\t6\n", "t.tsv"), target=0)
        assert table.x.tolist() == [[2, 3], [5, 6]]
        assert table.y.tolist() == [0.5, 1.5]

    def test_target_by_name_and_text_labels(self, tmp_path):
        path = self.write(tmp_path, "kind,a\ncat,1\nant,2\ncat,3\n")
        table = data.read(path, target="kind")
        assert table.classes == ("ant", "cat")
        assert table.y.tolist() == [1, 0, 1]
        with pytest.raises(UnknownNameError, match="unknown column 'knd': did you mean 'kind'"):
            data.read(path, target="knd")

    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            ("a,b\n1,2\nx,3\n", DataError, "row 3, column a: expected a number, got 'x'"),
            ("1,2\n,3\n", DataError, "row 2, column 0: expected a number, got ''"),
            ("a,b\n1,2\n3\n", DataError, "row 3 has 1 cell, expected 2"),
            ("", FileError, "has no rows"),
            ("a,b\n", FileError, "has no rows"),
        ],
    )
    def test_errors(self, tmp_path, text, error, message):
        with pytest.raises(error, match=message):
            data.read(self.write(tmp_path, text))

    def test_bad_targets(self, tmp_path):
        path = self.write(tmp_path, "1,2\n3,4\n")
        with pytest.raises(DataError, match="there is no column 2, the file has 2"):
            data.read(path, target=2)
        with pytest.raises(DataError, match="has no header line"):
            data.read(path, target="y")

    def test_load_splits(self, tmp_path):
        lines = [f"{i},{i % 2}" for i in range(100)]
        path = self.write(tmp_path, "\n".join(lines))
        (x, y), (x_test, y_test) = data.load(path)
        assert len(x) == 80
        assert y_test.sum() == 10
        assert sorted(np.r_[x, x_test][:, 0]) == list(range(100))
        (x2, _), _ = data.load(path, seed=1, test_split=0.5)
        assert len(x2) == 50


class TestArrays:
    """NPZ and HDF5."""

    def test_npz(self, tmp_path):
        path = tmp_path / "a.npz"
        np.savez(path, x=SMALL, y=np.array([1.5, 2]), x_test=SMALL[:1], y_test=np.array([3.0]))
        table = data.read(path)
        assert table.x.dtype == table.y.dtype == np.float32
        (x, y), (x_test, y_test) = data.load(path)
        assert x.shape == (2, 12)
        assert y_test.tolist() == [3]
        assert data.load(path, images=True)[0][0].shape == (2, 3, 4, 1)

    def test_hdf5(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            file["x"], file["y"] = SMALL, [0, 1]
        table = data.read(path)
        np.testing.assert_array_equal(table.x, SMALL)
        assert table.y.dtype == np.int64
        path.write_bytes(b"no")
        with pytest.raises(FileError, match="cannot be read as HDF5"):
            data.read(path)

    def test_errors(self, tmp_path):
        path = tmp_path / "a.npz"
        np.savez(path, a=SMALL)
        with pytest.raises(FileError, match="expected arrays x and y .*, found a"):
            data.read(path)
        np.savez(path, x=SMALL, y=[0, 1], x_test=SMALL)
        with pytest.raises(FileError, match="come together"):
            data.read(path)
        np.savez(path, x=np.array([object()]), y=[0])
        with pytest.raises(FileError, match="cannot be read as NPZ"):
            data.read(path)
        path.write_bytes(b"PK nothing")
        with pytest.raises(FileError, match="cannot be read as NPZ"):
            data.read(path)
        with pytest.raises(FileError, match="there is no such file"):
            data.read(tmp_path / "none.csv")
        odd = tmp_path / "a.xlsx"
        odd.touch()
        with pytest.raises(
            UnknownNameError, match=r"unknown kind of data file '.xlsx': an Excel workbook; save the sheet"
        ):
            data.read(odd)

    def test_without_h5py(self, tmp_path, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "h5py", None)
        (tmp_path / "a.h5").touch()
        with pytest.raises(
            ImportError, match=r"needs h5py, which is not installed: pip install 'lucidnet\[hdf5\]'"
        ):
            data.read(tmp_path / "a.h5")


RAW = idx_bytes(np.arange(3000) % 256)
GOOD = gzip.compress(RAW)
CONTENT = {
    "/good/a.gz": GOOD,
    "/truncated/a.gz": GOOD[:-20],
    "/other/a.gz": gzip.compress(idx_bytes(np.arange(3000) % 255)),
    "/page/a.gz": b"<html>not what you wanted</html>",
}


class Handler(http.server.BaseHTTPRequestHandler):
    """A mirror."""

    def do_GET(self):
        if self.path not in CONTENT:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT[self.path])))
        self.end_headers()
        self.wfile.write(CONTENT[self.path])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def source(monkeypatch, tmp_path):
    """A data set with mirrors on this machine, and a cache in a temporary folder."""
    monkeypatch.delenv("LUCIDNET_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}"

    def make(*mirrors):
        return Download(
            "set", {"a.gz": hashlib.sha256(RAW).hexdigest()}, tuple(f"{base}/{m}/" for m in mirrors)
        )

    yield make
    server.shutdown()
    server.server_close()
    thread.join()


class TestDownload:
    """From the first mirror that gives the right file."""

    def cached(self, tmp_path):
        folder = tmp_path / "cache" / "lucidnet" / "set"
        return sorted(os.listdir(folder)) if folder.exists() else []

    @pytest.mark.parametrize("first", ["missing", "truncated", "other", "page"])
    def test_the_second_mirror_saves_the_day(self, source, tmp_path, first):
        path = locate(source(first, "good"), "a.gz")
        assert path.read_bytes() == GOOD
        assert self.cached(tmp_path) == ["a.gz"]
        mask = os.umask(0)
        os.umask(mask)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
        CONTENT["/gone/a.gz"] = b""
        assert locate(source("gone"), "a.gz") == path, "it comes from the cache now"

    def test_all_fail(self, source, tmp_path):
        with pytest.raises(FileError, match=r"a.gz could not be downloaded:\n") as error:
            locate(source("missing", "truncated", "page"), "a.gz")
        for part in (
            "/missing/a.gz: HTTP Error 404",
            "/truncated/a.gz",
            "/page/a.gz",
            "set LUCIDNET_DATA=DIR",
        ):
            assert part in str(error.value)
        assert self.cached(tmp_path) == []

    def test_a_damaged_file_in_the_cache_is_fetched_anew(self, source, tmp_path):
        path = locate(source("good"), "a.gz")
        path.write_bytes(GOOD[:-5])
        assert locate(source("good"), "a.gz").read_bytes() == GOOD

    def test_a_folder_goes_before_the_cache(self, source, tmp_path, monkeypatch):
        (tmp_path / "own" / "set").mkdir(parents=True)
        plain = tmp_path / "own" / "set" / "a"
        plain.write_bytes(RAW)
        assert locate(source("good"), "a.gz", tmp_path / "own") == plain
        monkeypatch.setenv("LUCIDNET_DATA", str(tmp_path / "own"))
        assert locate(source("good"), "a.gz") == plain

    def test_a_damaged_file_in_the_folder_is_an_error(self, tmp_path, monkeypatch):
        (tmp_path / "mnist").mkdir()
        path = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
        path.write_bytes(GOOD)
        monkeypatch.setenv("LUCIDNET_DATA", str(tmp_path))
        with pytest.raises(
            FileError, match=r"train-images-idx3-ubyte.gz: its content is not what was published"
        ):
            data.load("mnist")
        assert path.exists()


class TestPictures:
    """A folder for each class, with pictures in it; matplotlib reads the same files."""

    @pytest.fixture
    def written(self):
        image = pytest.importorskip("PIL.Image")
        rng = np.random.default_rng(0)

        def write(path, channels=1, size=(5, 4), **how):
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (*size, channels), dtype=np.uint8)
            image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(path, **how)
            return path

        return write

    def test_one_part_and_two(self, tmp_path, written):
        reads = pytest.importorskip("matplotlib.image").imread
        paths = [written(tmp_path / f"a/{name}/{i}.png") for name in (2, 10) for i in range(3)]
        (tmp_path / "a/2/.hidden").touch()
        (tmp_path / "a/__MACOSX/2").mkdir(parents=True)
        found = data.read(tmp_path / "a")
        assert (found.classes, found.y.tolist(), found.x_test) == (("2", "10"), [0, 0, 0, 1, 1, 1], None)
        assert (found.x.shape, found.x.dtype) == ((6, 5, 4, 1), np.float32)
        np.testing.assert_allclose(found.x[..., 0], [reads(path) for path in paths], rtol=1e-6)
        np.testing.assert_array_equal(data.pictures(tmp_path / "a/10"), found.x[3:])
        for part, name in (("Train", "up"), ("Train", "down"), ("valid", "up")):
            written(tmp_path / f"b/{part}/{name}/1.jpg", channels=3)
        (x, y), (x_test, y_test) = data.load(tmp_path / "b", images=True)
        assert (x.shape, y.tolist()) == ((2, 5, 4, 3), [0, 1])
        assert (x_test.shape, y_test.tolist()) == ((1, 5, 4, 3), [1])
        (x, _), _ = data.load(tmp_path / "b")
        assert x.shape == (2, 60)

    def test_names_with_accents_in_one_sign_or_two_are_one_class(self, tmp_path, written):
        for part, name in (("train", "\u00c4"), ("train", "b"), ("test", "A\u0308"), ("test", "b")):
            written(tmp_path / part / name / "1.png")
        found = data.read(tmp_path)
        assert (found.classes, found.y_test.tolist()) == (("b", "\u00c4"), [0, 1])
        for one in (tmp_path / "test").glob("*/*.png"):
            one.unlink()
        for one in (tmp_path / "test").iterdir():
            one.rmdir()
        with pytest.raises(DataError, match="test: holds the pictures of no class"):
            data.read(tmp_path)

    def test_colours_sizes_transparency_and_turned_photos(self, tmp_path, written):
        image = pytest.importorskip("PIL.Image")
        colour, grey = written(tmp_path / "c.png", 3, (8, 6)), written(tmp_path / "g.png", 1)
        assert data.pictures(colour).shape == (1, 8, 6, 3)
        assert data.pictures(colour, size=(4, 3)).shape == (1, 4, 3, 3)
        assert data.pictures(tmp_path, size=(4, 3, 1)).shape == (2, 4, 3, 1)
        assert data.pictures(grey, size=(4, 3)).shape == (1, 4, 3, 1)
        assert data.pictures(grey, size=(4, 3, 3)).shape == (1, 4, 3, 3)
        clear = np.zeros((2, 2, 4), np.uint8)
        clear[0, 0] = 0, 0, 0, 255
        image.fromarray(clear).save(tmp_path / "t.png")
        assert data.pictures(tmp_path / "t.png")[0, ..., 0].tolist() == [[0, 1], [1, 1]]
        exif = image.Exif()
        exif[0x0112] = 6  # held upright, written lying
        written(tmp_path / "p.jpg", 3, (8, 6), exif=exif)
        assert data.pictures(tmp_path / "p.jpg").shape == (1, 6, 8, 3)

    def test_what_cannot_be_read_is_named(self, tmp_path, written):
        def refused(expected, folder, read=data.read, **how):
            with pytest.raises(DataError, match=expected):
                read(tmp_path / folder, **how)

        refused("of no class;.*data.pictures", ".")
        written(tmp_path / "one/a/1.png")
        refused("of 1 class;.*data.pictures", "one")
        refused("alone|without a target", "one/a/1.png")
        written(tmp_path / "one/1.png")
        refused("1.png: lies beside the folders", "one")
        refused("is a folder, in a folder of pictures", "one", data.pictures)
        written(tmp_path / "sizes/a/1.png")
        written(tmp_path / "sizes/b/2.png", size=(7, 4))
        refused(r"2.png: is 7 x 4 .*1.png is 5 x 4; .*size=\(32, 32\)", "sizes")
        assert data.read(tmp_path / "sizes", size=(3, 3)).x.shape == (2, 3, 3, 1)
        refused("no numbers to predict", "sizes", task="regression")
        (tmp_path / "sizes/b/notes.txt").touch()
        refused("notes.txt: is no picture", "sizes")
        (tmp_path / "empty/a").mkdir(parents=True)
        refused("holds no pictures", "empty")
        for part, name in (("train", "a"), ("train", "b"), ("test", "c")):
            written(tmp_path / f"other/{part}/{name}/1.png")
        refused("holds the classes c", "other")
        written(tmp_path / "other/val/a/1.png")
        refused("holds the parts test, train, val", "other")
        pytest.importorskip("PIL.Image").new("I;16", (2, 2)).save(tmp_path / "deep.png")
        refused("more than 8 bits", "deep.png", data.pictures)
        (tmp_path / "broken.png").write_bytes(written(tmp_path / "whole.png").read_bytes()[:60])
        with pytest.raises(FileError, match="broken.png: cannot be read as a picture"):
            data.pictures(tmp_path / "broken.png")
        (tmp_path / "text.png").write_text("no picture")
        with pytest.raises(FileError, match="text.png: is no picture of PNG, JPEG"):
            data.pictures(tmp_path / "text.png")
        with pytest.raises(FileError, match="max_bytes"):
            data.pictures(tmp_path / "whole.png", max_bytes=10)

    def test_what_has_no_effect(self, tmp_path, written):
        np.savez(tmp_path / "a.npz", x=np.zeros((4, 2)), y=[0, 1, 0, 1])
        for read in (data.read, data.look):
            with pytest.raises(SettingError, match=r"target has no effect, as a\.npz is no table"):
                read(tmp_path / "a.npz", target="y")
        with pytest.raises(SettingError, match=r"encoding has no effect, as a\.npz is no table"):
            data.look(tmp_path / "a.npz", encoding="cp1252")
        with pytest.raises(SettingError, match="size has no effect"):
            data.read(tmp_path / "a.npz", size=(2, 2))
