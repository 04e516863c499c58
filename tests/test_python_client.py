"""The client against the real server: kinds, errors, options, streams, cancellation."""

from __future__ import annotations

import array
import asyncio
import pickle
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import offgil
import pytest
from offgil import AsyncClient, Client
from offgil.sidecar import Sidecar

from arithmetic import INT64_MAX, INT64_MIN, process_array, process_number
from conftest import Start
from processes import Server, free_port, wait_for

NUMBERS = [INT64_MIN, -2, -1, 0, 1, INT64_MAX]
RESULTS = [process_number(number) for number in NUMBERS]


@pytest.fixture(params=["tcp", "unix"])
def target(server: Server, request: pytest.FixtureRequest) -> str:
    return server.target if request.param == "tcp" else server.unix_target


@pytest.fixture
async def connected(target: str) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(target) as client:
        yield client


@pytest.fixture
def blocking(target: str) -> Iterator[Client]:
    with Client(target) as client:
        yield client


# === Kinds ===


def check_kinds(answers: dict[str, Any]) -> None:
    assert answers["list"] == RESULTS
    assert answers["tuple"] == RESULTS
    assert answers["range"] == [process_number(x) for x in range(5)]
    assert answers["empty"] == []
    assert isinstance(answers["array"], array.array)
    assert answers["array"] == array.array("q", RESULTS)
    assert isinstance(answers["bytes"], bytes)
    assert answers["bytes"] == array.array("q", RESULTS).tobytes()
    assert isinstance(answers["numpy"], np.ndarray)
    assert answers["numpy"].dtype == np.int64
    np.testing.assert_array_equal(answers["numpy"], np.array(RESULTS).reshape(2, 3))
    answers["numpy"][0, 0] = 7  # it may be written to
    assert answers["view"].format == "q"
    assert answers["view"].tolist() == RESULTS
    np.testing.assert_array_equal(answers["small"], [process_number(x) for x in (1, -2)])


def kinds() -> dict[str, Any]:
    packed = array.array("q", NUMBERS)
    return {
        "list": NUMBERS,
        "tuple": tuple(NUMBERS),
        "range": range(5),
        "empty": [],
        "array": packed,
        "bytes": packed.tobytes(),
        "numpy": np.array(NUMBERS).reshape(2, 3),
        "view": memoryview(packed),
        "small": np.array([1, -2], dtype=np.int16),
    }


async def test_gives_back_the_kind_that_it_was_given(connected: AsyncClient) -> None:
    check_kinds({name: await connected.process_numbers(xs) for name, xs in kinds().items()})


def test_the_synchronous_client_gives_back_the_kind_too(blocking: Client) -> None:
    check_kinds({name: blocking.process_numbers(xs) for name, xs in kinds().items()})


# === Calls ===


async def test_every_call_returns_its_result(connected: AsyncClient) -> None:
    assert await connected.process_numbers([5], rounds=0) == [5]
    assert await connected.sum_squares(3, -4) == 25
    first, second = await connected.batch_sum_squares([(3, 4), (2**62, 2**62)])
    assert first == 25
    assert isinstance(second, offgil.OutOfRange)
    assert await connected.batch_sum_squares([]) == []
    result = await connected.run("process_numbers", numbers=np.array([1, 2]), rounds=2)
    assert result.original_count == 2
    assert result.processed_result.tolist() == [process_number(1, 2), process_number(2, 2)]
    assert (await connected.run("sum_squares", a=3, b=4)).sum_of_squares == 25
    assert await connected.invoke_json("sum_squares", b'{"a":"3","b":4.0}', lax=True) == (
        b'{"a":3,"b":4,"sum_of_squares":25}'
    )
    kernels = {kernel.name: kernel for kernel in await connected.list_kernels()}
    rounds = kernels["process_numbers"].parameters[1]
    assert (rounds.name, rounds.default, rounds.maximum) == ("rounds", 1000, 1_000_000)
    assert await connected.check_health() is True
    await connected.wait_until_ready()


def test_every_synchronous_call_returns_its_result(blocking: Client) -> None:
    assert blocking.process_numbers([5], rounds=0) == [5]
    assert blocking.sum_squares(3, -4) == 25
    first, second = blocking.batch_sum_squares([(3, 4), (2**62, 2**62)])
    assert first == 25
    assert isinstance(second, offgil.OutOfRange)
    assert blocking.run("sum_squares", a=3, b=4).sum_of_squares == 25
    assert blocking.invoke_json("sum_squares", b'{"a":3,"b":4}').endswith(b":25}")
    assert {"process_numbers", "sum_squares"} <= {x.name for x in blocking.list_kernels()}
    assert blocking.check_health() is True
    blocking.wait_until_ready()
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(blocking.sum_squares, range(50), range(50))) == [
            2 * x * x for x in range(50)
        ]


