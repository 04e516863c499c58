"""The route class of offgil's routes: small validation errors, and no answer for who has gone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from offgil.fastapi._disconnect import ClientDisconnected
from offgil.fastapi._errors import without_input

__all__ = ["OffgilRoute"]


class OffgilRoute(APIRoute):
    """A route whose 422 has type, loc and msg alone.

    The error is still a `RequestValidationError`, so an app's own handler for it is respected.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Returns FastAPI's handler with the two changes."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise without_input(error) from None
            except ClientDisconnected as gone:
                return Response(status_code=gone.status_code)

        return answer
