"""Every picture that the library draws, for eyes: ``python tests/plots/gallery.py FOLDER [light|dark]``.

Each goes to a PNG of 100 dots an inch, as a notebook shows it; none is wider than 720 pixels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import lucidnet as ln
from lucidnet import layers as L
from lucidnet import plots
from lucidnet.layers import Conv2D, Dense, Input

Case = tuple[str, Callable[..., Any]]


def model(net: Any, loss: str = "mse", optimizer: Any = "adam", **more: Any) -> Any:
    made = ln.Model(net, seed=0)
    made.compile(loss, optimizer, **more)
    return made


def curves() -> Iterator[Case]:
    rng = np.random.default_rng(0)
    falling = np.exp(-np.arange(40) / 8)
    history = {
        "loss": (falling + 0.02 * rng.random(40)).tolist(),
        "val_loss": (falling + 0.1 + 0.05 * rng.random(40)).tolist(),
        "accuracy": (1 - falling * 0.8).tolist(),
        "val_accuracy": (0.95 - falling * 0.8).tolist(),
    }
    yield "training_curves", lambda **o: plots.training_curves(history, **o)
    yield (
        "training_curves_one_epoch",
        lambda **o: plots.training_curves({"loss": [0.5], "val_loss": [0.7]}, **o),
    )
    broken = {"loss": [1.0, 0.5, float("nan"), 0.2, float("inf"), 0.1]}
    yield "training_curves_nan", lambda **o: plots.training_curves(broken, **o)
    six = {name: history["loss"] for name in ["loss", "accuracy", "recall", "precision", "f1", "auc"]}
    yield "training_curves_six", lambda **o: plots.training_curves(six, **o)
    rates = np.geomspace(1e-6, 1, 80)
    losses = (
        2 - 1.2 / (1 + np.exp(-3 * (np.log10(rates) + 2))) + 5 * np.maximum(0, np.log10(rates) + 0.6) ** 2
    )
    yield "learning_rate_finder", lambda **o: plots.learning_rate_finder(rates, losses, 1e-2, **o)
    yield "overview", lambda **o: plots.overview(history, rng.normal(size=(64, 30)), **o)
    yield "overview_table", lambda **o: plots.overview(history, rng.normal(size=(13, 8)), **o)


def weights() -> Iterator[Case]:
    rng = np.random.default_rng(1)
    yield "heat_map", lambda **o: plots.heat_map(rng.normal(size=(12, 20)), **({"title": "dense1.W"} | o))
    yield "heat_map_wide", lambda **o: plots.heat_map(rng.normal(size=(3, 300)), **o)
    yield "heat_map_bias", lambda **o: plots.heat_map(rng.normal(size=16), **o)
    holes = rng.normal(size=(6, 8))
    holes[2, 3:5] = np.nan
    yield "heat_map_nan", lambda **o: plots.heat_map(holes, **o)
    yield "first_layer_weights", lambda **o: plots.first_layer_weights(rng.normal(size=(784, 64)), **o)
    yield "first_layer_colours", lambda **o: plots.first_layer_weights(rng.normal(size=(192, 9)), **o)
    net = [
        Input((16, 16, 1)),
        Conv2D(6, 3, activation="relu"),
        Conv2D(8, 3, activation="tanh"),
        L.Flatten(),
        Dense(10),
    ]
    seen = model(net)
    image = np.exp(-((np.mgrid[:16, :16] - 7.5) ** 2).sum(0) / 20)[..., None]
    yield "convolution_filters", lambda **o: plots.convolution_filters(seen, **o)
    yield "convolution_filters_channels", lambda **o: plots.convolution_filters(seen, "conv2d2", **o)
    yield "feature_maps_relu", lambda **o: plots.feature_maps(seen, image, **o)
    yield "feature_maps_tanh", lambda **o: plots.feature_maps(seen, image, "conv2d2", **o)
    logits = rng.normal(size=(4, 9, 9))
    shares = np.exp(2 * logits) / np.exp(2 * logits).sum(-1, keepdims=True)
    tokens = ["the", "black", "cat", "sat", "on", "the", "mat", "and", "slept"]
    yield "attention_weights", lambda **o: plots.attention_weights(shares, tokens, **o)
    yield "attention_long", lambda **o: plots.attention_weights(rng.random((2, 60, 60)), **o)
    som = ln.SelfOrganizingMap(8, 12, seed=0).fit(ln.data.gaussians(200, classes=3, seed=0)[0], epochs=5)
    yield "self_organizing_map", lambda **o: som.plot(**o)


def predictions() -> Iterator[Case]:
    rng = np.random.default_rng(2)
    matrix = rng.integers(0, 12, (10, 10)) + np.diag(rng.integers(60, 120, 10))
    yield "confusion_matrix", lambda **o: plots.confusion_matrix(matrix, **o)
    names = ["airplane", "automobile", "bird"]
    yield (
        "confusion_names",
        lambda **o: plots.confusion_matrix([[90, 2, 8], [30, 70, 0], [1, 99, 0]], names, **o),
    )
    many = rng.integers(0, 2, (100, 100)) + np.diag(rng.integers(60, 120, 100))
    yield "confusion_100", lambda **o: plots.confusion_matrix(many, **o)
    huge = np.zeros((1000, 1000), int)
    huge[np.arange(1000), np.where(rng.random(1000) < 0.1, rng.integers(0, 1000, 1000), np.arange(1000))] = 5
    yield "confusion_1000", lambda **o: plots.confusion_matrix(huge, **o)
    yield "confusion_one", lambda **o: plots.confusion_matrix([[7]], **o)
    p = rng.dirichlet(np.ones(10), 200)
    yield (
        "worst_mistakes",
        lambda **o: plots.worst_mistakes(rng.random((200, 64)), rng.integers(0, 10, 200), p, **o),
    )
    two = rng.dirichlet(np.ones(3), 60)
    yield (
        "worst_mistakes_table",
        lambda **o: plots.worst_mistakes(
            rng.random((60, 4)), rng.integers(0, 3, 60), two, classes=names, **o
        ),
    )
    yield (
        "no_mistakes",
        lambda **o: plots.worst_mistakes(rng.random((2, 4)), [0, 1], [[0.9, 0.1], [0.2, 0.8]], **o),
    )
    x, y = ln.data.moons(200, seed=0)
    one = model(
        [Input(2), Dense(16, "tanh"), Dense(1, "sigmoid")], "binary_crossentropy", ln.optimizers.Adam(0.05)
    )
    one.fit(x, y, epochs=20, verbose=0)
    yield "decision_boundary", lambda **o: plots.decision_boundary(one, x, y, **o)
    blobs, labels = ln.data.gaussians(300, classes=5, seed=0)
    five = model(
        [Input(2), Dense(16, "tanh"), Dense(5, "softmax")],
        "categorical_crossentropy",
        ln.optimizers.Adam(0.05),
    )
    five.fit(blobs, labels, epochs=20, verbose=0)
    yield "decision_boundary_five", lambda **o: plots.decision_boundary(five, blobs, labels, **o)


def training() -> Iterator[Case]:
    (x, y), _ = ln.data.load("digits")
    x, y = x[:400], y[:400]
    net = [Input(64), Dense(32, "relu"), Dense(24, "relu"), Dense(16, "tanh"), Dense(10, "softmax")]
    fa = model(net, "categorical_crossentropy", rule="fa")
    kinds = ["gradient_alignment", "weight_alignment", "activations/*"]
    fa.fit(x, y, epochs=20, verbose=0, record=kinds, record_every=5)
    history = fa.history
    yield "alignment", lambda **o: plots.alignment(history, **o)
    yield (
        "alignment_exact",
        lambda **o: plots.alignment({"gradient_alignment/dense1": [(0, 1.0), (9, 1.0)]}, **o),
    )
    yield "feedback_weights", lambda **o: plots.feedback_weights(fa, **o)
    yield "activation_histograms", lambda **o: plots.activation_histograms(history, **o)
    yield "gradient_flow", lambda **o: plots.gradient_flow(fa, x[:50], y[:50], **o)
    deep = model(
        [Input(64), *[Dense(16, "sigmoid") for _ in range(30)], Dense(10, "softmax")],
        "categorical_crossentropy",
    )
    yield "gradient_flow_deep", lambda **o: plots.gradient_flow(deep, x[:50], y[:50], **o)
    yield "loss_surface", lambda **o: plots.loss_surface(fa, x[:50], y[:50], points=15, **o)
    yield "loss_surface_line", lambda **o: plots.loss_surface(fa, x[:50], y[:50], directions=1, **o)
    race = ln.race(fa, (x, y), ["backprop", "fa", "dfa", "usf", "kp"], seeds=3, epochs=6, verbose=0)
    yield "race", lambda **o: race.plot(**o)
    leaky = model([Input((6, 3)), L.LeakyRNN(8), Dense(1)])
    steps = np.random.default_rng(0).normal(size=(120, 6, 3)).astype("f")
    twins = ln.race(
        leaky,
        (steps, steps.sum((1, 2))[:, None]),
        ["backprop", "rflo", "eprop"],
        seeds=2,
        epochs=5,
        verbose=0,
    )
    yield "race_equal", lambda **o: twins.plot(**o)


@cache
def networks() -> dict[str, Any]:
    """Return networks of all forms, by name."""
    block = L.Sequential([Conv2D(8, 3, padding="same", activation="relu"), Conv2D(8, 3, padding="same")])
    twin = L.Graph(
        inputs={"left": (4,), "right": (4,)},
        nodes=[
            ("code", Dense(3, "tanh"), "left"),
            ("other", "code", "right"),
            ("both", L.Concatenate(), ("code", "other")),
            ("alike", Dense(1, "sigmoid"), "both"),
            ("size", Dense(2), "both"),
        ],
        outputs=("alike", "size"),
    )
    wide = [Input(8), L.Concatenate([Dense(4, "tanh") for _ in range(12)]), Dense(1)]
    return {
        "tiny": model([Input(2), Dense(1)]),
        "dense": model(
            [Input(784), Dense(100, "relu"), L.Dropout(0.5), Dense(10, "softmax")], "categorical_crossentropy"
        ),
        "fa": model([Input(64), *[Dense(32, "tanh") for _ in range(4)], Dense(10)], rule="fa"),
        "dfa": model([Input(64), *[Dense(32, "tanh") for _ in range(4)], Dense(10)], rule="dfa"),
        "mixed": model(
            [Input(9), Dense(8, "tanh"), Dense(7, "tanh", rule="dfa"), Dense(6, "tanh"), Dense(2)], rule="fa"
        ),
        "residual": model(
            [
                Input((28, 28, 1)),
                Conv2D(8, 3, padding="same"),
                L.Residual(block),
                L.Residual(block),
                L.GlobalAveragePooling2D(),
                Dense(10),
            ]
        ),
        "branches": model(
            [
                Input(8),
                L.Concatenate([Dense(4, "tanh"), L.Sequential([Dense(16, "relu"), Dense(4)])]),
                Dense(1),
            ],
            rule="usf",
        ),
        "twins": model(twin, {"alike": "binary_crossentropy", "size": "mse"}, rule="fa"),
        "recurrent": model([Input((None, 3)), L.LeakyRNN(16), Dense(1)], rule=ln.rules.Rule("fa", "rflo")),
        "transformer": model(
            [
                Input((None,)),
                L.Embedding(50, 16),
                L.TransformerBlock(2, 16),
                L.TransformerBlock(2, 16),
                Dense(50),
            ]
        ),
        "noise": model([Input(2), Dense(8, "tanh"), Dense(1)], rule="np"),
        "deep": model([Input(64), *[Dense(16, "tanh") for _ in range(98)], Dense(10)], rule="fa"),
        "deep_dfa": model([Input(64), *[Dense(16, "tanh") for _ in range(38)], Dense(10)], rule="dfa"),
        "very_deep": model([Input(64), *[Dense(4, "tanh") for _ in range(398)], Dense(10)]),
        "wide": model(wide),
    }


def architectures() -> Iterator[Case]:
    for name, made in networks().items():
        yield f"architecture_{name}", lambda made=made, **o: plots.architecture(made, **o)


def cases() -> Iterator[Case]:
    """Yield name and function of every picture."""
    for part in (curves, weights, predictions, training, architectures):
        yield from part()


def main(folder: str, style: str = "", only: str = "") -> None:
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for name, draw in cases():
        if only in name:
            figure = draw(**({"style": style} if style else {}))
            figure.savefig(place / f"{name}.png", dpi=100)


if __name__ == "__main__":
    main(*sys.argv[1:])
