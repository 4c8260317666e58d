"""A step whose loss or gradient is not finite is not made: nothing of it stays, on both engines alike."""

import gc

import numpy as np
import pytest
from snapshots import BACKENDS, CASES, HUGE, Case, N, Ruin, dense, same, snapshot

import lucidnet as ln
from lucidnet.callbacks import Callback
from lucidnet.errors import NonFiniteError
from lucidnet.layers import Dense, Input
from lucidnet.optimizers import SGD

BY_NAME = {case.name: case for case in CASES}
EXACT = {"numpy": 0.0, "jax": 1e-12}
"""A compiled block of another length may add in another order."""


@pytest.fixture(scope="module", params=[case for case in CASES if case.name != "adam"], ids=str)
def case(request):
    return request.param


@pytest.mark.parametrize("backend", BACKENDS)
class TestNotMade:
    def test_in_the_middle_of_an_epoch(self, case, backend):
        """What stands then is what stood before it; and the training goes on from there as if it had not been."""
        middle = case.steps // 2
        x, y = case.data()
        one, two = case.model(backend), case.model(backend)
        with pytest.raises(NonFiniteError, match=f"step {middle}: the loss is inf"):
            case.fit(one, *case.data(bad=middle * case.accumulate))
        for k in range(middle):
            case.step(two, x, y, k)
        same(snapshot(one.state), snapshot(two.state), EXACT[backend])
        for model in (one, two):
            for k in range(middle, case.steps):
                case.step(model, x, y, k)
        same(snapshot(one.state), snapshot(two.state), EXACT[backend])

    def test_the_first_of_all(self, case, backend):
        """Nothing has been made; training on good data is then that of a fresh model, bit for bit."""
        one, two = case.model(backend), case.model(backend)
        with pytest.raises(NonFiniteError, match="step 0: the loss is inf"):
            case.fit(one, *case.data(bad=0))
        same(snapshot(one.state), snapshot(two.state))
        for model in (one, two):
            case.fit(model, *case.data())
        same(snapshot(one.state), snapshot(two.state))

    def test_the_first_of_a_later_block(self, case, backend):
        model = case.model(backend)
        case.fit(model, *case.data())
        before = snapshot(model.state)
        with pytest.raises(NonFiniteError, match=f"step {case.steps}: the loss is inf"):
            case.fit(model, *case.data(bad=0))
        if "carried" in " ".join(before):  # an epoch begins anew
            before = {name: array for name, array in before.items() if not name.startswith("carried")}
        same(snapshot(model.state), before)

    def test_one_step_alone(self, case, backend):
        model, (x, y) = case.model(backend), case.data()
        case.step(model, x, y, 0)
        before = snapshot(model.state)
        for _ in range(2):
            with pytest.raises(NonFiniteError, match="step 1: the loss is inf"):
                case.step(model, *case.data(bad=0), 0)
            same(snapshot(model.state), before)


def linear():
    return [Input(3), Dense(1, initializer="zeros")]


@pytest.mark.parametrize("backend", BACKENDS)
class TestLossOrGradient:
    """One of them is enough."""

    def begun(self, backend):
        """A model after a step, and the batch of it, whose first feature is 0, as its weight stays."""
        case = Case("linear", linear, SGD(0.05, momentum=0.9))
        model, (x, y) = case.model(backend), case.data()
        x[:, 0] = 0.0
        case.step(model, x, y, 0)
        return model, x, y

    def refused(self, model, x, y, message):
        before = snapshot(model.state)
        with pytest.raises(NonFiniteError, match=f"step 1: {message}"):
            model.train_step(x[:N], y[:N])
        same(snapshot(model.state), before)

    def test_an_input(self, backend):
        case = Case("plain", lambda: [Input(3), Dense(1)])
        model, (x, y) = case.model(backend), case.data()
        case.step(model, x, y, 0)
        self.refused(model, x * HUGE, y, "the loss is inf")

    def test_the_loss_alone(self, backend):
        model, x, y = self.begun(backend)
        self.refused(model, 0 * x, y * HUGE, "the loss is inf")

    def test_the_gradient_alone(self, backend):
        """The loss is (1e150)^2, and the gradient 1e150 times 1e170."""
        model, x, y = self.begun(backend)
        x[:, 0] = 1e170
        self.refused(model, x, 0 * y + 1e150, "the gradient is not finite")


class Edges(Callback):
    """Has blocks end at each step that a number divides."""

    def __init__(self, every):
        self.every = every

    def room(self, step):
        return self.every - step % self.every


RUINED = SGD(Ruin(3), momentum=0.9)
"""A rate that ruins the weights at step 3: they are finite still, and no loss is."""


