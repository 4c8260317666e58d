"""The newest frame: producers put it here, and consumers wait for it here."""

from __future__ import annotations

import threading
import time

LASTS = 12.0
"""Seconds after a request for units during which they are still considered wanted."""


class Newest:
    """Holds the newest frame for all viewers, and knows which frame number they wait for.

    Attributes
    ----------
    number : int
        Of the newest frame.
    wanted : int
        The largest number that somebody waits for.
    """

    def __init__(self) -> None:
        self.number, self.wanted, self.closed = 0, 0, False
        self.newest: bytes | None = None
        self.awake = threading.Condition()
        self.has_units, self._units_until = False, 0.0

    @property
    def units(self) -> bool:
        """Whether somebody is looking at single units."""
        return time.monotonic() < self._units_until

    def frame(self, since: int, seconds: float, units: bool = False) -> bytes | None:
        """Wait for a frame newer than number `since`; None if there is none within some seconds."""
        until = time.monotonic() + seconds
        with self.awake:
            if units:
                self._units_until = time.monotonic() + LASTS
            self.wanted = max(self.wanted, since + 1)
            self.awake.notify_all()
            while self.number <= since or self.newest is None:
                if self.closed or (left := until - time.monotonic()) <= 0:
                    return None
                self.awake.wait(left)
            return self.newest

    def publish(self, message: bytes, units: bool = False) -> None:
        """Publish a new frame to all who wait for one."""
        with self.awake:
            self.newest, self.has_units = message, units
            self.number += 1
            self.awake.notify_all()
