"""What the command line prints and draws."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..core.trees import leaves
from ..errors import FileError, SettingError, lookup
from ..inspect.summary import as_text
from ..model import Model
from ..training.history import Result, number
from .data import open_task

NEVER_WRAP = 10_000
CONSOLE = Console(soft_wrap=True, highlight=False)


def line(text: str) -> None:
    """Print text as it is."""
    CONSOLE.print(text, markup=False)


def table(columns: list[str], rows: list[list[str]]) -> None:
    """Print a table; the first column is text, the others numbers."""
    made = Table(box=None, pad_edge=False, header_style="")
    for i, column in enumerate(columns):
        made.add_column(column, justify="right" if i else "left")
    for row in rows:
        made.add_row(*row)
    line(as_text(made, NEVER_WRAP))


def results(measured: Mapping[str, Result]) -> None:
    """Print results side by side, one row per data set."""
    names = list(next(iter(measured.values())))
    line("")
    table(["", *names], [[part, *(number(result[n]) for n in names)] for part, result in measured.items()])


def check_places(*paths: Path | None, picture: Path | None = None) -> None:
    """Raise before the work begins if a file could not be written after it, or not as a picture."""
    if picture:
        from ..plots.figures import picture_format

        picture_format(picture)
    for path in filter(None, (*paths, picture)):
        if path.is_dir():
            raise FileError(f"{path}: is a folder; name a file in it")
        if not os.access(path.absolute().parent, os.W_OK):
            raise FileError(
                f"{path}: the folder {path.absolute().parent} does not exist or cannot be written to; "
                "make it, or name another place"
            )


def keep(model: Model, save: Path | None, plot_to: Path | None) -> None:
    """Write the model and the picture of a training, where asked for."""
    if save:
        model.save(save)
        line(f"model saved to {save}")
    if plot_to:
        draw(model, plot_to, "overview", None, None)


def alignment(model: Model, plot_to: Path | None) -> None:
    """Print how the rule's gradients and its feedback weights lay, first and last; draw it, too."""
    from .. import plots

    line("")
    rows = [
        [name, f"{pairs[0][1]:.3f}", f"{pairs[-1][1]:.3f}"] for name, pairs in model.history.steps.items()
    ]
    table(["cosine", "first", "last"], rows)
    if plot_to:
        out = plot_to.with_name(f"{plot_to.stem}-alignment{plot_to.suffix}")
        plots.save(plots.alignment(model.history), out)
        line(f"alignment drawn to {out}")


def info(file: Path) -> None:
    """Print what a model file holds."""
    model = Model.load(file)
    line(f"{file}: {file.stat().st_size:,} bytes\n\n{model.summary()}\n")
    for name, value in (
        ("loss", model.loss),
        ("optimizer", model.optimizer),
        ("rule", model.rule),
        ("metrics", ", ".join(metric.name for metric in model.metrics)),
        ("dtype, seed", f"{model.dtype}, {model.seed}"),
        ("trained on", model.about.get("data")),
    ):
        line(f"{name:<12} {value or 'none'}")
    if model.history:
        last = Result({name: values[-1] for name, values in model.history.items()})
        line(f"{'history':<12} {model.history.epochs} epochs, the last with {last}")


def plot(file: Path, out: Path, what: str, layer: str | None, data: str | None) -> None:
    """Draw a saved model."""
    check_places(picture=out)
    if data is not None and what not in ("confusion", "mistakes"):
        raise SettingError(f"--data {data!r} has no effect on {what}: it is for confusion and mistakes")
    if layer is not None and what in ("curves", "confusion", "mistakes"):
        raise SettingError(f"--layer {layer!r} has no effect on {what}, which draws no weights")
    draw(Model.load(file), out, what, layer, data)


def draw(model: Model, out: Path, what: str, layer: str | None, data: str | None) -> None:
    """Draw one picture of a model and write it."""
    from .. import plots

    figure = _figure(model, what, layer, data)
    plots.save(figure, out)
    line(f"{what} drawn to {out}")


def _figure(model: Model, what: str, layer: str | None, data: str | None) -> Any:
    from .. import plots

    if what == "curves":
        return plots.training_curves(model.history)
    if what == "heat":
        name, W = _weights(model, layer)
        return plots.heat_map(W, name)
    if what in ("confusion", "mistakes"):
        return _judged(model, what, data)
    W = _weights(model, layer)[1]
    if what == "weights" or not model.history:
        return plots.first_layer_weights(W)
    return plots.overview(model.history, W)


def _weights(model: Model, layer: str | None) -> tuple[str, Any]:
    """Return the weight matrix of a layer, by default of the first that has one."""
    matrices = {path[:-1]: array for path, array in leaves(model.params) if path[-1] == "W"}
    by_name = {"/".join(path): array for path, array in matrices.items()}
    if not by_name:
        raise SettingError("this model has no weights W to draw")
    name = layer or next(iter(by_name))
    return f"{name}/W", lookup("layer", name, by_name)


def _judged(model: Model, what: str, data: str | None) -> Any:
    """Draw the confusion matrix or the worst mistakes on a test set."""
    from .. import metrics, plots

    task = open_task(data_name(model, data))
    if not task.classes:
        raise SettingError(f"{what}: the targets of {task.name} are not classes")
    predicted = model.predict(task.x_test)
    if what == "confusion":
        return plots.confusion_matrix(metrics.confusion_matrix(task.y_test, predicted))
    return plots.worst_mistakes(task.x_test, task.y_test, predicted)


def data_name(model: Model, data: str | None) -> str:
    """Return the name of the data set: the given one, or that of the training."""
    name = model.about.get("data") if data is None else data
    if data == "":
        raise SettingError("DATA: expected the name of a data set or a file, got ''")
    if not name:
        raise SettingError("the file does not say what data the model was trained on: name a data set")
    return str(name)
