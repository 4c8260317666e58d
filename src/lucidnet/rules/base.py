"""What a learning rule is: how the error crosses the edges of a network, in space and in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

from ..backend import Array, Shape, Stream, Tree
from ..core.trees import Path
from ..core.value import Value, value
from ..layers import Layer, Run
from ..layers.base import Cache, Mask, Send
from ..losses import Loss
from .credit import Credit
from .edge import Edge, Signals
from .feedback import fresh, from_paths, side_by_side


class RuleGradient(NamedTuple):
    """What a rule makes of a batch.

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
        What has changed of the rule's memory on the way: feedback weights by layer and name.
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
    """What a rule is told of what is trained: the network, its loss, the rule of the whole."""

    @property
    def net(self) -> Layer:
        """The network, without a final activation that the loss has taken over."""

    @property
    def loss(self) -> Loss:
        """The loss of the network that is trained."""

    @property
    def rule(self) -> Any:
        """The `Rule` of all layers that have none of their own."""

    def output(self, kept: Any, y: Any) -> Any:
        """Return the network's output, from what the loss kept and the output of `net`."""

    def evaluate(self, params: Tree, batch: Any, run: Run) -> Any:
        """Return what a forward pass through network and loss gives (`engine.objective.Evaluation`)."""


class Given(Protocol):
    """A batch, as rules see it."""

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
    """How the error crosses a layer on its way down; a subclass overrides what differs from backprop.

    Feedback weights B are a tree like that of the parameters, with entries only for layers that have
    some. Parameters are never changed here, B only by `learn`.

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
    """The products that it takes."""
    exact: ClassVar[bool] = False
    """Whether it gives the true gradient."""
    limit: ClassVar[str] = ""
    """Where a rule that is not exact gives the true gradient all the same: "where ..." or "with ..."."""

    couples_examples: ClassVar[bool] = False
    """Whether examples count that have no error: then none may be added that do not count."""

    whole: ClassVar[bool] = False
    """Whether it finds all gradients at once, and has no part for single layers."""

    cuts: ClassVar[bool] = False
    """Whether what comes back from a layer with weights goes no further: another signal takes its place."""

    phase: ClassVar[bool] = False
    """Whether B has a phase of its own between steps: `learn`."""

    @property
    def broadcasts(self) -> str | None:
        """By what the error is that `Signals` tell: "preactivation", "output"; None as loss and network fit.

        By the input of the network's final activation, or by its output; None takes the input where the loss
        computes the activation, as cross-entropies do, else the output.
        """
        return None

    def feedback(self, layer: Layer, params: Tree, inputs: Shape, outputs: Shape, rng: Stream) -> Tree:
        """Return fresh feedback weights of a layer with weights that carry the error; {} for none.

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
        """Return the rule's memory before the first step: by default the feedback weights of all layers.

        Parameters
        ----------
        net : Layer
            The network.
        rule : Rule
            The rule of the whole; single layers may have their own.
        params : tree
            The parameters.
        shapes : mapping of path to shape
            The shape of one input of each layer by path, and that of the network's output by None.
        rng : Stream
            Random numbers of the run.
        """
        return fresh(net, rule, params, shapes, rng)

    def gradient(self, trained: Trained, params: Tree, memory: Tree, batch: Given, run: Run) -> RuleGradient:
        """Return loss, output and gradients of a batch: by default by one pass back along the edges.

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
        signals = Signals(side_by_side(dy), batch.target, made.mask, run.masks, batch.weights, run.valid)
        credit = Credit(trained.rule, memory, signals, learned)
        _, grads = credit.send("", trained.net, params, made.cache, dy, False)
        changed = from_paths(learned)
        return RuleGradient(made.loss, made.prediction, grads, made.cache, changed, made.mask, made.parts)

    def cross(self, edge: Edge, send: Send) -> tuple[Any, Tree, Tree | None]:
        """Return dx, the gradients of the layer, and its feedback weights if they have changed (else None).

        Parameters
        ----------
        edge : Edge
            The layer, its parameters, the error at its output, and what else there is to know.
        send : callable
            What passes the layers inside, for `Edge.route`; see the example of this class.
        """
        return *edge.route(edge.params, edge.cache, edge.dy, send, edge.need_dx), None

    def taught(self, layer: Layer, B: Tree, grads: Tree) -> Tree | None:
        """Return the gradients by which the optimizer changes B; None if B does not learn like that."""
        return None

    def counterparts(self, layer: Layer, params: Tree, B: Tree, last: bool) -> list[tuple[Array, Array]]:
        """Return what carries the error, beside the weights that it stands for; `last`: of the last layer."""
        return []

    def mirrored(self, layer: Layer, params: Tree, last: bool) -> Tree | None:
        """Return the feedback weights with which the rule is backprop; None if there are none."""
        return None

    def learn(self, layer: Layer, params: Tree, inputs: Shape, B: Tree, rng: Stream) -> Tree:
        """Return all of B after a phase of its own, between two steps; called where `phase` is true."""
        return B

    @classmethod
    def samples(cls) -> Iterator[SpaceRule]:
        """Yield rules of this class to try; the default is one without arguments."""
        if cls is not SpaceRule:
            yield cls()
