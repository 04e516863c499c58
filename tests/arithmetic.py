"""The literal loop that the kernel `process_numbers` must agree with, in Python and in NumPy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODULUS = 1_000_000_007
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
DEFAULT_ROUNDS = 1000

Int64s = NDArray[np.int64]


@cache
def process_number(value: int, rounds: int = DEFAULT_ROUNDS) -> int:
    """Returns f^rounds(value) in wrapping 64-bit arithmetic with the truncated remainder."""
    for _ in range(rounds):
        doubled = (wrap(value + 1) * 2 + 2**63) % 2**64 - 2**63
        value = abs(doubled) % MODULUS * (1 if doubled >= 0 else -1)
    return value


def wrap(value: int) -> int:
    """Returns the signed 64-bit integer that `value` wraps to."""
    return (value + 2**63) % 2**64 - 2**63


def process_array(numbers: Int64s, rounds: int = DEFAULT_ROUNDS) -> Int64s:
    """Returns what `process_number` returns, for each number; NumPy's int64 wraps by itself."""
    values = numbers.copy()
    for _ in range(rounds):
        values += 1
        values *= 2
        np.fmod(values, MODULUS, out=values)
    return values


def answer_to(numbers: list[int], rounds: int = DEFAULT_ROUNDS) -> dict[str, Any]:
    """Returns what the seed endpoint answers."""
    results = [process_number(number, rounds) for number in numbers]
    return {"original_count": len(numbers), "processed_result": results}
