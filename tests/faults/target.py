"""The server that is attacked, with what an operator sees of it."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import psutil

from admin import AdminServer
from certificates import Authority, SecureServer
from processes import PATIENCE

MEGABYTE = 1e6


class Target(AdminServer):
    """A server that is asked for its metrics again and again, on one connection."""

    def __init__(self, folder: Path, *flags: str) -> None:
        """Describes a server with these flags."""
        super().__init__(folder, *flags)
        admin = f"http://127.0.0.1:{self.admin_port}"
        self._operator = httpx.Client(base_url=admin, timeout=PATIENCE, trust_env=False)

    def metric(self, name: str, **labels: str) -> float:
        """Returns the sum of a metric over all samples that have these labels; quickly."""
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

    def is_idle(self) -> bool:
        """Returns whether no call, job, permit or byte is left."""
        return not any(self.load().values())

    def load(self) -> dict[str, float]:
        """Returns what calls, jobs and bytes there are."""
        names = ["in_flight", "running_jobs", "queued_jobs", "memory_budget_bytes"]
        return {name: self.metric(f"offgil_{name}") for name in names}

    def memory(self) -> float:
        """Returns its resident memory, in megabytes."""
        return float(psutil.Process(self.pid).memory_info().rss) / MEGABYTE

    def stop(self) -> None:
        self._operator.close()
        super().stop()


class SecureTarget(Target, SecureServer):
    """A target whose TCP port takes TLS; the honest caller beside an attack uses its socket."""

    def __init__(self, folder: Path, authority: Authority, *flags: str) -> None:
        """Describes a server with a certificate of its own."""
        identity = authority.issue("server")
        tls = ["--tls-cert", str(identity.cert), "--tls-key", str(identity.key)]
        super().__init__(folder, *tls, *flags)

    @property
    def target(self) -> str:
        return self.unix_target
