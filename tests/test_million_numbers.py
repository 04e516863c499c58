"""The seed endpoint with a million numbers: every element agrees with the literal loop."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from offgil import AsyncClient, Client

from arithmetic import INT64_MAX, INT64_MIN, MODULUS, Int64s, process_array, process_number
from processes import App, Server

COUNT = 1_000_000
CHUNK = 131_072


@pytest.fixture(scope="module")
def numbers() -> Int64s:
    """Numbers over the whole range, of every magnitude, with the edges and their neighbours."""
    random = np.random.default_rng(20_261_123)
    edges = [INT64_MIN, INT64_MAX, -(2**62), 2**62, 0, -1, -2, MODULUS, -MODULUS, 2 * MODULUS]
    near = [x + d for x in edges for d in range(-3, 4) if INT64_MIN <= x + d <= INT64_MAX]
    near += [-(2**k) - 1 for k in range(62)] + [2**k for k in range(62)]
    whole = random.integers(INT64_MIN, INT64_MAX, COUNT // 2, dtype=np.int64, endpoint=True)
    # Shifts give small numbers as often as large ones; small negative chains pass −1.
    shifted = random.integers(INT64_MIN, INT64_MAX, COUNT - len(whole) - len(near), dtype=np.int64)
    shifted >>= random.integers(0, 63, len(shifted), dtype=np.int64)
    together = np.concatenate([np.array(near, dtype=np.int64), whole, shifted])
    random.shuffle(together)
    assert len(together) == COUNT
    return together


@pytest.fixture(scope="module")
def expected(numbers: Int64s) -> Int64s:
    results = process_array(numbers)
    # The oracle in NumPy agrees with the one in Python, whose integers never wrap by themselves.
    for index in range(0, COUNT, COUNT // 200):
        assert process_number(int(numbers[index])) == results[index]
    assert (results < 0).any()
    assert (results > 0).any()
    return results


def test_through_http(app: App, numbers: Int64s, expected: Int64s) -> None:
    body = json.dumps({"numbers": numbers.tolist()}).encode()
    answer = app.post(
        "/process-numbers-rust", content=body, headers={"content-type": "application/json"}
    )
    check_answer(answer, expected)


def test_through_http_while_the_upload_arrives_in_pieces(
    app: App, numbers: Int64s, expected: Int64s
) -> None:
    body = json.dumps({"numbers": numbers.tolist()}, indent=1).encode()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 100_003):
            yield body[start : start + 100_003]

    answer = app.post(
        "/process-numbers-rust", content=pieces(), headers={"content-type": "application/json"}
    )
    check_answer(answer, expected)


def check_answer(answer: httpx.Response, expected: Int64s) -> None:
    assert answer.status_code == 200, answer.text[:500]
    results = answer.json()
    assert results.keys() == {"original_count", "processed_result"}
    assert results["original_count"] == COUNT
    np.testing.assert_array_equal(np.array(results["processed_result"]), expected)


async def test_through_the_client_as_an_array(
    client: AsyncClient, numbers: Int64s, expected: Int64s
) -> None:
    results = await client.process_numbers(numbers)
    assert results.dtype == np.int64
    np.testing.assert_array_equal(results, expected)


async def test_through_the_client_as_a_list(
    client: AsyncClient, numbers: Int64s, expected: Int64s
) -> None:
    results = await client.process_numbers(numbers.tolist())
    assert results == expected.tolist()


def test_through_the_synchronous_client_over_a_unix_socket(
    server: Server, numbers: Int64s, expected: Int64s
) -> None:
    with Client(server.unix_target) as client:
        np.testing.assert_array_equal(client.process_numbers(numbers), expected)


async def test_through_a_stream(client: AsyncClient, numbers: Int64s, expected: Int64s) -> None:
    chunks = [numbers[start : start + CHUNK] for start in range(0, COUNT, CHUNK)]
    results = [chunk async for chunk in client.process_numbers_stream(chunks)]
    assert [len(chunk) for chunk in results] == [len(chunk) for chunk in chunks]
    np.testing.assert_array_equal(np.concatenate(results), expected)


@pytest.mark.parametrize("rounds", [0, 1, 2, 30, 31])
async def test_with_other_rounds(client: AsyncClient, numbers: Int64s, rounds: int) -> None:
    results = await client.process_numbers(numbers, rounds=rounds)
    np.testing.assert_array_equal(results, process_array(numbers, rounds))
