"""Attention: a training step of LayerNorm + attention, and of a transformer block, against PyTorch eager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lucidnet.layers import LayerNormalization, MultiHeadAttention, Residual, Sequential, TransformerBlock

from .dense import beside_pytorch
from .nets import CONTEXT as TIME
from .nets import HEADS, TASKS, WIDTH, stepper
from .timing import Works

BATCH = TASKS["transformer"].batch


def run(threads: int, rounds: int) -> None:
    """Measure both blocks; print a line for each."""
    print(
        f"\nattention: batch {BATCH}, time {TIME}, width {WIDTH}, {HEADS} heads, causal, Adam, squared error"
    )
    beside_pytorch(lucidnet, pytorch, threads, ("norm+attention", "block"), rounds)


def lucidnet(threads: int) -> Works:
    """Return the training steps of lucidnet on NumPy; called in its own process."""
    attention = [LayerNormalization(1e-5), MultiHeadAttention(HEADS, causal=True)]
    return {
        "norm+attention": stepper(Residual(Sequential(attention)), *data(), "mse"),
        "block": stepper(TransformerBlock(HEADS, WIDTH, causal=True), *data(), "mse"),
    }


def pytorch(threads: int) -> Works:
    """Return the training steps of PyTorch; called in its own process."""
    import torch

    from . import in_torch

    torch.set_num_threads(threads)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(TIME)

    class Attention(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = torch.nn.LayerNorm(WIDTH)
            self.attention = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

        def forward(self, x: Any) -> Any:
            h = self.norm(x)
            return x + self.attention(h, h, h, attn_mask=mask, is_causal=True, need_weights=False)[0]

    return {
        "norm+attention": theirs(Attention()),
        "block": theirs(in_torch.block(WIDTH, HEADS), src_mask=mask, is_causal=True),
    }


def theirs(net: Any, **options: Any) -> Callable[[], object]:
    """Return a training step of a PyTorch module."""
    import torch

    x, target = (torch.from_numpy(a) for a in data())
    optimizer, loss = torch.optim.Adam(net.parameters()), torch.nn.MSELoss()

    def work() -> object:
        optimizer.zero_grad()
        value = loss(net(x, **options), target)
        value.backward()
        optimizer.step()
        return value.item()

    return work


def data() -> tuple[Any, Any]:
    """Return inputs and targets."""
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(2, BATCH, TIME, WIDTH)).astype("float32")
    return x, target
