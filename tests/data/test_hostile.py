"""What a file of data may bring about: one kind of error, little memory, and nothing but the file is read."""

import gzip
import pickle
import tracemalloc

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import data
from lucidnet.data import Dataset
from lucidnet.data.npz import read_npz
from lucidnet.data.text import Vocabulary, generate, split, streams, windows
from lucidnet.errors import ContentError, DataError, FileError, LucidnetError, MismatchError, SettingError

X, Y = np.arange(6.0).reshape(3, 2), np.arange(3)


class TestFileError:
    """File, reason and remedy, also where who notices does not know the file."""

    def test_three_parts(self, tmp_path):
        with pytest.raises(FileError) as caught:
            data.read(tmp_path / "none.csv")
        error = caught.value
        assert (error.file, error.reason) == (str(tmp_path / "none.csv"), "there is no such file")
        assert str(error) == f"{error.file}: {error.reason}; {error.remedy}"

    def test_a_message_alone_is_the_reason(self):
        error = FileError("it is damaged")
        assert (str(error), error.file, error.reason, error.remedy) == (
            "it is damaged",
            "",
            "it is damaged",
            "",
        )

    @pytest.mark.parametrize("kind", [FileError, ContentError, MismatchError])
    def test_it_is_copied(self, kind):
        error = pickle.loads(pickle.dumps(kind("a.csv", "is empty", "fill it")))
        assert type(error) is kind
        assert str(error) == "a.csv: is empty; fill it"

    def test_kinds(self):
        assert issubclass(ContentError, (FileError, DataError))
        assert issubclass(ContentError, DataError)
        assert issubclass(MismatchError, FileError)
        assert issubclass(MismatchError, SettingError)

    def test_it_can_be_printed_whatever_stands_in_the_file(self):
        said = str(FileError("a\ud800", "b\0" + "x" * 10**6, "c"))
        assert said.encode()
        assert len(said) < 5000
        assert "\0" not in said


class TestNames:
    """Names that no file can have."""

    @pytest.mark.parametrize("name", ["a\ud800.csv", "x" * 5000 + ".csv", "none/a.csv"])
    @pytest.mark.parametrize(
        "use", [data.read, ln.load, lambda name: Dataset.from_hdf5(name)], ids=["read", "load", "hdf5"]
    )
    def test_reading(self, name, use):
        with pytest.raises(FileError):
            use(name)

    @pytest.mark.parametrize("name", ["a\ud800", "x" * 5000, "a\0b"])
    def test_data_sets(self, name):
        with pytest.raises(LucidnetError, match="unknown data set|name must be a path"):
            data.load(name)


class TestSizes:
    """`max_bytes` is what the numbers may take; more is not tried."""

    def files(self, folder):
        h5py = pytest.importorskip("h5py")
        np.savez(folder / "a.npz", x=X, y=Y)
        with h5py.File(folder / "a.h5", "w") as file:
            file["x"], file["y"] = X, Y
        (folder / "a.csv").write_text("1,2,3\n4,5,6\n7,8,9\n")
        (folder / "b.csv.gz").write_bytes(gzip.compress(b"1,2,3\n4,5,6\n7,8,9\n"))
        (folder / "a-images-idx3-ubyte").write_bytes(b"\0\0\x08\3\0\0\0\1\0\0\0\2\0\0\0\2abcd")
        (folder / "a-labels-idx1-ubyte").write_bytes(b"\0\0\x08\1\0\0\0\1\1")
        return ["a.npz", "a.h5", "a.csv", "b.csv.gz", "a-images-idx3-ubyte"]

    def test_each_reader_asks(self, tmp_path):
        for name in self.files(tmp_path):
            assert len(data.read(tmp_path / name, max_bytes=10_000).x) == (1 if "idx" in name else 3), name
            with pytest.raises(
                FileError, match=r"more than max_bytes=3; if you trust the file pass a larger max_bytes"
            ):
                data.read(tmp_path / name, max_bytes=3)

    @pytest.mark.parametrize("given", [0, -1, 1.5, "many", None])
    def test_a_limit_is_a_number(self, tmp_path, given):
        self.files(tmp_path)
        with pytest.raises(SettingError, match="read: max_bytes must be a whole number of 1 or more"):
            data.read(tmp_path / "a.csv", max_bytes=given)

    def test_of_a_model(self, tmp_path):
        path = tmp_path / "m.safetensors"
        ln.Model([ln.layers.Input(3), ln.layers.Dense(2)]).save(path)
        size = path.stat().st_size
        assert ln.load(path, max_bytes=size).output_shape == (2,)
        with pytest.raises(FileError, match=f"more than max_bytes={size - 1:,}"):
            ln.load(path, max_bytes=size - 1)
        with pytest.raises(SettingError, match="load: max_bytes must be"):
            ln.load(path, max_bytes="1")

    def test_a_member_that_nobody_asks_for_is_not_unpacked(self, tmp_path):
        np.savez_compressed(tmp_path / "a.npz", x=X, y=Y, other=np.zeros(5_000_000))
        data.read(tmp_path / "a.npz")  # what is imported and cached the first time does not count
        tracemalloc.start()
        try:
            data.read(tmp_path / "a.npz")
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()

    def test_a_table_takes_little_more_than_its_numbers(self, tmp_path):
        (tmp_path / "a.csv").write_text(
            "\n".join(["0.25,0.5,0.75,1,2,3,4,5,6,7", "0.25,0.5,0.75,1,2,3,4,5,6,8"] * 10_000)
        )
        tracemalloc.start()
        try:
            table = data.read(tmp_path / "a.csv")
            assert table.x.shape == (20_000, 9)
            assert tracemalloc.get_traced_memory()[1] < 4 * table.x.nbytes
        finally:
            tracemalloc.stop()


