"""Runs a streaming call with asyncio: one task writes while the caller reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import aclosing, suppress
from typing import Any, TypeVar

import grpc.aio

from offgil._async_connection import settle
from offgil._async_status import ServerStatus
from offgil._cost import OnCost, read_cost, report_failure
from offgil._exceptions import Cancelled
from offgil._options import ClientOptions
from offgil._retry import RetrySchedule
from offgil._streams import StreamExchange
from offgil._translate import is_unavailable, outcome, translate

__all__ = ["as_bytes_objects", "run_exchange"]

C = TypeVar("C")
R = TypeVar("R")
# What gRPC raises from a write when the RPC has ended.
RPC_ENDED = (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError)


async def run_exchange(
    open_call: Callable[[float], Any],
    exchange: StreamExchange[C, R],
    chunks: AsyncIterable[C] | Iterable[C],
    options: ClientOptions,
    on_start: OnCost | None = None,
) -> AsyncGenerator[R, None]:
    """Sends the chunks and yields what the answer carries.

    Args:
        open_call: Opens the RPC with a timeout in seconds.
        exchange: The messages of the call.
        chunks: What the caller sends. An error that it raises cancels the RPC and is raised here.
            An iterable that is no iterator is taken from its beginning if the call is repeated.
        options: The options of the client.
        on_start: Called before the first message of the response is read, with what the call has
            cost until then.

    Yields:
        What the messages of the response carry.
    """
    schedule = RetrySchedule(options)
    source = _Source(chunks)
    while True:
        rpc = open_call(schedule.attempt_timeout())
        status = ServerStatus(rpc)
        sender = asyncio.create_task(_send(rpc, exchange, source))
        try:
            while (response := await settle(rpc, rpc.read())) is not grpc.aio.EOF:
                if on_start is not None:
                    on_start(read_cost(await rpc.initial_metadata()))
                    on_start = None
                for part in exchange.answer(response):
                    yield part
            if source.fault is not None:
                raise source.fault
            if options.on_cost is not None:
                options.on_cost(read_cost(await rpc.trailing_metadata()))
            exchange.finish()
            return
        except (grpc.aio.AioRpcError, Cancelled) as error:
            if source.fault is not None:
                raise source.fault from None
            if isinstance(error, Cancelled):
                raise
            received = await status.behind(error)
            report_failure(options.on_cost, received)
            may_retry = is_unavailable(received) and (not source.was_read or exchange.restart())
            delay = schedule.next_delay(outcome(received)) if may_retry else None
            if delay is None:
                raise translate(received) from received
            if source.was_read:
                source = _Source(chunks)
        finally:
            rpc.cancel()
            sender.cancel()
            await asyncio.wait([sender])
        await asyncio.sleep(delay)


async def as_bytes_objects(
    views: AsyncGenerator[memoryview, None],
) -> AsyncGenerator[bytes, None]:
    """Yields the same chunks as bytes."""
    async with aclosing(views):
        async for view in views:
            yield bytes(view)


class _Source(AsyncIterator[C]):
    """The caller's chunks, with what became of them."""

    def __init__(self, chunks: AsyncIterable[C] | Iterable[C]) -> None:
        self._chunks = aiter(chunks) if isinstance(chunks, AsyncIterable) else iter(chunks)
        self.was_read = False
        self.fault: BaseException | None = None

    async def __anext__(self) -> C:
        self.was_read = True
        if isinstance(self._chunks, AsyncIterator):
            return await anext(self._chunks)
        try:
            return next(self._chunks)
        except StopIteration:
            raise StopAsyncIteration from None


async def _send(rpc: Any, exchange: StreamExchange[C, R], source: _Source[C]) -> None:
    try:
        async with aclosing(_messages(exchange, source)) as messages:
            async for message in messages:
                if not await _write(rpc, message):
                    return
        with suppress(*RPC_ENDED):
            await rpc.done_writing()
    except asyncio.CancelledError as cancelled:
        rpc.cancel()
        task = asyncio.current_task()
        if source.fault is cancelled and task is not None and not task.cancelling():
            return  # what the source waited for was cancelled, not this task
        source.fault = None
        raise
    except Exception:
        rpc.cancel()  # the fault is noted, and who reads raises it


async def _messages(
    exchange: StreamExchange[C, R], source: _Source[C]
) -> AsyncGenerator[Any, None]:
    yield exchange.header()
    try:
        async for chunk in source:
            for message in exchange.chunk(chunk):
                yield message
    except (Exception, asyncio.CancelledError) as fault:
        source.fault = fault
        raise
    yield exchange.end()


async def _write(rpc: Any, message: Any) -> bool:
    try:
        await rpc.write(message)
    except RPC_ENDED:
        return False  # who reads learns why
    return True
