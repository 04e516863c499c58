"""A server that stops under load: what was admitted is answered, and the process leaves in time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from offgil import Client, ConnectionFailed, OffgilError

from conftest import Start
from processes import Server, accepts, wait_for

from .load import Load

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
REPLICAS = 3
ROUNDS_OF_RESTARTS = 2


def test_no_admitted_call_fails_and_the_process_leaves_in_time(
    start: Start[Server], tmp_path: Path
) -> None:
    server = start(Server(tmp_path, "--drain-timeout", "10s"))
    address = ("127.0.0.1", server.port)
    with ExitStack() as stack:
        # Half-open handshakes, and peers that are silent after theirs.
        silent = [stack.enter_context(socket.create_connection(address)) for _ in range(20)]
        for connection in silent[10:]:
            connection.sendall(PREFACE)
        with Load(server.target, callers=6, connect_timeout=0.05) as load:
            load.wait_for_answers(100)
            began = time.monotonic()
            server.sigterm()
            assert server.wait() == 0
            took = time.monotonic() - began
    print(f"left after {took:.2f} s; {load.summary()}")
    assert took < 10
    # Those that were not admitted any more: nobody listens, or the connection takes no new call.
    assert set(load.failures) <= {ConnectionFailed.__name__}
    assert load.wrong == []
    codes = {call["code"] for call in server.calls()}
    # What the server began it has answered; 14 is UNAVAILABLE, for calls that came too late.
    assert codes <= {0, 14}, codes
    server.check_log()


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
            try:
                with Client(server.target, connect_timeout=0.1) as late:
                    late.sum_squares(1, 2)
            except OffgilError as error:
                refused.append(error)

    results = []
    with Client(server.target, connect_timeout=0.1) as client:
        for chunk in client.process_numbers_stream(chunks()):
            results.append(chunk)
            if len(results) == 1:
                server.sigterm()
    assert len(results) == 2
    assert [type(error) for error in refused] == [ConnectionFailed] * 2
    assert all(error.code == "UNAVAILABLE" for error in refused)
    assert server.wait() == 0
