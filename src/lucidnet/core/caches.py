"""Folders in which something is kept between runs."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..errors import SettingError


def cache_folder() -> Path:
    """Return the folder for cached downloads: in the system's place for caches.

    Raises
    ------
    SettingError
        If this user has none, as in a container where the user has no home.
    """
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "lucidnet"
    except RuntimeError as error:
        raise SettingError(
            "this user has no home folder: set XDG_CACHE_HOME to a folder for caches, or LUCIDNET_DATA to "
            "one with data sets"
        ) from error


def program_folder() -> Path | None:
    """Return the folder for compiled programs: ``LUCIDNET_PROGRAMS``, or beside the other caches.

    None if the variable is set to ``off``, or there is no place for caches.
    """
    if given := os.environ.get("LUCIDNET_PROGRAMS"):
        return None if given == "off" else Path(given)
    with suppress(SettingError):
        return cache_folder() / "programs"
    return None
