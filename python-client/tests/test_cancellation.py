"""Who stops waiting cancels the call, and nothing of gRPC shows."""

from __future__ import annotations

import asyncio

import anyio
import pytest
from fake_server import FakeServer, free_port

from offgil import AsyncClient, Cancelled


async def hold(server: FakeServer) -> None:
    await asyncio.to_thread(server.arrived.wait, 10)


async def was_cancelled(server: FakeServer) -> bool:
    return await asyncio.to_thread(server.cancelled.wait, 10)


async def test_cancelling_the_task_cancels_the_call(
    server: FakeServer, client: AsyncClient
) -> None:
    server.hold.clear()
    task = asyncio.create_task(client.sum_squares(3, 4))
    await hold(server)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await was_cancelled(server)


async def test_move_on_after_moves_on(server: FakeServer, client: AsyncClient) -> None:
    server.hold.clear()
    with anyio.move_on_after(0.2) as scope:
        await client.sum_squares(3, 4)
    assert scope.cancelled_caught
    assert await was_cancelled(server)


async def test_move_on_after_moves_on_from_a_stream(
    server: FakeServer, client: AsyncClient
) -> None:
    server.hold.clear()
    with anyio.move_on_after(0.2) as scope:
        async for _ in client.process_numbers_stream([[1]]):
            pass
    assert scope.cancelled_caught
    assert await was_cancelled(server)


async def test_move_on_after_moves_on_from_a_search() -> None:
    async with AsyncClient(
        f"dns:///127.0.0.1:{free_port()}", connect_timeout=60, timeout=60
    ) as client:
        with anyio.move_on_after(0.2) as scope:
            await client.sum_squares(3, 4)
        assert scope.cancelled_caught


async def test_asyncio_timeout_times_out(server: FakeServer, client: AsyncClient) -> None:
    server.hold.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.sum_squares(3, 4)


async def test_closing_the_client_ends_its_calls_with_an_offgil_error(
    server: FakeServer, client: AsyncClient
) -> None:
    server.hold.clear()
    task = asyncio.create_task(client.sum_squares(3, 4))
    await hold(server)
    await client.close()
    with pytest.raises(Cancelled, match="closed"):
        await task


async def test_leaving_a_stream_cancels_the_call(server: FakeServer, client: AsyncClient) -> None:
    stream = client.process_numbers_stream(([number] for number in range(10**9)), rounds=0)
    assert await anext(stream) == [0]
    await stream.aclose()
    assert await client.sum_squares(3, 4) == 25
