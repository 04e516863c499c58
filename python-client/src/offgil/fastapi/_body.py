"""Reads a request body that is forwarded rather than parsed."""

from __future__ import annotations

import asyncio
import email.message
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from offgil.fastapi._disconnect import ClientDisconnected

__all__ = ["IncomingBody", "is_json"]

# HTTP servers deliver 64 KiB or so at a time; gRPC is at its best with messages of this size.
MESSAGE_BYTES = 1024 * 1024


class IncomingBody:
    """The body of a request, while it arrives.

    Attributes:
        prefix: What has been collected.
        is_whole: Whether the prefix is the whole body.
        is_complete: Set when the whole body has been read.
    """

    def __init__(self, request: Request) -> None:
        """Begins to read the body of `request`."""
        self._stream = request.stream()
        self.prefix = b""
        self.is_whole = False
        self.is_complete = asyncio.Event()

    async def collect(self, limit: int) -> bool:
        """Reads until the prefix is the whole body or over `limit`; returns whether it is whole.

        Raises:
            ClientDisconnected: The client has gone.
        """
        parts, size = [self.prefix], len(self.prefix)
        while size <= limit and not self.is_complete.is_set():
            chunk = await self._next()
            parts.append(chunk)
            size += len(chunk)
        self.prefix = b"".join(parts)
        self.is_whole = self.is_complete.is_set()
        return self.is_whole

    async def chunks(self) -> AsyncIterator[list[bytes]]:
        """Yields the prefix and the rest, while it arrives: chunks of a good size, in parts."""
        parts, size = [self.prefix], len(self.prefix)
        while not self.is_complete.is_set():
            if size >= MESSAGE_BYTES:
                yield parts
                parts, size = [], 0
            chunk = await self._next()
            parts.append(chunk)
            size += len(chunk)
        yield parts

    async def _next(self) -> bytes:
        try:
            chunk = await anext(self._stream)
        except ClientDisconnect as gone:
            raise ClientDisconnected from gone
        if not chunk:  # how Starlette marks the end
            self.is_complete.set()
        return chunk


def is_json(request: Request) -> bool:
    """Returns whether FastAPI would read the body as JSON, by its content type."""
    content_type = request.headers.get("content-type")
    if content_type == "application/json":
        return True
    if content_type is None:
        return False
    message = email.message.Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    is_application = message.get_content_maintype() == "application"
    return is_application and (subtype == "json" or subtype.endswith("+json"))
