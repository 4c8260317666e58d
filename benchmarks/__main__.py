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


def main() -> None:
    """Set the number of threads, then measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="threads of each library's products")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contender")
    parser.add_argument("--only", choices=PARTS, help="one part only")
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options.threads)  # read once, when NumPy is imported

    print(f"OpenBLAS kernels: {os.environ.get('OPENBLAS_CORETYPE', 'its own choice for this processor')}")
    print(f"{hold(options.threads)}, Python {sys.version.split()[0]}")
    for part in (options.only,) if options.only else PARTS:
        module = import_module(f".{part}", __package__)
        module.run(options.threads, options.rounds)


if __name__ == "__main__":
    main()
