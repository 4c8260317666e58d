"""Pages in a browser, and tools of npm, for the tests of the page."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import lucidnet as ln


@pytest.fixture(scope="session")
def node_tools(tmp_path_factory):
    """Return the folder of a package from npm, or a reason to skip."""

    def get(name, version):
        if shutil.which("npm") is None or shutil.which("node") is None:
            pytest.skip(f"{name}: there is no npm on this machine")
        folder = tmp_path_factory.mktemp("node")
        command = ["npm", "pack", f"{name}@{version}", "--silent"]
        packed = subprocess.run(command, cwd=folder, capture_output=True, timeout=90, check=False)
        if packed.returncode:
            pytest.skip(f"{name}: npm cannot fetch it here")
        shutil.unpack_archive(folder / f"{name}-{version}.tgz", folder, "gztar")
        return folder / "package"

    return get


@pytest.fixture(scope="session")
def axe(node_tools):
    """The text of axe-core: of the file that LUCIDNET_AXE names, or from npm."""
    given = os.environ.get("LUCIDNET_AXE")
    path = Path(given) if given else node_tools("axe-core", "4.14.1") / "axe.min.js"
    return path.read_text(encoding="utf-8")


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
