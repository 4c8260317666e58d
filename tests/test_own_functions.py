"""Functions and classes of a user's own: in which order they are called, and what becomes of what they return."""

import sys
from dataclasses import dataclass
from functools import cached_property, partial, wraps
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import initializers, losses, metrics, optimizers
from lucidnet.backend import namespace
from lucidnet.callbacks import Callback, On
from lucidnet.core import reads
from lucidnet.core.order import meaning
from lucidnet.core.reads import Reads
from lucidnet.errors import LucidnetError, MeaningWarning, SettingError, ShapeError
from lucidnet.layers import Activation, Dense, Dropout, Graph, Input, Layer, Sequential

jnp = pytest.importorskip("jax.numpy")

BACKENDS = ("numpy", "jax")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(64, 3)), RNG.normal(size=(64, 1))
SHARE = 0.9


def pinball(target, prediction):
    """The loss whose minimum is a quantile: not symmetric, so that the order shows."""
    xp = prediction.__array_namespace__()
    above = target - prediction
    return xp.where(above > 0, SHARE * above, (SHARE - 1) * above)[..., 0]


def slope(target, prediction):
    return (target <= prediction) * 1.0 - SHARE


def other_way(y_pred, y_true):
    return pinball(y_true, y_pred)


def keras(y_true, y_pred):
    return pinball(y_true, y_pred)


def nameless(a, b):
    return pinball(b, a)


class Callable:
    def __call__(self, logits, labels):
        return pinball(labels, logits)


FUNCTIONS = {
    "target, prediction": pinball,
    "prediction, target": other_way,
    "y_true, y_pred": keras,
    "y, t": lambda y, t: pinball(t, y),
    "y, prediction": lambda y, prediction: pinball(y, prediction),
    "p, y": lambda p, y: pinball(y, p),
    "input, target": lambda input, target: pinball(target, input),
    "desired, output": lambda desired, output: pinball(desired, output),
    "an object": Callable(),
    "partial": partial(lambda share, label, outputs: pinball(label, outputs), SHARE),
    "nameless": losses.Custom(nameless, order="prediction, target"),
    "nameless, in words of Keras": losses.Custom(lambda a, b: pinball(a, b), order="y_true, y_pred"),
    "derivatives": losses.Custom(pinball, slope),
    "derivatives the other way": losses.Custom(keras, lambda output, true: slope(true, output)),
    "derivatives without names": losses.Custom(keras, lambda a, b: slope(a, b)),
}


class TestOrder:
    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_a_loss_trains_to_its_quantile(self, name, backend):
        """A single bias moves by the share above and below, computed here; the wrong order would give 10 %."""
        model = ln.Model(
            [Input(1), Dense(1, initializer="zeros", bias_initializer="zeros")],
            dtype="float64",
            backend=backend,
        )
        model.compile(FUNCTIONS[name], optimizers.SGD(1.0))
        model.train_step(np.zeros((64, 1)), Y)
        below = (Y <= 0).mean()
        np.testing.assert_allclose(model.params["dense1"]["b"], [SHARE - below], rtol=1e-12)

    @pytest.mark.parametrize(
        "name", [name for name, f in FUNCTIONS.items() if not isinstance(f, losses.Loss)]
    )
    def test_a_metric_is_called_the_same_way(self, name):
        def of(*given):
            return FUNCTIONS[name](*given).mean()

        of.__signature__ = __import__("inspect").signature(FUNCTIONS[name])
        expected = pinball(Y, Y + 1.0).mean()
        assert expected != pytest.approx(pinball(Y + 1.0, Y).mean())
        assert metrics.get(of)(Y, Y + 1.0) == pytest.approx(expected)

    def test_a_metric_without_names(self):
        def of(a, b):
            return pinball(b, a).mean()

        made = metrics.FunctionMetric(of, order="prediction, target")
        assert made(Y, Y + 1.0) == pytest.approx(pinball(Y, Y + 1.0).mean())

    @pytest.mark.parametrize(
        "function", [nameless, lambda x, y: x, lambda pred, output: pred, lambda *given: 0, np.subtract, max]
    )
    def test_names_that_tell_nothing_are_an_error_that_says_what_to_write(self, function):
        model = ln.Model([Input(1), Dense(1)])
        with pytest.raises(SettingError, match=r'losses.Custom\(f, order="prediction, target"\)'):
            model.compile(function)
        with pytest.raises(SettingError, match=r'FunctionMetric\(f, order="target, prediction"\)'):
            model.compile("mse", metrics=[function])

    @pytest.mark.parametrize("function", [len, lambda t: t, lambda a, b, c: a])
    def test_a_function_of_another_number_of_arguments(self, function):
        with pytest.raises(SettingError, match="expected a function of two arguments"):
            losses.get(function)
        with pytest.raises(SettingError, match="expected a function of two arguments"):
            metrics.get(function)

    def test_words(self):
        assert meaning("YPred") == meaning("y_hat") == meaning("logits") == meaning("p") == "prediction"
        assert meaning("y_true") == meaning("labels2") == meaning("t") == meaning("desired") == "target"
        assert meaning("y") == meaning("x") == meaning("true_output") == meaning("pt") == ""

    def test_a_class_with_the_other_order_is_refused(self):
        with pytest.raises(
            SettingError, match=r"values\(y_true, y_pred\): it is called with prediction and target"
        ):

            class Loss(losses.Loss):
                def values(self, y_true, y_pred):
                    return y_pred, None

        with pytest.raises(
            SettingError, match=r"update\(y_pred, y_true\): it is called with target and prediction"
        ):

            class Metric(metrics.Metric):
                def update(self, state, y_pred, y_true, sample_weight=None):
                    return state


