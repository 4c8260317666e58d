"""Weak scaling of data-parallel training to thousands of workers, by formulas and by simulation.

    python examples/experiments/scaling.py
    python examples/experiments/scaling.py --only failures --detect 5 --workers 64 4096

Prints the tables of `docs/scaling.md`, which says where the formulas and the constants come from. Seconds and
bytes throughout. Each worker keeps its batch as workers are added; efficiency is the time of a step of one
worker over that of a step of N. Numbers of workers are powers of two.
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

DAY, US, MB, GB = 86_400.0, 1e-6, 1e6, 1e9
WORKERS = (2, 8, 64, 512, 4096)
SIMULATED = WORKERS[:-1]
ENOUGH = 0.9
"""The efficiency below which training counts as broken."""


@dataclass(frozen=True)
class Link:
    """A link between two workers: the latency of a message, and the bandwidth in bytes a second."""

    latency: float
    bandwidth: float

    def message(self, size: float) -> float:
        """Return the time of a message in seconds."""
        return self.latency + size / self.bandwidth


Round = tuple[np.ndarray, float, Link]
"""The sender that each worker hears from, the bytes of a message, and the link it takes."""


class Ring:
    """Ring all-reduce: partial sums go round, then results: 2 (N - 1) messages of a share of 1 / N each."""

    def seconds(self, size: float, workers: int, link: Link) -> float:
        """Return the time of an all-reduce."""
        return 2 * (workers - 1) * link.message(size / workers)

    def rounds(self, size: float, workers: int, link: Link) -> Iterator[Round]:
        """Yield the messages of each round."""
        before = np.roll(np.arange(workers), 1)
        yield from [(before, size / workers, link)] * (2 * (workers - 1))


class Halving:
    """Halves are exchanged with ever different partners, then gathered on the way back (Rabenseifner)."""

    def seconds(self, size: float, workers: int, link: Link) -> float:
        """Return the time of an all-reduce."""
        return 2 * math.log2(workers) * link.latency + 2 * (workers - 1) / workers * size / link.bandwidth

    def rounds(self, size: float, workers: int, link: Link) -> Iterator[Round]:
        """Yield the messages of each round."""
        there = [
            (np.arange(workers) ^ 2**k, size / 2 ** (k + 1), link) for k in range(int(math.log2(workers)))
        ]
        yield from (*there, *reversed(there))


class Tree:
    """Sums go up a binomial tree, and the result comes down, in whole messages."""

    def seconds(self, size: float, workers: int, link: Link) -> float:
        """Return the time of an all-reduce."""
        return 2 * math.log2(workers) * link.message(size)

    def rounds(self, size: float, workers: int, link: Link) -> Iterator[Round]:
        """Yield the messages of each round."""
        who, heights = np.arange(workers), range(int(math.log2(workers)))
        for k in heights:
            yield np.where(who % 2 ** (k + 1) == 0, who + 2**k, who), size, link
        for k in reversed(heights):
            yield np.where(who % 2 ** (k + 1) == 2**k, who - 2**k, who), size, link


@dataclass(frozen=True)
class Levels:
    """Rings reduce and scatter inside each host, the shares are reduced between hosts, and rings gather."""

    inside: Link
    host: int = 8

    def seconds(self, size: float, workers: int, link: Link) -> float:
        """Return the time of an all-reduce; each worker has a network card of its own."""
        host = min(self.host, workers)
        between = Halving().seconds(size / host, workers // host, link)
        return Ring().seconds(size, host, self.inside) + between

    def rounds(self, size: float, workers: int, link: Link) -> Iterator[Round]:
        """Yield the messages of each round."""
        host = min(self.host, workers)
        first, place = np.divmod(np.arange(workers), host)
        ring = [(first * host + (place - 1) % host, size / host, self.inside)] * (host - 1)
        yield from ring
        for partner, share, _ in Halving().rounds(size / host, workers // host, link):
            yield partner[first] * host + place, share, link
        yield from ring


@dataclass(frozen=True)
class Cluster:
    """The hardware that a network is trained on.

    `speed` is in operations a second; without it the measured seconds of a step are taken. `launch` is the
    least time, in seconds, that one operation of the device takes. Gradients are reduced in buckets of at
    least `bucket` bytes, the last layer's first, while the backward pass continues; a bucket without limit is
    reduced after it. `storage` is the speed of one file server, in bytes a second.
    """

    name: str
    link: Link
    algorithm: Ring | Halving | Tree | Levels
    storage: float
    speed: float = 0.0
    launch: float = 0.0
    bucket: float = math.inf

    def reduce(self, size: float, workers: int) -> float:
        """Return the time of an all-reduce."""
        return self.algorithm.seconds(size, workers, self.link)


@dataclass(frozen=True)
class Net:
    """A network: each layer's parameters, and its multiplications for one example, first layer first.

    `seconds` is a measured step on two cores with `batch` examples, 0 if none was measured; `card_batch` is
    the batch on a GPU, `launches` the number of device operations that wait for each other, `example` the
    bytes of an example, `stops` the bytes of each reduction that stops a pass (statistics of a batch).
    """

    layers: tuple[tuple[int, int], ...]
    batch: int
    seconds: float
    card_batch: int
    launches: int
    example: int
    stops: tuple[int, ...] = ()

    @property
    def parameters(self) -> int:
        """The number of trained parameters."""
        return sum(parameters for parameters, _ in self.layers)

    def passes(self) -> tuple[float, list[float]]:
        """Return an example's operations forward, and those backward for each layer, the last one first."""
        work = [2.0 * multiplications for _, multiplications in self.layers]
        back = [2 * w for w in work[:0:-1]]
        return sum(work), [*back, work[0]]  # the first layer's input needs no gradient

    def examples(self, cluster: Cluster) -> int:
        """Return the batch size of a worker."""
        return self.card_batch if cluster.speed else self.batch

    def compute(self, cluster: Cluster) -> float:
        """Return the time of a step on a single worker."""
        if not cluster.speed:
            return self.seconds
        forward, back = self.passes()
        return max(self.card_batch * (forward + sum(back)) / cluster.speed, self.launches * cluster.launch)

    def buckets(self, cluster: Cluster) -> list[tuple[float, float]]:
        """Return when each bucket of gradients is ready, in proportion to operations, and its bytes."""
        forward, back = self.passes()
        scale = self.compute(cluster) / (forward + sum(back))
        made, ready, held = [], forward, 0.0
        for (parameters, _), work in zip(reversed(self.layers), back, strict=True):
            ready, held = ready + work, held + 4.0 * parameters
            if held >= cluster.bucket:
                made.append((ready * scale, held))
                held = 0.0
        return [*made, (ready * scale, held)] if held else made


