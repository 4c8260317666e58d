"""What many steps measured is counted at once, to the same bits as one after the other."""

import numpy as np
import pytest

from lucidnet.data.batch import Batch, Shard
from lucidnet.engine.state import Measured, Measurements
from lucidnet.training.measure import Tally

RNG = np.random.default_rng(0)


def steps(count, batches, dtype):
    rng = np.random.default_rng(3)
    losses = rng.random((count, batches)).astype(dtype)
    terms = rng.integers(1, 60, (count, batches)).astype(dtype)
    return losses, terms


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batches", [1, 3])
def test_sums_are_those_of_python(dtype, batches):
    losses, terms = steps(500, batches, dtype)
    given = [[Batch(None, None)] * batches] * 500
    tally = Tally(())
    for part in (slice(0, 200), slice(200, 500)):  # two blocks
        found = Measurements(losses[part], terms[part], (None,) * batches, np.ones(500, bool)[part])
        tally.add(found, given[part])
    loss = total = 0.0
    for value, count in zip(losses.ravel().tolist(), terms.ravel().tolist(), strict=True):
        loss += value * count
        total += count
    assert (tally.loss, tally.terms) == (loss, total)
    if dtype == "float64":  # products of float32 are added exactly, in any order
        assert loss != float((losses * terms).sum())
    assert isinstance(tally.loss, float)  # a checkpoint takes no scalars of NumPy


def test_steps_one_after_the_other_are_those_of_the_arrays():
    losses, terms = steps(7, 2, "float32")
    predictions, good = (RNG.random((7, 4, 3)), None), np.array([True] * 6 + [False])
    found = Measurements(losses, terms, predictions, good, parts=(((RNG.random(7), RNG.random(7)),),))
    each = list(found)
    assert len(each) == 7
    for k, one in enumerate(each):
        assert isinstance(one, Measured)
        assert one.losses == tuple(losses[k].tolist())
        assert one.terms == tuple(terms[k].tolist())
        np.testing.assert_array_equal(one.predictions[0], predictions[0][k])
        assert one.predictions[1] is None
        assert one.good is bool(good[k])
        assert one.parts == (((found.parts[0][0][0][k], found.parts[0][0][1][k]),),)
    assert found[-1].losses == each[-1].losses
    with pytest.raises(IndexError):
        found[7]


def test_the_loss_of_several_batches_is_that_of_all_their_values():
    losses, terms = steps(1, 5, "float64")
    found = Measured(tuple(losses[0]), tuple(terms[0]), ())
    assert found.loss == pytest.approx(np.average(losses[0], weights=terms[0]), rel=1e-12)
    assert Measured((1.5, 2.5), (0.0, 0.0), ()).loss == 0  # where nothing counts


@pytest.mark.parametrize(("count", "multiple"), [(1, 1), (1, 2), (1, 4), (2, 2), (2, 4)])
@pytest.mark.parametrize("fills", [True, False])
@pytest.mark.parametrize("n", [8, 6, 3])
def test_shards_cover_a_batch(count, multiple, fills, n):
    seen = []
    for index in range(count):
        mine, valid = Shard(index, count, multiple, fills).rows(n, 8, whole=n == 8)
        rows = np.arange(8)[:n][mine]
        seen += rows[slice(None) if valid is None else valid].tolist()
    assert sorted(set(seen)) == list(range(n))
