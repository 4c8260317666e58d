"""A forward pass that is kept, so that backward passes can start from it as often as needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..backend import Array, Tree, namespace
from ..backend.memory import sealed
from ..backend.xla.sizes import noted, shapes_in
from ..core.finite import in_precision
from ..core.settings import flag, taken
from ..core.text import Brief, short
from ..core.trees import dotted, mapped
from ..data.batch import Batch
from ..engine.numbers import Numbers
from ..engine.problem import Problem
from ..engine.protocol import Own
from ..engine.state import State
from ..engine.update import run_name, training_run
from ..errors import SettingError, ShapeError, UnknownNameError, UnpicklableError, suggestion
from ..foreign import answering
from ..layers import Run, backprop
from ..layers.base import INFERENCE, Cache, Mask
from ..layers.penalties import chain_rule, penalizing
from .devices import alone
from .given import real
from .view import View, over

BARE = Batch(None, None)
"""A batch without data, for a run that has no mask."""


class Pass(Own):
    """A forward pass: through which layers, and as which of its step's passes. `Executor.call` makes it.

    Parameters
    ----------
    view : View
        The layers that the pass goes through.
    number : int, optional
        Its number among the training passes of its step, from 0: each has random numbers of its own. None for
        inference.
    back : tuple of bool, optional
        On devices, for a forward and a backward pass in one: whether the gradient by the input is wanted, and
        that of what layers add to the loss.
    """

    def __init__(self, view: View, number: int | None = None, back: tuple[bool, bool] | None = None) -> None:
        self.view, self.number, self.back = view, number, back

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(
        self, problem: Any, state: State, x: Any, mask: Mask, params: Tree
    ) -> tuple[Any, Mask, Cache]:
        """Run the forward pass."""
        return self.forward(state, None, x, mask, params)

    def run(self, state: State, numbers: Any, mask: Mask) -> Run:
        """Return the run of the layers' forward pass."""
        if self.number is None:
            return INFERENCE if mask is None else Run(mask=mask)
        batch = BARE if mask is None else BARE._replace(mask=mask)
        return self.view.inside(training_run(state, batch, numbers, self.number))

    def forward(
        self, state: State, numbers: Any, x: Any, mask: Mask, params: Tree = None
    ) -> tuple[Any, Mask, Cache]:
        """Return the output, its mask, and the cache; `params` has weights in place of the state's."""
        params = state.params if params is None else over(state.params, params)
        y, cache, mask = self.view.net.flow(self.view.pick(params), x, self.run(state, numbers, mask))
        return y, mask, cache

    @np.errstate(over="ignore", invalid="ignore")
    def backward(
        self, params: Tree, cache: Cache, dy: Any, need_dx: bool, penalty: bool = False
    ) -> tuple[Any, Tree]:
        """Return the gradients by the input, and by the parameters, named as in the whole network."""
        net, own = self.view.net, self.view.pick(params)
        send = chain_rule(net) if penalty else backprop
        dx, grads = send("", net, own, cache, dy, need_dx)
        return dx, self.view.place(grads)

    def left(self, problem: Problem, left: State, cache: Cache) -> State:
        """Return a state updated by this pass: running statistics and carried states."""
        net, layout, params, carried = self.view.net, problem.layout, left.params, left.carried
        if layout.buffers.paths:
            params = over(params, self.view.place(net.absorb(self.view.pick(params), cache)))
        if layout.stateful:
            states = self.view.place(net.states(cache))
            for path in layout.stateful:
                carried = over(carried, _branch(states, path))
        return left._replace(params=params, carried=carried)

    def compiled(
        self, executor: Any, problem: Any, state: Any, blocks: Sequence[Any], keep: frozenset[str]
    ) -> Any:
        """Run it as a program; going back repeats the forward pass, as the cache stays in the program."""
        view, number, back = self.view, self.number, self.back
        # One program for all passes of a step: they differ only in their random numbers.
        first = None if number is None else 0

        def function(problem: Problem, state: State, numbers: Any, given: Any) -> Any:
            x, mask, params, *dy = given
            made = Pass(view.bound(problem), first)
            y, mask, cache = made.forward(state, numbers, x, mask, params)
            return (
                (y, mask) if back is None else made.backward(over(state.params, params), cache, dy[0], *back)
            )

        key = "pass", executor.compiler.structure(view.net), view.path, view.around, first, back
        noted(executor, f"{dotted((*view.path, 'forward'))}", shapes_in(blocks[0]))
        called = {} if number is None else {run_name(0): run_name(number)}
        made = executor.mesh.fetch(alone(executor, key, function, problem, state, tuple(blocks), called))
        return (*made, None) if back is None else made


def _branch(tree: Tree, path: Sequence[str]) -> Tree:
    """Return a tree with only the branch at a path; {} if there is none."""
    if not path:
        return tree
    inner = tree.get(path[0]) if isinstance(tree, Mapping) else None
    found = {} if inner is None else _branch(inner, path[1:])
    return {path[0]: found} if found else {}


