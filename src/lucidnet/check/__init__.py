"""Checks: whether a backward pass is right, and if not what is wrong; whether a rule does what it says."""

from .cases import package
from .gradients import gradients
from .report import CheckReport, Entry, GradientError
from .rules import RuleError, RuleReport, rule

__all__ = ["CheckReport", "Entry", "GradientError", "RuleError", "RuleReport", "gradients", "package", "rule"]
