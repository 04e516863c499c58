"""HTTP answers tell what their calls cost the compute server."""

from __future__ import annotations

import httpx
import pytest
from apps import JSON, http
from fake_server import FakeServer
from fastapi import FastAPI

from offgil import AsyncClient, CallCost, InvalidArgument
from offgil.fastapi import create_router
from offgil.fastapi._dependency import set_client

SPENT = {"queue": 15, "decode": 2, "compute": 1_500_000, "encode": 3}
TIMING = "queue;dur=0.015, decode;dur=0.002, compute;dur=1500.000, encode;dur=0.003"
LARGE = b'{"numbers":[1]' + b" " * 2_000_000 + b"}"
INFERENCE = {
    "inputs": [
        {"name": name, "shape": [1], "datatype": "INT64", "data": [number]}
        for name, number in (("a", 3), ("b", 4))
    ]
}


def app(client: AsyncClient, direct: bool = False) -> FastAPI:
    created = FastAPI()
    created.include_router(create_router(direct=direct))
    set_client(created, client)
    return created


def timing_of(answer: httpx.Response) -> str | None:
    assert answer.is_success, answer.text
    timing: str | None = answer.headers.get("server-timing")
    return timing


@pytest.mark.parametrize("direct", [False, True])
async def test_a_body_that_passes_through_has_the_cost_of_its_call(
    server: FakeServer, client: AsyncClient, direct: bool
) -> None:
    server.costs["InvokeJson"] = SPENT
    async with http(app(client, direct)) as web:
        assert timing_of(await web.post("/process-numbers-rust", json={"numbers": [1]})) == TIMING
        answer = await web.post("/kernels/sum_squares", json={"a": 3, "b": 4})
        assert timing_of(answer) == TIMING


async def test_an_inference_has_the_cost_of_its_call(
    server: FakeServer, client: AsyncClient
) -> None:
    server.costs["InvokeInference"] = SPENT
    async with http(app(client)) as web:
        answer = await web.post("/v2/models/sum_squares/infer", json=INFERENCE)
        assert timing_of(answer) == TIMING


@pytest.mark.parametrize("direct", [False, True])
async def test_a_streamed_answer_has_what_was_spent_before_its_first_byte(
    server: FakeServer, client: AsyncClient, direct: bool
) -> None:
    server.costs["InvokeJsonStream"] = SPENT
    async with http(app(client, direct)) as web:
        for early, expected in ((False, None), (True, TIMING)):
            server.tells_cost_early = early
            answer = await web.post("/process-numbers-rust", content=LARGE, headers=JSON)
            assert timing_of(answer) == expected
            assert answer.json()["original_count"] == 1


async def test_calls_of_one_request_are_added_up(server: FakeServer, client: AsyncClient) -> None:
    server.costs = {"InvokeJson": {"decode": 5}, "ProcessNumbers": {"decode": 2, "compute": 4}}
    server.failures = [InvalidArgument("for the fallback")]
    async with http(app(client)) as web:
        answer = await web.post("/process-numbers-rust", json={"numbers": ["1"]})
    assert [method for method, _ in server.calls] == ["InvokeJson", "ProcessNumbers"]
    assert timing_of(answer) == "decode;dur=0.007, compute;dur=0.004"


@pytest.mark.parametrize("direct", [False, True])
async def test_what_costs_nothing_has_no_header(
    server: FakeServer, client: AsyncClient, direct: bool
) -> None:
    server.costs["SumSquares"] = SPENT  # may have been a batch, so it is not told
    async with http(app(client, direct)) as web:
        for answer in (
            await web.get("/sum-squares-rust?a=3&b=4"),
            await web.post("/process-numbers-rust", json={"numbers": [1]}),
            await web.get("/kernels"),
        ):
            assert timing_of(answer) is None


async def test_the_own_callback_of_a_client_is_told_too(
    server: FakeServer, client: AsyncClient
) -> None:
    server.costs = {"InvokeJson": SPENT, "InvokeJsonStream": {"compute": 1}}
    server.tells_cost_early = True
    costs: list[CallCost] = []
    async with http(app(client.with_options(on_cost=costs.append))) as web:
        answer = await web.post("/process-numbers-rust", json={"numbers": [1]})
        assert timing_of(answer) == TIMING
        assert len(costs) == 1
        answer = await web.post("/process-numbers-rust", content=LARGE, headers=JSON)
        assert timing_of(answer) == "compute;dur=0.001"
    assert costs[1:] == [CallCost(compute=1e-6)]
