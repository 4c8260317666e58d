"""Batches divided among threads on NumPy: the step of one part, the same bits each time, and nothing silent."""

import copy
import os
import pickle
import signal
import sys
import threading

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers, losses, optimizers, rules
from lucidnet.backend.splitmix import RowStream, StepStream
from lucidnet.backend.threads import HOLDERS, Threads
from lucidnet.errors import MissingExtraError, NonFiniteError, SettingError
from lucidnet.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    Input,
    LeakyRNN,
    MaxPooling2D,
    Sampling,
    SimpleRNN,
    SpatialDropout2D,
    TimeDistributed,
    TransformerBlock,
)

threadpoolctl = pytest.importorskip("threadpoolctl")

N, BATCH = 11, 4
"""Batches of 4, 4 and 3 examples: 3 parts of 4, and 2 of 3, are of different sizes."""
RNG = np.random.default_rng(5)
ROWS, IMAGES, SEQUENCES = RNG.normal(size=(N, 6)), RNG.normal(size=(N, 6, 6, 1)), RNG.normal(size=(N, 5, 3))
WORDS, LABELS, NUMBERS = RNG.integers(0, 7, (N, 5)), RNG.integers(0, 3, N), RNG.normal(size=(N, 2))
MASK = np.arange(5) < RNG.integers(0, 6, N)[:, None]
WEIGHTS = RNG.random(N)


def label():
    return Dense(3, activation="softmax")


def two_outputs():
    nodes = [
        ("steps", LSTM(4, return_sequences=True), "x"),
        ("all", Dense(2), "steps"),
        ("end", LSTM(3), "steps"),
        ("last", Dense(2), "end"),
    ]
    return layers.Graph({"x": (5, 3)}, nodes, ("all", "last"))


NETS = {
    "dense": ([Input(6), Dense(8, "tanh", l1=0.01, l2=0.02), Dropout(0.4), label()], ROWS, LABELS, {}),
    "images": (
        [
            Input((6, 6, 1)),
            Conv2D(4, 3, activation="relu"),
            SpatialDropout2D(0.3),
            GaussianNoise(0.1),
            MaxPooling2D(2),
            Flatten(),
            label(),
        ],
        IMAGES,
        LABELS,
        {"sample_weight": WEIGHTS},
    ),
    "masked": (
        [Input((5, 3)), LSTM(4, return_sequences=True), TimeDistributed(Dropout(0.3)), LSTM(3), label()],
        SEQUENCES,
        LABELS,
        {"mask": MASK, "sample_weight": WEIGHTS, "accumulate": 2},
    ),
    "noisy units": ([Input((5, 3)), LeakyRNN(4, noise=0.3), label()], SEQUENCES, LABELS, {}),
    "stateful": (
        [Input((5, 3)), LSTM(4, stateful=True), label()],
        SEQUENCES[:8],
        LABELS[:8],
        {"shuffle": False},
    ),
    "attention": (
        [Input((5,)), Embedding(7, 4), TransformerBlock(2, 4, 6, dropout=0.3), Flatten(), label()],
        WORDS,
        LABELS,
        {"accumulate": 2},
    ),
    "sampled": ([Input(6), Dense(8), Sampling(0.5), label()], ROWS, LABELS, {"class_weight": {0: 2.0}}),
    "frozen statistics": ([Input(6), BatchNormalization(frozen=True), label()], ROWS, LABELS, {}),
}


def made(net, mesh, optimizer="adam", loss="sparse_categorical_crossentropy", **chosen):
    model = ln.Model(net, seed=3, dtype="float64", backend="numpy", mesh=mesh)
    model.compile(loss, optimizer, **({"metrics": ["accuracy"]} | chosen))
    return model


def trained(net, x, y, settings, mesh, **chosen):
    model = made(net, mesh, **chosen)
    history = model.fit(x, y, batch_size=BATCH, epochs=3, verbose=0, **settings)
    return model.get_weights(), dict(history)


def close(found, expected):
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12, atol=1e-12)
    assert found[1].keys() == expected[1].keys()
    for name, values in expected[1].items():
        np.testing.assert_allclose(found[1][name], values, rtol=1e-11, err_msg=name)


