"""A program as an ONNX file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ...errors import SettingError, optional
from .older import lower
from .operations import Operation, Operations, Port, Subgraph

FORMATS = {14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 10}
"""The versions of ONNX's format by those of its operators (https://onnx.ai/onnx/repo-docs/Versioning.html)."""

LARGEST = 2**31 - 2**20
"""The most bytes of arrays in a file, whose whole has at most 2 GB (https://protobuf.dev)."""


def onnx_bytes(program: Operations, name: str, told: dict[str, Any], version: int) -> bytes:
    """Return the content of an ONNX file, checked by the package `onnx`.

    Parameters
    ----------
    program : Operations
        The operations.
    name : str
        The name of the network.
    told : dict
        What else the file tells: names of classes and columns, as JSON.
    version : int
        The version of the operators.

    Raises
    ------
    SettingError
        If its arrays are more than such a file holds, or `onnx` refuses it.
    MissingExtraError
        If the package `onnx` is not installed.
    """
    check_size(program)
    lower(program, version)
    onnx: Any = optional("onnx", "onnx")
    helper, arrays = onnx.helper, onnx.numpy_helper

    def value(port: Port) -> Any:
        sizes = [
            f"{port.of or port.name} {k}" if size is None else size for k, size in enumerate(port.shape, 1)
        ]
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(port.dtype))
        return helper.make_tensor_value_info(port.name, kind, ["n", *sizes])

    def loop(body: Subgraph, arrays: int, backwards: bool) -> dict[str, Any]:
        """Return the settings of a loop over so many arrays; types of what is inside are found by readers."""
        inputs, outputs = ([onnx.ValueInfoProto(name=name) for name in part] for part in body[:2])
        step = helper.make_graph([node(each) for each in body.operations], "step", inputs, outputs)
        way = int(backwards)
        directions = {"scan_input_directions": [way] * arrays, "scan_output_directions": [way]}
        return {"body": step, "num_scan_inputs": arrays, **directions}

    def node(operation: Operation) -> Any:
        kind, inputs, outputs, settings, _ = operation
        if kind == "Scan":
            settings = loop(arrays=len(inputs) - len(outputs) + 1, **settings)
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
    versions = {"opset_imports": [helper.make_opsetid("", version)], "ir_version": FORMATS[version]}
    model = helper.make_model(graph, producer_name="lucidnet", **versions)
    helper.set_model_props(model, {key: json.dumps(value) for key, value in told.items()})
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise SettingError(f"export: the package onnx refuses the program: {str(error).strip()}") from None
    content: bytes = model.SerializeToString()
    return content


def check_size(program: Operations) -> None:
    """Raise if the arrays of a program are more than a file can hold."""
    if (size := sum(array.nbytes for array in program.constants.values())) > LARGEST:
        raise SettingError(
            f"export: an ONNX file holds at most 2 GB, and the arrays of this model are {size / 1e9:.1f}: "
            "export parts of it (model.part), or write a Python file"
        )
