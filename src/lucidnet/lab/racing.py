"""Races between learning rules, or anything else with names: same initial weights, same batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import wraps
from os import PathLike
from typing import Any, ParamSpec

import numpy as np

from ..arguments import LEVEL
from ..core.settings import Check, count, instance, setting, shown, taken, text, whole
from ..core.signals import waiting
from ..data.batches import as_dataset, is_stored
from ..errors import DataError, SettingError, Terminated, optional, suggestion
from ..layers import walk
from ..model import Model
from ..training.callbacks.keeping import CSVLog
from ..training.loop import Callback
from .board import Board, board
from .folder import RaceFolder, same
from .outcome import Race, RaceRun
from .racers import FIT, Racer, racers
from .running import Training, elsewhere, facts_of
from .streams import ONLINE, Streaming

P = ParamSpec("P")
DATA = "(x, y), ((x, y), (x_test, y_test)), a Dataset or a function that gives a fresh iterator of batches"
MOST_RUNS = 100_000
"""The most seeds of a race: more than anybody waits for."""


@dataclass
class _Run:
    """A run that is still to be made."""

    racer: Racer
    seed: int
    model: Model
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, int]:
        """The racer's name, and the seed: what tells this run from the others."""
        return self.racer.name, self.seed


def _of_pairs(function: Callable[P, Race]) -> Callable[P, Race]:
    """Tell users who pass inputs and targets separately, as for `fit`, to pass a pair."""

    @wraps(function)
    def call(*args: P.args, **named: P.kwargs) -> Race:
        if len(args) + ("rules" in named) > 3:
            raise TypeError("race(model, (x, y), rules): inputs and targets are one argument, a pair (x, y)")
        return function(*args, **named)

    return call


