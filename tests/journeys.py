"""What a batch goes through: the functions of lucidnet that are called for it, on four journeys.

    python tests/journeys.py              a table of the four
    python tests/journeys.py --tree a     the calls of one, indented, then how many are in each file

How it is counted, so that figures of two versions can be compared:

- A frame counts if its code stands in a file of ``src/lucidnet``. What a dataclass has generated does not.
- A journey begins with the frame that handles one block (`LOOP`; `ONLINE` for a stream) and ends with it. That
  frame is the first call; depth counts the frames below it.
- *calls* leaves out comprehensions and generator expressions (lambdas count), *with comprehensions* does not: a
  generator counts each time it goes on. Depth and changes of file are found with them.
- *changes* are counted in the order of the calls: a call in another file than the call before it, the first one
  included. The way back from a call is no change.
- Each journey runs in a process of its own. On NumPy its *first* block is traced, of a single batch, in which the lucidnet modules
  that are imported late, and what is computed once and kept, are calls too (a later batch has fewer: last column).
  On JAX it is the second block of two steps, and of a stream the third time step: what is compiled or begun once
  is over.
- *to gradient*: frames between the one that handles the block and the function that finds the gradient
  (`GRADIENT`). *an edge*: frames between a container's `route` and the `backward` of a layer inside it.

Python 3.11 counts like this. From 3.12 on a list comprehension has no frame of its own, so that depth and the
number with comprehensions may be smaller.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeAlias

SOURCES = Path(__file__).resolve().parent.parent / "src"
PACKAGE = str(SOURCES / "lucidnet") + os.sep

Anchors: TypeAlias = tuple[tuple[str, str], ...]
"""Where a function may stand: end of its file's path, and its name. The first that is met is taken."""

LOOP: Anchors = (("training/loop.py", "_steps"), ("training/loop.py", "_block"))
ONLINE: Anchors = (
    ("training/online.py", "step"),
    ("engine/online.py", "step"),
    ("lucidnet/online.py", "step"),
)
GRADIENT: Anchors = (
    ("training/objective.py", "gradient"),
    ("engine/objective.py", "gradient"),
    ("engine/update.py", "gradient"),
)
ROUTE: Anchors = (("layers/containers.py", "route"),)

LEAVES = (
    "backend",
    "core",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "tree",
    "trees",
    "value",
)
"""Folders and files of formulas and arrays; all others are the way to them."""

COMPREHENSIONS = {"<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>"}


class Call(NamedTuple):
    """A call: file and function, and the frames of lucidnet around it, the loop's first."""

    file: str
    function: str
    around: tuple[tuple[str, str], ...]

    @property
    def comprehension(self) -> bool:
        return self.function in COMPREHENSIONS

    def at(self, anchors: Anchors) -> bool:
        return matches(self.file, self.function, anchors)


class Journey(NamedTuple):
    """What is traced: its name, a function that does it, the frame where it begins, which of them it is."""

    name: str
    run: Callable[[], None]
    begin: Anchors
    number: int


@dataclass(frozen=True)
class Figures:
    """What was counted."""

    calls: int
    with_comprehensions: int
    files: int
    leaf_files: int
    changes: int
    depth: int
    to_gradient: int | None
    edge: int | None
    later: int


def matches(file: str, function: str, anchors: Anchors) -> bool:
    """Tell whether a function is one of these."""
    return any(function == name and f"lucidnet/{file}".endswith(end) for end, name in anchors)


# --- the journeys ---------------------------------------------------------------------------------


def fit(backend: str, rule: str | None = None, rows: int = 64) -> None:
    """Train two dense layers by Adam, for two epochs."""
    import numpy as np

    from lucidnet import Model
    from lucidnet.layers import Dense, Input

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(rows, 20)).astype("float32"), rng.integers(0, 10, rows)
    model = Model([Input(20), Dense(32, activation="relu"), Dense(10, activation="softmax")], backend=backend)
    more = {} if rule is None else {"rule": rule}
    model.compile("categorical_crossentropy", "adam", metrics=["accuracy"], **more)
    model.fit(x, y, epochs=2, batch_size=32, verbose=0)


def stream() -> None:
    """Show a recurrent layer and a dense one a stream."""
    import numpy as np

    from lucidnet import Model
    from lucidnet.layers import Dense, Input, LeakyRNN

    layers = [Input((None, 3)), LeakyRNN(8, return_sequences=True), Dense(2)]
    model = Model(layers, backend="numpy")
    model.compile("mse", "sgd", metrics=["mae"])
    online = model.online(rule="rflo")
    for _ in range(4):
        online.step(np.ones((1, 3), "float32"), np.zeros((1, 2), "float32"))


JOURNEYS = {
    "a": Journey("backprop, NumPy", lambda: fit("numpy", rows=32), LOOP, 0),
    "b": Journey("the same, rule fa", lambda: fit("numpy", "fa", rows=32), LOOP, 0),
    "c": Journey("JAX, a block of 2 steps", lambda: fit("jax"), LOOP, 1),
    "d": Journey("online, RFLO, NumPy", stream, ONLINE, 2),
}


# --- tracing and counting -------------------------------------------------------------------------


