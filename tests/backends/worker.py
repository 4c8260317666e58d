"""Run by test_processes.py: one of several processes that train together; prints what came out as JSON."""

import json
import os
import signal
import sys

import numpy as np
from devices import NETS

import lucidnet as ln
from lucidnet.callbacks import Checkpoint
from lucidnet.errors import WorkerError
from lucidnet.training.callbacks.base import Callback


class Ends(Callback):
    """Kills this process, or makes it hang, after some steps."""

    def __init__(self, how, after):
        self.how, self.after = how, after

    def room(self, step):
        return 1

    def step(self, loop, measured):
        if loop.model.state.step == self.after:
            os.kill(os.getpid(), {"killed": signal.SIGKILL, "stuck": signal.SIGSTOP}[self.how])


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
    }


if __name__ == "__main__":
    port, count, index, names, folder, how = sys.argv[1:]
    if int(count) > 1:
        ln.distributed.start(f"127.0.0.1:{port}", int(count), int(index))
    ends = [Ends(how, 7)] if how in ("killed", "stuck") and index == str(int(count) - 1) else []
    np.seterr(all="ignore")
    try:
        mesh = "all" if int(count) > 1 else None
        found = {name: trained(name, mesh, 12, folder or None, ends) for name in names.split(",")}
    except WorkerError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(70)
    print(json.dumps(found), flush=True)
