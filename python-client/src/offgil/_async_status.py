"""Recovers the status of a server that ended a call while the client was writing.

A write that fails because the call has ended makes `grpc.aio` report an internal error, before or
after it has received the status of the server, which it then forgets; see
https://github.com/grpc/grpc/issues/36066. So the status is noted when it arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import grpc.aio

from offgil._exceptions import ProtocolViolation

__all__ = ["ServerStatus"]

WRITE_FAILED = "Internal error from Core"
# How long the status may take after the failed write, in seconds; usually less than a millisecond.
ARRIVAL_TIMEOUT = 1.0

T = TypeVar("T")


class ServerStatus:
    """The status with which the server ends one call."""

    def __init__(self, rpc: Any) -> None:
        """Begins to watch a call."""
        self._rpc = rpc
        self._error: grpc.aio.AioRpcError | None = None
        self._has_arrived = asyncio.Event()
        rpc.add_done_callback(self._note)

    async def behind(self, error: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        """Returns the error that the server sent, if `error` only reports a failed write.

        A server that sent none is lost.

        Raises:
            ProtocolViolation: The server sent none and did not wait for the end of the stream.
        """
        if error.details() != WRITE_FAILED:
            return error
        try:
            await asyncio.wait_for(self._has_arrived.wait(), ARRIVAL_TIMEOUT)
        except TimeoutError:
            return grpc.aio.AioRpcError(
                grpc.StatusCode.UNAVAILABLE,
                error.initial_metadata(),
                error.trailing_metadata(),
                "the server was lost while the request was sent",
            )
        assert self._error is not None, "it is noted before the event is set"
        if self._error.code() is grpc.StatusCode.OK:
            raise ProtocolViolation("the server did not wait for the end of the request") from error
        return self._error

    def _note(self, _: object) -> None:
        # gRPC calls this whenever it sets the status, so what it awaits here is there already.
        details = _immediate(self._rpc.details())
        if details == WRITE_FAILED or self._error is not None:
            return
        self._error = grpc.aio.AioRpcError(
            _immediate(self._rpc.code()),
            _immediate(self._rpc.initial_metadata()),
            _immediate(self._rpc.trailing_metadata()),
            details,
        )
        self._has_arrived.set()


def _immediate(step: Coroutine[Any, Any, T]) -> T:
    try:
        step.send(None)
    except StopIteration as result:
        value: T = result.value
        return value
    step.close()
    raise RuntimeError("the status of a call that is done is not known")
