"""What the data alone reveal: scales, uninformative columns, rare classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...backend import Array
from ...core.trees import leaves
from ...layers import BatchNormalization, Linear
from .evidence import FEW, Evidence
from .output import REGRESSION
from .report import Sign

OFTEN = 0.1
"""The share of examples in which a feature must differ from 0 for its scale to count."""


class Features(NamedTuple):
    """The features of an input that were measured, and the root mean square of each, zeros left out."""

    name: str
    numbers: Array
    sizes: Array


def feature_scale(evidence: Evidence) -> Iterator[Sign]:
    """Yield the size (root mean square) of the largest feature of each input."""
    for name, numbers, sizes in _features(evidence):
        largest = int(sizes.argmax())
        size, which = float(sizes[largest]), f"feature {numbers[largest]} of {name}"
        yield Sign(size, f"{which} has values of size {size:.3g} (root mean square); they should be near 1")


def feature_ratio(evidence: Evidence) -> Iterator[Sign]:
    """Yield the ratio between the largest and the smallest feature of each input."""
    for name, numbers, sizes in _features(evidence, FEW):
        high, low = int(sizes.argmax()), int(sizes.argmin())
        ratio = float(sizes[high] / sizes[low])
        yield Sign(
            ratio,
            f"the features of {name} differ in scale by a factor of {ratio:.3g}: feature {numbers[high]} has "
            f"values of size {sizes[high]:.3g}, {numbers[low]} of {sizes[low]:.3g} (root mean square)",
        )


def target_scale(evidence: Evidence) -> Iterator[Sign]:
    """Yield the size of regression targets that a linear output must reach."""
    target = evidence.sample.target
    linear = evidence.single and type(evidence.output) in (Linear, type(None))
    if linear and isinstance(evidence.loss, REGRESSION) and target.any():
        size = float(np.sqrt(np.mean(np.square(target, dtype=np.float64))))
        yield Sign(size, f"the targets have values of size {size:.3g} (root mean square)")


def constant_features(evidence: Evidence) -> Iterator[Sign]:
    """Yield the number of constant columns; constant zeros are harmless, and not counted."""
    for name, x in _tables(evidence):
        same = np.flatnonzero((x == x[:1]).all(0) & (x[0] != 0))
        first = f": feature {same[0]} is always {x[0, same[0]]:.4g}" if same.size else ""
        yield Sign(same.size, f"{same.size} of {x.shape[1]} features of {name} never change{first}")


def duplicated_features(evidence: Evidence) -> Iterator[Sign]:
    """Yield the number of columns that duplicate another."""
    for name, x in _tables(evidence):
        columns = np.flatnonzero(((x != 0).mean(0) >= OFTEN) & (x != x[:1]).any(0))
        _, first, which = np.unique(x[:, columns], axis=1, return_index=True, return_inverse=True)
        repeats = [(columns[i], columns[first[g]]) for i, g in enumerate(which.ravel()) if first[g] != i]
        text = f": feature {repeats[0][0]} is feature {repeats[0][1]} again" if repeats else ""
        yield Sign(len(repeats), f"{len(repeats)} of {x.shape[1]} features of {name} repeat another{text}")


def largest_class(evidence: Evidence) -> Iterator[Sign]:
    """Yield the share of the most frequent class."""
    labels = evidence.labels
    if labels is not None and len(labels) >= FEW:
        classes, counts = np.unique(labels, return_counts=True)
        share = float(counts.max() / len(labels))
        often = classes[counts.argmax()]
        told = f"class {often} is {share:.1%} of all {len(labels)} examples: saying it always looks good"
        if len(classes) == 1:
            told = f"all {len(labels)} examples are of class {often}: there is nothing to tell it from"
        yield Sign(share, told)


def _features(evidence: Evidence, fewest: int = 1) -> Iterator[Features]:
    """Yield the features of each input that has at least `fewest` examples."""
    for name, x in _inputs(evidence):
        if len(x) < fewest:
            continue
        rows = x.reshape(-1, x.shape[-1]).astype(np.float64)
        counts = (rows != 0).sum(0)
        often = counts >= OFTEN * len(rows)
        measured = np.flatnonzero(often if often.any() else counts)
        if measured.size:
            total = np.square(rows[:, measured]).sum(0)
            yield Features(name, measured, np.sqrt(total / counts[measured]))


def _tables(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    return ((name, x) for name, x in _inputs(evidence) if x.ndim == 2 and len(x) >= FEW)


def _inputs(evidence: Evidence) -> Iterator[tuple[str, Array]]:
    """Yield the inputs by name, except those that go into an embedding or a batch normalization."""
    calls = evidence.before.calls
    skipped = {
        id(c.x) for c in calls if not c.layer.differentiable or isinstance(c.layer, BatchNormalization)
    }
    probed = [id(array) for _, array in leaves(evidence.probe.x)]
    for (path, array), seen in zip(leaves(evidence.sample.x), probed, strict=True):
        if seen not in skipped:
            yield "".join(path) or "x", array
