"""Several devices make the steps of one: in one process here, with eight devices of one processor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import SettingError
from lucidnet.layers import Dense, Input

jax = pytest.importorskip("jax")

CASES = [
    *(f"{name},{mesh},40,1,backprop" for name in ("dense", "convolution", "masks") for mesh in (1, 2, 8)),
    *(f"batch normalization,{mesh},12,2,backprop" for mesh in (1, 8)),  # filled up to 16, the last too
    *(f"dropout,{mesh},16,2,backprop" for mesh in (1, 8)),
    *(f"dense,{mesh},12,2,dfa" for mesh in (1, "4x2")),
    *(f"wide,{mesh},10,1,backprop" for mesh in (1, "2x4")),
    *(f"convolutions,{mesh},30,2,backprop" for mesh in (1, "4x2")),  # 30 and 10 do not divide by 4
]


@pytest.fixture(scope="module")
def found():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_ENABLE_X64": "1"}
    script = Path(__file__).with_name("devices.py")
    made = subprocess.run(
        [sys.executable, str(script), *CASES], env=os.environ | flags, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr[-3000:]
    return json.loads(made.stdout)


@pytest.mark.parametrize("case", [case for case in CASES if case.split(",")[1] != "1"])
def test_several_devices_make_the_steps_of_one(found, case):
    name, _, *rest = case.split(",")
    one, several = found[",".join((name, "1", *rest))], found[case]
    for what in ("weights", "predictions"):
        a, b = np.array(one[what]), np.array(several[what])
        assert np.abs(a - b).max() <= 1e-12 * max(1, np.abs(a).max()), what
    for metric, values in one["history"].items():
        np.testing.assert_allclose(several["history"][metric], values, rtol=1e-12)


def test_devices_exchange_sums_and_no_examples(found):
    """What is sent around must not grow with the batch."""
    gathers = {case: result["gathers"] for case, result in found.items() if case.split(",")[1] in ("2", "8")}
    assert set(gathers.values()) == {0}, gathers


def test_one_device_is_numpy(found):
    """The first step by NumPy: the reference of all the others."""
    from devices import NETS

    layers, x, y = NETS["dense"]
    model = ln.Model(layers, seed=3, dtype="float64")
    model.compile("categorical_crossentropy", ln.optimizers.SGD(0.5))
    model.fit(x, y, epochs=1, batch_size=40, verbose=0)
    for mesh in (1, 2, 8):
        weights = np.array(found[f"dense,{mesh},40,1,backprop"]["weights"])
        assert np.abs(weights - model.get_weights()).max() <= 1e-12


def test_wide_weights_are_spread_over_the_second_axis(found):
    assert found["wide,1,10,1,backprop"]["sharding"] == ["()"]
    assert "(None, 'model')" in found["wide,2x4,10,1,backprop"]["sharding"]


MADE = """
import jax
import lucidnet as ln
if {begun}:
    jax.devices()
model = ln.Model([ln.layers.Input(2), ln.layers.Dense(1)], backend="jax", mesh={mesh!r})
model.compile("mse", "sgd")
model.fit([[1, 2], [3, 4]], [1, 2], verbose=0)
print(len(model.executor.mesh.devices))
"""


def made(mesh, begun=False, **environment):
    """Make and train a model of a mesh in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS",)} | environment
    script = MADE.format(mesh=mesh, begun=begun)
    return subprocess.run(
        [sys.executable, "-c", script],
        env=environment | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )


def test_a_processor_becomes_as_many_devices_as_are_asked_for():
    assert made("3x1").stdout.split() == ["3"]
    told = made("all", JAX_NUM_CPU_DEVICES="5")
    assert told.stdout.split() == ["5"]


def test_a_processor_is_no_more_devices_once_jax_has_begun():
    late = made(3, begun=True)
    assert late.returncode
    assert "there are 1 devices of kind 'cpu' (JAX made them before" in late.stderr


@pytest.mark.parametrize("mesh", [300, "200x4"])
def test_a_mesh_of_more_devices_than_there_are(mesh):
    jax.devices()  # JAX has begun
    model = ln.Model([Input(2), Dense(1)], backend="jax:cpu", mesh=mesh)
    with pytest.raises(SettingError, match="mesh"):
        model.compile("mse", "sgd")


@pytest.mark.parametrize("mesh", [0, "two", (1, 2, 3)])
def test_a_mesh_that_cannot_be(mesh):
    with pytest.raises(SettingError, match="Model: mesh must be 'all', a number, or rows and columns"):
        ln.Model([Input(2), Dense(1)], backend="jax:cpu", mesh=mesh)
