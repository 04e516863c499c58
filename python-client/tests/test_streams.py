"""Streams are whole, or they are errors."""

from __future__ import annotations

import array
import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc.aio
import pytest
from fake_server import FakeServer

from offgil import (
    AsyncClient,
    Client,
    ConnectionFailed,
    InvalidArgument,
    NotFound,
    ProtocolViolation,
)
from offgil._options import ClientOptions
from offgil._proto.offgil.v1 import compute_pb2
from offgil._stream import run_exchange
from offgil._streams import JsonExchange, NumberExchange

END = compute_pb2.ProcessNumbersStreamEnd


async def each(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


async def test_a_chunk_of_results_for_each_chunk(client: AsyncClient) -> None:
    chunks = [[1, 2], array.array("q", [3]), []]
    results = [chunk async for chunk in client.process_numbers_stream(each(chunks), rounds=1)]
    assert results == [[4, 6], array.array("q", [8]), []]


async def test_plain_iterables_are_chunks_too(client: AsyncClient) -> None:
    stream = client.process_numbers_stream(([n] for n in range(50)), rounds=0)
    assert [chunk async for chunk in stream] == [[n] for n in range(50)]


async def test_no_chunks_no_results(client: AsyncClient) -> None:
    assert [chunk async for chunk in client.process_numbers_stream([])] == []


async def test_a_broken_off_answer_is_an_error(server: FakeServer, client: AsyncClient) -> None:
    server.omit_end = True
    with pytest.raises(ProtocolViolation, match="end marker"):
        async for _ in client.process_numbers_stream([[1]], rounds=0):
            pass
    with pytest.raises(ProtocolViolation, match="end marker"):
        async for _ in client.invoke_json_stream("sum_squares", [b'{"a":3,"b":4}']):
            pass


async def test_an_error_of_the_source_is_the_error_of_the_stream(client: AsyncClient) -> None:
    async def chunks() -> AsyncIterator[list[int]]:
        yield [1]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        async for _ in client.process_numbers_stream(chunks(), rounds=0):
            pass


@pytest.mark.parametrize(
    "fault",
    [
        asyncio.InvalidStateError("mine"),
        grpc.aio.UsageError("mine"),
        grpc.aio.AioRpcError(
            grpc.StatusCode.INTERNAL, grpc.aio.Metadata(), grpc.aio.Metadata(), "mine"
        ),
        asyncio.CancelledError("mine"),
    ],
    ids=lambda fault: type(fault).__name__,
)
@pytest.mark.parametrize("is_first", [False, True])
async def test_an_error_of_the_source_that_looks_like_grpcs_own_is_raised(
    client: AsyncClient, fault: BaseException, is_first: bool
) -> None:
    async def chunks() -> AsyncIterator[list[int]]:
        if not is_first:
            yield [1]
        raise fault

    patient = client.with_options(timeout=60)
    with pytest.raises(type(fault)) as caught:
        async with asyncio.timeout(10):
            async for _ in patient.process_numbers_stream(chunks(), rounds=0):
                pass
    assert caught.value is fault


async def test_a_bad_chunk_is_an_invalid_argument(client: AsyncClient) -> None:
    with pytest.raises(InvalidArgument, match=r"numbers\[1\]"):
        async for _ in client.process_numbers_stream([[1], [2, "x"]], rounds=0):
            pass


async def test_json_text_may_be_cut_anywhere(client: AsyncClient) -> None:
    text = b'{"a":3,"b":4}'
    pieces = [text[i : i + 1] for i in range(len(text))]
    stream = client.invoke_json_stream("sum_squares", each(pieces))
    assert b"".join([chunk async for chunk in stream]) == b'{"a":3,"b":4,"sum_of_squares":25}'


async def test_an_error_comes_before_the_first_byte(client: AsyncClient) -> None:
    with pytest.raises(NotFound):
        await anext(client.invoke_json_stream("nothing", [b"{}"]))
    with pytest.raises(InvalidArgument):
        await anext(client.invoke_json_stream("sum_squares", [b"["]))


async def test_a_server_that_answers_early_does_not_wait_for_the_source(
    server: FakeServer, client: AsyncClient
) -> None:
    server.failures = [NotFound("no", reason="KERNEL_NOT_FOUND")]

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 1000

    with pytest.raises(NotFound):
        await anext(client.invoke_json_stream("nothing", endless()))


def test_large_chunks_are_cut() -> None:
    exchange = JsonExchange("k", lax=True)
    messages = map(
        compute_pb2.InvokeJsonStreamRequest.FromString, exchange.chunk(b"x" * (2**21 + 1))
    )
    assert [len(message.body) for message in messages] == [2**20, 2**20, 1]


@pytest.mark.parametrize(
    ("responses", "match"),
    [
        ([{"packed_results": bytes(8)}, {"end": END(count=2)}], "came back"),
        ([{"packed_results": bytes(16)}], "answers 1 numbers"),
        ([{"packed_results": bytes(8)}, {"packed_results": bytes(8)}], "answers 0 numbers"),
        ([{}], "empty"),
        ([{"end": END(count=1)}], "came back"),
        ([{"packed_results": bytes(8)}, {"end": END(count=1)}, {"end": END()}], "goes on"),
    ],
)
def test_an_answer_that_does_not_add_up_is_an_error(
    responses: list[dict[str, Any]], match: str
) -> None:
    exchange = NumberExchange(1000)
    list(exchange.chunk([1]))
    with pytest.raises(ProtocolViolation, match=match):
        for response in responses:
            message = compute_pb2.ProcessNumbersStreamResponse(**response)
            list(exchange.answer(message.SerializeToString()))


def test_the_synchronous_streams_are_alike(server: FakeServer) -> None:
    def broken() -> Iterator[list[int]]:
        yield [1]
        raise OSError("the disk is gone")

    with Client(server.target) as client:
        assert list(client.process_numbers_stream([[1, 2], [3]], rounds=1)) == [[4, 6], [8]]
        answer = client.invoke_json_stream("sum_squares", [b'{"a":3,', b'"b":4}'])
        assert b"".join(answer) == b'{"a":3,"b":4,"sum_of_squares":25}'
        with pytest.raises(OSError, match="the disk is gone"):
            list(client.process_numbers_stream(broken(), rounds=0))
        with pytest.raises(NotFound):
            list(client.invoke_json_stream("nothing", [b"{}"]))
        server.omit_end = True
        with pytest.raises(ProtocolViolation):
            list(client.process_numbers_stream([[1]]))


class LostCall(grpc.RpcError):
    """An RPC that fails when it is read, before it has taken a chunk."""

    def __init__(self) -> None:
        self.requests: Iterator[Any] = iter(())

    def __iter__(self) -> Iterator[Any]:
        """Fails at once."""
        raise self

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return "Socket closed"

    def initial_metadata(self) -> None:
        return None

    def trailing_metadata(self) -> tuple[Any, ...]:
        return ()

    def cancel(self) -> None:
        return None


def request(message: bytes) -> compute_pb2.ProcessNumbersStreamRequest:
    return compute_pb2.ProcessNumbersStreamRequest.FromString(message)


def test_the_thread_of_a_failed_attempt_cannot_take_a_chunk(server: FakeServer) -> None:
    lost = LostCall()

    with Client(server.target) as client:

        def open_call(requests: Iterator[Any], timeout: float) -> Any:
            if not was_opened:
                was_opened.append(True)
                lost.requests = requests
                next(requests)  # the header
                return lost
            # gRPC's thread of the first attempt comes late for its next message.
            assert all(request(message).HasField("end") for message in lost.requests)
            return client._connection.begin_stream(
                "ProcessNumbersStream", requests, timeout=timeout
            )

        was_opened: list[bool] = []
        chunks = run_exchange(open_call, NumberExchange(0), [[1], [2]], ClientOptions())
        assert list(chunks) == [[1], [2]]


def test_a_chunk_that_was_taken_forbids_a_retry() -> None:
    def open_call(requests: Iterator[Any], timeout: float) -> Any:
        assert request(next(requests)).HasField("header")
        assert request(next(requests)).HasField("packed_numbers")
        return LostCall()

    with pytest.raises(ConnectionFailed):
        list(run_exchange(open_call, NumberExchange(0), [[1], [2]], ClientOptions()))
