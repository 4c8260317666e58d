"""Models as programs for others: ONNX files, and Python files that need NumPy alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...core import files
from ...core.settings import choice, path_like, shown, taken
from ...data import Table
from ...errors import FileError, SettingError
from ...layers import Embedding, Graph, Input, Layer, Sequential
from . import pointwise as pointwise
from . import sequences as sequences
from . import windows as windows
from . import wiring as wiring  # these four fill the table of translations
from .operations import Operations, Port

IMPORTED = ("numpy", "base64", "math", "collections", "typing")
"""What a written program imports."""


def export(model: Any, path: str | os.PathLike[str], *, dtype: str | None = None) -> None:
    """Write a model as a program that runs without lucidnet: ``net.onnx``, or ``net.py`` for NumPy alone.

    What is written computes what `Model.predict` does, without masks, and cannot be trained. ONNX files
    (version 20 of the operators) are read by ONNX Runtime and many others, and need the extra ``onnx``. The
    Python file holds the weights, and a function ``predict``.

    The Python file checks the shapes of what goes in, neither of them whether numbers are finite.

    Inputs and outputs are called as in the network's `Graph`, else ``x`` and ``y``; any number of examples
    goes in at once. If the model has a `data.Table`, x are its inputs in order (`Table.inputs`) as they
    stand in the table, before standardization, and y is in the units of the target: both are worked out in
    the program. Names of classes and inputs are written, too: as ``classes`` and ``columns`` of the Python
    file, as JSON in the metadata of the ONNX file.

    Parameters
    ----------
    model : Model, or a part of one
        The model, or what `Model.part` returns.
    path : path
        Where to; its suffix says what is written.
    dtype : {"float32", "float64"}, optional
        The precision of the program. If it is not given, that of the model for Python, float32 for ONNX, as
        ONNX Runtime has few layers in float64.

    Raises
    ------
    SettingError
        If a layer cannot be written: one of your own, one that makes masks, a `LeakyRNN` or a `ConvLSTM2D`.
        If a number is too large for the dtype, or the whole for an ONNX file (2 GiB). Or if the suffix is
        another one, or a Python file is called as what it imports. Nothing is written then.
    MissingExtraError
        If the package onnx is not installed.
    NotReadyError
        If the model has no weights yet.
    FileError
        If the file cannot be written, or a Python file of your own would be lost.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(3, "tanh"), ln.layers.Dense(1)])
    >>> ln.export(model, "net.py")
    >>> from net import predict  # doctest: +SKIP
    """
    if isinstance(model, type) or not hasattr(model, "input_shape") or not hasattr(model, "net"):
        hint = ": give its network, .model_" if hasattr(model, "model_") else ""
        raise SettingError(f"export: expected a Model, then the name of a file, got {shown(model)}{hint}")
    suffix = Path(taken("export", "path", path, path_like())).suffix.lower()
    whole, part = getattr(model, "model", model), hasattr(model, "model")
    precision = "float64" if whole.dtype == "float64" and suffix == ".py" else "float32"
    precision = taken("export", "dtype", dtype, choice("float32", "float64", optional=True)) or precision
    if suffix not in (".onnx", ".py"):
        raise SettingError(f"export: expected a file name that ends in .onnx or .py, got {os.fspath(path)!r}")
    if suffix == ".py" and Path(path).stem in IMPORTED:
        raise SettingError(
            f"export: {os.fspath(path)!r} would be imported by itself, for the module of that name"
        )
    whole.build()
    program = written(model, None if part else whole.table, precision)
    told = {} if part else names(model)
    if suffix == ".onnx":
        from .onnx_file import onnx_bytes

        content = onnx_bytes(program, Path(path).stem, told)
    else:
        from .source import python

        content = python(program, told).encode()
        check_own(path)
    files.write(path, [content])


def check_own(path: str | os.PathLike[str]) -> None:
    """Raise if a person's own program stands where a network is to be written.

    Raises
    ------
    FileError
        If there is a file that `export` has not written.
    """
    from .source import BEGINNING

    if not os.path.isfile(path):
        return
    with files.opened(path) as file:
        if file.read(len(BEGINNING)) not in (BEGINNING, b""):
            raise FileError(
                path, "is a program that export has not written", "name another file, or remove it"
            )


def written(model: Any, table: Any, dtype: str) -> Operations:
    """Return the operations of a model, from the columns of its table to the units of its target."""
    net, shape, to = model.net, model.input_shape, Operations(dtype)
    only = net.inputs[0][0] if isinstance(net, Graph) else "x"
    shapes = shape if isinstance(shape, dict) else {only: shape}
    x = {name: taken_in(to, net, name, size, table) for name, size in shapes.items()}
    made = to.layer(net, model.params, x if isinstance(shape, dict) else x[only], shape)
    if isinstance(table, Table) and (table.scale != 1 or table.center):
        made = to.add("Mul", made, to.array(table.scale, "scale"))
        made = to.add("Add", made, to.array(table.center, "center"))
    end, out = net.outputs[0] if isinstance(net, Graph) else "y", net.output_shape(shape)
    for name, value in made.items() if isinstance(made, dict) else [(end, made)]:
        known = to.named(name)
        to.call("Identity", (value,), (known,))
        to.outputs.append(Port(known, dtype, out[name] if isinstance(made, dict) else out))
    return to


def taken_in(to: Operations, net: Layer, name: str, shape: Any, tables: Any) -> str:
    """Add an input; return the name of what the network is given: the columns of a table are standardized."""
    table = tables.get(name) if isinstance(tables, dict) else tables
    known = to.named(name)
    if table is None or all(column.mean is None for column in table.columns):
        to.inputs.append(Port(known, "int64" if looked_up(net, name) else to.dtype, shape))
        return known
    to.inputs.append(Port(known, "float64", shape))
    return standardized(to, known, table)


def standardized(to: Operations, x: str, table: Any) -> str:
    """Standardize the columns of a table, in float64 as `Table.apply` does."""
    mean, deviation = [], []
    for column in table.columns:
        scaled = column.mean is not None
        mean += [column.mean if scaled else 0.0] * len(column.inputs)
        deviation += [column.deviation if scaled else 1.0] * len(column.inputs)
    y = to.add("Sub", x, to.array(mean, "means", "float64"))
    return to.add("Cast", to.add("Div", y, to.array(deviation, "deviations", "float64")), to=to.dtype)


def looked_up(net: Layer, name: str) -> bool:
    """Tell whether an input goes into nothing but embeddings, so that it is whole numbers."""
    if isinstance(net, Graph):
        own = name if name in dict(net.inputs) else net.inputs[0][0]
        return all(looked_up(layer, name) for _, _, layer, sources in net.placed() if own in sources)
    if isinstance(net, Sequential):
        first = next((layer for layer in net.layers if not isinstance(layer, Input)), None)
        return first is not None and looked_up(first, name)
    return isinstance(net, Embedding)


def names(model: Any) -> dict[str, list[str]]:
    """Return the names of a model's classes, and of the columns that it takes, if it has them."""
    table, classes = model.table, model.classes
    found = {} if classes is None or isinstance(classes, dict) else {"classes": [*map(str, classes)]}
    if table is None or isinstance(table, dict):
        return found
    return found | {"columns": [*table.inputs]} | ({"target": table.target} if table.target else {})