# Measured on two cores of an AMD EPYC: `python -m benchmarks --only allreduce --threads 2`
LOOPBACK = Link(90 * US, 1.0 * GB)
WRITTEN = 140 * MB
JITTER = 0.1
CHECKPOINT = 12
"""Bytes of a checkpoint for each parameter: itself and Adam's two moments, in float32."""
NETS = {
    "784-128-64-10": Net(((100_480, 100_352), (8_256, 8_192), (650, 640)), 64, 580 * US, 64, 40, 3_144),
    "convnet": Net(((320, 194_688), (18_496, 2_230_272), (16_010, 16_000)), 128, 33e-3, 128, 60, 3_144),
    "batchnorm": Net(
        ((432, 230_400), (4_672, 460_800), (18_560, 1_179_648), (10_250, 10_240)),
        128,
        26e-3,
        128,
        120,
        3_144,
        stops=(64, 64, 128, 128, 256, 256, 512, 256, 128),
    ),
    "LSTM": Net(((99_328, 9_881_600), (8_385, 832_000)), 64, 53e-3, 64, 1_500, 26_800),
    "8192": Net(((8192 * 8193, 8192**2), (81_930, 81_920)), 64, 0.22, 4096, 30, 32_776),
    "4 x 8192": Net(((8192 * 8193, 8192**2),) * 4 + ((81_930, 81_920),), 0, 0.0, 4096, 80, 32_776),
}

# Not measured: 10 Gbit/s less what the software takes, its latency and 0.8 us of adapters; NCCL's own model
# of its latencies, half of the peak of an H100 in bfloat16 (989 Tflop/s), 5 us an operation of the device.
HOSTS = Cluster("two-core hosts, 10 Gbit/s Ethernet", LOOPBACK, Ring(), 1.25 * GB)
CARDS = Cluster(
    "H100 cards, 8 a host, NVLink inside, 400 Gbit/s InfiniBand for each between",
    Link(9.6 * US, 50 * GB),
    Levels(Link(3.4 * US, 450 * GB)),
    storage=50 * GB,
    speed=0.5 * 989e12,
    launch=5 * US,
    bucket=30 * 2**20,
)
CLUSTERS = (HOSTS, CARDS)


