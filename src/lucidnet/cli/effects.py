"""Errors for options that would have no effect beside the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .. import optimizers
from ..errors import SettingError

OF_A_NETWORK = ("hidden", "activation", "optimizer", "lr", "rule", "seed")
"""Options that describe a new network, and how it is trained."""
OF_A_TABLE = ("target", "task", "drop", "standardize", "categories", "missing", "dates", "encoding")
"""Options about a file with a table."""


class Typed(NamedTuple):
    """The options of a command line, and which of them were left at their defaults."""

    values: Mapping[str, Any]
    left_out: frozenset[str]

    def has(self, name: str) -> bool:
        """Tell whether an option was typed."""
        return name in self.values and name not in self.left_out


def check(context: Any) -> None:
    """Raise if a typed option has no effect; the message names it and says why."""
    values = context.params
    sources = {name: context.get_parameter_source(name) for name in values}
    left_out = {name for name, source in sources.items() if source is None or source.name != "COMMANDLINE"}
    for name, why in _useless(Typed(values, frozenset(left_out))):
        raise SettingError(f"--{name.replace('_', '-')} has no effect: {why}; leave it out")


def _useless(typed: Typed) -> Iterator[tuple[str, str]]:
    """Yield the typed options that have no effect, each with the reason."""
    for names, why in _reasons(typed):
        for name in names:
            if typed.has(name):
                yield name, why


def _reasons(typed: Typed) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield options that would have no effect if typed, with the reason."""
    values = typed.values
    subject = str(values.get("subject", ""))
    if subject.endswith(".safetensors"):
        yield (*OF_A_NETWORK, *OF_A_TABLE), f"{subject} is a model, which has its own"
    elif not str(values.get("hidden", "-")).strip():
        yield ("activation", "dropout", "initializer"), "there is no hidden layer (--hidden '')"
    if values.get("one_cycle") is not None:
        yield ("lr",), "--one-cycle says the rate of each step"
    if "rules" in values:
        names = [name.strip() for name in values["rules"].split(",") if name.strip()]
        yield from _of_racers(names, values["optimizer"])
    elif (optimizer := values.get("optimizer")) and full_batch(optimizer):
        yield ("batch_size",), f"{optimizer} takes all examples in each step"
        yield ("one_cycle",), f"{optimizer} searches for the length of each step itself"


def _of_racers(names: list[str], optimizer: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield options that have no effect on a race, because all racers bring their own."""
    from ..layers import activations

    if all(full_batch(name if name in optimizers.KNOWN else optimizer) for name in names):
        yield ("batch_size",), "all who take part take all examples in each step"
    if all(name in optimizers.KNOWN for name in names):
        yield ("optimizer", "lr"), "each of --rules is an optimizer with a rate of its own"
    if all(name in activations.KNOWN for name in names):
        yield ("activation",), "each of --rules is an activation"
    if all(map(is_number, names)):
        yield ("lr",), "each of --rules is a rate"


def full_batch(optimizer: str) -> bool:
    """Tell whether the optimizer of this name uses all examples in each step."""
    return optimizer in optimizers.KNOWN and optimizers.KNOWN[optimizer]().full_batch


def is_number(text: str) -> bool:
    """Tell whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
