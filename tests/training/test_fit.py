"""The loop: order, repetition, validation, weights, interruption, memory."""

import copy
import tracemalloc

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.callbacks import On
from lucidnet.data.batches import order
from lucidnet.data.weights import balanced
from lucidnet.errors import DataError
from lucidnet.layers import Dense, Dropout, Input
from lucidnet.training.loop import Callback

(X, Y), (X_TEST, Y_TEST) = ln.data.load("digits")
X, Y = X[:300], Y[:300]


def model(seed=0, optimizer="adam"):
    hidden = Dense(16, "relu", initializer="glorot_uniform")
    made = ln.Model([Input(64), hidden, Dropout(0.3), Dense(10, "softmax")], seed=seed)
    made.compile("categorical_crossentropy", optimizer, ["accuracy"])
    return made


def test_two_runs_are_identical_bit_for_bit():
    one, two = model(), model()
    for each in (one, two):
        each.fit(X, Y, epochs=3, validation_split=0.2, verbose=0)
    assert one.get_weights().tobytes() == two.get_weights().tobytes()
    assert one.history == two.history
    other = model(seed=1)
    other.set_weights(model().get_weights())
    other.fit(X, Y, epochs=3, validation_split=0.2, verbose=0)
    assert (other.get_weights() != one.get_weights()).any()


def test_fit_goes_on_where_it_stopped():
    whole, parts = model(), model()
    whole.fit(X, Y, epochs=3, verbose=0)
    for _ in range(3):
        parts.fit(X, Y, epochs=1, verbose=0)
    assert whole.get_weights().tobytes() == parts.get_weights().tobytes()
    assert whole.history == parts.history
    assert whole.history.epochs == 3


def test_order():
    first = np.concatenate(list(order(100, 32, seed=1, epoch=0, shuffle=True)))
    assert sorted(first) == list(range(100))
    assert [len(rows) for rows in order(100, 32, 1, 0, True)] == [32, 32, 32, 4]
    np.testing.assert_array_equal(first, np.concatenate(list(order(100, 7, 1, 0, True))))
    assert (first != np.concatenate(list(order(100, 32, 1, 1, True)))).any()
    assert (first != np.concatenate(list(order(100, 32, 2, 0, True)))).any()
    assert list(order(5, 2, 0, 0, False)) == [slice(0, 2), slice(2, 4), slice(4, 6)]


def test_an_epoch_is_its_steps():
    """Without shuffling and dropout, fit is train_step on batch after batch."""
    made = [ln.Model([Input(64), Dense(10, "softmax")]) for _ in range(2)]
    for each in made:
        each.compile("categorical_crossentropy", "adam")
    made[0].fit(X, Y, batch_size=128, shuffle=False, verbose=0)
    losses = [made[1].train_step(X[i : i + 128], Y[i : i + 128]).loss for i in (0, 128, 256)]
    np.testing.assert_array_equal(made[0].get_weights(), made[1].get_weights())
    np.testing.assert_allclose(made[0].history["loss"], [np.average(losses, weights=[128, 128, 44])])


def test_validation_split_is_the_last_part():
    one, two = model(), model()
    one.fit(X, Y, validation_split=0.2, verbose=0)
    two.fit(X[:240], Y[:240], validation_data=(X[240:], Y[240:]), verbose=0)
    np.testing.assert_array_equal(one.get_weights(), two.get_weights())
    assert one.history == two.history
    assert list(one.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]


def test_validation_is_inference():
    made = model()
    made.fit(X, Y, validation_data=(X_TEST, Y_TEST), verbose=0)
    result = made.evaluate(X_TEST, Y_TEST)
    assert made.history["val_accuracy"] == [result.accuracy]
    np.testing.assert_allclose(made.history["val_loss"], [result.loss])


