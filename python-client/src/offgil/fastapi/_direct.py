"""Answers plain requests without what FastAPI does for any request.

To solve dependencies, to validate arguments and to serialize a model takes FastAPI longer than a
tiny call takes the server. A route that needs none of it answers directly. Every other request, and
every request of an app that overrides dependencies, goes FastAPI's way, with the same answer.

Dependencies that are given when a router is included do not run for a direct answer, and a route
cannot see them; so an app has to ask for direct routes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from offgil._async_client import AsyncClient
from offgil._trace import following_trace
from offgil.fastapi._dependency import answering_errors, find_client
from offgil.fastapi._disconnect import ClientDisconnected
from offgil.fastapi._route import OffgilRoute

__all__ = ["DirectAnswer", "direct_route"]

# Answers a request with a client; None: it is not plain.
DirectAnswer = Callable[[Request, AsyncClient], Awaitable[Response | None]]


def direct_route(answer: DirectAnswer) -> type[OffgilRoute]:
    """Returns a class of routes that try `answer` first."""

    class DirectRoute(OffgilRoute):
        """A route that answers plain requests directly."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """Returns FastAPI's handler behind the direct answer."""
            handle = super().get_route_handler()

            async def try_directly(request: Request) -> Response:
                client = find_client(request)
                if client is None or request.app.dependency_overrides:
                    return await handle(request)
                try:
                    with following_trace(request.scope["headers"]), answering_errors(request):
                        response = await answer(request, client)
                except ClientDisconnected as gone:
                    return Response(status_code=gone.status_code)
                return await handle(request) if response is None else response

            return try_directly

    return DirectRoute
