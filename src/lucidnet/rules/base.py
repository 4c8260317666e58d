"""What a learning rule is: how the error crosses the edges of a network, in space and in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

from ..backend import Array, Shape, Stream, Tree
from ..core.trees import Path
from ..core.value import Value, of_library, value
from ..layers import Layer, Run
from ..layers.base import Cache, Mask, Send
from ..losses import Loss
from .credit import Credit
from .edge import Edge, Signals
from .feedback import fresh, from_paths, side_by_side


class RuleGradient(NamedTuple):
    """The loss, output and gradients of one batch, as computed by a rule.

    Parameters
    ----------
    loss : array
        The mean loss.
    prediction : array (n, ...), or several by name
        The network's output.
    grads : tree
        The gradients of the parameters, by the rule.
    cache : Any
        What the network's forward pass kept.
    memory : tree
        What has changed in the rule's memory: feedback weights by layer and name.
    mask : Mask
        Which time steps of the prediction count.
    parts : tuple
        The means that the loss is the sum of; see `Loss.parts`.
    """

    loss: Any
    prediction: Any
    grads: Tree
    cache: Cache
    memory: Tree
    mask: Mask = None
    parts: tuple[Any, ...] = ()


class Trained(Protocol):
    """What a rule knows of the model it trains: the network, its loss and the network's rule."""

    @property
    def net(self) -> Layer:
        """The network, without a final activation that the loss has taken over."""

    @property
    def loss(self) -> Loss:
        """The loss that is minimized."""

    @property
    def rule(self) -> Any:
        """The `Rule` of every layer that has none of its own."""

    def evaluate(self, params: Tree, batch: Any, run: Run) -> Any:
        """Return the result of a forward pass through network and loss (`engine.objective.Evaluation`)."""


class Given(Protocol):
    """A batch of inputs, targets and weights, as rules see it."""

    @property
    def x(self) -> Any:
        """The inputs of the batch (n, ...)."""

    @property
    def target(self) -> Any:
        """The targets of the batch (n, ...)."""

    @property
    def weights(self) -> Array | None:
        """A weight for each example, or for each of its time steps."""


