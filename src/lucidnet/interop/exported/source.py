"""A program as the text of a Python file that needs NumPy alone."""

from __future__ import annotations

import ast
import base64
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from ...backend import Array
from . import formulas
from .expressions import number
from .lines import WIDTH, Writer
from .operations import Operations, Port
from .variables import Names

TITLE = "A network written by lucidnet: it needs NumPy alone."
BEGINNING = f'"""{TITLE}'.encode()
"""How each such file begins."""
ROWS = '''def inputs(rows: Any) -> Array:
    """Return rows of the table as `predict` takes them: dicts of numbers and texts by column."""
    return numbered(rows, cells)'''
FEW = 64
"""The most numbers of an array that are written as numbers."""


def python(program: Operations, told: dict[str, Any]) -> str:
    """Return the text of a module with a function `predict`.

    Parameters
    ----------
    program : Operations
        The operations.
    told : dict
        What else the module holds: names of classes and columns.
    """
    names = Names([*told, "inputs"] if "cells" in told else told)
    arguments = ", ".join(
        f"{names.of(port.name)}: Array{' = None' if port.of else ''}" for port in program.inputs
    )
    body = [line for port in program.inputs for line in taken(port, names)]
    body += Writer(program, names).of(program.operations)
    outputs = [names.of(port.name) for port in program.outputs]
    named = ", ".join(f"{quoted(p.name)}: {name}" for p, name in zip(program.outputs, outputs, strict=True))
    body.append(f"return {outputs[0] if len(outputs) == 1 else f'{{{named}}}'}")
    body = ['"""Return the outputs of the network."""', *body]
    text = "\n".join(f"    {line}" if line else "" for line in body)
    arrays = [stored(names.of(name), held) for name, held in kept(program, text, names)]
    rows = ROWS if "cells" in told else ""
    code = "\n".join([text, *(each.partition("\n")[0] for each in arrays), rows])  # what arrays hold is none
    used = functions(code)
    parts = [
        f'"""{TITLE}\n\n{described(program, names)}\n"""',
        head(code + "".join(defined()[name] for name in used)),
        "\n".join(f"{name} = {value!r}" for name, value in told.items()),
        f"def predict({arguments}) -> Array:\n{text}",
        rows,
        *(defined()[name].rstrip() for name in used),
        "\n".join(arrays),
    ]
    return "\n\n\n".join(part for part in parts if part) + "\n"


def quoted(text: str) -> str:
    """Return a text as Python."""
    return f'"{text}"' if text.isidentifier() else repr(text)


def described(program: Operations, names: Names) -> str:
    """Return what goes in and comes out, in lines."""
    ports = [("Takes", port) for port in program.inputs] + [("Returns", port) for port in program.outputs]
    return "\n".join(f"{what} {names.of(port.name)}: {port.dtype} {sizes(port)}." for what, port in ports)


def sizes(port: Port) -> str:
    """Return the shape of a batch as text."""
    return f"({', '.join(['n', *('any' if size is None else str(size) for size in port.shape)])})"


def taken(port: Port, names: Names) -> Iterator[str]:
    """Yield the lines that check an input."""
    name = names.of(port.name)
    if port.of:
        yield f"{name} = counted({name}, {names.of(port.of)})"
        return
    yield (
        f"{name} = whole({name})" if port.dtype == "int64" else f'{name} = np.asarray({name}, "{port.dtype}")'
    )
    if None in port.shape or not port.shape:
        wrong = [f"{name}.ndim != {len(port.shape) + 1}"]
        wrong += [f"{name}.shape[{k}] != {size}" for k, size in enumerate(port.shape, 1) if size is not None]
    else:
        wrong = [f"{name}.shape[1:] != {port.shape}"]
    yield f"if {' or '.join(wrong)}:"
    yield f'    raise ValueError(f"expected {name} of shape {sizes(port)}, got {{{name}.shape}}")'


def kept(program: Operations, text: str, names: Names) -> Iterator[tuple[str, Array]]:
    """Yield the arrays that are used by name."""
    used = {node.id for node in ast.walk(ast.parse(f"def f():\n{text}")) if isinstance(node, ast.Name)}
    for name, held in program.constants.items():
        if names.known.get(name) in used:
            yield name, held


def stored(name: str, held: Array) -> str:
    """Return an array as Python: as numbers if they are few, else as text."""
    if held.size <= FEW:
        return f'{name} = np.array({nested(held)}, "{held.dtype}")'
    text = base64.b64encode(held.astype(held.dtype.newbyteorder("<")).tobytes()).decode()
    lines = "\n".join(f'    "{text[at : at + WIDTH]}"' for at in range(0, len(text), WIDTH))
    return f'{name} = array("{held.dtype}", {held.shape}, (\n{lines}\n))'


def nested(held: Array, depth: int = 1) -> str:
    """Return an array as lists of numbers, in several lines if it is long."""
    if held.ndim == 0:
        return number(held[()])
    parts = [nested(each, depth + 1) for each in held]
    whole = f"[{', '.join(parts)}]"
    if held.ndim == 1 or len(whole) < WIDTH:
        return whole
    begin, end = "\n" + "    " * depth, "\n" + "    " * (depth - 1)
    return f"[{''.join(f'{begin}{each},' for each in parts)}{end}]"


def functions(text: str) -> list[str]:
    """Return the functions of `formulas` that a text needs, in the order in which they stand there."""
    known, wanted, new = defined(), set[str](), {text}
    while new:
        found = {name for part in new for name in known if re.search(rf"(?<![.\w]){name}\b", part)}
        new = {known[name] for name in found - wanted}
        wanted |= found
    return [name for name in known if name in wanted]


def head(text: str) -> str:
    """Return the imports and types that a text needs, of those of `formulas`."""
    sizes = "Sizes" in text
    types = [name for name in ("Callable", "Sequence") if name in text or (sizes and name == "Sequence")]
    lines = ["from __future__ import annotations", ""]
    lines += [f"import {name}" for name in ("base64", "math") if f"{name}." in text]
    lines += [f"from collections.abc import {', '.join(types)}"] if types else []
    lines += ["from typing import Any, TypeAlias", "", "import numpy as np", "", "Array: TypeAlias = Any"]
    return "\n".join([*lines, *(["Sizes: TypeAlias = Sequence[int]"] if sizes else [])])


@cache
def defined() -> dict[str, str]:
    """Return the functions of `formulas` with their texts, by name."""
    several: Iterable[Any] = vars(formulas).values()
    own = (each for each in several if inspect.isfunction(each) and each.__module__ == formulas.__name__)
    return {each.__name__: inspect.getsource(each) for each in own}
