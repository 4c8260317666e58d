"""Layers of a user's own: without a backward pass their gradient comes from JAX, and is that of their forward pass."""

import copy
import pickle
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.backend import Stream
from lucidnet.errors import MissingExtraError, SettingError
from lucidnet.inspect import watch
from lucidnet.layers import Dense, Dropout, Flatten, Graph, Input, Layer, Run, Sequential
from lucidnet.layers.base import INFERENCE
from lucidnet.tree import leaves

pytest.importorskip("jax")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))
BACKENDS = ("numpy", "jax")


@dataclass(frozen=True, repr=False)
class Own(Layer):
    """What Dense(units, "tanh") is, with its formula forward alone."""

    units: int = 4

    def init(self, rng, shape):
        layer = Dense(self.units)
        return layer.init(rng, shape)

    def forward(self, params, x, run):
        xp = x.__array_namespace__()
        return xp.tanh(x @ params["W"] + params["b"]), None


@dataclass(frozen=True, repr=False)
class Nested(Layer):
    """Parameters in a tree, and several formulas."""

    def init(self, rng, shape):
        return {"in": {"W": rng.normal((shape[-1], 4))}, "out": {"W": rng.normal((4, shape[-1]))}}, shape

    def forward(self, params, x, run=INFERENCE):
        xp = x.__array_namespace__()
        h = xp.exp(-((x @ params["in"]["W"]) ** 2))
        return h @ params["out"]["W"] * xp.sum(x, -1, keepdims=True), (x, h)


@dataclass(frozen=True, repr=False)
class Random(Layer):
    """Multiplies by random numbers in training."""

    def forward(self, params, x, run):
        xp = x.__array_namespace__()
        return (xp.where(run.stream.bernoulli(x.shape, 0.6), x, 0 * x) if run.train else x), "kept"


@dataclass(frozen=True, repr=False)
class Masked(Layer):
    """The mean of the time steps that count."""

    def output_shape(self, shape):
        return shape[1:]

    def output_mask(self, x, mask):
        return None  # time ends here

    def forward(self, params, x, run):
        xp = x.__array_namespace__()
        counts = xp.ones(x.shape[:2], dtype=x.dtype)
        if run.mask is not None:
            counts = xp.where(xp.asarray(run.mask), counts, 0 * counts)
        return xp.sum(x**2 * counts[..., None], 1) / xp.sum(counts, 1)[:, None], None


@dataclass(frozen=True, repr=False)
class Running(Layer):
    """Divides by a running mean of squares, a buffer that `absorb` moves."""

    buffers: ClassVar[tuple[str, ...]] = ("mean",)

    def init(self, rng, shape):
        return {"gain": 1 + rng.normal(shape[-1:]), "mean": np.ones(shape[-1:], rng.dtype)}, shape

    def forward(self, params, x, run):
        xp = x.__array_namespace__()
        return x * params["gain"] / xp.sqrt(params["mean"] + 0.1), xp.mean(x**2, 0)

    def absorb(self, params, cache):
        return params | {"mean": 0.5 * params["mean"] + 0.5 * cache}


@dataclass(frozen=True, repr=False)
class Mixed(Layer):
    """Takes two inputs."""

    def output_shape(self, shape):
        return shape[0]

    def init(self, rng, shape):
        return {"W": rng.normal((shape[1][-1], shape[0][-1]))}, shape[0]

    def forward(self, params, x, run):
        a, b = x
        return a * (b @ params["W"]), None


@dataclass(frozen=True, repr=False)
class Lookup(Layer):
    """Rows of a table, for whole numbers."""

    differentiable: ClassVar[bool] = False

    def init(self, rng, shape):
        return {"W": rng.normal((5, 2))}, (*shape, 2)

    def forward(self, params, x, run):
        xp = params["W"].__array_namespace__()
        return xp.take(params["W"], xp.astype(x, "int32"), axis=0), None


@dataclass(frozen=True, repr=False)
class ByNumPy(Layer):
    def forward(self, params, x, run):
        return np.tanh(x), None


@dataclass(frozen=True, repr=False)
class ByValue(Layer):
    def forward(self, params, x, run):
        return (x if x.sum() > 0 else -x), None


