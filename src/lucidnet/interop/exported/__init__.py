"""Models as programs for others: ONNX files, and Python files that need NumPy alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core import files
from ...core.settings import choice, path_like, shown, taken, whole
from ...data import Table
from ...data.durations import WAYS
from ...errors import FileError, SettingError
from ...layers import Embedding, Graph, Input, Layer, Sequential
from . import masks as masks
from . import pointwise as pointwise
from . import recurrent as recurrent
from . import sequences as sequences
from . import windows as windows
from . import wiring as wiring  # these six fill the table of translations
from .estimators import of_estimator
from .older import LEAST, NEWEST
from .operations import Operations, Port, prune

IMPORTED = ("numpy", "base64", "math", "collections", "typing")
"""What a written program imports."""


def export(
    model: Any,
    path: str | os.PathLike[str],
    *,
    mask: bool | Sequence[str] = False,
    dtype: str | None = None,
    opset: int | None = None,
) -> None:
    """Write a model as a program that runs without lucidnet: ``net.onnx``, or ``net.py`` for NumPy alone.

    What is written computes what `Model.predict` does, and cannot be trained. ONNX files are read by ONNX
    Runtime and many others, and need the extra ``onnx``. The Python file holds the weights, and a function
    ``predict``.

    The Python file checks the shapes of what goes in, neither of them whether numbers are finite.

    Inputs and outputs are called as in the network's `Graph`, else ``x`` and ``y``; any number of examples
    goes in at once. If the model has a `data.Table`, x are its inputs in order (`Table.inputs`) as they
    stand in the table, before standardization, and y is in the units of the target: both are worked out in
    the program, and a number that is missing (NaN) is filled if the table does so. Names of classes and
    inputs are written, too: as ``classes`` and ``columns`` of the Python file, as JSON in the metadata of the
    ONNX file. Of a table the Python file also has a function ``inputs``, which makes x of rows, dicts of
    numbers and texts by column, as `csv.DictReader` gives them.

    Masks that arise in the network (`Masking`, ``mask_zero``) are worked out in the program.

    Parameters
    ----------
    model : Model, a part of one, or an estimator
        The model, what `Model.part` returns, or a fitted estimator of `lucidnet.sklearn`, also behind
        scalers such as `StandardScaler` in a pipeline, or as what a search has found.
    path : path
        Where to; its suffix says what is written.
    mask : bool or sequence of str
        Whether the program also takes which time steps count, as `predict` does, for each input that is a
        sequence, or for those of some names: an array (n, time) of bool with the name ``mask``, of a network
        with several inputs ``NAME_mask``. The Python file also takes the lengths (n,) of the sequences, or
        nothing if all steps count.
    dtype : {"float32", "float64"}, optional
        The precision of the program. If it is not given, that of the model for Python, float32 for ONNX, as
        ONNX Runtime has few layers in float64. Inputs that the program scales (a table, a pipeline) are
        float64 in any case.
    opset : int, optional
        The version of ONNX's operators, from 14 to 20, for readers that do not know version 20, the default.

    Raises
    ------
    SettingError
        If a layer cannot be written, such as one of your own that has no ``operations``. If a number is too
        large for the dtype, or the whole for an ONNX file (2 GiB). Or if the suffix is another one, a Python
        file is called as what it imports, or an input has no time steps for a mask. Nothing is written then.
    MissingExtraError
        If the package onnx is not installed.
    NotReadyError
        If the model has no weights yet.
    FileError
        If the file cannot be written, or a Python file of your own would be lost.

    Notes
    -----
    A layer of your own says by a method what it is in the operations of ONNX (https://onnx.ai/onnx/operators/),
    which stand in both kinds of files::

        def operations(self, to, params, x, shape):
            return to.add("Mul", x, to.array(params["scale"], "scale"))

    `x` is the name of its input, or a tuple of several; `shape` the shape of one example of it; `to.mask` the
    name of its mask (n, time), or None. What is returned is the name of its output.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(3, "tanh"), ln.layers.Dense(1)])
    >>> ln.export(model, "net.py")
    >>> from net import predict  # doctest: +SKIP
    """
    model, columns, scales = of_estimator(model)
    suffix = Path(taken("export", "path", path, path_like())).suffix.lower()
    owner, part = getattr(model, "model", model), hasattr(model, "model")
    precision = "float64" if owner.dtype == "float64" and suffix == ".py" else "float32"
    precision = taken("export", "dtype", dtype, choice("float32", "float64", optional=True)) or precision
    opset = taken("export", "opset", opset, whole(LEAST, NEWEST, optional=True))
    if opset and suffix == ".py":
        raise SettingError(f"export: opset={opset} has no effect on a Python file: leave it out")
    if suffix not in (".onnx", ".py"):
        raise SettingError(f"export: expected a file name that ends in .onnx or .py, got {os.fspath(path)!r}")
    if suffix == ".py" and Path(path).stem in IMPORTED:
        raise SettingError(
            f"export: {os.fspath(path)!r} would be imported by itself, for the module of that name"
        )
    owner.build()
    program = Operations(precision, loops=suffix == ".py")
    write(program, model, None if part else owner.table, mask, scales)
    told = {} if part else columns | names(model)
    if suffix == ".onnx":
        from .onnx_file import onnx_bytes

        content = onnx_bytes(program, Path(path).stem, told, opset or NEWEST)
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


def write(to: Operations, model: Any, table: Any, mask: Any, scales: Any) -> None:
    """Add the operations of a model, from the columns of its table to the units of its target."""
    net, shape = model.net, model.input_shape
    only = net.inputs[0][0] if isinstance(net, Graph) else "x"
    shapes = shape if isinstance(shape, dict) else {only: shape}
    ends = net.outputs if isinstance(net, Graph) else ("y",)
    to.reserve(ends)
    x = {name: taken_in(to, net, name, size, table, scales) for name, size in shapes.items()}
    counts = {name: mask_in(to, name, x[name], shapes) for name in masked(mask, net, shapes)}
    given = (x, counts) if isinstance(shape, dict) else (x[only], counts.get(only))
    made, _ = to.flow(net, model.params, given[0], shape, given[1])
    if isinstance(table, Table) and (table.scale != 1 or table.center):
        made = to.add("Mul", made, to.array(table.scale, "scale"))
        made = to.add("Add", made, to.array(table.center, "center"))
    out = net.output_shape(shape)
    for name, value in made.items() if isinstance(made, dict) else [(ends[0], made)]:
        to.give_out(value, Port(name, to.dtype, out[name] if isinstance(made, dict) else out))
    prune(to)


def taken_in(to: Operations, net: Layer, name: str, shape: Any, tables: Any, scales: Any) -> str:
    """Add an input; return the name of what the network is given: the columns of a table are standardized."""
    table = tables.get(name) if isinstance(tables, dict) else tables
    known = to.named(name)
    if scales:
        to.inputs.append(Port(known, "float64", shape))
        x = known
        for mean, deviation in scales:
            x = rescaled(to, x, mean, deviation)
        return to.add("Cast", x, to=to.dtype)
    if table is None or all(column.mean is None and not filled(column) for column in table.columns):
        to.inputs.append(Port(known, "int64" if looked_up(net, name) else to.dtype, shape))
        return known
    to.inputs.append(Port(known, "float64", shape))
    return standardized(to, known, table)


def masked(mask: Any, net: Layer, shapes: dict[str, Any]) -> list[str]:
    """Return the inputs for which there is to be a mask.

    Raises
    ------
    SettingError
        If one of them has no time steps.
    """
    timed = [name for name, shape in shapes.items() if len(shape) > 1 or (shape and looked_up(net, name))]
    if mask is False or (mask is True and timed):
        return timed if mask else []
    wanted = [mask] if isinstance(mask, str) else mask
    several = isinstance(wanted, (list, tuple)) and all(isinstance(name, str) for name in wanted)
    if not several or not set(wanted) <= set(timed):
        known = f"True, or names among {timed}" if timed else "False, as no input is a sequence"
        raise SettingError(f"export: mask: expected {known}, got {shown(mask)}")
    return list(wanted)


def mask_in(to: Operations, name: str, x: str, shapes: dict[str, Any]) -> str:
    """Add the mask of an input; return its name."""
    known = to.named("mask" if len(shapes) == 1 else f"{name}_mask")
    to.inputs.append(Port(known, "bool", shapes[name][:1], of=x))
    return known


def filled(column: Any) -> bool:
    """Tell whether a column has a number for cells that are missing."""
    return column.fill is not None and column.kind != "category"


def standardized(to: Operations, x: str, table: Any) -> str:
    """Fill and standardize the columns of a table, in float64 as `Table.apply` does."""
    several: dict[str, list[float]] = {"fills": [], "means": [], "deviations": []}
    for column in table.columns:
        scaled, width = column.mean is not None, len(column.inputs)
        several["fills"] += [column.fill if filled(column) else np.nan] * width
        several["means"] += [column.mean if scaled else 0.0] * width
        several["deviations"] += [column.deviation if scaled else 1.0] * width
    fills, means, deviations = several.values()
    if not np.isnan(fills).all():
        x = to.add("Where", to.add("IsNaN", x), to.array(fills, "fills", "float64"), x)
    if any(column.mean is not None for column in table.columns):
        x = rescaled(to, x, means, deviations)
    return to.add("Cast", x, to=to.dtype)


def rescaled(to: Operations, x: str, means: Any, deviations: Any) -> str:
    """Subtract means, and divide by deviations, in float64."""
    x = to.add("Sub", x, to.array(means, "means", "float64"))
    return to.add("Div", x, to.array(deviations, "deviations", "float64"))


def looked_up(net: Layer, name: str) -> bool:
    """Tell whether an input goes into nothing but embeddings, so that it is whole numbers."""
    if isinstance(net, Graph):
        own = name if name in dict(net.inputs) else net.inputs[0][0]
        return all(looked_up(layer, name) for _, _, layer, sources in net.placed() if own in sources)
    if isinstance(net, Sequential):
        first = next((layer for layer in net.layers if not isinstance(layer, Input)), None)
        return first is not None and looked_up(first, name)
    return isinstance(net, Embedding)


def names(model: Any) -> dict[str, Any]:
    """Return the names of a model's classes, and of the columns that it takes, if it has them."""
    table, classes = model.table, model.classes
    found = {} if classes is None else {"classes": listed(classes)}
    if table is None:
        return found
    if isinstance(table, dict):
        return found | {"columns": {name: [*one.inputs] for name, one in table.items()}}
    cells = {column.name: cell(column) for column in table.columns}
    return (
        found
        | {"columns": [*table.inputs], "cells": cells}
        | ({"target": table.target} if table.target else {})
    )


def listed(classes: Any) -> Any:
    """Return names of classes as lists; of several outputs by name."""
    if isinstance(classes, dict):
        return {name: listed(one) for name, one in classes.items() if one is not None}
    return [*map(str, classes)]


def cell(column: Any) -> dict[str, Any]:
    """Return the categories or the unit of a table's column, and what fills its missing cells."""
    if column.kind == "category":
        kind: dict[str, Any] = {"categories": [*column.categories]}
    elif column.kind == "date":
        kind = {"unit": "days since 1970"}
    else:
        kind = {"unit": "seconds"} if column.mark in WAYS else {}
    return kind | ({} if column.fill is None else {"missing": column.fill})