class TestNpz:
    """As `numpy.load` reads them; only strictly."""

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    @pytest.mark.parametrize("dtype", ["f2", ">f4", "f8", "?", "u1", ">i2", "i8", "c16", "U3", "M8[s]"])
    @pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3)])
    def test_beside_numpy(self, tmp_path, save, dtype, shape):
        array = np.asfortranarray(
            np.arange(np.prod(shape, dtype=int)).reshape(shape).astype("i8").astype(dtype)
        )
        save(tmp_path / "a.npz", x=array)
        with np.load(tmp_path / "a.npz") as arrays:
            found, names = read_npz(tmp_path / "a.npz", ("x", "z"), 1000)
            assert names == ["x"]
            np.testing.assert_array_equal(found["x"], arrays["x"], strict=True)


class TestHdf5:
    """Nothing is read but the file that was named, unless that is asked for."""

    @pytest.fixture
    def path(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["x"] = X
        X.astype("f8").tofile(tmp_path / "raw")
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["y"], file["inner/x"] = Y, X
            file["inner/again"] = h5py.SoftLink("x")
            file["soft"] = h5py.SoftLink("/inner/again")
            file["link"] = h5py.ExternalLink("other.h5", "x")
            file["out"] = h5py.ExternalLink("other.h5", "/")
            file["through"] = h5py.SoftLink("/out/x")
            file.create_dataset("stored", (3, 2), "f8", external=[(str(tmp_path / "raw"), 0, 48)])
            layout = h5py.VirtualLayout((3, 2), "f8")
            layout[:] = h5py.VirtualSource("other.h5", "x", (3, 2))
            file.create_virtual_dataset("virtual", layout)
            layout = h5py.VirtualLayout((3, 2), "f8")
            layout[:] = h5py.VirtualSource("none.h5", "x", (3, 2))
            file.create_virtual_dataset("lacking", layout)
        return tmp_path / "a.h5"

    @pytest.mark.parametrize("name", ["link", "through", "stored", "virtual"])
    def test_other_files_only_if_asked_for(self, path, name):
        with pytest.raises(
            FileError, match="if you trust the file, and it shall read those, pass external=True"
        ):
            Dataset.from_hdf5(path, name)
        x, _ = next(iter(Dataset.from_hdf5(path, name, external=True).batch(3)))
        np.testing.assert_array_equal(x, X)

    def test_a_virtual_set_whose_source_lacks_gives_no_zeros(self, path):
        with pytest.raises(FileError, match=r"'lacking' needs 'none.h5', which is not there"):
            Dataset.from_hdf5(path, "lacking", external=True)

    @pytest.mark.parametrize("name", ["inner/x", "soft", "/inner/x"])
    def test_links_inside_the_file_are_followed(self, path, name):
        x, _ = next(iter(Dataset.from_hdf5(path, name).batch(3)))
        np.testing.assert_array_equal(x, X)

    def test_read_says_what_is_the_matter(self, path):
        import h5py

        with h5py.File(path, "a") as file:
            file["x"] = h5py.ExternalLink("other.h5", "x")
        with pytest.raises(FileError, match=r"'x' is a link to 'other.h5', another file") as caught:
            data.read(path)
        assert "external=True" in caught.value.remedy
        np.testing.assert_array_equal(data.read(path, external=True).x, X)

    @pytest.mark.parametrize("given", ["yes", 1, None])
    def test_external_is_yes_or_no(self, path, given):
        with pytest.raises(SettingError, match="external must be True or False"):
            data.read(path, external=given)

    @pytest.mark.parametrize("name", ["none", "inner/none", "inner/x/deeper"])
    def test_names_that_are_not_there(self, path, name):
        with pytest.raises(ContentError, match="holds no array"):
            Dataset.from_hdf5(path, name)

    def test_a_part_that_is_damaged_is_found_when_it_is_read(self, tmp_path):
        import h5py

        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=np.repeat(X, 40, 0), chunks=(30, 2), fletcher32=True)
            file["y"] = np.repeat(Y, 40)
            place = file["x"].id.get_chunk_info(2).byte_offset
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)
        batches = iter(Dataset.from_hdf5(path).shuffle().batch(120))
        with pytest.raises(FileError, match="a.h5: cannot be read as HDF5 .*; get it anew"):
            next(batches)

    def test_unpacked_to_more_than_it_says(self, tmp_path):
        """A chunk of 48 bytes; HDF5 itself would make 60 MB of it."""
        import zlib

        import h5py

        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["y"] = Y
            made = file.create_dataset("x", (3, 2), "f8", chunks=(3, 2), compression="gzip")
            made.id.write_direct_chunk((0, 0), zlib.compress(bytes(60_000_000), 1))
        with pytest.raises(FileError, match="unpacks to more than 48 bytes"):
            data.read(tmp_path / "a.h5")


