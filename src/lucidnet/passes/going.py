"""The code behind `Model.forward`, `apply`, `part` and `copy_weights`."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..backend import Parts
from ..backend.xla.device import precision
from ..core.settings import between, flag, shown, taken
from ..core.trees import tree_map
from ..engine.build import problem_of
from ..engine.problem import Problem
from ..engine.protocol import NotFiniteError
from ..engine.state import Measured
from ..errors import SettingError
from ..optimizers import SGD
from ..training.checks import as_inputs, as_mask, example_shape
from .moves import Apply, collected, leaving, not_finite
from .parts import ModelPart
from .tape import Going, Pass, Tape
from .view import View

BARE: WeakKeyDictionary[Any, Problem] = WeakKeyDictionary()
"""The problems of models not yet compiled, with as much as a pass has to know."""
PASSED: WeakKeyDictionary[Any, tuple[Any, int]] = WeakKeyDictionary()
"""How many training passes each model has made from a state; each has its own random numbers."""


def forward(model: Any, x: Any, train: bool = False, mask: Any = None, view: View | None = None) -> Tape:
    """Run a forward pass, and return its tape; see `Model.forward`."""
    train = taken("forward", "train", train, flag())
    if "live" not in vars(model):
        model.build(example_shape(x) if view is None else None)
    view = view or View(model.net, model.input_shape)
    given = as_inputs(x, view.shape, model.dtype, view.net)
    given = tree_map(lambda array: np.array(array, model.dtype), given)  # the user's own arrays may change
    mask = None if mask is None else as_mask(mask, given)
    problem, executor = _problem(model), model.executor
    with executor.lock:
        state, number = model.live, None
        if train:
            known, count = PASSED.get(model, (None, 0))
            number = count if known is state else 0
            PASSED[model] = state, number + 1
        made = Pass(view, number)
        with np.errstate(over="ignore", invalid="ignore"):
            y, kept, cache = executor.call(Going(made), problem, state, given, mask)
        back = None
        if cache is None:  # it is on a device

            def back(dy: Any, wanted: tuple[bool, bool]) -> Any:
                return executor.call(Going(made, wanted), problem, state, given, mask, dy)

        tape = Tape(made, state, given, mask, (y, kept, cache), back)
        tape.of = model
        tape.near = executor.host if cache is None else tape.near
        executor.lend(tape)
    return tape


def _problem(model: Any) -> Problem:
    """Return the model's problem; if it is not compiled, one without loss for its network."""
    if "problem" in vars(model):
        found: Problem = model.problem
        return found
    if model not in BARE or BARE[model].net is not model.net:
        BARE[model] = problem_of(model.net, None, SGD(), None, model.state.params, model.input_shape)
    return BARE[model]


def apply(model: Any, grads: Any, tape: Any = None) -> Measured:
    """Make one optimizer step with given gradients; see `Model.apply`."""
    problem, executor = model.problem, model.executor
    tapes = leaving(problem, tape, model)
    with executor.lock:
        state = model.live
        for each in tapes:
            if each.state is not state:
                raise SettingError(
                    "apply: this tape is made before the weights last changed: make the pass again, "
                    "model.forward(x, train=True)"
                )
        tree, missing = collected(problem, grads, np.zeros(0, model.dtype))
        given = tree, tuple((each.x, each.given_mask, each.cache) for each in tapes)
        ran = executor.run(Apply([each.made for each in tapes], missing), problem, state, [given])
        model.live = ran.state
    if isinstance(ran.error, NotFiniteError):
        raise not_finite(int(state.step), tree) from None
    if ran.error is not None:
        raise ran.error
    made: Measured = ran.measured[0]
    return made


def part(model: Any, name: Any = None, to: Any = None, after: Any = None, outputs: Any = None) -> ModelPart:
    """Return a part of a model; see `Model.part`."""
    model.build()
    view = View.of(model.net, model.input_shape, name, to, after, outputs)
    return ModelPart(model, view, partial(forward, model, view=view))


def copy_weights(model: Any, other: Any, parts: Any = None, tau: float = 1.0) -> None:
    """Copy the weights of another model; see `Model.copy_weights`."""
    from .copies import blended

    tau = taken("copy_weights", "tau", tau, between(0, 1))
    if not hasattr(other, "live") or not hasattr(other, "executor"):
        raise SettingError(f"copy_weights: other must be a Model, got {shown(other)}")
    with model.executor.lock:
        ours, theirs = model.live, other.live
        if type(ours.vector) is not type(theirs.vector) or model.config != other.config:
            ours, theirs = model.state, other.state  # on the host: they lie on different devices
        with precision(model.dtype) if isinstance(ours.vector, Parts) else nullcontext():
            model.live = ours._replace(params=blended(ours.params, theirs.params, parts, tau))
