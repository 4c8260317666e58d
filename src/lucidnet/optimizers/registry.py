"""The optimizers of the library, by name."""

from __future__ import annotations

from typing import Any

from ..core.exports import Known
from ..core.value import get as _get
from .base import Optimizer

KNOWN = Known("lucidnet.optimizers", Optimizer)
"""The optimizer classes, by name."""


def get(given: Any) -> Optimizer:
    """Return the optimizer with a name, with its default settings; an optimizer returns itself.

    Examples
    --------
    >>> get("adam")
    Adam()
    """
    return _get("optimizer", given, KNOWN, Optimizer)
