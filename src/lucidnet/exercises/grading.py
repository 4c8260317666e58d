"""Grading an exercise step by step, on cases whose sizes and numbers are drawn at check time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..check import CheckReport, gradients
from ..check.evidence import agree, multiple
from ..check.resembles import resembles, right_in_part
from ..check.subject import LayerSubject
from ..core.settings import anything
from ..core.trees import at
from ..core.value import value
from ..layers import Layer
from ..layers.base import INFERENCE, Cache, Run
from ..losses import Loss
from .pupil import HoleError, WrongAnswerError, missing

Call: TypeAlias = Callable[..., Any]
"""Calls a function of the student's file: call("backward", x=x, dy=dy)."""
Given: TypeAlias = dict[str, Any]
"""Arguments of a function by name."""

CASES = 4
"""The number of cases drawn for each step; the first has square matrices."""
SAME = 1e-9
"""The relative difference up to which two values are the same."""
EXACT = 1e-11
"""Correct formulas differ by less than this; finite differences by more."""
COARSE = 1e-5
"""Values that differ by less than this, but more than `SAME`, are right to a few digits only."""
SINGLE = 1e-4
"""What is right in float32 differs by less than this, where scores are as large as 800."""


class Rng(np.random.Generator):
    """The random numbers of one case; if `square`, all its axes have the same size.

    With square matrices a forgotten transpose gives numbers that reveal it; with others it only raises.
    """

    def __init__(self, seed: tuple[int, ...], square: bool = False) -> None:
        super().__init__(np.random.PCG64(seed))
        self.square = square


def sizes(rng: Rng, count: int, at_least: int = 2) -> tuple[int, ...]:
    """Return sizes of axes: all the same if `rng.square`, else all different."""
    drawn = [int(size) for size in rng.permutation(np.arange(at_least, at_least + 4))]
    return (max(drawn[0], 3),) * count if rng.square else tuple(drawn[:count])


class ExerciseStep(NamedTuple):
    """One step of an exercise.

    Parameters
    ----------
    name : str
        What is to be written.
    hint : str
        What helps who is stuck there.
    look : callable
        look(call, rng) raises `WrongAnswerError` if it is wrong in a case that is drawn.
    """

    name: str
    hint: str
    look: Callable[[Call, Rng], None]


class At(NamedTuple):
    """The point at which a layer's backward pass is tested: weights, input, output, and output error."""

    params: Any
    x: Any
    y: Any
    dy: Any


