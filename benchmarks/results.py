"""Make the page of results, the gallery of papers, and the README's tables from the measurements.

``python -m benchmarks.results`` writes them; no figure in them is written by hand::

    python -m benchmarks.results                     # the pages, from measured.json
    python -m benchmarks.results list                # what can be measured, how, and when it was
    python -m benchmarks.results measure mnist ...   # run those commands, note what they find, write
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from .measured import COLUMNS, MEASUREMENTS, PAPERS, PICTURES, ROOT, keep, kept, shrunk

PAGES = Path(__file__).with_name("pages")
MARK = re.compile(r"{{(?:([\w-]+)/([^}]+)|([a-z]+) ([^}]+))}}")
"""A placeholder: ``{{measurement/figure}}``, or ``{{word argument}}`` for one of the functions of `Page`."""
PART = re.compile(
    r"(<!-- (readme-\w+): made by python -m benchmarks.results -->)\n.*?(<!-- end -->)", re.DOTALL
)
MADE = "<!-- Made by python -m benchmarks.results; what is changed here by hand is lost. -->\n"


class Page:
    """Fills the placeholders of a page with measured values."""

    def __init__(self, measured: dict[str, Any]) -> None:
        self.measured = measured

    def filled(self, text: str) -> str:
        """Return a page with figures in place of its placeholders."""

        def put(match: re.Match[str]) -> str:
            measurement, figure, word, argument = match.groups()
            return self.figure(measurement, figure) if measurement else getattr(self, word)(argument)

        return MARK.sub(put, text)

    def figure(self, measurement: str, name: str) -> str:
        found: str = self.measured[measurement]["found"][name]
        return found

    def command(self, name: str) -> str:
        """Return the command of a measurement, as code."""
        return f"`{MEASUREMENTS[name].command}`"

    def time(self, name: str) -> str:
        """Return the time that the command took."""
        seconds = self.measured[name]["seconds"]
        return f"{seconds} s" if seconds < 100 else f"{seconds / 60:.0f} min"

    def how(self, names: str) -> str:
        """Return the command, threads and day of measurements, as a sentence without its full stop."""
        commands = dict.fromkeys(self.command(name) for name in names.split())
        return f"{', '.join(commands)}; {self.when(names)}"

    def when(self, names: str) -> str:
        """Return the threads and day of measurements."""
        each = [self.measured[name] for name in names.split()]
        threads = dict.fromkeys(one["threads"] for one in each)
        words = {1: "one thread", 2: "two threads"}
        days = dict.fromkeys(day(one["date"]) for one in each)
        return f"{' and '.join(words[count] for count in threads)}, {' and '.join(days)}"

    def table(self, _: str) -> str:
        """Return the accuracies of `mnist.py`, a row for each network."""
        found = self.measured["mnist"]["found"]
        networks = [name.removesuffix(" mean") for name in found if name.endswith(" mean")]
        cells = [[name, *(found[f"{name} {what}"] for what in COLUMNS)] for name in networks]
        rows = [f"| {' | '.join(row)} |" for row in cells]
        return "\n".join(
            ["| network | epochs | seeds 0, 1, 2 | mean |", "| --- | ---: | --- | ---: |", *rows]
        )

    def dense(self, setting: str) -> str:
        """Return the table row of a small dense network."""
        works = ("training step, PyTorch", "epoch, PyTorch", "epoch, scikit-learn", "predict 1, PyTorch")
        return self.row(
            "dense", setting, [f"{setting}, {work}" for work in (*works, "predict 1000, PyTorch")]
        )

    def epochs(self, network: str) -> str:
        """Return the row of a network's single-threaded epochs; not every contender has every network."""
        name, _, title = network.partition(" | ")
        who = ("JAX", "JAX by hand", "NumPy", "torch.compile", "Keras", "scikit-learn")
        return self.row("epochs_1", title, [f"{name}, {one}" for one in who])

    def devices(self, network: str) -> str:
        """Return the row of a network's epochs with two threads."""
        name, _, title = network.partition(" | ")
        return self.row("epochs_2", title, [f"{name}, {one}" for one in ("JAX", "JAX, a device a thread")])

    def row(self, measurement: str, title: str, names: list[str]) -> str:
        cells = [self.measured[measurement]["found"].get(name, "") for name in names]
        return f"| {' | '.join([title, *cells])} |"


