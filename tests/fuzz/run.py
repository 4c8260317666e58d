"""The parent: starts a child for each batch of mutants, and notes crashes, hangs and what the child tells."""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FINE = ("whole", "refused", "not finite")
BATCH = 5000
SILENT = 30.0
"""Seconds without a word after which a child hangs (its mutants after 5; importing takes some)."""


def start(*given):
    """Start a child: a module of this package, or a program, with arguments."""
    paths = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
    what = given[:1] if given[0].endswith(".py") else ("-m", f"tests.fuzz.{given[0]}")
    command = [sys.executable, *what, *given[1:]]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=ROOT)


def fuzz(kind, mutants, seed=0, first=0, tell=lambda text: None, program="child"):
    """Return how many mutants were whole and refused, and what was found: pairs of a number and what is wrong.

    Of several kinds, with commas, they are made in turn.
    """
    counts, found, number, told = Counter(), [], first, 0
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        while number < first + mutants:
            given = (kind, str(seed), str(number), str(min(number + BATCH, first + mutants)), folder)
            number = _batch(start(program, *given), number, int(given[3]), counts, found)
            for wrong in found[told:]:
                tell(f"  {kind} {wrong[0]}: {wrong[1]}")
            told = len(found)
            tell(f"{kind}: {number:,} mutants, {dict(counts)}, {len(found)} wrong")
    return counts, found


def _batch(child, first, last, counts, found):
    """Listen to one child; return the number of the mutant to go on with."""
    current, buffer, done = first - 1, b"", first
    try:
        while True:
            if not select.select([child.stdout], [], [], SILENT)[0]:
                found.append((current, "hangs"))
                return current + 1
            data = os.read(child.stdout.fileno(), 1 << 16)
            if not data:
                break
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                told = json.loads(line)
                if isinstance(told, int):
                    current = told
                    continue
                done = current + 1
                counts[told[0] if told[0] in FINE else "wrong"] += 1
                if told[0] not in FINE:
                    found.append((current, told[0]))
    finally:
        child.kill()
        said = child.communicate()[1].decode(errors="replace")
    if current < first:
        raise RuntimeError(f"the child did not begin: {said[-2000:]}")
    if done < last:
        found.append((current, f"ended with {child.returncode}: {said[-300:]}"))
        return current + 1
    return last
