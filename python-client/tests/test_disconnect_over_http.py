"""A real HTTP client that goes away cancels the real gRPC call."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
import uvicorn
from apps import JSON
from fake_server import FakeServer

from offgil.app import create_app


@pytest.mark.parametrize("padding", [0, 3_000_000], ids=["unary", "stream"])
async def test_a_client_that_gives_up_cancels_the_call(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, padding: int
) -> None:
    monkeypatch.setenv("OFFGIL_TARGET", server.target)
    body = b'{"numbers":[1]' + b" " * padding + b"}"
    config = uvicorn.Config(create_app(), log_level="warning", ws="none")
    app_server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/process-numbers-rust"
        serving = asyncio.create_task(app_server.serve(sockets=[listener]))
        while not app_server.started:
            await asyncio.sleep(0.01)
        server.hold.clear()
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(url, content=body, headers=JSON, timeout=0.5)
        assert await asyncio.to_thread(server.cancelled.wait, 10)
        server.hold.set()
        async with httpx.AsyncClient() as client:
            answer = await client.post(url, content=body, headers=JSON, timeout=10)
        assert answer.json()["original_count"] == 1
        app_server.should_exit = True
        await serving
