"""The pictures of the reference: what each class does, drawn by the class itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import lucidnet as ln
from lucidnet.backend import Stream
from lucidnet.layers import Layer, Run
from lucidnet.optimizers import schedules
from lucidnet.plots.colors import signed_map

from .formulas import ACTIVATIONS

FIRST, SECOND, GREY = "#1d64a3", "#a3520a", "#767676"

SCHEDULES = {
    "Cosine": schedules.Cosine(0.1, 0.01, 40),
    "CosineRestarts": schedules.CosineRestarts(0.1, 0.01, 40),
    "Cyclic": schedules.Cyclic(0.01, 0.1, 20),
    "ExponentialDecay": schedules.ExponentialDecay(0.1, 0.9, 2),
    "Fixed": schedules.Fixed(0.1),
    "OneCycle": schedules.OneCycle(0.1, 100),
    "Piecewise": schedules.Piecewise([(0, 0.1), (40, 0.03), (80, 0.01)]),
    "Polynomial": schedules.Polynomial(0.1, 0.01, 40, 2.0),
    "Product": schedules.Product([schedules.Cosine(0.1, 0.01, 100), schedules.Cyclic(0.5, 1.0, 10)]),
    "Sequence": schedules.Sequence([schedules.Fixed(0.1), schedules.Cosine(0.1, 0.0, 50)], [50]),
    "StepDecay": schedules.StepDecay(0.1, 30, 0.5),
    "TimeDecay": schedules.TimeDecay(0.1, 0.05),
    "Warmup": schedules.Warmup(20, schedules.Cosine(0.1, 0.0, 80)),
}
"""One of each, for its picture and its example."""


def draw(page: str, name: str, path: Path) -> str | None:
    """Draw the picture of a class into a file, and return what it shows, in words; None if there is none."""
    drawer = DRAWERS.get(page)
    if drawer is None:
        return None
    figure = Figure(figsize=(4.6, 2.5), layout="tight")
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path", "font.size": 9}):
        told = drawer(name, figure)
        if told is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, metadata={"Date": None})
    return told


def _layer(name: str, figure: Figure) -> str | None:
    return _curve(name, figure) if name in ACTIVATIONS else _passes(name, figure)


def _curve(name: str, figure: Figure) -> str:
    """Draw an activation and its derivative."""
    layer, ax = getattr(ln.layers, name)(), figure.subplots()
    x = np.linspace(-4, 2 if name == "Exponential" else 4, 400)
    y, kept = layer.forward({}, x[:, None], Run())
    slope, _ = layer.backward({}, kept, np.ones_like(y))
    ax.plot(x, y[:, 0], color=FIRST, label="y")
    ax.plot(x, slope[:, 0], color=SECOND, linestyle="--", label="dy/dx")
    ax.axhline(0, color=GREY, linewidth=0.5)
    ax.axvline(0, color=GREY, linewidth=0.5)
    ax.set_xlabel("x")
    ax.legend(frameon=False)
    return f"{name} and, dashed, its derivative, over x"


def _passes(name: str, figure: Figure) -> str | None:
    """Draw what goes into the first sample of a layer, and what comes out, and the error on its way back."""
    kind = getattr(ln.layers, name)
    samples = list(kind.samples()) if isinstance(kind, type) else []
    if not samples:
        return None
    layer, shape = samples[0]
    if not isinstance(shape, tuple) or not all(isinstance(size, int) for size in shape):
        return None
    rng = np.random.default_rng(1)
    whole = name == "Embedding"
    x = rng.integers(0, 5, (3, *shape)) if whole else rng.normal(size=(3, *shape))
    params, _ = layer.init(Stream(0, dtype="float64"), shape)
    y, kept = layer.forward(params, x, Run(True, Stream(0, dtype="float64")))
    shown = {"in: x": x[0], "out: y": y[0]}
    if not whole:
        shown["back: dx, for dy = y"] = layer.backward(params, kept, y)[0][0]
    axes = np.atleast_1d(figure.subplots(1, len(shown)))
    for ax, (title, array) in zip(axes, shown.items(), strict=True):
        flat = np.asarray(array, float).reshape(-1, array.shape[-1] if array.ndim else 1)
        most = max(np.abs(flat).max(), 1e-9)
        ax.imshow(flat, cmap=signed_map(ax), vmin=-most, vmax=most)
        size = " x ".join(map(str, array.shape))
        ax.set_title(f"{title}\n{size}", fontsize=9)
        ax.set(xticks=[], yticks=[])
    return f"One example on its way through {name}: the numbers that go in, that come out, and that go back"


def _loss(name: str, figure: Figure) -> str | None:
    """Draw a loss and its slope over the prediction, for one target."""
    if name in ("Custom", "Joint"):
        return None
    loss, ax = getattr(ln.losses, name)(), figure.subplots()
    y = np.linspace(0.02, 0.98, 80)
    two = name in (
        "CategoricalCrossentropy",
        "SparseCategoricalCrossentropy",
        "KLDivergence",
        "CategoricalHinge",
        "CosineDistance",
    )
    prediction, target = y[:, None], np.full((80, 1), 1.0)
    label = "prediction, for the target 1"
    if name in ("MeanSquaredError", "HalfSquaredError", "MeanAbsoluteError", "Huber", "Hinge"):
        y = np.linspace(-2, 4, 80)
        prediction = y[:, None]
    elif name == "Poisson":
        y = np.linspace(0.2, 5, 80)
        prediction, target = y[:, None], np.full((80, 1), 2.0)
        label = "expected count, for the count 2"
    elif two:
        y = np.linspace(-2, 3, 80) if name in ("CategoricalHinge", "CosineDistance") else y
        prediction = np.stack([y, np.zeros_like(y) if name == "CategoricalHinge" else 1 - y], -1)
        target = np.tile([1.0, 0.0], (80, 1))
        label = (
            "prediction of the right class"
            if name != "CosineDistance"
            else "y, of (y, 1 - y); the target is (1, 0)"
        )
    if name == "SparseCategoricalCrossentropy":
        target = np.zeros(80, int)
    values = [float(loss.forward(prediction[k : k + 1], target[k : k + 1])[0]) for k in range(len(y))]
    slopes = [
        loss.backward(loss.forward(prediction[k : k + 1], target[k : k + 1])[1])[0, 0] for k in range(len(y))
    ]
    ax.plot(y, values, color=FIRST, label="L")
    ax.plot(y, slopes, color=SECOND, linestyle="--", label="dL/dy")
    ax.set_ylim(max(min(slopes), -6) - 0.2, min(max(values), 6) + 0.2)
    ax.set_xlabel(label)
    ax.legend(frameon=False)
    return f"{name} and, dashed, its slope, over the {label}"


def _schedule(name: str, figure: Figure) -> str:
    schedule, ax = SCHEDULES[name], figure.subplots()
    steps = np.arange(120)
    ax.plot(steps, [schedule(int(step)) for step in steps], color=FIRST)
    ax.set(xlabel="step", title=repr(schedule).replace("\n", "")[:70], ylim=(0, 0.105))
    ax.title.set_fontsize(8)
    return f"The value of {name} over 120 steps"


def _initializer(name: str, figure: Figure) -> str:
    ax = figure.subplots(1, 2, width_ratios=(1, 1.6))
    initializer = getattr(ln.initializers, name)()
    initializer = initializer.before(2.0) if name == "Fitting" else initializer
    W = np.asarray(initializer(Stream(0), (60, 40)))
    most = max(float(np.abs(W).max()), 1e-9)
    ax[0].imshow(W, cmap=signed_map(ax[0]), vmin=-most, vmax=most)
    ax[0].set(xticks=[], yticks=[], xlabel="40 units", ylabel="60 inputs")
    ax[1].hist(W.ravel(), bins=40, color=FIRST)
    ax[1].set(xlabel="first weight", yticks=[])
    return f"60 by 40 weights drawn by {name}, and their histogram"


def _optimizer(name: str, figure: Figure) -> str | None:
    """Draw the way down into a long valley, with the rate that an optimizer has if none is given, made larger."""
    kind = getattr(ln.optimizers, name)
    rates = {"SGD": 0.08, "Adam": 0.1, "AdamW": 0.1, "Adamax": 0.1, "Nadam": 0.1, "Adagrad": 0.3, "RMSprop": 0.05,
             "Adadelta": 20.0, "Lion": 0.05, "LAMB": 0.05}  # fmt: skip
    if name not in rates:
        return None
    ax, optimizer, curve = figure.subplots(), kind(rates[name]), np.array([1.0, 20.0])
    params, way = {"p": np.array([-2.0, 0.8])}, [np.array([-2.0, 0.8])]
    state = optimizer.init(params)
    for _ in range(60):
        params, state = optimizer.update({"p": curve * params["p"]}, state, params)
        way.append(params["p"])
    a, b = np.meshgrid(np.linspace(-2.4, 1, 40), np.linspace(-1.1, 1.1, 30))
    ax.contour(a, b, np.sqrt(a * a + curve[1] * b * b), levels=9, colors=GREY, linewidths=0.5)
    ax.plot(*np.array(way).T, ".-", color=FIRST, markersize=3, linewidth=1)
    ax.plot(0, 0, "x", color=SECOND)
    ax.set(xticks=[], yticks=[], title=f"60 steps of {name}({rates[name]})")
    return f"60 steps of {name} down a valley that is 20 times as steep across as along; the cross is the lowest point"


def _rule(name: str, figure: Figure) -> str | None:
    """Draw the angle between a rule's gradient and the true one while a small network learns."""
    kind = getattr(ln.rules, name)
    through_time = issubclass(kind, ln.rules.TimeRule)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, x, y = _recurrent() if through_time else _feedforward()
        rule = ln.rules.Rule(ln.rules.Backprop(), kind()) if through_time else ln.rules.Rule(kind())
        model.compile("mse", ln.optimizers.SGD(0.05), rule=rule)
        layer = "leakyrnn1" if through_time else "dense1"
        angles = []
        for _ in range(25):
            mine = model.gradients(x, y)[layer]["W"].ravel()
            true = model.gradients(x, y, rule="backprop")[layer]["W"].ravel()
            size = np.linalg.norm(mine) * np.linalg.norm(true)
            angles.append(np.degrees(np.arccos(np.clip(mine @ true / size, -1, 1))) if size else np.nan)
            for _ in range(5):
                model.train_step(x, y)
    ax = figure.subplots()
    ax.plot(5 * np.arange(25), angles, color=FIRST)
    ax.axhline(90, color=GREY, linestyle="--", linewidth=0.8)
    ax.set(ylim=(-3, 120), xlabel="step", ylabel="degrees from backprop", yticks=(0, 45, 90))
    return f"The angle between the gradient of {name} and the true one, in the first layer, while a small network learns; above 90 degrees, dashed, a step is uphill"


def _feedforward() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 10))
    layers: list[Layer] = [ln.layers.Input(10), ln.layers.Dense(20, "tanh"), ln.layers.Dense(3)]
    return ln.Model(layers, seed=0), x, np.tanh(x @ rng.normal(size=(10, 3)))


def _recurrent() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    wave = np.sin(rng.uniform(0, 6, (8, 1)) + 0.3 * np.arange(20))[..., None]
    layers = [
        ln.layers.Input((None, 1)),
        ln.layers.LeakyRNN(10, tau=3.0, return_sequences=True),
        ln.layers.Dense(1),
    ]
    return ln.Model(layers, seed=0), wave[:, :-5], wave[:, 5:]


DRAWERS: dict[str, Callable[[str, Figure], str | None]] = {
    "layers": _layer,
    "losses": _loss,
    "optimizers": _optimizer,
    "schedules": _schedule,
    "initializers": _initializer,
    "rules": _rule,
}
