"""Some 130 files that somebody has made to do harm, each in a row: its name, what makes it, what uses it.

A row's function is given a folder and returns the file's bytes (or writes it, and returns None).
"""

import gzip
import io
import json
import os
import pickle
import struct
import tempfile
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np

import lucidnet as ln
from lucidnet import data
from lucidnet import layers as L
from lucidnet.core.value import to_config
from lucidnet.data.idx import read_idx
from lucidnet.interop.model_file import describe, tensors

from . import seeds
from .mutate import packed

RAN = Path(tempfile.gettempdir()) / "it-ran"
"""What would be there if anything in these files ran."""
SECRET = b"nobody may read this: 4711 " * 40


class Runs:
    """What runs something when it is unpickled."""

    def __reduce__(self):
        return os.system, (f"touch {RAN}",)


# --- model files ---------------------------------------------------------------------------------------


def model(change=lambda description, arrays: None, rule="backprop"):
    """Return the file of a small model whose content was changed; its hash is right."""

    def make(folder):
        made = ln.Model([L.Input(4), L.Dense(3, name="a")])
        made.compile("mse", "adam", rule=rule)
        made.build()
        description, arrays = describe(made), tensors(made.state)
        made = change(description, arrays)
        if isinstance(made, str):
            return packed(made, {})
        return packed(json.dumps(description if made is None else made), arrays)

    return make


def net(*layers, shape=(4,), rule="backprop", without=True):
    """Return the file of other layers; it holds no arrays."""

    def change(description, arrays):
        arrays.clear()
        description["net"] = to_config(L.Sequential([L.Input(shape), *layers]))
        description["input_shape"] = shape

    return model(change, rule)


def setting(**changed):
    """Return a file in which the layer's settings are others."""
    return model(lambda description, arrays: description["net"]["layers"][1].update(changed))


def described(**changed):
    """Return a file whose description has something else."""
    return model(lambda description, arrays: description.update(changed))


def nested(kind, depth):
    def change(description, arrays):
        inner = to_config(L.ReLU())
        for _ in range(depth):
            inner = (
                {"type": kind, "layers": [inner]} if kind == "Sequential" else {"type": kind, "body": inner}
            )
        description["net"]["layers"] = [to_config(L.Input(4)), inner]

    return model(change)


def text(make):
    """Return a file whose description is a text of one's own, of that of a small model."""
    return model(lambda description, arrays: make(json.dumps(description)))


def header(entry, data=b"", more=b"", metadata=True):
    """Return a file with a header of one's own."""

    def make(folder):
        ours = (
            {"__metadata__": {"lucidnet": json.dumps({"version": 1, "sha256": "", "description": "{}"})}}
            if metadata
            else {}
        )
        head = json.dumps(ours | entry).encode() if isinstance(entry, dict) else entry
        return len(head).to_bytes(8, "little") + head + data + more

    return make


def slot(shape, kind="F32", begin=0, stop=0):
    return {"a": {"dtype": kind, "shape": shape, "data_offsets": [begin, stop]}}


def arrays(change):
    return model(lambda description, arrays: change(arrays))


