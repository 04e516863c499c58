"""What has to come out, by a loop in Python."""

from __future__ import annotations

ROUNDS = 1000
MODULUS = 1_000_000_007


def literal(number: int) -> int:
    """Returns f^1000 of a number that is not negative, so that Python's remainder is Rust's."""
    for _ in range(ROUNDS):
        number = (number + 1) * 2 % MODULUS
    return number
