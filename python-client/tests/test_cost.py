"""A client tells what its calls cost the server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fake_server import FakeServer, free_port

from offgil import AsyncClient, CallCost, Client, ConnectionFailed, InvalidArgument, OffgilError
from offgil._cost import read_cost
from offgil.testing import FakeClient

SPENT = {"queue": 15, "decode": 2, "compute": 1_500_000, "encode": 3}
COST = CallCost(queue=15e-6, decode=2e-6, compute=1.5, encode=3e-6)


async def consume(stream: Any) -> None:
    async for _ in stream:
        pass


CALLS: dict[str, Any] = {
    "SumSquares": lambda client: client.sum_squares(3, 4),
    "Invoke": lambda client: client.run("sum_squares", a=3, b=4),
    "ProcessNumbersStream": lambda client: client.process_numbers_stream([[1], [2]]),
    "InvokeJsonStream": lambda client: client.invoke_json_stream(
        "sum_squares", [b'{"a":1', b',"b":2}']
    ),
}


@pytest.mark.parametrize("method", CALLS)
async def test_a_call_tells_its_cost_once(
    server: FakeServer, client: AsyncClient, method: str
) -> None:
    server.costs[method] = SPENT
    costs: list[CallCost] = []
    made = CALLS[method](client.with_options(on_cost=costs.append))
    await (consume(made) if hasattr(made, "__aiter__") else made)
    assert costs == [COST]


@pytest.mark.parametrize("method", CALLS)
def test_so_does_one_of_the_synchronous_client(server: FakeServer, method: str) -> None:
    server.costs[method] = SPENT
    costs: list[CallCost] = []
    with Client(server.target, on_cost=costs.append) as client:
        made = CALLS[method](client)
        if hasattr(made, "__next__"):
            assert list(made)
        assert costs == [COST]
        server.failures = [InvalidArgument("bad")]
        with pytest.raises(InvalidArgument):
            list(CALLS[method](client))
    assert costs == [COST, COST]


@pytest.mark.parametrize("method", CALLS)
async def test_a_call_that_fails_tells_its_cost(
    server: FakeServer, client: AsyncClient, method: str
) -> None:
    server.costs[method] = SPENT
    server.failures = [InvalidArgument("bad")]
    costs: list[CallCost] = []
    with pytest.raises(InvalidArgument):
        made = CALLS[method](client.with_options(on_cost=costs.append))
        await (consume(made) if hasattr(made, "__aiter__") else made)
    assert costs == [COST]


async def test_an_array_in_pieces_tells_its_cost_once(
    server: FakeServer, client: AsyncClient
) -> None:
    server.costs["ProcessNumbersStream"] = SPENT
    costs: list[CallCost] = []
    await client.with_options(on_cost=costs.append).process_numbers(bytes(2**22), rounds=0)
    assert costs == [COST]


async def test_each_attempt_that_a_server_answers_tells_its_cost(
    server: FakeServer, client: AsyncClient
) -> None:
    server.costs["Invoke"] = SPENT
    server.failures = [ConnectionFailed("it drains", reason="DRAINING")]
    costs: list[CallCost] = []
    await client.with_options(on_cost=costs.append).run("sum_squares", a=3, b=4)
    assert costs == [COST, COST]


async def test_a_server_that_is_not_reached_has_no_cost() -> None:
    costs: list[CallCost] = []
    target = f"dns:///127.0.0.1:{free_port()}"
    async with AsyncClient(target, connect_timeout=0.2, on_cost=costs.append) as client:
        with pytest.raises(ConnectionFailed):
            await client.sum_squares(3, 4)
        with pytest.raises(ConnectionFailed):
            await consume(client.process_numbers_stream([[1]]))
    assert costs == []


async def test_what_takes_no_time_and_what_a_server_does_not_tell_is_zero(
    server: FakeServer, client: AsyncClient
) -> None:
    costs: list[CallCost] = []
    telling = client.with_options(on_cost=costs.append)
    await telling.sum_squares(3, 4)
    server.costs["SumSquares"] = {"compute": 7}
    await telling.sum_squares(3, 4)
    assert costs == [CallCost(), CallCost(compute=7e-6)]


async def test_the_costs_of_concurrent_tasks_stay_apart(
    server: FakeServer, client: AsyncClient
) -> None:
    server.costs = {"SumSquares": {"compute": 1}, "Invoke": {"compute": 2}}

    async def cost_of(method: str) -> set[CallCost]:
        costs: list[CallCost] = []
        for _ in range(5):
            await CALLS[method](client.with_options(on_cost=costs.append))
        assert len(costs) == 5
        return set(costs)

    found = tuple(await asyncio.gather(cost_of("SumSquares"), cost_of("Invoke")))
    assert found == ({CallCost(compute=1e-6)}, {CallCost(compute=2e-6)})


async def test_calls_that_go_together_have_no_cost(server: FakeServer, client: AsyncClient) -> None:
    server.costs = {"SumSquares": {"compute": 1}, "BatchSumSquares": {"compute": 2}}
    costs: list[CallCost] = []
    telling = client.with_options(on_cost=costs.append)
    await asyncio.gather(*(telling.sum_squares(n, 1) for n in range(20)))
    methods = [method for method, _ in server.calls]
    assert "BatchSumSquares" in methods
    assert costs == [CallCost(compute=1e-6)] * methods.count("SumSquares")


async def test_only_the_client_that_asks_is_told(server: FakeServer, client: AsyncClient) -> None:
    costs: list[CallCost] = []
    telling = client.with_options(on_cost=costs.append)
    await client.sum_squares(3, 4)
    assert costs == []
    await telling.with_options(timeout=5).sum_squares(3, 4)
    assert len(costs) == 1


async def test_what_the_callback_raises_the_call_raises(client: AsyncClient) -> None:
    def fail(cost: CallCost) -> None:
        raise ZeroDivisionError("mine")

    failing = client.with_options(on_cost=fail)
    with pytest.raises(ZeroDivisionError, match="mine"):
        await failing.sum_squares(3, 4)
    with pytest.raises(ZeroDivisionError, match="mine"):
        await consume(failing.process_numbers_stream([[1]]))
    assert await client.sum_squares(3, 4) == 25


async def test_a_fake_client_has_costs_of_zero() -> None:
    costs: list[CallCost] = []
    fake = FakeClient().with_options(on_cost=costs.append)
    await fake.sum_squares(3, 4)
    await consume(fake.process_numbers_stream([[1]]))
    with pytest.raises(OffgilError):
        await fake.sum_squares(2**62, 2**62)
    assert costs == [CallCost(), CallCost()]


@pytest.mark.parametrize("value", ["", "-1", "1.5", "x", "1 ", "٣", "9" * 5000, b"1"])
def test_a_value_that_is_no_number_counts_as_untold(value: str | bytes) -> None:
    assert read_cost([("offgil-queue-us", value), ("offgil-encode-us", "4")]) == CallCost(
        encode=4e-6
    )


def test_other_metadata_are_not_looked_at() -> None:
    assert read_cost([("offgil-nap-us", "5"), ("x-request-id", "5")]) == CallCost()
    assert read_cost(None) == CallCost()


async def test_a_forwarded_stream_tells_once_what_it_cost_until_its_answer(
    server: FakeServer, client: AsyncClient
) -> None:
    server.costs["InvokeJsonStream"] = SPENT
    server.tells_cost_early = True
    costs: list[CallCost] = []
    stream = client._forward_json(
        "sum_squares", [b'{"a":1,"b":2}'], lax=False, on_start=costs.append
    )
    await anext(stream)
    assert costs == [COST]
    await consume(stream)
    assert costs == [COST]
