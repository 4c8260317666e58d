"""The exercises: that solutions pass, that typical mistakes are named, that nothing a file does harms the grader."""

import errno
import json
import os
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from exercises.typical_mistakes import ROWS
from lucidnet import exercises
from lucidnet.cli.app import app
from lucidnet.errors import FileError, UnknownNameError
from lucidnet.exercises import course, worker
from lucidnet.exercises.book import LESSONS, NAMES, functions_of, steps_of, text_of
from lucidnet.exercises.pupil import Pupil

ROOT = Path(__file__).parent.parent.parent
SOLUTIONS = Path(__file__).parent / "solutions"
RELU = "# lucidnet exercise: relu\nimport numpy as np\n\ndef forward(z):\n    return np.maximum(z, 0)\n\n"


def solution(name):
    return (SOLUTIONS / f"{name.replace('-', '_')}.py").read_text("utf-8")


class Inside(Pupil):
    """A file that answers in this process, which is faster."""

    def __enter__(self):
        self.space = {}
        exec(compile(self.text, str(self.file), "exec"), self.space)
        return self

    def __exit__(self, *error):
        pass

    def _ask(self, question, where=""):
        return json.loads(
            json.dumps(worker.answer(self.space, json.loads(json.dumps(question)), str(self.file)))
        )


@pytest.fixture
def inside(monkeypatch):
    monkeypatch.setattr(course, "Pupil", Inside)


def graded(tmp_path, text, **settings):
    path = tmp_path / "answer.py"
    path.write_text(text, "utf-8")
    return exercises.check(path, **settings)


# What a course needs.


def test_there_are_five_lectures_of_five():
    listed = exercises.list()
    assert [one.lecture for one in listed] == [1 + k // 5 for k in range(25)]
    assert all(
        one.steps >= 2 and one.title and (ROOT / f"docs/tutorials/{one.lesson}.md").exists() for one in listed
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_solution_passes(name, tmp_path, inside):
    grade = graded(tmp_path, solution(name), seed=0)
    assert grade.passed, grade
    assert grade.done == grade.steps == len(steps_of(name))


@pytest.mark.parametrize("name", ["dense", "softmax", "cross-entropy", "feedback-alignment"])
def test_a_solution_in_float32_passes(name, tmp_path, inside):
    text = (
        solution(name)
        + """
def single(f):
    def call(**given):
        made = f(**{name: a if a.dtype.kind == "i" else a.astype("f4") for name, a in given.items()})
        return tuple(map(np.float32, made)) if isinstance(made, tuple) else np.float32(made)
    return call

"""
    )
    text += "".join(f"{function} = single({function})\n" for function in functions_of(text_of(name)))
    for seed in range(4):
        grade = graded(tmp_path, text, seed=seed)
        assert grade.passed, grade
    if name == "dense":  # but not what is wrong by more than rounding
        assert not graded(tmp_path, text.replace("x.T @ dy", "1.001 * x.T @ dy")).passed


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_solution_passes_whatever_is_drawn(name, tmp_path, inside):
    for seed in range(20):
        grade = graded(tmp_path, solution(name), seed=seed)
        assert grade.passed, grade


def test_a_solution_passes_in_a_process_of_its_own(tmp_path):
    grade = graded(tmp_path, solution("two-layers"))
    assert grade, grade


@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_file_waits_for_its_first_step(name, tmp_path, inside):
    path = exercises.start(name, tmp_path)
    grade = exercises.check(path)
    assert (grade.passed, grade.done) == (False, 0)
    assert grade.step == steps_of(name)[0].name
    assert "not written yet" in grade.mistake
    assert grade.hint == steps_of(name)[0].hint


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_whole(name):
    """Each function says what it takes and returns; all that is graded is asked for; what it links is there."""
    text = text_of(name)
    for names in functions_of(text).values():
        for argument in names:
            assert f"{argument}" in text.partition('"""')[2]
    assert text.count("# step") or text.count("Step 1")
    assert max(map(len, text.splitlines())) <= 110
    assert f"exercise start {name}`" in (ROOT / f"docs/tutorials/{LESSONS[name]}.md").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_typical_mistakes_are_named(name, tmp_path, inside):
    right, told = solution(name), set()
    for old, new, words in ROWS[name]:
        assert old in right
        grade = graded(tmp_path, right.replace(old, new, 1), seed=3)
        assert not grade.passed
        assert words in grade.mistake, (new, str(grade))
        assert grade.hint
        told.add(grade.mistake)
    assert len(ROWS[name]) >= 5
    assert len(told) >= 3


def test_a_step_that_is_right_counts(tmp_path, inside):
    grade = graded(tmp_path, solution("dense").replace("dx = dy @ W.T", "dx = ..."))
    assert (grade.done, grade.step, grade.steps) == (3, "dx", 4)


# What passes without the work.


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return np.ones(z.shape)", "dz"),
        ("return np.zeros(z.shape)", "all zero"),
        ("return dy * (z > 0) * (z.shape == (3, 3))", "all zero"),
        ("e = 1e-4\n    return dy * (forward(z + e) - forward(z - e)) / (2 * e)", "write the formula"),
        ("return dy * (z > 0) * np.random.rand()", ""),
    ],
)
def test_what_is_not_worked_out_does_not_pass(body, words, tmp_path, inside):
    grade = graded(tmp_path, f"{RELU}def backward(z, dy):\n    {body}\n", seed=5)
    assert not grade.passed
    assert words in grade.mistake


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("from lucidnet.layers import ReLU", "lucidnet is imported: it has the answer"),
        ("import lucidnet.check", "lucidnet is imported"),
        ("import torch", "torch is imported"),
        ("import sys", "sys is imported"),
        ("from . import other", "is imported"),
        ("eval('1')", "eval is used"),
        ("x = __import__('lucidnet')", "__import__ is used"),
        ("x = ().__class__", ".__class__ is used"),
    ],
)
def test_a_file_may_use_numpy_only(line, words, tmp_path):
    grade = graded(tmp_path, f"{line}\n{solution('relu')}")
    assert not grade.passed
    assert words in grade.mistake
    assert "line 1" in grade.mistake


