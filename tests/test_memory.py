"""Memory that a step frees is there for the step after."""

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource
import numpy as np
from lucidnet.backend.memory import keep_freed

def faults():
    made = [np.ones(3_000_000, "float32") for _ in range(4)]  # 12 MB each
    del made
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    made = [np.ones(3_000_000, "float32") for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
keep_freed()
print(first, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this is about glibc's malloc")
def test_pages_of_freed_arrays_are_kept():
    # Dask tells glibc to give memory back, by a variable of which tests before this one may have left something.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env=plain
    )
    before, after = map(int, run.stdout.split())
    assert before > 500  # else there is nothing to keep
    assert after < 100
