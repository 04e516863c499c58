"""Routes that answer plain requests directly answer as FastAPI would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from apps import JSON, http
from fastapi import Depends, FastAPI, HTTPException

from offgil import ConnectionFailed, OffgilError, Overloaded
from offgil.fastapi import create_router, get_client
from offgil.fastapi._dependency import set_client
from offgil.testing import FakeClient

QUERIES = [
    "a=5&b=10",
    "a=-3&b=0",
    "a=999999999999999999&b=1",
    "a=4611686018427387904&b=4611686018427387904",
    "b=10&a=5",
    "a=5",
    "",
    "a=05&b=1",
    "a=-0&b=1",
    "a=+5&b=1",
    "a=5.0&b=1",
    "a=x&b=1",
    "a=5&b=10&a=6",
    "a=5&b=10&c=1",
    "a=%35&b=10",
    "a=9223372036854775808&b=0",
]


def app(direct: bool, fake: FakeClient) -> FastAPI:
    created = FastAPI()
    created.include_router(create_router(direct=direct))
    set_client(created, fake)
    return created


@pytest.fixture
async def pair() -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient, FakeClient]]:
    fake = FakeClient()
    async with http(app(True, fake)) as direct, http(app(False, fake)) as plain:
        yield direct, plain, fake


Pair = tuple[httpx.AsyncClient, httpx.AsyncClient, FakeClient]


def seen(answer: httpx.Response) -> tuple[Any, ...]:
    return answer.status_code, answer.content, sorted(answer.headers.items())


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_is_answered_alike(pair: Pair, query: str) -> None:
    direct, plain, _ = pair
    path = f"/sum-squares-rust?{query}"
    assert seen(await direct.get(path)) == seen(await plain.get(path))


@pytest.mark.parametrize(
    "path", ["/process-numbers-rust", "/kernels/process_numbers", "/kernels/x"]
)
@pytest.mark.parametrize("body", ['{"numbers":[1,2]}', '{"numbers":["3"]}', "{", "[]", ""])
async def test_a_body_is_answered_alike(pair: Pair, path: str, body: str) -> None:
    direct, plain, _ = pair
    for headers in (JSON, {"content-type": "text/plain"}):
        answers = [await app.post(path, content=body, headers=headers) for app in (direct, plain)]
        assert seen(answers[0]) == seen(answers[1])


@pytest.mark.parametrize(
    "error", [ConnectionFailed("gone"), Overloaded("busy", retry_after=2.0), OffgilError("odd")]
)
async def test_an_error_is_answered_alike(pair: Pair, error: OffgilError) -> None:
    direct, plain, fake = pair
    fake.fail_with(error)
    path = "/sum-squares-rust?a=5&b=10"
    assert seen(await direct.get(path)) == seen(await plain.get(path))


async def test_an_override_is_respected() -> None:
    unused, used = FakeClient(), FakeClient()
    overridden = app(True, unused)
    overridden.dependency_overrides[get_client] = lambda: used
    async with http(overridden) as client:
        assert (await client.get("/sum-squares-rust?a=5&b=10")).is_success
    assert (unused.calls, used.calls) == ([], ["SumSquares"])


async def test_dependencies_of_an_app_run_unless_it_asked_for_direct_routes() -> None:
    def refuse() -> None:
        raise HTTPException(401)

    guarded = FastAPI()
    guarded.include_router(create_router(), dependencies=[Depends(refuse)])
    set_client(guarded, FakeClient())
    async with http(guarded) as client:
        assert (await client.get("/sum-squares-rust?a=5&b=10")).status_code == 401
        answer = await client.post("/kernels/process_numbers", json={"numbers": [1]})
        assert answer.status_code == 401


async def test_an_app_without_a_client_says_so() -> None:
    created = FastAPI()
    created.include_router(create_router(direct=True))
    async with http(created) as client:
        assert (await client.get("/sum-squares-rust?a=5&b=10")).status_code == 500