@dataclass(frozen=True, repr=False)
class ByItem(Layer):
    def forward(self, params, x, run):
        return x * x[0, 0].item(), None


@dataclass(frozen=True, repr=False)
class InPlace(Layer):
    def forward(self, params, x, run):
        y = x * 1
        y[0] = 0
        return y, None


def made(layers, x=X, y=Y, backend="numpy", optimizer="adam", **settings):
    model = ln.Model(layers, seed=1, dtype="float64", backend=backend)
    model.compile("mse", optimizer, **settings)
    model.build(x.shape[1:] if not isinstance(x, dict) else None)
    return model


def close(one, two, tolerance=1e-10):
    one, two = dict(leaves(one)), dict(leaves(two))
    assert one.keys() == two.keys()
    for path, array in one.items():
        np.testing.assert_allclose(array, two[path], rtol=tolerance, atol=tolerance, err_msg=str(path))


# --- the gradient is right ------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [Nested(), Running(), Sequential([Own(), Random()])], ids=repr)
def test_against_finite_differences(layer):
    report = ln.check.gradients(layer, shape=(3,))
    assert report, report


def test_an_activation_inside_a_layer():
    @dataclass(frozen=True, repr=False)
    class Bent(Layer):
        def forward(self, params, x, run):
            xp = x.__array_namespace__()
            return xp.sin(x) * x, None

    report = ln.check.gradients(Dense(4, Bent()), shape=(3,))
    assert report, report
    assert "gradient of Bent comes from JAX" in made([Input(3), Dense(2, Bent())]).summary()


def test_it_is_what_dense_has_by_hand():
    params, _ = Own().init(Stream(0, dtype="float64"), (3,))
    dy = RNG.normal(size=(12, 4))
    found, by_hand = (layer.forward(params, X, INFERENCE) for layer in (Own(), Dense(4, "tanh")))
    np.testing.assert_allclose(found[0], by_hand[0], rtol=1e-14)
    dx, grads = Own().backward(params, found[1], dy)
    expected = Dense(4, "tanh").backward(params, by_hand[1], dy)
    np.testing.assert_allclose(dx, expected[0], rtol=1e-12)
    close(grads, expected[1], 1e-12)


def test_several_calls_on_one_cache_and_without_dx():
    params, _ = Own().init(Stream(0, dtype="float64"), (3,))
    before = copy.deepcopy(params)
    _, cache = Own().forward(params, X, INFERENCE)
    one, two, dy = np.ones((12, 4)), RNG.normal(size=(12, 4)), None
    first = Own().backward(params, cache, one)
    other = Own().backward(params, cache, two)
    again = Own().backward(params, cache, one, need_dx=False)
    assert again[0] is None
    close(again[1], first[1], 0)
    assert dy is None
    assert not np.allclose(other[0], first[0])
    close(params, before, 0)
    assert Random().backward({}, Random().forward({}, X, INFERENCE)[1], one, need_dx=False) == (None, {})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept(dtype):
    params, _ = Own().init(Stream(0, dtype=dtype), (3,))
    y, cache = Own().forward(params, X.astype(dtype), INFERENCE)
    dx, grads = Own().backward(params, cache, np.ones_like(y))
    assert {str(dx.dtype), *(str(array.dtype) for array in grads.values())} == {dtype}
    assert {type(dx), *map(type, grads.values())} == {np.ndarray}


