"""When a call that did not reach the server is tried again: arithmetic only, no waiting.

Kernels are pure, so a retry is always safe. Retried is UNAVAILABLE alone, with exponential back-off
and full jitter, for as long as a call may look for a server.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from offgil._options import ClientOptions

__all__ = ["RetrySchedule"]

FIRST_DELAY = 0.05
MAX_DELAY = 0.5
# Connecting is given up after the connect timeout. An attempt that lasted clearly longer had a
# connection and lost it, so the search for a server begins only then.
CONNECTED_AFTER = 1.5


class RetrySchedule:
    """The retries of one call. Times are seconds of `time.monotonic`."""

    def __init__(
        self,
        options: ClientOptions,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Begins the call now."""
        self._clock = clock
        self._jitter = jitter
        self._connect_timeout = options.connect_timeout
        self._attempt_began = clock()
        self._deadline = self._attempt_began + options.timeout
        self._search_ends = self._attempt_began + options.connect_timeout
        self._lost_connection = False
        self._failures = 0

    def attempt_timeout(self) -> float:
        """Returns how many seconds an attempt that begins now may take."""
        self._attempt_began = self._clock()
        return max(self._deadline - self._attempt_began, 0.0)

    def next_delay(self) -> float | None:
        """Returns how long to wait after a failure, or None if it is final."""
        now = self._clock()
        took = now - self._attempt_began
        if took > CONNECTED_AFTER * self._connect_timeout and not self._lost_connection:
            self._lost_connection = True
            self._search_ends = now + self._connect_timeout
        ceiling = min(FIRST_DELAY * 2.0 ** min(self._failures, 10), MAX_DELAY)
        self._failures += 1
        delay = ceiling * self._jitter()
        if now + delay >= min(self._search_ends, self._deadline):
            return None
        return delay
