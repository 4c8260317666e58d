"""What everything that a call returns looks like at a prompt and in a notebook."""

import copy
import html.parser
import io
import pickle
import re

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.core import page, text
from lucidnet.training.history import History, Result
from prompt import objects

LINES, WIDTH = 40, 120
WITH_A_PAGE = [
    "model, not built",
    "model, empty",
    "model",
    "history",
    "evaluate",
    "train_step",
    "summary",
    "rates",
    "doctor",
    "doctor, findings",
    "explanation",
    "check",
    "rule check",
    "check package",
    "locality",
    "load",
    "calls",
    "deep",
    "deep summary",
    "set",
    "chain",
    "race",
    "map",
    "map, trained",
    "cosine",
]
INNER = {  # what the engine alone hands around, or a face of it that its class stands for
    "Server",  # it holds a port and a thread: its line is looked at in tests/lab/page/test_lab_server.py
    "WatchedLearner",  # so does the page that shows it
    *(
        "Executor",
        "Trainee",
        "Any",
        "Array",
        "Callable",
        "Exception",
        "Cache",
        "Tree",
        "Params",
        "Shape",
        "Samples",
        "Mask",
    ),
    *(
        "Iterator",
        "None",
        "Path",
        "Figure",
        "Item",
        "Examples",
        "Parts",
        "NumPyArray",
        "Self",
        "Slots",
        "Sums",
    ),
    *(
        "Batches",
        "ModuleType",
        "Direction",
        "Evaluation",
        "Gradient",
        "Grid",
        "Piecewise",
        "R2State",
        "Stream",
    ),
    *("RuleGradient", "Changes", "SettingError", "Ran", "Optimizer", "Loss", "Layer", "Metric", "SpaceRule"),
    *(
        "TimeRule",
        "Initializer",
        "Axes",
        "Sequence",
        "Joint",
        "NetClassifier",
        "NetRegressor",
        "Reader",
        "FeedbackState",
        "T",
        "Objective",
        "Signals",
        "Custom",
        "State",
    ),
    *("CustomActivation", "ParameterLayout", "Problem", "Run", "RaceRun", "Sequential", "Schedule"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return objects.made(tmp_path_factory.mktemp("made"))


def wrong(shown):
    """Yield what makes a text no thing to read at a prompt."""
    lines = shown.split("\n")
    if len(lines) > LINES:
        yield f"{len(lines)} lines"
    if (longest := max(map(len, lines))) > WIDTH:
        yield f"a line of {longest} characters"
    if found := re.search(r"<?\w+ object at 0x|<lucidnet|<function|dtype=float", shown):
        yield f"a dump: {found[0]}"
    if not shown.strip():
        yield "nothing"


class Piece(html.parser.HTMLParser):
    """A piece of HTML as it is read: its tags, and what is wrong with it."""

    VOID = ("br", "meta", "img", "hr")

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.wrong, self.words = [], [], [], ""
        self.feed(source)
        self.close()
        if self.open:
            self.wrong.append(f"not closed: {self.open}")

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id" or name.startswith("on") or name in ("src", "href") or tag in ("script", "link"):
                self.wrong.append(f"<{tag} {name}={value}>")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words += data


def piece(thing):
    source = thing._repr_html_()
    read = Piece(source)
    assert read.wrong == []
    assert "http" not in source
    assert "url(" not in source
    return source, read


def test_everything_is_there_that_a_public_call_returns(made):
    """A class that a new function returns fails here until one is among the objects, or among the inner."""
    kinds = {kind.__name__ for thing in made.values() for kind in type(thing).__mro__}
    missing = objects.returned_classes() - kinds - INNER
    assert {name for name in missing if not hasattr(np, name)} == set()


def test_at_the_prompt(made):
    ugly = {name: found for name, thing in made.items() if (found := list(wrong(repr(thing))))}
    assert ugly == {}


def test_values_at_the_prompt():
    ugly = {type(v).__name__: found for v in objects.values() if (found := list(wrong(repr(v))))}
    functions = {"CustomActivation", "Custom", "FunctionMetric"}  # a function is all that they are
    assert {name for name in ugly if name not in functions} == set()
    assert len(list(objects.values())) > 150


@pytest.mark.parametrize("name", WITH_A_PAGE)
def test_in_a_notebook(made, name):
    source, read = piece(made[name])
    assert read.words.strip()
    assert len(source) < 40_000
    # All rules of its style sheet are of its own class, and that is made of the sheet.
    sheet = re.search(r"<style>(.*?)</style>", source)[1]
    name = re.search(r'<div class="(lucidnet-\w+) tex2jax_ignore mathjax_ignore">', source)[1]
    rules = re.sub(r"@media[^{]*\{((?:[^{}]*\{[^{}]*\})*)\}", r"\1", sheet)
    selectors = [one for found in re.findall(r"([^{}]+)\{", rules) for one in found.split(",")]
    assert selectors
    assert all(one.startswith(f".{name}.{name}") for one in selectors)
    # Colours are the page's own, or seen on light and dark pages (WCAG 2.1, 1.4.11: a contrast of 3).
    colours = set(re.findall(r"#[0-9a-f]{6}", source))
    assert all(contrast(colour, page_) >= 3 for colour in colours for page_ in ("#ffffff", "#111111"))


def contrast(one, two):
    """The contrast of two colours, as WCAG 2.1 defines it."""

    def luminance(colour):
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


class TestHistory:
    def test_a_line_for_many_epochs(self):
        history = History(loss=[1.0, 0.5, 0.25], val_loss=[1.0, 0.75, 0.5])
        assert repr(history) == "History(3 epochs: loss 1.0000 -> 0.2500, val_loss 1.0000 -> 0.5000)"
        history.stopped = "val_loss did not fall"
        assert repr(history).endswith(", stopped: val_loss did not fall)")
        assert repr(History()) == "History(no epoch yet)"

    def test_a_million_epochs(self):
        values = np.exp(-np.arange(1e6) / 1e5)
        values[500_000] = 7.0
        history = History(loss=values.tolist())
        assert list(wrong(repr(history))) == list(wrong(str(history))) == []
        assert re.search(r"\n +1  +1\.0000\n", str(history))
        assert str(history).split("\n")[-1].split() == ["1000000", "4.540e-05"]
        assert "999,962 epochs more" in str(history)
        source, read = piece(history)
        assert len(source) < 20_000
        assert ">7<" in source, "the one spike is in the curve"

    def test_what_is_not_finite_is_a_gap(self):
        history = History(loss=[1.0, 2.0, float("nan"), 3.0, float("inf"), 0.5, 0.25])
        assert repr(history) == "History(7 epochs: loss 1.0000 -> 0.2500)"
        lines, dots = re.findall(r'<path d="([^"]*)"[^>]*stroke="#', history._repr_html_())
        assert lines.count("M") == 2
        assert dots.count("M") == 1
        for bad in (float("nan"), float("inf"), -float("inf")):
            source, read = piece(History(loss=[bad, bad]))
            assert "nothing finite" in read.words
        piece(History(loss=[1.7e308, -1.7e308]))

    def test_lists_of_several_lengths(self):
        history = History(loss=[1.0, 0.5], other=[1.0], none=[])
        assert list(wrong(repr(history))) == []
        assert str(history).split("\n")[-1].split() == ["2", "0.5000"]
        piece(history)

    def test_names_are_words_and_no_html(self):
        source, read = piece(History({"<b>größe & co": [1.0, 2.0]}))
        assert "<b>" not in source.replace('<b style="color', "")
        assert "<b>größe & co" in read.words

    def test_a_metric_may_be_anything(self):
        result = Result(loss=0.5, table=np.eye(3))
        assert repr(result) == "loss 0.5000, table float64 (3, 3)"
        piece(result)


def test_a_summary_is_its_table(made):
    summary = made["summary"]
    assert isinstance(summary, str)
    assert repr(summary) == str(summary) == summary + ""
    assert summary.splitlines()[0].split() == ["name", "layer", "output", "parameters", "feedback"]
    assert pickle.loads(pickle.dumps(summary)) == summary
    assert copy.copy(summary)._repr_html_() == summary._repr_html_()
    deep = made["deep summary"]
    assert len(repr(deep).split("\n")) == LINES
    assert len(deep.split("\n")) == objects.HUGE + 3, "print shows all"


def test_arrays_are_shown_where_they_are_small(made):
    tiny = ln.Model([ln.layers.Input(1), ln.layers.Dense(1, initializer="ones")])
    assert repr(tiny.params["dense1"]) == str({"W": np.ones((1, 1), "float32"), "b": np.zeros(1, "float32")})
    assert "'dense1': {'W': float32 (4, 80), 'b': float32 (80,)}" in repr(made["params"])


def test_values_that_are_long_are_written_over_lines(made):
    from lucidnet.layers import Concatenate, Dense, Graph, Input, ReLU, Sequential  # noqa: F401 - for eval

    net = ln.Model([Input(3), *(Dense(4, "relu", l2=0.001) for _ in range(6))]).net
    assert "\n" in repr(net)
    assert eval(repr(net)) == net
    assert "\n" in repr(made["graph"])


def test_a_terminal_with_ascii_alone(made, monkeypatch):
    for name in (
        "explanation",
        "doctor",
        "locality",
        "calls",
        "model",
        "summary",
        "history",
        "vocabulary",
        "deep",
    ):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr("sys.stdout", stream)
        print(made[name], repr(made[name]))
        stream.flush()
        shown = stream.buffer.getvalue().decode("ascii")
        monkeypatch.undo()
        assert shown.strip()
        if name == "explanation":
            assert "dL/dw^(1)_11 = x_1 * dL/dz_1" in shown


def test_layers_of_ones_own_show_what_was_given():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Mine(ln.layers.Layer):
        width: int = 3

    @dataclass(frozen=True)
    class Told(ln.layers.Layer):
        def __repr__(self):
            return "as I say"

    assert repr(Mine(width=4)) == "Mine(4)"
    assert repr(Mine(name="größe", l2=0.1)) == "Mine(name='größe', l2=0.1)"
    assert repr(Told()) == "as I say"
    assert repr(ln.layers.Activation(np.tanh)).startswith("CustomActivation(<ufunc 'tanh'>, ")
    own = [Mine(4), ln.layers.Activation(lambda x: x), Told(), *(Mine(i + 1, l1=0.125) for i in range(4))]
    model = ln.Model(own)
    assert "    Mine(4, name='mine0'),\n    CustomActivation(<lambda>" in repr(model)
    assert "    as I say,\n" in repr(model)
    assert list(wrong(repr(model))) == []


def test_what_holds_itself_is_written_once():
    class Looped(ln.callbacks.Callback):
        def __init__(self, other=None):
            self.other = other

    looped = Looped()
    looped.other = looped
    assert repr(looped) == "Looped(other=Looped(...))"


def test_what_cannot_be_written_is_named():
    class Mute:
        def __repr__(self):
            raise ValueError("not now")

    class Holds(ln.callbacks.Callback):
        def __init__(self, inner, function=None):
            self.inner, self.function = inner, function

    assert repr(Holds(Mute(), function=print)) == "Holds(inner=<Mute>, function=print)"
    assert repr(Holds(object())) == "Holds(inner=<object>)"


class TestExplanation:
    def test_a_layer_has_its_number_on_each_weight(self, made):
        told = made["explanation"]
        written = str(told)
        assert "w⁽¹⁾₁₁" in written
        assert "w⁽²⁾₁₁" in written
        assert "w₁₁" not in written
        assert "layers: 1 dense1, 2 out" in written
        first, second = (
            "<i>w</i><sup>(1)</sup><sub>11</sub>",
            "<i>w</i><sup>(2)</sup><sub>11</sub>",
        )
        assert first in told.html()
        assert second in told.html()
        assert "w_{11}^{(2)}" in told.latex()

    def test_saved(self, made, tmp_path):
        told = made["explanation"]
        told.save(tmp_path / "e.html")
        whole = (tmp_path / "e.html").read_bytes().decode("utf-8")
        assert whole.startswith("<!DOCTYPE html>")
        assert '<meta charset="utf-8">' in whole[:200]
        assert "color-scheme:light dark" in whole
        assert Piece(whole).wrong == []
        told.save(tmp_path / "e.tex")
        assert (tmp_path / "e.tex").read_text("utf-8") == told.latex()
        told.save(str(tmp_path / "e.txt"))
        assert (tmp_path / "e.txt").read_text("utf-8") == told.text()
        with pytest.raises(ln.errors.SettingError, match=r"\.html, \.htm, \.txt, \.tex, got"):
            told.save(tmp_path / "e.pdf")
        with pytest.raises(ln.errors.FileError):
            told.save(tmp_path / "none" / "e.html")

    def test_pickled(self, made):
        told = made["explanation"]
        for again in (pickle.loads(pickle.dumps(told)), copy.deepcopy(told)):
            assert (again.text(), again.html(), again.latex()) == (told.text(), told.html(), told.latex())


def test_rates_without_any(made):
    curve = type(made["rates"])((), (), float("nan"))
    assert repr(curve) == "RateCurve(0 steps, suggestion nan)"
    piece(curve)
    source, read = piece(made["rates"])
    assert "stroke-dasharray" in source, "the suggestion is marked"


def test_a_table_of_many_rows():
    source = page.table(["a"], [[str(i)] for i in range(1000)])
    assert "970 rows more" in source
    assert source.count("<tr>") == 1 + page.MOST_ROWS + 1


def test_lone_surrogates_are_no_obstacle():
    Piece(page.fragment(page.heading("a\ud800b")))
    assert text.plain("a\ud800b") == r"a\ud800b"


def test_a_finding_is_a_row_of_its_report(made):
    whole, one = (Piece(made[name]._repr_html_()) for name in ("doctor, findings", "finding"))
    assert one.tags.count("table") == 1 and one.tags.count("pre") == 0
    assert made["finding"].advice in one.words and one.words.split("try")[1] in whole.words
