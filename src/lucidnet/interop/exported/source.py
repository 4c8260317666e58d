"""A program as the text of a Python file that needs NumPy alone."""

from __future__ import annotations

import ast
import base64
import builtins
import inspect
import keyword
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from ...backend import Array
from . import formulas
from .operations import Operation, Operations, Port

WRITTEN = {
    "MatMul": "{0} @ {1}",
    "Add": "{0} + {1}",
    "Sub": "{0} - {1}",
    "Mul": "{0} * {1}",
    "Div": "{0} / {1}",
    "Max": "np.maximum({0}, {1})",
    "Min": "np.minimum({0}, {1})",
    "Relu": "np.maximum({0}, 0)",
    "LeakyRelu": "np.where({0} > 0, {0}, {alpha} * {0})",
    "PRelu": "np.where({0} > 0, {0}, {1} * {0})",
    "Elu": "elu({0}, {alpha})",
    "Selu": "elu({0}, {alpha}, {gamma})",
    "Identity": "{0}",
    "Abs": "np.abs({0})",
    "Sigmoid": "sigmoid({0})",
    "Tanh": "np.tanh({0})",
    "Softsign": "{0} / (1 + np.abs({0}))",
    "Softplus": "softplus({0})",
    "Exp": "np.exp({0})",
    "HardSigmoid": "np.clip({alpha} * {0} + {beta}, 0, 1)",
    "Gelu": "gelu({0})",
    "Mish": "{0} * np.tanh(softplus({0}))",
    "Softmax": "softmax({0}, {axis})",
    "LogSoftmax": "log_softmax({0}, {axis})",
    "Sqrt": "np.sqrt({0})",
    "ReduceMean": "{0}.mean(tuple({1}), keepdims={keepdims} == 1)",
    "ReduceMax": "{0}.max(tuple({1}), keepdims={keepdims} == 1)",
    "ReduceSum": "{0}.sum(tuple({1}), keepdims={keepdims} == 1)",
    "Transpose": "{0}.transpose({perm})",
    "Reshape": "reshaped({0}, {1})",
    "Flatten": "{0}.reshape(len({0}), -1)",
    "Shape": "np.array({0}.shape)",
    "Expand": "np.broadcast_to({0}, {1})",
    "Unsqueeze": "np.expand_dims({0}, tuple({1}))",
    "Squeeze": "np.squeeze({0}, tuple({1}))",
    "Tile": "np.tile({0}, {1})",
    "Pad": "bordered({0}, {1})",
    "Gather": "rows({0}, {1}, {axis})",
    "Trilu": "np.triu({0}, {1})",
}
"""Operations as expressions: of their inputs by number, and of their settings by name."""

CALLED = {
    "Slice": "sliced",
    "Conv": "conv",
    "ConvTranspose": "conv_transpose",
    "MaxPool": "max_pool",
    "AveragePool": "average_pool",
    "Resize": "resized",
    "RNN": "rnn",
    "LSTM": "lstm",
    "GRU": "gru",
}
"""Operations that are functions of `formulas`."""

TITLE = "A network written by lucidnet: it needs NumPy alone."
BEGINNING = f'"""{TITLE}'.encode()
"""How each such file begins."""
WIDTH = 100
"""The longest line of an array's numbers, or of a call."""
SHORT = 8
"""The most numbers of an array that stand where they are used."""


def python(program: Operations, told: dict[str, Any]) -> str:
    """Return the text of a module with a function `predict`.

    Parameters
    ----------
    program : Operations
        The operations.
    told : dict
        What else the module holds: names of classes and columns.
    """
    names = Names(told)
    arguments = ", ".join(f"{names.of(port.name)}: Array" for port in program.inputs)
    body = [line for port in program.inputs for line in taken(port, names.of(port.name))]
    layer = ""
    for operation in program.operations:
        if operation.layer != layer:
            layer = operation.layer
            body += [f"# {layer if layer.isprintable() else repr(layer)}"] if layer else []
        body += written(operation, program, names)
    outputs = [names.of(port.name) for port in program.outputs]
    named = ", ".join(f"{p.name!r}: {name}" for p, name in zip(program.outputs, outputs, strict=True))
    body.append(f"return {outputs[0] if len(outputs) == 1 else f'{{{named}}}'}")
    text = "\n".join(f"    {line}" for line in ['"""Return the outputs of the network."""', *body])
    arrays = "\n".join(stored(names.of(name), held) for name, held in kept(program, text, names))
    used = functions(text + arrays)
    parts = [
        f'"""{TITLE}\n\n{described(program, names)}\n"""',
        head(),
        "\n".join(f"{name} = {value!r}" for name, value in told.items()),
        f"def predict({arguments}) -> Array:\n{text}",
        *(inspect.getsource(getattr(formulas, name)).rstrip() for name in used),
        arrays,
    ]
    return "\n\n\n".join(part for part in parts if part) + "\n"


