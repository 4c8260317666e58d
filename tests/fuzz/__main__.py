"""``python -m tests.fuzz [FORMAT ...] [--mutants N] [--seed S] [--first N]``: damaged files by the hundred thousand."""

import argparse
import sys
import time

from .run import fuzz

FORMATS = ("model", "checkpoint", "idx", "csv", "npz", "hdf5")

parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
parser.add_argument("formats", nargs="*", default=FORMATS, help=f"of {', '.join(FORMATS)}; all if none")
parser.add_argument("--mutants", type=int, default=100_000, help="how many of each")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument(
    "--first", type=int, default=0, help="the number of the first: each is a function of seed and number"
)
given = parser.parse_args()
wrong = 0
for kind in given.formats:
    began = time.monotonic()
    counts, found = fuzz(
        kind, given.mutants, given.seed, given.first, tell=lambda text: print(text, flush=True)
    )
    print(
        f"{kind}: {sum(counts.values()):,} mutants in {time.monotonic() - began:.0f} s: {dict(counts)}",
        flush=True,
    )
    wrong += len(found)
sys.exit(bool(wrong))