# --- what they return -------------------------------------------------------------------------------


def fitted(backend, layers=(), loss="mse", optimizer="sgd", own=(), callbacks=()):
    model = ln.Model([Input(3), Dense(4), *layers, Dense(1)], backend=backend)
    model.compile(loss, optimizer, own)
    model.fit(X, Y, batch_size=64, verbose=0, callbacks=callbacks)
    assert all(array.dtype == np.float32 for layer in model.params.values() for array in layer.values())
    return model.get_weights(), model.evaluate(X, Y)


class Ones(initializers.Initializer):
    """Made by somebody else's library."""

    def __init__(self, make):
        vars(self)["make"] = make

    def __call__(self, rng, shape):
        return self.make(shape)


@dataclass(frozen=True, repr=False)
class Doubled(Layer):
    """y = 2 x by functions that may return anything."""

    make: object = None
    back: object = None

    def init(self, rng, shape):
        return {"W": [1.0] * shape[-1]}, shape

    def forward(self, params, x, run):
        return (self.make or (lambda y: y))(2 * x * params["W"]), x

    def backward(self, params, x, dy, need_dx=True):
        dx = (self.back or (lambda dx: dx))(2 * dy * params["W"])
        return dx, {"W": (2 * dy * x).sum(0)}


class Squares(losses.Loss):
    """Squares, by functions of one's own choice."""

    def __init__(self, make):
        vars(self)["make"] = make

    def values(self, prediction, target):
        return self.make(((prediction - target) ** 2).sum(-1)), (prediction, target)

    def slope(self, cache):
        return self.make(2 * (cache[0] - cache[1]))


class Plain(optimizers.Optimizer):
    """Gradient descent."""

    def __init__(self, make=None):
        super().__init__(0.01)
        vars(self)["make"] = make or (lambda change: change)

    def descend(self, p, g, slots, rate, step):
        return self.make(rate * g), slots


def double(x):
    return np.asarray(x, np.float64)


SAME = {
    "activation, jax": lambda: {
        "layers": [Activation(lambda x: 2 * jnp.asarray(x), lambda x: jnp.full(x.shape, 2.0))]
    },
    "activation, constant": lambda: {"layers": [Activation(lambda x: 2 * x, lambda x: 2.0)]},
    "activation, float64": lambda: {"layers": [Activation(lambda x: x * np.full(4, 2.0), lambda x: 2.0)]},
}
"""Each is 2 x."""