@value
class SpaceRule(Value):
    """How the error crosses a layer on its way down; subclasses override what differs from backprop.

    Feedback weights B form a tree like that of the parameters, with entries only for layers that have some.
    Parameters are never changed here, B only by `learn`.

    Examples
    --------
    A rule of one's own, by which half of the error goes down; ``check.rule(Half())`` tests it:

    >>> class Half(SpaceRule):
    ...     reads = "pre, post, errors above, weights above"
    ...
    ...     def cross(self, edge, send):
    ...         dx, grads = edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx)
    ...         return None if dx is None else dx / 2, grads, None
    >>> from lucidnet import Model, check
    >>> from lucidnet.layers import Dense, Input
    >>> model = Model([Input(3), Dense(4, "tanh"), Dense(2)])
    >>> model.compile("mse", "sgd", rule=Half())
    >>> near = model.gradient_alignment([[1.0, 0.0, -1.0]], [[0.0, 1.0]])["dense1"]
    >>> round(near.cosine, 3), round(near.norm_ratio, 3)
    (1.0, 0.5)
    """

    reads: ClassVar[str] = ""
    """What a weight's update depends on: names of `locality`, with commas."""
    memory: ClassVar[str] = ""
    """The numbers that the rule keeps."""
    cost: ClassVar[str] = ""
    """The products that the rule computes."""
    exact: ClassVar[bool] = False
    """Whether the rule gives the true gradient."""
    limit: ClassVar[str] = ""
    """Where a rule that is not exact gives the true gradient nevertheless: "where ..." or "with ..."."""

    couples_examples: ClassVar[bool] = False
    """Whether examples without an error change the result, so that a batch may not be padded with them."""

    whole: ClassVar[bool] = False
    """Whether the rule finds all gradients at once, and cannot be given to single layers."""

    cuts: ClassVar[bool] = False
    """Whether the error stops at layers with weights, because another signal takes its place."""

    phase: ClassVar[bool] = False
    """Whether B has a learning phase of its own between steps: `learn`."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if not of_library(cls):
            from .own import ACROSS, check

            check(cls, SpaceRule, ACROSS)

    @property
    def broadcasts(self) -> str | None:
        """Which error `Signals` carries: "preactivation" or "output"; None for what suits loss and network.

        The error is the gradient by the input of the network's final activation, or by its output. None takes
        the input if the loss computes the activation, as cross-entropies do, else the output.
        """
        return None

    def feedback(self, layer: Layer, params: Tree, inputs: Shape, outputs: Shape, rng: Stream) -> Tree:
        """Return a layer's initial feedback weights, {} if it needs none; called for `transport` layers.

        Parameters
        ----------
        layer : Layer
            A layer with `transport` weights.
        params : tree
            Its parameters.
        inputs, outputs : tuple of int
            The shapes of one input of the layer, and of one output of the whole network.
        rng : Stream
            Random numbers of this place.
        """
        return {}

    def begin(self, net: Layer, rule: Any, params: Tree, shapes: Mapping[Any, Shape], rng: Stream) -> Tree:
        """Return the rule's memory before the first step: by default, all layers' feedback weights.

        Parameters
        ----------
        net : Layer
            The network.
        rule : Rule
            The network's rule; single layers may have their own.
        params : tree
            The parameters.
        shapes : mapping of path to shape
            The shape of one input of each layer by path; that of the network's output under None.
        rng : Stream
            Random numbers of the run.
        """
        return fresh(net, rule, params, shapes, rng)

    def gradient(self, trained: Trained, params: Tree, memory: Tree, batch: Given, run: Run) -> RuleGradient:
        """Return loss, output and gradients of a batch: by default, with one backward pass along the edges.

        A rule that finds all gradients in another way overrides this.

        Parameters
        ----------
        trained : Trained
            Network, loss and rule.
        params : tree
            The parameters.
        memory : tree
            The rule's memory.
        batch : Batch
            Inputs, targets and weights.
        run : Run
            Mask, carried states, random numbers.
        """
        run = run.noting()
        made = trained.evaluate(params, batch, run)
        dy = trained.loss.backward(made.kept)
        learned: dict[Path, Tree] = {}
        known = batch.target, made.mask, run.masks, batch.weights, run.valid, run.stream
        signals = Signals(side_by_side(dy), *known)
        credit = Credit(trained.rule, memory, signals, learned)
        _, grads = credit.send("", trained.net, params, made.cache, dy, False)
        changed = from_paths(learned)
        return RuleGradient(made.loss, made.prediction, grads, made.cache, changed, made.mask, made.parts)

    def cross(self, edge: Edge, send: Send) -> tuple[Any, Tree, Tree | None]:
        """Return dx, the layer's gradients, and its feedback weights if they have changed (else None).

        Parameters
        ----------
        edge : Edge
            The layer, its parameters, the error at its output, and further context.
        send : callable
            Crosses the layers inside, for `Edge.route`; see the example of this class.
        """
        return *edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx), None

    def taught(self, layer: Layer, B: Tree, grads: Tree) -> Tree | None:
        """Return the gradients with which the optimizer updates B; None if B is not learned that way."""
        return None

    def counterparts(self, layer: Layer, params: Tree, B: Tree, last: bool) -> list[tuple[Array, Array]]:
        """Return pairs of a feedback matrix and the weights it stands for; `last`: of the last layer."""
        return []

    def mirrored(self, layer: Layer, params: Tree, last: bool) -> Tree | None:
        """Return the feedback weights that turn this rule into backprop; None if there are none."""
        return None

    def learn(self, layer: Layer, params: Tree, inputs: Shape, B: Tree, rng: Stream) -> Tree:
        """Return B after a learning phase of its own between two steps; called if `phase` is true."""
        return B

    @classmethod
    def samples(cls) -> Iterator[SpaceRule]:
        """Yield example rules of this class, used by checks; by default one built without arguments."""
        if cls is not SpaceRule:
            yield cls()
