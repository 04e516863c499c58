"""The routes that a supervisor of the app asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from offgil._async_client import AsyncClient
from offgil._exceptions import OffgilError
from offgil.fastapi._dependency import get_client

__all__ = ["create_health_router"]


def create_health_router() -> APIRouter:
    """Returns a router with ``/livez`` and ``/readyz``."""
    router = APIRouter(tags=["health"])
    router.add_api_route("/livez", livez, methods=["GET"])
    router.add_api_route(
        "/readyz",
        readyz,
        methods=["GET"],
        responses={503: {"description": "The compute server cannot be reached or drains."}},
    )
    return router


async def livez() -> JSONResponse:
    """Answers 200 for as long as the app itself works."""
    return JSONResponse({"status": "live"})


async def readyz(compute: Annotated[AsyncClient, Depends(get_client)]) -> JSONResponse:
    """Answers 200 if the compute server serves, else 503."""
    try:
        is_ready = await compute.check_health()
    except OffgilError as error:
        return JSONResponse({"status": "not ready", "reason": error.message}, status_code=503)
    if is_ready:
        return JSONResponse({"status": "ready"})
    return JSONResponse(
        {"status": "not ready", "reason": "the compute server does not serve"}, status_code=503
    )
