"""Each option and argument of each command, given what it cannot use: one line that names it, never a traceback."""

import csv
import inspect
import warnings
from enum import Enum
from typing import get_args, get_type_hints

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import lucidnet as ln
from lucidnet.cli.app import app
from lucidnet.errors import LucidnetError
from lucidnet.layers import Dense, Input

COMMANDS = {
    f"{name} {inner}".strip(): found
    for name, command in typer.main.get_command(app).commands.items()
    for inner, found in getattr(command, "commands", {"": command}).items()
}
SMALL = ["--hidden", "2"]

RIGHT = {
    "look": ["DATA"],
    "train": ["DATA", *SMALL, "--epochs", "1", "--quiet"],
    "race": ["DATA", *SMALL, "--rules", "fa", "--seeds", "1", "--epochs", "1"],
    "evaluate": ["MODEL", "DATA"],
    "predict": ["MODEL", "DATA"],
    "info": ["MODEL"],
    "export": ["MODEL", "program.py"],
    "check": ["MODEL"],
    "plot": ["MODEL", "picture.svg"],
    "doctor": ["DATA", *SMALL, "--steps", "1"],
    "explain": ["DATA", *SMALL],
    "lab": ["DATA", "--no-open"],
    "lr-find": ["DATA", *SMALL, "--steps", "10"],
    "exercise list": [],
    "exercise start": ["relu", "more"],
    "exercise check": ["EXERCISE"],
}
"""A right call of each command; DATA is a small file, MODEL a small model, EXERCISE the file of one."""

WRONG = {
    "int": ["no", "2.5", "-1", "nan", ""],
    "float": ["no", "nan", "inf", "-1", ""],
    "choice": ["no", ""],
}
"""What is given for each kind of option."""

OF_NAME = {
    "hidden": ["no", "0", "-1", "2.5", "2,,3"],
    "activation": ["no", ""],
    "initializer": ["no", ""],
    "optimizer": ["no", ""],
    "rule": ["no", ""],
    "rules": ["no", "", ","],
    "backend": ["no", ""],
    "dtype": ["no", ""],
    "devices": ["no", "", "0"],
    "coordinator": ["no", ""],
    "save": ["no", "no.txt", "missing/no.safetensors.txt"],
    "csv": ["."],
    "plot": ["no", "no.txt"],
    "out": ["."],
    "resume": ["data.csv"],
    "layer": ["no"],
    "target": ["no", "9", ""],
    "drop": ["no", "9"],
    "group": ["no", "9", ""],
    "weight": ["no", "9", ""],
    "encoding": ["no", ""],
    "host": ["no such host", ""],
    "data": ["no", "", "."],
    "subject": ["no", "."],
    "file": ["no", "", ".", "data.csv"],
    "files": ["no", ""],
    "name": ["no", ""],
}
"""What is given for options and arguments of texts and paths, by their names."""

EXCUSED = {
    "complete",
    "json",
    "jobs",
    "folder",
    "baseline",
    "online",
    "install_completion",
    "show_completion",
}
"""Options that belong to the tests of their own commands."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong")
    x = np.random.default_rng(0).normal(size=(40, 3))
    with (folder / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "label"])
        writer.writerows([*row, int(row[0] > 0)] for row in x)
    model = ln.Model([Input(3), Dense(2, "softmax")])
    model.compile("categorical_crossentropy", "sgd", ["accuracy"])
    model.fit(x, (x[:, 0] > 0).astype(int), verbose=0)
    model.about = {"data": str(folder / "data.csv"), "classes": ["0", "1"]}
    model.save(folder / "model.safetensors")
    ln.exercises.start("relu", folder / "own")
    return folder


def called(arguments):
    """Run a command; return its exit code, what it said, and an exception that no user should see."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, LucidnetError):
        return 2, str(result.exception), None
    raw = None if isinstance(result.exception, (SystemExit, type(None))) else result.exception
    return result.exit_code, result.output, raw


def kind_of(command, param):
    """Return what an option is converted to: its annotation, without None and what typer is told."""
    hint = get_type_hints(command.callback).get(param.name, str)
    return next((kind for kind in get_args(hint) if kind is not type(None)), hint)


def values(command, param):
    if param.name in OF_NAME:
        return OF_NAME[param.name]
    kind = kind_of(command, param)
    return (
        WRONG["choice" if isinstance(kind, type) and issubclass(kind, Enum) else kind.__name__]
        if (isinstance(kind, type) and (kind in (int, float) or issubclass(kind, Enum)))
        else []
    )


def tried(name, place):
    files = {"DATA": "data.csv", "MODEL": "model.safetensors", "EXERCISE": "own/relu.py"}
    right = [str(place / files[a]) if a in files else a for a in RIGHT[name]]
    command, first = COMMANDS[name], 0
    for param in command.params:
        if param.param_type_name == "argument":
            for given in values(command, param):
                yield param.name, given, [*right[:first], given, *right[first + 1 :]]
            first += 1
        elif not param.is_flag:
            for given in values(command, param):
                yield param.name, given, [*right, param.opts[0], given]


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_options(name, place, monkeypatch):
    monkeypatch.chdir(place)
    found = []
    for param, given, arguments in tried(name, place):
        code, said, raw = called([*name.split(), *arguments])
        words = {param.replace("_", "-"), param.replace("_", " "), repr(given), given or "''"}
        if raw is not None:
            found.append(f"{param}={given!r} raises {type(raw).__name__}: {raw}")
        elif code == 0:
            found.append(f"{param}={given!r} is silent")
        elif not any(word.lower() in said.lower() for word in words):
            found.append(f"{param}={given!r} does not say where: {said[-200:]}")
        elif len(said) > 1500:
            found.append(f"{param}={given!r} says too much")
    assert not found, "\n".join(found)


def test_every_option_is_tried():
    assert COMMANDS.keys() <= RIGHT.keys()
    for name, command in COMMANDS.items():
        untried = {
            p.name for p in command.params if not values(command, p) and not getattr(p, "is_flag", False)
        }
        assert untried - EXCUSED == set(), name


def test_the_harness_sees_what_is_wrong():
    """A command that takes anything, and one that raises, would be noticed."""
    assert inspect.isfunction(called)
    assert called(["info"])[0] != 0
    assert called(["--help"])[0] == 0
