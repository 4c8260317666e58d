"""Who is let in, and that nothing which anybody sends breaks it."""

import errno
import http.client
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import lucidnet as ln
from lucidnet.errors import LucidnetError, UnknownNameError
from lucidnet.lab.page import files, server
from lucidnet.lab.page.task import NAMES


@pytest.fixture(scope="module")
def page():
    with ln.lab.serve("moons", open=False) as made:
        yield made


def ask(page, method="GET", path="/", body=None, token=True, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=20)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        headers.setdefault("X-Lucidnet-Token", page.token)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.headers
    connection.close()
    return found


def test_it_listens_on_this_machine_alone_and_the_token_is_behind_the_hash(page):
    assert page._http.server_address[0] == "127.0.0.1"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#token=[\w-]{30,}", page.url)

    assert repr(page) == f"Server at {page.url}"


def test_files_need_no_token_and_all_answers_have_a_policy(page):
    for path in ("/", "/app.js", "/style.css", "/colors.css", "/icon.svg"):
        status, body, headers = ask(page, path=path, token=False)
        assert status == 200 and body
        assert headers["Content-Security-Policy"].startswith(
            "default-src 'none'; script-src 'self'; style-src 'self'"
        )
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
    for name in files.MODULES:
        assert ask(page, path=f"/{name}.js", token=False)[0] == 200


def test_who_asks_for_a_frame_of_the_far_future_gets_the_next(page):
    """And no frame is made after each step from then on, which nobody sees."""
    ask(page, "POST", "/api/control", '{"do": "step"}')
    status, body, _ = ask(page, path="/api/frame?since=999999999999")
    trainer = page.session.trainer
    assert status == 200 and body and trainer.wanted <= trainer.number + 1


@pytest.mark.parametrize("largest", [1e16, 1e300])
@pytest.mark.parametrize("which", ["x", "y"])
def test_numbers_that_float32_cannot_work_with(which, largest):
    x = np.random.default_rng(0).normal(size=(20, 3))
    data = {"x": x, "y": x[:, 0]}
    data[which] = largest * data[which] / np.abs(data[which]).max()
    with pytest.raises(LucidnetError, match=f"data: {which} holds 1e.* scale it"):
        ln.lab.serve((data["x"], data["y"]), open=False)


@pytest.mark.parametrize("name", NAMES)
def test_all_data_that_have_a_name_can_be_served(name):
    with ln.lab.serve(name, open=False) as made:
        assert made.session.control({"do": "step"})["step"] == 1


def test_what_the_page_cannot_do_with_a_file_is_said_where_it_can_be_done(page):
    gap = json.dumps({"do": "csv", "name": "a.csv", "text": "a,b\n1,0\n,1\n3,1\n4,0\n5,1\n"})
    assert b"start with lucidnet lab a.csv" in ask(page, "POST", "/api/control", gap)[1]


@pytest.mark.parametrize("path", ["/api/frame?since=0", "/api/config", "/api/control"])
def test_no_answer_without_the_token(page, path):
    method = "POST" if "control" in path else "GET"
    assert ask(page, method, path, "{}" if method == "POST" else None, token=False)[0] == 401
    assert (
        ask(page, method, path, "{}" if method == "POST" else None, X_Lucidnet_Token=page.token[:-1])[0]
        == 401
    )
    assert ask(page, method, path, "{}" if method == "POST" else None, X_Lucidnet_Token="\xe9")[0] == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", ""],
)
def test_another_host_is_refused(page, host):
    for path in ("/", "/api/config"):
        assert ask(page, path=path, Host=host.format(port=page.port))[0] == 403


def test_its_own_names_are_answered(page):
    for host in (f"127.0.0.1:{page.port}", f"localhost:{page.port}", f"LOCALHOST:{page.port}"):
        assert ask(page, path="/api/config", Host=host)[0] == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost", "http://localhost"]
)
def test_another_page_is_refused(page, origin):
    assert ask(page, "POST", "/api/control", '{"do": "step"}', Origin=origin)[0] == 403
    assert ask(page, "POST", "/api/control", '{"do": "step"}', Sec_Fetch_Site="cross-site")[0] == 403


def test_a_proxy_may_be_allowed_by_name(monkeypatch):
    monkeypatch.setenv(server.HOSTS, "hub.example.org, localhost:8888")
    with ln.lab.serve("xor", open=False) as made:
        assert (
            ask(made, path="/api/config", Host="hub.example.org", Origin="https://hub.example.org")[0] == 200
        )
        assert ask(made, path="/api/config", Host="other.example.org")[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/static/app.js",
        "/%2e%2e/server.py",
        "//etc/passwd",
        "/app.js/",
        "/api/",
        "/api/config/x",
        "/__init__.py",
    ],
)
def test_no_path_is_looked_up(page, path):
    assert ask(page, path=path)[0] == 404


