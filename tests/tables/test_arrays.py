"""IDX, NPZ and HDF5 as others write them: names, signs, groups, one-hot targets, labels from 1."""

import gzip
import struct

import numpy as np
import pytest

from lucidnet import data
from lucidnet.errors import ContentError, FileError

X = np.arange(24, dtype="u1").reshape(6, 2, 2)
Y = np.array([0, 1, 2, 0, 1, 2], "u1")


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


class TestIdx:
    """Images, and labels beside them."""

    @pytest.mark.parametrize(
        ("images", "labels"),
        [
            ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
            ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
            ("t10k-images.idx3-ubyte.gz", "t10k-labels.idx1-ubyte.gz"),
            ("t10k-images.idx3-ubyte", "t10k-labels-idx1-ubyte.gz"),
            ("emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte"),
        ],
    )
    def test_names(self, tmp_path, images, labels):
        for name, array in ((images, X), (labels, Y)):
            raw = idx(array)
            (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
        found = data.read(tmp_path / images)
        np.testing.assert_array_equal(found.x, X)
        assert (found.y.tolist(), found.classes) == (Y.tolist(), ("0", "1", "2"))

    def test_labels_from_one(self, tmp_path):
        (tmp_path / "a-images-idx3-ubyte").write_bytes(idx(X))
        (tmp_path / "a-labels-idx1-ubyte").write_bytes(idx(Y + 1))
        found = data.read(tmp_path / "a-images-idx3-ubyte")
        assert (found.y.tolist(), found.classes) == (Y.tolist(), ("1", "2", "3"))

    def test_a_part_with_few_classes_keeps_its_labels(self, tmp_path):
        (tmp_path / "a-images-idx3-ubyte").write_bytes(idx(X))
        (tmp_path / "a-labels-idx1-ubyte").write_bytes(idx(Y + 5))
        assert data.read(tmp_path / "a-images-idx3-ubyte").y.tolist() == (Y + 5).tolist()

    def test_the_labels_lack(self, tmp_path):
        (tmp_path / "a-images.idx3-ubyte").write_bytes(idx(X))
        with pytest.raises(FileError, match=r"a-labels\.idx1-ubyte: there is no such file"):
            data.read(tmp_path / "a-images.idx3-ubyte")


NAMES = [
    ("x", "y", "x_test", "y_test"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("X", "y", None, None),
    ("X", "Y", None, None),
    ("X_train", "y_train", "X_test", "y_test"),
    ("data", "target", None, None),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("images", "labels", None, None),
    ("train_x", "train_y", "test_x", "test_y"),
    ("features", "targets", None, None),
]


def written(folder, names, kind):
    arrays = dict(zip(names, (X, Y, X[:2], Y[:2]), strict=True))
    arrays.pop(None, None)
    if kind == "npz":
        np.savez(folder / "a.npz", **arrays)
        return folder / "a.npz"
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "a.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return folder / "a.h5"


class TestNames:
    """What others call inputs and targets."""

    @pytest.mark.parametrize("kind", ["npz", "hdf5"])
    @pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
    def test_usual(self, tmp_path, names, kind):
        found = data.read(written(tmp_path, names, kind))
        np.testing.assert_array_equal(found.x, X)
        assert found.y.tolist() == Y.tolist()
        assert (found.x_test is None) == (names[2] is None)
        if names[2]:
            assert found.y_test.tolist() == Y[:2].tolist()

    @pytest.mark.parametrize(
        "names", [("train/x", "train/y", "test/x", "test/y"), ("train/images", "train/labels", "test/images", "test/labels"), ("set/x", "set/y", None, None), ("a/b/data", "a/b/target", None, None)], ids=lambda names: names[0]
    )  # fmt: skip
    def test_groups(self, tmp_path, names):
        found = data.read(written(tmp_path, names, "hdf5"))
        np.testing.assert_array_equal(found.x, X)
        assert found.y.tolist() == Y.tolist()
        assert (found.x_test is None) == (names[2] is None)

    def test_what_is_there_is_named(self, tmp_path):
        for kind in ("npz", "hdf5"):
            with pytest.raises(
                ContentError,
                match="expected arrays x and y .*, found left, right; write them with these names",
            ):
                data.read(written(tmp_path, ("left", "right", None, None), kind))
        with pytest.raises(
            ContentError, match="which array is x. found X_Train, X_train; call one of them x"
        ):
            data.read(written(tmp_path, ("X_Train", "y", "X_train", None), "npz"))

    def test_our_names_go_first(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=X, y=Y, X=X[::-1], data=X[::-1], labels=Y[::-1])
        found = data.read(tmp_path / "a.npz")
        np.testing.assert_array_equal(found.x, X)
        assert found.y.tolist() == Y.tolist()

    def test_a_link_in_a_group_leads_nowhere_else(self, tmp_path):
        h5py = pytest.importorskip("h5py")
        path = written(tmp_path, ("set/x", "other", None, None), "hdf5")
        with h5py.File(path, "a") as file:
            del file["other"]
            file["set/y"] = h5py.ExternalLink("b.h5", "y")
        with pytest.raises(FileError, match=r"'set/y' is a link to 'b.h5', another file"):
            data.read(path)


class TestTargets:
    """One-hot rows are classes, of whatever type; other rows of numbers are numbers."""

    def targets(self, folder, y, **words):
        np.savez(folder / "a.npz", x=np.zeros((len(y), 2)), y=y)
        found = data.read(folder / "a.npz", **words)
        return found.y, found.classes

    @pytest.mark.parametrize("dtype", ["u1", "i8", "f4", "f8", "?"])
    def test_one_hot(self, tmp_path, dtype):
        y, classes = self.targets(tmp_path, np.eye(3)[[2, 0, 1, 2]].astype(dtype))
        assert (y.tolist(), y.dtype, classes) == ([2, 0, 1, 2], np.int64, ("0", "1", "2"))

    def test_numbers_if_that_is_said(self, tmp_path):
        y, classes = self.targets(tmp_path, np.eye(3), task="regression")
        np.testing.assert_array_equal(y, np.eye(3, dtype="f4"), strict=True)
        assert classes is None

    @pytest.mark.parametrize("dtype", ["u1", "f8"])
    def test_several_labels_a_row(self, tmp_path, dtype):
        given = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 1]], dtype)
        y, classes = self.targets(tmp_path, given)
        np.testing.assert_array_equal(y, given.astype("f4"), strict=True)
        assert classes is None

    def test_a_column(self, tmp_path):
        y, classes = self.targets(tmp_path, np.array([[1], [2], [1]]))
        assert (y.tolist(), classes) == ([0, 1, 0], ("1", "2"))

    def test_minus_one_and_one(self, tmp_path):
        y, classes = self.targets(tmp_path, np.array([-1, 1, 1]))
        assert (y.tolist(), classes) == ([0, 1, 1], ("-1", "1"))

    def test_both_parts_have_the_same_classes(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=X, y=Y + 1, x_test=X[:2], y_test=np.array([3, 1]))
        found = data.read(tmp_path / "a.npz")
        assert (found.y_test.tolist(), found.classes) == ([2, 0], ("1", "2", "3"))

    def test_large_ones_are_numbers(self, tmp_path):
        y, classes = self.targets(tmp_path, np.array([10**12, 10**12 + 5, 3 * 10**12]))
        assert (y.dtype, classes) == (np.float32, None)
