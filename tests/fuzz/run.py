"""The parent: starts a child for each batch of mutants, and notes crashes, hangs and what the child tells."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FINE = ("whole", "refused", "not finite")
BATCH = 5000
SILENT = 30.0
"""Seconds without a word after which a child hangs (its mutants after 5; importing takes some)."""


def fuzz(kind, mutants, seed=0, first=0, seconds=float("inf"), tell=lambda text: None):
    """Return how many mutants were whole and refused, and what was found: pairs of a number and what is wrong."""
    counts, found, number, ends = Counter(), [], first, time.monotonic() + seconds
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        while number < first + mutants and time.monotonic() < ends:
            number = _batch(kind, seed, number, min(number + BATCH, first + mutants), folder, counts, found, ends)
            tell(f"{kind}: {number:,} mutants, {dict(counts)}, {len(found)} wrong")
    return counts, found


def _batch(kind, seed, first, last, folder, counts, found, ends):
    """Run one child; return the number of the mutant to go on with."""
    paths = [str(ROOT / "src"), str(ROOT / "tests"), str(ROOT)]
    given = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.fuzz.child", kind, str(seed), str(first), str(last), folder]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=given, cwd=ROOT)
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
            if time.monotonic() > ends:
                return done
    finally:
        child.kill()
        said = child.communicate()[1].decode(errors="replace")
    if current < first:
        raise RuntimeError(f"the child did not begin: {said[-2000:]}")
    if done < last:
        found.append((current, f"ended with {child.returncode}: {said[-300:]}"))
        return current + 1
    return last
