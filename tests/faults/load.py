"""Calls from several threads while a test goes on: each answer checked, each failure kept."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np
from offgil import Client, OffgilError

from arithmetic import process_array

# No caller goes on for ever, whatever becomes of the test.
MAX_SECONDS = 180.0
# A call that takes longer than this hangs.
TIMEOUT = 30.0
NUMBERS = np.arange(-50_000, 50_000)
PROCESSED = process_array(NUMBERS)


class Load:
    """Calls from `__enter__` to `__exit__`, which waits for the last answers.

    Attributes:
        answered: How many answers were right.
        failures: How often each kind of error came.
        wrong: Answers that were wrong, in words.
        longest: How many seconds the longest call took.
    """

    def __init__(self, target: str, callers: int, **options: Any) -> None:
        """Prepares callers of a server; every other call is a large one."""
        self.answered = 0
        self.failures: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.longest = 0.0
        self._target, self._options = target, {"timeout": TIMEOUT, **options}
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(callers)
        self._count = callers
        self._callers: list[Future[None]] = []

    @property
    def success_rate(self) -> float:
        """The share of the calls that were answered rightly."""
        failed = self.failures.total() + len(self.wrong)
        return self.answered / max(self.answered + failed, 1)

    def __enter__(self) -> Load:
        """Begins to call."""
        self._callers = [self._pool.submit(self._call, number) for number in range(self._count)]
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the calls."""
        self.stop()
        if exc is None:
            for caller in self._callers:
                caller.result()

    def stop(self) -> None:
        """Ends the calls, and waits for the last answers."""
        self._stopping.set()
        self._pool.shutdown()

    def wait_for_answers(self, count: int) -> None:
        """Waits until so many more calls have been answered rightly."""
        with self._changed:
            enough = self.answered + count
            assert self._changed.wait_for(lambda: self.answered >= enough, TIMEOUT), self.summary()

    def summary(self) -> str:
        """Returns what became of the calls, in one line."""
        failures = ", ".join(f"{count} {name}" for name, count in sorted(self.failures.items()))
        return (
            f"{self.answered} answered, {len(self.wrong)} wrong, failed: {failures or 'none'}, "
            f"success {self.success_rate:.3%}, longest {self.longest:.2f} s"
        )

    def _call(self, caller: int) -> None:
        end = time.monotonic() + MAX_SECONDS
        with Client(self._target, **self._options) as client:
            number = 0
            while not self._stopping.is_set() and time.monotonic() < end:
                number += 1
                began = time.monotonic()
                fault, error = None, None
                try:
                    fault = self._one(client, caller, number)
                except OffgilError as caught:
                    error = type(caught).__name__
                took = time.monotonic() - began
                with self._changed:
                    self.longest = max(self.longest, took)
                    if error is not None:
                        self.failures[error] += 1
                    elif fault is not None:
                        self.wrong.append(fault)
                    else:
                        self.answered += 1
                    self._changed.notify_all()

    def _one(self, client: Client, caller: int, number: int) -> str | None:
        if number % 2:
            squares = client.sum_squares(caller, number)
            return None if squares == caller**2 + number**2 else f"{caller}, {number}: {squares}"
        results = client.process_numbers(NUMBERS)
        return None if np.array_equal(results, PROCESSED) else f"{len(results)} wrong numbers"
