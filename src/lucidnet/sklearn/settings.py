"""The settings of the estimators and their checks, and the network and optimizer they describe."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .. import losses, optimizers
from ..arguments import as_callbacks
from ..core.settings import (
    Check,
    UnfitError,
    count,
    finite,
    flag,
    is_function,
    listed,
    setting,
    text,
    whole,
)
from ..core.value import Value, of_library, value
from ..errors import MeaningWarning, SettingError, outside
from ..initializers import Uniform, VarianceScaling
from ..layers import Dense, Dropout, Input, Layer, Linear, ReLU, Sigmoid, Softmax, Tanh
from ..layers.activations import get as activation_of
from ..living import learning_rule
from ..optimizers import LBFGS, SGD, Adam, Optimizer
from ..optimizers.one_cycle import after
from ..optimizers.schedules import OneCycle

SOLVERS = ("adam", "sgd", "lbfgs")
RATES = ("constant", "invscaling", "adaptive", "one_cycle")
USUAL: dict[Any, type[Layer]] = {
    "identity": Linear,
    "linear": Linear,
    "logistic": Sigmoid,
    "sigmoid": Sigmoid,
    "relu": ReLU,
    "softmax": Softmax,
    "tanh": Tanh,
}
"""The names of scikit-learn's activations, there and here; those of others are looked up."""

ENDS = {"linear": "identity", "sigmoid": "logistic", "exponential": "exp"}
"""Our names of last activations, and what scikit-learn calls them in `out_activation_`."""

LOSSES = {"squared_error": "half_squared_error"}
"""scikit-learn's names of losses, and the names here."""

IN_PARTS = "partial_fit needs solver='adam' or 'sgd': L-BFGS takes all data at once"

UNITS: Check = whole(1).metadata["check"]
RATE: Check = finite(0, below=1).metadata["check"]


def _sizes(given: Any, owner: Any) -> tuple[int, ...]:
    items = listed(given) if hasattr(given, "__iter__") else (given,)
    return tuple(UNITS.convert(size, owner) for size in items)


def _inner(given: Any, owner: Any) -> tuple[Any, ...]:
    items = listed(given) if hasattr(given, "__iter__") and not isinstance(given, Layer) else (given,)
    return tuple(one if isinstance(one, Layer) else UNITS.convert(one, owner) for one in items)


