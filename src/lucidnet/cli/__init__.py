"""The command line: ``lucidnet``, or ``python -m lucidnet``."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; an error of the user's becomes one line, not a traceback."""
    from ..errors import LucidnetError, WorkerError
    from .app import app

    try:
        app()
    except WorkerError as error:
        from ..backend.xla.processes import EXIT

        print(f"error: {error}", file=sys.stderr, flush=True)
        os._exit(EXIT)  # the runtime would wait for the one that has gone
    except LucidnetError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
