"""A neural network regressor, as a scikit-learn estimator."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .compat import with_callbacks  # first: without scikit-learn it names the extra

# isort: split
import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from ..backend import Array
from ..errors import DataError, SettingError
from ..foreign import answering, refusing
from ..losses import BinaryCrossentropy, Loss, Poisson
from .base import Net
from .settings import NetSettings, learns_in_parts


@answering
@refusing("__init__", "fit")
class NetRegressor(RegressorMixin, Net):  # type: ignore[misc]
    """A neural network regressor, for one or several numbers per example.

    The settings up to `max_fun` are those of scikit-learn's `MLPRegressor`, and mean what they mean there.
    Positional arguments come in the order of `NetClassifier`; ``loss`` must be given by name.

    Parameters
    ----------
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init, power_t
        As for `NetClassifier`.
    max_iter, shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum
        As for `NetClassifier`.
    early_stopping, validation_fraction
        As for `NetClassifier`; the score is R^2.
    beta_1, beta_2, epsilon, n_iter_no_change, max_fun
        As for `NetClassifier`.
    loss : {"squared_error", "poisson"} or Loss
        The loss: half the squared error, summed over the outputs; Poisson's, for which the network ends in an
        exponential, so that it predicts counts above 0; or any other, with a last layer without activation.
    layers, dropout, rule, callbacks, backend
        As for `NetClassifier`.

    Attributes
    ----------
    model_ : Model
        The network.
    loss_curve_ : list of float
        The loss of each epoch.
    validation_scores_ : list of float
        R^2 of the examples held back after each epoch; None without `early_stopping`.
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
        The activation of the last layer, as scikit-learn calls it: ``"identity"``, ``"exp"``.
    history_ : History
        Everything that was measured: ``"loss"`` of each epoch; with `early_stopping` also ``"val_loss"`` and
        ``"val_score"``.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> x, y = make_regression(200, 3, random_state=0)
    >>> net = NetRegressor((20,), solver="lbfgs", max_iter=2000, tol=0.01, random_state=0).fit(x, y)
    >>> net.score(x, y) > 0.99
    True
    """

    _classifies: ClassVar[bool] = False

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
        loss: Any = "squared_error",
        rule: Any = "backprop",
        callbacks: Any = (),
        backend: str | None = None,
    ) -> None:
        self._keep(locals())

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetRegressor:
        """Train on examples, and return this estimator.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n, features)
            The inputs.
        y : array-like of shape (n,) or (n, outputs)
            The numbers to predict.
        sample_weight : array-like of shape (n,), optional
            The weight of each example.
        """
        made: NetRegressor = self._fit(X, y, sample_weight)
        return made

    @available_if(learns_in_parts)  # type: ignore[untyped-decorator]
    @with_callbacks
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetRegressor:
        """Train for one more epoch, and return this estimator; the arguments are those of `fit`."""
        made: NetRegressor = self._fit(X, y, sample_weight, incremental=True)
        return made

    def predict(self, X: Any) -> Array:
        """Return the predictions (n,), or (n, outputs) where there are several.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n, features)
            The inputs.
        """
        return self._outputs(self._checked(X))

    def _targets(self, y: Any, begins: bool, announced: Any, settings: NetSettings) -> tuple[Array, Array]:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if y.dtype.kind in "SU":  # scikit-learn makes numbers of objects alone
            y = _numbers(y)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if begins:
            self._outputs_given = outputs
        elif outputs != self._outputs_given:
            raise DataError(
                f"{settings.title}: y has {outputs} outputs, and had {self._outputs_given} before"
            )
        return y, y

    def _loss(self, settings: NetSettings) -> tuple[Loss, str, int]:
        if getattr(settings.loss, "from_logits", False) or getattr(settings.loss, "from_logs", False):
            raise SettingError(
                f"{settings.title}: loss={settings.loss!r} is for a network without a last activation, and "
                f"this one gets the one that fits: take {type(settings.loss).__name__}()"
            )
        ends = {Poisson: "exponential", BinaryCrossentropy: "sigmoid"}
        return settings.loss, ends.get(type(settings.loss), "linear"), self._outputs_given

    def _outputs(self, x: Any) -> Array:
        made = self._forward(x)
        return made[:, 0] if made.shape[1] == 1 else made

    def _score_of(self, predicted: Array, y: Array, weights: Array | None) -> float:
        if not np.isfinite(predicted).all():  # as in scikit-learn
            return math.nan
        return float(r2_score(y, predicted, sample_weight=weights))


def _numbers(y: Array) -> Array:
    """Return texts as the numbers that they are."""
    try:
        return y.astype("float64")
    except ValueError as error:
        raise DataError(
            f"NetRegressor: y must be numbers to predict, got texts such as {y.flat[0]!r} ({error}): "
            "NetClassifier tells texts apart"
        ) from None
