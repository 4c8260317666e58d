"""For which devices a program is being compiled: some work is best done in another way on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any, NamedTuple

from ...core.trees import Array

ROWS = "data"
"""The axis of a mesh over which the examples of a batch are spread."""


class Target(NamedTuple):
    """The kind of devices, ``"cpu"`` or ``"gpu"``, and over how many the examples of a batch are spread.

    `grid` is JAX's mesh of them, if there are several. `whole` says that small loops are compiled in one
    piece; see `whole`.
    """

    kind: str
    devices: int = 1
    grid: Any = None
    whole: bool = False

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


def on_each(
    work: Callable[..., Array], rows: tuple[Array, ...], whole: tuple[Array, ...] = (), add: bool = False
) -> Array:
    """Return what each device makes of the examples that lie on it, one behind the other or added up.

    Parameters
    ----------
    work : callable
        From some examples, and what every device has whole, to an array.
    rows : tuple of arrays (n, ...)
        The examples.
    whole : tuple of arrays
        What every device has whole.
    add : bool
        Whether to add up what the devices make.
    """
    here = target()
    if here.devices == 1 or len(rows[0]) % here.devices:  # then every device has all examples
        return work(*rows, *whole)
    jax: Any = import_module("jax")

    def part(*given: Array) -> Array:
        made = work(*given)
        return jax.lax.psum(made, ROWS) if add else made

    spread, everywhere = jax.sharding.PartitionSpec(ROWS), jax.sharding.PartitionSpec()
    specs = (spread,) * len(rows) + (everywhere,) * len(whole)
    joined = jax.shard_map(part, mesh=here.grid, in_specs=specs, out_specs=everywhere if add else spread)
    made: Array = joined(*rows, *whole)
    return made
