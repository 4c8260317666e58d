"""The built site: for keys and for ears as well as for eyes, whole by itself, and without dead links."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

SITE = Path(__file__).parent.parent / "docs" / "_build" / "html"
SHOWN = ("index", "tutorials/backprop", "howto/nan", "reference/schedules", "moving/five")
LOOKS = (("light", 1200), ("dark", 390))


class Links(HTMLParser):
    """What a page points to, and what may be pointed to in it."""

    def __init__(self, path):
        super().__init__()
        self.to, self.ids, self.scripts = [], set(), []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.ids.add(known.get("id"))
        self.to += [known[key] for key in ("href", "src") if known.get(key)]


@pytest.fixture(scope="module")
def pages():
    if not (SITE / "index.html").exists():
        pytest.skip("the site is not built: make docs")
    return {path.relative_to(SITE).as_posix(): Links(path) for path in SITE.rglob("*.html")}


def test_no_link_is_dead(pages):
    dead = []
    for name, page in pages.items():
        for link in page.to:
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            place = ((SITE / name).parent / target.partition("?")[0]).resolve() if target else SITE / name
            place = place / "index.html" if place.is_dir() else place
            if not place.exists():
                dead.append(f"{name}: {link}")
            elif anchor and place.suffix == ".html":
                known = pages[place.relative_to(SITE.resolve()).as_posix()].ids
                if anchor not in known and not anchor.startswith("lucidnet."):
                    dead.append(f"{name}: {link}")
    assert not dead


def test_nothing_comes_from_elsewhere(pages):
    """Scripts, styles, fonts and pictures lie in the site; other addresses are links that somebody follows."""
    for name in pages:
        text = (SITE / name).read_text("utf-8")
        for tag in re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", text):
            address = re.search(r'(?:src|href)="([^"]+)"', tag)
            assert address is None or not re.match(r"(https?:)?//", address[1]), f"{name}: {tag}"
    for path in SITE.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", path.read_text("utf-8")), path


def test_every_formula_was_read(pages):
    """Formulas are MathML; LaTeX is left nowhere in the text."""
    for name in pages:
        text = re.sub(r"<(pre|code|script)\b.*?</\1>", "", (SITE / name).read_text("utf-8"), flags=re.DOTALL)
        assert not re.search(r"\\(frac|mathrm|left|sum|partial|begin)\b", text), name
    assert (SITE / "reference" / "layers.html").read_text("utf-8").count("<math") > 150


@pytest.mark.parametrize("name", SHOWN)
def test_axe_finds_nothing(pages, browser, name):
    """In light and dark, on a desk and on a phone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for scheme, width in LOOKS:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.goto(f"file://{SITE}/{name}.html")
        found = axe.run(page).response["violations"]
        page.close()
        assert not found, [(scheme, width, one["id"], one["nodes"][0]["html"][:150]) for one in found]


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_asks_for_nothing_else_and_fits_a_phone(pages, browser, name):
    page, asked = browser.new_page(viewport={"width": 390, "height": 800}), []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(str(error)))
    page.goto(f"file://{SITE}/{name}.html")
    assert all(url.startswith(("file:", "data:")) for url in asked), asked
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
