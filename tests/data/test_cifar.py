"""CIFAR-10 by name: small files in its form, as they lie in a folder, in the archive, at a mirror."""

import gzip
import hashlib
import io
import tarfile

import numpy as np
import pytest

from lucidnet import data
from lucidnet.data import cifar, fetch
from lucidnet.errors import FileError

COUNTS = {**dict.fromkeys(cifar.TRAIN, 3), "test_batch.bin": 2}


def contents():
    """Return the bytes of the six files, and the pictures and labels in them, written out one by one."""
    rng, files, parts = np.random.default_rng(0), {}, {}
    for name, count in COUNTS.items():
        images = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        labels = rng.integers(0, 10, count)
        out = bytearray()
        for image, label in zip(images, labels, strict=True):
            out.append(label)
            for channel in range(3):
                for row in range(32):
                    out += bytes(image[row, :, channel].tolist())
        files[name], parts[name] = bytes(out), (images, labels)
    return files, parts


FILES, PARTS = contents()


def archive(files, others=()):
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        for name, content in [("readme.html", b"<p>"), *files.items(), *others]:
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return held.getvalue()


ARCHIVE = archive(dict(reversed(FILES.items())))


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Let the small files be what was published, and no folder but the test's own be looked at."""
    monkeypatch.setattr(cifar, "SHA256", {n: hashlib.sha256(c).hexdigest() for n, c in FILES.items()})
    published(monkeypatch, ARCHIVE)
    monkeypatch.delenv("LUCIDNET_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def published(monkeypatch, content):
    source = fetch.Download(
        "cifar-10",
        {cifar.ARCHIVE: hashlib.sha256(content).hexdigest()},
        ("http://127.0.0.1:9/",),
        cifar.check_archive,
    )
    monkeypatch.setattr(cifar, "CIFAR_10", source)


def check(parts):
    (x, y), (x_test, y_test) = parts
    images = np.concatenate([PARTS[name][0] for name in cifar.TRAIN])
    np.testing.assert_allclose(x, images / 255, atol=1e-7)
    np.testing.assert_array_equal(y, np.concatenate([PARTS[name][1] for name in cifar.TRAIN]))
    np.testing.assert_allclose(x_test, PARTS["test_batch.bin"][0] / 255, atol=1e-7)
    np.testing.assert_array_equal(y_test, PARTS["test_batch.bin"][1])
    assert x.dtype == np.float32 and y.dtype == np.int64


@pytest.mark.parametrize("place", ["cifar-10", "cifar-10/cifar-10-batches-bin", "cifar-10-batches-bin"])
def test_files_in_a_folder(place, tmp_path, monkeypatch):
    folder = tmp_path / "data" / place
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    check(data.load("cifar-10", images=True, folder=tmp_path / "data"))
    monkeypatch.setenv("LUCIDNET_DATA", str(tmp_path / "data"))
    (x, _), _ = data.load("cifar-10")
    assert x.shape == (15, 3072)
    (folder / "data_batch_4.bin").unlink()
    with pytest.raises(FileError, match=r"data_batch_4\.bin"):
        data.load("cifar-10")


def test_the_archive_in_a_folder_or_the_cache(tmp_path):
    for base, options in (
        (tmp_path / "data", {"folder": tmp_path / "data"}),
        (tmp_path / "cache/lucidnet", {}),
    ):
        (base / "cifar-10").mkdir(parents=True)
        (base / "cifar-10" / cifar.ARCHIVE).write_bytes(ARCHIVE)
        check(data.load("cifar-10", images=True, **options))
    assert sorted(path.name for path in tmp_path.rglob("*.bin")) == []


def test_the_archive_of_a_mirror(tmp_path, monkeypatch):
    class Response(io.BytesIO):
        def __init__(self):
            super().__init__(ARCHIVE)
            self.headers = {"Content-Length": str(len(ARCHIVE))}

    asked = []
    monkeypatch.setattr(
        "urllib.request.urlopen", lambda address, timeout: asked.append(address) or Response()
    )
    check(data.load("cifar-10", images=True))
    check(data.load("cifar-10", images=True))
    assert asked == ["http://127.0.0.1:9/cifar-10-binary.tar.gz"]
    (tmp_path / "cache/lucidnet/cifar-10" / cifar.ARCHIVE).write_bytes(ARCHIVE[:-9])
    check(data.load("cifar-10", images=True))
    assert len(asked) == 2


def test_nowhere_to_be_found():
    with pytest.raises(FileError, match="put the files of cifar-10 into a folder DIR/cifar-10"):
        data.load("cifar-10")


def test_another_archive_is_not_opened(tmp_path):
    (tmp_path / "cifar-10").mkdir()
    (tmp_path / "cifar-10" / cifar.ARCHIVE).write_bytes(gzip.compress(b"x" * 1000))
    with pytest.raises(FileError, match="SHA-256 differs"):
        data.load("cifar-10", folder=tmp_path)


WRONG = {
    "a picture cut short": (
        FILES | {"data_batch_2.bin": FILES["data_batch_2.bin"][:-1]},
        "3,073 for each picture",
    ),
    "nothing": (FILES | {"data_batch_2.bin": b""}, "has 0 bytes"),
    "another content": (FILES | {"test_batch.bin": FILES["data_batch_1.bin"]}, "SHA-256 differs"),
    "a file less": ({n: c for n, c in FILES.items() if n != "data_batch_5.bin"}, "lacks data_batch_5.bin"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files(case, tmp_path, monkeypatch):
    files, said = WRONG[case]
    made = archive(files)
    published(monkeypatch, made)
    (tmp_path / "cifar-10").mkdir()
    (tmp_path / "cifar-10" / cifar.ARCHIVE).write_bytes(made)
    with pytest.raises(FileError, match=said):
        data.load("cifar-10", folder=tmp_path)


def test_a_label_that_is_none(tmp_path):
    content = bytearray(FILES["test_batch.bin"])
    content[0] = 10
    with pytest.raises(FileError, match="has the label 10: expected 0 to 9"):
        cifar.read_batch(io.BytesIO(content), tmp_path / "test_batch.bin", len(content))
    with pytest.raises(FileError, match="ends after"):
        cifar.read_batch(io.BytesIO(content[:-1]), tmp_path / "test_batch.bin", len(content))
    with pytest.raises(FileError, match="10,000 pictures at most"):
        cifar.read_batch(io.BytesIO(), tmp_path / "test_batch.bin", 10_001 * cifar.RECORD)
