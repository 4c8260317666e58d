"""A thread that works ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Empty, Full, Queue
from typing import Any

WAIT = 0.05
"""Seconds after which the thread checks whether it is still wanted."""


def prefetch(items: Iterator[Any], count: int) -> Iterator[Any]:
    """Yield an iterator's items, which a thread produces up to `count` items ahead.

    An error in the thread is raised here; the thread ends when nobody takes items any more.
    """
    queue: Queue[tuple[str, Any]] = Queue(count)
    ended = threading.Event()

    def put(kind: str, value: Any) -> None:
        while not ended.is_set():
            try:
                return queue.put((kind, value), timeout=WAIT)
            except Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put("item", item)
                if ended.is_set():
                    return
            put("end", None)
        except BaseException as error:  # whatever it is, it belongs to the consumer
            put("error", error)

    thread = threading.Thread(target=work, name="lucidnet prefetch", daemon=True)
    try:
        thread.start()  # in here, as Ctrl-C may come while it waits for the thread
        yield from _taken(queue, thread)
    finally:
        ended.set()
        if thread.is_alive():
            thread.join()


def _taken(queue: Queue[tuple[str, Any]], thread: threading.Thread) -> Iterator[Any]:
    while True:
        try:
            kind, value = queue.get(timeout=1.0)
        except Empty:
            if not thread.is_alive() and queue.empty():
                return
            continue
        if kind == "error":
            raise value
        if kind == "end":
            return
        yield value
