"""What the methods of the client return."""

from __future__ import annotations

import array
import asyncio
import os

import numpy
import pytest
from fake_server import FakeServer

from offgil import AsyncClient, InvalidArgument, OutOfRange, ProtocolViolation
from offgil._reference import process


async def test_process_numbers_keeps_kind_and_order(client: AsyncClient) -> None:
    numbers = [0, -1, 5, 2**62, -(2**63)]
    expected = process(numbers, 3)
    assert await client.process_numbers(numbers, rounds=3) == expected
    assert await client.process_numbers(array.array("q", numbers), 3) == array.array("q", expected)
    results = await client.process_numbers(numpy.array([numbers]), 3)
    assert results.shape == (1, 5)
    assert results.tolist() == [expected]


async def test_an_empty_dataset_is_valid(client: AsyncClient) -> None:
    assert await client.process_numbers([]) == []


async def test_sum_squares_is_exact_or_an_error(client: AsyncClient) -> None:
    assert await client.sum_squares(3, 4) == 25
    with pytest.raises(OutOfRange, match="9223372036854775807"):
        await client.sum_squares(2**62, 2**62)


@pytest.mark.parametrize(("a", "b", "field"), [(2**63, 0, "a"), (0, -(2**63) - 1, "b")])
async def test_an_argument_beyond_int64_never_leaves(
    server: FakeServer, client: AsyncClient, a: int, b: int, field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await client.sum_squares(a, b)
    assert [violation.field for violation in caught.value.fields] == [field]
    assert server.calls == []


@pytest.mark.parametrize("rounds", [-1, 2**32])
async def test_rounds_beyond_uint32_never_leave(
    server: FakeServer, client: AsyncClient, rounds: int
) -> None:
    with pytest.raises(InvalidArgument, match="rounds"):
        await client.process_numbers([1], rounds=rounds)
    assert server.calls == []


async def test_rounds_over_the_limit_are_refused_by_the_server(client: AsyncClient) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await client.process_numbers([1], rounds=1_000_001)
    assert caught.value.fields[0].field == "rounds"


async def test_a_batch_has_a_result_or_error_for_each(client: AsyncClient) -> None:
    first, second, third = await client.batch_sum_squares([(1, 2), (2**62, 2**62), (0, 0)])
    assert (first, third) == (5, 0)
    assert isinstance(second, OutOfRange)
    assert (second.code, second.reason) == ("OUT_OF_RANGE", "RESULT_OUT_OF_RANGE")
    assert await client.batch_sum_squares([]) == []
    with pytest.raises(InvalidArgument, match=r"pairs\[1\]"):
        await client.batch_sum_squares([(1, 2), (3,)])  # type: ignore[list-item]


async def test_invoke_json_passes_bytes(client: AsyncClient) -> None:
    answer = await client.invoke_json("sum_squares", b'{"a":3,"b":4}')
    assert answer == b'{"a":3,"b":4,"sum_of_squares":25}'
    lax = await client.invoke_json("sum_squares", b'{"a":"3","b":4.0,"c":1}', lax=True)
    assert lax == answer


async def test_lists_the_kernels(client: AsyncClient) -> None:
    numbers, squares = await client.list_kernels()
    assert (numbers.name, squares.name) == ("process_numbers", "sum_squares")
    rounds = numbers.parameters[1]
    assert (rounds.default, rounds.minimum, rounds.maximum) == (1000, 0, 1_000_000)
    assert (rounds.required, rounds.element, rounds.rank) == (False, "int64", 0)
    assert numbers.parameters[0].required
    assert numbers.parameters[0].rank == 1


async def test_health_follows_the_server(server: FakeServer, client: AsyncClient) -> None:
    assert await client.check_health()
    server.set_serving(False)
    assert not await client.check_health()
    asyncio.get_running_loop().call_later(0.1, server.set_serving, True)
    await client.wait_until_ready(5)


async def test_derived_clients_share_the_channel(server: FakeServer, client: AsyncClient) -> None:
    derived = client.with_options(metadata=(("x-request-id", "mine"),), timeout=3)
    assert await derived.sum_squares(3, 4) == 25
    assert server.calls[-1][1]["x-request-id"] == "mine"
    assert derived.stub is client.stub
    await derived.close()
    assert await client.sum_squares(3, 4) == 25


async def test_the_stub_is_the_way_out(client: AsyncClient) -> None:
    from offgil._proto.offgil.v1 import compute_pb2

    response = await client.stub.SumSquares(compute_pb2.SumSquaresRequest(a=3, b=4))
    assert response.sum_of_squares == 25


async def test_a_closed_client_says_so(client: AsyncClient) -> None:
    await client.close()
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await client.sum_squares(3, 4)


async def test_another_event_loop_is_a_clear_error(client: AsyncClient) -> None:
    await client.sum_squares(3, 4)

    def other_loop() -> None:
        asyncio.run(client.sum_squares(3, 4))

    with pytest.raises(RuntimeError, match="another event loop"):
        await asyncio.to_thread(other_loop)


async def test_another_process_is_a_clear_error(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    with pytest.raises(RuntimeError, match="fork"):
        await client.sum_squares(3, 4)


async def test_a_wrong_number_of_results_is_a_violation(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offgil._reference.process_packed", lambda data, rounds: data[8:])
    with pytest.raises(ProtocolViolation, match="1 results for 2 numbers"):
        await client.process_numbers([1, 2])


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_every_call_has_a_deadline(seconds: float) -> None:
    with pytest.raises(ValueError, match="timeout must be a positive"):
        AsyncClient("dns:///h:1", timeout=seconds)
