"""The only place that knows one array library from another.

Layer code takes its array functions from the array it was given (`namespace(x).exp(x)`); what
the array API standard lacks stands here.
"""

from ..core.trees import Array, Shape, Tree
from .arrays import finite, namespace, number, one_hot, write_difference
from .branch import branch, choose
from .indexing import row_numbers, scatter_add
from .parts import Parts
from .products import as_rows, outer_sum, with_one
from .queue import exchanged, queue
from .random import Stream
from .scan import scan
from .special import normal_cdf
from .splitmix import StepStream
from .xla.autodiff import derivative

__all__ = [
    "Array",
    "Parts",
    "Shape",
    "StepStream",
    "Stream",
    "Tree",
    "as_rows",
    "branch",
    "choose",
    "derivative",
    "exchanged",
    "finite",
    "namespace",
    "normal_cdf",
    "number",
    "one_hot",
    "outer_sum",
    "queue",
    "row_numbers",
    "scan",
    "scatter_add",
    "with_one",
    "write_difference",
]
