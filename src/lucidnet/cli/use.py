"""``lucidnet race``, ``evaluate``, ``predict`` and ``check``."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import lab, plots
from ..backend import Array
from ..check import CheckReport, RuleReport, gradients, package
from ..core import files as atomic
from ..errors import SettingError
from ..model import Model
from ..training.history import number
from . import show
from .data import open_task, open_whole
from .train import Method, Network


@dataclass(frozen=True)
class Contest:
    """What the options of a race say besides network and method.

    Who takes part, from how many first weights, with whom they are compared, where finished runs are kept,
    how many are made at once.
    """

    rules: str
    seeds: int
    baseline: str | None = None
    folder: Path | None = None
    jobs: int = 1

    def racers(self) -> list[Any]:
        """Return who takes part: names, and numbers as rates."""
        names = [name.strip() for name in self.rules.split(",") if name.strip()]
        if not names:
            raise SettingError(f"--rules: expected names with commas, as in backprop,fa, got {self.rules!r}")
        return [(name, _rate(name)) for name in names]


def _rate(name: str) -> str | float:
    try:
        return float(name)
    except ValueError:
        return name


def race(
    data: str,
    network: Network,
    method: Method,
    contest: Contest,
    plot: Path | None,
    table: Path | None,
    found: dict[str, Any],
) -> int:
    """Train by several rules; print the table, draw and write what was asked for; return the exit code."""
    show.check_places(table, picture=plot)
    if contest.folder:
        show.check_folder("--folder", contest.folder)
    task = open_task(data)
    model = Model(network.layers(task))
    model.compile(task.loss, method.make(), task.metrics)
    sets = ((task.x, task.y), (task.x_test, task.y_test))
    epochs = method.lasting(len(task.x)).epochs or 1
    done = lab.race(
        model, sets, contest.racers(), seeds=contest.seeds, epochs=epochs,
        batch_size=method.batch_size, baseline=contest.baseline, folder=contest.folder, jobs=contest.jobs,
        verbose=0 if show.CONSOLE.quiet else 1,
    )  # fmt: skip
    found |= {"data": task.name, "runs": [_of_run(run) for run in done.runs], "stopped": done.stopped}
    found |= {"differences": done.differences(), "equal": [names for names, _ in done.equal()]}
    show.line(f"\n{done}")
    if table:
        done.to_csv(table)
        show.line(f"all figures written to {table}")
    if plot:
        plots.save(done.plot(), plot)
        show.line(f"race drawn to {plot}")
    return show.INTERRUPTED if done.stopped else 0


def _of_run(run: lab.RaceRun) -> dict[str, Any]:
    names = ("rule", "seed", "seconds", "memory", "failed")
    return {name: getattr(run, name) for name in names} | {"history": dict(run.history)}


def evaluate(file: Path, data: str | None, plot: Path | None, found: dict[str, Any]) -> None:
    """Measure a saved model on the test part of a data set."""
    show.check_places(picture=plot)
    model = Model.load(file)
    task = open_task(show.data_name(model, data))
    result = model.evaluate(task.x_test, task.y_test)
    found |= {"data": task.name, "test": result}
    show.results({f"test of {task.name}": result})
    if plot:
        show.draw(model, plot, "confusion", None, task.name)


def predict(file: Path, data: str | None, rows: int, out: Path | None, found: dict[str, Any]) -> None:
    """Print predictions beside the targets; write all of them to a CSV file if asked for."""
    show.check_places(out)
    model = Model.load(file)
    task = open_whole(data) if data is not None else open_task(show.data_name(model, None))
    y = model.predict(task.x_test)
    found |= {"data": task.name, "rows": len(y), "outputs": y[:rows], "targets": task.y_test[:rows]}
    if task.classes:
        found["predicted"] = y[:rows].argmax(-1)
    columns, lines = _predictions(y, task.y_test, task.classes)
    show.table(["row", *columns], [[str(i), *line] for i, line in enumerate(lines[:rows])])
    if out:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([columns, *lines])
        atomic.write(out, [text.getvalue().encode()])
        show.line(f"{len(lines)} predictions written to {out}")


def _predictions(y: Array, target: Array, classes: bool) -> tuple[list[str], list[list[str]]]:
    if classes:
        best = y.argmax(-1)
        sure = np.take_along_axis(y, best[:, None], -1)[:, 0]
        best = np.where(np.isnan(y).any(-1), "nan", best.astype(str))  # which is no class
        triples = zip(target, best, sure, strict=True)
        return ["target", "predicted", "probability"], [[str(t), str(b), f"{p:.4f}"] for t, b, p in triples]
    pairs = zip(np.reshape(target, (len(y), -1)), y, strict=True)
    return ["target", "predicted"], [[_numbers(t), _numbers(p)] for t, p in pairs]


def _numbers(values: Array) -> str:
    return " ".join(number(float(value)) for value in values)


def _short(name: str, width: int = 48) -> str:
    """Cut a long name, so that a row of the table fits a terminal of 80 columns."""
    return name if len(name) <= width else f"{name[: width - 3]}..."


def check(file: Path | None, data: str | None, found: dict[str, Any]) -> int:
    """Check gradients; return 1 if one of them is wrong."""
    if file is None:
        reports: list[tuple[str, CheckReport | RuleReport]] = list(package())
    else:
        model = Model.load(file)
        task = open_task(show.data_name(model, data))
        reports = [(str(file), gradients(model, task.x_test[:8], task.y_test[:8]))]
    rows = [
        [
            _short(name),
            f"{report.worst:.1e}" if isinstance(report, CheckReport) else "",
            "passed" if report.passed else "FAILED",
        ]
        for name, report in reports
    ]
    found["checked"] = [
        {"name": name, "passed": report.passed, "worst": getattr(report, "worst", None)}
        for name, report in reports
    ]
    show.table(["checked", "worst relative error", ""], rows)
    failed = [(name, report) for name, report in reports if not report.passed]
    for name, report in failed:
        show.line(f"\n{name}\n{report}")
    show.line(f"\n{len(reports) - len(failed)} of {len(reports)} passed, float64 central differences")
    return 1 if failed else 0
