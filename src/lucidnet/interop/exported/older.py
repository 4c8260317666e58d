"""Operations of ONNX in its versions before 20, for programs that read only those.

What changed from version to version stands at https://github.com/onnx/onnx/blob/main/docs/Changelog.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from .operations import Operation, Operations, prune

LEAST, NEWEST = 14, 20
"""The versions that can be written."""


def lower(to: Operations, version: int) -> None:
    """Replace the operations that a version lacks, or that have other settings there."""
    if version < NEWEST:
        to.operations = [one for each in to.operations for one in lowered(to, each, version)]
        prune(to)


def lowered(to: Operations, operation: Operation, version: int) -> Iterator[Operation]:
    """Yield an operation as a version has it."""
    kind, inputs, outputs, settings, layer = operation
    if kind == "Scan":
        body = settings["body"]
        inner = [one for each in body.operations for one in lowered(to, each, version)]
        yield operation._replace(settings=settings | {"body": body._replace(operations=inner)})
    elif kind in ("ReduceMean", "ReduceMax") and version < 18:
        axes = to.constants[inputs[1]].tolist()
        yield operation._replace(inputs=inputs[:1], settings=settings | {"axes": axes})
    elif kind == "AveragePool" and version < 19:
        yield operation._replace(settings={k: v for k, v in settings.items() if k != "dilations"})
    elif kind == "Mish" and version < 18:
        soft, share = to.named("softplus"), to.named("tanh")
        yield Operation("Softplus", inputs, (soft,), {}, layer)
        yield Operation("Tanh", (soft,), (share,), {}, layer)
        yield Operation("Mul", (inputs[0], share), outputs, {}, layer)
    elif kind == "Gelu":
        names = [to.named(name) for name in ("shrunk", "erf", "doubled", "part")]
        factor, one, half = to.array(sqrt(0.5), "factor"), to.array(1, "one"), to.array(0.5, "half")
        yield Operation("Mul", (inputs[0], factor), (names[0],), {}, layer)
        yield Operation("Erf", (names[0],), (names[1],), {}, layer)
        yield Operation("Add", (names[1], one), (names[2],), {}, layer)
        yield Operation("Mul", (names[2], half), (names[3],), {}, layer)
        yield Operation("Mul", (inputs[0], names[3]), outputs, {}, layer)
    else:
        yield operation
