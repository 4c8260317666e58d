"""Every layer, activation, loss and learning rule of the package, checked on its own samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Array, Shape
from ..core.exports import Classes
from ..core.text import Report
from ..core.value import described
from ..errors import SettingError
from ..layers import Layer
from ..layers.containers import first_leaf
from ..losses import Loss
from ..losses.joint import Joint
from ..rules import SpaceRule, TimeRule
from .gradients import gradients
from .report import CheckReport, GradientError
from .rules import RuleReport, rule

ROWS = 4
TABLES = (
    Classes(Layer, "lucidnet.layers"),
    Classes(Loss, "lucidnet.losses"),
    Classes(SpaceRule, "lucidnet.rules"),
    Classes(TimeRule, "lucidnet.rules"),
)
"""The tables of everything that can be checked."""


@dataclass(frozen=True, repr=False)
class PackageReport(Report):
    """What a check of many classes found; true if all passed. It gives pairs of a title and a report.

    Parameters
    ----------
    reports : dict of tuples
        For each class, by name, the reports of its samples, each with what was checked.
    """

    reports: dict[str, tuple[tuple[str, CheckReport | RuleReport], ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes that were checked."""
        return tuple(self.reports)

    @property
    def passed(self) -> bool:
        """Whether every report passed."""
        return all(report.passed for _, report in self)

    def __iter__(self) -> Iterator[tuple[str, CheckReport | RuleReport]]:
        return (pair for pairs in self.reports.values() for pair in pairs)

    def __bool__(self) -> bool:
        return self.passed

    def __len__(self) -> int:
        return sum(map(len, self.reports.values()))

    def raise_if_failed(self) -> None:
        """Raise `GradientError` with the failed reports as its message, unless all passed."""
        if not self.passed:
            raise GradientError(f"\n{self}")

    def __str__(self) -> str:
        failed = [str(report) for _, report in self if not report.passed]
        return "\n\n".join([*failed, f"{len(self) - len(failed)} of {len(self)} passed"])


def package(*kinds: type[Any]) -> PackageReport:
    """Check every layer, activation, loss and learning rule of the package, or some classes only.

    Each class is checked on its own samples: gradients against finite differences (`gradients`), and rules
    by their self-test (`rule`).

    Parameters
    ----------
    *kinds : type
        Classes to check instead of all, also your own: ``package(MyLayer)``. A class that cannot be made
        without arguments, or does not take inputs of 5 numbers, needs a class method ``samples``.

    Examples
    --------
    >>> from lucidnet.layers import Conv2D, LSTM
    >>> report = package(Conv2D, LSTM)
    >>> report.passed, report.names
    (True, ('Conv2D', 'LSTM'))
    """
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, (Layer, Loss, SpaceRule, TimeRule))):
            raise SettingError(f"check.package: expected classes of layers, losses or rules, got {kind!r}")
        if not any(True for _ in kind.samples()):
            raise SettingError(f"check.package: {kind.__name__}.samples() gives nothing to check")
    chosen = kinds or (kind for table in TABLES for kind in table.values())
    found = {kind.__name__: tuple(_checked(kind)) for kind in chosen}
    return PackageReport({name: reports for name, reports in found.items() if reports})


def _checked(kind: Any) -> Iterator[tuple[str, CheckReport | RuleReport]]:
    """Check each sample of a class; yield titles and reports."""
    for sample in kind.samples():
        if isinstance(sample, tuple):
            yield sample[0].describe(), _layer(*sample)
        elif isinstance(sample, Loss):
            yield described(sample), _loss(sample)
        else:
            yield described(sample), rule(sample)


def _layer(layer: Layer, shape: Shape) -> CheckReport:
    """Check a layer's gradients on inputs away from kinks, or on whole numbers where it needs those."""
    if not first_leaf(layer).differentiable:
        return gradients(layer, shape=shape)
    return gradients(layer, smooth((ROWS, *shape)))


def _loss(loss: Loss) -> CheckReport:
    """Check a loss's gradients on scores, or on probabilities where it takes nothing else."""
    x = smooth((ROWS, 5))
    flat = _SideBySide(loss) if isinstance(loss, Joint) else loss
    return gradients(flat, x if _takes_scores(loss) else np.abs(x) / 4)


@dataclass(frozen=True, repr=False)
class _SideBySide(Loss):
    """Adapts a loss of several outputs to a single output that holds them side by side."""

    joint: Joint

    def forward(self, prediction: Array, target: Array, *given: Any) -> tuple[Array, Any]:
        return self.joint.forward(self._apart(prediction), self._apart(target), *given)

    def backward(self, cache: Any) -> Array:
        return np.concatenate(list(self.joint.backward(cache).values()), axis=-1)

    def _apart(self, array: Array) -> dict[str, Array]:
        parts = np.array_split(array, len(self.joint.losses), axis=-1)
        return {name: part for (name, _), part in zip(self.joint.losses, parts, strict=True)}


def smooth(shape: tuple[int, ...]) -> Array:
    """Return numbers between -3 and 3, none of them close to a kink at -3, 0 or 3."""
    count = int(np.prod(shape))
    order = np.arange(count) * 7 % count
    return (np.where(order % 2 == 0, 1, -1) * (0.15 + 2.6 * order / count)).reshape(shape)


def _takes_scores(loss: Loss) -> bool:
    """Tell whether a loss accepts any real number as a prediction, not only probabilities."""
    return getattr(loss, "from_logits", True)
