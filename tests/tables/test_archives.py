"""ZIP archives: one table in one is read, several are listed, and what cannot be read is named."""

import re
import zipfile

import pytest

from lucidnet import data
from lucidnet.errors import ContentError, FileError

CSV = "a,b,y\n" + "".join(f"{i % 7},{i / 9:.2f},{'pq'[i % 2]}\n" for i in range(40))


def packed(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize("name", ["set.zip", "set.csv.zip", "set.tsv.zip", "SET.ZIP", "v1.2.zip"])
def test_the_one_table_is_read(tmp_path, name):
    path = packed(tmp_path / name, **{"data/train.csv": CSV, "data/": "", "__MACOSX/data/._train.csv": "\0"})
    plain = tmp_path / "plain.csv"
    plain.write_text(CSV)
    frame, right = data.frame(path), data.frame(plain)
    assert frame.names == right.names and list(frame["y"]) == list(right["y"])
    assert frame["b"].tolist() == right["b"].tolist()
    assert data.read(path).x.tolist() == data.read(plain).x.tolist()
    assert data.load(path)[0][0].shape == data.load(plain)[0][0].shape
    assert data.look(path).odd == ("of the archive data/train.csv is read", *data.look(plain).odd)


def test_what_lies_beside_is_told(tmp_path):
    path = packed(tmp_path / "a.zip", **{"iris.data": CSV, "README.txt": "a,b\n", "iris.names": "1. Title"})
    assert data.look(path).odd[0] == "of the archive iris.data is read, not README.txt, iris.names"
    assert data.frame(packed(tmp_path / "b.zip", **{"only.txt": CSV})).rows == 40


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            {"train.csv": CSV, "test.csv": CSV},
            "holds 2 tables: train.csv, test.csv; python -m zipfile -e .* unpacks it; name one of them, as .*",
        ),
        ({"a.png": "x", "b.png": "y"}, "holds no table in text, but a.png, b.png; python -m zipfile"),
        ({}, "holds no table in text, but nothing"),
        ({"[Content_Types].xml": "", "xl/workbook.xml": ""}, "is an Excel workbook; save the sheet as CSV"),
        ({"mimetype": "", "content.xml": ""}, "is an Excel workbook"),
        ({"x.npy": "", "y.npy": ""}, r"is an NPZ file; data.read\(...\) reads its arrays"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, members, said):
    path = packed(tmp_path / "a.zip", **members)
    for use in (data.frame, data.look, data.read):
        with pytest.raises(FileError, match=said):
            use(path)


def test_the_command_that_is_named_works(tmp_path):
    import shlex
    import subprocess
    import sys

    path = packed(tmp_path / "my set.zip", **{"train.csv": CSV, "test.csv": CSV})
    with pytest.raises(ContentError) as found:
        data.frame(path)
    command, named = re.fullmatch(
        r"python (.*) unpacks it; name one of them, as (.*)", found.value.remedy
    ).groups()
    subprocess.run([sys.executable, *shlex.split(command)], check=True)
    assert data.frame(named).rows == 40


def test_damaged_locked_and_too_large(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(FileError, match="is no ZIP archive"):
        data.frame(path)
    whole = packed(path, **{"a.csv": CSV}).read_bytes()
    path.write_bytes(
        whole.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")
    )
    with pytest.raises(FileError, match="is locked with a password: a.csv; unpack it, and name the file"):
        data.frame(path)
    broken = bytearray(whole)
    broken[60] ^= 255
    path.write_bytes(bytes(broken))
    with pytest.raises(FileError):
        data.frame(path)
    packed(path, **{"a.csv": "1,2\n" * 100_000})
    assert path.stat().st_size < 5000
    with pytest.raises(FileError, match="more than max_bytes=10,000"):
        data.frame(path, max_bytes=10_000)


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_unpacked_whole_is_refused(tmp_path, way):
    """A block of bzip2 of 4 kB may hold gigabytes, which `zipfile` unpacks before anyone can stop it."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", way) as archive:
        archive.writestr("a.csv", CSV)
    with pytest.raises(FileError, match="is not packed by deflate, as is usual: a.csv; unpack it"):
        data.frame(tmp_path / "a.zip")


def test_from_standard_input(tmp_path):
    from typer.testing import CliRunner

    from lucidnet.cli.app import app

    path, model = packed(tmp_path / "a.zip", **{"a.csv": CSV}), tmp_path / "m.safetensors"
    words = ["train", str(path), "--target", "y", "--epochs", "1", "--hidden", "2", "--save", str(model)]
    assert CliRunner().invoke(app, words).exit_code == 0
    answers = [
        CliRunner().invoke(app, ["predict", str(model), "-"], input=given).output
        for given in (path.read_bytes(), CSV.encode())
    ]
    assert answers[0] == answers[1] != ""
    assert len(answers[0].splitlines()) == 41
    assert answers[0].startswith("target,predicted")
    several = packed(path, **{"a.csv": CSV, "b.csv": CSV}).read_bytes()
    told = CliRunner().invoke(app, ["predict", str(model), "-"], input=several)
    said = "standard input: holds 2 tables: a.csv, b.csv; unpack it, and pass on the table in it"
    assert str(told.exception) == said
