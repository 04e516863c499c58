"""An honest caller beside an attack, and what the attack costs it and the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import offgil

from processes import wait_for

from .flood import Flood
from .target import MEGABYTE, Target

PERIOD = 0.01
CALLS_BEFORE = 100
# Seconds between two looks at the memory of the server.
LOOK_INTERVAL = 0.05


@dataclass(frozen=True)
class Cost:
    """What an attack cost; latencies count from when a call was due."""

    calls: int
    idle_p50_ms: float
    idle_p99_ms: float
    p50_ms: float
    p99_ms: float
    peak_growth_mb: float
    growth_mb: float
    peak_budget_mb: float
    log_mb: float


class Bystander:
    """Calls a hundred times a second, on a connection that it had before the attack."""

    def __init__(self, server: Target) -> None:
        """Prepares to call `server`; `attack` is for the figures of what it goes through."""
        self._server = server
        self._stopping = threading.Event()
        self._faults: list[BaseException] = []
        self._idle: list[float] = []
        self._latencies: list[float] = []
        self._peak_budget = 0.0
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,))
            for run in (self._call_until_stopped, self._look_until_stopped)
        ]
        self.attack = Flood()
        self.cost: Cost | None = None

    def __enter__(self) -> Bystander:
        """Measures the idle server and begins to call."""
        self._client = offgil.Client(self._server.target, timeout=5.0)
        try:
            self._client.sum_squares(3, 4)  # connects
            self._call_while(lambda number: number < CALLS_BEFORE, self._idle)
        except BaseException:
            self._client.close()
            raise
        self._connections = self._server.connections()
        self._memory = self._peak_memory = self._server.memory()
        self._log = len(self._server.log)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the calls and, unless the attack failed, checks what it left behind."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        try:
            if exc is None:
                if self._faults:
                    raise BaseExceptionGroup("honest calls failed", self._faults)
                self._check_what_is_left()
                self.cost = self._count()
        finally:
            self._client.close()

    def _check_what_is_left(self) -> None:
        server = self._server
        assert server.exit_code() is None, "the server has survived"
        with offgil.Client(server.target) as newcomer:
            assert newcomer.sum_squares(3, 4) == 25
        wait_for(lambda: server.connections() == self._connections, "its connections have gone")
        wait_for(lambda: server.metric("offgil_in_flight") == 0, "no call is left")
        wait_for(lambda: server.budget() == 0, "the memory budget is free")

    def _count(self) -> Cost:
        p50, p99 = np.percentile(self._latencies, [50, 99]) * 1e3
        idle_p50, idle_p99 = np.percentile(self._idle, [50, 99]) * 1e3
        return Cost(
            calls=len(self._latencies),
            idle_p50_ms=float(idle_p50),
            idle_p99_ms=float(idle_p99),
            p50_ms=float(p50),
            p99_ms=float(p99),
            peak_growth_mb=self._peak_memory - self._memory,
            growth_mb=self._server.memory() - self._memory,
            peak_budget_mb=self._peak_budget / MEGABYTE,
            log_mb=(len(self._server.log) - self._log) / MEGABYTE,
        )

    def _call_while(self, goes_on: Callable[[int], bool], latencies: list[float]) -> None:
        """Calls at a steady pace; a late answer makes those behind it late too."""
        began, number = time.perf_counter(), 0
        while goes_on(number):
            due = began + number * PERIOD
            time.sleep(max(0.0, due - time.perf_counter()))
            assert self._client.sum_squares(number, 1) == number * number + 1
            latencies.append(time.perf_counter() - due)
            number += 1

    def _call_until_stopped(self) -> None:
        self._call_while(lambda _: not self._stopping.is_set(), self._latencies)

    def _look_until_stopped(self) -> None:
        while not self._stopping.wait(LOOK_INTERVAL):
            self._peak_memory = max(self._peak_memory, self._server.memory())
            self._peak_budget = max(self._peak_budget, self._server.budget())

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as fault:
            self._faults.append(fault)
