"""The kinds of layers that a page can use, each with its settings: as a layer, and as Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ... import layers
from ...layers import Layer

MOST_UNITS = 256


@dataclass(frozen=True)
class Kind:
    """A kind of layer: its number, its options, and the data that it fits.

    Parameters
    ----------
    number : str
        What its number is called; nothing, if it has none.
    low, high, usual : float
        In which range the number lies, and what it is at first.
    whole : bool
        Whether it is a whole number.
    learns : bool
        Whether it has first weights and penalties.
    activated : bool
        Whether it is given an activation.
    where : str
        ``"pictures"`` or ``"sequences"``, if it stands with those alone.
    """

    number: str = "units"
    low: float = 1
    high: float = MOST_UNITS
    usual: float = 16
    whole: bool = True
    learns: bool = True
    activated: bool = True
    where: str = ""


_NOTHING = Kind("", 0, MOST_UNITS, 0, learns=False, activated=False)
_RECURRENT = Kind(where="sequences", usual=8)
_GATED = Kind(where="sequences", usual=8, activated=False)
KINDS = {
    "Dense": Kind(),
    "Residual": Kind(),
    "Conv2D": Kind("filters", high=32, usual=6, where="pictures"),
    "MaxPooling2D": Kind("size", 2, 4, 2, where="pictures", learns=False, activated=False),
    "AveragePooling2D": Kind("size", 2, 4, 2, where="pictures", learns=False, activated=False),
    "LeakyRNN": _RECURRENT,
    "SimpleRNN": _RECURRENT,
    "GRU": _GATED,
    "LSTM": _GATED,
    "Dropout": Kind("rate", 0.01, 0.95, 0.2, whole=False, learns=False, activated=False),
    "GaussianNoise": Kind("deviation", 0.001, 5, 0.1, whole=False, learns=False, activated=False),
    "BatchNormalization": _NOTHING,
    "LayerNormalization": _NOTHING,
    "RMSNormalization": _NOTHING,
}
"""Kinds of layers by the names of the library; ``Residual`` is a Dense layer with its input added."""


@dataclass(frozen=True)
class Piece:
    """A layer that is not built yet: its class and arguments.

    Parameters
    ----------
    name : str
        The class.
    given : tuple
        Its arguments, values or pieces.
    named : tuple of (str, any)
        Its arguments by name.
    """

    name: str
    given: tuple[Any, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()

    def layer(self) -> Layer:
        """Build the layer from its class and arguments."""
        given = (one.layer() if isinstance(one, Piece) else one for one in self.given)
        made: Layer = getattr(layers, self.name)(*given, **dict(self.named))
        return made

    def __str__(self) -> str:
        given = [str(one) if isinstance(one, Piece) else repr(one) for one in self.given]
        return f"ln.layers.{self.name}({', '.join([*given, *(f'{k}={v!r}' for k, v in self.named)])})"


def fitting(picture: bool, sequence: bool) -> list[str]:
    """Return the kinds of layers that suit the data.

    Examples
    --------
    >>> "Conv2D" in fitting(True, False), "GRU" in fitting(True, False)
    (True, False)
    """
    wanted = {"", "pictures" if picture else "", "sequences" if sequence else ""}
    return [name for name, kind in KINDS.items() if kind.where in wanted]


def pieces(
    hidden: tuple[tuple[float, str, str], ...], common: dict[str, Any], side: int, sequence: bool
) -> Iterator[Piece]:
    """Yield the hidden layers of a network, with the reshaping layers needed in between.

    Parameters
    ----------
    hidden : tuple of (float, str, str)
        Number, activation and kind of each; no kind is the usual one of the data.
    common : dict
        What all layers that learn are given besides: first weights, penalties.
    side : int
        How many pixels wide and high the examples are, if they are pictures.
    sequence : bool
        Whether they are sequences.
    """
    flat = True
    for number, activation, named in hidden:
        name = named or ("LeakyRNN" if sequence else "Dense")
        kind = KINDS[name]
        spatial = kind.where == "pictures"
        if spatial and flat and side:
            yield Piece("Reshape", ((side, side, 1),))
            flat = False
        elif not flat and kind.learns and not spatial:
            yield Piece("Flatten")
            flat = True
        given = (int(number) if kind.whole else number,) if kind.number else ()
        if name == "Residual":
            yield Piece(name, (Piece("Dense", (*given, activation), tuple(common.items())),))
        elif name == "Dense":
            yield Piece(name, (*given, activation), tuple(common.items()))
        elif name == "Conv2D":
            how = {"activation": activation, "padding": "same", **common}
            yield Piece(name, (*given, 3), tuple(how.items()))
        elif kind.where == "sequences":
            how = {"activation": activation} if kind.activated else {}
            yield Piece(name, (*given, True), tuple({**how, **common}.items()))
        else:
            yield Piece(name, given)
    if not flat:
        yield Piece("Flatten")
