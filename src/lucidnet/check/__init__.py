"""Gradient checks: whether a backward pass is right, and if not, what the likely mistake is."""

from .cases import package
from .gradients import gradients
from .report import Entry, GradientError, Report

__all__ = ["Entry", "GradientError", "Report", "gradients", "package"]
