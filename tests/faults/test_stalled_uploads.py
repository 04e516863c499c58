"""Messages that are announced and do not come: what they hold is bounded, and given up in time."""

from __future__ import annotations

import resource
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import offgil
import pytest
from offgil._proto.offgil.v1 import compute_pb2

from conftest import Start
from processes import wait_for

from .conftest import Beside
from .raw_http2 import (
    ACK,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    SETTINGS,
    Peer,
    call,
    data,
    frame,
    message_head,
    settings,
)
from .target import MEGABYTE, Target

PROCESS_NUMBERS = "offgil.v1.ComputeService/ProcessNumbers"
PROCESS_NUMBERS_STREAM = "offgil.v1.ComputeService/ProcessNumbersStream"
BUDGET = 256 << 20
STREAMS_OF_A_CONNECTION = range(1, 2 * 256, 2)
FLAGS = ("--memory-budget", str(BUDGET), "--upload-timeout", "3s")
NUMBERS = np.arange(1_000_000)
# With those of the test itself just under the limit of the server.
CONNECTIONS = 1_000


def process_large(server: Target) -> None:
    """Sends 8 MB and checks the answer."""
    with offgil.Client(server.target) as client:
        np.testing.assert_array_equal(client.process_numbers(NUMBERS, 1), (NUMBERS + 1) * 2)


def given_up(server: Target) -> float:
    """Returns how many uploads the server has given up."""
    return server.metric("offgil_calls_total", method=PROCESS_NUMBERS, code="DEADLINE_EXCEEDED")


def ended(peer: Peer, count: int) -> int:
    """Waits for the answers to so many streams; returns how many came."""
    streams = set()
    for kind, flags, stream, _ in peer.frames():
        if kind == HEADERS and flags & END_STREAM:
            streams.add(stream)
            if len(streams) == count:
                break
    return len(streams)


def test_announced_messages_that_do_not_come(
    start: Start[Target], tmp_path: Path, beside: Beside
) -> None:
    server = start(Target(tmp_path, *FLAGS))
    announced = message_head(64_000_000)
    streams = range(1, 2 * 250, 2)
    with beside(server, max_growth_mb=BUDGET / MEGABYTE) as bystander, ExitStack() as stack:
        peers = [stack.enter_context(Peer(server.port)) for _ in range(4)]
        for peer in peers:
            peer.socket.sendall(
                b"".join(call(x, PROCESS_NUMBERS) + data(x, announced) for x in streams)
            )
        calls = len(peers) * len(streams)
        wait_for(lambda: server.metric("offgil_in_flight") >= calls, "all calls have begun")
        while given_up(server) < calls:
            process_large(server)
            for peer in peers[::2]:
                peer.socket.sendall(b"".join(data(x, b"x") for x in streams))
            time.sleep(1.0)  # a byte a second is the scenario, no synchronisation
        assert [ended(peer, len(streams)) for peer in peers] == [len(streams)] * len(peers)
    assert bystander.cost is not None
    assert bystander.cost.peak_budget_mb < BUDGET / MEGABYTE


def test_a_thousand_connections_that_send_a_byte_a_second(
    start: Start[Target], tmp_path: Path, beside: Beside
) -> None:
    flags = ["--memory-budget", str(BUDGET), "--upload-timeout", "60s"]
    server = start(Target(tmp_path, *flags))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a descriptor for each
    begun = call(1, PROCESS_NUMBERS) + data(1, message_head(64_000_000))
    with beside(server, max_growth_mb=BUDGET / MEGABYTE) as bystander, ExitStack() as stack:
        peers = [stack.enter_context(Peer(server.port)) for _ in range(CONNECTIONS)]
        for peer in peers:
            peer.socket.sendall(begun)
        wait_for(lambda: server.metric("offgil_in_flight") >= CONNECTIONS, "all have begun")
        for _ in range(5):
            process_large(server)
            for peer in peers:
                peer.socket.sendall(data(1, b"x"))
            time.sleep(1.0)  # a byte a second is the scenario, no synchronisation
        assert server.connections() >= CONNECTIONS
    assert bystander.cost is not None
    assert bystander.cost.peak_budget_mb < BUDGET / MEGABYTE


