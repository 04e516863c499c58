"""What the admin address of a server tells, and a server that has one."""

from __future__ import annotations

from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from processes import PATIENCE, Server, free_port


class ObservedServer(Server):
    """A server with an admin address."""

    def __init__(self, folder: Path, *flags: str, port: int | None = None) -> None:
        """Describes a server; the admin address is a free port of loopback."""
        self.admin = f"127.0.0.1:{free_port()}"
        super().__init__(folder, "--admin", self.admin, *flags, port=port)

    def metric(self, name: str, **labels: str) -> float:
        """Returns the sum of the samples of a metric that have these labels."""
        text = httpx.get(f"http://{self.admin}/metrics", timeout=PATIENCE).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def is_idle(self) -> bool:
        """Returns whether no call, job, permit or byte is left."""
        names = ["in_flight", "running_jobs", "queued_jobs", "memory_budget_bytes"]
        return all(self.metric(f"offgil_{name}") == 0 for name in names)
