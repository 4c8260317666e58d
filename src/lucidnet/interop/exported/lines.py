"""Operations as lines of Python, in which what is used once stands where it is used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby

from .expressions import ATOM, LITERAL, SIGN, Term, expression, listed, number, part
from .operations import Operation, Operations
from .variables import Names

WIDTH = 100
"""The longest line."""
NESTED = 60
"""The longest expression that stands within another one."""
SHORT = 8
"""The most whole numbers of an array that stand where they are used."""


class Writer:
    """What turns operations into lines.

    Parameters
    ----------
    program : Operations
        The operations, with the arrays that they use.
    names : Names
        The names of variables.
    """

    def __init__(self, program: Operations, names: Names) -> None:
        self.program, self.names = program, names
        self.users: dict[str, list[Operation | None]] = defaultdict(list)
        """Who uses a value; None stands for what is given out."""
        self.waiting: dict[str, Term] = {}
        """Values that stand where they are used."""
        self.shapes: dict[str, str] = {}
        """Values that are the shape of an array: the variable of that."""
        self.sizes: dict[str, list[str]] = {}
        """Values that are sizes, one by one."""
        self._note(program.operations, (port.name for port in program.outputs))
        for each in reversed(program.operations):
            if each.kind in ("Shape", "Gather", "Squeeze", "Concat"):  # who uses a size names the array
                self.users[each.inputs[0]] += self.users[each.outputs[0]]

    def _note(self, operations: list[Operation], given_out: Iterable[str]) -> None:
        """Note who uses what."""
        for name in given_out:
            self.users[name].append(None)
        for each in operations:
            for name in each.inputs:
                self.users[name].append(each)
            if "body" in each.settings:
                self._note(each.settings["body"].operations, each.settings["body"].outputs)

    def of(self, operations: list[Operation]) -> Iterator[str]:
        """Yield the lines of operations, with the name of each layer before its own."""
        for layer, group in groupby(operations, lambda operation: operation.layer):
            several = list(group)
            yield from self._title(layer)
            with self.names.within(self._known_there(several) | {f"{layer}.step"}):
                yield from self._group(several)

    def _known_there(self, operations: list[Operation]) -> set[str]:
        """Return the values that nobody uses but some operations themselves."""
        there = {id(each) for each in operations}
        made = (name for each in operations for name in each.outputs)
        return {name for name in made if all(id(user) in there for user in self.users[name])}

    def _group(self, operations: list[Operation], looped: bool = False) -> Iterator[str]:
        """Yield the lines of operations of one layer."""
        inside = {id(each) for each in operations}
        for operation in operations:
            if operation.kind == "Scan":
                yield from self._loop(operation)
            elif self._is_the_same(operation, looped):
                self.waiting[operation.outputs[0]] = self._value(operation.inputs[0])
            elif not self._of_sizes(operation):
                term = self._term(operation)
                if self._nests(operation, term, inside):
                    self.waiting[operation.outputs[0]] = term
                else:
                    yield from self._line(operation, term)

    def _is_the_same(self, operation: Operation, looped: bool) -> bool:
        """Tell whether a value is its input: under another name in a loop, or as the whole numbers it is."""
        whole = {port.name for port in self.program.inputs if port.dtype == "int64"}
        again = operation.settings.get("to") == "int64" and operation.inputs[0] in whole
        return again or (operation.kind == "Identity" and looped)

    def _title(self, layer: str) -> Iterator[str]:
        """Yield a comment with the name of a layer, and what it is."""
        name, told = layer if layer.isprintable() else repr(layer), self.program.described.get(layer, "")
        if layer:
            known = told and told.isprintable() and len(name) + len(told) < WIDTH
            yield f"# {name}: {told}" if known else f"# {name}"

    def _line(self, operation: Operation, term: Term) -> Iterator[str]:
        """Yield the lines of an operation, and before it of what it holds that would make it too long."""
        target = ", ".join(map(self.names.of, operation.outputs))
        nested = sorted((name for name in operation.inputs if name in self.waiting), key=self._length)
        while nested and len(target) + len(term.text) > WIDTH:
            longest = nested.pop()
            yield from wrapped(f"{self.names.of(longest)} = ", self.waiting.pop(longest).text)
            term = self._term(operation)
        yield from wrapped(f"{target} = ", term.text)

    def _length(self, name: str) -> int:
        return len(self.waiting[name].text)

    def _nests(self, operation: Operation, term: Term, inside: set[int]) -> bool:
        """Tell whether a value stands where it is used: once, in the same layer, and not by its shape."""
        if len(operation.outputs) > 1 or len(term.text) > NESTED:
            return False
        users = self.users[operation.outputs[0]]
        user = users[0] if len(users) == 1 else None
        if user is None or id(user) not in inside or user.kind in ("Shape", "Scan"):
            return False
        return user.kind != "Reshape" or 0 not in self.program.constants.get(user.inputs[1], ())

    def _loop(self, operation: Operation) -> Iterator[str]:
        """Yield the lines of a loop over time: a function for one step, and the call that repeats it."""
        body, names, states = operation.settings["body"], self.names, len(operation.outputs) - 1
        inner = {*body.inputs, *(name for each in body.operations for name in each.outputs)}
        step = names.of(f"{operation.layer}.step")
        with names.within(inner):
            yield ""
            yield f"def {step}({', '.join(map(names.of, body.inputs))}):"
            for line in self._group(body.operations, looped=True):
                yield f"    {line}"
            yield f"    return {', '.join(self._value(name).text for name in body.outputs)}"
            yield ""
        given = [self._value(name).text for name in operation.inputs]
        first, arrays = (f"[{', '.join(some)}]" for some in (given[:states], given[states:]))
        backwards = ", backwards=True" if operation.settings["backwards"] else ""
        target = ", ".join(map(names.of, operation.outputs))
        yield from wrapped(f"{target} = ", f"over_time({step}, {first}, {arrays}{backwards})")

    def _term(self, operation: Operation) -> Term:
        """Return an operation as an expression."""
        given = [self._value(name, operation.kind in LITERAL) for name in operation.inputs]
        known = [self.program.constants.get(name) for name in operation.inputs]
        return expression(operation.kind, given, operation.settings, known)

    def _value(self, name: str, literal: bool = False) -> Term:
        """Return how an input is written: a variable, a few numbers themselves, or an expression."""
        if name in self.waiting:
            return self.waiting[name]
        if name in self.shapes:
            return Term(f"{self.shapes[name]}.shape")
        if name in self.sizes:
            return Term(listed(self.sizes[name]))
        held = self.program.constants.get(name)
        if held is not None and held.dtype.kind == "i" and held.size <= SHORT:
            return Term(str(held.tolist()))
        if held is not None and literal and held.ndim == 0:
            return Term(number(held[()]), SIGN if held < 0 else ATOM)
        return Term(self.names.of(name) if name else "None")

    def _of_sizes(self, operation: Operation) -> bool:
        """Note the value of an operation on sizes; tell whether it is one."""
        kind, inputs, (made, *_) = operation.kind, operation.inputs, operation.outputs
        if kind == "Shape":
            self.shapes[made] = self.names.of(inputs[0])
        elif kind == "Gather" and inputs[0] in self.shapes:
            axes = self.program.constants[inputs[1]].tolist()
            self.sizes[made] = [part(self.shapes[inputs[0]], axis) for axis in axes]
        elif kind == "Squeeze" and inputs[0] in self.sizes:
            self.sizes[made] = self.sizes[inputs[0]]
        elif kind == "Concat" and any(name in self.sizes for name in inputs):
            self.sizes[made] = [size for name in inputs for size in self._sizes(name)]
        else:
            return False
        return True

    def _sizes(self, name: str) -> list[str]:
        held = self.program.constants.get(name)
        return self.sizes[name] if held is None else [str(size) for size in held.tolist()]


def wrapped(begin: str, text: str) -> Iterator[str]:
    """Yield an assignment, a call in several lines if it is too long."""
    if len(begin) + len(text) <= WIDTH or not text.endswith(")"):
        yield begin + text
        return
    head, inside = text[: text.index("(") + 1], text[text.index("(") + 1 : -1]
    yield begin + head
    line = ""
    for argument in arguments(inside):
        if line and len(line) + len(argument) > WIDTH - 6:
            yield f"    {line}"
            line = ""
        line += f"{' ' if line else ''}{argument},"
    yield f"    {line}"
    yield ")"


def arguments(text: str) -> Iterator[str]:
    """Yield the arguments of a call: what commas divide, outside brackets and quotes."""
    depth, begin, quoted = 0, 0, ""
    for at, letter in enumerate(text):
        if quoted:
            quoted = "" if letter == quoted else quoted
        elif letter in "'\"":
            quoted = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth == 0:
            yield text[begin:at].strip()
            begin = at + 1
    yield text[begin:].strip()
