"""What an HTTP server gives at most: an endpoint that does nothing, and two that echo the body."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, Response
from starlette.responses import StreamingResponse


def add_floor(app: FastAPI) -> None:
    """Adds the routes to an app."""
    app.add_api_route("/ping", ping, methods=["GET"])
    app.add_api_route("/echo", echo, methods=["POST"])
    app.add_api_route("/echo-chunks", echo_chunks, methods=["POST"])


async def ping() -> Response:
    """Answers at once: a light endpoint."""
    return Response()


async def echo(request: Request) -> Response:
    """Answers with the body."""
    return Response(await request.body())


async def echo_chunks(request: Request) -> Response:
    """Answers with the chunks of the body, when all are there."""
    chunks = [chunk async for chunk in request.stream()]

    async def answer() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return StreamingResponse(answer())
