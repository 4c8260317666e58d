"""A program as an ONNX file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ...errors import SettingError, optional
from .operations import Operation, Operations, Port

OPERATORS, FORMAT = 20, 10
"""The versions of ONNX's operators, and of its format (https://onnx.ai/onnx/repo-docs/Versioning.html)."""

MOST = 2**31 - 2**24
"""The most bytes of arrays: protocol buffers take 2 GiB, with the operations beside them."""


def onnx_bytes(program: Operations, name: str, told: dict[str, Any]) -> bytes:
    """Return the content of an ONNX file, checked by the package `onnx`.

    Parameters
    ----------
    program : Operations
        The operations.
    name : str
        The name of the network.
    told : dict
        What else the file tells: names of classes and columns, as JSON.

    Raises
    ------
    MissingExtraError
        If the package `onnx` is not installed.
    SettingError
        If the arrays are more than such a file holds.
    """
    onnx: Any = optional("onnx", "onnx")
    helper, arrays = onnx.helper, onnx.numpy_helper

    if (size := sum(array.nbytes for array in program.constants.values())) > MOST:
        raise SettingError(
            f"export: the arrays take {size:,} bytes, an ONNX file holds {MOST:,}: write a Python file"
        )

    def value(port: Port) -> Any:
        sizes = [f"{port.name} {k}" if size is None else size for k, size in enumerate(port.shape, 1)]
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(port.dtype))
        return helper.make_tensor_value_info(port.name, kind, ["n", *sizes])

    def node(operation: Operation) -> Any:
        kind, inputs, outputs, settings, _ = operation
        if kind == "Cast":
            settings = {"to": helper.np_dtype_to_tensor_dtype(np.dtype(settings["to"]))}
        return helper.make_node(kind, inputs, outputs, name=outputs[0], **settings)

    graph = helper.make_graph(
        [node(operation) for operation in program.operations],
        name.encode("utf-8", "backslashreplace").decode(),  # names of files may hold what is no character
        [value(port) for port in program.inputs],
        [value(port) for port in program.outputs],
        [arrays.from_array(array, known) for known, array in program.constants.items()],
    )
    operators = [helper.make_opsetid("", OPERATORS)]
    model = helper.make_model(graph, opset_imports=operators, ir_version=FORMAT, producer_name="lucidnet")
    helper.set_model_props(model, {key: json.dumps(value) for key, value in told.items()})
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content
