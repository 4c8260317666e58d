"""Recording any named value step by step: weights, gradients, updates, activations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..core.trees import dotted, leaves, tree_map
from ..data.batch import Batch
from ..data.batches import sample
from ..engine.protocol import Trainee
from ..engine.state import Measured
from ..layers import walk
from ..training.loop import Callback, Loop, alone
from .alignment import Alignment, gradient_alignment, weight_alignment
from .questions import fits, not_recorded, step_activations, step_gradient

ALIGNMENTS = ("gradient_alignment", "sign_agreement", "norm_ratio", "weight_alignment")
"""Alignments of the rule's gradient with the true one, and of feedback weights with their counterparts."""
KINDS = ("grads", "updates", "activations", *ALIGNMENTS)
"""What stands before the slash of a name; alone it means all of its kind."""


class Recorder(Callback):
    """Records values by name in ``history.steps``: copies from before a step, with the step's number.

    Weights are called ``dense1.W``, what a step subtracts from them ``updates/dense1.W``, the gradient of the
    step ``grads/dense1.W``, and the output of a layer ``activations/dense1``. Gradients and activations take
    one more pass each on the same batch, with the same random numbers; where several batches make a step,
    gradients are those of all of them, activations and alignments those of the first. The alignment of a
    learning rule's gradient with the true one is called ``gradient_alignment/dense1`` (a cosine),
    ``sign_agreement/dense1`` and ``norm_ratio/dense1``, that of feedback weights with the weights they stand
    for ``weight_alignment/dense1``. A kind alone, without a slash, means all of it, and ``weights`` all
    that the network learns, from which `lucidnet.plots.animate` draws its boundary.

    Parameters
    ----------
    patterns : sequence of str
        Names, in which ``*`` stands for anything.
    every : int
        The steps to record: those that this number divides.
    """

    def __init__(self, patterns: Sequence[str], every: int = 1) -> None:
        self.patterns = tuple(f"{p}/*" if p in KINDS else p for p in patterns)
        self.every = every
        self.before: Any = None

    def room(self, step: int) -> int | None:
        return alone(step, self.every)

    def begin(self, loop: Loop) -> None:
        self.before = None
        known = list(names(loop.model))
        weights = [name for name in known if "/" not in name]
        self.patterns = tuple(q for p in self.patterns for q in (weights if p == "weights" else [p]))
        for pattern in self.patterns:
            if not any(fits(name, pattern) for name in known):
                raise not_recorded(loop.model, pattern, known)
        loop.model.history.origin = loop.model.net, sample(loop.source)

    def before_step(self, loop: Loop, batches: Sequence[Batch]) -> None:
        self.before, model = None, loop.model
        if loop.steps % self.every:
            return
        found: dict[str, Any] = {dotted(path): array for path, array in leaves(model.params)}
        if self._wants("grads"):
            grads = step_gradient(model.problem, model.state, *batches)
            found |= {f"grads/{dotted(path)}": array for path, array in grads.items()}
        if self._wants("activations"):
            outputs = step_activations(model, batches[0])
            found |= {f"activations/{name}": y for name, y in outputs.items() if hasattr(y, "shape")}
        if any(self._wants(kind) for kind in ALIGNMENTS[:3]):
            found |= _gradients(gradient_alignment(model, batches[0]))
        if self._wants("weight_alignment"):
            found |= _weights(model)
        if self._wants("updates"):
            self.before = model.state.params
        model.history.record(loop.steps, self._chosen(found))

    def step(self, loop: Loop, measured: Sequence[Measured]) -> None:
        if self.before is None:
            return
        change = tree_map(lambda old, new: old - new, self.before, loop.model.state.params)
        found = {"updates/" + dotted(path): array for path, array in leaves(change)}
        loop.model.history.record(loop.steps - 1, self._chosen(found))

    def _wants(self, kind: str) -> bool:
        return any(fits(kind, p.partition("/")[0]) for p in self.patterns if "/" in p or p == "*")

    def _chosen(self, found: dict[str, Any]) -> dict[str, Any]:
        return {
            name: array if isinstance(array, float) else array.copy()
            for name, array in found.items()
            if any(fits(name, pattern) for pattern in self.patterns)
        }


def names(model: Trainee) -> Iterator[str]:
    """Yield the names of everything that can be recorded."""
    weights = [dotted(path) for path, _ in leaves(model.params)]
    yield from weights
    yield from (f"grads/{dotted(path)}" for path in model.problem.layout.parameters.paths)
    yield from (f"updates/{name}" for name in weights)
    yield from ("activations/" + dotted(path) for path, _ in walk(model.net) if path)
    owners = dict.fromkeys(dotted(path[:-1]) for path, _ in leaves(model.params))
    yield from (f"{kind}/{name}" for kind in ALIGNMENTS[:3] for name in owners)
    yield from _weights(model)


def _gradients(found: dict[str, Alignment]) -> dict[str, float]:
    return {
        f"{kind}/{name}": value
        for name, alignment in found.items()
        for kind, value in zip(ALIGNMENTS[:3], alignment, strict=True)
    }


def _weights(model: Trainee) -> dict[str, float]:
    return {f"weight_alignment/{name}": value for name, value in weight_alignment(model).items()}
