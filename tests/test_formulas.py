"""The formulas that the reference shows are those that the code computes: each that is Python is computed here."""

import json
import re
import sys
from inspect import getdoc, isclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers, losses, optimizers
from lucidnet.backend import Stream
from lucidnet.layers import Run
from test_sources import WORK

pytest.importorskip("docutils")
pytest.importorskip("matplotlib")
DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS))
try:
    from site_tools import examples, formulas, pictures, reference, shown, typeset
finally:
    sys.path.remove(str(DOCS))

BASES = {
    "layers": {"Container", "Layer", "Recurrent", "Run"},
    "losses": {"Loss"},
    "optimizers": {"ArraySlice", "Clip", "Constraint", "Group", "Optimizer"},
    "schedules": {"Schedule"},
    "initializers": {"Initializer"},
    "rules": {"Locality", "LocalityReport", "Rule", "Signals", "SpaceRule", "TimeRule"},
}
"""What is no layer, loss and so on itself: what others are made of, and what says something about them."""

rng = np.random.default_rng(0)
erf = np.vectorize(__import__("math").erf)
TOOLS = {
    "abs": np.abs, "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh, "sign": np.sign, "cos": np.cos,
    "max": lambda a, b: np.maximum(a, b), "min": lambda a, b: np.minimum(a, b), "where": np.where, "pi": np.pi,
    "norm": lambda a: np.linalg.norm(a, axis=-1, keepdims=a.ndim > 1),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)), "softplus": lambda a: np.log(1 + np.exp(a)),
    "Phi": lambda a: (1 + erf(a / np.sqrt(2))) / 2, "phi": lambda a: np.exp(-a * a / 2) / np.sqrt(2 * np.pi),
    "sum_j": lambda a: a.sum(-1, keepdims=True), "mean_j": lambda a: a.mean(-1, keepdims=True),
    "sum_n": lambda a: a.sum(0), "mean_n": lambda a: a.mean(0), "sum_k": lambda a: a.sum(-1, keepdims=True),
    "mean_t": lambda a: a.mean(1),
}  # fmt: skip


def computed(text, **names):
    """Return the names after the statements of a formula."""
    known = TOOLS | names
    for line in formulas.split(text):
        assert not typeset.is_latex(line), line
        left = line.partition(" = ")[0]
        if left.startswith("["):
            left, right = line.split(" = ")
            line = f"{left[1:-1]} = np.split({right}, 2, -1)"
        exec(line, {"np": np}, known)
    return SimpleNamespace(**known)


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


# --- what there is -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", BASES)
def test_everything_has_a_formula_and_nothing_else_has(page):
    home = reference.module(reference.PAGES[page][1])
    classes = {name for name in reference.names(page) if isclass(getattr(home, name))}
    made = {"Bidirectional", "Function"} if page == "layers" else set()  # functions that make layers
    assert classes - BASES[page] | made == set(formulas.PAGES[page])


@pytest.mark.parametrize(
    ("page", "name"), [(page, name) for page, table in formulas.PAGES.items() for name in table]
)
def test_a_formula_has_its_source_and_can_be_set(page, name):
    latex2mathml = pytest.importorskip("docutils.utils.math.latex2mathml")
    formula = formulas.PAGES[page][name]
    value, gradient = formula.lines
    for lines in (value, gradient):
        if lines:
            assert "<math" in str(latex2mathml.tex2mathml(typeset.block(lines), as_block=True))
    assert value
    assert bool(gradient) == (page in ("layers", "losses"))
    told = getdoc(getattr(reference.module(reference.PAGES[page][1]), name))
    refers = any(f"`{other}`" in told for other in (*formulas.PAGES[page], "Pooling"))
    assert formula.source or WORK.search(told) or refers, "neither docstring nor table names a source"


def test_the_lab_shows_the_formulas_of_the_reference():
    """What stands in the package is what `python docs/site_tools/shown.py` writes, whichever docutils is here."""

    def signs(table):
        return {name: [re.sub(r"<[^>]+>|\s", "", one) for one in both] for name, both in table.items()}

    assert signs(json.loads(shown.FILE.read_text("utf-8"))) == signs(shown.shown())
    assert not formulas.LAYERS.keys() & formulas.RULES  # one name, one formula


# --- layers ------------------------------------------------------------------------------------------


def both(layer, x, dy=None, params=None, train=True):
    """Return output and gradients of a layer, and the dy that was sent."""
    y, kept = layer.forward(params or {}, x, Run(train, Stream(0)))
    dy = rng.normal(size=y.shape) if dy is None else dy
    dx, grads = layer.backward(params or {}, kept, dy)
    return y, dy, dx, grads


