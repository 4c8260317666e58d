"""Experiments: learning rules side by side."""

from .racing import Race, Run, race

__all__ = ["Race", "Run", "race"]
