"""What a step by hand may be given, what it may hold, and what is compiled for it, on both engines."""

import gc
import warnings
from contextlib import nullcontext

import numpy as np
import pytest

import lucidnet as ln
from lucidnet import layers as L
from lucidnet.backend import namespace
from lucidnet.errors import DataError, NonFiniteError, SettingError, ShapeError
from lucidnet.layers import Dense, Input
from lucidnet.optimizers import SGD, Adam

RNG = np.random.default_rng(3)
BACKENDS = ["numpy", "jax"]
X, Y = RNG.normal(size=(8, 3)), RNG.normal(size=(8, 2))
DENSE = [Input(3), Dense(4, "tanh"), Dense(2)]


def model(layers=DENSE, backend="numpy", optimizer="sgd", loss=None, seed=3):
    made = ln.Model(layers, dtype="float64", backend=backend, seed=seed)
    made.compile(loss, optimizer)
    return made


def step(net, batch):
    """One step on the mean squared error."""
    x, y = batch
    tape = net.forward(x, train=True)
    gap = tape.output - y
    net.apply(tape.backward(2 * gap / gap.size)[1], tape)
    return (gap**2).mean()


# --- what is held stays --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_tape_has_an_input_of_its_own(order):
    net, x = model(), np.array(X, order=order)
    tape = net.forward(x, train=True)
    before = tape.backward(Y)[1]["dense1"]["W"]
    x[:] = 7
    np.testing.assert_array_equal(tape.backward(Y)[1]["dense1"]["W"], before)


def test_the_quick_look_at_inputs_finds_what_the_careful_one_finds():
    net = model()
    for bad, error, words in [
        (np.where(X > 1, np.nan, X), DataError, "x holds nan at index"),
        (np.where(X > 1, np.inf, X), DataError, "x holds inf at index"),
        (X[:0], DataError, "x is empty"),
        (X[:, :2], ShapeError, "expected 3 input features, got 2"),
        (X[0], ShapeError, r"that is one example; give a batch, x\[None\]"),
    ]:
        with pytest.raises(error, match=words):
            net.forward(bad)
    huge = np.full((2, 3), 1e300)  # its squares are infinite, the numbers are not
    np.testing.assert_array_equal(net.forward(huge).output, net.forward(huge[:, ::-1][:, ::-1]).output)


@pytest.mark.parametrize("asked", ["tapes", "weights"])
def test_states_that_are_read_are_not_written_over(asked):
    net, found = model(optimizer=Adam()), []
    for _ in range(8):
        step(net, (X, Y))
        tape = net.forward(X) if asked == "tapes" else None
        w = net.params["dense1"]["W"] if tape is None else tape.backward(Y)[1]["dense1"]["W"]
        found.append((tape, w, w.copy()))
    for tape, w, before in found:
        now = w if tape is None else tape.backward(Y)[1]["dense1"]["W"]
        np.testing.assert_array_equal(now, before)


def test_a_step_of_ones_own_writes_over_nothing_that_is_held():
    """Tapes, weights and models that the step keeps are what they were; and all else takes turns."""
    kept, seen = [], []

    def keeping(net, batch):
        tape = net.forward(batch[0], train=True)
        kept.append((tape, tape.backward(Y)[1]["dense1"]["W"].copy(), net, None, None))
        return step(net, batch)

    def showing(net, batch):
        w = net.params["dense1"]["W"]
        kept.append((None, None, None, w, w.copy()))
        return step(net, batch)

    def looking(net, batch):
        seen.append(net.state.vector.__array_interface__["data"][0])
        return step(net, batch)

    for function in (keeping, showing):
        ln.OwnStep(function, model(optimizer=Adam()))([(X, Y)] * 6)
    for tape, gradient, _, w, copy in kept:
        if tape is not None:
            np.testing.assert_array_equal(tape.backward(Y)[1]["dense1"]["W"], gradient)
        else:
            np.testing.assert_array_equal(w, copy)
    one, other = model(optimizer=Adam()), model(optimizer=Adam())
    begun = one.state
    before = begun.vector.copy()
    told = ln.OwnStep(looking, one)([(X, Y)] * 8)
    assert told == [step(other, (X, Y)) for _ in range(8)]
    np.testing.assert_array_equal(one.get_weights(), other.get_weights())
    np.testing.assert_array_equal(begun.vector, before)
    assert len(set(seen[1:])) == 2


