"""Why a network does not learn, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...backend.parts import NOTHING_TO_TRAIN
from ...core.settings import count, taken
from ...data.batch import rows
from ...errors import SettingError
from .ailments import AILMENTS, diagnose
from .evidence import Evidence, examine
from .report import Ailment, DoctorReport, Finding, Sign

if TYPE_CHECKING:
    from ...engine.protocol import Trainee

__all__ = ["AILMENTS", "Ailment", "DoctorReport", "Evidence", "Finding", "Sign", "doctor"]


@np.errstate(all="ignore")  # an ill network may overflow; that is found and reported
def doctor(
    model: Trainee,
    x: Any,
    y: Any,
    steps: int = 20,
    batch_size: int = 32,
    sample_weight: Any = None,
    mask: Any = None,
) -> DoctorReport:
    """Watch a copy of a model for some training steps, and say what is wrong; see `Model.doctor`.

    Examples
    --------
    >>> import lucidnet as ln
    >>> (x, y), _ = ln.data.load("digits")
    >>> model = ln.Model([ln.layers.Input(64), ln.layers.Dense(32, "relu"), ln.layers.Dense(10, "softmax")])
    >>> model.compile("categorical_crossentropy", "adam")
    >>> print(model.doctor(x, y))
    Nothing suspicious: 20 training steps on a copy, layers looked at on 256 examples.
    >>> report = model.doctor(255 * x, y)
    >>> bool(report), report.ailments
    (False, ('data not scaled',))
    """
    steps = taken("doctor", "steps", steps, count(1))
    batch_size = taken("doctor", "batch_size", batch_size, count(1))
    data = model.checked(x, y, None, sample_weight, mask)
    if not model.problem.layout.groups:
        raise SettingError(f"doctor: {NOTHING_TO_TRAIN}")
    evidence = examine(model, data, steps, batch_size)
    return DoctorReport(diagnose(evidence), len(evidence.records), rows(evidence.probe.x))
