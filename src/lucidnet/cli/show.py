"""What the command line prints and draws."""

from __future__ import annotations

import codecs
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ..core.epochs import number
from ..core.files import path_fault
from ..core.text import columns as in_columns
from ..core.text import visible
from ..core.trees import leaves
from ..data.named import table_to_plain
from ..data.table import Table as DataTable
from ..errors import FileError, SettingError, lookup, some
from ..model import Model
from ..training.history import Result
from .data import readable
from .portion import Portion, open_given

MOST_SHOWN = 20
"""The most columns or classes of a model that are named."""
CONSOLE = Console(soft_wrap=True, highlight=False, emoji=False)
PLAIN = {
    "±": "+-",
    "…": "...",
    "×": "x",
    "–": "-",
    "—": "-",
    "→": "->",
    "·": "*",
    "∂": "d",
    "≤": "<=",
    "≥": ">=",
}
"""Replacements for characters that a terminal lacks; others are written as their code."""


def plain_streams() -> None:
    """Make output streams replace characters that their encoding lacks, such as in ASCII terminals."""
    codecs.register_error("lucidnet", _plain)
    for stream in (sys.stdout, sys.stderr):
        if getattr(stream, "errors", "") in ("strict", "surrogateescape") and hasattr(stream, "reconfigure"):
            if (getattr(stream, "encoding", None) or "").lower().replace("-", "") != "utf8":
                stream.reconfigure(errors="lucidnet")
            elif stream.errors == "strict":  # a path may hold bytes that are no text
                stream.reconfigure(errors="backslashreplace")


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_sign, error.object[error.start : error.end])), error.end


def _sign(sign: str) -> str:
    import unicodedata

    kind, *rest = unicodedata.decomposition(sign).split() or [""]
    if kind in ("<sub>", "<super>"):
        return "".join(chr(int(number, 16)) for number in rest)
    return PLAIN.get(sign) or sign.encode("ascii", "backslashreplace").decode()


def drop_output() -> None:
    """Discard output that is still buffered, as Python would fail to flush it at exit, with a message."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str) -> None:
    """Print an error or warning to stderr."""
    if sys.stderr is not None:
        print(visible(text), file=sys.stderr)


@contextmanager
def figures(as_json: bool) -> Iterator[dict[str, Any]]:
    """Collect the figures of a command; with JSON they are all that is printed, in one line at the end."""
    found: dict[str, Any] = {}
    before, CONSOLE.quiet = CONSOLE.quiet, as_json or CONSOLE.quiet
    try:
        yield found
    finally:
        CONSOLE.quiet = before
    if as_json:
        import json

        print(json.dumps(_jsonable(found), allow_nan=False))


def _jsonable(value: Any) -> Any:
    """Convert figures to JSON values; a number that is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(one) for one in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _jsonable(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float)) else readable(str(value))


def line(text: str) -> None:
    """Print text with control characters escaped."""
    CONSOLE.print(visible(text), markup=False)


def content(text: str) -> None:
    """Print the content of a file exactly as it is."""
    if not CONSOLE.quiet:
        CONSOLE.file.write(text)


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Print a table; the first column holds text, the others numbers."""
    lines = [
        [visible(cell).replace("\n", "\\n").replace("\t", "\\t") for cell in row] for row in (columns, *rows)
    ]
    line("\n".join(in_columns(lines, range(1, len(columns)))))


def results(measured: Mapping[str, Result], table: DataTable | None = None) -> None:
    """Print results, one row per data set; with a table, errors are in the unit of its target."""
    names = list(next(iter(measured.values())))
    line("")
    rows = [[part, *(number(result[n]) for n in names)] for part, result in measured.items()]
    print_table(["", *names], rows)
    if table is not None and table.scale != 1:
        line(f"the loss is that of the standardized target; mae is in units of {table.target}")


def in_own_unit(result: Result, table: DataTable | None) -> Result:
    """Return a result with the mean absolute error in the unit of the target, if that was rescaled."""
    if table is None or "mae" not in result:
        return result
    return Result({**result, "mae": result["mae"] * table.scale})


def check_places(*paths: Path | None, picture: Path | None = None) -> None:
    """Raise early if a file could not be written later, or has no picture format."""
    if picture:
        from ..plots.figures import picture_format

        picture_format(picture)
    for path in filter(None, (*paths, picture)):
        if fault := path_fault(path):
            raise FileError(repr(str(path)), fault, "name another file")
        if os.path.isdir(path):
            raise FileError(path, "is a folder", "name a file in it")
        if not os.access(path.absolute().parent, os.W_OK):
            reason = f"the folder {path.absolute().parent} does not exist or cannot be written to"
            raise FileError(path, reason, "make it, or name another place")


def check_folder(option: str, folder: Path) -> None:
    """Raise early if a folder could not be made or written to."""
    if "\0" in str(folder):
        raise FileError(f"{option}: a path holds no null character; name another folder")
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{option}: {folder} is a file; name a folder, which is made if it is not there")
    above = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise FileError(
            f"{option}: {folder} cannot be made or written to, because of {above}; name another folder"
        )


def kept(model: Model, save: Path | None, plot_to: Path | None) -> None:
    """Say where the model was saved, and draw its training, where asked for."""
    if save:
        line(f"model saved to {save}")
    if plot_to:
        draw(model, plot_to, "overview", None, None)


def alignment(model: Model, plot_to: Path | None) -> None:
    """Print the first and last angles of the rule's gradients and feedback weights; draw them if asked."""
    from .. import plots
    from ..plots.alignment import degrees

    line("")
    rows = [
        [name, *(f"{angle:.1f}" for angle in degrees([pairs[0][1], pairs[-1][1]]))]
        for name, pairs in model.history.steps.items()
    ]
    print_table(["angle in degrees", "first", "last"], rows)
    if plot_to:
        out = plot_to.with_name(f"{plot_to.stem}-alignment{plot_to.suffix}")
        plots.save(plots.alignment(model.history), out)
        line(f"alignment drawn to {out}")


