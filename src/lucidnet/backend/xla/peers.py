"""How one of several processes ends: after the others, on an error, or because another has gone.

JAX's runtime serves a script badly there. When a process dies, the others wait at their end for seconds, or
C++ ends them with a page of messages: within milliseconds, if it was the first process. A process that ends
early waits for the others, and ends them as well if they are late. So here

- a process that ends says so and goes; only the first, which the runtime needs, waits for the others;
- one that ends by an error, or has seen that another is gone, goes at once (`leave`);
- the news that another is gone is caught before C++ acts on it, and told in one sentence.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from traceback import format_exception_only
from types import TracebackType
from typing import Any, NoReturn

from ...errors import WorkerError, optional

EXIT = 70
"""The exit code of a process that gives up (EX_SOFTWARE of sysexits.h)."""
GRACE = 0.8
"""Seconds that collective work may take to break off by itself, so that a script can catch the error."""
TAKEN = 0.2
"""Seconds that other processes may take between announcing their end and leaving the runtime."""
LEFT = "lucidnet/left/"
"""The key prefix under which processes announce that they have ended."""
GONE = (
    "another process has gone{}. Start all of them again, with as many as you like; with --resume "
    "(fit(..., resume=folder)) they go on from the newest checkpoint."
)
ENDED = "it came to the end of its program, and what they do together (fit, evaluate) all must call"
"""What a process tells that ends in order."""
LONGEST = 300
"""The most characters of another process's error that are shown."""
LOUDNESS = "TF_CPP_MIN_LOG_LEVEL"
RUNTIME = "jax._src.distributed"
CASTS = (b"St8bad_cast", b"N8nanobind10cast_errorE")
"""The C++ names of the error for a value without a matching Python type."""


class Peers:
    """What this process knows about the group that it belongs to; there is one instance.

    `left` is set when it has let go of the others, `heard` when C++ has told that one of them is gone.
    """

    def __init__(self) -> None:
        self.index, self.count = 0, 1
        self.left, self.heard = threading.Event(), threading.Event()
        self.kept: list[Any] = []

    def __str__(self) -> str:
        return f"process {self.index} of {self.count}"


HERE = Peers()


def runtime() -> Any:
    """Import JAX with its C++ log silenced: errors that matter are raised as exceptions anyway.

    If JAX was imported before, its log stays as loud as it was.
    """
    if os.environ.get(LOUDNESS, "1") == "1":  # which JAX sets itself
        os.environ[LOUDNESS] = "3"
    return optional("jax", "jax")


def begin(initialize: Callable[[], None]) -> None:
    """Join this process to the group, and arrange for an orderly end."""
    with _hearing(), _without_preemption():
        initialize()
    jax: Any = import_module("jax")
    HERE.index, HERE.count = jax.process_index(), jax.process_count()
    if HERE.count > 1:
        atexit.register(_end)
        sys.excepthook = _excepthook(sys.excepthook)


def leave(why: str = "") -> None:
    """Detach from the distributed runtime, and tell the others why: no process waits for another any more."""
    if RUNTIME not in sys.modules or client() is None:
        return
    if not HERE.left.is_set():
        HERE.left.set()
        _within(0.2, lambda: _say_left(why))  # it may be the first that is gone
    state = _runtime()
    for name in ("preemption_sync_manager", "client", "service"):
        if (held := getattr(state, name, None)) is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))  # deleting it would mean waiting
            setattr(state, name, None)


def give_up(message: str) -> NoReturn:
    """Print a message and end this process at once, with exit code 70."""
    leave()
    HERE.heard.set()  # there is nothing to wait for
    print(f"error: {message}", file=sys.stderr, flush=True)
    with suppress(Exception):
        atexit._run_exitfuncs()
    _flush()
    os._exit(EXIT)


def left() -> bool:
    """Tell whether any process has ended already."""
    with suppress(Exception):
        return client() is not None and bool(client().key_value_dir_get(LEFT))
    return False


def _runtime() -> Any:
    """Return JAX's internal state of its distributed runtime."""
    return import_module("jax._src.distributed").global_state


def client() -> Any:
    """Return the client of JAX's distributed runtime; None if there is none."""
    return _runtime().client


def gone() -> str:
    """Return a message that another process has gone, with the error that ended it if it told one."""
    told: list[str] = []

    def ask() -> None:
        for name, why in client().key_value_dir_get(LEFT):
            if why:
                told.append(f"process {name.removeprefix(LEFT)}: {why}")

    _within(0.2, ask)  # it may be the first that is gone, which knows
    return GONE.format(f" ({'; '.join(told)})" if told else ", or cannot be reached")


def _say_left(why: str) -> None:
    client().key_value_set(f"{LEFT}{HERE.index}", why)


