"""A server that is killed every second: no wrong answer, no hang, and nearly no failed call."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from arithmetic import answer_to
from conftest import Start
from processes import App, Server

from .load import Load

SECONDS = 60.0
LEAST_SUCCESS = 0.999
REPLICAS = 3

pytestmark = pytest.mark.timeout(180)


def test_a_replica_is_killed_every_second(start: Start[Server], tmp_path: Path) -> None:
    replicas = [start(Server(tmp_path)) for _ in range(REPLICAS)]
    target = "ipv4:" + ",".join(replica.address for replica in replicas)
    killed = 0
    with Load(target, callers=4) as load:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            index = killed % REPLICAS
            time.sleep(1)
            replicas[index].sigkill()
            replicas[index].wait()
            killed += 1
            replicas[index] = start(Server(tmp_path, port=replicas[index].port))
        load.wait_for_answers(10)
    print(f"killed {killed} times; {load.summary()}")
    assert killed > SECONDS / 3
    assert load.wrong == []
    assert load.success_rate >= LEAST_SUCCESS
    assert load.longest < 10


def test_the_embedded_sidecar_is_killed_every_second(start: Start[App], tmp_path: Path) -> None:
    app = start(App(tmp_path))
    numbers = list(range(50))
    expected = answer_to(numbers)
    faults: list[str] = []
    stopping = False

    def call() -> int:
        answered = 0
        with httpx.Client(base_url=app.url, timeout=40) as client:
            while not stopping:
                answer = client.post("/process-numbers-rust", json={"numbers": numbers})
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
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                time.sleep(1)
                for sidecar in app.sidecars():
                    sidecar.kill()
                    killed += 1
        finally:
            stopping = True
        answered = sum(caller.result() for caller in callers)
    rate = answered / (answered + len(faults))
    print(f"killed {killed} times; {answered} answered, {len(faults)} failed, success {rate:.3%}")
    assert killed > SECONDS / 3
    assert rate >= LEAST_SUCCESS, faults[:5]
