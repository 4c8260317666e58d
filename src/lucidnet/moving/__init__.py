"""Networks that were trained elsewhere, as models."""

from __future__ import annotations

from typing import Any

from ..core.calls import takes
from ..core.settings import shown, text
from ..core.trees import leaves
from ..errors import SettingError
from ..foreign.networks import library
from ..layers import Sequential
from ..model import Model


@takes(backend=text())
def convert(network: Any, shape: Any = None, *, backend: str = "numpy") -> Model:
    """Return a `Model` that computes what a trained network of Keras, PyTorch or scikit-learn computes.

    The model has the weights of the network, and can be trained further once it is compiled.

    Parameters
    ----------
    network : network of another library
        A Keras `Sequential` or functional model; a PyTorch `nn.Sequential` of modules of ``torch.nn``, or one
        such module; a fitted `MLPClassifier` or `MLPRegressor` of scikit-learn, also in a pipeline behind
        scalers such as `StandardScaler`, or as what a search has found.
    shape : shape, optional
        The shape of one input, without the batch, where the network does not know it: of PyTorch networks
        that flatten images, ``(height, width, channels)``.
    backend : str
        As for `Model`.

    Raises
    ------
    SettingError
        If something in it cannot be converted: it is named. A network of one's own class, for instance, of
        which nobody knows what it computes.
    ShapeError
        If the shape does not fit.

    Notes
    -----
    Images have their channels last here, also those of a network from PyTorch: give it
    ``x.transpose(0, 2, 3, 1)``, and sequences of a `Conv1d` as (n, time, channels). Outputs of convolutions
    come the same way.

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> theirs = MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", random_state=0)
    >>> theirs = theirs.fit([[0.0], [1.0]], [0.0, 2.0])
    >>> model = convert(theirs)
    >>> bool(abs(model.predict([[0.5]])[:, 0] - theirs.predict([[0.5]])) < 1e-12)
    True
    """
    home, homes = library(network), {kind.__module__.partition(".")[0] for kind in type(network).__mro__}
    if home == "Keras":
        from .of_keras import converted
    elif home == "PyTorch":
        from .of_torch import converted
    elif "sklearn" in homes:  # a pipeline, too
        from .of_sklearn import converted
    else:
        raise SettingError(
            f"convert: expected a network of Keras, PyTorch or scikit-learn, got {shown(network)}"
        )
    part, classes = converted(network, shape)
    net = part.layer
    exact = any(array.dtype == "float64" for _, array in leaves(part.params))
    model = Model(
        list(net.layers) if isinstance(net, Sequential) else net,
        dtype="float64" if exact else "float32",
        backend=backend,
    )
    model.build()
    model.set_params(part.params)
    if classes is not None:
        model.classes = classes
    return model
