"""A TCP relay that keeps what it forwards to a server, so that a test knows what has been sent."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from types import TracebackType

from processes import wait_for

# An HTTP/2 frame RST_STREAM with the error code CANCEL.
CANCEL = re.compile(rb"\x00\x00\x04\x03\x00.{4}\x00\x00\x00\x08", re.DOTALL)


class Relay:
    """Listens on a port of its own and forwards to another; a context manager."""

    def __init__(self, port: int) -> None:
        """Creates a relay to a port of the loopback interface."""
        self._upstream = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._sent = bytearray()

    @property
    def target(self) -> str:
        return f"dns:///127.0.0.1:{self._listener.getsockname()[1]}"

    def wait_until_sent(self, marker: bytes, count: int = 0) -> int:
        """Waits until `marker` and `count` bytes after it are sent; returns where they end."""

        def end() -> int:
            found = self._sent.find(marker)
            whole = found >= 0 and len(self._sent) >= found + len(marker) + count
            return found + len(marker) + count if whole else 0

        return wait_for(end, f"{marker!r} is on its way to the server")

    def has_sent(self, marker: bytes) -> bool:
        """Returns whether `marker` has been sent so far."""
        return marker in self._sent

    def wait_until_cancelled(self, start: int) -> None:
        """Waits until a cancellation is sent after the position `start`."""
        wait_for(lambda: CANCEL.search(bytes(self._sent), start), "the call is cancelled")

    def __enter__(self) -> Relay:
        """Begins to forward."""
        self._threads[0].start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Breaks all connections off."""
        _break_off(self._listener, *self._ends)
        for thread in list(self._threads):
            thread.join()
        for end in [self._listener, *self._ends]:
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # shut down
            try:
                server = socket.create_connection(self._upstream)
            except OSError:
                client.close()
                continue
            self._ends += [client, server]
            for source, sink in ((client, server), (server, client)):
                pump = threading.Thread(
                    target=self._pump, args=(source, sink, sink is server), daemon=True
                )
                self._threads.append(pump)
                pump.start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_kept: bool) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
                if is_kept:
                    self._sent += data
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            _break_off(source, sink)  # as a killed server does


def _break_off(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):  # the other side may have closed it already
            end.shutdown(socket.SHUT_RDWR)
