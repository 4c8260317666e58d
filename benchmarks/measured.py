"""What is measured, by which command, and how its output is parsed, for the figures of README and docs.

The figures themselves lie in `measured.json`: for each measurement the day, the threads, the seconds
of work and what was found, by name. ``python -m benchmarks.results measure NAME`` measures one anew.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import lucidnet

ROOT = Path(__file__).resolve().parent.parent
FILE = Path(__file__).with_name("measured.json")
PICTURES = "docs/_static/papers"
"""The folder for the figures of the papers."""

Figures: TypeAlias = dict[str, str]


@dataclass(frozen=True)
class Measurement:
    """A command, its number of threads, and the parser of its output."""

    command: str
    read: Callable[[str], Any]
    threads: int = 1

    def make(self) -> dict[str, Any]:
        """Run the command; return the date, the conditions and the values found."""
        first, *rest = shlex.split(self.command)
        assert first == "python", "each command begins so"
        source = str(Path(lucidnet.__file__).parent.parent)
        environment = os.environ | {"OPENBLAS_NUM_THREADS": str(self.threads), "PYTHONPATH": source}
        began = spent()
        done = subprocess.run(
            [sys.executable, *rest], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment, check=True
        )
        return self.noted(done.stdout, spent() - began)

    def noted(self, printed: str, seconds: float) -> dict[str, Any]:
        """Return the values that a command printed, with the day, the threads and the seconds."""
        found = self.read(printed)
        if not found:
            raise ValueError(f"nothing to read in what {self.command} printed:\n{printed}")
        day = time.strftime("%Y-%m-%d")
        return {"date": day, "threads": self.threads, "seconds": round(seconds), "found": found}


def spent() -> float:
    """Return the CPU seconds of processes started here, which busy neighbours change little."""
    times = os.times()
    return times.children_user + times.children_system


def shrunk(picture: Path) -> None:
    """Save a picture with 256 colours, in half the bytes; a colour map keeps its order."""
    from PIL import Image

    with Image.open(picture) as image:
        image.convert("RGB").quantize(256).save(picture, optimize=True)


# --- readers: from what a command prints to figures by name ---------------------------------------


COLUMNS = {"epochs": 1, "each": 2, "mean": 3}
"""The columns in the table of `mnist.py`."""


def table(printed: str) -> Figures:
    """Read the table printed by `mnist.py`."""
    rows = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in printed.splitlines()[2:]]
    return {f"{row[0]} {what}": row[at] for row in rows for what, at in COLUMNS.items()}


def seeds(printed: str) -> Figures:
    """Read the accuracy and time of each seed."""
    lines = re.findall(r"^seed \d+: ([\d.]+) % after (\d+) s", printed, re.MULTILINE)
    each, spent = [one for one, _ in lines], [int(time) for _, time in lines]
    mean = sum(map(float, each)) / len(each)
    return {"each": ", ".join(each), "mean": f"{mean:.2f} %", "seconds": f"{sum(spent) / len(spent):.0f} s"}


def checks(printed: str) -> list[list[str]]:
    """Read the lines of a paper's script: the effect, the paper's figure, ours, the verdict."""
    lines = [line for line in printed.splitlines()[1:] if line[58:59] == " " and line[75:76] == " "]
    return [
        [line[:58].strip(), line[58:75].strip(), line[75:92].strip(), line[92:].strip()] for line in lines
    ]


def ratios(printed: str) -> Figures:
    """Read lines such as ``LSTM  lucidnet 50 ms  PyTorch 52 ms   ratio 0.96 of PyTorch``, below a setting."""
    found: Figures = {}
    setting = ""
    for line in printed.splitlines():
        if match := re.match(r"(784-.*), (?:sgd|adam)$", line):
            setting = f"{match[1]}, "
        elif match := re.match(r"  (.+?) +lucidnet .* ratio (.*)", line):
            for ratio, other in re.findall(r"(\d+\.\d\d) of ([^,]+)", match[2]):
                found[f"{setting}{match[1]}, {other}"] = ratio
    return found


def epochs(printed: str) -> Figures:
    """Read the ratios of each network, printed below its name."""
    found: Figures = {}
    name = ""
    for line in printed.splitlines():
        if match := re.match(r"  (\S+), batch", line):
            name = match[1]
        elif line.startswith("    ratio"):
            pairs = re.findall(r" {2}(\S.*?) (\d+\.\d\d)(?= )", line.removeprefix("    ratio      "))
            found |= {f"{name}, {who}": ratio for who, ratio in pairs}
    return found


def cycle(printed: str) -> Figures:
    """Read the accuracy of the one-cycle run, and the best of the constant rates."""
    constant = re.findall(r"^constant .*mean ([\d.]+) %", printed, re.MULTILINE)
    (one,) = re.findall(r"^one cycle .*mean ([\d.]+) %", printed, re.MULTILINE)
    return {"cycle": f"{one} %", "constant": f"{max(constant, key=float)} %"}


def by_pattern(**patterns: str) -> Callable[[str], Figures]:
    """Return a parser that finds one figure after each pattern; all must be present."""

    def read(printed: str) -> Figures:
        found = {name: re.search(pattern, printed) for name, pattern in patterns.items()}
        if missing := [name for name, match in found.items() if not match]:
            raise ValueError(f"no {missing[0]} in what was printed:\n{printed}")
        return {name: match[1] for name, match in found.items() if match}

    return read


def paper(script: str, options: str = "") -> Measurement:
    """Return the measurement for a paper's script, which also draws its figure."""
    words = f"python examples/papers/{script}.py {options} --figure {PICTURES}/{script}.png"
    return Measurement(" ".join(words.split()), checks)


