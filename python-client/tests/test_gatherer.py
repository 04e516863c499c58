"""Tiny calls go together while others are in flight, and stay apart in everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import anyio
import pytest
from fake_server import FakeServer

from offgil import AsyncClient, DeadlineExceeded, OffgilError, OutOfRange, Overloaded
from offgil._gatherer import MOST_CALLS, Gatherer

Answer = int | OffgilError


class Batches:
    """What a gatherer sends: each batch waits until the test answers it."""

    def __init__(self, timeout: float = 10.0) -> None:
        self.sent: asyncio.Queue[tuple[Sequence[int], asyncio.Future[Sequence[Answer]]]]
        self.sent = asyncio.Queue()
        self.gatherer: Gatherer[int, int] = Gatherer(self._send, timeout)

    async def _send(self, requests: Sequence[int]) -> Sequence[Answer]:
        answers: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
        self.sent.put_nowait((requests, answers))
        return await answers

    def join(self, *requests: int) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.gatherer.join(request)) for request in requests]


async def gather(batches: Batches, *requests: int) -> list[asyncio.Task[int]]:
    """Makes calls while another is in flight, which then comes back."""
    with batches.gatherer.alone():
        tasks = batches.join(*requests)
        await asyncio.sleep(0)
        assert batches.sent.empty()
    return tasks


async def test_calls_gather_while_one_is_in_flight_and_go_together() -> None:
    batches = Batches()
    tasks = await gather(batches, 1, 2, 3)
    requests, answers = await batches.sent.get()
    assert requests == [1, 2, 3]
    late = batches.join(4)
    await asyncio.sleep(0)
    assert batches.sent.empty()
    answers.set_result([10, 20, 30])
    assert await asyncio.gather(*tasks) == [10, 20, 30]
    requests, answers = await batches.sent.get()
    assert requests == [4]
    answers.set_result([40])
    assert await late[0] == 40
    assert not batches.gatherer.is_busy


async def test_each_call_has_its_own_error() -> None:
    batches = Batches()
    tasks = await gather(batches, 1, 2, 3)
    _, answers = await batches.sent.get()
    answers.set_result([10, OutOfRange("too large"), 30])
    first, second, third = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, third) == (10, 30)
    assert isinstance(second, OutOfRange)


async def test_the_error_of_a_batch_is_raised_in_each_call_by_itself() -> None:
    batches = Batches()
    tasks = await gather(batches, 1, 2)
    _, answers = await batches.sent.get()
    answers.set_exception(Overloaded("busy", retry_after=2.0))
    first, second = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(first, Overloaded) and isinstance(second, Overloaded)
    assert first is not second
    assert first.retry_after == second.retry_after == 2.0


async def test_a_cancelled_call_leaves_the_others_right() -> None:
    batches = Batches()
    tasks = await gather(batches, 1, 2, 3)
    _, answers = await batches.sent.get()
    tasks[1].cancel()
    await asyncio.sleep(0)
    answers.set_result([10, 20, 30])
    assert (await tasks[0], await tasks[2]) == (10, 30)
    assert tasks[1].cancelled()


async def test_a_call_that_is_cancelled_before_it_goes_does_not_go() -> None:
    batches = Batches()
    with batches.gatherer.alone():
        tasks = batches.join(1, 2)
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
    requests, answers = await batches.sent.get()
    assert requests == [2]
    answers.set_result([20])
    assert await tasks[1] == 20


async def test_a_batch_that_nobody_waits_for_is_cancelled() -> None:
    batches = Batches()
    tasks = await gather(batches, 1, 2)
    _, answers = await batches.sent.get()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await asyncio.sleep(0)
    assert answers.cancelled()
    assert not batches.gatherer.is_busy


async def test_each_call_has_its_own_deadline() -> None:
    batches = Batches(timeout=0.2)
    tasks = await gather(batches, 1)
    await batches.sent.get()  # and no answer
    with pytest.raises(DeadlineExceeded):
        await tasks[0]
    assert not batches.gatherer.is_busy


async def test_a_stalled_batch_does_not_hold_up_the_next() -> None:
    batches = Batches()
    stalled = await gather(batches, 1)
    _, first = await batches.sent.get()
    late = batches.join(2)
    requests, second = await asyncio.wait_for(batches.sent.get(), 5)
    assert requests == [2]
    second.set_result([20])
    assert await late[0] == 20
    first.set_result([10])
    assert await stalled[0] == 10
    assert not batches.gatherer.is_busy


async def test_anyio_knows_its_cancellation_again() -> None:
    batches = Batches()
    with batches.gatherer.alone():
        with anyio.move_on_after(0.05) as scope:
            await batches.gatherer.join(1)
        assert scope.cancelled_caught


async def test_a_batch_has_a_limit() -> None:
    batches = Batches()
    tasks = await gather(batches, *range(MOST_CALLS + 1))
    for expected in (range(MOST_CALLS), range(MOST_CALLS, MOST_CALLS + 1)):
        requests, answers = await batches.sent.get()
        assert list(requests) == list(expected)
        answers.set_result(list(expected))
    assert await asyncio.gather(*tasks) == list(range(MOST_CALLS + 1))


@pytest.fixture
async def held(server: FakeServer, client: AsyncClient) -> AsyncIterator[asyncio.Task[int]]:
    """A call that is in flight until the server is told to go on."""
    server.hold.clear()
    first = asyncio.create_task(client.sum_squares(1, 1))
    await asyncio.to_thread(server.arrived.wait, 10)
    yield first
    server.hold.set()


async def test_the_client_gathers_the_calls_of_sum_squares(
    server: FakeServer, client: AsyncClient, held: asyncio.Task[int]
) -> None:
    calls = [client.sum_squares(n, n) for n in range(10)]
    tasks = [asyncio.create_task(call) for call in (*calls, client.sum_squares(2**62, 2**62))]
    await asyncio.sleep(0)
    server.hold.set()
    *results, overflow = await asyncio.gather(*tasks, return_exceptions=True)
    assert await held == 2
    assert results == [2 * n * n for n in range(10)]
    assert isinstance(overflow, OutOfRange)
    assert overflow.reason == "RESULT_OUT_OF_RANGE"
    # A stall of this machine may have cut the batch.
    methods = [name for name, _ in server.calls]
    assert methods[:2] == ["SumSquares", "BatchSumSquares"] and len(methods) < 5


async def test_batching_can_be_switched_off(
    server: FakeServer, client: AsyncClient, held: asyncio.Task[int]
) -> None:
    single = client.with_options(batching=False)
    tasks = [asyncio.create_task(single.sum_squares(n, 0)) for n in range(3)]
    await asyncio.sleep(0)
    server.hold.set()
    assert await asyncio.gather(held, *tasks) == [2, 0, 1, 4]
    assert [name for name, _ in server.calls] == ["SumSquares"] * 4


async def test_a_closed_client_refuses_to_gather(
    client: AsyncClient, held: asyncio.Task[int]
) -> None:
    gathered = asyncio.create_task(client.sum_squares(2, 2))
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await client.sum_squares(3, 3)
    for call in (held, gathered):
        with pytest.raises(OffgilError):
            await call
