"""What the package is tried with besides what is installed: the least versions it names, other Pythons.

python floors.py [extra ...]      the least versions of the dependencies, for pip, with those of these extras
python floors.py --find 3.13      the path of an interpreter of that version that runs, if there is one here
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from shutil import which

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def least(*extras: str) -> list[str]:
    """Return what pip is to install, such as ``numpy==2.0``."""
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    given = [*project["dependencies"], *(one for e in extras for one in project["optional-dependencies"][e])]
    return [re.fullmatch(r"([\w-]+)>=([\w.]+)", one).expand(r"\1==\2") for one in given]


def interpreters(version: str) -> Iterator[str]:
    """Yield what may be a Python of that version; pyenv's shims run only the one that is chosen."""
    for folder in sorted(Path.home().glob(f".pyenv/versions/{version}.*"), reverse=True):
        yield str(folder / "bin" / "python")
    if found := which(f"python{version}"):
        yield found


def runs(path: str, version: str) -> bool:
    """Tell whether an interpreter is of that version, and makes environments."""
    script = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run([path, "-c", script], capture_output=True, text=True).stdout.strip() == version
    except OSError:
        return False


if __name__ == "__main__":
    if sys.argv[1:2] == ["--find"]:
        found = next((path for path in interpreters(sys.argv[2]) if runs(path, sys.argv[2])), None)
        sys.exit("no such interpreter" if found is None else print(found))
    print(*least(*sys.argv[1:]))
