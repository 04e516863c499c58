"""Asks a server for its health, by hand, since a gRPC client takes longer to start."""

from __future__ import annotations

import socket
import time
from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4
FRAME_HEAD = 9
REQUEST = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/grpc.health.v1.Health/Check",
    ":authority": "localhost",
    "te": "trailers",
    "content-type": "application/grpc",
}
EMPTY_MESSAGE = bytes(5)
# `HealthCheckResponse { status: SERVING }`, with gRPC's prefix.
SERVING = b"\0\0\0\0\2\x08\1"
POLL_INTERVAL = 0.001
PATIENCE = 10.0


def wait_until_serving(path: Path) -> None:
    """Returns as soon as the server on this Unix socket says that it serves."""
    deadline = time.monotonic() + PATIENCE
    while not is_serving(path):
        assert time.monotonic() < deadline, f"{path}: not after {PATIENCE} s"
        time.sleep(POLL_INTERVAL)


def is_serving(path: Path) -> bool:
    """Returns whether a server listens and says that it serves."""
    fields = b"".join(_literal(name) + _literal(x, first=b"") for name, x in REQUEST.items())
    call = _frame(HEADERS, END_HEADERS, 1, fields) + _frame(DATA, END_STREAM, 1, EMPTY_MESSAGE)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        connection.sendall(PREFACE + _frame(SETTINGS, 0, 0, b"") + call)
        with connection.makefile("rb") as answer:
            while len(head := answer.read(FRAME_HEAD)) == FRAME_HEAD:
                payload = answer.read(int.from_bytes(head[:3], "big"))
                if head[3] == DATA:
                    return payload == SERVING
    return False


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    )


def _literal(text: str, first: bytes = b"\0") -> bytes:
    """Returns a string of a header field: never indexed, not compressed, shorter than 127 bytes."""
    return first + bytes([len(text)]) + text.encode()
