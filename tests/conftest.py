"""Stricter than users have it: JAX in float64, no silent NumPy floating-point accident."""

import os
import shutil
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

CHROMIUM = os.environ.get("LUCIDNET_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; one for a process, as Playwright takes no second."""
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with sync.sync_playwright() as play:
        made = play.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        made.close()


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