def test_weights_of_examples_and_classes():
    """Weight 0 leaves an example out, weight 2 counts it twice; 1/N stays."""

    def fitted(x, y, **weights):
        made = ln.Model([Input(64), Dense(10, "softmax")], dtype="float64")
        made.compile("categorical_crossentropy", ln.optimizers.SGD(1.0))
        made.fit(x, y, batch_size=len(x), shuffle=False, verbose=0, **weights)
        return made.get_weights() - made_start

    made_start = ln.Model([Input(64), Dense(10, "softmax")], dtype="float64").get_weights()
    weight = np.where(Y == 3, 2.0, np.where(Y == 4, 0.0, 1.0))
    by_sample = fitted(X, Y, sample_weight=weight)
    by_class = fitted(X, Y, class_weight={3: 2.0, 4: 0.0})
    np.testing.assert_allclose(by_sample, by_class, rtol=1e-12)
    rows = np.repeat(np.arange(300), weight.astype(int))
    repeated = fitted(X[rows], Y[rows]) * len(rows) / 300
    np.testing.assert_allclose(by_sample, repeated, rtol=1e-9, atol=1e-12)
    assert np.abs(by_sample - fitted(X, Y)).max() > 1e-3


def test_weights_whose_product_is_no_number_are_refused():
    made = ln.Model([Input(64), Dense(10, "softmax")])
    made.compile("categorical_crossentropy")
    with pytest.raises(DataError, match="class_weight times sample_weight"):
        made.fit(X, Y, class_weight={3: 1e30}, sample_weight=np.full(len(X), 1e30), verbose=0)


def test_classes_without_examples_are_balanced():
    utils = pytest.importorskip("sklearn.utils.class_weight")
    labels = np.array([0, 2, 2, 2, 0, 2])
    found = balanced(labels, 5)
    theirs = utils.compute_class_weight("balanced", classes=np.array([0, 2]), y=labels)
    np.testing.assert_allclose(found, [theirs[0], 1, theirs[1], 1, 1])


def test_class_weights_of_one_hot_and_binary_targets():
    from lucidnet.training.checks import as_data

    categorical, binary = ln.losses.get("categorical_crossentropy"), ln.losses.get("binary_crossentropy")
    found = as_data([[0], [0]], np.eye(3)[[0, 2]], categorical, ((1,), (3,)), "float32", {2: 5.0})
    assert found.weights.tolist() == [1, 5]
    found = as_data([[0], [0]], [[0.0], [1.0]], binary, ((1,), (1,)), "float32", {1: 3.0}, [1, 2])
    assert found.weights.tolist() == [1, 6]


def test_an_interrupt_keeps_what_was_learned():
    made, reference = model(), model()
    reference.fit(X, Y, epochs=1, verbose=0)

    class Interrupt(Callback):
        def step(self, loop, measured):
            if loop.model.state.step == 14:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.fit(X, Y, epochs=5, verbose=0, callbacks=[Interrupt()])
    assert made.state.step == 14
    assert made.history == reference.history
    assert made.evaluate(X, Y).loss < 2.3
    made.fit(X, Y, verbose=0)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "float64"])
def test_the_data_set_is_not_copied(dtype):
    x = np.zeros((20_000, 256), dtype)
    y = np.zeros(20_000, int)
    made = ln.Model([Input(256), Dense(2, "softmax")])
    made.compile("categorical_crossentropy", "sgd", ["accuracy"])
    tracemalloc.start()
    made.fit(x, y, batch_size=100, validation_split=0.1, verbose=0)
    made.predict(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6e6  # x takes 5, 20 or 40 million bytes; one block of the check for NaN up to 1


class TestProgress:
    """What is printed."""

    def test_silent(self, capsys):
        model().fit(X, Y, verbose=0)
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize("verbose", [1, 2])
    def test_lines(self, capsys, verbose):
        model().fit(X, Y, epochs=3, validation_split=0.1, verbose=verbose)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 3
        assert lines[0].startswith("epoch 1/3 ")
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert f"{name} " in lines[2]

    def test_about_twenty_lines_at_most(self, capsys):
        model().fit(X[:20], Y[:20], epochs=100, verbose=2)
        lines = capsys.readouterr().out.splitlines()
        assert 20 <= len(lines) <= 22
        assert lines[0].startswith("epoch   1/100")
        assert lines[-1].startswith("epoch 100/100")

    def test_the_bar_shows_the_time_left(self, capsys, monkeypatch):
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        monkeypatch.setattr("lucidnet.training.progress.INTERVAL", 0.0)
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "160")
        model().fit(X, Y, epochs=2, batch_size=10, verbose=1)
        text = capsys.readouterr().out
        assert "left" in text
        assert "accuracy" in text
        assert "epoch 2/2" in text

    def test_what_is_printed_may_go_to_an_object_that_only_writes(self, monkeypatch):
        """As a log of one's own that stands in the place of stdout."""

        class Log:
            def __init__(self):
                self.text = ""

            def write(self, text):
                self.text += text

            def flush(self):
                pass

        log, live = Log(), ln.lab.Live()
        monkeypatch.setattr("sys.stdout", log)
        model().fit(X[:20], Y[:20], epochs=2, callbacks=[live])
        live.close()
        assert "lucidnet lab: http://127.0.0.1:" in log.text
        assert "2  " in log.text.splitlines()[-1] and "loss" in log.text


