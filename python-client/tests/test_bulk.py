"""Large arrays go in pieces, and come back as they would in one message."""

from __future__ import annotations

import array
import os
import subprocess
import sys
from typing import Any

import numpy
import pytest
from fake_server import FakeServer

from offgil import AsyncClient, Client, ConnectionFailed, InvalidArgument, ProtocolViolation
from offgil._arrays import pack
from offgil._proto.offgil.v1 import compute_pb2
from offgil._streams import CHUNK_BYTES, ArrayExchange
from offgil._wire import Wire

COUNT = 3 * CHUNK_BYTES // 8 + 5
WIRE = Wire(
    compute_pb2.ProcessNumbersStreamRequest,
    "packed_numbers",
    compute_pb2.ProcessNumbersStreamResponse,
    "packed_results",
)


def kinds() -> dict[str, Any]:
    numbers = numpy.arange(COUNT) - 7
    fortran = numpy.asfortranarray(numpy.arange(2 * COUNT, dtype=numpy.int32).reshape(2, COUNT))
    return {
        "numpy": numbers,
        "strided": numbers[::-1],
        "fortran": fortran,
        "array": array.array("q", numbers.tolist()),
        "bytes": numbers.astype("<i8").tobytes(),
        "list": numbers.tolist(),
        "memoryview": memoryview(array.array("l", range(COUNT))),
    }


@pytest.mark.parametrize("kind", list(kinds()))
async def test_every_kind_comes_back_as_it_went(
    server: FakeServer, client: AsyncClient, kind: str
) -> None:
    numbers = kinds()[kind]
    results = await client.process_numbers(numbers, rounds=0)
    assert type(results) is type(numbers)
    assert numpy.array_equal(results, numbers)
    if isinstance(results, numpy.ndarray):
        assert results.dtype == numpy.int64 and results.flags.writeable
        assert results.shape == numbers.shape
        assert not numpy.shares_memory(results, numbers)
    with Client(server.target) as synchronous:
        assert numpy.array_equal(synchronous.process_numbers(numbers, rounds=0), numbers)
    assert [name for name, _ in server.calls] == ["ProcessNumbersStream"] * 2


async def test_a_lost_server_is_tried_again_from_the_beginning(
    server: FakeServer, client: AsyncClient
) -> None:
    numbers = numpy.arange(COUNT)
    for attempt in range(2):
        server.failures = [ConnectionFailed("gone")] * 2
        if attempt:
            with Client(server.target) as synchronous:
                results = synchronous.process_numbers(numbers, rounds=0)
        else:
            results = await client.process_numbers(numbers, rounds=0)
        assert numpy.array_equal(results, numbers)
    assert len(server.calls) == 6


async def test_an_answer_that_breaks_off_is_no_result(
    server: FakeServer, client: AsyncClient
) -> None:
    server.omit_end = True
    with pytest.raises(ProtocolViolation, match="broke off"):
        await client.process_numbers(numpy.arange(COUNT), rounds=0)


async def test_what_the_server_refuses_is_refused_in_the_words_of_one_message(
    client: AsyncClient,
) -> None:
    for rounds in (-1, 2**32):
        with pytest.raises(InvalidArgument) as caught:
            await client.process_numbers(numpy.arange(COUNT), rounds=rounds)
        assert caught.value.fields[0].field == "rounds"


def test_results_that_nobody_asked_for_are_refused() -> None:
    exchange = ArrayExchange(pack(numpy.arange(2)), 0)
    list(exchange.chunk(exchange.pieces[0]))
    message = compute_pb2.ProcessNumbersStreamResponse(packed_results=bytes(24))
    with pytest.raises(ProtocolViolation, match="3 results for 2 numbers"):
        list(exchange.answer(message.SerializeToString()))


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300, 2**14, 2**21 + 3])
def test_framing_is_that_of_protobuf(length: int) -> None:
    data = bytes(range(256)) * (length // 256) + bytes(length % 256)
    framed = WIRE.frame([data[:100], data[100:]])
    assert (
        framed == compute_pb2.ProcessNumbersStreamRequest(packed_numbers=data).SerializeToString()
    )
    answer = compute_pb2.ProcessNumbersStreamResponse(packed_results=data).SerializeToString()
    results = WIRE.results(answer)
    assert results is not None and bytes(results) == data


@pytest.mark.parametrize(
    "message", [b"", b"\x12\x00", b"\x0a", b"\x0a\x05ab", b"\x0a\x01ab", b"\x0a\x80"]
)
def test_what_is_no_chunk_is_left_to_protobuf(message: bytes) -> None:
    assert WIRE.results(message) is None


def test_a_message_that_is_none_is_a_violation() -> None:
    with pytest.raises(ProtocolViolation, match="cannot be decoded"):
        WIRE.response(b"\x0a\x05ab")


@pytest.mark.parametrize(("name", "expected"), [("UNRELATED", True), ("MALLOC_ARENA_MAX", False)])
def test_an_allocator_that_is_tuned_is_left_alone(name: str, expected: bool) -> None:
    code = "from offgil._memory import keep_freed_memory; print(keep_freed_memory())"
    variables = {key: value for key, value in os.environ.items() if "MALLOC" not in key}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**variables, name: "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == str(expected)
