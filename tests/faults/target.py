"""The server that is attacked, with what an operator sees of it."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import psutil

from processes import PATIENCE, Server, free_port

MEGABYTE = 1e6


class Target(Server):
    """A server with an admin address."""

    def __init__(self, folder: Path, *flags: str) -> None:
        """Describes a server with these flags."""
        admin = f"127.0.0.1:{free_port()}"
        super().__init__(folder, "--admin", admin, *flags)
        self._operator = httpx.Client(base_url=f"http://{admin}", timeout=PATIENCE)

    def metric(self, name: str, **labels: str) -> float:
        """Returns the sum of a metric over all samples that have these labels."""
        text = self._operator.get("/metrics").text
        samples = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(x) for had, x in samples if all(label in had for label in wanted))

    def budget(self) -> float:
        """Returns how many bytes of the memory budget are taken."""
        return self.metric("offgil_memory_budget_bytes")

    def connections(self) -> float:
        """Returns how many connections are open."""
        return self.metric("offgil_connections")

    def memory(self) -> float:
        """Returns its resident memory, in megabytes."""
        return float(psutil.Process(self.pid).memory_info().rss) / MEGABYTE

    def stop(self) -> None:
        self._operator.close()
        super().stop()
