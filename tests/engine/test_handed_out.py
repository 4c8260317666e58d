"""What was handed out is never written again: whoever keeps a state has it as it was, and can go back to it."""

import threading
import time

import numpy as np
import pytest
from snapshots import BACKENDS, CASES, SAMPLE, same, snapshot

from lucidnet.callbacks import Callback
from lucidnet.training import Step
from lucidnet.tree import leaves

BY_NAME = {case.name: case for case in CASES}
ON = [("numpy", case.name) for case in CASES] + [("jax", "kp"), ("jax", "stateful")]
"""On JAX, where nothing is ever written again, two are enough: compiling takes its time."""


class Keep(Callback):
    """Keeps what a callback can reach, and copies of it, now or at every second step."""

    def __init__(self, every=1):
        self.every, self.states, self.copies, self.outputs = every, [], [], []

    def begin(self, loop):
        self.step(loop, [])

    def step(self, loop, measured):
        model = loop.model
        if loop.steps % self.every:
            return
        held = (model.state, model.params, model.state.memory, model.feedback, model.live)
        self.states.append(held)
        self.copies.append((snapshot(held[0]), [array.copy() for _, array in leaves(held[1])]))
        self.outputs += [(found.prediction, np.array(found.prediction)) for found in measured]


@pytest.mark.parametrize(("backend", "name"), ON)
@pytest.mark.parametrize("every", [1, 3])
def test_states_that_were_kept_stay(name, backend, every):
    """At each step of some epochs; between them the buffers change places."""
    case = BY_NAME[name]
    model, keep = case.model(backend), Keep(every)
    case.fit(model, *case.data(), epochs=4, callbacks=[keep])
    assert len({int(copy["step"]) for copy, _ in keep.copies}) == 1 + 4 * case.steps // every
    for (state, params, memory, feedback, live), (copy, arrays) in zip(keep.states, keep.copies, strict=True):
        same(snapshot(state), copy)
        for (_, array), kept in zip(leaves(params), arrays, strict=True):
            np.testing.assert_array_equal(array, kept)
        for tree, prefix in ((memory, "memory"), (feedback, "B")):
            for path, array in leaves(tree):
                np.testing.assert_array_equal(array, copy["/".join((prefix, *path))])
        if backend == "jax":  # the executor's own arrays there do not change either
            same(snapshot(model.executor.host(live)), copy)
    for output, kept in keep.outputs:
        np.testing.assert_array_equal(output, kept)


@pytest.mark.parametrize(("backend", "name"), ON)
def test_nobody_can_write_them(name, backend):
    case = BY_NAME[name]
    model = case.model(backend)
    for steps in (0, 1):
        if steps:
            case.step(model, *case.data(), 0)
        state = model.state
        trees = {
            "params": model.params,
            "memory": state.memory,
            "carried": state.carried,
            "B": model.feedback,
            "memory of B": state.feedback.memory,
        }
        arrays = [array for tree in trees.values() for _, array in leaves(tree)]
        for array in (*arrays, state.params.vector):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
    copy = model.get_weights()
    copy[:] = 0  # which is the caller's own
    assert model.get_weights().any()


@pytest.mark.parametrize(("backend", "name"), ON)
def test_going_back(name, backend):
    """From any state that was kept training goes on as it did then, bit for bit, and the state stays."""
    case = BY_NAME[name]
    model, (x, y) = case.model(backend), case.data()
    kept = []
    for k in range(2 * case.steps):
        kept.append(model.state)
        case.step(model, x, y, k % case.steps)
    last, copies = snapshot(model.state), [snapshot(state) for state in kept]
    for k in reversed(range(2 * case.steps)):
        model.state = kept[k]
        for j in range(k, 2 * case.steps):
            same(snapshot(model.state), copies[j])
            case.step(model, x, y, j % case.steps)
        same(snapshot(model.state), last)
    for state, copy in zip(kept, copies, strict=True):
        same(snapshot(state), copy)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_step_returns(backend):
    """The pure function: its states, the one it was given, and what was measured."""
    case = BY_NAME["kp"]
    model, (x, y) = case.model(backend), case.data()
    step = Step(model.net, model.loss, model.optimizer, model.rule, backend)
    state, kept = step.start((3,), seed=0, dtype="float64"), []
    for k in range(12):
        after, measured = step(state, x[:4] + k, y[:4])
        again, _ = step(state, x[:4] + k, y[:4])
        same(snapshot(after), snapshot(again))
        kept.append((state, snapshot(state), measured.prediction, measured.prediction.copy()))
        state = after
    for state, copy, prediction, output in kept:
        same(snapshot(state), copy)
        np.testing.assert_array_equal(prediction, output)


class Wait(Callback):
    """Goes on, now and then, only when somebody else has read something."""

    def __init__(self, seen):
        self.seen = seen

    def step(self, loop, measured):
        if loop.steps % 16 == 0:
            count, end = len(self.seen), time.monotonic() + 5
            while len(self.seen) == count and time.monotonic() < end:
                time.sleep(1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_from_another_thread(backend):
    """Each state that is read while a fit goes on is that of a whole step, and stays so."""
    case = BY_NAME["kp"]
    x, y = case.data()
    model, epochs = case.model(backend), 40 if backend == "numpy" else 30
    keep = Keep()
    case.fit(model, x, y, epochs=epochs, callbacks=[keep])
    whole = {int(copy["step"]): copy for copy, _ in keep.copies}
    outputs = {}
    model, seen, over, faults = case.model(backend), [], threading.Event(), []
    model.predict(SAMPLE)
    model.evaluate(x, y)

    def watch():
        try:
            while not over.is_set():
                before = model.live.step
                seen.append((model.state, model.predict(SAMPLE), before, model.live.step))
                model.evaluate(x, y)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=watch) for _ in range(2)]
    for thread in threads:
        thread.start()
    case.fit(model, x, y, epochs=epochs, callbacks=[Wait(seen)])
    over.set()
    for thread in threads:
        thread.join()
    assert not faults
    assert len({state.step for state, *_ in seen}) > 3
    plain = case.model("numpy")
    for state, output, first, last in seen:
        same(snapshot(state), whole[state.step])
        for step in range(first, last + 1):
            if step not in outputs:
                plain.set_weights(whole[step]["vector"])
                outputs[step] = plain.predict(SAMPLE)
        assert any(np.allclose(output, outputs[step], rtol=1e-9) for step in range(first, last + 1))
    same(snapshot(model.state), whole[epochs * case.steps])
