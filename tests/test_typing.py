"""A page of a user's code is checked by pyright and by mypy, against the package as it is installed."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CLEAN = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
PAGE, WRONG = HERE / "typing" / "page.py", HERE / "typing" / "wrong.py"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The Python of an environment in which the wheel is installed, beside what this one has."""
    place = tmp_path_factory.mktemp("installed")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        place,
        HERE.parent,
    ]
    subprocess.run(build, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "venv"], check=True)
    python = place / "venv" / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(
        subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    )
    (wheel,) = place.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    (site / "beside.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.fixture(scope="module")
def by_pyright(installed):
    """What pyright says: for each file its errors by line, and what it reveals by line."""
    command = [sys.executable, "-m", "pyright", "--pythonpath", installed, "--outputjson", PAGE, WRONG]
    done = subprocess.run(command, capture_output=True, text=True, cwd=installed.parent, env=CLEAN)
    errors, revealed = {PAGE: {}, WRONG: {}}, {}
    for found in json.loads(done.stdout)["generalDiagnostics"]:
        line, message = found["range"]["start"]["line"] + 1, found["message"]
        if found["severity"] == "error":
            errors[Path(found["file"])][line] = message
        elif match := re.match(r'Type of ".*" is "(.*)"', message, re.S):
            revealed[line] = match[1]
    return errors, revealed


@pytest.fixture(scope="module")
def by_mypy(installed, tmp_path_factory):
    """The same of mypy."""
    options = ["--strict", "--config-file=", "--no-error-summary", "--python-executable", installed]
    cache = ["--cache-dir", tmp_path_factory.mktemp("cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *cache, PAGE, WRONG],
        capture_output=True,
        text=True,
        cwd=installed.parent,
        env=CLEAN,
    )
    errors, revealed = {PAGE: {}, WRONG: {}}, {}
    for file, line, kind, message in re.findall(r"^(.*?):(\d+): (\w+): (.*)$", done.stdout, re.M):
        path = next(page for page in (PAGE, WRONG) if page.name == Path(file).name)
        if kind == "error":
            errors[path][int(line)] = message
        elif match := re.match(r'Revealed type is "(.*)"', message):
            revealed[int(line)] = match[1]
    assert not done.stderr
    return errors, revealed


@pytest.fixture(params=[pytest.param("pyright", marks=pytest.mark.slow), "mypy"])
def found(request):
    return request.getfixturevalue(f"by_{request.param}")


def lines(page):
    return list(enumerate(page.read_text("utf-8").splitlines(), 1))


def test_right_uses_are_right(found):
    assert found[0][PAGE] == {}


def test_what_comes_out_is_known(found):
    for number, text in lines(PAGE):
        if expected := re.search(r"^    reveal_type.*# is: (.*)", text):
            revealed = re.sub(r"[\w.]+\.(?=\w)", "", found[1][number])
            assert expected[1] in revealed and revealed != "Any", (text, revealed)


def test_wrong_uses_are_found(found):
    body = [(n, text) for n, text in lines(WRONG) if text.startswith("    ")]
    missed = [text.strip() for n, text in body if n not in found[0][WRONG]]
    assert missed == []
    assert set(found[0][WRONG]) == {n for n, _ in body}


def test_right_uses_run(capsys, monkeypatch):
    spec = importlib.util.spec_from_file_location("page_of_a_user", PAGE)
    page = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, page)  # where a dataclass looks for its module
    spec.loader.exec_module(page)
    for part in (page.values, page.training, page.tools, page.own):
        part()
    assert "epoch 1: " in capsys.readouterr().out
