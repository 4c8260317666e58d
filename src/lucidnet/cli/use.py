"""``lucidnet race``, ``evaluate`` and ``check``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import lab, plots
from ..check import CheckReport, RuleReport, gradients, package
from ..core.starting import INTERRUPTED
from ..errors import SettingError
from ..model import Model
from . import show
from .data import WHOLE, Asked, data_name, open_task
from .effects import is_number
from .portion import open_given
from .train import Method, Network, measured


@dataclass(frozen=True)
class Contest:
    """The options of a race apart from network and method.

    The racers, the number of initial weights, the racer compared with, the folder of finished runs, and the
    number of runs made at once.
    """

    rules: str
    seeds: int
    baseline: str | None = None
    folder: Path | None = None
    jobs: int = 1

    def racers(self) -> list[Any]:
        """Return the racers: names, or numbers as learning rates."""
        names = [name.strip() for name in self.rules.split(",") if name.strip()]
        if not names:
            raise SettingError(f"--rules: expected names with commas, as in backprop,fa, got {self.rules!r}")
        return [(name, float(name) if is_number(name) else name) for name in names]


def race(
    data: str,
    asked: Asked,
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
    task = open_task(data, asked)
    if task.table:  # of which it is decided what it is
        show.line(f"{task.title()}\n")
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
    return INTERRUPTED if done.stopped else 0


def _of_run(run: lab.RaceRun) -> dict[str, Any]:
    names = ("rule", "seed", "seconds", "memory", "failed")
    return {name: getattr(run, name) for name in names} | {"history": dict(run.history)}


def evaluate(
    file: Path,
    data: str | None,
    part: str | None,
    plot: Path | None,
    encoding: str | None,
    found: dict[str, Any],
) -> None:
    """Measure a saved model on a part of a data set, or on a whole file."""
    show.check_places(picture=plot)
    model = Model.load(file)
    given = open_given(model, data, part, encoding=encoding)
    for told in given.warnings():
        show.complain(told)
    if plot and not given.sorts:
        raise SettingError(f"--plot {plot}: draws which classes are taken for which, and here are none")
    result = show.in_own_unit(measured(model, given.x, given.y, given.weights), given.table)
    found |= {"data": given.name, "part": given.part, "rows": len(given.x), given.part: result}
    show.results({given.title(): result}, given.table)
    if given.weights is not None:
        show.line(given.weighed)
    if given.part == WHOLE and given.name == model.about.get("data") and given.table:
        show.line("the model was trained on most of these rows: --part test measures it on the others")
    if plot:
        show.draw_judged(model, plot, "confusion", given)


def _short(name: str, width: int = 48) -> str:
    """Shorten a name, so that a row of the table fits a terminal of 80 columns."""
    return name if len(name) <= width else f"{name[: width - 3]}..."


def check(file: Path | None, data: str | None, found: dict[str, Any]) -> int:
    """Check gradients; return 1 if one of them is wrong."""
    if file is None:
        reports: list[tuple[str, CheckReport | RuleReport]] = list(package())
    else:
        model = Model.load(file)
        task = open_task(data_name(model, data), model=model)
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
    show.print_table(["checked", "worst relative error", ""], rows)
    failed = [(name, report) for name, report in reports if not report.passed]
    for name, report in failed:
        show.line(f"\n{name}\n{report}")
    show.line(f"\n{len(reports) - len(failed)} of {len(reports)} passed, float64 central differences")
    return 1 if failed else 0
