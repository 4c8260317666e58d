"""The only place that knows one array library from another.

Layer code takes its array functions from the array it was given (`namespace(x).exp(x)`); what
the array API standard lacks stands here.
"""

from ..core.exports import export
from ..core.trees import Array as Array
from ..core.trees import Shape as Shape
from ..core.trees import Tree as Tree
from .arrays import add_to as add_to
from .arrays import finite as finite
from .arrays import hits as hits
from .arrays import length as length
from .arrays import mean as mean
from .arrays import namespace as namespace
from .arrays import norm as norm
from .arrays import number as number
from .arrays import one_hot as one_hot
from .arrays import only_one as only_one
from .arrays import over as over
from .arrays import positive as positive
from .arrays import room_for as room_for
from .arrays import row_max as row_max
from .arrays import scalars as scalars
from .arrays import write_difference as write_difference
from .branch import branch as branch
from .branch import choose as choose
from .indexing import row_numbers as row_numbers
from .indexing import rows_of as rows_of
from .indexing import scatter_add as scatter_add
from .parts import Parts as Parts
from .products import as_rows as as_rows
from .products import outer_sum as outer_sum
from .products import plus_row as plus_row
from .products import with_one as with_one
from .queue import exchanged as exchanged
from .queue import queue as queue
from .random import Stream as Stream
from .results import called as called
from .results import constrained as constrained
from .results import returned as returned
from .scan import scan as scan
from .special import normal_cdf as normal_cdf
from .splitmix import StepStream as StepStream
from .xla.autodiff import derivative as derivative

export(globals())
