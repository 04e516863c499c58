"""How long is measured, and what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """The extent of a run.

    Attributes:
        rounds: In each, every way has one turn.
        seconds: How long a turn of HTTP or gRPC requests lasts; requests in flight then are ended.
        counts: How many numbers a post carries.
        slow_count: The same at most, where every number takes long.
        outside_counts: The same where other serving frameworks take part.
        quiet_seconds: How long the light endpoint is watched in a turn.
        array_counts: How many numbers an array has.
        array_calls: How often each is sent in a turn, at most.
        stream_bytes: What the long stream carries.
        turn_bytes: What a stream carries in a turn.
        starts: How often the server is started.
    """

    rounds: int
    seconds: float
    counts: Sequence[int]
    slow_count: int
    outside_counts: Sequence[int]
    quiet_seconds: float
    array_counts: Sequence[int]
    array_calls: int
    stream_bytes: int
    turn_bytes: int
    starts: int


FULL = Plan(
    rounds=5,
    seconds=0.8,
    counts=(10, 1_000, 10_000, 100_000, 1_000_000),
    slow_count=1_000_000,
    outside_counts=(10, 1_000, 100_000),
    quiet_seconds=3.0,
    array_counts=(1_000, 10_000, 100_000, 1_000_000, 10_000_000),
    array_calls=20,
    stream_bytes=10_000_000_000,
    turn_bytes=1_000_000_000,
    starts=20,
)
QUICK = Plan(
    rounds=3,
    seconds=0.3,
    counts=(1_000, 100_000, 1_000_000),
    slow_count=100_000,
    outside_counts=(1_000,),
    quiet_seconds=1.0,
    array_counts=(1_000, 1_000_000, 10_000_000),
    array_calls=5,
    stream_bytes=1_000_000_000,
    turn_bytes=200_000_000,
    starts=5,
)
