"""What the documents and examples show is run."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/decisions").glob("*.md")),
]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def blocks(path):
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if blocks(path)], ids=lambda path: path.name)
def test_the_python_of_a_document_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "document"}
    sys.modules.setdefault("document", type(sys)("document"))  # where dataclasses look up their module
    for block in blocks(path):
        exec(compile(block, path.name, "exec"), names)
    shown = capsys.readouterr().out
    if path.name != "guide.md":
        return
    assert "the sign is wrong" in shown
    assert re.search(r"## Ask it\n.*?^```text\n(.*?)^```", path.read_text("utf-8"), re.M | re.S)[1] in shown


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs(path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", path], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout


def test_the_readme_shows_the_code_of_dense():
    """The whole of both functions, as it stands."""
    text = (ROOT / "src/lucidnet/layers/dense.py").read_text(encoding="utf-8")
    (dense,) = [node for node in ast.parse(text).body if getattr(node, "name", "") == "Dense"]
    functions = {node.name: node for node in dense.body if isinstance(node, ast.FunctionDef)}
    lines = text.splitlines()
    shown = [
        [line.removeprefix("    ") for line in lines[functions[name].lineno - 1 : functions[name].end_lineno]]
        for name in ("forward", "backward")
    ]
    excerpt = blocks_of_text(ROOT / "README.md")[0]
    assert excerpt.splitlines() == [*shown[0], "", *shown[1]]


def test_the_readme_can_be_read_at_once():
    """As many lines as one reads, and as many of code as one tries."""
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150
    (code,) = blocks(ROOT / "README.md")
    assert 20 <= len(code.splitlines()) <= 30


def blocks_of_text(path):
    return re.findall(r"^```text\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize(
    "arguments",
    [
        ["one_cycle.py", "--examples", "320", "--epochs", "1", "--seeds", "1"],
        ["shakespeare.py", "transformer", "--steps", "110"],
        ["adding.py", "--rounds", "0"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_experiment_runs(arguments, data_folder, tmp_path):
    """With little data and few steps: that it runs, not what it finds."""
    command = [sys.executable, ROOT / "examples" / "experiments" / arguments[0], *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def first_lines():
    """Yield file, name and first line of every docstring of the package."""
    for path in sorted((ROOT / "src/lucidnet").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text:
                    yield path.name, getattr(node, "name", "module"), text.splitlines()[0]


def test_first_lines_can_be_read_alone():
    lines = list(first_lines())
    assert len(lines) > 2000
    short = [found for found in lines if len(found[2].split()) < 4 or found[2].startswith("Return the same")]
    assert not short