def test_as_a_user_has_it_with_32_bits():
    """JAX does not allow 64 bits by itself; a model in float64 does not lose any."""
    code = """
import numpy as np, lucidnet as ln
from test_own_layers import Own, X, Y
for backend in ("numpy", "jax"):
    found = []
    for layer in (Own(name="own"), ln.layers.Dense(4, "tanh", initializer="glorot_uniform", name="own")):
        model = ln.Model([ln.layers.Input(3), layer, ln.layers.Dense(2)], dtype="float64", backend=backend)
        model.compile("mse", ln.optimizers.SGD(0.1))
        model.train_step(X, Y)
        found.append(model.get_weights())
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-12)
import jax
assert not jax.config.jax_enable_x64
print("fine")
"""
    environment = {"PYTHONPATH": ":".join(sys.path), "JAX_PLATFORMS": "cpu", "LUCIDNET_PROGRAMS": "off"}
    environment |= {"PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "fine\n", done.stderr


# --- in networks, on both engines -----------------------------------------------------------------


NETWORKS = {
    "random": ([Input(3), Own(), Random(), Dropout(0.2), Own(2)], X),
    "running": ([Input(3), Own(), Running(), Dense(2)], X),
    "nested": ([Input(3), Nested(l2=0.1), Dense(2)], X),
    "table": ([Input(3), Lookup(), Flatten(), Dense(2)], RNG.integers(0, 5, (12, 3))),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_both_engines_take_the_same_steps(name):
    layers, x = NETWORKS[name]
    plain, fast = (made(layers, x, backend=backend) for backend in BACKENDS)
    for model in (plain, fast):
        model.fit(x, Y, epochs=3, batch_size=4, verbose=0)
    close(plain.params, fast.params)


def test_masks_on_both_engines():
    x, lengths, y = RNG.normal(size=(12, 5, 3)), RNG.integers(1, 6, 12), Y
    found = []
    for backend in BACKENDS:
        model = made([Input((None, 3)), Masked(), Dense(2)], x, backend=backend)
        model.fit(x, y, mask=lengths, epochs=2, batch_size=4, verbose=0)
        found.append(model.params)
    close(*found)
    model = made([Input((None, 3)), Masked(), Dense(2)], x)
    e = 2 * (model.predict(x, mask=lengths) - y) / y.size
    counts = np.arange(5) < lengths[:, None]
    W = model.params["dense2"]["W"]
    expected = 2 * x * counts[..., None] * ((e @ W.T) / lengths[:, None])[:, None]
    np.testing.assert_allclose(model.input_gradient(x, y, mask=lengths), expected, rtol=1e-10, atol=1e-14)


def test_several_inputs():
    nodes = [("mixed", Mixed(), ("a", "b")), ("out", Dense(2), "mixed")]
    x = {"a": X, "b": RNG.normal(size=(12, 4))}
    found = []
    for backend in BACKENDS:
        model = made(Graph({"a": (3,), "b": (4,)}, nodes, "out"), x, backend=backend)
        model.fit(x, Y, epochs=2, batch_size=4, verbose=0)
        found.append(model.params)
    close(*found)
    params = made(Graph({"a": (3,), "b": (4,)}, nodes, "out"), x)
    W, V = params.params["mixed"]["W"], params.params["out"]["W"]
    e = 2 * (params.predict(x) - Y) / Y.size
    dx = params.input_gradient(x, Y)
    np.testing.assert_allclose(dx["a"], (e @ V.T) * (x["b"] @ W), rtol=1e-10)
    np.testing.assert_allclose(dx["b"], ((e @ V.T) * X) @ W.T, rtol=1e-10)


def test_running_statistics_get_what_the_layer_kept():
    model = made([Input(3), Running(name="here"), Dense(2)])
    model.train_step(X, Y)
    np.testing.assert_allclose(model.params["here"]["mean"], 0.5 + 0.5 * (X**2).mean(0), rtol=1e-12)
    assert "mean" not in model.gradients(X, Y)["here"]


def test_frozen_layers_pass_the_error_on():
    model = made([Input(3), Dense(4), Own(frozen=True, name="still"), Dense(2)])
    before = model.params
    model.train_step(X, Y)
    close(model.params["still"], before["still"], 0)
    assert not np.allclose(model.params["dense1"]["W"], before["dense1"]["W"])


def test_copies_files_and_watchers_take_it_as_any_layer(tmp_path):
    model = made([Input(3), Own(), Dense(2)])
    model.train_step(X, Y)
    model.save(tmp_path / "own.safetensors")
    others = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    others.append(ln.load(tmp_path / "own.safetensors", custom={"Own": Own}))
    for other in others:
        close(other.params, model.params, 0)
        other.gradients(X, Y)
    params, _ = Own().init(Stream(0, dtype="float64"), (3,))
    with watch(Sequential([Own(name="own")])) as calls:
        y, cache = calls.net.forward({"own": params}, X, INFERENCE)
        dx, _ = calls.net.backward({"own": params}, cache, np.ones_like(y))
    np.testing.assert_array_equal(calls[1].dx, dx)


# --- rules ----------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Carrying(Own):
    transport: ClassVar[tuple[str, ...]] = ("W",)


def test_a_rule_that_replaces_weights_needs_a_backward():
    with pytest.raises(SettingError, match=r"'own' by other weights than W, but Carrying has no backward"):
        made([Input(3), Carrying(name="own"), Dense(2)], rule="fa")
    with pytest.raises(SettingError, match="Carrying has no backward"):
        made([Input(3), Carrying(rule="kp"), Dense(2)])
    made([Input(3), Carrying(), Dense(2)], rule="dfa")


@pytest.mark.parametrize("rule", ["fa", "dfa", "np"])
def test_under_rules_it_passes_as_one_by_hand_does(rule):
    @dataclass(frozen=True, repr=False)
    class ByHand(Own):
        def forward(self, params, x, run):
            y = np.tanh(x @ params["W"] + params["b"])
            return y, (x, y)

        def backward(self, params, cache, dy, need_dx=True):
            x, y = cache
            dz = dy * (1 - y * y)
            return dz @ params["W"].T if need_dx else None, {"W": x.T @ dz, "b": dz.sum(0)}

    models = [made([Input(3), Dense(4), kind(name="own"), Dense(2)], rule=rule) for kind in (Own, ByHand)]
    for model in models:
        model.fit(X, Y, epochs=3, batch_size=4, verbose=0)
    close(models[0].params, models[1].params)


# --- what it says ---------------------------------------------------------------------------------


def test_the_summary_says_where_the_gradient_comes_from():
    assert (
        made([Input(3), Own(), Own(), Dense(2)])
        .summary()
        .endswith("gradient of Own comes from JAX, as it has no backward")
    )
    both = made([Input(3), Own(), Nested(), Dense(2)]).summary()
    assert both.endswith("gradient of Own, Nested comes from JAX, as they have no backward")
    assert "JAX" not in made([Input(3), Dense(2)]).summary()


def test_without_jax_compile_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    expected = r"Own has no backward: write it, .* pip install 'lucidnet\[jax\]'"
    with pytest.raises(MissingExtraError, match=expected):
        made([Input(3), Own(), Dense(2)])
    params, _ = Own().init(Stream(0), (3,))
    with pytest.raises(MissingExtraError, match=expected):
        Own().backward(params, Own().forward(params, X, INFERENCE)[1], np.ones((12, 4)))
    made([Input(3), Dense(2)]).train_step(X, Y)  # all others need none
    assert ln.Model([Input(3), Own()]).predict(X).shape == (12, 4)  # nor does a forward pass


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [ByNumPy, InPlace])
def test_what_jax_cannot_follow_is_named(kind, backend):
    model = made([Input(3), Dense(3), kind(name="odd"), Dense(2)], backend=backend)
    advice = f"JAX cannot follow {kind.__name__}.forward: take its functions from the array"
    with pytest.raises(SettingError, match=advice):
        model.train_step(X, Y)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [ByValue, ByItem])
