"""Who stops waiting cancels the call, and nothing of gRPC shows."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import anyio
import pytest
from fake_server import FakeServer, free_port
from half_server import HalfServer

from offgil import AsyncClient, Cancelled, Client, DeadlineExceeded
from offgil._async_stream import run_exchange as run_async_exchange
from offgil._connection import Connection
from offgil._options import ClientOptions
from offgil._proto.offgil.v1 import compute_pb2
from offgil._stream import run_exchange
from offgil._streams import NumberExchange


async def hold(server: FakeServer) -> None:
    await asyncio.to_thread(server.arrived.wait, 10)


async def was_cancelled(server: FakeServer) -> bool:
    return await asyncio.to_thread(server.cancelled.wait, 10)


async def batched(client: AsyncClient) -> int:
    """Makes a call that gathers, because another one is in flight."""
    other = asyncio.ensure_future(client.sum_squares(1, 1))
    other.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.sleep(0)
    try:
        return await client.sum_squares(3, 4)
    finally:
        other.cancel()


async def consume(stream: AsyncIterator[Any]) -> None:
    async for _ in stream:
        pass


CALLS: dict[str, Callable[[AsyncClient], Coroutine[Any, Any, Any]]] = {
    "unary": lambda client: client.sum_squares(3, 4),
    "batched": batched,
    "stream": lambda client: consume(client.process_numbers_stream([[1]])),
    "array in pieces": lambda client: client.process_numbers(bytes(2**22), rounds=0),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@every_call
async def test_cancelling_the_task_cancels_the_call(
    server: FakeServer, client: AsyncClient, call: Any
) -> None:
    server.hold.clear()
    task = asyncio.create_task(call(client))
    await hold(server)
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    assert task.cancelled()
    assert await was_cancelled(server)


@every_call
async def test_asyncio_timeout_times_out(
    server: FakeServer, client: AsyncClient, call: Any
) -> None:
    server.hold.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await call(client)
    assert not is_being_cancelled()
    assert await was_cancelled(server)


@every_call
async def test_the_outer_of_two_timeouts_times_out(
    server: FakeServer, client: AsyncClient, call: Any
) -> None:
    server.hold.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2) as outer:
            async with asyncio.timeout(20) as inner:
                await call(client)
    assert (outer.expired(), inner.expired()) == (True, False)
    assert not is_being_cancelled()


@every_call
async def test_wait_for_times_out(server: FakeServer, client: AsyncClient, call: Any) -> None:
    server.hold.clear()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call(client), 0.2)
    assert await was_cancelled(server)


@every_call
async def test_move_on_after_moves_on(server: FakeServer, client: AsyncClient, call: Any) -> None:
    server.hold.clear()
    with anyio.move_on_after(0.2) as scope:
        await call(client)
    assert scope.cancelled_caught
    assert not is_being_cancelled()
    assert await was_cancelled(server)


@every_call
async def test_fail_after_fails(server: FakeServer, client: AsyncClient, call: Any) -> None:
    server.hold.clear()
    with pytest.raises(TimeoutError):
        with anyio.fail_after(0.2):
            await call(client)
    assert not is_being_cancelled()
    assert await was_cancelled(server)


@every_call
async def test_a_task_group_that_fails_cancels_the_call_and_raises_only_its_failure(
    server: FakeServer, client: AsyncClient, call: Any
) -> None:
    server.hold.clear()

    async def fail() -> None:
        await hold(server)
        raise ZeroDivisionError("mine")

    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(call(client))
            group.create_task(fail())
    assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError]
    assert task.cancelled()
    assert await was_cancelled(server)


@every_call
async def test_a_call_that_fails_cancels_its_task_group(
    server: FakeServer, client: AsyncClient, call: Any
) -> None:
    server.hold.clear()
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.TaskGroup() as group:
            sibling = group.create_task(asyncio.Event().wait())
            group.create_task(call(client.with_options(timeout=0.2)))
    assert [type(error) for error in caught.value.exceptions] == [DeadlineExceeded]
    assert sibling.cancelled()


@every_call
async def test_the_client_serves_on_after_a_cancellation(
    server: FakeServer, client: AsyncClient, call: Any
) -> None:
    server.hold.clear()
    with anyio.move_on_after(0.1):
        await call(client)
    server.hold.set()
    await call(client)


async def test_move_on_after_moves_on_from_a_search() -> None:
    async with AsyncClient(
        f"dns:///127.0.0.1:{free_port()}", connect_timeout=60, timeout=60
    ) as client:
        with anyio.move_on_after(0.2) as scope:
            await client.sum_squares(3, 4)
        assert scope.cancelled_caught


async def test_a_server_that_takes_no_bytes_does_not_stop_the_deadline() -> None:
    with HalfServer(b"", patience=40) as half:
        async with AsyncClient(half.target, timeout=0.3) as client, asyncio.timeout(5):
            with pytest.raises(DeadlineExceeded):
                await client.process_numbers(bytes(2**25))
            assert not await client.check_health()
            half.leave.set()


async def test_closing_the_client_ends_its_calls_with_an_offgil_error(
    server: FakeServer, client: AsyncClient
) -> None:
    server.hold.clear()
    task = asyncio.create_task(client.sum_squares(3, 4))
    await hold(server)
    await client.close()
    with pytest.raises(Cancelled, match="closed"):
        await task


async def test_closing_the_client_ends_a_search_with_an_offgil_error() -> None:
    client = AsyncClient(f"dns:///127.0.0.1:{free_port()}", connect_timeout=60, timeout=60)
    call = asyncio.create_task(client.sum_squares(3, 4))
    stream = asyncio.ensure_future(anext(client.process_numbers_stream(each_forever())))
    await asyncio.wait([call], timeout=0.2)
    await client.close()
    for task in (call, stream):
        with pytest.raises(Cancelled, match="closed"):
            await task


async def test_closing_the_client_ends_its_streams(server: FakeServer, client: AsyncClient) -> None:
    stream = client.process_numbers_stream(each_forever(), rounds=0)
    assert await anext(stream) == [0]
    await client.close()
    with pytest.raises(Cancelled, match="closed"):
        while True:
            await anext(stream)


def test_closing_the_synchronous_client_ends_a_search() -> None:
    client = Client(f"dns:///127.0.0.1:{free_port()}", connect_timeout=60, timeout=60)

    def stream() -> None:
        list(client.process_numbers_stream([[1]]))

    with ThreadPoolExecutor(2) as pool:
        calls: list[Future[Any]] = [pool.submit(client.sum_squares, 3, 4), pool.submit(stream)]
        wait(calls, 0.2)
        client.close()
        for call in calls:
            assert isinstance(call.exception(20), Cancelled)


def test_closing_the_synchronous_client_ends_its_calls(server: FakeServer) -> None:
    server.hold.clear()
    client = Client(server.target)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.sum_squares, 3, 4)
        assert server.arrived.wait(10)
        client.close()
        assert isinstance(call.exception(20), Cancelled)


def test_a_channel_closed_under_a_beginning_call_is_a_cancellation(server: FakeServer) -> None:
    connection = Connection(server.target, ClientOptions(), 1000)
    stub = connection.compute
    connection.close()
    connection._compute = stub
    for fault in (ValueError("Cannot invoke RPC on closed channel!"), RuntimeError("closed")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Connection, "compute", property(raising(fault)))
            with pytest.raises(Cancelled, match="closed"):
                connection.begin("ListKernels", compute_pb2.ListKernelsRequest())


def raising(fault: Exception) -> Callable[[object], Any]:
    def raise_it(_: object) -> Any:
        raise fault

    return raise_it


async def each_forever() -> AsyncIterator[list[int]]:
    for number in itertools.count():
        yield [number]
        await asyncio.sleep(0.01)


async def test_leaving_a_stream_cancels_the_call(server: FakeServer, client: AsyncClient) -> None:
    server.keep_open = True
    calls = []  # kept, because gRPC cancels a call that is collected

    def open_call(timeout: float) -> Any:
        calls.append(client._connection.begin_stream("ProcessNumbersStream", timeout=timeout))
        return calls[-1]

    stream = run_async_exchange(open_call, NumberExchange(0), [[1]], ClientOptions())
    assert await anext(stream) == [1]
    assert not server.left.is_set()
    await stream.aclose()
    assert await asyncio.to_thread(server.left.wait, 10)


def test_leaving_a_synchronous_stream_cancels_the_call(server: FakeServer) -> None:
    server.keep_open = True
    calls = []

    with Client(server.target) as client:

        def open_call(requests: Iterator[Any], timeout: float) -> Any:
            calls.append(
                client._connection.begin_stream("ProcessNumbersStream", requests, timeout=timeout)
            )
            return calls[-1]

        stream = run_exchange(open_call, NumberExchange(0), [[1]], ClientOptions())
        assert next(stream) == [1]
        assert not server.left.is_set()
        stream.close()  # type: ignore[attr-defined] # it is a generator
        assert server.left.wait(10)