class Names:
    """The names of variables: those of the operations, as Python may have them."""

    def __init__(self, others: Iterable[str]) -> None:
        self.known: dict[str, str] = {}
        self.taken = {"predict", *others, *vars(formulas), *vars(builtins)}

    def of(self, name: str) -> str:
        """Return the variable of a value; always the same for one."""
        if name not in self.known:
            plain = re.sub(r"\W", "_", name, flags=re.ASCII)
            wanted = plain = f"_{plain}" if plain[:1].isdigit() or keyword.iskeyword(plain) else plain
            number = 1
            while wanted in self.taken:
                number += 1
                wanted = f"{plain}_{number}"
            self.taken.add(wanted)
            self.known[name] = wanted
        return self.known[name]


def described(program: Operations, names: Names) -> str:
    """Return what goes in and comes out, in lines."""
    ports = [("Takes", port) for port in program.inputs] + [("Returns", port) for port in program.outputs]
    return "\n".join(f"{what} {names.of(port.name)}: {port.dtype} {sizes(port)}." for what, port in ports)


def sizes(port: Port) -> str:
    """Return the shape of a batch as text."""
    return f"({', '.join(['n', *('any' if size is None else str(size) for size in port.shape)])})"


def taken(port: Port, name: str) -> Iterator[str]:
    """Yield the lines that check an input."""
    yield (
        f"{name} = whole({name})" if port.dtype == "int64" else f'{name} = np.asarray({name}, "{port.dtype}")'
    )
    wrong = [f"{name}.ndim != {len(port.shape) + 1}"]
    wrong += [f"{name}.shape[{k}] != {size}" for k, size in enumerate(port.shape, 1) if size is not None]
    yield f"if {' or '.join(wrong)}:"
    yield f'    raise ValueError(f"expected {name} of shape {sizes(port)}, got {{{name}.shape}}")'


def written(operation: Operation, program: Operations, names: Names) -> list[str]:
    """Return the lines of one operation."""
    given = [literal(name, program, names) for name in operation.inputs]
    settings = {name: repr(value) for name, value in operation.settings.items()}
    target = ", ".join(map(names.of, operation.outputs))
    if operation.kind == "Concat":
        return called(f"{target} = np.concatenate", [f"[{', '.join(given)}]", f"axis={settings['axis']}"])
    if operation.kind == "Cast":
        number = operation.settings["to"] != "int64"
        return [
            f"{target} = {given[0]}.astype({settings['to']})" if number else f"{target} = whole({given[0]})"
        ]
    if operation.kind == "Einsum":
        return called(f"{target} = np.einsum", [settings["equation"], *given])
    if operation.kind in CALLED:
        more = [f"{name}={value}" for name, value in settings.items()]
        return called(f"{target} = {CALLED[operation.kind]}", [*given, *more])
    return [f"{target} = {WRITTEN[operation.kind].format(*given, **settings)}"]


def called(begin: str, arguments: list[str]) -> list[str]:
    """Return a call, in several lines if it is long."""
    whole = f"{begin}({', '.join(arguments)})"
    if len(whole) <= WIDTH:
        return [whole]
    lines = [""]
    for argument in arguments:
        if len(lines[-1]) + len(argument) > WIDTH:
            lines.append("")
        lines[-1] += f" {argument},"
    return [f"{begin}(", *(f"   {line}" for line in lines), ")"]


def literal(name: str, program: Operations, names: Names) -> str:
    """Return how an input is written: a variable, or a few whole numbers themselves."""
    if not name:
        return "None"
    held = program.constants.get(name)
    if held is not None and held.dtype.kind == "i" and held.size <= SHORT:
        return str(held.tolist())
    return names.of(name)


def kept(program: Operations, text: str, names: Names) -> Iterator[tuple[str, Array]]:
    """Yield the arrays that are used by name."""
    used = {node.id for node in ast.walk(ast.parse(f"def f():\n{text}")) if isinstance(node, ast.Name)}
    for name, held in program.constants.items():
        if names.known.get(name) in used:
            yield name, held


def stored(name: str, held: Array) -> str:
    """Return an array as a line of Python: as numbers if they are few, else as text."""
    if held.size <= SHORT:
        return f'{name} = np.array({held.tolist()!r}, "{held.dtype}")'
    text = base64.b64encode(held.astype(held.dtype.newbyteorder("<")).tobytes()).decode()
    lines = "\n".join(f'    "{text[at : at + WIDTH]}"' for at in range(0, len(text), WIDTH))
    return f'{name} = array("{held.dtype}", {held.shape}, (\n{lines}\n))'


def functions(text: str) -> list[str]:
    """Return the functions of `formulas` that a text needs, in the order in which they stand there."""
    known, wanted, new = defined(), set[str](), {text}
    while new:
        found = {name for part in new for name in known if re.search(rf"\b{name}\b", part)}
        new = {known[name] for name in found - wanted}
        wanted |= found
    return [name for name in known if name in wanted]


def head() -> str:
    """Return the imports and types of `formulas`."""
    text = inspect.getsource(formulas)
    return text[text.index("from __future__") : text.index("\n\n\ndef ")]


@cache
def defined() -> dict[str, str]:
    """Return the functions of `formulas` with their texts, by name."""
    several: Iterable[Any] = vars(formulas).values()
    own = (each for each in several if inspect.isfunction(each) and each.__module__ == formulas.__name__)
    return {each.__name__: inspect.getsource(each) for each in own}
