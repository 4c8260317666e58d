"""Schedules that rise and fall: triangles, and one cycle over a whole training."""

from __future__ import annotations

from ...core.settings import between, choice, finite, whole
from ...core.value import value
from ...errors import SettingError
from .base import Schedule
from .curves import Piecewise

MODES = ("triangular", "triangular2", "exp_range")


@value
class Cyclic(Schedule):
    """From `low` up to `high` and down again, in straight lines (Smith 2017; PyTorch's ``CyclicLR``).

    In the paper ("Cyclical learning rates for training neural networks", section 3.1) "exp_range" lets both
    ends shrink; here, as in PyTorch, the height over `low` does, and `low` stays. For a momentum that falls
    while the rate rises, `low` may be above `high`.

    Parameters
    ----------
    low, high : float
        The values at the feet and at the top of the triangles.
    up : int
        Steps from low to high.
    down : int, optional
        Steps from high to low; as many as `up` if not given.
    mode : {"triangular", "triangular2", "exp_range"}
        Whether triangles stay as high, become half as high each time, or shrink by `gamma` with every step.
    gamma : float
        For "exp_range"; at least 0 and at most 1.
    """

    low: float = finite()
    high: float = finite()
    up: int = whole(1)
    down: int | None = whole(1, default=None, optional=True)
    mode: str = choice(*MODES, default="triangular")
    gamma: float = between(0, 1, default=1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gamma != 1 and self.mode != "exp_range":
            raise SettingError(
                f"Cyclic: gamma={self.gamma} has no effect with mode={self.mode!r}: it is for 'exp_range'"
            )
        if self.down is None:
            object.__setattr__(self, "down", self.up)

    def __call__(self, step: int) -> float:
        """Return the value at a step."""
        down = self.down or self.up
        cycle, place = divmod(step, self.up + down)
        height = place / self.up if place <= self.up else (self.up + down - place) / down
        scale = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": self.gamma**step}[self.mode]
        return self.low + (self.high - self.low) * height * scale


@value
class OneCycle(Schedule):
    """Up to a large learning rate, and down to almost none (Smith & Topin 2018, "Super-convergence").

    From peak / divide in `warmup` of the steps to `peak`, and from there to peak / (divide final_divide):
    PyTorch's ``OneCycleLR``. In three phases it falls as long as it rose, back to where it began, and the
    last steps end in peak / (divide final_divide), as in the paper. (fast.ai writes the last rate
    as peak / 1e5, and warms up in a quarter of the steps.)

    Parameters
    ----------
    peak : float
        The largest value. With very few steps, none may lie at the top (as in PyTorch).
    steps : int
        All steps of the training, 2 or more.
    warmup : float
        The share of the steps in which it rises.
    divide, final_divide : float
        The peak divided by the first is the initial value, and that divided by the second the final one; 1 or
        more.
    between : {"cosine", "linear"}
        The shape of the rise and fall.
    phases : {2, 3}
        Two, or three with a last phase far below the first value.

    Examples
    --------
    >>> from lucidnet.optimizers import SGD
    >>> cycle = OneCycle(1.0, 100)
    >>> [round(cycle(step), 6) for step in (0, 29, 99)]
    [0.04, 1.0, 4e-06]
    >>> sgd = SGD(cycle, momentum=cycle.momentum())
    """

    peak: float = finite()
    steps: int = whole(2)
    warmup: float = finite(above=0, below=1, default=0.3)
    divide: float = finite(1, default=25.0)
    final_divide: float = finite(1, default=1e4)
    between: str = choice("cosine", "linear", default="cosine")
    phases: int = choice(2, 3, default=2)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.phases == 3 and self.warmup > 0.5:
            raise self.error("phases", "2, or 3 with a warmup of at most a half")

    def __call__(self, step: int) -> float:
        """Return the value at a step."""
        first = self.peak / self.divide
        return self._through(first, self.peak, first, first / self.final_divide)(step)

    def momentum(self, high: float = 0.95, low: float = 0.85) -> Piecewise:
        """Return the matching schedule of the momentum (or beta1): low while the rate is high."""
        return self._through(high, low, high, high)

    def _through(self, first: float, peak: float, back: float, last: float) -> Piecewise:
        """Return the schedule through given values at the ends of the phases."""
        rise = self.warmup * self.steps - 1
        fall = [(2 * rise, back)] if self.phases == 3 else []
        points = [(0, first), (rise, peak), *fall, (self.steps - 1, last)]
        # With few steps a phase may end before its first step: it is left out, but the next begins there.
        skipped = sum(step < 0 for step, _ in points)
        return Piecewise(points[skipped:], self.between)