class TestTheStepOfOnePart:
    @pytest.mark.parametrize("name", NETS)
    def test_of_networks(self, name):
        """SGD: what Adam makes of a gradient that is 0 but for rounding says nothing."""
        given = NETS[name]
        expected = trained(*given, None, optimizer=optimizers.SGD(0.1))
        assert np.abs(expected[0] - made(given[0], None).get_weights()).max() > 1e-3
        for mesh in (1, 2, 3):
            close(trained(*given, mesh, optimizer=optimizers.SGD(0.1)), expected)

    @pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
    def test_of_optimizers(self, optimizer):
        given = {"validation_split": 0.2} | ({} if optimizer == "adam" else {"batch_size": None})
        found = []
        for mesh in (None, 2):
            model = made(NETS["dense"][0], mesh, optimizer)
            model.fit(ROWS, LABELS, epochs=4, verbose=0, **({"batch_size": BATCH} | given))
            found.append((model.get_weights(), dict(model.history)))
        np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-9, atol=1e-9)

    def test_of_outputs_with_masks_of_their_own(self):
        """Each loss is the mean over its own values, in a part of an accumulated step, too."""
        targets = {"all": RNG.normal(size=(N, 5, 2)), "last": NUMBERS}
        settings = {"mask": MASK, "accumulate": 2}
        chosen = {"loss": {"all": "mse", "last": "mae"}, "optimizer": optimizers.SGD(0.1), "metrics": []}
        expected = trained([two_outputs()], SEQUENCES, targets, settings, None, **chosen)
        for mesh in (2, 3):
            close(trained([two_outputs()], SEQUENCES, targets, settings, mesh, **chosen), expected)

    @pytest.mark.parametrize("name", [*rules.SPACE, *rules.TIME])
    def test_of_rules(self, name):
        recurrent = name in rules.TIME
        cell = SimpleRNN(4) if recurrent else Dense(6, "tanh")
        net, x = (
            [Input((5, 3) if recurrent else 6), cell, Dropout(0.2), label()],
            SEQUENCES if recurrent else ROWS,
        )
        chosen = {"rule": name, "optimizer": optimizers.SGD(0.1)}
        if name in ("kernl", "uoro"):
            with pytest.raises(SettingError, match="of layer .simplernn"):
                made(net, 2, **chosen)
            return
        expected = trained(net, x, LABELS, {}, None, **chosen)
        for mesh in (2, 3):
            found = trained(net, x, LABELS, {}, mesh, **chosen)
            tolerance = 1e-8 if name in ("wp", "np") else 1e-12  # a quotient by sigma
            np.testing.assert_allclose(found[0], expected[0], rtol=tolerance, atol=tolerance)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("shape", [(7, 3), (7, 40, 31), (7, 1, 1, 2), (7,)])
    def test_rows_of_random_numbers(self, dtype, shape):
        whole = StepStream(4, np.asarray(9), dtype, ("run", "a"))
        for name, more in (("normal", ()), ("uniform", ()), ("bernoulli", (0.3,))):
            expected = getattr(whole, name)(shape, *more)
            cuts = [slice(0, 2), slice(2, 3), slice(3, 7)]
            found = [
                getattr(RowStream.of(whole, cut, 7), name)((cut.stop - cut.start, *shape[1:]), *more)
                for cut in cuts
            ]
            assert np.array_equal(np.concatenate(found), expected)

    def test_random_numbers_that_are_no_rows_are_refused(self):
        part = RowStream.of(StepStream(4, np.asarray(9), "float64", ("a",)), slice(0, 2), 7)
        with pytest.raises(SettingError, match=r"a: random numbers \(3,\) are no rows of 2 examples"):
            part.normal((3,))
        assert np.array_equal(
            part.of_all().normal((3,)), StepStream(4, np.asarray(9), "float64", ("a",)).normal((3,))
        )


class TestTheSameBits:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_each_time(self, dtype):
        def run():
            model = ln.Model(NETS["images"][0], seed=3, dtype=dtype, backend="numpy", mesh=2)
            model.compile("sparse_categorical_crossentropy", "adam")
            model.fit(IMAGES, LABELS, batch_size=BATCH, epochs=2, verbose=0)
            return model.get_weights()

        first = run()
        assert all(np.array_equal(run(), first) for _ in range(3))

    def test_resumed(self, tmp_path):
        given = dict(batch_size=BATCH, verbose=0)
        whole = made(NETS["dense"][0], 2)
        whole.fit(ROWS, LABELS, epochs=4, **given)
        made(NETS["dense"][0], 2).fit(ROWS, LABELS, epochs=2, resume=tmp_path, **given)
        other = made(NETS["dense"][0], 2)
        other.fit(ROWS, LABELS, epochs=4, resume=tmp_path, **given)
        assert np.array_equal(other.get_weights(), whole.get_weights())

    def test_copies_have_threads_of_their_own(self, tmp_path):
        model = made(NETS["dense"][0], 2)
        model.fit(ROWS, LABELS, batch_size=BATCH, verbose=0)
        model.save(tmp_path / "m.safetensors")
        others = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
        others.append(ln.load(tmp_path / "m.safetensors", backend="numpy", mesh=2))
        plain = ln.load(tmp_path / "m.safetensors")
        assert plain.config.mesh is None and all(other.config.mesh == 2 for other in others)
        for each in (model, *others):
            each.fit(ROWS, LABELS, batch_size=BATCH, verbose=0)
            assert np.array_equal(each.get_weights(), model.get_weights())


