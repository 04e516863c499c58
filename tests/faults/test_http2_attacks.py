"""What a hostile peer gets out of HTTP/2: its own connection closed, and nothing of the others."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from conftest import Start

from .conftest import Beside
from .flood import flood
from .raw_http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    Peer,
    call,
    data,
    field,
    frame,
    message_head,
    request_fields,
    reset,
    settings,
    window_update,
)
from .target import Target

SUM_SQUARES = "offgil.v1.ComputeService/SumSquares"
FIRST_STREAM, STREAM_STEP = 1, 2


def streams(batch: int, size: int) -> range:
    """Returns the identifiers of the streams of a batch."""
    first = FIRST_STREAM + STREAM_STEP * size * batch
    return range(first, first + STREAM_STEP * size, STREAM_STEP)


@pytest.fixture
def server(start: Start[Target], tmp_path: Path) -> Target:
    return start(Target(tmp_path))


def test_streams_that_are_reset_at_once(server: Target, beside: Beside) -> None:
    def batch(number: int) -> bytes:
        return b"".join(call(x, SUM_SQUARES) + reset(x) for x in streams(number, 100))

    with beside(server) as bystander:
        bystander.attack = flood(server.port, batch)
    assert bystander.attack.refused > 0


def test_calls_that_are_reset_once_they_run(server: Target, beside: Beside) -> None:
    def batch(number: int) -> bytes:
        these = streams(number // 2, 100)
        if number % 2 == 0:
            return b"".join(call(x, SUM_SQUARES) for x in these)
        return b"".join(map(reset, these))

    with beside(server) as bystander:
        bystander.attack = flood(server.port, batch)


@pytest.mark.parametrize("size", [0, 1, 16_384])
def test_headers_without_an_end(server: Target, beside: Beside, size: int) -> None:
    piece = (field("x", "y" * 100) * (size // 100 + 1))[:size]
    begin = frame(HEADERS, 0, FIRST_STREAM, request_fields(SUM_SQUARES))
    more = frame(CONTINUATION, 0, FIRST_STREAM, piece) * max(1, 65_536 // (size + 9))

    with beside(server) as bystander:
        bystander.attack = flood(server.port, lambda number: begin if number == 0 else more)
    assert bystander.attack.refused > 0


def test_more_headers_than_a_request_may_have(server: Target, beside: Beside) -> None:
    fields = request_fields(SUM_SQUARES) + field("x-large", "y" * 12_000) * 2
    first, second = fields[:16_000], fields[16_000:]

    def batch(number: int) -> bytes:
        return b"".join(
            frame(HEADERS, END_STREAM, x, first) + frame(CONTINUATION, END_HEADERS, x, second)
            for x in streams(number, 4)
        )

    with beside(server) as bystander:
        with Peer(server.port) as peer:
            peer.socket.sendall(batch(0))
            refused = next(x for x in peer.frames() if x[2] == FIRST_STREAM)
            assert refused[:2] == (HEADERS, END_HEADERS | END_STREAM)
        bystander.attack = flood(server.port, batch)
    assert bystander.attack.sent > 0
    seen = server.metric("offgil_calls_total", method=SUM_SQUARES)
    assert seen == server.metric("offgil_calls_total", method=SUM_SQUARES, code="OK")


def test_pings_whose_answers_are_not_read(server: Target, beside: Beside) -> None:
    pings = frame(PING, payload=bytes(8)) * 4000
    with beside(server) as bystander:
        bystander.attack = flood(server.port, lambda _: pings, reads=False)
    assert bystander.attack.blocked > 0


def test_settings_whose_answers_are_not_read(server: Target, beside: Beside) -> None:
    changes = b"".join(settings({INITIAL_WINDOW_SIZE: 65_535 + x}) for x in range(4000))
    with beside(server) as bystander:
        bystander.attack = flood(server.port, lambda _: changes, reads=False)
    assert bystander.attack.blocked > 0


@pytest.mark.parametrize("size", [0, 1])
def test_data_frames_with_next_to_nothing(server: Target, beside: Beside, size: int) -> None:
    begin = call(FIRST_STREAM, SUM_SQUARES) + data(FIRST_STREAM, message_head(50_000_000))
    nothing = frame(DATA, 0, FIRST_STREAM, bytes(size)) * 4000
    with beside(server) as bystander:
        bystander.attack = flood(server.port, lambda number: begin if number == 0 else nothing)
    assert bystander.attack.refused > 0


def test_a_window_that_overflows(server: Target, beside: Beside) -> None:
    overflow = window_update(0, 2**31 - 1)
    with beside(server) as bystander:
        with Peer(server.port) as peer:
            peer.socket.sendall(overflow)
            goaway = next(payload for kind, _, _, payload in peer.frames() if kind == GOAWAY)
            assert struct.unpack_from(">I", goaway, 4) == (FLOW_CONTROL_ERROR,)
        bystander.attack = flood(server.port, lambda _: overflow * 100)
    assert bystander.attack.refused > 0