BIG = 10**9
MODELS = {
    "a class of the system": model(lambda d, a: d["net"]["layers"][1].update(type="os.system")),
    "a class of subprocess": model(lambda d, a: d["net"]["layers"][1].update(type="subprocess.Popen")),
    "a class of another module": model(lambda d, a: d["net"]["layers"][1].update(type="pickle.loads")),
    "a class by its dotted name": model(lambda d, a: d["net"]["layers"][1].update(type="lucidnet.layers.Dense")),
    "__import__ as a class": model(lambda d, a: d["net"]["layers"][1].update(type="__import__")),
    "the model as a layer": model(lambda d, a: d["net"]["layers"][1].update(type="Model")),
    "a function as an activation": setting(activation="eval"),
    "code as an activation": setting(activation=f"__import__('os').system('touch {RAN}')"),
    "code as a name": setting(name="{__class__.__mro__}/../../x"),
    "a name with a null": setting(name="a\0b"),
    "a name that is half a character": setting(name="\ud800"),
    "a setting that is a method": setting(forward="x"),
    "a setting that is __class__": setting(__class__="Dense"),
    "a setting that is __dict__": setting(__dict__={"units": 3}),
    "very many units": setting(units=10**18),
    "units beyond all": setting(units=10**4000),
    "units that are a list": setting(units=[3]),
    "units that are not finite": text(lambda t: t.replace('"units": 3', '"units": Infinity')),
    "units of ten thousand digits": text(lambda t: t.replace('"units": 3', '"units": ' + "9" * 10_000)),
    "a name twice in the description": text(lambda t: t.replace('"seed"', '"net": {"type": "Dense", "units": 1}, "seed"')),
    "lists in lists": text(lambda t: t.replace('"about": {}', '"about": ' + "[" * 50_000 + "]" * 50_000)),
    "a description that is no dict": text(lambda t: "[1, 2]"),
    "ten thousand containers in each other": text(
        lambda t: t.replace('{"type": "Dense"', '{"type": "Sequential", "layers": [' * 10_000, 1)
    ),
    "two hundred containers in each other": nested("Sequential", 150),
    "two hundred residuals in each other": nested("Residual", 150),
    "no layers": described(net={"type": "Sequential", "layers": []}),
    "a network that is a loss": described(net={"type": "MSE"}),
    "an optimizer that is a layer": described(optimizer={"type": "Dense", "units": 3}),
    "a loss that is a list": described(loss=[1, 2]),
    "a dtype of objects": described(dtype="object"),
    "a dtype that is code": described(dtype="f4; import os"),
    "an input of huge size": described(input_shape=[BIG, BIG]),
    "an input of 100,000 axes": described(input_shape=[1] * 100_000),
    "a history that is text": described(history={"loss": ["x"]}),
    "a state that is text": described(state="x"),
    "a step beyond all": described(state={"dict": {"step": 10**30, "carried": {"dict": {}}}}),
    "a rule that is text": described(rule="fa"),
    "much padding, and weights that lack": net(L.ZeroPadding2D(9000), L.Dense(1), shape=(1, 1, 1)),
    "a long loop under a rule": net(L.Reshape((10**8, 1)), L.GlobalAveragePooling1D(), L.Dense(1), shape=(10**8,), rule="fa"),
    "a long loop without weights": net(L.LeakyRNN(1), shape=(10**8, 1)),
    "feedback weights that the file lacks": net(L.Flatten(), L.Reshape((10**6, 1)), L.GlobalAveragePooling1D(), L.Dense(10**5), shape=(10**6,), rule="dfa"),
    "a huge embedding": net(L.Embedding(10**12, 10**6), shape=(3,)),
    "attention with huge heads": net(L.MultiHeadAttention(10**6, 10**9), shape=(4, 3)),
    "a huge kernel": net(L.Conv2D(10**6, (10**6, 10**6), padding="same"), shape=(4, 4, 1)),
    "an array of 65 axes": header(slot([1] * 65, stop=4), bytes(4)),
    "an array of 0 x 2**70": header(slot([0, 2**70])),
    "an array of 0 x 2**62 x 2**62": header(slot([0, 2**62, 2**62])),
    "an array larger than its file": header(slot([2**40], stop=2**42), bytes(16)),
    "an array of negative size": header(slot([-1], stop=-4)),
    "an array of a size that is true": header(slot([True], stop=4), bytes(4)),
    "arrays that overlap": header(slot([4], stop=16) | {"b": slot([4], begin=8, stop=24)["a"]}, bytes(24)),
    "an array of objects": header(slot([1], "OBJECT", stop=8), bytes(8)),
    "a header that has a name twice": header(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', bytes(4)),
    "a header longer than the file": lambda folder: (2**62).to_bytes(8, "little") + b"{}",
    "a header of brackets": header(b"[" * 100_000),
    "a pickle in place of a model": lambda folder: pickle.dumps(Runs()),
    "a header of a hundred axes that are numbers of a thousand digits": header(slot([10**1000] * 60)),
    "an array whose name leads elsewhere": arrays(lambda a: a.update({"../../etc/passwd": np.zeros(3, "f")})),
    "an array whose name is a null": arrays(lambda a: a.update({"\0": np.zeros(3, "f")})),
}  # fmt: skip


# --- checkpoints ---------------------------------------------------------------------------------------


WHOLE = {}


def checkpoint(change):
    """Return a checkpoint whose content was changed; its hash is right."""

    def make(folder):
        if not WHOLE:
            WHOLE["content"] = seeds.whole_files("checkpoint", folder)[-1]
        description, arrays = seeds.unpacked(WHOLE["content"], folder)
        description, arrays = json.loads(json.dumps(description)), dict(arrays)
        change(description["training"]["dict"], description, arrays)
        return packed(json.dumps(description), arrays)

    return make


def said(**changed):
    return checkpoint(lambda training, description, arrays: training.update(changed))


def of_callback(kind, **changed):
    def change(training, description, arrays):
        for one in training["callbacks"]["list"]:
            if one["tuple"][0] == kind:
                one["tuple"][1]["dict"].update(changed)

    return checkpoint(change)


CHECKPOINTS = {
    "a plain model of that name": lambda folder: seeds.saved(folder / "m.safetensors", ln.Model([L.Input(4), L.Dense(3)])),
    "an epoch beyond all": said(epoch=10**30),
    "a first epoch beyond the counter": said(first=2**64),
    "a batch that is negative": said(batch=-1),
    "a batch that is text": said(batch="x"),
    "a tally of text": said(tally={"tuple": ["a", "b", {"list": []}, {"tuple": []}]}),
    "a tally for too few metrics": said(tally={"tuple": [1.0, 2.0, {"list": []}, {"tuple": []}]}),
    "callbacks that are text": said(callbacks="EarlyStopping"),
    "settings of before that are no JSON": said(begun="{"),
    "settings of before of ten thousand brackets": said(begun="[" * 10_000),
    "no facts": checkpoint(lambda training, description, arrays: training.pop("facts")),
    "best weights of another size": of_callback("EarlyStopping", weights={"array": "dense1/W"}),
    "a patience that is text": of_callback("EarlyStopping", waited="x"),
    "a best that is a list": of_callback("EarlyStopping", best={"list": [1]}),
    "factors that are text": of_callback("ReduceOnPlateau", total="x"),
    "weights that are not finite": checkpoint(lambda training, description, arrays: arrays.update({"dense1/W": np.full((4, 5), np.nan, "f")})),
    "memory of the optimizer of another size": said(slots={"dict": {"m": {"array": "dense1/W"}}}),
    "a reason to stop that is a number": said(stopped=7),
    "recorded steps that are text": said(recorded={"dict": {"a": {"list": [{"tuple": ["x", 1]}]}}}),
}  # fmt: skip


# --- NPZ -----------------------------------------------------------------------------------------------


def npz(members, packing=zipfile.ZIP_DEFLATED, after=lambda content: content):
    """Return a ZIP file of members: pairs of a name and bytes."""

    def make(folder):
        made = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(made, "w", packing, compresslevel=1) as archive:
            warnings.simplefilter("ignore")  # that a name is there twice
            for name, content in members:
                archive.writestr(name, content)
        return after(made.getvalue())

    return make


def npy(head, content=b"", version=1):
    """Return an NPY file with a header of one's own."""
    head = head.encode() if isinstance(head, str) else head
    width = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack(width, len(head)) + head + content


def array(shape="(2,)", kind="'<f8'", content=bytes(16), order="False"):
    return npy(f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}\n", content)


GOOD = array()
PICKLED = io.BytesIO()
np.save(PICKLED, np.array([Runs()], dtype=object), allow_pickle=True)


def x(member):
    return npz([("x.npy", member), ("y.npy", GOOD)])


NPZ = {
    "a pickled array": x(PICKLED.getvalue()),
    "a header that is code": x(npy(f"__import__('os').system('touch {RAN}')")),
    "a header of brackets": x(npy("(" * 9000)),
    "a header of 4 GB": x(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + bytes(5_000_000)),
    "a header with a name twice": x(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), 'shape': (1,)}", bytes(16))),
    "65 axes": x(array(str((1,) * 65))),
    "0 x 2**70": x(array(f"(0, {2**70})", content=b"")),
    "0 x 2**62 x 2**62": x(array(f"(0, {2**62}, {2**62})", content=b"")),
    "a size that lies": x(array(f"({10**9},)")),
    "a size of ten thousand digits": x(array(f"({'9' * 9000},)")),
    "a negative size": x(array("(-2,)")),
    "a dtype with fields": x(array(kind="[('a', '<f8')]")),
    "a dtype of many fields": x(array(kind="'f8,f8'")),
    "texts of 4 GB": x(array(kind="'<U1073741824'")),
    "numbers without width": x(array(kind="'<V0'", content=b"")),
    "a bomb": npz([("x.npy", array(f"({10**9},)", "'|u1'", bytes(20_000_000))), ("y.npy", GOOD)]),
    "a bomb in an unused member": npz([("unused.npy", bytes(210_000_000)), ("x.npy", GOOD), ("y.npy", PICKLED.getvalue())]),
    "a name twice": npz([("x.npy", GOOD), ("x.npy", array()), ("y.npy", GOOD)]),
    "packed by bzip2": npz([("x.npy", GOOD), ("y.npy", GOOD)], zipfile.ZIP_BZIP2),
    "packed by LZMA": npz([("x.npy", GOOD), ("y.npy", GOOD)], zipfile.ZIP_LZMA),
    "a name that leads elsewhere": npz([("../../x.npy", GOOD), ("/etc/y.npy", GOOD)]),
    "a member in a password": npz([("x.npy", GOOD), ("y.npy", GOOD)], after=lambda c: c.replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0")),
    "a wrong checksum": npz([("x.npy", GOOD), ("y.npy", GOOD)], zipfile.ZIP_STORED, lambda c: c.replace(bytes(16), bytes(15) + b"\1", 1)),
}  # fmt: skip


# --- HDF5 ----------------------------------------------------------------------------------------------


def hdf5(fill):
    """Return an HDF5 file; beside it lies another one, and one that is secret."""

    def make(folder):
        (folder / "secret").write_bytes(SECRET)
        with h5py.File(folder / "other.h5", "w") as file:
            file["x"] = np.full((3, 2), 4711.0)
        with h5py.File(folder / "a.h5", "w") as file:
            file["y"] = [0, 1, 2]
            fill(file, folder)
        return (folder / "a.h5").read_bytes()

    return make


def virtual(name, file, folder):
    layout = h5py.VirtualLayout((3, 2), "f8")
    layout[:] = h5py.VirtualSource(name, "x", (3, 2))
    file.create_virtual_dataset("x", layout)


def soft(file, folder):
    file["out"] = h5py.ExternalLink(str(folder / "other.h5"), "/")
    file["x"] = h5py.SoftLink("/out/x")


def circle(file, folder):
    file["x"], file["z"] = h5py.SoftLink("/z"), h5py.SoftLink("/x")


HDF5 = {
    "an external link": hdf5(lambda f, d: f.update({"x": h5py.ExternalLink(str(d / "other.h5"), "x")})),
    "an external link to a device": hdf5(lambda f, d: f.update({"x": h5py.ExternalLink("/dev/stdin", "x")})),
    "a soft link through an external one": hdf5(soft),
    "a soft link in a circle": hdf5(circle),
    "a soft link to nothing": hdf5(lambda f, d: f.update({"x": h5py.SoftLink("/none")})),
    "a soft link to a group": hdf5(lambda f, d: (f.create_group("g"), f.update({"x": h5py.SoftLink("/g")}))),
    "external storage": hdf5(lambda f, d: f.create_dataset("x", (3, 2), "f8", external=[(str(d / "secret"), 0, 48)])),
    "external storage in a password file": hdf5(lambda f, d: f.create_dataset("x", (3, 2), "u1", external=[("/etc/passwd", 0, 6)])),
    "a virtual set": hdf5(lambda f, d: virtual("other.h5", f, d)),
    "a virtual set of a file that lacks": hdf5(lambda f, d: virtual("none.h5", f, d)),
    "a group in place of an array": hdf5(lambda f, d: f.create_group("x")),
    "references": hdf5(lambda f, d: f.create_dataset("x", data=np.array([f["y"].ref] * 3, dtype=h5py.ref_dtype), dtype=h5py.ref_dtype)),
    "texts of any length": hdf5(lambda f, d: f.create_dataset("x", data=["a", "b", "c"], dtype=h5py.string_dtype())),
    "no shape": hdf5(lambda f, d: f.create_dataset("x", data=h5py.Empty("f8"))),
    "much that was never written": hdf5(lambda f, d: f.create_dataset("x", (3, 10**9), "f8", chunks=(1, 1000))),
    "a huge chunk": hdf5(lambda f, d: f.create_dataset("x", (3, 2), "f8", chunks=(3, 10**7), maxshape=(3, None))),
    "a bomb": hdf5(lambda f, d: bomb(f)),
    "a filter of somebody else": hdf5(lambda f, d: foreign(f)),
}  # fmt: skip


def bomb(file):
    """A chunk that says that it is small, and unpacks to 220 MB."""
    import zlib

    made = file.create_dataset("x", (3, 2), "f8", chunks=(3, 2), compression="gzip")
    made.id.write_direct_chunk((0, 0), zlib.compress(bytes(220_000_000), 1))


def foreign(file):
    """A data set packed by a filter that HDF5 would look for on the disk."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((3, 2))
    creation.set_filter(31999, h5py.h5z.FLAG_OPTIONAL)
    h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple((3, 2)), creation)


# --- CSV and IDX ---------------------------------------------------------------------------------------


def const(content):
    return lambda folder: content


CSV = {
    "a row without an end": const(b"1," * 3_000_000 + b"1"),
    "a cell without an end": const(b'a,b\n"' + b"x" * 1_000_000),
    "numbers of ten thousand digits": const(b"a,b\n" + b"9" * 10_000 + b",1\n"),
    "code in a cell": const(b"a,b\n=cmd|'/C calc'!A0,1\n"),
    "nulls": const(b"a,b\n\0,1\n"),
    "half a character": const(b"a,b\n\xed\xa0\x80,1\n"),
    "nothing": const(b""),
    "a bomb": const(gzip.compress(b"1," * 3_000_000, 1)),
}

IDX = {
    "a size that lies": const(b"\0\0\x08\3" + struct.pack(">3I", 2**31, 2**31, 2**31)),
    "255 axes": const(b"\0\0\x08\xff" + struct.pack(">255I", *[1] * 255) + b"a"),
    "0 x 2**32 x 2**32 x ...": const(b"\0\0\x08\x41" + struct.pack(">65I", 0, *[2**32 - 1] * 64)),
    "64 axes, one of them 0": const(b"\0\0\x0e\x40" + struct.pack(">64I", 0, *[2**32 - 1] * 63)),
    "no axes": const(b"\0\0\x08\0"),
    "an unknown type": const(b"\0\0\x0a\1" + struct.pack(">I", 1) + b"a"),
    "a bomb": const(gzip.compress(b"\0\0\x08\1" + struct.pack(">I", 100) + bytes(16_000_000), 1)),
}


def load(path):
    ln.load(path).summary()


def resume(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seeds.training(path.parent)


FORMATS = {
    "model": (MODELS, "m.safetensors", load),
    "checkpoint": (CHECKPOINTS, "step-00000003.safetensors", resume),
    "npz": (NPZ, "a.npz", data.read),
    "hdf5": (HDF5, "a.h5", data.read),
    "csv": (CSV, "a.csv", data.read),
    "idx": (IDX, "a-idx3-ubyte.gz", read_idx),
}

HARMLESS = {
    "a rule that is text": "which is the name of a rule",
    "a plain model of that name": "which is somebody's own: it stays, and the training begins",
}
"""What is no damage, and why."""


def made(folder):
    """Write all files; return format, name and path of each."""
    rows = []
    for kind, (table, file, _) in FORMATS.items():
        for number, (name, make) in enumerate(table.items()):
            place = Path(folder) / f"{kind}{number}"
            (place / "other").mkdir(parents=True)
            content = make(place / "other")
            if kind == "idx" and content[:2] != b"\x1f\x8b":
                content = gzip.compress(content)
            file_name = file + ".gz" if content[:2] == b"\x1f\x8b" and kind == "csv" else file
            (place / file_name).write_bytes(content)
            rows.append((kind, name, str(place / file_name)))
    return rows
