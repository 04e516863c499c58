"""More work than cores: tiny calls get through, large ones share, others are told to return."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import offgil
import pytest
from offgil import AsyncClient, Client

from conftest import Start
from processes import Server

from .target import Target

MIB = 1024 * 1024
# p99 of a tiny call beside bulk work, against its idle p99, or against this on a busy machine.
MOST_TIMES_IDLE = 5
LEAST_IDLE_P99 = 0.002
OPTION = {
    "spot": 100.0,
    "strike": 105.0,
    "rate": 0.03,
    "volatility": 0.2,
    "maturity": 1.0,
}
# Callers in a process of their own: the interpreter of the test has nothing to do with them.
BULK = """
import sys, threading, time
from offgil import Client
end = time.monotonic() + float(sys.argv[2])
def call(client):
    while time.monotonic() < end:
        client.run("monte_carlo_option", spot=100.0, strike=105.0, rate=0.03, volatility=0.2,
            maturity=1.0, paths=20_000_000)
with Client(sys.argv[1], timeout=60) as client:
    threads = [threading.Thread(target=call, args=(client,)) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


@contextmanager
def bulk_work(server: Server, seconds: float) -> Iterator[None]:
    """Keeps all cores of the server busy with long jobs."""
    command = [sys.executable, "-c", BULK, server.target, str(seconds)]
    with subprocess.Popen(command) as process:
        yield
        assert process.wait() == 0


def latencies(client: Client, seconds: float) -> list[float]:
    """Returns the times of tiny calls, sorted."""
    found = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        assert client.sum_squares(3, 4) == 25
        found.append(time.perf_counter() - began)
        time.sleep(0.002)
    return sorted(found)


def p99(sorted_times: list[float]) -> float:
    return sorted_times[int(len(sorted_times) * 0.99)]


def test_a_tiny_call_does_not_wait_for_bulk_work(start: Start[Target], tmp_path: Path) -> None:
    server = start(Target(tmp_path))
    with Client(server.target) as client:
        latencies(client, 0.5)
        idle = latencies(client, 3)
        with bulk_work(server, 6):
            while server.metric("offgil_running_jobs", lane="long") < 2:
                time.sleep(0.01)
            busy = latencies(client, 4)
    line = ", ".join(
        f"{name} p50 {median(times) * 1e3:.2f} p99 {p99(times) * 1e3:.2f} ms"
        for name, times in (("idle", idle), ("busy", busy))
    )
    print(f"{line}: {p99(busy) / p99(idle):.1f} times")
    assert p99(busy) <= MOST_TIMES_IDLE * max(p99(idle), LEAST_IDLE_P99)


async def test_two_long_jobs_share_the_cores(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path))
    async with AsyncClient(server.target, batching=False) as client:

        async def run(paths: int) -> float:
            began = time.monotonic()
            await client.run("monte_carlo_option", **OPTION, paths=paths)
            return time.monotonic() - began

        alone = await run(40_000_000)
        long = asyncio.create_task(run(400_000_000))
        await asyncio.sleep(0.1)
        beside = await run(40_000_000)
        is_first = not long.done()
        await long
    print(f"alone {alone:.2f} s, beside one ten times as long {beside:.2f} s")
    assert is_first
    assert beside < 6 * alone


async def test_the_refused_are_told_when_to_come_back_and_then_get_through(
    start: Start[Target], tmp_path: Path
) -> None:
    server = start(Target(tmp_path, "--threads", "1", "--max-queue-time", "500ms"))
    async with AsyncClient(server.target, batching=False, timeout=60) as client:

        async def run() -> float | None:
            try:
                await client.run("monte_carlo_option", **OPTION, paths=10_000_000)
            except offgil.Overloaded as error:
                assert error.reason == "OVERLOADED"
                return error.retry_after
            return None

        outcomes = await asyncio.gather(*(run() for _ in range(200)))
        delays = [delay for delay in outcomes if delay is not None]
        assert 0 < len(delays) < len(outcomes)
        # With jitter, so that they do not all come back at once.
        assert len(set(delays)) > len(delays) / 2
        assert all(0 < delay < 60 for delay in delays)
        assert server.metric("offgil_refusals_total", reason="queue") == len(delays)
        await asyncio.sleep(max(delays))
        assert await run() is None


async def test_what_cannot_end_before_its_deadline_is_refused_at_once(
    start: Start[Target], tmp_path: Path
) -> None:
    server = start(Target(tmp_path, "--threads", "1"))
    async with AsyncClient(server.target, batching=False) as client:
        await client.sum_squares(3, 4)
        short = client.with_options(timeout=0.5)
        began = time.monotonic()
        with pytest.raises(offgil.DeadlineExceeded):
            await short.run("monte_carlo_option", **OPTION, paths=1_000_000_000)
        assert time.monotonic() - began < 0.4
        assert server.metric("offgil_refusals_total", reason="deadline") == 1
        assert server.is_idle()


async def test_honest_overload_stays_within_the_memory_budget(
    start: Start[Target], tmp_path: Path
) -> None:
    flags = ["--memory-budget", "128MiB", "--max-message-bytes", "32MiB"]
    server = start(Target(tmp_path, *flags))
    numbers = np.arange(MIB)  # 8 MiB, and as much for each of its two results
    peak = 0.0

    async with AsyncClient(server.target, batching=False, timeout=60) as client:

        async def call() -> bool:
            try:
                values, _ = await client.run("sort", x=numbers.astype(float))
                return len(values) == len(numbers)
            except offgil.Overloaded as error:
                assert error.retry_after is not None
                return False

        async def watch() -> None:
            nonlocal peak
            while True:
                metric = asyncio.to_thread(server.metric, "offgil_memory_budget_bytes")
                peak = max(peak, await metric)

        watching = asyncio.create_task(watch())
        outcomes = await asyncio.gather(*(call() for _ in range(24)))
        watching.cancel()
        print(f"{sum(outcomes)} of {len(outcomes)} answered; {peak / MIB:.0f} MiB at most")
        assert 0 < sum(outcomes) < len(outcomes)
        assert peak <= 128 * MIB
        assert server.metric("offgil_refusals_total", reason="memory") > 0
        assert await client.sum_squares(3, 4) == 25
        await asyncio.to_thread(lambda: time.sleep(0.2))
        assert server.is_idle()
