"""The two published addresses: HTTP on port 8000 and gRPC on port 50051."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .deployment import GRPC, SERVICE
from .load import URL

pytestmark = [pytest.mark.timeout(1800), pytest.mark.usefixtures("compose")]


def process(number: int, rounds: int) -> int:
    """Applies f to a non-negative number, literally."""
    for _ in range(rounds):
        number = (number + 1) * 2 % 1_000_000_007
    return number


NUMBERS = [1, 2, 3]
PROCESSED = [process(number, 1000) for number in NUMBERS]


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(base_url=URL, timeout=40.0) as client:
        yield client


def call(grpcurl: str, *arguments: str) -> str:
    """Runs grpcurl without a proto file at hand; returns what it prints."""
    done = subprocess.run(
        [grpcurl, "-plaintext", "-connect-timeout", "5", "-max-time", "30", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def answer(grpcurl: str, method: str, request: dict[str, Any]) -> Any:
    return json.loads(call(grpcurl, "-d", json.dumps(request), f"{GRPC[0]}:{GRPC[1]}", method))


def test_http_processes_numbers(http: httpx.Client) -> None:
    response = http.post("/process-numbers-rust", json={"numbers": NUMBERS})
    assert response.status_code == 200, response.text
    assert response.json() == {"original_count": 3, "processed_result": PROCESSED}


def test_http_processes_a_body_that_is_streamed(http: httpx.Client) -> None:
    # Over 1 MiB, from which on a body is streamed.
    numbers = NUMBERS * 200_000
    response = http.post("/process-numbers-rust", json={"numbers": numbers})
    assert response.status_code == 200, response.text
    assert response.json() == {
        "original_count": len(numbers),
        "processed_result": PROCESSED * 200_000,
    }


def test_http_sums_squares(http: httpx.Client) -> None:
    response = http.get("/sum-squares-rust", params={"a": 3, "b": 4})
    assert response.json() == {"a": 3, "b": 4, "sum_of_squares": 25}


def test_http_refuses_bad_input(http: httpx.Client) -> None:
    response = http.post("/process-numbers-rust", json={"numbers": [1, "x"]})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "numbers", 1]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/docs", "/metrics"])
def test_http_serves(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code == 200


def test_grpcurl_lists_the_services(grpcurl: str) -> None:
    services = call(grpcurl, f"{GRPC[0]}:{GRPC[1]}", "list").split()
    assert {SERVICE, "grpc.health.v1.Health"} <= set(services)


def test_grpcurl_processes_numbers(grpcurl: str) -> None:
    # JSON of protobuf writes 64-bit integers as strings.
    expected = {"results": [str(number) for number in PROCESSED]}
    assert answer(grpcurl, f"{SERVICE}/ProcessNumbers", {"numbers": NUMBERS}) == expected


def test_grpcurl_finds_the_server_healthy(grpcurl: str) -> None:
    assert answer(grpcurl, "grpc.health.v1.Health/Check", {}) == {"status": "SERVING"}
