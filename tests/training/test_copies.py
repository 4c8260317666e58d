"""A copy is a value: it trains on exactly as the original would, whenever and however it was made."""

import copy
import io
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.callbacks import Callback
from lucidnet.core.reads import Reads
from lucidnet.core.trees import leaves
from lucidnet.layers import BatchNormalization, Dense, Dropout, Input, Layer, LayerNormalization, SimpleRNN
from lucidnet.optimizers import EMA, KNOWN, SGD, Adam
from lucidnet.optimizers.schedules import ExponentialDecay
from lucidnet.rules import SPACE, TIME

RNG = np.random.default_rng(0)
FLAT, SEQUENCES, Y = RNG.normal(size=(24, 4)), RNG.normal(size=(24, 5, 4)), RNG.normal(size=(24, 2))
ROWS, STEPS = 8, 6


def by_joblib(model):
    joblib = pytest.importorskip("joblib")
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


WAYS = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "joblib": by_joblib,
}
OPTIMIZERS = {name: name for name in KNOWN} | {
    "momentum": SGD(ExponentialDecay(0.1, 0.5, 4), momentum=0.9),
    "ema": EMA(Adam()),
}
RULES = [rule for rule in (*SPACE, *TIME) if rule != "backprop"]
CASES = [(optimizer, "backprop") for optimizer in OPTIMIZERS] + [("adam", rule) for rule in RULES]
ON_JAX = {"sgd", "momentum", "muon", "lbfgs", "kp", "wm", "uoro", "kernl"}


def made(backend, optimizer="adam", rule="backprop"):
    """A model with data: running statistics, dropout, and time where the rule is one through time."""
    if rule in TIME:
        layers, x = [Input((None, 4)), SimpleRNN(6), Dropout(0.3), Dense(2)], SEQUENCES
    else:
        norm = (
            LayerNormalization() if rule == "np" else BatchNormalization()
        )  # np takes each example by itself
        layers, x = [Input(4), Dense(6, "tanh"), norm, Dropout(0.3), Dense(2)], FLAT
    model = ln.Model(layers, seed=1, dtype="float64", backend=backend)
    model.compile("mse", OPTIMIZERS[optimizer], ["mae"], rule=rule)
    return model, x


def numbers(model):
    """All that a training changes, in one vector, and what was measured."""
    state = model.state
    trees = [state.memory, state.carried, state.feedback.weights, state.feedback.memory]
    arrays = [np.ravel(array) for tree in trees for _, array in leaves(tree)]
    measured = [value for values in model.history.values() for value in values]
    return np.concatenate([state.vector, *arrays, [int(state.step), *measured]])


def fit(model, x, **more):
    size = {} if model.optimizer.full_batch else {"batch_size": ROWS}
    return model.fit(x, Y, epochs=2, verbose=0, **size, **more)


@dataclass
class Copies(Callback):
    """Copies the model in the middle of the training."""

    way: object
    step_number: int = 0
    taken: object = None

    def step(self, loop, measured):
        if self.taken is None and loop.steps >= STEPS // 2:
            self.step_number, self.taken = loop.steps, self.way(loop.model)


