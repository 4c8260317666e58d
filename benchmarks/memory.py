"""Peak memory of a whole process that trains on MNIST (Linux: read from /proc)."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import pathlib, re
import lucidnet as ln
from lucidnet.layers import Dense, Input

(x, y), (x_test, y_test) = ln.data.load("mnist")
model = ln.Model([Input(784), Dense(128, activation="relu"), Dense(64, activation="relu"),
                  Dense(10, activation="softmax")])
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x, y, epochs=1, batch_size=64, verbose=0)
model.evaluate(x_test, y_test)
peak = int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) * 1024
print(peak, x.nbytes + x_test.nbytes)
"""


def run(threads: int, rounds: int) -> None:
    """Train in a process of its own; print its peak memory against the size of the data set."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"\npeak memory: not measured ({done.stderr.strip().splitlines()[-1]})")
        return
    peak, data = (int(text) / 2**20 for text in done.stdout.split())
    print(
        f"\npeak memory of a process that loads MNIST and trains one epoch: {peak:.0f} MiB; the data set in "
        f"float32 is {data:.0f} MiB, so {peak - data:.0f} MiB for all the rest (Python and NumPy included)"
    )
