"""What can be learned in a plane besides classes: regression, and extra inputs made of its two."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...backend import Array

FEATURES: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "x1": ("x[:, 0]", lambda x: x[:, 0]),
    "x2": ("x[:, 1]", lambda x: x[:, 1]),
    "x1²": ("x[:, 0] ** 2", lambda x: x[:, 0] ** 2),
    "x2²": ("x[:, 1] ** 2", lambda x: x[:, 1] ** 2),
    "x1x2": ("x[:, 0] * x[:, 1]", lambda x: x[:, 0] * x[:, 1]),
    "sin x1": ("np.sin(np.pi * x[:, 0])", lambda x: np.sin(np.pi * x[:, 0])),
    "sin x2": ("np.sin(np.pi * x[:, 1])", lambda x: np.sin(np.pi * x[:, 1])),
}
"""Inputs of a network by name: each as Python, and as a function of points (n, 2)."""


def featured(x: Array, names: Sequence[str]) -> Array:
    """Compute input features (n, features) from points (n, 2), as float32.

    Examples
    --------
    >>> featured(np.array([[2.0, 3.0]]), ["x1", "x1x2"]).tolist()
    [[2.0, 6.0]]
    """
    return np.stack([FEATURES[name][1](x) for name in names], axis=1).astype("float32")


def written_features(names: Sequence[str]) -> list[str]:
    """Return the Python code that computes these features."""
    made = ", ".join(FEATURES[name][0] for name in names)
    return [f"x, x_test = (np.stack([{made}], axis=1).astype('float32') for x in (x, x_test))"]


def _slope(x: Array) -> Array:
    return (x[:, 0] + x[:, 1]) / 2


def _hills(x: Array) -> Array:
    height: Array = np.sin(np.pi * x[:, 0]) * np.sin(np.pi * x[:, 1])
    return height


PLANES: dict[str, tuple[str, str, Callable[[Array], Array]]] = {
    "slope": ("Numbers on a tilted plane: (x1 + x2) / 2.", "(x[:, 0] + x[:, 1]) / 2", _slope),
    "hills": (
        "Hills and valleys: sin(pi x1) sin(pi x2).",
        "np.sin(np.pi * x[:, 0]) * np.sin(np.pi * x[:, 1])",
        _hills,
    ),
}
"""Functions over a plane by name: a sentence, the Python, and the function of points in [-1, 1]."""


def numbers(name: str, n: int, noise: float, seed: int) -> tuple[Array, Array, list[str]]:
    """Return points, noisy target values for them, and the Python code that makes both."""
    rng = np.random.Generator(np.random.Philox(seed))
    x = rng.uniform(-1, 1, (n, 2)).astype("float32")
    y = (PLANES[name][2](x) + noise * rng.normal(size=n)).astype("float32")
    code = [
        f"rng = np.random.Generator(np.random.Philox({seed}))",
        f"x = rng.uniform(-1, 1, ({n}, 2)).astype('float32')",
        f"y = ({PLANES[name][1]} + {noise!r} * rng.normal(size={n})).astype('float32')",
    ]
    return x, y, code
