"""Turning the data given to a model into sources of batches."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..data.batches import ROWS, ArraySource, BatchSource, DatasetSource, as_dataset, is_stored
from ..data.given import IF_POSSIBLE, order_of, to_validate, with_arrays
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
    """Return the sources of the batches to train on and to validate on.

    The arguments are those of `fit`; without `shuffle` batches are shuffled if the network allows it. Class
    weights apply to the training only, and a validation split gets its part of the sample weights.
    """
    validation = to_validate(partial(to_measure, model), validation_data, validation_split)
    if (dataset := as_dataset(x, y, model.needs_target)) is not None:
        given = (dataset, batch_size, shuffle, sample_weight, mask, validation_split)
        with_arrays(class_weight, model.optimizer, *given)
        return _checked(model, dataset, class_weight), validation
    if y is not None and is_stored(x):
        from ..data.stored import batches_of, stored

        with_arrays(class_weight, mask=mask)
        _checked(model, (file := stored(x, y, sample_weight)).batch(1))  # makes weights, if there are none
        order = (model.problem, model.seed, batch_size, shuffle, validation_split)
        batches, rest = batches_of(file, *order)
        return _checked(model, batches, class_weight), _checked(model, rest) if rest else validation
    data = model.checked(x, y, None, sample_weight, mask)
    if validation_split:
        data, last = data.split(validation_split)
        validation = ArraySource(last, ROWS)
    size, mixed = order_of(model.problem, len(data), batch_size, shuffle)
    if class_weight:
        masked = isinstance(class_weight, str) and (data.mask is not None or model.net.makes_masks)
        counts = predicted(model, data.x, data.mask, counted) if masked else None
        data = class_weighted(data, class_weight, model.output_shape, counts)
    return ArraySource(data, size, model.seed, mixed), validation


def to_measure(
    model: Trainee, x: Any, y: Any = None, mask: Any = None, batch_size: Any = None, sample_weight: Any = None
) -> BatchSource:
    """Return the source of the batches to measure on."""
    if (dataset := as_dataset(x, y, model.needs_target)) is not None:
        with_arrays(None, None, dataset, batch_size, None, sample_weight, mask)
        return _checked(model, dataset)
    size = ROWS if batch_size is None else batch_size
    if y is not None and is_stored(x):
        from ..data.stored import stored

        with_arrays(mask=mask)
        return _checked(model, stored(x, y, sample_weight).batch(size))
    return ArraySource(model.checked(x, y, None, sample_weight, mask), size)


def _checked(model: Trainee, dataset: Any, class_weight: Any = None) -> BatchSource:
    """Return a source that checks each batch of a data set when it is taken."""
    if "live" not in vars(model):  # the first batch tells the shape of the inputs
        model.checked(*dataset.sample[:2])
    return DatasetSource(dataset, lambda x, y, weights: model.checked(x, y, class_weight, weights))
