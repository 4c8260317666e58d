"""How close a rule comes to the chain rule, in its gradients and in the weights that carry its errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..backend import Array, Tree, norm
from ..backend.layout import Layout
from ..core.text import ByName, legible
from ..core.trees import at, dotted, leaves
from ..data.batch import Batch
from ..engine.parameters import owners as around
from ..engine.protocol import Trainee
from ..engine.update import training_run
from ..layers.endings import outputs
from ..layers.rebuild import thawed


@legible
class Alignment(NamedTuple):
    """The alignment of one direction with another.

    Parameters
    ----------
    cosine : float
        The cosine of the angle between them: 1 along, 0 across, -1 against; NaN if one of them is zero.
    sign_agreement : float
        The share of entries with the same sign.
    norm_ratio : float
        The length of the first over that of the second.
    """

    cosine: float
    sign_agreement: float
    norm_ratio: float

    @property
    def degrees(self) -> float:
        """The angle between the two gradients, in degrees."""
        return float(np.degrees(np.arccos(np.clip(self.cosine, -1, 1))))


def aligned(one: Array, two: Array) -> Alignment:
    """Return the alignment of one array with another.

    Examples
    --------
    >>> aligned(np.array([1.0, 0.0]), np.array([2.0, 2.0]))
    Alignment(cosine=0.707107, sign_agreement=0.5, norm_ratio=0.353553)
    """
    a, b = (np.asarray(array, np.float64).ravel() for array in (one, two))
    (long, one_scale), (wide, two_scale) = norm(a), norm(b)
    cosine = float((a / one_scale) @ (b / two_scale) / (long * wide)) if long * wide else float("nan")
    ratio = float(long / wide * (one_scale / two_scale)) if wide else float("nan")
    return Alignment(cosine, float((np.sign(a) == np.sign(b)).mean()), ratio)


def gradient_alignment(model: Trainee, batch: Batch) -> dict[str, Alignment]:
    """Return how well the rule's gradient on a batch aligns with the true one, by layer name.

    Both are taken at the same weights, with the same random numbers; nothing is changed.
    """
    made, true = _both(model, batch)
    places = _owners(true)
    return ByName(
        {name: aligned(*(_joined(at(tree, path)) for tree in (made, true))) for name, path in places}
    )


def overall_alignment(model: Trainee, batch: Batch) -> Alignment:
    """Return that over all layers that learn but the last of each output, which most rules train exactly."""
    both = _both(model, batch)
    owners = [path for _, path in _owners(both[1])]
    ends = [[path for path in owners if name in path][-1:] for name in outputs(model.net)] or [owners[-1:]]
    still = {path for path in owners if any(one.frozen is True for one in around(model.net, path))}
    below = [path for path in owners if [path] not in ends and path not in still] or owners
    return aligned(*(np.concatenate([_joined(at(tree, path)) for path in below]) for tree in both))


def _both(model: Trainee, batch: Batch) -> tuple[Tree, Tree]:
    """Return the rule's gradient and the true gradient."""
    objective, state = model.problem.objective, model.state
    run = training_run(state, batch)
    objective = replace(objective, net=thawed(objective.net))
    true = replace(objective, rule=None).gradient(state.params, batch, run).grads
    return objective.gradient(state.params, batch, run, state.feedback.weights).grads, true


def weight_alignment(model: Trainee) -> dict[str, float]:
    """Return the cosine between the feedback weights and the forward weights they stand for, by layer.

    For rules that send the output's error directly to the layers, only the last layer has a counterpart.
    """
    problem, state = model.problem, model.state
    if problem.rule is None:
        return {}
    from ..rules.credit import ending, places
    from ..rules.feedback import branch

    found, last = ByName(), ending(problem.objective.net)
    for path, layer, own in places(problem.objective.net, problem.rule):
        B = branch(state.feedback.weights, path)
        pairs = own.space.counterparts(layer, at(state.params, path), B, path == last)
        if pairs:
            B, W = (np.concatenate([np.ravel(pair[k]) for pair in pairs]) for k in (0, 1))
            found[dotted(path)] = aligned(B, W).cosine
    return found


def _owners(tree: Tree) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the name and path of each layer with parameters."""
    for path in dict.fromkeys(path[:-1] for path, _ in leaves(tree)):
        yield dotted(path), path


def _joined(tree: Tree) -> Array:
    return Layout.of(tree).ravel(tree)
