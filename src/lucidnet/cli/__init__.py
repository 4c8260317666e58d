"""The command line: ``lucidnet``, or ``python -m lucidnet``."""

from __future__ import annotations

import signal
import sys

from ..core.starting import INTERRUPTED


def main() -> None:
    """Run the command line; an error of the user's becomes one line, not a traceback.

    The exit codes are 0; 1 if something was found wrong (a check failed, the doctor found an ailment); 2 if
    an option, a file or the data cannot be used; 70 if another of several processes has gone; 130 after
    Ctrl-C, 143 after SIGTERM, when what was done is kept.
    """
    try:
        _run()
    except KeyboardInterrupt:  # while modules are imported, or before a command has begun
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # more of them would only show where it ended
        sys.exit(INTERRUPTED)


def _run() -> None:
    from ..errors import LucidnetError, Terminated, WorkerError, optional
    from .show import complain, drop_output, plain_streams

    plain_streams()
    try:
        optional("typer", "cli")
        from .app import app

        app()
    except WorkerError as error:
        from ..backend.xla.peers import give_up

        give_up(str(error))
    except Terminated as ended:
        complain(str(ended))
        raise
    except LucidnetError as error:
        from ..backend.xla.peers import leave

        complain(f"error: {error}")
        leave(str(error))
        sys.exit(2)
    except OSError as error:  # a disk that is full, an output that is gone
        place = f": {error.filename}" if error.filename else " (where the output goes, or a file)"
        complain(f"error: {error.strerror or error}{place}")
        drop_output()
        sys.exit(2)
    except MemoryError as error:
        complain(
            f"error: there is not enough memory ({error or 'none is left'}): try fewer units or "
            "smaller batches"
        )
        sys.exit(2)
