"""Ctrl-C never leaves half a step, of weights, memory or anything else: where it comes does not matter."""

import os
import signal
import sys
import threading
from functools import partial
from itertools import count

import numpy as np
import pytest
from snapshots import BACKENDS, CASES, Case, N, is_same, learner, same, snapshot, stream

from lucidnet import Model, layers, losses, optimizers
from lucidnet.engine import on_jax, on_numpy, programs
from lucidnet.engine.stream import Segment, StreamProblem, observe
from lucidnet.errors import NonFiniteError, SettingError
from lucidnet.optimizers import base
from lucidnet.training import loop
from lucidnet.training import online as online_module

BY_NAME = {case.name: case for case in CASES}


class Trap:
    """Calls of a method, one of which is interrupted: by an error before or after it, or by a signal in it."""

    def __init__(self, monkeypatch, cls, name):
        self.calls, self.at, self.how = 0, None, "before"
        inner = getattr(cls, name)

        def trapped(owner, *given, **settings):
            self.calls += 1
            hit = self.calls == self.at
            if hit and self.how == "before":
                raise KeyboardInterrupt
            made = inner(owner, *given, **settings)
            if hit and self.how == "after":
                raise KeyboardInterrupt
            if hit:
                signal.raise_signal(signal.SIGINT)
            return made

        monkeypatch.setattr(cls, name, trapped)

    def set(self, at, how):
        self.calls, self.at, self.how = 0, at, how


PLACES = {
    "optimizer": (optimizers.Adam, "descend"),
    "momentum": (optimizers.SGD, "descend"),
    "loss": (losses.MeanSquaredError, "values"),
    "slope": (losses.MeanSquaredError, "slope"),
    "forward": (layers.Dense, "forward"),
    "backward": (layers.Dense, "backward"),
    "buffers": (layers.BatchNormalization, "absorb"),
    "mirror": (layers.Dense, "split_activation"),
}
EXPECTED = {
    "adam": ("optimizer", "loss", "slope", "forward", "backward"),
    "accumulated": ("momentum", "loss", "forward", "buffers"),
    "kp": ("momentum", "backward"),
    "wm": ("momentum", "mirror"),
    "mean": ("optimizer",),
    "lbfgs": ("loss", "backward"),
}


def states(case, steps, backend="numpy"):
    """What stands before each of some steps, and after the last, if nothing disturbs them."""
    model, (x, y) = case.model(backend), case.data()
    found = [snapshot(model.state)]
    for k in range(steps):
        case.step(model, x, y, k % case.steps)
        found.append(snapshot(model.state))
    return found


@pytest.mark.parametrize("how", ["before", "after", "signal"])
@pytest.mark.parametrize(
    ("name", "place"), [(name, place) for name, places in EXPECTED.items() for place in places]
)
def test_a_step_is_whole(monkeypatch, name, place, how):
    """Interrupted in each call of the third step, in pieces of 8 numbers; the fourth goes on from there."""
    monkeypatch.setattr(base, "PIECE", 8)
    case, (x, y) = BY_NAME[name], BY_NAME[name].data()
    undisturbed = states(case, 5)
    trap = Trap(monkeypatch, *PLACES[place])
    for at in count(1):
        model = case.model("numpy")
        for k in range(2):
            case.step(model, x, y, k % case.steps)
        trap.set(at, how)
        try:
            case.step(model, x, y, 2 % case.steps)
        except KeyboardInterrupt:
            same(snapshot(model.state), undisturbed[2])
        else:
            break
        trap.set(None, how)
        for k in range(2, 5):
            case.step(model, x, y, k % case.steps)
            same(snapshot(model.state), undisturbed[k + 1])
    assert at > 1
    if place in ("optimizer", "momentum"):
        assert at > 2  # there was a second piece


