"""The page's server: for this machine only, unless the user says otherwise, and only with the token.

Everything that changes something, or tells anything about a training, needs a token. It stands in the address
behind the ``#``, where no server and no log sees it, and the page sends it back in a header. The names by
which the server may be called, and the pages that may call it, are fixed lists; the page may load nothing but
its own files.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ...core.calls import takes
from ...core.settings import flag, setting, text, whole
from ...core.text import Brief
from ...errors import LucidnetError, SettingError
from .files import POLICY, read_static
from .session import LabSession, Session

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MOST_BODY = 9_000_000
"""The most bytes of a request: a table of two million characters, as JSON."""
HEIGHT = 820
"""The height of the page in a notebook, in pixels."""
WAIT = 8.0
"""Seconds that a page waits for the next frame before it asks again."""
ANY = ("0.0.0.0", "")
"""Addresses that stand for all of this machine's."""
HOSTS = "LUCIDNET_LAB_HOSTS"
"""The environment variable with more host names, as ``hub.example.org,localhost:8888``, behind a proxy."""


class Server(Brief):
    """A server of the page.

    Parameters
    ----------
    session : Session
        What the page shows.
    host, port
        Where it is served; port 0 is any that is free.

    Attributes
    ----------
    url : str
        The address, with the token.
    """

    def __init__(self, session: Session, host: str = "127.0.0.1", port: int = 0) -> None:
        self.session, self.host, self.token = session, host, secrets.token_urlsafe(24)
        try:
            self._http = _Http((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise SettingError(f"serve: nothing can be served at {host}, port {port}: {error}") from error
        self.port, self.closed = int(self._http.server_address[1]), False
        self._http.owner = self
        names = [f"{name}:{self.port}" for name in (*LOOPBACK, host)]
        names += [name.strip() for name in os.environ.get(HOSTS, "").split(",") if name.strip()]
        self.hosts = frozenset(name.lower() for name in names)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address of the page, with the token behind the ``#``."""
        shown = "127.0.0.1" if self.host in ANY else self.host
        return f"http://{shown}:{self.port}/#token={self.token}"

    def answers_to(self, host: str) -> bool:
        """Tell whether a request's ``Host`` is a name of this server.

        If it is served at all addresses of this machine, they are not known: any address then will do, as a
        foreign page has a name (which may be made to lead here).
        """
        name, _, port = host.rpartition(":")
        with suppress(ValueError):
            here = self.host in ANY and port == str(self.port)
            return host in self.hosts or (here and bool(ip_address(name.strip("[]"))))
        return False

    def close(self) -> None:
        """End the server, and the training that it shows."""
        if not self.closed:
            self.closed = True
            self._http.shutdown()
            self._http.server_close()
            self.session.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Server at {self.url}"

    def _repr_html_(self) -> str:
        return iframe(self)


def notebook_address(server: Server) -> str:
    """Return the page's address for a notebook; behind JupyterHub that of its proxy."""
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    return f"{prefix.rstrip('/')}/proxy/{server.port}/#token={server.token}" if prefix else server.url


def iframe(server: Server) -> str:
    """Return the page as a part of a notebook."""
    style = f"width:100%;height:{HEIGHT}px;border:0"
    return f'<iframe src="{notebook_address(server)}" title="lucidnet lab" style="{style}"></iframe>'


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name != "nt"
    owner: Server

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections: the page will ask again."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise small answers wait for each other: 18 frames a second, not 57
    timeout = 30
    server: _Http
    server_version, sys_version = "lucidnet", ""

    def do_GET(self) -> None:
        """Answer with a file of the page, the configuration, or the next frame."""
        self._answer({"/api/frame": self._frame, "/api/config": self._config})

    def do_POST(self) -> None:
        """Carry out a request of the page."""
        self._answer({"/api/control": self._control}, files=False)

    def _answer(self, known: Mapping[str, Callable[[], None]], files: bool = True) -> None:
        try:
            path = urlsplit(self.path).path
        except ValueError:
            return self._text(400, "this is no address")
        if self.server.owner.closed:  # a connection that was kept open
            return self._text(503, "the server has ended")
        if (refused := self._refused()) is not None:
            return self._text(403, refused)
        if path in known:
            given = self.headers.get("X-Lucidnet-Token", "")
            if not compare_digest(given.encode("utf-8", "replace"), self.server.owner.token.encode()):
                return self._text(401, "the token is missing or wrong: open the address that was printed")
            return known[path]()
        found = read_static(path) if files else None
        if found is None:
            return self._text(404, "there is nothing of this name")
        self._send(200, *found)

    def _refused(self) -> str | None:
        """Return why a request is refused (unknown host, or foreign page); None if it is allowed."""
        given = [host.lower() for host in self.headers.get_all("Host") or []]
        if len(given) != 1 or not self.server.owner.answers_to(given[0]):
            return f"this host is not known here (behind a proxy, set {HOSTS})"
        origins = self.headers.get_all("Origin") or []
        allowed = {
            f"{scheme}://{host}"
            for scheme in ("http", "https")
            for host in {*self.server.owner.hosts, *given}
        }
        if any(origin.lower() not in allowed for origin in origins):
            return "another page may not ask here"
        site = self.headers.get("Sec-Fetch-Site", "none")
        if site == "cross-site" and urlsplit(self.path).path.startswith("/api/"):
            return "another page may not ask here"
        return None

    def _config(self) -> None:
        self._json(200, self.server.owner.session.config())

    def _frame(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        asked = query.get("since", ["0"])[-1]
        if not (asked.isascii() and asked.isdigit() and len(asked) < 16):
            return self._text(400, "since: expected the number of a frame")
        found = self.server.owner.session.frame(int(asked), WAIT, query.get("units") == ["1"])
        if self.server.owner.closed:
            return self._text(503, "the server has ended")
        if found is None:
            return self._send(204, "text/plain", b"")
        self._send(200, "application/octet-stream", found)

    def _control(self) -> None:
        try:
            asked = json.loads(self._body(), parse_constant=_no_constant)
            done = self.server.owner.session.control(asked)
        except (_RefusedError, RecursionError) as error:
            return self._text(413 if isinstance(error, _RefusedError) else 400, str(error) or "too deep")
        except (LucidnetError, ValueError, KeyError, TypeError, OSError) as error:  # a disk may be full, too
            return self._json(400, {"error": _words(error)})
        self._json(200, done)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MOST_BODY:
            raise _RefusedError(f"expected a length of at most {MOST_BODY:,} bytes")
        return self.rfile.read(int(length))

    def _json(self, code: int, value: Any) -> None:
        self._send(code, "application/json", json.dumps(value, allow_nan=False).encode())

    def _text(self, code: int, words: str) -> None:
        self.close_connection = True  # the rest of the request is not read
        self._send(code, "text/plain; charset=utf-8", words.encode())

    def _send(self, code: int, kind: str, body: bytes) -> None:
        self.send_response(code)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        headers |= {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
        headers |= {"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"}
        headers |= {"Connection": "close"} if self.close_connection else {}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log of requests."""


class _RefusedError(Exception):
    """The body of a request is refused."""


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no number that the page may send")


def _words(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    return "this is no request of the page" if isinstance(error, TypeError) else str(error)


def _host(given: Any, owner: Any) -> str:
    word: str = text().metadata["check"].convert(given, owner)
    return word


@takes(
    port=whole(0, 65535),
    host=setting("the name or address of this machine", _host),
    open=flag(),
)
def serve(data: Any = None, *, port: int = 0, host: str = "127.0.0.1", open: bool = True) -> Server:
    """Serve the page in which one or two networks learn, and open it in a browser.

    Parameters
    ----------
    data : optional
        What to learn: ``"spirals"``, ``"moons"``, ``"circles"``, ``"xor"``, ``"gaussians"``, ``"slope"``,
        ``"hills"``, ``"digits"``, the sequences ``"periodic_pattern"`` and ``"delayed_add"``, the path of a
        file that `data.read` understands, a `data.Examples`, or arrays ``(x, y)``; it can be changed in the
        page.
    port : int
        The port; 0 for any free port.
    host : str
        The address of this machine to serve on. With any but the loopback address, other machines can reach
        it: a warning is printed, and anyone who has the whole address can train here.
    open : bool
        Whether to open it in the browser.

    Returns
    -------
    Server
        With ``url`` and ``close()``; it runs in threads of this process, and ends with it.

    Raises
    ------
    SettingError
        If the data are of another kind, or the port is taken.

    Examples
    --------
    >>> with serve("moons", open=False) as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """
    session = LabSession(data)
    try:
        server = Server(session, host, port)
    except BaseException:
        session.close()
        raise
    if host not in ("127.0.0.1", "localhost", "::1"):
        there = "; there write this machine's address in the place of 127.0.0.1" if host in ANY else ""
        print(
            f"lucidnet lab: {host} can be reached by other machines, by all who know the whole address{there}"
        )
    if open:
        import webbrowser

        webbrowser.open(server.url)
    return server
