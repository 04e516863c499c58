"""Tells when a server begins to serve, so that what was learnt of another one is asked anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2

from offgil._async_client import AsyncClient
from offgil._async_connection import settle
from offgil._exceptions import Cancelled

__all__ = ["watch_servers"]

# Before the next server is looked for, in seconds: it may be on its way.
FIRST_DELAY, MAX_DELAY = 0.5, 30.0


async def watch_servers(client: AsyncClient) -> AsyncGenerator[None, None]:
    """Yields each time a server serves that may be another one than before.

    Health is watched rather than polled: that costs nothing while the server stays, and ends as
    soon as it stops or dies. A server whose health cannot be watched counts as another one now and
    then.
    """
    delay = FIRST_DELAY
    while True:
        # Waits until there is a server, however long that is.
        rpc = client._connection.health.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True)
        try:
            while await _serves(rpc):
                delay = FIRST_DELAY
                yield
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                delay = MAX_DELAY
                yield
        except Cancelled:
            return  # the client was closed
        finally:
            # A server that drains waits for its connections, and so for this call.
            rpc.cancel()
        await asyncio.sleep(delay)
        delay = min(delay * 2, MAX_DELAY)


async def _serves(rpc: Any) -> bool:
    response = await settle(rpc, rpc.read())
    return (
        response is not grpc.aio.EOF and response.status == health_pb2.HealthCheckResponse.SERVING
    )
