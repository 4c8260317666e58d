"""Which devices training runs on, and at which precision."""

from __future__ import annotations

import os
from typing import Any

from ..core.record import Record, record
from ..errors import SettingError

VARIABLE = "LUCIDNET_BACKEND"
"""The environment variable with the backend of models that are told none."""
DTYPES = ("float32", "float64", "mixed_bfloat16")


@record
class DeviceConfig(Record):
    """What training runs on.

    Parameters
    ----------
    name : str
        ``"numpy"`` or ``"jax"``.
    kind : str
        The kind of devices, ``"cpu"`` or ``"gpu"``; JAX's choice if empty.
    mesh : optional
        The number of devices: ``"all"``, a number, or rows and columns as ``"4x2"``; one if not given. On
        NumPy the number of threads that share a batch.
    mixed : bool
        Whether matrix products are computed in bfloat16.
    """

    name: str = "numpy"
    kind: str = ""
    mesh: Any = None
    mixed: bool = False

    @property
    def threaded(self) -> bool:
        """Whether batches are divided among threads, on NumPy."""
        return self.name == "numpy" and self.mesh is not None

    @classmethod
    def of(cls, backend: Any = None, mesh: Any = None, mixed: bool = False) -> DeviceConfig:
        """Return the configuration for a model's settings, or for the variable ``LUCIDNET_BACKEND``.

        Examples
        --------
        >>> DeviceConfig.of("jax:cpu"), DeviceConfig.of(mesh="all").name
        (DeviceConfig(name='jax', kind='cpu', mesh=None, mixed=False), 'jax')
        """
        if isinstance(backend, DeviceConfig):
            return backend
        compiled = mesh is not None or mixed
        asked = backend or os.environ.get(VARIABLE) or ("jax" if compiled else "numpy")
        name, _, kind = asked.partition(":")
        if name not in ("numpy", "jax") or (name == "numpy" and kind):
            where = "backend" if backend else f"the environment variable {VARIABLE}"
            raise SettingError(f"{where} must be 'numpy', 'jax', 'jax:cpu' or 'jax:gpu', got {asked!r}")
        if name == "numpy" and mixed:
            raise SettingError(
                "dtype='mixed_bfloat16' is for backend='jax'; NumPy works in float32 or float64"
            )
        return cls(name, kind, mesh, mixed)