@_of_pairs
def race(
    model: Model,
    data: Any,
    rules: Sequence[Any] | Mapping[str, Any],
    *,
    seeds: int | Sequence[int] = 3,
    epochs: int | None = None,
    batch_size: int = 64,
    verbose: int = 1,
    baseline: str | None = None,
    folder: str | PathLike[str] | None = None,
    jobs: int = 1,
    online: bool | Mapping[str, int] = False,
    **settings: Any,
) -> Race:
    """Train one network by several learning rules, from the same weights, on the same batches.

    Optimizers, rates, activations and whole models are raced in the same way: anything with a name. A model
    of another network starts from its own initial weights of the same seed.

    Parameters
    ----------
    model : Model
        A compiled model: its layers, loss, optimizer and metrics are used. It is not changed.
    data : pair (x, y), pair of pairs ((x, y), (x_test, y_test)), or Dataset
        What to train on, and what to validate on after each epoch (also `validation_data`); a tenth of the
        first if left out. Or what else `fit` takes as x: a `data.Dataset`, or a function that gives a fresh
        iterator of batches for each epoch.
    rules : dict of str to anything, or sequence
        The racers, by name. Each is a rule, an optimizer, a rate or schedule, an activation (of hidden
        layers), a loss, a model, layers, a function that returns one of these two, or a dict of settings:
        ``model``, ``rule``, ``optimizer``, ``activation``, ``units`` (of the hidden layers), ``loss``, those
        of the optimizer such as ``learning_rate``, and those of `fit`, such as ``batch_size``. A sequence may
        hold rules, optimizers, rates, activations and losses, or pairs ``("name", rule)``.
    seeds : int or sequence of int
        The number of seeds, or a sequence of seeds.
    epochs : int
        As in `Model.fit`: 5 if not given; of a stream 1.
    batch_size : int
        As in `Model.fit`, but 64 if not given.
    verbose : {0, 1, 2}
        0 shows nothing; 1 prints a line for each run, and in a terminal draws a bar within runs; 2 prints a
        line for each epoch, too.
    baseline : str, optional
        The racer that the others are compared with in the table; the first if not given.
    folder : path, optional
        Where finished runs are kept. An interrupted race continues after them, with the same numbers as an
        uninterrupted one; other seeds and rules may be added. Another data set, other settings, or another
        rule of the same name are an error. The behaviour of functions, of a data set or a callback, is not
        compared.
    jobs : int
        The number of runs made at once, each in a process of its own (needs joblib: ``pip install
        'lucidnet[jobs]'``). Whatever backend ``joblib.parallel_config`` names does the work; Dask's has been
        tested, others have not. The numbers are those of ``jobs=1``, provided each process uses as many
        threads for its sums as a single one would (``OPENBLAS_NUM_THREADS=1`` makes sure of it). Callbacks
        work there on copies: what they note does not come back.
    online : bool or dict
        Whether each learns from a stream, at each time step: the data are then inputs and targets
        (time, n, ...), or a function that gives a fresh iterator of the (x, y) or (x, y, weights) of each
        time step. A dict says ``every`` and ``delay``, as in `Model.online`, and ``stretch``: how many time
        steps are summed up in a row of the history.
    **settings
        What else `fit` takes: validation_data, validation_split, shuffle, class_weight, sample_weight, mask,
        accumulate, validate_every, callbacks, record, record_every. Callbacks may also be a function
        ``callbacks(name, seed)`` that returns those of a run; those that write files must be. With
        ``record="gradient_alignment"`` the alignment of each layer at each step is in ``step_rows()``;
        ``"weight_alignment"`` is recorded of the rules that have feedback weights.

    Returns
    -------
    Race
        With ``table()``, ``differences()``, ``plot()``, ``rows()``, ``step_rows()`` and ``to_csv()``. After
        Ctrl-C it has the runs that were finished, and ``stopped`` says so. A run whose loss is not finite is
        ended, and ``failed`` says where; the others go on.

    Raises
    ------
    SettingError
        If a rule is not defined for this network, or the folder is of another race; before any training
        begins.
    KeyboardInterrupt
        If no run was finished before Ctrl-C.

    Examples
    --------
    >>> import lucidnet as ln
    >>> from lucidnet.layers import Dense, Input
    >>> model = ln.Model([Input(64), Dense(16, "tanh"), Dense(10, "softmax")])
    >>> model.compile("categorical_crossentropy", "adam", ["accuracy"])
    >>> result = ln.race(model, ln.data.load("digits"), ["backprop", "fa"], seeds=2, epochs=1, verbose=0)
    >>> [(run.rule, run.seed) for run in result.runs]
    [('backprop', 0), ('backprop', 1), ('fa', 0), ('fa', 1)]
    >>> slow = {"rule": "fa", "learning_rate": 1e-4}
    >>> who = {"fa": "fa", "fa, small rate": slow, "sgd": ln.optimizers.SGD(0.1)}
    >>> ln.race(model, ln.data.load("digits"), who, seeds=1, epochs=1, verbose=0).rules
    ['fa', 'fa, small rate', 'sgd']
    """
    model = taken("race", "model", model, instance(Model, "a compiled model"))
    named, starts = racers(rules), _seeds(seeds)
    if not named or not starts:
        raise SettingError(f"race: expected at least one rule and one seed, got {rules!r} and {seeds!r}")
    names = [one.name for one in named]
    baseline = taken("race", "baseline", baseline, text(optional=True))
    if baseline is not None and baseline not in names:
        raise SettingError(f"race: baseline: nobody is called {baseline!r}: {suggestion(baseline, names)}")
    verbose = taken("race", "verbose", verbose, setting(LEVEL.expected, _level))
    jobs = taken("race", "jobs", jobs, whole(1))
    online = taken("race", "online", online, ONLINE)
    work = _work(model, data, named, epochs, batch_size, online, settings, verbose if jobs == 1 else 0)
    made = [_Run(one, seed, one.model(model, seed, bool(online))) for one in named for seed in starts]
    facts = _facts(model, made, work)
    _check_recorded(made, settings)
    kept = RaceFolder(folder) if folder is not None else None
    with kept.locked() if kept else nullcontext():
        finished, stopped = _raced(made, work, facts, kept, jobs, board(verbose, len(made)))
    return Race(tuple(finished), facts, baseline, stopped)


def _seeds(given: Any) -> list[int]:
    """Return the list of seeds."""
    if hasattr(given, "__iter__") and not isinstance(given, (str, bytes)):
        starts = [taken("race", "seeds", one, whole(0)) for one in given]
        if len(set(starts)) < len(starts):
            raise SettingError(f"race: each seed can be raced once, got {shown(given)}")
        return starts
    return list(range(taken("race", "seeds", given, whole(0, MOST_RUNS))))


