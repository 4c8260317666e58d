"""A browser for the tests of the page, or a reason to skip them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import lucidnet as ln

CHROMIUM = os.environ.get("LUCIDNET_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with sync.sync_playwright() as play:
        made = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The text of axe-core: of the file that LUCIDNET_AXE names, or from npm."""
    if given := os.environ.get("LUCIDNET_AXE"):
        return Path(given).read_text(encoding="utf-8")
    if shutil.which("npm") is None:
        pytest.skip("axe-core: there is no npm on this machine, and LUCIDNET_AXE names no file")
    folder = tmp_path_factory.mktemp("axe")
    packed = subprocess.run(
        ["npm", "pack", "axe-core@4.14.1", "--silent"],
        cwd=folder,
        capture_output=True,
        timeout=90,
        check=False,
    )
    if packed.returncode:
        pytest.skip("axe-core: npm cannot fetch it here, and LUCIDNET_AXE names no file")
    shutil.unpack_archive(folder / "axe-core-4.14.1.tgz", folder, "gztar")
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")


class Open:
    """A page of a server in the browser, with what was asked for and what went wrong."""

    def __init__(self, browser, url, width=1280, height=800, **settings):
        self.context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        self.requests, self.faults = [], []
        self.page = self.tab(url)

    def tab(self, url):
        page = self.context.new_page()
        page.set_default_timeout(10_000)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda told: told.type == "error" and self.faults.append(told.text))
        page.goto(url)
        page.wait_for_function("() => window.lucidnet?.frame")
        return page


@pytest.fixture
def opened(browser, served):
    """Open pages; whatever fails in them while the server is there fails the test."""
    made = []

    def open_page(url, **settings):
        made.append(Open(browser, url, **settings))
        return made[-1]

    yield open_page
    for one in made:
        one.context.close()
        refused = (
            "Failed to load resource"  # what the server refuses, or a server that has ended: the page says so
        )
        assert [fault for fault in one.faults if refused not in fault] == []


@pytest.fixture
def served():
    """A server, and the page's training with it."""
    with ln.lab.serve("spirals", open=False) as made:
        yield made
