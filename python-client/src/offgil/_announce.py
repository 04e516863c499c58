"""Tells the person at the terminal where the service is, once it is there."""

from __future__ import annotations

import re
import shlex
import socket
import threading
from types import TracebackType

__all__ = ["Announcement"]

POLL_INTERVAL = 0.05
METHOD = "offgil.v1.ComputeService/ProcessNumbers"
BODY = '{"numbers":[1,2,3]}'
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Announcement:
    """Prints the addresses and a line to try each as soon as the HTTP socket accepts."""

    def __init__(
        self, listener: socket.socket, target: str, grpc_address: str | None, *, own_app: bool
    ) -> None:
        """Prepares the announcement.

        Args:
            listener: The bound socket on which a worker will listen.
            target: The gRPC address of the server.
            grpc_address: Where an embedded server serves gRPC over TCP.
            own_app: Whether the app is offgil's own, whose routes the `curl` line may name.
        """
        host, port = listener.getsockname()[:2]
        self._address: tuple[str, int] = (WILDCARDS.get(host, host), port)
        self._family = listener.family
        if grpc_address not in (None, "none"):
            target = f"dns:///{grpc_address}"
        self._text = "\n".join(_lines(self._address, target, own_app))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._wait_and_print, daemon=True)

    def __enter__(self) -> Announcement:
        """Begins to wait."""
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the waiting."""
        self._stopping.set()
        self._thread.join()

    def _wait_and_print(self) -> None:
        while not self._stopping.wait(POLL_INTERVAL):
            with socket.socket(self._family, socket.SOCK_STREAM) as probe:
                probe.settimeout(1.0)
                # The socket is bound but refuses until a worker has started and listens.
                if probe.connect_ex(self._address) == 0:
                    print(self._text, flush=True)
                    return


def _lines(address: tuple[str, int], target: str, own_app: bool) -> list[str]:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    url = f"http://{host}:{address[1]}"
    curl = (
        f"curl -X POST {url}/process-numbers-rust -H 'content-type: application/json' -d '{BODY}'"
    )
    lines = ["", f"offgil serves HTTP on {url} (documentation: {url}/docs)"]
    lines += [f"         and gRPC on {target.removeprefix('dns:///')}"]
    grpcurl = _grpcurl(target)
    commands = [curl] if own_app else []
    commands += [grpcurl] if grpcurl is not None else []
    lines += ["Try:", *(f"  {command}" for command in commands)] if commands else []
    return [*lines, "Stop with Ctrl-C.", ""]


def _grpcurl(target: str) -> str | None:
    if target.startswith("unix:"):
        path = shlex.quote(target.removeprefix("unix:").removeprefix("//"))
        return f"grpcurl -plaintext -unix -authority localhost -d '{BODY}' {path} {METHOD}"
    # grpcurl takes one host and port; lists of addresses and the other schemes are gRPC's own.
    found = re.fullmatch(r"(?:dns:(?://[^/]*/)?)?([\w.-]+:\d+|\[[\da-fA-F:.]+\]:\d+)", target)
    return f"grpcurl -plaintext -d '{BODY}' {found[1]} {METHOD}" if found else None
