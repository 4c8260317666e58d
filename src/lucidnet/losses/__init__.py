"""Losses: how bad a prediction is, and in which direction it improves. Means over the batch."""

from typing import TYPE_CHECKING

from ..core.exports import export
from .base import Loss as Loss
from .counts import Poisson as Poisson
from .crossentropy import BinaryCrossentropy as BinaryCrossentropy
from .crossentropy import CategoricalCrossentropy as CategoricalCrossentropy
from .crossentropy import KLDivergence as KLDivergence
from .crossentropy import SparseCategoricalCrossentropy as SparseCategoricalCrossentropy
from .custom import Custom as Custom
from .custom import custom as custom
from .registry import KNOWN as KNOWN
from .registry import get as get
from .regression import CosineDistance as CosineDistance
from .regression import HalfSquaredError as HalfSquaredError
from .regression import Huber as Huber
from .regression import MeanAbsoluteError as MeanAbsoluteError
from .regression import MeanSquaredError as MeanSquaredError

if TYPE_CHECKING:
    from .joint import Joint as Joint
    from .margin import CategoricalHinge as CategoricalHinge
    from .margin import Hinge as Hinge

export(globals())
