"""Calls a server a hundred times a second, until its standard input ends; then prints latencies.

It is a process of its own, since an attacker in the same interpreter would make it wait.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable

import offgil

PERIOD = 0.01
CALLS_BEFORE = 100
READY = "ready"


def latencies(client: offgil.Client, goes_on: Callable[[int], bool]) -> list[float]:
    """Calls at a steady pace; a late answer makes those behind it late too."""
    found: list[float] = []
    began = time.perf_counter()
    while goes_on(len(found)):
        due = began + len(found) * PERIOD
        time.sleep(max(0.0, due - time.perf_counter()))
        assert client.sum_squares(len(found), 1) == len(found) ** 2 + 1
        found.append(time.perf_counter() - due)
    return found


def main(target: str) -> None:
    """Prints `READY` after some calls to the idle server, and later the latencies of all."""
    ended = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        ended.set()

    with offgil.Client(target, timeout=5.0) as client:
        client.sum_squares(3, 4)  # connects
        idle = latencies(client, lambda count: count < CALLS_BEFORE)
        print(READY, flush=True)
        threading.Thread(target=wait_for_end, daemon=True).start()
        busy = latencies(client, lambda _: not ended.is_set())
    print(json.dumps({"idle": idle, "busy": busy}))


if __name__ == "__main__":
    main(sys.argv[1])
