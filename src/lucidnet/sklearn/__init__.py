"""Networks as scikit-learn estimators: `NetClassifier` and `NetRegressor`.

They take the settings of scikit-learn's `MLPClassifier` and `MLPRegressor` under the same names, and what
those decline: activations, dropout and layers of one's own, other losses, optimizers and learning rules,
class weights, callbacks. They need scikit-learn: ``pip install 'lucidnet[sklearn]'``.
"""

from typing import TYPE_CHECKING

from ..core.exports import export

if TYPE_CHECKING:  # so that scikit-learn is needed only where this is used
    from .classifier import NetClassifier as NetClassifier
    from .regressor import NetRegressor as NetRegressor

export(globals())