def test_what_depends_on_values_is_no_constant(kind, backend):
    model = made([Input(3), Dense(3), kind(), Dense(2)], backend=backend)
    with pytest.raises(
        SettingError, match=rf"JAX cannot follow {kind.__name__}.forward: .* choose by xp.where"
    ):
        model.train_step(X, Y)


def test_other_errors_are_the_users_own():
    @dataclass(frozen=True, repr=False)
    class Wrong(Layer):
        def forward(self, params, x, run):
            return x + "text", None

    with pytest.raises((TypeError, np._core._exceptions._UFuncNoLoopError)) as caught:
        Wrong().forward({}, X, INFERENCE)
    assert not isinstance(caught.value, SettingError)


def test_what_is_not_there_at_all():
    @dataclass(frozen=True, repr=False)
    class Empty(Layer):
        pass

    @dataclass(frozen=True, repr=False)
    class Holder(Layer):
        body: Layer

        def children(self):
            return (("body", self.body),)

        def forward(self, params, x, run=INFERENCE):
            return self.body.forward(params["body"], x, run)

    with pytest.raises(NotImplementedError, match=r"must define forward\(params, x, run\)"):
        Empty().forward({}, X)
    with pytest.raises(NotImplementedError, match=r"must define backward\(params, cache, dy, need_dx\)"):
        Empty().backward({}, None, X)
    holder = Holder(Dense(2))
    params = {"body": Dense(2).init(Stream(0), (3,))[0]}
    with pytest.raises(NotImplementedError, match=r"and route\(\.\.\.\), as there are layers inside"):
        holder.backward(params, holder.forward(params, X)[1], Y)


