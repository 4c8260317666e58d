"""The command line: ``lucidnet``, or ``python -m lucidnet``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; an error of the user's becomes one line, not a traceback."""
    from ..errors import LucidnetError, Terminated, WorkerError, optional

    try:
        optional("typer", "cli")
        from .app import app

        app()
    except WorkerError as error:
        from ..backend.xla.peers import give_up

        give_up(str(error))
    except Terminated as ended:
        print(ended, file=sys.stderr)
        raise
    except LucidnetError as error:
        from ..backend.xla.peers import leave

        print(f"error: {error}", file=sys.stderr)
        leave()
        sys.exit(2)
