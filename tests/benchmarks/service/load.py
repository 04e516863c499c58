"""The load generator, `oha`: one request, repeated."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# What a turn may last beyond its time: the slowest request takes some seconds.
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is repeated.

    Attributes:
        url: Its address.
        options: What else `oha` is told of it.
        answer_bytes: The length of the right answer, or -1 if it varies.
    """

    url: str
    options: tuple[str, ...] = ()
    answer_bytes: int = -1


@dataclass(frozen=True, slots=True)
class Load:
    """What came out; times are in seconds."""

    rate: float
    p50: float
    p99: float
    slowest: float


def run(request: Request, seconds: float, *options: str) -> Load:
    """Repeats a request for some time, and fails unless every answer is a good one.

    Args:
        request: The request.
        seconds: After this time none begins; those in flight are waited for.
        options: More options, such as the number of connections.
    """
    command = [*_command(request, *options), "-z", f"{seconds:g}s", "-w"]
    done = subprocess.run(command, capture_output=True, timeout=seconds + PATIENCE, check=True)
    return _read(json.loads(done.stdout), request)


@contextmanager
def background(request: Request) -> Iterator[None]:
    """Repeats a request on one connection meanwhile."""
    with subprocess.Popen(
        [*_command(request, "-c", "1"), "-z", f"{PATIENCE:g}s"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
            assert process.poll() is None, f"the load on {request.url} has ended"
        finally:
            process.kill()


def _command(request: Request, *options: str) -> list[str]:
    generator = os.environ.get("BENCH_OHA", "oha")
    output = ["--no-tui", "--output-format", "json"]
    return [generator, *output, *request.options, *options, request.url]


def _read(result: dict[str, Any], request: Request) -> Load:
    summary, percentiles = result["summary"], result["latencyPercentiles"]
    assert set(result["statusCodeDistribution"]) == {"200"}, (request.url, result)
    assert not result["errorDistribution"], (request.url, result["errorDistribution"])
    # An error of gRPC has status 200 as well, but another length.
    assert request.answer_bytes in (-1, summary["sizePerRequest"]), (request, summary)
    return Load(
        rate=summary["requestsPerSec"],
        p50=percentiles["p50"],
        p99=percentiles["p99"],
        slowest=summary["slowest"],
    )
