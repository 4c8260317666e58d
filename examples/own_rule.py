"""A user-defined learning rule: the weights carry the error, blurred by fixed random ones.

It is tested, and raced against backpropagation and feedback alignment on handwritten digits.
"""

from dataclasses import dataclass

import lucidnet as ln
from lucidnet.layers import Dense, Input
from lucidnet.rules.space.transported import Transported


@dataclass(frozen=True, repr=False)
class Blurred(Transported):
    """dx = dz ((1 - blur) W + blur B)^T, with fixed random B: from backprop (0) to feedback alignment (1)."""

    blur: float = 0.5

    def carried_by(self, W, B):
        return (1 - self.blur) * W + self.blur * B


if __name__ == "__main__":
    print(ln.check.rule(Blurred()))
    model = ln.Model([Input(64), Dense(64, "tanh"), Dense(32, "tanh"), Dense(10, "softmax")])
    model.compile("categorical_crossentropy", "adam", ["accuracy"])
    rules = ["backprop", ("blurred", Blurred()), "fa"]
    print(ln.race(model, ln.data.load("digits"), rules, seeds=2, epochs=8, verbose=0))
