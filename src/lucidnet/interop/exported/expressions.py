"""Operations as expressions of Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import SettingError
from .masks import END

COMPARISON, UNION, SUM, PRODUCT, SIGN, ATOM = range(6)
"""How closely the parts of an expression are bound."""


class Term(NamedTuple):
    """An expression, and how closely it is bound."""

    text: str
    bound: int = ATOM

    def within(self, bound: int) -> str:
        """Return its text where it has to be bound so closely."""
        return self.text if self.bound >= bound else f"({self.text})"


OPERATORS = {
    "MatMul": ("@", PRODUCT),
    "Mul": ("*", PRODUCT),
    "Div": ("/", PRODUCT),
    "Add": ("+", SUM),
    "Sub": ("-", SUM),
    "And": ("&", UNION),
    "Equal": ("==", COMPARISON),
}
"""Operations that are operators between two arrays."""

LITERAL = {*OPERATORS, "Max", "Min", "Where"} - {"MatMul"}
"""Operations in which a number stands as it is: it takes the type of the array beside it."""

FUNCTIONS = {
    "Max": "np.maximum({0}, {1})",
    "Min": "np.minimum({0}, {1})",
    "Relu": "np.maximum({0}, 0)",
    "LeakyRelu": "leaky_relu({0}, {alpha})",
    "PRelu": "leaky_relu({0}, {1})",
    "Elu": "elu({0}, {alpha})",
    "Selu": "elu({0}, {alpha}, {gamma})",
    "Abs": "np.abs({0})",
    "Sigmoid": "sigmoid({0})",
    "Tanh": "np.tanh({0})",
    "Softsign": "softsign({0})",
    "Softplus": "softplus({0})",
    "Exp": "np.exp({0})",
    "HardSigmoid": "hard_sigmoid({0}, {alpha}, {beta})",
    "Gelu": "gelu({0})",
    "Mish": "mish({0})",
    "Softmax": "softmax({0}, axis={axis})",
    "LogSoftmax": "log_softmax({0}, {axis})",
    "Sqrt": "np.sqrt({0})",
    "IsNaN": "np.isnan({0})",
    "Sin": "np.sin({0})",
    "Range": "np.arange({0}, {1}, {2})",
    "Where": "np.where({0}, {1}, {2})",
    "Flatten": "flat({0})",
    "Tile": "np.tile({0}, {1})",
    "Pad": "bordered({0}, {1})",
}
"""Operations that are functions, of their inputs by number and their settings by name."""

CALLED = {
    "Conv": "conv",
    "ConvTranspose": "conv_transpose",
    "MaxPool": "max_pool",
    "AveragePool": "average_pool",
    "Resize": "resized",
}
"""Operations that are functions of `formulas`, with settings by name."""

USUAL = {"strides": 1, "dilations": 1, "pads": 0, "output_padding": 0, "group": 1, "count_include_pad": 0}
"""Settings that need not be said if nothing else stands in them."""

Rule = Callable[[list[Term], dict[str, Any], list[Any]], Term]
"""What writes an operation, of the terms of its inputs, its settings, and its inputs that are arrays."""


def expression(kind: str, given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Return an operation as an expression.

    Parameters
    ----------
    kind : str
        What it is.
    given : list of Term
        What goes in.
    settings : dict
        Its settings.
    known : list
        The inputs that are arrays, and None in the place of others.
    """
    if kind in OPERATORS:
        sign, bound = OPERATORS[kind]
        return Term(f"{given[0].within(bound)} {sign} {given[1].within(bound + 1)}", bound)
    if kind in RULES:
        return RULES[kind](given, settings, known)
    texts = [each.text for each in given]
    if kind in CALLED:
        more = [f"{name}={value!r}" for name, value in settings.items() if not usual(name, value)]
        return Term(f"{CALLED[kind]}({', '.join([*texts, *more])})")
    if kind not in FUNCTIONS:
        there = ", ".join(sorted({*FUNCTIONS, *OPERATORS, *RULES, *CALLED}))
        raise SettingError(f"export: a Python file has no operation {kind!r}: write .onnx, or use {there}")
    said = {name: repr(value) for name, value in settings.items()}
    try:
        return Term(FUNCTIONS[kind].format(*texts, **said))
    except (KeyError, IndexError) as error:
        raise SettingError(f"export: operation {kind!r}: {error} is missing, for {FUNCTIONS[kind]}") from None


def usual(name: str, value: Any) -> bool:
    """Tell whether a setting need not be said."""
    return name in USUAL and set(np.ravel(value).tolist()) == {USUAL[name]}


