"""Keeps the server's catalogue on the app, for the OpenAPI document.

The app starts and serves its documentation even if the server cannot be reached; the kernels
appear in the document as soon as it can, and those of another server when it takes over. While none
can be reached the document keeps the kernels of the last one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from offgil._async_client import AsyncClient
from offgil._async_watch import watch_servers
from offgil._catalogue import Kernel
from offgil._exceptions import OffgilError
from offgil.fastapi._openapi import with_kernels

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["keep_catalogue", "remember_catalogue"]

logger = logging.getLogger("offgil.fastapi")

FIRST_DELAY, MAX_DELAY = 1.0, 30.0


@asynccontextmanager
async def keep_catalogue(app: FastAPI, client: AsyncClient) -> AsyncIterator[None]:
    """Follows the catalogue in the background and adds it to the app's OpenAPI document."""
    original = app.openapi
    app.openapi = _documented(app, original)  # type: ignore[method-assign] # FastAPI's own way
    following = asyncio.create_task(_follow(app, client))
    try:
        yield
    finally:
        following.cancel()
        await asyncio.wait([following])
        app.openapi = original  # type: ignore[method-assign]


def remember_catalogue(app: Any, kernels: tuple[Kernel, ...]) -> None:
    """Stores the catalogue that the OpenAPI document describes."""
    app.state.offgil_catalogue = kernels


async def _follow(app: FastAPI, client: AsyncClient) -> None:
    async with aclosing(watch_servers(client)) as servers:
        async for _ in servers:
            await _fetch(app, client)


async def _fetch(app: FastAPI, client: AsyncClient) -> None:
    delay = FIRST_DELAY
    while True:
        try:
            remember_catalogue(app, await client.list_kernels())
            return
        except OffgilError as error:
            logger.info("the catalogue is not known yet: %s", error.message)
        await asyncio.sleep(delay)
        delay = min(delay * 2, MAX_DELAY)


def _documented(
    app: FastAPI, original: Callable[[], dict[str, Any]]
) -> Callable[[], dict[str, Any]]:
    known: tuple[Any, Any, dict[str, Any]] | None = None

    def openapi() -> dict[str, Any]:
        nonlocal known
        document = original()
        kernels: tuple[Kernel, ...] = getattr(app.state, "offgil_catalogue", ())
        if known is None or known[0] is not document or known[1] != kernels:
            known = (document, kernels, with_kernels(document, kernels))
        return known[2]

    return openapi
