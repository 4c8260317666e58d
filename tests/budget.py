"""What the code may cost a reader: printed by `make check`, and held there. A large class is a question, not a crime.

Held are

- four journeys of a batch (`journeys.py`): how many functions are called, in how many files, how deep;
- a class has at most 200 lines of code and 20 public methods (properties count), `Model` 350 and 49; a file has
  400 lines of code, the body of a function 40;
- no two public classes have one name (classes at the top of a module, without an underscore; one class that
  several packages export is one class);
- no modules import each other in a circle. An import counts wherever it stands, in a function and under
  `TYPE_CHECKING` too: whoever reads a file needs the other one. ``from .a import b`` is an import of ``a.b`` if
  that is a module, else of ``a``; that ``a.b`` also runs ``a/__init__.py`` does not count, nor do the names in
  tables of what is imported late;
- the training core (`CORE`) has at most 2,500 lines of code.

Lines of code are those that are neither blank nor comment nor docstring: formulas, shapes and sources may take the
room that they need. What is over today stands in `TODAY`, with its figure: it may not grow, and what is within
its limit again has to leave the list.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from journeys import Figures, measured, table

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "lucidnet"

TODAY = {
    "lines of the training core": 3439,
}
"""What is over the budget today, and how much of it there is."""

FILE, FUNCTION, CLASS, METHODS, TRAINING = 400, 40, 200, 20, 2500
LARGER = {"Model": (350, 49)}
"""Classes that may be larger: lines of code, public methods."""

CORE = ("engine", "training", "callbacks", "inspect", "stepper.py", "distributed.py")
"""Folders and files of the training core; those that are not there (yet, or any more) count nothing."""
BESIDE = ("inspect/explain", "inspect/doctor", "inspect/questions.py")
"""What stands in those folders, but never belonged to the training core."""
MOVED = ("data/batch.py", "data/batches.py", "living.py", "layers/watched.py", "core/prefetch.py")
"""Where code of the training core may have gone: printed beside it, not counted."""


class Figure(NamedTuple):
    """Something that is counted: its name, how much there is, how much there may be, and what it is made of."""

    name: str
    value: int
    limit: int
    parts: tuple[str, ...] = ()


def code_lines(source: str) -> set[int]:
    """Return the numbers of the lines that hold code: no comment, no docstring, not nothing."""
    skipped = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    held = {
        line
        for token in tokens
        if token.type not in skipped
        for line in range(token.start[0], token.end[0] + 1)
    }
    return held - docstring_lines(source)


def docstring_lines(source: str) -> set[int]:
    """Return the numbers of the lines of all docstrings, those below fields too."""
    return {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


# --- one file -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Module:
    """A file of the package: its path inside (``layers/dense.py``), and its text."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @cached_property
    def lines(self) -> set[int]:
        return code_lines(self.source)

    @property
    def package(self) -> bool:
        return self.path.endswith("__init__.py")

    @property
    def name(self) -> str:
        """The dotted name inside lucidnet; empty for lucidnet itself."""
        return self.path.removesuffix("__init__.py").removesuffix(".py").strip("/").replace("/", ".")

    def within(self, *places: str) -> bool:
        """Tell whether the file is one of these, or in one of these folders."""
        return any(self.path == place or self.path.startswith(f"{place}/") for place in places)

    def size(self, node: ast.stmt, body: list[ast.stmt] | None = None) -> int:
        """Return how many lines of code a class or a function has, or its body."""
        begin = (body[0] if body else node).lineno
        return len(self.lines & set(range(begin, (node.end_lineno or 0) + 1)))

    def functions(self) -> Iterator[tuple[str, int]]:
        """Yield name and length of the body of each function."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                if body:
                    yield node.name, self.size(node, body)

    def classes(self) -> Iterator[tuple[str, int, int]]:
        """Yield name, lines of code and number of public methods of each class."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                methods = {
                    part.name
                    for part in node.body
                    if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
                }
                yield node.name, self.size(node), sum(not name.startswith("_") for name in methods)

    def imports(self, modules: set[str]) -> set[str]:
        """Return which of the package's modules are imported, anywhere in the file."""
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                origin = self._origin(node)
                inner = (
                    (f"{origin}.{alias.name}".strip(".") for alias in node.names)
                    if origin is not None
                    else ()
                )
                found |= {name if name in modules else origin for name in inner}
            elif isinstance(node, ast.Import):
                names = (alias.name.split(".") for alias in node.names)
                found |= {".".join(rest) for top, *rest in names if top == "lucidnet"}
        return (found & modules) - {self.name}

    def _origin(self, node: ast.ImportFrom) -> str | None:
        # The module that names are imported from, if it is in lucidnet.
        named = (node.module or "").split(".") if node.module else []
        if not node.level:
            return ".".join(named[1:]) if named[:1] == ["lucidnet"] else None
        here = self.name.split(".") if self.name else []
        up = node.level - self.package
        return ".".join([*here[: len(here) - up], *named])


