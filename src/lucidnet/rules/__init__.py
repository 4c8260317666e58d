"""Learning rules: how credit is assigned, across layers and through time."""

from .base import SpaceRule
from .edge import Signals
from .locality import Locality, LocalityReport, report
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
from .time.kernl import KeRNL
from .time.local import RFLO, Diagonal, EProp
from .time.rtrl import RTRL, UORO, SnAp

__all__ = [
    "BPTT",
    "RFLO",
    "RTRL",
    "SPACE",
    "TIME",
    "UORO",
    "Backprop",
    "BatchSign",
    "Diagonal",
    "DirectFeedbackAlignment",
    "DirectRandomTargetProjection",
    "EProp",
    "FeedbackAlignment",
    "FixedSign",
    "KeRNL",
    "KolenPollack",
    "Locality",
    "LocalityReport",
    "NodePerturbation",
    "Rule",
    "Shallow",
    "Signals",
    "SnAp",
    "SpaceRule",
    "TimeRule",
    "TruncatedBPTT",
    "UniformSign",
    "WeightMirror",
    "WeightPerturbation",
    "get",
    "report",
]
