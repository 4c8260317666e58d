r"""Accuracy on MNIST for three classic settings, each with three seeds: ``python -m benchmarks.mnist``.

Trains on all 60,000 images; the figure is the accuracy on the 10,000 test images after the last epoch.
They are also commands (with --validation 0 and seeds 0, 1, 2):

lucidnet train mnist --hidden 128,64 --lr 0.0005 --batch-size 64 --epochs 10 --validation 0
lucidnet train mnist --hidden 100,50 --optimizer sgd --lr 0.02 --batch-size 10 --epochs 2 --validation 0
lucidnet train mnist --hidden 512,512 --dropout 0.2 --optimizer rmsprop --batch-size 128 --epochs 20 \
    --initializer glorot_uniform --validation 0
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import lucidnet as ln
from lucidnet.cli.data import open_task
from lucidnet.cli.train import Method, Network

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Case:
    """A network, and how it is trained."""

    title: str
    network: Network
    optimizer: str
    lr: float
    batch_size: int
    epochs: int

    def run(self, seed: int) -> float:
        """Return the test accuracy after the last epoch."""
        task = open_task("mnist")
        method = Method(self.optimizer, self.lr, None, self.epochs, self.batch_size, 0.0, seed)
        model = ln.Model(self.network.layers(task), seed=seed)
        model.compile("categorical_crossentropy", method.make(), ["accuracy"])
        model.fit(task.x, task.y, epochs=self.epochs, batch_size=self.batch_size, verbose=0)
        return model.evaluate(task.x_test, task.y_test).accuracy


CASES = (
    Case("784-128-64-10, Adam 0.0005, batch 64", Network("128,64", "relu", 0.0), "adam", 0.0005, 64, 10),
    Case("784-100-50-10, SGD 0.02, batch 10", Network("100,50", "relu", 0.0), "sgd", 0.02, 10, 2),
    Case(
        "784-512-512-10, dropout 0.2, RMSprop, batch 128",
        Network("512,512", "relu", 0.2, "glorot_uniform"),
        "rmsprop",
        0.001,
        128,
        20,
    ),
)


def main() -> None:
    """Run all cases; print a table."""
    print("| network | epochs | test accuracy, seeds 0, 1, 2 | mean |")
    print("| --- | ---: | --- | ---: |")
    for case in CASES:
        results = [case.run(seed) for seed in SEEDS]
        each = ", ".join(f"{100 * accuracy:.2f} %" for accuracy in results)
        mean = 100 * statistics.mean(results)
        print(f"| {case.title} | {case.epochs} | {each} | {mean:.2f} % |", flush=True)


if __name__ == "__main__":
    main()
