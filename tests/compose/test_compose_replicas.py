"""Several compute servers: the calls of one app spread over all, and none is lost when one goes."""

from __future__ import annotations

import time

import httpx
import pytest

from .deployment import Compose, Container
from .load import URL, Load, sum_squares_fault

# The tests of this file share one deployment and go through it in order.
pytestmark = pytest.mark.timeout(1800)

REPLICAS = 3
# Within this time an app must find new replicas.
DISCOVERY_SECONDS = 30.0
# In this time every connection reaches its maximum age, and its replacement asks the name again.
RENEWAL_SECONDS = 15.0
# A log line is written right after its call was answered, not before.
LOG_SECONDS = 10.0


def calls_of(replicas: list[Container]) -> list[int]:
    return [replica.counted_calls() for replica in replicas]


def wait_for_calls(replicas: list[Container], total: int) -> list[int]:
    """Returns how many calls each replica has logged, once they are `total` together."""
    deadline = time.monotonic() + LOG_SECONDS
    while sum(calls := calls_of(replicas)) < total:
        assert time.monotonic() < deadline, f"{calls}, together less than {total}"
        time.sleep(0.05)
    assert sum(calls) == total
    return calls


def call_app(count: int) -> None:
    """Calls the app so often, one call after the other, none of which may fail."""
    with httpx.Client(base_url=URL, timeout=40.0) as client:
        faults = [sum_squares_fault(client, 2, number) for number in range(count)]
    assert faults == [None] * count


@pytest.fixture(scope="module")
def replicas(compose: Compose) -> list[Container]:
    """Three compute servers, two of which were added while the app ran and called the first."""
    (first,) = compose.containers("compute")
    called = first.counted_calls()  # by the app itself, when it started
    call_app(20)
    wait_for_calls([first], called + 20)
    compose.scale(REPLICAS)
    containers = compose.containers("compute")
    assert len(containers) == REPLICAS
    assert first in containers, "the first server goes on"
    return containers


def test_app_finds_new_replicas_and_spreads_its_calls(replicas: list[Container]) -> None:
    called, deadline = sum(calls_of(replicas)), time.monotonic() + DISCOVERY_SECONDS
    while 0 in (calls := calls_of(replicas)):
        assert time.monotonic() < deadline, f"calls of each replica: {calls}"
        call_app(1)
        called += 1
    before = wait_for_calls(replicas, called)
    count = 300
    call_app(count)
    after = wait_for_calls(replicas, called + count)
    shares = [now - then for now, then in zip(after, before, strict=True)]
    # Round robin, but for the moments in which a connection is replaced.
    assert min(shares) >= count / REPLICAS / 2, shares


def test_no_call_fails_when_a_replica_stops(replicas: list[Container]) -> None:
    leaving, *staying = replicas
    with Load() as load:
        load.wait_for_answers(50)
        in_use = leaving.counted_calls()
        load.wait_for_answers(50)
        leaving.stop()
        before = calls_of(staying)
        load.wait_for_answers(500)
        load.go_on(RENEWAL_SECONDS)
    assert load.failures == []
    assert leaving.counted_calls() > in_use, "the calls before the stop reach it too"
    state = leaving.inspect()["State"]
    assert (state["Running"], state["ExitCode"]) == (False, 0), "it drains and ends cleanly"
    assert all(now > then for now, then in zip(calls_of(staying), before, strict=True))


def test_no_call_fails_when_a_replica_is_killed(replicas: list[Container]) -> None:
    leaving, staying = replicas[1:]
    with Load() as load:
        load.wait_for_answers(50)
        in_use = leaving.counted_calls()
        load.wait_for_answers(50)
        leaving.kill()
        before = staying.counted_calls()
        load.wait_for_answers(500)
        load.go_on(RENEWAL_SECONDS)
    assert load.failures == []
    assert leaving.counted_calls() > in_use, "the calls before the end reach it too"
    assert staying.counted_calls() > before