def _level(given: Any, owner: Any) -> int:
    level: Check = LEVEL
    return int(given) if isinstance(given, bool) else int(level.convert(given, owner))


def _work(
    model: Model,
    data: Any,
    named: list[Racer],
    epochs: int | None,
    batch_size: int,
    online: Any,
    settings: dict[str, Any],
    verbose: int,
) -> Training | Streaming:
    """Check and return what all runs have in common."""
    for name in settings:
        if name == "resume":
            raise SettingError("race: resume is of one training; a race is gone on with by folder=...")
        if name not in FIT:
            raise TypeError(
                f"race() got an unexpected keyword argument {name!r}: "
                f"{suggestion(name, FIT | {'jobs', 'folder', 'epochs', 'seeds'})}"
            )
    if online:
        (x, y), validation = _parted(data)
        if validation is not None:
            raise SettingError(
                "race: an online race has no validation data: each time step is predicted, then learned"
            )
        if odd := next((one for one in named if one.fit_settings), None):
            raise SettingError(
                f"race: {odd.name!r}: {', '.join(odd.fit_settings)} have no meaning in an online race"
            )
        rules = {one.name: one.rule(model) for one in named}
        return Streaming.of(x, y, online, settings, epochs, rules)
    (x, y), validation = _parted(data)
    if hasattr(x, "__next__"):
        raise SettingError(
            "race: an iterator is used up by the first run: give a function that returns a fresh one, or a "
            "Dataset"
        )
    given = {"epochs": 5 if epochs is None else taken("race", "epochs", epochs, count(1))}
    given |= {"batch_size": taken("race", "batch_size", batch_size, count(1))} | settings
    if validation is not None:
        if given.get("validation_data") is not None:
            raise SettingError("race: validation data are given twice: in data, and as validation_data")
        given["validation_data"] = validation
    if y is not None and given.get("validation_data") is None:
        given.setdefault("validation_split", 0.1)
    for callbacks in (settings.get("callbacks"), *(one.fit_settings.get("callbacks") for one in named)):
        _shareable(callbacks)
    return Training(x, y, given, verbose if verbose == 2 else 0)


def _parted(data: Any) -> tuple[tuple[Any, Any], Any]:
    """Return the training data and the validation data."""
    if isinstance(data, str):
        raise SettingError(
            f"race: data must be arrays: write lucidnet.data.load({data!r}) in place of {data!r}"
        )
    if not isinstance(data, (tuple, list)):
        try:
            known = is_stored(data) or hasattr(data, "__next__") or as_dataset(data, None) is not None
        except DataError as error:
            raise DataError(f"race: data: {error}") from None
        if not known:
            raise SettingError(f"race: data must be {DATA}, got {shown(data)}")
        return (data, None), None
    if len(data) != 2:
        raise SettingError(
            f"race: data must be {DATA}; weights go by name, sample_weight=...; got {len(data)} things"
        )
    first, second = data
    if _is_pair(first) and _is_pair(second):
        return (first[0], first[1]), tuple(second)
    if hasattr(first, "batches"):  # a Dataset, and what to validate on
        return (first, None), second
    return (first, second), None


def _is_pair(given: Any) -> bool:
    """Tell whether something is a pair (x, y) rather than a list of two rows."""
    if isinstance(given, list):
        return len(given) == 2 and all(hasattr(part, "shape") and np.ndim(part) for part in given)
    return isinstance(given, tuple) and len(given) in (2, 3)


def _shareable(callbacks: Any) -> None:
    """Raise if callbacks would make the runs overwrite each other's files."""
    for callback in callbacks if isinstance(callbacks, (list, tuple)) else ():
        if isinstance(callback, Callback) and (callback.owned() is not None or isinstance(callback, CSVLog)):
            raise SettingError(
                f"race: the runs would overwrite each other's files by one {type(callback).__name__}: give a "
                "function that makes the callbacks of a run, callbacks=lambda name, seed: [...]"
            )