def several(function: str, made: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return a function's return values by name; a single name stands for the value itself.

    Examples
    --------
    >>> several("f", (1.0, 2.0), ("dx", "dW"))
    {'dx': 1.0, 'dW': 2.0}
    """
    if len(names) == 1 and not (isinstance(made, tuple) and len(made) == 1):
        return {names[0]: made}
    if nothing := missing(made):
        or_else = ", or its return is missing" if nothing == "None" else ""
        raise HoleError(f"{function} is not written yet{or_else}: it returns {nothing}")
    if not isinstance(made, tuple) or len(made) != len(names):
        got = f"{len(made)} values" if isinstance(made, tuple) else "one value"
        raise WrongAnswerError(f"{function} returns {got}: return {', '.join(names)}")
    return dict(zip(names, made, strict=True))


def unharmed(call: Call, function: str, arguments: Given) -> Any:
    """Call a function; raise if it modifies its arguments."""
    before = {key: np.copy(value) for key, value in arguments.items()}
    made = call(function, **arguments)
    for key, old in before.items():
        if not np.array_equal(arguments[key], old):
            raise WrongAnswerError(f"{function} changes {key}, which it was given: work on a new array")
    return made


def array_of(name: str, made: Any) -> Any:
    """Convert one answer to an array of numbers, in float32 if it is; raise if it is none."""
    if nothing := missing(made):
        or_else = ", or a return is missing" if nothing == "None" else ""
        raise HoleError(f"{name} is not written yet{or_else}: it is {nothing}")
    if isinstance(made, dict):
        raise WrongAnswerError(f"{name} is {made.get('other', 'no array')}: return an array of numbers")
    try:
        return np.asarray(made, np.float32 if getattr(made, "dtype", None) == np.float32 else np.float64)
    except (TypeError, ValueError):
        raise WrongAnswerError(f"{name} is a tuple: return an array of numbers") from None


def settled(own: Any, right: Any) -> Any:
    """Return the right value in place of an answer in float32 that differs from it by rounding alone."""
    return right if own.dtype == np.float32 and _close(own, right, SINGLE) else own


@value
class _Answered(Layer):
    """A layer of the library some of whose gradients are computed by a student's file."""

    inner: Any = anything()
    asked: Any = anything()

    def output_shape(self, shape: Any) -> Any:
        return self.inner.output_shape(shape)

    def init(self, rng: Any, shape: Any) -> Any:
        return self.inner.init(rng, shape)

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return ()

    def forward(self, params: Any, x: Any, run: Run = INFERENCE) -> tuple[Any, Cache]:
        y, cache = self.inner.forward(params, x, run)
        return y, (x, y, cache)

    def backward(self, params: Any, cache: Cache, dy: Any, need_dx: bool = True) -> tuple[Any, Any]:
        x, y, cache = cache
        dx, grads = self.inner.backward(params, cache, dy)
        answers = self.asked(At(params, x, y, dy))
        for name, array in answers.items():
            if name == "x":
                dx = np.asarray(settled(array, dx), dy.dtype)
            else:
                *path, last = name.split("/")
                of = at(grads, tuple(path))
                of[last] = np.asarray(settled(array, of[last]), dy.dtype)
        return dx, grads


@value
class _AnsweredLoss(Loss):
    """A loss of the library whose gradient is computed by a student's file."""

    inner: Any = anything()
    asked: Any = anything()

    def forward(
        self, prediction: Any, target: Any, weights: Any = None, mask: Any = None, valid: Any = None
    ) -> tuple[Any, Cache]:
        found, cache = self.inner.forward(prediction, target, weights)
        return found, (prediction, target, weights, cache)

    def backward(self, cache: Cache) -> Any:
        prediction, target, weights, cache = cache
        right = self.inner.backward(cache)
        if weights is not None:  # which no exercise treats
            return right
        return np.asarray(settled(self.asked(prediction, target), right), prediction.dtype)

    def check_target(self, target: Any, shape: Any, dtype: str) -> Any:
        return self.inner.check_target(target, shape, dtype)


class Backward(NamedTuple):
    """An exercise on a backward pass: the layer it belongs to, and how to call the student's function.

    Parameters
    ----------
    case : callable
        case(rng) gives a layer and an input (n, ...).
    function : str
        The function of the file.
    given : callable
        given(at) gives its arguments.
    returns : dict
        What it returns, in order, and of which array each is the gradient.
    wrong : callable, optional
        wrong(at, gradient) gives what mistakes of this exercise would make, by sentence.
    between : callable, optional
        between(at) gives right values on the way to the gradients, by the names that the text gives them.
    """

    case: Callable[[Rng], tuple[Layer, Any]]
    function: str
    given: Callable[[At], Given]
    returns: dict[str, str]
    wrong: Callable[[At, Any], Mapping[str, Mapping[str, Any]]] | None = None
    between: Callable[[At], Given] = lambda at: {}

    def step(self, name: str, hint: str) -> ExerciseStep:
        """Return the step that asks for one of the gradients."""
        return ExerciseStep(name, hint, lambda call, rng: self._look(call, rng, name))

    def _look(self, call: Call, rng: Rng, name: str) -> None:
        inner, x = self.case(rng)
        array = self.returns[name]
        answers: dict[str, Any] = {}

        def asked(at: At) -> dict[str, Any]:
            made = several(self.function, call(self.function, **self.given(at)), tuple(self.returns))
            answers.update(made)
            return {array: array_of(name, made[name])}

        layer, seed = _Answered(inner, asked), int(rng.integers(1 << 30))
        by_hand, right = (LayerSubject.of(one, x.copy(), seed, True) for one in (layer, inner))
        own, every = by_hand.gradients()[array], right.gradients()
        true = every[array]
        others = {other: every[of] for other, of in self.returns.items() if other != name}
        close, like = _close(own, true, EXACT), None
        if not close:
            at = At(right.params, right.x, right.forward()[0], right.dy)
            _named(name, own, {key: made.get(name) for key, made in self._wrong(at, true).items()})
            if taken := _taken_for(name, own, others, answers):
                raise WrongAnswerError(taken)
            _check_shape(name, own, true)
            if not _close(own, at.dy, SAME):  # of which the check knows more
                like = resembles(own, true, self.given(at) | self.between(at) | others, SAME)
        report = gradients(layer, x, seed=seed)
        _judge(name, report, close, like, lambda sentence: _worded(sentence, array, name, self.function))

    def _wrong(self, at: At, true: Any) -> Mapping[str, Mapping[str, Any]]:
        return self.wrong(at, true) if self.wrong else {}


def _taken_for(name: str, own: Any, others: Mapping[str, Any], answers: Mapping[str, Any]) -> str | None:
    """Name another right value that stands in an answer's place; an order is wrong if it is not in its own."""
    for other, made in others.items():
        if _close(own, made, SAME):
            given = answers.get(other)
            its_own = isinstance(given, (float, np.ndarray)) and _close(given, made, SAME)
            return f"{name}: it is {other}{' itself' if its_own else f': {ORDER}'}"
    return None


def _named(name: str, own: Any, wrong: Mapping[str, Any]) -> None:
    """Raise with a known mistake of the exercise if one explains these numbers."""
    for sentence, made in wrong.items():
        if made is not None and agree(own, np.asarray(made), SAME):
            raise WrongAnswerError(f"{name}: {sentence}")


def _judge(
    name: str, report: CheckReport, close: bool, like: str | None, worded: Callable[[str], str]
) -> None:
    """Raise if a gradient is wrong by the check, or by the formula where the check is too coarse."""
    if close and report.worst > report.tolerance:
        return
    if like:
        raise WrongAnswerError(f"{name}: {like}")
    if report.likely or not (report or close):
        raise WrongAnswerError(worded(report.likely[0]) if report.likely else f"{name}: {UNKNOWN}")
    if not close:
        raise WrongAnswerError(f"{name}: {NUMERIC}")


def means(true: Any, **counts: int) -> dict[str, dict[str, Any]]:
    """Return what a gradient is if it is divided by the number of something; of as many, all are named."""
    made: dict[str, dict[str, Any]] = {}
    for count in dict.fromkeys(counts.values()):
        over = " or the ".join(name for name, other in counts.items() if other == count)
        parts = dict.fromkeys(("dx", "dW", "dU", "db"), true / count)
        made[f"it is the mean over the {over}: their effects add up"] = parts
    return made


OVERFLOW = (
    "right for small scores only: exp of a score of 800 overflows; subtract the largest of each row first"
)
ORDER = "what is returned stands in another order"
KEEP = "it may keep nothing between calls, and draw no random numbers"
UNKNOWN = "no known mistake gives these numbers; compare the formula"
NUMERIC = "right to a few digits only, as finite differences are, or float32: write the formula, and keep the precision"


def _worded(sentence: str, array: str, name: str, function: str) -> str:
    """Rephrase a sentence of `lucidnet.check` in the words of the exercise."""
    sentence = sentence.replace("forward or backward", function)
    sentence = sentence.replace("it must not change its cache, nor draw random numbers", KEEP)
    if sentence.startswith("backward"):
        sentence = sentence.replace("backward", function, 1)
    if sentence.startswith(f"{array}: "):
        return f"{name}: {sentence.removeprefix(f'{array}: ')}"
    about = f"the gradient of {array} "
    return f"{name} {sentence.removeprefix(about)}" if sentence.startswith(about) else sentence


def loss_gradient(
    case: Callable[[Rng], tuple[Loss, Any, Any]],
    function: str,
    given: Callable[[Loss, Any, Any], Given],
    hint: str,
    wrong: Callable[[Given], Mapping[str, Any]] | None = None,
    far: Callable[[Rng], tuple[Loss, Any, Any]] | None = None,
) -> ExerciseStep:
    """Return a step that asks for the gradient of a loss; `far` draws scores at which exp overflows."""

    def look(call: Call, rng: Rng) -> None:
        loss, prediction, target = case(rng)

        def asked(prediction: Any, target: Any) -> Any:
            return array_of(function, unharmed(call, function, given(loss, prediction, target)))

        right = loss.backward(loss.forward(prediction, target)[1])
        own = settled(asked(prediction, target), right)
        _check_shape(function, own, right)
        close, like = _close(own, right, EXACT), None
        if not close:
            arguments = given(loss, prediction, target)
            _named(function, own, wrong(arguments) if wrong else {})
            like = resembles(own, right, arguments, SAME)
        report = gradients(_AnsweredLoss(loss, asked), prediction, target)
        words = partial(_worded, array="prediction", name=function, function=function)
        _judge(function, report, close, like, words)
        if far:
            loss, prediction, target = far(rng)
            right = loss.backward(loss.forward(prediction, target)[1])
            if not _close(settled(asked(prediction, target), right), right, EXACT):
                raise WrongAnswerError(f"{function}: {OVERFLOW}")

    return ExerciseStep(function, hint, look)


def computed(
    name: str,
    hint: str,
    function: str,
    returns: tuple[str, ...],
    given: Callable[[Rng], Given],
    right: Callable[..., Mapping[str, Any]],
    wrong: Callable[..., Mapping[str, Mapping[str, Any]]] | None = None,
) -> ExerciseStep:
    """Return a step that asks for a value, which is compared with the library's.

    Parameters
    ----------
    name, hint : str
        Of the step; the name is that of what is compared, among those returned, or of the function.
    function : str
        The function of the file.
    returns : tuple of str
        What it returns, in order.
    given : callable
        given(rng) gives its arguments.
    right : callable
        right(**given) gives the right values by name.
    wrong : callable, optional
        wrong(**given) gives values that mistakes give, by sentence and name.
    """

    def look(call: Call, rng: Rng) -> None:
        arguments = given(rng)
        made = several(function, unharmed(call, function, arguments), returns)
        true = right(**arguments)
        wanted = (name,) if name in returns else returns
        own = {key: settled(array_of(key, made[key]), true[key]) for key in wanted}
        if any(np.shape(own[key]) != np.shape(true[key]) for key in wanted) or not all(
            _close(own[key], true[key], SAME) for key in wanted
        ):
            known = wrong(**arguments) if wrong else {}
            raise WrongAnswerError(_mistake(own, true, arguments, known, made))
        again = several(function, call(function, **arguments), returns)
        if not all(_close(settled(array_of(key, again[key]), own[key]), own[key], SAME) for key in wanted):
            raise WrongAnswerError(f"{function} gives another answer when it is called again: {KEEP}")

    return ExerciseStep(name, hint, look)


def _check_shape(name: str, own: Any, true: Any) -> None:
    """Raise if an answer does not have the right shape."""
    if np.shape(own) != np.shape(true):
        raise WrongAnswerError(f"{name}: {next(_plain(np.asarray(own), np.asarray(true), {}))}")


def _close(a: Any, b: Any, tolerance: float) -> bool:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or not np.isfinite(a).all():
        return False
    return bool(np.abs(a - b).max(initial=0.0) <= tolerance * max(np.abs(b).max(initial=0.0), 1e-3))


def _alike(a: Any, b: Any) -> bool:
    """Tell whether two values are equal, also in the places where they are not finite."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    whole = np.isfinite(a)
    same = a.shape == b.shape and np.array_equal(whole, np.isfinite(b))
    return bool(same and _close(a[whole], b[whole], SAME))


def _mistake(
    own: Given,
    true: Mapping[str, Any],
    arguments: Given,
    wrong: Mapping[str, Mapping[str, Any]],
    answers: Mapping[str, Any],
) -> str:
    """Name the mistake behind these values: one known for this exercise, or a general one."""
    for told, made in wrong.items():
        known = [key for key in own if key in made]
        differs = any(not _close(made[key], true[key], SAME) for key in known)
        if differs and all(_alike(own[key], made[key]) for key in known):
            return told
    for key, array in own.items():
        others = {other: made for other, made in true.items() if other != key}
        if taken := _taken_for(key, array, others, answers):
            return taken
    for key, array in own.items():
        others = {other: made for other, made in true.items() if other != key}
        sentence = resembles(array, true[key], arguments | others, SAME)
        if sentence := sentence or next(_plain(array, np.asarray(true[key], np.float64), arguments), None):
            return f"{key}: {sentence}"
    return f"{next(iter(own))}: {UNKNOWN}"


def _plain(a: Any, n: Any, arguments: Given) -> Iterator[str]:
    """Yield general mistakes that explain wrong numbers."""
    if a.shape != n.shape:
        turned = ": it looks transposed" if a.ndim > 1 and a.shape == n.shape[::-1] else ""
        yield f"it has shape {a.shape}, expected {n.shape}{turned}"
        return
    if _close(a, n, SAME):
        return
    if not np.isfinite(a).all():
        yield f"{(~np.isfinite(a)).sum()} of {a.size} entries are NaN or infinite"
    elif not a.any():
        yield "it is all zero, and should not be"
    elif _close(a, n, COARSE):
        yield NUMERIC
    elif agree(a, -n, SAME):
        yield "the sign is wrong"
    elif a.size > 1 and (a == a.flat[0]).all() and not (n == n.flat[0]).all():
        yield "it is the same number everywhere"
    elif a.size > 1 and (factor := multiple(a, n, SAME)) is not None:
        yield f"it is {factor:.6g} times what it should be: a constant factor is wrong or missing"
    elif part := right_in_part(a, n, arguments, SAME):
        yield part
    yield UNKNOWN
