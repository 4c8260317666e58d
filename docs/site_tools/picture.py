"""Draw the picture of the README: `python docs/site_tools/picture.py docs/_static/inside.png`."""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np

import lucidnet as ln
from lucidnet.layers import Dense, Input


def main(path: str) -> None:
    """Train three small networks, and draw what each of them is seen to do."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.5), dpi=110, layout="constrained")
    boundary(axes[0])
    weights(axes[1])
    angles(axes[2])
    figure.savefig(path)


def boundary(ax: plt.Axes) -> None:
    """Draw where a network puts the border between two spirals."""
    points, classes = ln.data.spirals(300, seed=0)
    model = ln.Model([Input(2), Dense(32, "tanh"), Dense(32, "tanh"), Dense(1, "sigmoid")], seed=0)
    model.compile("binary_crossentropy", ln.optimizers.Adam(0.01))
    model.fit(points, classes, epochs=150, verbose=0)
    ln.plots.decision_boundary(model, points, classes, ax=ax, title="what it has learned")


def weights(ax: plt.Axes) -> None:
    """Draw the weights of twelve hidden units that read digits, as pictures of the pixels."""
    (x, y), _ = ln.data.load("digits")
    model = ln.Model([Input(64), Dense(12, "relu", l2=0.01), Dense(10, "softmax")], seed=0)
    model.compile("categorical_crossentropy", "adam")
    model.fit(x, y, epochs=30, verbose=0)
    units = model.params["dense1"]["W"].reshape(8, 8, 3, 4)
    tiles = np.full((3, 9, 4, 9), np.nan)
    tiles[:, :8, :, :8] = units.transpose(2, 0, 3, 1)
    together = tiles.reshape(27, 36)[:-1, :-1]
    ln.plots.heat_map(np.nan_to_num(together), ax=ax, title="what each hidden unit looks for")
    ax.set(xticks=[], yticks=[], xlabel="", ylabel="")


def angles(ax: plt.Axes) -> None:
    """Draw how random feedback turns into a useful message."""
    (x, y), _ = ln.data.load("digits")
    model = ln.Model([Input(64), Dense(64, "tanh"), Dense(32, "tanh"), Dense(10, "softmax")], seed=0)
    model.compile("categorical_crossentropy", ln.optimizers.SGD(0.1), rule="fa")
    model.fit(x, y, epochs=30, verbose=0, record=["gradient_alignment"], record_every=10)
    steps = model.history.steps
    for name, colour in (("dense1", "#1d64a3"), ("dense2", "#a3520a")):
        step, cosine = np.array(steps[f"gradient_alignment/{name}"], float).T
        ax.plot(step, np.degrees(np.arccos(cosine)), color=colour, label=name)
    ax.axhline(90, color="#888888", linestyle="--", linewidth=1)
    ax.set(ylim=(0, 100), xlabel="step", ylabel="degrees from the true gradient")
    ax.set_title("random feedback learns to teach", loc="left")
    ax.legend(loc="lower right")


if __name__ == "__main__":
    main(sys.argv[1])
