"""Cancels the work for a client that has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from fastapi import HTTPException
from starlette.requests import Request

__all__ = ["ClientDisconnected", "cancel_on_disconnect"]

T = TypeVar("T")
# For how many seconds work goes on unwatched: most is done by then, and needs no second task.
UNWATCHED = 0.005


class ClientDisconnected(HTTPException):
    """The HTTP client has gone. Nobody reads the answer, so its status 499 is for the logs."""

    def __init__(self) -> None:
        """Creates the exception."""
        super().__init__(499, "the client has disconnected")


async def cancel_on_disconnect(
    request: Request, work: Awaitable[T], *, body_read: asyncio.Event | None = None
) -> T:
    """Returns what `work` returns, unless the HTTP client disconnects first.

    FastAPI lets a route run to its end when nobody waits any more
    (https://github.com/fastapi/fastapi/issues/3766). The body of the request must have been read,
    because waiting for the disconnect would swallow it.

    Args:
        request: The request of the route.
        work: What to wait for.
        body_read: Set when the body has been read, if that happens in `work`.

    Raises:
        ClientDisconnected: The client has gone, and `work` has been cancelled.
    """
    task = asyncio.current_task()
    assert task is not None, "a coroutine that awaits runs in a task"
    has_gone = False

    async def watch() -> None:
        nonlocal has_gone
        if body_read is not None:
            await body_read.wait()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        has_gone = True
        task.cancel()

    # The same accounting as in asyncio.timeout: only a cancellation of our own is swallowed.
    cancelling = task.cancelling()
    watcher: asyncio.Task[None] | None = None

    def begin() -> None:
        nonlocal watcher
        watcher = asyncio.ensure_future(watch())

    beginning = asyncio.get_running_loop().call_later(UNWATCHED, begin)
    try:
        return await work
    except asyncio.CancelledError:
        if has_gone and task.uncancel() <= cancelling:
            raise ClientDisconnected from None
        raise
    finally:
        beginning.cancel()
        if watcher is not None:
            watcher.cancel()
