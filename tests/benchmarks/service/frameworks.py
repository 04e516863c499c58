"""Serving frameworks with processes of their own."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.service.services import TESTS
from processes import WebApp, clean_environment, free_port

APPS = "benchmarks.service.apps"


class Mosec(WebApp):
    """mosec with two workers."""

    def __init__(self, folder: Path) -> None:
        """Describes it on a free port."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", f"{APPS}.mosec_app", "--port", str(port)]
        command += ["--address", "127.0.0.1", "--log-level", "warning"]
        environment = clean_environment(PYTHONPATH=str(TESTS))
        super().__init__(command, folder, environment=environment, cwd=TESTS)

    def is_ready(self) -> bool:
        """Returns whether it answers."""
        return self.answers("/", 200)


class Ray(WebApp):
    """Ray Serve with two replicas, on a cluster that is this process and its children."""

    patience = 90.0

    def __init__(self, folder: Path) -> None:
        """Describes it on a free port."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", f"{APPS}.ray_app", str(port)]
        environment = clean_environment(
            PYTHONPATH=str(TESTS), RAY_USAGE_STATS_ENABLED="0", RAY_TMPDIR=str(folder)
        )
        super().__init__(command, folder, environment=environment, cwd=TESTS)

    def is_ready(self) -> bool:
        """Returns whether it answers."""
        return self.answers("/-/healthz", 200)
