"""Nøkland 2016, "Direct feedback alignment provides learning in deep neural networks", NeurIPS 29, table 1.

First part: MNIST, one and two hidden layers of 800 tanh units, by backpropagation (BP), feedback alignment
(FA) and direct feedback alignment (DFA). The three come out alike.

Second part: 100 hidden layers whose weights are all zero at first. DFA, which sends the error straight to
each layer, learns. BP, which cannot send an error through zero weights, does not, nor does FA. The zeros are
the reason, and not the depth, as BP from orthogonal weights shows, which learns. (The paper has 240 units a
layer and trains on; to save time ours has 100, and four epochs.)

    python examples/papers/nokland.py                  # both
    python examples/papers/nokland.py --part deep

Needs MNIST (see `lucidnet.data.load`). As in the paper and its published code: logistic outputs with the
binary cross-entropy, RMSprop (0.99) on batches of 64, FA and DFA from weights of zero, B uniform. The paper
trains up to 300 epochs at a rate of 0.0001; here the rate falls from ten times that in ten epochs.
"""

from __future__ import annotations

import numpy as np
from common import Checks, controlled, parser

import lucidnet as ln
from lucidnet.initializers import Orthogonal, VarianceScaling
from lucidnet.layers import Dense, Input
from lucidnet.optimizers.schedules import Cosine
from lucidnet.plots.figures import BLUE, VERMILLION, new_figure
from lucidnet.rules import DirectFeedbackAlignment, FeedbackAlignment

UNIFORM = VarianceScaling(1 / 3, "in")  # within 1 / sqrt(inputs)
RULES = {
    "BP": "backprop",
    "FA": FeedbackAlignment(UNIFORM),
    "DFA": DirectFeedbackAlignment(VarianceScaling(1 / 3, "out")),
}
DEEP = RULES | {
    "FA": FeedbackAlignment(VarianceScaling(1.0, "in"))
}  # keeps the error's length on its long way
GOOD = "BP, good start"
PAPER = {1: {"BP": 1.59, "FA": 1.68, "DFA": 1.68}, 2: {"BP": 1.60, "FA": 1.64, "DFA": 1.74}}
COLORS = {"BP": "black", "FA": BLUE, "DFA": VERMILLION, GOOD: "0.6"}
BATCH = 64
Curves = dict[str, np.ndarray]


class Digits:
    """MNIST with one-hot targets."""

    def __init__(self, examples: int) -> None:
        (x, y), (x_test, y_test) = ln.data.load("mnist")
        classes = np.eye(10, dtype="float32")
        self.train = x[:examples], classes[y[:examples]]
        self.test = x_test, classes[y_test]

    def errors(
        self, hidden: list[int], start: object, rule: object, rate: float, epochs: int, seed: int
    ) -> np.ndarray:
        """Train a network; return the test error in per cent after each epoch."""
        layers = [Dense(units, "tanh", initializer=start) for units in hidden]
        output = Dense(10, "sigmoid", initializer=start)
        model = ln.Model([Input(784), *layers, output], seed=seed)
        steps = epochs * -(-len(self.train[0]) // BATCH)
        optimizer = ln.optimizers.RMSprop(Cosine(rate, rate / 100, steps), rho=0.99)
        model.compile("binary_crossentropy", optimizer, ["accuracy"], rule=rule)
        settings = {"batch_size": BATCH, "validation_data": self.test, "verbose": 0}
        history = model.fit(*self.train, epochs=epochs, **settings)
        return 100 * (1 - np.array(history["val_accuracy"]))


def compare(
    data: Digits, hidden: list[int], epochs: int, seed: int, checks: Checks, control: str | None, near: float
) -> Curves:
    """Train by three rules, and check that they perform alike: at most `near` per cent worse than BP."""
    curves: Curves = {}
    for name, rule in RULES.items():
        own, start = (rule, UNIFORM) if name == "BP" else (controlled(rule, control), "zeros")
        curves[name] = data.errors(hidden, start, own, 1e-3, epochs, seed)
        error = curves[name][-1]
        holds = error - curves["BP"][-1] < near and (near > 1 or error < 2.2)
        what = f"{len(hidden)} x {hidden[0]}, {name}: test error after {epochs} epochs"
        checks.add(what, f"{PAPER[len(hidden)][name]:.2f} %", f"{error:.2f} %", holds)
    return curves


def deep(
    data: Digits,
    depth: int,
    width: int,
    epochs: int,
    seed: int,
    checks: Checks,
    control: str | None,
    low: float,
) -> Curves:
    """Train a deep network from zero weights, and check that DFA alone learns, to an error below `low`."""
    curves: Curves = {}
    for name, rule in (DEEP | {GOOD: "backprop"}).items():
        start = Orthogonal() if name == GOOD else "zeros"  # which keeps the length of signal and error
        rate = 3e-3 / depth if name == GOOD else 2e-3  # all layers act on each other: smaller steps
        own = controlled(rule, control) if name in ("FA", "DFA") else rule
        curves[name] = data.errors([width] * depth, start, own, rate, epochs, seed)
        best, last = curves[name].min(), curves[name][-1]
        begin = "from a good start, BP" if name == GOOD else f"from zero, {name}"
        what = f"{depth} x {width} {begin}: test error"
        learns = name in ("DFA", GOOD)
        holds = last < (low if name == "DFA" else 2 * low) if learns else best > 85
        checks.add(what, "learns" if learns else "does not", f"{last:.2f} %", holds)
    return curves


def draw(parts: dict[str, Curves]) -> ln.plots.figures.Figure:
    """Draw the test errors."""
    figure = new_figure(4 * len(parts), 3.6)
    panels = figure.subplots(1, len(parts), squeeze=False)[0]
    for axes, (title, curves) in zip(panels, parts.items(), strict=True):
        for name, curve in curves.items():
            axes.plot(range(1, len(curve) + 1), curve, color=COLORS[name], marker=".", label=name)
        axes.set(title=title, xlabel="epoch", ylabel="test error (%)", ylim=(0, None))
        axes.legend(frameon=False)
    return figure


def main(arguments: list[str] | None = None) -> None:
    """Run one part or both, and check the results."""
    options = parser(__doc__, __file__)
    options.add_argument("--part", choices=("wide", "deep", "both"), default="both")
    options.add_argument("--epochs", type=int, default=10, help="of the wide networks")
    options.add_argument("--deep-epochs", type=int, default=4)
    options.add_argument("--depth", type=int, default=100)
    options.add_argument("--width", type=int, default=100, help="of the deep network")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args(arguments)
    if given.quick:
        given.epochs, given.deep_epochs, given.depth, given.width = 1, 1, 10, 20
    near, low, examples = 0.4, 10.0, 60_000
    if given.short:  # a smaller network on fewer digits
        given.epochs, given.deep_epochs, given.depth, given.width = 12, 12, 12, 50
        near, low, examples = 3.0, 25.0, 3000
    checks, data = Checks(given.quick), Digits(128 if given.quick else examples)
    parts: dict[str, Curves] = {}
    if given.part != "deep":
        for layers in PAPER:
            hidden = [100 if given.short else 800] * layers
            parts[f"{layers} x {hidden[0]}"] = compare(
                data, hidden, given.epochs, given.seed, checks, given.control, near
            )
    if given.part != "wide":
        title = f"{given.depth} x {given.width}, all weights zero at first"
        parts[title] = deep(
            data, given.depth, given.width, given.deep_epochs, given.seed, checks, given.control, low
        )
    checks.finish(draw(parts), given.figure)


if __name__ == "__main__":
    main()