@dataclass(frozen=True)
class Faults:
    """Failures: mean seconds between those of one worker, and the cost of a failure and of a checkpoint."""

    between: float
    write: float
    restart: float
    detect: float


def step_time(net: Net, cluster: Cluster, workers: int, slowest: float = 1.0) -> float:
    """Return the time of a step: the latest of (bucket k is ready, then it and all after it are reduced)."""
    buckets = net.buckets(cluster)
    costs = [cluster.reduce(size, workers) for _, size in buckets]
    ends = [slowest * ready + sum(costs[k:]) for k, (ready, _) in enumerate(buckets)]
    return max(ends) + sum(cluster.reduce(size, workers) for size in net.stops)


def slowest_of(workers: int, jitter: float, points: int = 512) -> np.ndarray:
    """Return quantiles of the largest of N log-normal factors of mean 1: F^-1(u^(1/N))."""
    middle = (np.arange(points) + 0.5) / points
    normal = np.array([NormalDist().inv_cdf(u) for u in middle ** (1 / workers)])
    return np.exp(jitter * normal - jitter**2 / 2)


def expected_step(net: Net, cluster: Cluster, workers: int, jitter: float) -> float:
    """Return the mean step time of workers that are slowed by independent factors."""
    return float(np.mean([step_time(net, cluster, workers, m) for m in slowest_of(workers, jitter)]))


def young(faults: Faults, workers: int) -> float:
    """Return the best work time between checkpoints, to first order: sqrt(2 write M) (Young 1974)."""
    return math.sqrt(2 * faults.write * faults.between / workers)


def daly(faults: Faults, workers: int) -> float:
    """Return the best work time between checkpoints, to higher order (Daly 2006, equation 37)."""
    mean = faults.between / workers
    if faults.write >= 2 * mean:
        return mean
    x = faults.write / (2 * mean)
    return math.sqrt(2 * faults.write * mean) * (1 + math.sqrt(x) / 3 + x / 9) - faults.write


def availability(faults: Faults, workers: int, work: float = 0.0) -> float:
    """Return the share of time that goes into work that is kept, for a work time between checkpoints.

    A stretch of work and its checkpoint take (M + detect) e^(restart / M) (e^((work + write) / M) - 1) in the
    mean (Daly 2006; detection, in which nothing else fails, added for each failure).
    """
    mean, work = faults.between / workers, work or daly(faults, workers)
    failures = math.exp(faults.restart / mean) * math.expm1((work + faults.write) / mean)
    return work / ((mean + faults.detect) * failures)


def reduced(start: np.ndarray, rounds: Iterator[Round], noise: float, rng: np.random.Generator) -> np.ndarray:
    """Return when each worker (the last axis) has the sum, by its start: simulated message by message.

    A worker continues when it has sent its message and received its partner's; `noise` spreads the time of
    each message, log-normally.
    """
    clock = start
    for source, size, link in rounds:
        spread = rng.lognormal(-(noise**2) / 2, noise, clock.shape) if noise else 1.0
        sent = clock + link.message(size) * spread
        clock = np.maximum(sent, sent[..., source])
    return clock


def simulated_steps(
    net: Net, cluster: Cluster, workers: int, jitter: float, noise: float, steps: int, seed: int = 0
) -> np.ndarray:
    """Return the simulated times of several steps; batch statistics stop the passes at even distances."""
    rng = np.random.default_rng(seed)
    factor = rng.lognormal(-(jitter**2) / 2, jitter, (steps, workers))

    def all_reduce(start: np.ndarray, size: float) -> np.ndarray:
        return reduced(start, cluster.algorithm.rounds(size, workers, cluster.link), noise, rng)

    stretch = net.buckets(cluster)[0][0] / (len(net.stops) + 1)
    clock = np.zeros_like(factor)
    for size in net.stops:
        clock = all_reduce(clock + factor * stretch, size)
    begun = clock - factor * stretch * len(net.stops)  # as if the stops came before all work
    for ready, size in net.buckets(cluster):
        clock = all_reduce(np.maximum(clock, begun + factor * ready), size)
    return clock.max(axis=-1)


