"""Sources: each work that docstrings and formulas name is on docs/sources.md, with the same places, and no other."""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAME = r"[A-Z][\w'’-]*[a-zø]"
WORK = re.compile(rf"((?:{NAME}, )*{NAME}(?: & {NAME}| et al\.)?),? \(?((?:19|20)\d\d)\b")
"""Authors and year: Elman 1990; Kingma & Ba 2015; Chan, Golub & LeVeque (1983; He et al. 2016."""
NUMBER = r"[A-Z\d][\d.]*"
PLACE = re.compile(
    rf"\b((?:equation|algorithm|section|figure|table|chapter|lecture)s?|appendix) "
    rf"({NUMBER}(?:(?:, | and | to )(?!equation){NUMBER})*)(?![\w(])"
)


def places(text):
    """Yield the places that a text names, such as ``equation 3``, and where; 1 to 3 are three of them."""
    for found in PLACE.finditer(text):
        numbers = re.split(r", | and ", found[2].rstrip("."))
        if len(ends := numbers[0].split(" to ")) > 1:
            numbers[:1] = map(str, range(int(ends[0]), int(ends[1]) + 1))
        yield from ((found.start(), f"{found[1].removesuffix('s')} {number}") for number in numbers)


def cited(text):
    """Return the works that a text names, each with the places in it: those after it, before the next one."""
    text, found = " ".join(text.split()), defaultdict(set)
    works = list(WORK.finditer(text))
    for work in works:
        found[f"{work[1]} {work[2]}"] |= set()
    for start, place in places(text):
        if before := [work for work in works if work.end() <= start]:
            found[f"{before[-1][1]} {before[-1][2]}"].add(place)
    return found


def in_code():
    """Return what the package's strings and the table of formulas name."""
    pytest.importorskip("docutils")
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from site_tools import formulas
    finally:
        sys.path.pop(0)
    texts = [formula.source for table in formulas.PAGES.values() for formula in table.values()]
    for path in sorted((ROOT / "src" / "lucidnet").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        texts += [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    found = defaultdict(set)
    for text in texts:
        for work, named in cited(text).items():
            found[work] |= named
    return dict(found)


def on_page():
    """Return what the page lists, and the titles."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs" / "sources.md").read_text("utf-8").splitlines()
        if line.startswith("| ") and not line.startswith(("| cited", "| ---"))
    ]
    assert len({row[0] for row in rows}) == len(rows)
    named = {work: {place for _, place in places(cell)} for work, _, cell in rows}
    return named, {work: title for work, title, _ in rows}


def test_what_is_read_from_a_text():
    assert cited('(Kingma & Ba 2015, algorithm 1.) PyTorch (He et al. 2015, "Deep", equations 1\nto 3)') == {
        "Kingma & Ba 2015": {"algorithm 1"},
        "He et al. 2015": {"equation 1", "equation 2", "equation 3"},
    }
    assert cited("Chan, Golub & LeVeque (1983), equations 1, 2, 6 and 7, of 2000 rows") == {
        "Chan, Golub & LeVeque 1983": {"equation 1", "equation 2", "equation 6", "equation 7"}
    }


def test_every_source_is_listed_with_the_same_places():
    code, (page, _) = in_code(), on_page()
    assert code.keys() - page.keys() == set(), "docs/sources.md lacks these"
    assert page.keys() - code.keys() == set(), "nothing names these any more"
    assert {work: (code[work], page[work]) for work in code if code[work] != page[work]} == {}


def test_titles_in_quotes_are_those_of_the_page():
    """A docstring may shorten a title, but not change it."""
    (_, titles), wrong = on_page(), []
    for path in [ROOT / "docs" / "site_tools" / "formulas.py", *(ROOT / "src" / "lucidnet").rglob("*.py")]:
        text = " ".join(path.read_text("utf-8").split())
        for work in WORK.finditer(text):
            quoted = re.match(r"""(?:,| \(|\),) ["*]([^"*]+)["*]""", text[work.end() :])
            title = titles.get(f"{work[1]} {work[2]}", "")
            if quoted and quoted[1].lower() not in title.lower():
                wrong.append((path.name, work[0], quoted[1], title))
    assert wrong == []


def test_works_stand_in_order():
    works = list(on_page()[0])
    assert works == sorted(works, key=lambda work: work.casefold().replace("ø", "o"))