def _facts(model: Model, made: list[_Run], work: Training | Streaming) -> dict[str, Any]:
    """Return the facts common to the race, set those of each run, and check that the runs can start."""
    if isinstance(work, Streaming):
        for one in made:
            one.model.build(work.shape())
            one.model.online(work.rules[one.racer.name], work.every, work.delay)  # raises where it cannot
    else:
        for one in {one.racer.name: one for one in reversed(made)}.values():  # the first run of each
            if one is made[0] or one.racer.fit_settings or one.racer.parts.keys() & {"model", "loss"}:
                work.check(one.model, one.racer.fit_settings)
    for one in made:
        one.facts = facts_of(one.model, one.racer.fit_settings)
        if isinstance(work, Streaming):
            one.facts["rule"] = repr(work.rules[one.racer.name])
    first = Racer("").model(model, 0)
    common = {"backend": repr(model.config), "dtype": model.dtype}
    return common | work.facts(first)


def _check_recorded(made: list[_Run], settings: dict[str, Any]) -> None:
    """Raise if the alignment of feedback weights is to be recorded, and no racer has any."""
    given = settings.get("record") or ()
    wanted = [name for name in ((given,) if isinstance(given, str) else given) if _of_feedback(name)]
    if wanted and not any(_has_feedback(one.model) for one in made):
        raise SettingError(
            f"race: record: {wanted[0]!r} compares feedback weights with the weights that they stand for, "
            "and none of these rules has any: leave it out, or let 'fa' or its kin take part"
        )


def _of_feedback(name: Any) -> bool:
    return isinstance(name, str) and name.partition("/")[0] == "weight_alignment"


def _has_feedback(model: Model) -> bool:
    """Tell whether a rule of a model has feedback weights that stand for others."""
    from ..rules import Rule, SpaceRule, get

    own = [layer.rule for _, layer in walk(model.net) if layer.rule is not None]
    spaces = [get(rule).space for rule in (model.rule or Rule(), *own)]
    return any(type(space).counterparts is not SpaceRule.counterparts for space in spaces)


def _raced(
    made: list[_Run],
    work: Training | Streaming,
    facts: dict[str, Any],
    folder: RaceFolder | None,
    jobs: int,
    shown_by: Board,
) -> tuple[list[RaceRun], str | None]:
    """Make the missing runs; return all runs, and why some are missing if any are."""
    there = {(run.rule, run.seed): run for run in folder.runs(facts)} if folder else {}
    kept = {one.key: there[one.key] for one in made if one.key in there}
    for one in made:
        if folder and one.key in kept:
            same(kept[one.key], one.facts, folder.folder)
    found, stopped = dict[tuple[str, int], RaceRun](), None
    try:
        for key, run in kept.items():
            found[key] = run
            shown_by.end(run, kept=True)
        missing = [one for one in made if one.key not in kept]
        runs = (
            _by_processes(missing, work, jobs)
            if jobs > 1 and len(missing) > 1
            else _one_by_one(missing, work, shown_by)
        )
        for run in runs:
            found[run.rule, run.seed] = run
            if folder:
                folder.write(run, facts)
            shown_by.end(run)
    except KeyboardInterrupt:
        if not found:
            raise
        where = f"; they are kept in {folder.folder}" if folder else ""
        stopped = f"stopped by Ctrl-C after {len(found)} of {len(made)} runs{where}"
        shown_by.line(stopped)
    except Terminated:  # the process ends, by this very error
        rest = "no folder keeps the runs"
        if folder:
            rest = f"{len(found)} of {len(made)} runs are kept in {folder.folder}"
        raise Terminated(f"ended by SIGTERM; {rest}") from None
    finally:
        shown_by.close()
    return [found[one.key] for one in made if one.key in found], stopped


def _one_by_one(made: list[_Run], work: Training | Streaming, shown_by: Board) -> Iterator[RaceRun]:
    for one in made:
        shown_by.begin(one.racer.name, one.seed)
        yield work.run(one.racer.name, one.seed, one.model, one.racer.fit_settings, one.facts, shown_by.tell)


def _by_processes(made: list[_Run], work: Training | Streaming, jobs: int) -> Iterator[RaceRun]:
    """Run in several processes; yield runs as they finish, in any order."""
    joblib = optional("joblib", "jobs")
    tasks = (
        joblib.delayed(elsewhere)(
            work, os.getpid(), one.racer.name, one.seed, one.model, one.racer.fit_settings, one.facts
        )
        for one in made
    )
    with waiting():  # an error in this one, as by Ctrl-C, ends the others; SIGTERM alone would leave them
        yield from joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
