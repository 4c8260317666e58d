"""SIGTERM ends a training in order; Ctrl-C waits where something must come back whole."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.callbacks import Callback, Checkpoint
from lucidnet.core.signals import DeferInterrupt, Termination, termination
from lucidnet.errors import LucidnetError, NonFiniteError, Terminated

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)), RNG.integers(0, 3, 60)
BACKENDS = ["numpy", "jax:cpu"]


class Signals(Callback):
    """Sends this process SIGTERM after a step, or does something else there."""

    def __init__(self, step, then=None):
        self.at, self.then = step, then or (lambda: os.kill(os.getpid(), signal.SIGTERM))

    def step(self, loop, measured):
        if loop.model.state.step == self.at:
            self.then()


def made(backend="numpy"):
    if backend != "numpy":
        pytest.importorskip("jax")
    layers = [ln.layers.Input(4), ln.layers.Dense(6, "tanh"), ln.layers.Dense(3, "softmax")]
    model = ln.Model(layers, seed=1, dtype="float64", backend=backend)
    model.compile("categorical_crossentropy", ln.optimizers.Adam(0.01), ["accuracy", "f1_macro"])
    return model


def fit(model, *callbacks, epochs=4, **settings):
    return model.fit(X, Y, epochs=epochs, batch_size=10, verbose=0, callbacks=callbacks, **settings)


@pytest.fixture(autouse=True)
def handlers():
    """Whatever happens, the handlers are as they were."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert before[0] is signal.SIG_DFL
    yield
    after = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
        signal.signal(number, handler)
    assert after == before


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [1, 8, 12, 24])
def test_a_training_with_a_folder_goes_on_bit_for_bit(tmp_path, backend, step):
    """In the first step, in the middle of an epoch, at its end, at the end of all."""
    whole = made(backend)
    fit(whole, Signals(0))
    broken = made(backend)
    with pytest.raises(Terminated, match=f"after step {step}; .*resume=.*goes on from {tmp_path}") as error:
        fit(broken, Signals(step), resume=tmp_path)
    assert error.value.code == 143
    assert max(path.name for path in tmp_path.iterdir()) == f"step-{step:08}.safetensors"
    again = made(backend)
    fit(again, Signals(0), resume=tmp_path)
    assert np.array_equal(again.get_weights(), whole.get_weights())
    for name, values in whole.history.items():
        assert again.history[name] == values, name


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_checkpoint_is_written_whatever_its_turn_and_without_one_nothing_is(tmp_path, backend):
    model = made(backend)
    with pytest.raises(Terminated, match="after step 3"):
        fit(model, Checkpoint(tmp_path, every_epochs=2), Signals(3))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000003.safetensors"]
    assert ln.load(tmp_path / "step-00000003.safetensors").get_weights() == pytest.approx(model.get_weights())
    alone = made(backend)
    with pytest.raises(Terminated, match="after step 3; saved with .*resume=.* only"):
        fit(alone, Signals(3))
    assert np.array_equal(alone.get_weights(), model.get_weights())


def test_whole_blocks_are_finished(tmp_path):
    """Nobody looks at single steps, so JAX makes all of an epoch at once."""
    model = made("jax:cpu")

    class Asked(Callback):
        def before_step(self, loop, batches):
            os.kill(os.getpid(), signal.SIGTERM)

        def room(self, step):
            return None

    with pytest.raises(Terminated, match="after step 6"):
        fit(model, Asked(), resume=tmp_path)


def test_it_also_ends_a_training_that_was_asked_while_it_validated(tmp_path):
    class Last(Callback):
        def epoch(self, loop, result):
            if loop.epoch == 4:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Terminated, match="after step 24"):
        fit(made(), Last(), validation_data=(X, Y), resume=tmp_path)


def test_it_is_no_ordinary_error():
    assert issubclass(Terminated, SystemExit) and not issubclass(Terminated, (Exception, LucidnetError))
    assert Terminated().code == 143 and "SIGTERM" in str(Terminated())


def test_callbacks_end_and_the_handler_is_put_back_before_the_error_goes_on():
    seen = []

    class Sees(Callback):
        def terminated(self, loop):
            seen.append(signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)

        def end(self, loop):
            seen.append("end")

    with pytest.raises(Terminated):
        fit(made(), Signals(2), Sees())
    assert seen == [True, "end"] and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, NonFiniteError])
