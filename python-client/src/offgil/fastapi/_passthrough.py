"""Passes the bytes of a body through to a kernel, so that the event loop never touches an element.

A body of at most 1 MiB goes in one message, and again if the server is lost; a larger one is
forwarded while it arrives. When the kernel refuses a small body, the route is exact by a
*fallback*: FastAPI itself reads the same bytes for a typed route that is not mounted. If its model
accepts them (pydantic reads ``"3"`` as 3), the call goes on typed; else FastAPI's own 422 is the
answer, without the input. A larger bad body gets a 422 with the one fault that the kernel located.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from fastapi import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message

from offgil._async_client import AsyncClient
from offgil._exceptions import InvalidArgument, ProtocolViolation
from offgil.fastapi._body import IncomingBody, is_json
from offgil.fastapi._disconnect import cancel_on_disconnect
from offgil.fastapi._route import OffgilRoute
from offgil.fastapi._timing import ServerTiming
from offgil.fastapi._transfer import TRANSFER_TIMEOUT, Transfer

__all__ = ["CLIENT_SCOPE_KEY", "PassThrough"]

SMALL_BYTES = 1024 * 1024
# Where the typed endpoint finds the client, in the scope of its request.
CLIENT_SCOPE_KEY = "offgil.client"
JSON = "application/json"


class PassThrough:
    """Passes bodies through to one kernel."""

    def __init__(
        self, kernel: str, *, lax: bool, typed: Callable[..., Awaitable[Any]] | None = None
    ) -> None:
        """Creates a pass-through.

        Args:
            kernel: The name of the kernel.
            lax: Whether it reads arguments as web frameworks do.
            typed: The endpoint of the fallback. None: the errors of the kernel are the answer.
        """
        self._kernel = kernel
        self._lax = lax
        self._fallback: Callable[[Request], Awaitable[Response]] | None = None
        if typed is not None:
            route = OffgilRoute("/", typed, methods=["POST"])
            self._fallback = route.get_route_handler()

    async def answer(self, request: Request, client: AsyncClient) -> Response:
        """Runs the kernel on the body of the request.

        Raises:
            OffgilError: The call failed.
            RequestValidationError: The body is not what the model of the fallback accepts.
            ClientDisconnected: The client has gone.
        """
        timing = ServerTiming()
        response = await self._pass(request, timing.observed(client), timing)
        timing.write_to(response)
        return response

    async def _pass(self, request: Request, client: AsyncClient, timing: ServerTiming) -> Response:
        body = IncomingBody(request)
        if not is_json(request):
            return await self._answer_other_type(request, client, body)
        try:
            if await body.collect(SMALL_BYTES):
                call = client.invoke_json(self._kernel, body.prefix, lax=self._lax)
                return Response(await cancel_on_disconnect(request, call), media_type=JSON)
            return await self._stream(request, client, body, timing)
        except InvalidArgument:
            if self._fallback is None or not body.is_whole:
                raise
            return await self._fallback(_replay(request, client, body.prefix))

    async def _answer_other_type(
        self, request: Request, client: AsyncClient, body: IncomingBody
    ) -> Response:
        if self._fallback is None:
            raise HTTPException(415, "the body must be JSON, of content type application/json")
        # FastAPI takes such a body for a string of bytes, whatever is in it; some of it will do.
        await body.collect(SMALL_BYTES)
        return await self._fallback(_replay(request, client, body.prefix[:SMALL_BYTES]))

    async def _stream(
        self, request: Request, client: AsyncClient, body: IncomingBody, timing: ServerTiming
    ) -> Response:
        patient = client.with_options(timeout=TRANSFER_TIMEOUT + client.timeout)
        transfer = Transfer(body.chunks(), client.timeout)
        results = patient._forward_json(
            self._kernel, transfer.chunks(), lax=self._lax, on_start=timing.note
        )
        try:
            # With the first chunk the kernel has succeeded, so the status is known.
            step = transfer.first(results)
            first = await cancel_on_disconnect(request, step, body_read=body.is_complete)
            if first is None:
                raise ProtocolViolation(f"kernel {self._kernel!r} answered nothing")
        except BaseException:
            await results.aclose()
            raise
        return StreamingResponse(_answer(first, transfer, results), media_type=JSON)


async def _answer(
    first: memoryview, transfer: Transfer, results: AsyncGenerator[memoryview, None]
) -> AsyncGenerator[memoryview, None]:
    # An error in here breaks the connection, so that nobody takes a part for the whole.
    async with aclosing(results):
        yield first
        async for chunk in transfer.rest(results):
            yield chunk


def _replay(request: Request, client: AsyncClient, body: bytes) -> Request:
    is_sent = False

    async def receive() -> Message:
        nonlocal is_sent
        if is_sent:
            return await request.receive()
        is_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({**request.scope, CLIENT_SCOPE_KEY: client}, receive)
