"""Three epochs of MNIST as whole processes, including imports, reading, compiling and the final test."""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPOCHS = 3
TURNS = 5
"""The most times that each contender is started."""
TRAIN = [sys.executable, "-m", "lucidnet", "train", "mnist", "--epochs", str(EPOCHS), "--quiet"]
SCRIPT = [sys.executable, str(Path(__file__).with_name("startup_in_torch.py")), str(EPOCHS)]
BASE = "PyTorch"


def run(threads: int, rounds: int) -> None:
    """Start each contender in turn; print times, and ratios to PyTorch turn by turn."""
    print(f"\nstartup: MNIST, {EPOCHS} epochs, 784-128-64-10, Adam, batch 64, 10 % to validate, then a test")
    if not os.environ.get("LUCIDNET_DATA"):
        print("  not measured: LUCIDNET_DATA does not name the folder with the data")
        return
    with tempfile.TemporaryDirectory() as kept:
        contenders = commands(Path(kept))
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(min(rounds, TURNS)):
            for name, (command, programs) in contenders.items():
                times[name].append(seconds(command, programs))
    for name, found in times.items():
        ratios = [own / base for own, base in zip(found, times.get(BASE, []), strict=False)]
        ratio = f"   ratio {statistics.median(ratios):.2f}" if ratios and name != BASE else ""
        print(f"  {name:<28} {statistics.median(found):6.2f} s{ratio}", flush=True)


def commands(kept: Path) -> dict[str, tuple[list[str], Path | None]]:
    """Return each contender's command and its folder of compiled programs (None: a new folder)."""
    made: dict[str, tuple[list[str], Path | None]] = {"NumPy": (TRAIN, None)}
    if importlib.util.find_spec("torch"):
        made = {BASE: (SCRIPT, None)} | made
    if importlib.util.find_spec("jax"):
        on_jax = [*TRAIN, "--backend", "jax"]
        seconds(on_jax, kept)  # so that its programs are there
        made |= {"JAX, first run": (on_jax, None), "JAX, programs on disk": (on_jax, kept)}
    return made


def seconds(command: list[str], programs: Path | None) -> float:
    """Return the time that a process takes."""
    with tempfile.TemporaryDirectory() as fresh:
        environment = os.environ | {"LUCIDNET_PROGRAMS": str(programs or fresh)}
        began = time.perf_counter()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return time.perf_counter() - began
