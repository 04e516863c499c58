"""The time of a body that is forwarded: it counts while the server is waited for.

How slowly the HTTP client sends its body or takes its answer says nothing about the server, so that
time counts only against the generous limit of the whole transfer, which is the deadline of the RPC.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from offgil._exceptions import DeadlineExceeded

__all__ = ["TRANSFER_TIMEOUT", "Transfer"]

# For how many seconds a body and its answer may travel.
TRANSFER_TIMEOUT = 600.0


class Transfer:
    """A body on its way to the server, and the answer on its way back."""

    def __init__(self, body: AsyncIterator[list[bytes]], timeout: float) -> None:
        """Creates a transfer.

        Args:
            body: The chunks of the body in parts, as they arrive.
            timeout: For how many seconds at a time the server may keep this side waiting: until it
                takes a chunk, until it has computed, until it gives a chunk of its answer.
        """
        self._body = body
        self._timeout = timeout
        # While the first chunk of the answer is waited for.
        self._limit: asyncio.Timeout | None = None

    async def chunks(self) -> AsyncGenerator[list[bytes], None]:
        """Yields the body, each chunk in parts.

        Who asks for the next chunk waits for the HTTP client; else this side waits for the server.
        """
        async for chunk in self._body:
            self._count(True)
            yield chunk
            self._count(False)
        self._count(True)

    async def first(self, results: AsyncGenerator[memoryview, None]) -> memoryview | None:
        """Returns the first chunk of the answer; None if it is empty.

        Raises:
            DeadlineExceeded: The server kept this side waiting for too long.
        """
        async with self._at_most(None) as self._limit:
            try:
                return await anext(results, None)
            finally:
                self._limit = None

    async def rest(
        self, results: AsyncGenerator[memoryview, None]
    ) -> AsyncGenerator[memoryview, None]:
        """Yields the further chunks of the answer.

        Raises:
            DeadlineExceeded: The server kept this side waiting for too long.
        """
        while True:
            async with self._at_most(self._timeout):
                chunk = await anext(results, None)
            if chunk is None:
                return
            yield chunk

    def _count(self, counts: bool) -> None:
        if self._limit is not None:
            now = asyncio.get_running_loop().time()
            self._limit.reschedule(now + self._timeout if counts else None)

    @asynccontextmanager
    async def _at_most(self, seconds: float | None) -> AsyncIterator[asyncio.Timeout]:
        try:
            async with asyncio.timeout(seconds) as limit:
                yield limit
        except TimeoutError as error:
            if not limit.expired():
                raise
            reason = f"the server kept the call waiting for {self._timeout:g} s"
            raise DeadlineExceeded(reason) from error