@pytest.mark.parametrize("name", formulas.ACTIVATIONS)
def test_an_activation(name):
    layer = getattr(layers, name)()
    x = rng.normal(size=(4, 7)) * 2
    y, dy, dx, _ = both(layer, x)
    settings = {key: getattr(layer, key) for key in ("alpha", "negative_slope") if hasattr(layer, key)}
    known = settings | ({"s": layer.scale, "a": layer.alpha} if name == "SELU" else {})
    formula = formulas.LAYERS[name]
    said = computed(formula.value, x=x, **known)
    close(y, said.y)
    close(dx, dy * computed(formula.gradient, **vars(said)).dy_dx)


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_an_activation_of_rows(name):
    x = rng.normal(size=(4, 7))
    y, dy, dx, _ = both(getattr(layers, name)(), x)
    formula = formulas.LAYERS[name]
    close(y, computed(formula.value, x_i=x, x_j=x).y_i)
    close(dx, computed(formula.gradient, y_i=y, y_j=y, dy_i=dy, dy_j=dy).dx_i)


F = {"f": np.tanh, "df": lambda a: 1 - np.tanh(a) ** 2}
"""The activation of the layers below."""


def test_dense():
    x, layer = rng.normal(size=(4, 5)), layers.Dense(3, "tanh")
    params = {"W": rng.normal(size=(5, 3)), "b": rng.normal(size=3)}
    y, dy, dx, grads = both(layer, x, params=params)
    said = computed(formulas.LAYERS["Dense"].value, x=x, **F, **params)
    close(y, said.y)
    said = computed(formulas.LAYERS["Dense"].gradient, **vars(said) | {"dy": dy})
    close(dx, said.dx), close(grads["W"], said.dW), close(grads["b"], said.db)


@pytest.mark.parametrize("name", ["BatchNormalization", "LayerNormalization", "RMSNormalization", "PReLU"])
def test_what_scales(name):
    layer, x = getattr(layers, name)(), rng.normal(size=(6, 5))
    params, _ = layer.init(Stream(0, dtype="float64"), (5,))
    params = {
        key: rng.normal(size=5) if key in ("gamma", "beta", "alpha") else array
        for key, array in params.items()
    }
    y, dy, dx, grads = both(layer, x, params=params)
    known = {key: array for key, array in params.items() if key in ("gamma", "beta", "alpha")}
    known |= {"epsilon": layer.epsilon, "N": len(x)} if hasattr(layer, "epsilon") else {}
    said = computed(formulas.LAYERS[name].value, x=x, **known)
    close(y, said.y)
    said = computed(formulas.LAYERS[name].gradient, **vars(said) | {"dy": dy})
    close(dx, said.dx)
    for key in ("gamma", "beta", "alpha"):
        if key in grads:
            close(grads[key], getattr(said, f"d{key}"))


def test_groups():
    layer, x = layers.GroupNormalization(2), rng.normal(size=(6, 8))
    params = {"gamma": rng.normal(size=8), "beta": rng.normal(size=8)}
    y, dy, dx, grads = both(layer, x, params=params)

    def of_groups(a, f):
        return np.repeat(f(a.reshape(6, 2, 4), axis=-1), 4, axis=-1)

    known = {"mean_g": lambda a: of_groups(a, np.mean), "sum_g": lambda a: of_groups(a, np.sum), "N": 4}
    known |= params | {"epsilon": layer.epsilon, "m": of_groups(x, np.mean)}
    said = computed(formulas.LAYERS["GroupNormalization"].value, x=x, **known)
    close(y, said.y)
    said = computed(formulas.LAYERS["GroupNormalization"].gradient, **vars(said) | {"dy": dy})
    close(dx, said.dx), close(grads["gamma"], said.dgamma), close(grads["beta"], said.dbeta)


@pytest.mark.parametrize(
    ("layer", "known"),
    [
        (layers.Rescaling(3, 0.5), {"scale": 3, "offset": 0.5}),
        (layers.Input(5), {}),
        (layers.Linear(), {}),
        (layers.Dropout(0.0), {"m": 1, "rate": 0.0}),
        (layers.GaussianNoise(0.0), {"deviation": 0, "xi": 0}),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, layers.Layer) else "",
)
def test_what_has_no_weights(layer, known):
    x = rng.normal(size=(4, 5))
    y, dy, dx, _ = both(layer, x)
    if type(layer).__name__ == "Linear":
        known = known | {"dx": dy}
    formula = formulas.LAYERS[type(layer).__name__]
    close(y, computed(formula.value, x=x, **known).y)
    close(dx, computed(formula.gradient, dy=dy, **known).dx)