class TestBrought:
    """What another library makes becomes arrays of the engine, of its dtype."""

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize("name", SAME)
    def test_activations(self, name, backend):
        expected = fitted("numpy", [Activation(lambda x: x + x, lambda x: 2 + 0 * x)])[0]
        np.testing.assert_allclose(fitted(backend, **SAME[name]())[0], expected, rtol=1e-5)

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize("make", [jnp.asarray, lambda a: a * np.float64(1)])
    def test_losses_layers_and_optimizers(self, make, backend):
        expected = fitted("numpy")[0]
        for given in ({"loss": Squares(make)}, {"optimizer": Plain(make)}):
            np.testing.assert_allclose(fitted(backend, **given)[0], expected, rtol=1e-5)
        if make is not jnp.asarray and backend == "jax":
            return  # enough programs
        expected = fitted("numpy", [Doubled()])[0]
        np.testing.assert_allclose(fitted(backend, [Doubled(make, make)])[0], expected, rtol=1e-5)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_initializers_schedules_constraints_metrics(self, backend):
        def weights(initializer):
            return fitted(backend, [Dense(2, initializer=initializer)])[0]

        expected = weights(initializers.Constant(1.0))
        for make in (jnp.ones, lambda shape: np.ones(shape).tolist(), np.ones):
            np.testing.assert_allclose(weights(Ones(make)), expected, rtol=1e-6)
        expected = fitted(backend, optimizer=optimizers.SGD(0.5))[0]
        for rate in (lambda step: jnp.float32(0.5), lambda step: np.array(0.5))[
            : 2 if backend == "numpy" else 1
        ]:
            np.testing.assert_allclose(
                fitted(backend, optimizer=optimizers.SGD(rate))[0], expected, rtol=1e-6
            )
        held = fitted(backend, [Dense(2, constraint=optimizers.MaxNorm(0.1))])[0]
        mine = fitted(backend, [Dense(2, constraint=lambda w: jnp.asarray(optimizers.MaxNorm(0.1)(w)))])[0]
        np.testing.assert_allclose(mine, held, rtol=1e-5)
        result = fitted(backend, own=[lambda y_true, y_pred: jnp.mean(jnp.abs(y_true - y_pred)), "mae"])[1]
        assert result["<lambda>"] == pytest.approx(result["mae"], rel=1e-5)


RETURNS = {
    "nothing": lambda x: None,
    "text": lambda x: "text",
    "masked": lambda x: np.ma.masked_array(np.ones(x.shape), np.ones(x.shape)),
    "complex": lambda x: 1j * x,
    "a shape": lambda x: x[:1],
    "objects": lambda x: np.full(x.shape, None),
}


class TestRefused:
    """What makes no sense is said in one line, whichever engine runs it."""

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize("make", RETURNS.values(), ids=RETURNS)
    def test_arrays(self, make, backend):
        def one(x):
            return 1.0 + 0 * x

        for given in (
            {"layers": [Activation(make, one)]},
            {"layers": [Activation(one, make)]},
            {"layers": [Doubled(make)]},
            {"layers": [Doubled(None, make)]},
            {"layers": [Dense(2, constraint=make)]},
            {"layers": [Dense(2, initializer=Ones(lambda shape: make(np.ones(shape))))]},
            {"loss": Squares(make)},
            {"loss": losses.Custom(lambda t, y: make((y - t)[:, 0]), lambda t, y: y)},
            {"loss": losses.Custom(lambda t, y: (y - t)[:, 0], lambda t, y: make(y))},
            {"optimizer": Plain(make)},
        ):
            with pytest.raises((SettingError, ShapeError)) as caught:
                fitted(backend, **given)
            assert len(str(caught.value)) < 700

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize("made", [None, "0.1", np.ones(2), True, float("nan"), float("inf"), -1.0])
    def test_numbers(self, made, backend):
        for given in (
            {"optimizer": optimizers.SGD(lambda step: made)},
            {"layers": [Dropout(lambda step: made)]},
        ):
            with pytest.raises(SettingError, match="schedule|Dropout: rate must be"):
                fitted(backend, **given)
        if made is None or np.ndim(made) or isinstance(made, (str, bool)):
            with pytest.raises(SettingError, match="what the metric <lambda> returns must be a"):
                fitted(backend, own=[lambda target, prediction: made])

    @pytest.mark.parametrize(
        "name", ["activation", "its slope", "loss", "constraint", "layer", "its backward"]
    )
    def test_functions_of_numpy_on_jax(self, name):
        given = {
            "activation": lambda: {"layers": [Activation(lambda x: np.tanh(x), lambda x: x)]},
            "its slope": lambda: {"layers": [Activation(lambda x: x, lambda x: np.tanh(x))]},
            "loss": lambda: {"loss": losses.Custom(lambda t, y: np.abs(y - t)[:, 0], lambda t, y: y)},
            "constraint": lambda: {"layers": [Dense(2, constraint=lambda w: np.clip(w, 0, 1))]},
            "layer": lambda: {"layers": [Doubled(np.tanh)]},
            "its backward": lambda: {"layers": [Doubled(None, np.tanh)]},
        }[name]
        with pytest.raises(SettingError, match="JAX cannot follow .*: take its functions from the array"):
            fitted("jax", **given())
        fitted("numpy", **given())

    def test_what_cannot_be_called(self):
        for make in (
            lambda: optimizers.SGD(lambda: 0.1),
            lambda: Dropout(lambda: 0.1),
            lambda: Dense(2, constraint=lambda: 0.1),
            lambda: Activation(lambda: 0.1, lambda x: x),
            lambda: On(epoch=lambda loop: None),
            lambda: On(step=lambda: None),
        ):
            with pytest.raises(SettingError, match="must be a function of [12] argument"):
                make()


