"""Learning rules: how credit is assigned, across layers and through time."""

from .base import Signals, SpaceRule
from .registry import SPACE, TIME, Rule, get
from .space.direct import DirectFeedbackAlignment, DirectRandomTargetProjection, Shallow
from .space.perturbation import NodePerturbation, WeightPerturbation
from .space.transported import (
    Backprop,
    BatchSign,
    FeedbackAlignment,
    FixedSign,
    KolenPollack,
    UniformSign,
    WeightMirror,
)
from .time.base import TimeRule
from .time.bptt import BPTT, TruncatedBPTT

__all__ = [
    "BPTT",
    "SPACE",
    "TIME",
    "Backprop",
    "BatchSign",
    "DirectFeedbackAlignment",
    "DirectRandomTargetProjection",
    "FeedbackAlignment",
    "FixedSign",
    "KolenPollack",
    "NodePerturbation",
    "Rule",
    "Shallow",
    "Signals",
    "SpaceRule",
    "TimeRule",
    "TruncatedBPTT",
    "UniformSign",
    "WeightMirror",
    "WeightPerturbation",
    "get",
]
