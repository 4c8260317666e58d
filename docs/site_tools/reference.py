"""The pages of the reference: each public name, its docstring, its checks and what others call it."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import lucidnet as ln
from lucidnet.foreign import NAMES

PAGES = {
    "model": ("The model", "lucidnet", ["Model", "OwnStep", "SelfOrganizingMap", "load", "mlp", "race"]),
    "layers": ("Layers", "lucidnet.layers", None),
    "losses": ("Losses", "lucidnet.losses", None),
    "optimizers": ("Optimizers", "lucidnet.optimizers", None),
    "schedules": ("Schedules", "lucidnet.optimizers.schedules", None),
    "rules": ("Learning rules", "lucidnet.rules", None),
    "initializers": ("First weights", "lucidnet.initializers", None),
    "metrics": ("Metrics", "lucidnet.metrics", None),
    "callbacks": ("Callbacks", "lucidnet.callbacks", None),
    "data": ("Data", "lucidnet.data", None),
    "augment": ("Changing images", "lucidnet.data.augment", None),
    "text": ("Text", "lucidnet.data.text", None),
    "tasks": ("Sequence tasks", "lucidnet.data.tasks", None),
    "plots": ("Pictures", "lucidnet.plots", None),
    "check": ("Checks", "lucidnet.check", None),
    "inspect": ("Watching", "lucidnet.inspect", None),
    "passes": ("Programs of one's own", "lucidnet.passes", None),
    "training": ("Training, step by step", "lucidnet.training", None),
    "lab": ("Side by side", "lucidnet.lab", None),
    "sklearn": ("Estimators", "lucidnet.sklearn", None),
    "exercises": ("Exercises", "lucidnet.exercises", None),
    "distributed": ("Several hosts", "lucidnet.distributed", None),
    "errors": ("Errors", "lucidnet.errors", None),
}
"""File: title, module, and which of its names; without a list all that it exports."""


def module(dotted: str) -> ModuleType:
    """Return a module of lucidnet by its dotted name."""
    found: Any = ln
    for part in dotted.split(".")[1:]:
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def names(page: str) -> list[str]:
    """Return the public names that a page of the reference describes, in the order of the alphabet."""
    _, dotted, chosen = PAGES[page]
    if chosen is not None:
        return chosen
    home = module(dotted)
    elsewhere = {"OwnStep"} if page == "passes" else set()  # it stands with the model
    public = [name for name in dir(home) if not name.startswith("_") and name not in elsewhere]
    return [
        name for name in public if not isinstance(getattr(home, name), ModuleType) and _is_code(home, name)
    ]


def _is_code(home: ModuleType, name: str) -> bool:
    found = getattr(home, name)
    return inspect.isclass(found) or inspect.isroutine(found)


def write(folder: Path) -> None:
    """Write a page for each part of the library, and one that lists them."""
    checked, called = _checks(), _elsewhere()
    for page, (title, dotted, _) in PAGES.items():
        blocks = [f"# {title}", _first_line(module(dotted)), *_kinds(page, dotted, checked, called)]
        _keep(folder / f"{page}.md", "\n\n".join(blocks) + "\n")
    listed = "\n".join(PAGES)
    _keep(
        folder / "index.md",
        "# Reference\n\nEvery public name, by what it is for.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n",
    )


def _keep(path: Path, text: str) -> None:
    """Write a file if its text is another one, so that only what has changed is built again."""
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def _first_line(home: ModuleType) -> str:
    return (
        (inspect.getdoc(home) or "").partition("\n")[0]
        if home is not ln
        else "A network, and what can be done with it."
    )


def _kinds(page: str, dotted: str, checked: Any, called: Any) -> Iterator[str]:
    home = module(dotted)
    for name in names(page):
        found = getattr(home, name)
        directive = "autoclass" if inspect.isclass(found) else "autofunction"
        options = "\n   :members:" if page in ("model", "training", "lab") and inspect.isclass(found) else ""
        yield f"## {name}"
        yield f"```{{eval-rst}}\n.. {directive}:: {dotted}.{name}{options}\n```"
        if inspect.isclass(found):
            if rows := checked.get(name):
                yield _row_of_checks(rows)
            if others := called.get((page, name)):
                yield "Elsewhere called: " + ", ".join(f"`{other}`" for other in sorted(others)) + "."


def _row_of_checks(rows: list[tuple[str, float]]) -> str:
    """Return a table of samples: the largest relative difference to central differences in float64."""
    lines = "\n".join(f"| `{sample}` | {worst:.1e} |" for sample, worst in rows)
    return f"| checked against finite differences | largest relative difference |\n| --- | --- |\n{lines}"


def _checks() -> dict[str, list[tuple[str, float]]]:
    """Run the checks of the whole package; return the rows of each class by its name."""
    rows: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for sample, report in ln.check.package():
        if not report.passed:
            raise RuntimeError(f"{sample}: the check fails:\n{report}")
        worst = getattr(report, "worst", None)
        if worst is not None:
            rows[sample.partition("(")[0]].append((sample, worst))
    return rows


KINDS = {
    "loss": "losses",
    "optimizer": "optimizers",
    "metric": "metrics",
    "initializer": "initializers",
    "layer": "layers",
    "activation": "layers",
    "rule": "rules",
}


def _elsewhere() -> dict[tuple[str, str], set[str]]:
    """Return what Keras, PyTorch and scikit-learn call our classes."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for kind, words in NAMES.items():
        page = KINDS.get(kind)
        if page is None:
            continue
        known = getattr(module(PAGES[page][1]), "KNOWN", {})
        for other, ours in words.items():
            found[page, _class(dict(known).get(ours, ours))].add(other)
    return found


def _class(kept: Any) -> str:
    """Return the name of the class that stands behind a name: itself, an object of it, or what makes one."""
    if isinstance(kept, str):
        return kept
    if inspect.isclass(kept):
        return kept.__name__
    return type(kept() if inspect.isroutine(kept) or isinstance(kept, partial) else kept).__name__