def _no_numbers(tape: Any, *others: Any, **settings: Any) -> Any:
    """Raise `TypeError`, and say where the numbers of a pass are."""
    raise TypeError("a Tape is a pass, not an array: its numbers are tape.output")


@answering
class Tape(Brief):
    """A recorded forward pass: its output, the layers' outputs, and the way back.

    Parameters
    ----------
    made : Pass
        The pass: which layers it went through, and its number.
    state : State
        The state that it started from.
    x : array (n, ...), or several by name
        The input.
    mask : Mask
        Which time steps of it count.
    found : tuple
        Output, its mask, and what the layers have kept.
    numbers : Numbers, optional
        The step's numbers, if they are more than its seed.
    params : tree, optional
        Weights that the pass was given in place of the state's.

    Examples
    --------
    >>> import numpy as np
    >>> import lucidnet as ln
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(3, "tanh"), ln.layers.Dense(1)])
    >>> tape = model.forward([[1.0, 2.0]])
    >>> dx, grads = tape.backward(np.ones((1, 1)))
    >>> tape["dense1"].shape, dx.shape, grads["dense2"]["W"].shape
    ((1, 3), (1, 2), (3, 1))
    """

    def __init__(
        self,
        made: Pass,
        state: State,
        x: Any,
        mask: Mask,
        found: tuple[Any, Mask, Cache],
        numbers: Numbers | None = None,
        params: Tree = None,
    ) -> None:
        self.made, self.state, self.x, self.given_mask, self.numbers = made, state, x, mask, numbers
        self.params = params
        y, self.mask, self.cache = found
        self.output = sealed(y) if type(y) is np.ndarray else mapped(sealed, y)
        # No methods, here and below, so that a tape is freed as soon as nobody holds it.
        self.back: Callable[[Any, tuple[bool, bool]], tuple[Any, Tree]] | None = None
        """Returns the gradients, of an error and of what is wanted (see `Pass`), on devices."""
        self.of: Any = None
        """The model that the tape belongs to."""
        self.near: Callable[[State], State] | None = None
        """Brings the model's state to where arrays of the input's library are, if that is elsewhere."""

    def __getstate__(self) -> dict[str, Any]:
        if self.back is not None:
            raise UnpicklableError(
                "a tape on devices cannot be copied or pickled, as its way back is a program there: keep its "
                "output, or make the pass again, copy.deepcopy(model).forward(x)"
            )
        return vars(self)

    @property
    def train(self) -> bool:
        """Whether the pass was made in training: with dropout, and statistics of its batch."""
        return self.made.number is not None

    @property
    def penalty(self) -> Any:
        """The penalty that layers such as `layers.Sampling` add to the loss of this batch; 0 if none do.

        Its gradient is that of ``backward(dy, penalty=True)``.
        """
        net = self.made.view.net
        if not net.penalizes:
            return 0.0
        cache = self.cache if self.back is None else self._again(net)
        return net.penalty(cache)  # type: ignore[attr-defined]

    def backward(self, dy: Any, need_dx: bool = True, penalty: bool | None = None) -> tuple[Any, Tree]:
        """Go back from the gradient of a quantity by the output; the tape can be used again.

        This is the chain rule, whatever the learning rule of the model.

        Parameters
        ----------
        dy : array (n, ...), or several by name
            The derivative, in the shape of the output. Of several outputs those left out have none.
        need_dx : bool
            Whether the derivative by the input is wanted; without it the layers below the first trained one
            are not passed.
        penalty : bool, optional
            Whether to add the gradient of `penalty`, which layers such as `layers.Sampling` add to the loss
            in a `fit`; say True in one backward pass of each step. For a training pass through such a layer
            it must be given; otherwise nothing is added.

        Returns
        -------
        dx : array (n, ...), or several by name
            The derivative by the input; None where it is not wanted, or the input is whole numbers.
        grads : dict of dict of array
            The derivatives by the parameters, by layer and name as in ``model.params``; they are sums over
            the batch, in arrays of their own. `Model.apply` leaves frozen ones out; those of frozen layers
            that are not passed without dx are 0, but not in a pass by given weights (`params` of `forward`).

        Raises
        ------
        ShapeError
            If dy does not have the shape of the output.
        SettingError
            If a layer adds something to the loss, and `penalty` does not say whether to count it.
        """
        dy, adding = like(dy, self.output), self.made.view.net.penalizes
        if type(need_dx) is not bool or penalty is not None:  # it is called in each step
            need_dx = taken("backward", "need_dx", need_dx, flag())
            penalty = taken("backward", "penalty", penalty, flag(optional=True))
        if penalty is None and adding and self.train:
            raise SettingError(
                f"backward: {self._adding()} adds something to the loss, its penalty: say whether its "
                "gradient is meant, too, backward(dy, penalty=True), on one way back of each step, or "
                "penalty=False"
            )
        # Weights that were given may be those of frozen layers, which are passed for the sake of dx alone.
        wanted = need_dx or self.params is not None, bool(penalty) and adding
        if self.back is not None:
            dx, grads = self.back(dy, wanted)
            return dx if need_dx else None, grads
        params = self.state.params if self.params is None else over(self.state.params, self.params)
        dx, grads = self.made.backward(params, self.cache, dy, *wanted)
        dx = None if dx is None or not need_dx else mapped(lambda array: apart(array, dy), dx)
        return dx, grads

    def __getitem__(self, name: str) -> Any:
        """Return a layer's output, by its name in `summary`; inside another layer ``"block.dense1"``."""
        if not isinstance(name, str) or name not in self._gave:
            raise UnknownNameError(
                f"tape: no layer that was passed is called {name!r}: {suggestion(str(name), self._gave)}"
            )
        return self._gave[name]

    def _adding(self) -> str:
        """Return the name of the first layer that adds a penalty to the loss."""
        net, root = self.made.view.net, self.made.view.path
        return dotted((*root, *penalizing(net)[0])) or net.describe()

    def _again(self, net: Any) -> Cache:
        """Repeat the forward pass of a network where the input lies, and return its cache."""
        state = self.state if self.near is None else self.near(self.state)
        run = self.made.run(state, self.numbers, self.given_mask)
        with np.errstate(over="ignore", invalid="ignore"):
            return net.flow(self.made.view.pick(over(state.params, self.params)), self.x, run)[1]

    @cached_property
    def _gave(self) -> dict[str, Any]:
        """The outputs of all layers, computed on first use by repeating the pass."""
        from ..layers.watched import watched

        calls: list[Any] = []
        self._again(watched(self.made.view.net, calls))
        found: dict[str, Any] = {}
        for call in calls:
            if call.path and not call.is_inner:
                name = dotted(call.path)
                number = sum(known.partition("#")[0] == name for known in found)
                found[f"{name}#{number + 1}" if number else name] = mapped(sealed, call.y)
        return found

    def __repr__(self) -> str:
        return f"Tape({short(self.x)} -> {short(self.output)}, train={self.train})"


