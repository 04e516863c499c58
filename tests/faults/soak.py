"""Mixed load with faults, for as long as told: ``python -m faults.soak --minutes 30``.

Three servers behind one client target and an app with an embedded server are called by clients of
every kind: tiny calls, large ones, streams, JSON over HTTP, callers that leave in the middle,
uploads that stall, bodies that are wrong. Every quarter of a minute one process is ended or killed
in turn. The report says what failed, by kind, and how much memory the processes that were never
ended have in the first minute and in the last.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median

import httpx
import numpy as np
import psutil
from offgil import Client, OffgilError

from arithmetic import answer_to, process_array
from processes import App, Process, Server, wait_for
from raw_http import post, request

from .load import Load
from .raw_http2 import END_STREAM, HEADERS, Peer, call, message_head
from .target import Target

MIB = 1024 * 1024
FAULT_EVERY = 15.0
FAULTS = ("stop a replica", "kill a replica", "kill the sidecar")
# Seconds between two looks at the memory, and how many looks a minute has.
LOOK_INTERVAL = 1.0
LOOKS = 60
# From the median of the first minute to that of the last, in MiB: more than allocators keep for
# later, and less than a leak that matters makes in half an hour.
MOST_GROWTH = 32.0
LEAST_SUCCESS = 0.999
# Errors that a caller expects while its server goes away, and what an app says then.
EXPECTED = {"ConnectionFailed", "HTTP 503"}
PROCESS_NUMBERS = "offgil.v1.ComputeService/ProcessNumbers"
UPLOAD_TIMEOUT = "3s"


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
        with Peer(steady.port) as peer:
            peer.wait_for_window()
            peer.socket.sendall(call(1, PROCESS_NUMBERS))
            peer.fill(1, message_head(64_000_000) + bytes(1_000_000))
            if random.random() < 0.5:
                time.sleep(1)  # then it leaves
                return "ok"
            is_given_up = any(
                kind == HEADERS and flags & END_STREAM for kind, flags, *_ in peer.frames()
            )
        return "ok" if is_given_up else "closed without an answer"

    callers.add("stream", stream)
    callers.add("kernel", kernel)
    callers.add("HTTP", over_http)
    callers.add("wrong body", wrong_body)
    callers.add("leaves", leaves)
    callers.add("stalls", stalls)


def start(process: Process) -> None:
    process.start()
    process.wait_until_ready()


class Memory:
    """What processes that are never ended have resident, in MiB, second by second."""

    def __init__(self, **processes: Process) -> None:
        """Has not looked yet."""
        self._processes = {name: psutil.Process(x.pid) for name, x in processes.items()}
        self._looks: dict[str, list[float]] = {name: [] for name in processes}

    def watch(self, end: float) -> None:
        """Looks again and again until then."""
        while time.monotonic() < end:
            for name, process in self._processes.items():
                self._looks[name].append(process.memory_info().rss / MIB)
            time.sleep(LOOK_INTERVAL)

    def first_and_last(self) -> dict[str, tuple[float, float]]:
        """Returns the medians of the first and of the last minute; of halves, if that is less."""
        looks = {name: (x, min(LOOKS, len(x) // 2)) for name, x in self._looks.items()}
        return {name: (median(x[:n]), median(x[-n:])) for name, (x, n) in looks.items()}

    def __str__(self) -> str:
        """Returns what they have now."""
        return ", ".join(f"{name} {x[-1]:.1f} MiB" for name, x in self._looks.items())


def replace(replicas: list[Server], index: int, folder: Path, *, kill: bool) -> None:
    """Ends a replica, and starts another one on its port."""
    leaving = replicas[index]
    (leaving.sigkill if kill else leaving.sigterm)()
    leaving.wait()
    replicas[index] = Server(folder, port=leaving.port)
    start(replicas[index])


def soak(minutes: float, folder: Path) -> bool:
    """Runs for so many minutes; returns whether all was well."""
    steady = Target(folder, "--upload-timeout", UPLOAD_TIMEOUT)
    app = App(folder)
    replicas = [Server(folder) for _ in range(2)]
    for process in (steady, app, *replicas):
        start(process)
    callers = Callers()
    target = "ipv4:" + ",".join(replica.address for replica in (steady, *replicas))
    add_callers(callers, steady, app)
    counts: Counter[str] = Counter()
    loads: list[Load] = []
    memory = Memory(server=steady, app=app)
    time.sleep(min(30, minutes * 20))  # caches and pools have their size
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        # One for each round of faults: no caller of a load goes on for ever.
        with Load(target, callers=3) as load:
            loads.append(load)
            for fault in FAULTS:
                memory.watch(min(time.monotonic() + FAULT_EVERY, end))
                if time.monotonic() >= end:
                    break
                if fault == "kill the sidecar":
                    app.sidecar().kill()
                else:
                    index = counts.total() % len(replicas)
                    replace(replicas, index, folder, kill=fault == "kill a replica")
                counts[fault] += 1
                print(f"{fault}; {load.summary()}; {memory}", flush=True)
    callers.stop()
    wait_for(steady.is_idle, "the server has nothing left to do")
    print(f"faults: {dict(counts)}")
    is_well = report(loads, callers.outcomes, memory)
    for process in (app, steady, *replicas):
        process.stop()
    return is_well


def report(loads: list[Load], outcomes: Counter[str], memory: Memory) -> bool:
    """Prints what became of all calls and of the memory; returns whether that is well."""
    answered = sum(load.answered for load in loads)
    failures = sum((load.failures for load in loads), Counter[str]())
    wrong = [fault for load in loads for fault in load.wrong]
    success = answered / max(answered + failures.total() + len(wrong), 1)
    longest = max(load.longest for load in loads)
    print(
        f"load of three replicas: {answered} answered, {len(wrong)} wrong, failed: "
        f"{dict(failures) or 'none'}, success {success:.3%}, longest {longest:.2f} s"
    )
    for name, count in sorted(outcomes.items()):
        print(f"{name}: {count}")
    faults = [
        name
        for name in outcomes
        if (kind := name.partition(": ")[2]) != "ok" and kind not in EXPECTED
    ]
    for name, (first, last) in memory.first_and_last().items():
        print(f"RSS of the {name}: {first:.1f} MiB in the first minute, {last:.1f} in the last")
        if last - first > MOST_GROWTH:
            faults.append(f"memory of the {name} grew by {last - first:.1f} MiB")
    if success < LEAST_SUCCESS or not all(load.answered for load in loads):
        faults.append(f"success {success:.3%}")
    faults += wrong[:3]
    print(f"NOT well: {faults}" if faults else "all well")
    return not faults


def main() -> int:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        return 0 if soak(minutes, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
