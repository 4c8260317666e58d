"""Rules of a user's own: what their methods return is looked at where they return it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any

from ..backend import Tree
from ..backend.results import followed, returned
from ..core.numeric import in_dtype
from ..core.own import check_draws, check_methods, traced, written
from ..core.settings import shown
from ..core.trees import Path, dotted, mapped, tree_map
from ..core.value import of_library
from ..errors import SettingError, ShapeError
from ..layers import Dense
from ..layers.base import Send
from .edge import TIME, Edge, carriers

MARK = "__checked__"


def check(cls: Any, base: type, methods: Mapping[str, Callable[..., Any]]) -> None:
    """Make the methods of a user's rule be checked, when the class is made and at each call.

    Parameters
    ----------
    cls : type
        The class.
    base : type
        `SpaceRule` or `TimeRule`.
    methods : mapping of str to callable
        How the result of each method is looked at: `ACROSS` or `THROUGH`.

    Raises
    ------
    SettingError
        If one of them cannot be called with what it is given.
    """
    for kind in cls.__mro__:
        if of_library(kind) and issubclass(kind, base):
            check_methods(cls, kind)
    for name, fits in methods.items():
        method = written(cls, name, base)
        if callable(method) and not hasattr(method, MARK):
            setattr(cls, name, _watched(name, method, fits))


def _watched(name: str, method: Callable[..., Any], fits: Callable[..., Any]) -> Any:
    @wraps(method)
    def checked(self: Any, *given: Any) -> Any:
        what = f"{type(self).__name__}.{name}"
        return fits(what, _asked(what, self, method, self, *given), *given)

    setattr(checked, MARK, True)
    return checked


def crossed(rule: Any, edge: Edge, send: Send, path: Path, use: int = 0) -> tuple[Any, Tree, Tree | None]:
    """Call `SpaceRule.cross` of a user's own rule, and return its result if that is valid.

    Each use of a layer that is used several times (`use` is 0, 1, ...) has random numbers of its own.

    Raises
    ------
    SettingError, ShapeError
        With the rule, the layer, and what is expected.
    """
    where = f"{type(rule).__name__}.cross" + (f", at layer {dotted(path)!r}," if path else "")
    if traced(edge.dy):
        for method in vars(type(rule)).values():
            check_draws(type(rule).__name__, method)
    inputs: list[Any] = []
    place = (*path, *("again",) * use)

    def route(*given: Any, **named: Any) -> tuple[Any, Tree]:
        dx, grads = edge.route(*given, **named)
        inputs.append(dx)
        return dx, grads

    def cross(dy: Any, params: Tree, B: Tree) -> Any:
        here = edge._replace(
            dy=dy, params=params, B=B, route=route, stream=_stream(edge.signals.stream, place)
        )
        return rule.cross(here, send)

    made = _asked(where.rstrip(","), rule, cross, edge.dy, edge.params, edge.B)
    if not isinstance(made, tuple) or len(made) != 3:
        raise SettingError(
            f"{where} must return three things: the error at the layer's input, its gradients, and its "
            f"feedback weights if they have changed, else None; got {shown(made)}"
        )
    dx, grads, B = made
    if not isinstance(grads, dict) or not (B is None or isinstance(B, dict)):
        raise SettingError(
            f"{where} must return gradients as a dict by name, and feedback weights as one, or None; got "
            f"{shown(grads)} and {shown(B)}"
        )
    B = None if B is None else _alike(where, B, edge.B)
    if edge.layer.children():
        return dx, grads, B
    if edge.need_dx:
        dx = _error(where, dx, edge.dy, _input_of(edge, inputs))
    return dx, _gradients(where, grads, edge.params, edge.layer.buffers), B


def _asked(what: str, rule: Any, function: Callable[..., Any], *given: Any) -> Any:
    """Call a rule's function; raise if it keeps something in the rule while JAX traces it."""
    if not any(map(traced, given)):
        return followed(what, function, *given)
    held = dict(vars(rule))
    made = followed(what, function, *given)
    if kept := [name for name, value in vars(rule).items() if held.get(name, rule) is not value]:
        raise SettingError(
            f"{what} keeps {', '.join(kept)} in the rule itself, which a compiled program would do once, "
            "for all: what it remembers are feedback weights, B: let feedback(...) return them, and "
            "cross(...) the changed ones as its third result"
        )
    return made


def _stream(known: Any, path: Path) -> Any:
    """Return the random numbers of a rule at a place."""
    return _NoNumbers() if known is None else known.but(path=(*known.path, "rule", *path))


class _NoNumbers:
    """Stands for random numbers where there are none."""

    def __getattr__(self, name: str) -> Any:
        raise SettingError(
            "online: a rule of one's own is given no random numbers (edge.stream) in a stream: fit on whole "
            "sequences, or take a rule that draws none"
        )


