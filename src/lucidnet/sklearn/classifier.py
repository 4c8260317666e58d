"""A neural network classifier, as a scikit-learn estimator."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, ClassVar

from .compat import with_callbacks  # first: without scikit-learn it names the extra

# isort: split
import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from ..backend import Array
from ..errors import DataError, SettingError
from ..foreign import answering, refusing
from ..layers import Layer
from ..losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    Loss,
    SparseCategoricalCrossentropy,
)
from .base import Job, Net
from .settings import NetSettings, learns_in_parts

OF_LABELS = (CategoricalCrossentropy, SparseCategoricalCrossentropy)
"""Losses that take class numbers; others take one-hot rows."""

KIND = {False: "one class for each example", True: "several labels for each example"}


@answering
@refusing("__init__", "fit")
class NetClassifier(ClassifierMixin, Net):  # type: ignore[misc]
    """A neural network classifier.

    The settings up to `max_fun` are those of scikit-learn's `MLPClassifier`, and mean what they mean there.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        The number of units of each hidden layer.
    activation : str, Layer, or sequence of them
        The activation of the hidden layers, or one for each: any that `layers` has by name, and also
        ``"identity"`` and ``"logistic"``.
    solver : {"adam", "sgd", "lbfgs"} or Optimizer
        The solver; an optimizer (or the name of another one, with its default settings) has its own rate,
        momentum, ..., and those below must not be set then.
    alpha : float
        The penalty alpha / 2 sum W^2, added to the sum of the losses of a batch, for the dense layers made
        here; layers of your own have an ``l2``.
    batch_size : int or "auto"
        Examples in a step; ``"auto"`` is 200, or all if there are fewer. L-BFGS takes all.
    learning_rate : {"constant", "invscaling", "adaptive", "one_cycle"} or schedule
        How the rate changes. For ``solver="sgd"``: ``"invscaling"`` is ``learning_rate_init / t**power_t``
        with t examples seen before an epoch, ``"adaptive"`` divides it by 5 each time that the training has
        not improved for `n_iter_no_change` epochs. One cycle goes up to `learning_rate_init` and down again
        (Smith & Topin 2018).
    learning_rate_init : float
        The rate.
    power_t : float
        The exponent of ``"invscaling"``.
    max_iter : int
        The most epochs; for L-BFGS, iterations.
    shuffle : bool
        Whether each epoch has a new order.
    random_state : int, RandomState or None
        Determines weights, order and validation set; None draws others each time.
    tol : float
        The least improvement that counts; for L-BFGS the largest gradient at which it ends.
    verbose : bool or int
        Whether to print a line for each epoch.
    warm_start : bool
        Whether `fit` continues where the last one stopped.
    momentum : float
        The momentum of ``"sgd"``.
    nesterovs_momentum : bool
        Whether the momentum is Nesterov's.
    early_stopping : bool
        Whether to hold back some examples, end when their score no longer improves, and take the best
        weights.
    validation_fraction : float
        The share held back.
    beta_1, beta_2, epsilon : float
        The settings of Adam.
    n_iter_no_change : int or infinity
        The number of epochs without improvement that are tolerated.
    max_fun : int
        The most evaluations of the loss in L-BFGS.
    layers : sequence of Layer or int, optional
        The hidden layers, in place of `hidden_layer_sizes`: any of `lucidnet.layers`, and numbers of units
        for dense ones. The last layer is added. They are given rows: begin image layers with ``Reshape((8, 8,
        1))``, and end them with ``Flatten()``.
    dropout : float or sequence of float
        The share of each dense hidden layer's outputs that is dropped in training.
    loss : str or Loss, optional
        A loss of probabilities, the cross-entropy if not given. The last layer is a softmax, for two classes
        too if a loss is given; for multi-label targets, and with the binary cross-entropy, a sigmoid.
    class_weight : dict or "balanced", optional
        The weight of each class's examples, as in scikit-learn.
    rule : str or Rule
        The learning rule, as ``"fa"``.
    callbacks : Callback, or sequence of them
        lucidnet's callbacks. (scikit-learn's go to `set_callbacks`, where it has that.)
    backend : str, optional
        Where training runs: ``"numpy"``, ``"jax"``.

    Attributes
    ----------
    model_ : Model
        The network.
    classes_ : array (classes,)
        The classes, in the order of the outputs.
    loss_curve_ : list of float
        The loss of each epoch.
    validation_scores_ : list of float
        The validation score of each epoch; None without `early_stopping`.
    coefs_ : list of array
        The weights, as copies; to change them there is ``model_.set_params``.
    intercepts_ : list of array
        The biases, likewise.
    loss_ : float
        The loss of the last epoch; of L-BFGS that of the weights found.
    best_loss_ : float
        The least loss of all epochs; None with `early_stopping`.
    n_iter_ : int
        The epochs of the last `fit` (L-BFGS: iterations).
    t_ : int
        The examples seen in all.
    out_activation_ : str
        The activation of the last layer, as scikit-learn calls it: ``"logistic"``, ``"softmax"``.
    history_ : History
        Everything that was measured: ``"loss"`` of each epoch; with `early_stopping` also ``"val_loss"`` and
        ``"val_score"``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> net = NetClassifier((10,), "tanh", solver="lbfgs", max_iter=1000, random_state=0).fit(x, y)
    >>> net.score(x, y) > 0.95
    True
    """

    _classifies: ClassVar[bool] = True

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        layers: Any = None,
        dropout: Any = 0.0,
        loss: Any = None,
        class_weight: Any = None,
        rule: Any = "backprop",
        callbacks: Any = (),
        backend: str | None = None,
    ) -> None:
        self._keep(locals())

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetClassifier:
        """Train on examples, and return this estimator.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n, features)
            The inputs.
        y : array-like of shape (n,), or of 0 and 1 of shape (n, labels)
            A class for each example, numbers or texts; or a matrix of which labels it has.
        sample_weight : array-like of shape (n,), optional
            The weight of each example.
        """
        made: NetClassifier = self._fit(X, y, sample_weight)
        return made

    @available_if(learns_in_parts)  # type: ignore[untyped-decorator]
    @with_callbacks
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> NetClassifier:
        """Train for one more epoch, and return this estimator.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array-like of shape (classes,)
            All classes that will occur; needed at the first call.
        """
        made: NetClassifier = self._fit(X, y, sample_weight, incremental=True, classes=classes)
        return made

    def predict(self, X: Any) -> Array:
        """Return the class of each example (n,), or a matrix of which labels it has (n, labels).

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n, features)
            The inputs.
        """
        return self._outputs(self._checked(X))

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, or each label (n, classes), in the order of `classes_`."""
        p = self._forward(self._checked(X))
        if p.shape[1] > 1:
            return p
        return np.hstack([1 - p, p]) if len(self.classes_) == 2 else np.ones_like(p)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of `predict_proba` (n, classes)."""
        with np.errstate(divide="ignore"):  # the logarithm of 0 is -inf
            logs: Array = np.log(self.predict_proba(X))
        return logs

    def decision_function(self, X: Any) -> Array:
        """Return the logits, before softmax or sigmoid (n, classes); for two classes, the second's (n,)."""
        z = self._forward(self._checked(X), logits)
        if z.shape[1] == 2 and len(self.classes_) == 2 and not self._labels:
            return z[:, 1] - z[:, 0]
        return z if z.shape[1] > 1 else z[:, 0]

    # --- classes ----------------------------------------------------------------------------------------

    def _targets(self, y: Any, begins: bool, announced: Any, settings: NetSettings) -> tuple[Array, Array]:
        given = np.unique(y) if y.ndim == 1 and y.dtype.kind in "biuU" else None
        if given is None or 2 * len(given) > len(y):  # else they are classes, and not too many
            check_classification_targets(y)
        several = y.ndim == 2 and type_of_target(y).startswith("multilabel")
        if sparse.issparse(y):
            y = y.toarray()
        if not several and y.ndim == 2:
            y = column_or_1d(y, warn=True)
        title = settings.title
        if given is None:
            given = unique_labels(y) if several else np.unique(y)
        if begins:
            self.classes_, self._labels = given if announced is None else unique_labels(announced), several
        elif announced is not None and not np.array_equal(self.classes_, unique_labels(announced)):
            raise DataError(
                f"{title}: classes={announced} is not what it was before: {self.classes_.tolist()}"
            )
        elif several != self._labels:
            raise DataError(f"{title}: y was {KIND[self._labels]} before, and is {KIND[several]} now")
        elif settings.warm_start and announced is None and set(given) != set(self.classes_):
            raise DataError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {given}"
            )
        if unknown := sorted(set(given.tolist()) - set(self.classes_.tolist())):
            raise DataError(
                f"{title}: y has classes that are not known, {unknown}; known: {self.classes_.tolist()}"
            )
        if several:
            return y.astype(float), y
        numbers = np.searchsorted(self.classes_, y)
        if self._two(settings):
            return numbers.astype(float), y
        if settings.loss is None or isinstance(settings.loss, OF_LABELS):
            return numbers, y
        return np.eye(len(self.classes_))[numbers], y

    def _prepare(self, job: Job, x: Any, weights: Any) -> None:
        super()._prepare(job, x, weights)
        if job.begins:
            self.model_.classes = self._names()

    def _names(self) -> tuple[str, ...] | None:
        """Return the class names for the model; None for multi-label y, and for classes 0, 1, 2, ..."""
        names = tuple(map(str, self.classes_.tolist()))
        if self._labels or len(names) < 2 or len(set(filter(None, names))) < len(names):
            return None
        if self.classes_.dtype.kind in "biuf" and (self.classes_ == np.arange(len(names))).all():
            return None
        return names

    def _two(self, settings: NetSettings) -> bool:
        """Tell whether one output unit is enough, for two classes (or one)."""
        binary = settings.loss is None or isinstance(settings.loss, BinaryCrossentropy)
        return len(self.classes_) <= 2 and binary and not self._labels

    def _loss(self, settings: NetSettings) -> tuple[Loss, str, int]:
        scores = isinstance(settings.loss, Hinge | CategoricalHinge)
        if scores or getattr(settings.loss, "from_logits", False):
            raise SettingError(
                f"{settings.title}: loss={settings.loss!r} is for scores; the network ends in probabilities: "
                "take a loss of those"
            )
        binary = isinstance(settings.loss, BinaryCrossentropy)
        if self._labels or (binary and len(self.classes_) > 2):
            return settings.loss or BinaryCrossentropy(), "sigmoid", len(self.classes_)
        if self._two(settings):
            return settings.loss or BinaryCrossentropy(), "sigmoid", 1
        if len(self.classes_) < 2:
            raise SettingError(f"{settings.title}: loss={settings.loss!r} needs two classes or more")
        return settings.loss or CategoricalCrossentropy(), "softmax", len(self.classes_)

    def _weighted(self, plain: Array, sample_weight: Any) -> Any:
        if self.class_weight is None:
            return sample_weight
        title, given = type(self).__name__, self.class_weight
        if isinstance(given, dict):
            if not all(isinstance(one, Real) and 0 <= float(one) < math.inf for one in given.values()):
                raise SettingError(f"{title}: class_weight: expected numbers of 0 or more, got {given}")
            if plain.ndim > 1:
                raise SettingError(
                    f"{title}: class_weight={given} is for one class of each example, and y has several "
                    "labels: take 'balanced', or sample_weight"
                )
        made = compute_sample_weight(given, plain)
        return made if sample_weight is None else made * sample_weight

    def _outputs(self, x: Any) -> Array:
        p = self._forward(x)
        if self._labels:
            return (p > 0.5).astype(int)
        if p.shape[1] == 1:
            return self.classes_[(p[:, 0] > 0.5).astype(int) * (len(self.classes_) - 1)]
        return self.classes_[p.argmax(1)]

    def _score_of(self, predicted: Array, y: Array, weights: Array | None) -> float:
        return float(accuracy_score(y, predicted, sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def logits(net: Layer, params: Any, x: Array, mask: Any) -> Array:
    """Return what goes into a network's last activation."""
    body, _ = net.split_activation()
    z: Array = body.forward(params, x)[0]
    return z
