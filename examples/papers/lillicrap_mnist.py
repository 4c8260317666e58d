"""Lillicrap et al. 2016, "Random synaptic feedback weights support error backpropagation", figure 2: MNIST.

A network 784-1000-10 of logistic units learns to classify handwritten digits by feedback alignment (FA) as
well as by backpropagation (BP), and far better than if only the last layer learns ("shallow"). Meanwhile the
hidden layer's error by random weights, B e, turns towards that of backpropagation, W^T e.

    python examples/papers/lillicrap_mnist.py

(Nature Communications 7, 13276.) Needs MNIST, see `lucidnet.data.load`. Sizes and units are the paper's; the
cross-entropy, batches of 20, a rate that falls in 20 epochs, W within +-0.05 and B within +-0.5 are ours.
"""

from __future__ import annotations

import numpy as np
from common import Checks, controlled, parser, plain_ticks, row_angle

import lucidnet as ln
from lucidnet.initializers import Uniform
from lucidnet.layers import Dense, Input
from lucidnet.optimizers.schedules import Cosine
from lucidnet.plots.figures import BLUE, VERMILLION, new_figure
from lucidnet.rules import FeedbackAlignment

RULES = {"BP": "backprop", "FA": FeedbackAlignment(Uniform(-0.5, 0.5)), "shallow": "shallow"}
PAPER = {"BP": "2.4 %", "FA": "2.1 %", "shallow": "far behind"}
COLORS = {"BP": "black", "FA": VERMILLION, "shallow": BLUE}
BATCH = 20


class Run:
    """A training run: test error in per cent, and angle of B e and W^T e, at first and after each epoch."""

    def __init__(self, rule: object, examples: int, epochs: int, seed: int) -> None:
        (x, y), (self.x_test, self.y_test) = ln.data.load("mnist")
        x, y = x[:examples], np.eye(10, dtype="float32")[y[:examples]]
        start = {"initializer": Uniform(-0.05, 0.05)}
        layers = [
            Dense(1000, "sigmoid", name="hidden", **start),
            Dense(10, "sigmoid", name="output", **start),
        ]
        self.model = ln.Model([Input(784), *layers], seed=seed)
        # The loss is a mean over ten outputs: for their sum, as in the paper, the rate is a tenth of this.
        rate = Cosine(5.0, 0.05, epochs * -(-len(x) // BATCH))
        self.model.compile("binary_crossentropy", ln.optimizers.SGD(rate), rule=rule)
        self.errors: list[float] = []
        self.angles: list[float] = []
        self.note()
        for _ in range(epochs):
            self.model.fit(x, y, batch_size=BATCH, verbose=0)
            self.note()

    def note(self) -> None:
        """Record the current error and angle."""
        p = self.model.predict(self.x_test)
        self.errors.append(float(100 * (p.argmax(1) != self.y_test).mean()))
        if "output" in self.model.feedback:
            e, B = p - np.eye(10)[self.y_test], self.model.feedback["output"]["W"]
            self.angles.append(row_angle(e @ B.T, e @ self.model.params["output"]["W"].T))


def judge(runs: dict[str, Run], short: bool, checks: Checks) -> None:
    """Check errors and angle; in the short run, on a few examples, FA must do about as well as BP."""
    best, most = runs["FA"].errors[-1], runs["BP"].errors[-1] + 1.5 if short else 2.4
    for name, run in runs.items():
        error = run.errors[-1]
        holds = error > best + 3 if name == "shallow" else error <= most
        checks.add(
            f"{name}: test error after {len(run.errors) - 1} epochs", PAPER[name], f"{error:.2f} %", holds
        )
    first, last = ((runs["FA"].angles or [float("nan")])[k] for k in (0, -1))
    checks.add("FA: angle of B e and W^T e at first", "about 90", f"{first:.0f}", 75 < first < 105)
    checks.add(
        "FA: angle of B e and W^T e at last", "well below 90", f"{last:.0f}", last < (75 if short else 60)
    )


def draw(runs: dict[str, Run]) -> ln.plots.figures.Figure:
    """Draw test errors and the angle."""
    figure = new_figure(8, 3.6)
    left, right = figure.subplots(1, 2)
    for name, run in runs.items():
        left.semilogy(run.errors, color=COLORS[name], label=name)
    right.plot(runs["FA"].angles, color=COLORS["FA"])
    left.set(xlabel="epoch", ylabel="test error (%)", title="MNIST, 784-1000-10")
    right.set(xlabel="epoch", ylabel="degrees", ylim=(0, 100), title="angle of B e and W$^T$ e")
    plain_ticks(left.yaxis)
    left.legend(frameon=False)
    return figure


def main(arguments: list[str] | None = None) -> None:
    """Train by each rule, and check the results."""
    options = parser(__doc__, __file__)
    options.add_argument("--epochs", type=int, default=20)
    options.add_argument("--examples", type=int, default=60_000)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args(arguments)
    if given.quick:
        given.epochs, given.examples = 1, 100
    elif given.short:
        given.epochs, given.examples = 5, 2000
    checks = Checks(given.quick)
    rules = RULES | {"FA": controlled(RULES["FA"], given.control)}
    runs = {name: Run(rule, given.examples, given.epochs, given.seed) for name, rule in rules.items()}
    judge(runs, given.short, checks)
    checks.finish(draw(runs), given.figure)


if __name__ == "__main__":
    main()
