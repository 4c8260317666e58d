"""A CPU device reads large data where they are, at whatever address, and drops them after a training."""

import numpy as np
import pairs
import pytest

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.data.batch import Batch
from lucidnet.layers import LSTM, Dense, Input
from lucidnet.optimizers import SGD

pytest.importorskip("jax")
import jax

from lucidnet.backend.xla.lent import Lent, lendable, lent
from lucidnet.engine import on_jax, transfer

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 40)


def placed(array, behind):
    """Return a copy of an array so many numbers behind an address that 64 divides."""
    memory = np.empty(array.nbytes + 128, np.uint8)
    begin = -memory.ctypes.data % 64 + behind * array.itemsize
    made = memory[begin : begin + array.nbytes].view(array.dtype).reshape(array.shape)
    made[...] = array
    return made


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int32"])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 2), (100,)])
def test_rows_are_those_of_the_array_which_is_not_copied(shape, dtype):
    array = RNG.integers(0, 200, (90, *shape)).astype(dtype)
    chosen = RNG.permutation(90)[:40].astype("int32")
    chosen[:3] = 0, 89, 1
    with jax.enable_x64(True):
        on_jax.register()
        for behind in (0, 1, 64 // array.itemsize - 1):
            mine = placed(array, behind)
            there = jax.device_put(lent(mine))
            vector = there.rest if isinstance(there, Lent) else there
            assert vector.unsafe_buffer_pointer() - mine.ctypes.data in range(64)
            rows = jax.jit(transfer.rows_of)(there, chosen)
            np.testing.assert_array_equal(np.asarray(rows), array[chosen])


def test_what_cannot_be_read_where_it_lies(tmp_path):
    array = np.ones((40, 6), "float32")
    np.save(tmp_path / "x.npy", array)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert lendable(array, "float32") and lendable(array[4:], "float32")
    assert not lendable(array, "float64")
    assert not lendable(array.T, "float32") and not lendable(array[::2], "float32")
    assert not lendable(mapped, "float32") and not lendable(np.asarray(mapped)[3:], "float32")
    with jax.enable_x64(False):
        assert not lendable(np.arange(40), "float32")  # the program takes 32 bits


@pytest.fixture
def large(monkeypatch):
    """Let all data be too many to be copied; return what was lent, and the calls that take rows instead."""
    found, calls, lend, take = [], [], transfer.lent, transfer.taken
    monkeypatch.setattr(transfer, "ON_DEVICE", 0)
    monkeypatch.setattr(transfer, "COPIED", 0)
    monkeypatch.setattr(transfer, "LENT", 0)
    monkeypatch.setattr(transfer, "lent", lambda array: found.append(array) or lend(array))
    monkeypatch.setattr(transfer, "taken", lambda *given: calls.append(given[1].shape) or take(*given))
    return found, calls


@pytest.mark.parametrize("behind", [0, 3])
def test_training_is_that_of_numpy_and_of_rows_that_are_sent(large, monkeypatch, behind):
    x = placed(RNG.normal(size=(40, 5)), behind)
    settings = {"x": x, "y": LABELS, "batch_size": 12, "sample_weight": RNG.random(40)}
    layers = [Input(5), Dense(6, "tanh"), Dense(3, "softmax")]
    _, mine = pairs.both(layers, **settings)
    assert large[0] and not large[1]
    monkeypatch.setattr(transfer, "lendable", lambda array, dtype: False)
    sent = pairs.trained(layers, "jax", **settings)
    assert large[1]
    # They are two programs, in which sums of so few numbers may be taken in another order.
    np.testing.assert_allclose(mine.get_weights(), sent.get_weights(), rtol=0, atol=1e-15)
    np.testing.assert_allclose(mine.history["loss"], sent.history["loss"], rtol=1e-15)


def test_masks_and_several_inputs_are_lent_too(large):
    times, mask = RNG.normal(size=(40, 7, 3)), RNG.random((40, 7)) < 0.8
    pairs.both([Input((7, 3)), LSTM(4), Dense(3, "softmax")], x=times, y=LABELS, mask=mask)
    nodes = [
        ("a", LSTM(4), "times"),
        ("b", Dense(4), "x"),
        ("ab", L.Add(), ["a", "b"]),
        ("y", Dense(3), "ab"),
    ]
    net = L.Graph({"x": (5,), "times": (7, 3)}, [*nodes, ("out", L.Softmax(), "y")], "out")
    pairs.both(net, x={"x": RNG.normal(size=(40, 5)), "times": times}, y=LABELS)
    assert len(large[0]) >= 6 and not large[1]


def test_after_a_training_no_data_lie_on_the_device(large):
    x = RNG.normal(size=(40, 5)).astype("float32")
    model = ln.Model([Input(5), Dense(3, "softmax")], backend="jax")
    model.compile("categorical_crossentropy", SGD(0.1))
    model.fit(x, LABELS, batch_size=8, validation_data=(x, LABELS), verbose=0)
    assert large[0] and not model.executor.feed.there
    lent_so_far = len(large[0])
    model.evaluate(x, LABELS)
    assert len(large[0]) == lent_so_far and not model.executor.feed.there


def test_short_steps_are_made_many_at_a_time_and_long_ones_few():
    """A step on 10 rows of 84,060 weights, and one on 64 rows of 669,706."""

    def steps(rows, *hidden):
        model = ln.Model([Input(784), *(Dense(n) for n in hidden), Dense(10)], backend="jax")
        model.compile("mse", "sgd")
        return model.executor.steps_per_call(model.problem, [Batch(np.zeros((rows, 784), "float32"), None)])

    assert steps(10, 100, 50) == on_jax.MOST
    assert steps(64, 512, 512) == on_jax.FEW < on_jax.MOST
