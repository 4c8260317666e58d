"""Feedback alignment and RFLO in PyTorch, as a PyTorch user would write them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Aligned(torch.autograd.Function):
    """A matrix product whose error is sent back through other weights (Lillicrap et al. 2016)."""

    @staticmethod
    def forward(context: Any, x: Any, weight: Any, bias: Any, feedback: Any) -> Any:
        context.save_for_backward(x, feedback)
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(context: Any, dy: Any) -> Any:
        x, feedback = context.saved_tensors
        return dy @ feedback, dy.T @ x, dy.sum(0), None


class AlignedLinear(nn.Linear):
    """A dense layer with fixed random feedback weights."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.register_buffer("feedback", torch.randn(outputs, inputs) / inputs**0.5)

    def forward(self, x: Any) -> Any:
        return Aligned.apply(x, self.weight, self.bias, self.feedback)


def aligned(sizes: list[int]) -> nn.Module:
    """Return dense layers with ReLU between them, trained by feedback alignment."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [AlignedLinear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def rflo(units: int, tau: float, rate: float, xs: Any, ys: Any) -> Callable[[], object]:
    """Return RFLO on a stretch of a stream (time, n, inputs), step by step (Murray 2019, equations 10-12)."""
    _, n, inputs = xs.shape
    device, share = xs.device, 1 / tau
    weights = torch.randn(inputs + units + 1, units, device=device) / (inputs + units) ** 0.5
    out = torch.randn(units + 1, ys.shape[-1], device=device) / units**0.5
    one = torch.ones(n, 1, device=device)

    def work() -> object:
        with torch.no_grad():
            return learned()

    def learned() -> float:
        h = torch.zeros(n, units, device=device)
        trace = torch.zeros(n, len(weights), units, device=device)
        for x, y in zip(xs, ys, strict=True):
            given = torch.cat([x, h, one], 1)
            active = torch.tanh(given @ weights)
            h = (1 - share) * h + share * active
            trace = (1 - share) * trace + share * given[:, :, None] * (1 - active**2)[:, None]
            last = torch.cat([h, one], 1)
            error = 2 * (last @ out - y) / y.numel()
            sent = error @ out[:-1].T
            weights.sub_(rate * (trace * sent[:, None]).sum(0))
            out.sub_(rate * last.T @ error)
        return float(out[0, 0])

    return work
