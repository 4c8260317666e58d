"""Ctrl-C while the command ``lucidnet`` is being imported: exit code 130, and no traceback.

The package imports this module first of all, so it imports nothing that Python has not loaded by then:
`_signal` is what `signal` is made of, apart from its enumerations.
"""

import _signal  # type: ignore[import-not-found]
import os
import sys

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect it."""


def _is_command() -> bool:
    """Tell whether this process is the command ``lucidnet``, or ``python -m lucidnet``."""
    first = os.path.basename(sys.argv[0]) if sys.argv else ""
    if first == "-m":  # while Python looks for what to run
        return "lucidnet" in sys.orig_argv
    return first.removesuffix(".exe") == "lucidnet"


def _begin() -> bool:
    """Make Ctrl-C end this process at once if it is the command line; return whether it is.

    Where Ctrl-C is ignored, as under ``nohup``, it stays so.
    """
    if not _is_command() or _signal.getsignal(_signal.SIGINT) is not _signal.default_int_handler:
        return False
    _signal.signal(_signal.SIGINT, lambda number, frame: os._exit(INTERRUPTED))
    return True


_quiet = _begin()


def over() -> None:
    """Restore the usual handling of Ctrl-C, which raises KeyboardInterrupt."""
    if _quiet:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
