"""The scripts that reproduce papers: each is tried out with a few steps; with -m slow each is run whole.

What they check has to fail for wrong rules: one by which the last layer alone learns, and one whose errors are shuffled.
"""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples" / "papers"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "common.py")


def run(script, folder, *arguments):
    return subprocess.run(
        [sys.executable, FOLDER / script, *arguments], capture_output=True, text=True, check=False, cwd=folder
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_runs(script, data_folder, tmp_path):
    done = run(script, tmp_path, "--quick")
    assert done.returncode == 0, done.stderr
    assert "only tried out: nothing was checked" in done.stdout
    assert (tmp_path / script).with_suffix(".png").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_what_the_paper_found_is_found_again(script, data_folder, tmp_path):
    done = run(script, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass" in done.stdout
