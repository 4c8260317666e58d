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


SHORT = [pytest.param(script, marks=() if script == "akrout.py" else pytest.mark.slow) for script in SCRIPTS]
"""Those that take longer than some seconds also when they are short are run with -m slow."""


@pytest.mark.parametrize("script", SHORT)
def test_the_checks_of_a_short_run_hold(script, data_folder, tmp_path):
    done = run(script, tmp_path, "--short")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout


@pytest.mark.parametrize("control", ["shallow", "shuffled"])
@pytest.mark.parametrize("script", SHORT)
def test_the_checks_fail_for_wrong_rules(script, control, data_folder, tmp_path):
    """By status and table, not by an exception."""
    done = run(script, tmp_path, "--short", "--control", control)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL" in done.stdout
    assert "figure:" in done.stdout


def test_learnt_feedback_is_told_from_feedback_alignment(data_folder, tmp_path):
    done = run("akrout.py", tmp_path, "--short", "--control", "fa")
    assert done.returncode == 1, done.stdout + done.stderr
    failed = [line for line in done.stdout.splitlines() if "FAIL" in line]
    assert len([line for line in failed if "cosine with the gradient of backprop" in line]) >= 2
