"""What the package says of itself: its page, its dependencies, the command without the extra that brings it."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

import lucidnet.cli

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def page(monkeypatch, address=None):
    """Return the metadata that hatchling makes of the project."""
    pytest.importorskip("hatchling")
    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.manager import PluginManager

    monkeypatch.delenv("LUCIDNET_REPOSITORY", raising=False)
    if address:
        monkeypatch.setenv("LUCIDNET_REPOSITORY", address)
    return ProjectMetadata(str(ROOT), PluginManager()).core


def links(text):
    return re.findall(r"\[[^\]\n]+\]\(([^)\s]+)\)", text)


def test_without_an_address_the_page_names_files_and_links_to_none(monkeypatch):
    core = page(monkeypatch)
    assert links(core.readme) == [] and "!" not in core.readme.split("```")[0] and core.urls == {}
    assert "in `layers/dense.py`" in core.readme
    assert len(links((ROOT / "README.md").read_text("utf-8"))) > 5


def test_with_an_address_all_links_are_absolute_and_to_files_that_exist(monkeypatch):
    core = page(monkeypatch, "https://host.example/owner/lucidnet/")
    address, tag = "https://host.example/owner/lucidnet", f"v{PROJECT['version']}"
    pictures = re.findall(r"!\[[^\]\n]+\]\(([^)\s]+)\)", core.readme)
    assert pictures == [f"{address}/raw/{tag}/docs/_static/inside.png"]  # a page about a file is no picture
    tree = f"{address}/blob/{tag}/"
    found = [link for link in links(core.readme) if link not in pictures]
    assert found and all(link.startswith(tree) for link in found)
    for link in [*found, core.urls["Changelog"]]:
        assert (ROOT / link.removeprefix(tree)).exists(), link
    with pytest.raises(ValueError, match="must begin with https://"):
        _ = page(monkeypatch, "host.example").readme


def test_the_page_names_the_packages_that_come(monkeypatch):
    text = (ROOT / "README.md").read_text("utf-8")
    for one in PROJECT["dependencies"]:
        assert f"`{re.match(r'[a-z]+', one)[0]}`" in text
    for extra in set(PROJECT["optional-dependencies"]) - {"test", "dev", "docs"}:
        assert f"`{extra}`" in text


def test_the_least_versions_are_read_by_what_installs_them():
    from floors import least

    assert least() == [one.replace(">=", "==") for one in PROJECT["dependencies"]]
    assert least("cli")[-1].startswith("typer==")


def test_without_typer_the_command_says_the_one_thing_to_do(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "typer", None)
    for name in [name for name in sys.modules if name.startswith("lucidnet.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit) as ended:
        lucidnet.cli.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said == "error: this needs typer, which is not installed: pip install 'lucidnet[cli]'\n"
