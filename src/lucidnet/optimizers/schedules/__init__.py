"""Schedules: functions of the step that stand for any setting, such as a learning rate or a momentum."""

from __future__ import annotations

from .base import Fixed, Product, Schedule, Sequence, Warmup
from .curves import (
    Cosine,
    CosineRestarts,
    ExponentialDecay,
    Piecewise,
    Polynomial,
    StepDecay,
    TimeDecay,
)
from .cycles import Cyclic, OneCycle

__all__ = [
    "Cosine",
    "CosineRestarts",
    "Cyclic",
    "ExponentialDecay",
    "Fixed",
    "OneCycle",
    "Piecewise",
    "Polynomial",
    "Product",
    "Schedule",
    "Sequence",
    "StepDecay",
    "TimeDecay",
    "Warmup",
]