def made(base, **methods):
    return type("Mine", (base,), methods)


@pytest.mark.parametrize(
    ("base", "methods", "message"),
    [
        (
            Layer,
            {"backward": lambda self, params, cache, dy: None},
            r"write backward\(self, params, cache, dy, need_dx",
        ),
        (Layer, {"forward": lambda self, params, x: None}, r"write forward\(self, params, x, run\)"),
        (Layer, {"init": lambda self, shape: None}, r"write init\(self, rng, shape\)"),
        (Callback, {"epoch": lambda self, loop: None}, r"write epoch\(self, loop, result\)"),
        (
            initializers.Initializer,
            {"__call__": lambda self, shape: None},
            r"write __call__\(self, rng, shape\)",
        ),
        (
            optimizers.Optimizer,
            {"descend": lambda self, p, g: None},
            r"write descend\(self, p, g, slots, rate, step\)",
        ),
        (losses.Loss, {"slope": lambda self: None}, r"write slope\(self, cache\)"),
        (metrics.Metric, {"update": lambda self, y, p: None}, r"write update\(self, state, y, prediction\)"),
    ],
)
def test_methods_that_cannot_be_called_are_an_error_when_the_class_is_made(base, methods, message):
    with pytest.raises(SettingError, match=message):
        made(base, **methods)


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"init": lambda self, rng, shape: {}}, "Mine.init returns a dict: return a pair"),
        ({"init": lambda self, rng, shape: ({}, 4)}, "Mine.init returns a dict and an int: return a pair"),
        (
            {"init": lambda self, rng, shape: ({"W": None}, shape)},
            "Mine.init: a parameter: expected an array",
        ),
        ({"forward": lambda self, params, x, run: x}, "Mine.forward returns an array: return a pair"),
        (
            {"backward": lambda self, params, cache, dy, need_dx: dy},
            "Mine.backward returns an array: return a pair",
        ),
        (
            {"backward": lambda self, params, cache, dy, need_dx: (dy, None)},
            "Mine.backward returns an array and None",
        ),
        (
            {"backward": lambda self, params, cache, dy, need_dx: (dy.sum(-1, keepdims=True), {})},
            r"mine2, Mine\(\): its backward returns a gradient of shape \(2, 1\) for an input of shape \(2, 4\)",
        ),
        (
            {"backward": lambda self, params, cache, dy, need_dx: (None, {})},
            "its backward returns a gradient of shape",
        ),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_malformed_layers(methods, message, backend):
    right = {
        "forward": lambda self, params, x, run: (x, None),
        "backward": lambda self, params, cache, dy, need_dx=True: (dy, {}),
    }
    kind = dataclass(frozen=True, repr=False)(made(Layer, **(right | methods)))
    with pytest.raises(LucidnetError, match=message.replace("ndarray", ".*")):
        fitted(backend, [kind()])


def test_a_callback_says_how_many_steps_may_be_made():
    for wrong in (0, "no", 2.5):
        mine = made(Callback, room=lambda self, step, wrong=wrong: wrong)
        with pytest.raises(SettingError, match=r"Mine.room must return a whole number of steps of 1 or more"):
            fitted("numpy", callbacks=[mine()])


def own_softmax(v):
    xp = v.__array_namespace__()
    e = xp.exp(v)
    return e / e.sum(-1, keepdims=True)


def of_images(v):
    return v - v.mean((2, 3), keepdims=True)


MIXING = {
    "softmax": own_softmax,
    "softmax of jax": lambda v: jnp.exp(v) / jnp.exp(v).sum(-1, keepdims=True),
    "mean of the batch": lambda v: v - v.mean(0),
    "largest": lambda v: v / abs(v).max(),
    "best": lambda v: v * (v == v.max(-1, keepdims=True)),
    "least": lambda v: v - v.min(),
    "order": lambda v: v[..., ::-1],
    "sums": lambda v: v.cumsum(-1),
    "root of a sum": lambda v: np.sqrt(v.sum(-1, keepdims=True)) * v**0,
    "images": of_images,
}


