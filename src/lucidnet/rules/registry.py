"""Rules by name, and how the two axes are combined."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..core.exports import Known
from ..core.settings import UnfitError, setting, shown
from ..core.value import Value, of_library, value
from ..errors import SettingError, lookup
from ..layers import Layer, walk
from .base import SpaceRule
from .space.transported import Backprop
from .time.base import TimeRule
from .time.bptt import BPTT

SPACE = Known(
    "lucidnet.rules",
    SpaceRule,
    {
        "fa": "FeedbackAlignment",
        "dfa": "DirectFeedbackAlignment",
        "usf": "UniformSign",
        "brsf": "BatchSign",
        "frsf": "FixedSign",
        "kp": "KolenPollack",
        "wm": "WeightMirror",
        "drtp": "DirectRandomTargetProjection",
        "np": "NodePerturbation",
        "wp": "WeightPerturbation",
    },
)
"""The classes of rules across layers, by name."""

TIME = Known(
    "lucidnet.rules", TimeRule, {"truncated": "TruncatedBPTT", "snap1": "Diagonal"}, without=["SnAp"]
)
"""The classes of rules through time, by name."""


def _names(known: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, sorted(known)))


def _space(given: Any, owner: Any) -> Any:
    return _axis("space", given, SPACE, SpaceRule)


def _time(given: Any, owner: Any) -> Any:
    return _axis("time", given, TIME, TimeRule)


def _axis(axis: str, given: Any, known: Mapping[str, Callable[[], Any]], base: type) -> Any:
    if isinstance(given, str):
        return lookup(f"rule in {axis}", given, known)()
    if not isinstance(given, base):
        raise UnfitError(f"one of {_names(known)}, or a {base.__name__}")
    return given


@value
class Rule(Value):
    """How credit is assigned: across layers, and through time.

    Parameters
    ----------
    space : str or SpaceRule
        How the error crosses layers.
    time : str or TimeRule
        How recurrent layers carry it back in time.

    Examples
    --------
    >>> Rule("fa")
    Rule(FeedbackAlignment())
    """

    space: Any = setting("the name of a rule, or a SpaceRule", _space, default=Backprop())
    time: Any = setting("the name of a rule, or a TimeRule", _time, default=BPTT())

    @property
    def independent(self) -> bool:
        """Whether the rule treats examples independently, so that padding with zero-error ones is safe."""
        return all(of_library(axis) and not axis.couples_examples for axis in (self.space, self.time))

    def within(self, layer: Layer) -> Rule:
        """Return the rule of a layer: its own, or this one if it has none."""
        return self if layer.rule is None else get(layer.rule)


def get(given: Any) -> Rule:
    """Return a `Rule` from a name, or from a rule for one of the two axes.

    Examples
    --------
    >>> get("dfa")
    Rule(DirectFeedbackAlignment())
    """
    if isinstance(given, Rule):
        return given
    if written := _written(given):
        raise SettingError(f"rule: got {shown(given)}: write {written}")
    if isinstance(given, TimeRule) or (isinstance(given, str) and given in TIME):
        return Rule(time=given)
    if isinstance(given, str):
        return Rule(lookup("rule", given, {**SPACE, **TIME})())
    return Rule(given)


def _written(given: Any) -> str:
    """Return how a rule is written that was given in another way; "" if that is not known."""
    if isinstance(given, type) and issubclass(given, (SpaceRule, TimeRule)):
        return f"{given.__name__}(), made"
    parts = [part.strip() for part in given.split("+")] if isinstance(given, str) else given
    if isinstance(parts, (tuple, list)) and len(parts) == 2:
        return f"Rule({parts[0]!r}, {parts[1]!r}), across layers and through time"
    if isinstance(given, str) and (order := re.fullmatch(r"snap-?([2-9])", given.lower())):
        return f"SnAp({order[1]})"
    return ""


def short_name(given: Any) -> str:
    """Return a rule's name for tables and pictures, made of names that `get` knows where possible.

    Examples
    --------
    >>> from lucidnet.rules import RFLO, FeedbackAlignment
    >>> short_name(Rule(FeedbackAlignment(), RFLO())), short_name(RFLO()), short_name("backprop")
    ('fa + rflo', 'rflo', 'backprop')
    """
    rule = get(given)
    space, time = _word(rule.space, SPACE), _word(rule.time, TIME)
    if rule.time == BPTT():
        return space
    return time if rule.space == Backprop() else f"{space} + {time}"


def _word(axis: Value, known: Mapping[str, Any]) -> str:
    """Return the shortest name of a rule along one axis, with its settings that differ from the defaults."""
    words = sorted((name for name in known if known[name] is type(axis)), key=len)
    if not words:
        return repr(axis)
    settings = ", ".join(f"{name}={value!r}" for name, value in axis.settings().items())
    return f"{words[0]}({settings})" if settings else words[0]


def plain(net: Layer, rule: Rule) -> bool:
    """Tell whether a network is trained by plain backpropagation alone, in space and time."""
    rules = (rule.within(layer) for _, layer in walk(net))
    return all(isinstance(r.space, Backprop) and isinstance(r.time, BPTT) for r in rules)