def day(written: str) -> str:
    """Return a date in words."""
    when = date.fromisoformat(written)
    return f"{when.day} {when:%B %Y}"


# --- the gallery ----------------------------------------------------------------------------------


def gallery(page: Page) -> str:
    """Return the page about the papers."""
    begin = (PAGES / "papers.md").read_text("utf-8")
    return MADE + begin + "".join(section(page, name) for name in PAPERS)


def section(page: Page, name: str) -> str:
    """Return the section on a paper: what it claims, a figure, a table, the command."""
    document = ast.get_docstring(ast.parse((ROOT / f"examples/papers/{name}.py").read_text("utf-8"))) or ""
    title, *paragraphs = re.split(r"\n\s*\n", document)
    authors, year, rest = re.split(r" (\d{4}), ", " ".join(title.split()), maxsplit=1)
    claims = [" ".join(one.split()) for one in paragraphs if not one.startswith(" ")]
    picture = f"{PICTURES.removeprefix('docs/')}/{name}.png"
    lines = [f"| {' | '.join(escaped(cell) for cell in row)} |" for row in page.measured[name]["found"]]
    return "\n".join(
        [
            f"\n## {authors} {year}: {rest.rstrip('.')}\n",
            *(f"{escaped(claim)}\n" for claim in claims[:-1]),
            f"![What the script draws: {alt(page.measured[name]['found'])}]({picture})\n",
            "| what | paper | ours | check |",
            "| --- | ---: | ---: | --- |",
            *lines,
            f"\n{page.how(name)}, {page.time(name)} of work.{drawn(page.measured[name])}\n",
            f"{escaped(claims[-1])}\n",
        ]
    )


def drawn(measurement: dict[str, Any]) -> str:
    """Return a note on the options with which a picture was drawn, if they differ from the run described."""
    return f" The picture is of a smaller run, `{measurement['drawn']}`." if "drawn" in measurement else ""


def alt(rows: list[list[str]]) -> str:
    """Return the figure's alt text."""
    return "; ".join(dict.fromkeys(row[0].replace("[", "").replace("]", "") for row in rows[:3]))


def escaped(text: str) -> str:
    """Return a text with all Markdown markup but code escaped."""
    return re.sub(r"([|*<_])(?![^`]*`(?:[^`]*`[^`]*`)*[^`]*$)", r"\\\1", text)


# --- writing --------------------------------------------------------------------------------------


def pages(measured: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield the files and their expected contents."""
    page = Page(measured)
    yield ROOT / "docs" / "results.md", MADE + page.filled((PAGES / "results.md").read_text("utf-8"))
    yield ROOT / "docs" / "papers.md", gallery(page)
    readme = ROOT / "README.md"

    def part(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        return "\n\n".join([begin, page.filled((PAGES / f"{name}.md").read_text("utf-8").rstrip()), end])

    yield readme, PART.sub(part, readme.read_text("utf-8"))


def main(arguments: list[str]) -> None:
    """Run the named measurements, then write the pages."""
    measured = kept()
    match arguments:
        case []:
            pass
        case ["list"]:
            for name, one in MEASUREMENTS.items():
                print(f"{name:<24} {measured.get(name, {}).get('date', 'never'):<12} {one.command}")
            return
        case ["measure", *names] if names and set(names) <= set(MEASUREMENTS):
            for name in names:
                print(f"{name}: {MEASUREMENTS[name].command}", flush=True)
                try:
                    measured[name] = MEASUREMENTS[name].make()
                except subprocess.CalledProcessError as error:
                    sys.exit(f"{name}: not measured, as its command ended with code {error.returncode}")
                keep(measured)
                if name in PAPERS:
                    shrunk(ROOT / PICTURES / f"{name}.png")
        case ["-h" | "--help"]:
            return print(f"{__doc__}\nThere are: {', '.join(MEASUREMENTS)}")
        case ["measure", *names] if names:
            unknown = ", ".join(name for name in names if name not in MEASUREMENTS)
            sys.exit(f"nothing is called {unknown}; there are: {', '.join(MEASUREMENTS)}")
        case _:
            sys.exit(f"{__doc__}\nThere are: {', '.join(MEASUREMENTS)}")
    for path, text in pages(measured):
        path.write_text(text, "utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])
