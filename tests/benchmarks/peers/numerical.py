"""Numerical work: `fft`, `matmul`, `monte_carlo_option` and `factorize`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numba
import numpy as np
import scipy.fft
import scipy.linalg.blas
import sympy

from benchmarks.case import Case

SIZE = 1_000_000
ORDER = 1000
SPOT, STRIKE, RATE, VOLATILITY, MATURITY = 100.0, 105.0, 0.03, 0.2, 1.5


def cases() -> Iterator[Case]:
    """Returns the cases."""
    rng = np.random.default_rng(4)
    x = rng.standard_normal(SIZE)
    yield Case(
        "fft",
        "10⁶ numbers",
        {"x": x},
        {
            "NumPy": lambda: _parts(np.fft.rfft(x)),
            "SciPy": lambda: _parts(scipy.fft.rfft(x, workers=-1)),
        },
        lambda spectrum: (spectrum.real, spectrum.imaginary),
        tolerance=1e-6,
    )
    a, b = rng.standard_normal((ORDER, ORDER)), rng.standard_normal((ORDER, ORDER))
    yield Case(
        "matmul",
        "1000 × 1000",
        {"a": a, "b": b},
        {"NumPy": lambda: a @ b, "SciPy": lambda: scipy.linalg.blas.dgemm(1.0, a, b)},
    )
    yield from _prices()
    yield from _factorizations(rng)


def _parts(spectrum: Any) -> tuple[Any, ...]:
    return spectrum.real, spectrum.imag


def _prices() -> Iterator[Case]:
    for antithetic in (False, True):
        arguments = {
            "spot": SPOT,
            "strike": STRIKE,
            "rate": RATE,
            "volatility": VOLATILITY,
            "maturity": MATURITY,
            "paths": SIZE,
            "antithetic": antithetic,
        }
        yield Case(
            "monte_carlo_option",
            "10⁶ draws, antithetic" if antithetic else "10⁶ draws",
            arguments,
            {
                "NumPy": partial(_price_numpy, antithetic),
                "Numba": partial(_price_numba, SIZE, antithetic),
            },
            lambda option: (option.price, option.standard_error),
            # The price is 10, its standard error 0.01, and every draw another.
            tolerance=0.02,
        )


_drift = (RATE - VOLATILITY**2 / 2) * MATURITY
_deviation = VOLATILITY * math.sqrt(MATURITY)
_discount = math.exp(-RATE * MATURITY)
_generator = np.random.default_rng(5)


def _price_numpy(antithetic: bool) -> tuple[Any, ...]:
    z = _generator.standard_normal(SIZE)
    payoffs = np.maximum(SPOT * np.exp(_drift + _deviation * z) - STRIKE, 0)
    if antithetic:
        payoffs += np.maximum(SPOT * np.exp(_drift - _deviation * z) - STRIKE, 0)
        payoffs /= 2
    return _discount * payoffs.mean(), _discount * payoffs.std(ddof=1) / math.sqrt(SIZE)


@numba.njit(parallel=True, fastmath=True)
def _price_numba(paths: int, antithetic: bool) -> Any:
    total, squares = 0.0, 0.0
    for _ in numba.prange(paths):
        z = np.random.standard_normal()  # the generator that Numba has in parallel
        payoff = max(SPOT * math.exp(_drift + _deviation * z) - STRIKE, 0.0)
        if antithetic:
            mirrored = max(SPOT * math.exp(_drift - _deviation * z) - STRIKE, 0.0)
            payoff = (payoff + mirrored) / 2
        total += payoff
        squares += payoff * payoff
    mean = total / paths
    variance = (squares - total * mean) / (paths - 1)
    return _discount * mean, _discount * math.sqrt(variance / paths)


def _factorizations(rng: Any) -> Iterator[Case]:
    least = np.arange(1, SIZE + 1)
    middle = rng.integers(1, 10**12, 2_000)
    great = rng.integers(1, 2**63 - 1, 40)
    for work, numbers, peers in (
        ("1 … 10⁶", least, {"Numba, sieve": lambda: _sieve_numba(least)}),
        (
            "2,000 below 10¹²",
            middle,
            {"Numba": lambda: _divide_numba(middle), "SymPy": lambda: _sympy(middle)},
        ),
        ("40 below 2⁶³", great, {"SymPy": lambda: _sympy(great)}),
    ):
        yield Case("factorize", work, {"n": numbers}, peers, lambda f: (f.factors, f.offsets))


@numba.njit
def _sieve_numba(numbers: Any) -> Any:
    # The least prime factor of every number, then division by table.
    least = np.zeros(numbers.max() + 1, np.int32)
    for i in range(2, len(least)):
        if least[i] == 0:
            for j in range(i, len(least), i):
                if least[j] == 0:
                    least[j] = i
    offsets = np.zeros(len(numbers) + 1, np.int64)
    factors = np.empty(20 * len(numbers), np.int64)
    count = 0
    for i in range(len(numbers)):
        n = numbers[i]
        while n > 1:
            factors[count] = least[n]
            n //= least[n]
            count += 1
        offsets[i + 1] = count
    return factors[:count].copy(), offsets


@numba.njit(parallel=True)
def _divide_numba(numbers: Any) -> Any:
    found = np.empty((len(numbers), 64), np.int64)
    offsets = np.zeros(len(numbers) + 1, np.int64)
    for i in numba.prange(len(numbers)):
        n, divisor, count = numbers[i], 2, 0
        while divisor * divisor <= n:
            while n % divisor == 0:
                found[i, count] = divisor
                n //= divisor
                count += 1
            divisor += 1 if divisor == 2 else 2
        if n > 1:
            found[i, count] = n
            count += 1
        offsets[i + 1] = count
    offsets = np.cumsum(offsets)
    factors = np.empty(offsets[-1], np.int64)
    for i in range(len(numbers)):
        factors[offsets[i] : offsets[i + 1]] = found[i, : offsets[i + 1] - offsets[i]]
    return factors, offsets


def _sympy(numbers: Any) -> tuple[Any, ...]:
    factors: list[int] = []
    offsets = [0]
    for n in numbers.tolist():
        for prime, exponent in sorted(sympy.factorint(n).items()):
            factors += [prime] * exponent
        offsets.append(len(factors))
    return np.array(factors), np.array(offsets)
