"""What classifier and regressor share: a network trained as a scikit-learn estimator."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache, lru_cache
from inspect import signature
from typing import Any, ClassVar, NamedTuple

from .compat import Listened, context_of  # first: without scikit-learn it names the extra

# isort: split
import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..backend import Array
from ..core.record import plan_of
from ..core.trees import leaves
from ..core.value import Value
from ..data.batches import order
from ..data.dataset import Dataset, Item
from ..engine.on_numpy import OnNumpy  # noqa: F401 - every fit needs it, so it is there before the first
from ..engine.problem import remembered
from ..errors import DataError, SettingError, outside, some
from ..foreign import keyword
from ..layers import Dense
from ..losses import Loss
from ..model import Model
from ..optimizers import LBFGS, Optimizer
from .columns import as_rows
from .epochs import Epochs
from .settings import ENDS, SOLVERS, NetSettings, layers_of, optimizer, penalty, refuse_idle, refuse_of_parts

TOO_LARGE = (
    "the training met numbers that are not finite, and cannot go on: scale the inputs (StandardScaler), or "
    "take a smaller learning_rate_init. {}"
)


class Job(NamedTuple):
    """One call of `fit` or `partial_fit`: its settings, its seed, and whether it starts a new network."""

    settings: NetSettings
    begins: bool
    incremental: bool
    seed: int
    examples: int

    @property
    def batch_size(self) -> int:
        """The number of examples in a batch."""
        given = 200 if self.settings.batch_size == "auto" else int(self.settings.batch_size)
        return self.examples if self.settings.whole else min(given, self.examples)

    @property
    def epochs(self) -> int:
        """The maximum number of epochs."""
        return 1 if self.incremental else self.settings.max_iter

    @property
    def steps(self) -> int | None:
        """The maximum number of steps; None for `partial_fit`, which may be called any number of times."""
        return None if self.incremental else self.epochs * -(-self.examples // self.batch_size)


class HeldBack(NamedTuple):
    """The validation set: inputs, targets as the loss takes them, y as given, and weights."""

    x: Any
    target: Array
    y: Array
    weights: Array | None


LARGEST = 2**31 - 1
"""All seeds are below this."""
SHAPING = ("hidden_layer_sizes", "layers", "activation", "dropout", "backend")
"""Settings that shape the network, and so cannot change when training continues."""


PREDICTING = (
    *("classes_", "n_features_in_", "feature_names_in_"),
    *("n_outputs_", "out_activation_", "n_iter_"),
)
"""Attributes with which an estimator predicts, besides its model."""


def _settings_of(kind: type, given: dict[str, Any]) -> NetSettings:
    return NetSettings(**{"name": kind.__name__, "class_weight": None} | given)


@cache
def _defaults(kind: type) -> dict[str, Any]:
    """Return the default settings of an estimator class, taken from the library class it derives from."""
    own = next(one for one in kind.__mro__ if "_classifies" in vars(one))
    return {name: one.default for name, one in signature(own).parameters.items()}


@cache
def _usual(kind: type) -> NetSettings:
    """Return the default settings of an estimator."""
    return _settings_of(kind, _defaults(kind))


def _seed_of(random_state: Any) -> int:
    """Return the seed of a training, as drawn from a setting of scikit-learn's."""
    if isinstance(random_state, int):
        return _first_of(random_state)
    return int(check_random_state(random_state).randint(LARGEST))


@lru_cache(maxsize=1024)
def _first_of(seed: int) -> int:
    """Return the first number drawn from a seed; cached, as such a generator takes 0.1 ms to make."""
    return int(check_random_state(seed).randint(LARGEST))


def check_sum(title: str, whose: str, weights: Array) -> None:
    """Raise if the weights of some examples do not add up to a finite number above 0."""
    if not np.isfinite(total := float(weights.sum())) or total < np.finfo(np.float32).tiny:
        raise DataError(f"{title}: the weights of {whose} add up to {total:g}: expected more than 0")