def test_half_messages_until_the_budget_is_full(
    start: Start[Target], tmp_path: Path, beside: Beside
) -> None:
    server = start(Target(tmp_path, *FLAGS))
    half = message_head(60_000_000) + bytes(600_000)
    streams = range(1, 2 * 15, 2)
    with beside(server, max_growth_mb=BUDGET / MEGABYTE + 64), ExitStack() as stack:
        for _ in range(20):
            peer = stack.enter_context(Peer(server.port))
            peer.wait_for_window()
            for stream in streams:
                peer.socket.sendall(call(stream, PROCESS_NUMBERS))
                peer.upload(stream, half)
        wait_for(lambda: server.metric("offgil_refusals_total") > 0, "the budget is full")
        with offgil.Client(server.target) as newcomer:
            assert newcomer.sum_squares(3, 4) == 25
        wait_for(lambda: server.budget() == 0, "the uploads are given up")
        process_large(server)


def test_announcements_do_not_take_the_whole_budget(
    start: Start[Target], tmp_path: Path, beside: Beside
) -> None:
    server = start(Target(tmp_path, *FLAGS))
    streams = STREAMS_OF_A_CONNECTION
    announced = message_head(64_000_000)
    with beside(server, max_growth_mb=BUDGET / MEGABYTE), ExitStack() as stack:
        for _ in range(17):
            peer = stack.enter_context(Peer(server.port))
            peer.socket.sendall(
                b"".join(call(x, PROCESS_NUMBERS) + data(x, announced) for x in streams)
            )
        wait_for(lambda: server.metric("offgil_in_flight") >= 16 * len(streams), "they wait")
        with offgil.Client(server.target) as newcomer:
            assert newcomer.sum_squares(3, 4) == 25


@pytest.mark.parametrize(
    ("streams", "bytes_of_each", "size"), [(3, 1_000_000, 16_384), (1, 30_000, 1)]
)
def test_uploads_that_wait_for_their_answers_to_be_read(
    start: Start[Target],
    tmp_path: Path,
    beside: Beside,
    streams: int,
    bytes_of_each: int,
    size: int,
) -> None:
    server = start(Target(tmp_path, *FLAGS))
    header = compute_pb2.ProcessNumbersStreamRequest(
        header=compute_pb2.ProcessNumbersStreamHeader(rounds=1)
    )
    chunk = compute_pb2.ProcessNumbersStreamRequest(packed_numbers=bytes(8000))
    # The answer to the first chunk cannot leave, so no more than the next is read.
    begun = b"".join(
        message_head(x.ByteSize()) + x.SerializeToString() for x in (header, chunk, chunk)
    )
    preface = PREFACE + settings({INITIAL_WINDOW_SIZE: 0}) + frame(SETTINGS, ACK)
    # What is not read yet is beyond the budget: the window of each connection, 4 MiB of the first
    # and less the more there are.
    with beside(server, max_growth_mb=20 * 2.0 + 16), ExitStack() as stack:
        for _ in range(20):
            peer = stack.enter_context(Peer(server.port, preface=preface))
            peer.wait_for_window()
            for stream in range(1, 2 * streams, 2):
                message = message_head(bytes_of_each) + bytes(bytes_of_each)
                with suppress(ConnectionError):  # too many tiny frames are an error
                    peer.socket.sendall(call(stream, PROCESS_NUMBERS_STREAM))
                    peer.fill(stream, begun)
                    peer.fill(stream, message, size=size)
        calls = 20 * streams
        wait_for(
            lambda: server.metric("offgil_in_flight") >= calls or server.connections() == 1,
            "all calls have begun, or the bystander alone is left",
        )
        time.sleep(1.0)  # what a peer can make a server hold is the scenario