def test_imports_by_another_way_are_refused_where_the_file_runs(tmp_path):
    text = solution("relu").replace(
        "def forward",
        "dir(np.lib)\nx = np.os.sys.modules['importlib'].import_module('lucidnet')\n\ndef forward",
    )
    grade = graded(tmp_path, text)
    assert not grade.passed
    assert "the file raises" in grade.mistake


# What could harm the grader.


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("while True:\n        pass", "does not come to an end within 1 seconds"),
        ("while True:\n        print('again' * 100)", "does not come to an end"),
        ("raise SystemExit(0)", "ends the program by exit() (line 8: raise SystemExit(0))"),
        ("import collections\n    collections._sys.modules['os']._exit(0)", "ends the whole program"),
        ("import collections\n    collections._sys.modules['os'].write(3, b'[1]\\n')", "where the answers go"),
        ("return backward(z, dy)", "RecursionError"),
        ("return z.nothing", "AttributeError"),
        ("return np.zeros(10**12)", "memory"),
        ("return np.zeros((10**4, 10**4))", "an array of shape (10000, 10000)"),
        ("return 'text'", "dz is a str"),
        ("return dy * 1j", "complex"),
        ("return [[1, 2], [3]]", "return an array"),
        ("return dy * np.nan", "NaN"),
        ("return dy[:1]", "has shape"),
        ("return None", "not written yet"),
        ("return ...", "not written yet"),
    ],
)  # fmt: skip
def test_nothing_that_a_file_does_stops_the_grader(body, words, tmp_path):
    grade = graded(tmp_path, f"{RELU}def backward(z, dy):\n    {body}\n", limit=1.0)
    assert (grade.passed, grade.step, grade.done) == (False, "dz", 1)
    assert words in grade.mistake


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{RELU}def backward(z, dy)\n    return 1\n", "line 7 is no Python"),
        (f"{RELU}\0", "the file is no Python: source code string cannot contain null bytes"),
        (f"{RELU}{'(' * 500}", f"line 7 is no Python: too many nested parentheses: {'(' * 80} ..."),
        (RELU, "backward(z, dy) is missing"),
        (f"{RELU}def backward(z, error):\n    return 1\n", "it has to take (z, dy)"),
        (f"{RELU}def backward(z, dy):\n    return 1\n\nwhile True:\n    pass\n", "does not come to an end"),
        (f"{RELU}def backward(z, dy):\n    return 1\n\nraise SystemExit\n", "ends the program"),
        (
            f"{RELU}def backward(z, dy):\n    return 1\n\n1 / 0\n",
            "ZeroDivisionError: division by zero (line 10: 1 / 0)",
        ),
    ],
)
def test_a_file_that_is_wrong_as_a_whole(text, words, tmp_path):
    grade = graded(tmp_path, text, limit=0.5)
    assert (grade.passed, grade.step) == (False, None)
    assert words in grade.mistake


def test_what_is_printed_is_shown_and_does_no_harm(tmp_path):
    text = solution("relu").replace("    return dy", "    print('shapes', z.shape)\n    return -dy")
    grade = graded(tmp_path, text)
    assert "shapes (" in grade.printed
    assert "it printed: shapes" in str(grade)
    assert len(grade.printed) <= 500


def test_the_seed_repeats_a_check(tmp_path, inside):
    wrong = solution("dense").replace("x.T @ dy", "x.T @ dy + 1")
    assert graded(tmp_path, wrong, seed=1) == graded(tmp_path, wrong, seed=1)
    assert graded(tmp_path, wrong).seed != graded(tmp_path, wrong).seed


# Files.


def test_start_overwrites_nothing(tmp_path):
    path = exercises.start("relu", tmp_path / "new" / "folder")
    path.write_text("mine", "utf-8")
    with pytest.raises(FileError, match="is not overwritten"):
        exercises.start("relu", tmp_path / "new" / "folder")
    assert path.read_text("utf-8") == "mine"
    with pytest.raises(UnknownNameError, match="did you mean 'relu'"):
        exercises.start("rellu", tmp_path)


