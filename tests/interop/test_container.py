"""Arrays and a description in one file: what comes back, what is refused, how much memory it takes."""

import hashlib
import json
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
import safetensors.numpy

import lucidnet as ln
from lucidnet.errors import FileError
from lucidnet.interop import container
from lucidnet.layers import Dense, Input, Layer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@dataclass(frozen=True)
class Gain(Layer):
    """A user's own layer, with a weight that has no axes."""

    def init(self, rng, shape):
        return {"gain": rng.full((), 2.0)}, shape

    def forward(self, params, x, run=None):
        return x * params["gain"], x

    def backward(self, params, x, dy, need_dx=True):
        return dy * params["gain"], {"gain": (dy * x).sum()}


class TestArrays:
    """What is written comes back: names, types, shapes, values."""

    TYPES = ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?")

    @pytest.mark.parametrize("dtype", TYPES)
    @pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (2, 3), (2, 1, 3, 2)])
    def test_types_and_shapes(self, path, dtype, shape):
        array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
        container.write(path, {"a": array, "b/c": array}, None)
        _, arrays = container.read(path)
        for found in (arrays["a"], arrays["b/c"], safetensors.numpy.load_file(path)["a"]):
            assert (found.dtype, found.shape) == (array.dtype, shape)
            np.testing.assert_array_equal(found, array)

    @pytest.mark.parametrize(
        "array",
        [np.arange(6.0).reshape(2, 3).T, np.arange(6.0)[::-2], np.arange(3, dtype=">f4"), np.ones(3).data],
        ids=["transposed", "backwards", "big-endian", "memoryview"],
    )
    def test_arrays_that_lie_otherwise_in_memory(self, path, array):
        container.write(path, {"a": array}, None)
        np.testing.assert_array_equal(container.read(path)[1]["a"], np.asarray(array))

    @pytest.mark.parametrize("seed", range(5))
    def test_any_tree(self, path, seed):
        rng = np.random.default_rng(seed)
        letters = list('aZ_ .é漢\u200b🫨"\\\n/')
        tensors = {
            "".join(rng.choice(letters, 8)): rng.normal(size=rng.integers(0, 4, rng.integers(0, 4))).astype(
                rng.choice(self.TYPES)
            )
            for _ in range(rng.integers(0, 20))
        }
        description = {"名前": [1, -2.5, None, True, 'é\n"', {"deep": [[], {}]}], "": 10**30}
        container.write(path, tensors, description)
        found, arrays = container.read(path)
        assert found == description
        assert arrays.keys() == tensors.keys()
        for name, array in tensors.items():
            assert arrays[name].dtype == array.dtype
            np.testing.assert_array_equal(arrays[name], array, strict=True)

    @pytest.mark.parametrize(
        ("tensors", "description", "message"),
        [
            ({"a": np.ones(2, complex)}, None, "'a' has a type or name that has no place.*complex128"),
            ({"a": np.array(["x"])}, None, "no place in the format: <U1"),
            ({"a": np.array([None])}, None, "no place in the format: object"),
            ({"__metadata__": np.ones(2)}, None, "'__metadata__' has a type or name"),
            ({}, {"a": object()}, "object is not JSON serializable"),
            ({}, {(1, 2): 3}, "keys must be str"),
            ({}, "\ud800", "surrogates not allowed"),
        ],
    )
    def test_what_could_not_be_read_is_not_written(self, path, tensors, description, message):
        path.write_bytes(b"old")
        with pytest.raises(FileError, match=f"{path.name}: was not written: .*{message}.*holds arrays of"):
            container.write(path, tensors, description)
        assert path.read_bytes() == b"old"

    def test_a_weight_without_axes(self, path):
        made = ln.Model([Input(3), Gain(), Dense(2)])
        made.save(path)
        loaded = ln.load(path, custom={"Gain": Gain})
        np.testing.assert_array_equal(loaded.get_weights(), made.get_weights())
        assert loaded.params["gain1"]["gain"].shape == ()

    def test_a_net_without_weights(self, path):
        ln.Model([Input(3), ln.layers.ReLU()]).save(path)
        assert ln.load(path).predict([[-1, 0, 1]]).tolist() == [[0, 0, 1]]

    def test_one_copy_besides_the_model(self, path):
        size = 4 * 600 * 600
        made = ln.Model([Input(600), Dense(600, initializer="orthogonal", use_bias=False)])
        made.build()
        assert peak(lambda: made.save(path)) < 1.2 * size
        ln.load(path)  # what is imported and cached the first time does not count
        assert peak(lambda: ln.load(path)) < 2.2 * size

    def test_the_hash_does_not_depend_on_the_python(self):
        """Letters that one version of Unicode has, and another has not, are escaped alike."""
        array = np.arange(3, dtype="<f4")
        expected = hashlib.sha256(b"{}" + rb"('\U0001fae8\xe9', '<f4', (3,))" + array.tobytes()).hexdigest()
        assert container.fingerprint("{}", {"🫨é": array}) == expected


def peak(function):
    """Return the most memory, in bytes, that a call takes besides what was there before."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


OURS = {"__metadata__": {"lucidnet": json.dumps({"version": 1, "sha256": "", "description": "{}"})}}


def write_header(path, header, data=b""):
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


class TestHeaders:
    """What a header says is checked before anything is made from it."""

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            (
                {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]},
                "holds 16 bytes of arrays, expected",
            ),
            ({"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}, "whole numbers of 0 or more"),
            ({"dtype": "F32", "shape": [3], "data_offsets": [0, 16]}, "16 bytes do not hold F32 of shape"),
            ({"dtype": "F32", "shape": [4], "data_offsets": [4, 20]}, "do not lie side by side"),
            ({"dtype": "OBJECT", "shape": [4], "data_offsets": [0, 16]}, "'OBJECT' is not one of"),
            ({"dtype": "F32", "shape": "x", "data_offsets": [0, 16]}, "makes no sense"),
            ({"shape": [4]}, "makes no sense"),
            (7, "makes no sense"),
        ],
    )
    def test_headers_that_lie(self, path, entry, message):
        write_header(path, OURS | {"a": entry}, bytes(16))
        with pytest.raises(FileError, match=message):
            ln.load(path)

    def test_not_ours_and_of_a_type_that_numpy_lacks(self, path):
        write_header(path, {"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, bytes(4))
        with pytest.raises(FileError, match="was not written by lucidnet"):
            ln.load(path)

    @pytest.mark.parametrize("version", [0, -3, None, "one", []])
    def test_versions_that_never_were(self, path, version):
        ours = {"version": version, "sha256": "", "description": "{}"}
        write_header(path, {"__metadata__": {"lucidnet": json.dumps(ours)}})
        with pytest.raises(FileError, match="the file is damaged"):
            ln.load(path)

    @pytest.mark.parametrize("text", ["{", "[" * 100_000, "7", "null", "[]", '"x"'])
    def test_descriptions_that_are_none(self, path, text):
        """Their hash is right: it finds damage, and does not keep anybody from writing nonsense."""
        ours = {"version": 1, "sha256": container.fingerprint(text, {}), "description": text}
        write_header(path, {"__metadata__": {"lucidnet": json.dumps(ours)}})
        with pytest.raises(FileError, match="makes no sense|cannot be built"):
            ln.load(path)

    @pytest.mark.parametrize("metadata", ["[" * 100_000, "7", "{}", 7, None])
    def test_metadata_that_is_none(self, path, metadata):
        write_header(path, {"__metadata__": {"lucidnet": metadata}})
        with pytest.raises(FileError, match="its metadata makes no sense"):
            ln.load(path)
