"""A training to be killed, in processes that begin at once: this one forks a fresh one for each line that it reads.

A line names engine, order of the callbacks, folder and file of results, and a port where two processes are to
train together; the answers are the numbers of the new processes, once they train, and their exit statuses. A new
process has imported all it needs, and has touched no device.
"""

import json
import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np

import lucidnet as ln
from lucidnet.callbacks import Checkpoint, EarlyStopping, ReduceOnPlateau
from lucidnet.layers import Dense, Dropout, Input

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(200, 6)), RNG.integers(0, 3, 200)
KINDS = {
    "checkpoint": lambda folder: Checkpoint(folder, every_steps=3, keep=2, best="val_accuracy"),
    "stopping": lambda folder: EarlyStopping("val_loss", 7),
    "plateau": lambda folder: ReduceOnPlateau("val_loss", 0.5, 2),
}


def train(backend, order, folder, mesh=None):
    """Begin, or go on; Ctrl-C begins anew in the same process, if it is alone. Returns model and history."""
    while True:
        net = [Input(6), Dense(8, "tanh"), Dropout(0.2), Dense(3, "softmax")]
        model = ln.Model(net, seed=3, backend=backend, mesh=mesh)
        model.compile("categorical_crossentropy", ln.optimizers.Adam(0.03), ["accuracy"])
        callbacks = [KINDS[kind](folder) for kind in order]
        while True:
            try:
                settings = {
                    "epochs": 25,
                    "batch_size": 16,
                    "validation_split": 0.2,
                    "class_weight": "balanced",
                }
                history = model.fit(X, Y, verbose=0, callbacks=callbacks, resume=folder, **settings)
            except KeyboardInterrupt:
                if mesh:
                    raise
                continue  # with the same model, and the same callbacks
            return model, history


def work(backend, order, folder, out, mesh=None):
    model, history = train(backend, order, Path(folder), mesh)
    found = [model.get_weights().tobytes().hex(), dict(history), history.stopped, model.state.step]
    part = Path(f"{out}.part")
    part.write_text(json.dumps(found))
    os.replace(part, out)


def one_of_two(index, port, began, backend, order, folder, out):
    """Train as one of two processes; the end is that of any script, with all that is done at exit."""
    ln.distributed.start(f"127.0.0.1:{port}", 2, index)
    os.write(began, b"*")
    work(backend, order, folder, f"{out}.{index}", "all")


def alone(*given):
    code = 1
    try:
        work(*given)
        code = 0
    except KeyboardInterrupt:
        code = 130
    except SystemExit as error:
        code = error.code
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def fork(function, *given):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        nothing = os.open(os.devnull, os.O_RDWR)
        for theirs in (0, 1):  # what C++ prints is no answer
            os.dup2(nothing, theirs)
        function(*given)
        sys.exit()
    return pid


def main():
    for line in sys.stdin:
        *given, port = json.loads(line)
        if port is None:
            pids = [fork(alone, *given)]
        else:
            read, write = os.pipe()
            pids = [fork(one_of_two, index, port, write, *given) for index in range(2)]
            os.close(write)
            os.read(read, 1), os.read(read, 1)
            os.close(read)
        print(*pids, flush=True)
        print(*(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore", RuntimeWarning)  # JAX about forks: none of its threads is there yet
    main()
