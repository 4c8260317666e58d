"""Checks of whether a backward pass is right (if not, what is wrong), and a rule does what it claims."""

from ..core.exports import export
from .cases import PackageReport as PackageReport
from .cases import package as package
from .gradients import gradients as gradients
from .report import CheckReport as CheckReport
from .report import Entry as Entry
from .report import GradientError as GradientError
from .rules import RuleError as RuleError
from .rules import RuleReport as RuleReport
from .rules import rule as rule

export(globals())