def test_a_model_that_is_not_moved_in_each_step_of_ones_own_stays_whole():
    """One of two models moves in every second step: what it was before all steps, and between, is not lost."""

    def by_turns(a, b, batch):
        x, y, which = batch
        return step(a if which[0] else b, (x, y))

    (a, b), (c, d) = ([model(optimizer=Adam(), seed=k) for k in (1, 2)] for _ in range(2))
    begun = a.state, b.state
    before = [state.vector.copy() for state in begun]
    turns = [1, 0, 0, 1, 0, 1, 1, 1, 0, 0]
    ln.OwnStep(by_turns, a, b)([(X, Y, np.array([k])) for k in turns])
    for k in turns:
        step(c if k else d, (X, Y))
    np.testing.assert_array_equal(a.get_weights(), c.get_weights())
    np.testing.assert_array_equal(b.get_weights(), d.get_weights())
    for state, vector in zip(begun, before, strict=True):
        np.testing.assert_array_equal(state.vector, vector)


def test_weights_copied_into_what_is_frozen_stay():
    """A step writes over a state of before, whose frozen weights are not those that were copied since."""
    layers = [Input(3), Dense(4, "tanh", frozen=True), Dense(2)]
    one, *others = (model(layers, optimizer=Adam(), seed=k) for k in (3, 8, 9))

    def copying(net, first, second, batch):
        net.copy_weights(second if batch[2][0] else first)
        return step(net, batch[:2])

    for steps in ([0, 0, 1], [0, 0, 0, 1], [1, 1, 0, 0]):
        ln.OwnStep(copying, one, *others)([(X, Y, np.array([k])) for k in steps])
        expected = others[steps[-1]].params["dense1"]["W"]
        np.testing.assert_array_equal(one.params["dense1"]["W"], expected)
    for other in others:  # by hand, too
        for _ in range(4):
            step(one, (X, Y))
        one.copy_weights(other)
        for _ in range(3):
            step(one, (X, Y))
            np.testing.assert_array_equal(one.live.params["dense1"]["W"], other.params["dense1"]["W"])


def test_tapes_that_are_gone_are_forgotten():
    net = model()
    for _ in range(300):
        net.forward(X)
    gc.collect()
    assert len(net.executor.lent.known) < 64


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_generator_fills_again_and_again_is_taken_as_it_was(backend):
    def filled():
        buffer = np.empty((8, 3))
        for k in range(3):
            buffer[:] = k
            yield buffer, Y

    assert [float(t) for t in ln.OwnStep(lambda net, b: b[0].mean(), model(backend=backend))(filled())] == [
        0,
        1,
        2,
    ]


# --- a soft update -------------------------------------------------------------------------------------


def test_a_soft_update_is_that_of_each_weight():
    one, other = model(), model(seed=8)
    for tau in (0.3, 0.005, 1.0, 0.0):
        before = {name: {k: v.copy() for k, v in group.items()} for name, group in one.params.items()}
        one.copy_weights(other, tau=tau)
        for name, group in before.items():
            for key, w in group.items():
                expected = other.params[name][key] if tau == 1 else w + tau * (other.params[name][key] - w)
                np.testing.assert_array_equal(one.params[name][key], expected)
    with pytest.raises(ShapeError, match="nothing was copied"):
        one.copy_weights(model([Input(3), Dense(5, "tanh"), Dense(2)]))


class Noted:
    """A lock that notes which locks are held, in the order in which they were taken."""

    def __init__(self, lock, held, seen):
        self.lock, self.held, self.seen = lock, held, seen

    def __enter__(self):
        self.lock.acquire()
        self.held.append(self)
        self.seen.append(list(dict.fromkeys(self.held)))

    def __exit__(self, *raised):
        self.held.reverse(), self.held.remove(self), self.held.reverse()
        self.lock.release()


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_models_are_held_together_and_in_one_order(backend):
    """Another thread may train the one that is copied, and two threads may copy each other's."""
    one, other = models = model(backend=backend), model(backend=backend, seed=8)
    held, seen, orders = [], [], []
    for each in models:
        each.executor.lock = Noted(each.executor.lock, held, seen)
    for call in (
        lambda: one.copy_weights(other, tau=0.5),
        lambda: other.copy_weights(one),
        lambda: ln.OwnStep(lambda a, b, x: a.copy_weights(b), one, other)([X]),
        lambda: ln.OwnStep(lambda a, b, x: a.copy_weights(b), other, one)([X]),
    ):
        seen.clear()
        call()
        orders.append(max(seen, key=len))
    assert not held and len(orders[0]) == 2 and orders == [orders[0]] * 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_share_of_the_way_may_come_with_the_batch(backend):
    """Slow and fast weights that meet in every second step (Lookahead), as by hand."""

    def looking(fast, slow, batch):
        x, y, meet = batch
        step(fast, (x, y))
        slow.copy_weights(fast, tau=0.5 * meet)
        fast.copy_weights(slow, tau=meet)

    (fast, slow), (one, other) = ([model(backend=kind) for _ in range(2)] for kind in (backend, "numpy"))
    ln.OwnStep(looking, fast, slow)([(X, Y, k % 2) for k in range(4)])
    for k in range(4):
        step(one, (X, Y))
        if k % 2:
            other.copy_weights(one, tau=0.5), one.copy_weights(other)
    for ours, theirs in ((fast, one), (slow, other)):
        np.testing.assert_allclose(ours.get_weights(), theirs.get_weights(), 1e-10)
    with pytest.raises(SettingError, match="tau must be from 0 to 1, got 2"):
        fast.copy_weights(slow, tau=namespace(fast.forward(X).output).asarray(2.0))