@pytest.mark.parametrize("how", ["before", "after"])
def test_interrupts_in_a_row_and_a_bad_step(monkeypatch, how):
    monkeypatch.setattr(base, "PIECE", 8)
    case, (x, y) = BY_NAME["adam"], BY_NAME["adam"].data()
    undisturbed = states(case, 6)
    trap, model = Trap(monkeypatch, *PLACES["optimizer"]), case.model("numpy")
    for k in range(6):
        for at in (2, 1, 2):
            trap.set(at, how)
            with pytest.raises(KeyboardInterrupt):
                case.step(model, x, y, k)
            same(snapshot(model.state), undisturbed[k])
        trap.set(None, how)
        with pytest.raises(NonFiniteError, match=f"step {k}"):
            case.step(model, *case.data(bad=0), 0)
        same(snapshot(model.state), undisturbed[k])
        case.step(model, x, y, k)
        same(snapshot(model.state), undisturbed[k + 1])


def test_what_was_half_written_is_not_taken_for_the_step_before(monkeypatch):
    """A step makes huge weights, the next is interrupted while it is written, and then overflows."""
    monkeypatch.setattr(base, "PIECE", 2)
    rate = {3: 1e100}
    optimizer = optimizers.SGD(lambda step: rate.get(step, 0.05), momentum=0.9)
    case = Case("linear", lambda: [layers.Input(3), layers.Dense(1)], optimizer)
    (x, y), trap = case.data(), Trap(monkeypatch, *PLACES["momentum"])
    whole = states(case, 4)
    for at in (1, 2):
        model = case.model("numpy")
        for k in range(4):
            case.step(model, x, y, k)
        trap.set(at, "after")
        with pytest.raises(KeyboardInterrupt):
            case.step(model, x, y, 4)
        same(snapshot(model.state), whole[4])
        trap.set(None, "after")
        with pytest.raises(NonFiniteError):
            case.step(model, 1e80 * x, y, 4)
        assert any(is_same(snapshot(model.state), kept) for kept in whole[3:])


class Anywhere:
    """Presses Ctrl-C before an instruction of functions in some files: the n-th of all that are executed."""

    def __init__(self, *modules):
        self.files = {module.__file__ for module in modules}

    def __call__(self, at, work):
        """Do something; return whether it was interrupted. Without `at` the instructions are counted."""
        self.passed, self.at = 0, at
        before = sys.gettrace()
        sys.settrace(self._entered)
        try:
            work()
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(before)
        return False

    def _entered(self, frame, event, given):
        if frame.f_code.co_filename not in self.files:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._passed

    def _passed(self, frame, event, given):
        if event == "opcode":
            self.passed += 1
            if self.passed == self.at:
                signal.raise_signal(signal.SIGINT)
        return self._passed


@pytest.mark.parametrize(
    ("name", "modules", "stride"),
    [("adam", (on_numpy, loop), 1), ("kp", (base,), 5)],
    ids=["loop", "optimizer"],
)
def test_anywhere_at_all(monkeypatch, name, modules, stride):
    """At each instruction of these files: the step is made or not made, never half. Then the next is halved, too."""
    monkeypatch.setattr(base, "PIECE", 8)
    case, press = BY_NAME[name], Anywhere(*modules)
    (x, y), undisturbed = case.data(), states(case, 6)
    trap = Trap(monkeypatch, *PLACES["optimizer" if name == "adam" else "momentum"])
    made = set()
    for at in count(1, stride):
        model = case.model("numpy")
        for k in range(3):
            case.step(model, x, y, k)
        if not press(at, partial(case.step, model, x, y, 3)):
            break
        made.add(step := model.live.step)
        trap.set(2, "before")
        with pytest.raises(KeyboardInterrupt):
            case.step(model, x, y, step)
        trap.set(None, "before")
        for k in range(step, 6):
            # Read only now and then: what has been read is not written over.
            if (at + k) % 3 == 0:
                same(snapshot(model.state), undisturbed[k])
            case.step(model, x, y, k)
        same(snapshot(model.state), undisturbed[6])
    assert at > 100
    assert made == ({3, 4} if stride == 1 else {3})


@pytest.mark.parametrize("name", ["adam", "kp"])
def test_anywhere_on_jax(name):
    """The same of the executor there, whose programs nothing interrupts."""
    case, press = BY_NAME[name], Anywhere(on_jax, loop)
    (x, y), undisturbed = case.data(), states(case, 6, "jax")
    made = set()
    for at in count(1, 13):
        model = case.model("jax")
        for k in range(3):
            case.step(model, x, y, k)
        if not press(at, partial(case.step, model, x, y, 3)):
            break
        made.add(step := model.live.step)
        for k in range(step, 6):
            case.step(model, x, y, k)
        same(snapshot(model.state), undisturbed[6])
    assert at > 300
    assert made == {3, 4}


