"""Why a network does not learn, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .ailments import AILMENTS, diagnose
from .evidence import Evidence, examine
from .report import Ailment, Finding, Report, Sign

if TYPE_CHECKING:
    from ..model import Model

__all__ = ["AILMENTS", "Ailment", "Evidence", "Finding", "Report", "Sign", "doctor"]


@np.errstate(all="ignore")  # a network that is ill may overflow; that is found, and said
def doctor(model: Model, x: Any, y: Any, *, steps: int = 20, batch_size: int = 32) -> Report:
    """Watch a copy of a model in its first training steps, and say what is wrong; see `Model.doctor`."""
    evidence = examine(model, x, y, steps, batch_size)
    return Report(diagnose(evidence), len(evidence.moments), len(evidence.probe.target))