def test_a_forward_that_returns_no_pair():
    @dataclass(frozen=True, repr=False)
    class Single(Layer):
        def forward(self, params, x, run):
            return x * 2

    with pytest.raises(SettingError, match="Single.forward returns an array: return a pair"):
        Single().forward({}, X, INFERENCE)


# --- a backward by hand against JAX ---------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Scaled(Layer):
    """y = x W, and its gradient by hand, of which a sign may be wrong."""

    sign: int = 1

    def init(self, rng, shape):
        return {"W": 1 + rng.normal(shape[-1:])}, shape

    def forward(self, params, x, run):
        return x * params["W"], x

    def backward(self, params, cache, dy, need_dx=True):
        return dy * params["W"], {"W": self.sign * (cache * dy).sum(0)}


def test_the_check_compares_with_jax_too():
    report = ln.check.gradients(Scaled(), shape=(3,), jax=True)
    assert report, report
    assert [entry.name for entry in report.entries] == ["W", "x", "W, by JAX", "x, by JAX"]
    assert max(entry.error for entry in report.entries[2:]) < 1e-14
    wrong = ln.check.gradients(Scaled(-1), shape=(3,), jax=True)
    assert not wrong
    assert {entry.name for entry in wrong.entries if entry.error > 1e-7} == {"W", "W, by JAX"}
    entry = wrong.entries[2]
    assert entry.numeric == -entry.analytic != 0
    assert "W, by JAX" in str(wrong)
    assert len(ln.check.gradients(Scaled(), shape=(3,)).entries) == 2


def test_a_gradient_of_the_wrong_shape_against_jax():
    @dataclass(frozen=True, repr=False)
    class Turned(Scaled):
        def backward(self, params, cache, dy, need_dx=True):
            dx, grads = super().backward(params, cache, dy, need_dx)
            return dx, {"W": grads["W"][:, None]}

    report = ln.check.gradients(Turned(), shape=(3,), jax=True)
    assert {entry.name: entry.error for entry in report.entries}["W, by JAX"] == np.inf


def test_library_layers_agree_with_jax():
    for layer in (Dense(4, "tanh"), ln.layers.LayerNormalization(), Lookup()):
        given = {"x": np.ones((2, 3), int)} if layer == Lookup() else {"shape": (3,)}
        report = ln.check.gradients(layer, **given, jax=True)
        assert report, report


def test_what_cannot_be_compared_with_jax():
    @dataclass(frozen=True, repr=False)
    class Plain(ByNumPy):
        def backward(self, params, cache, dy, need_dx=True):
            return dy, {}

    with pytest.raises(SettingError, match="JAX cannot follow Plain.forward"):
        ln.check.gradients(Plain(), shape=(3,), jax=True)
    with pytest.raises(SettingError, match="jax=True is for a layer"):
        ln.check.gradients(ln.losses.get("mse"), jax=True)


# --- inheritance ----------------------------------------------------------------------------------


def test_a_class_that_adds_a_backward_is_given_its_own_cache():
    @dataclass(frozen=True, repr=False)
    class Complete(Nested):
        def backward(self, params, cache, dy, need_dx=True):
            assert isinstance(cache, tuple) and len(cache) == 2
            return dy, params

    assert not Complete().derived
    params, _ = Complete().init(Stream(0), (3,))
    y, cache = Complete().forward(params, X, INFERENCE)
    assert Complete().backward(params, cache, y)[0] is y
    assert Nested().derived


