"""The arguments of a model's methods, declared once, with their checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..core.settings import (
    Check,
    Range,
    UnfitError,
    between,
    choice,
    count,
    finite,
    flag,
    instance,
    is_function,
    path_like,
    real,
    sequence,
    setting,
    texts,
    whole,
)
from ..core.value import Value, value
from ..engine.device import DTYPES
from .callbacks.base import Callback
from .loop import LoopSettings


@value
class ModelArguments(Value):
    """The seed and the precision of a model; see `Model`."""

    title: ClassVar[str] = "Model"

    seed: int = whole(0, default=0)
    dtype: str = choice(*DTYPES, default="float32")


def _as_verbose(given: Any, owner: Any) -> int:
    return int(given) if isinstance(given, bool) else int(LEVEL.convert(given, owner))


LEVEL: Check = choice(0, 1, 2).metadata["check"]


def _as_validation(given: Any, owner: Any) -> Any:
    """Return a pair or triple as a tuple, or what gives batches as it is."""
    if isinstance(given, (tuple, list)):
        if len(given) not in (2, 3):
            raise UnfitError
        return tuple(given)
    if isinstance(given, Mapping):
        return given
    if not (hasattr(given, "batches") or hasattr(given, "__next__") or is_function(given)):
        raise UnfitError
    return given


def _as_class_weight(given: Any, owner: Any) -> Any:
    if isinstance(given, Mapping):
        return {label: real(weight, Range(0)) for label, weight in given.items()}
    if not isinstance(given, str) or given != "balanced":
        raise UnfitError
    return given


@value
class FitArguments(LoopSettings):
    """How a model is trained; see `Model.fit`."""

    batch_size: int = count(1, default=32)
    validation_data: Any = setting(
        "(x, y), (x, y, sample_weight), a dict of them by name, or a Dataset",
        _as_validation,
        default=None,
        optional=True,
    )
    validation_split: float = between(0, 1, default=0.0)
    shuffle: bool = flag(default=True)
    class_weight: Any = setting(
        "a dict from classes to weights of 0 or more", _as_class_weight, default=None, optional=True
    )
    callbacks: Sequence[Callback] = sequence(
        "callbacks such as EarlyStopping()", instance(Callback, "a callback"), least=0, default=()
    )
    record: Sequence[str] = texts(one=True, default=())
    record_every: int = count(1, default=1)
    resume: Any = path_like(default=None, optional=True)
    verbose: int = setting("one of 0, 1, 2", _as_verbose, default=1)


@value
class OneCycleArguments(Value):
    """A training with one cycle; see `Model.fit_one_cycle`."""

    title: ClassVar[str] = "fit_one_cycle"

    epochs: int = count(1)
    max_lr: float = finite(above=0)
    momentum: tuple[float, float] = sequence(
        "numbers, the largest and the smallest", finite(0, below=1), length=2
    )
    shape: str = choice("cosine", "linear", default="cosine")
    phases: int = choice(2, 3, default=2)
    batch_size: int = count(1, default=32)
