"""The bodies of the peers."""

from __future__ import annotations

from pydantic import BaseModel


class Numbers(BaseModel):
    """Numbers to process."""

    numbers: list[int]
    rounds: int = 1000


class Processed(BaseModel):
    """Processed numbers."""

    original_count: int
    processed_result: list[int]


class SumOfSquares(BaseModel):
    """A sum of two squares."""

    a: int
    b: int
    sum_of_squares: int
