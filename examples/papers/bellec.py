"""Bellec et al. 2020, "A solution to the learning dilemma for recurrent networks of spiking neurons".

Evidence is gathered: pulses come on the left or on the right, then there is a delay, then a signal to go, and
the network must say on which side there were more. It learns by backpropagation through time (BPTT), and by
e-prop, whose traces pass through each unit's own state only, with the readout's weights as feedback
(symmetric) and with random ones. As in the paper, e-prop solves the task too, only later than BPTT.

    python examples/papers/bellec.py

Nature Communications 11, 3625, figure 3. The units are those of an LSTM, not spiking neurons; their forget
gates begin almost open, in place of the slow thresholds without which spiking neurons do not solve the task.
"""

from __future__ import annotations

import numpy as np
from common import Checks, controlled, parser

import lucidnet as ln
from lucidnet.backend import Array
from lucidnet.layers import LSTM, Dense, Input
from lucidnet.optimizers import Adam, ClipGlobalNorm
from lucidnet.optimizers.schedules import Cosine
from lucidnet.plots.figures import BLUE, VERMILLION, new_figure
from lucidnet.rules import Rule

CUES, PERIOD, DELAY, NOISE = 7, 3, 30, 0.05
RULES = {"bptt": Rule(), "e-prop, symmetric": Rule(time="eprop"), "e-prop, random": Rule("fa", "eprop")}
COLORS = dict(zip(RULES, (BLUE, VERMILLION, "#CC79A7"), strict=True))
CHANCE, SOLVED = 0.5, 0.95


def decisions(n: int, delay: int, seed: int) -> tuple[Array, Array]:
    """Return inputs (pulses left and right, the go signal, noise), and which side had more pulses."""
    rng, length = np.random.default_rng(seed), CUES * PERIOD + delay + 1
    right = rng.random((n, CUES)) < rng.choice([0.3, 0.7], (n, 1))  # as in the paper: one side is likelier
    x = NOISE * rng.normal(size=(n, length, 3)).astype("float32")
    for cue in range(CUES):
        x[np.arange(n), cue * PERIOD, right[:, cue].astype(int)] += 1
    x[:, -1, 2] += 1
    return x, (right.sum(1) > CUES / 2).astype(int)


def train(
    rule: Rule, updates: int, units: int, batch: int, delay: int, seed: int
) -> tuple[list[float], float]:
    """Train on fresh examples; return the accuracy on each batch before its update, and on held-out data."""
    net = [Input((None, 3)), LSTM(units, forget_bias=3.0), Dense(2, "softmax")]
    model = ln.Model(net, seed=seed)
    rate = Cosine(0.005, 0.0, updates)  # with a constant rate accuracy moves up and down to the end
    model.compile("categorical_crossentropy", Adam(rate, clip=ClipGlobalNorm(1.0)), ["accuracy"], rule=rule)
    seen = [
        model.train_step(*decisions(batch, delay, seed=1_000_000 * (seed + 1) + number))["accuracy"]
        for number in range(updates)
    ]
    return seen, model.evaluate(*decisions(4000, delay, seed=0))["accuracy"]


def updates_to(seen: list[float], level: float, width: int = 100) -> float:
    """Return how many updates it took for the mean accuracy of `width` batches to reach a level."""
    means = np.convolve(seen, np.ones(width) / width, "valid") if len(seen) >= width else np.array([0.0])
    return float(np.argmax(means >= level) + width) if (means >= level).any() else float("inf")


def draw(curves: dict[str, list[list[float]]]) -> ln.plots.figures.Figure:
    """Draw the accuracies over updates, with a line for each seed."""
    figure = new_figure(6, 4)
    axes = figure.subplots()
    for name, runs in curves.items():
        for number, seen in enumerate(runs):
            width = min(100, len(seen))
            means = np.convolve(seen, np.ones(width) / width, "valid")
            label = name if number == 0 else None
            axes.plot(np.arange(len(means)) + width, means, color=COLORS[name], label=label)
    axes.axhline(CHANCE, color="0.6", linewidth=0.8, label="chance")
    axes.set(title="gathering evidence", xlabel="update", ylabel="accuracy, mean of 100 batches")
    axes.legend()
    return figure


def main(arguments: list[str] | None = None) -> None:
    """Train by each rule, and check the results."""
    options = parser(__doc__, __file__)
    options.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    options.add_argument("--updates", type=int, default=2000)
    options.add_argument("--units", type=int, default=20)
    options.add_argument("--batch", type=int, default=32)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = options.parse_args(arguments)
    updates, seeds, delay = (3, [0], DELAY) if given.quick else (given.updates, given.seeds, DELAY)
    if given.short:  # a shorter delay, and one of the two feedbacks
        updates, seeds, delay = 800, [0], 8
        given.rules = [name for name in given.rules if name != "e-prop, random"]
    checks, curves, steps = Checks(given.quick), {}, {}
    for name in given.rules:
        rule = RULES[name] if name == "bptt" else controlled(RULES[name], given.control)
        runs = [train(rule, updates, given.units, given.batch, delay, seed) for seed in seeds]
        curves[name] = [seen for seen, _ in runs]
        worst = min(accuracy for _, accuracy in runs)
        what = f"{name}: accuracy, held out, worst of {len(seeds)} seeds"
        checks.add(what, "> 95 %", f"{worst:.1%}", worst > SOLVED)
        steps[name] = float(np.median([updates_to(seen, SOLVED) for seen in curves[name]]))
    for name, number in steps.items():
        known = name != "bptt" and "bptt" in steps
        slower = steps["bptt"] < number < float("inf") if known else None  # later, but it gets there
        expected = "" if name == "bptt" else "later than bptt"
        checks.add(f"{name}: updates to 95 % in training, median", expected, f"{number:.0f}", slower)
    checks.finish(draw(curves), given.figure)


if __name__ == "__main__":
    main()
