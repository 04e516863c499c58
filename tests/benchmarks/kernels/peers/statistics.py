"""Samples: `describe`, `quantiles`, `linear_regression`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import polars
import scipy.linalg
import scipy.stats

from benchmarks.kernels.case import Case

SIZE = 1_000_000
COLUMNS = 5


def cases() -> Iterator[Case]:
    """Returns the cases."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal(SIZE) + 10
    frame = polars.DataFrame({"x": x})
    yield Case(
        "describe",
        "10⁶ numbers",
        {"x": x},
        {
            "SciPy": lambda: _describe_scipy(x),
            "Polars": lambda: _describe_polars(frame),
            "Numba": lambda: _describe_numba(x),
        },
        lambda d: (d.count, d.mean, d.variance, d.skew, d.kurtosis, d.min, d.max),
        tolerance=1e-6,
    )
    q = np.array([0.01, 0.25, 0.5, 0.75, 0.99])
    yield Case(
        "quantiles",
        "5 of 10⁶ numbers",
        {"x": x, "q": q},
        {
            "NumPy": lambda: np.quantile(x, q),
            "Polars": lambda: frame.select(
                polars.col("x").quantile(p, "linear").alias(str(p)) for p in q
            ).to_numpy()[0],
            "Numba": lambda: _quantiles_numba(x, q),
        },
    )
    matrix = rng.standard_normal((SIZE, COLUMNS))
    y = matrix @ np.arange(1.0, COLUMNS + 1) + rng.standard_normal(SIZE)
    yield Case(
        "linear_regression",
        "10⁶ × 5",
        {"x": matrix, "y": y},
        {
            "NumPy": lambda: _regression_numpy(matrix, y),
            "SciPy": lambda: _regression_scipy(matrix, y),
            "NumPy, normal equations": lambda: _regression_normal(matrix, y),
        },
        lambda r: (r.coefficients, r.standard_errors, r.r_squared),
    )


def _describe_scipy(x: Any) -> tuple[Any, ...]:
    d = scipy.stats.describe(x)
    return d.nobs, d.mean, d.variance, d.skewness, d.kurtosis, *d.minmax


def _describe_polars(frame: Any) -> tuple[Any, ...]:
    x = polars.col("x")
    described = {
        "count": x.count(),
        "mean": x.mean(),
        "variance": x.var(),
        "skew": x.skew(),
        "kurtosis": x.kurtosis(),
        "min": x.min(),
        "max": x.max(),
    }
    return tuple(frame.select(**described).row(0))


@numba.njit(parallel=True, fastmath=True)
def _describe_numba(x: Any) -> Any:
    n = len(x)
    total, least, greatest = 0.0, x[0], x[0]
    for i in numba.prange(n):
        total += x[i]
        least = min(least, x[i])
        greatest = max(greatest, x[i])
    mean = total / n
    second, third, fourth = 0.0, 0.0, 0.0
    for i in numba.prange(n):
        deviation = x[i] - mean
        square = deviation * deviation
        second += square
        third += square * deviation
        fourth += square * square
    m2, m3, m4 = second / n, third / n, fourth / n
    return n, mean, second / (n - 1), m3 / m2**1.5, m4 / m2**2 - 3, least, greatest


@numba.njit
def _quantiles_numba(x: Any, q: Any) -> Any:
    return np.quantile(x, q)


def _regression_numpy(x: Any, y: Any) -> tuple[Any, ...]:
    design = np.column_stack([np.ones(len(x)), x])
    coefficients, squares, _, _ = np.linalg.lstsq(design, y)
    inverse = np.linalg.inv(design.T @ design)
    return _summary(coefficients, inverse, squares[0], y)


def _regression_scipy(x: Any, y: Any) -> tuple[Any, ...]:
    design = np.column_stack([np.ones(len(x)), x])
    q, r = scipy.linalg.qr(design, mode="economic", overwrite_a=True, check_finite=False)
    projected = q.T @ y
    coefficients = scipy.linalg.solve_triangular(r, projected)
    inverse = scipy.linalg.inv(r)
    return _summary(coefficients, inverse @ inverse.T, y @ y - projected @ projected, y)


def _regression_normal(x: Any, y: Any) -> tuple[Any, ...]:
    # Half of the digits are lost where the columns are nearly dependent; here they are not.
    design = np.column_stack([np.ones(len(x)), x])
    products = design.T @ design
    coefficients = np.linalg.solve(products, design.T @ y)
    residuals = y - design @ coefficients
    return _summary(coefficients, np.linalg.inv(products), residuals @ residuals, y)


def _summary(coefficients: Any, inverse: Any, squares: Any, y: Any) -> tuple[Any, ...]:
    variance = squares / (len(y) - len(coefficients))
    errors = np.sqrt(variance * np.diag(inverse))
    return coefficients, errors, 1 - squares / ((y - y.mean()) ** 2).sum()
