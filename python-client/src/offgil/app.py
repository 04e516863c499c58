"""The ready-made app: ``uvicorn offgil.app:app``, or ``offgil serve``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.responses import PlainTextResponse

from offgil._loop_lag import observing_loop_lag
from offgil._metrics import MetricsMiddleware, forget_process, show_metrics
from offgil._version import __version__
from offgil.fastapi import (
    add_exception_handlers,
    create_health_router,
    lifespan,
)
from offgil.fastapi._inference import create_inference_router
from offgil.fastapi._router import add_compute_routes

__all__ = ["app", "create_app"]


def create_app() -> FastAPI:
    """Returns the app with all its routes."""
    created = FastAPI(
        title="offgil",
        summary="CPU-bound work off the GIL: number processing in a Rust process of its own.",
        version=__version__,
        lifespan=_lifespan,
    )
    created.add_middleware(MetricsMiddleware)
    # Not in a router of their own, which FastAPI would have to go through for each request.
    add_compute_routes(created.router, direct=True)
    created.include_router(create_inference_router())
    created.include_router(create_health_router())
    created.add_api_route(
        "/metrics",
        show_metrics,
        methods=["GET"],
        tags=["health"],
        response_class=PlainTextResponse,
    )
    add_exception_handlers(created)
    return created


@asynccontextmanager
async def _lifespan(created: FastAPI) -> AsyncIterator[None]:
    async with lifespan(created), observing_loop_lag():
        yield
    forget_process()


app = create_app()
