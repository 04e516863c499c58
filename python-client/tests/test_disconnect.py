"""Work for a client that has gone is cancelled."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
from apps import app_on
from fastapi import Request

from offgil.fastapi import ClientDisconnected, cancel_on_disconnect
from offgil.testing import FakeClient


class Client:
    """The other end of an ASGI connection, which leaves when told."""

    def __init__(self, body: bytes = b"") -> None:
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        if body:
            self.messages.put_nowait({"type": "http.request", "body": body, "more_body": False})

    def leave(self) -> None:
        self.messages.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> Any:
        return await self.messages.get()

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def request(self) -> Request:
        return Request({"type": "http", "method": "POST", "headers": []}, self.receive)


class Slow(FakeClient):
    """A fake whose calls never return."""

    def __init__(self) -> None:
        super().__init__()
        self.began = asyncio.Event()
        self.was_cancelled = asyncio.Event()

    async def _invoke(self, call: Any) -> Any:
        self.began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled.set()
            raise


async def test_returns_the_result() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 5

    assert await cancel_on_disconnect(Client().request(), work()) == 5


async def test_passes_errors_on() -> None:
    async def work() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await cancel_on_disconnect(Client().request(), work())


async def test_cancels_when_the_client_leaves() -> None:
    client, forever = Client(), asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, client.leave)
    with pytest.raises(ClientDisconnected):
        await cancel_on_disconnect(client.request(), forever.wait())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_does_not_swallow_a_cancellation_from_outside() -> None:
    with anyio.move_on_after(0.05) as scope:
        await cancel_on_disconnect(Client().request(), asyncio.Event().wait())
    assert scope.cancelled_caught


async def test_waits_for_the_body_before_it_watches() -> None:
    client, body_read = Client(b"body"), asyncio.Event()
    request = client.request()

    async def work() -> bytes:
        await asyncio.sleep(0.05)
        body = await request.body()
        body_read.set()
        await asyncio.sleep(0.05)
        return body

    assert await cancel_on_disconnect(request, work(), body_read=body_read) == b"body"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/sum-squares-rust", b""),
        ("POST", "/process-numbers-rust", b'{"numbers":[1]}'),
        ("POST", "/kernels/sum_squares", b"{}"),
    ],
)
async def test_the_routes_cancel_their_calls(method: str, path: str, body: bytes) -> None:
    fake, client = Slow(), Client(body)
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
    }
    serving = asyncio.create_task(app_on(fake)(scope, client.receive, client.send))
    await fake.began.wait()
    client.leave()
    await serving
    assert fake.was_cancelled.is_set()
    assert client.sent[0]["status"] == 499
    assert b"".join(message.get("body", b"") for message in client.sent) == b""


async def test_a_client_that_leaves_during_its_upload_is_no_error() -> None:
    client = Client()
    client.messages.put_nowait({"type": "http.request", "body": b"{", "more_body": True})
    client.leave()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/process-numbers-rust",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
    }
    await app_on(FakeClient())(scope, client.receive, client.send)
    assert client.sent[0]["status"] == 499
