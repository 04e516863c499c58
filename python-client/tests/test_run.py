"""`run` sends any values to any kernel and gives back results of their kind."""

from __future__ import annotations

import array
from typing import Any

import numpy
import pytest
from fake_server import FakeServer

from offgil import (
    AsyncClient,
    Client,
    FieldViolation,
    InvalidArgument,
    KernelFailed,
    MessageTooLarge,
    NotFound,
    ProtocolViolation,
    Results,
)
from offgil._proto.offgil.v1 import compute_pb2


def echo(request: Any) -> compute_pb2.InvokeResponse:
    return compute_pb2.InvokeResponse(results=request.arguments)


async def test_one_result_comes_bare(server: FakeServer, client: AsyncClient) -> None:
    server.invoke = echo
    for value in (True, 3, 0.5, "mean", [1, 2], [0.5], [True], [[1, 2]], []):
        result = await client.run("echo", x=value)
        assert (type(result), result) == (type(value), value)
    assert await client.run("echo", name=1) == 1
    assert await client.run("echo", **{"kernel": 1, "self": 2}) == Results(
        **{"kernel": 1, "self": 2}
    )


async def test_several_results_have_names_and_an_order(client: AsyncClient) -> None:
    result = await client.run("process_numbers", numbers=[1, 2], rounds=1)
    assert result == Results(original_count=2, processed_result=[4, 6])
    count, processed = result
    assert (count, processed) == (result.original_count, result.processed_result)
    assert (await client.run("sum_squares", a=3, b=4)).sum_of_squares == 25


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("shape", [(6,), (2, 3), (0,), (0, 3)])
async def test_numpy_comes_back_as_numpy(
    server: FakeServer, client: AsyncClient, dtype: str, shape: tuple[int, ...]
) -> None:
    server.invoke = echo
    values = numpy.arange(numpy.prod(shape)).reshape(shape).astype(dtype)
    result = await client.run("echo", x=values, alpha=numpy.float64(0.5), y=[1.0])
    numpy.testing.assert_array_equal(result.x, values, strict=True)
    numpy.testing.assert_array_equal(result.y, numpy.array([1.0]), strict=True)
    assert type(result.alpha) is float
    result.x[...] = 0


async def test_buffers_come_back_as_arrays_and_views(
    server: FakeServer, client: AsyncClient
) -> None:
    server.invoke = echo
    vector = array.array("d", [1.0, 2.0])
    result = await client.run("echo", x=vector, y=[1, 2], rows=[[1, 2]])
    assert result.x == vector
    assert result.y == array.array("q", [1, 2])
    assert isinstance(result.rows, memoryview)
    assert (result.rows.shape, result.rows[0, 1]) == ((1, 2), 2)
    mixed = await client.run("echo", x=vector, y=numpy.array([1]))
    assert isinstance(mixed.x, numpy.ndarray)


def test_the_synchronous_client_does_the_same(server: FakeServer) -> None:
    server.invoke = echo
    with Client(server.target) as client:
        assert client.run("echo", x=[1.0], y=2) == Results(x=[1.0], y=2)
        assert client.run("echo", x=numpy.array([1.0])).dtype == numpy.float64


async def test_a_wrong_argument_never_leaves(server: FakeServer, client: AsyncClient) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await client.run("process_numbers", numbers=[1, None], rounds=0)
    assert [violation.field for violation in caught.value.fields] == ["numbers[1]"]
    assert server.calls == []


async def test_a_matrix_is_not_flattened(server: FakeServer, client: AsyncClient) -> None:
    for numbers in (numpy.array([[1, 2]]), memoryview(bytes(16)).cast("B").cast("q", (2, 1))):
        with pytest.raises(InvalidArgument):
            await client.run("process_numbers", numbers=numbers)
    assert [method for method, _ in server.calls] == ["Invoke"] * 2


async def test_a_type_of_a_newer_server_is_a_violation(
    server: FakeServer, client: AsyncClient
) -> None:
    newer = compute_pb2.NamedValue(name="y")
    newer.MergeFromString(b"\x3a\x01\x00")  # a field 7, which this contract has not
    server.invoke = lambda _: compute_pb2.InvokeResponse(results=[newer])
    with pytest.raises(ProtocolViolation, match="'y' has a type"):
        await client.run("echo")


async def test_the_errors_of_a_kernel(server: FakeServer, client: AsyncClient) -> None:
    with pytest.raises(NotFound):
        await client.run("nope")
    server.failures += [
        KernelFailed("no convergence", reason="KERNEL_FAILED"),
        MessageTooLarge(
            "the result would take 8 TB",
            reason="MESSAGE_TOO_LARGE",
            fields=(FieldViolation("a", "has too many rows"),),
            metadata={"limit": "1073741824"},
        ),
    ]
    with pytest.raises(KernelFailed, match="no convergence") as failed:
        await client.run("fit")
    assert (failed.value.code, failed.value.reason) == ("INTERNAL", "KERNEL_FAILED")
    with pytest.raises(MessageTooLarge) as refused:
        await client.run("matmul")
    assert refused.value.fields == (FieldViolation("a", "has too many rows"),)
    assert refused.value.metadata == {"limit": "1073741824"}
