"""Calls belong to the trace of the HTTP request, or of the span, that they are made for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from apps import JSON, http
from fake_server import FakeServer
from fastapi import FastAPI, Request
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState
from starlette.responses import StreamingResponse

from offgil import AsyncClient, Client
from offgil._trace import following_trace, is_sampled, with_trace
from offgil.fastapi import OffgilDep, create_router
from offgil.fastapi._dependency import set_client

IDS = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
RECORDED, UNRECORDED = f"00-{IDS}-01", f"00-{IDS}-00"
LARGE = b'{"numbers":[1]' + b" " * 2_000_000 + b"}"


def headers(parent: str, *states: str) -> list[tuple[bytes, bytes]]:
    given = [("host", "test"), ("traceparent", parent), *(("tracestate", x) for x in states)]
    return [(name.encode(), value.encode("latin-1")) for name, value in given]


@contextmanager
def span(*, sampled: bool, state: str = "") -> Iterator[None]:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    known = TraceState.from_header([state] if state else [])
    context = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=flags, trace_state=known)
    with trace.use_span(NonRecordingSpan(context)):
        yield


OF_SPAN = "00-00000000000000000000000000000abc-0000000000000def"


@pytest.mark.parametrize("parent", [RECORDED, UNRECORDED, f"00-{IDS}-ff"])
def test_a_valid_parent_goes_on_as_it_is(parent: str) -> None:
    with following_trace(headers(parent)):
        assert with_trace(None) == (("traceparent", parent),)
        assert with_trace((("x", "y"),)) == (("x", "y"), ("traceparent", parent))
        assert is_sampled() == (parent != UNRECORDED)
    assert with_trace(None) is None
    assert not is_sampled()


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00",
        IDS,
        f"00-{IDS}",
        f"00-{IDS}-1",
        f"00-{IDS}-01-",
        f"00-{IDS}-01-more",
        f"00-{IDS}-0g",
        f"00-{IDS.upper()}-01",
        f"0x-{IDS}-01",
        f"ff-{IDS}-01",
        f"cc-{IDS}-01.more",
        f" 00-{IDS}-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        f"00_{IDS}_01",
        f"00-{IDS}-01\u00e9",
    ],
)
def test_an_invalid_parent_is_not_sent_and_neither_is_its_state(parent: str) -> None:
    with following_trace(headers(parent, "a=1")):
        assert with_trace(None) is None
        assert not is_sampled()


def test_two_parents_are_none() -> None:
    with following_trace(headers(RECORDED) + headers(RECORDED)):
        assert with_trace(None) is None


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        (f"01-{IDS}-03", RECORDED),
        (f"cc-{IDS}-02-what the future brings", UNRECORDED),
    ],
)
def test_a_parent_of_a_later_version_goes_on_as_one_of_this(parent: str, expected: str) -> None:
    with following_trace(headers(parent)):
        assert with_trace(None) == (("traceparent", expected),)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["rojo=00f067aa0ba902b7, congo=t61"], "rojo=00f067aa0ba902b7, congo=t61"),
        (["a=1", " b=2 "], "a=1, b=2"),
        ([""], None),
        (["a=\u00e9"], None),
        (["a=\x01"], None),
        (["a=" + "1" * 510], "a=" + "1" * 510),
        (["a=" + "1" * 511], None),
    ],
)
def test_a_state_goes_along_if_it_can(states: list[str], expected: str | None) -> None:
    with following_trace(headers(RECORDED, *states)):
        sent = dict(with_trace(None) or ())
    assert sent.get("tracestate") == expected
    assert sent["traceparent"] == RECORDED


def test_metadata_of_the_caller_win() -> None:
    own = (("traceparent", UNRECORDED),)
    with following_trace(headers(RECORDED, "a=1")):
        assert with_trace(own) == own


def test_a_current_span_takes_the_place_of_the_request() -> None:
    with following_trace(headers(RECORDED, "a=1")):
        with span(sampled=False, state="b=2"):
            sent = (("traceparent", f"{OF_SPAN}-00"), ("tracestate", "b=2"))
            assert with_trace(None) == sent
            assert not is_sampled()
        with trace.use_span(trace.INVALID_SPAN):
            assert dict(with_trace(None) or ())["traceparent"] == RECORDED
            assert is_sampled()
    with span(sampled=True):
        assert is_sampled()


@pytest.fixture
def app(client: AsyncClient) -> FastAPI:
    """An app with routes of the package and of its own."""
    created = FastAPI()
    created.include_router(create_router())
    created.include_router(create_router(direct=True), prefix="/direct")

    @created.get("/own")
    async def own(compute: OffgilDep) -> int:
        return await compute.sum_squares(3, 4)

    @created.get("/stream")
    async def stream(compute: OffgilDep) -> StreamingResponse:
        results = compute.process_numbers_stream([[1]], rounds=0)

        async def text() -> AsyncIterator[str]:
            async for chunk in results:
                yield str(chunk)

        return StreamingResponse(text())

    @created.get("/twice")
    async def twice(compute: OffgilDep, request: Request) -> list[int]:
        return [await compute.sum_squares(n, 0) for n in (1, 2)]

    set_client(created, client)
    return created


def traces(server: FakeServer) -> list[tuple[str | None, str | None]]:
    return [(sent.get("traceparent"), sent.get("tracestate")) for _, sent in server.calls]


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/sum-squares-rust", {}),
    ("GET", "/direct/sum-squares-rust?a=1&b=2", {}),
    ("POST", "/process-numbers-rust", {"json": {"numbers": [1]}}),
    ("POST", "/process-numbers-rust", {"content": LARGE, "headers": JSON}),
    ("POST", "/direct/process-numbers-rust", {"json": {"numbers": [1]}}),
    ("POST", "/direct/process-numbers-rust", {"content": LARGE, "headers": JSON}),
    ("POST", "/kernels/sum_squares", {"json": {"a": 1, "b": 2}}),
    ("GET", "/kernels", {}),
    ("GET", "/v2/models/sum_squares", {}),
    ("GET", "/own", {}),
    ("GET", "/stream", {}),
]


@pytest.mark.parametrize(("method", "path", "options"), REQUESTS)
async def test_the_call_of_a_request_belongs_to_its_trace(
    app: FastAPI, server: FakeServer, method: str, path: str, options: dict[str, Any]
) -> None:
    async with http(app) as web:
        web.headers = {"traceparent": RECORDED, "tracestate": "a=1"}
        assert (await web.request(method, path, **options)).is_success
        web.headers = {}
        assert (await web.request(method, path, **options)).is_success
    assert traces(server) == [(RECORDED, "a=1"), (None, None)]


async def test_every_call_of_a_request_belongs_to_its_trace(
    app: FastAPI, server: FakeServer
) -> None:
    async with http(app) as web:
        assert (await web.get("/twice", headers={"traceparent": UNRECORDED})).json() == [1, 4]
    assert traces(server) == [(UNRECORDED, None)] * 2


async def test_the_calls_of_a_recorded_trace_go_by_themselves(
    app: FastAPI, server: FakeServer
) -> None:
    async with http(app) as web:
        calls = (web.get("/own", headers={"traceparent": RECORDED}) for _ in range(20))
        assert all(answer.is_success for answer in await asyncio.gather(*calls))
    assert [method for method, _ in server.calls] == ["SumSquares"] * 20
    assert traces(server) == [(RECORDED, None)] * 20


async def test_a_batch_belongs_to_no_trace(app: FastAPI, server: FakeServer) -> None:
    async with http(app) as web:
        calls = (web.get("/own", headers={"traceparent": UNRECORDED}) for _ in range(20))
        assert all(answer.is_success for answer in await asyncio.gather(*calls))
    assert {(method, sent.get("traceparent")) for method, sent in server.calls} == {
        ("SumSquares", UNRECORDED),
        ("BatchSumSquares", None),
    }


async def test_a_batch_belongs_to_no_span(server: FakeServer, client: AsyncClient) -> None:
    with span(sampled=False):
        await asyncio.gather(*(client.sum_squares(n, 1) for n in range(20)))
    assert {(method, sent.get("traceparent")) for method, sent in server.calls} == {
        ("SumSquares", f"{OF_SPAN}-00"),
        ("BatchSumSquares", None),
    }


async def test_concurrent_requests_keep_their_traces(app: FastAPI, server: FakeServer) -> None:
    parents = {f"00-{number:032x}-b7ad6b7169203331-01" for number in range(1, 9)}
    async with http(app) as web:
        await asyncio.gather(*(web.get("/twice", headers={"traceparent": x}) for x in parents))
    assert sorted(traces(server)) == sorted((parent, None) for parent in [*parents, *parents])


def test_the_synchronous_client_tells_the_trace_too(server: FakeServer) -> None:
    with Client(server.target) as client, span(sampled=True):
        client.sum_squares(3, 4)
        list(client.process_numbers_stream([[1]]))
    assert traces(server) == [(f"{OF_SPAN}-01", None)] * 2