def test_anywhere_in_a_fit():
    """The same in an epoch; what is left of it is then made step by step."""
    case = BY_NAME["adam"]
    press, (x, y), undisturbed = Anywhere(on_numpy, loop), case.data(), states(case, 6)
    press(None, partial(case.fit, case.model("numpy"), x, y))
    made, last = set(), press.passed
    for at in range(1, last, 13):
        model = case.model("numpy")
        if not press(at, partial(case.fit, model, x, y)):
            continue
        made.add(step := model.live.step)
        same(snapshot(model.state), undisturbed[step])
        for k in range(step, 6):
            case.step(model, x, y, k)
        same(snapshot(model.state), undisturbed[6])
    assert made == set(range(7))


X = np.random.default_rng(5).normal(size=(6, 2, 3))
Y = np.random.default_rng(6).normal(size=(6, 2, 1))
SETTINGS = [{"rule": "kernl"}, {"every": 2, "delay": 1}]


def time_steps(settings, count):
    """What stands before each of some time steps of a stream, and after the last."""
    online = stream("numpy").online(**{"rule": "rflo"} | settings)
    found = [learner(online)]
    for x, y in zip(X[:count], Y[:count], strict=True):
        online.step(x, y)
        found.append(learner(online))
    return found


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_anywhere_in_a_stream(monkeypatch, settings):
    """Weights, states, traces, counts, the sum of gradients and what waits for its target are of one time step."""
    monkeypatch.setattr(base, "PIECE", 8)
    undisturbed, press = time_steps(settings, 6), Anywhere(on_numpy, online_module)
    made = set()
    for at in count(1, 5):
        online = stream("numpy").online(**{"rule": "rflo"} | settings)
        for k in range(3):
            online.step(X[k], Y[k])
        if not press(at, partial(online.step, X[3], Y[3])):
            break
        made.add(online.steps)
        same(learner(online), undisturbed[online.steps])
        for k in range(online.steps, 6):
            online.step(X[k], Y[k])
        same(learner(online), undisturbed[6])
    assert at > 200
    assert made == {3, 4}


@pytest.mark.parametrize("place", ["optimizer", "loss", "backward"])
@pytest.mark.parametrize("how", ["before", "after", "signal"])
def test_a_time_step_is_whole(monkeypatch, place, how):
    """Interrupted in its calls; the time step is then made again, and is the same."""
    monkeypatch.setattr(base, "PIECE", 8)
    undisturbed, trap = time_steps({}, 6), Trap(monkeypatch, *PLACES[place])
    online = stream("numpy").online("rflo")
    for k in range(6):
        for at in (1, 2) if place == "optimizer" else (1,):
            trap.set(at, how)
            with pytest.raises(KeyboardInterrupt):
                online.step(X[k], Y[k])
            same(learner(online), undisturbed[k] if k else learner(online))
        trap.set(None, how)
        online.step(X[k], Y[k])
        same(learner(online), undisturbed[k + 1])


@pytest.mark.parametrize(
    ("backend", "name"), [("numpy", "adam"), ("numpy", "kp"), ("numpy", "stateful"), ("jax", "kp")]
)
def test_a_run_whose_outcome_was_not_taken(backend, name):
    """As if Ctrl-C had come before it was: the same steps from the same state again are the same."""
    case = BY_NAME[name]
    model, (x, y) = case.model(backend), case.data()
    for k in range(2):
        case.step(model, x, y, k)
    data = model.checked(x, y)
    batches = [[data.batch(slice(k, k + N))] for k in range(0, len(x), N)]
    state, problem, executor = model.live, model.problem, model.executor
    runs = [executor.run(problem.update, problem, state, batches).state for _ in range(3)]
    ran = executor.run(problem.update, problem, runs[1], batches)
    found = [snapshot(executor.host(made)) for made in (*runs, state, ran.previous() or state)]
    same(found[0], found[1])
    same(found[0], found[2])
    assert (found[0]["step"], found[3]["step"]) == (8, 2)
    model = case.model(backend)
    for k in range(2):
        case.step(model, x, y, k)
    same(snapshot(model.state), found[3])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_stretch_whose_outcome_was_not_taken(backend):
    made = stream(backend).online("rflo")
    for k in range(3):
        made.step(X[k], Y[k])
    executor, static = (
        made.model.executor,
        StreamProblem(made.model.problem, made.rule, 0, made.model.problem),
    )
    runs = [executor.run(observe, static, made._stream, Segment(X, Y)).state for _ in range(2)]
    same(*(snapshot(executor.host(ran.state)) for ran in runs))
    assert made.model.state.step == 3


