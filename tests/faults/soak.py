"""Mixed load with faults, for as long as told: ``python -m faults.soak --minutes 30``.

Three servers behind one client target and an app with an embedded server are called by clients of
every kind: tiny calls, large ones, streams, JSON over HTTP, callers that leave in the middle,
uploads that stall, bodies that are wrong. Every quarter of a minute one process is ended or killed
in turn. The report says what failed, by kind, and how much memory the processes that were never
ended have at the start and at the end.
"""

from __future__ import annotations

import argparse
import itertools
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import psutil
from offgil import Client, OffgilError

from arithmetic import answer_to, process_array
from processes import App, Process, Server, wait_for
from raw_http import post, request

from .load import Load
from .target import Target

MIB = 1024 * 1024
FAULT_EVERY = 15.0
# Errors that a caller expects while its server goes away, and what an app says then.
EXPECTED = {"ConnectionFailed", "HTTP 503"}
PREFIX_OF_64_MB = b"\x00\x04\x00\x00\x00"


class Callers:
    """Callers in threads until they are stopped, with a count of what became of their calls."""

    def __init__(self) -> None:
        """Has no callers yet."""
        self.outcomes: Counter[str] = Counter()
        self.stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def add(self, name: str, call: Callable[[], str]) -> None:
        """Calls again and again; `call` returns what became of it: "ok" or the kind of failure."""

        def go_on() -> None:
            while not self.stopping.is_set():
                try:
                    outcome = call()
                except OffgilError as error:
                    outcome = type(error).__name__
                except httpx.HTTPError as error:
                    outcome = f"HTTP {type(error).__name__}"
                except Exception as error:
                    outcome = f"BUG {error!r}"
                self.outcomes[f"{name}: {outcome}"] += 1

        thread = threading.Thread(target=go_on, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def stop(self) -> None:
        """Waits for the last calls."""
        self.stopping.set()
        for thread in self._threads:
            thread.join(60)


def add_callers(callers: Callers, steady: Server, app: App) -> None:
    """Adds callers of every kind."""
    client = Client(steady.target, timeout=30)
    numbers = np.arange(300_000)
    processed = process_array(numbers)
    body = {"numbers": list(range(2_000))}
    expected = answer_to(body["numbers"])

    def stream() -> str:
        chunks = [numbers] * 5
        results = list(client.process_numbers_stream(chunks))
        return "ok" if all(np.array_equal(part, processed) for part in results) else "WRONG"

    def kernel() -> str:
        values, order = client.run("sort", x=np.random.default_rng().normal(size=200_000))
        return "ok" if np.all(np.diff(values) >= 0) and len(order) == len(values) else "WRONG"

    def over_http() -> str:
        answer = app.post("/process-numbers-rust", json=body)
        if answer.status_code != 200:
            return f"HTTP {answer.status_code}"
        return "ok" if answer.json() == expected else "WRONG"

    def wrong_body() -> str:
        answer = app.post("/process-numbers-rust", json={"numbers": [1, None]})
        return "ok" if answer.status_code == 422 else f"HTTP {answer.status_code}"

    def leaves() -> str:
        message = post("/process-numbers-rust", b'{"numbers":[' + b"7," * 100_000 + b"7]}")
        with request(app, message):
            time.sleep(random.random() * 0.02)
        return "ok"

    def stalls() -> str:
        with socket.create_connection(("127.0.0.1", steady.port)) as connection:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + PREFIX_OF_64_MB)
            time.sleep(1)
        return "ok"

    callers.add("stream", stream)
    callers.add("kernel", kernel)
    callers.add("HTTP", over_http)
    callers.add("wrong body", wrong_body)
    callers.add("leaves", leaves)
    callers.add("stalls", stalls)


def start(process: Process) -> None:
    process.start()
    process.wait_until_ready()


def rss(steady: Server, app: App) -> dict[str, float]:
    return {
        "server": psutil.Process(steady.pid).memory_info().rss / MIB,
        "app": psutil.Process(app.pid).memory_info().rss / MIB,
    }


def soak(minutes: float, folder: Path) -> bool:
    """Runs for so many minutes; returns whether all was well."""
    steady = Target(folder)
    app = App(folder)
    replicas = [Server(folder) for _ in range(2)]
    for process in (steady, app, *replicas):
        start(process)
    callers = Callers()
    target = "ipv4:" + ",".join(replica.address for replica in (steady, *replicas))
    add_callers(callers, steady, app)
    faults = itertools.cycle(["stop a replica", "kill a replica", "kill the sidecar"])
    counts: Counter[str] = Counter()
    with Load(target, callers=3) as load:
        time.sleep(min(30, minutes * 20))  # caches and pools have their size
        before = rss(steady, app)
        end = time.monotonic() + minutes * 60
        for number in itertools.count():
            time.sleep(max(0, min(FAULT_EVERY, end - time.monotonic())))
            if time.monotonic() >= end:
                break
            fault = next(faults)
            counts[fault] += 1
            if fault == "kill the sidecar":
                for sidecar in app.sidecars():
                    sidecar.kill()
            else:
                leaving = replicas[number % 2]
                (leaving.sigterm if fault == "stop a replica" else leaving.sigkill)()
                leaving.wait()
                replacement = Server(folder, port=leaving.port)
                start(replacement)
                replicas[number % 2] = replacement
            print(f"{fault}; {load.summary()}; {rss(steady, app)}", flush=True)
        after = rss(steady, app)
        callers.stop()
    wait_for(steady.is_idle, "the server has nothing left to do")
    print(f"faults: {dict(counts)}")
    print(f"load of three replicas: {load.summary()}")
    for name, count in sorted(callers.outcomes.items()):
        print(f"{name}: {count}")
    for name in before:
        print(
            f"RSS of the {name}: {before[name]:.1f} MiB at the start, {after[name]:.1f} at the end"
        )
    for process in (app, steady, *replicas):
        process.stop()
    bad = [
        name
        for name in callers.outcomes
        if (kind := name.partition(": ")[2]) != "ok" and kind not in EXPECTED
    ]
    is_well = not bad and not load.wrong and load.success_rate >= 0.999
    print("all well" if is_well else f"NOT well: {bad} {load.wrong[:3]}")
    return is_well


def main() -> int:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        return 0 if soak(minutes, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