def test_inherited_forward_passes():
    @dataclass(frozen=True, repr=False)
    class Twice(Own):
        def forward(self, params, x, run):
            y, _ = super().forward(params, x, run)
            return y + y, None

    @dataclass(frozen=True, repr=False)
    class Same(Own):
        pass

    class Formula:
        def forward(self, params, x, run=INFERENCE):
            return x**3, None

    @dataclass(frozen=True, repr=False)
    class Given(Formula, Layer):
        pass

    assert Twice().derived and Same().derived
    for layer, slope in ((Given(), 3 * X**2),):
        assert layer.derived
        params, _ = layer.init(Stream(0, dtype="float64"), (3,))
        y, cache = layer.forward(params, X, INFERENCE)
        np.testing.assert_allclose(
            layer.backward(params, cache, np.ones_like(y))[0], slope * np.ones((12, 3))
        )
    params, _ = Own().init(Stream(0, dtype="float64"), (3,))
    back = [
        kind().backward(params, kind().forward(params, X, INFERENCE)[1], np.ones((12, 4)))
        for kind in (Own, Twice)
    ]
    np.testing.assert_allclose(2 * back[0][0], back[1][0])
    assert Formula().forward({}, X)[1] is None


def test_library_layers_are_left_alone():
    assert not any(layer.derived for layer in (Dense(2), Dropout(0.5), Sequential([Dense(2)]), Input(3)))
    assert not hasattr(Dense.forward, "__wrapped__")


def test_run_is_given_as_it_is():
    seen = []

    @dataclass(frozen=True, repr=False)
    class Asks(Layer):
        def forward(self, params, x, run):
            seen.append(run)
            return x * 2, None

    run = Run(True, Stream(3), mask=np.ones((12, 1), bool))
    y, cache = Asks().forward({}, X, run)
    Asks().backward({}, cache, y)
    Asks().forward({}, X, run=run)
    assert all(one is run for one in seen)
    assert len(seen) >= 3


# --- gradients of another shape ---------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Forgets(Layer):
    """A dense layer whose backward pass forgets the sum for b, or W as a whole."""

    what: str = "sum"

    def init(self, rng, shape):
        return {"W": rng.normal((shape[0], 3)), "b": rng.full((3,), 0)}, (3,)

    def forward(self, params, x, run=None):
        return x @ params["W"] + params["b"], x

    def backward(self, params, x, dy, need_dx=True):
        grads = {"W": x.T @ dy, "b": dy} if self.what == "sum" else {"b": dy.sum(0)}
        return dy @ params["W"].T, grads


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("sum", r"forgets1.b: expected an array of shape \(3,\), got \(12, 3\); a gradient has the shape"),
        ("W", r"forgets1.W is missing: expected an array of shape \(3, 3\)"),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gradient_of_another_shape_is_refused(backend, what, message):
    model = made([Input(3), Forgets(what), Dense(2)], X, backend=backend)
    before = model.get_weights()
    for step in (lambda: model.train_step(X, Y), lambda: model.fit(X, Y, batch_size=12, verbose=0)):
        with pytest.raises(ln.errors.ShapeError, match=message):
            step()
    np.testing.assert_array_equal(model.get_weights(), before)


def test_a_layer_as_it_is_written_elsewhere():
    """What stands there is named: a method that nobody calls, fields without @dataclass, a shape in two numbers."""

    class AsInKeras(Layer):
        def build(self, input_shape):
            pass

        def call(self, x):
            return x

    class AsInFlax(Layer):
        features: int

    @dataclass(frozen=True)
    class AsInNumPy(Layer):
        def init(self, rng, shape):
            return {"W": rng.normal(shape[0], 3)}, (3,)

        def forward(self, params, x, run):
            return x @ params["W"], x

        def backward(self, params, x, dy, need_dx=True):
            return dy @ params["W"].T, {"W": x.T @ dy}

    with pytest.raises(NotImplementedError, match=r"define forward\(params, x, run\): nobody calls call\(\)"):
        ln.Model([Input(3), AsInKeras()]).predict([[1.0, 2.0, 3.0]])
    with pytest.raises(
        TypeError, match=r"does not know features: write @dataclass\(frozen=True\) above class AsInFlax"
    ):
        AsInFlax(3)
    with pytest.raises(
        SettingError, match=r"AsInNumPy.init: .*: a shape is one tuple, as in rng.normal\(\(4, 3\)\)"
    ):
        ln.Model([Input(3), AsInNumPy()]).build()
