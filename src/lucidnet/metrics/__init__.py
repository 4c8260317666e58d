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

from .base import FunctionMetric, Metric
from .classification import Accuracy, BinaryAccuracy, TopK, accuracy, binary_accuracy, top_k
from .confusion import F1, ConfusionMatrix, Precision, Recall, confusion_matrix, f1, precision, recall
from .outputs import OfOutput, several
from .registry import KNOWN, get
from .regression import MAE, MSE, R2, RMSE, mae, mse, r2, rmse
from .roc import ROCAUC, roc_auc

__all__ = [
    "F1",
    "KNOWN",
    "MAE",
    "MSE",
    "R2",
    "RMSE",
    "ROCAUC",
    "Accuracy",
    "BinaryAccuracy",
    "ConfusionMatrix",
    "FunctionMetric",
    "Metric",
    "OfOutput",
    "Precision",
    "Recall",
    "TopK",
    "accuracy",
    "binary_accuracy",
    "confusion_matrix",
    "f1",
    "get",
    "mae",
    "mse",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
    "several",
    "top_k",
]
