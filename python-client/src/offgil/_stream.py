"""Runs a streaming call without asyncio: a thread of gRPC writes while the caller reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import grpc

from offgil._options import ClientOptions
from offgil._retry import RetrySchedule
from offgil._streams import StreamExchange
from offgil._translate import is_unavailable, translate

__all__ = ["run_exchange"]

C = TypeVar("C")
R = TypeVar("R")


def run_exchange(
    open_call: Callable[[Iterator[Any], float], Any],
    exchange: StreamExchange[C, R],
    chunks: Iterable[C],
    options: ClientOptions,
) -> Iterator[R]:
    """Sends the chunks and yields what the answer carries.

    Args:
        open_call: Opens the RPC with the request messages and a timeout in seconds.
        exchange: The messages of the call.
        chunks: What the caller sends. An error that it raises cancels the RPC and is raised here.
        options: The options of the client.

    Yields:
        What the messages of the response carry.
    """
    schedule = RetrySchedule(options)
    source = _Source(chunks)
    while True:
        rpc = open_call(_messages(exchange, source), schedule.attempt_timeout())
        try:
            for response in rpc:
                yield from exchange.answer(response)
            if source.fault is not None:
                raise source.fault
            exchange.finish()
            return
        except grpc.RpcError as error:
            if source.fault is not None:
                raise source.fault from None
            may_retry = is_unavailable(error) and not source.was_read
            delay = schedule.next_delay() if may_retry else None
            if delay is None:
                raise translate(error) from error
        finally:
            rpc.cancel()
        time.sleep(delay)


class _Source(Iterator[C]):
    """The caller's chunks, with what became of them."""

    def __init__(self, chunks: Iterable[C]) -> None:
        self._chunks = iter(chunks)
        self.was_read = False
        self.fault: Exception | None = None

    def __next__(self) -> C:
        self.was_read = True
        return next(self._chunks)


def _messages(exchange: StreamExchange[C, R], source: _Source[C]) -> Iterator[Any]:
    yield exchange.header()
    try:
        for chunk in source:
            yield from exchange.chunk(chunk)
    except Exception as fault:
        # Without the end marker the server refuses the stream, so the reader wakes up.
        source.fault = fault
        return
    yield exchange.end()
