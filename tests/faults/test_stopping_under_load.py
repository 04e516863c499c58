"""A server that stops under load: what was admitted is answered, and the process leaves in time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from offgil import Client, ConnectionFailed, OffgilError

from certificates import Authority
from conftest import Start
from processes import Server, accepts, wait_for

from .load import Load
from .raw_http2 import (
    ACK,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    Peer,
    call,
    client_hello,
    data,
    frame,
    message_head,
    settings,
)
from .target import SecureTarget, Target

SUM_SQUARES = "offgil.v1.ComputeService/SumSquares"
# In a GOAWAY frame: there may be more calls, for now.
ANY_STREAM = (1 << 31) - 1
DRAIN_TIMEOUT = 10
REPLICAS = 3
ROUNDS_OF_RESTARTS = 2
BULK_CALLERS = 8
# A long job: with so many callers, some always wait.
BULK = {
    "spot": 100.0,
    "strike": 105.0,
    "rate": 0.03,
    "volatility": 0.2,
    "maturity": 1.0,
    "paths": 10_000_000,
}


def run_bulk(client: Client) -> Counter[str]:
    """Runs one long job after another, until one fails; returns what became of them."""
    outcomes: Counter[str] = Counter()
    while outcomes.total() == outcomes["answered"]:
        try:
            client.run("monte_carlo_option", **BULK)
            outcomes["answered"] += 1
        except OffgilError as error:
            outcomes[type(error).__name__] += 1
    return outcomes


def full_load(server: Target) -> dict[str, float]:
    """Returns what there is to do if jobs run and others wait, else nothing."""
    load = server.load()
    return load if load["running_jobs"] > 0 and load["queued_jobs"] > 0 else {}


@pytest.mark.parametrize("is_secure", [False, True], ids=["plaintext", "TLS"])
def test_no_admitted_call_fails_and_the_process_leaves_in_time(
    start: Start[Target], tmp_path: Path, is_secure: bool
) -> None:
    flags = ["--drain-timeout", f"{DRAIN_TIMEOUT}s", "--max-queue-time", "30s"]
    options: dict[str, Any] = {"batching": False, "connect_timeout": 0.05}
    if is_secure:
        authority = Authority(tmp_path)
        server: Target = start(SecureTarget(tmp_path, authority, *flags))
        options["tls"] = authority.tls()
    else:
        server = start(Target(tmp_path, *flags))
    target = f"dns:///{server.address}"
    begun = client_hello() if is_secure else PREFACE + settings()
    with ExitStack() as stack:
        # Half-open handshakes, and peers that are silent in the middle of theirs or after it.
        for first in (b"", begun):
            for _ in range(10):
                stack.enter_context(Peer(server.port, preface=first))
        bulk = [stack.enter_context(Client(target, **options)) for _ in range(BULK_CALLERS)]
        pool = stack.enter_context(ThreadPoolExecutor(BULK_CALLERS))
        with Load(target, callers=6, **options) as load:
            jobs = [pool.submit(run_bulk, client) for client in bulk]
            load.wait_for_answers(100)
            before = wait_for(lambda: full_load(server), "jobs run, and others wait for them")
            began = time.monotonic()
            server.sigterm()
            assert server.wait() == 0
            took = time.monotonic() - began
        outcomes = sum((job.result() for job in jobs), Counter[str]())
    logged = [line for line in server.calls() if "ComputeService" in line["method"]]
    ended_well = len(logged) + sum(line.get("skipped", 0) for line in server.calls())
    print(f"at the signal {before}; left after {took:.2f} s; {load.summary()}; bulk {outcomes}")
    assert took < DRAIN_TIMEOUT
    # Those that were not admitted any more: nobody listens, or the connection takes no new call.
    late = {ConnectionFailed.__name__}
    assert set(load.failures) <= late
    assert set(outcomes) - {"answered"} <= late
    assert load.wrong == []
    # What the server began it has ended well, and each of these answers has arrived.
    assert {line["code"] for line in logged} == {0}
    assert ended_well == load.answered + outcomes["answered"]
    server.check_log()


def test_an_old_connection_takes_no_new_call_and_ends_the_one_that_it_has(
    start: Start[Target], tmp_path: Path
) -> None:
    server = start(Target(tmp_path))
    sum_of_nothing = data(3, message_head(0), flags=END_STREAM)
    with Peer(server.port) as peer:
        peer.socket.sendall(call(1, SUM_SQUARES))
        wait_for(lambda: server.metric("offgil_in_flight") == 1, "the call has begun")
        server.sigterm()
        frames = peer.frames()
        for kind, flags, _, payload in frames:
            if kind == PING and not flags & ACK:
                peer.socket.sendall(frame(PING, ACK, payload=payload))
            if kind == GOAWAY and (last := int.from_bytes(payload[:4], "big")) < ANY_STREAM:
                break
        assert last == 1
        peer.socket.sendall(call(3, SUM_SQUARES) + sum_of_nothing)
        peer.socket.sendall(data(1, message_head(0), flags=END_STREAM))
        # It closes once it has answered.
        trailers = [x for x in frames if x[0] == HEADERS and x[1] & END_STREAM]
    assert [stream for _, _, stream, _ in trailers] == [1]
    assert server.wait() == 0
    assert [line["code"] for line in server.calls("SumSquares")] == [0]


def test_a_rolling_restart_of_three_replicas_fails_no_call(
    start: Start[Server], tmp_path: Path
) -> None:
    replicas = [start(Server(tmp_path)) for _ in range(REPLICAS)]
    target = "ipv4:" + ",".join(replica.address for replica in replicas)
    with Load(target, callers=4) as load:
        for number in range(ROUNDS_OF_RESTARTS * REPLICAS):
            index = number % REPLICAS
            load.wait_for_answers(50)
            leaving = replicas[index]
            leaving.sigterm()
            assert leaving.wait() == 0
            load.wait_for_answers(50)
            replicas[index] = start(Server(tmp_path, port=leaving.port))
    print(load.summary())
    assert not load.failures
    assert load.wrong == []


def test_new_calls_are_refused_while_the_old_ones_end(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path, "--drain-timeout", "20s", "--threads", "1"))
    refused: list[OffgilError] = []

    def chunks() -> Iterator[list[int]]:
        for _ in range(2):
            yield [1, 2, 3]
            wait_for(lambda: not accepts(server.port), "it takes no new connection")
            with Client(server.target, connect_timeout=0.1) as late:
                # The other one has a connection, on which the stream goes on.
                for caller in (late, client):
                    try:
                        caller.sum_squares(1, 2)
                    except OffgilError as error:
                        refused.append(error)

    results = []
    with Client(server.target, connect_timeout=0.1) as client:
        for chunk in client.process_numbers_stream(chunks()):
            results.append(chunk)
            if len(results) == 1:
                server.sigterm()
    assert len(results) == 2
    assert [type(error) for error in refused] == [ConnectionFailed] * 4
    assert all(error.code == "UNAVAILABLE" for error in refused)
    assert server.wait() == 0
