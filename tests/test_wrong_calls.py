"""Wrong arguments of everything public, and of the command line: an error that says where and what, never another."""

import inspect
import io
import warnings
from contextlib import redirect_stdout

import pytest

from lucidnet.errors import LucidnetError
from wrong_arguments import GIVEN
from wrong_calls import EXCUSED, LOOK, LOOKED_AT, RIGHT, WORDS, made, may_pass, public

PUBLIC = public()


def test_everything_public_is_tried_or_excused():
    known = RIGHT.keys() | EXCUSED.keys()
    assert PUBLIC.keys() - known == set(), "tests/wrong_calls.py: RIGHT, or EXCUSED with a reason"
    assert known - PUBLIC.keys() == set()


def parameters(name):
    function = PUBLIC[name]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = inspect.signature(function).parameters.values()
    if name.endswith(".plot"):  # which hands on what all pictures take
        return [p for p in parameters("plots.heat_map") if p.name in LOOK]
    look = LOOK if name.startswith("plots.") and name not in LOOKED_AT else ()
    return [p for p in found if p.name not in ("self", *look) and p.kind not in kinds]


def consumed(made):
    """Go through what is made lazily."""
    with redirect_stdout(io.StringIO()):
        if hasattr(made, "__enter__"):
            with made:
                pass


def complaints(name):
    function = PUBLIC[name]
    for parameter in parameters(name):
        allowed = may_pass(name, parameter)
        for title, given in GIVEN.items():
            right = {key: made(value) for key, value in RIGHT[name].items()} | {parameter.name: given}
            me = [right.pop("self")] if "self" in right else []
            try:
                with redirect_stdout(io.StringIO()):
                    consumed(function(*me, **right))
            except LucidnetError as error:
                said, word = str(error), WORDS.get(f"{name}.{parameter.name}", parameter.name).rstrip("s")
                if title not in allowed and word.lower().replace("_", " ") not in said.lower().replace(
                    "_", " "
                ):
                    yield f"{parameter.name}={title} does not say which argument: {said[:200]}"
                elif len(said) > 700:
                    yield f"{parameter.name}={title} says too much: {len(said)} characters"
            except Exception as error:
                yield f"{parameter.name}={title} raises {type(error).__name__}: {str(error)[:200]}"
            else:
                if title not in allowed:
                    yield f"{parameter.name}={title} is silent"


@pytest.mark.parametrize("name", [name for name in RIGHT if parameters(name)])
def test_wrong_arguments(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("a,b,c\n1,2,0\n3,4,1\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(complaints(name))
    assert not found, "\n".join(found)


def test_there_are_many():
    assert sum(len(parameters(name)) * len(GIVEN) for name in RIGHT) > 5000
