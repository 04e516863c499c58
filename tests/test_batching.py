"""Calls that go together, against a real server: each keeps its own result, error and end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import offgil
import pytest
from offgil import AsyncClient
from offgil._gatherer import STALLED

from conftest import Start
from processes import Server, wait_for

MANY = 300
# Seconds between the deadlines of two calls in one batch, so that a busy machine tells them apart.
APART = 2.0


async def waiting(*calls: asyncio.Task[int]) -> None:
    """Lets calls begin, all of which wait for a server that stands still."""
    await asyncio.sleep(0)
    assert not any(call.done() for call in calls)


@asynccontextmanager
async def behind_a_call(server: Server, client: AsyncClient) -> AsyncIterator[asyncio.Task[int]]:
    """Lets a server stand still with a call in flight, behind which others gather."""
    assert await client.sum_squares(1, 1) == 2
    with server.frozen():
        first = asyncio.create_task(client.sum_squares(2, 2))
        await waiting(first)
        yield first


async def departed() -> None:
    """Waits until what has gathered behind a call without an answer is in flight itself."""
    await asyncio.sleep(2 * STALLED)


def hold_up(seconds: float) -> None:
    """Lets nothing else of this event loop go on, so that no batch departs meanwhile."""
    time.sleep(seconds)


async def test_calls_in_one_batch_do_not_touch_each_other(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path))
    async with AsyncClient(server.target) as client:
        async with behind_a_call(server, client) as first:
            good = [asyncio.create_task(client.sum_squares(n, 1)) for n in range(20)]
            overflow = asyncio.create_task(client.sum_squares(2**62, 2**62))
            left = asyncio.create_task(client.sum_squares(5, 5))
            await waiting(*good, overflow, left)
            left.cancel()
            with pytest.raises(asyncio.CancelledError):
                await left
        assert await asyncio.gather(first, *good) == [8, *(n * n + 1 for n in range(20))]
        with pytest.raises(offgil.OutOfRange):
            await overflow
    assert len(server.calls("BatchSumSquares")) >= 1
    assert len(server.calls("SumSquares")) < 20


async def test_a_caller_that_leaves_a_batch_in_flight_takes_no_other_with_it(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path))
    async with AsyncClient(server.target) as client:
        async with behind_a_call(server, client) as first:
            left = asyncio.create_task(client.sum_squares(5, 5))
            stay = [asyncio.create_task(client.sum_squares(n, 1)) for n in range(20)]
            await waiting(left, *stay)
            await departed()
            left.cancel()
            with pytest.raises(asyncio.CancelledError):
                await left
            assert not any(call.done() for call in stay)
        assert await asyncio.gather(first, *stay) == [8, *(n * n + 1 for n in range(20))]
        assert await client.sum_squares(6, 6) == 72
    check_only_batch(server, 1 + len(stay))


async def test_a_call_expires_in_a_batch_in_flight_and_the_others_do_not(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path))
    async with AsyncClient(server.target, timeout=2 * APART) as client:
        async with behind_a_call(server, client) as first:
            early = asyncio.create_task(client.sum_squares(3, 3))
            await waiting(early)
            hold_up(APART)
            late = [asyncio.create_task(client.sum_squares(n, 1)) for n in range(5)]
            await waiting(early, *late)
            for expired in (first, early):
                with pytest.raises(offgil.DeadlineExceeded):
                    await expired
            assert not any(call.done() for call in late)
        assert await asyncio.gather(*late) == [n * n + 1 for n in range(5)]
    check_only_batch(server, 1 + len(late))


def check_only_batch(server: Server, calls: int) -> None:
    """Waits until one batch is logged, and checks that so many calls went together in it."""
    (batch,) = wait_for(lambda: server.calls("BatchSumSquares"), "the batch is logged")
    assert (batch["n"], batch["code"]) == (calls, 0)


async def test_a_call_in_a_batch_expires_by_itself(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path))
    async with AsyncClient(server.target, timeout=30) as client:
        async with behind_a_call(server, client) as first:
            hasty = asyncio.create_task(asyncio.wait_for(client.sum_squares(3, 3), 0.2))
            patient = asyncio.create_task(client.sum_squares(4, 4))
            with pytest.raises(TimeoutError):
                await hasty
            assert not patient.done()
        assert (await first, await patient) == (8, 32)
    async with AsyncClient(server.target, timeout=0.5) as client:
        assert await client.sum_squares(1, 1) == 2
        with server.frozen():
            late = [asyncio.create_task(client.sum_squares(n, n)) for n in range(3)]
            for call in late:
                with pytest.raises(offgil.DeadlineExceeded):
                    await call
        assert await client.sum_squares(6, 6) == 72


@pytest.mark.parametrize("batching", [True, False])
async def test_very_many_calls_at_once_succeed(server: Server, batching: bool) -> None:
    # More than one connection may carry at a time.
    async with AsyncClient(server.target, batching=batching) as client:
        calls = (client.sum_squares(n, 1) for n in range(MANY))
        assert await asyncio.gather(*calls) == [n * n + 1 for n in range(MANY)]


async def test_calls_of_any_tiny_kernel_go_together(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path))
    async with AsyncClient(server.target) as client:

        async def run(a: int) -> int:
            return int((await client.run("sum_squares", a=a, b=1)).sum_of_squares)

        for _ in range(2):
            results = await asyncio.gather(*(run(n) for n in range(30)))
            assert results == [n * n + 1 for n in range(30)]
        slow = client.run(
            "monte_carlo_option",
            spot=100.0,
            strike=100.0,
            rate=0.0,
            volatility=0.2,
            maturity=1.0,
            paths=100_000,
        )
        prices = await asyncio.gather(slow, *(run(n) for n in range(5)))
        assert prices[1:] == [n * n + 1 for n in range(5)]
    assert server.calls("InvokeBatch")


async def test_gathered_calls_find_the_successor_of_a_lost_server(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path))
    async with AsyncClient(server.target, connect_timeout=20) as client:
        assert await client.sum_squares(1, 1) == 2
        server.freeze()
        calls = [asyncio.create_task(client.sum_squares(n, 1)) for n in range(20)]
        await waiting(*calls)
        server.sigkill()
        server.wait()
        start(Server(tmp_path, port=server.port))
        assert await asyncio.gather(*calls) == [n * n + 1 for n in range(20)]


async def test_closing_the_client_ends_gathered_calls(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path))
    client = AsyncClient(server.target)
    assert await client.sum_squares(1, 1) == 2
    with server.frozen():
        calls = [asyncio.create_task(client.sum_squares(n, 1)) for n in range(5)]
        await waiting(*calls)
        await client.close()
        for call in calls:
            with pytest.raises(offgil.OffgilError):
                await call