class TestCompiled:
    """A block that is being made on JAX is finished; while it is compiled nothing has been made yet."""

    def test_while_it_is_made(self, monkeypatch):
        """All six steps of the epoch stand, and what follows is as it would have been."""
        case = BY_NAME["adam"]
        one, two, (x, y) = case.model("jax"), case.model("jax"), case.data()
        case.fit(two, x, y)
        inner = on_jax.OnJax._stepped

        def pressed(*given):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            return inner(*given)

        monkeypatch.setattr(on_jax.OnJax, "_stepped", pressed)
        with pytest.raises(KeyboardInterrupt):
            case.fit(one, x, y)
        same(snapshot(one.state), snapshot(two.state))
        monkeypatch.undo()
        for model in (one, two):
            case.fit(model, x, y, epochs=2)
            one.history.clear()
        assert one.state.step == 18

    @pytest.mark.parametrize("how", ["before", "signal"])
    def test_while_it_is_compiled(self, monkeypatch, how):
        """An error in a program that is being traced ends it, and the same program can be made again."""
        case = BY_NAME["adam"]
        x, y = (np.concatenate([array[:20], array[:3]]) for array in case.data())  # of a size of its own
        model, plain = case.model("jax"), case.model("numpy")
        monkeypatch.setattr(programs, "PROGRAMS", {})
        trap = Trap(monkeypatch, *PLACES["optimizer"])
        trap.set(2, how)
        with pytest.raises(KeyboardInterrupt):
            model.train_step(x, y)
        assert model.state.step == (how == "signal")
        trap.set(None, how)
        for _ in range(2 if how == "before" else 1):
            model.train_step(x, y)
        for _ in range(2):
            plain.train_step(x, y)
        same(snapshot(model.state), snapshot(plain.state), 1e-10)

    def test_a_stretch(self, monkeypatch):
        one, two = (stream("jax").online("rflo") for _ in range(2))
        two.run(X, Y)
        inner = on_jax.OnJax._streamed

        def pressed(*given):
            signal.raise_signal(signal.SIGINT)
            return inner(*given)

        monkeypatch.setattr(on_jax.OnJax, "_streamed", pressed)
        with pytest.raises(KeyboardInterrupt):
            one.run(X, Y)
        monkeypatch.undo()
        same(learner(one), learner(two))
        for online in (one, two):
            online.run(X, Y)
        same(learner(one), learner(two))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
def test_a_process_forked_in_the_middle_of_a_step_uses_the_model():
    """multiprocessing and joblib fork while a thread trains; the thread, and what it holds, is not there."""
    model, begun, go = Model([layers.Input(2), layers.Dense(1)]), threading.Event(), threading.Event()

    def train():
        with model.executor.lock:
            begun.set()
            assert go.wait(30)

    thread = threading.Thread(target=train)
    thread.start(), begun.wait(30)
    if (pid := os.fork()) == 0:
        signal.alarm(10)  # instead of waiting for ever
        model.get_weights()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    go.set(), thread.join()
    assert status == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("new", [False, True])
def test_a_process_forked_after_jax_had_begun_says_so_and_does_not_wait_for_ever(new):
    """Weights can be had there, and NumPy goes on."""
    pytest.importorskip("jax")
    net = [layers.Input(2), layers.Dense(1)]
    model = Model(net, backend="jax:cpu")
    model.predict([[1.0, 2.0]])
    if (pid := os.fork()) == 0:
        signal.alarm(10)
        Model(net).predict([[1.0, 2.0]]), model.get_weights()
        try:
            (Model(net, backend="jax:cpu") if new else model).predict([[1.0, 2.0]])
        except SettingError as error:
            os._exit(0 if "forked from one in which JAX was at work" in str(error) else 1)
        os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