@pytest.mark.parametrize("name", ["Dropout", "SpatialDropout1D", "SpatialDropout2D"])
def test_what_drops(name):
    shape = {"Dropout": (4, 5), "SpatialDropout1D": (4, 6, 5), "SpatialDropout2D": (4, 3, 3, 5)}[name]
    x = rng.normal(size=shape)
    y, dy, dx, _ = both(getattr(layers, name)(0.4), x)
    known = {"m": (y != 0).astype(float), "rate": 0.4}
    assert 0 < known["m"].mean() < 1
    close(y, computed(formulas.LAYERS[name].value, x=x, **known).y)
    close(dx, computed(formulas.LAYERS[name].gradient, dy=dy, **known).dx)


@pytest.mark.parametrize(
    "name", ["Add", "Average", "Multiply", "Subtract", "Concatenate", "Maximum", "Minimum", "Dot"]
)
def test_what_joins(name):
    a, b = rng.normal(size=(2, 4, 3))
    layer = getattr(layers, name)()
    y, kept = layer.forward({}, (a, b), Run(True, Stream(0)))
    known = {"x": None, "f": lambda x: a, "g": lambda x: b, "k": 2, "f_k": a, "g_k": b}
    value = formulas.LAYERS[name].value
    if name == "Concatenate":
        assert value == "y = [f(x), g(x)]"
        close(y, np.concatenate([a, b], -1))
    else:
        close(y, computed(value, **known).y)
    gradient = formulas.LAYERS[name].gradient
    if typeset.is_latex(gradient):
        return
    dy = rng.normal(size=y.shape)
    (da, db), _ = layer.backward({}, kept, dy)
    known |= {"f": a, "g": b} if name == "Dot" else {}
    said = computed(gradient, dy=dy, **known)
    close(da, said.df), close(db, said.dg)


def test_positions_and_means_over_time():
    x, layer = rng.normal(size=(2, 6, 3)), layers.PositionalEmbedding(6)
    params = {"W": rng.normal(size=(6, 3))}
    y, dy, dx, grads = both(layer, x, params=params)
    close(y, computed(formulas.LAYERS["PositionalEmbedding"].value, x=x, W=params["W"]).y)
    said = computed(formulas.LAYERS["PositionalEmbedding"].gradient, dy=dy)
    close(dx, said.dx), close(grads["W"], said.dW)
    y, dy, dx, _ = both(layers.GlobalAveragePooling1D(), x)
    close(y, computed(formulas.LAYERS["GlobalAveragePooling1D"].value, x=x).y)
    close(dx[:, 2], computed(formulas.LAYERS["GlobalAveragePooling1D"].gradient, dy=dy, T=6).dx)


def test_normalization_and_sampling():
    x = rng.normal(3, 2, size=(50, 3))
    layer = layers.Normalization().adapt(x)
    params, _ = layer.init(Stream(0, dtype="float64"), (3,))
    y, dy, dx, _ = both(layer, x, params=params)
    known = {"m": x.mean(0), "v": x.var(0)}
    np.testing.assert_allclose(
        y, computed(formulas.LAYERS["Normalization"].value, x=x, **known).y, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        dx, computed(formulas.LAYERS["Normalization"].gradient, dy=dy, **known).dx, rtol=1e-5
    )
    m, v = rng.normal(size=(2, 4, 3))
    y, dy, dx, _ = both(layers.Sampling(), np.concatenate([m, v], -1))
    xi = (y - m) / np.exp(v / 2)
    close(y, computed(formulas.LAYERS["Sampling"].value, m=m, v=v, xi=xi).y)
    said = computed(formulas.LAYERS["Sampling"].gradient, dy=dy, v=v, xi=xi)
    close(dx, np.concatenate([said.dm, said.dv], -1))


def cells(params, names):
    """Return the parts of W, U, b by gate."""
    parts = {}
    for key in ("W", "U", "b"):
        for gate, part in zip(names, np.split(params[key], len(names), -1), strict=True):
            parts[f"{key}_{gate}"] = part
    return parts


