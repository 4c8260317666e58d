"""A network written by lucidnet: it needs NumPy alone.

Takes x: float32 (n, 2).
Returns y: float32 (n, 1).
"""


from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any


def predict(x: Array) -> Array:
    """Return the outputs of the network."""
    x = np.asarray(x, "float32")
    if x.shape[1:] != (2,):
        raise ValueError(f"expected x of shape (n, 2), got {x.shape}")
    # dense1: Dense(3, Tanh())
    dense1 = np.tanh(x @ dense1_W + dense1_b)
    # dense2: Dense(1)
    y = dense1 @ dense2_W + dense2_b
    return y


dense1_W = np.array([[1.3685464, 0.86982894, 2.8622992], [0.0067694196, -0.25180477, -1.2074422]], "float32")
dense1_b = np.array([0.0, 0.0, 0.0], "float32")
dense2_W = np.array([[0.93969804], [0.55527484], [-0.09843488]], "float32")
dense2_b = np.array([0.0], "float32")
