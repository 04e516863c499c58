"""What an app needs from its start to its end: a client and, unless one runs, a server."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from offgil._async_client import AsyncClient
from offgil._config import Settings
from offgil.fastapi._catalogue import keep_catalogue
from offgil.fastapi._dependency import set_client
from offgil.sidecar import Sidecar

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["lifespan"]

# What each HTTP client that reads its answer slowly costs the app.
MAX_UNREAD_BYTES = 4 * 1024 * 1024


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Gives the app its client; starts a server for it unless ``OFFGIL_TARGET`` names one.

    Use it as ``FastAPI(lifespan=lifespan)``, or inside a lifespan of your own::

        @asynccontextmanager
        async def my_lifespan(app):
            async with lifespan(app):
                yield

    What the app consists of by now is no longer looked at by the garbage collector (`gc.freeze`).

    Args:
        app: The app; `OffgilDep` finds the client by it.

    Raises:
        ConfigurationError: A variable of the environment is wrong.
        SidecarError: The embedded server did not start.
    """
    settings = Settings.from_environ()
    async with AsyncExitStack() as stack:
        target = settings.target
        if target is None:
            sidecar = Sidecar(binary=settings.server_binary)
            stack.push_async_callback(asyncio.to_thread, sidecar.stop)
            await asyncio.to_thread(sidecar.start)
            target = sidecar.target
        client = AsyncClient(
            target,
            timeout=settings.timeout,
            connect_timeout=settings.connect_timeout,
            tls=settings.tls,
            token=settings.token,
            max_unread_bytes=MAX_UNREAD_BYTES,
        )
        await stack.enter_async_context(client)
        set_client(app, client)
        stack.callback(set_client, app, None)
        await stack.enter_async_context(keep_catalogue(app, client))
        stack.enter_context(frozen_objects())
        yield


@contextmanager
def frozen_objects() -> Iterator[None]:
    """Spares the garbage collector what the app consists of, while the body runs.

    Calls in flight are what makes the collector run in full, and to look at each object of FastAPI,
    pydantic and the app takes it some 30 ms, for which every request waits.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
