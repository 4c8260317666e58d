"""How good predictions are, with scikit-learn's definitions.

Each metric has two faces. The function takes everything at once:

>>> accuracy([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
0.6666666666666666

The value takes batch after batch, and gives the number of the whole set:

>>> metric = get("accuracy")
>>> state = metric.update(metric.start(), [0, 1], [[0.9, 0.1], [0.2, 0.8]])
>>> metric.result(metric.update(state, [1], [[0.6, 0.4]]))
0.6666666666666666

Labels ``y`` are integers, or one-hot in several columns. A ``prediction`` is one of

- scores or probabilities in one column per class: the largest is the predicted class;
- floats in a single column, or none: the probability of class 1, which is predicted above 0.5;
- integers in a single column, or none: the predicted classes themselves.
"""

from ..core.exports import export
from .base import FunctionMetric as FunctionMetric
from .base import Metric as Metric
from .classification import Accuracy as Accuracy
from .classification import BinaryAccuracy as BinaryAccuracy
from .classification import TopK as TopK
from .classification import accuracy as accuracy
from .classification import binary_accuracy as binary_accuracy
from .classification import top_k as top_k
from .confusion import F1 as F1
from .confusion import ConfusionMatrix as ConfusionMatrix
from .confusion import Precision as Precision
from .confusion import Recall as Recall
from .confusion import confusion_matrix as confusion_matrix
from .confusion import f1 as f1
from .confusion import precision as precision
from .confusion import recall as recall
from .outputs import OfOutput as OfOutput
from .outputs import several as several
from .registry import KNOWN as KNOWN
from .registry import get as get
from .regression import MAE as MAE
from .regression import MSE as MSE
from .regression import R2 as R2
from .regression import RMSE as RMSE
from .regression import mae as mae
from .regression import mse as mse
from .regression import r2 as r2
from .regression import rmse as rmse
from .roc import ROCAUC as ROCAUC
from .roc import roc_auc as roc_auc

export(globals())