@pytest.mark.parametrize(
    ("layer", "gates"),
    [
        (layers.SimpleRNN(3), ""),
        (layers.LeakyRNN(3, tau=4.0), ""),
        (layers.LSTM(3), "ifgo"),
        (layers.GRU(3), "zrg"),
    ],
    ids=["SimpleRNN", "LeakyRNN", "LSTM", "GRU"],
)
def test_what_recurs(layer, gates):
    """Two steps; the gradient of the first is found by the formula, from dh after the second."""
    name, x = type(layer).__name__, rng.normal(size=(2, 2, 4))
    made, _ = layer.init(Stream(0, dtype="float64"), (2, 4))
    params = {key: rng.normal(size=array.shape) for key, array in made.items()}
    y, dy, dx, grads = both(layer, x, params=params)
    known = (cells(params, gates) if gates else {}) | params | F | {"tau": 4.0}
    steps, h, c = [], np.zeros((2, 3)), np.zeros((2, 3))
    for t in range(2):
        said = computed(formulas.LAYERS[name].value, **known | {"x_t": x[:, t], "h_p": h, "c_p": c})
        steps.append(said)
        h, c = said.h_t, getattr(said, "c_t", c)
    close(y, h)
    dh, dc, sums = dy, np.zeros((2, 3)), {"dW": 0, "dU": 0, "db": 0} | ({"dc": 0} if name == "GRU" else {})
    for t in (1, 0):
        gradient = formulas.LAYERS[name].gradient.replace("[", "np.hstack([").replace("]", "])")
        said = computed(gradient, **vars(steps[t]) | sums | {"dh_t": dh, "dc_t": dc, "np": np})
        close(dx[:, t], said.dx_t)
        dh, dc = said.dh_p, getattr(said, "dc_p", dc)
        sums = {key: getattr(said, key) for key in sums}
    for key, total in sums.items():
        close(grads[key[1:]], total)


def test_convolution_and_its_transpose():
    """The sums of the page as loops, with a stride of 2."""
    x, W, b = rng.normal(size=(2, 7, 3)), rng.normal(size=(3, 3, 4)), rng.normal(size=4)
    y, _, _, grads = both(layers.Conv1D(4, 3, strides=2), x, np.ones((2, 3, 4)), {"W": W, "b": b})
    for t in range(3):
        close(y[:, t], sum(x[:, 2 * t + u] @ W[u] for u in range(3)) + b)
    close(grads["W"][1], sum(x[:, 2 * t + 1].T @ np.ones((2, 4)) for t in range(3)))
    x, W = rng.normal(size=(2, 3, 3)), rng.normal(size=(3, 4, 3))
    y, _, _, _ = both(layers.Conv1DTranspose(4, 3, strides=2), x, params={"W": W, "b": b})
    for r in range(7):
        pairs = [(t, u) for t in range(3) for u in range(3) if 2 * t + u == r]
        close(y[:, r], sum(x[:, t] @ W[u].T for t, u in pairs) + b)


def test_attention():
    layer, x = layers.MultiHeadAttention(1), rng.normal(size=(1, 5, 4))
    made, _ = layer.init(Stream(0, dtype="float64"), (5, 4))
    params = {key: rng.normal(size=array.shape) for key, array in made.items()}
    y, *_ = both(layer, x, params=params)
    q, k = x[0] @ params["W_query"] + params["b_query"], x[0] @ params["W_key"]
    v = x[0] @ params["W_value"] + params["b_value"]
    weights = np.exp(q @ k.T / 2)
    close(y[0], weights / weights.sum(1, keepdims=True) @ v @ params["W_out"] + params["b_out"])


# --- losses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [name for name, one in formulas.LOSSES.items() if name != "Custom" and not typeset.is_latex(one.value)],
)
def test_a_loss(name):
    t, y = rng.uniform(0.1, 0.9, size=(2, 6, 4))
    if name in ("CategoricalCrossentropy", "KLDivergence"):
        t, y = t / t.sum(-1, keepdims=True), y / y.sum(-1, keepdims=True)
    if name == "Hinge":
        t, y = np.sign(t - 0.5), 3 * y - 1.5
    if name == "Huber":
        t, y = 4 * t, 4 * y
    loss, formula = getattr(losses, name)(), formulas.LOSSES[name]
    value, kept = loss.forward(y, t)
    said = computed(formula.value, y=y, t=t, y_j=y, t_j=t, k=4, delta=getattr(loss, "delta", None))
    close(value, said.L.mean())
    close(loss.backward(kept), computed(formula.gradient, **vars(said)).dy / len(y))


# --- optimizers, constraints, schedules, rules --------------------------------------------------------


