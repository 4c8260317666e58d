"""One cycle against the best constant rate: the same accuracy in a third of the epochs.

A LeNet on MNIST (needs the data set; see `lucidnet.data.load`), SGD with momentum 0.9, three seeds.
Constant rates are tried for all epochs, and the best of them is compared with one cycle in a third as many
(Smith & Topin 2018, "Super-convergence"). Prints a table and draws one_cycle.png.

    python examples/experiments/one_cycle.py
"""

from __future__ import annotations

import argparse

import numpy as np

import lucidnet as ln
from lucidnet.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D

CONSTANT = (0.01, 0.03, 0.1)
PEAK = 0.1


def lenet(seed: int, rate: float) -> ln.Model:
    """Return LeNet-5 with ReLU and max pooling (after LeCun et al. 1998)."""
    layers = [
        Input((28, 28, 1)),
        Conv2D(6, 5, padding="same", activation="relu", initializer="he_normal"),
        MaxPooling2D(2),
        Conv2D(16, 5, activation="relu", initializer="he_normal"),
        MaxPooling2D(2),
        Flatten(),
        Dense(120, "relu", initializer="he_normal"),
        Dense(84, "relu", initializer="he_normal"),
        Dense(10, "softmax"),
    ]
    model = ln.Model(layers, seed=seed)
    model.compile("categorical_crossentropy", ln.optimizers.SGD(rate, momentum=0.9), ["accuracy"])
    return model


def main() -> None:
    """Train, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12, help="epochs at a constant rate")
    parser.add_argument("--examples", type=int, default=15_000, help="images to train on")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    (x, y), (x_test, y_test) = ln.data.load("mnist")
    x, y = x[: options.examples].reshape(-1, 28, 28, 1), y[: options.examples]
    x_test = x_test.reshape(-1, 28, 28, 1)
    third = max(1, options.epochs // 3)

    def curves(rate: float, cycle: bool) -> np.ndarray:
        """Return the test accuracy after each epoch, for each seed."""
        found = []
        for seed in range(options.seeds):
            model = lenet(seed, rate)
            settings = {"batch_size": 64, "validation_data": (x_test, y_test), "verbose": 0}
            if cycle:
                model.fit_one_cycle(x, y, epochs=third, max_lr=PEAK, **settings)
            else:
                model.fit(x, y, epochs=options.epochs, **settings)
            found.append(model.history["val_accuracy"])
        return np.array(found)

    results = {f"constant {rate:g}, {options.epochs} epochs": curves(rate, False) for rate in CONSTANT}
    results[f"one cycle to {PEAK:g}, {third} epochs"] = curves(PEAK, True)
    for name, values in results.items():
        last = ", ".join(f"{100 * value:.2f}" for value in values[:, -1])
        print(f"{name:<28} test accuracy {last} %, mean {100 * values[:, -1].mean():.2f} %")
    draw(results)


def draw(results: dict[str, np.ndarray]) -> None:
    """Draw the mean accuracy of each method over the epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, values in results.items():
        axes.plot(
            np.arange(1, values.shape[1] + 1), 100 * values.mean(0), marker="o", markersize=3, label=name
        )
    axes.set(
        xlabel="epoch", ylabel="test accuracy (%)", ylim=(96, 99.5), title="LeNet on MNIST, mean of the seeds"
    )
    axes.legend(frameon=False, loc="lower right")
    figure.savefig("one_cycle.png", dpi=150)


if __name__ == "__main__":
    main()
