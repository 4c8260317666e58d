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
"""Seconds of work after which a mutant hangs; the parent sees one that waits."""


def limited():
    """Let this process take no more memory than a little above what it has."""
    pages = int(seeds.Path("/proc/self/statm").read_text().split()[0])
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


def main(kinds, seed, first, last, folder):
    """Use mutants number first to last, of the kinds in turn; print a line before each, and one for what is wrong with it."""
    kinds, whole, parsed = kinds.split(","), {}, {}
    for kind in kinds:
        place = seeds.Path(folder) / kind
        (place / "use").mkdir(exist_ok=True, parents=True)
        whole[kind] = seeds.whole_files(kind, place)
        for content in whole[kind]:  # what is imported and cached the first time does not count
            seeds.KINDS[kind][1](place / "use", content)
    with contextlib.suppress(OSError, ValueError):
        limited()
    before, told = peak(), sys.__stdout__
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    for number in range(first, last):
        kind = kinds[number % len(kinds)]
        place = seeds.Path(folder) / kind
        content = mutate.mutant(kind, whole[kind], np.random.default_rng([seed, number]), place, parsed)
        told.write(f"{number}\n")
        told.flush()
        began = time.process_time()
        said = outcome(seeds.KINDS[kind][1], place / "use", content)
        seconds, grown = time.process_time() - began, peak() - before
        if seconds > SLOW:
            said = f"slow: {seconds:.1f} s, {said}"
        if grown > ROOM:
            said, before = f"memory: {grown >> 20} MB, {said}", peak()
        told.write(json.dumps([said, seconds]) + "\n")
        told.flush()


def outcome(use, *given):
    """Use a file; return "whole", "refused", or what went wrong."""
    try:
        use(*given)
    except FileError as error:
        if out_of_memory(error):
            return f"memory: {error!r}"[:400]
        return "refused" if error.file and error.reason and error.remedy else f"incomplete: {error!r}"
    except NonFiniteError:  # weights or rates that are numbers, but ruin the training that goes on
        return "not finite"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-3:]
        places = [(frame.filename.split("/")[-1], frame.lineno) for frame in where]
        return f"{type(error).__name__}: {str(error)[:200]} at {places}"
    return "whole"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
