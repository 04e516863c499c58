"""The numbers that are posted, and what has to come back."""

from __future__ import annotations

import json
import random
from functools import lru_cache
from typing import Any

import httpx
import offgil_bench_pyo3

from benchmarks.service.reference import ROUNDS, literal

LARGEST = 10**9
SEED = 1
PATIENCE = 60.0
# How many results are compared with those of a loop in Python.
SAMPLE = 10


def body(count: int) -> bytes:
    """Returns a JSON body with so many numbers."""
    draw = random.Random(SEED)
    numbers = [draw.randint(1, LARGEST) for _ in range(count)]
    return json.dumps({"numbers": numbers}).encode()


def check_post(url: str, sent: bytes) -> int:
    """Posts a body, fails unless the answer is right, and returns the length of the answer."""
    headers = {"content-type": "application/json"}
    answer = httpx.post(url, content=sent, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 200, (url, answer.status_code, answer.text[:500])
    assert answer.json()["processed_result"] == _expected(sent), f"{url} computes something else"
    return len(answer.content)


def check_echo(url: str, sent: bytes) -> int:
    """Does the same where the body comes back."""
    answer = httpx.post(url, content=sent, timeout=PATIENCE)
    assert answer.content == sent, url
    return len(sent)


@lru_cache(maxsize=1)
def _expected(sent: bytes) -> Any:
    numbers = json.loads(sent)["numbers"]
    results = offgil_bench_pyo3.process_numbers_usual(numbers, ROUNDS)
    assert results[:SAMPLE] == [literal(number) for number in numbers[:SAMPLE]]
    return results
