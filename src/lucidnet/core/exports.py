"""What a module exports, read from its source by the rules of type checkers: each name is written once.

A module exports what it defines under a name without an underscore, and what it imports under its own name,
as in ``from .dense import Dense as Dense`` (the typing specification, "Library interface"). An import under
``if TYPE_CHECKING:`` is made when its name is first used, so that the import of a package stays light. From
this follow ``__all__``, ``dir()``, the names that people write (`Known`), and what a file may name.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib import import_module
from types import FrameType
from typing import Any, Generic, NamedTuple, TypeVar

from .. import foreign

V = TypeVar("V")


class Place(NamedTuple):
    """Where an exported name comes from."""

    module: str
    name: str
    """The name in that module; empty if the module itself is exported."""


def export(space: dict[str, Any]) -> None:
    """Give a module ``__all__``, ``dir()``, and the names that are imported when they are first used.

    Parameters
    ----------
    space : dict
        Its ``globals()``; this is called at its end.
    """
    module = space["__name__"]

    def get(name: str) -> Any:
        if name == "__all__":
            return list(exports(module))
        if name.startswith("_") or name not in (table := exports(module)):
            if (hint := _hint(module, name)) and _imports(sys._getframe(1)):
                raise ImportError(f"cannot import name {name!r} from {module!r}{hint}", name=module)
            raise AttributeError(f"module {module!r} has no attribute {name!r}{hint}")
        place = table[name]
        there = import_module(place.module)
        space[name] = getattr(there, place.name) if place.name else there
        return space[name]

    def listed() -> list[str]:
        return sorted([*exports(module), *(name for name in space if name.startswith("__"))])

    space["__getattr__"], space["__dir__"] = get, listed
    if "." not in module:
        sys.meta_path.append(Elsewhere(module))


def _imports(frame: FrameType) -> bool:
    """Tell whether a frame runs ``from module import name``, which drops an `AttributeError`'s message."""
    from opcode import opmap

    return frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]


class Elsewhere:
    """The last finder on ``sys.meta_path``: for a missing module it says what that is called here."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise `ModuleNotFoundError` with a hint if the module has another name in this package."""
        parent, _, last = name.rpartition(".")
        if parent.partition(".")[0] == self.package and (hint := _hint(parent, last)):
            raise ModuleNotFoundError(f"No module named {name!r}{hint}", name=name)


@cache
def exports(module: str) -> Mapping[str, Place]:
    """Return the names that a module exports, in alphabetical order, and where each comes from."""
    from importlib.util import find_spec

    spec = find_spec(module)
    loader: Any = spec and spec.loader
    source = loader.get_source(module) if hasattr(loader, "get_source") else None
    if spec is None or source is None:
        raise ImportError(f"{module}: what it exports is read from its source file, which is not there")
    return dict(sorted(_read(ast.parse(source).body, module, spec.parent or "")))


def _read(body: list[ast.stmt], module: str, package: str) -> Iterator[tuple[str, Place]]:
    for node in body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from _read(node.body, module, package)
        elif isinstance(node, ast.ImportFrom):
            from importlib.util import resolve_name

            parent = resolve_name("." * node.level + (node.module or ""), package)
            for name in (alias.name for alias in node.names if alias.asname == alias.name):
                yield name, Place(parent, name) if node.module else Place(f"{parent}.{name}", "")
        else:
            yield from ((name, Place(module, name)) for name in _defined(node) if not name.startswith("_"))


def _defined(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement defines."""
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        yield node.name
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        inside = (inner for target in targets for inner in ast.walk(target))
        yield from (inner.id for inner in inside if isinstance(inner, ast.Name))


ABOUT = ("lucidnet.check", "lucidnet.plots")
"""Modules of which single words name what is given to them."""


def _hint(module: str, name: str) -> str:
    """Return a hint at what a missing name is called here, or where to find it; "" if unknown."""
    if name.startswith("_"):
        return ""
    if ours := foreign.attribute(module, name):
        return f": here it is {module}.{ours}"
    root = module.partition(".")[0]
    modules = [place.module for place in exports(root).values() if not place.name]
    if found := next((other for other in modules if name in exports(other)), None):
        return f": it is {found}.{name}"
    places = (other for other in modules if "_" in name or other not in ABOUT)
    theirs = ((other, foreign.attribute(other, name)) for other in places)
    if told := next((f"{other}.{ours}" for other, ours in theirs if ours), None):
        return f": here it is {told}"
    import difflib

    near = difflib.get_close_matches(name, exports(module), n=1)
    return f": did you mean {near[0]!r}?" if near else ""


class Classes(Mapping[str, type[V]], Generic[V]):
    """The classes of one kind that some modules export, by their names.

    A module is imported when one of its classes is asked for, or when all are.

    Parameters
    ----------
    base : type
        What they are subclasses of, directly or not.
    *modules : str
        The modules, by name.
    """

    def __init__(self, base: type[V], *modules: str) -> None:
        self.base, self.modules = base, modules

    def __getitem__(self, name: str) -> type[V]:
        for module in self.modules:
            if name in exports(module) and self._is(kind := getattr(import_module(module), name)):
                return kind  # type: ignore[no-any-return]
        raise KeyError(name)

    def _is(self, kind: Any) -> bool:
        return inspect.isclass(kind) and issubclass(kind, self.base)

    def __iter__(self) -> Iterator[str]:
        names = dict.fromkeys(name for module in self.modules for name in exports(module))
        return (name for name in names if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Known(Mapping[str, type[V]], Generic[V]):
    """The classes of one kind that a package exports, by the names that people write.

    These are all classes that can be made without arguments. A class is known by its name in lower case,
    unless another name is given: ``"rmsprop"`` for `RMSprop`.

    Parameters
    ----------
    package : str
        The package.
    base : type
        What they are subclasses of.
    others : mapping of str to str, optional
        The names that are not those of their classes in small letters, and their classes' names.
    without : sequence of str
        Classes that have no name.
    """

    def __init__(
        self,
        package: str,
        base: type[V],
        others: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        self.package, self.base, self.others, self.without = package, base, dict(others or {}), without
        self._classes: Classes[V] = Classes(base, package)

    @cached_property
    def _regular(self) -> dict[str, str]:
        """The exported names that may be classes of this kind, by their lower-case names."""
        told = {self.base.__name__, *self.others.values(), *self.without}
        return {
            name.lower(): name for name in exports(self.package) if name[0].isupper() and name not in told
        }

    def __getitem__(self, name: str) -> type[V]:
        if name in self.others:
            kind: type[V] = getattr(sys.modules[self.package], self.others[name])
            return kind
        kind = self._classes[self._regular[name]]
        if not _makeable(kind):  # type: ignore[arg-type]
            raise KeyError(name)
        return kind

    def __iter__(self) -> Iterator[str]:
        return iter([*self.others, *(name for name in self._regular if name in self)])

    def __len__(self) -> int:
        return sum(1 for _ in self)


@cache
def _makeable(kind: type) -> bool:
    """Tell whether a class can be made without arguments."""
    given = inspect.signature(kind).parameters.values()
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in given)