def _end() -> None:
    """Announce that this process ends; process 0 waits for the others first, as its end would end them."""
    if HERE.left.is_set():
        return _quieten()
    state = _runtime()
    if state.client is None:  # it has been shut down already
        return
    try:
        _say_left(ENDED)
        if HERE.index == 0:
            for index in range(1, HERE.count):
                _wait(state.client, f"{LEFT}{index}")
            time.sleep(TAKEN)
        HERE.left.set()  # news of the others no longer matters
        state.client.shutdown()
        state.client = None
    except Exception:
        leave()
        _quieten()


def _wait(client: Any, name: str) -> None:
    """Wait for a key of the distributed runtime, in short intervals, so that Ctrl-C works."""
    jax: Any = import_module("jax")
    while True:
        try:
            client.blocking_key_value_get(name, 1000)
            return
        except jax.errors.JaxRuntimeError as error:
            if not str(error).startswith("DEADLINE_EXCEEDED"):
                raise


def _excepthook(before: Callable[..., Any]) -> Callable[..., Any]:
    """Return an excepthook that also tells the other processes of the error at once."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        at_prompt = hasattr(sys, "ps1") or sys.flags.interactive
        if issubclass(kind, WorkerError) and not at_prompt:
            give_up(str(error))
        if not at_prompt:
            leave(" ".join("".join(format_exception_only(kind, error)).split())[:LONGEST])
        before(kind, error, trace)

    return hook


def _heard(*_: Any) -> None:
    """End this process after another has gone, unless it ends by itself; C++ calls this in its own thread."""
    HERE.heard.set()
    if not HERE.left.wait(GRACE):
        print(f"error: {HERE}: {gone()}", file=sys.stderr, flush=True)
        _flush()
        os._exit(EXIT)
    while True:  # returning would end this process
        time.sleep(1e6)


@contextmanager
def _hearing() -> Iterator[None]:
    """Make a runtime created in this context call `_heard` when a process is gone, if that is possible."""
    try:
        jaxlib: Any = import_module("jax._src.lib")._jax
        make = jaxlib.get_distributed_runtime_client
        _catch_terminate()
    except (ImportError, AttributeError, OSError):  # another JAX, or no Linux: C++ ends it
        yield
        return
    jaxlib.get_distributed_runtime_client = lambda *given, **named: make(
        *given, **({"missed_heartbeat_callback": _heard} | named)
    )
    try:
        yield
    finally:
        jaxlib.get_distributed_runtime_client = make


@contextmanager
def _without_preemption() -> Iterator[None]:
    """Keep JAX from handling SIGTERM inside this context: the process could not be terminated any more."""
    jax: Any = import_module("jax")
    name = "jax_enable_preemption_service"
    before = getattr(jax.config, name, None)
    if before is not None:
        jax.config.update(name, False)
    try:
        yield
    finally:
        if before is not None:
            jax.config.update(name, before)


def _catch_terminate() -> None:
    """Notice a lost process even where jaxlib cannot call back into Python.

    jaxlib calls its callback with a status that Python has no type for; that is a `bad_cast`, which nobody
    catches, and C++ ends the process. All other such ends take their usual way.
    """
    cpp: Any = ctypes.CDLL("libstdc++.so.6")
    thrown, replace = cpp.__cxa_current_exception_type, cpp._ZSt13set_terminatePFvvE
    thrown.restype = ctypes.POINTER(ctypes.c_char_p)  # of a type_info: its table of functions, and its name
    replace.restype, replace.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    handler: Any = ctypes.CFUNCTYPE(None)

    def terminated() -> None:
        kind = thrown()
        if kind and kind[1] in CASTS:
            _heard()
        handler(before)()

    called = handler(terminated)
    HERE.kept.append(called)
    before = replace(ctypes.cast(called, ctypes.c_void_p))


def _quieten() -> None:
    """Make the runtime's C++ notice a closed connection now, as it must not call Python during shutdown."""
    state = _runtime()
    if HERE.heard.is_set() or not state.coordinator_address:
        return
    port = int(state.coordinator_address.rpartition(":")[2])
    for handle in range(1024):
        with suppress(OSError):
            there = socket.socket(fileno=os.dup(handle))
            with there:
                if there.getpeername()[1] == port:
                    there.shutdown(socket.SHUT_RDWR)
    HERE.heard.wait(GRACE)


def _flush() -> None:
    """Flush stdout and stderr, unless another thread blocks them."""
    _within(0.2, lambda: (sys.stdout.flush(), sys.stderr.flush()))


def _within(seconds: float, work: Callable[[], Any]) -> None:
    """Run something that may fail or never return in a thread; wait for at most `seconds`."""

    def tried() -> None:
        with suppress(Exception):
            work()

    thread = threading.Thread(target=tried, daemon=True)
    thread.start()
    thread.join(seconds)