def simulated_run(faults: Faults, workers: int, work: float, stretches: int, seed: int = 0) -> float:
    """Return the simulated time of several stretches of work, each with a checkpoint, failure by failure."""
    rng = np.random.default_rng(seed)
    failures = list(rng.exponential(faults.between, workers))
    heapq.heapify(failures)

    def failed(start: float, seconds: float) -> float:
        """Return when a restart can begin if a worker fails within these seconds, else 0."""
        if failures[0] >= start + seconds:
            return 0.0
        up = failures[0] + faults.detect
        while failures[0] <= up:  # the one that failed, and who fails before that was noticed
            heapq.heapreplace(failures, up + rng.exponential(faults.between))
        return up

    clock = 0.0
    while stretches:
        up = failed(clock, work + faults.write)
        if not up:
            clock, stretches = clock + work + faults.write, stretches - 1
            continue
        while up:
            clock = up
            up = failed(clock, faults.restart)
        clock += faults.restart
    return clock


def efficiencies(options: argparse.Namespace) -> None:
    """Print the efficiency of each network if only all-reduces cost time."""
    for cluster in CLUSTERS:
        print(f"\nefficiency, reductions alone: {cluster.name}")
        print(line("", "parameters", "step", *map(count, options.workers)))
        for name, net in trained(cluster):
            alone = net.compute(cluster)
            shares = [share(alone / step_time(net, cluster, n)) for n in options.workers]
            print(line(name, f"{net.parameters:,}", duration(alone), *shares))


def failures(options: argparse.Namespace) -> None:
    """Print the efficiency left by stragglers and failures, by formula and by simulation."""
    print(f"\nstragglers of jitter {options.jitter}; failures every {options.between} days of a worker")
    faults = faults_of(options)
    print(line("workers", "stragglers", "interval", "available", "simulated", "+-"))
    for workers in options.workers:
        slow = 1 / slowest_of(workers, options.jitter).mean()
        work = daly(faults, workers)
        made = [work * 400 / simulated_run(faults, workers, work, 400, seed) for seed in range(16)]
        found = [share(availability(faults, workers)), share(np.mean(made)), share(np.std(made) / 4)]
        print(line(count(workers), share(slow), duration(work), *found))


def simulated(options: argparse.Namespace) -> None:
    """Print the efficiency with stragglers, by formula and by simulation message by message."""
    for cluster in CLUSTERS:
        print(f"\nefficiency with jitter {options.jitter}: {cluster.name}")
        print("formula / simulated / simulated with times of messages that vary by half")
        print(line("", *map(count, options.workers)))
        for name, net in trained(cluster):
            print(line(name, *(three_ways(net, cluster, n, options) for n in options.workers)))


