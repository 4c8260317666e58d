"""Lillicrap et al. 2016, "Random synaptic feedback weights support error backpropagation", figures 1 and 3.

Figure 1: a linear network 30-20-10 learns a random matrix, by backpropagation (BP) and by feedback alignment
(FA), one example at a time. Both learn it, and the hidden layer's error by random weights, B e, turns towards
that of backpropagation, W^T e. (FA is ahead at first because B is larger than the first W.)

Figure 3: a network 30-20-10-10 of tanh units is taught by one of its own kind. With FA it ends below what
30-20-10 reaches by backpropagation: the error passes two random matrices, and both hidden layers learn.

    python examples/papers/lillicrap_linear.py

(Nature Communications 7, 13276.) T within +-1, B within +-0.5 and the rate 0.001 are those of the paper's
figure 1. Batches of ten at a rate of 0.005 per example, in the tanh task, are ours, for time's sake.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from common import Checks, controlled, parser, row_angle

import lucidnet as ln
from lucidnet.initializers import Uniform
from lucidnet.layers import Dense, Input
from lucidnet.plots.figures import BLUE, VERMILLION, new_figure
from lucidnet.rules import FeedbackAlignment

FA = FeedbackAlignment(Uniform(-0.5, 0.5))
LINEAR = {"BP": ((20,), "backprop"), "FA": ((20,), FA)}
DEEP = {
    "3 layers, BP": ((20,), "backprop"),
    "4 layers, BP": ((20, 10), "backprop"),
    "4 layers, FA": ((20, 10), FA),
}
COLORS = {
    "BP": "black",
    "FA": VERMILLION,
    "3 layers, BP": BLUE,
    "4 layers, BP": "black",
    "4 layers, FA": VERMILLION,
}
Curves = dict[str, np.ndarray]


def network(
    hidden: tuple[int, ...], activation: str, start: float, rule: object, rate: float, seed: int
) -> ln.Model:
    """Return a network with weights within +-start, and with biases unless it is linear."""
    settings = {"use_bias": activation != "linear", "initializer": Uniform(-start, start)}
    layers = [Dense(units, activation, **settings) for units in hidden]
    model = ln.Model([Input(30), *layers, Dense(10, **settings)], seed=seed, dtype="float64")
    model.compile("half_squared_error", ln.optimizers.SGD(rate), rule=rule)
    return model


def train(
    model: ln.Model, teacher: Callable[[np.ndarray], np.ndarray], examples: int, batch: int, seed: int
) -> np.ndarray:
    """Train on fresh examples; return at 100 moments how many were seen, the test error, and the angle."""
    rng, rows, each = np.random.default_rng(seed), [], max(1, examples // 100)
    x_test = rng.normal(size=(500, 30))
    y_test = teacher(x_test)
    for seen in range(0, examples + 1, each):
        e = model.predict(x_test) - y_test
        rows.append((seen, (e * e).sum() / ((y_test - y_test.mean(0)) ** 2).sum(), angle(model, e)))
        x = rng.normal(size=(each, 30))
        model.fit(x, teacher(x), batch_size=batch, shuffle=False, verbose=0)
    return np.array(rows).T


def angle(model: ln.Model, e: np.ndarray) -> float:
    """Return the mean angle in degrees between B e and W^T e, two errors of the last hidden layer."""
    last = list(model.params)[-1]
    if last not in model.feedback:
        return 0.0
    return row_angle(e @ model.feedback[last]["W"].T, e @ model.params[last]["W"].T)


def linear(trials: int, examples: int, control: str | None = None) -> Curves:
    """Run figure 1; return the mean curves. A control replaces FA."""
    runs: dict[str, list[np.ndarray]] = {name: [] for name in LINEAR}
    for seed in range(trials):
        T = np.random.default_rng(1000 + seed).uniform(-1, 1, (30, 10))
        for name, (hidden, rule) in LINEAR.items():
            own = controlled(rule, control) if name == "FA" else rule
            model = network(hidden, "linear", 0.01, own, 0.001, seed)
            runs[name].append(train(model, lambda x, T=T: x @ T, examples, 1, seed))
    return {name: np.mean(made, axis=0) for name, made in runs.items()}


def deep(trials: int, examples: int, control: str | None = None) -> Curves:
    """Run figure 3; return the mean curves. A control replaces FA."""
    runs: dict[str, list[np.ndarray]] = {name: [] for name in DEEP}
    for seed in range(trials):
        teacher = network((20, 10), "tanh", 1.0, "backprop", 0.0, 1000 + seed)
        for name, (hidden, rule) in DEEP.items():
            own = controlled(rule, control) if "FA" in name else rule
            model = network(hidden, "tanh", 0.1, own, 0.05, seed)
            runs[name].append(train(model, teacher.predict, examples, 10, seed))
    return {name: np.mean(made, axis=0) for name, made in runs.items()}


def judge_linear(curves: Curves, checks: Checks) -> None:
    """Check the curves of figure 1."""
    for name, (seen, error, _) in curves.items():
        checks.add(f"linear, {name}: error at last", "about 0", f"{error[-1]:.1e}", error[-1] < 1e-3)
        below = f"{seen[(error < 0.01).argmax()]:.0f}" if error.min() < 0.01 else "never"
        checks.add(f"linear, {name}: examples until the error is 1 %", "", below)
    angles = curves["FA"][2]
    checks.add(
        "linear, FA: angle of B e and W^T e at first", "about 90", f"{angles[0]:.0f}", 75 < angles[0] < 105
    )
    checks.add("linear, FA: angle of B e and W^T e at last", "< 45", f"{angles[-1]:.0f}", angles[-1] < 45)


def judge_deep(curves: Curves, checks: Checks) -> None:
    """Check the curves of figure 3."""
    shallow, backprop, ours = (error[-1] for _, error, _ in curves.values())
    checks.add("tanh, 3 layers, BP: error at last", "", f"{shallow:.4f}")
    checks.add("tanh, 4 layers, BP: error at last", "", f"{backprop:.4f}")
    checks.add("tanh, 4 layers, FA: error at last", "below 3 layers", f"{ours:.4f}", ours < shallow)


def draw(first: Curves, third: Curves) -> ln.plots.figures.Figure:
    """Draw errors and angles."""
    figure = new_figure(12, 3.6)
    left, middle, right = figure.subplots(1, 3)
    for axes, curves, title in ((left, first, "linear task"), (right, third, "tanh task")):
        for name, (seen, error, _) in curves.items():
            axes.semilogy(seen, error, color=COLORS[name], label=name)
        axes.set(xlabel="examples", ylabel="error / variance of the target", title=title)
        axes.legend(frameon=False)
    middle.plot(first["FA"][0], first["FA"][2], color=VERMILLION)
    middle.axhline(45, color="0.6", linestyle=":")
    middle.set(
        xlabel="examples", ylabel="degrees", ylim=(0, 100), title="angle of B e and W$^T$ e, linear task"
    )
    return figure


def main(arguments: list[str] | None = None) -> None:
    """Run both figures, and check them."""
    options = parser(__doc__, __file__)
    options.add_argument("--trials", type=int, default=5, help="targets, each with its own first weights")
    options.add_argument("--examples", type=int, default=10_000, help="of the linear task")
    options.add_argument("--deep-examples", type=int, default=400_000, help="of the tanh task")
    given = options.parse_args(arguments)
    checks, trials = Checks(given.quick), 1 if given.quick or given.short else given.trials
    first = linear(trials, 200 if given.quick else given.examples, given.control)
    judge_linear(first, checks)
    examples = 200 if given.quick else 40_000 if given.short else given.deep_examples
    third = deep(trials, examples, given.control)
    judge_deep(third, checks)
    checks.finish(draw(first, third), given.figure)


if __name__ == "__main__":
    main()
