"""The page's JavaScript is checked by TypeScript, as strictly as it can be."""

import shutil
import subprocess

import pytest

from lucidnet.lab.page import files

OPTIONS = [
    "--noEmit",
    "--allowJs",
    "--checkJs",
    "--strict",
    "--skipLibCheck",
    "--target",
    "es2023",
]
OPTIONS += ["--module", "es2022", "--moduleResolution", "bundler", "--lib", "es2023,dom,dom.iterable"]


@pytest.fixture(scope="session")
def tsc(node_tools):
    """Return what runs TypeScript."""
    node = shutil.which("node")
    compiler = node_tools("typescript", "5.9.3") / "lib" / "tsc.js"
    return lambda names, folder: subprocess.run(
        [node, str(compiler), *OPTIONS, *names],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def written(folder, **changed):
    for name in files.MODULES:
        (folder / f"{name}.js").write_text(changed.get(name) or files._text(f"{name}.js"), encoding="utf-8")
    return sorted(path.name for path in folder.glob("*.js"))


def test_all_modules_have_the_types_that_they_say(tsc, tmp_path):
    found = tsc(written(tmp_path), tmp_path)
    assert found.returncode == 0, found.stdout


def test_a_wrong_type_is_found(tsc, tmp_path):
    """Show that the test above can fail: a number where text belongs."""
    wrong = files._text("numbers.js").replace(
        "  return String(Number(v.toPrecision(4)));", "  return 0 + [1];"
    )
    (tmp_path / "numbers.js").write_text(
        wrong.replace("/** A number", "/** @returns {number}\n * A number"), "utf-8"
    )
    assert "numbers.js" in tsc(["numbers.js"], tmp_path).stdout


def test_names_at_the_tops_of_modules_differ():
    """`saved_page` joins all modules into one."""
    import re

    found = [
        name
        for module in files.MODULES
        for name in re.findall(
            r"(?m)^(?:export )?(?:async )?(?:const|let|function|class) (\w+)", files._text(f"{module}.js")
        )
    ]
    assert len(found) > 50 and len(found) == len(set(found)), sorted(n for n in found if found.count(n) > 1)
