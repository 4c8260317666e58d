"""Pages that are made, or that list what is elsewhere: each is what its source gives, whole, and leads somewhere."""

import json
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

import lucidnet as ln

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks import __main__ as benchmarks_main
from benchmarks import measured, results

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

FOUND = measured.kept()
LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
WRITTEN = [
    ROOT / "README.md",
    ROOT / "llms.txt",
    *(DOCS / f"{name}.md" for name in ("guide", "cheatsheet", "results", "papers", "architecture")),
    *sorted((DOCS / "decisions").glob("*.md")),
]


# --- figures --------------------------------------------------------------------------------------


def test_the_pages_are_what_the_figures_give():
    made = dict(results.pages(FOUND))
    assert {path.name for path in made} == {"README.md", "results.md", "papers.md"}
    for path, text in made.items():
        assert path.read_text("utf-8") == text, f"{path.name}: run python -m benchmarks.results"


def test_a_changed_figure_changes_the_pages():
    other = json.loads(json.dumps(FOUND))
    other["mnist_conv_small"]["found"]["mean"] = "12.34 %"
    other["akrout"]["found"][0][2] = "56.7"
    made = {path.name: text for path, text in results.pages(other)}
    assert "12.34 %" in made["README.md"] and "12.34 %" in made["results.md"] and "56.7" in made["papers.md"]


def test_every_figure_has_a_command_that_is_there_a_day_and_threads():
    assert set(FOUND) == set(measured.MEASUREMENTS)
    for name, one in measured.MEASUREMENTS.items():
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", FOUND[name]["date"]), name
        assert FOUND[name]["threads"] == one.threads, name
        python, *rest = shlex.split(one.command)
        assert python == "python"
        if rest[0] == "-m":
            assert (ROOT / f"{rest[1].replace('.', '/')}.py").is_file() or rest[1] == "benchmarks"
            if rest[1] == "benchmarks":
                assert rest[2] == "--only" and rest[3] in benchmarks_main.PARTS
        else:
            assert (ROOT / rest[0]).is_file()


UNIT = re.compile(r"\d\s?(%|ms|us|µs|MiB|nats|Gflop|degrees)(?!\w)")


