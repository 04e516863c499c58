"""Which calls of an `AsyncClient` go together: those of `sum_squares`, and those of tiny kernels.

A kernel is tiny if the server estimates that its call takes some microseconds. The client learns
that when calls of a kernel begin to overlap: then one goes as a batch, which the server either
answers or declines. A call that is declined goes again by itself, and so do all later ones of its
kernel; so nothing ever waits for a call that takes long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol, TypeVar

from offgil import _calls
from offgil._calls import UnaryCall
from offgil._exceptions import OffgilError, Unimplemented
from offgil._gatherer import Gatherer

__all__ = ["Batching"]

T = TypeVar("T")
# A larger request takes longer to travel than a call costs.
SMALL_BYTES = 4096


class Attempt(Protocol):
    """Makes a unary call."""

    def __call__(self, call: UnaryCall[T], /) -> Awaitable[T]:
        """Returns what it gives."""


class Batching:
    """The calls of one client that go together."""

    def __init__(self, alone: Attempt, together: Attempt, timeout: float) -> None:
        """Creates it with nothing in flight.

        Args:
            alone: Makes a call of one caller.
            together: Makes a call for several.
            timeout: The deadline of each call, in seconds since it was made.
        """
        self._alone = alone
        self._together = together
        self._pairs: Gatherer[tuple[int, int], int] = Gatherer(self._send_pairs, timeout)
        self._tiny: Gatherer[UnaryCall[Any], Any] = Gatherer(self._send_tiny, timeout)
        # Of kernels whose calls have overlapped.
        self._is_tiny: dict[str, bool] = {}
        # Calls in flight of which that is not known.
        self._unknown = 0

    async def sum_squares(self, pair: tuple[int, int]) -> int:
        """Makes a call of `SumSquares`, by itself or with others."""
        if self._pairs.is_busy:
            return await self._pairs.join(pair)
        with self._pairs.alone():
            return await self._alone(_calls.sum_squares(*pair))

    async def run(self, kernel: str, call: UnaryCall[T]) -> T:
        """Makes a call of `Invoke`, by itself or with others."""
        is_tiny = self._is_tiny.get(kernel)
        if is_tiny is False or call.request.ByteSize() > SMALL_BYTES:
            return await self._alone(call)
        if is_tiny and not self._tiny.is_busy:
            with self._tiny.alone():
                return await self._alone(call)
        if is_tiny is None and not self._unknown:
            self._unknown += 1
            try:
                return await self._alone(call)
            finally:
                self._unknown -= 1
        try:
            response = await self._tiny.join(call)
        except Unimplemented:  # an older server
            response = None
        self._is_tiny[kernel] = response is not None
        return await self._alone(call) if response is None else call.read(response)

    async def _send_pairs(self, pairs: Sequence[tuple[int, int]]) -> list[int | OffgilError]:
        return await self._together(_calls.batch_sum_squares(pairs))

    async def _send_tiny(self, calls: Sequence[UnaryCall[Any]]) -> list[Any]:
        return await self._together(_calls.run_batch([call.request for call in calls]))
