"""A server that takes connections and calls, and answers none of them."""

from __future__ import annotations

import socket
import threading
from types import TracebackType

__all__ = ["GOAWAY", "HalfServer"]

# HTTP/2 frames: SETTINGS and WINDOW_UPDATE with windows that let any message be sent, the
# acknowledgement of SETTINGS, and a GOAWAY that took no call.
SETTINGS = bytes([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 127, 255, 255, 255]) + bytes(
    [0, 0, 4, 8, 0, 0, 0, 0, 0, 127, 255, 0, 0]
)
SETTINGS_ACK = bytes([0, 0, 0, 4, 1, 0, 0, 0, 0])
GOAWAY = bytes([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2])
HEADERS = 1


class HalfServer:
    """Accepts connections, waits for a call on each, and leaves.

    Attributes:
        taken: How many calls it has taken.
        leave: Set: it leaves without further patience.
    """

    def __init__(self, farewell: bytes, *, losses: int = 1, patience: float = 0.0) -> None:
        self.taken = 0
        self.leave = threading.Event()
        self._farewell = farewell
        self._losses = losses
        self._patience = patience
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"dns:///127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> HalfServer:
        """Begins to accept."""
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Waits until all losses have happened."""
        self._thread.join(20)

    def _serve(self) -> None:
        with self._listener:
            while self.taken < self._losses:
                connection, _ = self._listener.accept()
                with connection, connection.makefile("rb") as incoming:
                    connection.sendall(SETTINGS + SETTINGS_ACK)
                    incoming.read(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
                    kind = None
                    while kind != HEADERS:
                        head = incoming.read(9)
                        kind = head[3]
                        incoming.read(int.from_bytes(head[:3], "big"))
                    self.taken += 1
                    self.leave.wait(self._patience)
                    connection.sendall(self._farewell)
