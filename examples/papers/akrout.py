"""Akrout et al. 2019, "Deep learning without weight transport", NeurIPS 32: feedback weights that learn.

The feedback weights B turn towards the weights W that they stand for, until there is no angle between them,
in either of two ways that need no copy of W: Kolen-Pollack ("kp", the same changes and the same decay for
both) and weight mirrors ("wm", noise sent through each layer between the steps). With fixed B ("fa") the
angle stays wide. With learnt B the network learns as by backpropagation.

    python examples/papers/akrout.py

The paper shows this in ResNets on ImageNet; here it is a small network on the digits that ship with the
library, 64-128-64-10 with tanh units. The first layer carries no error and has no B. What angle is left with
mirrors is the noise of their estimate; more examples of noise at each step make it smaller.
"""

from __future__ import annotations

import numpy as np
from common import Checks, parser

import lucidnet as ln
from lucidnet.layers import Dense, Input
from lucidnet.plots.figures import PALETTE, new_figure
from lucidnet.rules import WeightMirror
from lucidnet.tree import leaves

RULES = {
    "backprop": "backprop",
    "fa": "fa",
    "kp": "kp",
    "wm": WeightMirror(rate=0.01, decay=0.01, examples=128),
}
RATE, DECAY = 0.2, 0.0025
BATCH = 32


class Run:
    """A training: angles, the distance of W and B, and the test error, before it and after each epoch."""

    def __init__(self, rule: object, epochs: int, seed: int) -> None:
        (x, y), self.test = ln.data.load("digits")
        self.angles: list[dict[str, float]] = []
        self.distances: list[float] = []
        self.errors: list[float] = []
        self.steps = epochs * -(-len(x) // BATCH)
        layers = [Dense(128, "tanh", name="first"), Dense(64, "tanh", name="second")]
        self.model = ln.Model([Input(64), *layers, Dense(10, "softmax", name="last")], seed=seed)
        optimizer = ln.optimizers.SGD(RATE, weight_decay=DECAY)
        self.model.compile("categorical_crossentropy", optimizer, ["accuracy"], rule=rule)
        self.note()
        for _ in range(epochs):
            self.model.fit(x, y, batch_size=BATCH, verbose=0)
            self.note()

    def note(self) -> None:
        """Note how things stand."""
        params, cosines = self.model.params, self.model.weight_alignment()
        self.angles.append({name: float(np.degrees(np.arccos(min(c, 1)))) for name, c in cosines.items()})
        gaps = [B - params[layer][name] for (layer, name), B in leaves(self.model.feedback)]
        self.distances.append(float(np.sqrt(sum((gap * gap).sum() for gap in gaps))))
        self.errors.append(100 * (1 - self.model.evaluate(*self.test).accuracy))


def judge(runs: dict[str, Run], checks: Checks) -> None:
    """Check angles, the law of Kolen-Pollack, and that learnt feedback is as good as the true weights."""
    for name in ("kp", "wm"):
        for layer, angle in runs[name].angles[-1].items():
            checks.add(f"{name}: angle of W and B, {layer} layer", "to 0", f"{angle:.1f}", angle < 10)
    for layer, angle in runs["fa"].angles[-1].items():
        checks.add(f"fa: angle of W and B, {layer} layer", "not to 0", f"{angle:.1f}", angle > 20)
    run = runs["kp"]
    law, found = (1 - RATE * DECAY) ** run.steps, run.distances[-1] / run.distances[0]
    checks.add(
        "kp: |W - B| over that at first, (1 - rate decay)^steps",
        f"{law:.5f}",
        f"{found:.5f}",
        abs(found / law - 1) < 0.01,
    )
    errors = {name: float(np.mean(run.errors[-20:])) for name, run in runs.items()}
    for name, error in errors.items():
        close = error - errors["backprop"] < 1 if name in ("kp", "wm") else None
        paper = "as backprop" if close is not None else ""
        checks.add(f"{name}: test error, last 20 epochs", paper, f"{error:.2f} %", close)


def draw(runs: dict[str, Run]) -> ln.plots.figures.Figure:
    """Draw the angle of each layer, and the test error."""
    figure = new_figure(12, 3.6)
    *panels, right = figure.subplots(1, 3)
    for color, (name, run) in zip(PALETTE, runs.items(), strict=False):
        for axes, layer in zip(panels, run.angles[0], strict=False):
            axes.plot([angles[layer] for angles in run.angles], color=color, label=name)
            axes.set(
                title=f"{layer} layer", xlabel="epoch", ylabel="angle of W and B (degrees)", ylim=(-3, 100)
            )
        right.semilogy(np.convolve(run.errors, np.full(10, 0.1), "valid"), color=color, label=name)
    right.set(title="digits", xlabel="epoch", ylabel="test error, mean of 10 epochs (%)")
    for axes in (*panels, right):
        axes.legend(frameon=False)
    return figure


def main() -> None:
    """Train by each rule, and check."""
    options = parser(__doc__, __file__)
    options.add_argument("--epochs", type=int, default=300)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    epochs = 1 if given.quick else given.epochs
    checks = Checks(given.quick)
    runs = {name: Run(rule, epochs, given.seed) for name, rule in RULES.items()}
    judge(runs, checks)
    checks.finish(draw(runs), given.figure)


if __name__ == "__main__":
    main()