async def test_streams_chunks_of_any_kind(connected: AsyncClient) -> None:
    async def chunks() -> AsyncIterator[Any]:
        yield [1, 2]
        yield np.arange(100_000)
        yield []

    first, second, third = [x async for x in connected.process_numbers_stream(chunks(), rounds=3)]
    assert first == [process_number(1, 3), process_number(2, 3)]
    np.testing.assert_array_equal(second, process_array(np.arange(100_000), 3))
    assert third == []
    assert [x async for x in connected.process_numbers_stream([])] == []


async def test_streams_json_cut_anywhere(connected: AsyncClient) -> None:
    pieces = [b'{"a":', b"", b"3", b',"b":4}']
    parts = [x async for x in connected.invoke_json_stream("sum_squares", pieces)]
    assert b"".join(parts) == b'{"a":3,"b":4,"sum_of_squares":25}'


def test_streams_synchronously(blocking: Client) -> None:
    assert list(blocking.process_numbers_stream([[1], [2, 3]], rounds=0)) == [[1], [2, 3]]
    parts = blocking.invoke_json_stream("sum_squares", iter([b'{"a":3', b',"b":4}']))
    assert b"".join(parts).endswith(b"25}")


async def test_streams_are_full_duplex(connected: AsyncClient) -> None:
    received = asyncio.Event()

    async def chunks() -> AsyncIterator[list[int]]:
        yield [1]
        await received.wait()
        yield [2]

    results = []
    async for chunk in connected.process_numbers_stream(chunks(), rounds=0):
        results.append(chunk)
        received.set()
    assert results == [[1], [2]]


async def test_many_calls_at_once(connected: AsyncClient) -> None:
    sums = await asyncio.gather(*(connected.sum_squares(x, 1) for x in range(500)))
    assert sums == [x * x + 1 for x in range(500)]


async def test_sends_the_request_id_and_gets_it_back(start: Start[Server], tmp_path: Path) -> None:
    # A server of its own, since very many tiny calls of other tests would have the log sampled.
    server = start(Server(tmp_path))
    async with AsyncClient(server.target, metadata=(("x-request-id", "r-123"),)) as client:
        await client.sum_squares(1, 1)
        with pytest.raises(offgil.NotFound) as caught:
            await client.run("nope")
        assert caught.value.request_id == "r-123"
        with pytest.raises(offgil.NotFound) as caught:
            await client.with_options(metadata=()).run("nope")
        assert re.fullmatch(r"[0-9a-f]{32}", caught.value.request_id or "")
    wait_for(lambda: len([x for x in server.calls() if x["request_id"] == "r-123"]) == 2, "the log")


async def test_offers_the_stub_as_a_way_out(connected: AsyncClient) -> None:
    from offgil._proto.offgil.v1 import compute_pb2

    response = await connected.stub.SumSquares(compute_pb2.SumSquaresRequest(a=3, b=4))
    assert response.sum_of_squares == 25


# === Errors ===

Call = Callable[[AsyncClient], Coroutine[Any, Any, Any]]


@pytest.mark.parametrize(
    ("call", "error", "reason", "fields"),
    [
        (
            lambda c: c.process_numbers([1], rounds=1_000_001),
            offgil.InvalidArgument,
            "INVALID_ARGUMENT",
            ["rounds"],
        ),
        (lambda c: c.process_numbers([1, "x"]), offgil.InvalidArgument, None, ["numbers[1]"]),
        (lambda c: c.process_numbers([2**63]), offgil.InvalidArgument, None, ["numbers[0]"]),
        (lambda c: c.process_numbers(np.zeros(1)), offgil.InvalidArgument, None, ["numbers"]),
        (
            lambda c: c.run("process_numbers", numbers=[1, None]),
            offgil.InvalidArgument,
            "INVALID_ARGUMENT",
            ["numbers[1]"],
        ),
        (
            lambda c: c.run("process_numbers"),
            offgil.InvalidArgument,
            "INVALID_ARGUMENT",
            ["numbers"],
        ),
        (
            lambda c: c.invoke_json("sum_squares", b"{"),
            offgil.InvalidArgument,
            "INVALID_JSON",
            [""],
        ),
        (lambda c: c.sum_squares(2**62, 2**62), offgil.OutOfRange, "RESULT_OUT_OF_RANGE", []),
        (lambda c: c.run("nope"), offgil.NotFound, "KERNEL_NOT_FOUND", []),
    ],
)
async def test_raises_the_error_of_its_tree(
    connected: AsyncClient,
    call: Call,
    error: type[offgil.OffgilError],
    reason: str | None,
    fields: list[str],
) -> None:
    with pytest.raises(offgil.OffgilError) as caught:
        await call(connected)
    raised = caught.value
    assert type(raised) is error
    assert raised.code == error.default_code
    assert [violation.field for violation in raised.fields] == fields
    if reason is not None:
        assert raised.reason == reason
    copied = pickle.loads(pickle.dumps(raised))
    assert (type(copied), copied.__dict__, str(copied)) == (error, raised.__dict__, str(raised))
    # What the client refuses itself has not been sent, so it has no gRPC error behind it.
    if raised.request_id is not None:
        assert isinstance(raised.__cause__, grpc.aio.AioRpcError)


