"""A server that cannot be reached is looked for, for a bounded time."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import grpc.aio
import pytest
from fake_server import FakeServer, free_port
from half_server import GOAWAY, HalfServer

from offgil import AsyncClient, Client, ConnectionFailed, DeadlineExceeded, Overloaded
from offgil._options import ClientOptions
from offgil._proto.offgil.v1 import compute_pb2
from offgil._retry import RetrySchedule
from offgil._translate import Outcome, is_unavailable, outcome

NOT_REACHED, LOST, REFUSED = Outcome.NOT_REACHED, Outcome.LOST, Outcome.REFUSED


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def schedule(clock: Clock, *, timeout: float = 30.0, connect_timeout: float = 2.0) -> RetrySchedule:
    options = ClientOptions(timeout=timeout, connect_timeout=connect_timeout)
    return RetrySchedule(options, clock, jitter=lambda: 1.0)


def test_delays_double_up_to_a_cap_until_the_search_ends() -> None:
    clock = Clock()
    retries = schedule(clock)
    delays = []
    while (delay := retries.next_delay(NOT_REACHED)) is not None:
        delays.append(delay)
        clock.now += delay
    assert delays == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5]


def test_no_delay_reaches_past_the_deadline() -> None:
    clock = Clock()
    retries = schedule(clock, timeout=0.1)
    assert retries.attempt_timeout() == pytest.approx(0.1)
    assert retries.next_delay(LOST) == 0.05
    clock.now += 0.05
    assert retries.next_delay(LOST) is None


@pytest.mark.parametrize("lasted", [0.1, 1.9, 2.4, 10.0])
def test_every_lost_connection_begins_a_search(lasted: float) -> None:
    clock = Clock()
    retries = schedule(clock)
    for _ in range(2):
        retries.attempt_timeout()
        clock.now += lasted
        assert retries.next_delay(LOST) is not None
        clock.now += 1.4
        assert retries.next_delay(NOT_REACHED) is not None
    clock.now += 1.0
    assert retries.next_delay(NOT_REACHED) is None


def test_a_crash_loop_ends_with_the_deadline() -> None:
    clock = Clock()
    retries = schedule(clock, timeout=30)
    while (delay := retries.next_delay(LOST)) is not None:
        clock.now += delay + 0.1
    assert 129 < clock.now < 130


def test_a_server_that_only_refuses_is_asked_for_one_search() -> None:
    clock = Clock()
    retries = schedule(clock)
    while (delay := retries.next_delay(REFUSED)) is not None:
        clock.now += delay
        retries.attempt_timeout()
    assert 101 < clock.now < 102


def test_a_refusal_late_in_a_call_begins_a_search() -> None:
    clock = Clock()
    retries = schedule(clock)
    for _ in range(2):
        retries.attempt_timeout()
        clock.now += 10
        assert retries.next_delay(REFUSED) is not None


def test_many_failures_do_not_overflow() -> None:
    retries = schedule(Clock(), timeout=1e9, connect_timeout=1e9)
    for _ in range(5000):
        assert retries.next_delay(NOT_REACHED) is not None


async def failure(target: str) -> grpc.aio.AioRpcError:
    async with AsyncClient(target, connect_timeout=0.3) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.stub.ListKernels(compute_pb2.ListKernelsRequest(), timeout=20)
    assert is_unavailable(caught.value)
    return caught.value


@pytest.mark.parametrize("target", ["unix:///nowhere/o.sock", "dns:///no.such.name.invalid:5"])
async def test_knows_who_was_never_reached(target: str) -> None:
    assert outcome(await failure(target)) is NOT_REACHED


async def test_knows_that_nobody_listens_or_nobody_speaks() -> None:
    assert outcome(await failure(f"dns:///127.0.0.1:{free_port()}")) is NOT_REACHED
    with socket.create_server(("127.0.0.1", 0)) as mute:
        target = f"dns:///127.0.0.1:{mute.getsockname()[1]}"
        assert outcome(await failure(target)) is NOT_REACHED


@pytest.mark.parametrize("farewell", [b"", GOAWAY], ids=["closed", "goaway"])
async def test_knows_who_was_lost(farewell: bytes) -> None:
    with HalfServer(farewell) as half:
        assert outcome(await failure(half.target)) is LOST


async def test_knows_who_was_refused(server: FakeServer) -> None:
    server.failures = [ConnectionFailed("draining", reason="DRAINING")]
    assert outcome(await failure(server.target)) is REFUSED


async def test_a_call_is_tried_again_on_a_server_that_took_it_and_died() -> None:
    with HalfServer(b"", losses=3, patience=0.3) as half:
        async with AsyncClient(half.target, connect_timeout=0.5, timeout=20) as client:
            with pytest.raises(ConnectionFailed):
                await client.sum_squares(3, 4)
    assert half.taken == 3  # more than one search of 0.5 s reaches


async def test_a_name_server_that_does_not_answer_is_an_absent_server() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        target = f"dns://127.0.0.1:{silent.getsockname()[1]}/compute.example:50051"
        async with AsyncClient(target, connect_timeout=0.3, timeout=8) as client:
            with pytest.raises(ConnectionFailed):
                await client.sum_squares(3, 4)


async def test_an_absent_server_fails_within_the_connect_timeout() -> None:
    async with AsyncClient(f"dns:///127.0.0.1:{free_port()}", connect_timeout=0.5) as client:
        began = time.monotonic()
        with pytest.raises(ConnectionFailed):
            await client.sum_squares(3, 4)
        assert time.monotonic() - began < 5  # far below the deadline of the call


async def test_unavailable_is_retried_until_it_works(
    server: FakeServer, client: AsyncClient
) -> None:
    server.failures = [ConnectionFailed("draining", reason="DRAINING")] * 3
    assert await client.sum_squares(3, 4) == 25
    assert len(server.calls) == 4


async def test_nothing_else_is_retried(server: FakeServer, client: AsyncClient) -> None:
    server.failures = [Overloaded("busy", reason="OVERLOADED")] * 2
    with pytest.raises(Overloaded):
        await client.sum_squares(3, 4)
    with pytest.raises(Overloaded):
        async for _ in client.process_numbers_stream([[1]]):
            pass
    assert len(server.calls) == 2


def test_the_synchronous_client_retries_nothing_else_either(server: FakeServer) -> None:
    server.failures = [Overloaded("busy", reason="OVERLOADED", retry_after=0.01)] * 2
    with Client(server.target) as client:
        with pytest.raises(Overloaded) as caught:
            client.sum_squares(3, 4)
        with pytest.raises(Overloaded):
            list(client.process_numbers_stream([[1]]))
    assert caught.value.retry_after == 0.01
    assert len(server.calls) == 2


async def test_finds_a_server_that_comes_up_late() -> None:
    late, port = FakeServer(), free_port()
    async with AsyncClient(f"dns:///127.0.0.1:{port}", connect_timeout=10) as client:
        call = asyncio.create_task(client.sum_squares(3, 4))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(call), 0.2)
        late.start(port)
        assert await call == 25
    late.stop()


async def test_finds_a_server_again_that_was_away(server: FakeServer, client: AsyncClient) -> None:
    assert await client.sum_squares(3, 4) == 25
    server.stop()
    with pytest.raises(ConnectionFailed):
        await client.with_options(connect_timeout=0.1).sum_squares(3, 4)
    assert not await client.check_health()
    server.start(server.port)
    assert await client.with_options(connect_timeout=10).sum_squares(3, 4) == 25


async def test_the_deadline_ends_a_call(server: FakeServer, client: AsyncClient) -> None:
    server.hold.clear()
    with pytest.raises(DeadlineExceeded):
        await client.with_options(timeout=0.2).sum_squares(3, 4)


def test_the_synchronous_client_retries_alike(server: FakeServer) -> None:
    server.failures = [ConnectionFailed("draining", reason="DRAINING")] * 3
    with Client(server.target) as client:
        assert client.sum_squares(3, 4) == 25
    assert len(server.calls) == 4


async def test_a_stream_is_retried_before_its_first_chunk() -> None:
    late, port = FakeServer(), free_port()
    async with AsyncClient(f"dns:///127.0.0.1:{port}", connect_timeout=10) as client:

        async def collect() -> list[list[int]]:
            return [chunk async for chunk in client.process_numbers_stream([[1], [2, 3]], 0)]

        call = asyncio.create_task(collect())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(call), 0.2)
        late.start(port)
        assert await call == [[1], [2, 3]]
    late.stop()


async def test_a_stream_is_not_retried_after_its_first_chunk(
    server: FakeServer, client: AsyncClient
) -> None:
    server.failures = [ConnectionFailed("draining", reason="DRAINING")]
    server.hold.clear()
    was_taken = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        was_taken.set()
        yield b"{}"

    stream = client.invoke_json_stream("sum_squares", chunks())
    first = asyncio.ensure_future(anext(stream))
    await was_taken.wait()
    server.hold.set()
    with pytest.raises(ConnectionFailed):
        await first
    assert len(server.calls) == 1
