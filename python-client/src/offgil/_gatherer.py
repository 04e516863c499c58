"""Natural batching: tiny calls that come while another is in flight go together.

When nothing is in flight a call goes at once, so nothing is added at rest, and no timer holds a
call back. While a call or a batch is in flight the next calls gather; when it has come back, all
that gathered go in one RPC. The busier the client, the larger the batches.

In a batch each call keeps its own deadline, error and cancellation.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from offgil._exceptions import DeadlineExceeded, OffgilError

__all__ = ["Gatherer"]

Q = TypeVar("Q")
R = TypeVar("R")
# The most calls in one batch: some hundred microseconds of work.
MOST_CALLS = 1024
# A batch that is out for this long, in seconds, waits for a server that is slow or lost; the next
# one does not wait for it.
STALLED = 0.05


class Gatherer(Generic[Q, R]):
    """Gathers the calls of one method, in one event loop."""

    def __init__(
        self, send: Callable[[Sequence[Q]], Awaitable[Sequence[R | OffgilError]]], timeout: float
    ) -> None:
        """Creates a gatherer with nothing in flight.

        Args:
            send: Sends several calls; returns a result or an error for each.
            timeout: The deadline of each call, in seconds since it was made.
        """
        self._send = send
        self._timeout = timeout
        self._waiting: list[_Place[Q, R]] = []
        self._in_flight: object | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a call or a batch is in flight, so that further calls gather."""
        return self._in_flight is not None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While the body runs, which makes a call by itself, further calls gather."""
        flight = _Flight()
        self._begin(flight)
        try:
            yield
        finally:
            self._end(flight)

    async def join(self, request: Q) -> R:
        """Makes a call with the next batch, which goes at once if nothing is in flight.

        Raises:
            OffgilError: The call failed, by itself or with the batch.
        """
        loop = asyncio.get_running_loop()
        place: _Place[Q, R] = _Place(request, loop.create_future())
        self._waiting.append(place)
        self._depart()
        timer = loop.call_later(self._timeout, place.expire)
        try:
            return await place.result
        finally:
            timer.cancel()
            place.leave()

    def _begin(self, flight: _Flight) -> None:
        self._in_flight = flight
        flight.stall_timer = asyncio.get_running_loop().call_later(STALLED, self._end, flight)

    def _end(self, flight: _Flight) -> None:
        if flight.stall_timer is not None:
            flight.stall_timer.cancel()
        if self._in_flight is not flight:
            return  # it had stalled, and the next one went
        self._in_flight = None
        self._depart()

    def _depart(self) -> None:
        while self._waiting and self._in_flight is None:
            gathered, self._waiting = self._waiting[:MOST_CALLS], self._waiting[MOST_CALLS:]
            places = [place for place in gathered if not place.result.done()]
            if places:
                batch = _Flight()
                self._begin(batch)
                # It belongs to all its callers, so the context of none of them holds for it.
                batch.task = asyncio.get_running_loop().create_task(
                    self._fly(batch, places), context=contextvars.Context()
                )
                for place in places:
                    place.board(batch)

    async def _fly(self, flight: _Flight, places: Sequence[_Place[Q, R]]) -> None:
        try:
            results = await self._send([place.request for place in places])
            for place, result in zip(places, results, strict=True):
                place.settle(result)
        except OffgilError as error:
            for place in places:
                place.settle(_copy(error))
        except Exception as error:
            for place in places:
                place.fail(error)
        finally:
            self._end(flight)
            for place in places:
                place.result.cancel()  # unless it is done: the event loop ends


class _Flight:
    """A call by itself, or a batch, that is out.

    Attributes:
        task: Sends a batch.
        passengers: How many calls of the batch wait for it.
        stall_timer: Ends the waiting of further calls for it.
    """

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.passengers = 0
        self.stall_timer: asyncio.TimerHandle | None = None


class _Place(Generic[Q, R]):
    """A call that gathers or is in flight with others."""

    def __init__(self, request: Q, result: asyncio.Future[R]) -> None:
        self.request = request
        self.result = result
        self._flight: _Flight | None = None

    def board(self, flight: _Flight) -> None:
        self._flight = flight
        flight.passengers += 1

    def leave(self) -> None:
        """Notes that nobody waits for this call any more; a batch without callers is cancelled."""
        if self._flight is not None:
            self._flight.passengers -= 1
            if self._flight.passengers == 0 and self._flight.task is not None:
                self._flight.task.cancel()

    def expire(self) -> None:
        self.settle(DeadlineExceeded("the deadline passed before the server answered"))

    def settle(self, result: R | OffgilError) -> None:
        if isinstance(result, OffgilError):
            self.fail(result)
        elif not self.result.done():
            self.result.set_result(result)

    def fail(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)


def _copy(error: OffgilError) -> OffgilError:
    # Each caller raises its own, since raising adds a traceback to it.
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied
