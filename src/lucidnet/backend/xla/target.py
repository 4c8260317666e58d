"""Which devices a program is being compiled for, as some work is best done differently on each."""

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

    `grid` is JAX's mesh of these devices, if there are several. `whole` says that small loops may be compiled
    as one kernel; see the module `whole`.
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
    """Return the target of the current compilation; JAX's default if none was set."""
    import jax

    return _TARGET.get() or Target(jax.default_backend())


@contextmanager
def compiling_for(given: Target) -> Iterator[None]:
    """Set the target of what is compiled inside this context."""
    token = _TARGET.set(given)
    try:
        yield
    finally:
        _TARGET.reset(token)


def on_each(
    work: Callable[..., Array], rows: tuple[Array, ...], whole: tuple[Array, ...] = (), add: bool = False
) -> Array:
    """Run `work` on each device's share of the examples; join the results, or add them up.

    Parameters
    ----------
    work : callable
        A function from some examples, and what every device has in full, to an array.
    rows : tuple of arrays (n, ...)
        The examples.
    whole : tuple of arrays
        Arguments that every device has in full.
    add : bool
        Whether to sum the devices' results.
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
