"""``lucidnet doctor``, ``explain`` and ``lr-find``, for saved or new models; ``lucidnet lab``."""

from __future__ import annotations

import os
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from .. import data as data_sets
from ..core import files
from ..errors import FileError, SettingError
from ..interop.model_file import check_suffix
from ..model import Model
from . import show
from .data import Asked, Task, as_column, data_name, is_table, open_task, read_frame, readable
from .train import Method, Network

WRITERS = {".html": "html", ".htm": "html", ".tex": "latex", ".txt": "text"}
"""The formats of an explanation, by file suffix."""


def subject(
    given: str, data: str | None, asked: Asked, network: Network, method: Method
) -> tuple[Model, Task]:
    """Return a model and its data: loaded from a file, or a new model as the options describe it."""
    if given.endswith(".safetensors"):
        check_suffix(Path(given))
        model = Model.load(Path(given))
        return model, open_task(data_name(model, data), model=model)
    if data is not None:
        raise SettingError(
            f"{given}: is no model file (.safetensors), so that it names the data; {data} would name them "
            "again"
        )
    task = open_task(given, asked)
    model = Model(network.layers(task), seed=method.seed)
    model.compile(task.loss, method.make(), task.metrics, rule=method.way.rule)
    model.table = task.table
    return model, task


def table(data: str, target: str | None, encoding: str | None, found: dict[str, Any]) -> None:
    """Print what the columns of a file are, what is odd about them, and how to train on it."""
    if not data.strip() or data in data_sets.KNOWN:
        kind = "the name of a data set" if data.strip() else repr(data)
        raise SettingError(
            f"FILE: expected a file with a table, such as mydata.csv, got {kind} {data}".rstrip()
        )
    for option, given in (("target", target), ("encoding", encoding)):
        if given is not None and os.path.exists(data) and not is_table(data):
            raise SettingError(f"--{option} has no effect: {data} holds arrays; leave it out")
    column = None if target is None else as_column(target)
    if target is not None and isinstance(column, int) and is_table(data):
        column = as_column(target, data_sets.frame(data, encoding=encoding).names)  # a column may be called 0
    seen = data_sets.look(data, target=column, encoding=encoding)
    found |= seen.to_plain()
    show.line(str(seen))


def doctor(model: Model, task: Task, steps: int, batch_size: int, found: dict[str, Any]) -> int:
    """Print what is wrong with a network in its first steps; return 1 if something is."""
    report = model.doctor(task.x, task.y, steps=steps, batch_size=batch_size)
    found |= {"data": task.name, "healthy": bool(report), **asdict(report)}
    show.line(str(report))
    return 0 if report else 1


def explain(model: Model, task: Task, row: int, rows: int, digits: int, out: Path | None) -> None:
    """Tell one training step operation by operation, or write it to a file."""
    form = None
    if out:
        show.check_places(out)
        form = WRITERS.get(out.suffix.lower())
        if form is None:
            raise FileError(f"{out}: expected a file that ends in .html, .tex or .txt")
    if row + rows > len(task.x):
        raise SettingError(f"--row {row}, --rows {rows}: {task.name} has {len(task.x)} training examples")
    part = slice(row, row + rows)
    told = model.explain(task.x[part], task.y[part], digits=digits)
    if out is None or form is None:
        show.line(told.text())
        return
    files.write(out, [_written(told, form, out)])
    show.line(f"explanation written to {out}")


def _written(told: Any, form: str, out: Path) -> bytes:
    """Render an explanation in a format; as HTML it is a whole page."""
    text = getattr(told, form)()
    if form == "html" and "<html" not in text:
        title = escape(readable(out.stem))
        head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>'
        text = f"{head}\n{text}\n</html>\n"
    return str(text).encode()


def lab(data: str, asked: Asked, port: int, host: str, open: bool) -> None:
    """Serve the page in the browser until Ctrl-C."""
    from threading import Event

    from ..lab import serve
    from ..lab.page.task import OwnData, of_table

    subject: str | OwnData = data
    if is_table(data):
        frame = read_frame(data, None, asked.encoding)
        table = asked.fit(frame)
        for words in asked.idle(table):
            show.line(words)
        subject = of_table(table, frame, data, asked.given(frame.names), asked.encoding)
    else:
        asked.refuse(f"{data} is none")
    with serve(subject, port=port, host=host, open=open) as server:
        show.line(f"{server.url}\nCtrl-C ends it")
        Event().wait()


def lr_find(
    model: Model, task: Task, start: float, stop: float, steps: int, batch_size: int, plot: Path | None,
    found: dict[str, Any],
) -> None:  # fmt: skip
    """Print the loss against a growing rate, and which to take; draw it if asked for."""
    show.check_places(picture=plot)
    assert model.optimizer is not None  # it is compiled
    size = None if model.optimizer.full_batch else batch_size  # which then says itself what is wrong
    curve = model.lr_find(task.x, task.y, start=start, stop=stop, steps=steps, batch_size=size)
    found |= {"data": task.name, **asdict(curve)}
    show.line(str(curve))
    if plot:
        from .. import plots

        plots.save(curve.plot(), plot)
        show.line(f"curve drawn to {plot}")
