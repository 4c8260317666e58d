"""How local each rule is: what a weight's update depends on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from textwrap import fill
from typing import Any

from ..core.settings import shown
from ..core.text import Report, plain
from ..errors import SettingError
from .base import SpaceRule
from .registry import Rule, get
from .space.transported import Backprop
from .time.base import TimeRule
from .time.bptt import BPTT

HEARD = ": only the error of the same time step arrives there, not what later ones say"
BELOW = f"; approximate below a recurrent layer with this rule{HEARD}"
"""The note on rules that do not carry credit to the layers below (`TimeRule.carries`)."""

SPACE_READS = {
    "pre": "the layer's own inputs",
    "post": "the unit's own output",
    "errors above": "errors that the layers above have computed",
    "weights above": "the weights of the layers above",
    "output error": "the error at the network's output, sent to all layers",
    "targets": "the targets, sent to all layers",
    "loss": "the change of the loss, one number for each example",
    "noise": "noise of its own",
}
"""What the update of a weight below the last layer may depend on."""

TIME_READS = {
    "pre": "the layer's input, and its output of the time before",
    "post": "the unit's own state",
    "error": "the error at the unit's own output",
    "other errors": "errors at the outputs of other units",
    "other units": "states of units that the weight does not join",
    "own recurrent weight": "the unit's recurrent weight to itself",
    "recurrent weights": "recurrent weights between other units",
    "trace": "a trace of the past",
    "stored times": "the past, stored for a window of times",
    "later times": "later times",
    "noise": "noise of its own",
}
"""What the update of a recurrent layer's weight may depend on at each time step."""


@dataclass(frozen=True, repr=False)
class Locality(Report):
    """What a rule's weight updates read and need, along one axis.

    Parameters
    ----------
    rule : SpaceRule or TimeRule
        The rule.
    axis : str
        ``"across layers"`` or ``"through time"``.
    reads, unread : dict of str
        What a weight's update depends on, and what not, by short name and in words. A test perturbs each of
        these quantities, and observes whether the update changes.
    memory : str
        How many numbers the rule keeps for each example of a batch: N is the number of units, T of times.
    cost : str
        The operations it takes.
    online : bool, optional
        Whether it can learn at each time step; None for a rule across layers.
    below : str
        Where the rule differs from what it is elsewhere: below a recurrent layer; "" if there is no
        difference.
    """

    rule: SpaceRule | TimeRule
    axis: str
    reads: dict[str, str]
    unread: dict[str, str]
    memory: str
    cost: str
    online: bool | None
    below: str = ""

    def __str__(self) -> str:
        lines = (
            fill(text, 100, initial_indent=f"  {name:<8}", subsequent_indent=" " * 10)
            for name, text in self._rows
        )
        return plain("\n".join([self._title, *lines]))

    @property
    def _title(self) -> str:
        source = " ".join((type(self.rule).__doc__ or "").split("\n\n")[0].split())
        return f"{self.rule!r}, {self.axis}: {source}"

    @property
    def _rows(self) -> list[tuple[str, str]]:
        rows = [
            ("reads", "; ".join(self.reads.values()) or "nothing: weights below the last layer do not learn"),
            ("not", "; ".join(self.unread.values())),
            ("memory", self.memory),
            ("cost", self.cost),
        ]
        if self.online is not None:
            yes = "yes" if self.below else f"yes; then approximate below a recurrent layer{HEARD}"
            rows.append(("online", yes if self.online else "no: it needs whole trials"))
        if self.below:
            rows.append(("scope", self.below))
        return rows

    def _parts(self) -> list[str]:
        from ..core import page

        return [page.heading(self._title), page.table((), self._rows, {1: "w"})]

    def _repr_html_(self) -> str:
        from ..core.page import fragment

        return fragment(*self._parts())


@dataclass(frozen=True, repr=False)
class LocalityReport(Report):
    """What a rule reads on both axes; print it.

    Parameters
    ----------
    parts : tuple of Locality
        One for each axis on which the rule is more than the chain rule (both axes for plain backprop).
    """

    parts: tuple[Locality, ...]

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.parts))

    def _repr_html_(self) -> str:
        from ..core.page import fragment

        return fragment(*(piece for part in self.parts for piece in part._parts()))


def report(rule: Any) -> LocalityReport:
    """Report how local a rule is: what it reads, what it costs, and whether it can learn online.

    Parameters
    ----------
    rule : str, Rule, SpaceRule or TimeRule
        The rule.

    Examples
    --------
    >>> print(report("dfa"))
    DirectFeedbackAlignment(), across layers: The output's error, ...
      reads   the layer's own inputs; the unit's own output; the error at the network's output, sent to
              all layers
      not     errors that the layers above have computed; the weights of the layers above; the targets,
              sent to all layers; the change of the loss, one number for each example; noise of its own
      memory  a B of outputs x inputs for each layer
      cost    a product with B in place of W for each layer
    >>> report("rflo").parts[0].online
    True
    """
    own: Rule = get(rule)
    parts = [_space(own.space), _time(own.time)]
    plain = [isinstance(own.space, Backprop), isinstance(own.time, BPTT)]
    chosen = [part for part, is_plain in zip(parts, plain, strict=True) if not is_plain]
    return LocalityReport(tuple(chosen or parts))


def _space(rule: SpaceRule) -> Locality:
    return _locality(rule, "across layers", SPACE_READS, None)


def _time(rule: TimeRule) -> Locality:
    made = _locality(rule, "through time", TIME_READS, rule.online)
    return (
        made if rule.carries else replace(made, below=f"{'exact' if rule.exact else ''}{BELOW}".lstrip("; "))
    )


def _locality(rule: SpaceRule | TimeRule, axis: str, names: dict[str, str], online: bool | None) -> Locality:
    if not isinstance(rule.reads, str):
        raise SettingError(
            f"{type(rule).__name__}: reads must be a text, names with commas, got {shown(rule.reads)}"
        )
    read = {name.strip() for name in rule.reads.split(",") if name.strip()}
    if odd := sorted(read - names.keys()):
        raise SettingError(
            f"{type(rule).__name__}: reads has {', '.join(odd)}, known are: {', '.join(names)}"
        )
    reads = {name: text for name, text in names.items() if name in read}
    unread = {name: text for name, text in names.items() if name not in read}
    return Locality(rule, axis, reads, unread, rule.memory, rule.cost, online)