@pytest.mark.parametrize("name", MIXING)
@pytest.mark.parametrize("derivative", [None, lambda v: 1])
def test_an_activation_that_mixes_what_it_is_given_is_refused(name, derivative):
    with pytest.raises(SettingError, match="element by element.*subclass of Layer"):
        Activation(MIXING[name], derivative)
    with pytest.raises(SettingError, match="element by element"):
        Dense(3, MIXING[name])


@pytest.mark.parametrize(
    "function",
    [
        np.tanh,
        jnp.tanh,
        np.sqrt,
        lambda v: v * np.arange(4),  # a factor for each unit: of its own number still
        lambda v: v * np.arange(5),  # does not take what it is tried on
        lambda v: np.where(v > 0, v, 0),
        lambda v: v + np.random.default_rng().normal(size=v.shape),  # never the same
        lambda v: v * 0 + 1,
    ],
)
def test_an_activation_of_each_number_is_taken(function):
    Activation(function, lambda v: 1)


class TestWhatIsGivenStays:
    """Functions that write into what they are given are an error on NumPy, and nothing has changed."""

    def of(self, *layers, loss="mse", metrics=()):
        model = ln.Model([Input(3), *layers, Dense(1)], seed=0, dtype="float64")
        model.compile(loss, optimizers.SGD(0.1), list(metrics))
        return model

    def refused(self, model, name):
        x, y = X.copy(), Y.copy()
        for call in (
            lambda: model.fit(x, y, batch_size=64, shuffle=False, verbose=0),
            lambda: model.evaluate(x, y),
        ):
            with pytest.raises(SettingError, match=f"^{name}.* writes into what it was given: make a new"):
                call()
        assert np.array_equal(x, X) and np.array_equal(y, Y)

    def test_a_layer(self):
        @dataclass(frozen=True, repr=False)
        class Twice(Layer):
            def forward(self, params, x, run):
                x *= 2
                return x, None

            def backward(self, params, cache, dy, need_dx=True):
                return 2 * dy, {}

        self.refused(self.of(Twice()), "Twice.forward")
        model = self.of(Twice())
        with pytest.raises(SettingError, match="Twice.forward writes"):
            model.predict(x := X.copy())
        assert np.array_equal(x, X)

    def test_the_weights_of_a_layer(self):
        @dataclass(frozen=True, repr=False)
        class Scale(Layer):
            def init(self, rng, shape):
                return {"W": np.ones(shape)}, shape

            def forward(self, params, x, run):
                params["W"] *= 2
                return x * params["W"], x

            def backward(self, params, x, dy, need_dx=True):
                return dy * params["W"], {"W": (x * dy).sum(0)}

        self.refused(self.of(Scale()), "Scale.forward")

    @pytest.mark.parametrize("what", ["dy", "cache"])
    def test_errors_and_caches(self, what):
        @dataclass(frozen=True, repr=False)
        class Back(Layer):
            def forward(self, params, x, run):
                return 2 * x, (1 * x, {"own": 2 + 0 * x})

            def backward(self, params, cache, dy, need_dx=True):
                made = dy if what == "dy" else cache[1]["own"]
                made *= 2
                return made, {}

        model = self.of(Dense(3), Back())
        with pytest.raises(SettingError, match="Back.backward writes"):
            model.fit(X, Y, verbose=0)

    def test_running_statistics(self):
        @dataclass(frozen=True, repr=False)
        class Counts(Layer):
            buffers = ("seen",)

            def init(self, rng, shape):
                return {"seen": np.zeros(1)}, shape

            def forward(self, params, x, run):
                return 2 * x, None

            def backward(self, params, cache, dy, need_dx=True):
                return 2 * dy, {"seen": np.zeros(1)}

            def absorb(self, params, cache):
                params["seen"] += 1
                return params

        model = self.of(Counts())
        with pytest.raises(SettingError, match="Counts.absorb writes"):
            model.fit(X, Y, verbose=0)

    @pytest.mark.parametrize("function", [lambda v: v.__imul__(2), lambda v: np.negative(v, out=v)])
    def test_an_activation(self, function):
        self.refused(self.of(Activation(function, lambda v: 2)), "this activation, <lambda>,")
        model = self.of(Activation(lambda v: 2 * v, function))
        model.build()

    def test_a_loss(self):
        def inside(target, prediction):
            target -= prediction
            return (target**2).mean(-1)

        self.refused(self.of(loss=losses.Custom(inside, lambda t, p: 2 * (p - t))), "this loss, inside,")

        class Inside(losses.Loss):
            def values(self, prediction, target):
                prediction -= target
                return (prediction**2).mean(-1), prediction

            def slope(self, cache):
                return 2 * cache

        self.refused(self.of(loss=Inside()), "Inside.values")

    @pytest.mark.parametrize("of", ["target", "prediction"])
    def test_a_metric(self, of):
        def zero(target, prediction):
            (target if of == "target" else prediction)[:] = 0
            return 1.0

        class Zero(metrics.Metric):
            name = "zero"

            def start(self):
                return 0

            def update(self, state, y, prediction, sample_weight=None):
                return state + zero(y, prediction)

            def value(self, state):
                return state

        for metric in (zero, Zero()):
            model = self.of(metrics=[metric, "mae"])
            with pytest.raises(SettingError, match="writes into"):
                model.evaluate(X, y := Y.copy())
            assert np.array_equal(y, Y)

    def test_a_data_set_gives_copies(self):
        def half(x, y):
            x /= 2
            y["a"][:] = 0
            return x, y

        x, y = X.copy(), {"a": Y.copy()}
        made = ln.data.Dataset.from_arrays(x, y).batch(16).map(half)
        for _ in range(2):
            np.testing.assert_array_equal(np.concatenate([part for part, _ in made]), X / 2)
        assert np.array_equal(x, X) and np.array_equal(y["a"], Y)
        listed = [(X[:4].copy(), {"a": Y[:4].copy()})]
        (found,) = ln.data.Dataset.from_iterator(listed).map(half)
        np.testing.assert_array_equal(listed[0][0], X[:4])
        np.testing.assert_array_equal(found[0], X[:4] / 2)


