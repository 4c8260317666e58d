"""A student's file as text: which exercise it is, and what it must not do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ..core.files import opened, path_fault
from ..errors import FileError, lookup
from .book import NAMES, functions_of, text_of
from .pupil import WrongAnswerError, excerpt

HEADER = re.compile(r"^#\s*lucidnet exercise:[ \t]*(\S*)", re.MULTILINE)
"""The line in which a file names its exercise."""
MOST = 1_000_000
"""The most bytes that a file may have."""

ALLOWED = frozenset(
    {"numpy", "math", "typing", "itertools", "functools", "collections", "dataclasses", "__future__"}
)
"""The modules that a file may import."""
REFUSED = frozenset(
    {"__import__", "eval", "exec", "compile", "globals", "open", "breakpoint", "__builtins__"}
)
"""Names that give access to anything outside a file."""
DOORS = frozenset({"ctypeslib", "f2py", "distutils", "load", "fromfile", "memmap", "genfromtxt", "loadtxt"})
"""Parts of NumPy that give access to anything outside it."""


def read(path: Path) -> tuple[str, str]:
    """Return the text of a file, and the name of the exercise that it belongs to.

    Raises
    ------
    FileError
        If it cannot be read, or is no exercise.
    """
    if fault := path_fault(path):
        raise FileError(repr(str(path)), fault, "name a file that `lucidnet exercise start` has written")
    try:
        with opened(path) as file:
            raw = file.read(MOST + 1)
    except FileError as error:
        written = path.with_name(f"{path.name.replace('-', '_')}.py")
        remedy = f"did you mean {written}?" if written.is_file() else error.remedy
        raise FileError(path, error.reason, remedy) from error
    if len(raw) > MOST:
        raise FileError(path, f"has more than {MOST:,} bytes", "name a file of an exercise")
    try:
        text = raw.decode("utf-8-sig")  # editors on Windows write a byte order mark
    except UnicodeDecodeError as error:
        raise FileError(path, "is no text in UTF-8", "save it as such") from error
    found = HEADER.search(text)
    if not found:
        raise FileError(
            path,
            "has no line '# lucidnet exercise: NAME', which says what it is",
            "put it back at the top, or begin anew with `lucidnet exercise start NAME`",
        )
    try:
        lookup("exercise", found[1], dict.fromkeys(NAMES))
    except ValueError as error:
        raise FileError(path, str(error)) from error
    return text, found[1]


def is_exercise(path: Path) -> bool:
    """Tell whether a file's header says that it is an exercise."""
    try:
        with opened(path) as file:
            return HEADER.search(file.read(MOST).decode("utf-8-sig", "replace")) is not None
    except FileError:
        return False


def inspected(text: str, name: str) -> None:
    """Raise `WrongAnswerError` if a file is no Python, lacks a function, or does what an exercise may not."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        line, where = excerpt(error.text or ""), f"line {error.lineno}" if error.lineno else "the file"
        raise WrongAnswerError(f"{where} is no Python: {error.msg}{f': {line}' if line else ''}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise WrongAnswerError(f"the file is no Python: {error}") from None
    for node in ast.walk(tree):
        for what in _led_out(node):
            raise WrongAnswerError(f"line {getattr(node, 'lineno', 0)}: {what}")
    wanted, found = functions_of(text_of(name)), functions_of(text)
    for function, names in wanted.items():
        whole = f"{function}({', '.join(names)})"
        if function not in found:
            raise WrongAnswerError(f"the function {whole} is missing: its name has to stay as it was")
        if found[function] != names:
            raise WrongAnswerError(
                f"{function} takes ({', '.join(found[function])}): it has to take ({', '.join(names)})"
            )


def _led_out(node: ast.AST) -> list[str]:
    """Return what is forbidden about a node of a file's syntax tree."""
    modules = []
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        modules = [node.module or "."] if not node.level else ["."]
    outside = [module for module in modules if module.partition(".")[0] not in ALLOWED]
    if any(module.partition(".")[0] == "lucidnet" for module in outside):
        return ["lucidnet is imported: it has the answer; the exercise is to write it yourself, with NumPy"]
    said = [f"{module} is imported: an exercise is solved with NumPy (and math) alone" for module in outside]
    if isinstance(node, ast.Name) and node.id in REFUSED:
        said.append(f"{node.id} is used: an exercise needs nothing from outside of its file but NumPy")
    if isinstance(node, ast.Attribute) and (
        node.attr in DOORS or (node.attr.startswith("__") and node.attr.endswith("__"))
    ):
        said.append(f".{node.attr} is used: an exercise needs nothing from outside of its file but NumPy")
    return said
