"""The end of a deployment."""

from __future__ import annotations

import pytest

from .deployment import Compose

pytestmark = pytest.mark.timeout(1800)


def test_every_service_ends_cleanly_when_it_is_told_to(compose: Compose) -> None:
    services = {name: compose.containers(name) for name in ("compute", "grpc", "app")}
    compose.stop()
    exit_codes = {
        name: [container.inspect()["State"]["ExitCode"] for container in containers]
        for name, containers in services.items()
    }
    # 137 would be a SIGKILL after the grace period, 143 an end without a drain.
    assert exit_codes == {"compute": [0], "grpc": [0], "app": [0]}
