"""What a course needs: nothing comes from the network, and nothing needs what a browser's Python has not.

Each program runs in a Python of its own, in which sockets, threads, processes, ctypes and memory maps are errors.
"""

import subprocess
import sys

import pytest

WALLS = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in GONE:
            raise ModuleNotFoundError(f"{name}: not in a browser", name=name)

GONE = {"_ctypes", "ctypes", "mmap", "_multiprocessing", "multiprocessing", "concurrent", "_posixsubprocess"}
sys.meta_path.insert(0, Missing())

def wall(what):
    def refuse(*given, **settings):
        raise RuntimeError(f"{what}: there is none in a browser")
    return refuse

import _thread, os, socket, threading
_thread.start_new_thread = threading._start_new_thread = threading.Thread.start = wall("threads")
if hasattr(_thread, "start_joinable_thread"):
    _thread.start_joinable_thread = threading._start_joinable_thread = wall("threads")
for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "popen", "execv", "execve"):
    if hasattr(os, name):
        setattr(os, name, wall("processes"))
for name in ("socket", "create_connection", "getaddrinfo", "socketpair"):
    setattr(socket, name, wall("sockets"))
"""

HOUR = """
import numpy as np
import lucidnet as ln
from lucidnet.layers import Conv2D, Dense, Flatten, Input, LSTM

(x, y), (x_test, y_test) = ln.data.load("digits")
model = ln.Model([Input(64), Dense(32, "relu"), Dense(10, "softmax")], seed=0)
model.compile("categorical_crossentropy", "adam", ["accuracy"])
model.fit(x, y, epochs=8, validation_split=0.1, verbose=0, callbacks=[ln.callbacks.EarlyStopping("val_loss", 3)])
assert model.evaluate(x_test, y_test)["accuracy"] > 0.9
model.save("digits.safetensors")
again = ln.load("digits.safetensors")
assert (again.predict(x_test) == model.predict(x_test)).all()
print(ln.race(model, (x[:300], y[:300]), ["backprop", "fa"], seeds=2, epochs=2, verbose=0))
small = ln.Model([Input(2), Dense(2, "tanh"), Dense(1)], seed=0)
small.compile("mse", "sgd")
print(small.explain([[1.0, -1.0]], [[1.0]]))
print(model.doctor(x, y))
assert ln.check.gradients(Dense(3, "tanh"), shape=(4,)).passed
images = ln.Model([Input((8, 8, 1)), Conv2D(4, 3, activation="relu"), Flatten(), Dense(10, "softmax")], seed=0)
images.compile("categorical_crossentropy", ln.optimizers.SGD(0.1), rule="fa")
images.fit(ln.data.Dataset.from_arrays(x[:200].reshape(-1, 8, 8, 1), y[:200]).shuffle(seed=0).batch(32), epochs=1, verbose=0)
series = ln.Model([Input((None, 1)), LSTM(4), Dense(1)], seed=0)
series.compile("mse", "adam")
sys.platform = "emscripten"
series.fit(np.ones((8, 5, 1)), np.zeros((8, 1)), epochs=1, verbose=0, resume="run")
"""

PICTURES = """
history = model.fit(x, y, epochs=1, verbose=0)
history.plot(path="history.png")
ln.plots.architecture(model, path="network.svg")
ln.plots.confusion_matrix(ln.metrics.confusion_matrix(y_test, model.predict(x_test)), path="matrix.png")
"""


def run(program, folder):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_walls_stand(tmp_path):
    for attempt in (
        "socket.socket()",
        "threading.Thread(target=print).start()",
        "os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        "import ctypes",
        "import mmap",
        "import multiprocessing",
    ):
        with pytest.raises(AssertionError, match="there is none in a browser|not in a browser"):
            run(WALLS + attempt, tmp_path)


def test_an_hour_of_a_course(tmp_path):
    """Train, check, explain, diagnose, race, save, load, go on."""
    assert "backprop" in run(WALLS + HOUR, tmp_path)


def test_its_pictures(tmp_path):
    """Matplotlib, whose list of fonts is made beforehand, as in a browser's build of it."""
    pytest.importorskip("matplotlib")
    fonts = "import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot, matplotlib.font_manager\n"
    run(fonts + WALLS + HOUR.partition("model.save")[0] + PICTURES, tmp_path)
    for name in ("history.png", "network.svg", "matrix.png"):
        assert (tmp_path / name).stat().st_size > 2000


def test_lessons_ask_for_no_network(tmp_path):
    """Nothing but what comes with the package is read by lessons and answers: no data is fetched."""
    from pathlib import Path

    docs = Path(__file__).parent.parent / "docs"
    for page in [*(docs / "tutorials").glob("*.md"), *(docs / "howto").glob("*.md")]:
        text = page.read_text("utf-8")
        for name in ("mnist", "fashion", "cifar10"):
            assert f'load("{name}")' not in text, page
        assert "fetch_" not in text, page
