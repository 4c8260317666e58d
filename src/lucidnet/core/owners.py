"""Which training has a model or a callback: each belongs to one at a time, as two would mix silently."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from ..errors import SettingError

OWNERS = WeakValueDictionary[int, Any]()
"""The training that has an object, by the object's id; while that training is there, so is the object."""
LEFT = WeakKeyDictionary[Any, tuple[str, Any]]()
"""For each model the name of its last training, and what was set of the model when that ended."""


def locks(*models: Any) -> list[Any]:
    """Return the locks of models in one order for all threads, so that no two wait for each other."""
    return sorted((model.executor.lock for model in models), key=id)


@contextmanager
def training(loop: Any) -> Iterator[None]:
    """Let no other thread train the model of a loop; in this thread one training may stand within another.

    Raises
    ------
    SettingError
        If another thread trains it.
    """
    model, loop.thread = loop.model, threading.current_thread()
    with model.executor.lock:
        other = OWNERS.get(id(model))
        there = None if other is None else other.thread
        busy = there is not None and there.is_alive()
        if there is not None and busy and there is not loop.thread:
            raise SettingError(
                f"fit: this model is being trained already, in the thread {there.name!r}, and the steps of "
                "both would mix: train one after the other, or a copy (copy.deepcopy(model))"
            )
        if not busy:
            OWNERS[id(model)] = loop
    try:
        yield
    finally:
        loop.thread = None
        LEFT[model] = loop.run_name, model.changes


def take(loop: Any, callback: Any) -> None:
    """Note that a callback begins a training, and forgets what it remembered of another."""
    OWNERS[id(callback)] = loop


def lost(loop: Any, callback: Any) -> bool:
    """Tell whether a callback that forgets has begun another training since it began this one."""
    own = getattr(type(callback).begin, "__module__", "") != type(loop).__module__
    return own and OWNERS.get(id(callback)) is not loop


def check(loop: Any) -> None:
    """Raise if a callback of a loop has begun another training meanwhile.

    Raises
    ------
    SettingError
        If so.
    """
    for callback in loop.callbacks:
        if lost(loop, callback):
            raise SettingError(
                f"{type(callback).__name__}: another training has begun with this callback while this one "
                "was going on, and what it remembers is of that one: give each training one of its own"
            )