class TestPlainWords:
    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize(
        "function", [lambda v: v > 0, lambda v: (v > 0) * 1], ids=["truth", "whole numbers"]
    )
    def test_no_gradient_of_steps(self, function, backend):
        model = ln.Model([Input(3), Dense(4), Dense(1, function)], backend=backend)
        model.compile("mse")
        with pytest.raises(
            SettingError, match=r"(bool|int).*real numbers.*layers.Activation\(f, derivative\)"
        ):
            model.fit(X, Y, verbose=0)
        model = ln.Model([Input(3), Dense(1)], backend=backend)
        model.compile(lambda target, prediction: function(prediction - target)[..., 0])
        with pytest.raises(SettingError, match=r"(bool|int).*real numbers.*losses.Custom\(f, derivative\)"):
            model.fit(X, Y, verbose=0)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_functions_of_pytorch(self, backend):
        torch = pytest.importorskip("torch")
        for function in (torch.nn.ReLU(), torch.tanh, torch.nn.functional.gelu, lambda v: torch.sigmoid(v)):
            model = ln.Model([Input(3), Dense(1, function)], backend=backend)
            with pytest.raises(SettingError, match="takes tensors of PyTorch"):
                model.predict(X)
        order = "prediction, target"
        for loss in (
            torch.nn.functional.mse_loss,
            losses.Custom(torch.nn.MSELoss(), order=order),
            losses.Custom(torch.nn.functional.l1_loss, order=order),
        ):
            model = ln.Model([Input(3), Dense(1)], backend=backend)
            model.compile(loss)
            with pytest.raises(SettingError, match="takes tensors of PyTorch"):
                model.fit(X, Y, verbose=0)

    @pytest.mark.parametrize("function", [lambda v: max(v, 0), lambda v: v if v > 0 else 0 * v])
    def test_an_array_is_no_truth(self, function):
        model = ln.Model([Input(3), Dense(4, function)])
        with pytest.raises(SettingError, match=r"as if it were one number.*xp.maximum\(x, 0\)"):
            model.predict(X)

    def test_what_jax_cannot_follow_says_where_the_derivative_goes(self):
        model = ln.Model([Input(3), Dense(4, lambda v: np.tanh(v)), Dense(1)])
        model.compile("mse")
        with pytest.raises(SettingError, match=r"cannot follow.*layers.Activation\(f, derivative\)"):
            model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_prediction_is_an_array_of_its_own(backend):
    """Also where the output is the input itself: what people do with it does not change their data."""

    @dataclass(frozen=True, repr=False)
    class Same(Layer):
        def forward(self, params, x, run):
            return x, None

        def backward(self, params, cache, dy, need_dx=True):
            return dy, {}

    before = X.astype("float32")
    for last in (Activation("linear"), Activation(lambda v: v, lambda v: 1), Same()):
        made = ln.Model([Input(3), last], backend=backend).predict(x := before.copy())
        made *= 2
        assert np.array_equal(x, before) and np.array_equal(made, 2 * before)