def number(value: Any) -> str:
    """Return a number in as few digits as tell it from all others of its type."""
    if not np.isfinite(value):
        return {"inf": "np.inf", "-inf": "-np.inf"}.get(str(value), "np.nan")
    return repr(float(str(value)))


def listed(texts: Sequence[str]) -> str:
    """Return sizes, or axes, as a tuple; one alone as it is."""
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def axes_of(known: Any) -> str:
    """Return axes as an argument."""
    return listed([str(axis) for axis in np.ravel(known).tolist()])


def identity(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write the value itself."""
    return given[0]


def opposite(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write what does not count in the place of what does."""
    return Term(f"~{given[0].within(SIGN)}", SIGN)


def cast(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write numbers of another type."""
    kind = settings["to"]
    if kind == "int64":
        return Term(f"whole({given[0].text})")
    return Term(f'{given[0].within(ATOM)}.astype("{kind}")')


def looked_up(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write rows of a table, or what stands at some places of another axis."""
    axis = f", {settings['axis']}" if settings.get("axis", 0) else ""
    return Term(f"rows({given[0].text}, {given[1].text}{axis})")


def triangle(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write what stands in one half of a square."""
    return Term(f"np.tri{'u' if settings.get('upper', 1) else 'l'}({', '.join(each.text for each in given)})")


def transposed(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write another order of the axes."""
    return Term(f"{given[0].within(ATOM)}.transpose({', '.join(map(str, settings['perm']))})")


def reduced(name: str) -> Rule:
    """Return what writes a sum, a mean or the like over some axes."""

    def write(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
        kept = ", keepdims=True" if settings["keepdims"] else ""
        return Term(f"{given[0].within(ATOM)}.{name}({axes_of(known[1])}{kept})")

    return write


def along(name: str) -> Rule:
    """Return what writes new axes, or axes less."""

    def write(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
        return Term(f"{name}({given[0].text}, {axes_of(known[1])})")

    return write


def reshaped(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write another shape, in which 0 stands for the size that it has there."""
    x = given[0].within(ATOM)
    if known[1] is None:
        return Term(f"{x}.reshape({given[1].text})")
    return Term(f"{x}.reshape({', '.join(part(x, k, size) for k, size in enumerate(known[1].tolist()))})")


def part(x: str, axis: int, size: int = 0) -> str:
    """Return a size: a number, or that of an array along an axis."""
    return str(size) if size else f"len({x})" if axis == 0 else f"{x}.shape[{axis}]"


def expanded(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write a number, or an array, in another shape."""
    held, sizes = known[0], given[1].text
    if held is None or held.size != 1:
        return Term(f"np.broadcast_to({given[0].text}, {sizes})")
    if not held.any():
        return Term(f'np.zeros({sizes}, "{held.dtype}")')
    return Term(f'np.full({sizes}, {number(held.ravel()[0])}, "{held.dtype}")')


def joined(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write arrays side by side."""
    return Term(f"np.concatenate([{', '.join(each.text for each in given)}], axis={settings['axis']})")


def summed(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write products and sums by letters."""
    return Term(f'np.einsum("{settings["equation"]}", {", ".join(each.text for each in given)})')


def split(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write equal parts of an array."""
    return Term(f"np.split({given[0].text}, {len(known[1])}, axis={settings['axis']})")


def sliced(given: list[Term], settings: dict[str, Any], known: list[Any]) -> Term:
    """Write a part of an array; its bounds are given, or known when the program runs."""
    ranges = {}
    for axis, index in ((int(axis), k) for k, axis in enumerate(np.ravel(known[3]))):
        ends = [
            given[1 + side].text if known[1 + side] is None else str(known[1 + side][index])
            for side in (0, 1)
        ]
        begin, end = ("" if text in ("0", str(END)) else text for text in ends)
        ranges[axis] = f"{begin}:{end}"
    if min(ranges) < 0:
        return Term(f"{given[0].within(ATOM)}[..., {ranges[-1]}]")
    return Term(f"{given[0].within(ATOM)}[{', '.join(ranges.get(k, ':') for k in range(max(ranges) + 1))}]")


RULES: dict[str, Rule] = {
    "Identity": identity,
    "Not": opposite,
    "Cast": cast,
    "Gather": looked_up,
    "Trilu": triangle,
    "Transpose": transposed,
    "ReduceMean": reduced("mean"),
    "ReduceMax": reduced("max"),
    "ReduceSum": reduced("sum"),
    "Unsqueeze": along("np.expand_dims"),
    "Squeeze": along("np.squeeze"),
    "Reshape": reshaped,
    "Expand": expanded,
    "Concat": joined,
    "Einsum": summed,
    "Split": split,
    "Slice": sliced,
}
"""Operations that are written in a way of their own."""
