"""The size budget and the tracing of journeys: each finds what it is for, in code made up for it."""

import pytest

from budget import Figure, Module, circles, core, judged, knots, namesakes, sizes
from journeys import COMPREHENSIONS, JOURNEYS, Call, edges, to_gradient, traced


def over(figures):
    return {figure.name: figure.value for figure in figures if figure.value > figure.limit}


def test_sizes_count_code_only():
    body = '    """Doc.\n\n    More.\n    """\n    # why\n\n' + "    x = 1\n" * 40
    assert over(sizes([Module("a.py", f"def f():\n{body}")])) == {}
    assert over(sizes([Module("a.py", f"def f():\n{body}    y = 2\n")])) == {"lines of f in a.py": 41}
    assert over(sizes([Module("a.py", "x = 1\n" * 401)])) == {"lines of a.py": 401}


def test_a_class_has_a_limit_of_lines_and_of_public_methods_and_the_model_its_own():
    methods = "".join(f"    def m{i}(self): ...\n" for i in range(21)) + "    def _m(self): ...\n"
    assert over(sizes([Module("a.py", f"class A:\n{methods}")])) == {"public methods of A": 21}
    assert over(sizes([Module("a.py", "class A:\n" + "    x = 1\n" * 200)])) == {"lines of A": 201}
    assert over(sizes([Module("a.py", "class Model:\n" + "    x = 1\n" * 200 + methods)])) == {}


def test_classes_of_one_name():
    texts = {
        "a.py": "class A: ...\nclass _B: ...",
        "b/c.py": "class A: ...\nclass _B: ...",
        "b/__init__.py": "from .c import A",
    }
    figure = namesakes([Module(path, text) for path, text in texts.items()])
    assert (figure.value, figure.parts) == (1, ("A: a.py, b/c.py",))


@pytest.mark.parametrize(
    "back",
    [
        "from ..a import x",
        "from lucidnet import a",
        "import lucidnet.a",
        "def f():\n    from .. import a",
        "if TYPE_CHECKING:\n    from ..a import x",
    ],
)
def test_circles_are_found_wherever_the_import_stands(back):
    texts = {
        "__init__.py": "from .a import x",
        "a.py": "from .b.c import y",
        "b/__init__.py": "",
        "b/c.py": back,
    }
    modules = [Module(path, text) for path, text in texts.items()]
    assert over(circles(modules)) == {"circles of imports": 1, "modules in the largest circle": 2}
    assert over(circles(modules[:-1])) == {}


def test_knots():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": {"d"}, "f": {"a"}}
    assert knots(graph) == [["d", "e"], ["a", "b", "c"]]


def test_the_training_core_is_counted_where_it_stands():
    paths = ("engine/a.py", "training/a.py", "inspect/a.py", "inspect/doctor/a.py", "layers/a.py")
    assert core([Module(path, "x = 1\n") for path in paths]).value == 3


def test_what_is_over_is_wrong_unless_it_is_known_and_what_is_known_must_be_over():
    figures = [Figure("p", 3, 2), Figure("q", 1, 2)]
    assert judged(figures, {})[0] == ["over the budget: p: 3, at most 2"]
    assert judged(figures, {"p": 3}) == ([], ["over the budget today: p: 3, at most 2"])
    assert judged(figures, {"p": 4}) == (
        [],
        ["over the budget today: p: 3, at most 2 (TODAY says 4: put 3 there)"],
    )
    assert judged([Figure("p", 4, 2)], {"p": 3})[0] == [
        "over the budget, and more than the 3 that TODAY allows: p: 4, at most 2"
    ]
    for name in ("q", "gone"):
        assert judged(figures, {"p": 3, name: 5})[0] == [
            f"within the budget, so take it out of TODAY: {name}"
        ]


def test_frames_to_the_gradient_and_of_an_edge():
    loop = (("training/loop.py", "_steps"),)
    way = (*loop, ("training/step.py", "one"), ("training/step.py", "<listcomp>"))
    route = (
        *way,
        ("layers/containers.py", "route"),
        ("layers/base.py", "backprop"),
        ("layers/base.py", "route"),
    )
    calls = [
        Call("training/objective.py", "gradient", way),
        Call("layers/dense.py", "backward", route),
        Call("layers/activations/base.py", "backward", (*route, ("layers/dense.py", "backward"))),
    ]
    assert to_gradient(calls) == 1
    assert list(edges(calls)) == [2]
    with pytest.raises(LookupError, match="what finds the gradient now"):
        to_gradient(calls[1:])


def test_a_journey_is_traced_from_its_loop_to_the_end_of_each_block():
    blocks = traced(JOURNEYS["d"])
    assert len(blocks) == 4
    for first, *calls in blocks:
        assert first.at(JOURNEYS["d"].begin) and first.around == ()
        assert all(call.around[0] == (first.file, first.function) for call in calls)
    assert len(blocks[2]) == len(blocks[3])
    assert any(call.function in COMPREHENSIONS for call in blocks[2])
