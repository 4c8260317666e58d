"""Compare training steps, epochs and predictions with PyTorch and scikit-learn in one run.

``python -m benchmarks [--threads 2] [--rounds 9] [--only PART]``

Two source trees of lucidnet beside each other: ``python -m benchmarks.against OLD_SRC`` (`against.py`).
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from .timing import hold

PARTS = (
    "dense",
    "recurrent",
    "attention",
    "convolution",
    "primitives",
    "epochs",
    "estimators",
    "startup",
    "rules",
    "online",
    "allreduce",
    "gpu",
    "memory",
    "programs",
    "threads",
)
PACKAGES = {"sklearn": "scikit-learn"}
"""Under which name a library is installed, where that is another."""


def main() -> None:
    """Set the number of threads, then measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--threads", type=some, default=2, help="threads of each library's products")
    parser.add_argument("--rounds", type=some, default=9, help="turns of each contender")
    parser.add_argument("--only", choices=PARTS, help="one part only")
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # read once, when NumPy is imported

    print(f"OpenBLAS kernels: {os.environ.get('OPENBLAS_CORETYPE', 'its own choice for this processor')}")
    print(f"{hold(options.threads)}, Python {sys.version.split()[0]}")
    for part in (options.only,) if options.only else PARTS:
        try:
            import_module(f".{part}", __package__).run(options.threads, options.rounds)
        except ModuleNotFoundError as error:
            name = (error.name or "").partition(".")[0]
            if name in ("", "lucidnet", __package__):
                raise
            package = PACKAGES.get(name, name)
            missing = f"{part}: this needs {name}, which is not installed: pip install {package}"
            if options.only:
                sys.exit(missing)
            print(missing)


def some(text: str) -> int:
    """Return a whole number of 1 or more."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, got {text}")
    return number


if __name__ == "__main__":
    main()
