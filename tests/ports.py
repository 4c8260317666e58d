"""A port for processes that train together."""

import socket


def free_port():
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        return str(there.getsockname()[1])
