"""For which devices a program is being compiled: some work is best done in another way on each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Target(NamedTuple):
    """The kind of devices, ``"cpu"`` or ``"gpu"``, and over how many the examples of a batch are spread."""

    kind: str
    devices: int = 1

    @property
    def processor(self) -> bool:
        """Whether this is a processor."""
        return self.kind == "cpu"


_TARGET: ContextVar[Target | None] = ContextVar("target", default=None)


def target() -> Target:
    """Return what is compiled for: JAX's own choice if nobody has said so."""
    import jax

    return _TARGET.get() or Target(jax.default_backend())


@contextmanager
def compiling_for(given: Target) -> Iterator[None]:
    """Say what is compiled for."""
    token = _TARGET.set(given)
    try:
        yield
    finally:
        _TARGET.reset(token)