class TestNumbers:
    """Nothing becomes infinite, or another number, on its way in."""

    @pytest.mark.parametrize("cell", ["1e39", "-4e38", "9" * 400])
    def test_too_large_for_float32(self, tmp_path, cell):
        (tmp_path / "a.csv").write_text(f"a,b\n1,0\n{cell},1\n")
        with pytest.raises(ContentError, match="row 3, column a: .* is too large for float32"):
            data.read(tmp_path / "a.csv")
        (tmp_path / "b.csv").write_text(f"a,b\n1,0.5\n2,{cell}\n")
        with pytest.raises(ContentError, match="the target .* is too large for float32"):
            data.read(tmp_path / "b.csv")

    def test_too_large_in_arrays(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=np.array([[1e300]]), y=[0])
        with pytest.raises(ContentError, match=r"x: 1e\+300 is too large for float32"):
            data.read(tmp_path / "a.npz")
        np.savez(tmp_path / "a.npz", x=np.array([[1.0]]), y=np.array([2**63], "u8"))
        with pytest.raises(ContentError, match=r"y: expected whole numbers below 2\*\*63"):
            data.read(tmp_path / "a.npz")

    def test_infinity_as_it_stands_is_taken(self, tmp_path):
        (tmp_path / "a.csv").write_text("a,b\ninf,0\n-inf,1\n")
        np.testing.assert_array_equal(data.read(tmp_path / "a.csv").x, [[np.inf], [-np.inf]])

    def test_what_c_writes_for_no_number_is_missing(self, tmp_path):
        (tmp_path / "a.csv").write_text("a,b\n1.5,0\n-nan,1\n")
        with pytest.raises(ContentError, match="row 3, column a: expected a number, got '-nan': the cell is"):
            data.read(tmp_path / "a.csv")

    def test_large_whole_targets_stay_numbers(self, tmp_path):
        (tmp_path / "a.csv").write_text("a,b\n1,1e30\n2,2\n")
        assert data.read(tmp_path / "a.csv").y.dtype == np.float32

    def test_two_columns_of_one_name(self, tmp_path):
        (tmp_path / "a.csv").write_text("a,a,b\n1,2,3\n")
        assert data.read(tmp_path / "a.csv").y.tolist() == [3]
        with pytest.raises(ContentError, match="has 2 columns named 'a'; give the index"):
            data.read(tmp_path / "a.csv", target="a")

    def test_packed_text(self, tmp_path):
        (tmp_path / "a.csv.gz").write_bytes(gzip.compress("a,y\n1,ä\n2,ö\n".encode()))
        table = data.read(tmp_path / "a.csv.gz")
        assert (table.x.tolist(), table.classes) == ([[1], [2]], ("ä", "ö"))
        (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a,y\n1,2\n")[:-4])
        with pytest.raises(FileError, match="cannot be read as CSV"):
            data.read(tmp_path / "a.csv.gz")


class TestTexts:
    """Half a character, and lengths of 0, are said to be so."""

    def test_half_characters(self):
        for call in (Vocabulary.characters, Vocabulary.bytes().encode, Vocabulary.characters("ab").encode):
            with pytest.raises(SettingError, match="text must be a text that can be written"):
                call("a\ud800")

    @pytest.mark.parametrize("call", [lambda: windows(range(9), 0), lambda: windows(range(9), 2, 0), lambda: windows(range(9), "2"), lambda: streams(range(9), 0, 2), lambda: streams(range(9), 2, -1), lambda: split(range(9), 0), lambda: split(range(9), 1.0), lambda: split(range(9), "half"), lambda: generate(None, Vocabulary.bytes(), "a", -1), lambda: generate(None, Vocabulary.bytes(), "a", 1, float("nan")), lambda: generate(None, Vocabulary.bytes(), "\udcff", 1)])  # fmt: skip
    def test_lengths(self, call):
        with pytest.raises(SettingError, match="(windows|streams|split|generate): .* must be"):
            call()

    def test_numbers_that_are_none(self):
        with pytest.raises(DataError, match="ids: expected whole numbers, got dtype float64"):
            Vocabulary.bytes().decode([1.5])
