"""The arguments of a model's methods, declared once, with their checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, TypeVar

import numpy as np

from .backend.config import DTYPES, DeviceConfig
from .core.calls import array_like, takes
from .core.settings import (
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
    listed,
    path_like,
    real,
    sequence,
    setting,
    texts,
    whole,
)
from .core.value import Value, value
from .errors import SettingError
from .foreign.networks import library
from .layers import Layer
from .training.loop import Callback, LoopSettings

K = TypeVar("K", bound=type)


def _as_mesh(given: Any, owner: Any) -> Any:
    check = whole(1).metadata["check"]
    if isinstance(given, (tuple, list)) and len(given) in (1, 2):
        return tuple(check.convert(size, owner) for size in given)
    if not isinstance(given, str):
        return check.convert(given, owner)
    sizes = given.split("x")
    if given != "all" and not (len(sizes) <= 2 and all(size.isdecimal() and int(size) for size in sizes)):
        raise UnfitError
    return str(given)


def _as_dtype(given: Any, owner: Any) -> str:
    """Accept a precision as NumPy writes it, too: np.float32, np.dtype("float64")."""
    if isinstance(given, (type, np.dtype)):
        given = np.dtype(given).name
    if not isinstance(given, str) or given not in DTYPES:
        raise UnfitError
    return str(given)


def _as_backend(given: Any, owner: Any) -> Any:
    if not isinstance(given, DeviceConfig) and not (isinstance(given, str) and given):
        raise UnfitError
    return given


def _as_layers(given: Any, owner: Any) -> tuple[Layer, ...]:
    several = given if isinstance(given, (tuple, list)) else (given,)
    if name := next(filter(None, map(library, several)), ""):
        raise UnfitError(f"layers of lucidnet; lucidnet.convert(network) makes a model of one of {name}")
    layers = (given,) if isinstance(given, Layer) else listed(given)
    if any(hasattr(layer, "net") for layer in layers):
        raise UnfitError(
            "a sequence of layers; those of a model are [*model.net.layers, Dense(2)], whose weights begin "
            "anew: load_weights(model.params, strict=False) takes them along"
        )
    if not all(isinstance(layer, Layer) for layer in layers):
        raise UnfitError
    return layers


def _as_vector(given: Any, owner: Any) -> Any:
    if isinstance(given, (list, tuple)) and any(getattr(one, "ndim", 0) for one in given):
        raise UnfitError(
            "one vector, as get_weights() gives it (arrays by layer and name are set by set_params(tree))"
        )
    return array_like().metadata["check"].convert(given, owner)


@value
class ModelArguments(Value):
    """What a model is made of, and trained on; see `Model`."""

    title: ClassVar[str] = "Model"

    layers: Any = setting(
        "a sequence of layers such as Dense(10), made, not classes or sizes (of sizes: mlp([64, 10]))",
        _as_layers,
    )
    seed: int = whole(0)
    dtype: str = setting(f"one of {', '.join(DTYPES)}", _as_dtype)
    backend: Any = setting("'numpy', 'jax', 'jax:cpu' or 'jax:gpu'", _as_backend, optional=True)
    mesh: Any = setting("'all', a number, or rows and columns as '4x2'", _as_mesh, optional=True)


def _as_verbose(given: Any, owner: Any) -> int:
    return int(given) if isinstance(given, bool) else int(LEVEL.convert(given, owner))


LEVEL: Check = choice(0, 1, 2).metadata["check"]


def _as_validation(given: Any, owner: Any) -> Any:
    """Accept validation data: a pair or triple (made a tuple), a mapping, or a source of batches."""
    if isinstance(given, (tuple, list)):
        if len(given) not in (2, 3):
            raise UnfitError
        return tuple(given)
    if isinstance(given, Mapping):
        return given
    if isinstance(given, type) or not (
        hasattr(given, "batches") or hasattr(given, "__next__") or is_function(given)
    ):
        raise UnfitError
    return given


def _as_class_weight(given: Any, owner: Any) -> Any:
    if isinstance(given, Mapping):
        if not given:
            raise UnfitError("a dict from classes to weights: an empty one has no effect, leave it out")
        return {label: real(weight, Range(0)) for label, weight in given.items()}
    if not isinstance(given, str) or given != "balanced":
        raise UnfitError
    return given


def as_callbacks(given: Any, owner: Any) -> tuple[Callback, ...]:
    """Return one or several callbacks as a tuple."""
    callbacks = (given,) if isinstance(given, Callback) else listed(given)
    if not all(isinstance(callback, Callback) for callback in callbacks):
        raise UnfitError
    if len({id(callback) for callback in callbacks}) < len(callbacks):
        raise UnfitError("callbacks, each of them once: it would hear of everything twice")
    return callbacks


CLASS_WEIGHT = ("a dict from classes to weights of 0 or more, 'balanced'", _as_class_weight)


@value
class FitArguments(LoopSettings):
    """How a model is trained; see `Model.fit`."""

    batch_size: int | None = count(1, default=None, optional=True)
    validation_data: Any = setting(
        "(x, y), (x, y, sample_weight), a dict of them by name, or a Dataset",
        _as_validation,
        default=None,
        optional=True,
    )
    validation_split: float = between(0, 1, default=0.0)
    shuffle: bool | None = flag(default=None, optional=True)
    class_weight: Any = setting(*CLASS_WEIGHT, default=None, optional=True)
    callbacks: Sequence[Callback] = setting(
        "callbacks, [EarlyStopping(), ...], or one (your own are subclasses of Callback)",
        as_callbacks,
        default=(),
    )
    record: Sequence[str] = texts(one=True, default=())
    record_every: int = count(1, default=1)
    resume: Any = path_like(default=None, optional=True)
    verbose: int = setting("one of 0, 1, 2", _as_verbose, default=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.record_every > 1 and not self.record:
            raise SettingError(f"fit: record_every={self.record_every} has no effect without record=(...)")
        if self.validate_every is not None and self.validation_data is None and not self.validation_split:
            raise SettingError(
                f"fit: validate_every={self.validate_every} has no effect without validation data: give "
                "validation_data or validation_split"
            )


def _as_shape(given: Any, owner: Any) -> Any:
    """Return the shape of one input as a tuple, or a dict of tuples for several named inputs."""
    if isinstance(given, (tuple, list)):
        return tuple(
            _as_shape(one, owner) if isinstance(one, (tuple, list)) else _as_size(one, owner) for one in given
        )
    if isinstance(given, Mapping):
        return {name: _as_shape(shape, owner) for name, shape in given.items()}
    return (_as_size(given, owner),)


def _as_size(given: Any, owner: Any) -> Any:
    return None if given is None else count(1).metadata["check"].convert(given, owner)


SHAPE = setting("the sizes of one input such as (28, 28, 1), or a dict of them", _as_shape, optional=True)
TREE = instance(Mapping, "a dict of arrays by layer and name")


def _as_file(given: Any, owner: Any) -> Any:
    if not isinstance(given, (str, PathLike)) or not str(given):
        raise UnfitError
    return given


FILE = setting("a path", _as_file)
"""Only a type check: the readers and writers of files say what is wrong with a file name."""
METHODS: dict[str, dict[str, Any]] = {
    "build": {"shape": SHAPE},
    "load": {
        "path": FILE,
        "custom": instance(Mapping, "a dict from names to classes", optional=True),
        "backend": setting("'numpy', 'jax', 'jax:cpu' or 'jax:gpu'", _as_backend, optional=True),
        "mesh": setting("'all', a number, or rows and columns as '4x2'", _as_mesh, optional=True),
    },
    "load_weights": {
        "strict": flag(),
        "reset": flag(),
    },
    "lr_find": {"class_weight": setting(*CLASS_WEIGHT, optional=True)},
    "save": {"path": FILE, "optimizer": flag()},
    "set_feedback": {"feedback": TREE},
    "set_params": {"params": TREE, "shape": SHAPE, "reset": flag()},
    "set_weights": {"vector": setting("one vector", _as_vector), "reset": flag()},
}
"""Checks for the arguments of methods that nothing else checks."""


def declared(kind: K) -> K:
    """Make the methods of `Model` check their arguments as declared in `METHODS`."""
    for name, arguments in METHODS.items():
        method = vars(kind)[name]
        inner = getattr(method, "__func__", method)
        made = takes(name, **arguments)(inner)
        setattr(kind, name, classmethod(made) if inner is not method else made)
    return kind


@value
class OneCycleArguments(Value):
    """A training with one cycle; see `Model.fit_one_cycle`."""

    title: ClassVar[str] = "fit_one_cycle"

    epochs: int = count(1)
    max_lr: float = finite(above=0)
    momentum: tuple[float, float] | None = sequence(
        "numbers, the largest and the smallest", finite(0, below=1), length=2, optional=True
    )
    shape: str = choice("cosine", "linear", default="cosine")
    phases: int = choice(2, 3, default=2)
    batch_size: int | None = count(1, default=None, optional=True)
