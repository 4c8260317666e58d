"""Networks of other libraries, and their files: what to do to have them here."""

from __future__ import annotations

from typing import Any

BASES = {
    ("torch", "Module"): "PyTorch",
    ("keras", "Layer"): "Keras",
    ("tf_keras", "Layer"): "Keras",
    ("sklearn", "BaseMultilayerPerceptron"): "scikit-learn",
}
"""Libraries by the home and the name of a class that their networks are made of."""

FILES = {
    ".pt .pth .ckpt .bin": "a file of PyTorch: load it there; lucidnet.convert(network) makes a model of it",
    ".keras .h5 .hdf5": "a file of Keras: load it there; lucidnet.convert(network) makes a model of it",
    ".pkl .pickle .joblib": "load it with what wrote it; lucidnet.convert makes models of others' networks",
    ".onnx .py": "such a program is written, and not read: load the model's own file",
    ".npz .npy": "numpy.load reads its arrays, and model.load_weights takes them by name, as model.params",
}
"""What to do with files of others, by their suffixes."""


def library(given: Any) -> str:
    """Return the library that a network, or a layer, comes from; "" if it is none of another library."""
    kinds = type(given).__mro__
    found = (BASES.get((kind.__module__.partition(".")[0], kind.__name__)) for kind in kinds)
    return next((name for name in found if name), "")


def converted(given: Any) -> str:
    """Return how a network of another library is brought here, after a colon; else ""."""
    name = library(given)
    return f": lucidnet.convert(network) makes a model of one of {name}" if name else ""


def of_file(suffix: str) -> str:
    """Return what to do with a file of another kind; "" if that is not known."""
    return next((said for known, said in FILES.items() if suffix.lower() in known.split()), "")
