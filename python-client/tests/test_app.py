"""The ready-made app, from its start to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from apps import http
from binaries import Binary, is_alive
from fake_server import FakeServer, free_port
from fastapi import FastAPI

from offgil.app import create_app
from offgil.fastapi import OffgilDep, create_router, lifespan


class LargerServer(FakeServer):
    """A server with one more kernel."""

    def ListKernels(self, request: Any, context: Any) -> Any:
        response = super().ListKernels(request, context)
        response.kernels.add(name="triple", documentation="Triples a number.")
        return response


@pytest.fixture
async def app(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FastAPI]:
    monkeypatch.setenv("OFFGIL_TARGET", server.target)
    monkeypatch.setenv("OFFGIL_CONNECT_TIMEOUT", "0.3")
    created = create_app()
    async with created.router.lifespan_context(created):
        yield created


async def test_computes(app: FastAPI) -> None:
    async with http(app) as client:
        answer = await client.post("/process-numbers-rust", json={"numbers": [1, 2], "rounds": 1})
        assert answer.json() == {"original_count": 2, "processed_result": [4, 6]}
        assert (await client.get("/sum-squares-rust")).json() == {
            "a": 5,
            "b": 10,
            "sum_of_squares": 125,
        }


async def test_ready_follows_the_server_and_live_does_not(app: FastAPI, server: FakeServer) -> None:
    async with http(app) as client:
        assert (await client.get("/readyz")).status_code == 200
        server.set_serving(False)
        assert (await client.get("/readyz")).status_code == 503
        server.stop()
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200
        absent = await client.get("/sum-squares-rust")
        assert absent.status_code == 503
        assert absent.headers["retry-after"] == "1"


async def test_counts_requests_by_the_pattern_of_the_route(app: FastAPI) -> None:
    async with http(app) as client:
        await client.post("/kernels/nothing", json={})
        await client.get("/no/such/path")
        text = (await client.get("/metrics")).text
    labels = 'method="POST",route="/kernels/{name}",status="404"'
    assert f"offgil_http_requests_total{{{labels}}}" in text
    assert 'route="unmatched"' in text
    assert "/no/such/path" not in text
    assert "offgil_http_requests_in_flight 1.0" in text
    assert "offgil_http_request_duration_seconds_bucket" in text


async def test_documents_a_path_for_each_kernel(app: FastAPI) -> None:
    async with http(app) as client:
        await client.get("/kernels")
        document = (await client.get("/openapi.json")).json()
        assert (await client.get("/docs")).status_code == 200
    squares = document["paths"]["/kernels/sum_squares"]["post"]
    schema = squares["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["a", "b"]
    rounds = document["paths"]["/kernels/process_numbers"]["post"]["requestBody"]["content"][
        "application/json"
    ]["schema"]["properties"]["rounds"]
    assert (rounds["default"], rounds["minimum"], rounds["maximum"]) == (1000, 0, 1_000_000)
    body = document["paths"]["/process-numbers-rust"]["post"]["requestBody"]
    numbers = body["content"]["application/json"]["schema"]
    assert numbers["required"] == ["numbers"]
    assert numbers["properties"]["numbers"]["items"] == {"type": "integer", "format": "int64"}
    query = document["paths"]["/sum-squares-rust"]["get"]["parameters"]
    assert [parameter["schema"]["format"] for parameter in query] == ["int64", "int64"]
    responses = document["paths"]["/process-numbers-rust"]["post"]["responses"]
    assert responses.keys() >= {"200", "413", "422", "503", "504"}


async def test_the_kernels_appear_under_the_prefix_of_the_router(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFGIL_TARGET", server.target)

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app):
            yield

    app = FastAPI(lifespan=own)
    app.include_router(create_router(), prefix="/compute")
    async with app.router.lifespan_context(app), http(app) as client:
        await client.get("/compute/kernels")
        assert "/compute/kernels/sum_squares" in app.openapi()["paths"]
        ok = await client.post("/compute/process-numbers-rust", json={"numbers": ["1"]})
        assert ok.status_code == 200


async def test_starts_and_documents_itself_without_a_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    monkeypatch.setenv("OFFGIL_TARGET", f"dns:///127.0.0.1:{port}")
    monkeypatch.setenv("OFFGIL_CONNECT_TIMEOUT", "0.2")
    app = create_app()
    late = FakeServer()
    async with app.router.lifespan_context(app), http(app) as client:
        assert (await client.get("/docs")).status_code == 200
        assert "/kernels/{name}" in app.openapi()["paths"]
        assert (await client.get("/readyz")).status_code == 503
        late.start(port)
        async with asyncio.timeout(20):
            while "/kernels/sum_squares" not in app.openapi()["paths"]:
                await asyncio.sleep(0.05)
    late.stop()


async def test_the_document_follows_a_server_that_takes_over(
    app: FastAPI, server: FakeServer
) -> None:
    async def documents(path: str) -> None:
        async with asyncio.timeout(20):
            while path not in app.openapi()["paths"]:
                await asyncio.sleep(0.01)

    await documents("/kernels/sum_squares")
    server.stop()
    assert "/kernels/sum_squares" in app.openapi()["paths"]
    successor = LargerServer()
    successor.start(server.port)
    await documents("/kernels/triple")
    assert "/kernels/sum_squares" in app.openapi()["paths"]
    successor.stop()


async def test_the_client_is_gone_when_the_app_has_ended(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFGIL_TARGET", server.target)
    app = FastAPI()

    @app.get("/")
    async def route(compute: OffgilDep) -> int:
        return await compute.sum_squares(3, 4)

    async with lifespan(app), http(app) as client:
        assert (await client.get("/")).json() == 25
    async with http(app) as client:
        assert (await client.get("/")).status_code == 500


async def test_the_lifespan_starts_and_stops_its_server_and_reads_the_timeouts(
    binary: Binary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFGIL_SERVER_BIN", str(binary.path))
    monkeypatch.setenv("OFFGIL_TIMEOUT", "7")
    monkeypatch.setenv("OFFGIL_CONNECT_TIMEOUT", "0.7")
    app = FastAPI()
    async with lifespan(app):
        ((pid, *arguments),) = binary.starts()
        assert is_alive(int(pid))
        client = app.state.offgil_client
        assert client.target == f"unix://{arguments[1]}"
        assert (client.timeout, client._options.connect_timeout) == (7, 0.7)
    assert not is_alive(int(pid))
