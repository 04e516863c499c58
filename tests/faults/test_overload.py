"""More work than cores: tiny calls get through, large ones share, others are told to return."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import offgil
import pytest
from offgil import AsyncClient, Client

from conftest import Start
from processes import Server, clean_environment, wait_for

from .target import MEGABYTE, Target

MIB = 1024 * 1024
# p99 of a tiny call beside bulk work, against its idle p99 just before: the median of pairs of
# series, since one of them may fall into a moment in which the machine does something else. What
# is answered on the spot keeps the promise of five times; a job of a pool wakes a second thread,
# which has been seen to be five times as well, a bit below and a bit above.
MOST_TIMES_IDLE = {"SumSquares": 5, "Invoke": 10}
PAIRS = 3
SECONDS_OF_A_SERIES = 1.5
# A long job beside another one, against the same one alone, just before and just after: the median
# of so many.
MOST_TIMES_ALONE = 3
ROUNDS_OF_JOBS = 3
# Between two looks at the memory of the server, in seconds.
LOOK_INTERVAL = 0.005
OPTION = {
    "spot": 100.0,
    "strike": 105.0,
    "rate": 0.03,
    "volatility": 0.2,
    "maturity": 1.0,
}
# Callers in a process of their own, until its standard input ends: the interpreter of the test has
# nothing to do with them.
BULK = """
import sys, threading
from offgil import Client
ended = threading.Event()
def call(client):
    while not ended.is_set():
        client.run("monte_carlo_option", spot=100.0, strike=105.0, rate=0.03, volatility=0.2,
            maturity=1.0, paths=20_000_000)
with Client(sys.argv[1], timeout=60) as client:
    threads = [threading.Thread(target=call, args=(client,)) for _ in range(4)]
    [thread.start() for thread in threads]
    sys.stdin.read()
    ended.set()
    [thread.join() for thread in threads]
"""


@contextmanager
def bulk_work(server: Target) -> Iterator[None]:
    """Keeps all cores of the server busy with long jobs, until the block ends."""
    command = [sys.executable, "-c", BULK, server.target]
    environment = clean_environment()
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        wait_for(lambda: server.metric("offgil_running_jobs", lane="long") >= 2, "both pools work")
        yield
        process.stdin.close()
        assert process.wait() == 0
    wait_for(server.is_idle, "the bulk work has ended")


def latencies(call: Callable[[], None], seconds: float = SECONDS_OF_A_SERIES) -> list[float]:
    """Returns the times of tiny calls, sorted."""
    found = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
        time.sleep(0.002)
    return sorted(found)


def p99(sorted_times: list[float]) -> float:
    return sorted_times[int(len(sorted_times) * 0.99)]


@pytest.mark.parametrize("method", ["SumSquares", "Invoke"])
def test_a_tiny_call_does_not_wait_for_bulk_work(
    start: Start[Target], tmp_path: Path, method: str
) -> None:
    server = start(Target(tmp_path))
    ratios = []
    with Client(server.target, batching=False) as client:

        def sum_squares() -> None:
            assert client.sum_squares(3, 4) == 25

        def invoke() -> None:
            assert client.run("ema", x=[1.0, 2.0, 4.0], alpha=0.5) == [1.0, 1.5, 2.75]

        call = {"SumSquares": sum_squares, "Invoke": invoke}[method]
        latencies(call, 0.5)
        for _ in range(PAIRS):
            idle = latencies(call)
            with bulk_work(server):
                busy = latencies(call)
            ratios.append(p99(busy) / p99(idle))
            line = ", ".join(
                f"{name} p50 {median(times) * 1e3:.2f} p99 {p99(times) * 1e3:.2f} ms"
                for name, times in (("idle", idle), ("busy", busy))
            )
            print(f"{method}: {line}: {ratios[-1]:.1f} times")
    print(f"{method}: median of {PAIRS} ratios: {median(ratios):.1f}")
    assert median(ratios) <= MOST_TIMES_IDLE[method]


async def test_two_long_jobs_share_the_cores(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path))
    ratios = []
    async with AsyncClient(server.target, batching=False) as client:

        async def run(paths: int) -> float:
            began = time.monotonic()
            await client.run("monte_carlo_option", **OPTION, paths=paths)
            return time.monotonic() - began

        for _ in range(ROUNDS_OF_JOBS):
            before = await run(40_000_000)
            long = asyncio.create_task(run(400_000_000))
            await asyncio.sleep(0.1)
            beside = await run(40_000_000)
            assert not long.done()
            await long
            after = await run(40_000_000)
            alone = (before + after) / 2
            ratios.append(beside / alone)
            print(
                f"alone {alone:.2f} s, beside one ten times as long {beside:.2f} s: "
                f"{ratios[-1]:.1f} times"
            )
    assert median(ratios) <= MOST_TIMES_ALONE


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


@contextmanager
def peaks(server: Target) -> Iterator[dict[str, float]]:
    """Yields the most of the budget that is taken and of resident memory, while the block runs."""
    most = {"budget": 0.0, "memory": 0.0}
    ended = threading.Event()

    def watch(name: str, look: Callable[[], float]) -> None:
        while not ended.wait(LOOK_INTERVAL):
            most[name] = max(most[name], look())

    with ThreadPoolExecutor(2) as pool:
        watching = [
            pool.submit(watch, "budget", server.budget),
            pool.submit(watch, "memory", server.memory),
        ]
        try:
            yield most
        finally:
            ended.set()
        for watcher in watching:
            watcher.result()


async def test_honest_overload_stays_within_the_memory_budget(
    start: Start[Target], tmp_path: Path
) -> None:
    budget = 128 * MIB
    flags = ["--memory-budget", str(budget), "--max-message-bytes", "32MiB"]
    server = start(Target(tmp_path, *flags))
    numbers = np.arange(MIB)  # 8 MiB, and as much for each of its two results

    async with AsyncClient(server.target, batching=False, timeout=60) as client:

        async def call() -> bool:
            try:
                values, _ = await client.run("sort", x=numbers.astype(float))
                return len(values) == len(numbers)
            except offgil.Overloaded as error:
                assert error.retry_after is not None
                return False

        assert await client.sum_squares(3, 4) == 25
        idle = server.memory()
        with peaks(server) as most:
            outcomes = await asyncio.gather(*(call() for _ in range(24)))
        print(
            f"{sum(outcomes)} of {len(outcomes)} answered; {most['budget'] / MIB:.0f} MiB of the "
            f"budget of {budget / MIB:.0f} at most; resident memory: idle {idle:.0f} MB, peak "
            f"{most['memory']:.0f} MB"
        )
        assert 0 < sum(outcomes) < len(outcomes)
        assert 0 < most["budget"] <= budget
        # A container with twice the budget, which is the rule of docs/operations.md, is enough.
        assert idle < most["memory"] <= 2 * budget / MEGABYTE
        assert server.metric("offgil_refusals_total", reason="memory") > 0
        assert await client.sum_squares(3, 4) == 25
        wait_for(server.is_idle, "no call, job or byte is left")