def _input_of(edge: Edge, inputs: list[Any]) -> Any:
    """Return the shape of a layer's input, if what came back along the edge tells it, or its W; else None."""
    if shapes := [_shapes(dx) for dx in inputs if dx is not None]:
        return shapes[-1]
    if isinstance(edge.layer, Dense):
        return (*edge.dy.shape[:-1], len(edge.params[carriers(edge.layer)[0]]))
    return None


def _error(where: str, dx: Any, dy: Any, shape: Any) -> Any:
    """Return the error at a layer's input in the engine's arrays; NumPy would broadcast others silently."""
    if dx is None:
        raise SettingError(f"{where} must return the error at the layer's input (edge.need_dx), got None")
    rows = getattr(dy, "shape", (None,))[0]
    dx = mapped(lambda part: part if rows is None else returned(part, dy, where), dx)
    parts = dx if isinstance(dx, tuple) else (dx,)
    if shape is None and rows is not None and any(part.shape[:1] != (rows,) for part in parts):
        shape = ("n", "...")
    if shape is not None and _shapes(dx) != shape:
        raise ShapeError(
            f"{where} returns an error of shape {_shapes(dx)} for {rows} examples: it must be "
            f"{str(shape).replace(chr(39), '')}, as the layer's input"
        )
    return dx


def _gradients(where: str, grads: Any, params: Tree, buffers: Collection[str] = ()) -> Tree:
    """Return gradients in the engine's arrays; raise unless there is one for each of a layer's weights."""
    if not isinstance(grads, dict):
        raise SettingError(f"{where} must return gradients as a dict by name, got {shown(grads)}")
    names = [name for name in params if name not in buffers]
    if missing := [name for name in names if name not in grads]:
        raise SettingError(f"{where} returns no gradient of {', '.join(missing)}")
    if odd := [name for name in grads if name not in params]:
        raise SettingError(
            f"{where} returns a gradient of {', '.join(map(str, odd))}, but the layer's weights are "
            f"{', '.join(params) or 'none'}"
        )
    made = {name: returned(grad, params[name], where) for name, grad in grads.items()}
    for name in names:
        if made[name].shape != params[name].shape:
            raise ShapeError(
                f"{where} returns a gradient of {name} of shape {made[name].shape}: it must have that of "
                f"the weights, {params[name].shape}"
            )
    return made


def _alike(where: str, made: Any, B: Tree) -> Tree:
    """Return changed feedback weights in the engine's arrays; raise unless they have the places of B."""
    if not isinstance(made, dict):
        raise SettingError(f"{where} must return feedback weights as a dict by name, got {shown(made)}")
    if odd := [name for name in made if name not in B]:
        raise SettingError(
            f"{where} returns feedback weights {', '.join(map(str, odd))}, and was given "
            f"{', '.join(B) or 'none'}: let feedback(...) return all that are needed"
        )
    brought = {}
    for name, part in made.items():
        if isinstance(B[name], dict):
            brought[name] = _alike(where, part, B[name])
            continue
        brought[name] = returned(part, B[name], where)
        if brought[name].shape != B[name].shape:
            raise ShapeError(
                f"{where} returns feedback weights {name} of shape {brought[name].shape}, and was given "
                f"{B[name].shape}"
            )
    return brought


def _shapes(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _shapes(part) for name, part in tree.items()}
    if isinstance(tree, (tuple, list)):
        return tuple(map(_shapes, tree))
    return getattr(tree, "shape", type(tree).__name__)


def _things(what: str, made: Any, count: int, words: str) -> Any:
    """Return a tuple of so many things, or raise."""
    if isinstance(made, tuple) and len(made) == count:
        return made
    raise SettingError(f"{what} must return {words}; got {shown(made)}")


# --- what each method must return; `given` is what it was called with --------------------------------------


def _fresh(what: str, made: Any, *given: Any) -> Tree:
    """First feedback weights: the last argument says in which dtype."""
    if not isinstance(made, dict):
        raise SettingError(f"{what} must return a dict of weights by name, {{}} for none, got {shown(made)}")
    return tree_map(lambda array: in_dtype(array, given[-1].dtype, f"{what}: a weight"), made)


def _by_name(what: str, made: Any, *given: Any) -> Tree:
    if not isinstance(made, dict):
        raise SettingError(f"{what} must return a dict by name, {{}} for nothing, got {shown(made)}")
    return made


def _learned(what: str, made: Any, layer: Any, params: Tree, inputs: Any, B: Tree, rng: Any) -> Tree:
    names = B.keys() - {TIME}
    if not isinstance(made, dict) or made.keys() - {TIME} != names:
        got = (", ".join(map(str, made)) or "nothing") if isinstance(made, dict) else shown(made)
        raise SettingError(
            f"{what} must return each of {', '.join(sorted(names))}, as it was given B, got {got}"
        )
    return _alike(what, made, B)


