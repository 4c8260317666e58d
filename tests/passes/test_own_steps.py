"""Steps of one's own as people write them at first: a short last batch, one batch alone, other models, own classes."""

import warnings

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.backend import namespace
from lucidnet.errors import DataError, NonFiniteError, SettingError
from lucidnet.layers import Dense, Input

BACKENDS = ["numpy", pytest.param("jax", marks=pytest.mark.filterwarnings("ignore:.*donated"))]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)), RNG.normal(size=(40, 3))


def squared(model, batch):
    x, y = batch
    tape = model.forward(x, train=True)
    error = tape.output - y
    model.apply(tape.backward(2 * error / error.size)[1], tape)
    return (error**2).mean(), {"last": error, "first": error.sum()}


def made(backend="numpy", seed=0):
    model = ln.Model([Input(4), Dense(3)], seed=seed, backend=backend, dtype="float64")
    model.compile("mse", ln.optimizers.SGD(0.1))
    return model


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_last_batch_may_be_shorter(backend):
    if backend == "jax":
        pytest.importorskip("jax")
    model, other = made(backend), made()
    batches = [(X[k : k + 16], Y[k : k + 16]) for k in (0, 16, 32)]
    told = ln.OwnStep(squared, model)(iter(batches))
    expected = [other.train_step(*batch).loss for batch in batches]
    np.testing.assert_allclose([loss for loss, _ in told], expected, rtol=1e-10)
    np.testing.assert_allclose(model.get_weights(), other.get_weights(), rtol=1e-10)
    loss, more = told[2]
    assert more["last"].shape == (8, 3)
    for number in (loss, more["first"]):  # of both engines numbers of NumPy, not arrays without axes
        assert isinstance(number, np.float64)


def test_a_step_that_fails_is_counted_among_all_batches():
    bad = X[:8].copy()
    bad[0] = np.nan
    with pytest.raises(NonFiniteError, match="step 2: "):
        ln.OwnStep(squared, made())([(X[:16], Y[:16]), (X[16:32], Y[16:32]), (bad, Y[:8])])


@pytest.mark.parametrize("batch", [(X, Y), {"x": X, "y": Y}])
def test_one_batch_is_no_list_of_them(batch):
    with pytest.raises(DataError, match=r"a list of batches, .*, got a (tuple|dict): give \[batch\]"):
        ln.OwnStep(squared, made())(batch)


def test_a_model_from_outside_of_a_program_is_told_of():
    pytest.importorskip("jax")
    model, judge = made("jax"), ln.Model([Input(3), Dense(1)], backend="jax", dtype="float64")

    def step(model, x):
        return judge.forward(model.forward(x).output).output

    with pytest.raises(DataError, match="of OwnStep call the models that the function is given"):
        ln.OwnStep(step, model)([X])


def test_weights_of_a_layer_of_ones_own_have_the_dtype_of_the_model():
    class Scaled(L.Layer):
        def init(self, rng, shape):
            return {"W": np.ones(shape), "steps": np.arange(shape[0])}, shape

        def forward(self, params, x, run):
            return x * params["W"] + params["steps"], x

        def backward(self, params, x, dy, need_dx=True):
            return dy * params["W"], {"W": (x * dy).sum(0), "steps": dy.sum(0)}

    model = ln.Model([Input(4), Scaled(), Dense(3)])
    model.compile("mse", "sgd")
    model.fit(X, Y, verbose=0)
    assert {a.dtype for layer in model.params.values() for a in layer.values()} == {np.dtype("float32")}
    assert model.get_weights().dtype == model.predict(X).dtype == np.float32


def test_a_loss_of_ones_own_is_written_by_values_and_slope():
    with pytest.raises(
        SettingError, match=r"Mine.forward takes \(self, y, t\), .* in its place write values"
    ):

        class Mine(ln.losses.Loss):
            def forward(self, y, t):
                return ((y - t) ** 2).mean(), (y, t)

    class Whole(ln.losses.MeanSquaredError):
        def forward(self, prediction, target, weights=None, mask=None, valid=None):
            return super().forward(prediction, target, weights, mask, valid)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, other = made(), made()
        one.compile(Whole(), ln.optimizers.SGD(0.1))
        assert one.train_step(X, Y).loss == other.train_step(X, Y).loss


# --- what is carried on --------------------------------------------------------------------------------


def chained(model, carried, batch):
    """Particles that walk on, by a network that learns of them, and an array with an optimizer's memory."""
    chains, point, memory = carried["chains"], carried["point"], carried["memory"]
    tape = model.forward(chains, train=True)
    dx, grads = tape.backward(1 + 0 * tape.output)
    model.apply(grads, tape)
    point, memory = ln.optimizers.Adam(0.1).step(point, 2 * point - batch.mean(0), memory)
    count = carried["count"] + 1
    return {"chains": chains - 0.1 * dx, "point": point, "memory": memory, "count": count}, point.sum()


def begun():
    point = np.arange(4.0)
    memory = ln.optimizers.Adam(0.1).init(point)
    return {"chains": X[:8], "point": point, "memory": memory, "count": 0}


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_belongs_to_no_model_is_carried_on(backend):
    own = ln.OwnStep(chained, made(backend), carried=begun())
    told = own([X[:8], X[8:16]]) + own(X[k : k + 8] for k in (16, 24, 32))
    net, expected, sums = made(), begun(), []
    for k in range(0, 40, 8):
        expected, told_alone = chained(net, expected, X[k : k + 8])
        sums.append(told_alone)
    np.testing.assert_allclose(told, sums, rtol=1e-10)
    assert list(own.carried) == list(expected) and own.carried["count"] == 5
    for name in ("chains", "point"):
        np.testing.assert_allclose(own.carried[name], expected[name], rtol=1e-10)
        with pytest.raises(ValueError, match="read-only"):
            own.carried[name][:] = 0
    own.carried = begun()
    assert own([X[:8]]) == pytest.approx(sums[:1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_carried_on_keeps_its_form_and_stays_finite(backend):
    def walk(model, carried, batch):
        best, place = carried
        step = model.forward(batch).output.sum()
        return (namespace(best).minimum(best, step), place * batch[0, 0] * batch[0, 0]), step

    net = made(backend)
    one = np.ones((2, 4))
    own = ln.OwnStep(walk, net, carried=(np.inf, [1.0, 2.0]))  # what is infinite at first may stay so
    with pytest.raises(NonFiniteError, match=r"carried\[1\] would be inf at \(0,\)"):
        own([one / 2, 2 * one, 1e200 * one, one])
    np.testing.assert_array_equal(own.carried[1], [1.0, 2.0])
    for returned, words in [
        (lambda kept: kept, r"two things, what it carries on and what it tells"),
        (lambda kept: kept["a"].sum(), r"two things, what it carries on and what it tells"),
        (lambda kept: ({"b": kept["a"]}, 0), r"carried must be .* the names a; .* the names b"),
        (lambda kept: ({"a": kept["a"][:1]}, 0), r"carried\['a'\] must be .*shape \(2,\) and dtype int"),
        (lambda kept: ({"a": kept["a"] / 2}, 0), r"carried\['a'\] must be .*dtype int"),
    ]:
        own = ln.OwnStep(lambda model, kept, batch, r=returned: r(kept), net, carried={"a": np.array([1, 2])})
        with pytest.raises(SettingError, match=words):
            own([one])
    with pytest.raises(SettingError, match=r"1 of the models, what is carried on, and a batch"):
        ln.OwnStep(lambda model, batch: 0, net, carried=0.0)