@pytest.mark.parametrize(
    "name", [name for name, one in formulas.OPTIMIZERS.items() if hasattr(getattr(optimizers, name), "descend")
             and not typeset.is_latex(one.value)]
)  # fmt: skip
def test_an_optimizer(name):
    """Five steps from a place, each with a gradient of its own."""
    settings = {"weight_decay": 0.1} if name in ("AdamW", "Lion") else {}
    settings |= {"momentum": 0.9} if name == "SGD" else {}
    optimizer = getattr(optimizers, name)(0.05, **settings)
    known = {f: getattr(optimizer, f) for f in ("beta1", "beta2", "epsilon", "rho", "weight_decay", "momentum")
             if hasattr(optimizer, f)}  # fmt: skip
    p, state = rng.normal(size=6), None
    params = {"p": p}
    state, slots = optimizer.init(params), {"p": p, "m": 0 * p, "v": 0 * p, "u": 0 * p}
    for t in range(1, 6):
        g = rng.normal(size=6)
        params, state = optimizer.update({"p": g}, state, params)
        said = computed(formulas.OPTIMIZERS[name].value, **known | slots | {"g": g, "t": t, "eta": 0.05})
        slots = {key: getattr(said, key) for key in slots}
        close(params["p"], slots["p"])


@pytest.mark.parametrize("name", ["MaxNorm", "NonNegative", "UnitNorm"])
def test_a_constraint(name):
    p = rng.normal(size=(5, 3)) * 2
    constraint = getattr(optimizers, name)()
    known = {"norm": lambda a: np.linalg.norm(a, axis=0), "limit": getattr(constraint, "limit", None)}
    close(constraint(p), computed(formulas.OPTIMIZERS[name].value, p=p, **known).p)


@pytest.mark.parametrize("name", ["ClipGlobalNorm", "ClipNorm", "ClipValue"])
def test_a_limit(name):
    g = rng.normal(size=8)
    limited = g.copy()
    getattr(optimizers, name)(0.5)(limited, [slice(0, 8)])
    close(limited, computed(formulas.OPTIMIZERS[name].value, g=g, limit=0.5).g)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, one in formulas.SCHEDULES.items()
        if not typeset.is_latex(one.value) and name != "OneCycle"
    ],
)
def test_a_schedule(name):
    schedule = pictures.SCHEDULES[name]
    known = {f: getattr(schedule, f) for f in schedule.__dataclass_fields__}
    for t in range(1 if name == "CosineRestarts" else 0, 39):
        close(schedule(t), computed(formulas.SCHEDULES[name].value, t=t, **known).eta)


@pytest.mark.parametrize("name", ["Backprop", "FeedbackAlignment", "FixedSign", "UniformSign"])
def test_a_rule_that_carries_the_error_by_other_weights(name):
    """What reaches the layer below, by the weights that the formula names."""
    net = [ln.layers.Input(4), ln.layers.Dense(3), ln.layers.Dense(2)]
    model = ln.Model(net, seed=0, dtype="float64")
    model.compile("half_squared_error", "sgd", rule=getattr(ln.rules, name)())
    x, t = rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    grads = model.gradients(x, t)
    W = model.params["dense2"]["W"]
    B = None if name == "Backprop" else model.feedback["dense2"]["W"]
    known = {"W": W, "B": B, "dz": (model.predict(x) - t) / 5}
    known["s"] = None if B is None else np.sqrt(np.mean(B**2))
    said = computed(formulas.RULES[name].value, **known)
    close(grads["dense1"]["W"], x.T @ said.dx)


# --- examples and pictures ----------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["layers", "losses", "schedules", "initializers"])
def test_an_example_of_each_runs_and_says_something(page):
    """Those of optimizers and rules train; they run when the site is built."""
    home = reference.module(reference.PAGES[page][1])
    for name in formulas.PAGES[page]:
        example = examples.of(page, name)
        if example is None:
            assert ">>>" in getdoc(getattr(home, name)), f"{name}: no example in its docstring either"
        else:
            assert example[1], name


@pytest.mark.parametrize(("page", "name"), [("layers", "Dense"), ("initializers", "Orthogonal")])
def test_positive_numbers_are_blue_as_in_all_pictures(page, name):
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure

    from lucidnet.plots.colors import LIGHT

    figure = Figure()
    pictures.DRAWERS[page](name, figure)
    (image,) = figure.axes[0].images
    assert [to_hex(image.cmap(end)) for end in (0.0, 1.0)] == [LIGHT.signed[0], LIGHT.signed[-1]]


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("layers", "GELU"), ("layers", "MaxPooling2D"), ("losses", "Huber"), ("optimizers", "Adam"),
        ("schedules", "OneCycle"), ("initializers", "Orthogonal"), ("rules", "FeedbackAlignment"),
    ],
)  # fmt: skip
def test_a_picture_is_drawn_and_told(page, name, tmp_path):
    told = pictures.draw(page, name, tmp_path / "picture.svg")
    assert name in told
    assert (tmp_path / "picture.svg").read_text("utf-8").count("<path") > 3
