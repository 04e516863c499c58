"""docker-compose.mtls.yml: certificates on both sides and a token, between app and servers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import httpx
import pytest

from .deployment import GRPC, ROOT, SERVICE, Compose
from .load import URL, Load

pytestmark = pytest.mark.timeout(1800)

CERTIFICATES = ROOT / "deploy/mtls/certificates"
ADDRESS = f"localhost:{GRPC[1]}"
# A server looks at its files every second.
RENEWAL_SECONDS = 15.0


@pytest.fixture(scope="module")
def mtls(images: Compose) -> Iterator[Compose]:
    """A healthy deployment with certificates; its logs are printed if it does not start."""
    make_certificates()
    compose = Compose(overrides=("docker-compose.mtls.yml",))
    images.down()
    images.check_ports()
    try:
        # It waits until every container is healthy: the probe of the image works with TLS.
        compose.up()
        yield compose
    except BaseException:
        print(compose.logs())
        raise
    finally:
        compose.down()


def make_certificates() -> None:
    subprocess.run([ROOT / "deploy/mtls/make-certificates"], check=True, timeout=60)


def call(grpcurl: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Asks the published address for 3² + 4²."""
    command = [grpcurl, "-connect-timeout", "5", "-max-time", "30", *options]
    request = ["-d", '{"a":3,"b":4}', ADDRESS, f"{SERVICE}/SumSquares"]
    return subprocess.run([*command, *request], capture_output=True, text=True, timeout=60)


def credentials() -> tuple[str, ...]:
    app = CERTIFICATES / "app"
    files = {"-cacert": "ca.pem", "-cert": "cert.pem", "-key": "key.pem"}
    return tuple(part for flag, name in files.items() for part in (flag, str(app / name)))


def test_the_app_calls_its_servers(mtls: Compose) -> None:
    response = httpx.get(f"{URL}/sum-squares-rust", params={"a": 3, "b": 4}, timeout=40)
    assert response.json() == {"a": 3, "b": 4, "sum_of_squares": 25}
    (server,) = mtls.containers("compute")
    assert server.counted_calls() > 0


def test_every_container_is_healthy(mtls: Compose) -> None:
    for service in ("compute", "grpc", "app"):
        (container,) = mtls.containers(service)
        assert container.inspect()["State"]["Health"]["Status"] == "healthy"


def test_the_published_address_asks_for_a_certificate_and_a_token(
    mtls: Compose, grpcurl: str
) -> None:
    assert call(grpcurl, "-plaintext").returncode != 0
    only_server = call(grpcurl, "-cacert", str(CERTIFICATES / "ca.pem"))
    assert only_server.returncode != 0
    assert "25" not in only_server.stdout
    without_token = call(grpcurl, *credentials())
    assert "Unauthenticated" in without_token.stderr
    token = (CERTIFICATES / "app/token").read_text().strip()
    answered = call(grpcurl, *credentials(), "-H", f"authorization: Bearer {token}")
    assert '"sumOfSquares": "25"' in answered.stdout, answered.stderr


def test_no_call_fails_while_the_certificates_are_renewed(mtls: Compose) -> None:
    with Load() as load:
        load.wait_for_answers(50)
        make_certificates()
        # Connections are renewed meanwhile, since they have a maximum age.
        load.go_on(RENEWAL_SECONDS)
        load.wait_for_answers(50)
    assert load.failures == []
    (server,) = mtls.containers("compute")
    assert any(line.get("message") == "read again" for line in server.log_lines())


def test_no_log_shows_the_token(mtls: Compose) -> None:
    token = (CERTIFICATES / "app/token").read_text().strip()
    assert token not in mtls.logs()
