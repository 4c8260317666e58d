"""Notices that a process waits for the others in vain.

What a process does together with others cannot be interrupted, and it does not know what the others do. So a
process that waits for long tells in the distributed runtime for what, and reads there what others told. They
do everything together in one order: two that are at different things, and both at their n-th, wait for ever.
So does one for whom another has ended. And who does something of its own for very long is not waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .peers import gone, left

LONG = 2.0
"""Seconds after which a process tells that it waits."""
EVERY, CHECKS = 1.0, 3
"""The seconds between two looks, and how many in a row must find that another waits for something else."""
DESERTED = 5
"""How many in a row must find that another has ended, after which collective work breaks off by itself."""
ALL_CALL = "what they do together (fit, evaluate, lr_find) all must call, in one order, in callbacks too"
VARIABLE = "LUCIDNET_STUCK_SECONDS"
"""The environment variable with the seconds after which a process that waits, or makes no step, ends."""
STUCK = (
    "{}, so some process is stuck; this one is at {}, and ends. If others are somewhere else, "
    f"{ALL_CALL}. Else start all of them again with --resume to go on from the newest checkpoint; {VARIABLE} "
    "sets how long to wait."
)
"""What is said then, of what has happened and where."""
WAITS = "lucidnet/waits/"
"""The key prefix under which processes tell that they wait."""


class Meetings:
    """What this process does together with others.

    Parameters
    ----------
    index : int
        Which of the processes this is.
    client : object
        The client of the distributed runtime, which keeps texts by key.
    place : callable
        Returns where a thread is in the user's own program.
    end : callable
        Called with a message, in a thread of its own, if this process waits in vain.
    patience : float
        For how many seconds it waits for others that have told nothing.
    """

    def __init__(
        self,
        index: int,
        client: Any,
        place: Callable[[int], str],
        end: Callable[[str], Any],
        patience: float,
    ) -> None:
        self.name, self.client, self.place, self.end = f"{WAITS}{index}", client, place, end
        self.patience = patience
        self.count, self.what, self.since, self.owner = 0, "", 0.0, 0
        self.told = False
        self._lock = threading.Lock()
        threading.Thread(target=self._watch, name="lucidnet meetings", daemon=True).start()

    @contextmanager
    def at(self, what: str) -> Iterator[None]:
        """Do something together with the others in this context; what they do inside it belongs to it."""
        if self.what:
            yield
            return
        self.since, self.owner = time.monotonic(), threading.get_ident()
        self.count, self.what = self.count + 1, what
        try:
            yield
        finally:
            with self._lock:
                self.what = ""
                if self.told:
                    self._tell("")

    def _watch(self) -> None:
        elsewhere = deserted = 0
        while True:
            time.sleep(EVERY)
            waited = time.monotonic() - self.since
            mine = self._told() if self.what and waited > LONG else ""
            here, other = mine.partition(": ")[2], self._other(mine) if mine else ""
            elsewhere = elsewhere + 1 if other else 0
            deserted = deserted + 1 if mine and left() else 0
            why = ""
            if elsewhere >= CHECKS:
                why = f"this one is at {here}, and {other}: {ALL_CALL}"
            elif deserted > DESERTED:
                why = gone()
            elif mine and waited > self.patience + LONG:  # in a training its watchdog is first
                why = STUCK.format(f"the others did not come for {self.patience:g} s", here)
            if why:
                self.end(why)
                return

    def _told(self) -> str:
        """Tell the others for what this process waits, and return it; nothing if it waits no more."""
        with self._lock:
            if not self.what:
                return ""
            text = f"{self.count}, {self.what}: {self.place(self.owner)} ({self.what})"
            if not self.told:
                self._tell(text)
            return text

    def _tell(self, text: str) -> None:
        with suppress(Exception):  # that the runtime has gone is noticed elsewhere
            self.client.key_value_set(self.name, text, allow_overwrite=True)
        self.told = bool(text)

    def _other(self, mine: str) -> str:
        """Return where another process waits for something else, if one does."""
        count, what = mine.partition(":")[0].split(", ")
        with suppress(Exception):
            for name, text in self.client.key_value_dir_get(WAITS):
                theirs, _, place = text.partition(": ")
                if theirs.startswith(f"{count}, ") and theirs != f"{count}, {what}":
                    return f"process {name.removeprefix(WAITS)} at {place}"
        return ""