def package(folder: Path) -> list[Module]:
    """Return the files of a package."""
    return [
        Module(path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.py"))
    ]


# --- what is counted ------------------------------------------------------------------------------


def sizes(modules: Iterable[Module]) -> Iterator[Figure]:
    """Yield the sizes of files, functions and classes, and the most public methods."""
    for module in modules:
        yield Figure(f"lines of {module.path}", len(module.lines), FILE)
        for name, count in module.functions():
            yield Figure(f"lines of {name} in {module.path}", count, FUNCTION)
        for name, count, methods in module.classes():
            most, many = LARGER.get(name, (CLASS, METHODS))
            yield Figure(f"lines of {name}", count, most, (module.path,))
            yield Figure(f"public methods of {name}", methods, many, (module.path,))


def namesakes(modules: Iterable[Module]) -> Figure:
    """Return how many names several public classes have."""
    homes = defaultdict(list)
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(module.path)
    several = {name: paths for name, paths in sorted(homes.items()) if len(paths) > 1}
    parts = (f"{name}: {', '.join(paths)}" for name, paths in several.items())
    return Figure("public classes of one name", len(several), 0, tuple(parts))


def circles(modules: Iterable[Module]) -> Iterator[Figure]:
    """Yield in how many circles modules import each other, and how large the largest is."""
    modules = list(modules)
    names = {module.name for module in modules}
    found = knots({module.name: module.imports(names) for module in modules})
    parts = (f"{len(one)}: {', '.join(name or 'lucidnet' for name in one)}" for one in found)
    yield Figure("circles of imports", len(found), 0, tuple(parts))
    yield Figure("modules in the largest circle", max(map(len, found), default=0), 0)


def knots(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the sets of nodes, each of which leads to all the others of its set; the smallest first."""
    reach = {node: after(graph, node) for node in graph}
    sets = {
        frozenset(other for other in reach[node] if node in reach[other])
        for node in graph
        if node in reach[node]
    }
    return sorted((sorted(one) for one in sets), key=lambda one: (len(one), one))


def after(graph: dict[str, set[str]], node: str) -> set[str]:
    """Return all nodes that a node leads to; itself only if there is a way back."""
    found: set[str] = set()
    ahead = list(graph[node])
    while ahead:
        if (one := ahead.pop()) not in found:
            found.add(one)
            ahead += graph[one]
    return found


def core(modules: Iterable[Module]) -> Figure:
    """Return the lines of code of the training core."""
    modules = list(modules)
    counts: dict[str, int] = defaultdict(int)
    for module in modules:
        if module.within(*CORE) and not module.within(*BESIDE):
            counts[module.path.split("/")[0]] += len(module.lines)
    parts = [f"{place} {count}" for place, count in counts.items()]
    parts += [
        f"not counted: {module.path} {len(module.lines)}" for module in modules if module.within(*MOVED)
    ]
    return Figure("lines of the training core", sum(counts.values()), TRAINING, tuple(parts))


def travelled(found: dict[str, Figures]) -> list[Figure]:
    """Return the figures of the journeys that have a limit."""
    a, b, c, d = (found[key] for key in "abcd")
    return [
        Figure("a: calls", a.calls, 100),
        Figure("a: files", a.files, 22),
        Figure("a: depth", a.depth, 9),
        Figure("a: to gradient", a.to_gradient or 0, 3),
        Figure("b: depth", b.depth, 13),
        Figure("b: an edge", b.edge or 0, 3),
        Figure("c: calls with comprehensions", c.with_comprehensions, 180),
        Figure("d: depth", d.depth, 16),
    ]


# --- the judgement --------------------------------------------------------------------------------


def judged(figures: Iterable[Figure], today: dict[str, int]) -> tuple[list[str], list[str]]:
    """Return lines about what breaks the budget, and about what is over it but known."""
    wrong, known, seen = [], [], set()
    for figure in figures:
        name, value, limit, parts = figure
        text = "".join([f"{name}: {value}, at most {limit}", *(f"\n    {part}" for part in parts)])
        if value <= limit:
            continue
        seen.add(name)
        if name not in today:
            wrong.append(f"over the budget: {text}")
        elif value > today[name]:
            wrong.append(f"over the budget, and more than the {today[name]} that TODAY allows: {text}")
        else:
            less = f" (TODAY says {today[name]}: put {value} there)" if value < today[name] else ""
            known.append(f"over the budget today: {text}{less}")
    wrong += [f"within the budget, so take it out of TODAY: {name}" for name in today if name not in seen]
    return wrong, known


def folders(modules: Iterable[Module]) -> str:
    """Return a line for each folder."""
    totals: dict[str, tuple[int, ...]] = {}
    for module in modules:
        folder, count = module.path.split("/")[0], len(module.lines)
        longest = max((n for _, n in module.functions()), default=0)
        largest = max((n for _, n, _ in module.classes()), default=0)
        files, lines, *most = totals.get(folder, (0, 0, 0, 0, 0))
        most = [max(pair) for pair in zip(most, (count, largest, longest), strict=True)]
        totals[folder] = (files + 1, lines + count, *most)
    lines_ = [f"{'':<18} files  lines  longest file  largest class  longest function"]
    for folder, (files, lines, longest, largest, function) in totals.items():
        lines_.append(f"{folder:<18} {files:>5}  {lines:>5}  {longest:>12}  {largest:>13}  {function:>16}")
    return "\n".join(lines_)


def main() -> int:
    """Print a line per folder and per journey, then what is over the budget; return how much of it is not known."""
    modules, journeys = package(PACKAGE), measured()
    total = core(modules)
    figures = [*travelled(journeys), *sizes(modules), namesakes(modules), *circles(modules), total]
    wrong, known = judged(figures, TODAY)
    print(folders(modules), table(journeys), sep="\n\n")
    print(f"\n{total.name}: {total.value} of {total.limit} ({', '.join(total.parts)})\n")
    print("\n".join([*known, *wrong]) or "within the budget")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(bool(main()))
