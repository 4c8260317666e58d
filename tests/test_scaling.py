"""The model of weak scaling in `examples/experiments/scaling.py`: by hand, message by message, by brute force."""

import heapq
import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.layers import LSTM, Dense, Input
from lucidnet.training import ParameterLayout

PATH = Path(__file__).parent.parent / "examples" / "experiments" / "scaling.py"


@pytest.fixture(scope="module")
def scaling():
    spec = importlib.util.spec_from_file_location("scaling", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["scaling"] = module  # where dataclasses look up their module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["scaling"]


def ring_of_messages(values, starts, seconds):
    """Sum arrays around a ring, message by message: returns each worker's sum, when it has it, and bytes sent.

    Written for this test. A message goes when its chunk has come and the worker's last message is out.
    """
    n = len(values)
    chunks = [np.split(value.copy(), n) for value in values]
    free, heard, sent = list(starts), list(starts), [0] * n
    events = [(start, i, 0) for i, start in enumerate(starts)]
    heapq.heapify(events)
    while events:
        now, i, step = heapq.heappop(events)
        if step == 2 * (n - 1):
            heard[i] = now
            continue
        to, which = (i + 1) % n, (i - step) % n
        free[i] = max(now, free[i]) + seconds
        sent[i] += chunks[i][which].nbytes
        own = chunks[to][which] if step < n - 1 else 0
        chunks[to][which] = own + chunks[i][which]
        heapq.heappush(events, (max(free[i], starts[to]), to, step + 1))
    return [np.concatenate(own) for own in chunks], np.maximum(heard, free), sent


@pytest.mark.parametrize("workers", [2, 4, 8, 32])
@pytest.mark.parametrize("late", [0.0, 3e-4])
def test_a_ring_of_messages_sums_in_the_time_of_the_formula(scaling, workers, late):
    rng, link = np.random.default_rng(workers), scaling.Link(2e-5, 1e9)
    values = rng.normal(size=(workers, 64 * workers))
    starts = list(late * rng.random(workers))
    size = values[0].nbytes
    sums, ends, sent = ring_of_messages(values, starts, 2e-5 + size / workers / 1e9)
    for total in sums:
        np.testing.assert_allclose(total, values.sum(0), rtol=0, atol=1e-13)
    assert sent == [2 * (workers - 1) * size // workers] * workers
    ring = scaling.Ring()
    np.testing.assert_allclose(ends, max(starts) + ring.seconds(size, workers, link), rtol=1e-12)
    clock = scaling.reduced(np.array([starts]), ring.rounds(size, workers, link), 0.0, rng)
    np.testing.assert_allclose(clock[0], ends, rtol=1e-12)


@pytest.mark.parametrize("kind", ["Ring", "Halving", "Tree", "Levels"])
@pytest.mark.parametrize("workers", [1, 2, 4, 8, 16, 128])
def test_the_rounds_take_the_time_of_the_formula_and_tell_everyone_of_everyone(scaling, kind, workers):
    """Who starts late holds all up: so all have heard, over some way, of all."""
    link = scaling.Link(3e-6, 2e10)
    algorithm = scaling.Levels(scaling.Link(1e-6, 3e11)) if kind == "Levels" else getattr(scaling, kind)()
    for late in range(workers):
        start = np.zeros((1, workers))
        start[0, late] = 1.0
        ends = scaling.reduced(start, algorithm.rounds(1e6, workers, link), 0.0, None)
        np.testing.assert_allclose(ends, 1 + algorithm.seconds(1e6, workers, link), rtol=1e-12)


def test_the_formulas_by_hand(scaling):
    """1 MB over links of 10 us and 1 GB/s, inside hosts of 2 over links of 1 us and 10 GB/s."""
    link = scaling.Link(10e-6, 1e9)
    assert scaling.Ring().seconds(1e6, 4, link) == pytest.approx(6 * (10e-6 + 250e-6))
    assert scaling.Halving().seconds(1e6, 4, link) == pytest.approx(2 * (10e-6 + 500e-6 + 10e-6 + 250e-6))
    assert scaling.Tree().seconds(1e6, 4, link) == pytest.approx(4 * (10e-6 + 1000e-6))
    inside = 2 * (1e-6 + 50e-6)  # two messages of half
    between = 2 * (10e-6 + 250e-6)  # the half of a host's is halved between two hosts
    levels = scaling.Levels(scaling.Link(1e-6, 1e10), host=2)
    assert levels.seconds(1e6, 4, link) == pytest.approx(inside + between)


def overlapped(scaling):
    """A network of three layers whose last two gradients are reduced during the backward pass."""
    net = scaling.Net(((250_000, 1_000), (250_000, 1_000), (250_000, 2_000)), 1, 0.011, 0, 0, 0)
    cluster = scaling.Cluster("", scaling.Link(0.0, 1e9), scaling.Ring(), 1.0, bucket=1e6)
    return net, cluster


def test_the_overlap_by_hand(scaling):
    """Of 11 ms, 4 go forward, then 4 + 2 + 1 backward: buckets of 1 MB are ready at 8, 10, 11 ms."""
    net, cluster = overlapped(scaling)
    ready, sizes = zip(*net.buckets(cluster), strict=True)
    np.testing.assert_allclose(ready, [0.008, 0.010, 0.011])
    assert sizes == (1e6, 1e6, 1e6)
    # two workers reduce a bucket in 1 ms: the last begins at 11 ms
    assert scaling.step_time(net, cluster, 2) == pytest.approx(0.012)
    # on a link of a tenth, in 10 ms: the first begins at 8 ms, and they queue
    slow = scaling.replace(cluster, link=scaling.Link(0.0, 1e8))
    assert scaling.step_time(net, slow, 2) == pytest.approx(0.038)
    # without overlap, one bucket after 11 ms
    assert scaling.step_time(net, scaling.replace(cluster, bucket=math.inf), 2) == pytest.approx(0.014)


@pytest.mark.parametrize("workers", [2, 16, 64])
def test_formula_and_simulation_agree_without_noise(scaling, workers):
    cases = [(net, cluster) for cluster in scaling.CLUSTERS for _, net in scaling.trained(cluster)]
    for net, cluster in [*cases, overlapped(scaling)]:
        found = scaling.simulated_steps(net, cluster, workers, 0.0, 0.0, steps=2)
        np.testing.assert_allclose(found, scaling.step_time(net, cluster, workers), rtol=1e-11)


@pytest.mark.parametrize("workers", [2, 64])
def test_formula_and_simulation_agree_with_stragglers(scaling, workers):
    """Within four standard errors of the simulation; a model without stragglers is not."""
    for net, cluster in [(scaling.NETS["LSTM"], scaling.HOSTS), overlapped(scaling)]:
        times = scaling.simulated_steps(net, cluster, workers, 0.2, 0.0, steps=2000)
        error = times.std() / math.sqrt(len(times))
        assert abs(times.mean() - scaling.expected_step(net, cluster, workers, 0.2)) < 4 * error
        assert abs(times.mean() - scaling.step_time(net, cluster, workers)) > 4 * error


def test_the_slowest_of_two_by_its_known_mean(scaling):
    """E max of two log-normal numbers of mean 1 is 2 Phi(s / sqrt 2), as max is half of sum and difference."""
    known = 1 + math.erf(0.3 / 2)
    assert scaling.slowest_of(2, 0.3).mean() == pytest.approx(known, rel=1e-3)
    assert scaling.slowest_of(1, 0.3).mean() == pytest.approx(1, rel=1e-3)


def test_messages_that_vary_slow_a_ring_down(scaling):
    """No formula here: with the same mean, the time is longer, as each round waits."""
    net, cluster = scaling.NETS["LSTM"], scaling.HOSTS
    still, noisy = (
        scaling.simulated_steps(net, cluster, 32, 0.0, noise, steps=50).mean() for noise in (0.0, 0.5)
    )
    assert noisy > still


@pytest.mark.parametrize(("hours", "minutes"), [(24, 117), (6, 57), (0.25, 9.1)])
def test_the_interval_is_the_one_of_dalys_figures(scaling, hours, minutes):
    """Figures 3 to 5 of Daly (2006): checkpoints of 5 minutes, restarts of 10."""
    faults = scaling.Faults(hours * 3600, 300, 600, 0)
    assert scaling.daly(faults, 1) / 60 == pytest.approx(minutes, rel=0.01)


@pytest.mark.parametrize(("write", "off"), [(1.0, 2e-5), (30.0, 2e-5), (300.0, 5e-4)])
def test_the_best_interval_by_brute_force(scaling, write, off):
    """Daly's is close while checkpoints are short beside the hour between failures, Young's less."""
    faults, workers, best = scaling.Faults(64 * 3600.0, write, 60, 10), 64, 1000.0
    for width in (30.0, 1.1, 1.001):
        tried = np.geomspace(best / width, best * width, 1001)
        kept = np.array([scaling.availability(faults, workers, work) for work in tried])
        best = tried[kept.argmax()]
    assert scaling.daly(faults, workers) == pytest.approx(best, rel=off)
    assert scaling.availability(faults, workers) == pytest.approx(kept.max(), rel=1e-6)
    assert (scaling.young(faults, workers) == pytest.approx(best, rel=0.02)) == (write < 10)


@pytest.mark.parametrize(("restart", "detect"), [(0, 0), (200, 0), (0, 600), (150, 100)])
def test_availability_and_simulated_failures_agree(scaling, restart, detect):
    """Within four standard errors; the formula without detection is not."""
    faults, workers, work, stretches = scaling.Faults(16 * 1000.0, 50, restart, detect), 16, 400, 300
    times = [scaling.simulated_run(faults, workers, work, stretches, seed) for seed in range(40)]
    error = np.std(times) / math.sqrt(len(times))
    known = work * stretches / scaling.availability(faults, workers, work)
    assert abs(np.mean(times) - known) < 4 * error
    blind = scaling.replace(faults, detect=0)
    missed = work * stretches / scaling.availability(blind, workers, work)
    assert (abs(np.mean(times) - missed) > 4 * error) == bool(detect)


def test_a_simulation_repeats_itself(scaling):
    net, cluster = scaling.NETS["784-128-64-10"], scaling.HOSTS
    runs = [scaling.simulated_steps(net, cluster, 8, 0.1, 0.5, steps=5, seed=seed) for seed in (0, 0, 1)]
    assert (runs[0] == runs[1]).all()
    assert not (runs[0] == runs[2]).any()


def built():
    """The networks of the model, as lucidnet builds them."""
    conv, pool, norm = ln.layers.Conv2D, ln.layers.MaxPooling2D, ln.layers.BatchNormalization
    images, flat, last = Input((28, 28, 1)), ln.layers.Flatten(), Dense(10)
    return {
        "784-128-64-10": [Input(784), Dense(128), Dense(64), last],
        "convnet": [images, conv(32, 3), pool(2), conv(64, 3), pool(2), flat, last],
        "batchnorm": [
            *(images, conv(16, 5, use_bias=False), pool(2), norm(), conv(32, 3, use_bias=False), norm()),
            *(conv(64, 3, use_bias=False), pool(2), norm(), flat, last),
        ],
        "LSTM": [Input((100, 65)), LSTM(128, return_sequences=True), Dense(65)],
    }


@pytest.mark.parametrize("name", built())
def test_the_networks_have_the_parameters_of_the_real_ones(scaling, name):
    model = ln.Model(built()[name])
    params = ParameterLayout.of(model.net, model.params).parameters
    assert scaling.NETS[name].parameters == params.size