@pytest.mark.parametrize(
    "page", [path for path in WRITTEN if path.name not in ("results.md", "papers.md")], ids=lambda p: p.name
)
def test_no_figure_is_written_by_hand(page):
    """What was measured stands in the parts that are made."""
    text = re.sub(r"<!-- readme-\w+: made by.*?<!-- end -->", "", page.read_text("utf-8"), flags=re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    assert not UNIT.search(prose), UNIT.search(prose)


def test_the_template_holds_no_table_of_figures_written_by_hand():
    """A cell with nothing but a figure is a mark."""
    for template in sorted(results.PAGES.glob("*.md")):
        for line in template.read_text("utf-8").splitlines():
            cells = [cell.strip() for cell in line.split("|")] if line.startswith("|") else []
            assert not [cell for cell in cells if re.fullmatch(r"[\d.,]+( ?%| s| min)?", cell)], line


def test_what_the_commands_print_is_read():
    """Literal output of each kind."""
    assert measured.table("| network |\n| --- |\n| net, SGD | 2 | 96.5 %, 96.6 % | 96.55 % |\n") == {
        "net, SGD epochs": "2",
        "net, SGD each": "96.5 %, 96.6 %",
        "net, SGD mean": "96.55 %",
    }
    assert measured.seeds("seed 0: 99.50 % after 80 s\nseed 1: 99.52 % after 90 s\n") == {
        "each": "99.50, 99.52",
        "mean": "99.51 %",
        "seconds": "85 s",
    }
    printed = "784-100-50-10, batch 10, sgd\n  epoch          lucidnet 5 ms  PyTorch 9 ms   ratio 0.56 of PyTorch, 0.57 of scikit-learn\n"
    assert measured.ratios(printed) == {
        "784-100-50-10, batch 10, epoch, PyTorch": "0.56",
        "784-100-50-10, batch 10, epoch, scikit-learn": "0.57",
    }
    printed = "\nattention: 12 x 64 x 128\n  norm+attention lucidnet 7,122 us  PyTorch 7,740 us   ratio 0.92 of PyTorch\n"
    assert measured.ratios(printed) == {"norm+attention, PyTorch": "0.92"}
    printed = "  LSTM, batch 64, 20 batches\n    first epoch  JAX 1 ms\n    epoch        JAX 1 ms\n    ratio        JAX 0.66  JAX, a device a thread 0.68  NumPy 1.01  (target: JAX 0.7)\n"
    assert measured.epochs(printed) == {
        "LSTM, JAX": "0.66",
        "LSTM, JAX, a device a thread": "0.68",
        "LSTM, NumPy": "1.01",
    }
    printed = "constant 0.05, 12 epochs     test accuracy 1, 2 %, mean 98.10 %\nconstant 0.1, 12 epochs      test accuracy 1 %, mean 98.30 %\none cycle to 0.5, 4 epochs   test accuracy 3 %, mean 98.46 %\n"
    assert measured.cycle(printed) == {"cycle": "98.46 %", "constant": "98.30 %"}
    found = measured.MEASUREMENTS["startup"].read(
        "  PyTorch   6.00 s\n  NumPy    2.60 s   ratio 0.43\n  JAX, first run   4.30 s   ratio 0.72\n  JAX, programs on disk   3.10 s   ratio 0.52\n"
    )
    assert found == {"numpy": "0.43", "first": "0.72", "again": "0.52"}
    with pytest.raises(ValueError, match="no peak in what was printed"):
        measured.MEASUREMENTS["memory"].read("nothing")


def test_the_checks_of_a_paper_are_read(tmp_path, capsys):
    """As they print themselves."""
    sys.path.insert(0, str(ROOT / "examples" / "papers"))
    try:
        from common import Checks
    finally:
        sys.path.pop(0)
    checks = Checks()
    checks.add("angle", "below 3 layers", "26.0", True)
    checks.add("error", "", "1.7 %")
    assert measured.checks(capsys.readouterr().out + "figure: akrout.png\n") == [
        ["angle", "below 3 layers", "26.0", "pass"],
        ["error", "", "1.7 %", ""],
    ]


def test_every_script_about_a_paper_is_in_the_gallery_with_its_figure():
    scripts = {path.stem for path in (ROOT / "examples" / "papers").glob("*.py")} - {"common"}
    assert scripts == set(measured.PAPERS)
    text = (DOCS / "papers.md").read_text("utf-8")
    for name in scripts:
        picture = DOCS / "_static" / "papers" / f"{name}.png"
        assert f"(_static/papers/{name}.png)" in text
        assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size < 100_000
        assert all(row[3] in ("", "pass") for row in FOUND[name]["found"]), name


def test_the_command_says_what_there_is():
    run = [sys.executable, "-m", "benchmarks.results"]
    listed = subprocess.run([*run, "list"], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert all(one.command in listed for one in measured.MEASUREMENTS.values())
    wrong = subprocess.run([*run, "measure", "nothing"], capture_output=True, text=True, cwd=ROOT)
    assert wrong.returncode == 1 and "there are: lillicrap_linear" in wrong.stderr


def test_the_picture_of_the_readme_is_made_by_its_command(tmp_path):
    """Up to what versions of matplotlib draw differently."""
    image = pytest.importorskip("matplotlib.image")
    command = re.search(
        r"`python (docs/site_tools/picture.py) (docs/\S+png)`", (ROOT / "README.md").read_text("utf-8")
    )
    made = tmp_path / "made.png"
    subprocess.run([sys.executable, ROOT / command[1], made], check=True, cwd=tmp_path)
    one, two = image.imread(made), image.imread(ROOT / command[2])
    assert one.shape == two.shape and abs(one - two).mean() < 0.02


# --- floors ---------------------------------------------------------------------------------------

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LAYERS = next(c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["id"] == "floors")["layers"]
SVG = "{http://www.w3.org/2000/svg}"


def drawn(svg):
    """Return the names of the boxes, row by row."""
    rows = {}
    tree = ElementTree.fromstring(svg)
    frames = [one for one in tree.iter(f"{SVG}rect") if one.get("rx")]
    names = [one for one in tree.iter(f"{SVG}text") if one.get("font-size") == "14"]
    for frame, name in zip(frames, names, strict=True):
        assert (
            float(frame.get("x")) < float(name.get("x")) < float(frame.get("x")) + float(frame.get("width"))
        )
        rows.setdefault(float(frame.get("y")), []).append(name.text)
    return [" | ".join(rows[y]) for y in sorted(rows)]


def test_the_drawing_of_the_floors_is_that_of_the_contracts():
    floors = runpy.run_path(str(DOCS / "site_tools" / "floors.py"))
    text = (DOCS / "_static" / "floors.svg").read_text("utf-8")
    assert text == floors["drawing"](floors["contracts"]()), "run python docs/site_tools/floors.py"
    assert drawn(text) == LAYERS
    other = floors["contracts"]()
    other["floors"]["layers"] = [*LAYERS[:-1], "attic", LAYERS[-1]]
    assert drawn(floors["drawing"](other)) == other["floors"]["layers"]


def test_what_stands_on_each_floor_is_told_in_order():
    block = (DOCS / "architecture.md").read_text("utf-8").partition("What stands on them, from the top:")[2]
    names = []
    for line in block.splitlines()[1:]:
        if line and not line.startswith("    "):
            break
        if re.match(r"    \w", line):
            column = line[22:24] == "  " and line[24] != " "
            told = line[:24] if column else re.split(r" {3,}", line.strip())[0]
            names += re.findall(r"\w+", told)
    height = {name: number for number, row in enumerate(LAYERS) for name in row.split(" | ")}
    assert set(names) == set(height) and len(names) == len(height)
    assert [height[name] for name in names] == sorted(height.values())


# --- pages that list ------------------------------------------------------------------------------


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
def test_links_lead_to_files(page):
    for link in LINK.findall(page.read_text("utf-8")):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_every_page_is_in_the_list_of_the_site():
    listed = set(re.findall(r"^[\w/]+$", (DOCS / "index.md").read_text("utf-8"), re.MULTILINE))
    for page in sorted(DOCS.glob("*.md")):
        assert page.stem in listed | {"index"}, page
    assert "decisions/index" in listed
    decisions = (DOCS / "decisions" / "index.md").read_text("utf-8").splitlines()
    for page in (DOCS / "decisions").glob("*.md"):
        assert page.stem in [*decisions, "index"], page


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("[!i]*.md")), ids=lambda path: path.stem)
def test_a_decision_says_what_was_considered_and_what_it_costs(page):
    text = page.read_text("utf-8")
    parts = [
        text.index(part)
        for part in ("**The question.**", "**Considered.**", "**Chosen", "**What it costs.**")
    ]
    assert parts == sorted(parts)


