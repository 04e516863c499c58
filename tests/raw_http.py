"""HTTP/1.1 by hand, for clients that leave or read slowly."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from processes import WebApp


def connect(app: WebApp, *, receive_buffer: int | None = None) -> socket.socket:
    """Returns a connection to an app, whose system keeps so many bytes that are not read yet."""
    address = urlsplit(app.url)
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((address.hostname, address.port))
    return connection


def post(path: str, body: bytes) -> bytes:
    """Returns a request with a JSON body."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def request(app: WebApp, message: bytes) -> Iterator[None]:
    """Sends a request; leaves at the end without having waited for the answer."""
    with connect(app) as connection:
        connection.sendall(message)
        yield
