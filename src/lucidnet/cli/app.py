"""The commands and their options; what they do stands in the files beside this one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from .. import foreign
from . import show, train, use


class Command(TyperCommand):
    """A command that says what an option of other programs is called here."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options of a command line."""
        known = {name for param in self.params for name in param.opts}
        for given in (arg.partition("=")[0] for arg in args):
            if given not in known and (ours := foreign.OPTIONS.get(given)) in known:
                ctx.fail(f"No such option: {given}: here it is {ours}")
        return super().parse_args(ctx, args)


app = typer.Typer(
    help="Neural networks that you can see through: train, look inside, check.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Data = Annotated[
    str, typer.Argument(metavar="DATA", help="digits, mnist, fashion-mnist, a generated set, or a file.")
]
ModelFile = Annotated[Path, typer.Argument(metavar="FILE", help="A model written by --save.")]
OptionalData = Annotated[
    str | None,
    typer.Argument(metavar="DATA", help="The data set or file; by default the one it was trained on."),
]


class Picture(StrEnum):
    """What `lucidnet plot` can draw."""

    overview = "overview"
    curves = "curves"
    weights = "weights"
    heat = "heat"
    confusion = "confusion"
    mistakes = "mistakes"


@app.command(name="train", cls=Command)
def train_command(
    data: Data = "digits",
    hidden: Annotated[str, typer.Option(help="Units of the hidden layers, as in 128,64.")] = "128,64",
    activation: Annotated[str, typer.Option(help="Activation of the hidden layers.")] = "relu",
    dropout: Annotated[float, typer.Option(help="Share of hidden units dropped while training.")] = 0.0,
    initializer: Annotated[
        str | None, typer.Option(help="First weights; he_normal for relu and its kin, else glorot_uniform.")
    ] = None,
    optimizer: Annotated[str, typer.Option(help="sgd, adam, adamw, nadam, rmsprop, lion, ...")] = "adam",
    lr: Annotated[float | None, typer.Option(help="Learning rate; the optimizer's own if left out.")] = None,
    momentum: Annotated[float | None, typer.Option(help="Momentum, for sgd and rmsprop.")] = None,
    one_cycle: Annotated[
        float | None, typer.Option(help="Rate up to this and down again, in place of a constant one.")
    ] = None,
    rule: Annotated[str, typer.Option(help="Learning rule: backprop, fa, dfa, kp, ...")] = "backprop",
    alignment: Annotated[
        int | None,
        typer.Option(min=1, help="Each so many steps, compare the rule's gradient with the true one."),
    ] = None,
    epochs: Annotated[int, typer.Option(help="How often to go through the data.")] = 10,
    batch_size: Annotated[int | None, typer.Option(help="Examples per step; 64 if left out.")] = None,
    validation: Annotated[float, typer.Option(help="Share of the training data to validate on.")] = 0.1,
    seed: Annotated[int, typer.Option(help="The seed of all random numbers.")] = 0,
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
        str | None, typer.Option(help="On jax, over how many devices: all, a number, or a mesh such as 4x2.")
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
) -> None:
    """Train a dense network, and measure it on the test set. Ctrl-C ends early and keeps what was learned."""
    network = train.Network(hidden, activation, dropout, initializer)
    team = train.Team(devices, coordinator, processes, process_id)
    way = train.Way(rule, alignment, one_cycle, resume, backend, dtype, team)
    method = train.Method(optimizer, lr, momentum, epochs, batch_size, validation, seed, way)
    raise typer.Exit(train.run(data, network, method, save, plot, quiet))


@app.command(cls=Command)
def race(
    data: Data = "digits",
    rules: Annotated[str, typer.Option(help="Learning rules, with commas.")] = "backprop,fa,dfa,kp",
    seeds: Annotated[int, typer.Option(min=1, help="How many first weights to try each with.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="How often to go through the data.")] = 5,
    hidden: Annotated[str, typer.Option(help="Units of the hidden layers, as in 128,64.")] = "128,64",
    activation: Annotated[str, typer.Option(help="Activation of the hidden layers.")] = "tanh",
    optimizer: Annotated[str, typer.Option(help="sgd, adam, adamw, nadam, rmsprop, lion, ...")] = "adam",
    lr: Annotated[float | None, typer.Option(help="Learning rate; the optimizer's own if left out.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Examples per step.")] = 64,
    plot: Annotated[Path | None, typer.Option(help="Draw loss, metric and alignment to this file.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write all figures of all epochs to this file.")] = None,
) -> None:
    """Train one network by several learning rules, from the same weights, on the same batches."""
    network = train.Network(hidden, activation)
    method = train.Method(optimizer, lr, None, epochs, batch_size, 0.0, 0)
    use.race(data, network, method, rules, seeds, plot, csv)


@app.command(cls=Command)
def evaluate(
    file: ModelFile,
    data: OptionalData = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the confusion matrix to this file.")] = None,
) -> None:
    """Measure a saved model on the test part of a data set."""
    use.evaluate(file, data, plot)


@app.command(cls=Command)
def predict(
    file: ModelFile,
    data: OptionalData = None,
    rows: Annotated[int, typer.Option(min=0, help="How many examples to show.")] = 10,
    out: Annotated[Path | None, typer.Option(help="Write all predictions to this CSV file.")] = None,
) -> None:
    """Predict with a saved model: for the test part of a data set, or for all rows of a named file."""
    use.predict(file, data, rows, out)


@app.command(cls=Command)
def info(file: ModelFile) -> None:
    """Show what a model file holds: layers, shapes, parameters, settings, history."""
    show.info(file)


@app.command(cls=Command)
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A model; all layers if none.")
    ] = None,
    data: OptionalData = None,
) -> None:
    """Check every layer, activation, loss and learning rule, or the gradients of a saved model."""
    raise typer.Exit(use.check(file, data))


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
