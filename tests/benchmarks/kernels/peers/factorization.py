"""Prime factors: `factorize`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import sympy
from sympy.ntheory.factor_ import factor_cache

from benchmarks.kernels.case import Case
from benchmarks.kernels.peers.pollard import MOST_FACTORS, SMALL_PRIMES, factorize

# Numbers of the sieve's table that a thread goes through at once: they stay in its cache.
SEGMENT = 32_768


def cases() -> Iterator[Case]:
    """Returns the cases."""
    rng = np.random.default_rng(4)
    least = np.arange(1, 1_000_001)
    middle = rng.integers(1, 10**12, 2_000)
    great = rng.integers(1, 2**63 - 1, 40)
    for work, numbers, peers in (
        ("1 … 10⁶", least, {"Numba, sieve": lambda: _sieve_numba(least)}),
        (
            "2,000 below 10¹²",
            middle,
            {"Numba": lambda: _factorize_numba(middle), "SymPy": lambda: _sympy(middle)},
        ),
        (
            "40 below 2⁶³",
            great,
            {"Numba": lambda: _factorize_numba(great), "SymPy": lambda: _sympy(great)},
        ),
    ):
        yield Case("factorize", work, {"n": numbers}, peers, lambda f: (f.factors, f.offsets))


@numba.njit(parallel=True)
def _sieve_numba(numbers: Any) -> Any:
    # The least prime factor of every number, then division by table.
    least = _least_factors(numbers.max())
    offsets = np.zeros(len(numbers) + 1, np.int64)
    for i in numba.prange(len(numbers)):
        n = np.uint64(numbers[i])
        while n > 1:
            n //= np.uint64(least[n])
            offsets[i + 1] += 1
    offsets = np.cumsum(offsets)
    factors = np.empty(offsets[-1], np.int64)
    for i in numba.prange(len(numbers)):
        n = np.uint64(numbers[i])
        for place in range(offsets[i], offsets[i + 1]):
            factors[place] = least[n]
            n //= np.uint64(least[n])
    return factors, offsets


@numba.njit(parallel=True)
def _least_factors(greatest: int) -> Any:
    # The small primes are enough up to a million.
    least = np.arange(greatest + 1).astype(np.uint32)
    for segment in numba.prange(greatest // SEGMENT + 1):
        first = segment * SEGMENT
        end = min(first + SEGMENT, greatest + 1)
        # The last to write is the least.
        for prime in SMALL_PRIMES[::-1].astype(np.int64):
            for multiple in range(max(prime, -(-first // prime)) * prime, end, prime):
                least[multiple] = prime
    return least


@numba.njit(parallel=True)
def _factorize_numba(numbers: Any) -> Any:
    found = np.empty((len(numbers), MOST_FACTORS), np.int64)
    offsets = np.zeros(len(numbers) + 1, np.int64)
    for i in numba.prange(len(numbers)):
        offsets[i + 1] = factorize(np.uint64(numbers[i]), found[i])
    offsets = np.cumsum(offsets)
    factors = np.empty(offsets[-1], np.int64)
    for i in range(len(numbers)):
        factors[offsets[i] : offsets[i + 1]] = found[i, : offsets[i + 1] - offsets[i]]
    return factors, offsets


def _sympy(numbers: Any) -> tuple[Any, ...]:
    # Else it would remember them from the round before.
    factor_cache.cache_clear()
    factors: list[int] = []
    offsets = [0]
    for n in numbers.tolist():
        for prime, exponent in sorted(sympy.factorint(n).items()):
            factors += [prime] * exponent
        offsets.append(len(factors))
    return np.array(factors), np.array(offsets)
