"""The route class of the inference protocol: every error is a JSON object with `error`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from offgil._exceptions import OffgilError
from offgil._trace import following_trace
from offgil.fastapi._disconnect import ClientDisconnected
from offgil.fastapi._errors import to_http_exception

__all__ = ["InferenceRoute"]


class InferenceRoute(APIRoute):
    """A route that answers errors in the form of the protocol, even if the app has one of its own.

    The status is that of every other route.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Returns FastAPI's handler with that change."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                with following_trace(request.scope["headers"]):
                    return await handle(request)
            except ClientDisconnected as gone:
                return Response(status_code=gone.status_code)
            except OffgilError as error:
                answered = to_http_exception(error)
                # A list of faults is not for the protocol; the message names the argument too.
                is_text = isinstance(answered.detail, str)
                return _answer(answered, answered.detail if is_text else error.message)
            except HTTPException as refused:
                return _answer(refused, str(refused.detail))

        return answer


def _answer(error: HTTPException, message: str) -> Response:
    headers = dict(error.headers or {})
    return JSONResponse({"error": message}, error.status_code, headers=headers)
