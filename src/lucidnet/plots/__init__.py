"""Pictures of training, weights and mistakes (needs matplotlib: ``pip install 'lucidnet[plots]'``).

Each function takes plain arrays, or a model that it does not change, and returns a matplotlib ``Figure``.
A notebook shows it once; in a script ``plt.show()`` shows it if pyplot was imported before it was drawn, and
its own ``show()`` does in any case. On a machine without a screen neither does anything, nor complains.

All take ``ax=`` (where to draw: axes of your own figure), ``title=``, ``figsize=`` (inches), ``path=`` (a
file to write as well) and ``style=``: "light" or "dark". Without a style they follow matplotlib's, as in
``plt.style.use("dark_background")``. The colours mean the same in every picture (`colors`): positive is blue,
negative orange, zero the page; each learning rule has a colour of its own. Angles are in degrees: 0 is the
direction of backprop, 90 unrelated to it.
"""

from ..core.exports import export
from .alignment import alignment as alignment
from .alignment import feedback_weights as feedback_weights
from .animation import animate as animate
from .architecture import architecture as architecture
from .attention import attention_maps as attention_maps
from .attention import attention_weights as attention_weights
from .boundary import decision_boundary as decision_boundary
from .curves import training_curves as training_curves
from .features import convolution_filters as convolution_filters
from .features import feature_maps as feature_maps
from .figures import save as save
from .flow import gradient_flow as gradient_flow
from .overview import overview as overview
from .predictions import confusion_matrix as confusion_matrix
from .predictions import examples as examples
from .predictions import worst_mistakes as worst_mistakes
from .race import race_curves as race_curves
from .recorded import activation_histograms as activation_histograms
from .search import learning_rate_finder as learning_rate_finder
from .surface import loss_surface as loss_surface
from .weights import distance_map as distance_map
from .weights import first_layer_weights as first_layer_weights
from .weights import heat_map as heat_map

export(globals())
