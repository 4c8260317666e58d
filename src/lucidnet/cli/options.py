"""The options and arguments of the command line: kinds, help texts, completion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


def completing(find: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Return a shell completion function; it completes the part after the last comma."""

    def complete(incomplete: str) -> list[str]:
        before, comma, begun = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in sorted(find()) if name.startswith(begun)]

    return complete


def data_names() -> Iterable[str]:
    """Return the names of data sets."""
    from .. import data

    return data.KNOWN


def rule_names() -> Iterable[str]:
    """Return the names of learning rules."""
    from .. import rules

    return (*rules.SPACE, *rules.TIME)


def _optimizer_names() -> Iterable[str]:
    from .. import optimizers

    return optimizers.KNOWN


def _activation_names() -> Iterable[str]:
    from ..layers import activations

    return activations.KNOWN


Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="digits, mnist, fashion-mnist, cifar-10, a generated set, or a file.",
        autocompletion=completing(data_names),
    ),
]
ModelFile = Annotated[Path, typer.Argument(metavar="FILE", help="A model written by --save.")]
OptionalData = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA",
        help="The data set or file; by default the one it was trained on.",
        autocompletion=completing(data_names),
    ),
]
Subject = Annotated[
    str,
    typer.Argument(
        metavar="MODEL|DATA",
        help="A model file, or the data for a new network as the options describe it.",
        autocompletion=completing(data_names),
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON, and nothing else.")]
Hidden = Annotated[str, typer.Option(help="Units of the hidden layers, as in 128,64.")]
Activation = Annotated[
    str, typer.Option(help="Activation of the hidden layers.", autocompletion=completing(_activation_names))
]
Optimizer = Annotated[
    str,
    typer.Option(
        help="sgd, adam, adamw, nadam, rmsprop, lion, ...", autocompletion=completing(_optimizer_names)
    ),
]
Rate = Annotated[float | None, typer.Option(help="Learning rate; the optimizer's own if left out.")]
RuleName = Annotated[
    str, typer.Option(help="Learning rule: backprop, fa, dfa, kp, ...", autocompletion=completing(rule_names))
]
BatchSize = Annotated[int, typer.Option(help="Examples per step.")]
Seed = Annotated[int, typer.Option(help="The seed of all random numbers.")]


class Learn(StrEnum):
    """The task that a target sets."""

    classification = "classification"
    regression = "regression"


class Categories(StrEnum):
    """The treatment of text columns."""

    one_hot = "one-hot"


class Missing(StrEnum):
    """The treatment of missing cells."""

    drop = "drop"
    mean = "mean"


class PartName(StrEnum):
    """Which examples of a data set are meant."""

    test = "test"
    train = "train"
    whole = "whole"


class Days(StrEnum):
    """The treatment of dates."""

    days = "days"


OfData = Annotated[
    PartName | None,
    typer.Option(help="Which examples; of a file that is named the whole, else the test part."),
]
OF_A_FILE = "A file with a table"
Target = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        rich_help_panel=OF_A_FILE,
        help="The column to predict, by its name or its number from 0 on; the last one if left out.",
    ),
]
Kind = Annotated[
    Learn | None,
    typer.Option("--task", rich_help_panel=OF_A_FILE, help="To tell classes apart, or to predict numbers."),
]
Drop = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMNS", rich_help_panel=OF_A_FILE, help="Columns to leave out, with commas, as in id,name."
    ),
]
Standardize = Annotated[
    bool,
    typer.Option(
        "--standardize", rich_help_panel=OF_A_FILE, help="Bring columns of numbers to mean 0, deviation 1."
    ),
]
OneHot = Annotated[
    Categories | None,
    typer.Option("--categories", rich_help_panel=OF_A_FILE, help="Make columns of text a 0 or 1 per word."),
]
Gaps = Annotated[
    Missing | None,
    typer.Option(
        "--missing", rich_help_panel=OF_A_FILE, help="Drop rows with missing cells, or fill in column means."
    ),
]


Group = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        rich_help_panel=OF_A_FILE,
        help="What says which rows belong together, as of one patient: they are not divided for testing.",
    ),
]
Weight = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        rich_help_panel=OF_A_FILE,
        help="How much each row counts, as in surveys: in the training, and in what is measured.",
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=OF_A_FILE,
        help="How its text is encoded, as cp1251 or cp932, if not as UTF-8 or UTF-16.",
    ),
]


class Picture(StrEnum):
    """What `lucidnet plot` can draw."""

    overview = "overview"
    curves = "curves"
    weights = "weights"
    heat = "heat"
    confusion = "confusion"
    mistakes = "mistakes"


Dates = Annotated[
    Days | None, typer.Option(rich_help_panel=OF_A_FILE, help="Make dates the number of days since 1970.")
]
