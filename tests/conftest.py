"""Stricter than users have it: JAX in float64, no silent NumPy floating-point accident."""

import os
import sys
from pathlib import Path

# Read when NumPy and JAX are imported: one thread, because the products are small and other programs may
# keep the cores busy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("LUCIDNET_PROGRAMS", "off")  # what is compiled is compiled here

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def strict_numpy():
    """Turn division by zero, overflow and invalid operations of NumPy into errors."""
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield


@pytest.fixture(autouse=True, scope="module")
def forget_programs():
    """Let go of compiled programs: they would take some gigabytes in a whole run."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture
def data_folder():
    """The folder with the real data sets, or a reason to skip."""
    folder = os.environ.get("LUCIDNET_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("LUCIDNET_DATA does not name a folder with the real data sets")
    return Path(folder)
