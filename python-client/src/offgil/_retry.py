"""When a call that did not reach the server is tried again: arithmetic only, no waiting.

Kernels are pure, so a retry is always safe. Retried is UNAVAILABLE alone, with exponential back-off
and full jitter, for as long as a call may look for a server: for the connect timeout since it began
or since it lost a server, and never beyond its deadline.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from offgil._options import ClientOptions
from offgil._translate import Outcome

__all__ = ["RetrySchedule"]

FIRST_DELAY = 0.05
MAX_DELAY = 0.5


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
        self._is_refused = False
        self._failures = 0

    def attempt_timeout(self) -> float:
        """Returns how many seconds an attempt that begins now may take."""
        self._attempt_began = self._clock()
        return max(self._deadline - self._attempt_began, 0.0)

    def next_delay(self, outcome: Outcome) -> float | None:
        """Returns how long to wait after a failure, or None if it is final."""
        now = self._clock()
        if self._begins_search(outcome, now - self._attempt_began):
            self._search_ends = now + self._connect_timeout
        ceiling = min(FIRST_DELAY * 2.0 ** min(self._failures, 10), MAX_DELAY)
        self._failures += 1
        delay = ceiling * self._jitter()
        if now + delay >= min(self._search_ends, self._deadline):
            return None
        return delay

    def _begins_search(self, outcome: Outcome, took: float) -> bool:
        if outcome is Outcome.LOST:
            self._is_refused = False
            return True
        if outcome is Outcome.REFUSED:
            # A server that drains refuses at once, again and again; one search must do for that.
            # Who was refused late had been served until then.
            was_refused, self._is_refused = self._is_refused, True
            return not was_refused or took >= self._connect_timeout
        return False
