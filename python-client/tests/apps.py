"""An app on a fake, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from offgil import AsyncClient
from offgil.fastapi import create_health_router, create_router, get_client

JSON = {"content-type": "application/json"}


def app_on(fake: AsyncClient, **options: Any) -> FastAPI:
    app = FastAPI(**options)
    app.include_router(create_router())
    app.include_router(create_health_router())
    app.dependency_overrides[get_client] = lambda: fake
    return app


@asynccontextmanager
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Calls an app in this event loop; errors that it raises are answers of status 500."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as connected:
        yield connected