@pytest.mark.parametrize("backend", BACKENDS)
class TestTakenBack:
    """If the step before has ruined the weights, so that good batches give no finite loss, it is undone, too."""

    case = Case("ruined", dense, RUINED)

    def expected(self, backend):
        """What stands before the step that ruins."""
        model, (x, y) = self.case.model(backend), self.case.data()
        for k in range(3):
            self.case.step(model, x, y, k)
        return snapshot(model.state)

    def test_in_the_middle(self, backend):
        model = self.case.model(backend)
        with pytest.raises(NonFiniteError, match="step 4: the loss is inf"):
            self.case.fit(model, *self.case.data())
        same(snapshot(model.state), self.expected(backend), EXACT[backend])
        assert model.state.step == 3

    @pytest.mark.parametrize("every", [2, 4])
    def test_across_the_edge_of_a_block(self, backend, every):
        """Blocks are cut behind the step that ruins, before it, or both."""
        model, (x, y) = self.case.model(backend), self.case.data()
        with pytest.raises(NonFiniteError, match="step 4: the loss is inf"):
            self.case.fit(model, x, y, callbacks=[Edges(every)])
        same(snapshot(model.state), self.expected(backend), EXACT[backend])

    def test_in_a_later_fit(self, backend):
        model, (x, y) = self.case.model(backend), self.case.data()
        self.case.fit(model, x[: 4 * N], y[: 4 * N])
        assert model.state.step == 4
        with pytest.raises(NonFiniteError, match="step 4: the loss is inf"):
            self.case.fit(model, x, y)
        same(snapshot(model.state), self.expected(backend), EXACT[backend])

    def test_in_steps_alone_and_after_looking(self, backend):
        """Whoever reads the state between keeps it as it was, and changes nothing."""
        model, (x, y) = self.case.model(backend), self.case.data()
        seen = []
        for k in range(4):
            self.case.step(model, x, y, k)
            seen.append((model.state, snapshot(model.state)))
        with pytest.raises(NonFiniteError, match="step 4"):
            self.case.step(model, x, y, 4)
        same(snapshot(model.state), self.expected(backend), EXACT[backend])
        for state, kept in seen:
            same(snapshot(state), kept)

    def test_a_bad_batch_between(self, backend):
        """A batch that was bad before the step, too, does not speak against it; the next, a good one, does."""
        model, (x, y) = self.case.model(backend), self.case.data()
        for k in range(4):
            self.case.step(model, x, y, k)
        ruined = snapshot(model.state)
        for _ in range(2):
            with pytest.raises(NonFiniteError, match="step 4"):
                self.case.step(model, *self.case.data(bad=0), 0)
            same(snapshot(model.state), ruined)
        with pytest.raises(NonFiniteError, match="step 4"):
            self.case.step(model, x, y, 4)
        same(snapshot(model.state), self.expected(backend), EXACT[backend])

    def test_training_goes_on_from_there(self, backend):
        model, other = self.case.model(backend), self.case.model(backend)
        x, y = self.case.data()
        with pytest.raises(NonFiniteError):
            self.case.fit(model, x, y)
        for k in range(3):
            self.case.step(other, x, y, k)
        for each in (model, other):
            each.optimizer = SGD(0.05, momentum=0.9)
            for k in range(3, 6):
                self.case.step(each, x, y, k)
        same(snapshot(model.state), snapshot(other.state), EXACT[backend])

    def test_only_one_step_is_taken_back(self, backend):
        """Good batches that are not finite before it either leave all as it is."""
        model, (x, y) = self.case.model(backend, optimizer=SGD(Ruin(2, 3), momentum=0.9)), self.case.data()
        with np.errstate(all="ignore"):
            self.case.step(model, x, y, 0)
        self.case.step(model, x, y, 1)
        self.case.step(model, x, 0 * y, 2)
        before = snapshot(model.state)
        with pytest.raises(NonFiniteError, match="step 3"):
            self.case.step(model, x * 0, HUGE + y, 3)
        same(snapshot(model.state), before)


@pytest.mark.parametrize("case", [c for c in CASES if c.name in ("kp", "accumulated", "normalized")], ids=str)
def test_both_engines_take_the_same_back(case):
    """Memory, buffers, feedback weights and their memory with the weights."""
    made = []
    for backend in BACKENDS:
        optimizer = case.optimizer.changed(learning_rate=Ruin(1))
        model = case.model(backend, optimizer=optimizer)
        with pytest.raises(NonFiniteError, match="step 2"):
            case.fit(model, *case.data())
        made.append(snapshot(model.state))
    assert made[0]["step"] == 1
    same(*made, 1e-10)


class TestAgain:
    """A block on JAX that ends early: some of its steps are made once more."""

    def blocks(self, dtype):
        model = ln.Model([Input(3), Dense(4, "relu"), Dense(1)], seed=0, dtype=dtype, backend="jax")
        ruin = 1e30 if dtype == "float32" else 1e200
        model.compile("mse", SGD(lambda step: 0.01 if step < 4 else ruin))
        x = np.random.default_rng(0).normal(size=(24, 3))
        return model, x, x[:, :1] ** 2

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_in_both_dtypes(self, dtype):
        """The second block makes step 3, and ruins the weights at step 4: it is cut there.

        JAX is as its users have it, who allow no 64 bits.
        """
        jax = pytest.importorskip("jax")
        with jax.enable_x64(False):
            model, x, y = self.blocks(dtype)
            with pytest.raises(NonFiniteError, match="step 5"):
                model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0)
        plain = ln.Model(model.net, seed=0, dtype=dtype)
        plain.compile("mse", SGD(0.01))
        plain.fit(x, y, epochs=1, batch_size=8, shuffle=False, verbose=0)
        plain.train_step(x[:8], y[:8])
        assert model.state.step == plain.state.step == 4
        np.testing.assert_allclose(model.get_weights(), plain.get_weights(), rtol=1e-5)

    def test_data_on_the_devices_are_let_go(self):
        """What makes steps again asks for their batches once more, and does not keep them there."""
        model, x, y = self.blocks("float32")
        x, y = (np.repeat(array, 41, axis=0) for array in (x, y))
        model.compile("mse", SGD(0.01))
        model.fit(x, y, epochs=2, batch_size=8, verbose=0)
        gc.collect()
        jax = pytest.importorskip("jax")
        assert not [array.shape for array in jax.live_arrays() if array.shape[:1] == (len(x),)]
