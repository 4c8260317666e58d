"""A loop over time is the same on NumPy and on JAX, also where it fetches ahead and writes over its inputs."""

import sys

import numpy as np
import pytest
from pairs import both

from lucidnet.backend import namespace, scan
from lucidnet.backend.xla import loops
from lucidnet.layers import GRU, LSTM, Bidirectional, Dense, Input, LeakyRNN, Masking

jax = pytest.importorskip("jax")

RNG = np.random.default_rng(0)
X, COUNTS = RNG.normal(size=(5, 3, 4)), RNG.random((5, 3, 1)) < 0.5


@pytest.fixture(params=["ahead", "plain"])
def way(request, monkeypatch):
    """Let all loops fetch ahead, or none."""
    least = 1 if request.param == "ahead" else sys.maxsize
    monkeypatch.setattr(loops, "LARGE", least)


def double(h, now):
    """Return twice an array of the inputs' shape, one of another shape, and what was kept, used or not."""
    x, counts, (other, nothing) = now
    assert nothing is None
    new = namespace(x).tanh(h + x * other)
    new = new if counts is None else namespace(x).where(counts, new, h)
    return new, (new, (x * h, None)), (x + new, new[:, :2] * 1.0)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("counts", [None, COUNTS])
def test_scan_is_the_loop(way, reverse, counts):
    def run(xp):
        given = None if counts is None else xp.asarray(counts)
        x, other = xp.asarray(X), xp.asarray(X * X)
        last, kept, outs = scan(double, xp.zeros((3, 4)), (x, given, (other, None)), reverse)
        again = scan(double, last, (outs[0], given, kept[1]), not reverse)  # what is kept is read again
        return last, kept, outs, again, x * 1.0, other * 1.0  # the inputs are as they were

    with jax.enable_x64(True):
        fast = jax.jit(lambda: run(jax.numpy))()
    plain = run_on_numpy(counts, reverse)
    for one, two in zip(jax.tree.leaves(fast), jax.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-14)


def run_on_numpy(counts, reverse):
    """Return the same, by a loop written out here."""

    def go(h, x, other, reverse):
        made = [None] * len(x)
        for t in reversed(range(len(x))) if reverse else range(len(x)):
            new = np.tanh(h + x[t] * other[t])
            new = new if counts is None else np.where(counts[t], new, h)
            made[t] = (new, x[t] * h, x[t] + new, new[:, :2])
            h = new
        new, product, total, two = (np.stack(parts) for parts in zip(*made, strict=True))
        return h, (new, (product, None)), (total, two)

    last, kept, outs = go(np.zeros((3, 4)), X, X * X, reverse)
    return last, kept, outs, go(last, outs[0], kept[1][0], not reverse), X, X * X


NETS = {
    "LSTM": [LSTM(5, return_sequences=True), GRU(4)],
    "both ways": [Bidirectional(GRU(4, return_sequences=True)), LSTM(3, go_backwards=True)],
    "masks": [Masking(), LSTM(5, return_sequences=True), LeakyRNN(4)],
}


@pytest.mark.filterwarnings("ignore::lucidnet.errors.InexactWarning")  # of the layers below
@pytest.mark.parametrize(
    "name, rule", [*((name, "backprop") for name in NETS), ("LSTM", "rflo"), ("masks", "rflo")]
)
def test_training_is_numpys(way, name, rule):
    x, y = RNG.normal(size=(40, 6, 3)), RNG.integers(0, 3, 40)
    x[:, 4:] *= RNG.random((40, 1, 1)) < 0.5
    both([Input((6, 3)), *NETS[name], Dense(3, "softmax")], x=x, y=y, rule=rule)
