"""What happens after each epoch of an estimator's training: curves, rates, and when to end."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..engine.state import Measured
from ..errors import NonFiniteError
from ..optimizers import LBFGS
from ..training.history import Result
from ..training.loop import Callback, Loop
from .settings import NetSettings

SMALLEST = 1e-6
"""The rate below which an adaptive training ends, as in scikit-learn."""
FLAT = 1e7 * 2.0**-52
"""L-BFGS ends when the loss falls by no more than this share, scipy's `factr` times epsilon."""


class Epochs(Callback):
    """Keeps an estimator's curves, lowers its rate, and ends a training that no longer improves.

    Parameters
    ----------
    estimator : NetClassifier or NetRegressor
        The estimator that is trained; its attributes are set.
    settings : NetSettings
        Its settings.
    examples : int
        The number of examples in an epoch.
    score : callable, optional
        Returns the current validation score; without it the loss decides whether training improves.
    context : optional
        The context of scikit-learn's own callbacks.
    data : tuple
        X and y, for these.
    """

    def __init__(
        self,
        estimator: Any,
        settings: NetSettings,
        examples: int,
        score: Callable[[], float] | None = None,
        context: Any = None,
        data: tuple[Any, Any] = (None, None),
    ) -> None:
        self.estimator, self.settings, self.examples, self.score = estimator, settings, examples, score
        self.context, self.data = context, data
        self.evaluations, self.before, self.exhausted, self.interrupted = 0, math.inf, False, False
        self.error: NonFiniteError | None = None

    @property
    def looks(self) -> bool:
        return False

    def room(self, step: int) -> int | None:
        return None

    def begin(self, loop: Loop) -> None:
        self.evaluations, self.before, self.exhausted, self.error = 0, math.inf, False, None

    def step(self, loop: Loop, measured: Sequence[Measured]) -> None:
        self.evaluations += sum(one.evaluations for one in measured)

    def epoch(self, loop: Loop, result: Result) -> None:
        net = self.estimator
        net.n_iter_, net.t_, net.loss_ = net.n_iter_ + 1, net.t_ + self.examples, result.loss
        net.loss_curve_.append(result.loss)
        if self.settings.verbose:
            print(f"Iteration {net.n_iter_}, loss = {result.loss:.8f}")
        if isinstance(loop.model.optimizer, LBFGS):
            net.best_loss_ = min(net.best_loss_, result.loss)
            self._search(loop, result.loss)
        else:
            self._count(loop, result.loss)
            self._after(loop)
        if self.context is not None and self._told():
            loop.stop("a callback of scikit-learn ended it")

    def failed(self, loop: Loop, error: NonFiniteError) -> bool:
        self.error = error
        if self.score is not None:
            self.estimator.validation_scores_.append(math.nan)
        return True

    def _search(self, loop: Loop, loss: float) -> None:
        """End L-BFGS where scipy's would end; `loss` is the one before the last iteration."""
        before, self.before = self.before, loss
        if before - loss <= FLAT * max(min(abs(before), 1e300), abs(loss), 1.0):
            self.estimator.n_iter_ -= 1  # which found nothing better
            loop.stop("the loss does not fall any more")
        elif self.evaluations >= self.settings.max_fun:
            self.exhausted = True
            loop.stop(f"the loss was looked at {self.evaluations} times")

    def _count(self, loop: Loop, loss: float) -> None:
        """Count the epochs since the score or loss last improved by more than `tol`."""
        net, tol = self.estimator, self.settings.tol
        if self.score is None:
            worse = loss > net.best_loss_ - tol
            net.best_loss_ = min(net.best_loss_, loss)
        else:
            score = math.nan if self.error else self.score()
            if not self.error:  # else it stands there already
                net.validation_scores_.append(score)
            history = loop.model.history
            history.setdefault("val_score", [math.nan] * history.epochs)[-1] = score
            if self.settings.verbose:
                print(f"Validation score: {score:f}")
            worse = score < net.best_validation_score_ + tol
            if score > net.best_validation_score_:
                net.best_validation_score_ = score
                net._best_weights = net.model_.get_weights()
        net._no_improvement_count = net._no_improvement_count + 1 if worse else 0

    def _after(self, loop: Loop) -> None:
        """Lower the learning rate where the settings say so, or end the training."""
        net, how = self.estimator, self.settings.learning_rate
        sgd = self.settings.solver == "sgd"
        if sgd and how == "invscaling":
            rate = self.settings.learning_rate_init / (net.t_ + 1) ** self.settings.power_t
            loop.model.set(learning_rate=rate)
        if net._no_improvement_count <= self.settings.n_iter_no_change:
            return
        rate = loop.model.optimizer.learning_rate
        what = "training loss" if self.score is None else "validation score"
        patience, tol = self.settings.n_iter_no_change, self.settings.tol
        why = f"no {what} better by more than tol={tol:g} for {patience:g} epochs"
        if sgd and how == "adaptive" and rate > SMALLEST:
            loop.model.set(learning_rate=rate / 5)
            net._no_improvement_count = 0
            if self.settings.verbose:
                print(f"Learning rate {rate / 5:g}: {why}")
            return
        loop.stop(why)
        if self.settings.verbose:
            print(f"Ended: {loop.stopped}")

    def _told(self) -> bool:
        """Tell scikit-learn's callbacks that an epoch has ended; return whether one asks to stop."""
        net, (x, y) = self.estimator, self.data
        task = self.context.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=net, X=x, y=y)
        given = {"estimator": net, "X": x, "y": y, "metadata": {"loss": net.loss_}}
        return bool(task.call_on_fit_task_end(**given, reconstruction_attributes=net._fitted_now))
