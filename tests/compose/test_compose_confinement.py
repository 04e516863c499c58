"""What the images hold, and what their containers may do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .deployment import GRPC, HTTP, Compose, DeploymentError, docker, inspect

pytestmark = pytest.mark.timeout(1800)

IMAGES = ["offgil-server", "offgil-app"]
SERVICES = ["compute", "grpc", "app"]
MAX_SERVER_IMAGE_BYTES = 15_000_000
ADMIN = "127.0.0.1:19464"
START_SECONDS = 30.0


def test_server_image_is_small(images: Compose) -> None:
    assert inspect("offgil-server")["Size"] <= MAX_SERVER_IMAGE_BYTES


@pytest.mark.parametrize("image", IMAGES)
def test_image_names_a_user_that_is_not_root(images: Compose, image: str) -> None:
    user = inspect(image)["Config"]["User"].partition(":")[0]
    # A number, so that an orchestrator can tell without /etc/passwd.
    assert int(user) > 0


@pytest.mark.parametrize("image", IMAGES)
def test_image_probes_itself(images: Compose, image: str) -> None:
    assert inspect(image)["Config"]["Healthcheck"]["Test"][0] == "CMD"


def test_server_image_refuses_the_network_unless_plaintext_is_allowed(images: Compose) -> None:
    with pytest.raises(DeploymentError, match="exit code 64") as refused:
        docker("run", "--rm", "offgil-server")
    assert "--allow-plaintext" in str(refused.value)


@pytest.fixture(params=SERVICES)
def service(compose: Compose, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What Docker knows of the container of a service."""
    (container,) = compose.containers(request.param)
    return container.inspect()


def test_root_filesystem_is_read_only(service: dict[str, Any]) -> None:
    assert service["HostConfig"]["ReadonlyRootfs"] is True
    assert [mount for mount in service["Mounts"] if mount["Type"] == "bind"] == []


def test_container_has_no_privileges(service: dict[str, Any]) -> None:
    host = service["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["Privileged"] is False
    assert "no-new-privileges:true" in host["SecurityOpt"]


def test_container_has_limits(service: dict[str, Any]) -> None:
    host = service["HostConfig"]
    assert host["NanoCpus"] > 0
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert int(host["LogConfig"]["Config"]["max-file"]) > 1
    assert "max-size" in host["LogConfig"]["Config"]


def test_container_runs_healthy_under_its_limits(service: dict[str, Any]) -> None:
    assert service["State"]["Health"]["Status"] == "healthy"
    assert service["RestartCount"] == 0


def test_processes_run_without_root_and_capabilities(compose: Compose) -> None:
    script = "print(*(s for s in open('/proc/1/status') if s[:3] in ('Uid', 'Cap', 'NoN')), sep='')"
    (app,) = compose.containers("app")
    status = dict(
        line.split(":", 1)
        for line in docker("exec", app.id, "python", "-c", script).splitlines()
        if line
    )
    assert "0" not in status["Uid"].split()
    assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert status["NoNewPrivs"].strip() == "1"


def test_ports_are_published_on_loopback_only(compose: Compose) -> None:
    published = {
        name: [
            (binding["HostIp"], int(binding["HostPort"]))
            for container in compose.containers(name)
            for bindings in container.inspect()["NetworkSettings"]["Ports"].values()
            for binding in bindings or []
        ]
        for name in SERVICES
    }
    assert published == {"compute": [], "grpc": [GRPC], "app": [HTTP]}


@pytest.fixture
def metrics_of_one_core(images: Compose) -> Iterator[str]:
    """The metrics of a server in a container of one core and 1 GiB."""
    container = docker(
        *["run", "--detach", "--cpus", "1", "--memory", "1g", "--publish", f"{ADMIN}:9464"],
        *["--env", "OFFGIL_ALLOW_PLAINTEXT=true", "--env", "OFFGIL_ADMIN=0.0.0.0:9464"],
        "offgil-server",
    ).strip()
    try:
        yield metrics_at(ADMIN, container)
    finally:
        docker("rm", "--force", container)


def metrics_at(address: str, container: str) -> str:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return httpx.get(f"http://{address}/metrics").text
        except httpx.TransportError:
            assert time.monotonic() < deadline, docker("logs", container, merge_errors=True)
            time.sleep(0.1)


def test_threads_and_memory_follow_the_limits_of_the_container(metrics_of_one_core: str) -> None:
    lines = metrics_of_one_core.splitlines()
    assert "offgil_threads 1" in lines
    assert f"offgil_memory_budget_limit_bytes {1 << 29}" in lines
