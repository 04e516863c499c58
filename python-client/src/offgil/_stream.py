"""Runs a streaming call without asyncio: a thread of gRPC writes while the caller reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import grpc

from offgil._cost import read_cost, report_failure
from offgil._options import ClientOptions
from offgil._retry import RetrySchedule
from offgil._streams import StreamExchange
from offgil._translate import is_unavailable, outcome, translate

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
            An iterable that is no iterator is taken from its beginning if the call is repeated.
        options: The options of the client.

    Yields:
        What the messages of the response carry.
    """
    schedule = RetrySchedule(options)
    source = _Source(chunks)
    while True:
        attempt = _Attempt(source)
        rpc = open_call(_messages(exchange, attempt), schedule.attempt_timeout())
        try:
            for response in rpc:
                yield from exchange.answer(response)
            if source.fault is not None:
                raise source.fault
            if options.on_cost is not None:
                options.on_cost(read_cost(rpc.trailing_metadata()))
            exchange.finish()
            return
        except grpc.RpcError as error:
            if source.fault is not None:
                raise source.fault from None
            report_failure(options.on_cost, error)
            was_read = attempt.end()
            may_retry = is_unavailable(error) and (not was_read or exchange.restart())
            delay = schedule.next_delay(outcome(error)) if may_retry else None
            if delay is None:
                raise translate(error) from error
            if was_read:
                source = _Source(chunks)
        finally:
            attempt.end()
            rpc.cancel()
        time.sleep(delay)


class _Source(Generic[C]):
    """The caller's chunks, with what became of them."""

    def __init__(self, chunks: Iterable[C]) -> None:
        self.chunks = iter(chunks)
        self.fault: Exception | None = None


class _Attempt(Iterator[C]):
    """The chunks as one RPC takes them.

    A thread of gRPC takes them, and it may still be on its way to do so when its RPC has failed.
    So whether an attempt took a chunk and whether it may take one are decided under one lock.
    """

    def __init__(self, source: _Source[C]) -> None:
        self.source = source
        self._lock = threading.Lock()
        self._was_read = False
        self._has_ended = False

    def __next__(self) -> C:
        with self._lock:
            if self._has_ended:
                raise StopIteration
            self._was_read = True
        return next(self.source.chunks)

    def end(self) -> bool:
        """Takes no further chunk from now on; returns whether one was taken."""
        with self._lock:
            self._has_ended = True
            return self._was_read


def _messages(exchange: StreamExchange[C, R], attempt: _Attempt[C]) -> Iterator[Any]:
    yield exchange.header()
    try:
        for chunk in attempt:
            yield from exchange.chunk(chunk)
    except Exception as fault:
        # Without the end marker the server refuses the stream, so the reader wakes up.
        attempt.source.fault = fault
        return
    yield exchange.end()
