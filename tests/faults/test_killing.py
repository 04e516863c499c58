"""A server that is killed every second: no wrong answer, no hang, and nearly no failed call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from arithmetic import answer_to
from conftest import Start
from processes import App, Server

from .load import Load

SECONDS = 60.0
# Of the kills that a minute has, a restart on a busy machine may take the time of a few.
LEAST_KILLS = 0.8 * SECONDS
LEAST_SUCCESS = 0.999
# No request takes longer, in seconds: far more than a restart, and far less than any deadline.
LONGEST = 5.0
REPLICAS = 3

pytestmark = pytest.mark.timeout(180)


def every_second() -> Iterator[None]:
    """Yields every second for a minute, however long the block takes for what it does."""
    began = due = time.monotonic()
    while due < began + SECONDS:
        # A second that was missed is not made up for by two kills at once.
        due = max(due + 1, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        yield


def test_a_replica_is_killed_every_second(start: Start[Server], tmp_path: Path) -> None:
    replicas = [start(Server(tmp_path)) for _ in range(REPLICAS)]
    target = "ipv4:" + ",".join(replica.address for replica in replicas)
    killed = 0
    with Load(target, callers=4) as load:
        for _ in every_second():
            index = killed % REPLICAS
            replicas[index].sigkill()
            replicas[index].wait()
            killed += 1
            replicas[index] = start(Server(tmp_path, port=replicas[index].port))
        load.wait_for_answers(10)
    print(f"killed {killed} times; {load.summary()}")
    assert killed >= LEAST_KILLS
    assert load.wrong == []
    assert load.success_rate >= LEAST_SUCCESS
    assert load.longest < LONGEST


def test_the_embedded_sidecar_is_killed_every_second(start: Start[App], tmp_path: Path) -> None:
    app = start(App(tmp_path))
    numbers = list(range(50))
    expected = answer_to(numbers)
    faults: list[str] = []
    times: list[float] = []
    stopping = False

    def call() -> int:
        answered = 0
        with httpx.Client(base_url=app.url, timeout=40) as client:
            while not stopping:
                began = time.monotonic()
                answer = client.post("/process-numbers-rust", json={"numbers": numbers})
                times.append(time.monotonic() - began)
                if answer.status_code == 200:
                    assert answer.json() == expected
                    answered += 1
                else:
                    faults.append(f"{answer.status_code} {answer.text}")
        return answered

    killed = 0
    with ThreadPoolExecutor(2) as pool:
        callers = [pool.submit(call) for _ in range(2)]
        try:
            for _ in every_second():
                for sidecar in app.sidecars():
                    sidecar.kill()
                    killed += 1
        finally:
            stopping = True
        answered = sum(caller.result() for caller in callers)
    rate = answered / (answered + len(faults))
    print(
        f"killed {killed} times; {answered} answered, {len(faults)} failed, success {rate:.3%}, "
        f"longest {max(times):.2f} s"
    )
    assert killed >= LEAST_KILLS
    assert rate >= LEAST_SUCCESS, faults[:5]
    assert max(times) < LONGEST
