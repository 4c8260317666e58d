"""The adding problem over 100 time steps: an LSTM, and a ReLU network with an identity start.

Both end well below chance, which is a mean squared error of 1/6 (Hochreiter & Schmidhuber 1997; Le, Jaitly &
Hinton 2015). A plain tanh network does not.

    python examples/experiments/adding.py
"""

from __future__ import annotations

import argparse
import time

import lucidnet as ln
from lucidnet.data.tasks import adding
from lucidnet.layers import LSTM, Dense, Input, SimpleRNN
from lucidnet.optimizers import Adam, ClipGlobalNorm

LENGTH = 100
NETS = {
    "LSTM, 64 units": (LSTM(64), 0.005),
    "IRNN, 100 units": (
        SimpleRNN(
            100,
            activation="relu",
            recurrent_initializer="identity",
            initializer=ln.initializers.Normal(0.001),
        ),
        0.001,
    ),
    "tanh, 100 units": (SimpleRNN(100), 0.001),
}


def main() -> None:
    """Train each network on fresh sequences; print its error on others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="of 5,000 fresh sequences each")
    options = parser.parse_args()
    x_test, y_test = adding(2000, LENGTH, seed=10_000)
    print(f"chance: {1 / 6:.4f}")
    for name, (layer, rate) in NETS.items():
        model = ln.Model([Input((LENGTH, 2)), layer, Dense(1)], seed=0)
        model.compile("mse", Adam(rate, clip=ClipGlobalNorm(1.0)))
        began = time.perf_counter()
        for seed in range(options.rounds):
            model.fit(*adding(5000, LENGTH, seed=seed), batch_size=50, verbose=0)
        error = model.evaluate(x_test, y_test).loss
        print(f"{name:<16} mean squared error {error:.4f}  {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
