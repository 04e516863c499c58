"""The server that is measured, and how long its kernels run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from offgil import Client
from offgil.sidecar import Sidecar

from benchmarks.server_statistics import Statistics


class Compute:
    """A client of a server, and the server's statistics."""

    def __init__(self, client: Client, statistics: Statistics) -> None:
        """Wraps them."""
        self._client = client
        self._statistics = statistics

    def call(self, kernel: str, arguments: Mapping[str, Any]) -> Any:
        """Calls a kernel."""
        return self._client.run(kernel, **arguments)

    def seconds(self, kernel: str) -> float:
        """Returns for how long a kernel has run in all, without transport, queue and conversion."""
        return self._statistics.read(kernel).computed


@contextmanager
def serving() -> Iterator[Compute]:
    """Runs a server, as an app with an embedded sidecar does."""
    # One line for each call would stand between those of the table.
    os.environ.setdefault("OFFGIL_LOG", "warn")
    with (
        Sidecar() as sidecar,
        Client(sidecar.target) as client,
        Statistics(sidecar.target) as statistics,
    ):
        yield Compute(client, statistics)
