"""The import is light, and every public name is there."""

import ast
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lucidnet

PACKAGE = Path(lucidnet.__file__).parent

HEAVY = (
    "matplotlib",
    "h5py",
    "jax",
    "sklearn",
    "torch",
    "scipy",
    "rich",
    "typer",
    "safetensors",
    "urllib.request",
)


def test_importing_lucidnet_imports_no_extra():
    program = f"import lucidnet, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_estimators_without_scikit_learn_name_the_extra():
    program = (
        "import sys; sys.modules['sklearn'] = None\nimport lucidnet as ln\n"
        "for name in ('NetClassifier', 'NetRegressor'):\n"
        "    try:\n        getattr(ln.sklearn, name)\n"
        "    except ln.errors.MissingExtraError as error:\n        print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.count("pip install 'lucidnet[sklearn]'") == 2


TABLES = sorted(
    ".".join(["lucidnet", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if "export(globals()" in path.read_text("utf-8")
)
"""The modules that export by their text."""


@pytest.mark.parametrize("name", TABLES)
def test_public_names(name):
    module = importlib.import_module(name)
    for public in module.__all__:
        assert getattr(module, public) is not None
    assert sorted(set(module.__all__)) == module.__all__ == [n for n in dir(module) if not n.startswith("__")]
    unwanted = {"Any", "TYPE_CHECKING", "annotations", "import_module", "np", "dataclass", "exports"}
    unwanted |= set() if name == "lucidnet" else {"export"}  # there it writes models for other programs
    assert not unwanted & set(dir(module))


def test_what_completion_shows():
    import lucidnet as ln

    assert [name for name in dir(ln) if not name.startswith("_")] == [
        *(
            "Model",
            "OwnStep",
            "SelfOrganizingMap",
            "callbacks",
            "check",
            "convert",
            "data",
            "distributed",
            "errors",
            "exercises",
            "export",
            "initializers",
        ),
        *(
            "inspect",
            "lab",
            "layers",
            "load",
            "losses",
            "metrics",
            "mlp",
            "optimizers",
            "passes",
            "plots",
            "race",
            "rules",
        ),
        *("sklearn", "training"),
    ]
    assert "Terminated" in dir(ln.errors) and "difflib" not in dir(ln.errors)


@pytest.mark.parametrize("name", TABLES)
def test_a_star_imports_what_the_table_names(name):
    space = {}
    exec(f"from {name} import *", space)
    assert sorted(set(space) - {"__builtins__"}) == importlib.import_module(name).__all__


def test_type_checkers_and_readers_see_the_same_table():
    """Names that a table imports otherwise than under their own names are for the table alone."""
    for name in TABLES:
        module = importlib.import_module(name)
        if not hasattr(module, "__path__"):
            continue
        tree = ast.parse(Path(module.__file__).read_text("utf-8"))
        imports = [a for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for a in node.names]
        assert {a.name for a in imports if a.asname is None} <= {"TYPE_CHECKING", "export", "exports"}, name
        assert all(a.asname in (None, a.name) for a in imports)


def test_what_is_not_needed_to_train_is_imported_when_it_is_used():
    program = (
        "import lucidnet as ln, sys; lazy = {'lucidnet.layers.attention', 'lucidnet.check', 'lucidnet.plots'}; "
        "print(lazy & set(sys.modules)); ln.layers.MultiHeadAttention; print(lazy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["set()", "{'lucidnet.layers.attention'}"]


def test_the_text_of_a_module_is_read():
    from lucidnet.core.exports import Place, exports

    assert exports("lucidnet")["race"] == Place("lucidnet.lab", "race")
    assert exports("lucidnet")["plots"] == Place("lucidnet.plots", "")
    assert exports("lucidnet")["load"] == Place("lucidnet", "load")
    assert exports("lucidnet.layers.activations")["Tanh"] == Place(
        "lucidnet.layers.activations.sigmoidal", "Tanh"
    )
    assert "join" not in exports("lucidnet.distributed")  # imported, not under its own name


# --- no class is forgotten ------------------------------------------------------------------------

UNNAMED = {
    "CustomActivation": "holds a function, which no file can hold",
    "FunctionLayer": "holds a function, which no file can hold",
    "Activated": "a loss with the final activation before it, while a network is trained by a direct rule",
    "NetSettings": "the settings of a scikit-learn estimator, which pickle and joblib write",
    "Ending": "a graph as a loss sees it, while it is joined to a network",
    "OfScores": "what compile makes of a metric for logits; files have the metric that was given",
    "OfLogs": "what compile makes of a metric for logarithms; files have the metric that was given",
}
"""Public classes of values that no file may name, and why."""


def values():
    """Return all public classes of values in the package that are no bases of others."""
    from lucidnet.core.value import Value

    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        if not path.name.startswith("__"):
            importlib.import_module(name)
    found, left = set(), [Value]
    while left:
        kinds = [kind for kind in left.pop().__subclasses__() if kind.__module__.startswith("lucidnet.")]
        found.update(kinds)
        left += kinds
    ends = (kind for kind in found if not any(issubclass(other, kind) for other in found - {kind}))
    return {kind for kind in ends if not kind.__name__.startswith("_")}


def test_no_class_of_values_is_an_orphan():
    from lucidnet.interop.registry import KNOWN

    orphans = {
        kind.__name__
        for kind in values()
        if kind not in KNOWN.values()
        and not kind.__module__.startswith("lucidnet.data.")  # augmentations are no part of a model
        and not kind.__name__.endswith("Arguments")  # of a function, checked as settings are
    }
    assert orphans == set(UNNAMED)


def test_every_class_that_needs_no_argument_has_a_name():
    from lucidnet import layers, losses, optimizers, rules

    for known in (layers.activations.KNOWN, losses.KNOWN, optimizers.KNOWN, rules.SPACE, rules.TIME):
        made = {kind for kind in values() if issubclass(kind, known.base)}
        named = {type(make()) for make in known.values()}
        for kind in made - named - {rules.SnAp}:  # which is snap1 without arguments
            with pytest.raises(TypeError):
                kind()
    assert set(layers.activations.KNOWN.values()) <= {getattr(layers, name) for name in layers.__all__}


# --- a new layer touches its own file and one line ------------------------------------------------

TWICE = """
@dataclass(frozen=True, repr=False)
class Twice(Layer):
    \"\"\"y = 2 x.\"\"\"

    def forward(self, params, x, run=INFERENCE):
        return 2 * x, None

    def backward(self, params, cache, dy, need_dx=True):
        return 2 * dy, {}
"""
HALVED = """
@dataclass(frozen=True, repr=False)
class Halved(SGD):
    \"\"\"SGD with half the rate.\"\"\"
"""


def planted(tmp_path):
    """Return a copy of the package with a layer and an optimizer that no table has, and the files of those."""
    package = shutil.copytree(PACKAGE, tmp_path / "lucidnet", ignore=shutil.ignore_patterns("__pycache__"))
    head = "from dataclasses import dataclass\nfrom .{} import {}\n"
    (package / "layers" / "twice.py").write_text(head.format("base", "INFERENCE, Layer") + TWICE)
    (package / "optimizers" / "halved.py").write_text(head.format("sgd", "SGD") + HALVED)
    return package


def run(package, *command):
    env = {**os.environ, "PYTHONPATH": str(package.parent)}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=env)


def test_an_orphan_is_found(tmp_path):
    test = f"{__file__}::{test_no_class_of_values_is_an_orphan.__name__}"
    done = run(planted(tmp_path), "-m", "pytest", "-q", "-p", "no:cacheprovider", test)
    assert done.returncode == 1
    assert "'Twice'" in done.stdout and "'Halved'" in done.stdout


def test_one_line_exports_a_class_everywhere(tmp_path):
    package = planted(tmp_path)
    for table, line in {
        "layers": "    from .twice import Twice as Twice\n",
        "optimizers": "    from .halved import Halved as Halved\n",
    }.items():
        file = package / table / "__init__.py"
        head, rest = file.read_text().split("if TYPE_CHECKING:\n")
        file.write_text(f"{head}if TYPE_CHECKING:\n{line}{rest}")
    program = """
import sys, lucidnet as ln
from lucidnet.interop.registry import registry
assert "Twice" in dir(ln.layers) and "Twice" in ln.layers.__all__ and "lucidnet.layers.twice" not in sys.modules
from lucidnet.layers import Twice
model = ln.Model([ln.layers.Input(2), Twice(), ln.layers.Dense(1)])
model.compile("mse", "halved")
model.save(sys.argv[1])
assert repr(ln.load(sys.argv[1])) == repr(model), ln.load(sys.argv[1])
assert repr(ln.load(sys.argv[1]).optimizer) == "Halved()"
assert {"Twice", "Halved"} <= set(registry())
from lucidnet.check.cases import TABLES
assert "Twice" in TABLES[0] and ln.check.package(Twice)
print("done")
"""
    done = run(package, "-c", program, str(tmp_path / "model.safetensors"))
    assert done.stdout == "done\n", done.stderr


def test_unknown_attributes_are_errors():
    import lucidnet

    with pytest.raises(AttributeError, match="module 'lucidnet' has no attribute 'modle'"):
        _ = lucidnet.modle