def test_sizes_are_limited_before_anything_is_read(page):
    with socket.create_connection(("127.0.0.1", page.port), timeout=10) as wire:
        head = (
            f"POST /api/control HTTP/1.1\r\nHost: localhost:{page.port}\r\nX-Lucidnet-Token: {page.token}\r\n"
        )
        wire.sendall(f"{head}Content-Length: 99999999999\r\n\r\n".encode())
        assert b" 413 " in wire.recv(4000).split(b"\r\n")[0]
    assert ask(page, "POST", "/api/control", "{}", Content_Length="-5")[0] in (400, 413)


@pytest.mark.parametrize(
    "body",
    ["", "{", "[]", "null", "1", '"step"', "{}", '{"do": 1}', '{"do": "fly"}', '{"do": "back"}', '{"do": "back", "step": -1}',
     '{"do": "back", "step": 1e99}', '{"do": "back", "step": 99999999}', '{"do": "step", "count": 1000000}', '{"do": "step", "count": NaN}',
     '{"do": "speed", "speed": 0}', '{"do": "speed", "speed": "fast"}', '{"do": "setup", "setup": []}', '{"do": "setup"}',
     '{"do": "csv", "name": "x.csv", "text": "a,b\\nc,d"}', '{"do": "csv", "name": "x.csv", "text": ""}', '{"do": "code", "network": 7}',
     '{"do": "cell", "network": 0, "name": "dense9.W", "row": 0, "column": 0}', '{"do": "cell", "network": 0, "name": "dense1.W", "row": 999, "column": 0}',
     "[" * 100_000, "\xff\xfe", '{"do": "step", "do": ' + "9" * 5000 + "}"],
    ids=lambda body: body[:40],
)  # fmt: skip
def test_what_is_no_request_is_answered_in_words(page, body):
    status, words, _ = ask(page, "POST", "/api/control", body.encode("latin-1"))
    assert status == 400 and words and b"Traceback" not in words
    assert ask(page, path="/api/config")[0] == 200


