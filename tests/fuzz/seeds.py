"""Whole files, small ones, of which mutants are made; and what a person does with a file of each kind."""

import gzip
import shutil
import struct
import warnings
from pathlib import Path

import h5py
import numpy as np

import lucidnet as ln
from lucidnet import callbacks, data
from lucidnet import layers as L
from lucidnet.data.idx import read_idx
from lucidnet.interop import container

X = np.random.default_rng(0).normal(size=(12, 4)).astype("f")
Y = np.arange(12) % 3
T = X.reshape(12, 2, 2)


def model_files(folder):
    """Yield files of models: of every layer there is, and of what else a file may name."""
    for number, layer in enumerate(every_layer()):
        yield saved(folder / f"layer{number}.safetensors", ln.Model(layer))
    for number, made in enumerate(trained()):
        yield saved(folder / f"trained{number}.safetensors", made)


def every_layer():
    """Yield networks of one layer each: the samples of every class, where they can stand in a file of one input."""
    for name in dir(L):
        kind = getattr(L, name)
        if not (isinstance(kind, type) and issubclass(kind, L.Layer)):
            continue
        for layer, shape in kind.samples():
            if isinstance(shape, tuple) and all(type(size) is int for size in shape):
                yield [L.Input(shape), layer] if kind is not L.Graph else layer


def saved(path, model):
    """Return the bytes of a model's file."""
    try:
        model.build()
        model.save(path)
    except ln.errors.LucidnetError:  # a function of one's own, or several inputs
        return b""
    return path.read_bytes()


def network(rule="backprop", optimizer="adam", seed=0):
    """Return a small model."""
    made = ln.Model(
        [L.Input(4), L.Dense(5, "tanh"), L.BatchNormalization(), L.Dense(3, "softmax")], seed=seed
    )
    made.compile("categorical_crossentropy", optimizer, ["accuracy", "f1_macro"], rule=rule)
    return made


def trained():
    """Yield models that remember something."""
    opt = ln.optimizers
    optimizers = [
        "sgd",
        "adam",
        opt.SGD(opt.schedules.OneCycle(0.1, 5), momentum=0.9),
        opt.EMA(opt.Lion(), 0.9),
        opt.Muon(),
        opt.LBFGS(),
    ]
    for optimizer in optimizers:
        yield fitted(network(optimizer=optimizer), X, Y)
    for rule in ("fa", "dfa", "kp", "wm", "drtp"):
        yield fitted(network(rule), X, Y)
    recurrent = ln.Model([L.Input((2, 2)), L.LSTM(3, stateful=True), L.Dense(2)])
    recurrent.compile("mse", "adam")
    yield fitted(recurrent, T, T[:, 0], batch_size=6, shuffle=False)
    online = ln.Model([L.Input((2, 2)), L.SimpleRNN(3), L.Dense(2)])
    online.compile("mse", "adam", rule="rtrl")
    yield fitted(online, T, T[:, 0])
    rows = {
        "age": X[:, 0],
        "city": list("abc" * 4),
        "day": ["2020-01-02", "2021-03-04"] * 6,
        "y": list("uv" * 6),
    }
    table = data.Table.fit(rows, target="y", standardize=True, categories="one-hot", dates="days")
    named = ln.Model([L.Input(5), L.Dense(2, "softmax")])
    named.table, named.classes = table, table.classes
    named.compile("categorical_crossentropy", "adam", ["accuracy"])
    yield fitted(named, *table.apply(rows))


def fitted(model, x, y, **settings):
    model.fit(x, y, **{"verbose": 0, "batch_size": 12} | settings)
    return model


def training(folder):
    """Train, or go on with a training; its checkpoints lie in a folder."""
    watching = [
        callbacks.EarlyStopping("loss", 9),
        callbacks.ReduceOnPlateau("loss", 0.5, 0),
        callbacks.CSVLog(folder / "a.csv"),
    ]
    keeping = callbacks.Checkpoint(folder, every_steps=1, keep=9, best="loss")
    watching += [keeping]
    model = network("fa")
    model.fit(
        X,
        Y,
        epochs=3,
        batch_size=6,
        verbose=0,
        resume=folder,
        callbacks=watching,
        record=["dense1.W"],
        record_every=1,
    )
    return model