def info(file: Path, found: dict[str, Any]) -> None:
    """Print what a model file holds."""
    model = Model.load(file)
    found |= {"file": str(file), "bytes": file.stat().st_size, "parameters": len(model.get_weights())}
    found |= {"layers": [{"name": name, "layer": repr(layer)} for name, layer in model.net.children()]}
    found |= {"loss": model.loss, "optimizer": model.optimizer, "rule": model.rule, "seed": model.seed}
    found |= {"metrics": [metric.name for metric in model.metrics], "dtype": model.dtype}
    found |= {"classes": model.classes, "table": table_to_plain(model.table)}
    found |= {"data": model.about.get("data"), "epochs": model.history.epochs, "history": dict(model.history)}
    line(f"{file}: {file.stat().st_size:,} bytes\n\n{model.summary()}\n")
    for name, value in (
        ("loss", model.loss),
        ("optimizer", model.optimizer),
        ("rule", model.rule),
        ("metrics", ", ".join(metric.name for metric in model.metrics)),
        ("dtype, seed", f"{model.dtype}, {model.seed}"),
        ("trained on", model.about.get("data")),
        *_of_table(model),
    ):
        line(f"{name:<12} {value or 'none'}")
    if epochs := model.history.epochs:
        last = Result({name: values[-1] for name, values in model.history.items()})
        line(f"{'history':<12} {epochs:,} epoch{'s' * (epochs > 1)}, the last with {last}")


def export(file: Path, out: Path, mask: bool, dtype: str | None, opset: int | None) -> None:
    """Write a model file as a program."""
    from ..interop.exported import export

    check_places(out)
    export(Model.load(file), out, mask=mask, dtype=dtype, opset=opset)
    line(f"program written to {out}")


def _of_table(model: Model) -> list[tuple[str, str]]:
    """Return titles and texts of a model's classes, columns and target."""
    told = [("classes", some(model.classes, MOST_SHOWN))] if model.classes else []
    if isinstance(model.table, DataTable):
        told.append(("columns", some((column.name for column in model.table.columns), MOST_SHOWN)))
        told.append(("target", str(model.table.target)))
    return told


def plot(file: Path, out: Path, what: str, layer: str | None, data: str | None) -> None:
    """Draw a saved model."""
    check_places(picture=out)
    if data is not None and what not in ("confusion", "mistakes"):
        raise SettingError(
            f"--data {data!r}: is for confusion and mistakes; --what {what} draws the model alone"
        )
    if layer is not None and what != "heat":
        raise SettingError(f"--layer {layer!r}: is for heat, not for --what {what}")
    draw(Model.load(file), out, what, layer, data)


def draw(model: Model, out: Path, what: str, layer: str | None, data: str | None) -> None:
    """Draw one picture of a model and write it."""
    from .. import plots

    plots.save(_figure(model, what, layer, data), out)
    line(f"{what} drawn to {out}")


def draw_judged(model: Model, out: Path, what: str, given: Portion) -> None:
    """Draw a model's predictions on some examples, and write the picture."""
    from .. import plots

    plots.save(_judged(model, what, given), out)
    line(f"{what} drawn to {out}")


def _figure(model: Model, what: str, layer: str | None, data: str | None) -> Any:
    from .. import plots

    if what == "curves":
        return plots.training_curves(model.history)
    if what == "heat":
        name, W = _weights(model, layer)
        return plots.heat_map(W, name)
    if what in ("confusion", "mistakes"):
        return _judged(model, what, open_given(model, data, None))
    W = _weights(model, layer)[1]
    if what == "weights" or not model.history.epochs:
        return plots.first_layer_weights(W)
    return plots.overview(model.history, W)


def _weights(model: Model, layer: str | None) -> tuple[str, Any]:
    """Return name and weight matrix of a layer, by default of the first layer that has one."""
    matrices = {path[:-1]: array for path, array in leaves(model.params) if path[-1] == "W"}
    by_name = {"/".join(path): array for path, array in matrices.items()}
    if not by_name:
        raise SettingError("this model has no weights W to draw")
    name = layer or next(iter(by_name))
    return f"{name}/W", lookup("layer", name, by_name)


def _judged(model: Model, what: str, given: Portion) -> Any:
    """Draw the confusion matrix or the worst mistakes on some examples."""
    from .. import metrics, plots
    from ..data.named import probabilities

    if not given.sorts:
        raise SettingError(f"{what}: the targets of {given.name} are not classes")
    predicted = probabilities(model, given.x)
    if what == "confusion":
        counts = metrics.confusion_matrix(given.y, predicted)
        return plots.confusion_matrix(counts, given.classes)
    return plots.worst_mistakes(given.x, given.y, predicted, classes=given.classes)
