"""Continuous HTTP calls from several threads, each answer checked."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import httpx

from .deployment import HTTP

URL = f"http://{HTTP[0]}:{HTTP[1]}"
CALLERS = 4
# No caller goes on for ever, whatever becomes of the test.
MAX_CALLS_OF_A_CALLER = 100_000


class Load:
    """Calls from `__enter__` to `__exit__`, which waits for the last answers.

    Attributes:
        failures: What was no correct answer, in words; complete once the load has ended.
    """

    def __init__(self) -> None:
        """Prepares the callers."""
        self.failures: list[str] = []
        self._answered = 0
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(CALLERS)
        self._callers: list[Future[None]] = []

    def __enter__(self) -> Load:
        """Begins to call."""
        self._callers = [self._pool.submit(self._call, number) for number in range(CALLERS)]
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the calls."""
        self._stopping.set()
        self._pool.shutdown()
        if exc is None:
            for caller in self._callers:
                caller.result()

    def wait_for_answers(self, count: int, timeout: float = 60.0) -> None:
        """Waits until so many more calls have been answered, well or badly."""
        with self._changed:
            enough = self._answered + count
            assert self._changed.wait_for(lambda: self._answered >= enough, timeout), (
                f"{self._answered - enough + count} of {count} answers in {timeout} s"
            )

    def go_on(self, seconds: float) -> None:
        """Lets the calls go on for this time."""
        self._stopping.wait(seconds)

    def _call(self, caller: int) -> None:
        with httpx.Client(base_url=URL, timeout=40.0) as client:
            for number in range(MAX_CALLS_OF_A_CALLER):
                if self._stopping.is_set():
                    return
                fault = sum_squares_fault(client, caller, number)
                with self._changed:
                    self._answered += 1
                    if fault is not None:
                        self.failures.append(fault)
                    self._changed.notify_all()


def sum_squares_fault(client: httpx.Client, a: int, b: int) -> str | None:
    """Asks the app for a² + b²; returns what is wrong with the answer, or None."""
    try:
        response = client.get("/sum-squares-rust", params={"a": a, "b": b})
    except httpx.HTTPError as error:
        return f"{a}, {b}: {error!r}"
    if response.status_code != 200:
        return f"{a}, {b}: {response.status_code} {response.text}"
    if response.json() != {"a": a, "b": b, "sum_of_squares": a * a + b * b}:
        return f"{a}, {b}: {response.text}"
    return None