def checkpoints(folder):
    """Yield checkpoints of an early and of a late moment."""
    training(folder)
    for path in sorted(folder.glob("step-*"))[1:5]:
        yield path.read_bytes()


def idx_files(folder):
    for shape, code, kind in (
        ((3, 2, 2), 8, ">u1"),
        ((5,), 12, ">i4"),
        ((2, 2, 1), 13, ">f4"),
        ((3, 0), 14, ">f8"),
    ):
        head = bytes([0, 0, code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
        yield head + np.arange(np.prod(shape)).astype(kind).tobytes()


def csv_files(folder):
    yield b"a,b,label\n1,2,cat\n3.5,4,dog\n-1e-3,5,cat\n"
    yield b"\xef\xbb\xbfa,b,c\n1,2,0\n3,4,1\n"
    yield b'1,"2",3.5\r\n4,5,"6"\r\n\r\n7,8,9\r\n'
    yield "größe,漢,y\n1,2,ä\n3,4,ö\n".encode()


def npz_files(folder):
    for save in (np.savez, np.savez_compressed):
        save(
            folder / "a.npz",
            x=X,
            y=Y,
            x_test=X[:2].astype("f8"),
            y_test=Y[:2].astype("u1"),
            other=np.arange(50),
        )
        yield (folder / "a.npz").read_bytes()
    np.savez(folder / "a.npz", x=np.asfortranarray(X), y=X[:, 0] > 0)
    yield (folder / "a.npz").read_bytes()


def hdf5_files(folder):
    for settings in (
        {},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (4, 2), "maxshape": (None, 4)},
    ):
        with h5py.File(folder / "a.h5", "w") as file:
            file.create_dataset("x", data=X, **settings)
            file["y"] = Y
            file["deep/er"] = X
            file["soft"] = h5py.SoftLink("/deep/er")
        yield (folder / "a.h5").read_bytes()
    with h5py.File(folder / "a.h5", "w", libver="latest") as file:
        file["x"], file["y"] = X, Y
    yield (folder / "a.h5").read_bytes()


def use_model(folder, content):
    path = folder / "m.safetensors"
    path.write_bytes(content)
    model = ln.load(path)
    for shown in (model.summary(), model, model.history, model.table):
        str(shown)


def use_checkpoint(folder, content):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "step-00000003.safetensors").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it goes on from the one before
        training(folder)


def use_data(name):
    def use(folder, content):
        path = folder / name
        path.write_bytes(content)
        data.read(path)

    return use


def use_idx(folder, content):
    """Read it as labels, as images, and packed."""
    plain = folder / "a-idx3-ubyte"
    plain.write_bytes(content)
    for path in (plain, plain.with_name("a-idx3-ubyte.gz")):
        if path != plain:
            path.write_bytes(gzip.compress(content, 1) if content[:2] != b"\x1f\x8b" else content)
        read_idx(path)


KINDS = {
    "model": (model_files, use_model),
    "checkpoint": (checkpoints, use_checkpoint),
    "idx": (idx_files, use_idx),
    "csv": (csv_files, use_data("a.csv")),
    "npz": (npz_files, use_data("a.npz")),
    "hdf5": (hdf5_files, use_data("a.h5")),
}
"""By the name of a format: what makes whole files of it, and what uses one."""


def whole_files(kind, folder):
    """Return the whole files of a format."""
    folder = Path(folder) / "seeds"
    folder.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [content for content in KINDS[kind][0](folder) if content]


def unpacked(content, folder):
    """Return description and arrays of a model file."""
    path = Path(folder) / "whole.safetensors"
    path.write_bytes(content)
    return container.read(path)