class Coupled(layers.Layer):
    def forward(self, params, x, run=None):
        return x - x.mean(0), None

    def backward(self, params, cache, dy, need_dx=True):
        return dy - dy.mean(0), {}


class Apart(Coupled):
    @property
    def independent(self):
        return True

    def forward(self, params, x, run=None):
        return 2 * x, None

    def backward(self, params, cache, dy, need_dx=True):
        return 2 * dy, {}


class TestWhatCannotBeDivided:
    @pytest.mark.parametrize(
        ("layer", "words"),
        [
            (BatchNormalization(name="norm"), "layer 'norm' takes statistics over all examples"),
            (Coupled(name="mine"), "layer 'mine', Coupled"),
            (layers.Function(lambda v: v, name="f"), "layer 'f', Function"),
        ],
    )
    def test_a_layer_is_named(self, layer, words):
        with pytest.raises(SettingError, match=words):
            made([Input(6), layer, label()], 2)

    def test_a_layer_that_says_it_does_not_look_around(self):
        net = [Input(6), Apart(), label()]
        close(trained(net, ROWS, LABELS, {}, 2), trained(net, ROWS, LABELS, {}, None))

    def test_a_loss_is_named(self):
        with pytest.raises(SettingError, match="the loss Custom"):
            made([Input(6), Dense(2)], 2, loss=losses.custom(lambda t, y: ((y - t) ** 2).sum(-1)), metrics=[])

    def test_a_layer_that_is_not_frozen_any_more(self):
        model = made([Input(6), BatchNormalization(frozen=True, name="norm"), label()], 2)
        model.fit(ROWS, LABELS, verbose=0)
        model.set(layer="norm", frozen=False)
        with pytest.raises(SettingError, match="layer 'norm' takes statistics"):
            model.fit(ROWS, LABELS, verbose=0)

    def test_a_penalty_over_other_examples(self):
        net = [Input((5, 3)), LSTM(4, return_sequences=True), Sampling(0.5)]
        with pytest.raises(SettingError, match="mesh: what layer 'sampling"):
            made([*net, label()], 2).fit(SEQUENCES, np.zeros((N, 5), int), mask=MASK, verbose=0)
        net = [*net, LSTM(3), label()]  # here the loss is a mean over the same examples
        whole, parts = (trained(net, SEQUENCES, LABELS, {"mask": MASK}, mesh) for mesh in (None, 2))
        close(parts, whole)

    @pytest.mark.parametrize("mesh", ["2x1", (2, 1), 257])
    def test_a_number_of_threads_that_cannot_be(self, mesh):
        with pytest.raises(SettingError, match="a number of them, at most 256"):
            made(NETS["dense"][0], mesh)

    def test_without_threadpoolctl(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "threadpoolctl", None)
        with pytest.raises(MissingExtraError, match=r"lucidnet\[threads\]"):
            made(NETS["dense"][0], 2)

    def test_without_a_library_that_can_be_held(self, monkeypatch):
        monkeypatch.setattr(threadpoolctl.ThreadpoolController, "info", lambda self: [])
        with pytest.raises(SettingError, match="finds no library"):
            made(NETS["dense"][0], 2)


class Trap:
    """Something that happens in the second part of the first batch of the second epoch."""

    def __init__(self, monkeypatch, happen):
        self.calls, self.happen, inner = 0, happen, Dense.forward

        def forward(layer, params, x, run=layers.base.INFERENCE):
            if run.train and layer.units == 8 and threading.current_thread() is not threading.main_thread():
                self.calls += 1
                if self.calls == 4:
                    self.happen()
            return inner(layer, params, x, run)

        monkeypatch.setattr(Dense, "forward", forward)


def blas():
    """How many threads the libraries of products have now."""
    libraries = threadpoolctl.ThreadpoolController().select(user_api="blas")
    return {each["num_threads"] for each in libraries.info()}


def fail():
    raise RuntimeError("in a thread")


