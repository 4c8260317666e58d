"""The commands and their options; the other files in this folder do the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import exercise, look, show, train, use
from . import predict as predicting
from .data import Asked
from .options import (
    Activation,
    BatchSize,
    Data,
    Dates,
    Drop,
    Encoding,
    Gaps,
    Group,
    Hidden,
    Json,
    Kind,
    ModelFile,
    OfData,
    OneHot,
    Optimizer,
    OptionalData,
    Picture,
    Rate,
    RuleName,
    Seed,
    Standardize,
    Subject,
    Target,
    Weight,
    completing,
    data_names,
    rule_names,
)
from .words import Command

app = typer.Typer(
    help="Neural networks that you can see through: train, look inside, check.",
    epilog="Exit codes: 0 all is well; 1 a check failed, or the doctor found something; 2 an option, a file "
    "or the data cannot be used; 70 another of several processes has gone; 130 after "
    "Ctrl-C, 143 after SIGTERM.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


app.add_typer(exercise.app, name="exercise")


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"lucidnet {__version__}")
        raise typer.Exit


@app.callback()
def every_command(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Neural networks that you can see through: train, look inside, check."""


@app.command(name="look", cls=Command)
def look_command(
    data: Annotated[str, typer.Argument(metavar="FILE", help="A file with a table: CSV or the like.")],
    target: Target = None,
    encoding: Encoding = None,
    json: Json = False,
) -> None:
    """Show what the columns of a file are, what is odd about them, and the command to train with."""
    with show.figures(json) as found:
        look.table(data, target, encoding, found)


@app.command(name="train", cls=Command)
def train_command(
    data: Data = "digits",
    target: Target = None,
    task: Kind = None,
    drop: Drop = None,
    standardize: Standardize = False,
    categories: OneHot = None,
    missing: Gaps = None,
    dates: Dates = None,
    encoding: Encoding = None,
    group: Group = None,
    weight: Weight = None,
    hidden: Hidden = "128,64",
    activation: Activation = "relu",
    dropout: Annotated[float, typer.Option(help="Share of hidden units dropped while training.")] = 0.0,
    initializer: Annotated[
        str | None, typer.Option(help="First weights; what fits the activation if left out.")
    ] = None,
    optimizer: Optimizer = "adam",
    lr: Rate = None,
    momentum: Annotated[float | None, typer.Option(help="Momentum, for sgd and rmsprop.")] = None,
    one_cycle: Annotated[
        float | None, typer.Option(help="Rate up to this and down again, in place of a constant one.")
    ] = None,
    rule: RuleName = "backprop",
    alignment: Annotated[
        int | None,
        typer.Option(min=1, help="Each so many steps, compare the rule's gradient with the true one."),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="How often to go through the data; if left out until the validation loss gets no lower."
        ),
    ] = None,
    batch_size: BatchSize = 64,
    validation: Annotated[float, typer.Option(help="Share of the training data to validate on.")] = 0.1,
    seed: Seed = 0,
    resume: Annotated[
        Path | None, typer.Option(help="Keep checkpoints in this folder, and go on from the newest.")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help="numpy, or jax for compiled steps; also jax:cpu, jax:gpu.")
    ] = None,
    dtype: Annotated[
        str, typer.Option(help="float32, float64, or, on jax, mixed_bfloat16: products in bfloat16.")
    ] = "float32",
    devices: Annotated[
        str | None,
        typer.Option(
            help="On jax, over how many devices: all, a number, or a mesh such as 4x2; on numpy, threads."
        ),
    ] = None,
    coordinator: Annotated[
        str | None, typer.Option(help="HOST:PORT of the first of several processes.")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="How many processes there are.")] = None,
    process_id: Annotated[int | None, typer.Option(min=0, help="Which of them this is, from 0.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write the model to this .safetensors file.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw curves and first-layer weights to this file.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show the result only.")] = False,
    json: Json = False,
) -> None:
    """Train a dense network, and measure it on the test set. Ctrl-C ends early and keeps what was learned."""
    network = train.Network(hidden, activation, dropout, initializer)
    team = train.Team(devices, coordinator, processes, process_id)
    way = train.Way(rule, alignment, one_cycle, resume, backend, dtype, team)
    method = train.Method(optimizer, lr, momentum, epochs, batch_size, validation, seed, way)
    asked = Asked(target, task, drop, standardize, categories, missing, dates, encoding, group, weight)
    with show.figures(json) as found:
        code = train.run(data, asked, network, method, save, plot, quiet or json, found)
    raise typer.Exit(code)


