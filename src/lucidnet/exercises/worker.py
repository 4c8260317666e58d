"""The process in which a student's file runs: it answers questions about the file's functions.

It is started as a script, by the path of this file, and imports nothing of lucidnet, so that the file finds
no checks to change. Questions and answers are lines of JSON; arrays go as bytes. What the file prints goes to
the standard error.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from typing import Any

import numpy as np

MEMORY = 4 << 30
"""The memory in bytes that may be allocated, where the system can limit it."""
MOST = 1 << 24
"""The most bytes of an array that is returned."""


def packed(value: Any) -> Any:
    """Convert a function's argument or result for JSON."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if value is ...:
        return {"hole": True}
    if isinstance(value, (list, tuple)):
        return [packed(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            return {"other": f"an array of {array.dtype}"}
        if array.nbytes > MOST:
            return {"other": f"an array of shape {array.shape}"}
        raw = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
        return {"dtype": array.dtype.str, "shape": list(array.shape), "raw": raw}
    return {"other": f"a {type(value).__name__}"}


def unpacked(value: Any) -> Any:
    """Convert a value back that `packed` made; holes and other things stay as they are."""
    if isinstance(value, list):
        return tuple(unpacked(part) for part in value)
    if isinstance(value, dict) and "raw" in value:
        dtype = np.dtype(value["dtype"])
        if dtype.kind not in "biuf":
            raise ValueError(f"no numbers: {dtype}")
        flat = np.frombuffer(base64.b64decode(value["raw"]), dtype)
        return flat.reshape([int(size) for size in value["shape"]]).copy()
    return value


def fault(error: BaseException, file: str) -> dict[str, Any]:
    """Describe an error, and the line of the student's file where it arose."""
    line, trace = (
        getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None,
        error.__traceback__,
    )
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        said = str(error)
    except Exception:
        said = ""
    return {"error": type(error).__name__, "said": said[:500], "line": line}


class Guard:
    """Refuses imports of all but Python's own modules and NumPy, whatever way they are asked for."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        """Raise `ImportError` for a module that an exercise may not import."""
        if name.partition(".")[0] not in sys.stdlib_module_names | {"numpy"}:
            raise ImportError(f"{name} cannot be imported: an exercise is solved with NumPy alone")


def bound(seconds: int) -> None:
    """Limit this process's memory and time where the system can, in case its parent is gone."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    except (ImportError, OSError, ValueError):
        pass


def answer(space: dict[str, Any], question: dict[str, Any], file: str) -> dict[str, Any]:
    """Call a function of the file; return its value, and the arguments that it modified."""
    given = {name: unpacked(value) for name, value in question["given"].items()}
    before = {name: value.copy() for name, value in given.items() if isinstance(value, np.ndarray)}
    try:
        with np.errstate(all="ignore"):
            value = packed(space[question["call"]](**given))
    except BaseException as error:  # of the student's: also SystemExit
        return fault(error, file)
    changed = {
        name: packed(given[name])
        for name, array in before.items()
        if not np.array_equal(given[name], array, equal_nan=array.dtype.kind == "f")
    }
    return {"value": value, "changed": changed}


def main(file: str, seconds: int) -> None:
    """Load the file, then answer questions until there are none."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    questions = os.fdopen(os.dup(0), "r", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    bound(seconds)
    sys.meta_path.insert(0, Guard)

    def reply(made: dict[str, Any]) -> None:
        replies.write(json.dumps(made) + "\n")
        replies.flush()

    reply({"ready": True})
    space: dict[str, Any] = {"__name__": "exercise", "__file__": file}
    try:
        exec(compile(json.loads(questions.readline())["text"], file, "exec"), space)
        reply({"loaded": True})
    except BaseException as error:
        reply(fault(error, file))
        return
    for line in questions:
        reply(answer(space, json.loads(line), file))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
