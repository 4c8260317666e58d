"""The code behind `Model.forward`, `apply`, `part` and `copy_weights`."""

from __future__ import annotations

import math
from contextlib import nullcontext
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..backend import Parts
from ..backend.xla.device import precision
from ..core.owners import locks
from ..core.settings import flag, shown, taken
from ..core.trees import mapped
from ..engine.build import problem_of
from ..engine.problem import Problem
from ..engine.protocol import NotFiniteError
from ..engine.state import Measured, State
from ..errors import SettingError
from ..layers.base import Mask
from ..optimizers import SGD
from ..training.checks import as_mask, example_shape
from .copies import blended, share
from .given import checked, replacing
from .moves import Apply, check_recent, collected, leaving, not_finite
from .parts import ModelPart
from .tape import Pass, Tape, taken_in
from .view import View


class Kept:
    """What passes by hand keep for a model, so that it is worked out only once.

    Parameters
    ----------
    net : Layer
        Its network.
    shapes : pair of shapes
        The shapes of one input and one output.
    """

    def __init__(self, net: Any, shapes: Any) -> None:
        self.net, self.shapes, self.view = net, shapes, View(net, shapes[0])
        self.bare: Problem | None = None
        """The problem of a model not yet compiled, with as much as a pass has to know."""
        self.state: Any = None
        """The state that the last training pass started from."""
        self.passes = 0
        """How many training passes started from it; each has its own random numbers."""


KNOWN: WeakKeyDictionary[Any, Kept] = WeakKeyDictionary()
"""What is kept, by model."""


def known_of(model: Any) -> Kept:
    """Return what is kept for a model that has weights."""
    net, shapes, found = model.net, model._shapes, KNOWN.get(model)
    if found is None or found.net is not net or found.shapes is not shapes:
        found = KNOWN[model] = Kept(net, shapes)
    return found


def forward(
    model: Any,
    x: Any,
    train: bool = False,
    mask: Any = None,
    params: Any = None,
    view: View | None = None,
) -> Tape:
    """Run a forward pass, and return its tape; see `Model.forward`."""
    train = train if type(train) is bool else taken("forward", "train", train, flag())
    if "live" not in vars(model):
        model.build(example_shape(x) if view is None else None)
    known, executor = known_of(model), model.executor
    view = view or known.view
    x, mask = taken_in(view, x, mask)
    given, mask = copied(x, mask, view, model.dtype)
    problem = _problem(model, known)
    with executor.lock:
        state, number = model.live, None
        if train:
            number = known.passes if known.state is state else 0
            known.state, known.passes = state, number + 1
        if params is not None:
            params = mapped(np.array, replacing(params, state.params, np.zeros(0, model.dtype)))
        made = Pass(view, number)
        found = executor.call(made, problem, state, given, mask, params)
        tape = Tape(made, state, given, mask, found, params=params)
        tape.of = model
        if found[2] is None:  # what the layers have kept is on a device

            def back(dy: Any, wanted: tuple[bool, bool]) -> Any:
                going = Pass(view, number, wanted)
                return executor.call(going, problem, state, given, mask, params, dy)

            tape.back, tape.near = back, executor.host
        executor.lend(tape)
    return tape


def copied(x: Any, mask: Any, view: View, dtype: str) -> tuple[Any, Mask]:
    """Check inputs and mask, and copy the inputs, as the user's own arrays may change."""
    if type(x) is np.ndarray and x.dtype == dtype and x.shape[1:] == view.shape and not view.looks_up:
        made = x.copy("K")
        if math.isfinite(np.vdot(made, made)) and made.size:  # no square is NaN or infinite
            return made, None if mask is None else as_mask(mask, made)
    given, mask = checked(x, mask, view.shape, dtype, view.net)
    return mapped(lambda array: np.array(array, dtype), given), mask


def _problem(model: Any, known: Kept) -> Problem:
    """Return the model's problem; if it is not compiled, one without loss for its network."""
    found: Problem | None = vars(model).get("problem", known.bare)
    if found is None:
        found = known.bare = problem_of(known.net, None, SGD(), None, model.state.params, known.shapes[0])
    return found


def apply(model: Any, grads: Any, tape: Any = None) -> Measured:
    """Make one optimizer step with given gradients; see `Model.apply`."""
    problem, executor = model.problem, model.executor
    with executor.lock:
        state, like = model.live, np.zeros(0, model.dtype)
        found, missing = collected(problem, grads, like, flat=model.config.name == "numpy")
        tapes = leaving(problem, tape, model, missing)
        for each in tapes:
            check_recent(each, state)
        ran = executor.run(Apply(tapes, missing), problem, state, [found])
        model.live = ran.state
    if ran.error is None:
        made: Measured = ran.measured[0]
        return made
    if isinstance(ran.error, NotFiniteError):
        raise not_finite(int(state.step), collected(problem, grads, like)[0]) from None
    raise ran.error


def part(model: Any, name: Any = None, to: Any = None, after: Any = None, outputs: Any = None) -> ModelPart:
    """Return a part of a model; see `Model.part`."""
    model.build()
    return ModelPart(model, known_of(model).view.part(name, to, after, outputs), partial(forward, model))


def copy_weights(model: Any, other: Any, parts: Any = None, tau: float = 1.0) -> None:
    """Copy the weights of another model; see `Model.copy_weights`."""
    tau = share(tau)
    if not hasattr(other, "live") or not hasattr(other.executor, "lock"):  # nor one that is away in a step
        raise SettingError(f"copy_weights: other must be a Model, got {shown(other)}")
    first, second = locks(model, other)
    with first, second:  # the other may be trained by another thread
        ours, theirs = model.live, other.live
        kind, host = type(theirs.params.vector), type(ours.params.vector) is np.ndarray
        near = kind is np.ndarray if host else kind is Parts and model.config == other.config
        if not near:  # they lie on different devices: on the host
            ours, theirs, host = model.state, other.state, True
        with nullcontext() if host else precision(model.dtype):
            model.live = State(blended(ours.params, theirs.params, parts, tau), *ours[1:])
