"""The same network in lucidnet, PyTorch (eager) and scikit-learn, each as its users would write it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

import lucidnet as ln
from lucidnet.layers import Dense, Input

Work = Callable[[], object]
"""A function to time."""


@dataclass(frozen=True)
class Setting:
    """A network 784-hidden-10 with ReLU and softmax, a batch size and an optimizer."""

    hidden: tuple[int, ...]
    batch: int
    optimizer: str
    learning_rate: float

    def __str__(self) -> str:
        sizes = "-".join(map(str, (784, *self.hidden, 10)))
        return f"{sizes}, batch {self.batch}, {self.optimizer}"


class Contender(Protocol):
    """A network of a setting in one of the libraries, with data to train it on."""

    def step(self) -> object:
        """Make one training step."""

    def epoch(self) -> object:
        """Train for one epoch."""

    def predict(self, rows: int) -> Work:
        """Return a function that predicts so many rows."""


class Lucidnet:
    """lucidnet on NumPy."""

    def __init__(self, setting: Setting, x: Any, y: Any) -> None:
        layers = [Dense(units, activation="relu") for units in setting.hidden]
        self.model = ln.Model([Input(784), *layers, Dense(10, activation="softmax")], seed=0)
        kind = ln.optimizers.KNOWN[setting.optimizer]
        optimizer = kind(setting.learning_rate)
        self.model.compile(loss="categorical_crossentropy", optimizer=optimizer)
        self.x, self.y, self.batch = x, y, setting.batch

    def step(self) -> object:
        return self.model.train_step(self.x[: self.batch], self.y[: self.batch]).loss

    def epoch(self) -> object:
        return self.model.fit(self.x, self.y, epochs=1, batch_size=self.batch, verbose=0)

    def predict(self, rows: int) -> Work:
        x = self.x[:rows].copy()
        return lambda: self.model.predict(x)


class PyTorch:
    """PyTorch in eager mode; batches are taken by index, which is faster than a DataLoader."""

    def __init__(self, setting: Setting, x: Any, y: Any) -> None:
        import torch

        self.torch = torch
        widths = (784, *setting.hidden)
        layers: list[Any] = []
        for a, b in pairwise(widths):
            layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
        self.net = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], 10))
        kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[setting.optimizer]
        self.optimizer = kind(self.net.parameters(), lr=setting.learning_rate)
        self.loss = torch.nn.CrossEntropyLoss()
        self.x, self.y, self.batch = torch.from_numpy(x), torch.from_numpy(y), setting.batch

    def train(self, x: Any, y: Any) -> float:
        self.optimizer.zero_grad()
        loss = self.loss(self.net(x), y)
        loss.backward()
        self.optimizer.step()
        return float(loss.item())

    def step(self) -> object:
        return self.train(self.x[: self.batch], self.y[: self.batch])

    def epoch(self) -> object:
        total = 0.0
        for rows in self.torch.randperm(len(self.x)).split(self.batch):
            total += self.train(self.x[rows], self.y[rows])
        return total

    def predict(self, rows: int) -> Work:
        x = self.x[:rows].numpy().copy()

        def work() -> object:
            with self.torch.inference_mode():
                return self.torch.softmax(self.net(self.torch.from_numpy(x)), -1).numpy()

        return work


class ScikitLearn:
    """scikit-learn's MLPClassifier; a step is `partial_fit` on one batch."""

    def __init__(self, setting: Setting, x: Any, y: Any) -> None:
        from sklearn.neural_network import MLPClassifier

        self.classifier = MLPClassifier(
            setting.hidden,
            solver=setting.optimizer,
            batch_size=setting.batch,
            learning_rate_init=setting.learning_rate,
            momentum=0.0,
            alpha=0.0,
            random_state=0,
        )
        self.x, self.y, self.batch = x, y, setting.batch
        self.classifier.partial_fit(x[: self.batch], y[: self.batch], classes=np.arange(10))

    def step(self) -> object:
        return self.classifier.partial_fit(self.x[: self.batch], self.y[: self.batch])

    def epoch(self) -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.classifier.partial_fit(self.x, self.y)

    def predict(self, rows: int) -> Work:
        x = self.x[:rows].copy()
        return lambda: self.classifier.predict_proba(x)


ALL: dict[str, Callable[[Setting, Any, Any], Contender]] = {
    "lucidnet": Lucidnet,
    "PyTorch": PyTorch,
    "scikit-learn": ScikitLearn,
}
