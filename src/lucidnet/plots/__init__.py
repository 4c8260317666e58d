"""Pictures of training, weights and mistakes (needs matplotlib: ``pip install 'lucidnet[plots]'``).

Each function takes plain arrays and returns a matplotlib ``Figure``, which a notebook shows and `save` writes
to a file. Nothing touches the global state of pyplot. Colours can be told apart by colour-blind readers.
"""

from .curves import training_curves
from .figures import save
from .overview import overview
from .predictions import confusion_matrix, worst_mistakes
from .search import learning_rate_finder
from .weights import first_layer_weights, heat_map

__all__ = [
    "confusion_matrix",
    "first_layer_weights",
    "heat_map",
    "learning_rate_finder",
    "overview",
    "save",
    "training_curves",
    "worst_mistakes",
]