def test_start_on_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FileError, match="No space left on device.*make room"):
        exercises.start("relu", tmp_path)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"import numpy", "has no line"),
        (b"# lucidnet exercise: rellu\n", "did you mean 'relu'"),
        (b"# lucidnet exercise: relu\n\xff\xfe", "UTF-8"),
        (b"#" * 1_000_001, "more than"),
    ],
)
def test_what_cannot_be_read_is_told(raw, words, tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(raw)
    with pytest.raises(FileError, match=words):
        exercises.check(path)
    with pytest.raises(FileError):
        exercises.check(tmp_path / "missing.py")


def test_a_mark_at_the_beginning_is_no_mistake(tmp_path):
    """Notepad on Windows may write a byte order mark, and ends lines with CR LF."""
    path = tmp_path / "relu.py"
    path.write_bytes(b"\xef\xbb\xbf" + solution("relu").replace("\n", "\r\n").encode())
    assert exercises.check(path).passed
    assert run("check", tmp_path).exit_code == 0


def test_an_exercise_in_the_place_of_its_file_is_told(tmp_path):
    path = exercises.start("layer-norm", tmp_path)
    with pytest.raises(FileError, match=re.escape(f"did you mean {path}?")):
        exercises.check(tmp_path / "layer-norm")
    with pytest.raises(FileError, match="there is no such file; look for a mistake"):
        exercises.check(tmp_path / "dense")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(FileError, match="is no ordinary file"):
        exercises.check(tmp_path / "pipe.py")
    exercises.start("relu", tmp_path)
    assert "0 of 1 passed" in run("check", tmp_path).output


def test_no_solution_is_in_the_wheel():
    """What the package holds of each exercise fails it; no function of it has a solution's body."""
    package = ROOT / "src/lucidnet"
    assert sorted(path.name for path in (package / "exercises" / "texts").iterdir()) == sorted(
        f"{name}.txt" for name in NAMES
    )
    everything = "\n".join(path.read_text("utf-8") for path in package.rglob("exercises/**/*.*y"))
    for name in NAMES:
        assert "solutions" not in text_of(name)
        body = solution(name).partition("\n    ")[2]
        assert body not in everything
        for function in functions_of(text_of(name)):
            hole = text_of(name).partition(f"def {function}(")[2]
            assert "..." in hole or "NotImplementedError" in hole
    assert "tests" not in {path.name for path in package.rglob("*")}


# The command line.


def run(*arguments):
    return CliRunner().invoke(app, ["exercise", *map(str, arguments)])


def test_the_commands(tmp_path):
    listed = run("start")
    assert listed.exit_code == 0
    assert "two-layers" in listed.stdout
    assert run("start", "relu", tmp_path).exit_code == 0
    assert "not overwritten" in str(run("start", "relu", tmp_path).exception)
    first = run("check", tmp_path / "relu.py", "--json")
    found = json.loads(first.stdout)
    assert first.exit_code == 1
    assert (found["exercise"], found["passed"], found["step"]) == ("relu", False, "forward")
    assert found["mistake"]
    assert found["hint"]
    (tmp_path / "relu.py").write_text(solution("relu"), "utf-8")
    done = run("check", tmp_path / "relu.py")
    assert done.exit_code == 0
    assert "next: lucidnet exercise start two-layers" in done.stdout
    assert isinstance(
        run("check", tmp_path / "missing.py").exception, FileError
    )  # which main() makes exit code 2


def test_a_folder_is_checked_whole(tmp_path):
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "relu.py").write_text(solution("relu"), "utf-8")
    (tmp_path / "ann" / "notes.py").write_text("import numpy", "utf-8")
    exercises.start("dense", tmp_path)
    done = run("check", tmp_path, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [(one["exercise"], one["passed"]) for one in found["exercises"]] == [
        ("relu", True),
        ("dense", False),
    ]
    assert found["passed"] is False
    (tmp_path / "odd.py").write_text("# lucidnet exercise: nothing\n", "utf-8")
    assert run("check", tmp_path).exit_code == 2


def test_several_files_are_checked_in_turn(tmp_path):
    """As a shell writes ``*.py``; each has its name as it was given."""
    right, folder = tmp_path / "relu.py", tmp_path / "ann"
    right.write_text(solution("relu"), "utf-8")
    left = exercises.start("dense", folder)
    done = run("check", right, folder, "--json")
    assert done.exit_code == 1
    assert [(one["file"], one["passed"]) for one in json.loads(done.stdout)["exercises"]] == [
        (str(right), True),
        (str(left), False),
    ]
    assert run("check", right, right).exit_code == 0
    assert run("check", right, tmp_path / "missing.py").exit_code == 2


def test_what_start_says_can_be_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = run("start", "relu", "week 1").stdout.splitlines()[-1].partition("then: lucidnet exercise ")[2]
    assert run(*shlex.split(said)).exit_code == 1  # not written yet, but found


def test_a_second_exercise_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "one exercise at a time" in str(run("start", "dense", "adam").exception)
    assert not list(tmp_path.iterdir())
    (tmp_path / "adam").mkdir()
    assert run("start", "dense", "adam").exit_code == 0
