"""Run by test_processes.py: one of several processes that train together; prints what came out as JSON."""

import json
import os
import signal
import sys
import time

import numpy as np
from devices import NETS

import lucidnet as ln
from lucidnet.backend.xla import processes
from lucidnet.callbacks import Checkpoint, On, StopOnNaN
from lucidnet.errors import LucidnetError, WorkerError
from lucidnet.training.loop import Callback


class Ends(Callback):
    """After some steps kills this process, makes it hang, or ends it in another way."""

    def __init__(self, how, after):
        self.how, self.after = how, after

    def room(self, step):
        return 1

    def step(self, loop, measured):
        if loop.model.state.step != self.after:
            return
        if self.how in SIGNALS:
            os.kill(os.getpid(), SIGNALS[self.how])
        elif self.how == "raises":
            raise ZeroDivisionError("of my own")
        elif self.how == "exits":
            sys.exit(3)


class Sleeps(Callback):
    """Does something of its own for long, while the other dies."""

    def room(self, step):
        return 1

    def step(self, loop, measured):
        if loop.model.state.step == 7:
            time.sleep(60)


class Unseen(Callback):
    """Stops after a step, though it does not say that it acts between steps."""

    def room(self, step):
        return None

    def step(self, loop, measured):
        loop.stop("unseen")


def stops(step):
    return On(step=lambda loop, measured: loop.stop("enough") if loop.steps >= step else None)


def ended(loop, result):
    loop.stop("enough")


def rated(loop, result):
    loop.model.set(learning_rate=0.01)


def weighed(loop, result):
    loop.model.set_weights(0 * loop.model.get_weights())


def other():
    return On(epoch=lambda loop, result: None)


STOPS = {
    "all": ([lambda: stops(5)], [lambda: stops(5)]),
    "one": ([other], [lambda: stops(5)]),
    "first": ([lambda: stops(8), other], [lambda: stops(9)]),
    "at the end of an epoch": ([other], [lambda: On(epoch=ended)]),
    "unseen": ([Unseen], [other]),
    "not finite": ([], [StopOnNaN]),
    "one row": ([], []),
    "another rate": ([other], [lambda: On(epoch=rated)]),
    "other weights": ([lambda: On(epoch=weighed)], [other]),
}
"""The callbacks of the first process, and of the second, one of which ends their training."""


def stopped(how, index, folder):
    """Train until a callback ends that; there are checkpoints, which take the processes' work together."""
    layers, x, y = NETS["dense"]
    if how == "one row":  # one process alone has it in its part of a batch
        layers, x = [layers[0], layers[-1]], np.where(np.arange(len(x))[:, None] == 5, 1e300, x)
    model = ln.Model(layers, seed=3, dtype="float64", backend="jax:cpu", mesh="all")
    model.compile("categorical_crossentropy", ln.optimizers.SGD(0.2, momentum=0.9), ["accuracy"])
    if how == "not finite":
        model.set_weights(1e308 * model.get_weights())
    callbacks = [make() for make in STOPS[how][index]]
    error = None
    try:
        model.fit(x, y, epochs=3, batch_size=12, verbose=0, callbacks=callbacks, resume=folder)
    except LucidnetError as raised:
        error = str(raised)
    weights = model.get_weights().tolist()
    return {"weights": weights, "step": model.state.step, "why": model.history.stopped, "error": error}


def measures(index):
    """Measure in one process alone, while the other does something of its own."""
    layers, x, y = NETS["dense"]
    model = ln.Model(layers, seed=3, backend="jax:cpu", mesh="all")
    model.compile("categorical_crossentropy")
    if index == 0:
        model.evaluate(x, y)
    time.sleep(60)


SIGNALS = {"killed": signal.SIGKILL, "stuck": signal.SIGSTOP, "terminated": signal.SIGTERM}


def trained(name, mesh, batch_size, folder=None, callbacks=()):
    """Train a net; with a folder, with checkpoints after each two steps."""
    layers, x, y = NETS[name]
    model = ln.Model(layers, seed=3, dtype="float64", backend="jax:cpu", mesh=mesh)
    metrics = ["accuracy", "f1_macro", "roc_auc"]
    model.compile("categorical_crossentropy", ln.optimizers.SGD(0.2, momentum=0.9), metrics)
    if folder:
        callbacks = [Checkpoint(folder, every_steps=2, every_epochs=None), *callbacks]
    model.fit(
        x,
        y,
        epochs=3,
        batch_size=batch_size,
        verbose=0,
        validation_data=(x, y),
        callbacks=callbacks,
        resume=folder,
    )
    return {
        "weights": model.get_weights().tolist(),
        "history": dict(model.history),
        "predictions": model.predict(x).tolist(),
        "steps": [*model.train_step(x[:9], y[:9]).values(), *model.lr_find(x, y, steps=10).losses],
    }


if __name__ == "__main__":
    port, count, index, names, folder, how = sys.argv[1:]
    way, _, who = how.partition(" ")  # by default it happens to the last
    if way == "late":
        processes.HEARTBEAT = 2
    if int(count) > 1:
        ln.distributed.start(f"127.0.0.1:{port}", int(count), int(index))
    np.seterr(all="ignore")
    last, mine = int(count) - 1, int(index)
    hit = mine == (0 if "first" in who else last)
    ends = [Sleeps()] if "sleeping" in who else []
    if hit and way not in ("", "late"):
        ends = [Ends(way, 7)]
    mesh = "all" if int(count) > 1 else None
    if way == "stops":
        print(json.dumps({name: stopped(name, mine, f"{folder}/{name}") for name in STOPS}), flush=True)
        sys.exit()
    if way == "measures":
        measures(mine)
    try:
        found = {name: trained(name, mesh, 12, folder or None, ends) for name in names.split(",")}
    except WorkerError as error:
        if "caught" not in who:
            raise
        print(f"caught: {error}", flush=True)
        time.sleep(1)
        sys.exit(5)
    if way == "late" and hit:
        time.sleep(5)  # longer than the heartbeats
    print(json.dumps(found), flush=True)
