"""Deadlines and cancellation of the client, with asyncio and anyio, against a server that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import anyio
import offgil
import pytest
from offgil import AsyncClient, Client

from conftest import Start
from processes import PATIENCE, Server, wait_for

Call = Callable[[AsyncClient], Coroutine[Any, Any, Any]]


@pytest.fixture
def hanging(start: Start[Server], tmp_path: Path) -> Iterator[Server]:
    """A server that stands still, after a client could connect."""
    server = start(Server(tmp_path))
    with server.frozen():
        yield server


async def test_a_deadline_ends_a_call(hanging: Server) -> None:
    async with AsyncClient(hanging.target) as client:
        quick = client.with_options(timeout=0.2)
        with pytest.raises(offgil.DeadlineExceeded):
            await quick.sum_squares(3, 4)
        with pytest.raises(offgil.DeadlineExceeded):
            async for _ in quick.process_numbers_stream([[1]]):
                pass
    with Client(hanging.target, timeout=0.2) as blocking:
        with pytest.raises(offgil.DeadlineExceeded):
            blocking.sum_squares(3, 4)
        with pytest.raises(offgil.DeadlineExceeded):
            list(blocking.process_numbers_stream([[1]]))


async def test_options_hold_for_the_derived_client_alone(server: Server, hanging: Server) -> None:
    async with AsyncClient(hanging.target) as client:
        derived = client.with_options(timeout=0.2)
        assert (derived.timeout, client.timeout) == (0.2, 30.0)
        with pytest.raises(offgil.DeadlineExceeded):
            await derived.sum_squares(3, 4)
    async with AsyncClient(server.target) as client:
        async with client.with_options(timeout=5) as derived:
            assert await derived.sum_squares(3, 4) == 25
        # The channel belongs to the first client, so it is still open.
        assert await client.sum_squares(3, 4) == 25
    with pytest.raises(ValueError, match="timeout"):
        AsyncClient(server.target, timeout=0)


async def consume(stream: AsyncIterator[Any]) -> None:
    async for _ in stream:
        pass


async def fail_soon() -> None:
    await asyncio.sleep(0.1)
    raise ZeroDivisionError("mine")


async def batched(client: AsyncClient) -> int:
    """Makes a call that gathers, because another one is in flight."""
    other = asyncio.ensure_future(client.sum_squares(1, 1))
    other.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.sleep(0)
    try:
        return await client.sum_squares(3, 4)
    finally:
        other.cancel()


CALLS: dict[str, Call] = {
    "unary": lambda c: c.sum_squares(3, 4),
    "batched": batched,
    "stream": lambda c: consume(c.process_numbers_stream([[1]])),
    "array in pieces": lambda c: c.process_numbers(bytes(2**22)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_anyio_cancels_a_call(hanging: Server, call: Call) -> None:
    async with AsyncClient(hanging.target) as client:
        with anyio.move_on_after(0.2) as scope:
            await call(client)
        assert scope.cancelled_caught
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.2):
                await call(client)
        async with anyio.create_task_group() as group:
            group.start_soon(call, client)
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_asyncio_cancels_a_call(hanging: Server, call: Call) -> None:
    async with AsyncClient(hanging.target) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await call(client)
        task = asyncio.ensure_future(call(client))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(call(client))
                group.create_task(fail_soon())
        assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]
        assert task.cancelled()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_closing_the_client_cancels_its_calls(hanging: Server, call: Call) -> None:
    client = AsyncClient(hanging.target)
    task = asyncio.ensure_future(call(client))
    for _ in range(10):
        await asyncio.sleep(0)
    await client.close()
    with pytest.raises(offgil.Cancelled):
        await asyncio.wait_for(task, PATIENCE)
    with pytest.raises(RuntimeError, match="closed"):
        await client.sum_squares(3, 4)


async def test_a_cancelled_call_is_cancelled_at_the_server(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path))
    async with AsyncClient(server.target) as client:
        received = asyncio.Event()

        async def chunks() -> AsyncIterator[list[int]]:
            yield [1]
            await received.wait()
            task.cancel()
            await asyncio.Event().wait()

        async def run() -> None:
            async for _ in client.process_numbers_stream(chunks()):
                received.set()

        task = asyncio.create_task(run())
        with pytest.raises(asyncio.CancelledError):
            await task
        found = await asyncio.to_thread(
            wait_for, lambda: server.calls("ProcessNumbersStream"), "the call is logged"
        )
        assert [line["code"] for line in found] == [1]
        assert await client.sum_squares(3, 4) == 25


async def test_a_fault_of_the_caller_reaches_the_caller(client: AsyncClient) -> None:
    def chunks() -> Iterator[list[int]]:
        yield [1]
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        await consume(client.process_numbers_stream(chunks()))
    with pytest.raises(offgil.InvalidArgument, match="numbers"):
        await consume(client.process_numbers_stream([[1], ["x"]]))
    assert await client.sum_squares(3, 4) == 25


def test_a_client_belongs_to_its_event_loop(server: Server) -> None:
    client = AsyncClient(server.target)

    async def use() -> int:
        return await client.sum_squares(3, 4)

    async def use_and_close() -> None:
        assert await use() == 25
        with pytest.raises(RuntimeError, match="event loop"):
            await asyncio.to_thread(lambda: asyncio.run(use()))
        await client.close()

    asyncio.run(use_and_close())
