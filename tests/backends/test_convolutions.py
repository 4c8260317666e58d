"""Each way of convolution while compiling does what NumPy's loops do."""

import numpy as np
import pytest

from lucidnet.backend import patches, windows
from lucidnet.backend.windows import Grid
from lucidnet.backend.xla import convolutions
from lucidnet.backend.xla.target import Target, compiling_for

jax = pytest.importorskip("jax")

RNG = np.random.default_rng(0)
# kernel, strides, dilation, before, after; n, height, width, channels, filters
CASES = {
    "plain": (Grid((3, 3), (1, 1), (1, 1), (0, 0), (0, 0)), (5, 8, 7, 3, 20)),
    "one channel": (Grid((3, 2), (1, 1), (1, 1), (1, 1), (1, 1)), (4, 6, 7, 1, 4)),
    "strides, and pixels that no window reaches": (
        Grid((3, 2), (2, 3), (1, 1), (0, 0), (0, 0)),
        (6, 8, 9, 2, 3),
    ),
    "dilation": (Grid((2, 3), (1, 1), (3, 2), (1, 0), (2, 3)), (3, 9, 8, 4, 18)),
    "all": (Grid((3, 3), (2, 1), (2, 2), (3, 1), (0, 2)), (8, 9, 10, 5, 17)),
    "many channels": (Grid((2, 2), (1, 1), (1, 1), (0, 0), (0, 0)), (3, 4, 5, 17, 2)),
    "one line": (Grid((1, 4), (1, 2), (1, 1), (0, 3), (0, 0)), (6, 1, 11, 3, 4)),
}
WAYS = {
    "XLA": (convolutions.forward, convolutions.weights, convolutions.back),
    "processor": (
        convolutions.forward_on_processor,
        convolutions.weights_on_processor,
        convolutions.back_on_processor,
    ),
    "chosen": (convolutions.correlate, convolutions.correlate_weights, convolutions.correlate_back),
}


@pytest.mark.parametrize("block", [1, 1 << 18])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_it_is_numpys(name, way, block, monkeypatch):
    """In blocks of one image, and with all images in one."""
    monkeypatch.setattr(windows, "BLOCK", block)
    grid, (n, height, width, channels, filters) = CASES[name]
    x, W = RNG.normal(size=(n, height, width, channels)), RNG.normal(size=(*grid.kernel, channels, filters))
    dy = RNG.normal(size=(n, *grid.outputs(height, width), filters))
    settings = ((2,), (2,), (2, 3, 4))
    pairs = zip(WAYS[way], settings, strict=True)
    forward, weights, back = (jax.jit(work, static_argnums=static) for work, static in pairs)
    close(forward(x, W, grid), patches.correlate(x, W, grid))
    close(weights(x, dy, grid), patches.correlate_weights(x, dy, grid))
    close(back(dy, W, grid, height, width), patches.correlate_back(dy, W, grid, height, width))


def test_cards_are_left_to_xla():
    grid, (n, height, width, channels, filters) = CASES["plain"]
    x, W = RNG.normal(size=(n, height, width, channels)), RNG.normal(size=(*grid.kernel, channels, filters))

    def program():
        return str(jax.make_jaxpr(lambda x, W: convolutions.correlate(x, W, grid))(x, W))

    assert "conv_general_dilated" not in program()
    with compiling_for(Target("gpu")):
        assert "conv_general_dilated" in program()


def close(one, two):
    one = np.asarray(one)
    assert one.shape == two.shape
    np.testing.assert_allclose(one, two, rtol=0, atol=1e-12 * np.abs(two).max())
