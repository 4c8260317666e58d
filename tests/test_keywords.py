"""docs/keywords.md: what stands there is there, and nothing of scikit-learn or Keras is forgotten."""

import inspect
import re
from pathlib import Path

import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

import lucidnet as ln

PAGE = Path(__file__).parent.parent / "docs" / "keywords.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in TEXT.splitlines()
    if line.startswith("| `")
]
THEIRS = {row[0].strip("`") for row in ROWS}
CALL = re.compile(r"([\w.]+)(?:\((\w+)=\))?")

KERAS = {
    "compile": "optimizer loss loss_weights metrics weighted_metrics run_eagerly steps_per_execution jit_compile "
    "auto_scale_loss",
    "fit": "x y batch_size epochs verbose callbacks validation_split validation_data shuffle class_weight "
    "sample_weight initial_epoch steps_per_epoch validation_steps validation_batch_size validation_freq",
    "evaluate": "x y batch_size verbose sample_weight steps callbacks return_dict",
    "predict": "x batch_size verbose steps callbacks",
}
"""The keywords of Keras 3.12, of the signatures of ``keras.Model``."""


def found(name):
    """Return what a name in the second column means: in lucidnet, or a method of `Model`."""
    place = ln.Model if hasattr(ln.Model, name.partition(".")[0]) else ln
    for part in name.split("."):
        place = getattr(place, part)
    return place


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_what_is_called_so_here_is_there(row):
    theirs, ours, *rest = row
    assert CALL.fullmatch(theirs.strip("`")) and len(rest) == 1
    names = ours.split(", ")
    assert names and all(name[0] == name[-1] == "`" for name in names)
    for name in names:
        place, keyword = CALL.fullmatch(name.strip("`")).groups()
        if keyword is None:
            assert found(place) is not None or place == "Model.classes"
        else:
            kind = inspect.signature(found(place)).parameters[keyword].kind
            assert kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def test_rows_are_there_once():
    assert len(ROWS) == len({row[0] + row[1] for row in ROWS}) > 140
    assert "| --- | --- | --- |" in TEXT and TEXT.count("`") % 2 == 0


def test_every_keyword_of_their_mlp():
    for kind in (MLPClassifier, MLPRegressor):
        net = {MLPClassifier: ln.sklearn.NetClassifier, MLPRegressor: ln.sklearn.NetRegressor}[kind]
        for name in inspect.signature(kind).parameters:
            places = {f"MLPClassifier({name}=)", f"MLPRegressor({name}=)"}
            assert places & THEIRS, f"docs/keywords.md: no row for {name} of {kind.__name__}"
            assert name in inspect.signature(net).parameters
        methods = [inspect.signature(kind.fit), inspect.signature(MLPClassifier.partial_fit)]
        for name in {name for method in methods for name in method.parameters} - {"self"}:
            assert {f"fit({name}=)", f"partial_fit({name}=)"} & THEIRS


@pytest.mark.parametrize("method", KERAS)
def test_every_keyword_of_keras_has_a_row_or_is_said_to_mean_nothing(method):
    model = ln.Model([ln.layers.Input(2), ln.layers.Dense(1)])
    model.compile("mse")
    for name in KERAS[method].split():
        call = f"{method}({name}=)"
        assert call in THEIRS or f"`{call}`" in TEXT or (name == "verbose" and "`verbose` of both" in TEXT)
        if name not in inspect.signature(getattr(ln.Model, method)).parameters:
            with pytest.raises(TypeError, match=f"'{name}': here it is "):
                getattr(model, method)(**{name: 1})


def test_foreign_words_of_the_code_have_rows():
    """What the messages know of `compile` and `fit` under Keras' names, the page knows, too."""
    known = {f"{place}({word}=)" for place in KERAS for word in ln.foreign.KEYWORDS[place]}
    official = {f"{place}({word}=)" for place, words in KERAS.items() for word in words.split()}
    assert known & official <= THEIRS | set(re.findall(r"`(\w+\(\w+=\))`", TEXT)) | {
        "evaluate(verbose=)",
        "predict(verbose=)",
    }


@pytest.mark.parametrize("row", [row for row in ROWS if re.fullmatch(r"\w+\(\w+=\)", row[0])])
def test_a_foreign_keyword_of_a_class_is_answered(row):
    """What the page promises: it is a TypeError that names ours."""
    name, word = re.fullmatch(r"(\w+)\((\w+)=\)", row[0]).groups()
    ours = re.search(r"\.(\w+)\(", row[1]) if name[0].isupper() else None
    places = (ln.layers, ln.callbacks, ln.optimizers)
    kinds = {one for one in (name, ours and ours[1]) if one and one[0].isupper()}
    for kind in (getattr(place, one) for place in places for one in kinds if one in place.__all__):
        same = kind.__name__ == name or kind.__module__.startswith("lucidnet.training")
        if same and word not in inspect.signature(kind).parameters:
            with pytest.raises(TypeError, match=f"'{word}': here it is "):
                kind(**{word: 1})


def test_the_wishes_that_the_page_on_scikit_learn_lists_are_there():
    """All keywords of estimators and of their `fit`, and all attributes, by name."""
    text = (PAGE.parent / "moving" / "sklearn.md").read_text("utf-8")
    codes = re.findall(r"^\| (?!wish|---).*? \| (.*) \|$", text, re.MULTILINE)
    takes = {*inspect.signature(ln.sklearn.NetClassifier).parameters, "sample_weight"}
    assert len(codes) > 10
    for code in codes:
        outer = re.sub(r"\([^()]*\)", "", code) if "ln." in code else code
        assert set(re.findall(r"(\w+)=", outer)) <= takes, code
        for name in re.findall(r"est\.(\w+)", code):
            assert hasattr(ln.sklearn.NetClassifier, name) or name == "model_"
