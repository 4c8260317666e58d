"""The user's own training in the page: live while it runs, or recorded into one file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import files
from ...core.screen import is_terminal
from ...core.settings import flag, path_like, taken, whole
from ...engine.state import Measured
from ...errors import NonFiniteError, SettingError
from ...training.loop import Callback, Loop, alone
from .watching import FitSession, LiveSession

if TYPE_CHECKING:
    from ...training.online import OnlineLearner
    from .server import Server
    from .streamed import WatchedLearner

SUFFIXES = (".html", ".htm")


class Live(Callback):
    """Shows a training live in the browser: curves, weights, gradients, activations, feedback, health.

    The page can pause the training, and make single steps; it cannot change what is trained, or how. A
    training that nobody looks at takes no longer than without it.

    Parameters
    ----------
    every : int, optional
        The steps to show: those that this number divides. If not given, a step whenever the page asks for a
        picture; for a file each step at first, and fewer the longer it takes.
    save : path, optional
        A page (``.html``) to write at the end, which replays the training without a server: everything it
        needs is in it. No server is started then, unless `open` is given.
    open : bool, optional
        Whether to open the page in a browser; by default if Python runs in a terminal. In a notebook the page
        shows itself below the cell.
    port : int
        The port of the page on this machine; 0 for any free port.

    Attributes
    ----------
    server : Server or None
        The page's server, with ``url``, once the training has begun. It runs until `close`, or until the next
        training begins.

    Examples
    --------
    >>> import lucidnet as ln
    >>> x, y = ln.data.moons(100)
    >>> model = ln.Model([ln.layers.Input(2), ln.layers.Dense(8, "tanh"), ln.layers.Dense(1, "sigmoid")])
    >>> model.compile("binary_crossentropy", "adam")
    >>> live = ln.lab.Live(open=False)
    >>> history = model.fit(x, y, epochs=2, callbacks=[live], verbose=0)
    >>> live.server.url.startswith("http://127.0.0.1:")
    True
    >>> live.close()
    """

    def __init__(
        self,
        *,
        every: int | None = None,
        save: str | PathLike[str] | None = None,
        open: bool | None = None,
        port: int = 0,
    ) -> None:
        self.every: int | None = taken(self, "every", every, whole(1, optional=True))
        self.save: Path | None = taken(self, "save", save, path_like(optional=True))
        if self.save is not None:
            self.save = Path(self.save)
            if self.save.suffix.lower() not in SUFFIXES:
                raise SettingError(f"Live: save must be a name that ends in .html, got {str(self.save)!r}")
        self.open: bool | None = taken(self, "open", open, flag(optional=True))
        self.port: int = taken(self, "port", port, whole(0, 65535))
        self.server: Server | None = None
        self.session: LiveSession | None = None

    @property
    def looks(self) -> bool:
        return False

    def room(self, step: int) -> int | None:
        if self.every is not None:
            return alone(step, self.every)
        if (session := self.session) is None:
            return None
        if session.kept:
            return alone(step, session.apart)
        return 1 if session.wanted or session.paused else None

    def begin(self, loop: Loop) -> None:
        self.close()
        if loop.model.executor.main:
            self._open(FitSession(loop, self.every, self.save is not None))

    def _open(self, session: LiveSession) -> None:
        """Open a session: serve it, prepare to save it, or both."""
        self.session = session
        if self.save is None or self.open is not None:
            from .server import Server

            self.server = Server(session, port=self.port)
            _show(self.server, self.open)
        if self.save is not None:
            files.make_folder(self.save.parent)

    def before_step(self, loop: Loop, batches: Sequence[Any]) -> None:
        if (session := self.session) is not None and session.wants(loop.steps):
            assert isinstance(session, FitSession)
            session.before(batches)

    def step(self, loop: Loop, measured: Sequence[Measured]) -> None:
        if (session := self.session) is not None and session.asked:
            session.after(float(measured[-1].loss))

    def failed(self, loop: Loop, error: NonFiniteError) -> bool:
        if self.session is not None:
            self.session.error = str(error)
        return False

    def end(self, loop: Loop) -> None:
        self._finish()

    def _finish(self) -> None:
        """Show the final state, and write the file if one was asked for."""
        if self.session is not None:
            self.session.finish()
            if self.save is not None:
                self.session.write(self.save)

    def watch(self, online: OnlineLearner) -> WatchedLearner:
        """Show a model that learns online; use the returned learner in place of the given one.

        Parameters
        ----------
        online : OnlineLearner
            What `Model.online` gave.

        Returns
        -------
        WatchedLearner
            With ``step``, ``run``, ``reset`` and everything else of the learner; its ``close()``, or the end
            of a ``with`` block, ends the display, and writes the file of `save`.

        Examples
        --------
        >>> import numpy as np
        >>> import lucidnet as ln
        >>> model = ln.Model([ln.layers.Input((None, 1)), ln.layers.LeakyRNN(4, True), ln.layers.Dense(1)])
        >>> model.compile("mse", "adam")
        >>> live = ln.lab.Live(open=False)
        >>> with live.watch(model.online("rflo")) as online:
        ...     for t in range(20):
        ...         y = online.step([[np.sin(t / 5)]], [[np.cos(t / 5)]])
        >>> online.steps
        20
        >>> live.close()
        """
        from .streamed import WatchedLearner, checked

        checked(online)
        self.close()
        made = WatchedLearner(online, self._finish, self.every, self.save is not None)
        self._open(made.session)
        return made

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"server": None, "session": None}  # a copy opens a page of its own when it begins

    def close(self) -> None:
        """Stop the server, if there is one."""
        if self.server is not None:
            self.server.close()
        self.server = self.session = None


def _show(server: Server, wanted: bool | None) -> None:
    """Display the page: below the notebook cell, or in a browser."""
    shell = sys.modules.get("IPython")
    shell = shell.get_ipython() if shell is not None else None
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import IFrame, display

        from .server import HEIGHT, notebook_address

        show: Any = display
        show(IFrame(notebook_address(server), "100%", HEIGHT))
    elif wanted or (wanted is None and is_terminal(sys.stdout)):
        import webbrowser

        webbrowser.open(server.url)
    elif wanted is None:
        print(f"lucidnet lab: {server.url}")