@app.command(cls=Command)
def race(
    data: Data = "digits",
    target: Target = None,
    task: Kind = None,
    drop: Drop = None,
    standardize: Standardize = False,
    categories: OneHot = None,
    missing: Gaps = None,
    dates: Dates = None,
    encoding: Encoding = None,
    group: Group = None,
    rules: Annotated[
        str,
        typer.Option(
            help="Learning rules, with commas; also optimizers, rates or activations.",
            autocompletion=completing(rule_names),
        ),
    ] = "backprop,fa,dfa,kp",
    seeds: Annotated[int, typer.Option(min=1, help="How many first weights to try each with.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="How often to go through the data.")] = 5,
    hidden: Hidden = "128,64",
    activation: Activation = "tanh",
    optimizer: Optimizer = "adam",
    lr: Rate = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples per step.")] = 64,
    plot: Annotated[Path | None, typer.Option(help="Draw loss, metric and alignment to this file.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write all figures of all epochs to this file.")] = None,
    baseline: Annotated[
        str | None, typer.Option(help="With which the others are compared; the first if left out.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Keep finished runs in this folder, and go on after them.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many runs are made at once (needs joblib).")] = 1,
    json: Json = False,
) -> None:
    """Train one network by several learning rules, from the same weights, on the same batches."""
    network = train.Network(hidden, activation)
    method = train.Method(optimizer, lr, None, epochs, batch_size, 0.0, 0)
    contest = use.Contest(rules, seeds, baseline, folder, jobs)
    asked = Asked(target, task, drop, standardize, categories, missing, dates, encoding, group)
    with show.figures(json) as found:
        code = use.race(data, asked, network, method, contest, plot, csv, found)
    raise typer.Exit(code)


@app.command(cls=Command)
def evaluate(
    file: ModelFile,
    data: OptionalData = None,
    part: OfData = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the confusion matrix to this file.")] = None,
    encoding: Encoding = None,
    json: Json = False,
) -> None:
    """Measure a saved model: on the test part of what it was trained on, or on a whole file."""
    with show.figures(json) as found:
        use.evaluate(file, data, part, plot, encoding, found)


@app.command(cls=Command)
def predict(
    file: ModelFile,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="The data set or file, with or without the target; - is standard input, which is answered "
            "in CSV; by default the one it was trained on.",
            autocompletion=completing(data_names),
        ),
    ] = None,
    part: OfData = None,
    rows: Annotated[
        int | None, typer.Option(min=0, help="How many examples to show; 10 if left out.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write all predictions to this CSV file; - is standard output.")
    ] = None,
    encoding: Encoding = None,
    json: Json = False,
) -> None:
    """Predict with a saved model: for the test part of what it was trained on, or for all rows of a file."""
    with show.figures(json) as found:
        predicting.predict(file, data, part, rows, out, encoding, found)


@app.command(cls=Command)
def info(file: ModelFile, json: Json = False) -> None:
    """Show what a model file holds: layers, shapes, parameters, settings, history."""
    with show.figures(json) as found:
        show.info(file, found)


@app.command(cls=Command)
def export(
    file: ModelFile,
    out: Annotated[
        Path, typer.Argument(metavar="PROGRAM", help="The file to write: .onnx, or .py for NumPy alone.")
    ],
    mask: Annotated[bool, typer.Option("--mask", help="Take a mask of the time steps, too.")] = False,
    dtype: Annotated[
        str | None,
        typer.Option(help="float32 or float64; else float32, in Python that of the model."),
    ] = None,
    opset: Annotated[
        int | None, typer.Option(help="The version of ONNX's operators, from 14 to 20, the default.")
    ] = None,
) -> None:
    """Write a saved model as a program that runs without lucidnet: an ONNX file, or a Python file."""
    show.export(file, out, mask, dtype, opset)


@app.command(cls=Command)
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A model; all layers if none.")
    ] = None,
    data: OptionalData = None,
    json: Json = False,
) -> None:
    """Check every layer, activation, loss and learning rule, or the gradients of a saved model."""
    with show.figures(json) as found:
        code = use.check(file, data, found)
    raise typer.Exit(code)


@app.command(cls=Command)
def plot(
    file: ModelFile,
    out: Annotated[Path, typer.Argument(metavar="PICTURE", help="The picture to write: .png, .svg or .pdf.")],
    what: Annotated[Picture, typer.Option(help="What to draw.")] = Picture.overview,
    layer: Annotated[str | None, typer.Option(help="The layer whose weights to draw (heat).")] = None,
    data: Annotated[str | None, typer.Option(help="Data for confusion and mistakes.")] = None,
) -> None:
    """Draw a saved model: training curves, weights, confusion matrix, worst mistakes."""
    show.plot(file, out, what.value, layer, data)