def in_order(net: Any, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the settings to set: those of the estimator, then its values with other settings of their own."""
    kind, own = type(net), net.get_params(deep=False)
    for name in {name.partition("__")[0] for name in params} - own.keys():
        if ours := keyword(kind, name):
            raise SettingError(f"{kind.__name__} has no setting {name!r}: here it is {ours}")
    inside = {name: given for name, given in params.items() if "__" in name}
    yield {name: given for name, given in params.items() if name not in inside}
    for name, given in inside.items():
        outer, _, inner = name.partition("__")
        held = getattr(net, outer, None)
        if outer not in own or hasattr(held, "get_params"):  # scikit-learn's, as of a subclass
            yield {name: given}
        else:
            yield {outer: changed(f"{kind.__name__}: {outer}", held, inner, given)}


def changed(place: str, held: Any, name: str, given: Any) -> Any:
    """Return the value that a setting holds, with another setting of its own, or of a value in it."""
    title, _, outer = place.rpartition(" ")
    if not isinstance(held, Value):
        raise SettingError(
            f"{place}__{name}={given!r} sets something of a value such as solver=Adam(0.1), and {outer} is "
            f"{held!r}: set {outer} itself"
        )
    first, _, inner = name.partition("__")
    if first not in (names := plan_of(type(held)).defaults):
        raise SettingError(f"{title} {outer}={held!r} has no setting {first!r}: {some(names)}")
    value = changed(f"{place}__{first}", getattr(held, first), inner, given) if inner else given
    return replace(held, **{first: value})


ALONE = ("sklearn.base", "sklearn.callback", "sklearn.compose", "sklearn.pipeline", "sklearn.utils")
"""Modules of scikit-learn that fit an estimator once, and then have done."""


def is_one_of_several() -> bool:
    """Tell whether a search or the like calls `fit`, which Ctrl-C is to end as a whole."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        caller = frame.f_globals.get("__name__", "")
        if caller.startswith(("joblib.", "sklearn.")) and not caller.startswith(ALONE):
            return True
        frame = frame.f_back
    return False


def told(said: str, kind: type[Warning] = UserWarning) -> None:
    """Warn whoever calls `fit`."""
    warnings.warn(said, kind, stacklevel=outside("sklearn", "joblib"))


def shares(target: Array, weights: Any, several: bool) -> Any:
    """Return the factor of each example's loss in the mean; None if all count the same.

    With several labels our loss is a mean over them, scikit-learn's a sum.
    """
    if weights is not None:
        weights = weights * (len(target) / weights.sum())
    return (
        (1.0 if weights is None else weights) * np.full(len(target), float(target.shape[1]))
        if several
        else weights
    )


def split(
    settings: NetSettings,
    classifies: bool,
    seed: int,
    X: Any,
    target: Array,
    plain: Array,
    weights: Array | None,
) -> tuple[tuple[Any, Any, Any], HeldBack]:
    """Return the inputs, targets and weights to train on, and the validation set held back."""
    arrays = [X, target, plain, *([] if weights is None else [weights])]
    share = settings.validation_fraction
    how: dict[str, Any] = {"random_state": seed, "test_size": share}
    how["stratify"] = plain if classifies and plain.ndim == 1 else None
    try:
        split = train_test_split(*arrays, **how)
    except ValueError as error:
        raise DataError(f"{settings.title}: early_stopping=True holds back {share:g}: {error}") from None
    if split[1].shape[0] < 2:
        raise DataError(
            f"{settings.title}: The validation set is too small, with {split[1].shape[0]} of "
            f"{X.shape[0]} examples: take a validation_fraction above {share:g}, or bring more data"
        )
    train, held = split[::2], split[1::2]
    last = (train[3], held[3]) if weights is not None else (None, None)
    for name, weight in zip(("those to train on", "the validation set"), last, strict=True):
        if weight is not None:
            check_sum(settings.title, name, weight)
    return (train[0], train[1], last[0]), HeldBack(held[0], held[1], held[2], last[1])


class Net(Listened, BaseEstimator):  # type: ignore[misc]
    """A neural network as an estimator; `NetClassifier` and `NetRegressor` say how y is used."""

    model_: Model
    n_outputs_: int
    out_activation_: str
    loss_: float
    best_loss_: Any
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    _classifies: ClassVar[bool]
    _labels: bool
    _shape: dict[str, Any]
    _trained: tuple[Any, ...]
    _penalty: float

    def _keep(self, given: dict[str, Any]) -> None:
        """Keep the settings unchanged, as scikit-learn requires; `fit` checks them."""
        kind: Any = type(self)
        for name in _defaults(kind):  # a subclass may have others, or fewer
            setattr(self, name, given[name])

    def set_params(self, **params: Any) -> Any:
        """Set settings, and return this estimator.

        Parameters
        ----------
        **params
            Settings by name; ``solver__learning_rate=0.1`` sets one of an optimizer given as `solver`, and so
            of a loss, an activation or a rule that is given as one.

        Raises
        ------
        ValueError
            If there is no such setting; it names them, and ours for one of another library.
        """
        for settings in in_order(self, params):
            super().set_params(**settings)
        return self

    def _settings(self) -> NetSettings:
        """Return the settings, after checking them."""
        kind: Any = type(self)
        settings = _settings_of(kind, {name: getattr(self, name) for name in _defaults(kind)})
        refuse_idle(settings, _usual(kind))
        return settings

    # --- what the two say themselves --------------------------------------------------------------------

    def _targets(self, y: Any, begins: bool, announced: Any, settings: NetSettings) -> tuple[Array, Array]:
        """Return y as the loss takes it, and y as scores and class weights take it."""
        raise NotImplementedError

    def _loss(self, settings: NetSettings) -> tuple[Loss, str, int]:
        """Return the loss, the activation of the last layer, and its number of units."""
        raise NotImplementedError

    def _score_of(self, predicted: Array, y: Array, weights: Array | None) -> float:
        """Return the validation score."""
        raise NotImplementedError

    def _outputs(self, x: Array) -> Array:
        """Return the result of `predict` for inputs that have been checked."""
        raise NotImplementedError

    # --- training ---------------------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool = False, classes: Any = None) -> Any:
        settings = self._settings()
        begins = not hasattr(self, "model_") or not (incremental or settings.warm_start)
        if incremental and begins and self._classifies and classes is None:
            raise DataError(
                f"{settings.title}: the first partial_fit needs all classes that there will be: classes=[...]"
            )
        if incremental:
            refuse_of_parts(settings)
        kinds = {"accept_sparse": ["csr", "csc"], "multi_output": True, "dtype": (np.float64, np.float32)}
        with as_rows(settings.title, X):
            X, y = validate_data(self, X, y, **kinds, y_numeric=not self._classifies, reset=begins)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        target, plain = self._targets(y, begins, classes, settings)
        weights = self._weighted(plain, sample_weight)
        if weights is not None:
            check_sum(settings.title, "all examples", weights)
        seed = _seed_of(settings.random_state)
        parts: tuple[Any, Any, Any] = (X, target, weights)
        held: HeldBack | None = None
        if settings.early:
            parts, held = split(settings, self._classifies, seed, X, target, plain, weights)
        job = Job(settings, begins, incremental, seed, parts[0].shape[0])
        self._prepare(job, parts[0], weights)
        self._train(job, *parts, held, (X, y))
        return self

    def _prepare(self, job: Job, x: Any, weights: Any) -> None:
        """Make a new network, or prepare the existing one to train on."""
        settings, early = job.settings, job.settings.early
        shape = {name: getattr(settings, name) for name in SHAPING}
        if not job.begins and (new := [name for name in SHAPING if shape[name] != self._shape[name]]):
            raise SettingError(
                f"{settings.title}: {new[0]}={shape[new[0]]!r} would need another network, but this one goes "
                "on: call fit with warm_start=False"
            )
        size = job.batch_size * (1.0 if weights is None else max(float(weights.mean()), 1e-300))
        loss, activation, units = self._loss(settings)
        end = units, ENDS.get(activation, activation)
        if not job.begins and end != (self.n_outputs_, self.out_activation_):
            raise SettingError(
                f"{settings.title}: loss={settings.loss!r} would need another last layer, but this network "
                "goes on: call fit with warm_start=False"
            )
        if job.begins:
            layers = layers_of(settings, x.shape[1], units, activation, size)
            self.model_ = Model(layers, seed=job.seed, dtype=x.dtype.name, backend=settings.backend)
            self.n_outputs_, self.out_activation_ = end
            self._shape = shape
            self.t_, self.loss_curve_ = 0, []
        if job.begins or early != (self.validation_scores_ is not None):
            self._begin(early)
        made, now = self._made(job), penalty(settings, size)
        trained = (loss, made, settings.rule)
        if job.begins or not job.incremental or trained != self._trained:
            self.model_.compile(loss, made, rule=settings.rule)
        if not job.begins and now != self._penalty:
            own = [layer for layer in self.model_.net.layers if isinstance(layer, Dense)]
            self.model_.set(layer=[layer.name for layer in own if layer.l2 == self._penalty], l2=now)
        self._trained, self._penalty = trained, now

    def _made(self, job: Job) -> Optimizer:
        """Return the optimizer; one of another kind than before begins anew when `fit` goes on."""
        done = 0 if job.begins else self.model_.state.step
        made = optimizer(job.settings, job.steps, done)
        before: Any = self.model_.optimizer
        if job.begins or job.incremental or remembered(made) == remembered(before):
            return made
        self.model_.set_weights(self.model_.get_weights(), reset=True)
        return optimizer(job.settings, job.steps)

    def _begin(self, early: bool) -> None:
        """Reset the search for the best epoch, which goes by a validation score or by the loss."""
        self._no_improvement_count, self._best_weights = 0, None
        self.best_loss_ = None if early else math.inf
        self.validation_scores_ = [] if early else None
        self.best_validation_score_ = -math.inf if early else None

    def _train(
        self, job: Job, x: Any, target: Any, weights: Any, held: HeldBack | None, data: tuple[Any, Any]
    ) -> None:
        """Train for the epochs of one call, and warn if the training did not converge."""
        settings, n = job.settings, job.examples
        if not settings.whole and settings.batch_size != "auto" and settings.batch_size > n:
            told(
                f"{settings.title}: batch_size={settings.batch_size} is more than the {n} examples: all of "
                "them make one batch"
            )
        several = self._classifies and self._labels
        weights = shares(target, weights, several)
        score = held and (lambda: self._score_of(self._outputs(held.x), held.y, held.weights))
        how: dict[str, Any] = {"epochs": job.epochs, "verbose": 0}
        if held is not None:
            given = held.x.toarray() if sparse.issparse(held.x) else held.x, held.target
            how["validation_data"] = (*given, shares(held.target, held.weights, several))
        watch = Epochs(self, settings, n, score, context_of(self, job.epochs), data)
        how["callbacks"], self.n_iter_ = [watch, *settings.callbacks], 0
        shuffle, whole = settings.shuffle and not settings.whole, {}
        if sparse.issparse(x):
            x, target = Rows(x.tocsr(), target, weights, job.batch_size, self.model_.seed, shuffle), None
        else:
            whole = {"batch_size": job.batch_size, "sample_weight": weights}
            how |= whole | {"shuffle": shuffle}
        try:
            self.model_.fit(x, target, **how)
        except KeyboardInterrupt:  # as in scikit-learn, what has been learned is kept
            if job.incremental or is_one_of_several():
                raise
            watch.interrupted = True
            told(f"{settings.title}: interrupted in epoch {self.n_iter_ + 1}; what was learned is kept")
        self._end(job, watch)
        if isinstance(self.model_.optimizer, LBFGS) and self.n_iter_:  # else it is that before the last step
            self.loss_ = self.model_.evaluate(x, target, **whole).loss
            self.best_loss_ = min(self.best_loss_, self.loss_)

    def _end(self, job: Job, watch: Epochs) -> None:
        """Take the best weights; warn if the training did not converge, and raise if it found none."""
        settings, stopped = job.settings, self.model_.history.stopped
        if self._best_weights is not None:
            self.model_.set_weights(self._best_weights)
        if watch.error is not None:
            said = f"{settings.title}: {TOO_LARGE.format(watch.error)}"
            if self._best_weights is None:
                raise DataError(said) from watch.error
            told(f"{said} The weights of the best epoch before are kept.", ConvergenceWarning)
        elif watch.exhausted or not (job.incremental or stopped or watch.interrupted):
            ended = f"{stopped} (max_fun)" if stopped else f"that was max_iter={settings.max_iter}"
            more = ", or take a larger learning_rate_init" if settings.solver in SOLVERS[:2] else ""
            said = f"{settings.title}: {ended}, and the training still gets better: allow more{more}"
            told(said, ConvergenceWarning)

    def _weighted(self, plain: Array, sample_weight: Any) -> Any:
        """Return the weight of each example; class weights may be included."""
        return sample_weight

    # --- use --------------------------------------------------------------------------------------------

    def _checked(self, X: Any) -> Any:
        check_is_fitted(self)
        with as_rows(type(self).__name__, X):
            return validate_data(
                self, X, accept_sparse=["csr", "csc"], dtype=(np.float64, np.float32), reset=False
            )

    def _forward(self, x: Any, function: Any = None) -> Array:
        """Return the network's outputs (n, units); sparse rows are converted some at a time."""
        from ..training.measure import predicted

        if not sparse.issparse(x):
            made: Array = predicted(self.model_, x, None, function)
            return made
        x, step = x.tocsr(), 1000
        some = [
            predicted(self.model_, x[i : i + step].toarray(), None, function)
            for i in range(0, x.shape[0], step)
        ]
        return np.concatenate(some)

    def activations(self, X: Any) -> dict[str, Array]:
        """Return the output of each layer for some inputs, by the layer's name.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, features)
            The inputs.

        Returns
        -------
        dict of array (n, ...)
            The outputs of all layers.
        """
        x = self._checked(X)
        return self.model_.activations(x.toarray() if sparse.issparse(x) else x)

    @property
    def history_(self) -> Any:
        """The numbers of each epoch, as `Model.fit` returns them."""
        check_is_fitted(self)
        return self.model_.history

    @property
    def coefs_(self) -> list[Array]:
        """The weights W of each layer that has some, first layer first, as copies."""
        return self._arrays("W")

    @property
    def intercepts_(self) -> list[Array]:
        """The biases b of each layer that has some, first layer first, as copies."""
        return self._arrays("b")

    @property
    def n_layers_(self) -> int:
        """The number of layers with weights, plus one for the inputs."""
        return len(self.coefs_) + 1

    def _arrays(self, name: str) -> list[Array]:
        check_is_fitted(self)
        return [array.copy() for path, array in leaves(self.model_.params) if path[-1] == name]

    def _fitted_now(self) -> dict[str, Any]:
        """Return the attributes with which an estimator predicts as this one does now."""
        kept = {name: getattr(self, name) for name in PREDICTING if hasattr(self, name)}
        return kept | {"model_": deepcopy(self.model_)}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class Rows(Dataset):
    """Batches of the rows of a sparse matrix, in the order a dense array's would have."""

    def __init__(self, x: Any, y: Array, weights: Array | None, size: int, seed: int, shuffle: bool) -> None:
        self.x, self.y, self.weights = x, y, weights
        self.how = (x.shape[0], size, seed)
        self.shuffled = shuffle
        self.length = -(-x.shape[0] // size)

    def items(self, epoch: int, start: int = 0) -> Any:
        for chosen in order(*self.how, epoch, self.shuffled, start):
            weights = None if self.weights is None else self.weights[chosen]
            item: Item = self.x[chosen].toarray(), self.y[chosen], weights
            yield item