def _taught(what: str, made: Any, layer: Any, B: Tree, grads: Tree) -> Tree | None:
    return None if made is None else _alike(what, made, B)


def _mirrored(what: str, made: Any, *given: Any) -> Tree | None:
    return None if made is None else _by_name(what, made)


def _counterparts(what: str, made: Any, *given: Any) -> Any:
    pairs = made if isinstance(made, (list, tuple)) else [made]
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or _shapes(pair[0]) != _shapes(pair[1]):
            raise SettingError(f"{what} must return a list of pairs (B, W) of one shape, got {shown(made)}")
    return made


def _found(what: str, made: Any, *given: Any) -> Any:
    if not isinstance(made, tuple) or not 5 <= len(made) <= 7:
        raise SettingError(
            f"{what} must return a RuleGradient(loss, prediction, grads, cache, memory), of rules.base, got "
            f"{shown(made)}"
        )
    return made


def _carrying(what: str, made: Any, W: Any, B: Any) -> Any:
    return returned(made, W, what, W.shape)


def _drawn(what: str, made: Any, layer: Any, W: Any, rng: Any) -> Any:
    if getattr(made, "shape", None) != W.shape:
        raise ShapeError(f"{what} must return weights of shape {W.shape}, got {shown(made)}")
    return made


def _sent(what: str, made: Any, signals: Any) -> Any:
    return returned(made, signals.error, what, signals.error.shape)


def _routed(what: str, made: Any, layer: Any, params: Tree, cache: Any, dy: Any, need: bool, B: Tree) -> Any:
    words = "three things: the error at the layer's input (None if it is not needed), its gradients, and B"
    dx, grads, after = _things(what, made, 3, words)
    if need:
        times, n, features = cache.x.shape
        shape: Any = (n, times, features)
        dx = _error(
            what, dx, dy, (shape, *map(_shapes, cache.first[: cache.given])) if cache.given else shape
        )
    return dx, _gradients(what, grads, params), _alike(what, after or {}, B)


def _through(what: str, made: Any, layer: Any, params: Tree, cache: Any, e: Any, need: bool, B: Tree) -> Any:
    words = "four things: the error at the inputs, that at the first states, the gradients, and B"
    dx, first, grads, after = _things(what, made, 4, words)
    if need:
        dx = _error(what, dx, e, cache.x.shape)
    return dx, first, _gradients(what, grads, params), _alike(what, after or {}, B)


def _ticked(what: str, made: Any, layer: Any, params: Tree, trace: Any, cache: Any, e: Any, B: Tree) -> Any:
    after, grads, own = _things(what, made, 3, "three things: the trace, the gradients, and B")
    return after, _gradients(what, grads, params), _alike(what, own or {}, B)


def _advanced(what: str, made: Any, trace: Any, *given: Any) -> Any:
    if _shapes(made) != _shapes(trace):
        raise ShapeError(
            f"{what} returns a trace of {_shapes(made)}: it must have the shapes that it had before, "
            f"{_shapes(trace)}"
        )
    return made


def _summed(what: str, made: Any, trace: Any, error: Any) -> Any:
    by_z, by_s = (
        returned(part, error, what)
        for part in _things(what, made, 2, "the gradients of the weights on (x, 1), and of those on (h, 1)")
    )
    fits = by_z.ndim == by_s.ndim == 2 and by_z.shape[1] == by_s.shape[1] and len(by_z) > 1
    if not fits or len(by_s) != error.shape[1] + 1:
        raise ShapeError(
            f"{what} returns gradients of shapes {by_z.shape} and {by_s.shape}: they must be (features + 1, "
            f"gates * units) and (units + 1, gates * units), of the whole batch, for {error.shape[1]} units"
        )
    return by_z, by_s


def _kept(what: str, made: Any, layer: Any, params: Tree, before: Any, ds: Any) -> Any:
    return returned(made, before, what, before.shape)


def _anything(what: str, made: Any, *given: Any) -> Any:
    return made


ACROSS: Mapping[str, Callable[..., Any]] = {
    "feedback": _fresh,
    "begin": _by_name,
    "gradient": _found,
    "learn": _learned,
    "taught": _taught,
    "mirrored": _mirrored,
    "counterparts": _counterparts,
    "carried_by": _carrying,
    "drawn": _drawn,
    "signal": _sent,
}
THROUGH: Mapping[str, Callable[..., Any]] = {
    "feedback": _fresh,
    "route": _routed,
    "through": _through,
    "begin": _anything,
    "tick": _ticked,
    "start": _anything,
    "advance": _advanced,
    "gradient": _summed,
    "remembered": _by_name,
    "kept": _kept,
}
