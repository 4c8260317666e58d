"""The import is light, and every public name is there."""

import importlib
import subprocess
import sys

import pytest

HEAVY = (
    "matplotlib",
    "h5py",
    "jax",
    "sklearn",
    "torch",
    "scipy",
    "rich",
    "typer",
    "safetensors",
    "urllib.request",
)


def test_importing_lucidnet_imports_no_extra():
    program = f"import lucidnet, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".backend",
        ".layers",
        ".layers.activations",
        ".losses",
        ".metrics",
        ".optimizers",
        ".training",
        ".data",
        ".check",
        ".plots",
    ],
)
def test_public_names(name):
    module = importlib.import_module(f"lucidnet{name}")
    for public in module.__all__:
        assert getattr(module, public) is not None
    assert len(set(module.__all__)) == len(module.__all__)


def test_unknown_attributes_are_errors():
    import lucidnet

    with pytest.raises(AttributeError, match="module 'lucidnet' has no attribute 'modle'"):
        _ = lucidnet.modle
