"""Pictures of training, weights and mistakes (needs matplotlib: ``pip install 'lucidnet[plots]'``).

Each function takes plain arrays, or a model that it does not change, and returns a matplotlib ``Figure``,
which a notebook shows and `save` writes to a file. Nothing touches the global state of pyplot. Colours can be
told apart by colour-blind readers.
"""

from .alignment import alignment, feedback_weights
from .attention import attention_maps, attention_weights
from .boundary import decision_boundary
from .curves import training_curves
from .features import convolution_filters, feature_maps
from .figures import save
from .flow import gradient_flow
from .overview import overview
from .predictions import confusion_matrix, worst_mistakes
from .recorded import activation_histograms
from .search import learning_rate_finder
from .surface import loss_surface
from .weights import first_layer_weights, heat_map

__all__ = [
    "activation_histograms",
    "alignment",
    "attention_maps",
    "attention_weights",
    "confusion_matrix",
    "convolution_filters",
    "decision_boundary",
    "feature_maps",
    "feedback_weights",
    "first_layer_weights",
    "gradient_flow",
    "heat_map",
    "learning_rate_finder",
    "loss_surface",
    "overview",
    "save",
    "training_curves",
    "worst_mistakes",
]
