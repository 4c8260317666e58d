"""A training that is stopped after a step, to be gone on with."""

from lucidnet.callbacks import Callback


class Interruption(Exception):  # noqa: N818
    """What interrupts a training in these tests."""


class StopAt(Callback):
    """Interrupts a training after a step."""

    def __init__(self, step):
        self.at = step

    def step(self, loop, measured):
        if loop.steps == self.at:
            raise Interruption