class TestWhatGoesWrong:
    @pytest.mark.parametrize(
        ("happen", "error"),
        [(fail, RuntimeError), (lambda: signal.raise_signal(signal.SIGINT), KeyboardInterrupt)],
    )
    def test_whole_steps_are_kept(self, monkeypatch, happen, error):
        """Three steps an epoch: the fourth fails, or is interrupted."""
        expected, model = made(NETS["dense"][0], 2), made(NETS["dense"][0], 2)
        expected.fit(ROWS, LABELS, batch_size=BATCH, epochs=1, verbose=0)
        with monkeypatch.context() as patch:
            Trap(patch, happen)
            with pytest.raises(error):
                model.fit(ROWS, LABELS, batch_size=BATCH, epochs=2, verbose=0)
        assert model.state.step == 3 and not HOLDERS
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("lucidnet")]
        assert np.array_equal(model.get_weights(), expected.get_weights())

    def test_no_thread_is_left_if_ctrl_c_comes_while_it_starts(self, monkeypatch):
        """The pool knows a thread only after `start`, in which Ctrl-C may come."""
        model, start = made(NETS["dense"][0], 2), threading.Thread.start
        model.fit(ROWS, LABELS, batch_size=BATCH, epochs=1, verbose=0)
        released = threading.Event()

        def interrupted(thread):
            start(thread)
            if thread.name.startswith("lucidnet"):
                signal.raise_signal(signal.SIGINT)

        def waits(layer, params, x, run=layers.base.INFERENCE, inner=Dense.forward):
            if threading.current_thread() is not threading.main_thread():
                released.wait(0.2)
            return inner(layer, params, x, run)

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", interrupted)
            patch.setattr(Dense, "forward", waits)
            with pytest.raises(KeyboardInterrupt):
                model.fit(ROWS, LABELS, batch_size=BATCH, epochs=1, verbose=0)
        left = [thread for thread in threading.enumerate() if thread.name.startswith("lucidnet")]
        released.set()
        assert not left and model.state.step == 3

    def test_a_step_that_is_not_finite_is_not_made(self):
        model = made([Input(6), Dense(8), label()], 2, optimizers.SGD(0.1))
        model.set_weights(1e200 * np.sign(model.get_weights()))
        before = model.get_weights()
        with pytest.raises(NonFiniteError):
            model.fit(ROWS * 1e200, LABELS, batch_size=N, verbose=0)
        assert np.array_equal(model.get_weights(), before)

    def test_products_have_one_thread_for_the_time(self):
        threads = Threads(2)
        with threadpoolctl.threadpool_limits(2, "blas"):
            with threads.held(), Threads(3).held():
                assert blas() == {1}
                assert threads.map(lambda number: (number, blas()), [0, 1, 2]) == [(k, {1}) for k in range(3)]
            assert blas() == {2}

    def test_whoever_has_set_the_number_of_threads_before(self):
        """threadpoolctl 3.8 lets one thread set it, as long as that lives; two trainings may overlap."""
        found, events = {}, [threading.Event() for _ in range(4)]

        def train(name, begun, go):
            with Threads(2).held():
                found[name] = blas()
                begun.set()
                assert go.wait(30)

        limited = threadpoolctl.threadpool_limits(2, "blas")
        first = threading.Thread(target=train, args=("first", events[0], events[1]))
        second = threading.Thread(target=train, args=("second", events[2], events[3]))
        first.start(), events[0].wait(30)
        second.start(), events[2].wait(30)
        events[1].set(), first.join()
        found["one of two"] = blas()
        events[3].set(), second.join()
        assert found == {"first": {1}, "second": {1}, "one of two": {1}} and blas() == {2}
        limited.restore_original_limits()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks")
    @pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
    def test_a_process_that_is_forked_meanwhile_is_not_held(self):
        """joblib and multiprocessing fork while a thread trains, be it just setting the number."""
        begun, go = threading.Event(), threading.Event()

        def train():
            with Threads(2).held():
                begun.set()
                assert go.wait(30)

        limited = threadpoolctl.threadpool_limits(2, "blas")
        thread = threading.Thread(target=train)
        thread.start(), begun.wait(30)
        if (pid := os.fork()) == 0:
            signal.alarm(20)  # instead of waiting for ever
            before = blas()
            with Threads(2).held():
                os._exit(0 if (before, blas()) == ({2}, {1}) else 1)
        status = os.waitpid(pid, 0)[1]
        go.set(), thread.join()
        assert status == 0 and blas() == {2} and not HOLDERS
        limited.restore_original_limits()

    def test_the_first_error_is_raised_when_no_thread_works_any_more(self):
        done = []

        def work(number):
            if number < 2:
                raise ValueError(number)
            done.append(number)

        threads = Threads(3)
        with threads.held(), pytest.raises(ValueError, match="0"):
            threads.map(work, [0, 1, 2])
        assert done == [2]
