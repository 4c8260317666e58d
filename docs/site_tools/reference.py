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
from lucidnet.foreign import ATTRIBUTES, KEYWORDS, NAMES

from . import elsewhere, examples, formulas, pictures, typeset

PAGES = {
    "model": (
        "The model",
        "lucidnet",
        ["Model", "OwnStep", "SelfOrganizingMap", "convert", "export", "load", "mlp", "race"],
    ),
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

ABOUT = {
    "layers": "Of each layer first what it computes, then its gradients: $\\mathrm{d}W$ stands for $\\partial L/\\partial W$, with "
    "the loss $L$ as a mean over the batch; $n$ counts examples, $j$ features, $t$ time steps, $s$ is the stride. "
    "Arrays beside each other are multiplied number by number, and with $W$, $U$, $B$ as matrices; examples are rows. An arrow that adds collects over the time steps, from the last to the first.",
    "losses": "Of each loss its value for one example with prediction $y$ and target $t$, and its slope; the loss of a "
    "batch is the mean. $j$ counts the $k$ features.",
    "optimizers": "One step: $p$ are the parameters, $g$ their gradient, $\\eta$ the learning rate, $t$ the number of the "
    "step from 1. What remembers begins at 0. The arrow puts a new value in the place of the old one.",
    "schedules": "The value $\\eta$ at step $t = 0, 1, \\ldots$",
    "rules": "What a rule puts in the place of the chain rule: $\\mathrm{d}z$ is the error behind a layer's weights "
    "$W$, $\\mathrm{d}x$ what it sends down, $B$ are feedback weights, $e$ the error of the output; through time "
    "$J_t = \\partial h_t/\\partial h_{t-1}$, and $P$ the influence of the weights on the state $h$.",
}
"""What the formulas of a page have in common."""

THEIRS = elsewhere.table()


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
        blocks = [
            f"# {title}",
            _first_line(module(dotted)),
            *_about(page),
            *_kinds(page, folder, checked, called),
        ]
        _keep(folder / f"{page}.md", "\n\n".join(blocks) + "\n")
    listed = "\n".join(PAGES)
    _keep(
        folder / "index.md",
        "# Reference\n\nEvery public name, by what it is for.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n",
    )


def _about(page: str) -> list[str]:
    return [ABOUT[page]] if page in ABOUT else []


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


def _kinds(page: str, folder: Path, checked: Any, called: Any) -> Iterator[str]:
    dotted = PAGES[page][1]
    home = module(dotted)
    for name in names(page):
        found = getattr(home, name)
        kind = inspect.isclass(found)
        directive = "autoclass" if kind else "autofunction"
        options = "\n   :members:" if page in ("model", "training", "lab") and kind else ""
        yield f"## {name}"
        yield from _formula(page, name)
        yield from _picture(page, name, folder)
        yield f"```{{eval-rst}}\n.. {directive}:: {dotted}.{name}{options}\n```"
        yield from _source(page, name)
        yield from _example(page, name)
        if kind and (rows := checked.get(name)):
            yield _row_of_checks(rows)
        yield from _others(page, name, called)
        if kind and (words := KEYWORDS.get(name)):
            yield (
                "Settings elsewhere: "
                + "; ".join(f"`{word}` is here {ours}" for word, ours in words.items())
                + "."
            )


def _others(page: str, name: str, called: Any) -> Iterator[str]:
    """Yield what other libraries call it, and by which words lucidnet's messages know it, too."""
    theirs = THEIRS.get((page, name), {})
    told = [f"in {who} {_quoted(said)}" for who, said in theirs.items()]
    words = called.get((page, name), set()) - {
        word.rpartition(".")[2] for said in theirs.values() for word in said
    }
    told += [f"also {_quoted(sorted(words - {name}))}"] if words - {name} else []
    if told:
        yield "**Called elsewhere:** " + "; ".join(told) + "."


def _quoted(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _formula(page: str, name: str) -> Iterator[str]:
    """Yield what a class computes, and its gradient, as the page shows them."""
    if (formula := formulas.PAGES.get(page, {}).get(name)) is None:
        return
    value, gradient = formula.lines
    yield f"$$\n{typeset.block(value)}\n$$"
    if gradient:
        yield "and back:" if page == "layers" else "and its slope:"
        yield f"$$\n{typeset.block(gradient)}\n$$"


def _source(page: str, name: str) -> Iterator[str]:
    formula = formulas.PAGES.get(page, {}).get(name)
    if formula is not None and formula.source:
        yield f"Source: {formula.source}."


def _picture(page: str, name: str, folder: Path) -> Iterator[str]:
    if name not in formulas.PAGES.get(page, {}):
        return
    path = folder / "pictures" / f"{name}.svg"
    if told := pictures.draw(page, name, path):
        yield f"![{told}.](pictures/{name}.svg)"


def _example(page: str, name: str) -> Iterator[str]:
    """Yield code that was run now, and what it said."""
    if name not in formulas.PAGES.get(page, {}):
        return
    if example := examples.of(page, name):
        code, said = example
        yield f"```python\n{code}\n```"
        yield f"```text\n{said}\n```"


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
    """Return what Keras, PyTorch and scikit-learn call our classes and functions."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for kind, words in NAMES.items():
        page = KINDS.get(kind)
        if page is None:
            continue
        known = getattr(module(PAGES[page][1]), "KNOWN", {})
        for other, ours in words.items():
            found[page, _class(dict(known).get(ours, ours))].add(other)
    for page, (_, dotted, _) in PAGES.items():
        public = names(page)
        for other, ours in ATTRIBUTES.get(dotted, {}).items():
            if (ours := ours.partition("(")[0]) in public:
                found[page, ours].add(other)
    return found


def _class(kept: Any) -> str:
    """Return the name of the class that stands behind a name: itself, an object of it, or what makes one."""
    if isinstance(kept, str):
        return kept
    if inspect.isclass(kept):
        return kept.__name__
    return type(kept() if inspect.isroutine(kept) or isinstance(kept, partial) else kept).__name__
