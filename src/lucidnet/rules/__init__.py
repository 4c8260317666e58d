"""Learning rules: how credit is assigned, across layers and through time."""

from ..core.exports import export
from .base import SpaceRule as SpaceRule
from .edge import Signals as Signals
from .locality import Locality as Locality
from .locality import LocalityReport as LocalityReport
from .locality import report as report
from .registry import SPACE as SPACE
from .registry import TIME as TIME
from .registry import Rule as Rule
from .registry import get as get
from .space.direct import DirectFeedbackAlignment as DirectFeedbackAlignment
from .space.direct import DirectRandomTargetProjection as DirectRandomTargetProjection
from .space.direct import Shallow as Shallow
from .space.perturbation import NodePerturbation as NodePerturbation
from .space.perturbation import WeightPerturbation as WeightPerturbation
from .space.transported import Backprop as Backprop
from .space.transported import BatchSign as BatchSign
from .space.transported import FeedbackAlignment as FeedbackAlignment
from .space.transported import FixedSign as FixedSign
from .space.transported import KolenPollack as KolenPollack
from .space.transported import UniformSign as UniformSign
from .space.transported import WeightMirror as WeightMirror
from .time.base import TimeRule as TimeRule
from .time.bptt import BPTT as BPTT
from .time.bptt import TruncatedBPTT as TruncatedBPTT
from .time.kernl import KeRNL as KeRNL
from .time.local import RFLO as RFLO
from .time.local import Diagonal as Diagonal
from .time.local import EProp as EProp
from .time.rtrl import RTRL as RTRL
from .time.rtrl import UORO as UORO
from .time.rtrl import SnAp as SnAp

export(globals())
