"""Peers that keep a server waiting: for their first bytes, for their reading, for their leaving."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import offgil
import pytest
from offgil._proto.offgil.v1 import compute_pb2

from certificates import Authority
from conftest import Start
from processes import PATIENCE, wait_for

from .conftest import Beside
from .flood import DURATION
from .raw_http2 import (
    ACK,
    END_STREAM,
    GOAWAY,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    SETTINGS,
    Peer,
    call,
    client_hello,
    data,
    frame,
    message_head,
    settings,
)
from .target import MEGABYTE, SecureTarget, Target

INVOKE_JSON = "offgil.v1.ComputeService/InvokeJson"
SUM_SQUARES = "offgil.v1.ComputeService/SumSquares"
WATCH = "grpc.health.v1.Health/Watch"
MEBIBYTE = 1 << 20
# What a server leaves unanswered for longer than this, in seconds, it has not closed at once.
AT_ONCE = 5.0
# Between two connections, in seconds.
PAUSE = 0.01
# The server gives a preface ten seconds.
PREFACE_PATIENCE = 20.0


def call_as_newcomer(
    server: Target, timeout: float = 5.0, *, tls: offgil.TLSConfig | None = None
) -> None:
    """Calls on a TCP connection of its own."""
    target = f"dns:///{server.address}"
    with offgil.Client(target, timeout=timeout, connect_timeout=timeout, tls=tls) as newcomer:
        assert newcomer.sum_squares(3, 4) == 25


def is_closed(peer: Peer) -> bool:
    """Reads what the server still says, and returns whether it closes within the timeout."""
    try:
        while peer.socket.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


@contextmanager
def answering(peers: Iterable[Peer]) -> Iterator[None]:
    """Lets these peers answer each PING; none of them closes by itself."""
    threads = [threading.Thread(target=peer.answer) for peer in peers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for peer in peers:
            with suppress(OSError):  # the server may have closed it already
                peer.socket.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("window", [0, 1])
def test_large_answers_that_are_not_read(
    start: Start[Target], tmp_path: Path, beside: Beside, window: int
) -> None:
    budget = 128 * MEBIBYTE
    flags = ["--memory-budget", str(budget), "--max-message-bytes", "16MiB"]
    server = start(Target(tmp_path, *flags))
    # A small request with an answer of half a megabyte: peers need not wait for their own window.
    text = json.dumps({"a": [[1.0]] * 350, "b": [[1.0] * 350]}).encode()
    request = compute_pb2.InvokeJsonRequest(kernel="matmul", body=text)
    body = request.SerializeToString()
    preface = PREFACE + settings({INITIAL_WINDOW_SIZE: window}) + frame(SETTINGS, ACK)
    most = {"max_growth_mb": budget / MEGABYTE + 64, "max_p99_ms": 500.0}  # it computes, too
    with beside(server, **most), ExitStack() as peers:
        for _ in range(4):
            peer = peers.enter_context(Peer(server.port, preface=preface))
            peer.wait_for_window()
            for stream in range(1, 101, 2):
                message = message_head(len(body)) + body
                peer.socket.sendall(
                    call(stream, INVOKE_JSON) + data(stream, message, flags=END_STREAM)
                )
        wait_for(lambda: server.metric("offgil_refusals_total") > 0, "the budget is full")
        assert server.budget() <= budget
        end = time.monotonic() + DURATION
        while time.monotonic() < end:
            call_as_newcomer(server)


def wait_until_left(
    server: Target, peers: list[Peer], slow: bytes, tls: offgil.TLSConfig | None = None
) -> None:
    """Waits until a server has closed all peers, of which every other one sends a byte a second."""
    others = server.connections() - len(peers)
    began = time.monotonic()
    rest = iter(slow)
    while server.connections() > others:
        assert time.monotonic() - began < PREFACE_PATIENCE
        byte = next(rest).to_bytes(1, "big")
        for peer in peers[::2]:
            with suppress(ConnectionError):
                peer.socket.sendall(byte)
        call_as_newcomer(server, tls=tls)
        time.sleep(1.0)  # a slow peer is the scenario, no synchronisation
    print(f"{len(peers)} peers closed after {time.monotonic() - began:.1f} s")
    for peer in peers:
        peer.socket.settimeout(AT_ONCE)
        assert is_closed(peer)


def test_prefaces_that_do_not_come(start: Start[Target], tmp_path: Path, beside: Beside) -> None:
    server = start(Target(tmp_path))
    with beside(server), ExitStack() as stack:
        before = server.connections()  # the bystander's
        peers = [stack.enter_context(Peer(server.port, preface=b"")) for _ in range(200)]
        wait_for(lambda: server.connections() == before + len(peers), "they are connected")
        wait_until_left(server, peers, PREFACE)


def test_tls_handshakes_that_do_not_end(
    start: Start[SecureTarget], tmp_path: Path, beside: Beside
) -> None:
    authority = Authority(tmp_path)
    server = start(SecureTarget(tmp_path, authority))
    hello = client_hello()
    with beside(server), ExitStack() as stack:
        before = server.connections()
        # Every other one begins byte by byte; the others say nothing, or all that they must before
        # the server answers.
        firsts = [b"", b"", b"", hello] * 50
        peers = [stack.enter_context(Peer(server.port, preface=first)) for first in firsts]
        wait_for(lambda: server.connections() == before + len(peers), "they are connected")
        wait_until_left(server, peers, hello, authority.tls())


@pytest.mark.parametrize(
    ("kind", "count", "timeout"),
    [
        ("answers", 300, PATIENCE),
        ("is silent", 300, PATIENCE),
        ("watches", 300, PATIENCE),
    ],
)
def test_connections_that_rest(
    start: Start[Target], tmp_path: Path, beside: Beside, kind: str, count: int, timeout: float
) -> None:
    server = start(Target(tmp_path, "--max-connections", "50"))
    with beside(server), ExitStack() as stack:
        peers = []
        for _ in range(count):
            peers.append(stack.enter_context(Peer(server.port)))
            # Slowly, so that these have all been silent for longer than the bystander.
            time.sleep(PAUSE)
        if kind == "watches":
            watch = call(1, WATCH) + data(1, message_head(0), flags=END_STREAM)
            for peer in peers:
                peer.socket.sendall(watch)
        if kind != "is silent":
            stack.enter_context(answering(peers))
        call_as_newcomer(server, timeout)


def test_a_caller_keeps_its_place_in_a_burst_of_connections(
    start: Start[Target], tmp_path: Path, beside: Beside
) -> None:
    server = start(Target(tmp_path, "--max-connections", "50"))
    sum_of_nothing = call(1, SUM_SQUARES) + data(1, message_head(0), flags=END_STREAM)
    with beside(server), Peer(server.port) as caller, ExitStack() as stack:
        caller.socket.sendall(sum_of_nothing)
        assert any(stream == 1 and flags & END_STREAM for _, flags, stream, _ in caller.frames())
        time.sleep(0.1)  # it rests for a moment, which is the scenario
        for _ in range(60):
            stack.enter_context(Peer(server.port))
        caller.socket.settimeout(1.0)
        with suppress(TimeoutError):
            assert GOAWAY not in (kind for kind, *_ in caller.frames())


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(random.Random(1).randbytes(1000), id="random bytes"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", id="HTTP/1.1"),
        pytest.param(client_hello(), id="TLS"),
        pytest.param(PREFACE + random.Random(1).randbytes(1000), id="random frames"),
    ],
)
def test_another_protocol(
    start: Start[Target], tmp_path: Path, beside: Beside, first: bytes
) -> None:
    server = start(Target(tmp_path))
    with beside(server) as bystander:
        end = time.monotonic() + DURATION
        while time.monotonic() < end:
            with Peer(server.port, preface=first) as peer:
                peer.socket.settimeout(AT_ONCE)
                assert is_closed(peer)
            bystander.attack.refused += 1
