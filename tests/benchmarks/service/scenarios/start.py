"""How long the server takes to start, and what it needs when it does nothing."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from statistics import median

from benchmarks.service import memory
from benchmarks.service.health import wait_until_serving
from benchmarks.service.plan import Plan
from benchmarks.service.section import Goal, Section
from benchmarks.service.series import progress
from benchmarks.service.table import number, table
from processes import clean_environment, server_binary

# Seconds after which a server that nobody calls has come to rest.
REST = 1.0
TITLE = "Start of the server"
TEXT = """From the start of the process until it answers SERVING on its Unix socket, asked every
millisecond; then its memory after a second without calls."""


def measure(plan: Plan, folder: Path) -> Section:
    """Measures it."""
    progress(f"{TITLE}, {plan.starts} times")
    both = [_start(folder / f"start-{index}.sock") for index in range(plan.starts)]
    milliseconds = [seconds * 1e3 for seconds, _ in both]
    megabytes = [resident / 1e6 for _, resident in both]
    rows = [
        [name, number(median(x)), number(min(x)), number(max(x))]
        for name, x in (("SERVING, ms", milliseconds), ("idle RSS, MB", megabytes))
    ]
    fast, small = median(milliseconds), median(megabytes)
    goals = [
        Goal("server start to SERVING: ≤ 30 ms", f"{number(fast)} ms", fast <= 30),
        Goal("idle server: ≤ 12 MB RSS", f"{number(small)} MB", small <= 12),
    ]
    return Section(TITLE, TEXT, [table(["", "median", "min", "max"], rows)], goals=goals)


def _start(socket: Path) -> tuple[float, int]:
    command = [str(server_binary()), "--uds", str(socket), "--listen", "none"]
    log = socket.with_suffix(".log")
    environment = clean_environment()
    with log.open("wb") as output:
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=output, stderr=output, env=environment) as process:
            try:
                wait_until_serving(socket)
                seconds = time.perf_counter() - began
                time.sleep(REST)
                return seconds, memory.resident(process.pid)
            finally:
                process.kill()
