"""Murray 2019, "Local online learning in recurrent networks with random feedback", eLife 8, e43299, figure 2.

A network without input produces a periodic pattern, by backpropagation through time (BPTT) and by the rule
RFLO, which approximates it twice: random weights carry the readout's error back, and traces are local. Each
approximation is also made alone (figure 2d), and RTRL, the exact gradient forwards in time, follows BPTT.

    python examples/papers/murray.py

Sizes, first weights, first state and rates are those of the paper's source code file: 50 units, 100 steps of
time, tau = 10 steps, one update after each trial. Its network has no biases; ours has, and learns them. As in
the paper nine networks are trained; ``--seeds 0`` trains one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from common import Checks, controlled, parser

import lucidnet as ln
from lucidnet.data.tasks import periodic_pattern
from lucidnet.initializers import Normal, Uniform
from lucidnet.layers import Dense, Graph, LeakyRNN
from lucidnet.plots.figures import BLUE, VERMILLION, new_figure
from lucidnet.rules import FeedbackAlignment, Rule

UNITS, LENGTH, RATE = 50, 100, 0.03
RANDOM = FeedbackAlignment(Normal(std=1.0))
RULES = {
    "bptt": Rule(),
    "rflo": Rule(RANDOM, "rflo"),
    "local": Rule("backprop", "rflo"),  # the true weights carry the error, traces are local
    "random": Rule(RANDOM, "bptt"),  # random weights carry the error, which goes back through time
    "rtrl": Rule("backprop", "rtrl"),
    "random rtrl": Rule(RANDOM, "rtrl"),
}
FORWARDS = {"rtrl": "bptt", "random rtrl": "random"}
COLORS = {"bptt": BLUE, "rflo": VERMILLION, "local": "#CC79A7", "random": "#56B4E9"}


@dataclass
class Run:
    """The results of a training run."""

    losses: list[float] = field(default_factory=list)
    alignment: list[float] = field(default_factory=list)
    output: np.ndarray | None = None


def network(rule: Rule, seed: int, dtype: str = "float32") -> ln.Model:
    """Return the untrained network."""
    units = LeakyRNN(
        UNITS,
        tau=10.0,
        return_sequences=True,
        recurrent_initializer=Normal(std=1.5 / UNITS**0.5),
    )
    edge = 0.1 / UNITS**0.5
    readout = Dense(1, initializer=Uniform(-edge, edge), use_bias=False)
    nodes = [("units", units, ("x", "h")), ("readout", readout, "units")]
    model = ln.Model(Graph({"x": (LENGTH, 1), "h": (UNITS,)}, nodes, "readout"), seed=seed, dtype=dtype)
    model.compile("half_squared_error", ln.optimizers.SGD(RATE), rule=rule)
    return model


def train(rule: Rule, trials: int, seed: int, dtype: str = "float32") -> Run:
    """Train by a rule; return the loss of each trial, and how W and B aligned."""
    model, run = network(rule, seed, dtype), Run()
    x, y = periodic_pattern(length=LENGTH)
    inputs = {"x": x, "h": np.full((1, UNITS), 0.1, "float32")}
    for _ in range(trials):
        run.losses.append(model.train_step(inputs, y).loss)
        if model.weight_alignment():
            run.alignment.append(next(iter(model.weight_alignment().values())))
    run.output = model.predict(inputs)[0, :, 0]
    return run


def draw(runs: dict[str, Run]) -> ln.plots.figures.Figure:
    """Draw learning curves, outputs and alignment."""
    figure = new_figure(12, 3.6)
    curves, outputs, angles = figure.subplots(1, 3)
    for name, run in runs.items():
        style = {"color": COLORS[name], "label": name}
        curves.loglog(np.arange(1, len(run.losses) + 1), run.losses, **style)
        outputs.plot(run.output, **style)
        if name == "rflo":
            angles.semilogx(np.arange(1, len(run.alignment) + 1), run.alignment, **style)
    target = outputs.plot(periodic_pattern(length=LENGTH)[1][0], "k:", label="target")
    outputs.legend(handles=target)
    curves.set(title="learning", xlabel="trial", ylabel="mean squared error / 2")
    outputs.set(title="output after training", xlabel="time", ylabel="y")
    angles.set(title="readout weights and their feedback", xlabel="trial", ylabel="cosine of W and B")
    if runs:
        curves.legend()
    return figure


def follows(exact: str, forwards: str, trials: int, seed: int, checks: Checks) -> None:
    """Check that an online rule equals backpropagation; in float64, as training amplifies rounding errors."""
    one, two = (train(RULES[name], trials, seed, "float64").losses for name in (exact, forwards))
    gap = max(abs(a - b) / a for a, b in zip(one, two, strict=True))
    what = f"{forwards} against {exact}, {trials} trials: relative gap"
    checks.add(what, "0", f"{gap:.1e}", gap < 1e-6)


def judge(name: str, runs: list[Run], limit: float, checks: Checks) -> None:
    """Check the paper's claims about a rule; for single approximations, only print how far they get."""
    firsts, lasts = ([run.losses[0] for run in runs], [float(np.mean(run.losses[-100:])) for run in runs])
    published, many = name in ("bptt", "rflo"), f", median of {len(runs)}" if len(runs) > 1 else ""
    first, last = float(np.median(firsts)), float(np.median(lasts))
    checks.add(f"{name}: loss of the first trial{many}", "0.3", f"{first:.3f}", 0.25 < first < 0.4)
    holds = last < limit if published else None
    checks.add(
        f"{name}: loss of the last 100 trials{many}", f"< {limit}" if published else "", f"{last:.5f}", holds
    )
    if published and len(runs) > 1:
        reached = sum(loss < 2 * limit for loss in lasts)
        checks.add(f"{name}: below {2 * limit}", "all", f"{reached} of {len(runs)}", reached >= len(runs) - 1)
    if name == "rflo":
        angle = float(np.median([run.alignment[-1] if run.alignment else np.nan for run in runs]))
        least = 0.3 if limit > 0.01 else 0.7  # with fewer trials
        checks.add(f"rflo: cosine of W and B at last{many}", f"> {least}", f"{angle:.2f}", angle > least)


def main(arguments: list[str] | None = None) -> None:
    """Train by each rule, and check the results."""
    options = parser(__doc__, __file__)
    options.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    options.add_argument("--trials", type=int, default=10_000)
    options.add_argument("--rtrl-trials", type=int, default=200, help="of rtrl, which takes longer")
    options.add_argument(
        "--seeds", type=int, nargs="+", default=list(range(9)), help="networks, nine in the paper"
    )
    given = options.parse_args(arguments)
    trials, exact, seeds, limit = given.trials, given.rtrl_trials, given.seeds, 2e-3
    if given.quick or given.short:
        trials, exact, seeds, limit = (3, 3, [0], limit) if given.quick else (1000, 5, [0], 2e-2)
    checks, drawn = Checks(given.quick), {}
    for name in given.rules:
        if name in FORWARDS:
            follows(FORWARDS[name], name, exact, seeds[0], checks)
        else:
            rule = RULES[name] if name == "bptt" else controlled(RULES[name], given.control)
            runs = [train(rule, trials, seed) for seed in (seeds if name in ("bptt", "rflo") else seeds[:1])]
            drawn[name] = runs[0]
            judge(name, runs, limit, checks)
    checks.finish(draw(drawn), given.figure)


if __name__ == "__main__":
    main()
