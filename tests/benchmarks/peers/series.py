"""Series: `ema` and `rolling`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import polars
import scipy.ndimage
import scipy.signal

from benchmarks.case import Case

SIZE = 1_000_000
WINDOW = 100
ALPHA = 0.2


def cases() -> Iterator[Case]:
    """Returns the cases."""
    x = np.random.default_rng(2).standard_normal(SIZE)
    series = polars.Series("x", x)
    yield Case(
        "ema",
        "10⁶ numbers",
        {"x": x, "alpha": ALPHA},
        {
            "SciPy": lambda: _ema_scipy(x),
            "Polars": lambda: series.ewm_mean(alpha=ALPHA, adjust=False),
            "Numba": lambda: _ema_numba(x),
        },
    )
    inner = slice(WINDOW // 2, SIZE - WINDOW // 2 + 1)
    filters = {
        "mean": scipy.ndimage.uniform_filter1d,
        "min": scipy.ndimage.minimum_filter1d,
        "max": scipy.ndimage.maximum_filter1d,
    }
    compiled = {
        "mean": lambda: _sum_numba(x, WINDOW) / WINDOW,
        "sum": lambda: _sum_numba(x, WINDOW),
        "std": lambda: _std_numba(x, WINDOW),
        "min": lambda: _min_numba(x, WINDOW, 1.0),
        "max": lambda: _min_numba(x, WINDOW, -1.0),
    }
    for statistic, loop in compiled.items():
        rolled = getattr(series, f"rolling_{statistic}")
        peers = {
            "Polars": lambda rolled=rolled: rolled(WINDOW).slice(WINDOW - 1).to_numpy(),
            "Numba": loop,
        }
        if statistic in filters:
            peers["SciPy"] = lambda f=filters[statistic]: f(x, WINDOW)[inner]
        if statistic in ("mean", "sum"):
            peers["NumPy"] = lambda statistic=statistic: _sum_numpy(x, statistic)
        arguments = {"x": x, "window": WINDOW, "statistic": statistic}
        yield Case("rolling", f"{statistic}, 10⁶ numbers, window 100", arguments, peers)


def _ema_scipy(x: Any) -> Any:
    averages, _ = scipy.signal.lfilter([ALPHA], [1, ALPHA - 1], x, zi=[(1 - ALPHA) * x[0]])
    return averages


@numba.njit
def _ema_numba(x: Any) -> Any:
    averages = np.empty_like(x)
    last = x[0]
    for i in range(len(x)):
        last = ALPHA * x[i] + (1 - ALPHA) * last
        averages[i] = last
    return averages


def _sum_numpy(x: Any, statistic: str) -> Any:
    sums = np.cumsum(x)
    sums[WINDOW:] -= sums[:-WINDOW].copy()
    sums = sums[WINDOW - 1 :]
    return sums / WINDOW if statistic == "mean" else sums


@numba.njit
def _sum_numba(x: Any, window: int) -> Any:
    sums = np.empty(len(x) - window + 1)
    total = x[:window].sum()
    sums[0] = total
    for i in range(window, len(x)):
        total += x[i] - x[i - window]
        sums[i - window + 1] = total
    return sums


@numba.njit
def _std_numba(x: Any, window: int) -> Any:
    deviations = np.empty(len(x) - window + 1)
    mean = x[:window].mean()
    squares = ((x[:window] - mean) ** 2).sum()
    deviations[0] = np.sqrt(squares / (window - 1))
    for i in range(window, len(x)):
        old, new, before = x[i - window], x[i], mean
        mean += (new - old) / window
        squares += (new - old) * (new - mean + old - before)
        deviations[i - window + 1] = np.sqrt(squares / (window - 1))
    return deviations


@numba.njit
def _min_numba(x: Any, window: int, sign: float) -> Any:
    # The candidates of a window are in a ring, the least first.
    extremes = np.empty(len(x) - window + 1)
    ring = np.empty(window, np.int64)
    first, count = 0, 0
    for i in range(len(x)):
        if count and ring[first] <= i - window:
            first, count = (first + 1) % window, count - 1
        while count and sign * x[ring[(first + count - 1) % window]] >= sign * x[i]:
            count -= 1
        ring[(first + count) % window] = i
        count += 1
        if i >= window - 1:
            extremes[i - window + 1] = x[ring[first]]
    return extremes