def three_ways(net: Net, cluster: Cluster, workers: int, options: argparse.Namespace) -> str:
    """Return the efficiency by formula, simulated, and simulated with varying message times."""
    alone, steps = net.compute(cluster), max(8, min(400, 2**14 // workers))
    found = [alone / expected_step(net, cluster, workers, options.jitter)]
    for noise in (0.0, 0.5):
        times = simulated_steps(net, cluster, workers, options.jitter, noise, steps, options.seed)
        found.append(alone / times.mean())
    return "/".join(share(value).rstrip(" %") for value in found)


def left(net: Net, cluster: Cluster, workers: int, options: argparse.Namespace) -> list[float]:
    """Return the efficiency that each effect leaves by itself."""
    alone = net.compute(cluster)
    faults = replace(faults_of(options), write=CHECKPOINT * net.parameters / WRITTEN)
    statistics = sum(cluster.reduce(size, workers) for size in net.stops)
    return [
        alone / step_time(replace(net, stops=()), cluster, workers),
        alone / (alone + statistics),
        1 / float(slowest_of(workers, options.jitter).mean()),
        availability(faults, workers),
        cluster.storage * alone / (workers * net.examples(cluster) * net.example),
    ]


def broken(options: argparse.Namespace) -> None:
    """Print the number of workers from which each effect alone makes the efficiency too low."""
    tried = [2**k for k in range(1, 17)]
    for cluster in CLUSTERS:
        print(f"\nworkers from which each by itself leaves less than {share(ENOUGH)}: {cluster.name}")
        print(line("", "gradients", "statistics", "stragglers", "failures", "one server"))
        for name, net in trained(cluster):
            effects = zip(*(left(net, cluster, n, options) for n in tried), strict=True)
            firsts = [
                [n for n, found in zip(tried, effect, strict=True) if found < ENOUGH] for effect in effects
            ]
            print(line(name, *(count(first[0]) if first else "-" for first in firsts)))


def remedies(options: argparse.Namespace) -> None:
    """Print how many batches a worker must accumulate between reductions for enough efficiency."""
    for cluster in CLUSTERS:
        print(f"\nbatches between reductions for {share(ENOUGH)}, and all examples of a step: {cluster.name}")
        print(line("", *map(count, options.workers)))
        for name, net in trained(cluster):
            print(line(name, *(added_up(net, cluster, n) for n in options.workers)))


def added_up(net: Net, cluster: Cluster, workers: int) -> str:
    """Return the number of batches to accumulate, and the total examples of all workers in a step."""
    alone = net.compute(cluster)
    lost = alone * (1 / ENOUGH - 1) - sum(cluster.reduce(size, workers) for size in net.stops)
    if lost <= 0:
        return "never"  # statistics are reduced for each batch
    gradients = step_time(replace(net, stops=()), cluster, workers) - alone
    batches = max(1, math.ceil(gradients / lost))
    return f"{batches} {net.examples(cluster) * batches * workers:.0e}"


def trained(cluster: Cluster) -> list[tuple[str, Net]]:
    """Return the networks with a known step time on a cluster."""
    return [(name, net) for name, net in NETS.items() if net.compute(cluster)]


def faults_of(options: argparse.Namespace) -> Faults:
    """Return the failures described by the options."""
    return Faults(options.between * DAY, options.write, options.restart, options.detect)


def line(name: str, *cells: str) -> str:
    """Return a line of a table."""
    return f"  {name:<14}" + "".join(f"{cell:>17}" for cell in cells)


def share(value: float) -> str:
    """Return a share as text."""
    return f"{100 * value:.1f} %"


def count(value: int) -> str:
    """Return a number of workers as text."""
    return f"{value:,}"


def duration(seconds: float) -> str:
    """Return a time with its unit."""
    if seconds >= 1:
        return f"{seconds:,.1f} s"
    return f"{seconds * 1e3:,.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:,.0f} us"


def plot(options: argparse.Namespace) -> None:
    """Draw the efficiency against the number of workers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, cluster in zip(figure.subplots(1, 2, sharey=True), CLUSTERS, strict=True):
        for name, net in trained(cluster):
            tried = [2**k for k in range(13)]
            steps = [expected_step(net, cluster, n, options.jitter) for n in tried]
            axes.semilogx(tried, net.compute(cluster) / np.array(steps), base=2, marker=".", label=name)
        axes.set(xlabel="workers", title=cluster.name, ylim=(0, 1))
    axes.legend(frameon=False)
    figure.savefig(options.plot, dpi=150)


PARTS = {
    "efficiency": efficiencies,
    "broken": broken,
    "simulation": simulated,
    "failures": failures,
    "remedies": remedies,
}


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, help="one table only")
    parser.add_argument("--workers", type=int, nargs="+", help="powers of two")
    parser.add_argument("--jitter", type=float, default=JITTER, help="of a worker's time of a step")
    parser.add_argument("--between", type=float, default=1231, help="days between failures of a worker")
    parser.add_argument(
        "--write", type=float, default=CHECKPOINT * 8192 * 8193 / WRITTEN, help="a checkpoint, s"
    )
    parser.add_argument("--restart", type=float, default=300, help="seconds to start again")
    parser.add_argument("--detect", type=float, default=100, help="seconds until a dead worker is noticed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="draw the efficiency")
    options = parser.parse_args()
    if any(n < 2 or n & (n - 1) for n in options.workers or ()):
        parser.error(f"--workers takes powers of two from 2 on, got {options.workers}")
    given = options.workers
    for name, part in PARTS.items():
        if options.only in (None, name):
            options.workers = given or (SIMULATED if part is simulated else WORKERS)
            part(options)
    if options.plot:
        plot(options)


if __name__ == "__main__":
    main()
