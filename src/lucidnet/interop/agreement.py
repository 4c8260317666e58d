"""Whether processes that begin a training together have the same in hand."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np

from ..core.packing import difference
from ..core.text import short
from ..core.value import to_config
from ..data.fingerprint import of_arrays, of_data
from ..errors import DataError, SettingError
from .changes import to_plain

MODEL = ("net", "input_shape", "dtype", "seed", "loss", "optimizer", "rule", "metrics", "classes")
"""What is compared of a model, besides its weights."""
WAY = (
    "all run the same program, with the same model, settings and data, and each takes its own part of every "
    "batch by itself"
)


def check_agreement(loop: Any, **more: Any) -> None:
    """Raise if another process is about to train something else, or on something else.

    Otherwise each would go its own way without a word, or all would wait for each other for ever. All must
    call this; all raise if there is a difference.

    Parameters
    ----------
    loop : Loop
        The training.
    **more : bool
        What else must be the same, by name.

    Raises
    ------
    DataError
        If the data differ.
    SettingError
        If something else does.
    """
    settings = loop.facts["settings"] | {"epochs": loop.settings.epochs} | more
    data = loop.facts["data"] | {"first": _first(loop.source)}
    _check(loop.model, loop.facts | {"settings": settings, "data": data})


def check_measured(model: Any, source: Any) -> Any:
    """Return a source of batches; raise if another process is about to measure something else, or on another.

    Otherwise what came out would be of neither. All must call this, and then measure.

    Parameters
    ----------
    model : Model
        What is measured.
    source : BatchSource
        The batches.

    Raises
    ------
    DataError
        If the data differ.
    SettingError
        If something else does.
    """
    if len(model.executor.gather(None)) > 1:
        settings, data = source.facts()
        _check(model, {"settings": settings, "data": data | {"first": _first(source)}})
    return source


def _first(source: Any) -> Any:
    """Return a fingerprint of the first batch of functions and loaders, into which nobody else looks."""
    dataset: Any = getattr(source, "dataset", None)
    inner = dataset
    while hasattr(inner, "inner"):
        inner = inner.inner
    make = getattr(inner, "make", None)
    if make is None or hasattr(make, "__next__"):  # what an iterator has given is gone
        return None
    return of_data(source.check(*dataset.sample))


def _check(model: Any, facts: dict[str, Any]) -> None:
    # Of code its kind alone, as nobody knows whether it is the same.
    described, gather = partial(to_config, other=lambda code: type(code).__name__), model.executor.gather
    mine = {"model": {name: described(getattr(model, name, None)) for name in MODEL}} | facts
    _compare(gather(json.dumps(mine, default=str)))
    state = model.state
    _compare(gather(json.dumps({"weights": of_arrays(state.vector), "step": int(state.step)})))


def differing(loop: Any) -> bool:
    """Tell whether processes would group steps differently; if so, each step is made alone.

    If a callback of any of them acts between the steps, they ask each other after each block of steps whether
    to stop.
    """
    first = loop.steps
    kinds = [[type(c).__name__, *map(c.room, range(first, first + 3))] for c in loop.callbacks]
    everyone = loop.model.executor.gather(kinds)
    loop.asked.always = any(room for each in everyone for _, *rooms in each for room in rooms)
    return any(other != kinds for other in everyone)


def agreed(loop: Any, now: bool) -> str | None:
    """Return why all processes stop here, if one of them would; `now` asks in any case, as at an epoch's end.

    Raises
    ------
    SettingError
        If callbacks have changed the model in one process, and not in another: its settings, or weights that
        somebody has set since the last step. That is looked at only `now`.
    """
    model, gather = loop.model, loop.model.executor.gather
    if now:
        vector = model.live.params.vector
        weights = of_arrays(vector) if isinstance(vector, np.ndarray) else None
        settings = {".".join(path) or "optimizer": own for path, own in to_plain(model.changes)}
        mine = json.dumps({"set": settings, "weights": weights}, default=str)
        _compare(gather(mine), "callbacks that change a model do so in all")
    why: str | None = loop.asked.agree(gather, now)
    return why


def _compare(texts: list[str], way: str = WAY) -> None:
    first, *others = (json.loads(text) for text in texts)
    for index, theirs in enumerate(others, 1):
        if theirs == first:
            continue
        where, given, other = difference("", first, theirs)
        kind = DataError if where[1:].partition(".")[0].endswith("data") else SettingError
        said = f"{where[1:]} is {short(given)} in process 0, and {short(other)} in process {index}"
        raise kind(f"several processes: {said}; {way}")
