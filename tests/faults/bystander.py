"""An honest caller beside an attack, and what the attack costs it and the server."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import offgil

from processes import PATIENCE, clean_environment, wait_for

from . import caller
from .flood import Flood
from .target import MEGABYTE, Target

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
    """Calls a server on a connection that was there before the attack; a context manager.

    Attributes:
        attack: What the test tells of its attack.
        cost: What it cost; set once the attack is over and has left nothing behind.
    """

    def __init__(self, server: Target) -> None:
        """Prepares to call `server`."""
        self.attack = Flood()
        self.cost: Cost | None = None
        self._server = server
        self._stopping = threading.Event()
        self._observer = threading.Thread(target=self._observe)
        self._peak_memory = self._peak_budget = 0.0

    def __enter__(self) -> Bystander:
        """Calls the idle server for a while, and goes on."""
        self._caller = subprocess.Popen(
            [sys.executable, caller.__file__, self._server.target],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._caller.stdout is not None
        assert self._caller.stdout.readline().strip() == caller.READY
        self._memory = self._peak_memory = self._server.memory()
        self._log = len(self._server.log)
        self._observer.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the calls and, unless the attack failed, checks what it left behind."""
        try:
            output, faults = self._caller.communicate(timeout=PATIENCE)
        finally:
            self._caller.kill()
            self._caller.communicate()
            self._stopping.set()
            self._observer.join()
        if exc is None:
            assert self._caller.returncode == 0, f"honest calls failed: {faults}"
            self._check_what_is_left()
            self.cost = self._count(**json.loads(output))

    def _check_what_is_left(self) -> None:
        server = self._server
        assert server.exit_code() is None, "the server has survived"
        with offgil.Client(server.target) as newcomer:
            assert newcomer.sum_squares(3, 4) == 25
        wait_for(lambda: server.connections() == 0, "all connections have gone")
        wait_for(lambda: server.metric("offgil_in_flight") == 0, "no call is left")
        wait_for(lambda: server.budget() == 0, "the memory budget is free")

    def _count(self, idle: list[float], busy: list[float]) -> Cost:
        idle_p50, idle_p99 = np.percentile(idle, [50, 99]) * 1e3
        p50, p99 = np.percentile(busy, [50, 99]) * 1e3
        return Cost(
            calls=len(busy),
            idle_p50_ms=float(idle_p50),
            idle_p99_ms=float(idle_p99),
            p50_ms=float(p50),
            p99_ms=float(p99),
            peak_growth_mb=self._peak_memory - self._memory,
            growth_mb=self._server.memory() - self._memory,
            peak_budget_mb=self._peak_budget / MEGABYTE,
            log_mb=(len(self._server.log) - self._log) / MEGABYTE,
        )

    def _observe(self) -> None:
        while not self._stopping.wait(LOOK_INTERVAL):
            self._peak_memory = max(self._peak_memory, self._server.memory())
            self._peak_budget = max(self._peak_budget, self._server.budget())
