"""HTTP/2 by hand, for peers that break its rules or never finish what they began."""

from __future__ import annotations

import select
import socket
import ssl
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import TracebackType

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# Types of frames.
DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6
GOAWAY, WINDOW_UPDATE, CONTINUATION = 7, 8, 9
# Flags.
END_STREAM = ACK = 1
END_HEADERS = 4
# Settings.
INITIAL_WINDOW_SIZE = 4
# Error codes.
FLOW_CONTROL_ERROR, CANCEL = 3, 8

HEAD = struct.Struct(">BHBBI")
# Neither reading nor writing takes longer, in seconds.
PATIENCE = 30.0


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Returns a frame."""
    return HEAD.pack(len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream) + payload


def settings(values: Mapping[int, int] | None = None) -> bytes:
    """Returns a SETTINGS frame."""
    pairs = (struct.pack(">HI", key, value) for key, value in (values or {}).items())
    return frame(SETTINGS, payload=b"".join(pairs))


def reset(stream: int) -> bytes:
    """Returns a RST_STREAM frame that cancels a stream."""
    return frame(RST_STREAM, stream=stream, payload=struct.pack(">I", CANCEL))


def window_update(stream: int, increment: int) -> bytes:
    """Returns a WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, stream=stream, payload=struct.pack(">I", increment))


def field(name: str, value: str) -> bytes:
    """Returns a header field as HPACK writes it without tables (RFC 7541, 6.2.2)."""
    return b"\0" + _text(name) + _text(value)


def request_fields(method: str) -> bytes:
    """Returns the header block of a gRPC call."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": f"/{method}",
        ":authority": "x",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return b"".join(field(name, value) for name, value in fields.items())


def call(stream: int, method: str) -> bytes:
    """Returns the HEADERS frame that begins a gRPC call."""
    return frame(HEADERS, END_HEADERS, stream, request_fields(method))


def message_head(length: int) -> bytes:
    """Returns what announces a gRPC message."""
    return struct.pack(">BI", 0, length)


def data(stream: int, payload: bytes, *, flags: int = 0, size: int = 16_384) -> bytes:
    """Returns `payload` in DATA frames of at most `size` bytes, the last of them with `flags`."""
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    last = len(pieces) - 1
    return b"".join(
        frame(DATA, flags if index == last else 0, stream, piece)
        for index, piece in enumerate(pieces)
    )


def client_hello() -> bytes:
    """Returns the first bytes of a TLS client."""
    sent = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    connection = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return sent.read()


class Peer:
    """A connection to a server, with its preface sent unless `preface` is empty; a context."""

    def __init__(
        self,
        port: int,
        *,
        preface: bytes = PREFACE + settings() + frame(SETTINGS, ACK),
        receive_buffer: int | None = None,
    ) -> None:
        """Connects to a port of the loopback interface."""
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(preface)
        self._received = self.socket.makefile("rb")
        # What may be sent on all streams together, as far as frames have been read.
        self._window = 65_535

    def __enter__(self) -> Peer:
        """Does nothing."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the connection, whatever is still to be read."""
        self.close()

    def close(self) -> None:
        self._received.close()
        self.socket.close()

    def wait_for_window(self) -> None:
        """Waits until the server tells how much more it takes on this connection."""
        updates = (kind == WINDOW_UPDATE and not stream for kind, _, stream, _ in self.frames())
        assert any(updates), "the server has closed"

    def fill(self, stream: int, payload: bytes, *, size: int = 16_384) -> int:
        """Sends what the window of the connection has room for; returns how many bytes."""
        sent = payload[: self._window]
        self._window -= len(sent)
        self.socket.sendall(data(stream, sent, size=size))
        return len(sent)

    def upload(self, stream: int, payload: bytes) -> None:
        """Sends all, and waits for the window of the connection where it is too small."""
        while payload := payload[self.fill(stream, payload) :]:
            self.wait_for_window()

    def answer(self) -> None:
        """Answers each PING, until the server closes or this side shuts down."""
        with suppress(ConnectionError):
            for kind, flags, _, payload in self.frames():
                if kind == PING and not flags & ACK:
                    self.socket.sendall(frame(PING, ACK, payload=payload))

    def discard(self) -> None:
        """Throws away what has arrived so far.

        Raises:
            ConnectionError: The server has closed the connection.
        """
        while select.select([self.socket], [], [], 0)[0]:
            if not self.socket.recv(65_536):
                raise ConnectionAbortedError("the server has closed the connection")

    def frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Yields type, flags, stream and payload of each frame, until the server has closed."""
        with suppress(ConnectionResetError):
            while head := self._received.read(HEAD.size):
                high, low, kind, flags, stream = HEAD.unpack(head)
                payload = self._received.read(high << 16 | low)
                if kind == WINDOW_UPDATE and stream == 0:
                    self._window += int.from_bytes(payload, "big")
                yield kind, flags, stream, payload


def _text(text: str) -> bytes:
    encoded = text.encode()
    length = len(encoded)
    if length < 127:
        return bytes([length]) + encoded
    # An integer that does not fit its seven bits (RFC 7541, 5.1).
    prefix, rest = bytearray([127]), length - 127
    while rest >= 128:
        prefix.append(rest % 128 + 128)
        rest //= 128
    return bytes([*prefix, rest]) + encoded
