"""Numerical work: `fft`, `matmul` and `monte_carlo_option`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numba
import numpy as np
import scipy.fft
import scipy.linalg.blas

from benchmarks.kernels.case import Case

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
