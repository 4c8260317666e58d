"""What a person gives a model to train or to measure on, as sources of batches."""

from __future__ import annotations

from typing import Any

from ..data.batches import ROWS, ArraySource, BatchSource, DatasetSource, as_dataset
from ..data.given import validation as as_validation
from ..data.given import with_arrays
from ..data.weights import class_weighted
from ..engine.protocol import Trainee
from ..engine.update import counted
from ..errors import SettingError
from .measure import predicted


def to_train(
    model: Trainee,
    x: Any,
    y: Any,
    batch_size: int,
    shuffle: bool | None = None,
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
    validation = None if validation_data is None else to_measure(model, **as_validation(validation_data))
    if (dataset := as_dataset(x, y, batch_size)) is not None:
        with_arrays(
            class_weight, sample_weight=sample_weight, mask=mask, validation_split=validation_split or None
        )
        return _checked(model, dataset, class_weight), validation
    data = model.checked(x, y, None, sample_weight, mask)
    stateful = bool(model.problem.layout.stateful)
    if model.optimizer.full_batch:
        batch_size, shuffle = len(data), False
    if validation is None and validation_split:
        data, rest = data.split(validation_split)
        validation = ArraySource(rest, ROWS)
    if class_weight:
        masked = isinstance(class_weight, str) and (data.mask is not None or model.net.makes_masks)
        counts = predicted(model, data.x, data.mask, counted) if masked else None
        data = class_weighted(data, class_weight, model.output_shape, counts)
    if shuffle and stateful:
        raise SettingError(
            "fit: a stateful layer goes on where the batch before stopped, so batches must keep their "
            "order: pass shuffle=False"
        )
    return ArraySource(data, batch_size, model.seed, not stateful if shuffle is None else shuffle), validation


def to_measure(
    model: Trainee, x: Any, y: Any = None, mask: Any = None, batch_size: int = ROWS, sample_weight: Any = None
) -> BatchSource:
    """Return where batches to measure on come from."""
    if (dataset := as_dataset(x, y, batch_size)) is not None:
        with_arrays(sample_weight=sample_weight, mask=mask)
        return _checked(model, dataset)
    return ArraySource(model.checked(x, y, None, sample_weight, mask), batch_size)


def _checked(model: Trainee, dataset: Any, class_weight: Any = None) -> BatchSource:
    """Return a source whose batches are checked one at a time."""
    if "live" not in vars(model):  # the first batch says for what inputs the model is
        model.checked(*dataset.sample[:2])
    return DatasetSource(dataset, lambda x, y, weights: model.checked(x, y, class_weight, weights))