def row(title):
    """Return the names of a row of the cheat sheet."""
    text = (DOCS / "cheatsheet.md").read_text("utf-8")
    return re.findall(r"`([^`]+)`", re.search(rf"^\| {re.escape(title)} \| (.*) \|$", text, re.MULTILINE)[1])


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("activations", {*ln.layers.activations.KNOWN, "PReLU"}),
        ("losses", {*ln.losses.KNOWN}),
        ("optimizers", {*ln.optimizers.KNOWN, "EMA"}),
        ("schedules", {*ln.optimizers.schedules.__all__} - {"Schedule"}),
        ("metrics", {*ln.metrics.KNOWN}),
        ("first weights", {*ln.initializers.KNOWN}),
        ("rules across layers", {*ln.rules.SPACE}),
        ("rules through time", {*ln.rules.TIME}),
        ("callbacks", {*ln.callbacks.__all__, "ln.lab.Live"} - {"Callback"}),
        ("pictures (`ln.plots`)", {*ln.plots.__all__} - {"save"}),
    ],
)
def test_the_cheat_sheet_has_every_name(title, names):
    assert set(row(title)) == names


def test_the_cheat_sheet_has_every_layer():
    titles = ("layers", "images, series", "normalization", "recurrent", "attention", "wiring")
    told = {name for title in titles for name in row(title)}
    found = {name: getattr(ln.layers, name) for name in ln.layers.__all__}
    layers = {
        name for name, one in found.items() if isinstance(one, type) and issubclass(one, ln.layers.Layer)
    }
    activations = {one.__name__ for one in ln.layers.activations.KNOWN.values()} | {"PReLU"}
    functions = {"Activation", "Bidirectional", "Function"}  # which make layers
    assert told == (layers | functions) - {"Layer", "Container", "Recurrent"} - activations