def test_the_handler_is_put_back_after_errors(error):
    def broken():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        raise error("here")

    with pytest.raises(error):
        fit(made(), Signals(2, broken))
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_somebody_elses_stays():
    seen = []
    signal.signal(signal.SIGTERM, lambda *given: seen.append(given))
    try:
        fit(made(), Signals(2), epochs=1)
        assert len(seen) == 1
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        fit(made(), Signals(2), epochs=1)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_a_training_within_a_training_leaves_it_to_the_outer_one():
    inner = made()
    with pytest.raises(Terminated, match="after step 2"):
        fit(made(), Signals(2, lambda: fit(inner, Signals(3))))
    assert inner.history.epochs == 4


def test_in_another_thread_nothing_is_touched():
    seen = []

    def work():
        with termination() as asked, DeferInterrupt():
            seen.append((signal.getsignal(signal.SIGTERM), asked.requested))
        fit(made(), epochs=1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(signal.SIG_DFL, False)]


def ran(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)


def test_a_script_ends_with_143():
    done = ran(
        "import os, signal, lucidnet as ln\n"
        "class Asks(ln.callbacks.Callback):\n"
        "    def step(self, loop, measured): os.kill(os.getpid(), signal.SIGTERM)\n"
        "model = ln.Model([ln.layers.Input(1), ln.layers.Dense(1)])\n"
        "model.compile('mse', 'sgd')\n"
        "try: model.fit([[1.0]], [[1.0]], epochs=9, verbose=0, callbacks=[Asks()])\n"
        "except Exception: print('caught')\n"
        "finally: print('finally')\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, "finally\n", "")


def test_a_signal_that_led_to_nothing_does_what_it_would_have_done():
    done = ran(
        "import os, signal\n"
        "from lucidnet.core.signals import termination\n"
        "with termination():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('goes on', flush=True)\n"
        "print('never')\n"
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "goes on\n")


@pytest.mark.parametrize("always", [False, True])
def test_several_ask_each_other_now_and_then_at_the_same_calls(always):
    """Three processes, of which the second is asked to end, or would stop; each has another idea of the time."""
    each = [Termination(alone=False) for _ in range(3)]
    for one in each:
        one.always = always
    asked = []

    # What the others say is what they would say themselves at this call.
    def call(now=False):
        answers, calls = [], []
        for one in each:
            saved = dict(vars(one))
            one.agree(lambda value: answers.append(value) or [(False, None, 0)] * 3, now)
            vars(one).update(saved)
        for one in each:
            calls.append((one.agree(lambda _: answers, now), one.ends))
        assert len(set(calls)) == 1 and len(answers) in (0, 3)
        asked.append(bool(answers))
        return calls[0]

    assert {call() for _ in range(20)} == {(None, False)}
    each[1].wish = "enough"
    assert call(now=True) == ("process 1: enough", False)
    for one in each:
        one.wish = "over"
    assert call(now=True) == ("over", False)
    each[1].requested = True
    assert call(now=True)[1]
    assert asked[0] and asked[-1] and all(asked) == always


def test_ctrl_c_waits():
    seen = []
    with pytest.raises(KeyboardInterrupt), DeferInterrupt():
        signal.raise_signal(signal.SIGINT)
        seen.append("whole")
    assert seen == ["whole"]
    with DeferInterrupt():
        pass


def test_ctrl_c_that_waits_does_not_hide_an_error():
    with pytest.raises(KeyboardInterrupt) as error, DeferInterrupt():
        signal.raise_signal(signal.SIGINT)
        raise ZeroDivisionError
    assert isinstance(error.value.__context__, ZeroDivisionError)


def test_the_handler_of_a_program_around_python_is_left_alone(monkeypatch):
    monkeypatch.setattr("lucidnet.core.signals._signal.getsignal", lambda number: None)  # as Python tells it
    with pytest.raises(KeyboardInterrupt), DeferInterrupt():
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("nothing waits where no handler can be put back")


def test_a_default_ctrl_c_is_put_back():
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with DeferInterrupt():
            assert callable(signal.getsignal(signal.SIGINT))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with DeferInterrupt():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
