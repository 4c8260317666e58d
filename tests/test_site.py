"""The pages of the documentation: that nothing public lacks one, and that no code stands there that is never run."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import lucidnet as ln

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(path for part in ("tutorials", "howto", "moving") for path in (DOCS / part).glob("*.md"))
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OTHERS = ("keras.", "torch.", "# theirs")
"""What the code of others names that stands beside ours to be read; it cannot be run with lucidnet alone."""


@pytest.fixture(scope="module")
def reference():
    sys.path.insert(0, str(DOCS))
    try:
        from site_tools import reference
    finally:
        sys.path.remove(str(DOCS))
    return reference


def test_every_public_module_has_a_page(reference):
    described = {
        dotted.removeprefix("lucidnet").removeprefix(".") for _, dotted, _ in reference.PAGES.values()
    }
    modules = {name for name in dir(ln) if isinstance(getattr(ln, name), ModuleType) and name[0] != "_"}
    assert modules <= described


def test_every_public_name_of_lucidnet_itself_has_a_page(reference):
    public = {name for name in dir(ln) if name[0] != "_" and not isinstance(getattr(ln, name), ModuleType)}
    assert public == set(reference.PAGES["model"][2])


def test_the_pages_list_what_the_modules_export(reference):
    assert "Dense" in reference.names("layers")
    assert "fit_one_cycle" not in reference.names("model")
    for page in reference.PAGES:
        assert reference.names(page), page


@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_code_is_run(page):
    """Each block of Python is a cell, which is run when the site is built, but for code of others."""
    for kind, code in FENCE.findall(page.read_text("utf-8")):
        if kind == "python":
            assert any(name in code for name in OTHERS), code


@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_code_fits_the_page(page):
    for kind, code in FENCE.findall(page.read_text("utf-8")):
        if kind == "{code-cell}":
            assert max(map(len, code.splitlines())) <= 100


def test_every_page_is_listed():
    listed = (DOCS / "index.md").read_text("utf-8")
    for page in PAGES:
        assert f"{page.parent.name}/{page.stem}\n" in listed


@pytest.mark.parametrize("lesson", sorted((DOCS / "tutorials").glob("*.md")), ids=lambda path: path.stem)
def test_lessons_have_exercises_whose_answers_are_checked(lesson):
    exercises = lesson.read_text("utf-8").partition("## Exercises")[2]
    numbers = re.findall(r"^\*\*(\d)\.\*\*", exercises, re.MULTILINE)
    answers = re.findall(r":tags: \[hide-cell\]\n(.*?)```", exercises, re.DOTALL)
    assert len(numbers) == len(answers) >= 2
    assert all("assert " in answer for answer in answers)
