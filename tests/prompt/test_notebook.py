"""A notebook is executed, and what its cells show is looked at; bars on terminals and in pipes."""

import io
import re
import sys
import warnings

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.core import screen
from lucidnet.training.history import Result
from lucidnet.training.progress import Bar, Lines, Progress, choose
from prompt.test_reprs import Piece, wrong

FLOW = """
import lucidnet as ln
from lucidnet.layers import Dense, Dropout, Input

(x, y), (x_test, y_test) = ln.data.load("digits")
model = ln.Model([Input(64), Dense(32, activation="relu"), Dropout(0.2), Dense(10, activation="softmax")], seed=0)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
### fit
model.fit(x, y, epochs=30, batch_size=64, validation_split=0.1)
### silent
model.fit(x, y, epochs=1, verbose=0)
### lines
lines = model.fit(x, y, epochs=2, verbose=2)
### model
model
### summary
model.summary()
### printed
print(model.summary())
### evaluate
model.evaluate(x_test, y_test)
### doctor
model.doctor(x, y)
### check
ln.check.gradients(Dense(3), shape=(4,))
### rule
ln.check.rule("fa")
### locality
ln.rules.report("rflo")
### rates
model.lr_find(x, y, steps=30)
### params
model.params
### race
ln.race(model, (x[:300], y[:300]), ["backprop", "fa"], seeds=1, epochs=1, verbose=0)
### explain
tiny = ln.Model([Input(2), Dense(2, "sigmoid"), Dense(1)], seed=0)
tiny.compile("half_squared_error", ln.optimizers.SGD(0.5))
tiny.explain([[0.05, 0.1]], [[0.9]])
### slow
import time
class Slow(ln.callbacks.Callback):
    def step(self, loop, measured):
        time.sleep(0.02)
history = model.fit(x[:400], y[:400], epochs=2, batch_size=10, callbacks=[Slow()])
### interrupted
class Stop(ln.callbacks.Callback):
    def epoch(self, loop, result):
        if loop.epoch == 3:
            raise KeyboardInterrupt
try:
    model.fit(x, y, epochs=50, callbacks=[Stop()])
except KeyboardInterrupt:
    pass
"""


