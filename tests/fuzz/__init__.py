"""Damaged files by the hundred thousand: ``python -m tests.fuzz [FORMAT ...] [--mutants N] [--seed S]``."""
