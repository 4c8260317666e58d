"""Compiled programs, shared by all executors of a process, and the numbers each is called with."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..backend.splitmix import Keys
from ..backend.xla.device import compiled, signature
from ..backend.xla.mesh import Mesh
from ..backend.xla.mixed import with_bfloat16
from ..backend.xla.target import Target, compiling_for
from ..core.reads import kept, reads_in
from .structure import Structure

PLACES = 64
"""The number of places that draw random numbers for which a program has room at first."""
KEPT = 128
"""The most programs that a process keeps; beyond that, the least recently used goes."""


class Program(NamedTuple):
    """A compiled loop over a block's steps: function(table, state, given, xs).

    `places` are those that draw random numbers, for the table of a seed, which has `rows` rows; see `Keys`.
    """

    function: Callable[..., Any]
    places: list[tuple[str, ...]]
    rows: int


PROGRAMS: dict[Any, Any] = {}
"""The programs of this process, by function, problem and devices, most recently used last."""


class Programs:
    """Compiles programs for an executor, or finds those that this process has compiled already.

    Parameters
    ----------
    mixed : bool
        Whether products round their factors to bfloat16.
    """

    def __init__(self, mixed: bool) -> None:
        self.mixed, self.count, self.seconds = mixed, 0, 0.0
        self.tables: dict[Any, Any] = {}
        self.nets: dict[int, tuple[Any, Structure]] = {}

    def block(
        self,
        key: Any,
        loop: Callable[..., Any],
        given: Any,
        mesh: Mesh,
        sharding: Callable[[], Any] | None = None,
    ) -> Program:
        """Return the compiled program of a block, whose random table has as many rows as it needs."""

        def make() -> Program:
            room, places = PLACES, list[tuple[str, ...]]()
            while True:
                table = mesh.put(np.zeros((room, 4), np.uint32))
                arguments = (table, *given)
                function = self._made(partial(loop, places), arguments, mesh.target, sharding and sharding())
                if len(places) <= room:
                    return Program(function, places, room)
                room, places = 2 * len(places), []

        found: Program = self._kept((key, mesh.target, signature(given)), make)
        return found

    def function(
        self, key: Any, function: Any, given: Any, target: Target, sharding: Any = None
    ) -> Callable[..., Any]:
        """Return a function compiled for arguments like the given ones."""
        make = partial(self._made, function, given, target, sharding)
        found: Callable[..., Any] = self._kept((key, target, signature(given)), make)
        return found

    def table(self, program: Program, seed: int, mesh: Mesh) -> Any:
        """Return the table of random words that a program needs for a seed, on the devices."""
        key = (id(program.places), seed, tuple(mesh.devices))
        if key not in self.tables:
            if len(self.tables) >= 16:
                self.tables.clear()
            filled = Keys(program.places).filled(seed, program.rows)
            self.tables[key] = program, mesh.put(filled)
        return self.tables[key][1]

    def structure(self, net: Any) -> Structure:
        """Return the structure of a network (all but its numbers), from a small cache."""
        if id(net) not in self.nets:
            if len(self.nets) >= 16:
                self.nets.clear()
            self.nets[id(net)] = net, Structure(net, once=net)
        return self.nets[id(net)][1]

    def _kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return a program from the cache, or make it; the least recently used program is dropped."""
        return kept(PROGRAMS, (self.mixed, *key), reads_in(key[0]), make, KEPT)

    def _made(self, function: Any, given: Any, target: Target, sharding: Any) -> Callable[..., Any]:
        began = time.perf_counter()
        with compiling_for(target):
            made = compiled(with_bfloat16(function) if self.mixed else function, given, (), sharding)
        self.count += 1
        self.seconds += time.perf_counter() - began
        return made
