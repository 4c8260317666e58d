"""The estimators beside scikit-learn's MLPs: scores over five seeds, fit times, peak memory.

Both have the same architecture, Adam, rate, epochs and batches, in float32, on NumPy. Only a part of MNIST is
used.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .timing import Turn, Worker, Works, turns

SEEDS, BATCHES = range(5), (10, 64, 512)
OURS, THEIRS = "lucidnet", "scikit-learn"


class Set(NamedTuple):
    """A data set, and how long an estimator is trained on it.

    Parameters
    ----------
    hidden : tuple of int
        The units of the hidden layers.
    epochs : int
        The epochs of which scores are taken.
    timed : int
        The epochs that are timed.
    least : int
        How many examples there are to train on; batches that are larger are left out.
    regression : bool
        Whether numbers are predicted.
    """

    hidden: tuple[int, ...]
    epochs: int
    timed: int
    least: int
    regression: bool = False


SETS = {
    "digits": Set((100,), 30, 10, 1257),
    "breast cancer": Set((100,), 30, 10, 398),
    "wine": Set((100,), 60, 30, 124),
    "diabetes": Set((100,), 60, 10, 309, regression=True),
    "MNIST": Set((128, 64), 3, 1, 6000),
}
MOST = 12_000
"""The number of MNIST examples used for scores; times use half of them."""


def run(threads: int, rounds: int) -> None:
    """Print scores, times and memory of all data sets."""
    if not importlib.util.find_spec("sklearn"):
        print("\nestimators: not measured, scikit-learn is not here")
        return
    sets = {name: given for name, given in SETS.items() if name != "MNIST" or _has_mnist()}
    print("\nmean score over five seeds (accuracy, R^2), +- its standard error")
    for name in sets:
        print(f"  {name:<14} {score_line(*scores(name))}", flush=True)
    print("\ntime of a fit as a share of scikit-learn's, by the clock and at work, and milliseconds at work")
    for name, given in sets.items():
        works = [str(batch) for batch in BATCHES if batch <= given.least]
        workers = {who: Worker(fits, who, name, works) for who in (OURS, THEIRS)}
        for work in works:
            print(f"  {name:<14} batch {work:>3}   {time_line(turns(workers, work, rounds))}", flush=True)
        for worker in workers.values():
            worker.close()
    print("\npeak memory of data and fit above that of the imports, MiB (Linux)")
    for name in sets:
        own, other = (peak(who, name) for who in (OURS, THEIRS))
        print(f"  {name:<14} lucidnet {own}   scikit-learn {other}", flush=True)


def time_line(found: dict[str, list[Turn]]) -> str:
    """Return median ratios by wall clock and CPU time, and median CPU milliseconds."""
    pairs = [*zip(found[OURS], found[THEIRS], strict=True)]
    ratios = (
        statistics.median(getattr(own, clock) / getattr(other, clock) for own, other in pairs)
        for clock in ("wall", "cpu")
    )
    times = (1e3 * statistics.median(turn.cpu for turn in made) for made in (found[OURS], found[THEIRS]))
    return "{:.2f}  {:.2f}   {:.1f} of {:.1f}".format(*ratios, *times)


def kind(who: str, regression: bool) -> Any:
    """Return the class of a contender."""
    if who == OURS:
        from lucidnet import sklearn as ours

        return ours.NetRegressor if regression else ours.NetClassifier
    from sklearn import neural_network as theirs

    return theirs.MLPRegressor if regression else theirs.MLPClassifier


def estimator(who: str, name: str, batch: int, epochs: int, seed: int = 0) -> Any:
    """Return a contender for a data set, with early stopping ruled out."""
    given = SETS[name]
    how = {"hidden_layer_sizes": given.hidden, "batch_size": batch, "max_iter": epochs, "random_state": seed}
    return kind(who, given.regression)(**how, tol=0.0, n_iter_no_change=10**6)


def data(name: str) -> tuple[Any, Any]:
    """Return inputs in float32, each column of mean 0 and deviation 1 (of MNIST from 0 to 1), and targets."""
    if name == "MNIST":
        import lucidnet as ln

        (x, y), _ = ln.data.load("mnist")
        return x.reshape(len(x), -1)[:MOST], y[:MOST]
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name.replace(' ', '_')}")(return_X_y=True)
    x = ((x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)).astype("float32")
    return x, ((y - y.mean()) / y.std()).astype("float32") if SETS[name].regression else y


def scores(name: str) -> tuple[list[float], list[float]]:
    """Return the scores of both on a held-out third of the data, a different one each time."""
    from sklearn.model_selection import train_test_split

    x, y = data(name)
    made: dict[str, list[float]] = {OURS: [], THEIRS: []}
    for seed in SEEDS:
        a, b, c, d = train_test_split(x, y, test_size=0.3, random_state=seed)
        for who, found in made.items():
            net = estimator(who, name, min(64, len(a)), SETS[name].epochs, seed)
            found.append(float(quiet(partial(net.fit, a, c))().score(b, d)))
    return made[OURS], made[THEIRS]


def score_line(ours: list[float], theirs: list[float]) -> str:
    """Return both mean scores, and whether ours is at least theirs minus two standard errors."""
    errors = [statistics.stdev(some) / len(some) ** 0.5 for some in (ours, theirs)]
    means = [statistics.fmean(some) for some in (ours, theirs)]
    enough = means[0] >= means[1] - 2 * (errors[0] ** 2 + errors[1] ** 2) ** 0.5
    pairs = zip((OURS, THEIRS), means, errors, strict=True)
    told = "   ".join(f"{who} {mean:.4f} +- {error:.4f}" for who, mean, error in pairs)
    return f"{told}   {'at least theirs - 2 errors' if enough else 'LESS THAN THEIRS - 2 ERRORS'}"


def fits(who: str, name: str, batches: list[str]) -> Works:
    """Return a fit for each batch size; called in a process of its own."""
    x, y = data(name)
    x, y = x[: SETS[name].least], y[: SETS[name].least]
    nets = {batch: estimator(who, name, int(batch), SETS[name].timed) for batch in batches}
    return {batch: quiet(partial(net.fit, x, y)) for batch, net in nets.items()}


def quiet(fit: Callable[[], Any]) -> Callable[[], Any]:
    """Return a fit that does not warn about missing convergence."""

    def work() -> Any:
        with warnings.catch_warnings(action="ignore"):
            return fit()

    return work


def peak(who: str, name: str) -> str:
    """Return the peak memory of a fit in a process of its own, in MiB."""
    command = [
        sys.executable,
        "-c",
        "import sys; from benchmarks import estimators as e; e.told(*sys.argv[1:])",
    ]
    done = subprocess.run([*command, who, name], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"not measured ({done.stderr.strip().splitlines()[-1]})"
    return f"{int(done.stdout) / 1024:.1f}"


def told(who: str, name: str) -> None:
    """Print the peak memory of a fit in KiB, beyond what the process used after all imports."""
    net, _ = estimator(who, name, 64, 2), data("wine")  # with which the readers of data are there, too
    if name == "MNIST":
        import lucidnet.data.sets  # noqa: F401
    before = _kib("VmRSS")
    x, y = data(name)
    quiet(partial(net.fit, x, y))()
    print(_kib("VmHWM") - before)


def _kib(what: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:"))


def _has_mnist() -> bool:
    import lucidnet as ln

    try:
        ln.data.load("mnist")
    except ln.errors.LucidnetError as error:
        print(f"MNIST is left out: {str(error).splitlines()[0]}")
        return False
    return True