@pytest.fixture(scope="module")
def shown():
    """The outputs of the cells by name, and all messages of the kernel about displays."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    parts = re.split(r"### (\w+)\n", "### first\n" + FLOW.lstrip())[1:]
    names, sources = parts[::2], parts[1::2]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    updates = []

    class Client(nbclient.NotebookClient):
        def process_message(self, message, cell, index):
            if message["msg_type"] == "update_display_data":
                updates.append((names[index], message["content"]["data"]))
            return super().process_message(message, cell, index)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what jupyter_client says of itself
        Client(notebook, timeout=120, kernel_name="python3").execute()
    return dict(zip(names, (cell.outputs for cell in notebook.cells), strict=True)), updates


def printed(outputs):
    assert {output.output_type for output in outputs} == {"stream"}
    return "".join(output.text for output in outputs)  # the kernel cuts it where it likes


def only(outputs, kind):
    chosen = [output for output in outputs if output.output_type == kind]
    assert len(chosen) == 1, outputs
    return chosen[0]


class TestNotebook:
    PAGES = "fit silent model summary evaluate doctor check rule locality rates explain race".split()  # noqa: SIM905

    def test_every_output_can_be_read(self, shown):
        outputs, _ = shown
        for name in ("printed", "lines"):
            assert list(wrong(printed(outputs[name]).rstrip("\n"))) == []
        for name, several in outputs.items():
            for output in (output for output in several if output.output_type != "stream"):
                assert output.output_type != "error"
                assert list(wrong(output.data["text/plain"])) == [], name
                if name != "params":
                    assert Piece(output.data["text/html"]).wrong == []

    @pytest.mark.parametrize("name", PAGES)
    def test_results_are_pages(self, shown, name):
        result = only(shown[0][name], "execute_result")
        assert result.data["text/html"].startswith('<div class="lucidnet-')

    def test_a_table_is_one_output(self, shown):
        assert len(shown[0]["race"]) == 1

    def test_the_last_line_fit_is_a_short_thing(self, shown):
        result = only(shown[0]["silent"], "execute_result")
        assert result.data["text/plain"].startswith("History(31 epochs: loss ")
        assert len(result.data["text/plain"]) < 240
        assert Piece(result.data["text/html"]).tags.count("svg") == 2
        assert Piece(result.data["text/html"]).tags.count("tr") == 1 + 10 + 1

    def test_progress_is_one_output_that_changes(self, shown):
        outputs, updates = shown
        display = only(outputs["fit"], "display_data")
        assert len(outputs["fit"]) == 2, "the display and the result"
        assert display.data["text/plain"].startswith("30 of 30 epochs in ")
        assert "<details>" in display.data["text/html"]
        assert re.search(r"\n30/30 +\d+ ms +0\.\d{4} ", display.data["text/html"])

    def test_progress_within_an_epoch(self, shown):
        outputs, updates = shown
        texts = [data["text/plain"] for name, data in updates if name == "slow"]
        within = {
            int(found[1]) for t in texts if (found := re.match(r"epoch 1/2 (\d+) % +\d+:\d\d left  loss", t))
        }
        assert len(within) >= 2, texts
        seconds = float(re.match(r"2 of 2 epochs in (\S+) s: ", texts[-1])[1])
        assert len(texts) <= 3 + seconds / 0.2, "five times a second"
        assert any('class="bar"' in data["text/html"] for name, data in updates if name == "slow")
        assert len(outputs["slow"]) == 1

    def test_interrupted(self, shown):
        display = only(shown[0]["interrupted"], "display_data")
        assert display.data["text/plain"].startswith("2 of 50 epochs in "), "the third was not"

    def test_lines_are_lines(self, shown):
        assert len(printed(shown[0]["lines"]).splitlines()) == 2

    def test_print_shows_the_table(self, shown):
        table = printed(shown[0]["printed"]).rstrip("\n")
        assert table == only(shown[0]["summary"], "execute_result").data["text/plain"]
        assert table.splitlines()[-1] == "2,410 parameters (9.4 KiB), 2,410 of them trained"


class Tty(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def seen(drawn):
    """Return the lines of a terminal on which something was drawn, as they stand at the end."""
    lines, place = [""], 0
    for sign in drawn:
        if sign == "\n":
            lines.append("")
            place = 0
        elif sign == "\r":
            place = 0
        else:
            lines[-1] = lines[-1][:place].ljust(place) + sign + lines[-1][place + 1 :]
            place += 1
    return [line.rstrip() for line in lines]


@pytest.fixture
def a_terminal(monkeypatch):
    """Return a function that puts a terminal of 80 columns in the place of standard output."""

    def begin(encoding="utf-8"):
        stream = Tty()
        stream.encoding = encoding
        monkeypatch.setattr("sys.stdout", stream)
        return stream

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("lucidnet.training.progress.INTERVAL", 0.0)
    return begin


class TestTerminal:
    def test_what_is_printed_comes_above_the_bar(self, a_terminal):
        terminal = a_terminal()
        bar = choose(1, 2)
        bar.start(4)
        bar.batch(1, lambda: Result(loss=0.5))
        assert seen(terminal.getvalue())[-1].startswith("epoch 1/2 ━━")
        print("printed in between")
        bar.batch(2, lambda: Result(loss=0.5))
        print("half a line", end="")
        bar.batch(3, lambda: Result(loss=0.5))
        print(", whole")
        bar.close()
        assert seen(terminal.getvalue()) == ["printed in between", "half a line, whole", ""]
        assert sys.stdout is terminal

    def test_wide_names_do_not_break_the_line(self, a_terminal):
        terminal = a_terminal()
        bar = choose(1, 1)
        bar.start(4)
        for done in (1, 2):
            bar.batch(done, lambda: Result({"損失": 0.5, "x" * 60: 1.0}))
        bar.close()
        assert "\n" not in terminal.getvalue()
        parts = re.split("[\r\n]", terminal.getvalue())
        assert max(screen.wide(part) for part in parts) <= 79
        assert any(part.endswith("損失 0.5000") for part in parts)

    @pytest.mark.parametrize(
        ("places", "line"),
        [
            (80, "epoch 1/2 ━━━━────────────  25 % 0:07 left  loss 0.1234, accuracy 0.9876"),
            (60, "epoch 1/2 ━━━━────────────  25 % 0:07 left  loss 0.1234"),
            (50, "epoch 1/2 ━━━━────────────  25 % 0:07 left"),
            (34, "epoch 1/2 ━━──────  25 % 0:07 left"),
            (20, "epoch 1/2 ━───  25 %"),
            (19, "epoch 1/2  25 %"),
            (12, "epoch 1/2  2"),
        ],
    )
    def test_a_narrow_terminal_shows_whole_numbers(self, a_terminal, places, line):
        a_terminal()
        drawn = screen.Drawn("epoch 1/2", 0.25, "0:07 left  loss 0.1234, accuracy 0.9876")
        shown = screen.Terminal().line(drawn, places)
        assert shown == line and len(shown) <= places

    def test_a_bar_goes_on_after_one_inside_it(self, a_terminal):
        terminal = a_terminal()
        outer = choose(1, 2)
        outer.start(4)
        outer.batch(1, lambda: Result(loss=0.5))
        inner = choose(1, 1)
        inner.start(2)
        inner.batch(1, lambda: Result(loss=0.25))
        inner.close()
        outer.batch(2, lambda: Result(loss=0.125))
        assert seen(terminal.getvalue())[-1].endswith("loss 0.1250")
        outer.close()
        assert sys.stdout is terminal

    def test_after_an_error_the_streams_are_as_before(self, a_terminal):
        terminal = a_terminal()
        model = ln.Model([ln.layers.Input(1), ln.layers.Dense(1)])
        model.compile("mse", ln.optimizers.SGD(1e30))
        x = np.ones((40, 1), "float32")
        with pytest.raises(ln.errors.NonFiniteError):
            model.fit(x, 1e9 * x, epochs=50, batch_size=10)
        assert sys.stdout is terminal
        with pytest.raises(ln.errors.DataError):
            model.fit(x[:0], x[:0])
        assert sys.stdout is terminal
        assert seen(terminal.getvalue())[-1] == ""

    def test_a_terminal_with_ascii_alone(self, a_terminal):
        terminal = a_terminal("ascii")
        bar = choose(1, 1)
        bar.start(2)
        bar.batch(1, lambda: Result(loss=0.5))
        assert "epoch 1/1 ########-------- " in terminal.getvalue()
        bar.close()

    def test_where_nobody_watches(self, monkeypatch, a_terminal):
        a_terminal()
        assert type(choose(1, 3)) is Bar
        assert type(choose(0, 3)) is Progress
        assert type(choose(2, 3)) is Lines
        monkeypatch.setenv("TERM", "dumb")
        assert type(choose(1, 3)) is Lines
        monkeypatch.setattr("sys.stdout", io.StringIO())
        assert type(choose(1, 3)) is Lines
        monkeypatch.setattr("sys.stdout", None)
        assert type(choose(1, 3)) is Progress
        assert type(choose(2, 3)) is Progress

    def test_a_bar_without_a_surface_draws_nothing(self, capsys):
        bar = Bar(epochs=1)
        bar.start(1)
        bar.epoch(1, Result(loss=1.0))
        bar.close()
        assert capsys.readouterr().out == ""