PAPERS = {
    "lillicrap_linear": paper("lillicrap_linear"),
    "lillicrap_mnist": paper("lillicrap_mnist"),
    "nokland": paper("nokland"),
    "akrout": paper("akrout"),
    "murray": paper("murray", "--seeds 0"),  # of the nine that are its default, for time's sake
    "marschall": paper("marschall"),
    "bellec": paper("bellec"),
}

SPEED = "python -m benchmarks --only"
EXPERIMENTS = "python examples/experiments"

MEASUREMENTS = (
    PAPERS
    | {
        "mnist": Measurement("python -m benchmarks.mnist", table),
        "mnist_conv_small": Measurement("python -m benchmarks.mnist_conv small", seeds),
        "mnist_conv_keras": Measurement("python -m benchmarks.mnist_conv keras --seeds 1", seeds),
        "one_cycle": Measurement(f"{EXPERIMENTS}/one_cycle.py", cycle),
        "shakespeare_lstm": Measurement(
            f"{EXPERIMENTS}/shakespeare.py lstm", by_pattern(nats=r"epoch 20 .*held out ([\d.]+)")
        ),
        "shakespeare_transformer": Measurement(
            f"{EXPERIMENTS}/shakespeare.py transformer",
            by_pattern(nats=r"all of the held-out text: ([\d.]+)"),
        ),
        "adding": Measurement(
            f"{EXPERIMENTS}/adding.py",
            lambda printed: {
                name.strip(): error
                for name, error in re.findall(r"^(.+?) +mean squared error ([\d.]+)", printed, re.MULTILINE)
            },
        ),
        "dense": Measurement(f"{SPEED} dense --threads 2", ratios, 2),
        "startup": Measurement(
            f"{SPEED} startup --threads 2",
            by_pattern(
                numpy=r"NumPy .*ratio ([\d.]+)",
                first=r"JAX, first run .*ratio ([\d.]+)",
                again=r"programs on disk .*ratio ([\d.]+)",
            ),
            2,
        ),
        "rules": Measurement(
            f"{SPEED} rules --threads 1",
            by_pattern(
                fa=r"steps of backprop: fa ([\d.]+)",
                rflo=r"rflo +([\d.]+) ms",
                rtrl=r"rtrl +([\d.]+) ms",
                product=r"of RTRL alone: ([\d.]+) ms",
            ),
        ),
        "online": Measurement(
            f"{SPEED} online --threads 1",
            by_pattern(
                rflo_step=r"rflo.*JAX, step [\d.]+ \((\d+\.\d\d)\d*\)",
                rflo_scan=r"rflo.*scan of 1000 [\d.]+ \((\d+\.\d\d)\d*\)",
                rtrl_step=r"rtrl.*JAX, step [\d.]+ \((\d+\.\d\d)\d*\)",
                rtrl_scan=r"rtrl.*scan of 1000 [\d.]+ \((\d+\.\d\d)\d*\)",
            ),
        ),
        "memory": Measurement(
            f"{SPEED} memory --threads 1",
            by_pattern(peak=r"one epoch: (\d+ MiB)", data=r"float32 is (\d+ MiB)", rest=r"so (\d+ MiB)"),
        ),
    }
    | {
        f"{part}_{threads}": Measurement(f"{SPEED} {part} --threads {threads}", read, threads)
        for part, read in (
            ("recurrent", ratios),
            ("attention", ratios),
            ("convolution", ratios),
            ("epochs", epochs),
        )
        for threads in (1, 2)
    }
)


def kept() -> dict[str, Any]:
    """Return all measurements stored in the file, by name."""
    measured: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return measured


def keep(measured: dict[str, Any]) -> None:
    """Save measured values to the file, in the order of the table above."""
    ordered = {name: measured[name] for name in MEASUREMENTS if name in measured}
    FILE.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", "utf-8")
