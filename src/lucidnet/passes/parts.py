"""Parts of a network as separate objects that share the whole's weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend.view import read_only
from ..core.text import Brief, call, shortened
from ..core.trees import NumPyArray, Params, at
from ..engine.build import problem_of
from ..engine.problem import Problem
from ..engine.state import FeedbackState, State
from ..errors import NotReadyError, SettingError
from ..foreign import answering, uncalled
from ..layers import Layer
from ..layers.base import several
from ..optimizers import SGD
from ..training.checks import as_data
from ..training.history import Result
from .tape import Tape, taken_in
from .view import View


@uncalled
@answering
class ModelPart(Brief):
    """A part of a model; it has no weights of its own, but uses the model's current ones.

    It is made by `Model.part`.

    Parameters
    ----------
    model : Model or Learner
        The model that it is a part of.
    view : View
        The layers of the part.
    passed : callable
        Makes a pass: ``passed(x, train, mask, params, view)``.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(4), ln.layers.Dense(2, name="code"), ln.layers.Dense(4)])
    >>> model.part(to="code").predict([[1, 2, 3, 4]]).shape
    (1, 2)
    """

    def __init__(self, model: Any, view: View, passed: Callable[..., Tape]) -> None:
        self.model, self.view, self._passed = model, view, passed
        self._problem: tuple[Any, Problem] | None = None

    @property
    def net(self) -> Layer:
        """The layers of the part, as one network."""
        return self.view.net

    @property
    def params(self) -> Params:
        """The weights as they are in the model now, by layer and name."""
        return read_only(self.view.pick(self.model.params))  # type: ignore[no-any-return]

    @property
    def input_shape(self) -> Any:
        """The shape of one input."""
        return self.view.shape

    @property
    def output_shape(self) -> Any:
        """The shape of one output."""
        return self.net.output_shape(self.view.shape)

    def forward(self, x: Any, train: bool = False, mask: Any = None, params: Any = None) -> Tape:
        """Run these layers forward; the gradients from the tape are named as in the whole model.

        Parameters
        ----------
        x : array (n, ...), several by name, or Tape
            The inputs. The tape of the pass through the layers before stands for its output and its mask.
        train, mask, params
            As for `Model.forward`; weights have the names that they have in the whole model.
        """
        return self._passed(x, train, mask, params, self.view)

    def part(
        self, name: str | None = None, *, to: str | None = None, after: str | None = None, outputs: Any = None
    ) -> ModelPart:
        """Return a part of this part, by the names of layers in it; see `Model.part`."""
        return ModelPart(self.model, self.view.part(name, to, after, outputs), self._passed)

    def predict(self, x: Any, mask: Any = None) -> NumPyArray:
        """Return the outputs (n, ...) for inputs (n, ...), or a tape, as in `forward`, in inference."""
        from ..training.measure import predicted

        x, mask = taken_in(self.view, x, mask)
        made: NumPyArray
        if isinstance(self.input_shape, tuple) and several(self.input_shape):
            made = np.array(self.forward(x, mask=mask).output)
        else:
            made = predicted(self._alone(), x, mask)
        return made

    def evaluate(
        self, x: Any, y: Any = None, *, loss: Any = None, metrics: Any = (), mask: Any = None
    ) -> Result:
        """Return the loss and metrics of these layers on a data set.

        Parameters
        ----------
        x, y, mask
            As for `Model.evaluate`.
        loss : str, Loss or callable, optional
            The loss, the model's own if not given.
        metrics : sequence of str, Metric or callable
            The metrics to measure besides it.
        """
        from .. import losses
        from ..interop.agreement import check_measured
        from ..living import measured
        from ..training.measure import evaluate
        from ..training.sources import to_measure

        x, mask = taken_in(self.view, x, mask)
        chosen = self.model.loss if loss is None else losses.get(loss)
        if chosen is None:
            raise NotReadyError("evaluate: say by which loss: part.evaluate(x, y, loss='mse')")
        alone = self._alone(chosen)
        alone.metrics = measured(self.net, metrics, chosen) if metrics else ()
        return evaluate(alone, check_measured(alone, to_measure(alone, x, y, mask)))

    def _alone(self, loss: Any = None) -> Any:
        """Return the part as tools see it, with the weights of now."""
        if not hasattr(self.model, "executor"):
            raise SettingError("inside a step of one's own a part only passes: take part.forward(x).output")
        with self.model.executor.lock:
            params = self.view.pick(self.model.live.params)
            if self._problem is None or self._problem[0] != loss:  # it has no arrays: it stays
                made = problem_of(self.net, loss, SGD(), None, params, self.input_shape)
                self._problem = loss, made
            return _Alone(self, self._problem[1], params)

    def __repr__(self) -> str:
        return shortened(call("ModelPart", [repr(self.net), "of a model"]))


class _Alone:
    """A part with the attributes of a `Trainee` that measuring needs.

    Parameters
    ----------
    part : ModelPart
        The part.
    problem : Problem
        What it would train.
    params : tree
        Its weights, on the host or on devices.
    """

    def __init__(self, part: ModelPart, problem: Problem, params: Any) -> None:
        self.part, self.net, self.metrics, self.problem = part, part.net, (), problem
        self.executor, self.dtype, self.seed = part.model.executor, part.model.dtype, part.model.seed
        self.input_shape, self.output_shape, self.loss = part.input_shape, part.output_shape, problem.loss
        layout = problem.layout.layout
        arrays = [at(params, path) for path in layout.paths]
        if not arrays:
            flat = layout.bind(layout.zeros(self.dtype))
        elif all(isinstance(array, np.ndarray) for array in arrays):
            flat = layout.bind(layout.ravel(params))
        else:
            flat = layout.bind(layout.parts(arrays))  # they stay where they are
        self.live = State(flat, {}, {}, FeedbackState({}, {}), 0, self.seed)

    @property
    def state(self) -> State:
        """All that changes, as arrays of NumPy."""
        return self.executor.host(self.live)  # type: ignore[no-any-return]

    @property
    def needs_target(self) -> bool:
        """Whether the loss needs targets."""
        return bool(self.loss.needs_target)

    def checked(
        self, x: Any, y: Any, class_weight: Any = None, sample_weight: Any = None, mask: Any = None
    ) -> Any:
        """Check a data set, and return it in the part's form."""
        shapes = self.input_shape, self.output_shape
        return as_data(x, y, self.loss, shapes, self.dtype, class_weight, sample_weight, mask, self.net)
