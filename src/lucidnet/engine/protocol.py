"""What an executor is, and what it gives back: NumPy is one, a compiler on devices another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from ..backend.config import DeviceConfig
from ..data.batch import Data, Shard
from .state import Measured

if TYPE_CHECKING:
    from ..layers import Layer
    from .problem import Problem
    from .state import State

S = TypeVar("S", bound=Any)
"""What goes from step to step: a `State`, or a `StreamState`."""


class Ran(NamedTuple, Generic[S]):
    """What became of some steps. What was made is never lost: take the state, then raise the error.

    Parameters
    ----------
    state : State or StreamState
        The state after the last step that was made.
    measured : sequence of Measured
        What was measured in these steps.
    error : BaseException, optional
        What ended them early: an error, Ctrl-C, or `NotFiniteError`.
    previous : callable
        Returns the state before the last step that was made, if it can be had; only after `NotFiniteError`.
    """

    state: S
    measured: Sequence[Measured]
    error: BaseException | None = None
    previous: Callable[[], S | None] = lambda: None


class NotFiniteError(ArithmeticError):
    """The step after those that were made has a loss or a gradient that is NaN or infinite.

    Parameters
    ----------
    measured : Measured
        What it measured.
    """

    def __init__(self, measured: Measured) -> None:
        super().__init__("a loss or gradient is not finite")
        self.measured = measured


class Trainee(Protocol):
    """What a training, a callback or a picture is told of a model: all that they need of it.

    Attributes
    ----------
    live : State
        The state as the executor has it, which a training replaces after each step. Whoever is not training
        reads `state`.
    problem : Problem
        What is trained, once compiled.
    history : History
        What was measured in each epoch.
    about : dict
        What else is saved with it.
    """

    live: State
    problem: Problem
    history: Any
    about: dict[str, Any]

    @property
    def net(self) -> Layer:
        """The network that is trained, one layer that holds the others."""

    @property
    def state(self) -> State:
        """All that changes in training, as it is now, as arrays that nobody writes; it can be set."""

    @state.setter
    def state(self, state: State) -> None: ...

    @property
    def executor(self) -> Executor:
        """What makes the steps."""

    @property
    def metrics(self) -> Sequence[Any]:
        """What is measured besides the loss."""

    @property
    def optimizer(self) -> Any:
        """The optimizer; it can be set to one whose memory has the same form."""

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None: ...

    @property
    def rule(self) -> Any:
        """The learning rule, once compiled."""

    @property
    def params(self) -> Any:
        """The weights by layer and name."""

    @property
    def feedback(self) -> Any:
        """The learning rule's feedback weights."""

    @property
    def seed(self) -> int:
        """The seed of all random numbers."""

    @property
    def dtype(self) -> str:
        """The precision of the weights."""

    @property
    def needs_target(self) -> bool:
        """Whether its loss needs targets."""

    @property
    def input_shape(self) -> Any:
        """The shape of one input."""

    @property
    def output_shape(self) -> Any:
        """The shape of one output."""

    @property
    def changes(self) -> Mapping[Any, Mapping[str, Any]]:
        """What was set since it was compiled: of the optimizer, by the path (), and of layers."""

    def set(self, *, layer: Any = None, **settings: Any) -> None:
        """Change settings of the optimizer, or of layers."""

    def build(self, shape: Any = None) -> None:
        """Make the first weights, if there are none."""

    def predict(self, x: Any, mask: Any = None) -> Any:
        """Return the network's outputs (n, ...) for inputs (n, ...)."""

    def checked(
        self, x: Any, y: Any, class_weight: Any = None, sample_weight: Any = None, mask: Any = None
    ) -> Data:
        """Return a data set as the model takes it, checked; the arguments are those of `fit`."""


class Own:
    """A function that is not of this folder: it says itself how devices run it."""

    def compiled(
        self, executor: Any, problem: Any, state: Any, blocks: Sequence[Any], keep: frozenset[str]
    ) -> Ran[Any]:
        """Make steps as `Executor.run` does, by a program of one's own on the devices of an executor."""
        raise NotImplementedError


class Executor(Protocol):
    """Runs the functions of this folder: in a loop on NumPy, or compiled.

    Attributes
    ----------
    most_times : int
        How many time steps of a stream are best worked through at once, at most.
    config : DeviceConfig
        On which devices.
    lock : RLock
        Who holds it sees the state of whole steps, and no step is made meanwhile.
    main : bool
        Whether this is the process, of several that train together, that shows and writes things.
    remembered : State or None
        A state that somebody may ask for again: set by him, None once a step was made over it.
    """

    most_times: int
    config: DeviceConfig
    lock: Any
    main: bool
    remembered: Any

    @property
    def programs(self) -> int:
        """How many programs it has had to compile."""

    @property
    def compile_seconds(self) -> float:
        """How long that took."""

    def run(
        self,
        fn: Callable[..., Any],
        problem: Any,
        state: S,
        blocks: Any,
        keep: frozenset[str] = frozenset(),
    ) -> Ran[S]:
        """Make a step, ``state, measured = fn(problem, state, x, numbers)``, for each x of a block.

        Parameters
        ----------
        fn : callable
            `update.advance`, `search.advance`, `stream.observe`, or one's own, an `Own`: it is called
            ``fn(problem, state, x, numbers, into=None, keep=frozenset())``, and changes nothing it is given.
        problem : Problem or StreamProblem
            What is trained; its settings are looked at when the block starts.
        state : State or StreamState
            The state before: the executor's own, or any other.
        blocks : sequence, or Prepared
            What each step is given, or the same as `prefetch` has prepared it.
        keep : set of str
            What the steps are to return besides their losses: ``"predictions"``, and of a single step
            ``"source"``, which an executor may leave out.
        """

    def call(self, fn: Callable[..., Any], static: Any, *args: Any) -> Any:
        """Return ``fn(static, *args)``: a plain call, or compiled for what is static and for shapes."""

    def hold(self, read: Callable[[], S]) -> AbstractContextManager[S]:
        """Read the state that is trained, from any thread; it is not written while it is held."""

    def lend(self, reader: Any) -> None:
        """Write to ``reader.state`` only when the reader, who is weakly referred to, is gone."""

    def host(self, state: State) -> State:
        """Return a state as NumPy's arrays, which nobody can write and no step will write."""

    def arrays(self, tree: Any) -> Any:
        """Return a tree of arrays as NumPy's."""

    def shard(self, problem: Problem) -> Shard | None:
        """Return which part of each batch this process works on; None if batches are taken as they are."""

    def steps_per_call(self, problem: Problem, batches: Sequence[Any]) -> int:
        """Return how many steps with batches like these are best made at once."""

    def training(self) -> AbstractContextManager[None]:
        """Train: of several processes none may be stuck; data on the devices are let go at the end."""

    def prefetch(
        self, blocks: Iterator[Any], state: State
    ) -> AbstractContextManager[Iterator[tuple[Any, Any]]]:
        """Yield blocks of steps, each with what `run` takes of it; the next is prepared meanwhile."""

    def gather(self, value: Any) -> list[Any]:
        """Return what each of the processes has that train together; plain data only."""
