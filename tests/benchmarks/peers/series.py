"""Series: `ema` and `rolling`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numba
import numpy as np
import polars
import scipy.ndimage
import scipy.signal

from benchmarks.case import Case, Run

SIZE = 1_000_000
WINDOW = 100
ALPHA = 0.2
FILTERS = {
    "mean": scipy.ndimage.uniform_filter1d,
    "min": scipy.ndimage.minimum_filter1d,
    "max": scipy.ndimage.maximum_filter1d,
}


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
    for statistic, loop in LOOPS.items():
        peers: dict[str, Run] = {
            "Polars": partial(_roll_polars, series, statistic),
            "Numba": partial(loop, x),
        }
        if statistic in FILTERS:
            peers["SciPy"] = partial(_roll_scipy, x, statistic)
        if statistic in ("mean", "sum"):
            peers["NumPy"] = partial(_sum_numpy, x, statistic)
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


def _roll_polars(series: Any, statistic: str) -> Any:
    return getattr(series, f"rolling_{statistic}")(WINDOW).slice(WINDOW - 1).to_numpy()


def _roll_scipy(x: Any, statistic: str) -> Any:
    return FILTERS[statistic](x, WINDOW)[WINDOW // 2 : len(x) - WINDOW // 2 + 1]


def _sum_numpy(x: Any, statistic: str) -> Any:
    sums = np.cumsum(x)
    sums[WINDOW:] -= sums[:-WINDOW].copy()
    sums = sums[WINDOW - 1 :]
    return sums / WINDOW if statistic == "mean" else sums


@numba.njit
def _sum_numba(x: Any) -> Any:
    sums = np.empty(len(x) - WINDOW + 1)
    total = x[:WINDOW].sum()
    sums[0] = total
    for i in range(WINDOW, len(x)):
        total += x[i] - x[i - WINDOW]
        sums[i - WINDOW + 1] = total
    return sums


@numba.njit
def _std_numba(x: Any) -> Any:
    deviations = np.empty(len(x) - WINDOW + 1)
    mean = x[:WINDOW].mean()
    squares = ((x[:WINDOW] - mean) ** 2).sum()
    deviations[0] = np.sqrt(squares / (WINDOW - 1))
    for i in range(WINDOW, len(x)):
        old, new, before = x[i - WINDOW], x[i], mean
        mean += (new - old) / WINDOW
        squares += (new - old) * (new - mean + old - before)
        deviations[i - WINDOW + 1] = np.sqrt(squares / (WINDOW - 1))
    return deviations


@numba.njit
def _min_numba(x: Any, sign: float) -> Any:
    # The candidates of a window are in a ring, the least first.
    extremes = np.empty(len(x) - WINDOW + 1)
    ring = np.empty(WINDOW, np.int64)
    first, count = 0, 0
    for i in range(len(x)):
        if count and ring[first] <= i - WINDOW:
            first, count = (first + 1) % WINDOW, count - 1
        while count and sign * x[ring[(first + count - 1) % WINDOW]] >= sign * x[i]:
            count -= 1
        ring[(first + count) % WINDOW] = i
        count += 1
        if i >= WINDOW - 1:
            extremes[i - WINDOW + 1] = x[ring[first]]
    return extremes


LOOPS: dict[str, Callable[[Any], Any]] = {
    "mean": lambda x: _sum_numba(x) / WINDOW,
    "sum": _sum_numba,
    "std": _std_numba,
    "min": lambda x: _min_numba(x, 1.0),
    "max": lambda x: _min_numba(x, -1.0),
}
