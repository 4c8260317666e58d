"""What a person gives a model to train or to measure on, as sources of batches."""

from __future__ import annotations

from typing import Any

from ..data.batches import ROWS, ArraySource, BatchSource, DatasetSource, as_dataset
from ..data.given import IF_POSSIBLE, checked_order, checked_pair, with_arrays
from ..data.given import validation as as_validation
from ..data.stored import batched, is_stored, stored
from ..data.weights import class_weighted
from ..engine.protocol import Trainee
from ..engine.update import counted
from .measure import predicted


def to_train(
    model: Trainee,
    x: Any,
    y: Any,
    batch_size: int | None = None,
    shuffle: Any = IF_POSSIBLE,
    validation_data: Any = None,
    validation_split: float = 0.0,
    class_weight: Any = None,
    sample_weight: Any = None,
    mask: Any = None,
) -> tuple[BatchSource, BatchSource | None]:
    """Return where batches to train on and to validate on come from.

    The arguments are those of `fit`; without `shuffle` batches are shuffled if the network allows it.
    Class weights are of the training only, and a validation split has its part of the sample weights.
    """
    checked_pair(validation_data, validation_split)
    validation = None if validation_data is None else to_measure(model, **as_validation(validation_data))
    if (dataset := as_dataset(x, y)) is not None:
        given = {"sample_weight": sample_weight, "mask": mask, "validation_split": validation_split or None}
        order = None if shuffle is IF_POSSIBLE else shuffle
        with_arrays(model.optimizer, dataset, class_weight, batch_size=batch_size, shuffle=order, **given)
        return _checked(model, dataset, class_weight), validation
    if y is not None and is_stored(x):
        with_arrays(model.optimizer, None, class_weight, mask=mask)
        examples, rest = stored(x, y, sample_weight, validation_split)
        _checked(model, examples.batch(1))  # makes the first weights, if there are none
        size, mixed = _order(model, examples.length or 0, batch_size, shuffle)
        if rest is not None:
            validation = _checked(model, rest.batch(ROWS))
        batches = batched(examples, size, model.seed if mixed else None)
        return _checked(model, batches, class_weight), validation
    data = model.checked(x, y, None, sample_weight, mask)
    if validation_split:
        data, last = data.split(validation_split)
        validation = ArraySource(last, ROWS)
    size, mixed = _order(model, len(data), batch_size, shuffle)
    if class_weight:
        masked = isinstance(class_weight, str) and (data.mask is not None or model.net.makes_masks)
        counts = predicted(model, data.x, data.mask, counted) if masked else None
        data = class_weighted(data, class_weight, model.output_shape, counts)
    return ArraySource(data, size, model.seed, mixed), validation


def to_measure(
    model: Trainee,
    x: Any,
    y: Any = None,
    mask: Any = None,
    batch_size: int | None = None,
    sample_weight: Any = None,
) -> BatchSource:
    """Return where batches to measure on come from."""
    if (dataset := as_dataset(x, y)) is not None:
        with_arrays(None, dataset, sample_weight=sample_weight, mask=mask, batch_size=batch_size)
        return _checked(model, dataset)
    size = ROWS if batch_size is None else batch_size
    if y is not None and is_stored(x):
        with_arrays(None, None, mask=mask)
        return _checked(model, stored(x, y, sample_weight)[0].batch(size))
    return ArraySource(model.checked(x, y, None, sample_weight, mask), size)


def _order(model: Trainee, n: int, batch_size: int | None, shuffle: Any) -> tuple[int, bool]:
    return checked_order(model.problem.optimizer, model.problem.layout.stateful, n, batch_size, shuffle)


def _checked(model: Trainee, dataset: Any, class_weight: Any = None) -> BatchSource:
    """Return a source whose batches are checked one at a time."""
    if "live" not in vars(model):  # the first batch says for what inputs the model is
        model.checked(*dataset.sample[:2])
    return DatasetSource(dataset, lambda x, y, weights: model.checked(x, y, class_weight, weights))