@app.command(cls=Command)
def doctor(
    subject: Subject,
    data: OptionalData = None,
    target: Target = None,
    task: Kind = None,
    drop: Drop = None,
    standardize: Standardize = False,
    categories: OneHot = None,
    missing: Gaps = None,
    dates: Dates = None,
    encoding: Encoding = None,
    hidden: Hidden = "128,64",
    activation: Activation = "relu",
    optimizer: Optimizer = "adam",
    lr: Rate = None,
    rule: RuleName = "backprop",
    steps: Annotated[int, typer.Option(min=1, help="How many training steps to watch, on a copy.")] = 20,
    batch_size: BatchSize = 64,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Say in plain sentences why a network does not learn: of a saved model, or of a new one."""
    method = train.Method(optimizer, lr, None, 1, batch_size, 0.0, seed, train.Way(rule))
    asked = Asked(target, task, drop, standardize, categories, missing, dates, encoding)
    with show.figures(json) as found:
        model, examples = look.subject(subject, data, asked, train.Network(hidden, activation), method)
        code = look.doctor(model, examples, steps, batch_size, found)
    raise typer.Exit(code)


@app.command(cls=Command)
def explain(
    subject: Subject = "xor",
    data: OptionalData = None,
    target: Target = None,
    task: Kind = None,
    drop: Drop = None,
    standardize: Standardize = False,
    categories: OneHot = None,
    missing: Gaps = None,
    dates: Dates = None,
    encoding: Encoding = None,
    hidden: Hidden = "2",
    activation: Activation = "tanh",
    optimizer: Optimizer = "sgd",
    lr: Rate = None,
    rule: RuleName = "backprop",
    row: Annotated[int, typer.Option(min=0, help="The first training example to use.")] = 0,
    rows: Annotated[int, typer.Option(min=1, help="How many examples.")] = 1,
    digits: Annotated[int, typer.Option(min=1, help="Significant digits of the numbers.")] = 6,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help="Write it to this .html, .tex or .txt file.")] = None,
) -> None:
    """Tell one training step operation by operation: forward, loss, backward, update."""
    method = train.Method(optimizer, lr, None, 1, 1, 0.0, seed, train.Way(rule))
    asked = Asked(target, task, drop, standardize, categories, missing, dates, encoding)
    model, examples = look.subject(subject, data, asked, train.Network(hidden, activation), method)
    look.explain(model, examples, row, rows, digits, out)


@app.command(cls=Command)
def lab(
    data: Data = "spirals",
    target: Target = None,
    task: Kind = None,
    drop: Drop = None,
    standardize: Standardize = False,
    categories: OneHot = None,
    missing: Gaps = None,
    dates: Dates = None,
    encoding: Encoding = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where on this machine; 0 for any free port.")
    ] = 0,
    host: Annotated[
        str, typer.Option(help="Another address than this machine's own: others can then reach the page.")
    ] = "127.0.0.1",
    open: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """See a network learn in the browser, two rules side by side; Ctrl-C ends it."""
    asked = Asked(target, task, drop, standardize, categories, missing, dates, encoding)
    look.lab(data, asked, port, host, open)


@app.command("lr-find", cls=Command)
def lr_find(
    subject: Subject,
    data: OptionalData = None,
    target: Target = None,
    task: Kind = None,
    drop: Drop = None,
    standardize: Standardize = False,
    categories: OneHot = None,
    missing: Gaps = None,
    dates: Dates = None,
    encoding: Encoding = None,
    hidden: Hidden = "128,64",
    activation: Activation = "relu",
    optimizer: Optimizer = "adam",
    rule: RuleName = "backprop",
    start: Annotated[float, typer.Option(help="The first rate.")] = 1e-6,
    stop: Annotated[float, typer.Option(help="The last rate.")] = 10.0,
    steps: Annotated[int, typer.Option(min=10, help="How many steps lie between them.")] = 100,
    batch_size: BatchSize = 64,
    seed: Seed = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw the curve to this file.")] = None,
    json: Json = False,
) -> None:
    """Find a learning rate: the loss against a rate that grows from step to step."""
    method = train.Method(optimizer, None, None, 1, batch_size, 0.0, seed, train.Way(rule))
    asked = Asked(target, task, drop, standardize, categories, missing, dates, encoding)
    with show.figures(json) as found:
        model, examples = look.subject(subject, data, asked, train.Network(hidden, activation), method)
        look.lr_find(model, examples, start, stop, steps, batch_size, plot, found)