def _each(one: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a converter that takes one value for all hidden layers, or a sequence with one for each."""

    def convert(given: Any, owner: Any) -> Any:
        if isinstance(given, (str, Layer)) or not hasattr(given, "__iter__"):
            return one(given, owner)
        return tuple(one(each, owner) for each in listed(given))

    return convert


def _activation(given: Any, owner: Any) -> Any:
    return activation_of(USUAL.get(given, given) if isinstance(given, str) else given)


def _solver(given: Any, owner: Any) -> Any:
    return given if isinstance(given, str) and given in SOLVERS else optimizers.get(given)


def _rate(given: Any, owner: Any) -> Any:
    if not (isinstance(given, str) and given in RATES) and not is_function(given):
        raise UnfitError
    return given


def _patience(given: Any, owner: Any) -> float:
    return math.inf if given == math.inf else float(UNITS.convert(given, owner))


def _batch(given: Any, owner: Any) -> Any:
    return given if isinstance(given, str) and given == "auto" else UNITS.convert(given, owner)


def _random_state(given: Any, owner: Any) -> Any:
    if isinstance(given, (int, np.integer)):
        fits = 0 <= given < 2**32
    else:
        fits = isinstance(given, np.random.RandomState) or given is np.random
    if not fits:
        raise UnfitError
    return given


def _verbose(given: Any, owner: Any) -> int:
    return (
        int(given)
        if isinstance(given, (bool, np.bool_))
        else int(whole(0).metadata["check"].convert(given, owner))
    )


def _loss(given: Any, owner: Any) -> Any:
    return losses.get(LOSSES.get(given, given) if isinstance(given, str) else given)


def _class_weight(given: Any, owner: Any) -> Any:
    if not isinstance(given, dict) and not (isinstance(given, str) and given == "balanced"):
        raise UnfitError
    return given


@value
class NetSettings(Value):
    """The checked settings of an estimator; see `NetClassifier`."""

    name: str = text()
    hidden_layer_sizes: Any = setting("a whole number of 1 or more, or several", _sizes)
    layers: Any = setting("layers, or numbers of units of dense ones", _inner, optional=True)
    activation: Any = setting("an activation or its name, or one for each hidden layer", _each(_activation))
    dropout: Any = setting(
        "a number of at least 0 and below 1, or one for each hidden layer", _each(RATE.convert)
    )
    solver: Any = setting("adam, sgd, lbfgs, an optimizer or its name", _solver)
    alpha: float = finite(0)
    batch_size: Any = setting("'auto', or a whole number of 1 or more", _batch)
    learning_rate: Any = setting(
        f"one of {', '.join(RATES)}, or a schedule (a number is learning_rate_init)", _rate
    )
    learning_rate_init: float = finite(above=0)
    power_t: float = finite(0)
    max_iter: int = count()
    shuffle: bool = flag()
    random_state: Any = setting(
        "a whole number from 0 to 2**32 - 1, a RandomState", _random_state, optional=True
    )
    tol: float = finite(0)
    verbose: int = setting("True, False or a whole number", _verbose)
    warm_start: bool = flag()
    momentum: float = finite(0, below=1)
    nesterovs_momentum: bool = flag()
    early_stopping: bool = flag()
    validation_fraction: float = finite(0, below=1)
    beta_1: float = finite(0, below=1)
    beta_2: float = finite(0, below=1)
    epsilon: float = finite(above=0)
    n_iter_no_change: float = setting("a whole number of 1 or more, or infinity", _patience)
    max_fun: int = count()
    loss: Any = setting("a loss or its name", _loss, optional=True)
    rule: Any = setting("a learning rule or its name", lambda given, owner: given)
    callbacks: Any = setting(
        "callbacks of lucidnet, or one (scikit-learn's go to set_callbacks)", as_callbacks
    )
    backend: Any = text(optional=True)
    class_weight: Any = setting("'balanced', or a dict from classes to weights", _class_weight, optional=True)

    @property
    def title(self) -> str:
        """The estimator's name in messages."""
        return str(vars(self).get("name", ""))

    @property
    def whole(self) -> bool:
        """Whether each step takes all examples."""
        return self.solver == "lbfgs" or getattr(self.solver, "full_batch", False)

    @property
    def early(self) -> bool:
        """Whether a validation set is held back; never for L-BFGS, as in scikit-learn."""
        return self.early_stopping and not self.whole


STEP = (
    "learning_rate_init",
    "power_t",
    "momentum",
    "nesterovs_momentum",
    "beta_1",
    "beta_2",
    "epsilon",
)
"""Settings for scikit-learn's solvers, which an optimizer given as `solver` has itself."""


def refuse_idle(settings: NetSettings, usual: NetSettings) -> None:
    """Raise for a setting that has no effect because of another one that scikit-learn does not have.

    Settings that have no effect there either (a momentum with Adam) are passed over silently, as they are
    there.

    Parameters
    ----------
    settings : NetSettings
        The settings.
    usual : NetSettings
        The default settings: whatever equals its default is not refused.
    """
    for callback in () if settings.early else filter(of_library, settings.callbacks):
        watched = getattr(callback, "monitor", None) or getattr(callback, "best", None)
        if isinstance(watched, str) and watched.startswith("val_"):
            raise SettingError(
                f"{settings.title}: callbacks: {callback!r} watches {watched}, which is measured with "
                "early_stopping=True alone, and solver 'adam' or 'sgd': then val_loss is there"
            )
    for names, why in _idle(settings):
        for name in names:
            if (given := getattr(settings, name)) != getattr(usual, name):
                raise SettingError(f"{settings.title}: {name}={given!r} has no effect {why}")
    if settings.early and not settings.validation_fraction:
        raise SettingError(
            f"{settings.title}: early_stopping=True needs a validation_fraction above 0, got 0"
        )


def refuse_of_parts(settings: NetSettings) -> None:
    """Raise for a setting with which `partial_fit`, one epoch on a part of the examples, makes no sense."""
    if settings.whole:
        raise SettingError(f"{settings.title}: {IN_PARTS}")
    if settings.early_stopping:
        raise SettingError("partial_fit does not support early_stopping=True: it makes one epoch")
    if settings.class_weight == "balanced":
        raise SettingError(
            f"{settings.title}: class_weight='balanced' counts the classes of all examples, of which "
            "partial_fit sees a part: give a dict, as compute_class_weight makes it of all"
        )


def _idle(settings: NetSettings) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the names of settings that have no effect, and the reason."""
    solver, schedule = settings.solver, settings.learning_rate
    if isinstance(solver, Optimizer):
        yield STEP, f"with solver={solver!r}, which has settings of its own: give it those"
        others = ("batch_size", "early_stopping", "tol", "n_iter_no_change")
        if settings.whole:
            yield others, f"with solver={solver!r}, which takes all examples at once and has its own end"
        else:
            yield ("max_fun",), f"with solver={solver!r}: it is for L-BFGS"
    elif callable(schedule):
        yield ("learning_rate_init",), f"with learning_rate={schedule!r}, a schedule: it has the rates"
    if solver == "lbfgs" and (callable(schedule) or schedule == "one_cycle"):
        yield ("learning_rate",), "with solver='lbfgs', which finds its steps itself"
    rule = learning_rule(settings.rule) if settings.whole else None
    if rule is not None and rule != learning_rule(None):  # which is backpropagation, written out
        yield ("rule",), f"with solver={solver!r}, which takes the true gradient"
    if settings.layers is not None:
        yield ("hidden_layer_sizes",), "beside layers=...: put numbers of units among the layers"
    if not any(isinstance(part, int) for part in parts_of(settings)):
        names = ("dropout",) if settings.layers is None else ("activation", "dropout")
        yield names, "without hidden layers of numbers of units: give the layers their own"


def parts_of(settings: NetSettings) -> tuple[Any, ...]:
    """Return the layers, or numbers of units, that make up the hidden layers."""
    parts: tuple[Any, ...] = settings.hidden_layer_sizes if settings.layers is None else settings.layers
    return parts


def layers_of(settings: NetSettings, inputs: int, units: int, activation: str, size: float) -> list[Layer]:
    """Return the layers of a network.

    The last layer has the given units and activation; `size` is the number of examples in a step, to whose
    summed loss `alpha` belongs.

    Weights and biases start as in scikit-learn: uniform up to sqrt(6 / (inputs + outputs)), after Glorot &
    Bengio 2010, and sqrt(2 / (inputs + outputs)) for the logistic function. After a user's own layer, whose
    outputs are not counted here, biases start at 0.
    """
    parts = parts_of(settings)
    number, end = sum(isinstance(part, int) for part in parts), _activation(activation, None)
    final = parts[-1] if parts else None
    if isinstance(final, Dense) and final.units == units and type(final.activation) is type(end):
        warnings.warn(
            f"{settings.title}: the layers given are the hidden ones, and the last one, Dense({units}, "
            f"{activation!r}), is added: leave out {final!r}",
            MeaningWarning,
            stacklevel=outside("sklearn"),
        )
    activations, rates = _for_each(settings, "activation", number), _for_each(settings, "dropout", number)
    made: list[Layer] = [Input(inputs, name="input0")]
    width: int | None = inputs
    last = Linear()
    for part in parts:
        if isinstance(part, Layer):
            made.append(part)
            width = None
            continue
        last, rate = next(activations), next(rates)
        made.append(_dense(settings, part, last, last, width, size, len(made)))
        made += [Dropout(rate)] if rate else []
        width = part
    return [*made, _dense(settings, units, activation, last, width, size, len(made))]


def _dense(
    settings: NetSettings,
    units: int,
    activation: Any,
    near: Layer,
    inputs: int | None,
    size: float,
    place: int,
) -> Dense:
    """Return a dense layer with initial weights that suit the activation near it.

    It has the name that a `Sequential` would give it, by copying it.
    """
    scale = 1 / 3 if isinstance(near, Sigmoid) else 1.0
    bound = 0.0 if inputs is None else float(f"{math.sqrt(6 * scale / (inputs + units)):.3g}")
    return Dense(
        units,
        _activation(activation, None),
        initializer=VarianceScaling(scale, "average", "uniform"),
        bias_initializer=Uniform(-bound, bound),
        l2=penalty(settings, size),
        name=f"dense{place}",
    )


def penalty(settings: NetSettings, size: float) -> float:
    """Return the factor of sum W^2: scikit-learn adds alpha / 2 sum W^2 to the sum over a batch."""
    return settings.alpha / (2 * size)


def _for_each(settings: NetSettings, name: str, number: int) -> Any:
    given = getattr(settings, name)
    if not isinstance(given, tuple):
        return iter((given,) * number)
    if len(given) != number:
        raise SettingError(
            f"{settings.title}: {name} has {len(given)} entries, but there are {number} hidden layers"
        )
    return iter(given)


def optimizer(settings: NetSettings, steps: int | None, done: int = 0) -> Optimizer:
    """Return the optimizer for at most `steps` more steps after `done`; `steps` is None if unknown."""
    solver = settings.solver
    if isinstance(solver, Optimizer):
        if settings.learning_rate != "constant":
            raise SettingError(
                f"{settings.title}: solver={solver!r} has a rate of its own: give it the schedule, and leave "
                f"learning_rate='constant'"
            )
        return solver
    if solver == "lbfgs":
        # The search for the next point ends where scipy's does, in `epochs.Epochs`.
        return LBFGS(tolerance=settings.tol, change=0.0)
    rate: Any = settings.learning_rate_init
    if settings.learning_rate == "one_cycle":
        if steps is None:
            raise SettingError(f"{settings.title}: learning_rate='one_cycle' needs to know the end: call fit")
        rate = after(done, OneCycle(rate, max(steps, 2)))
    elif callable(settings.learning_rate):
        rate = settings.learning_rate
    if solver == "adam":
        return Adam(rate, settings.beta_1, settings.beta_2, settings.epsilon)
    return SGD(rate, settings.momentum, settings.nesterovs_momentum and settings.momentum > 0)


def learns_in_parts(net: Any) -> bool:
    """Tell whether `partial_fit` is available; L-BFGS, which needs all data at once, raises instead."""
    if net.solver == "lbfgs" or getattr(net.solver, "full_batch", False):
        raise AttributeError(IN_PARTS)
    return True
