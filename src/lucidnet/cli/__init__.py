"""The command line: ``lucidnet``, or ``python -m lucidnet``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; an error of the user's becomes one line, not a traceback."""
    from ..errors import LucidnetError
    from .app import app

    try:
        app()
    except LucidnetError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