# --- labels that are no class --------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "loss",
    [
        ln.losses.CategoricalCrossentropy(from_logits=True),
        ln.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        ln.losses.SparseCategoricalCrossentropy(from_logits=True),
        ln.losses.CategoricalHinge(),
    ],
    ids=["logits", "smooth", "sparse", "hinge"],
)
def test_labels_that_are_no_class_are_an_error_in_steps_by_hand(backend, loss):
    labels = np.arange(8) % 4

    def judged(net, batch):
        tape = net.forward(batch[0], train=True)
        value, cache = loss.forward(tape.output, batch[1])
        net.apply(tape.backward(loss.backward(cache))[1], tape)
        return value

    net = model([Input(3), Dense(4)], backend)
    own = ln.OwnStep(judged, net)
    tape = net.forward(X, train=True)
    assert np.isfinite(loss.forward(tape.output, labels)[0])
    for bad in (4, -1, 0.5):
        wrong = np.where(np.arange(8) == 5, bad, labels)
        before = net.get_weights()
        with pytest.raises(DataError, match="labels? .*from 0 to 3|labels must be whole"):
            own([(X, wrong)])
        np.testing.assert_array_equal(net.get_weights(), before)
        with pytest.raises(DataError, match="label"):
            loss.forward(tape.output, wrong)
    own([(X, labels)])
    assert net.state.step == 1


def test_a_program_tells_nan_of_probabilities_for_labels_that_are_no_class():
    jax = pytest.importorskip("jax")
    loss = ln.losses.CategoricalCrossentropy()

    @jax.jit
    def both(p, labels):
        value, cache = loss.forward(p, labels)
        return value, loss.backward(cache)

    p = np.full((3, 4), 0.25)
    value, slopes = both(p, np.array([0, 1, 2]))
    assert value == pytest.approx(np.log(4))
    value, slopes = both(p, np.array([0, 1, 4]))
    assert np.isnan(value)
    assert np.isnan(slopes[2]).any() and np.isfinite(slopes[:2]).all()


# --- optimizers on arrays ------------------------------------------------------------------------------


def test_an_optimizer_says_what_it_cannot_move():
    array, sgd = np.array([1.0, 2.0]), SGD(0.1)
    begun = sgd.init(array)
    moved = sgd.update(np.array([1, 2]), begun, array)[0]  # whole numbers are real ones
    np.testing.assert_allclose(moved, [0.9, 1.8])
    np.testing.assert_allclose(sgd.update(np.array([True, False]), begun, array)[0], [0.9, 2])
    np.testing.assert_allclose(sgd.step(array, np.array([1, 2]))[0], [0.9, 1.8])
    whole = np.array([1, 2])
    for call, error, match in [
        (lambda: sgd.update(array, begun, whole), SettingError, "real numbers, got int64.*astype"),
        (lambda: sgd.step(whole, array), SettingError, "real numbers, got int64.*astype"),
        (lambda: Adam().init(whole), SettingError, "init: expected arrays of real numbers, got int64"),
        (lambda: sgd.update(array, begun, [1.0, 2.0]), SettingError, "arrays of real numbers"),
        (lambda: sgd.update(np.array(["a", "b"]), begun, array), DataError, "the gradient: expected numbers"),
        (lambda: sgd.step(array, np.array(["a", "b"])), DataError, "the gradient: expected numbers"),
        (lambda: sgd.step(array, np.array([1j, 1])), DataError, "expected numbers, got dtype complex"),
        (lambda: sgd.step(array, np.ma.masked_array(array, [0, 1])), DataError, "masked"),
        (lambda: sgd.step(array.astype("float32"), array * 1e300), NonFiniteError, "NaN or infinite"),
        (lambda: sgd.update(array, None, array), SettingError, "state is what the step before returned"),
        (lambda: sgd.update(array, {}, array), SettingError, "state is what"),
        (
            lambda: Adam().step(array, array, {"step": 1}),
            SettingError,
            "memory is what.*Adam with m, step, v",
        ),
        (
            lambda: Adam().step(array, array, Adam().step(np.ones(3), np.ones(3))[1]),
            ShapeError,
            r"other arrays, m of shape \(3,\)",
        ),
    ]:
        with pytest.raises(error, match=match):
            call()