def _across(target, prediction):
    error = (target - prediction)[..., 0]
    return (error - error.mean()) ** 2


class _Across(ln.losses.Loss):
    def values(self, prediction, target):
        error = (prediction - target)[..., 0]
        return (error - error.mean()) ** 2, error

    def slope(self, cache):
        return 2 * (cache - cache.mean())[..., None]


@pytest.mark.parametrize(
    "loss", [_across, _Across(), {"dense1": _across, "dense2": "mse"}], ids=["function", "class", "dict"]
)
def test_a_loss_that_looks_across_the_batch_sees_that_batch_alone(loss):
    """The last batch has two examples; a compiled engine would rather make four of them."""

    def trained(backend):
        inner = Sequential([Input(3), Dense(2, "tanh"), Dense(1)])
        net = Graph({"x": (3,)}, [("dense1", inner, "x"), ("dense2", Dense(1), "x")], ["dense1", "dense2"])
        joint = isinstance(loss, dict)
        model = ln.Model([net] if joint else list(inner.layers), seed=0, backend=backend, dtype="float64")
        model.compile(loss, "sgd")
        targets = {name: Y[:10] for name in ("dense1", "dense2")} if joint else Y[:10]
        model.fit(X[:10], targets, batch_size=4, verbose=0)
        return [*model.get_weights(), model.evaluate(X[:10], targets, batch_size=4).loss]

    np.testing.assert_allclose(trained("jax"), trained("numpy"), rtol=1e-10, atol=1e-14)


class TestOwnOptimizer:
    """What it returns is looked at: a slot that is lost, or new parameters in the place of what is subtracted."""

    @staticmethod
    def trained(backend="numpy", named=("v",), step=None):
        class Own(optimizers.Optimizer):
            slots = named

            def descend(self, p, g, slots, rate, number):
                return step(p, g, slots, rate)

        model = ln.Model([Input(2), Dense(3)], seed=0, backend=backend)
        model.compile("mse", Own(0.01))
        model.train_step([[1.0, 2.0]], [[1.0, 2.0, 3.0]])

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_slots(self, backend):
        with pytest.raises(
            SettingError, match=r"Own.descend returns no slots \['v'\]: what it does not return"
        ):
            self.trained(backend, step=lambda p, g, slots, rate: (rate * g, {}))
        with pytest.raises(SettingError, match=r"asks for the slot 'm': name it, slots = \('m',\)"):
            self.trained(backend, step=lambda p, g, slots, rate: (rate * slots["m"], {}))

    def test_new_parameters(self):
        with pytest.warns(MeaningWarning, match="returns nearly the parameters themselves") as seen:
            self.trained(named=(), step=lambda p, g, slots, rate: (p - rate * g, slots))
        assert seen[0].filename == __file__  # whatever of NumPy stands between

    def test_writing_is_told_of_descend_alone(self):
        def step(p, g, slots, rate):
            p -= rate * g

        with pytest.raises(SettingError, match=r"^Own\.descend writes into what it was given"):
            self.trained(step=step)


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_what_functions_of_ones_own_read_by_name_may_change(backend):
    """The weight of a part of a loss, a mask in a constraint, a number in an activation or a layer: no old program."""
    beta, gain, calls = 1.0, 1.0, []
    mask, shift = np.ones((4, 1)), {"by": np.zeros(2)}

    def weighed(target, output):
        calls.append(0)  # what it writes itself makes no other programs
        return beta * ((target - output) ** 2).sum(-1)

    @dataclass(frozen=True, repr=False)
    class Shift(Layer):
        def forward(self, params, x, run):
            return x + shift["by"][0], None

        def backward(self, params, cache, dy, need_dx=True):
            return dy, {}

    def held(w):
        return w * namespace(w).asarray(mask, dtype=w.dtype)

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 4)), rng.normal(size=(16, 1))
    layers = [Input(4), Activation(lambda v: gain * v, lambda v: gain), Shift(), Dense(1, constraint=held)]
    model = ln.Model(layers, dtype="float64", backend=backend)
    model.compile(ln.losses.Custom(weighed), ln.optimizers.SGD(1e-3))
    before, loss = model.predict(x), model.evaluate(x, y).loss
    gain = 2.0
    np.testing.assert_allclose(model.predict(x), 2 * before, rtol=1e-12)
    gain, shift["by"][0] = 1.0, 1.0
    w = model.params["dense3"]["W"]
    np.testing.assert_allclose(model.predict(x), before + w.sum(), rtol=1e-12)
    shift["by"][0], beta = 0.0, 3.0
    assert model.evaluate(x, y).loss == pytest.approx(3 * loss, 1e-12)
    model.fit(x, y, batch_size=16, verbose=0)
    beta = 5.0
    now = model.evaluate(x, y).loss
    assert model.fit(x, y, batch_size=16, verbose=0)["loss"][-1] == pytest.approx(now, 1e-9)
    mask[:2] = 0
    model.fit(x, y, verbose=0)
    assert (model.params["dense3"]["W"][:, 0] != 0).tolist() == [False, False, True, True]
    before = model.executor.programs
    model.set(learning_rate=1e-4)  # `calls` is longer now, which makes no other programs
    model.fit(x, y, verbose=0)
    assert model.executor.programs == before


