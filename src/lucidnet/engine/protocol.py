"""What an executor does and returns: NumPy is one, a compiler for devices another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from ..backend.config import DeviceConfig
from ..data.batch import Data, Shard
from .state import Measured, State

if TYPE_CHECKING:
    from ..layers import Layer
    from .problem import Problem

S = TypeVar("S", bound=Any)
"""The state carried from step to step: a `State` or a `StreamState`."""


class Ran(NamedTuple, Generic[S]):
    """The outcome of some steps. Finished steps are never lost: take the state first, then raise the error.

    Parameters
    ----------
    state : State or StreamState
        The state after the last step that was made.
    measured : sequence of Measured
        What was measured in these steps.
    error : BaseException, optional
        The reason why they ended early: an error, Ctrl-C, or `NotFiniteError`.
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
    """What training, callbacks and pictures may use of a model.

    Attributes
    ----------
    live : State
        The state as the executor has it, which a training replaces after each step. Code that is not training
        reads `state`.
    state : State
        All that changes in training, as it is now, as arrays that nobody writes; it can be set.
    problem : Problem
        What is trained, once compiled.
    optimizer : Optimizer
        The optimizer; it can be set to one whose memory has the same form.
    history : History
        What was measured in each epoch.
    """

    live: State
    state: State
    problem: Problem
    optimizer: Any
    history: Any

    @property
    def net(self) -> Layer:
        """The network that is trained, one layer that holds the others."""

    @property
    def executor(self) -> Executor:
        """What makes the steps."""

    @property
    def metrics(self) -> Sequence[Any]:
        """The metrics measured besides the loss."""

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
        """Check a data set and return it as the model takes it; the arguments are those of `fit`."""


class Own:
    """A function from outside this package, which says itself how it runs on devices."""

    def compiled(
        self, executor: Any, problem: Any, state: Any, blocks: Sequence[Any], keep: frozenset[str]
    ) -> Ran[Any]:
        """Run steps as `Executor.run` does, by a compiled program of its own."""
        raise NotImplementedError


class Executor(Protocol):
    """What runs the functions of this package: a plain loop on NumPy, or compiled programs.

    Subclasses override what is different for them from one process with all arrays in its own memory.

    Attributes
    ----------
    config : DeviceConfig
        On which devices.
    lock : RLock
        A lock: while it is held, the state is that of whole steps, and no step is made.
    most_times : int
        How many time steps of a stream are best worked through at once, at most.
    uniform : bool
        Whether all batches of a block must have one shape.
    main : bool
        Whether this process, among several that train together, is the one that shows and writes things.
    remembered : State or None
        A state that may be asked for again: set by the caller, None once a step has overwritten it.
    """

    config: DeviceConfig
    lock: Any
    most_times: int = 1
    uniform: bool = False
    main: bool = True
    remembered: Any = None

    @property
    def programs(self) -> int:
        """How many programs have been compiled for this executor."""

    @property
    def compile_seconds(self) -> float:
        """How long compilation took, in seconds."""

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
            The problem; its settings are read when the block starts.
        state : State or StreamState
            The state before: the executor's own, or any other.
        blocks : sequence, or Prepared
            The input of each step, raw or as `prefetch` has prepared it.
        keep : set of str
            What the steps are to return besides their losses: ``"predictions"``, and of a single step
            ``"source"``, which an executor may leave out.
        """

    def call(self, fn: Callable[..., Any], static: Any, *args: Any) -> Any:
        """Call ``fn(static, *args)``, directly, or compiled for `static` and the shapes of the arguments."""
        return fn(static, *args)

    def hand_out(self, read: Callable[[], S]) -> S:
        """Return the training state that `read` gives, for any thread: no later step overwrites it."""
        return read()

    def lend(self, reader: Any) -> None:
        """Do not overwrite ``reader.state`` while the reader exists; only a weak reference to it is kept."""

    def host(self, state: State) -> State:
        """Return a state as read-only NumPy arrays, which no later step overwrites."""

    def arrays(self, tree: Any) -> Any:
        """Return a tree of arrays as NumPy arrays."""
        return tree

    def shard(self, problem: Problem) -> Shard | None:
        """Return the share of each batch that this process works on; None if batches are not divided."""
        return None

    def steps_per_call(self, problem: Problem, batches: Sequence[Any]) -> int:
        """Return how many steps with batches like these to run in one call."""

    def training(self) -> AbstractContextManager[None]:
        """Return a context for training: watches for stuck processes, frees data on devices at the end."""
        return nullcontext()

    def prefetch(
        self, blocks: Iterator[Any], state: State
    ) -> AbstractContextManager[Iterator[tuple[Any, Any]]]:
        """Return a context that yields blocks with the input of `run`, preparing the next meanwhile."""
        return nullcontext((block, block) for block in blocks)

    def gather(self, value: Any) -> list[Any]:
        """Return the values of all processes that train together; plain data only."""
        return [value]