for _name in ("array", "float", "neg", "abs", "gt", "lt"):
    setattr(Tape, f"__{_name}__", _no_numbers)
for _name in ("add", "sub", "mul", "truediv", "pow", "matmul"):
    setattr(Tape, f"__{_name}__", _no_numbers)
    setattr(Tape, f"__r{_name}__", _no_numbers)


def taken_in(view: View, x: Any, mask: Any) -> tuple[Any, Any]:
    """Return the inputs and the mask of a pass, for inputs that may be the tape of the pass before.

    Raises
    ------
    SettingError
        If there is no mask, and there is one in the whole network.
    """
    if isinstance(x, Tape):
        left = x.mask if mask is None else mask
        if isinstance(left, Mapping):
            left = {name: each for name, each in left.items() if each is not None} or None
        return x.output, left
    if mask is None and view.masked:
        raise SettingError(
            "mask: in the network a mask comes to these layers from those before them, which the numbers "
            "alone do not tell: give the tape of the pass before in the place of its output, "
            "part.forward(tape), or mask=tape.mask; where all time steps count lengths, or ones (n, time)"
        )
    return x, mask


def apart(array: Array, dy: Any) -> Array:
    """Return a gradient that shares no memory with dy, as some layers return dy itself."""
    if not isinstance(array, np.ndarray):
        return array
    given = dy.values() if isinstance(dy, dict) else (dy,)
    return array.copy() if any(np.may_share_memory(array, one) for one in given) else array


def like(dy: Any, y: Any) -> Any:
    """Convert an error to the shape and dtype of an output.

    Raises
    ------
    ShapeError
        If it has another shape, or other names.
    """
    if type(dy) is np.ndarray and type(y) is np.ndarray and dy.dtype == y.dtype and dy.shape == y.shape:
        return dy
    if isinstance(y, dict):
        if not isinstance(dy, Mapping) or not dy.keys() <= y.keys() or not dy:
            got = f"the names {sorted(map(str, dy))}" if isinstance(dy, Mapping) else short(dy)
            raise ShapeError(f"backward: expected a dict with some of the outputs {sorted(y)}, got {got}")
        xp = {name: namespace(array) for name, array in y.items()}
        return {n: like(dy[n], y[n]) if n in dy else xp[n].zeros_like(y[n]) for n in y}
    xp, dy = namespace(y), real(dy, "backward: dy")
    made = xp.asarray(in_precision(dy, y.dtype), dtype=y.dtype)
    if made.shape != y.shape:
        raise ShapeError(
            f"backward: expected dy in the shape of the output, {y.shape}, got {made.shape}; it is the "
            "derivative of one number, such as a mean loss, by each number of the output"
        )
    return made
