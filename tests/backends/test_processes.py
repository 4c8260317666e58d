"""Several processes make the steps of one; what one that dies or hangs does to the others."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lucidnet.backend.xla.processes import EXIT, Watchdog
from lucidnet.errors import SettingError

pytest.importorskip("jax")

SCRIPT = Path(__file__).with_name("worker.py")
NAMES = "dense,batch normalization,masks,dropout"
LONG = 240
"""Seconds after which a test gives up on its processes."""


def free_port():
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        return str(there.getsockname()[1])


def start(count, names, folder="", how="", **environment):
    """Start processes that train together."""
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), port, str(count), str(index), names, str(folder), how],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]


def ended(processes):
    """Return what they printed and how they ended, the first of them first."""
    try:
        said = [process.communicate(timeout=LONG) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *texts) for process, texts in zip(processes, said, strict=True)]


def results(processes):
    """Return what processes found that ended well."""
    found = []
    for code, out, err in ended(processes):
        assert code == 0, err[-3000:]
        found.append(json.loads(out.splitlines()[-1]))
    return found


def same(one, other):
    for what in ("weights", "predictions"):
        a, b = np.array(one[what]), np.array(other[what])
        assert np.abs(a - b).max() <= 1e-12 * max(1, np.abs(a).max()), what
    for metric, values in one["history"].items():
        np.testing.assert_allclose(other["history"][metric], values, rtol=1e-11, err_msg=metric)


@pytest.fixture(scope="module")
def alone():
    (found,) = results(start(1, NAMES))
    return found


@pytest.mark.parametrize("count", [2, 4])
def test_processes_make_the_steps_of_one(alone, count):
    """Batches of 12 and, at the end of an epoch, 4, on 2 and on 4; weights, predictions, metrics."""
    for found in results(start(count, NAMES)):
        for name in NAMES.split(","):
            same(alone[name], found[name])


def test_a_worker_is_killed_and_a_restart_with_another_number_comes_to_the_same_end(alone, tmp_path):
    (code, _, error), (killed, *_) = ended(start(2, "dense", tmp_path, "killed"))
    assert killed == -9
    assert (
        code == EXIT and "another process has gone" in error and "go on from the newest checkpoint" in error
    )
    assert sorted(path.name for path in tmp_path.iterdir())[-1] == "step-00000006.safetensors"
    (found,) = results(start(1, "dense", tmp_path))
    same(alone["dense"], found["dense"])


def test_a_worker_that_is_stuck_is_noticed():
    """It is stopped, not dead: its process answers nobody, but is there."""
    processes = start(2, "dense", "", "stuck", LUCIDNET_STUCK_SECONDS="3")
    processes[0].wait(LONG)
    processes[1].kill()  # who is stopped does not end
    (code, _, error), _ = ended(processes)
    assert code == EXIT and ("no step for 3 s" in error or "another process has gone" in error)


def test_the_watchdog():
    seen = []
    watchdog = Watchdog(0.05, seen.append)
    watchdog.thread.join(30)
    watchdog.close()
    assert seen == [EXIT]


def test_what_is_missing_is_said():
    from lucidnet import distributed

    with pytest.raises(SettingError, match="HOST:PORT"):
        distributed.start("127.0.0.1:1", processes=2)
    with pytest.raises(SettingError, match="number 2 of 2"):
        distributed.start("127.0.0.1:1", 2, 2)
