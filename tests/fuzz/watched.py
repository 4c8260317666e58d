"""Uses hostile files while an audit hook watches: what is opened, imported, run, or reached through the network."""

import contextlib
import json
import os
import sys
import time
from pathlib import Path

from lucidnet.errors import FileError, suggestion

from . import child, hostile, seeds

WATCHED = (
    "open", "exec", "compile", "import", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork",
    "socket.__new__", "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "pickle.find_class", "marshal.", "ctypes.", "urllib.", "shutil.", "os.remove", "os.rename", "os.link", "os.symlink", "os.chmod",
)  # fmt: skip
OURS = (".lucidnet-training.lock", "step-", "best.", "a.csv", ".step-", ".best", ".a.csv")
"""What a training writes into its folder."""


def main(folder):
    """Print a line for each file: what came of it, how long it took, and what the hook saw besides the file."""
    folder, seen, watching = Path(folder), [], [None]
    for kind, (_, use) in seeds.KINDS.items():  # so that all is imported
        place = folder / f"warm-{kind}"
        place.mkdir()
        for content in seeds.whole_files(kind, place):
            with contextlib.suppress(FileError):
                use(place, content)
            with contextlib.suppress(FileError):
                use(place, content[:-9])
    suggestion("what a message needs", ["is imported, too"])
    rows = json.loads((folder / "rows.json").read_text())

    def hook(event, given):
        if watching[0] is None or not event.startswith(WATCHED):
            return
        if event == "open":
            if not isinstance(given[0], (str, bytes)):
                return
            path = Path(os.fsdecode(given[0]))
            if path == watching[0] or (path.parent == watching[0].parent and path.name.startswith(OURS)):
                return
            if path in (watching[0].parent, Path(os.devnull)) or str(path).startswith("/proc/"):
                return  # the folder that is synced; what tells one process from another
        if event in ("os.remove", "os.rename", "os.link", "os.chmod") and str(watching[0].parent) in str(
            given[0]
        ):
            return
        seen.append(f"{event} {str(given)[:200]}")

    sys.addaudithook(hook)
    child.limited()
    for kind, name, path in rows:
        seen.clear()
        began, watching[0] = time.perf_counter(), Path(path)
        try:
            hostile.FORMATS[kind][2](Path(path))
            said = "whole"
        except FileError as error:
            watching[0] = None
            said = "refused" if error.file and error.reason and error.remedy else f"incomplete: {error!r}"
            if child.out_of_memory(error):
                said = f"memory: {error}"
        except BaseException as error:
            watching[0] = None
            said = f"{type(error).__name__}: {error}"[:300]
        watching[0] = None
        print(json.dumps([kind, name, said, time.perf_counter() - began, list(seen)]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
