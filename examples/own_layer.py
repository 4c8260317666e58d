"""A user-defined layer, checked, trained, saved and loaded: y = f(x) with a learned slope for x < 0.

Run: python examples/own_layer.py
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import lucidnet as ln
from lucidnet.layers import Dense, Input, Layer


@dataclass(frozen=True)
class LearnedSlope(Layer):
    """y = x for x > 0, else a x, with one learned a per feature.

    dx = dy or a dy,  da = sum over the batch of x dy where x <= 0  (He et al. 2015, equations 1 to 3).
    """

    start: float = 0.25

    def init(self, rng, shape):
        """Return one slope per feature; the output has the input's shape."""
        return {"a": rng.full(shape[-1:], self.start)}, shape

    def forward(self, params, x, run):
        """Return the output, and what backward needs."""
        return np.where(x > 0, x, params["a"] * x), x

    def backward(self, params, x, dy, need_dx=True):
        """Return the gradients by input and slopes."""
        dx = np.where(x > 0, dy, params["a"] * dy)
        return dx, {"a": (dy * x * (x <= 0)).sum(0)}


print(ln.check.gradients(LearnedSlope(), shape=(5,)))

(x, y), (x_test, y_test) = ln.data.load("digits")
model = ln.Model([Input(64), Dense(64), LearnedSlope(), Dense(10, activation="softmax")], seed=0)
model.compile("categorical_crossentropy", "adam", metrics=["accuracy"])
model.fit(x, y, epochs=30, verbose=0)
print(model.evaluate(x_test, y_test))

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "own.safetensors"
    model.save(path)
    loaded = ln.load(path, custom={"LearnedSlope": LearnedSlope})
print("loaded:", loaded.evaluate(x_test, y_test))
print("mean learned slope:", float(loaded.params["learnedslope2"]["a"].mean()))
