"""Convolution methods on JAX, looped as in training: forward, and both gradients, of four layers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from .dense import side_by_side
from .timing import Works

LAYERS = {
    "LeNet 1": (64, 32, 1, 6, 5),
    "LeNet 2": (64, 14, 6, 16, 5),
    "convnet 1": (128, 28, 1, 32, 3),
    "convnet 2": (128, 13, 32, 64, 3),
}
"""Images, their height and width, channels, filters, kernel."""
PASSES = ("forward", "dW", "dx")
STEPS = 5
"""The number of passes in each call, in one loop."""
WAYS = ("chosen", "XLA", "all windows")


def run(threads: int, rounds: int) -> None:
    """Measure each pass of each layer by all methods; print a line for each."""
    if not importlib.util.find_spec("jax"):
        print("\nprimitives: not measured, JAX is not installed")
        return
    print(f"\nprimitives: {STEPS} convolutions in a loop; ratios of what lucidnet chooses on this device")
    contenders: dict[str, tuple[Any, ...]] = {way: (on_jax, way) for way in WAYS}
    if importlib.util.find_spec("torch"):
        contenders["PyTorch"] = (pytorch, threads)
    side_by_side(contenders, (f"{layer} {which}" for layer, which in product(LAYERS, PASSES)), rounds)


def data(layer: str) -> tuple[Any, Any, Any]:
    """Return images, weights, and an error at the output."""
    n, size, channels, filters, kernel = LAYERS[layer]
    rng, out = np.random.default_rng(0), size - kernel + 1
    shapes = (n, size, size, channels), (kernel, kernel, channels, filters), (n, out, out, filters)
    x, W, dy = (rng.random(shape, "float32") for shape in shapes)
    return x, W, dy


def on_jax(way: str) -> Works:
    """Return the passes of all layers by one method; called in its own process."""
    import jax

    made: Works = {}
    for layer in LAYERS:
        x, W, dy = map(jax.numpy.asarray, data(layer))
        for which, work in zip(PASSES, passes(way, layer), strict=True):
            first, second = {"forward": (x, W), "dW": (x, dy), "dx": (dy, W)}[which]
            made[f"{layer} {which}"] = looped(work, first, second)
    return made


def looped(work: Callable[[Any, Any], Any], first: Any, second: Any) -> Callable[[], object]:
    """Return a compiled loop that applies a function to one array after another."""
    import jax

    many = jax.numpy.stack([first] * STEPS)
    program = jax.jit(lambda many, b: jax.lax.scan(lambda _, a: (None, work(a, b)), None, many)[1])
    return lambda: program(many, second).block_until_ready()


def passes(way: str, layer: str) -> tuple[Callable[[Any, Any], Any], ...]:
    """Return forward pass, gradient of the weights, gradient of the input."""
    from lucidnet.backend.windows import Grid
    from lucidnet.backend.xla import convolutions

    _, size, _, _, kernel = LAYERS[layer]
    grid = Grid((kernel, kernel), (1, 1), (1, 1), (0, 0), (0, 0))
    names = ("forward", "weights", "back") if way == "XLA" else NAMES
    forward, weights, back = (getattr(convolutions, name) for name in names)
    if way == "all windows":
        return whole(grid, kernel, size)
    return (
        lambda x, W: forward(x, W, grid),
        lambda x, dy: weights(x, dy, grid),
        lambda dy, W: back(dy, W, grid, size, size),
    )


NAMES = ("correlate", "correlate_weights", "correlate_back")
"""The functions that choose a method by the device."""


def whole(grid: Any, kernel: int, size: int) -> tuple[Callable[[Any, Any], Any], ...]:
    """Return the passes as matrix products with the windows of all images at once."""
    from lucidnet.backend.windows import padded
    from lucidnet.backend.xla.convolutions import windows

    outputs = (size - kernel + 1,) * 2
    wide = grid._replace(before=(kernel - 1,) * 2, after=(kernel - 1,) * 2)

    def weights(x: Any, dy: Any) -> Any:
        rows = windows(x, grid, outputs)
        made = rows.reshape(-1, rows.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])
        return made.reshape(kernel, kernel, x.shape[-1], dy.shape[-1])

    def back(dy: Any, W: Any) -> Any:
        turned = W[::-1, ::-1].swapaxes(2, 3)
        return windows(padded(dy, wide), grid, (size, size)) @ turned.reshape(-1, turned.shape[-1])

    return lambda x, W: windows(x, grid, outputs) @ W.reshape(-1, W.shape[-1]), weights, back


def pytorch(threads: int) -> Works:
    """Return the passes of all layers in PyTorch; called in its own process."""
    import torch

    torch.set_num_threads(threads)
    made: Works = {}
    for layer in LAYERS:
        x, dy = (torch.from_numpy(np.moveaxis(a, -1, 1).copy()) for a in data(layer)[::2])
        W = torch.from_numpy(data(layer)[1].transpose(3, 2, 0, 1).copy())
        made[f"{layer} forward"] = repeated(partial(torch.conv2d, x, W))
        given = dy, x, W, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1
        for which, mask in (("dW", [False, True, False]), ("dx", [True, False, False])):
            back = partial(torch.ops.aten.convolution_backward, *given, mask)
            made[f"{layer} {which}"] = repeated(back)
    return made


def repeated(work: Callable[[], object]) -> Callable[[], object]:
    """Return a function that repeats the same work several times."""
    return lambda: [work() for _ in range(STEPS)]
