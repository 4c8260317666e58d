"""Compiled programs, each made once for its purpose and for the shapes of what it is given."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeAlias

from ..backend.xla.device import compiled, keep_programs, signature
from ..backend.xla.mixed import with_bfloat16
from ..backend.xla.target import Target, compiling_for
from .device import program_folder

Function: TypeAlias = Callable[..., Any]


class Programs:
    """What has been compiled.

    Parameters
    ----------
    mixed : bool
        Whether products are made in bfloat16.
    target : Target
        What they are compiled for.

    Attributes
    ----------
    seconds : float
        How long compiling has taken so far.
    """

    def __init__(self, mixed: bool, target: Target) -> None:
        self.mixed, self.target, self.seconds = mixed, target, 0.0
        self.made: dict[Any, Function] = {}
        if (folder := program_folder()) is not None:
            keep_programs(folder)

    def of(
        self,
        key: Any,
        function: Function,
        given: Any,
        donate: tuple[int, ...] = (),
        lying: Any = None,
        alone: bool = False,
    ) -> Function:
        """Return a function compiled for such arguments; see `compiled`. The key tells functions apart.

        `alone` says that all arguments lie on one device.
        """
        key = (key, signature(given))
        if key not in self.made:
            began = time.perf_counter()
            function = with_bfloat16(function) if self.mixed else function
            with compiling_for(Target(self.target.kind) if alone else self.target):
                self.made[key] = compiled(function, given, donate, lying)
            self.seconds += time.perf_counter() - began
        return self.made[key]