def traced(journey: Journey) -> list[list[Call]]:
    """Return the calls of each block of a journey."""
    blocks: list[list[Call]] = []
    root: list[FrameType] = []

    def within(frame: FrameType) -> tuple[tuple[str, str], ...]:
        found = []
        step: FrameType | None = frame.f_back
        while step is not None:
            if (file := own(step.f_code)) is not None:
                found.append((file, step.f_code.co_name))
            if step is root[0]:
                break
            step = step.f_back
        return tuple(reversed(found))

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "return" and root and frame is root[0]:
            root.clear()
        if event != "call" or (file := own(frame.f_code)) is None:
            return
        name = frame.f_code.co_name
        if root:
            blocks[-1].append(Call(file, name, within(frame)))
        elif matches(file, name, journey.begin):
            root.append(frame)
            blocks.append([Call(file, name, ())])

    sys.setprofile(profile)
    try:
        journey.run()
    finally:
        sys.setprofile(None)
    if len(blocks) <= journey.number:
        raise LookupError(f"{journey.name}: too few calls of {journey.begin}: what handles a block now?")
    return blocks


def own(code: CodeType) -> str | None:
    """Return the file of a function of lucidnet, as a path inside the package."""
    file = code.co_filename
    return file.removeprefix(PACKAGE).replace(os.sep, "/") if file.startswith(PACKAGE) else None


def counted(journey: Journey) -> Figures:
    """Trace a journey, and count."""
    blocks = traced(journey)
    calls = blocks[journey.number]
    files = {call.file for call in calls}
    return Figures(
        calls=sum(not call.comprehension for call in calls),
        with_comprehensions=len(calls),
        files=len(files),
        leaf_files=sum(file.split("/")[0].removesuffix(".py") in LEAVES for file in files),
        changes=1 + sum(a.file != b.file for a, b in pairwise(calls)),
        depth=max(len(call.around) for call in calls),
        to_gradient=to_gradient(calls) if journey in (JOURNEYS["a"], JOURNEYS["b"]) else None,
        edge=max(edges(calls)) if journey in (JOURNEYS["a"], JOURNEYS["b"]) else None,
        later=sum(not call.comprehension for call in blocks[-1]),
    )


def to_gradient(calls: list[Call]) -> int:
    """Return how many frames lie between the loop and the function that finds the gradient."""
    for call in calls:
        if call.at(GRADIENT):
            return len(plain(call.around)) - 1
    raise LookupError(f"none of {GRADIENT} was called: what finds the gradient now?")


def edges(calls: list[Call]) -> Iterator[int]:
    """Yield how many frames lie between a container's `route` and the `backward` of a layer inside, each time."""
    found = False
    for call in calls:
        frames = plain(call.around)
        routes = [i for i, frame in enumerate(frames) if matches(*frame, ROUTE)]
        if call.function == "backward" and call.file.startswith("layers/") and routes:
            between = frames[routes[-1] + 1 :]
            if all(function != "backward" for _, function in between):  # not an activation inside a layer
                found = True
                yield len(between)
    if not found:
        raise LookupError(f"no layer was passed back below {ROUTE}: where is a container's route now?")


def plain(frames: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Return frames without comprehensions."""
    return [frame for frame in frames if frame[1] not in COMPREHENSIONS]


def measured() -> dict[str, Figures]:
    """Return the figures of all journeys, each from a process of its own."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    environment.setdefault("JAX_PLATFORMS", "cpu")
    command = [sys.executable, __file__, "--json"]
    running = {
        key: subprocess.Popen(
            [*command, key], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for key in JOURNEYS
    }
    found = {key: process.communicate() for key, process in running.items()}
    for key, process in running.items():
        if process.returncode:
            raise RuntimeError(f"journey {key} failed:\n{found[key][1].decode()}")
    return {key: Figures(**json.loads(out)) for key, (out, _) in found.items()}


def table(figures: dict[str, Figures]) -> str:
    """Return a line for each journey."""
    names = (
        "calls",
        "with compr.",
        "files",
        "leaf files",
        "changes",
        "depth",
        "to gradient",
        "an edge",
        "later calls",
    )
    lines = [" " * 28 + "".join(f"{name:>13}" for name in names)]
    for key, found in figures.items():
        values = ("" if value is None else value for value in asdict(found).values())
        lines.append(f"{key}  {JOURNEYS[key].name:<25}" + "".join(f"{value:>13}" for value in values))
    return "\n".join(lines)


def tree(calls: list[Call]) -> str:
    """Return the calls with indentation, then how many there are in each file, with comprehensions."""
    lines = ["  " * len(call.around) + f"{call.function}  {call.file}" for call in calls]
    files = Counter(call.file for call in calls)
    return "\n".join([*lines, "", *(f"{number:>5}  {file}" for file, number in files.most_common())])


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description="What a batch goes through.")
    parser.add_argument("--tree", choices=JOURNEYS, help="print the calls of one journey")
    parser.add_argument(
        "--json", choices=JOURNEYS, help="print the figures of one journey for another program"
    )
    given = parser.parse_args()
    sys.path.insert(0, str(SOURCES))
    if given.tree:
        journey = JOURNEYS[given.tree]
        print(tree(traced(journey)[journey.number]))
    elif given.json:
        print(json.dumps(asdict(counted(JOURNEYS[given.json]))))
    else:
        print(table(measured()))


if __name__ == "__main__":
    main()
