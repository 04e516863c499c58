"""Errors become answers by one table, with and without a handler of the app."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import anyio.to_thread
import httpx
import pytest
from apps import app_on, http
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from offgil import (
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
    ProtocolViolation,
    Unauthenticated,
    Unimplemented,
)
from offgil.fastapi import (
    OffgilDep,
    add_exception_handlers,
    create_health_router,
    create_router,
    exception_handlers,
    get_client,
    set_client,
    to_http_exception,
)
from offgil.testing import FakeClient

TABLE: list[tuple[OffgilError, int, str | None]] = [
    (InvalidArgument("m"), 422, None),
    (OutOfRange("m"), 422, None),
    (NotFound("m"), 404, None),
    (Unimplemented("m"), 501, None),
    (MessageTooLarge("m"), 413, None),
    (Overloaded("m", retry_after=2.1), 503, "3"),
    (Overloaded("m", retry_after=0.01), 503, "1"),
    (ConnectionFailed("m", reason="DRAINING"), 503, "1"),
    (DeadlineExceeded("m"), 504, None),
    (KernelFailed("m"), 500, None),
    (Unauthenticated("m"), 502, None),
    (ProtocolViolation("m"), 502, None),
    (Cancelled("m"), 503, None),
    (OffgilError("m"), 502, None),
]


@pytest.mark.parametrize("with_handlers", [False, True])
@pytest.mark.parametrize(("error", "status", "retry_after"), TABLE)
async def test_maps_every_error(
    error: OffgilError, status: int, retry_after: str | None, with_handlers: bool
) -> None:
    fake = FakeClient()
    fake.fail_with(error)
    app = app_on(fake)
    if with_handlers:
        add_exception_handlers(app)
    async with http(app) as client:
        answer = await client.get("/sum-squares-rust")
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == retry_after
    detail = answer.json()["detail"]
    if status == 422:
        assert [fault.keys() for fault in detail] == [{"type", "loc", "msg"}]
        assert detail[0]["loc"] == ["query"]
    else:
        assert detail == "m"


async def test_an_absent_server_is_told_without_its_address() -> None:
    fake = FakeClient()
    fake.fail_with(ConnectionFailed("failed to connect to all addresses; 10.1.2.3:50051"))
    async with http(app_on(fake)) as client:
        answer = await client.get("/sum-squares-rust")
    assert answer.json() == {"detail": "the compute server cannot be reached"}


async def test_five_lines_suffice() -> None:
    app = FastAPI()

    @app.post("/numbers")
    async def numbers(xs: list[int], compute: OffgilDep) -> list[int]:
        return await compute.process_numbers(xs, rounds=1)  # type: ignore[no-any-return]

    app.dependency_overrides[get_client] = FakeClient
    async with http(app) as client:
        assert (await client.post("/numbers", json=[1, 2])).json() == [4, 6]
        wrong = await client.post("/numbers", json=[1, 2**63])
    assert wrong.status_code == 422
    assert wrong.json()["detail"][0]["loc"] == ["body", "numbers", 1]


async def test_a_handler_of_the_app_goes_before_the_dependency() -> None:
    async def teapot(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 418)

    fake = FakeClient()
    fake.fail_with(Overloaded("busy"))
    app = app_on(fake, exception_handlers={OffgilError: teapot})
    async with http(app) as client:
        answer = await client.get("/sum-squares-rust")
    assert (answer.status_code, answer.json()) == (418, {"error": "busy"})


async def test_the_handlers_serve_routes_without_the_dependency() -> None:
    app = FastAPI(exception_handlers=exception_handlers)

    @app.post("/")
    async def route() -> None:
        raise InvalidArgument("m", fields=(FieldViolation("a.b[2]", "wrong"),))

    async with http(app) as client:
        answer = await client.post("/")
    assert answer.status_code == 422
    assert answer.json()["detail"] == [
        {"type": "value_error", "loc": ["body", "a.b", 2], "msg": "wrong"}
    ]


@pytest.mark.parametrize(
    ("field", "location"),
    [
        ("", []),
        ("numbers", ["numbers"]),
        ("numbers[7]", ["numbers", 7]),
        ("matrix[7][8]", ["matrix", 7, 8]),
        ("pairs[7].a", ["pairs", 7, "a"]),
        ("7", ["7"]),
        ("1.5", ["1.5"]),
        ("a.b", ["a.b"]),
        ("a[x]", ["a[x]"]),
        ("a[1]b", ["a[1]b"]),
        ("[]", ["[]"]),
        ("a[" + "1" * 5000 + "]", ["a[" + "1" * 5000 + "]"]),
    ],
)
def test_only_an_index_in_brackets_is_an_index(field: str, location: list[str | int]) -> None:
    error = InvalidArgument("m", fields=(FieldViolation(field, "wrong"),))
    detail: Any = to_http_exception(error).detail
    assert [fault["loc"] for fault in detail] == [["body", *location]]


async def test_an_app_without_lifespan_gets_a_clear_error() -> None:
    app = FastAPI()

    @app.get("/")
    async def route(compute: OffgilDep) -> None:
        await compute.sum_squares(3, 4)

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(RuntimeError, match="lifespan"):
            await client.get("/")


@pytest.mark.parametrize("query", ["a=x", "a=9223372036854775808", "b=1.5", "a=&b=2"])
async def test_a_bad_query_is_not_echoed(query: str) -> None:
    async with http(app_on(FakeClient())) as client:
        answer = await client.get(f"/sum-squares-rust?{query}")
    assert answer.status_code == 422
    assert [fault.keys() for fault in answer.json()["detail"]] == [{"type", "loc", "msg"}]


async def test_no_route_needs_a_thread() -> None:
    app = FastAPI()
    app.include_router(create_router())
    app.include_router(create_health_router())
    set_client(app, FakeClient())
    threads = anyio.to_thread.current_default_thread_limiter()
    async with http(app) as client, AsyncExitStack() as busy, asyncio.timeout(10):
        for _ in range(int(threads.total_tokens)):
            borrower = object()
            await threads.acquire_on_behalf_of(borrower)
            busy.callback(threads.release_on_behalf_of, borrower)
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/sum-squares-rust")).status_code == 200
        assert (await client.get("/kernels")).status_code == 200
        assert (await client.post("/kernels/sum_squares", json={"a": 1, "b": 2})).is_success
        assert (await client.post("/process-numbers-rust", json={"numbers": []})).is_success