# --- batches, and what a step tells --------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_is_what_it_was(backend):
    net = ln.Model(DENSE, backend=backend)
    net.compile(optimizer="sgd")
    own = ln.OwnStep(
        lambda net, batch: {"sum": batch[0].sum(), "count": batch[1].sum(), "all": batch[0]}, net
    )
    torch = pytest.importorskip("torch")
    rows = torch.utils.data.TensorDataset(torch.tensor(X), torch.arange(8))
    told = own(torch.utils.data.DataLoader(rows, batch_size=4))
    assert [list(one) for one in told] == [["sum", "count", "all"]] * 2  # not sorted
    assert [int(one["count"]) for one in told] == [6, 22]
    with pytest.raises(DataError, match=r"a batch holds 1e\+39 at index \(1,\): in float32.*infinite"):
        own([(np.array([1, 1e39]), X)])
    assert np.isnan(own([(np.array([1, np.nan]), X)])[0]["sum"])  # it was none before
    large = X, np.array([1, 2**40])
    if backend == "numpy":
        assert own([large])[0]["count"] == 2**40 + 1
        return
    with pytest.raises(DataError, match=r"batch 1 holds 1099511627776 at index \(1,\).*32 bits.*float64"):
        own([(X, np.array([1, 2])), large])
    assert ln.OwnStep(lambda net, x: x.sum(), model(backend="jax"))([large[1]]) == [2**40 + 1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_are_read_only_trees_in_a_step(backend):
    jax = pytest.importorskip("jax")
    net = model(backend=backend)

    def writing(net, batch):
        net.params["dense1"]["W"] = 0 * net.params["dense1"]["W"]

    with pytest.raises(SettingError, match="changes no model"):
        ln.OwnStep(writing, net)([X])
    sizes = jax.tree.map(lambda array: array.size, net.params)  # JAX knows them, on NumPy, too
    assert sizes["dense1"] == {"W": 12, "b": 4}


def test_an_optimizer_moves_arrays_in_a_step_of_ones_own():
    """Inputs that are changed by momentum, inside of a step (Madry et al. 2018, projected gradient descent)."""

    def attacked(net, batch):
        optimizer, memory, x = SGD(0.1, 0.9), None, {"x": [batch]}
        for _ in range(3):
            tape = net.forward(x["x"][0])
            dx, _ = tape.backward(tape.output)
            x, memory = optimizer.step(x, {"x": [dx]}, memory)
        return x["x"][0]

    found = [ln.OwnStep(attacked, model(backend=backend))([X])[0] for backend in BACKENDS]
    np.testing.assert_allclose(found[1], found[0], 1e-10)
    assert (found[0] != X).any()
    net = model(backend="jax")
    assert np.isnan(ln.OwnStep(lambda net, x: SGD().step(x, x * np.nan)[0], net)([X])[0]).all()
    with pytest.raises(ShapeError, match="must have the array's shape"):
        ln.OwnStep(lambda net, x: SGD().step(x, x[0])[0], net)([X])


# --- programs on JAX -----------------------------------------------------------------------------------


def test_a_step_of_ones_own_compiles_once_for_each_shape_and_few_times_for_each_number():
    net, other = model(backend="jax"), model()
    own, theirs = ln.OwnStep(step, net), ln.OwnStep(step, other)
    sizes = [5, 5, 8, 5, 8]
    for n in sizes:
        batches = [(X[:n], Y[:n])] * 4
        np.testing.assert_allclose(own(batches), theirs(batches), 1e-10)
    assert net.executor.programs == 2
    for count in (4, 3, 2, 3, 4, 2):  # what is above is not made
        batches = [(X, Y * k) for k in range(count)]
        np.testing.assert_allclose(own(batches), theirs(batches), 1e-10)
    assert net.executor.programs == 2
    assert net.state.step == other.state.step
    np.testing.assert_allclose(net.get_weights(), other.get_weights(), 1e-10)


def test_what_a_step_reads_by_name_may_change():
    """A number makes another program; else the step is traced for a program once, however often it is called."""
    rate, times, calls = 0.5, 2, [0]

    def reading(net, batch):
        calls[0] += 1
        for _ in range(times):
            tape = net.forward(batch, train=True)
            net.apply(tape.backward(rate * tape.output)[1], tape)
        return rate

    found = {}
    for backend in BACKENDS:
        rate, times, net = 0.5, 2, model(backend=backend)
        own = ln.OwnStep(reading, net)
        with pytest.warns(UserWarning, match="changes calls") if backend == "jax" else nullcontext():
            told = own([X]) + own([X])
        before = calls[0]
        told += own([X])
        assert calls[0] - before == (1 if backend == "numpy" else 0)
        rate = 0.25
        told += own([X])
        times = 3
        found[backend] = [float(one) for one in told + own([X] * 2)], net.state.step, net.get_weights()
    assert found["numpy"][:2] == found["jax"][:2] == ([0.5, 0.5, 0.5, 0.25, 0.25, 0.25], 14)
    np.testing.assert_allclose(found["jax"][2], found["numpy"][2], 1e-10)
    own = ln.OwnStep(lambda net, batch: rate, net)
    with pytest.warns(UserWarning, match=r"has read 8 values of rate: .*a part of the batch"):
        for k in range(8):
            rate = k
            assert own([X[:1]]) == [k]

    times = iter([1, 1, 2, 2])  # what is no plain value is not seen

    def by_iterator(net, batch):
        for _ in range(next(times)):
            step(net, batch)

    own = ln.OwnStep(by_iterator, model(backend="jax"))
    own([(X, Y)])
    with pytest.raises(SettingError, match=r"more or fewer steps than when .*make an OwnStep anew"):
        own([(X, Y)] * 5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_and_functions_that_a_step_reads_may_change(backend):
    """A mask written over, a loss and a function defined anew act at the next call, as they do on NumPy."""
    masks, loss, calls = {"dense1": np.ones((3, 4))}, ln.losses.MeanSquaredError(), []
    told = (
        pytest.warns(UserWarning, match="changes calls, .*in no step") if backend == "jax" else nullcontext()
    )

    def shrunk(grads):
        return grads

    def masked(net, batch):
        x, y = batch
        calls.append(len(calls))  # what the step writes itself makes no other programs
        tape = net.forward(x, train=True)
        value, cache = loss.forward(tape.output, y)
        grads = shrunk(tape.backward(loss.backward(cache))[1])
        net.apply({**grads, "dense1": {"W": grads["dense1"]["W"] * masks["dense1"]}}, tape)
        return value

    net = model(backend=backend)
    own = ln.OwnStep(masked, net)

    def moved():
        before = net.params["dense1"]["W"].copy()
        return own([(X, Y)])[0], np.abs(net.params["dense1"]["W"] - before)

    with told:
        assert moved()[1].all()
    masks["dense1"][1] = 0
    assert (moved()[1].all(1) == [True, False, True]).all()
    loss = ln.losses.MeanAbsoluteError()
    gap = np.abs(net.predict(X) - Y).mean()
    assert moved()[0] == pytest.approx(gap, 1e-12)

    def shrunk(grads):  # noqa: F811 - as in a notebook
        return {name: {n: 0 * array for n, array in layer.items()} for name, layer in grads.items()}

    assert not moved()[1].any()
    if backend == "jax":
        before = len(calls)
        assert not moved()[1].any() and len(calls) == before


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_step_reads_from_objects_may_change(backend):
    """An agent whose step is a method that calls others, and an object beside it."""

    class Scaler:
        def __init__(self):
            self.mean = np.zeros(3)

        def __call__(self, x):
            return x - self.mean

        def back(self, x):
            return x + 3 * self.mean

    class Agent:
        def __init__(self):
            self.net, self.gain, self.seen = model(backend=backend), np.ones(2), np.zeros((1000, 3))

        def step(self, net, x):
            return self.scaled(net.forward(scaler.back(scaler(x / 2))).output).sum()

        def scaled(self, y):
            return y * self.gain

    agent, scaler = Agent(), Scaler()
    own = ln.OwnStep(agent.step, agent.net)

    def told():
        assert own([X])[0] == pytest.approx(agent.step(agent.net, X), 1e-12)
        return agent.net.executor.programs

    told()
    agent.gain[0] = 3
    told()
    scaler.mean = np.ones(3)
    before = told()
    agent.seen[:] = 1  # what the step does not read makes no other program
    assert told() - before == 0


def test_batches_of_several_shapes_can_be_mixed_on_jax():
    net, other = model(backend="jax", optimizer=Adam(0.1)), model(optimizer=Adam(0.1))
    batches = [(X, Y), (X, -Y), (X[:5], Y[:5]), (X, Y)]
    np.testing.assert_allclose(ln.OwnStep(step, net)(batches), ln.OwnStep(step, other)(batches), 1e-10)
    np.testing.assert_allclose(net.get_weights(), other.get_weights(), 1e-10)
    with pytest.raises(NonFiniteError, match=r"model 0 .*The batch itself has nan at \(0, 0\) of batch\[1\]"):
        ln.OwnStep(step, net)([(X, Y), (X[:5], Y[:5] * np.nan), (X, Y)])
    assert net.state.step == 5


def test_what_fills_a_program_up_copies_nothing():
    """A target that is drawn in each step, three times in a program of four."""

    def drawn(net, there, batch):
        net.copy_weights(there, tau=0.5)
        return batch.sum()

    def pair(backend):
        return model(backend=backend), model(backend=backend, seed=8)

    (one, there), (other, _) = pair("jax"), pair("numpy")
    own = ln.OwnStep(drawn, one, there)
    own([X] * 4), own([X] * 3)
    assert one.executor.programs == 1
    for _ in range(7):
        other.copy_weights(there, tau=0.5)
    np.testing.assert_allclose(one.get_weights(), other.get_weights(), 1e-12)


def test_one_program_for_all_passes_with_random_numbers_of_their_own():
    layers = [Input(3), Dense(3), L.Dropout(0.5), Dense(2)]
    net, other = model(layers, "jax"), model(layers)
    for _ in range(4):
        np.testing.assert_allclose(
            net.forward(X, train=True).output, other.forward(X, train=True).output, 1e-10
        )
    assert net.executor.programs == 1
    tapes = [(one.forward(X, train=True), one.forward(-X, train=True)) for one in (net, other)]
    grads = [[tape.backward(Y)[1]["dense1"]["W"] for tape in pair] for pair in tapes]
    np.testing.assert_allclose(grads[0], grads[1], 1e-10)
    assert net.executor.programs == 2


def test_statistics_are_left_by_passes_with_any_number():
    layers = [Input(3), Dense(3), L.Dropout(0.5), L.BatchNormalization(), Dense(2)]
    net, other = model(layers, "jax"), model(layers)
    counts = []
    for skipped in (0, 2, 1):
        for one in (net, other):
            for _ in range(skipped):
                one.forward(X, train=True)
            tape = one.forward(X, train=True)
            one.apply(tape.backward(Y)[1], tape)
        counts.append(net.executor.programs)
    assert counts[0] == counts[-1]
    np.testing.assert_allclose(net.get_weights(), other.get_weights(), 1e-9)


def test_many_shapes_are_told_of_once():
    net = model(backend="jax")
    own = ln.OwnStep(lambda net, x: x.sum(), net)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(1, 8):
            own([X[:n]])
    with pytest.warns(UserWarning, match=r"the step .*batches of 8 shapes came.* of \(8, 3\)") as found:
        own([X])
    assert found[0].filename == __file__
    own([np.ones((9, 3))])
    net = model([Input(3), Dense(2)], backend="jax", loss="mse")
    with pytest.warns(UserWarning, match="train_step: batches of 8 shapes came"):
        for n in range(1, 9):
            net.train_step(X[:n], Y[:n])
    net = model([Input((None, 1)), L.GlobalAveragePooling1D()], backend="jax")
    with pytest.warns(UserWarning, match=r"predict: .*8 shapes came, the last of \(8, 1\),.* a few lengths"):
        for n in range(1, 9):  # as one does who lets a network write on
            net.predict(np.ones((n, n, 1)))


def test_a_part_finds_its_weights_where_they_are():
    net = model(backend="jax", loss="mse")
    net.train_step(X, Y)
    part = net.part(to="dense1")
    fetched, fetch = [], net.executor.mesh.fetch
    part.predict(X)

    def counted(tree, *others):
        fetched.append(tree)
        return fetch(tree, *others)

    net.executor.mesh.fetch = counted
    net.train_step(X, Y)
    fetched.clear()
    found = part.predict(X)
    assert [np.shape(tree) for tree in fetched] == [(8, 4)]
    np.testing.assert_allclose(found, net.activations(X)["dense1"], 1e-12)
    expected = ((part.predict(X) - 1) ** 2).mean()
    assert part.evaluate(X, np.ones((8, 4)), loss="mse").loss == pytest.approx(expected)
    before = part.predict(X)
    net.train_step(X, Y)
    assert (part.predict(X) != before).any()


# --- what is wrong is said -----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_and_errors_that_are_no_real_numbers_are_refused(backend):
    net = model(backend=backend)
    W = np.ones((3, 4))
    for wrong, match in [
        ("a", "apply: the gradient of dense1.W: expected numbers"),
        (np.full((3, 4), "a"), "apply: the gradient of dense1.W: expected numbers"),
        (1j * W, "expected numbers, got dtype complex"),
        (np.full((3, 4), None), "a value is missing"),
        (np.ma.masked_array(W, np.eye(3, 4)), "masked array"),
        ([[1], [1, 2]], "one length"),
    ]:
        with pytest.raises(DataError, match=match):
            net.apply({"dense1": {"W": wrong}})
    with pytest.raises(SettingError, match=r"tape.backward\(dy\)\[1\]"):
        net.apply(net.forward(X).backward(Y))
    for wrong in (1j * Y, np.full((8, 2), "a"), np.ma.masked_array(Y, Y > 0)):
        with pytest.raises(DataError, match="backward: dy"):
            net.forward(X).backward(wrong)
    before = net.params["dense1"]["W"].copy()
    net.apply({"dense1": {"W": W.astype(int)}})
    np.testing.assert_allclose(net.params["dense1"]["W"], before - 0.01, 1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_step_of_ones_own_does_wrong_is_said(backend):
    net = model(backend=backend, loss="mse")
    begun = net.state
    norm = model([Input(3), Dense(3), L.BatchNormalization(), Dense(2)], backend)

    def twice(net, batch):
        tape = net.forward(batch[0], train=True)
        for _ in range(2):
            net.apply(tape.backward(batch[1])[1], tape)

    def write(change):
        def writing(net, batch):
            return change(net.params["dense1"]["W"], net.forward(batch[0]).output, batch[0])

        return writing

    for function, error, match in [
        (
            lambda own, b: net.apply(own.forward(b[0]).backward(b[1])[1]),
            SettingError,
            "is given in its place",
        ),
        (lambda own, b: net.copy_weights(own), SettingError, "copy_weights"),
        *[
            (lambda own, b, call=call: call() and None, SettingError, "this model is trained by a step")
            for call in (
                *(lambda: net.forward(X), lambda: net.predict(X), lambda: net.evaluate(X, Y)),
                *(lambda: net.params, lambda: net.get_weights(), lambda: net.activations(X)),
                *(lambda: net.part("dense1").predict(X), lambda: net.train_step(X, Y)),
                *(lambda: net.set(learning_rate=0.1), lambda: model(backend=backend).copy_weights(net)),
                lambda: setattr(net, "state", begun),
            )
        ],
        (lambda own, b: own.copy_weights(norm), SettingError, "must be one of the models"),
        (lambda own, b: own.copy_weights(own, tau=2), SettingError, "tau must be from 0 to 1"),
        (lambda own, b: own.forward(b[0][:, :2]), ShapeError, "expected 3 input features, got 2"),
        (lambda own, b: own.forward(b[0][0]), ShapeError, "that is one example"),
        (lambda own, b: own.forward(b[0][:0]), DataError, "x is empty"),
        (lambda own, b: own.forward({"x": b[0]}), DataError, "one input"),
        (lambda own, b: own.forward(b[0], train=1), SettingError, "train must be True or False"),
        (lambda own, b: own.part("dense1").predict(b[0]), SettingError, r"part.forward\(x\).output"),
        (write(lambda w, y, x: w.__isub__(1)), SettingError, "x = x - 1 in place of x -= 1"),
        (write(lambda w, y, x: y.__iadd__(1)), SettingError, "writes into an array"),
        (write(lambda w, y, x: x.__imul__(1)), SettingError, "writes into an array"),
        (lambda own, b: np.zeros(2, [("a", "U3")]), SettingError, "must be numbers or arrays of numbers"),
    ]:
        given = X.copy()
        with pytest.raises(error, match=match):
            ln.OwnStep(function, net)([(X, Y)])
        np.testing.assert_array_equal(X, given)
        np.testing.assert_array_equal(net.get_weights(), begun.vector)
    with pytest.raises(SettingError, match="before the weights last changed"):
        ln.OwnStep(twice, norm)([(X, Y)])
    for wrong in ({"x": X}, 3, None, "ab"):
        with pytest.raises(DataError, match="a list of batches"):
            ln.OwnStep(step, net)(wrong)
    net.forward(X)  # free again
    told = ln.OwnStep(step, net)([[X, Y]])  # a batch may be a list, too
    assert told[0] == pytest.approx(((model().predict(X) - Y) ** 2).mean())


def test_a_step_reads_a_model_that_it_is_not_given_on_numpy_alone():
    for ask in (lambda net: net.predict(X), lambda net: net.forward(X).output):
        teacher = model()
        (told,) = ln.OwnStep(lambda own, b, ask=ask, net=teacher: ask(net), model())([X])
        np.testing.assert_array_equal(told, ask(teacher))
        there = model(backend="jax")
        with pytest.raises(SettingError, match=r"is not given.*OwnStep\(step, model, teacher\)"):
            ln.OwnStep(lambda own, b, ask=ask, net=there: ask(net), model(backend="jax"))([X])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("last", ["statistics", "frozen", "around", "states"])
def test_what_a_pass_leaves_behind_is_asked_for(backend, last):
    norm = L.BatchNormalization(frozen=last == "frozen", name="norm")
    inside = L.Sequential([norm], name="inside", frozen=last == "around")
    cell = [L.LSTM(3, stateful=True, name="cell")]
    net = model([Input((4, 3)), *(cell if last == "states" else [inside, L.Flatten()]), Dense(2)], backend)
    x = RNG.normal(size=(8, 4, 3))

    def told(net, *given):
        return net.apply(net.forward(x, train=True).backward(Y)[1], *given) and None

    for call in (told, lambda net, *given: ln.OwnStep(lambda own, b: told(own, *given), net)([x])):
        if last in ("statistics", "states"):
            match = {"statistics": "inside.norm has running statistics", "states": "cell carries its states"}
            with pytest.raises(SettingError, match=rf"apply: {match[last]}.*apply\(grads, tape=\(\)\)"):
                call(net)
        else:
            call(net)
        before = net.params
        call(net, ())
        assert not net.state.carried or last == "states"
        for name in ("mean", "variance") if last != "states" else ():
            array = net.params["inside"]["norm"][name]
            np.testing.assert_array_equal(array, before["inside"]["norm"][name])


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_layer_with_a_gradient_is_passed_by_one_of_the_tapes(backend):
    net = model([Input(3), Dense(4), L.BatchNormalization(name="norm"), Dense(2, name="head")], backend)

    def parts(net, batch, all_grads, tapes):
        body, head = net.part(to="norm"), net.part("head")
        first = body.forward(batch, train=True)
        second = head.forward(first.output, train=True)
        up, grads = second.backward(Y)
        tapes = {"both": [first, second], "head": second, "none": None, "stay": ()}[tapes]
        net.apply([grads, first.backward(up)[1]] if all_grads else grads, tapes)

    for call in (parts, lambda net, *given: ln.OwnStep(lambda own, x: parts(own, x, *given[1:]), net)([X])):
        for tapes in ("both", "head", "none", "stay"):
            call(net, X, False, tapes)  # the head alone learns: nothing is asked for
        for tapes in ("head", "none"):
            with pytest.raises(SettingError, match="norm has running statistics, which only a training pass"):
                call(net, X, True, tapes)
        before = net.params["norm"]["mean"]
        call(net, X, True, "stay")
        np.testing.assert_array_equal(net.params["norm"]["mean"], before)
        call(net, X, True, "both")
        assert (net.params["norm"]["mean"] != before).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_of_a_model_can_be_applied(backend):
    layers = [Input(3), L.Sequential([Dense(4, "tanh", name="in")], name="out"), Dense(2)]
    one, other = (model(layers, backend, loss="mse") for _ in range(2))
    one.apply(one.gradients(X, Y))
    other.train_step(X, Y)
    np.testing.assert_allclose(one.get_weights(), other.get_weights(), 1e-12)
    net = model([Input(3), Dense(2, l2=0.1)], backend, loss="mse")
    with pytest.raises(SettingError, match="has the penalties l1 and l2 in it, which apply adds"):
        net.apply(net.gradients(X, Y))


@pytest.mark.parametrize("backend", BACKENDS)
def test_states_can_begin_anew_between_steps(backend):
    net, x = model([Input((4, 3)), L.GRU(3, stateful=True), Dense(2)], backend), RNG.normal(size=(8, 4, 3))
    own = ln.OwnStep(lambda net, batch: step(net, (batch, Y)), net)
    own([x, x])
    net.state = net.state.reset()
    expected = ((net.predict(x) - Y) ** 2).mean()
    assert own([x])[0] == pytest.approx(expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_mask_in_a_step_of_ones_own_may_be_lengths(backend):
    net = model([Input((4, 3)), L.LSTM(2), Dense(2)], backend)
    x, lengths = RNG.normal(size=(2, 4, 3)), np.array([2, 4])

    def told(net, batch):
        return net.forward(batch[0], mask=batch[1]).output

    (found,) = ln.OwnStep(told, net)([(x, lengths)])
    np.testing.assert_allclose(found, net.predict(x, mask=lengths), 1e-10)
    with pytest.raises(ShapeError, match=r"mask: expected \(2, 4\)"):
        ln.OwnStep(told, net)([(x, np.array([1, 2, 3]))])


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_exception_in_the_middle_leaves_whole_steps(backend):
    net, other = model(backend=backend), model()

    def failing(net, batch):
        if backend == "numpy" and bool((batch[0] == 0).all()):
            raise RuntimeError("mine")
        return step(net, batch)

    def batches():
        yield X, Y
        yield X, Y
        if backend == "jax":
            raise RuntimeError("mine")
        yield 0 * X, Y

    with pytest.raises(RuntimeError, match="mine"):
        ln.OwnStep(failing, net)(batches())
    for _ in range(2 if backend == "numpy" else 0):
        step(other, (X, Y))
    np.testing.assert_array_equal(net.get_weights(), other.get_weights())
    assert np.isfinite(ln.OwnStep(failing, net)([(X, Y)])[0])


def test_a_dot_in_the_name_of_a_layer():
    net = model([Input(3), Dense(4, name="block.a"), Dense(2)])
    before = net.params["block.a"]["W"].copy()
    part = net.part("block.a")
    net.apply(part.forward(X, train=True).backward(np.ones((8, 4)))[1])
    np.testing.assert_allclose(net.params["block.a"]["W"], before - 0.01 * X.T @ np.ones((8, 4)), 1e-12)
