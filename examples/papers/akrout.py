"""Akrout et al. 2019, "Deep learning without weight transport", NeurIPS 32: feedback weights that learn.

The feedback weights B turn towards the weights W that they stand for, until there is no angle between them,
in either of two ways that need no copy of W: Kolen-Pollack ("kp", the same changes and the same decay for
both) and weight mirrors ("wm", noise sent through each layer between the steps). With fixed B ("fa") the
angle stays wide. With learned B, unlike with fixed B, the gradients become those of backpropagation, and the
network learns as well as by backpropagation.

    python examples/papers/akrout.py

The paper shows this in ResNets on ImageNet; here it is a small network on the digits that ship with the
library, 64-128-64-10 with tanh units. The first layer carries no error and has no B. What angle is left with
mirrors is the noise of their estimate; more examples of noise at each step make it smaller.
"""

from __future__ import annotations

import numpy as np
from common import Checks, controlled, parser, plain_ticks

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
RATE, BATCH = 0.2, 32


class Run:
    """A training run: angles, the distance of W and B, and the test error, at first and after each epoch."""

    def __init__(self, rule: object, epochs: int, decay: float, seed: int) -> None:
        (x, y), self.test = ln.data.load("digits")
        self.angles: list[dict[str, float]] = []
        self.distances: list[float] = []
        self.errors: list[float] = []
        self.steps = epochs * -(-len(x) // BATCH)
        start = {"initializer": "glorot_uniform"}
        layers = [Dense(128, "tanh", **start, name="first"), Dense(64, "tanh", **start, name="second")]
        self.model = ln.Model([Input(64), *layers, Dense(10, "softmax", name="last")], seed=seed)
        optimizer = ln.optimizers.SGD(RATE, weight_decay=decay)
        self.model.compile("categorical_crossentropy", optimizer, ["accuracy"], rule=rule)
        self.note()
        for _ in range(epochs):
            self.model.fit(x, y, batch_size=BATCH, verbose=0)
            self.note()
        # How the gradients of the rule lie to the true ones: what the angles are good for.
        found = self.model.gradient_alignment(x[:500], y[:500])
        self.gradients = {name: found[name].cosine for name in ("first", "second")}

    def note(self) -> None:
        """Record the current angles, distance and error."""
        params, cosines = self.model.params, self.model.weight_alignment()
        self.angles.append({name: float(np.degrees(np.arccos(min(c, 1)))) for name, c in cosines.items()})
        gaps = [B - params[layer][name] for (layer, name), B in leaves(self.model.feedback)]
        self.distances.append(float(np.sqrt(sum((gap * gap).sum() for gap in gaps))))
        self.errors.append(100 * (1 - self.model.evaluate(*self.test).accuracy))


def judge(runs: dict[str, Run], decay: float, checks: Checks) -> None:
    """Check angles, the law of Kolen-Pollack, and that learned feedback works as well as the true weights."""
    for name in ("kp", "wm"):
        for layer in ("second", "last"):
            angle = runs[name].angles[-1].get(layer, float("nan"))
            checks.add(f"{name}: angle of W and B, {layer} layer", "to 0", f"{angle:.1f}", angle < 10)
        for layer, cosine in runs[name].gradients.items():
            what = f"{name}: cosine with the gradient of backprop, {layer} layer"
            checks.add(what, "to 1", f"{cosine:.3f}", cosine > 0.98)
    for layer in ("second", "last"):
        angle = runs["fa"].angles[-1].get(layer, float("nan"))
        checks.add(f"fa: angle of W and B, {layer} layer", "not to 0", f"{angle:.1f}", angle > 20)
    cosine = runs["fa"].gradients["first"]
    checks.add(
        "fa: cosine with the gradient of backprop, first layer", "not to 1", f"{cosine:.3f}", cosine < 0.95
    )
    run = runs["kp"]
    first, last = (float(run.distances[k]) for k in (0, -1))
    law, found = (1 - RATE * decay) ** run.steps, last / first if first else float("nan")
    checks.add(
        "kp: |W - B| over that at first, (1 - rate decay)^steps",
        f"{law:.5f}",
        f"{found:.5f}",
        abs(found / law - 1) < 0.01,
    )
    errors = {
        name: float(np.mean(run.errors[-min(20, len(run.errors) // 2) :])) for name, run in runs.items()
    }
    for name, error in errors.items():
        close = error - errors["backprop"] < 1 if name in ("kp", "wm") else None
        paper = "as backprop" if close is not None else ""
        checks.add(f"{name}: test error, last epochs", paper, f"{error:.2f} %", close)


def draw(runs: dict[str, Run]) -> ln.plots.figures.Figure:
    """Draw the angle of each layer, and the test error."""
    figure = new_figure(12, 3.6)
    *panels, right = figure.subplots(1, 3)
    for color, (name, run) in zip(PALETTE, runs.items(), strict=False):
        for axes, layer in zip(panels, ("second", "last"), strict=True):
            if any(run.angles):  # backprop has no B
                axes.plot([angles[layer] for angles in run.angles], color=color, label=name)
            axes.set(
                title=f"{layer} layer", xlabel="epoch", ylabel="angle of W and B (degrees)", ylim=(-3, 100)
            )
        right.semilogy(np.convolve(run.errors, np.full(10, 0.1), "valid"), color=color, label=name)
    right.set(title="digits", xlabel="epoch", ylabel="test error, mean of 10 epochs (%)")
    plain_ticks(right.yaxis)
    for axes in (*panels, right):
        axes.legend(frameon=False)
    return figure


def main(arguments: list[str] | None = None) -> None:
    """Train by each rule, and check the results."""
    options = parser(__doc__, __file__)
    options.add_argument("--epochs", type=int, default=300)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args(arguments)
    # Short: a decay that brings W and B together faster.
    epochs, decay = (1, 0.0025) if given.quick else (20, 0.03) if given.short else (given.epochs, 0.0025)
    checks, learnt = Checks(given.quick), ("kp", "wm")
    rules = {
        name: controlled(rule, given.control if name in learnt else None) for name, rule in RULES.items()
    }
    runs = {name: Run(rule, epochs, decay, given.seed) for name, rule in rules.items()}
    judge(runs, decay, checks)
    checks.finish(draw(runs), given.figure)


if __name__ == "__main__":
    main()