def test_a_disk_without_room_is_told(page, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lucidnet.lab.page.task.TemporaryDirectory", full)
    asked = json.dumps({"do": "csv", "name": "a.csv", "text": "a,b\n1,0\n2,1\n3,0\n4,1\n"}).encode()
    status, words, _ = ask(page, "POST", "/api/control", asked)
    assert status == 400 and b"No space left on device" in words


def fuzz(page, rounds, seed=0):
    """Send all kinds of things; return how many answers there were of each kind."""
    rng, counts = np.random.default_rng(seed), {}
    errors = []
    before, threading.excepthook = threading.excepthook, lambda args: errors.append(args)
    right = [
        '{"do":"step"}',
        '{"do":"back","step":3}',
        '{"do":"speed","speed":400}',
        '{"do":"setup","setup":{"seed":1}}',
        '{"do":"cell","network":0,"name":"dense1.W","row":0,"column":0}',
    ]
    try:
        for i in range(rounds):
            body = bytearray(right[i % len(right)].encode())
            for _ in range(rng.integers(0, 4)):
                body[rng.integers(len(body))] = rng.integers(256)
            if i % 11 == 0:
                raw = bytes(rng.integers(0, 256, rng.integers(1, 200), dtype=np.uint8))
                with socket.create_connection(("127.0.0.1", page.port), timeout=10) as wire:
                    wire.sendall(raw)
                continue
            path = [
                "/api/control",
                "/api/frame?since=" + str(rng.integers(-5, 5)) * int(rng.integers(0, 3)),
                "/" + bytes(rng.integers(33, 127, 8, dtype=np.uint8)).decode(),
            ][i % 3]
            status = (
                ask(page, "POST" if i % 3 == 0 else "GET", path, bytes(body) if i % 3 == 0 else None)[0]
                if "since=" not in path or "since=0" in path
                else 0
            )
            counts[status] = counts.get(status, 0) + 1
    finally:
        threading.excepthook = before
    assert not errors and not counts.get(500), (errors, counts)
    return counts


def test_ten_thousand_mutants_do_no_harm_and_take_no_memory(page, capsys):
    import resource

    counts = fuzz(page, 1000, seed=1)
    assert counts.get(200) and counts.get(400)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fuzz(page, 10_000, seed=2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000
    assert ask(page, path="/api/config")[0] == 200 and page.session.trainer.is_alive()
    assert capsys.readouterr() == ("", "")


def test_serve_takes_names_files_tables_and_arrays(tmp_path, data_of_all_kinds=None):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype("f")
    path = tmp_path / "own.csv"
    path.write_text("\n".join(f"{a},{b},{c},{'cat' if a > 0 else 'dog'}" for a, b, c in x))
    for data in ("digits", str(path), path, ln.data.read(path), (x, x[:, 0]), (x, (x[:, 0] > 0).astype(int))):
        with ln.lab.serve(data, open=False) as made:
            status, body, _ = ask(made, path="/api/config")
            config = json.loads(body)
            assert status == 200 and config["source"] == "lab"
            assert config["data"]["names"] == (
                ["cat", "dog"] if "csv" in str(data) or hasattr(data, "classes") else None
            )
            assert ask(made, "POST", "/api/control", '{"do": "step", "count": 3}')[0] == 200
            assert ask(made, path="/api/frame?since=0")[0] == 200
    for wrong in (3, "no such data", (x,), {"x": x}):
        with pytest.raises(LucidnetError):
            ln.lab.serve(wrong, open=False)


def test_a_port_that_is_taken_is_said(page):
    with pytest.raises(LucidnetError, match="port"):
        ln.lab.serve("xor", port=page.port, open=False)


def test_another_host_prints_a_warning(capsys):
    with ln.lab.serve("xor", host="0.0.0.0", open=False) as made:
        assert "other machines" in capsys.readouterr().out and "127.0.0.1" in made.url


def test_all_addresses_of_this_machine_are_answered_if_it_is_served_at_all(page):
    """And no name: a page of that name may have been led here."""
    with ln.lab.serve("xor", host="0.0.0.0", open=False) as made:
        port = made.port
        for host in (f"192.168.1.5:{port}", f"[fe80::1]:{port}", f"127.0.0.1:{port}", f"0.0.0.0:{port}"):
            assert ask(made, path="/api/config", Host=host, Origin=f"http://{host}")[0] == 200
            assert ask(made, path="/api/config", Host=host, Origin=f"http://10.0.0.1:{port}")[0] == 403
        for host in (
            f"evil.example:{port}",
            "192.168.1.5",
            f"192.168.1.5:{port + 1}",
            f"1.2.3:{port}",
            f":{port}",
        ):
            assert ask(made, path="/api/config", Host=host)[0] == 403
    assert ask(page, path="/api/config", Host=f"192.168.1.5:{page.port}")[0] == 403


def test_the_page_and_the_plots_have_one_table_of_colours():
    from lucidnet.plots.colors import DARK, LIGHT

    sheet = files.colors_css()
    light, dark = sheet.split("@media(prefers-color-scheme:dark)")
    for part, colors in ((light, LIGHT), (dark, DARK)):
        for i, color in enumerate(colors.signed):
            assert f"--signed-{i}:{color};" in part
        for i, color in enumerate(colors.classes):
            assert f"--class-{i}:{color};" in part
        assert f"--a:{colors.networks[0]};" in part and f"--b:{colors.networks[1]};" in part
    own = re.findall(r"#[0-9a-f]{6}", "".join(files._text(f"{name}.js") for name in files.MODULES))
    assert own in ([], ["#1d64a3"])  # that of an example in a comment


def test_the_page_is_small():
    from zlib import compress

    lines = sum(files._text(f"{name}.js").count("\n") for name in files.MODULES)
    assert lines < 2500
    assert sum(len(compress(body)) for _, body in files._files().values()) < 60_000


class Prefixed(BaseHTTPRequestHandler):
    """What jupyter-server-proxy does: it takes a prefix away, and leaves Host and Origin as the browser sent them."""

    protocol_version = "HTTP/1.1"
    prefix, port, missed = "/user/x/proxy/lab/", 0, []

    def pass_on(self):
        if not self.path.startswith(self.prefix):
            self.missed.append(self.path)
            self.send_error(404)
            return
        size = int(self.headers.get("Content-Length") or 0)
        wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        path = "/" + self.path.removeprefix(self.prefix)
        wire.request(self.command, path, self.rfile.read(size), dict(self.headers.items()))
        answer = wire.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("content-length", "connection", "server", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        wire.close()

    do_GET = do_POST = pass_on  # noqa: N815 - the names of http.server

    def log_message(self, *args):
        """Say nothing."""


def test_behind_a_proxy_that_takes_a_prefix_away(browser, monkeypatch):
    from conftest import Open

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Prefixed)
    outside = f"localhost:{proxy.server_address[1]}"
    monkeypatch.setenv(server.HOSTS, outside)
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/x/")
    threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
    try:
        with ln.lab.serve("xor", open=False) as made:
            Prefixed.port, Prefixed.prefix = made.port, f"/user/x/proxy/{made.port}/"
            shown = re.search('src="([^"]+)"', server.iframe(made)).group(1)
            one = Open(browser, f"http://{outside}{shown}")
            one.page.click("#step")
            one.page.wait_for_function("() => document.body.dataset.step === '1'")
            assert made.session.trainer.step == 1 and Prefixed.missed == [] and one.faults == []
            assert all(url.startswith(f"http://{outside}/user/x/proxy/") for url in one.requests)
            one.context.close()
    finally:
        proxy.shutdown()
        proxy.server_close()


def test_an_unknown_name_is_told_which_there_are():
    with pytest.raises(
        UnknownNameError,
        match="unknown data set 'periodic', and no such file: did you mean 'periodic_pattern'",
    ):
        ln.lab.serve("periodic", open=False)
