"""The floors hold: by import-linter's contracts, and for what it cannot see. Each of them is shown to fail."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

from lucidnet.errors import optional

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
ROWS = next(contract["layers"] for contract in CONTRACTS if contract["id"] == "floors")
HEIGHT = {name: height for height, row in enumerate(reversed(ROWS)) for name in row.split(" | ")}

LOADERS = ("import_module", "__import__", optional.__name__)
JAX_IN = ("lucidnet.backend.xla",)
"""Where JAX may be imported."""
COMPUTED_IN = ("lucidnet.core.exports", "lucidnet.errors")
"""Where a module may be imported whose name no reader of the text knows: `exports` imports what others import."""


# --- what import-linter cannot see: modules imported by a name in a string ------------------------


def hidden(package: Path, files: str = "*.py") -> list[str]:
    """Return the imports by a string that are not allowed in some files, or all; each with file and line."""
    return [
        f"{path.relative_to(package).as_posix()}:{line}: {what}"
        for path in sorted(package.rglob(files))
        for line, what in found(ast.parse(path.read_text("utf-8")), dotted(path, package))
    ]


def dotted(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(["lucidnet", *(part for part in parts if part != "__init__")])


def found(tree: ast.Module, here: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            renamed = (a.name for a in node.names if a.asname and a.name in LOADERS)
            yield from ((node.lineno, f"{name} under another name") for name in renamed)
        elif isinstance(node, ast.Call):
            modules = called(node, here)
            yield from ((node.lineno, wrong) for module in modules if (wrong := judged(module, here)))


def called(call: ast.Call, here: str) -> Iterator[str]:
    """Yield the modules that a call imports, now or later; an empty name where it cannot be told."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if name in LOADERS:
        module, parent, *_ = (*(value(one, here) for one in given), None)
        if module and module.startswith("."):
            module = resolve_name(module, parent) if parent else None
        yield module or ""


def value(node: ast.expr, here: str):
    """Return a string; nothing where the text does not tell."""
    if isinstance(node, ast.Name) and node.id == "__name__":
        return here
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def judged(module: str, here: str) -> str | None:
    """Say what is wrong with importing a module, if anything is."""
    top, *inner = module.split(".")
    if not module and here not in COMPUTED_IN:
        return "imports a module whose name is computed"
    if top in ("jax", "jaxlib") and not any(f"{here}.".startswith(f"{place}.") for place in JAX_IN):
        return f"imports {module}"
    if top == "lucidnet" != here:
        own, other = here.split(".")[1], inner[0] if inner else ""
        if own != other and HEIGHT.get(other, len(ROWS)) >= HEIGHT.get(own, 0):
            return f"imports {module}, which is not below"
    return None


# --- a copy of the package, in which something is planted -----------------------------------------


@pytest.fixture
def package(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    source = ROOT / "src" / "lucidnet"
    return shutil.copytree(
        source, tmp_path / "src" / "lucidnet", ignore=shutil.ignore_patterns("__pycache__")
    )


def plant(package: Path, path: str, text: str) -> int:
    """Put text at the end of a file, or into a new one; return the number of its last line."""
    file = package / path
    file.parent.mkdir(exist_ok=True)
    before = file.read_text("utf-8") if file.exists() else ""
    file.write_text(f"{before}{text}\n", encoding="utf-8")
    return f"{before}{text}\n".count("\n")


def linted(package: Path) -> tuple[int, str]:
    """Return the exit code of import-linter, and what it prints."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo"],
        cwd=package.parent.parent,
        env={**os.environ, "PYTHONPATH": str(package.parent), "COLUMNS": "300"},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_floors_hold(package):
    code, printed = linted(package)
    assert code == 0, printed
    assert "2 kept, 0 broken" in printed
    assert hidden(package) == []


@pytest.mark.parametrize(
    ("path", "text", "seen"),
    [
        ("layers/dense.py", "from ..engine import update", "lucidnet.layers.dense -> lucidnet.engine.update"),
        ("core/trees.py", "def f():\n    from ..model import Model", "lucidnet.core.trees -> lucidnet.model"),
        (
            "rules/base.py",
            "import typing\nif typing.TYPE_CHECKING:\n    from ..training.loop import Loop",
            "lucidnet.rules.base -> lucidnet.training.loop",
        ),
        (  # an import that `exports` makes later is one for types to its reader
            "layers/__init__.py",
            "if TYPE_CHECKING:\n    from ..engine.state import State as State",
            "lucidnet.layers -> lucidnet.engine.state",
        ),
        ("metrics/roc.py", "from ..backend import Stream", "lucidnet.metrics.roc -> lucidnet.backend"),
        ("plots/curves.py", "import lucidnet", "lucidnet.plots.curves -> lucidnet"),
        ("layers/dense.py", "from jax import numpy", "lucidnet.layers.dense -> jax"),
        ("engine/on_jax.py", "import jax", "lucidnet.engine.on_jax -> jax"),
        ("backend/scan.py", "import jaxlib", "lucidnet.backend.scan -> jaxlib"),
    ],
)
def test_an_import_against_the_floors_is_found(package, path, text, seen):
    line = plant(package, path, text)
    code, printed = linted(package)
    assert code == 1
    assert f"{seen} (l.{line})" in printed


@pytest.mark.parametrize("path", ["attic.py", "attic/__init__.py"])
def test_a_module_that_stands_on_no_floor_is_found(package, path):
    plant(package, path, "")
    code, printed = linted(package)
    assert code == 1
    assert "- lucidnet.attic\n" in printed


def test_an_exception_that_is_not_needed_is_found(package):
    settings = package.parent.parent / "pyproject.toml"
    stale = "lucidnet.core.trees -> lucidnet.model"
    text = settings.read_text("utf-8").replace("ignore_imports = [", f'ignore_imports = ["{stale}",', 1)
    settings.write_text(text, encoding="utf-8")
    code, printed = linted(package)
    assert code == 1
    assert f"No matches for ignored import {stale}" in printed


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('import_module("jax.numpy")', "imports jax.numpy"),
        ('importlib.import_module(name="jax")', "imports jax"),
        ('__import__("jaxlib")', "imports jaxlib"),
        ('optional("jax", "jax")', "imports jax"),
        ('import_module("lucidnet.model")', "imports lucidnet.model, which is not below"),
        ('import_module("lucidnet")', "imports lucidnet, which is not below"),
        (
            'import_module("..rules.base", "lucidnet.layers")',
            "imports lucidnet.rules.base, which is not below",
        ),
        ('import_module(f"lucidnet.{name}")', "imports a module whose name is computed"),
        ("from importlib import import_module as load", "import_module under another name"),
    ],
)
def test_an_import_by_a_string_is_found(package, text, wrong):
    line = plant(package, "layers/dense.py", text)
    assert hidden(package, "layers/dense.py") == [f"layers/dense.py:{line}: {wrong}"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("backend/xla/device.py", 'optional("jax", "jax")'),
        ("plots/curves.py", 'optional("matplotlib.figure", "plots")'),
        ("layers/dense.py", 'import_module("lucidnet.backend")'),
        ("errors.py", "import_module(module)"),
    ],
)
def test_an_import_by_a_string_that_is_allowed_is_not_found(package, path, text):
    plant(package, path, text)
    assert hidden(package, path) == []
