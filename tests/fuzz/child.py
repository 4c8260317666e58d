"""The child process that uses mutants: with little memory, and watched by its parent."""

import contextlib
import json
import os
import re
import resource
import sys
import time
import traceback

import numpy as np

from lucidnet.errors import FileError, NonFiniteError

from . import mutate, seeds

ROOM = 200 << 20
"""How many bytes the use of a mutant may take."""
NO_ROOM = re.compile("allocate|allocation failed|out of memory|malloc|Errno 12", re.IGNORECASE)
SLOW = 5.0
"""Seconds after which a mutant hangs."""


def limited():
    """Let this process take no more memory than a little above what it has."""
    pages = int(open("/proc/self/statm").read().split()[0])
    most = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def out_of_memory(error):
    """Tell whether an error comes of a lack of memory, however it was wrapped."""
    while error is not None:
        if isinstance(error, MemoryError) or NO_ROOM.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def main(kind, seed, first, last, folder):
    """Use mutants number first to last; print a line before each, and one for what is wrong with it."""
    folder = seeds.Path(folder)
    (folder / "use").mkdir(exist_ok=True)
    files, use, parsed = seeds.whole_files(kind, folder), seeds.KINDS[kind][1], {}
    for content in files:  # what is imported and cached the first time does not count
        use(folder / "use", content)
    with contextlib.suppress(OSError, ValueError):
        limited()
    before, told = peak(), sys.__stdout__
    sys.stdout = open(os.devnull, "w")
    for number in range(first, last):
        rng = np.random.default_rng([seed, number])
        content = mutate.mutant(kind, files, rng, folder, parsed)
        told.write(f"{number}\n")
        told.flush()
        began, said = time.perf_counter(), "whole"
        try:
            use(folder / "use", content)
        except FileError as error:
            said = "memory: " + repr(error)[:300] if out_of_memory(error) else "refused"
            if not (error.file and error.reason and error.remedy):
                said = f"incomplete: {error!r}"
        except NonFiniteError:  # weights or rates that are numbers, but ruin the training that goes on
            said = "not finite"
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-3:]
            said = f"{type(error).__name__}: {str(error)[:200]} at {[(f.filename.split('/')[-1], f.lineno) for f in where]}"
        seconds, grown = time.perf_counter() - began, peak() - before
        if seconds > SLOW:
            said = f"slow: {seconds:.1f} s, {said}"
        if grown > ROOM:
            said, before = f"memory: {grown >> 20} MB, {said}", peak()
        told.write(json.dumps([said, seconds]) + "\n")
        told.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
