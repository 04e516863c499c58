"""A server with its admin address, and what it tells there."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from processes import PATIENCE, Server, free_port, wait_for


class AdminServer(Server):
    """A server with /metrics, /livez and /readyz on a port of its own."""

    def __init__(
        self, folder: Path, *flags: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Describes a server; both of its ports are free ones."""
        self.admin_port = free_port()
        admin = ("--admin", f"127.0.0.1:{self.admin_port}")
        super().__init__(folder, *admin, *flags, environment=environment)

    def ask(self, path: str, method: str = "GET") -> httpx.Response:
        """Asks the admin address, on a connection of its own."""
        url = f"http://127.0.0.1:{self.admin_port}{path}"
        return httpx.request(method, url, timeout=PATIENCE, trust_env=False)

    def families(self) -> dict[str, Metric]:
        """Returns the metrics by name; the name of a counter has no ``_total``."""
        found = text_string_to_metric_families(self.ask("/metrics").text)
        return {family.name: family for family in found}

    def value(self, name: str, **labels: str) -> float:
        """Returns the sum of the samples of a name that have these labels."""
        return sum(
            sample.value
            for family in self.families().values()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def values(self) -> dict[str, float]:
        """Returns the sum of the samples of each name."""
        sums: dict[str, float] = {}
        for family in self.families().values():
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
        return sums

    def wait_for_value(self, name: str, value: float, **labels: str) -> None:
        """Waits until `value` is this; a call is counted a moment after its answer."""
        wait_for(lambda: self.value(name, **labels) == value, f"{name} {labels} is {value}")

    def connect(self) -> socket.socket:
        """Connects to the admin address and says nothing yet."""
        return socket.create_connection(("127.0.0.1", self.admin_port), PATIENCE)

    def probe_seconds(self, path: str) -> float:
        """Returns how long an answer takes, from connecting to its last byte."""
        began = time.perf_counter()
        with self.connect() as peer:
            peer.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
            answer = read_to_end(peer)
        took = time.perf_counter() - began
        assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]
        return took


def read_to_end(peer: socket.socket) -> bytes:
    """Returns all that a peer sends until it closes."""
    return b"".join(iter(lambda: peer.recv(1 << 16), b""))