@pytest.mark.parametrize(
    ("backend", "optimizer", "rule"),
    [("numpy", *case) for case in CASES]
    + [pytest.param("jax", *case, marks=[] if ON_JAX & set(case) else [pytest.mark.slow]) for case in CASES],
)
def test_copies_train_on(backend, optimizer, rule):
    if backend == "jax":
        pytest.importorskip("jax")
    ways = list(WAYS) if backend == "numpy" else ["deepcopy", "pickle"]
    for way in ways:
        model, x = made(backend, optimizer, rule)
        early = WAYS[way](model)
        fit(model, x)
        fit(early, x)
        np.testing.assert_array_equal(numbers(early), numbers(model), f"{way}, before")
        late = WAYS[way](model)
        fit(model, x)
        assert not np.array_equal(numbers(late), numbers(model))  # nobody trained the copy along
        fit(late, x)
        np.testing.assert_array_equal(numbers(late), numbers(model), f"{way}, after")


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_copy_made_in_a_callback(backend, way):
    if backend == "jax":
        pytest.importorskip("jax")
    model, x = made(backend, "momentum", "kp")
    copies = Copies(WAYS[way])
    fit(model, x, shuffle=False, callbacks=[copies])
    taken = copies.taken
    assert taken.state.step == copies.step_number
    for step in range(copies.step_number, STEPS):
        begin = step % (len(x) // ROWS) * ROWS
        taken.train_step(x[begin : begin + ROWS], Y[begin : begin + ROWS])
    exact = {"rtol": 0} if backend == "numpy" else {"rtol": 1e-12}  # JAX compiles one step otherwise than two
    np.testing.assert_allclose(taken.get_weights(), model.get_weights(), **exact)


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("delay", [0, 2])
def test_copies_of_online_learners(backend, way, delay):
    if backend == "jax":
        pytest.importorskip("jax")
    model = ln.Model([Input((None, 4)), SimpleRNN(5), Dense(2)], dtype="float64", backend=backend)
    model.compile("mse", SGD(0.1, momentum=0.9))
    online = model.online("rflo", every=2, delay=delay)
    for t in range(5):
        online.step(FLAT[t : t + 1], Y[t : t + 1])
    other = WAYS[way](online)
    assert other.model is not model
    for t in range(5, 12):
        outputs = [learner.step(FLAT[t : t + 1], Y[t : t + 1]) for learner in (online, other)]
        np.testing.assert_array_equal(*outputs)
    np.testing.assert_array_equal(numbers(other.model), numbers(model))


# --- what pickle cannot write -------------------------------------------------------------------


class AtTheTop(Layer):
    """A layer that pickle can write: it stands at the top of a module."""

    def forward(self, params, x, run=None):
        return 2 * x, None

    def backward(self, params, cache, dy, need_dx=True):
        return 2 * dy, {}


def compiled(layers=(), loss="mse", optimizer="sgd", metrics=()):
    model = ln.Model([Input(4), *layers, Dense(2)])
    model.compile(loss, optimizer, metrics)
    return model


def loss(prediction, target):
    return ((prediction - target) ** 2).mean(-1)


def test_what_functions_read_is_copied_without_their_code():
    made = pickle.loads(pickle.dumps(Reads([loss])))
    assert made.functions == [loss]
    assert made.now() == Reads([loss]).now()


def largest(target, prediction):
    return abs(target - prediction).max()


def inside():
    @dataclass(frozen=True, repr=False)
    class Inside(AtTheTop):
        pass

    return compiled([Inside()])


def about():
    model = compiled()
    model.about["preprocessing"] = [1, lambda x: x / 255]
    return model


UNWRITABLE = {
    "Model.loss": lambda: compiled(loss=lambda prediction, target: loss(prediction, target)),
    "Model.metrics[1]": lambda: compiled(
        metrics=["mae", lambda target, prediction: largest(target, prediction)]
    ),
    "Model.optimizer.learning_rate": lambda: compiled(optimizer=SGD(lambda step: 0.1 / (1 + step))),
    "Model.net.layers[1].constraint": lambda: compiled([Dense(3, constraint=lambda w: w)]),
    "Model.net.layers[1]: Inside(": inside,
    "Model.about['preprocessing'][1]": about,
}


@pytest.mark.parametrize("place", UNWRITABLE)
def test_what_cannot_be_pickled_is_named(place):
    model = UNWRITABLE[place]()
    with pytest.raises(ln.errors.UnpicklableError) as error:
        pickle.dumps(model)
    assert str(error.value).startswith(place)
    assert isinstance(error.value, pickle.PicklingError)
    other = copy.deepcopy(model)  # which copies by reference what cannot be written
    for each in (model, other):
        each.train_step(FLAT, Y)
    np.testing.assert_array_equal(other.get_weights(), model.get_weights())


def test_cloudpickle_writes_more():
    cloudpickle = pytest.importorskip("cloudpickle")
    model = UNWRITABLE["Model.loss"]()
    other = pickle.loads(cloudpickle.dumps(model))
    np.testing.assert_array_equal(other.get_weights(), model.get_weights())


def test_own_things_at_the_top_are_pickled():
    model = compiled([AtTheTop()], loss, metrics=[largest])
    other = pickle.loads(pickle.dumps(model))
    for each in (model, other):
        each.train_step(FLAT, Y)
    np.testing.assert_array_equal(other.get_weights(), model.get_weights())


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_a_training_is_not_copied(way):
    class Tries(Callback):
        def epoch(self, loop, result):
            with pytest.raises(ln.errors.UnpicklableError, match=r"copy loop\.model instead"):
                WAYS[way](loop)
            self.model = WAYS[way](loop.model)

    tries, model = Tries(), compiled()
    model.fit(FLAT, Y, callbacks=[tries], verbose=0)
    np.testing.assert_array_equal(tries.model.get_weights(), model.get_weights())


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_a_page_that_is_open_stays_with_the_original(way):
    """Searches copy an estimator with its callbacks; each copy opens a page of its own when it begins."""
    live, model = ln.lab.Live(open=False), compiled()
    try:
        model.fit(FLAT, Y, callbacks=[live], verbose=0)
        other = WAYS[way](live)
        assert (other.server, other.session) == (None, None) and live.server is not None
        model.fit(FLAT, Y, callbacks=[other], verbose=0)
        assert other.server.url != live.server.url
        other.close()
    finally:
        live.close()


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_a_copy_of_a_watched_learner_is_one_that_no_page_shows(way):
    model = ln.Model([Input((None, 4)), SimpleRNN(5), Dense(2)])
    model.compile("mse", SGD(0.1))
    live = ln.lab.Live(open=False)
    with live.watch(model.online("rflo")) as online:
        online.step(FLAT[:1], Y[:1])
        other = WAYS[way](online)
        assert other.model is not model
        steps = [learner.step(FLAT[1:2], Y[1:2]) for learner in (online, other)]
        np.testing.assert_array_equal(*steps)
        np.testing.assert_array_equal(numbers(other.model), numbers(model))
    live.close()


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_a_tape_is_copied_where_it_is_no_program(way):
    model = compiled()
    tape = model.forward(FLAT, train=True)
    (dx, grads), (other, same) = (each.backward(Y) for each in (tape, WAYS[way](tape)))
    np.testing.assert_array_equal(other, dx)
    np.testing.assert_array_equal(same["dense1"]["W"], grads["dense1"]["W"])
    pytest.importorskip("jax")
    on_devices = ln.Model([Input(4), Dense(2)], backend="jax:cpu")
    on_devices.compile("mse", "sgd")
    with pytest.raises(ln.errors.UnpicklableError, match="a tape on devices cannot be copied or pickled"):
        WAYS[way](on_devices.forward(FLAT))
