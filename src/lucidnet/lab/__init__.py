"""Experiments: learning rules side by side."""

from .racing import Race, RaceRun, race

__all__ = ["Race", "RaceRun", "race"]
