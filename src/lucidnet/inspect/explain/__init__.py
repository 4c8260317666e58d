"""A training step shown in numbers, operation by operation, and what passes through each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.settings import taken, whole
from ...data.batch import rows
from ...engine.on_numpy import OnNumpy
from ...errors import SettingError
from ...training.step import make_steps
from ..trace import trace_step
from .report import Explanation
from .story import Section, Told, legend, story

if TYPE_CHECKING:
    from ...data.batch import Batch
    from ...engine.protocol import Trainee

__all__ = ["Explanation", "Section", "explain"]

MOST = 400
"""The most numbers that can be explained: parameters, and what passes between the layers."""


def explain(model: Trainee, x: Any, y: Any, digits: int = 6) -> Explanation:
    """Explain one training step on a copy of a model's state; see `Model.explain`.

    Examples
    --------
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(1), ln.layers.Dense(1, initializer="ones")])
    >>> model.compile("half_squared_error", ln.optimizers.SGD(0.1))
    >>> print(model.explain([[2.0]], [[5.0]]))
    One training step on 1 example, in float32: ...
    <BLANKLINE>
    Forward: dense1 = Dense(1, initializer=Constant(1.0))
      y₁ = x₁ · w⁽¹⁾₁₁ + b⁽¹⁾₁ = 2 · 1 + 0 = 2
    <BLANKLINE>
    Loss
      HalfSquaredError(), with y = output and t = target
      L = 1/2 · (y₁ - t₁)² = 1/2 · (2 - 5)² = 4.5
    <BLANKLINE>
    Backward: dense1
      ∂L/∂y₁     = y₁ - t₁ = 2 - 5 = -3
      ∂L/∂w⁽¹⁾₁₁ = x₁ · ∂L/∂y₁ = 2 · (-3) = -6
      ∂L/∂b⁽¹⁾₁  = ∂L/∂y₁ = -3
    <BLANKLINE>
    Update: dense1
      SGD(0.1), step 1
      w⁽¹⁾₁₁⁺ = w⁽¹⁾₁₁ - 0.1 · ∂L/∂w⁽¹⁾₁₁ = 1 - 0.1 · (-6) = 1.6
      b⁽¹⁾₁⁺  = b⁽¹⁾₁ - 0.1 · ∂L/∂b⁽¹⁾₁ = 0 - 0.1 · (-3) = 0.3
    """
    digits = taken("explain", "digits", digits, whole(1, 17))
    problem, batch = model.problem, model.checked(x, y).batch(slice(None))
    if problem.rule is not None:
        raise SettingError(
            f"explain: it tells backpropagation, but this model learns by {problem.rule!r}: compile a copy "
            "of it without a rule; what this rule gives, gradients(x, y) says"
        )
    state = model.state
    _check_size(model, state.vector.size + rows(batch.x))
    seen = trace_step(model, batch, state)
    if not isinstance(seen.prediction, np.ndarray) or seen.prediction.ndim != 2:
        raise SettingError(
            "explain: it tells networks with one output (n, units), not sequences or several outputs"
        )
    _check_size(model, state.vector.size + sum(np.size(call.y) for call in seen.calls))
    after, (found,) = make_steps(OnNumpy(), problem, state, [[batch]])
    told = Told(problem, batch, seen, state, after, found.loss)
    return Explanation(_title(model, batch, legend(told)), story(told), digits)


def _check_size(model: Trainee, numbers: int) -> None:
    if numbers > MOST:
        raise SettingError(
            f"explain: this step has {numbers:,} numbers ({model.state.vector.size:,} of them parameters), "
            f"more than the {MOST} that one can read: take fewer units, or one example, x[:1], y[:1]"
        )


def _title(model: Trainee, batch: Batch, layers: str) -> str:
    count = rows(batch.x)
    examples = "1 example" if count == 1 else f"{count} examples"
    several = "" if count == 1 else "; x₁⁽²⁾, y₁⁽²⁾ are those of example 2"
    return (
        f"One training step on {examples}, in {model.dtype}: in each layer x goes in and y comes out, "
        f"w⁽¹⁾₁₂ leads from input 1 to unit 2 of layer 1 (layers: {layers}){several}"
    )
