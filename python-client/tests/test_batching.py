"""Calls of `run` go together once their kernel is known as tiny, and never wait for a slow one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy
import pytest
from fake_server import FakeServer, abort

from offgil import AsyncClient, InvalidArgument, NotFound, OffgilError, OutOfRange, Unimplemented
from offgil._gatherer import Gatherer


def methods(server: FakeServer) -> list[str]:
    return [name for name, _ in server.calls]


async def overlapping(client: AsyncClient, count: int) -> list[int]:
    calls = (client.run("sum_squares", a=n, b=1) for n in range(count))
    return [results.sum_of_squares for results in await asyncio.gather(*calls)]


@pytest.fixture
async def learned(server: FakeServer, client: AsyncClient) -> AsyncIterator[AsyncClient]:
    """A client that has seen calls of the kernel overlap."""
    assert await overlapping(client, 2) == [1, 2]
    assert sorted(methods(server)) == ["Invoke", "InvokeBatch"]
    server.calls.clear()
    yield client


async def test_calls_of_a_tiny_kernel_gather(server: FakeServer, learned: AsyncClient) -> None:
    assert await overlapping(learned, 20) == [n * n + 1 for n in range(20)]
    assert methods(server)[:2] == ["Invoke", "InvokeBatch"]
    assert len(server.calls) < 6  # a stall of this machine may have cut the batch


async def test_calls_one_after_the_other_go_by_themselves(
    server: FakeServer, learned: AsyncClient
) -> None:
    for n in range(3):
        assert (await learned.run("sum_squares", a=n, b=0)).sum_of_squares == n * n
    assert methods(server) == ["Invoke"] * 3


async def test_a_kernel_that_is_declined_never_goes_in_a_batch_again(
    server: FakeServer, client: AsyncClient
) -> None:
    server.declined = {"sum_squares"}
    assert await overlapping(client, 2) == [1, 2]
    assert sorted(methods(server)) == ["Invoke", "Invoke", "InvokeBatch"]
    server.calls.clear()
    assert await overlapping(client, 5) == [1, 2, 5, 10, 17]
    assert methods(server) == ["Invoke"] * 5


async def test_errors_in_a_batch_are_those_of_a_call_by_itself(
    server: FakeServer, learned: AsyncClient
) -> None:
    bad = [
        ("sum_squares", {"a": 2**62, "b": 2**62}, OutOfRange),
        ("sum_squares", {"a": 1}, InvalidArgument),
        ("sum_square", {"a": 1, "b": 2}, NotFound),
    ]
    for kernel, arguments, expected in bad:
        with pytest.raises(expected) as caught:
            await learned.run(kernel, **arguments)
        alone = caught.value
        calls = [learned.run("sum_squares", a=n, b=1) for n in range(2)]
        *_, failed = await asyncio.gather(
            *calls, learned.run(kernel, **arguments), return_exceptions=True
        )
        assert type(failed) is expected and isinstance(failed, OffgilError)
        for name in ("code", "reason", "fields", "metadata", "message"):
            assert getattr(failed, name) == getattr(alone, name), name


async def test_large_arguments_go_by_themselves(server: FakeServer, learned: AsyncClient) -> None:
    x = numpy.arange(1000.0)
    await asyncio.gather(*(learned.run("process_numbers", numbers=x.astype(int)) for _ in range(3)))
    assert methods(server) == ["Invoke"] * 3


async def test_an_older_server_answers_too(
    server: FakeServer, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: FakeServer, request: object, context: object) -> None:
        abort(context, Unimplemented("there is no such method", reason="UNIMPLEMENTED"))

    monkeypatch.setattr(FakeServer, "InvokeBatch", refuse)
    older = FakeServer()
    older.start()
    async with AsyncClient(older.target) as other:
        assert await overlapping(other, 3) == [1, 2, 5]
        older.calls.clear()
        assert await overlapping(other, 3) == [1, 2, 5]
        assert methods(older) == ["Invoke"] * 3
    older.stop()


async def test_a_gatherer_at_rest_sends_at_once() -> None:
    async def send(requests: list[int]) -> list[int]:
        return [10 * request for request in requests]

    gatherer: Gatherer[int, int] = Gatherer(send, 10)  # type: ignore[arg-type] # a list will do
    assert await gatherer.join(4) == 40
    assert not gatherer.is_busy