class Config:
    beta = 1.0

    def __init__(self):
        self.gain, self.count, self.inner = 1.0, 0, SimpleNamespace(beta=1.0, seen=[])

    @property
    def doubled(self):
        return 2 * self.gain

    @cached_property
    def once(self):
        return 3.0

    @staticmethod
    def of_class(x):
        return Config.beta * x

    def step(self, x):
        return self.inner.beta * self.doubled * self.once * self.of_class(x)


def test_changes_are_seen_wherever_a_function_reads(monkeypatch):
    """In objects of objects, classes, modules, wrappers, defaults; and what it does not read is no change."""
    config, kinds, module = Config(), {1.0}, ModuleType("settings")
    monkeypatch.setitem(sys.modules, "settings", module)
    monkeypatch.setattr(Config, "beta", 1.0)
    monkeypatch.setattr(reads, "MANY", 99)
    module.beta, long, tree, gain = 1.0, [*range(5000)], {"a": 1.0}, 1.0
    tree |= {"itself": tree, "nodes": [{"above": tree} for _ in range(20)]}
    wrapped = partial(lambda x, by: by * x, by=1.0)
    frame = pytest.importorskip("pandas").DataFrame({"a": [1.0, 2.0]})
    teacher = ln.Model([Input(2), Dense(1)])
    teacher.build()

    def multiplied(function):
        @wraps(function)
        def multiply(x):
            return gain * function(x)

        return multiply

    def by(amount=1.0):
        return amount

    @multiplied
    def whole(x):
        long, kinds, tree, frame, module.beta, teacher.params  # noqa: B018
        return config.step(wrapped(x)) * by()

    looked = Reads([whole])
    before = looked.now()
    config.count += 1
    config.inner.seen.append(1)
    assert config.once == 3 and looked.now() == before
    for change in (
        lambda: setattr(config.inner, "beta", 2.0),
        lambda: setattr(config, "gain", 2.0),
        lambda: setattr(Config, "beta", 2.0),
        lambda: setattr(module, "beta", 2.0),
        lambda: long.__setitem__(4000, -1),
        lambda: kinds.add(2.0),
        lambda: tree.update(a=2.0),
        lambda: frame.__setitem__(frame == 1.0, 5.0),
        lambda: by.__setattr__("__defaults__", (2.0,)),
        lambda: wrapped.keywords.update(by=2.0),
        lambda: teacher.set_weights(teacher.get_weights() + 1),
    ):
        change()
        after = looked.now()
        assert after != before
        before = after
    gain = 2.0
    assert looked.now() != before


def test_arrays_of_jax_are_looked_at_once(monkeypatch):
    """Nobody writes into them, and they may be large; random keys have no numbers to look at."""
    data, key = jnp.ones(5), jnp.zeros(0)
    looked = Reads([lambda: (data, key)])
    before = looked.now()
    with monkeypatch.context() as patch:
        patch.setattr(reads, "crc32", None)
        assert looked.now() == before
    data = jnp.zeros(5)
    assert looked.now() != before
    key = pytest.importorskip("jax").random.key(0)
    assert looked.now() == looked.now()