def test_the_synchronous_client_raises_the_same(blocking: Client) -> None:
    with pytest.raises(offgil.OutOfRange, match=str(INT64_MAX)) as caught:
        blocking.sum_squares(2**62, 2**62)
    assert isinstance(caught.value.__cause__, grpc.RpcError)
    with pytest.raises(offgil.NotFound):
        list(blocking.invoke_json_stream("nope", [b"{}"]))


async def test_a_message_over_the_limit_of_the_server(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path, "--max-message-bytes", "1MiB", "--max-body-bytes", "2MiB"))
    async with AsyncClient(server.target) as client:
        with pytest.raises(offgil.MessageTooLarge) as caught:
            await client.process_numbers(np.zeros(200_000, dtype=np.int64))
        assert caught.value.reason == "MESSAGE_TOO_LARGE"
        assert caught.value.metadata["limit"] == str(1024 * 1024)
        with pytest.raises(offgil.MessageTooLarge):
            async for _ in client.invoke_json_stream("sum_squares", [b" " * 900_000] * 3):
                pass
        # A chunk may be over the limit too; smaller ones carry the same numbers.
        chunks = [np.zeros(100_000, dtype=np.int64)] * 3
        assert len([x async for x in client.process_numbers_stream(chunks)]) == 3
        assert await client.sum_squares(3, 4) == 25
    with Client(server.target) as blocking, pytest.raises(offgil.MessageTooLarge):
        blocking.process_numbers(np.zeros(200_000, dtype=np.int64))


async def test_a_message_over_the_limit_of_the_client(server: Server) -> None:
    async with AsyncClient(server.target, max_message_bytes=10_000) as client:
        with pytest.raises(offgil.MessageTooLarge):
            await client.process_numbers([1] * 2_000)


async def test_an_overloaded_server_says_when_to_come_back(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path, "--threads", "1", "--max-queue-time", "0s"))
    # Enough for bulk work, and little enough to arrive at once. The first call with so many rounds
    # prepares a table on the one thread, which takes far longer than the arrival of all the others.
    numbers = np.zeros(25_000, dtype=np.int64)
    async with AsyncClient(server.target) as client:
        await client.sum_squares(1, 1)  # connects
        calls = [client.process_numbers(numbers, rounds=1_000_000) for _ in range(24)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        errors = [x for x in outcomes if isinstance(x, BaseException)]
        assert 0 < len(errors) < len(outcomes)
        for error in errors:
            assert isinstance(error, offgil.Overloaded)
            assert error.reason == "OVERLOADED"
            assert 0 < error.retry_after < 60
        assert await client.sum_squares(3, 4) == 25


async def test_a_server_that_is_not_there() -> None:
    target = f"dns:///127.0.0.1:{free_port()}"
    async with AsyncClient(target, connect_timeout=0.2) as client:
        with pytest.raises(offgil.ConnectionFailed) as caught:
            await client.sum_squares(3, 4)
        assert caught.value.retry_after > 0
        with pytest.raises(offgil.ConnectionFailed):
            async for _ in client.process_numbers_stream([[1]]):
                pass
        assert await client.check_health() is False
        with pytest.raises(offgil.ConnectionFailed):
            await client.wait_until_ready(timeout=0.2)
    with Client(target, connect_timeout=0.2) as blocking, pytest.raises(offgil.ConnectionFailed):
        blocking.sum_squares(3, 4)


async def test_a_server_that_is_another(server: Server) -> None:
    """A gRPC server that does not know the service."""
    other = grpc.server(futures.ThreadPoolExecutor(1))
    port = other.add_insecure_port("127.0.0.1:0")
    other.start()
    try:
        async with AsyncClient(f"dns:///127.0.0.1:{port}") as client:
            with pytest.raises(offgil.Unimplemented):
                await client.sum_squares(3, 4)
    finally:
        other.stop(None).wait()


async def test_a_binary_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(offgil.SidecarError, match="nowhere"):
        Sidecar(binary=tmp_path / "nowhere").start()
