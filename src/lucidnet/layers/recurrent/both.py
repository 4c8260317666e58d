"""A bidirectional recurrent layer."""

from __future__ import annotations

from dataclasses import replace

from ...core.calls import takes
from ...core.settings import choice, taken
from ...errors import SettingError
from ..base import Layer
from ..branches import Add, Branches, Concatenate, Multiply
from .base import Recurrent

MERGE: dict[str, type[Branches]] = {"concat": Concatenate, "sum": Add, "mul": Multiply}


@takes()
def Bidirectional(layer: Recurrent, merge: str = "concat", *, name: str = "") -> Layer:  # noqa: N802
    """Run a recurrent layer forwards, and a copy of it backwards (Schuster & Paliwal 1997).

    Parameters
    ----------
    layer : Recurrent
        The layer; the other has the same settings, and weights of its own.
    merge : {"concat", "sum", "mul"}
        How the two outputs are joined.
    name : str, optional
        The name of the whole.

    Returns
    -------
    Concatenate, Add or Multiply
        With the branches ``forward`` and ``backward``.

    Examples
    --------
    >>> from lucidnet.layers import LSTM
    >>> both = Bidirectional(LSTM(8, return_sequences=True))
    >>> [branch.go_backwards for branch in both.branches]
    [False, True]
    """
    if not isinstance(layer, Recurrent):
        raise SettingError(f"Bidirectional: expected a recurrent layer such as LSTM(64), got {layer!r}")
    branches = (replace(layer, name="forward"), replace(layer, name="backward", go_backwards=True))
    kind = MERGE[taken("Bidirectional", "merge", merge, choice(*MERGE))]
    return kind(branches, name=name)
