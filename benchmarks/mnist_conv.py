"""Convolutional networks on MNIST: accuracy after a few epochs, and the time.

``LUCIDNET_DATA=... python -m benchmarks.mnist_conv small|keras [--seeds 3]``
"""

from __future__ import annotations

import argparse
import time

import lucidnet as ln
from lucidnet.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    Layer,
    MaxPooling2D,
    ReLU,
)


def small() -> list[Layer]:
    """Three convolutions with batch normalization."""
    return [
        Input((28, 28, 1)),
        Conv2D(16, 5, use_bias=False),
        MaxPooling2D(2),
        BatchNormalization(0.9),
        ReLU(),
        Conv2D(32, 3, use_bias=False),
        BatchNormalization(0.9),
        ReLU(),
        Conv2D(64, 3, use_bias=False),
        MaxPooling2D(2),
        BatchNormalization(0.9),
        ReLU(),
        Flatten(),
        Dropout(0.3),
        Dense(10, "softmax"),
    ]


def keras() -> list[Layer]:
    """Keras' mnist_convnet."""
    return [
        Input((28, 28, 1)),
        Conv2D(32, 3, activation="relu"),
        MaxPooling2D(2),
        Conv2D(64, 3, activation="relu"),
        MaxPooling2D(2),
        Flatten(),
        Dropout(0.5),
        Dense(10, "softmax"),
    ]


def main() -> None:
    """Train for each seed; print the accuracy on the test images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net", choices=("small", "keras"))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    (x, y), (x_test, y_test) = ln.data.load("mnist")
    x, x_test = x.reshape(-1, 28, 28, 1), x_test.reshape(-1, 28, 28, 1)
    for seed in range(options.seeds):
        model = ln.Model(small() if options.net == "small" else keras(), seed=seed)
        model.compile("categorical_crossentropy", "adam", ["accuracy"])
        began = time.perf_counter()
        if options.net == "small":
            model.fit_one_cycle(x, y, epochs=6, max_lr=0.01, batch_size=128, verbose=0)
        else:
            model.fit(x, y, epochs=15, batch_size=128, verbose=0)
        seconds = time.perf_counter() - began
        accuracy = model.evaluate(x_test, y_test).accuracy
        print(f"seed {seed}: {100 * accuracy:.2f} % after {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