def test_the_citation_is_of_this_version():
    yaml = pytest.importorskip("yaml")
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)  # what the format asks for
    assert cited["cff-version"] == "1.2.0" and cited["type"] == "software"
    assert cited["version"] == PROJECT["project"]["version"] == ln.__version__
    assert cited["license"] == PROJECT["project"]["license"]
    assert cited["authors"] == PROJECT["project"]["authors"]
    assert set(cited["keywords"]) == set(PROJECT["project"]["keywords"])


def test_llms_txt_has_the_form_that_is_asked_for():
    """A title, a summary as a quotation, then sections of links: https://llmstxt.org."""
    first, _, second, *rest = (ROOT / "llms.txt").read_text("utf-8").splitlines()
    assert first == "# lucidnet" and second.startswith("> ")
    at = rest.index("## Use")
    for line in rest[at:]:
        assert not line or line.startswith("## ") or re.match(r"- \[[^\]]+\]\([^)]+\)", line), line
    assert "## Optional" in rest


def test_llms_txt_of_the_site_leads_to_pages():
    of_site = runpy.run_path(str(DOCS / "site_tools" / "llms.py"))["of_site"]
    given = "# a\n\n- words\n- [Readme](README.md): it\n- [B](docs/x/b.md) and [c](docs/c.md)\n- [Code](src/d.py): d\n- [E](E.md), [f](docs/f.md), [g](G)\n"
    assert of_site(given) == (
        "# a\n\n- words\n- [Readme](index.html): it\n- [B](x/b.html) and [c](c.html)\n- [f](f.html)\n"
    )
    for page in re.findall(r"\(([^)]+)\.html\)", of_site((ROOT / "llms.txt").read_text("utf-8"))):
        assert (DOCS / f"{page}.md").is_file(), page


COMMAND_LINES = [
    (path.name, line.partition("#")[0].strip())
    for path in (ROOT / "README.md", DOCS / "guide.md", DOCS / "cheatsheet.md", DOCS / "lab.md")
    for block in re.findall(r"^```(?:text|sh)\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if re.search(r"\blucidnet [a-z]", line)
]


@pytest.mark.parametrize(("page", "line"), COMMAND_LINES, ids=lambda text: text)
def test_commands_and_options_that_pages_show_are_there(page, line):
    typer = pytest.importorskip("typer")
    from lucidnet.cli.app import app

    words = shlex.split(line[re.search(r"\blucidnet [a-z]", line).start() :])
    words = words[: words.index(">")] if ">" in words else words
    command = typer.main.get_command(app).commands[words[1]]
    command.make_context(words[1], words[2:]).close()


def test_there_are_commands_in_the_pages():
    assert len(COMMAND_LINES) > 25
