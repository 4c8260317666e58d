"""What `lucidnet train mnist` does, as a PyTorch script: ``python startup_in_torch.py EPOCHS``.

Batches are taken by index, which is faster than a DataLoader.
"""

import gzip
import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn


def read(name: str, header: int) -> np.ndarray:
    """Return the bytes of an IDX file."""
    with gzip.open(Path(os.environ["LUCIDNET_DATA"]) / "mnist" / name) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def load(part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images, with pixels from 0 to 1, and labels."""
    images = read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype(np.float32) / 255
    labels = read(f"{part}-labels-idx1-ubyte.gz", 8).astype(np.int64)
    return torch.from_numpy(images), torch.from_numpy(labels)


def measure(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Return the mean loss and accuracy."""
    net.eval()
    with torch.no_grad():
        z = net(x)
        loss = nn.functional.cross_entropy(z, y).item()
        return loss, (z.argmax(1) == y).float().mean().item()


def main() -> None:
    """Train, and print a line for each epoch."""
    torch.manual_seed(0)
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    x, y = load("train")
    order = torch.randperm(len(x))
    held, kept = order[: len(x) // 10], order[len(x) // 10 :]
    x_held, y_held, x, y = x[held], y[held], x[kept], y[kept]
    layers = [nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)]
    net = nn.Sequential(*layers)
    optimizer = torch.optim.Adam(net.parameters())
    for epoch in range(int(sys.argv[1])):
        net.train()
        total, hits = 0.0, 0
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            z = net(x[rows])
            loss = nn.functional.cross_entropy(z, y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
            hits += (z.argmax(1) == y[rows]).sum().item()
        print(f"epoch {epoch + 1}", total / len(x), hits / len(x), *measure(net, x_held, y_held))
    print("test", *measure(net, *load("t10k")))


if __name__ == "__main__":
    main()
