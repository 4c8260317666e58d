"""Training by several processes, on one machine or many.

Each runs the same program; each reads its own part of every batch. Batch size, seeds, order and metrics mean
what they mean with one process. Call `start` before anything else, and give the model a mesh::

    import lucidnet as ln

    ln.distributed.start("10.0.0.1:1234", processes=2, index=0)   # index=1 on the other
    model = ln.Model([...], mesh="all")

If a callback stops the training in one of them, all stop after the same step; so they do on SIGTERM.
"""

from __future__ import annotations

from .backend.xla.processes import PATIENCE as PATIENCE
from .backend.xla.processes import Watchdog as Watchdog
from .backend.xla.processes import detected as detected
from .backend.xla.processes import join
from .core.exports import export


def start(coordinator: str | None = None, processes: int | None = None, index: int | None = None) -> None:
    """Join this process to others that train together, and wait until all are there.

    On CPUs they communicate by gloo, on GPUs by NCCL; that is JAX's choice. When a process dies, the others
    raise `errors.WorkerError` as soon as they need it. A script that does not catch that ends with one
    sentence and exit code 70; so does one that is busy on its own, after ten seconds, or at once if the first
    process died. An error in one process ends it without waiting for the others. If JAX was imported before,
    messages of its own may appear, too.

    Parameters
    ----------
    coordinator : str, optional
        ``HOST:PORT`` of the first process.
    processes : int, optional
        How many there are.
    index : int, optional
        Which of them this is, from 0.
        Under SLURM, Open MPI, Kubernetes and others that JAX knows, leave all three out.

    Raises
    ------
    SettingError
        If only some are given, or the processes do not come together.
    """
    join(coordinator, processes, index)


export(globals())