def test_history(tmp_path):
    made = model()
    made.fit(X, Y, epochs=2, verbose=0)
    made.fit(X, Y, epochs=1, validation_split=0.1, verbose=0)
    history = made.history
    assert history.epochs == 3
    assert np.isnan(history["val_loss"][:2]).all()
    assert [row["epoch"] for row in history.rows()] == [1, 2, 3]
    text = history.to_csv(tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_text() == text
    assert text.splitlines()[0] == "epoch,loss,accuracy,val_loss,val_accuracy"
    assert float(text.splitlines()[1].split(",")[1]) == history["loss"][0]
    figure = history.plot()
    assert len(figure.axes) == 2


def test_the_loss_of_an_epoch_with_masks_is_that_of_all_examples():
    """The loss of a network without time at its end is a mean over examples, however long these are."""
    rng = np.random.default_rng(0)
    x, y, lengths = rng.normal(size=(8, 5, 2)), rng.normal(size=(8, 1)), np.array([5, 5, 5, 5, 1, 1, 1, 1])
    model = ln.Model([ln.layers.Input((5, 2)), ln.layers.GRU(3), ln.layers.Dense(1)], dtype="float64")
    model.compile("mse", ln.optimizers.SGD(0.0))
    history = model.fit(x, y, mask=lengths, batch_size=4, shuffle=False, verbose=0)
    expected = np.mean((model.predict(x, mask=lengths) - y) ** 2)
    np.testing.assert_allclose(history["loss"], [expected], rtol=1e-12)


def test_targets_have_the_time_steps_of_the_outputs():
    """Also where their number may vary: one target for all of them would be broadcast."""
    model = ln.Model(
        [ln.layers.Input((None, 2)), ln.layers.GRU(3, return_sequences=True), ln.layers.Dense(1)]
    )
    model.compile("mse")
    x = np.ones((4, 7, 2))
    with pytest.raises(ln.errors.ShapeError, match=r"targets of shape \(4, 1, 1\) do not fit .* \(n, 7, 1\)"):
        model.fit(x, np.ones((4, 1)), verbose=0)
    model.fit(x, np.ones((4, 7)), verbose=0)
    with pytest.raises(ln.errors.DataError, match="y is missing"):
        model.fit(x, verbose=0)


def test_short_steps_are_made_several_at_once():
    """What they do is what each does alone; only who looks after each step is asked after each."""

    class Looks(ln.callbacks.Callback):
        def step(self, loop, measured):
            assert len(measured) == 1

    def fit(callbacks, rows=100, features=3):
        x = np.random.default_rng(0).normal(size=(rows, features)).astype("float32")
        model = ln.Model([ln.layers.Input(features), ln.layers.Dropout(0.1), ln.layers.Dense(1)], seed=0)
        model.compile("mse", "adam", ["mae"])
        calls, run = [], model.executor.run
        model.executor.run = lambda *given: calls.append(len(given[3])) or run(*given)
        history = model.fit(x, x.sum(1), batch_size=6, epochs=2, callbacks=callbacks, verbose=0)
        return calls, model.get_weights(), history

    (several, one, told), (alone, other, same) = fit([]), fit([Looks()])
    assert several == [17] * 2 and alone == [1] * 34  # the last batch is a smaller one
    np.testing.assert_array_equal(one, other)
    assert told == same
    assert fit([], 12, 60_000)[0] == [1, 1] * 2  # these batches are not small


def test_steps_before_one_that_is_not_finite_count():
    class Ends(ln.callbacks.Callback):
        def failed(self, loop, error):
            return True

    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    x[24:28] = 1e30
    model, twin = (ln.Model([ln.layers.Input(3), ln.layers.Dense(1)], seed=0) for _ in range(2))
    for each in (model, twin):
        each.compile("mse", "adam")
    y = np.ones(40)
    history = model.fit(x, y, batch_size=4, shuffle=False, callbacks=[Ends()], verbose=0)
    losses = [twin.train_step(x[i : i + 4], y[i : i + 4]).loss for i in range(0, 24, 4)]
    np.testing.assert_allclose(history["loss"], [np.mean(losses)], rtol=1e-12)
    np.testing.assert_array_equal(model.get_weights(), twin.get_weights())


def test_a_history_that_fit_returned_stays_as_it_is():
    """The next fit goes on in a longer one: two curves drawn side by side are two."""
    made = model()
    first = made.fit(X, Y, epochs=2, validation_split=0.1, validate_every=5, record=["dense1.b"], verbose=0)
    losses, before = first["loss"], copy.deepcopy(first)
    second = made.fit(X, Y, epochs=1, verbose=0, callbacks=[On(epoch=lambda loop, _: loop.stop("enough"))])
    made.fit(X, Y, epochs=1, record=["dense1.b"], verbose=0)
    assert first == before and first["loss"] is losses and first.stopped is None
    assert [len(pairs) for pairs in first.steps.values()] == [len(pairs) for pairs in before.steps.values()]
    assert (first.epochs, second.epochs, made.history.epochs) == (2, 3, 4)
    assert second.stopped == "enough" and made.history.stopped is None
    assert made.history["loss"][:3] == second["loss"] and second["loss"][:2] == first["loss"]


def test_a_history_is_whole_whenever_another_thread_copies_it():
    """Lists that grew one after the other were copied at different lengths."""
    history, lengths = model().history, set()

    class Looks(dict):
        """Numbers that look at the history whenever one of them is taken."""

        def get(self, *given):
            lengths.add(frozenset(map(len, history.copied().values())))
            return super().get(*given)

        def items(self):
            return ((name, self.get(name)) for name in self)

    for _ in range(3):
        history.append(Looks(loss=0.5, accuracy=0.25))
    assert lengths == {frozenset(), frozenset({1}), frozenset({2})}
    assert history == {"loss": [0.5] * 3, "accuracy": [0.25] * 3}


def test_validation_split_of_rows_that_are_sorted_by_class_is_warned_of():
    x, y = np.random.default_rng(0).normal(size=(50, 3)), np.repeat(np.arange(5), 10)
    model = ln.Model([Input(3), Dense(5, "softmax")], seed=0)
    model.compile("categorical_crossentropy")
    with pytest.warns(
        UserWarning, match=r"the last 20 rows, and 20 of them are of classes .* \(3, 4\): are the rows"
    ):
        model.fit(x, y, validation_split=0.4, verbose=0)
    order = np.random.default_rng(0).permutation(50)
    model.fit(x[order], y[order], validation_split=0.4, verbose=0)  # and none is warned of


@pytest.mark.parametrize("shuffle", [False, True])
def test_what_a_callback_writes_into_a_batch_is_refused(shuffle):
    """Without shuffling it was written into the data set, with it nothing came of it on JAX."""
    x = X.astype("float32")

    class Writes(Callback):
        def before_step(self, loop, batches):
            batches[0].x[:] = 0

    with pytest.raises(ValueError, match="read-only"):
        model().fit(x, Y, shuffle=shuffle, verbose=0, callbacks=[Writes()])
    np.testing.assert_array_equal(x, X.astype("float32"))
