"""The only place that knows one array library from another.

Layer code takes its array functions from the array it was given (`namespace(x).exp(x)`); what
the array API standard lacks stands here.
"""

from .arrays import (
    Array,
    Shape,
    Tree,
    changeable,
    namespace,
    number,
    one_hot,
    settled,
    write_difference,
)
from .indexing import row_numbers, scatter_add
from .random import Stream, stream_like
from .scan import scan
from .special import normal_cdf

__all__ = [
    "Array",
    "Shape",
    "Stream",
    "Tree",
    "changeable",
    "namespace",
    "normal_cdf",
    "number",
    "one_hot",
    "row_numbers",
    "scan",
    "scatter_add",
    "settled",
    "stream_like",
    "write_difference",
]
