"""Errors carry what the server said, and survive a pickle."""

from __future__ import annotations

import pickle

import grpc
import pytest
from fake_server import FakeServer

import offgil
from offgil import (
    AsyncClient,
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    FieldViolation,
    InvalidArgument,
    KernelFailed,
    MessageTooLarge,
    NotFound,
    OffgilError,
    OutOfRange,
    Overloaded,
    SidecarError,
    Unauthenticated,
    Unimplemented,
)

CLASSES = [
    value
    for value in vars(offgil).values()
    if isinstance(value, type) and issubclass(value, OffgilError)
]


@pytest.mark.parametrize("error_class", CLASSES)
def test_pickles_with_all_attributes(error_class: type[OffgilError]) -> None:
    error = error_class("message")
    error.code, error.reason, error.request_id = "C", "R", "id"
    error.fields = (FieldViolation("numbers[1]", "wrong"),)
    error.metadata = {"type": "int_type", "position": "7"}
    if isinstance(error, Overloaded):
        error.retry_after = 2.5
    if isinstance(error, SidecarError):
        error.exit_code = 64
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is error_class
    assert copy.args == error.args
    assert vars(copy) == vars(error)


@pytest.mark.parametrize(
    "raised",
    [
        InvalidArgument("m", reason="INVALID_ARGUMENT", metadata={"type": "int_type"}),
        OutOfRange("m", reason="RESULT_OUT_OF_RANGE"),
        NotFound("m", reason="KERNEL_NOT_FOUND"),
        Unimplemented("m"),
        KernelFailed("m", reason="KERNEL_PANICKED"),
        Unauthenticated("m"),
        DeadlineExceeded("m", reason="DEADLINE_EXCEEDED"),
        Overloaded("m", reason="OVERLOADED", retry_after=2.5),
        MessageTooLarge("m", reason="MESSAGE_TOO_LARGE"),
        Cancelled("m", reason="CANCELLED"),
        KernelFailed("m", reason="INTERNAL"),
        OffgilError("m", code="ABORTED", reason="SOMETHING_NEW"),
        OffgilError("m", code="RESOURCE_EXHAUSTED"),
        OffgilError("m", code="RESOURCE_EXHAUSTED", reason="SOMETHING_NEW"),
        OffgilError("received metadata size exceeds soft limit", code="RESOURCE_EXHAUSTED"),
        OffgilError("Received RST_STREAM with error code 1", code="INTERNAL"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_translates_every_code(
    server: FakeServer, client: AsyncClient, raised: OffgilError
) -> None:
    server.failures = [raised]
    with pytest.raises(OffgilError) as caught:
        await client.sum_squares(3, 4)
    error = caught.value
    assert type(error) is type(raised)
    assert (error.message, error.code, error.reason) == (raised.message, raised.code, raised.reason)
    assert error.metadata == raised.metadata
    assert error.request_id == "r-1"
    assert isinstance(error.__cause__, grpc.aio.AioRpcError)
    if isinstance(raised, Overloaded):
        assert isinstance(error, Overloaded)
        assert error.retry_after == 2.5


async def test_reads_the_fields_of_a_bad_request(server: FakeServer, client: AsyncClient) -> None:
    fields = (FieldViolation("numbers[7]", "no integer"), FieldViolation("rounds", "too many"))
    server.failures = [InvalidArgument("m", reason="INVALID_JSON", fields=fields)]
    with pytest.raises(InvalidArgument) as caught:
        await client.sum_squares(3, 4)
    assert caught.value.fields == fields


async def test_a_local_message_limit_is_message_too_large(server: FakeServer) -> None:
    async with AsyncClient(server.target, max_message_bytes=1000) as client:
        with pytest.raises(MessageTooLarge):
            await client.process_numbers(range(1000))


def test_position_is_the_offset_of_a_syntax_error() -> None:
    assert InvalidArgument("m", metadata={"position": "12"}).position == 12
    assert InvalidArgument("m").position is None


def test_the_classes_are_distinct() -> None:
    assert not issubclass(ConnectionFailed, Overloaded)
    assert len({error_class.__name__ for error_class in CLASSES}) == len(CLASSES) == 15
