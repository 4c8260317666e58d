"""Words on the command line: data locations, and options known by other names elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from typer import Exit
from typer.core import TyperCommand

from ..core.starting import INTERRUPTED
from ..foreign.options import ARGUMENTS, LETTERS, OPTIONS, OTHERS, SENTENCES
from . import effects
from .show import complain


class Command(TyperCommand):
    """A command that hints at our name of other programs' options, and exits cleanly on Ctrl-C."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of a command line."""
        known = {name for param in self.params for name in (*param.opts, *param.secondary_opts)}
        known |= set(ctx.help_option_names)
        for given in _options(args, known):
            if hint := meant(given, known, _others(ctx)):
                ctx.fail(f"No such option: {given}: {hint}")
        return super().parse_args(ctx, [at_home(arg) for arg in args])

    def invoke(self, ctx: Any) -> Any:
        """Do what the command does; Ctrl-C ends it with exit code 130, and no traceback."""
        effects.check(ctx)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain("stopped by Ctrl-C")
            raise Exit(INTERRUPTED) from None


def at_home(word: str) -> str:
    """Expand ``~`` to the home folder in a word, also after ``--option=``.

    Examples
    --------
    >>> at_home("--save=~/m.safetensors") == "--save=" + os.path.expanduser("~/m.safetensors")
    True
    >>> at_home("a~b"), at_home("--lr=0.1")
    ('a~b', '--lr=0.1')
    """
    option, sign, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return f"{option}{sign}{os.path.expanduser(value)}"


def _options(args: Iterable[str], known: set[str]) -> Iterator[str]:
    """Yield the unknown options."""
    before = ""
    for arg in args:
        if arg == "--":
            return
        name = arg.partition("=")[0]
        if name not in known and (name.startswith("--") or (name in LETTERS and before not in known)):
            yield name
        before = arg


def _others(ctx: Any) -> Mapping[str, set[str]]:
    """Return the options of the other commands, by command."""
    group = getattr(ctx.parent, "command", None)
    commands = getattr(group, "commands", {})
    return {
        name: {option for param in command.params for option in param.opts}
        for name, command in commands.items()
    }


def meant(given: str, known: set[str], others: Mapping[str, set[str]]) -> str | None:
    """Return a hint at what an unknown option may mean; None if there is none.

    Examples
    --------
    >>> meant("--Batch_Size", {"--batch-size"}, {})
    'here it is --batch-size'
    >>> meant("--epochs", set(), {"train": {"--epochs"}})
    'it is an option of train'
    """
    plain = given.lower().replace("_", "-")
    for ours in (LETTERS.get(given), OPTIONS.get(plain), OTHERS.get(plain), plain):
        if ours in known:
            return f"here it is {ours}"
    if place := ARGUMENTS.get(plain):
        return f"it is named without an option, as in {place}"
    if there := [name for name, options in others.items() if plain in options]:
        return f"it is an option of {', '.join(there)}"
    if ours := SENTENCES.get(plain):
        return ours
    ours = OPTIONS.get(plain) or OTHERS.get(plain)
    if there := [name for name, options in others.items() if ours in options]:
        return f"it is called {ours}, an option of {', '.join(there)}"
    return None
